/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a process can't get back because its recreator or the machine lacks it: told or refused.
 *
 *   test_caller COUNTER CREDS SCHED      programs that check themselves
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <wpp/media.h>
#include <wpp/pcb.h>

#undef fail /* subject.h has its own */

#include "image.h"
#include "subject.h"

#define LOW_LIMIT 400

static char *counter, *creds, *sched, nobody[] = "nobody";
static struct image image;
static struct subject subject;

static void persist(char *program, char *arg)
{
	char *argv[] = { program, arg, NULL };

	image = (struct image){ 0 };
	image_create(&image);
	subject_start(&subject, argv);
	if (image_persist(&image, subject.pid, true))
		fail("persist: %s", image.notes);
	subject_gone(&subject);
}

/* In a child of the test, so that what the caller gives up is given up there only. */
static void recreate_by(void (*caller)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		caller();
		subject_kill(&subject);
		exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	subject_forget(&subject);
	image_remove(&image);
}

static void drop(int cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		fail("capget");
	data[cap / 32].effective &= ~(1u << cap % 32);
	data[cap / 32].permitted &= ~(1u << cap % 32);
	if (syscall(SYS_capset, &header, data))
		fail("capset");
}

static void expect_recreated(const char *note)
{
	int err = image_recreate(&image, &subject.pid);

	if (err)
		fail("recreate: %s\n%s", wpp_strerror(err), image.notes);
	if (!image_noted(&image, note))
		fail("recreated without a note '%s':\n%s", note, image.notes);
}

/* ---- Resource limits ---- */

static void caller_with_low_limit(void)
{
	struct rlimit rl = { LOW_LIMIT, LOW_LIMIT };

	drop(CAP_SYS_RESOURCE);
	if (setrlimit(RLIMIT_NOFILE, &rl))
		fail("setrlimit");
	expect_recreated("limits");
	if (prlimit(subject.pid, RLIMIT_NOFILE, NULL, &rl) || rl.rlim_max != LOW_LIMIT)
		fail("its limit is %lld", (long long)rl.rlim_max);
	subject_check(&subject);
}

static void test_limit_is_cut(void **state)
{
	(void)state;
	persist(counter, NULL);
	recreate_by(caller_with_low_limit);
}

/* ---- Credentials ---- */

static void caller_without_setuid(void)
{
	int err;

	drop(CAP_SETUID);
	err = image_recreate(&image, &subject.pid);
	if (err != WPP_EPERM || !image_noted(&image, "credentials") ||
	    !strstr(image.notes, "CAP_SETUID"))
		fail("recreate: %s\n%s", wpp_strerror(err), image.notes);
	if (waitpid(-1, NULL, __WALL | WNOHANG) != -1 || errno != ECHILD)
		fail("a process is left");
	exit(0);
}

static void test_user_is_refused(void **state)
{
	(void)state;
	persist(creds, nobody);
	recreate_by(caller_without_setuid);
}

static void caller_without_net_raw(void)
{
	drop(CAP_NET_RAW);
	expect_recreated("capabilities");
	if (!strstr(image.notes, "CAP_NET_RAW") || strstr(image.notes, "CAP_KILL"))
		fail("not what was lost: %s", image.notes);
}

static void test_capability_is_lost(void **state)
{
	(void)state;
	persist(creds, nobody);
	recreate_by(caller_without_net_raw);
}

static void caller_without_new_privs(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	expect_recreated("no-new-privs");
	subject_check(&subject);
}

static void test_new_privs_are_lost(void **state)
{
	(void)state;
	persist(counter, NULL);
	recreate_by(caller_without_new_privs);
}

/* ---- Another machine ---- */

/* The thread that was bound to one CPU is bound to one that no machine here has. */
static void bind_elsewhere(uint8_t *stream, size_t len)
{
	struct wpp_rec rec;
	size_t pos = 0;

	do {
		if (wpp_rec_next(stream, len, &pos, &rec))
			fail("no thread is bound to a CPU");
	} while (rec.type != WPP_REC_SCHED || !rec.tail_len);
	memset(stream + (rec.tail - stream), 0, rec.tail_len);
	stream[rec.tail - stream + rec.tail_len - 1] = 0x80;
}

static void rewrite_records(void (*change)(uint8_t *stream, size_t len))
{
	struct wpp_media *media = image_open(&image, 0);
	struct wpp_store *st = wpp_media_store(media);
	struct wpp_reader *reader;
	struct wpp_writer *writer;
	uint8_t *stream;
	size_t len;

	if (wpp_reader_open(st, "subject", 0, &reader, NULL))
		fail("no image");
	len = wpp_reader_stream_len(reader, WPP_STREAM_PCB);
	stream = malloc(len);
	if (!stream || wpp_reader_stream(reader, WPP_STREAM_PCB, 0, stream, len))
		fail("no records");
	wpp_reader_close(reader);
	change(stream, len);
	if (wpp_writer_begin(st, "subject", 0, &writer) ||
	    wpp_writer_stream(writer, WPP_STREAM_PCB, stream, len) ||
	    wpp_writer_commit(writer, 0, NULL))
		fail("can't write the records");
	wpp_media_close(media);
	free(stream);
}

static void caller_with_fewer_cpus(void)
{
	expect_recreated("affinity");
}

static void test_cpu_is_missing(void **state)
{
	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	persist(sched, NULL);
	rewrite_records(bind_elsewhere);
	recreate_by(caller_with_fewer_cpus);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_is_cut),
		cmocka_unit_test(test_user_is_refused),
		cmocka_unit_test(test_capability_is_lost),
		cmocka_unit_test(test_new_privs_are_lost),
		cmocka_unit_test(test_cpu_is_missing),
	};

	if (argc != 4)
		return 2;
	counter = argv[1];
	creds = argv[2];
	sched = argv[3];
	if (image_unable() || geteuid() != 0) {
		printf("skipped: %s\n", image_unable() ? image_unable() : "not root");
		return EXIT_SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
