/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The list of tracked processes: what is in it, what is stale, and what somebody else put there. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/text.h"
#include "control/tracked.h"
#include "control/why.h"

#include "place.h"

/* ---- Names and numbers ---- */

static void names(void **state)
{
	char long_name[WPP_IMAGE_NAME_MAX + 2], name[WPP_IMAGE_NAME_MAX + 1];

	(void)state;
	memset(long_name, 'a', sizeof(long_name));
	long_name[WPP_IMAGE_NAME_MAX + 1] = '\0';
	assert_false(wppc_name_ok(long_name));
	assert_true(wppc_name_ok(long_name + 1));
	assert_true(wppc_name_ok("a.b_c-9"));
	assert_false(wppc_name_ok(""));
	assert_false(wppc_name_ok(".."));
	assert_false(wppc_name_ok("-x"));
	assert_false(wppc_name_ok("a/b"));
	assert_false(wppc_name_ok("a b"));
	wppc_name_of("/usr/bin/my prog", name);
	assert_string_equal(name, "my_prog");
	wppc_name_of("/usr/bin/", name);
	assert_string_equal(name, "process");
	wppc_name_of(".hidden", name);
	assert_string_equal(name, "process");
	wppc_name_of(long_name, name);
	assert_int_equal(strlen(name), WPP_IMAGE_NAME_MAX);
}

static void numbers(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_true(wppc_parse_number("18446744073709551615", UINT64_MAX, &n));
	assert_true(n == UINT64_MAX);
	assert_false(wppc_parse_number("18446744073709551616", UINT64_MAX, &n));
	assert_false(wppc_parse_number("-1", UINT64_MAX, &n));
	assert_false(wppc_parse_number(" 1", UINT64_MAX, &n));
	assert_false(wppc_parse_number("1x", UINT64_MAX, &n));
	assert_false(wppc_parse_number("", UINT64_MAX, &n));
	assert_false(wppc_parse_number("11", 10, &n));
	assert_true(n == UINT64_MAX);
}

static void errors_have_names(void **state)
{
	struct wpp_media_error why;

	(void)state;
	assert_string_equal(wppc_strerror(-EMFILE), strerror(EMFILE));
	assert_string_equal(wppc_strerror(WPP_ECORRUPT), wpp_strerror(WPP_ECORRUPT));
	assert_string_equal(wppc_strerror(WPP_ENOENT), wpp_strerror(WPP_ENOENT));
	assert_int_equal(wppc_why(&why, -EMFILE, "%d", 5), -EMFILE);
	assert_string_equal(why.text, "5");
	assert_int_equal(why.code, -EMFILE);
	assert_int_equal(wppc_why(NULL, -EMFILE, "x"), -EMFILE);
}

/* ---- Processes ---- */

static void start_times(void **state)
{
	uint64_t mine, again, child;
	pid_t pid;

	(void)state;
	assert_int_equal(wppc_process_start(getpid(), &mine), 0);
	assert_true(mine > 0);
	assert_int_equal(prctl(PR_SET_NAME, "a) Z 1 (b"), 0);
	assert_int_equal(wppc_process_start(getpid(), &again), 0);
	assert_true(mine == again);
	pid = place_child(0);
	assert_int_equal(wppc_process_start(pid, &child), 0);
	assert_true(child >= mine);
	kill(pid, SIGKILL);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	assert_int_equal(wppc_process_start(pid, &child), WPP_ENOENT); /* a zombie */
	waitpid(pid, NULL, 0);
	assert_int_equal(wppc_process_start(pid, &child), WPP_ENOENT);
	assert_true(child == 0);
}

/* ---- The list ---- */

static void added_found_listed_removed(void **state)
{
	struct place *p = *state;
	pid_t a = place_child(0), b = place_child(0);
	struct wppc_tracked one, *all;
	size_t nr;

	assert_int_equal(wppc_track_list(p->conf, &all, &nr), 0);
	assert_int_equal(nr, 0);
	free(all);
	assert_int_equal(wppc_track_add(p->conf, "zwei", b, false), 0);
	assert_int_equal(wppc_track_add(p->conf, "eins", a, false), 0);
	assert_int_equal(wppc_track_find(p->conf, "eins", &one), 0);
	assert_int_equal(one.pid, a);
	assert_string_equal(one.name, "eins");
	assert_true(one.start_time > 0);
	assert_int_equal(wppc_track_list(p->conf, &all, &nr), 0);
	assert_int_equal(nr, 2);
	assert_string_equal(all[0].name, "eins");
	assert_int_equal(all[1].pid, b);
	free(all);
	assert_int_equal(wppc_track_add(p->conf, "eins", b, false), 0);
	assert_int_equal(wppc_track_find(p->conf, "eins", &one), 0);
	assert_int_equal(one.pid, b);
	assert_int_equal(wppc_track_remove(p->conf, "eins"), 0);
	assert_int_equal(wppc_track_find(p->conf, "eins", &one), WPP_ENOENT);
	assert_int_equal(wppc_track_remove(p->conf, "eins"), 0);
	place_end(a);
	place_end(b);
}

static void what_can_not_be_added(void **state)
{
	struct place *p = *state;
	pid_t gone = place_child(0);

	assert_int_equal(wppc_track_add(p->conf, "../x", getpid(), false), WPP_EINVAL);
	assert_int_equal(wppc_track_remove(p->conf, "../x"), WPP_EINVAL);
	assert_int_equal(wppc_track_add(p->conf, "x", getpid(), true), WPP_EINVAL);
	place_end(gone);
	assert_int_equal(wppc_track_add(p->conf, "x", gone, false), WPP_ENOENT);
	assert_false(place_has_entry(p, "x"));
}

static void who_is_gone_is_stale(void **state)
{
	struct place *p = *state;
	pid_t a = place_child(0), b = place_child(0);
	struct wppc_tracked one, *all;
	size_t nr;

	assert_int_equal(wppc_track_add(p->conf, "a", a, false), 0);
	assert_int_equal(wppc_track_add(p->conf, "b", b, false), 0);
	place_end(a);
	place_end(b);
	assert_int_equal(wppc_track_find(p->conf, "a", &one), WPP_ENOENT);
	assert_false(place_has_entry(p, "a"));
	assert_int_equal(wppc_track_list(p->conf, &all, &nr), 0);
	assert_int_equal(nr, 0);
	assert_false(place_has_entry(p, "b"));
}

/* A pid that is somebody else's now: the start time tells. */
static void a_pid_that_is_used_again_is_stale(void **state)
{
	struct place *p = *state;
	struct wppc_tracked one;
	uint64_t start;
	char text[64];

	assert_int_equal(wppc_process_start(getpid(), &start), 0);
	snprintf(text, sizeof(text), "%d %llu\n", getpid(), (unsigned long long)start + 1);
	place_entry(p, "again", text);
	assert_int_equal(wppc_track_find(p->conf, "again", &one), WPP_ENOENT);
	assert_false(place_has_entry(p, "again"));
	snprintf(text, sizeof(text), "%d %llu\n", getpid(), (unsigned long long)start);
	place_entry(p, "again", text);
	assert_int_equal(wppc_track_find(p->conf, "again", &one), 0);
}

static void odd_entries(void **state)
{
	static const char *const texts[] = {
		"",
		"hello",
		"1 99",
		"1 99\nmore\n",
		"-1 5\n",
		"0 5\n",
		"99999999999999999999 5\n",
		"1 99999999999999999999\n",
		"1\n",
		" 1 5\n",
		"2147483648 5\n",
		"1 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5\n",
	};
	struct place *p = *state;
	struct wppc_tracked *all;
	char name[16];
	size_t nr;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(name, sizeof(name), "odd%zu", i);
		place_entry(p, name, texts[i]);
	}
	assert_int_equal(wppc_track_list(p->conf, &all, &nr), 0);
	assert_int_equal(nr, 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(name, sizeof(name), "odd%zu", i);
		assert_false(place_has_entry(p, name));
	}
}

/* What is no regular file is not ours: neither opened for long, nor followed, nor removed. */
static void what_is_no_file(void **state)
{
	struct place *p = *state;
	struct wppc_tracked *all, one;
	char path[100], aim[100], text[64];
	uint64_t start;
	size_t nr;

	assert_int_equal(wppc_process_start(getpid(), &start), 0);
	snprintf(text, sizeof(text), "%d %llu\n", getpid(), (unsigned long long)start);
	place_entry(p, "bad name", text);
	place_entry(p, "x.123~", text);
	place_entry(p, "good", text);
	snprintf(path, sizeof(path), "%s/fifo", p->run);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/directory", p->run);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(aim, sizeof(aim), "%s/good", p->run);
	snprintf(path, sizeof(path), "%s/link", p->run);
	assert_int_equal(symlink(aim, path), 0);
	assert_int_equal(wppc_track_list(p->conf, &all, &nr), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(all[0].name, "good");
	free(all);
	assert_int_equal(wppc_track_find(p->conf, "fifo", &one), WPP_ENOENT);
	assert_int_equal(wppc_track_find(p->conf, "link", &one), WPP_ENOENT);
	assert_true(place_has_entry(p, "fifo"));
	assert_true(place_has_entry(p, "directory"));
	assert_true(place_has_entry(p, "link"));
}

/* An error is no absence: nobody takes the name, and the entry stays. */
static void an_error_is_told(void **state)
{
	struct place *p = *state;
	struct wppc_tracked one, *all;
	char name[WPP_IMAGE_NAME_MAX + 1] = "me";
	struct rlimit old, few;
	int fd;
	size_t nr;

	assert_int_equal(wppc_track_add(p->conf, "me", getpid(), false), 0);
	fd = open("/dev/null", O_RDONLY); /* the lowest that is free */
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){ .rlim_cur = (rlim_t)fd + 1, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(wppc_track_find(p->conf, "me", &one), -EMFILE);
	assert_int_equal(wppc_track_choose_name(p->conf, name), -EMFILE);
	assert_int_equal(wppc_track_list(p->conf, &all, &nr), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(nr, 0);
	assert_int_equal(wppc_track_find(p->conf, "me", &one), 0);
}

static void a_directory_that_is_not_ours(void **state)
{
	struct place *p = *state;
	struct wppc_tracked one;

	assert_int_equal(symlink(p->dir, p->run), 0);
	assert_int_equal(wppc_track_find(p->conf, "x", &one), WPP_EPERM);
	unlink(p->run);
	close(open(p->run, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(wppc_track_add(p->conf, "x", getpid(), false), WPP_EPERM);
	unlink(p->run);
	if (geteuid() != 0)
		return;
	assert_int_equal(mkdir(p->run, 0700), 0);
	assert_int_equal(chown(p->run, 1, 1), 0);
	assert_int_equal(wppc_track_find(p->conf, "x", &one), WPP_EPERM);
	assert_int_equal(chown(p->run, 0, 0), 0);
}

/* Somebody holds the lock, perhaps stopped: who only looks does not wait for it. */
static void looking_waits_for_nobody(void **state)
{
	struct place *p = *state;
	struct wppc_tracked one;
	int fd;

	place_entry(p, "stale", "1 1\n");
	fd = open(p->run, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(wppc_track_find(p->conf, "stale", &one), WPP_ENOENT);
	assert_true(place_has_entry(p, "stale"));
	close(fd);
	assert_int_equal(wppc_track_find(p->conf, "stale", &one), WPP_ENOENT);
	assert_false(place_has_entry(p, "stale"));
}

static void free_names(void **state)
{
	struct place *p = *state;
	char name[WPP_IMAGE_NAME_MAX + 1] = "me";

	assert_int_equal(wppc_track_choose_name(p->conf, name), 0);
	assert_string_equal(name, "me");
	assert_int_equal(wppc_track_add(p->conf, "me", getpid(), false), 0);
	assert_int_equal(wppc_track_choose_name(p->conf, name), 0);
	assert_string_equal(name, "me-2");
	assert_int_equal(wppc_track_add(p->conf, "me-2", getpid(), false), 0);
	strcpy(name, "me");
	assert_int_equal(wppc_track_choose_name(p->conf, name), 0);
	assert_string_equal(name, "me-3");
}

static void targets(void **state)
{
	struct place *p = *state;
	struct wppc_tracked one = { .name = "" };
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	assert_int_equal(wppc_track_target(p->conf, pid, &one), 0);
	assert_string_equal(one.name, "test_control_tracked");
	assert_int_equal(wppc_track_add(p->conf, "mine", getpid(), false), 0);
	one = (struct wppc_tracked){ .name = "" };
	assert_int_equal(wppc_track_target(p->conf, pid, &one), 0);
	assert_string_equal(one.name, "mine");
	one = (struct wppc_tracked){ .name = "wish" };
	assert_int_equal(wppc_track_target(p->conf, "mine", &one), 0);
	assert_string_equal(one.name, "wish");
	assert_int_equal(one.pid, getpid());
	assert_int_equal(wppc_track_target(p->conf, "0", &one), WPP_ENOENT);
	assert_int_equal(wppc_track_target(p->conf, "2147483647", &one), WPP_ENOENT);
	assert_int_equal(wppc_track_target(p->conf, "ghost", &one), WPP_ENOENT);
	assert_int_equal(wppc_track_target(p->conf, "../x", &one), WPP_ENOENT);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(numbers),
		cmocka_unit_test(errors_have_names),
		cmocka_unit_test(start_times),
		IN_PLACE(added_found_listed_removed),
		IN_PLACE(what_can_not_be_added),
		IN_PLACE(who_is_gone_is_stale),
		IN_PLACE(a_pid_that_is_used_again_is_stale),
		IN_PLACE(odd_entries),
		IN_PLACE(what_is_no_file),
		IN_PLACE(an_error_is_told),
		IN_PLACE(a_directory_that_is_not_ours),
		IN_PLACE(looking_waits_for_nobody),
		IN_PLACE(free_names),
		IN_PLACE(targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
