/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Jobs and images without the module: what is handed back, and what is tracked afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/images.h"
#include "control/jobs.h"

#include "place.h"

#define SKIP 77

/* ---- Start ---- */

/* The exit code of @program, or the error. @script: for a shell; NULL: without arguments. */
static int run(const struct place *p, const char *program, const char *script, bool keep_fds,
	       enum wppc_start_step *step)
{
	char *words[] = { strdup(program), script ? strdup("-c") : NULL,
			  script ? strdup(script) : NULL, NULL };
	struct wppc_start how = { .name = "prog", .words = words, .keep_fds = keep_fds };
	int err, status;
	pid_t pid;

	err = wppc_start(p->conf, &how, &pid, step);
	for (size_t i = 0; i < 3; i++)
		free(words[i]);
	if (err)
		return err;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void tracked_before_it_runs(void **state)
{
	static const char script[] =
		"read pid start <$WPP_RUN_DIR/prog && [ $pid = $$ ] && exit 42";
	struct place *p = *state;
	enum wppc_start_step step;

	assert_int_equal(run(p, "/bin/sh", script, false, &step), 42);
}

static void descriptors(void **state)
{
	static const char script[] = "[ -e /proc/self/fd/99 ]";
	struct place *p = *state;
	enum wppc_start_step step;
	int fd = open("/dev/null", O_RDONLY);

	assert_int_equal(dup2(fd, 99), 99);
	close(fd);
	assert_int_equal(run(p, "/bin/sh", script, false, &step), 1);
	assert_int_equal(run(p, "/bin/sh", script, true, &step), 0);
	close(99);
}

static void nothing_is_left(const struct place *p)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_false(place_has_entry(p, "prog"));
}

static void what_can_not_be_executed(void **state)
{
	struct place *p = *state;
	enum wppc_start_step step;

	assert_int_equal(run(p, "/no/such/program", NULL, false, &step), -ENOENT);
	assert_int_equal(step, WPPC_START_EXEC);
	nothing_is_left(p);
	assert_int_equal(run(p, "/etc/passwd", NULL, false, &step), -EACCES);
	nothing_is_left(p);
}

static void what_can_not_be_tracked_does_not_run(void **state)
{
	char command[120];
	struct place *p = *state;
	enum wppc_start_step step;
	char ran[100];

	snprintf(ran, sizeof(ran), "%s/ran", p->dir);
	snprintf(command, sizeof(command), "touch %s", ran);
	close(open(p->run, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(run(p, "/bin/sh", command, false, &step), WPP_EPERM);
	assert_int_equal(step, WPPC_START_TRACK);
	nothing_is_left(p);
	assert_int_not_equal(access(ran, F_OK), 0);
}

/* ---- Persist ---- */

static int save(const struct place *p, const struct wppc_tracked *one, uint32_t flags,
		struct wpp_persisted *done)
{
	struct wpp_persist how = { .size = sizeof(how), .flags = flags };
	struct wpp_media *media;
	int err;

	assert_int_equal(wppc_persist_open(p->conf, one->pid, &media, NULL), 0);
	err = wppc_persist(p->conf, media, one, &how, done);
	wpp_media_close(media);
	return err;
}

static struct wpp_media *look(const struct place *p)
{
	struct wpp_media *media;

	assert_int_equal(wpp_media_open(p->conf, WPP_MEDIA_RDONLY, &media, NULL), 0);
	return media;
}

static struct wppc_tracked track_child(const struct place *p, const char *name, int tied)
{
	struct wppc_tracked one;

	assert_int_equal(wppc_track_add(p->conf, name, place_child(tied), false), 0);
	assert_int_equal(wppc_track_find(p->conf, name, &one), 0);
	return one;
}

static void listed(const struct place *p, const struct wppc_tracked *child)
{
	struct wpp_media *media = look(p);
	struct wppc_image *rows;
	size_t nr;

	assert_int_equal(wppc_images_list(p->conf, wpp_media_store(media), &rows, &nr), 0);
	assert_int_equal(nr, 3);
	assert_string_equal(rows[0].name, "fresh");
	assert_int_equal(rows[0].gen.generation, 0);
	assert_int_equal(rows[0].pid, getpid());
	assert_true(rows[0].newest);
	assert_string_equal(rows[1].name, "worker");
	assert_int_equal(rows[1].gen.generation, 2);
	assert_int_equal(rows[1].pid, child->pid);
	assert_true(rows[1].newest);
	assert_int_equal(rows[2].gen.generation, 1);
	assert_false(rows[2].newest);
	free(rows);
	wpp_media_close(media);
}

static void saved_listed_and_gone(void **state)
{
	struct place *p = *state;
	struct wpp_persisted done;
	struct wppc_tracked child = track_child(p, "worker", 0), other;
	int status;

	assert_int_equal(save(p, &child, 0, &done), 0);
	assert_int_equal(done.generation, 1);
	assert_int_equal(wppc_track_find(p->conf, "worker", &other), 0);
	assert_int_equal(save(p, &child, 0, &done), 0);
	assert_int_equal(wppc_track_add(p->conf, "fresh", getpid(), false), 0);
	listed(p, &child);
	assert_int_equal(save(p, &child, WPP_PERSIST_KILL, &done), 0);
	assert_false(place_has_entry(p, "worker"));
	assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(save(p, &child, 0, &done), WPP_ENOENT);
}

static void on_verified(void *arg, const struct wpp_generation *gen, int err,
			const struct wpp_diag *diag)
{
	(void)gen;
	(void)diag;
	assert_int_equal(err, 0);
	++*(unsigned int *)arg;
}

static void images_are_found(void **state)
{
	struct place *p = *state;
	struct wpp_persisted done;
	struct wppc_tracked child = track_child(p, "worker", 0);
	struct wpp_generation gen, older;
	struct wpp_media *media;
	struct wpp_store *st;
	unsigned int nr = 0;

	assert_int_equal(save(p, &child, 0, &done), 0);
	assert_int_equal(save(p, &child, 0, &done), 0);
	place_end(child.pid);
	media = look(p);
	st = wpp_media_store(media);
	assert_int_equal(wppc_generation_find(st, "worker", 0, &gen), 0);
	assert_int_equal(gen.generation, 2);
	assert_int_equal(wppc_generation_older(st, &gen, &older), 0);
	assert_int_equal(older.generation, 1);
	assert_int_equal(wppc_generation_older(st, &older, &gen), WPP_ENOENT);
	assert_int_equal(wppc_generation_find(st, "worker", 3, &gen), WPP_ENOENT);
	assert_int_equal(wppc_generation_find(st, "ghost", 0, &gen), WPP_ENOENT);
	assert_int_equal(wppc_verify(st, NULL, on_verified, &nr), 0);
	assert_int_equal(nr, 2);
	assert_int_equal(wppc_verify(st, "ghost", on_verified, &nr), WPP_ENOENT);
	wpp_media_close(media);
}

static void a_view_has_its_records(void **state)
{
	struct place *p = *state;
	struct wpp_persisted done;
	struct wppc_tracked child = track_child(p, "worker", 0);
	struct wpp_rec_process process;
	struct wpp_diag diag = { 0 };
	struct wpp_media *media;
	struct wppc_view view;
	struct wpp_rec rec;

	assert_int_equal(save(p, &child, WPP_PERSIST_KILL, &done), 0);
	waitpid(child.pid, NULL, 0);
	media = look(p);
	assert_int_equal(wppc_view_open(wpp_media_store(media), "ghost", 0, &view, &diag),
			 WPP_ENOENT);
	assert_int_equal(view.gen.generation, 0);
	assert_int_equal(wppc_view_open(wpp_media_store(media), "worker", 0, &view, &diag), 0);
	assert_int_equal(view.gen.generation, 1);
	assert_int_equal(wppc_view_find(&view, WPP_REC_PROCESS, 0, &rec), 0);
	wpp_rec_get(&rec, (uint64_t *)&process, WPP_REC_NR(process));
	assert_int_equal(process.pid, child.pid);
	assert_int_equal(wppc_view_find(&view, WPP_REC_REGS, 1, &rec), WPP_ENOENT);
	assert_int_equal(wppc_export_core(&view, "/no/such/directory/core", NULL), -ENOENT);
	wppc_view_close(&view);
	wpp_media_close(media);
}

static void recreation_of_nothing(void **state)
{
	struct wpp_recreate how = { .size = sizeof(how) };
	struct place *p = *state;
	struct wppc_recreated out;
	struct wpp_media *media;

	assert_int_equal(wpp_media_open(p->conf, WPP_MEDIA_CREATE, &media, NULL), 0);
	assert_int_equal(wppc_recreate(p->conf, media, "ghost", &how, &out), WPP_ENOENT);
	assert_int_equal(out.gen.generation, 0);
	wpp_media_close(media);
}

/* ---- Trigger ---- */

struct told {
	unsigned int nr_begun, nr_saved, nr_refused, nr_notes;
};

static void on_note(void *arg, const struct wpp_note *note)
{
	struct told *t = arg;

	t->nr_notes += note->kind == WPP_NOTE_REFUSED;
}

static const struct wpp_report *on_begin(void *arg, const struct wppc_tracked *one)
{
	static struct wpp_report report;
	struct told *t = arg;

	(void)one;
	t->nr_begun++;
	report = (struct wpp_report){ .note = on_note, .arg = t };
	return &report;
}

static void on_saved(void *arg, const struct wppc_saved *one)
{
	struct told *t = arg;

	assert_false(one->together);
	if (!strcmp(one->process->name, "a-tied")) {
		assert_int_equal(one->err, WPP_EREFUSED);
		t->nr_refused++;
	} else {
		assert_int_equal(one->err, 0);
		assert_int_equal(one->done.generation, 1);
		t->nr_saved++;
	}
}

/* One that can't be saved stays as it is, and hinders nobody. */
static void all_are_saved_that_can_be(void **state)
{
	struct place *p = *state;
	struct told told = { 0 };
	struct wppc_trigger how = { .begin = on_begin, .saved = on_saved, .arg = &told };
	struct wppc_tracked tied = track_child(p, "a-tied", 1), b = track_child(p, "b", 0),
			    c = track_child(p, "c", 0);
	struct wpp_media_error why;
	size_t nr;

	/* room for what a sanitizer adds to us */
	assert_int_equal(wpp_conf_set(p->conf, "wpp", "size", "256M", NULL), 0);
	assert_int_equal(wppc_trigger(p->conf, &how, &nr, &why), WPP_EREFUSED);
	assert_string_equal(why.text, "");
	assert_int_equal(nr, 3);
	assert_int_equal(told.nr_begun, 3);
	assert_int_equal(told.nr_saved, 2);
	assert_int_equal(told.nr_refused, 1);
	assert_true(told.nr_notes > 0);
	assert_true(place_has_entry(p, "a-tied"));
	assert_false(place_has_entry(p, "b"));
	assert_false(place_has_entry(p, "c"));
	waitpid(b.pid, NULL, 0);
	waitpid(c.pid, NULL, 0);
	assert_int_equal(kill(tied.pid, 0), 0);
	place_end(tied.pid);
}

static void trigger_without_a_medium(void **state)
{
	struct place *p = *state;
	struct told told = { 0 };
	struct wppc_trigger how = { .begin = on_begin, .saved = on_saved, .arg = &told };
	struct wppc_tracked child = track_child(p, "worker", 0);
	struct wpp_media_error why;
	size_t nr;

	assert_int_equal(wpp_conf_set(p->conf, "wpp", "path", "/dev/null/medium", NULL), 0);
	assert_true(wppc_trigger(p->conf, &how, &nr, &why) < 0);
	assert_non_null(strstr(why.text, "/dev/null/medium"));
	assert_int_equal(told.nr_begun, 0);
	assert_true(place_has_entry(p, "worker"));
	place_end(child.pid);
}

static void trigger_of_nobody(void **state)
{
	struct place *p = *state;
	struct wppc_trigger how = { .begin = on_begin, .saved = on_saved };
	struct wpp_media_error why;
	size_t nr;

	assert_int_equal(wppc_trigger(p->conf, &how, &nr, &why), 0);
	assert_int_equal(nr, 0);
}

/* May we look into a child of ours? */
static bool may_persist(void)
{
	struct wpp_persist how = { .size = sizeof(how) };
	pid_t pid = place_child(0);
	int err = wpp_process_check(pid, &how);

	place_end(pid);
	return err != WPP_EPERM;
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(tracked_before_it_runs),    IN_PLACE(descriptors),
		IN_PLACE(what_can_not_be_executed),  IN_PLACE(what_can_not_be_tracked_does_not_run),
		IN_PLACE(saved_listed_and_gone),     IN_PLACE(images_are_found),
		IN_PLACE(a_view_has_its_records),    IN_PLACE(recreation_of_nothing),
		IN_PLACE(all_are_saved_that_can_be), IN_PLACE(trigger_without_a_medium),
		IN_PLACE(trigger_of_nobody),
	};

	if (!may_persist()) {
		puts("skipped: no right to ptrace a child");
		return SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
