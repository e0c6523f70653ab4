/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What both glues agree on: refusals, restart of calls, pipe ends, build-ids, socket options. */
#include <linux/magic.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "record/append.h"
#include "record/build_id.h"
#include "record/filesystem.h"
#include "record/pipe.h"
#include "record/refuse.h"
#include "record/restart.h"
#include "record/sockopts.h"

/* ---- Refusals ---- */

static void files_have_names(void **state)
{
	(void)state;
	assert_string_equal(wppr_refuse_file("anon_inode:[perf_event]", 0, 0), "perf-event");
	assert_string_equal(wppr_refuse_file("anon_inode:[landlock-ruleset]", 0, 0), "landlock");
	assert_string_equal(wppr_refuse_file("anon_inode:[new]", 0, 0), "anon-inode");
	assert_string_equal(wppr_refuse_file("net:[4026531992]", 0, 0), "namespace-fd");
	assert_string_equal(wppr_refuse_file("/q", WPPR_MQUEUE_MAGIC, 0100600), "mqueue");
	assert_string_equal(wppr_refuse_file("/gone (deleted)", 0, 0040755), "deleted-directory");
	assert_string_equal(wppr_refuse_file("/dev/sda", 0, 0060660), "device");
	assert_string_equal(wppr_refuse_file("/dev/tty7", 0, 0020620), "device");
	assert_string_equal(wppr_refuse_file("/dev/ptmx", 0, 0020666), "pty-master");
	assert_string_equal(wppr_refuse_file("/x", 0, 0100644), "file");
	assert_string_equal(wppr_refuse_file("", 0, 0), "file");
}

static void mappings_have_names(void **state)
{
	(void)state;
	assert_null(wppr_refuse_mapping("", 0));
	assert_null(wppr_refuse_mapping("/lib/libc.so", 0));
	assert_null(wppr_refuse_mapping("[vdso]", WPPR_DEVICE));
	assert_null(wppr_refuse_mapping("[vvar]", WPPR_DEVICE));
	assert_string_equal(wppr_refuse_mapping("anon_inode:[perf_event]", 0)->name, "perf-event");
	assert_string_equal(wppr_refuse_mapping("/[aio] (deleted)", 0)->name, "aio");
	assert_string_equal(wppr_refuse_mapping("/dev/mem", WPPR_DEVICE)->name, "device-memory");
	assert_string_equal(wppr_refuse_mapping("", WPPR_USERFAULT)->name, "userfaultfd");
	assert_string_equal(wppr_refuse_mapping("", WPPR_HUGETLB)->name, "hugetlb");
	assert_string_equal(wppr_refuse_mapping("", WPPR_SHADOW_STACK)->name, "shadow-stack");
}

/* ---- Filesystems and devices ---- */

static void filesystems_by_their_numbers(void **state)
{
	static const uint32_t pseudo[] = { PROC_SUPER_MAGIC,	SYSFS_MAGIC,   CGROUP_SUPER_MAGIC,
					   CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
					   SECURITYFS_MAGIC };
	static const uint32_t special[] = { NSFS_MAGIC, BPF_FS_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC,
					    WPPR_MQUEUE_MAGIC };
	static const uint32_t plain[] = { TMPFS_MAGIC, EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(pseudo) / sizeof(pseudo[0]); i++)
		assert_true(wppr_fs_is_pseudo(pseudo[i]));
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		assert_true(wppr_fs_is_special(special[i]));
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_false(wppr_fs_is_pseudo(plain[i]) || wppr_fs_is_special(plain[i]));
}

static void memory_devices_by_their_numbers(void **state)
{
	(void)state;
	assert_string_equal(wppr_memory_device(1, 3), "/dev/null");
	assert_string_equal(wppr_memory_device(1, 9), "/dev/urandom");
	assert_null(wppr_memory_device(1, 1)); /* /dev/mem */
	assert_null(wppr_memory_device(1, 11));
	assert_null(wppr_memory_device(5, 3));
}

/* ---- Restart ---- */

enum { READ = 0, POLL = 7, NANOSLEEP = 35, GETPID = 39, CLOCK_NANOSLEEP = 230 };

static struct wppr_call stopped(int64_t nr, int error)
{
	return (struct wppr_call){
		.ip = 0x1002,
		.nr = nr,
		.result = (uint64_t)(int64_t)-error,
		.arg = { 10, 11, 12, 13, 14, 15 },
	};
}

static void a_call_is_made_again(void **state)
{
	static const int errors[] = { 512, 513, 514 };
	struct wpp_rec_thread rec = { 0 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct wppr_call c = stopped(READ, errors[i]);

		wppr_call_again(&c, 0, &rec);
		assert_int_equal(c.ip, 0x1000);
		assert_int_equal(c.result, READ);
		assert_int_equal(c.nr, -1);
		assert_int_equal(c.arg[0], 10);
		assert_int_equal(rec.syscall, READ);
		assert_int_equal(rec.restart, errors[i]);
	}
}

static void a_result_stays(void **state)
{
	struct wppr_call c = stopped(GETPID, 0);
	struct wpp_rec_thread rec = { 0 };

	(void)state;
	c.result = 4711;
	wppr_call_again(&c, 0, &rec);
	assert_int_equal(c.ip, 0x1002);
	assert_int_equal(c.result, 4711);
	assert_int_equal(rec.syscall, GETPID);
	assert_int_equal(rec.restart, 0);
	c = stopped(-1, 512);
	wppr_call_again(&c, 0, &rec);
	assert_int_equal(c.ip, 0x1002);
	assert_true(rec.syscall == (uint64_t)-1);
	assert_int_equal(rec.restart, 0);
}

static void a_sleep_goes_on_with_the_rest(void **state)
{
	struct wpp_rec_thread rec = { 0 };
	struct wppr_call c = stopped(NANOSLEEP, 516);

	(void)state;
	wppr_call_again(&c, 0, &rec);
	assert_int_equal(c.arg[0], 11);
	assert_int_equal(rec.restart, 514);
	c = stopped(NANOSLEEP, 516);
	c.arg[1] = 0;
	wppr_call_again(&c, 0, &rec);
	assert_int_equal(c.arg[0], 10);
	c = stopped(CLOCK_NANOSLEEP, 516);
	c.arg[1] = 0;
	wppr_call_again(&c, 0, &rec);
	assert_int_equal(c.arg[2], 13);
	c = stopped(CLOCK_NANOSLEEP, 516);
	c.arg[1] = 1; /* absolute */
	wppr_call_again(&c, 0, &rec);
	assert_int_equal(c.arg[2], 12);
}

static void restart_syscall_is_the_call_that_it_was(void **state)
{
	struct wpp_rec_thread rec = { 0 };
	struct wppr_call c = stopped(WPPR_RESTART_SYSCALL, 516);

	(void)state;
	wppr_call_again(&c, POLL, &rec);
	assert_int_equal(c.result, POLL);
	assert_int_equal(c.ip, 0x1000);
	assert_int_equal(rec.syscall, POLL);
	/* It stands just before the instruction. */
	c = stopped(-1, 0);
	c.result = WPPR_RESTART_SYSCALL;
	wppr_call_again(&c, NANOSLEEP, &rec);
	assert_int_equal(c.result, NANOSLEEP);
	assert_int_equal(c.ip, 0x1002);
	assert_int_equal(c.arg[0], 11);
	assert_int_equal(rec.restart, 514);
}

static void some_calls_are_cut_by_any_stop(void **state)
{
	struct wppr_call c = stopped(READ, 4);

	(void)state;
	assert_true(wppr_call_was_cut(&c));
	c = stopped(441, 4);
	assert_true(wppr_call_was_cut(&c));
	c = stopped(GETPID, 4);
	assert_false(wppr_call_was_cut(&c));
	c = stopped(READ, 11);
	assert_false(wppr_call_was_cut(&c));
	c = stopped(-1, 4);
	assert_false(wppr_call_was_cut(&c));
}

static void a_sequence_is_aborted_inside_only(void **state)
{
	const struct wppr_rseq_cs cs = { .start = 100, .len = 10, .abort = 7 };
	static const struct {
		uint64_t ip, then;
	} cases[] = { { 99, 99 }, { 100, 7 }, { 109, 7 }, { 110, 110 }, { 0, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ip = cases[i].ip;

		assert_int_equal(wppr_rseq_abort(&cs, &ip), cases[i].ip != cases[i].then);
		assert_int_equal(ip, cases[i].then);
	}
}

/* ---- Pipes ---- */

static void ends_of_a_pipe(void **state)
{
	(void)state;
	assert_true(wppr_pipe_is_end(0 | 04000, WPPR_READ));
	assert_false(wppr_pipe_is_end(0, WPPR_WRITE));
	assert_true(wppr_pipe_is_end(2, WPPR_WRITE) && wppr_pipe_is_end(2, WPPR_READ));
	assert_int_equal(wppr_pipe_other(0), WPPR_WRITE);
	assert_int_equal(wppr_pipe_other(1), WPPR_READ);
}

/* ---- Build-ids ---- */

struct elf {
	uint8_t header[64];
	uint8_t phdr[56];
	uint8_t notes[56];
};

static void put(uint8_t *p, uint64_t v, unsigned int bytes)
{
	while (bytes--) {
		*p++ = (uint8_t)v;
		v >>= 8;
	}
}

/* A note of another kind, then the build-id "0123456789" */
static void make_elf(struct elf *e)
{
	memset(e, 0, sizeof(*e));
	memcpy(e->header, "\x7f\x45LF\2\1", 6);
	put(e->header + 32, offsetof(struct elf, phdr), 8);
	put(e->header + 54, sizeof(e->phdr), 2);
	put(e->header + 56, 1, 2);
	put(e->phdr, 4, 4);
	put(e->phdr + 8, offsetof(struct elf, notes), 8);
	put(e->phdr + 32, sizeof(e->notes), 8);
	put(e->notes, 6, 4);
	put(e->notes + 4, 4, 4);
	memcpy(e->notes + 12, "Linux", 6);
	put(e->notes + 24, 4, 4);
	put(e->notes + 28, 10, 4);
	put(e->notes + 32, 3, 4);
	memcpy(e->notes + 36, "GNU", 4);
	memcpy(e->notes + 40, "0123456789", 10);
}

static void a_build_id_is_found(void **state)
{
	const uint8_t *id = NULL;
	struct elf e;

	(void)state;
	make_elf(&e);
	assert_int_equal(wppr_build_id(&e, sizeof(e), &id), 10);
	assert_memory_equal(id, "0123456789", 10);
	put(e.notes + 32, 4, 4);
	assert_int_equal(wppr_build_id(&e, sizeof(e), &id), 0);
}

/* Each length, each byte changed: nothing is read behind the end (the sanitizers see). */
static void a_hostile_elf_is_harmless(void **state)
{
	const uint8_t *id;
	struct elf e;

	(void)state;
	for (size_t len = 0; len <= sizeof(e); len++) {
		uint8_t *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		make_elf(&e);
		memcpy(copy, &e, len);
		wppr_build_id(copy, len, &id);
		free(copy);
	}
	for (size_t i = 0; i < sizeof(e); i++) {
		uint32_t n;

		make_elf(&e);
		((uint8_t *)&e)[i] = 0xff;
		n = wppr_build_id(&e, sizeof(e), &id);
		if (n)
			assert_true(id >= (uint8_t *)&e && id + n <= (uint8_t *)(&e + 1));
	}
}

/* ---- Records at the end of a buffer ---- */

struct room {
	uint8_t bytes[256];
	size_t len;
};

static void *take(void *buffer, size_t len)
{
	struct room *r = buffer;

	if (len > sizeof(r->bytes) - r->len)
		return NULL;
	r->len += len;
	return r->bytes + r->len - len;
}

static void records_are_appended_while_there_is_room(void **state)
{
	const struct wpp_rec rec = {
		.type = WPP_REC_EXE, .task = 3, .nr_fields = 4, .tail = (const uint8_t *)"/bin"
	};
	const struct wpp_rec_exe exe = { .ino = 9 };
	struct room r = { .len = 0 };
	struct wpp_rec back;
	size_t pos = 0, nr = 0;

	(void)state;
	while (!wppr_append(take, &r, rec, &exe, 4))
		nr++;
	assert_int_equal(nr, 4); /* of 64 bytes each */
	assert_int_equal(wppr_append(take, &r, rec, &exe, 4), WPP_ENOMEM);
	assert_int_equal(wppr_append(take, &r, rec, &exe, WPP_REC_TAIL_MAX + 1), WPP_EINVAL);
	while (!wpp_rec_next(r.bytes, r.len, &pos, &back)) {
		assert_memory_equal(back.tail, "/bin", 4);
		nr--;
	}
	assert_int_equal(nr, 0);
}

/* ---- Socket options ---- */

static void each_option_is_there_once(void **state)
{
	static const int options[][2] = {
#define ROW(level, name) { level, name },
		WPPR_SOCKOPTS(ROW)
#undef ROW
	};
	size_t nr = sizeof(options) / sizeof(options[0]);

	(void)state;
	assert_int_equal(nr, 64);
	for (size_t i = 0; i < nr; i++)
		for (size_t j = 0; j < i; j++)
			assert_false(options[i][0] == options[j][0] &&
				     options[i][1] == options[j][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_have_names),
		cmocka_unit_test(mappings_have_names),
		cmocka_unit_test(filesystems_by_their_numbers),
		cmocka_unit_test(memory_devices_by_their_numbers),
		cmocka_unit_test(a_call_is_made_again),
		cmocka_unit_test(a_result_stays),
		cmocka_unit_test(a_sleep_goes_on_with_the_rest),
		cmocka_unit_test(restart_syscall_is_the_call_that_it_was),
		cmocka_unit_test(some_calls_are_cut_by_any_stop),
		cmocka_unit_test(a_sequence_is_aborted_inside_only),
		cmocka_unit_test(ends_of_a_pipe),
		cmocka_unit_test(a_build_id_is_found),
		cmocka_unit_test(a_hostile_elf_is_harmless),
		cmocka_unit_test(records_are_appended_while_there_is_room),
		cmocka_unit_test(each_option_is_there_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
