/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Members of a tree: ids given out, cursors bound to a task, and what tree.c refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "record/ids.h"
#include "record/stream.h"
#include "record/tree.h"

#define NR_MEMBERS 3

static const uint32_t pids[NR_MEMBERS] = { 100, 200, 300 };

static void put_process(struct stream *s, uint32_t pid, uint32_t ppid, uint32_t space,
			uint32_t nr_threads, const char *comm)
{
	struct wpp_rec_process p = {
		.pid = pid,
		.ppid = ppid,
		.space = space,
		.nr_threads = nr_threads,
	};

	PUT(s, PROCESS, pid, 0, &p, comm);
}

static void put_thread(struct stream *s, uint32_t tid, uint32_t tgid, const char *comm)
{
	struct wpp_rec_thread t = { .tgid = tgid, .sigmask = tid };

	PUT(s, THREAD, tid, 0, &t, comm);
}

static void put_fd(struct stream *s, uint32_t pid, uint64_t num, uint64_t ofd)
{
	struct wpp_rec_fd fd = { .ofd = ofd };

	PUT(s, FD, pid, num, &fd, NULL);
}

static void put_memobj(struct stream *s, uint64_t id, uint32_t space)
{
	struct wpp_rec_memobj o = { .kind = WPP_MEMOBJ_MEMFD, .space = space };

	PUT(s, MEMOBJ, 0, id, &o, "object");
}

/* 100 has children 200 and 300; 200 has two threads; a file and a memory object are shared. */
static void put_tree(struct stream *s)
{
	struct wppr_ids ids = { 0 };
	struct wpp_rec_machine machine = { .arch = WPP_ARCH_X86_64 };
	struct wpp_rec_ofd ofd = { .kind = WPP_OFD_REG };
	uint32_t file = wppr_ids_file(&ids);

	s->len = 0;
	PUT(s, MACHINE, 0, 0, &machine, "6.1");
	put_process(s, 200, 100, wppr_ids_space(&ids), 2, "left");
	put_process(s, 100, 1, wppr_ids_space(&ids), 1, "top");
	put_process(s, 300, 100, wppr_ids_space(&ids), 1, "right");
	put_thread(s, 300, 300, "right");
	put_thread(s, 200, 200, "left");
	put_thread(s, 201, 200, "left-2");
	put_thread(s, 100, 100, "top");
	PUT(s, OFD, 0, file, &ofd, "/etc/shared");
	for (int i = 0; i < NR_MEMBERS; i++)
		put_fd(s, pids[i], 10u + (uint32_t)i, file);
	put_memobj(s, wppr_ids_object(&ids), wppr_ids_space(&ids));
}

static struct stream stream;
static struct wppr_member members[NR_MEMBERS + 1];
static struct wppr_tree tree;

static int read_tree(void)
{
	tree = (struct wppr_tree){ .members = members, .cap = NR_MEMBERS };
	return wppr_tree_read(&tree, stream.bytes, stream.len);
}

static void finds_each_member(void **state)
{
	(void)state;
	put_tree(&stream);
	assert_int_equal(read_tree(), 0);
	assert_null(tree.wrong);
	assert_int_equal(tree.nr, 3);
	assert_int_equal(tree.root, wppr_tree_find(&tree, 100));
	assert_int_equal(wppr_tree_find(&tree, 400), tree.nr);
	for (uint32_t i = 0; i < tree.nr; i++) {
		const struct wppr_member *m = &members[i];

		assert_int_equal(m->parent, m->pid == 100 ? WPPR_NO_PARENT : tree.root);
		assert_int_equal(m->nr_threads, m->pid == 200 ? 2 : 1);
		assert_int_equal(m->space, m->process.space);
		assert_int_equal(m->process.pid, m->pid);
	}
}

/* Each member's descriptors, threads and process record, and nobody else's. */
static void a_cursor_keeps_to_its_task(void **state)
{
	(void)state;
	put_tree(&stream);
	for (uint32_t i = 0; i < NR_MEMBERS; i++) {
		struct wppr_cursor c;
		struct wpp_rec rec;

		wppr_cursor_init(&c, stream.bytes, stream.len, pids[i]);
		assert_int_equal(wppr_cursor_next(&c, WPP_REC_FD, &rec), 0);
		assert_int_equal(rec.id, 10 + i);
		assert_int_equal(wppr_cursor_next(&c, WPP_REC_FD, &rec), WPP_ENOENT);
		assert_int_equal(
			wppr_find(stream.bytes, stream.len, WPP_REC_PROCESS, pids[i], &rec), 0);
		assert_int_equal(rec.task, pids[i]);
		assert_int_equal(wppr_find(stream.bytes, stream.len, WPP_REC_OFD, pids[i], &rec),
				 WPP_ENOENT);
	}
}

static void shared_records_are_asked_for(void **state)
{
	struct wppr_cursor c;
	struct wpp_rec rec;

	(void)state;
	put_tree(&stream);
	wppr_cursor_shared(&c, stream.bytes, stream.len);
	assert_int_equal(wppr_cursor_next(&c, 0, &rec), 0);
	assert_int_equal(rec.type, WPP_REC_MACHINE);
	assert_int_equal(wppr_cursor_next(&c, 0, &rec), 0);
	assert_int_equal(rec.type, WPP_REC_OFD);
	assert_int_equal(wppr_cursor_next(&c, 0, &rec), 0);
	assert_int_equal(rec.type, WPP_REC_MEMOBJ);
	assert_int_equal(wppr_cursor_next(&c, 0, &rec), WPP_ENOENT);
	wppr_cursor_shared(&c, stream.bytes, stream.len);
	assert_int_equal(wppr_cursor_next_id(&c, WPP_REC_OFD, 2, &rec), WPP_ENOENT);
	/* No task is nobody's: a cursor for task 0 finds nothing. */
	wppr_cursor_init(&c, stream.bytes, stream.len, 0);
	assert_int_equal(wppr_cursor_next(&c, 0, &rec), WPP_ENOENT);
}

static void threads_by_process(void **state)
{
	struct wppr_cursor c;
	struct wpp_rec rec;

	(void)state;
	put_tree(&stream);
	wppr_cursor_threads(&c, stream.bytes, stream.len, 200);
	assert_int_equal(wppr_cursor_next(&c, 0, &rec), 0);
	assert_int_equal(rec.task, 200);
	assert_int_equal(wppr_cursor_next(&c, 0, &rec), 0);
	assert_int_equal(rec.task, 201);
	assert_int_equal(wppr_cursor_next(&c, 0, &rec), WPP_ENOENT);
}

/* The first images don't say whose a thread is. */
static void one_process_owns_threads_without_a_name(void **state)
{
	struct wppr_cursor c;
	struct wpp_rec rec;

	(void)state;
	stream.len = 0;
	put_process(&stream, 100, 1, 2, 2, "alone");
	put_thread(&stream, 100, 0, "alone");
	put_thread(&stream, 101, 0, "alone");
	assert_int_equal(read_tree(), 0);
	assert_int_equal(members[0].nr_threads, 2);
	wppr_cursor_threads(&c, stream.bytes, stream.len, 100);
	for (uint32_t tid = 100; tid < 102; tid++) {
		assert_int_equal(wppr_cursor_next(&c, WPP_REC_THREAD, &rec), 0);
		assert_int_equal(rec.task, tid);
	}
}

static void refused(const char *wrong, uint32_t task)
{
	assert_int_equal(read_tree(), WPP_ECORRUPT);
	assert_non_null(tree.wrong);
	assert_string_equal(tree.wrong, wrong);
	assert_int_equal(tree.task, task);
}

static void refuses_processes_that_collide(void **state)
{
	(void)state;
	stream.len = 0;
	refused("no process", 0);
	put_process(&stream, 100, 1, 2, 1, "one");
	put_process(&stream, 100, 1, 3, 1, "again");
	refused("two processes with one pid", 100);
	stream.len = 0;
	put_process(&stream, 100, 1, 2, 1, "one");
	put_process(&stream, 200, 100, 2, 1, "two");
	refused("two processes with one page space", 200);
	stream.len = 0;
	put_process(&stream, 100, 1, 1, 1, "a stream's space");
	refused("a process without a proper page space", 100);
	stream.len = 0;
	put_process(&stream, 100, 1, WPP_SPACE_MAX + 1, 1, "above");
	refused("a process without a proper page space", 100);
	put_tree(&stream);
	put_memobj(&stream, 7, 3);
	refused("a memory object with the page space of a process", 100);
}

static void refuses_pids_out_of_range(void **state)
{
	struct wpp_rec_process other = { .pid = 7, .space = 2 };

	(void)state;
	stream.len = 0;
	put_process(&stream, 0, 1, 2, 1, "nobody");
	refused("a process without a proper pid", 0);
	stream.len = 0;
	put_process(&stream, 0x80000000u, 1, 2, 1, "negative");
	refused("a process without a proper pid", 0x80000000u);
	stream.len = 0;
	PUT(&stream, PROCESS, 8, 0, &other, "not its record");
	refused("a process without a proper pid", 8);
}

static void refuses_parents_in_a_circle(void **state)
{
	(void)state;
	stream.len = 0;
	put_process(&stream, 100, 1, 2, 1, "root");
	put_process(&stream, 200, 300, 3, 1, "hen");
	put_process(&stream, 300, 200, 4, 1, "egg");
	refused("a process that descends from itself", 200);
	stream.len = 0;
	put_process(&stream, 100, 100, 2, 1, "self");
	refused("a process that descends from itself", 100);
	stream.len = 0;
	put_process(&stream, 100, 1, 2, 1, "root");
	put_process(&stream, 200, 1, 3, 1, "root too");
	refused("more than one root", 200);
}

static void refuses_threads_of_nobody(void **state)
{
	(void)state;
	put_tree(&stream);
	put_thread(&stream, 401, 400, "foreign");
	refused("a thread of no process", 401);
	put_tree(&stream);
	put_thread(&stream, 401, 0, "nobody says whose");
	refused("a thread of no process", 401);
	put_tree(&stream);
	put_thread(&stream, 202, 200, "one more");
	refused("a process with another number of threads", 200);
	stream.len = 0;
	put_process(&stream, 100, 1, 2, 1, "headless");
	put_thread(&stream, 101, 100, "headless");
	refused("a process without a first thread", 100);
}

static void says_how_many_there_are(void **state)
{
	(void)state;
	put_tree(&stream);
	put_process(&stream, 400, 100, 9, 1, "fourth");
	assert_int_equal(read_tree(), WPP_ENOSPC);
	assert_int_equal(tree.nr, 4);
}

static void tells_a_broken_stream(void **state)
{
	(void)state;
	put_tree(&stream);
	stream.len -= 8;
	assert_int_equal(read_tree(), WPP_ECORRUPT);
	assert_null(tree.wrong);
}

static void ids_end(void **state)
{
	struct wppr_ids ids = { .space = WPP_SPACE_MAX - 1, .object = UINT32_MAX - 1 };

	(void)state;
	assert_int_equal(wppr_ids_space(&ids), WPP_SPACE_MAX);
	assert_int_equal(wppr_ids_space(&ids), 0);
	assert_int_equal(wppr_ids_space(&ids), 0);
	assert_int_equal(wppr_ids_object(&ids), UINT32_MAX);
	assert_int_equal(wppr_ids_object(&ids), 0);
	assert_int_equal(wppr_ids_pipe(&ids), 1);
	assert_int_equal(wppr_ids_pipe(&ids), 2);
	assert_int_equal(wppr_ids_file(&ids), 1);
	ids = (struct wppr_ids){ 0 };
	assert_int_equal(wppr_ids_space(&ids), WPP_SPACE_FIRST);
	assert_int_equal(wppr_ids_space(&ids), WPP_SPACE_FIRST + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_each_member),
		cmocka_unit_test(a_cursor_keeps_to_its_task),
		cmocka_unit_test(shared_records_are_asked_for),
		cmocka_unit_test(threads_by_process),
		cmocka_unit_test(one_process_owns_threads_without_a_name),
		cmocka_unit_test(refuses_processes_that_collide),
		cmocka_unit_test(refuses_pids_out_of_range),
		cmocka_unit_test(refuses_parents_in_a_circle),
		cmocka_unit_test(refuses_threads_of_nobody),
		cmocka_unit_test(says_how_many_there_are),
		cmocka_unit_test(tells_a_broken_stream),
		cmocka_unit_test(ids_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
