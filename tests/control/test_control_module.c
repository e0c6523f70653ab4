/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The talk with the kernel module, which is played here: /proc/wpp is a directory of the test,
 * /dev/wpp and /dev/wpp-trigger are files of it, and ioctl(2) answers what the test says.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/module.h"

#include "place.h"

static struct {
	const char *dir; /* NULL: no module is loaded */
	int err;	 /* of PERSIST */
	int track_err, untrack_err, medium_err;
	uint32_t abi;
	const char *notes;
	unsigned int nr_track, nr_untrack, nr_persist;
	struct wpp_ko_track track;
	struct wpp_ko_persist persist;
} module;

/* ---- What the module does ---- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, mode_t mode);
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
int __real_access(const char *path, int how);
int __wrap_access(const char *path, int how);
int __wrap_ioctl(int fd, unsigned long number, void *arg);

/* Where a path of the module is; others as they are. */
static const char *path_of(const char *path, char to[200])
{
	const char *rest;

	if (!strncmp(path, "/proc/wpp", 9))
		rest = path + 9;
	else if (!strncmp(path, "/dev/wpp", 8))
		rest = path + 4;
	else
		return path;
	if (!module.dir)
		return "/nonexistent";
	snprintf(to, 200, "%s%s%s", module.dir, path[1] == 'p' ? "/proc" : "", rest);
	return to;
}

int __wrap_open(const char *path, int flags, mode_t mode)
{
	char to[200];

	return __real_open(path_of(path, to), flags, mode);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	char to[200];

	return __real_fopen(path_of(path, to), mode);
}

DIR *__wrap_opendir(const char *path)
{
	char to[200];

	return __real_opendir(path_of(path, to));
}

int __wrap_access(const char *path, int how)
{
	char to[200];

	return __real_access(path_of(path, to), how);
}

static int answer(int err)
{
	errno = err;
	return err ? -1 : 0;
}

static int persist(struct wpp_ko_persist *ko)
{
	module.nr_persist++;
	module.persist = *ko;
	ko->generation = 7;
	ko->nr_pages = 3;
	ko->bytes = 2 * 4096;
	ko->nr_threads = 1;
	memset(ko->notes, 'x', sizeof(ko->notes)); /* a module that does not end its text */
	if (module.notes)
		strcpy(ko->notes, module.notes);
	return answer(module.err);
}

int __wrap_ioctl(int fd, unsigned long number, void *arg)
{
	(void)fd;
	switch (number) {
	case WPP_KO_IOC_ABI:
		*(uint32_t *)arg = module.abi;
		return 0;
	case WPP_KO_IOC_MEDIUM:
		return answer(module.medium_err);
	case WPP_KO_IOC_TRACK:
		module.nr_track++;
		module.track = *(struct wpp_ko_track *)arg;
		return answer(module.track_err);
	case WPP_KO_IOC_UNTRACK:
		module.nr_untrack++;
		return answer(module.untrack_err);
	case WPP_KO_IOC_PERSIST:
		return persist(arg);
	default:
		return answer(ENOTTY);
	}
}

static void tracks(const struct place *p, const char *pid, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/%s", p->dir, pid);
	f = __real_fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *my_pid(void)
{
	static char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	return pid;
}

static int load(void **state)
{
	struct place *p;
	char path[200];

	if (place_setup(state))
		return -1;
	p = *state;
	memset(&module, 0, sizeof(module));
	module.dir = p->dir;
	module.abi = WPP_KO_ABI;
	snprintf(path, sizeof(path), "%s/proc", p->dir);
	if (mkdir(path, 0700))
		return -1;
	snprintf(path, sizeof(path), "%s/wpp", p->dir);
	close(__real_open(path, O_CREAT | O_WRONLY, 0600));
	snprintf(path, sizeof(path), "%s/wpp-trigger", p->dir);
	close(__real_open(path, O_CREAT | O_WRONLY, 0600));
	return wpp_conf_set(p->conf, "wpp", "backend", "module", NULL);
}

/* ---- Tests ---- */

static void not_loaded(void **state)
{
	struct place *p = *state;
	struct wppc_module_state what;
	struct wppc_tracked one, *all;
	bool tracked = true;
	size_t nr;

	module.dir = NULL;
	assert_true(wppc_module_is_used(p->conf));
	wppc_module_examine(&what);
	assert_false(what.loaded);
	assert_int_equal(wppc_track_list(p->conf, &all, &nr), 0);
	assert_int_equal(nr, 0);
	assert_int_equal(wppc_track_find(p->conf, "x", &one), WPP_ENOENT);
	assert_int_equal(wppc_module_tracks(getpid(), &tracked), 0);
	assert_false(tracked);
	assert_int_equal(wppc_module_untrack("x"), 0);
	assert_int_equal(wppc_module_track(p->conf, "x", getpid(), false), WPP_ENOENT);
	assert_int_equal(wppc_module_trigger(), WPP_ENOENT);
}

static void state_of_the_module(void **state)
{
	struct wppc_module_state what;

	(void)state;
	wppc_module_examine(&what);
	assert_true(what.loaded && !what.abi_err && !what.medium_err);
	module.medium_err = ENODEV;
	wppc_module_examine(&what);
	assert_int_equal(what.medium_err, -ENODEV);
	module.abi = WPP_KO_ABI + 1;
	wppc_module_examine(&what);
	assert_int_equal(what.abi, WPP_KO_ABI + 1);
	assert_int_equal(what.medium_err, 0);
}

static void tracking_by_the_configuration(void **state)
{
	struct place *p = *state;

	assert_int_equal(wppc_track_add(p->conf, "x", 42, false), 0);
	assert_int_equal(module.track.pid, 42);
	assert_string_equal(module.track.image, "x");
	assert_int_equal(module.track.flags, 0);
	assert_int_equal(wppc_track_add(p->conf, "x", 42, true), 0);
	assert_int_equal(module.track.flags, WPP_KO_TRACK_INHERIT);
	module.track_err = ENODEV;
	assert_int_equal(wppc_track_add(p->conf, "x", 42, true), -ENODEV);
	module.track_err = ESRCH;
	assert_int_equal(wppc_track_add(p->conf, "x", 42, true), WPP_ENOENT);
	assert_int_equal(place_has_entry(p, "x"), 0);
}

static void list_is_what_the_module_says(void **state)
{
	struct place *p = *state;
	struct wppc_tracked one, *all;
	size_t nr;

	tracks(p, my_pid(), "tracked\nimage: me\nregions: 7\n");
	tracks(p, "2147483647", "tracked\nimage: gone\n");
	tracks(p, "99999999999999999999", "tracked\nimage: huge\n");
	tracks(p, "stats", "image: stats\n");
	assert_int_equal(wppc_track_list(p->conf, &all, &nr), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(all[0].name, "me");
	assert_int_equal(all[0].pid, getpid());
	assert_true(all[0].start_time > 0);
	free(all);
	assert_int_equal(wppc_track_find(p->conf, "me", &one), 0);
	assert_int_equal(wppc_track_find(p->conf, "gone", &one), WPP_ENOENT);
	tracks(p, my_pid(), "");
	assert_int_equal(wppc_track_find(p->conf, "me", &one), WPP_ENOENT);
}

static void a_list_that_can_not_be_read(void **state)
{
	struct place *p = *state;
	struct wppc_tracked *all;
	char path[200];
	size_t nr;

	snprintf(path, sizeof(path), "%s/proc", p->dir);
	assert_int_equal(rmdir(path), 0);
	close(__real_open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(wppc_track_list(p->conf, &all, &nr), -ENOTDIR);
	assert_int_equal(nr, 0);
	assert_null(all);
}

static void count_line(void *arg, const char *key, const char *value)
{
	char *text = arg;

	snprintf(text + strlen(text), 200 - strlen(text), "%s=%s;", key, value);
}

static void live_lines(void **state)
{
	struct place *p = *state;
	char text[200] = "";

	assert_int_equal(wppc_module_live(getpid(), count_line, text), WPP_ENOENT);
	tracks(p, my_pid(), "mark: no key\nmode: walk\nno colon\npages: 12\nodd: a: b\nlast: x");
	assert_int_equal(wppc_module_live(getpid(), count_line, text), 0);
	assert_string_equal(text, "mode=walk;pages=12;odd=a: b;last=x;");
}

/* ---- Saving ---- */

struct heard {
	char text[400];
};

static void on_note(void *arg, const struct wpp_note *note)
{
	struct heard *h = arg;
	size_t len = strlen(h->text);

	snprintf(h->text + len, sizeof(h->text) - len, "%d %s|%s;", note->kind, note->name,
		 note->text);
}

static int save(const struct place *p, uint32_t flags, struct heard *h, struct wpp_persisted *done)
{
	struct wpp_report report = { .note = on_note, .arg = h };
	struct wpp_persist how = { .size = sizeof(how), .flags = flags, .report = &report };

	h->text[0] = '\0';
	return wppc_module_persist(p->conf, "me", getpid(), &how, done);
}

static void who_is_tracked_is_saved(void **state)
{
	struct wpp_persisted done = { 0 };
	struct place *p = *state;
	struct heard h;

	tracks(p, my_pid(), "tracked\nimage: me\n");
	module.notes = "room: one gave way\nno sentence\n";
	assert_int_equal(save(p, 0, &h, &done), 0);
	assert_string_equal(h.text, "4 room|one gave way;");
	assert_true(done.generation == 7 && done.nr_pages == 3 && done.nr_written == 2);
	assert_int_equal(module.persist.flags, 0);
	assert_int_equal(module.nr_track + module.nr_untrack, 0);
	assert_int_equal(save(p, WPP_PERSIST_KILL, &h, &done), 0);
	assert_int_equal(module.persist.flags, WPP_KO_PERSIST_KILL);
}

static void who_is_not_is_tracked_for_it(void **state)
{
	struct wpp_persisted done = { 0 };
	struct place *p = *state;
	struct heard h;

	assert_int_equal(save(p, 0, &h, &done), 0);
	assert_int_equal(module.nr_track, 1);
	assert_int_equal(module.nr_untrack, 1);
	assert_string_equal(module.track.image, "me");
	assert_int_equal(save(p, WPP_PERSIST_KILL, &h, &done), 0);
	assert_int_equal(module.nr_untrack, 1); /* it is gone */
	module.untrack_err = EPERM;
	assert_int_equal(save(p, 0, &h, &done), 0);
	assert_non_null(strstr(h.text, "5 untrack|"));
	module.track_err = EPERM;
	assert_int_equal(save(p, 0, &h, &done), WPP_EPERM);
	assert_int_equal(module.nr_persist, 3);
}

static void what_the_module_refuses(void **state)
{
	static const struct {
		int says, means;
	} errors[] = {
		{ EREMOTEIO, WPP_EREFUSED },  { EUCLEAN, WPP_ECORRUPT },
		{ EMEDIUMTYPE, WPP_EFORMAT }, { ETIME, WPP_EWINDOW },
		{ EACCES, WPP_EPERM },	      { ESRCH, WPP_ENOENT },
		{ EMFILE, -EMFILE },
	};
	struct wpp_persisted done = { 0 };
	struct place *p = *state;
	struct heard h;

	tracks(p, my_pid(), "tracked\nimage: me\n");
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		module.err = errors[i].says;
		assert_int_equal(save(p, 0, &h, &done), errors[i].means);
	}
	module.err = EREMOTEIO;
	module.notes = "bpf: fd 3 is one\nkvm: so is this";
	assert_int_equal(save(p, 0, &h, &done), WPP_EREFUSED);
	assert_string_equal(h.text, "1 bpf|fd 3 is one;1 kvm|so is this;");
}

static void what_it_can_not_do_is_not_asked(void **state)
{
	static const char *const lossy[] = { "bpf", NULL };
	struct wpp_persist how = { .size = sizeof(how), .allow_lossy = lossy };
	struct wpp_persisted done = { 0 };
	struct place *p = *state;

	assert_int_equal(wppc_module_persist(p->conf, "me", getpid(), &how, &done), WPP_EINVAL);
	how = (struct wpp_persist){ .size = sizeof(how), .flags = WPP_PERSIST_NO_SYNC };
	assert_int_equal(wppc_module_persist(p->conf, "me", getpid(), &how, &done), WPP_EINVAL);
	assert_int_equal(module.nr_track + module.nr_persist, 0);
}

static void trigger_writes_the_magic(void **state)
{
	struct place *p = *state;
	char path[200], text[16] = "";
	int fd;

	assert_int_equal(wppc_module_trigger(), 0);
	snprintf(path, sizeof(path), "%s/wpp-trigger", p->dir);
	fd = __real_open(path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text) - 1), 3);
	close(fd);
	assert_string_equal(text, "10\n");
}

#define LOADED(test) cmocka_unit_test_setup_teardown(test, load, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOADED(not_loaded),
		LOADED(state_of_the_module),
		LOADED(tracking_by_the_configuration),
		LOADED(list_is_what_the_module_says),
		LOADED(a_list_that_can_not_be_read),
		LOADED(live_lines),
		LOADED(who_is_tracked_is_saved),
		LOADED(who_is_not_is_tracked_for_it),
		LOADED(what_the_module_refuses),
		LOADED(what_it_can_not_do_is_not_asked),
		LOADED(trigger_writes_the_magic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
