/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp_process_persist(): check, freeze, ask, collect, copy, commit, let go. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "capture/capture.h"

/* Memory comes last: descriptors may add memory objects of their own. */
static const struct capture_class *const classes[] = {
	&wppi_capture_process, &wppi_capture_threads, &wppi_capture_signals,
	&wppi_capture_timers,  &wppi_capture_limits,  &wppi_capture_creds,
	&wppi_capture_sched,   &wppi_capture_files,   &wppi_capture_memory,
};
#define NR_CLASSES (sizeof(classes) / sizeof(classes[0]))

/* ---- Beginning and end ---- */

static int capture_init(struct capture *c, pid_t pid, const struct wpp_persist *how)
{
	memset(c, 0, sizeof(*c));
	c->pidfd = c->mem = -1;
	c->called_ns = wppi_now_ns(CLOCK_MONOTONIC);
	if (pid <= 0 || (how && how->size != sizeof(*how)))
		return WPP_EINVAL;
	c->pid = pid;
	c->mm_space = WPP_SPACE_FIRST;
	c->notes.task = (uint32_t)pid;
	c->go_on = !how || !(how->flags & WPP_PERSIST_KILL);
	if (how) {
		c->notes.report = how->report;
		c->notes.allow_lossy = how->allow_lossy;
		c->no_sync = how->flags & WPP_PERSIST_NO_SYNC;
	}
	c->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (c->pidfd >= 0)
		return 0;
	return errno == ESRCH || errno == EINVAL ? WPP_ENOENT : -errno;
}

static void capture_free(struct capture *c)
{
	for (size_t i = 0; i < NR_CLASSES; i++) {
		if (classes[i]->done)
			classes[i]->done(c);
	}
	for (size_t i = 0; i < c->nr_threads; i++) {
		free(c->threads[i].xsave);
		free(c->threads[i].status);
		wppi_script_free(&c->threads[i].asked);
	}
	free(c->threads);
	wppi_copy_free(c);
	wppi_buf_free(&c->pcb);
	wppi_buf_free(&c->regions);
	wppi_buf_free(&c->notes.lossy);
	if (c->mem >= 0)
		close(c->mem);
	if (c->pidfd >= 0)
		close(c->pidfd);
}

/* After the check: the right to trace is known, and the program won't change any more. */
static int open_memory(struct capture *c)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)c->pid);
	c->mem = open(path, O_RDWR | O_CLOEXEC);
	return c->mem < 0 ? -errno : 0;
}

static int refused(struct capture *c)
{
	return c->notes.nr_refused ? WPP_EREFUSED : 0;
}

/* ---- Check ---- */

static int check(struct capture *c)
{
	int err = wppi_check_process(c);

	for (size_t i = 0; !err && i < NR_CLASSES; i++) {
		if (classes[i]->check)
			err = classes[i]->check(c);
	}
	return err ? err : refused(c);
}

int wpp_process_check(pid_t pid, const struct wpp_persist *how)
{
	struct capture c;
	int err = capture_init(&c, pid, how);

	if (!err)
		err = check(&c);
	capture_free(&c);
	return err;
}

/* ---- Collect ---- */

static int ask_thread(struct capture *c, struct thread *t)
{
	int err = 0;

	wppi_script_init(&t->asked);
	for (size_t i = 0; !err && i < NR_CLASSES; i++) {
		if (classes[i]->ask)
			err = classes[i]->ask(c, t, &t->asked);
	}
	return err ? err : wppi_ask(c, t);
}

static void record_machine(struct capture *c)
{
	struct wpp_rec_machine rec = {
		.arch = WPP_ARCH_X86_64,
		.page_size = WPP_PAGE_SIZE,
		.xcr0 = wppi_xcr0(&c->threads[0]),
		.xsave_len = c->threads[0].xsave_len,
		.realtime_ns = wppi_now_ns(CLOCK_REALTIME),
	};
	struct utsname uts;

	wppi_clocks_of(c->pid, &rec.monotonic_ns, &rec.boottime_ns);
	wppi_boot_id(&rec.boot_id_hi, &rec.boot_id_lo);
	uname(&uts);
	WPPI_REC(&c->pcb, MACHINE, 0, 0, &rec, uts.release, strlen(uts.release));
}

static int collect(struct capture *c)
{
	int err = 0;

	for (size_t i = 0; !err && i < c->nr_threads; i++)
		err = ask_thread(c, &c->threads[i]);
	if (err)
		return err;
	record_machine(c);
	for (size_t i = 0; !err && i < NR_CLASSES; i++)
		err = classes[i]->collect(c);
	if (err)
		return err;
	wppi_memobj_records(c);
	if (c->notes.lossy.len)
		wppi_buf_add(&c->pcb, c->notes.lossy.data, c->notes.lossy.len);
	if (c->pcb.failed || c->regions.failed || c->notes.lossy.failed)
		return WPP_ENOMEM;
	return refused(c);
}

/* ---- Persist ---- */

static int sync_files(struct capture *c)
{
	uint64_t start = wppi_now_ns(CLOCK_MONOTONIC);
	int err = c->no_sync ? 0 : wppi_files_sync(c);

	c->sync_ns = wppi_now_ns(CLOCK_MONOTONIC) - start;
	return err;
}

/* What is done to a frozen process before its pages are copied. */
static const struct {
	const char *what;
	int (*run)(struct capture *c);
} steps[] = {
	{ "open its memory", open_memory },
	{ "read its registers", wppi_threads_read },
	{ "list its mappings", wppi_memory_refresh },
	{ "look at its threads", wppi_check_frozen },
	{ "do without what was refused", refused },
	{ "make its files durable", sync_files },
	{ "collect its state", collect },
};

static int note_failure(struct capture *c, const char *what, int err)
{
	if (err && err != WPP_EREFUSED)
		wppi_note(&c->notes, WPP_NOTE_ERROR, "persist", "can't %s: %s", what,
			  err > -4096 ? strerror(-err) : wpp_strerror(err));
	return err;
}

static int save_frozen(struct capture *c, struct wpp_writer *w, struct wpp_persisted *done)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++)
		err = note_failure(c, steps[i].what, steps[i].run(c));
	if (err)
		return err;
	err = wpp_writer_stream(w, WPP_STREAM_PCB, c->pcb.data, c->pcb.len);
	if (!err)
		err = wpp_writer_stream(w, WPP_STREAM_REGIONS, c->regions.data, c->regions.len);
	if (!err)
		err = wppi_pages_copy(c, &done->nr_pages);
	done->nr_written = done->nr_pages;
	done->nr_regions = c->vmas.nr;
	done->nr_threads = c->nr_threads;
	done->sync_ns = c->sync_ns;
	return note_failure(c, "save it", err);
}

/*
 * One that goes on runs again as soon as its pages are in our hands; one that is killed must not
 * do anything that its image does not know.
 */
static int freeze_and_save(struct capture *c, struct wpp_writer *w, struct wpp_persisted *done)
{
	int err = wppi_copy_prepare(c, w);

	if (!err)
		err = note_failure(c, "stop it", wppi_freeze(c));
	if (!err)
		err = save_frozen(c, w, done);
	if (err)
		wpp_writer_abort(w);
	else
		err = wpp_writer_commit(w, wppi_now_ns(CLOCK_REALTIME), &done->generation);
	done->durable_ns = wppi_now_ns(CLOCK_MONOTONIC) - c->called_ns;
	if (err || c->go_on)
		wppi_thaw(c);
	else
		wppi_kill(c);
	done->frozen_ns = c->frozen_ns;
	return err;
}

struct job {
	struct capture *c;
	struct wpp_store *st;
	const char *image;
	struct wpp_persisted *done;
	int err;
};

static void *persist(void *arg)
{
	struct job *job = arg;
	struct capture *c = job->c;
	struct wpp_writer *w;
	int err;

	wppi_urgency_raise();
	err = wppi_copy_begin(c, job->st);
	if (!err)
		err = check(c);
	if (!err && c->go_on)
		err = sync_files(c); /* so that little is left to do while it is stopped */
	if (!err)
		err = wppi_copy_await(c);
	if (!err)
		err = wppi_make_room(c, job->st, job->image);
	if (!err)
		err = wpp_writer_begin(job->st, job->image, WPP_WRITER_EMPTY, &w);
	if (!err)
		err = freeze_and_save(c, w, job->done);
	job->err = err;
	return NULL;
}

/*
 * In a thread of its own: the kernel detaches a tracer's threads when it ends, even one that hangs
 * in a device's I/O and could not be detached by hand; and the caller's priority is left alone.
 */
static int persist_apart(struct job *job)
{
	pthread_t thread;
	int err = wppi_urgent_thread(&thread, persist, job);

	if (err)
		return err;
	pthread_join(thread, NULL);
	return job->err;
}

int wpp_process_persist(struct wpp_store *st, const char *image, pid_t pid,
			const struct wpp_persist *how, struct wpp_persisted *done)
{
	struct wpp_persisted result = { 0 };
	struct capture c;
	struct job job = {
		.c = &c,
		.st = st,
		.image = image,
		.done = &result,
	};
	int err = capture_init(&c, pid, how);

	if (!err)
		err = persist_apart(&job);
	if (done)
		*done = result;
	capture_free(&c);
	return err;
}
