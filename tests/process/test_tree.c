/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp/tree.h, and the sizes and flags of what process.h and tree.h take and fill. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <wpp/media.h>
#include <wpp/sized.h>
#include <wpp/tree.h>

#include "image.h"

static struct image image;
static struct wpp_media *media;
static pid_t child;
static char said[4096];

static void take_note(void *arg, const struct wpp_note *note)
{
	size_t len = strlen(said);

	(void)arg;
	snprintf(said + len, sizeof(said) - len, "%s: %s\n", note->name, note->text);
}

static const struct wpp_report report = { .note = take_note };

static pid_t start_child(void)
{
	int ready[2];
	char none;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) { /* with nothing of ours, whose other ends would be refused */
		close_range(0, ~0u, 0);
		for (int i = 0; i < 3; i++) {
			if (open("/dev/null", O_RDWR) != i)
				_exit(1);
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], &none, 1), 0); /* it has closed all */
	close(ready[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int setup(void **state)
{
	(void)state;
	said[0] = '\0';
	image = (struct image){ 0 };
	child = start_child();
	image_create(&image);
	media = image_open(&image, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_child(child);
	wpp_media_close(media);
	image_remove(&image);
	return 0;
}

static struct wpp_tree *begin(uint32_t flags)
{
	struct wpp_persist how = { .size = sizeof(how), .flags = flags, .report = &report };
	struct wpp_tree *tree;

	assert_int_equal(wpp_tree_begin(wpp_media_store(media), "tree", &how, &tree), 0);
	return tree;
}

static void one_that_goes_on_is_saved_again(void **state)
{
	struct wpp_persisted done = { .size = sizeof(done) };
	struct wpp_tree *tree = begin(0);

	(void)state;
	assert_int_equal(wpp_tree_add(tree, child), 0);
	assert_int_equal(wpp_tree_check(tree), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		if (wpp_tree_save(tree, &done))
			fail_msg("%s", said);
		assert_int_equal(done.generation, i);
		assert_int_equal(done.nr_threads, 1);
		assert_true(done.nr_pages > 0 && done.nr_regions > 0 && done.frozen_ns > 0);
	}
	wpp_tree_finish(tree);
	assert_int_equal(kill(child, 0), 0);
}

static void one_that_is_killed_is_gone(void **state)
{
	struct wpp_tree *tree = begin(WPP_PERSIST_KILL);
	int status;

	(void)state;
	assert_int_equal(wpp_tree_add(tree, child), 0);
	assert_int_equal(wpp_tree_save(tree, NULL), 0);
	assert_int_equal(waitpid(child, &status, WNOHANG), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(wpp_tree_save(tree, NULL), WPP_ENOENT);
	wpp_tree_finish(tree);
	child = start_child();
}

/* What could not come back is not saved (I10). */
static void a_second_member_is_refused_by_name(void **state)
{
	struct wpp_tree *tree = begin(0);
	pid_t other = start_child();

	(void)state;
	assert_int_equal(wpp_tree_add(tree, child), 0);
	assert_int_equal(wpp_tree_add(tree, other), WPP_EREFUSED);
	assert_non_null(strstr(said, "children: "));
	assert_int_equal(wpp_tree_save(tree, NULL), 0);
	wpp_tree_finish(tree);
	end_child(other);
}

static void nobody_is_not_saved(void **state)
{
	struct wpp_tree *tree = begin(0);

	(void)state;
	assert_int_equal(wpp_tree_add(tree, 0), WPP_EINVAL);
	assert_int_equal(wpp_tree_add(tree, -1), WPP_EINVAL);
	assert_int_equal(wpp_tree_add(tree, 0x3ffffff), WPP_ENOENT);
	assert_int_equal(wpp_tree_check(tree), WPP_EINVAL);
	assert_int_equal(wpp_tree_save(tree, NULL), WPP_EINVAL);
	wpp_tree_finish(tree);
	wpp_tree_finish(NULL);
}

/* As a later release would have them. */
struct later_how {
	union {
		struct wpp_persist persist;
		struct wpp_recreate recreate;
		uint32_t size;
	} now;
	uint64_t more[8];
};

static int save_with(const struct wpp_persist *how)
{
	return wpp_process_persist(wpp_media_store(media), "tree", child, how, NULL);
}

static int recreate_with(const struct wpp_recreate *how)
{
	return wpp_process_recreate(wpp_media_store(media), "nobody", how, NULL);
}

static void sizes_keep_to_the_rule(void **state)
{
	struct later_how how = { 0 };

	(void)state;
	for (uint32_t size = 0; size <= sizeof(how.now.persist); size++) {
		how.now.persist.size = size;
		assert_int_equal(save_with(&how.now.persist),
				 size < WPP_SIZE_UPTO(struct wpp_persist, report) ? WPP_EINVAL : 0);
	}
	how.now.persist.size = sizeof(how);
	assert_int_equal(save_with(&how.now.persist), 0);
	how.more[7] = 1;
	assert_int_equal(save_with(&how.now.persist), WPP_EINVAL);

	how = (struct later_how){ 0 };
	for (uint32_t size = 0; size <= sizeof(how.now.recreate); size++) {
		how.now.recreate.size = size;
		assert_int_equal(recreate_with(&how.now.recreate),
				 size < WPP_SIZE_UPTO(struct wpp_recreate, report) ? WPP_EINVAL
										   : WPP_ENOENT);
	}
	how.now.recreate.size = sizeof(how);
	assert_int_equal(recreate_with(&how.now.recreate), WPP_ENOENT);
	how.more[0] = 1;
	assert_int_equal(recreate_with(&how.now.recreate), WPP_EINVAL);
}

static void unknown_flags_are_refused(void **state)
{
	const uint32_t persist_known = WPP_PERSIST_KILL | WPP_PERSIST_NO_SYNC;
	const uint32_t recreate_known =
		WPP_RECREATE_NEW_PID_NS | WPP_RECREATE_STOPPED | WPP_RECREATE_FILES_WARN;

	(void)state;
	for (unsigned int bit = 0; bit < 32; bit++) {
		struct wpp_persist p = { .size = sizeof(p), .flags = 1u << bit };
		struct wpp_recreate r = { .size = sizeof(r), .flags = 1u << bit };

		if (!(p.flags & persist_known))
			assert_int_equal(save_with(&p), WPP_EINVAL);
		assert_int_equal(recreate_with(&r),
				 r.flags & recreate_known ? WPP_ENOENT : WPP_EINVAL);
	}
	assert_int_equal(kill(child, 0), 0);
}

static void what_is_filled_keeps_to_its_size(void **state)
{
	struct {
		struct wpp_persisted done;
		uint64_t more[4];
	} later;
	uint32_t size;

	(void)state;
	for (size = 0; size < WPP_SIZE_UPTO(struct wpp_persisted, sync_ns); size++) {
		struct wpp_persisted done = { .size = size };

		assert_int_equal(
			wpp_process_persist(wpp_media_store(media), "tree", child, NULL, &done),
			WPP_EINVAL);
	}
	memset(&later, 0xff, sizeof(later));
	later.done.size = sizeof(later);
	assert_int_equal(
		wpp_process_persist(wpp_media_store(media), "tree", child, NULL, &later.done), 0);
	assert_int_equal(later.done.size, sizeof(later));
	assert_int_equal(later.done.generation, 1);
	assert_int_equal(later.more[0] | later.more[1] | later.more[2] | later.more[3], 0);
	for (size = 0; size < WPP_SIZE_UPTO(struct wpp_recreated, read_ns); size++) {
		struct wpp_recreated done = { .size = size };

		assert_int_equal(
			wpp_process_recreate(wpp_media_store(media), "nobody", NULL, &done),
			WPP_EINVAL);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_that_goes_on_is_saved_again),
		TEST(one_that_is_killed_is_gone),
		TEST(a_second_member_is_refused_by_name),
		TEST(nobody_is_not_saved),
		TEST(sizes_keep_to_the_rule),
		TEST(unknown_flags_are_refused),
		TEST(what_is_filled_keeps_to_its_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
