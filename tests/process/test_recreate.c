/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The choices of wpp_process_recreate(), and images that were tampered with.
 *
 *   test_recreate COUNTER VDSO      the programs that check themselves
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
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
#include <grp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <wpp/media.h>
#include <wpp/pcb.h>
#include <wpp/process.h>

#undef fail /* subject.h has its own */

#include "image.h"
#include "subject.h"

#define NR_MUTATIONS 60

static char *counter, *vdso, *timers;
static struct image image;
static struct subject subject;

/* A program that was persisted and killed. Returns its pid. */
static pid_t persisted_by(char *const argv[])
{
	pid_t pid;

	image = (struct image){ 0 };
	image_create(&image);
	subject_start(&subject, argv);
	pid = subject.pid;
	if (image_persist(&image, pid, true))
		fail("persist: %s", image.notes);
	subject_gone(&subject);
	return pid;
}

static pid_t persisted(char *program)
{
	char *argv[] = { program, NULL };

	return persisted_by(argv);
}

static int recreate(void)
{
	int err = image_recreate(&image, &subject.pid);

	if (err)
		print_message("%s", image.notes);
	return err;
}

static void finish(void)
{
	subject_end(&subject);
	image_remove(&image);
}

static void no_child_left(void)
{
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* ---- Choices ---- */

static pid_t occupy(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	long got = syscall(SYS_clone3, &args, sizeof(args));

	if (got == 0) {
		for (;;)
			pause();
	}
	return (pid_t)got;
}

static void test_pid_taken(void **state)
{
	pid_t pid = persisted(counter), other = occupy(pid);

	(void)state;
	assert_int_equal(other, pid);
	assert_int_equal(recreate(), WPP_EEXIST);
	assert_true(image_noted(&image, "pid"));
	assert_non_null(strstr(image.notes, "taken by test_recreate"));

	image.recreate_flags = WPP_RECREATE_NEW_PID_NS;
	assert_int_equal(recreate(), 0);
	assert_int_not_equal(subject.pid, pid);
	subject_check(&subject);
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, NULL, 0), other);
	finish();
	no_child_left();
}

static void test_stopped(void **state)
{
	pid_t pid = persisted(counter);
	int status;

	(void)state;
	image.recreate_flags = WPP_RECREATE_STOPPED;
	assert_int_equal(recreate(), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	kill(pid, SIGCONT);
	subject_check(&subject);
	finish();
}

static void test_parent_death_is_told_once(void **state)
{
	char setpriv[] = "/usr/bin/setpriv", option[] = "--pdeathsig=USR1";
	char *argv[] = { setpriv, option, counter, NULL };
	const char *told;

	(void)state;
	if (access(setpriv, X_OK))
		skip();
	persisted_by(argv);
	assert_int_equal(recreate(), 0);
	told = strstr(image.notes, "when its parent dies");
	assert_true(image_noted(&image, "pdeath-signal"));
	assert_non_null(told);
	assert_null(strstr(told + 1, "when its parent dies"));
	subject_check(&subject);
	finish();
}

/* Nobody in particular, without a capability. */
static void become_nobody(void)
{
	assert_int_equal(setgroups(0, NULL), 0);
	assert_int_equal(setresgid(65534, 65534, 65534), 0);
	assert_int_equal(setresuid(65534, 65534, 65534), 0);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0); /* as after exec */
}

static bool has_user_namespaces(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		become_nobody();
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWPID) ? 1 : 0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static _Noreturn void rootless(void)
{
	become_nobody();
	persisted(counter);
	assert_int_equal(recreate(), WPP_EPERM);
	assert_true(image_noted(&image, "capability"));
	image.recreate_flags = WPP_RECREATE_NEW_PID_NS;
	assert_int_equal(recreate(), 0);
	subject_check(&subject);
	finish();
	_exit(0);
}

/* Who may not choose a pid gets it in a namespace of his own. */
static void test_rootless(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!has_user_namespaces()) {
		print_message("this kernel gives users no namespaces\n");
		skip();
	}
	pid = fork();
	if (pid == 0)
		rootless();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- Images that were tampered with ---- */

static uint8_t *read_stream(struct wpp_media *media, enum wpp_stream which, size_t *len)
{
	struct wpp_reader *reader;
	uint8_t *stream;

	assert_int_equal(wpp_reader_open(wpp_media_store(media), "subject", 0, &reader, NULL), 0);
	*len = wpp_reader_stream_len(reader, which);
	stream = malloc(*len);
	assert_non_null(stream);
	assert_int_equal(wpp_reader_stream(reader, which, 0, stream, *len), 0);
	wpp_reader_close(reader);
	return stream;
}

/* A new generation with all pages of the last one, and this stream. */
static void write_stream(struct wpp_media *media, enum wpp_stream which, const void *data,
			 size_t len)
{
	struct wpp_writer *writer;

	assert_int_equal(wpp_writer_begin(wpp_media_store(media), "subject", 0, &writer), 0);
	assert_int_equal(wpp_writer_stream(writer, which, data, len), 0);
	assert_int_equal(wpp_writer_commit(writer, 0, NULL), 0);
}

/* Changes the stream by @tamper. */
static void tamper_with(enum wpp_stream which, void (*tamper)(uint8_t *stream, size_t len))
{
	struct wpp_media *media = image_open(&image, 0);
	size_t len;
	uint8_t *stream = read_stream(media, which, &len);

	tamper(stream, len);
	write_stream(media, which, stream, len);
	wpp_media_close(media);
	free(stream);
}

static struct wpp_rec find(uint8_t *stream, size_t len, uint16_t type)
{
	struct wpp_rec rec;
	size_t pos = 0;

	do {
		assert_int_equal(wpp_rec_next(stream, len, &pos, &rec), 0);
	} while (rec.type != type);
	return rec;
}

static void other_build_id(uint8_t *stream, size_t len)
{
	struct wpp_rec rec = find(stream, len, WPP_REC_VDSO);

	assert_true(rec.tail_len > 0);
	stream[rec.tail - stream] ^= 0xff;
}

static void test_vdso_of_another_kernel(void **state)
{
	(void)state;
	persisted(vdso);
	tamper_with(WPP_STREAM_PCB, other_build_id);
	assert_int_equal(recreate(), 0);
	assert_true(image_noted(&image, "vdso"));
	subject_check(&subject);
	finish();
}

static void other_processor(uint8_t *stream, size_t len)
{
	struct wpp_rec rec = find(stream, len, WPP_REC_MACHINE);

	stream[rec.fields - stream + offsetof(struct wpp_rec_machine, xcr0) + 7] |= 0x20;
}

static void test_lesser_processor(void **state)
{
	(void)state;
	persisted(counter);
	tamper_with(WPP_STREAM_PCB, other_processor);
	assert_int_equal(recreate(), WPP_EREFUSED);
	assert_true(image_noted(&image, "machine"));
	no_child_left();
	subject_forget(&subject);
	image_remove(&image);
}

static void type_of_the_future(uint8_t *stream, size_t len)
{
	struct wpp_rec rec = find(stream, len, WPP_REC_EXE);

	assert_true(rec.flags & WPP_REC_MUST);
	stream[rec.fields - stream - 24] = 0xfe;
	stream[rec.fields - stream - 23] = 0x0f;
}

static void test_record_that_must_be_understood(void **state)
{
	(void)state;
	persisted(counter);
	tamper_with(WPP_STREAM_PCB, type_of_the_future);
	assert_int_equal(recreate(), WPP_EFORMAT);
	assert_true(image_noted(&image, "image"));
	assert_non_null(strstr(image.notes, "record type 0x0ffe"));
	no_child_left();
	subject_forget(&subject);
	image_remove(&image);
}

static uint32_t seed = 1;

static uint32_t next_random(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)seed * below) >> 32);
}

/* A word of a record: an address, length, kind, id. Some are refused, some do no harm. */
static void mutate(uint8_t *stream, size_t len)
{
	static const uint64_t values[] = { 0, 1, 0xfff, 0x1000, 1ull << 47, ~0ull, ~0xfffull };
	struct wpp_rec rec;
	size_t pos = 0, nr = 0, victim;
	uint64_t value;

	while (wpp_rec_next(stream, len, &pos, &rec) == 0)
		nr++;
	victim = next_random((uint32_t)nr);
	pos = 0;
	for (size_t i = 0; i <= victim; i++)
		assert_int_equal(wpp_rec_next(stream, len, &pos, &rec), 0);
	value = values[next_random(sizeof(values) / sizeof(values[0]))];
	memcpy(stream + (rec.fields - stream) + 8 * next_random(rec.nr_fields), &value,
	       sizeof(value));
}

/* Whatever the records say: an error and no process, or a process; never harm to us. */
static void mutate_stream(char *program, enum wpp_stream which, unsigned int least)
{
	unsigned int refused = 0;

	persisted(program);
	for (int i = 0; i < NR_MUTATIONS; i++) {
		struct wpp_media *media = image_open(&image, 0);
		size_t len;
		uint8_t *good = read_stream(media, which, &len);

		wpp_media_close(media);
		tamper_with(which, mutate);
		if (recreate() == 0)
			kill(subject.pid, SIGKILL);
		else
			refused++;
		while (waitpid(-1, NULL, __WALL) > 0)
			;
		media = image_open(&image, 0);
		write_stream(media, which, good, len);
		wpp_media_close(media);
		free(good);
	}
	assert_true(refused >= least);
	assert_int_equal(recreate(), 0);
	subject_check(&subject);
	finish();
}

static void test_regions_mutated(void **state)
{
	(void)state;
	mutate_stream(counter, WPP_STREAM_REGIONS, NR_MUTATIONS / 8);
}

static void test_attributes_mutated(void **state)
{
	(void)state;
	mutate_stream(timers, WPP_STREAM_PCB, NR_MUTATIONS / 16);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pid_taken),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_parent_death_is_told_once),
		cmocka_unit_test(test_rootless),
		cmocka_unit_test(test_vdso_of_another_kernel),
		cmocka_unit_test(test_lesser_processor),
		cmocka_unit_test(test_record_that_must_be_understood),
		cmocka_unit_test(test_regions_mutated),
		cmocka_unit_test(test_attributes_mutated),
	};

	if (argc != 4)
		return 2;
	counter = argv[1];
	vdso = argv[2];
	timers = argv[3];
	if (image_unable()) {
		printf("skipped: %s\n", image_unable());
		return EXIT_SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
