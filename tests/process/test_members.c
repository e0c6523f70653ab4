/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A tree of three members from records made by hand: each finds its own, and nobody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/tree.h"

#define NR 3

static const pid_t pids[NR] = { 100, 200, 300 };
static struct tree tree;
static struct member members[NR];

/* Member i has i + 1 threads, descriptors 10 i .. 10 i + 2, one region; a pipe is shared. */
static void put_member(struct buf *pcb, struct buf *regions, unsigned int i)
{
	const struct wpp_rec_process process = { .pid = (uint64_t)pids[i],
						 .space = members[i].space };
	const struct wpp_rec_region region = { .start = 0x10000u * (i + 1), .len = 4096 };

	WPPI_REC(pcb, PROCESS, pids[i], 0, &process, "m", 1);
	for (unsigned int n = 0; n <= i; n++) {
		const struct wpp_rec_thread thread = { .tgid = (uint64_t)pids[i] };

		WPPI_REC(pcb, THREAD, pids[i] + (pid_t)n, 0, &thread, "t", 1);
	}
	for (unsigned int n = 3; n-- > 0;) { /* not in order */
		const struct wpp_rec_fd fd = { .ofd = 1 };

		WPPI_REC(pcb, FD, pids[i], 10 * i + n, &fd, NULL, 0);
	}
	WPPI_REC(regions, REGION, pids[i], region.start, &region, NULL, 0);
}

static int setup(void **state)
{
	const struct wpp_rec_pipe pipe = { .capacity = 4096 };
	struct buf pcb = { 0 }, regions = { 0 };

	(void)state;
	tree = (struct tree){ .members = members, .nr_members = NR };
	for (unsigned int i = 0; i < NR; i++) {
		members[i] = (struct member){ .tree = &tree, .pid = pids[i] };
		members[i].space = wppr_ids_space(&tree.ids);
		put_member(&pcb, &regions, i);
	}
	WPPI_REC(&pcb, PIPE, 0, 7, &pipe, "seven", 5);
	WPPI_REC(&pcb, PIPE, 0, 8, &pipe, "eight", 5);
	assert_int_equal(wppi_records_load(&tree.in_regions, regions.data, regions.len), 0);
	return wppi_records_load(&tree.in_pcb, pcb.data, pcb.len);
}

static int teardown(void **state)
{
	(void)state;
	wppi_records_free(&tree.in_pcb);
	wppi_records_free(&tree.in_regions);
	return 0;
}

static void spaces_are_apart(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR; i++) {
		assert_in_range(members[i].space, WPP_SPACE_FIRST, WPP_SPACE_MAX);
		for (unsigned int j = 0; j < i; j++)
			assert_int_not_equal(members[i].space, members[j].space);
	}
}

static void each_finds_its_own(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR; i++) {
		struct rec_cursor c = wppi_own(&members[i], WPP_REC_FD);
		struct wpp_rec rec;

		for (unsigned int n = 0; n < 3; n++) {
			assert_true(wppi_rec_next(&c, &rec));
			assert_int_equal(rec.id, 10 * i + n);
			assert_int_equal(rec.task, pids[i]);
		}
		assert_false(wppi_rec_next(&c, &rec));
		c = wppi_own(&members[i], WPP_REC_REGION);
		assert_true(wppi_rec_next(&c, &rec));
		assert_int_equal(rec.id, 0x10000 * (i + 1));
		assert_false(wppi_rec_next(&c, &rec));
	}
}

static void a_thread_is_found_by_its_own_process_only(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR; i++) {
		for (unsigned int j = 0; j < NR; j++) {
			struct wpp_rec rec;

			for (unsigned int n = 0; n <= j; n++)
				assert_int_equal(wppi_find(&members[i], WPP_REC_THREAD,
							   (uint32_t)pids[j] + n, &rec),
						 i == j);
			assert_false(wppi_find(&members[i], WPP_REC_THREAD,
					       (uint32_t)pids[j] + j + 1, &rec));
		}
	}
}

static void what_is_shared_has_an_id(void **state)
{
	struct rec_cursor c = wppi_shared(&tree, WPP_REC_PIPE);
	struct wpp_rec rec;

	(void)state;
	assert_true(wppi_rec_next(&c, &rec) && wppi_rec_next(&c, &rec));
	assert_false(wppi_rec_next(&c, &rec));
	assert_true(wppi_shared_find(&tree, WPP_REC_PIPE, 8, &rec));
	assert_memory_equal(rec.tail, "eight", 5);
	assert_false(wppi_shared_find(&tree, WPP_REC_PIPE, 9, &rec));
	c = wppi_own(&members[0], WPP_REC_PIPE);
	assert_false(wppi_rec_next(&c, &rec));
}

static void a_broken_stream_is_refused(void **state)
{
	struct records broken;
	uint8_t *copy = malloc(tree.in_pcb.len);

	(void)state;
	assert_non_null(copy);
	for (size_t i = 0; i < tree.in_pcb.len; i++)
		copy[i] = tree.in_pcb.stream[i];
	assert_int_equal(wppi_records_load(&broken, copy, tree.in_pcb.len - 1), WPP_ECORRUPT);
	wppi_records_free(&broken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spaces_are_apart),
		cmocka_unit_test(each_finds_its_own),
		cmocka_unit_test(a_thread_is_found_by_its_own_process_only),
		cmocka_unit_test(what_is_shared_has_an_id),
		cmocka_unit_test(a_broken_stream_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
