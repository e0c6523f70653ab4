/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* test_media DIR BACKEND: make, open, lock and refuse media in DIR. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wpp/media.h>

static const char *base, *backend;
static char dir[4000], path[4096];
static struct wpp_conf *conf;
static struct wpp_media_error err;

static void set(const char *section, const char *key, const char *value)
{
	if (wpp_conf_set(conf, section, key, value, &err))
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "%s/wpp-media-XXXXXX", base);
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/sub/dir/medium", dir);
	conf = wpp_conf_new();
	set("wpp", "backend", backend);
	set("wpp", "path", path);
	set("wpp", "size", "8M");
	return 0;
}

static int teardown(void **state)
{
	char command[4096];

	(void)state;
	wpp_conf_free(conf);
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	return system(command);
}

static struct wpp_media *must_open(uint32_t flags)
{
	struct wpp_media *media;

	if (wpp_media_open(conf, flags, &media, &err))
		fail_msg("%s", err.text);
	assert_int_equal(err.code, 0);
	assert_string_equal(err.text, "");
	return media;
}

static void must_fail(uint32_t flags, int code, const char *says)
{
	struct wpp_media *media;

	assert_int_equal(wpp_media_open(conf, flags, &media, &err), code);
	assert_null(media);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, path));
	if (!strstr(err.text, says))
		fail_msg("no \"%s\" in: %s", says, err.text);
}

static void use_flat_path(void)
{
	snprintf(path, sizeof(path), "%s/medium", dir);
	set("wpp", "path", path);
}

static void put_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void no_medium_is_said(void **state)
{
	(void)state;
	must_fail(0, WPP_ENOENT, "no medium yet");
	must_fail(WPP_MEDIA_RDONLY, WPP_ENOENT, "no medium yet");
	assert_int_not_equal(access(path, F_OK), 0);
}

static void is_made_private_and_whole(void **state)
{
	struct wpp_media *media = must_open(WPP_MEDIA_CREATE);
	uint32_t pos = 0;
	struct wpp_generation gen;
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 8 << 20);
	assert_true((uint64_t)st.st_blocks * 512 >= 8u << 20);
	assert_string_equal(wpp_media_path(media), path);
	assert_non_null(wpp_media_how(media));
	assert_null(wpp_media_diag(media));
	assert_int_equal(wpp_media_medium(media)->size, 8 << 20);
	assert_int_equal(wpp_store_list(wpp_media_store(media), &pos, &gen), WPP_ENOENT);
	wpp_media_close(media);
}

static void put_image(uint32_t flags, unsigned char fill)
{
	struct wpp_media *media = must_open(flags);
	struct wpp_writer *w;
	unsigned char *page = aligned_alloc(4096, 4096);
	const uint64_t index = 5;

	memset(page, fill, 4096);
	assert_int_equal(wpp_writer_begin(wpp_media_store(media), "image", 0, &w), 0);
	assert_int_equal(wpp_writer_put(w, WPP_SPACE_FIRST, &index, 1, page), 0);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	free(page);
	wpp_media_close(media);
}

static void image_is_there_after_reopening(void **state)
{
	unsigned char *page = aligned_alloc(4096, 4096);
	struct wpp_media *media;
	struct wpp_reader *r;
	struct wpp_run run;

	(void)state;
	put_image(WPP_MEDIA_CREATE, 0x21);
	put_image(0, 0x42);
	media = must_open(WPP_MEDIA_RDONLY);
	assert_int_equal(wpp_reader_open(wpp_media_store(media), "image", 0, &r, NULL), 0);
	assert_int_equal(wpp_reader_next(r, WPP_SPACE_FIRST, 0, 1, &run), 0);
	assert_int_equal(run.page, 5);
	assert_int_equal(wpp_reader_read(r, &run, page, NULL), 0);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(page[i], 0x42);
	wpp_reader_close(r);
	wpp_media_close(media);
	free(page);
}

static void one_writer_or_many_readers(void **state)
{
	struct wpp_media *a = must_open(WPP_MEDIA_CREATE), *b;
	char pid[32];

	(void)state;
	snprintf(pid, sizeof(pid), "process %d (", getpid());
	must_fail(0, WPP_EBUSY, pid);
	must_fail(WPP_MEDIA_RDONLY, WPP_EBUSY, pid);
	b = must_open(WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK);
	wpp_media_close(b);
	assert_int_equal(wpp_media_open(conf, WPP_MEDIA_NOLOCK, &b, &err), WPP_EINVAL);
	assert_int_equal(wpp_media_create(conf, WPP_MEDIA_FORCE, NULL, NULL, &err), WPP_EBUSY);
	wpp_media_close(a);

	a = must_open(WPP_MEDIA_RDONLY);
	b = must_open(WPP_MEDIA_RDONLY);
	must_fail(0, WPP_EBUSY, pid);
	wpp_media_close(a);
	wpp_media_close(b);
	wpp_media_close(must_open(0));
}

/* The child holds the lock until it is told; the parent waits for it. */
static void waits_for_the_lock(void **state)
{
	int ready[2], go[2];
	char c = 0;
	pid_t pid;

	(void)state;
	wpp_media_close(must_open(WPP_MEDIA_CREATE));
	assert_int_equal(pipe(ready) | pipe(go), 0);
	pid = fork();
	if (!pid) {
		struct wpp_media *media;

		if (wpp_media_open(conf, 0, &media, NULL) || write(ready[1], &c, 1) != 1 ||
		    read(go[0], &c, 1) != 1)
			_exit(1);
		usleep(20000);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	must_fail(0, WPP_EBUSY, "uses this medium");
	assert_int_equal(write(go[1], &c, 1), 1);
	wpp_media_close(must_open(WPP_MEDIA_WAIT));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

/* All start on an empty directory; one makes the medium, each gets its turn. */
static void makers_at_once_take_turns(void **state)
{
	pid_t pid[6];
	int status;

	(void)state;
	for (int i = 0; i < 6; i++) {
		pid[i] = fork();
		if (pid[i])
			continue;
		for (int n = 0; n < 3; n++) {
			struct wpp_media *media;

			if (wpp_media_open(conf, WPP_MEDIA_CREATE | WPP_MEDIA_WAIT, &media, &err)) {
				fprintf(stderr, "%s\n", err.text);
				_exit(1);
			}
			wpp_media_close(media);
		}
		_exit(0);
	}
	for (int i = 0; i < 6; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
}

static void foreign_data_is_not_touched(void **state)
{
	char text[64] = "";
	FILE *f;

	(void)state;
	use_flat_path();
	put_file(path, "my diary\n");
	must_fail(0, WPP_EFORMAT, "nothing was changed");
	must_fail(WPP_MEDIA_CREATE, WPP_EFORMAT, "nothing was changed");
	assert_int_equal(wpp_media_create(conf, 0, NULL, NULL, &err), WPP_EFORMAT);
	assert_non_null(strstr(err.text, "--force"));
	f = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "my diary\n");
	assert_int_equal(wpp_media_create(conf, WPP_MEDIA_FORCE, NULL, NULL, &err), 0);
	wpp_media_close(must_open(0));
}

static void blank_files_may_be_taken(void **state)
{
	(void)state;
	use_flat_path();
	put_file(path, "");
	must_fail(0, WPP_EFORMAT, "empty");
	wpp_media_close(must_open(WPP_MEDIA_CREATE));
	put_file(path, "");
	assert_int_equal(truncate(path, 100 << 20), 0);
	must_fail(0, WPP_EFORMAT, "empty");
	wpp_media_close(must_open(WPP_MEDIA_CREATE));
}

static void a_store_is_kept(void **state)
{
	struct wpp_media *media;
	struct wpp_generation gen;
	uint32_t pos = 0;

	(void)state;
	put_image(WPP_MEDIA_CREATE, 1);
	assert_int_equal(wpp_media_create(conf, 0, NULL, NULL, &err), WPP_EEXIST);
	media = must_open(WPP_MEDIA_CREATE);
	assert_int_equal(wpp_store_list(wpp_media_store(media), &pos, &gen), 0);
	wpp_media_close(media);
	assert_int_equal(wpp_media_create(conf, WPP_MEDIA_FORCE, NULL, NULL, &err), 0);
	media = must_open(0);
	pos = 0;
	assert_int_equal(wpp_store_list(wpp_media_store(media), &pos, &gen), WPP_ENOENT);
	wpp_media_close(media);
}

static void a_cut_while_making_leaves_nothing(void **state)
{
	char temp[4096];

	(void)state;
	use_flat_path();
	snprintf(temp, sizeof(temp), "%s/.medium.new", dir);
	put_file(temp, "half a medium");
	must_fail(0, WPP_ENOENT, "no medium yet");
	wpp_media_close(must_open(WPP_MEDIA_CREATE));
	assert_int_not_equal(access(temp, F_OK), 0);
}

static void a_full_disk_is_said(void **state)
{
	char temp[4096];

	(void)state;
	use_flat_path();
	snprintf(temp, sizeof(temp), "%s/.medium.new", dir);
	set("wpp", "size", "4T");
	must_fail(WPP_MEDIA_CREATE, WPP_ENOSPC, "4194304 MiB does not fit");
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_not_equal(access(temp, F_OK), 0);
}

static void the_thesis_map_needs_room(void **state)
{
	struct wpp_media *media;
	struct statvfs fs;

	(void)state;
	set("wpp", "geometry", "thesis");
	must_fail(WPP_MEDIA_CREATE, WPP_ENOSPC, "too small for geometry thesis");
	assert_int_not_equal(access(path, F_OK), 0);
	if (statvfs(base, &fs) || fs.f_bavail * fs.f_bsize < 3ull << 30)
		skip();
	set("wpp", "size", "1284M");
	media = must_open(WPP_MEDIA_CREATE);
	assert_int_equal(wpp_media_geometry(media)->base[WPP_SEC_PAGES], 0x50000000);
	wpp_media_close(media);
	set("wpp", "geometry", "fit"); /* what is there counts */
	media = must_open(0);
	assert_int_equal(wpp_media_geometry(media)->base[WPP_SEC_PAGES], 0x50000000);
	wpp_media_close(media);
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s", dir);
	set("wpp", "path", path);
	must_fail(WPP_MEDIA_RDONLY, WPP_EINVAL, "neither a file nor a device");
	assert_int_equal(wpp_media_create(conf, WPP_MEDIA_FORCE, NULL, NULL, &err), WPP_EINVAL);
	snprintf(path, sizeof(path), "%s/fifo", dir);
	set("wpp", "path", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	must_fail(0, WPP_EINVAL, "neither a file nor a device");
}

static void a_device_is_no_file(void **state)
{
	struct wpp_media *media;

	(void)state;
	set("wpp", "path", "0000:00:05.0");
	assert_int_equal(wpp_media_open(conf, WPP_MEDIA_CREATE, &media, &err), WPP_EINVAL);
	assert_non_null(strstr(err.text, "0000:00:05.0"));
	assert_int_equal(wpp_media_create(conf, WPP_MEDIA_FORCE, NULL, NULL, &err), WPP_EINVAL);
	assert_non_null(strstr(err.text, "wants a file"));
}

static void a_link_stays_a_link(void **state)
{
	char target[4096];
	struct stat st;

	(void)state;
	use_flat_path();
	snprintf(target, sizeof(target), "%s/elsewhere", dir);
	put_file(target, "");
	assert_int_equal(symlink(target, path), 0);
	wpp_media_close(must_open(WPP_MEDIA_CREATE));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_size, 8 << 20);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_medium_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(is_made_private_and_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(image_is_there_after_reopening, setup, teardown),
		cmocka_unit_test_setup_teardown(one_writer_or_many_readers, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_for_the_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(makers_at_once_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign_data_is_not_touched, setup, teardown),
		cmocka_unit_test_setup_teardown(blank_files_may_be_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(a_store_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cut_while_making_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(the_thesis_map_needs_room, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_device_is_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_stays_a_link, setup, teardown),
	};

	if (argc != 3) {
		fprintf(stderr, "usage: test_media DIR BACKEND\n");
		return 2;
	}
	base = argv[1];
	backend = argv[2];
	if (access(base, W_OK)) {
		fprintf(stderr, "skipped: %s is not writable\n", base);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
