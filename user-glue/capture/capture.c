/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Saving a tree: check, freeze, ask, collect, copy, commit, let go. */
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

#include <wpp/sized.h>
#include <wpp/tree.h>

#include "capture/capture.h"
#include "memory/memory.h"
#include "state/state.h"
#include "stop/stop.h"

/* Sizes of the first release. */
#define PERSIST_SIZE   WPP_SIZE_UPTO(struct wpp_persist, report)
#define PERSISTED_SIZE WPP_SIZE_UPTO(struct wpp_persisted, sync_ns)
#define PERSIST_FLAGS  (WPP_PERSIST_KILL | WPP_PERSIST_NO_SYNC)

struct wpp_tree {
	struct tree t;
	char image[WPP_IMAGE_NAME_MAX + 1];
};

/* ---- Beginning and end ---- */

static int take_how(struct tree *t, const struct wpp_persist *theirs)
{
	struct wpp_persist how = { 0 };
	int err = theirs ? wpp_sized_in(&how, sizeof(how), theirs, PERSIST_SIZE) : 0;

	if (err || how.flags & ~(uint32_t)PERSIST_FLAGS)
		return WPP_EINVAL;
	t->go_on = !(how.flags & WPP_PERSIST_KILL);
	t->no_sync = how.flags & WPP_PERSIST_NO_SYNC;
	t->notes.report = how.report;
	t->notes.allow_lossy = how.allow_lossy;
	return 0;
}

int wpp_tree_begin(struct wpp_store *st, const char *image, const struct wpp_persist *how,
		   struct wpp_tree **out)
{
	struct wpp_tree *tree;
	int err;

	*out = NULL;
	if (strlen(image) > WPP_IMAGE_NAME_MAX)
		return WPP_EINVAL;
	tree = calloc(1, sizeof(*tree));
	if (!tree)
		return WPP_ENOMEM;
	tree->t.store = st;
	strcpy(tree->image, image);
	err = take_how(&tree->t, how);
	if (err)
		free(tree);
	else
		*out = tree;
	return err;
}

static int member_init(struct member *m, struct tree *t, pid_t pid)
{
	*m = (struct member){ .tree = t, .pid = pid, .mem = -1 };
	m->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (m->pidfd < 0)
		return errno == ESRCH || errno == EINVAL ? WPP_ENOENT : -errno;
	m->space = wppr_ids_space(&t->ids);
	if (m->space)
		return 0;
	close(m->pidfd);
	return WPP_ENOSPC;
}

int wpp_tree_add(struct wpp_tree *tree, pid_t pid)
{
	struct tree *t = &tree->t;
	struct member *grown;
	int err;

	if (pid <= 0)
		return WPP_EINVAL;
	if (t->nr_members) { /* I10: what could not come back is not saved */
		wppi_note(&t->notes, WPP_NOTE_REFUSED, "children",
			  "process %d would be a second one: an image of several can't be "
			  "recreated yet",
			  (int)pid);
		return WPP_EREFUSED;
	}
	grown = realloc(t->members, (t->nr_members + 1) * sizeof(*grown));
	if (!grown)
		return WPP_ENOMEM;
	t->members = grown;
	err = member_init(&grown[t->nr_members], t, pid);
	if (!err)
		t->nr_members++;
	return err;
}

static void member_reset(struct member *m)
{
	for (const struct capture_class *const *c = wppi_capture_classes; *c; c++) {
		if ((*c)->done)
			(*c)->done(m);
	}
	if (m->mem >= 0)
		close(m->mem);
	m->mem = -1;
}

/* What one save has made; the members stay. */
static void tree_reset(struct tree *t)
{
	struct member *m;

	wppi_for_members(m, t)
		member_reset(m);
	wppi_memobjs_free(t);
	wppi_copy_free(t);
	wppi_buf_free(&t->pcb);
	wppi_buf_free(&t->regions);
	wppi_buf_free(&t->notes.lossy);
	t->notes.nr_refused = 0;
}

void wpp_tree_finish(struct wpp_tree *tree)
{
	if (!tree)
		return;
	tree_reset(&tree->t);
	for (size_t i = 0; i < tree->t.nr_members; i++)
		close(tree->t.members[i].pidfd);
	free(tree->t.members);
	free(tree);
}

/* ---- Over all members ---- */

static int for_members(struct tree *t, int (*run)(struct member *m))
{
	struct member *m;
	int err = 0;

	wppi_for_members(m, t)
		err = err ? err : run(m);
	return err;
}

static int refused_any(struct tree *t)
{
	return t->notes.nr_refused ? WPP_EREFUSED : 0;
}

/* ---- Check ---- */

static int check_member(struct member *m)
{
	int err = wppi_check_process(m);

	for (const struct capture_class *const *c = wppi_capture_classes; !err && *c; c++) {
		if ((*c)->check)
			err = (*c)->check(m);
	}
	return err;
}

static int check(struct tree *t)
{
	int err = for_members(t, check_member);

	wppi_memobjs_free(t); /* files may come and go until all are stopped */
	return err ? err : refused_any(t);
}

int wpp_tree_check(struct wpp_tree *tree)
{
	struct tree *t = &tree->t;
	int err = t->nr_members ? check(t) : WPP_EINVAL;

	tree_reset(t);
	return err;
}

/* ---- Collect ---- */

/* The right to trace is known, and the program won't change any more. */
static int open_memory(struct member *m)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)m->pid);
	m->mem = open(path, O_RDWR | O_CLOEXEC);
	return m->mem < 0 ? -errno : 0;
}

static int ask_thread(struct member *m, struct thread *thread)
{
	int err = 0;

	wppi_script_init(&thread->asked);
	for (const struct capture_class *const *c = wppi_capture_classes; !err && *c; c++) {
		if ((*c)->ask)
			err = (*c)->ask(m, thread, &thread->asked);
	}
	return err ? err : wppi_ask(m, thread);
}

static int ask_member(struct member *m)
{
	int err = 0;

	for (size_t i = 0; !err && i < m->nr_threads; i++)
		err = ask_thread(m, &m->threads[i]);
	return err;
}

static void record_machine(struct tree *t)
{
	const struct member *root = &t->members[0];
	const struct arch_vector *vector = &root->threads[0].vector;
	struct wpp_rec_machine rec = {
		.arch = wppi_arch(),
		.page_size = wppi_page_size(),
		.xcr0 = wppi_arch_vector_features(vector),
		.xsave_len = vector->len,
		.realtime_ns = wppi_now_ns(CLOCK_REALTIME),
	};
	struct utsname uts;

	wppi_clocks_of(root->pid, &rec.monotonic_ns, &rec.boottime_ns);
	wppi_boot_id(&rec.boot_id_hi, &rec.boot_id_lo);
	uname(&uts);
	WPPI_REC(&t->pcb, MACHINE, 0, 0, &rec, uts.release, strlen(uts.release));
}

static int collect_member(struct member *m)
{
	int err = 0;

	for (const struct capture_class *const *c = wppi_capture_classes; !err && *c; c++) {
		if ((*c)->collect)
			err = (*c)->collect(m);
	}
	return err;
}

static int collect_records(struct tree *t)
{
	int err = for_members(t, ask_member);

	if (err)
		return err;
	record_machine(t);
	err = for_members(t, collect_member);
	if (err)
		return err;
	wppi_memobj_records(t);
	if (t->notes.lossy.len)
		wppi_buf_add(&t->pcb, t->notes.lossy.data, t->notes.lossy.len);
	if (t->pcb.failed || t->regions.failed || t->notes.lossy.failed)
		return WPP_ENOMEM;
	return refused_any(t);
}

/* ---- Save ---- */

static int read_registers(struct tree *t)
{
	return for_members(t, wppi_threads_read);
}

static int open_memories(struct tree *t)
{
	return for_members(t, open_memory);
}

static int list_mappings(struct tree *t)
{
	int err = for_members(t, wppi_regions_refresh);

	wppi_memobjs_free(t);
	return err;
}

static int look_at_threads(struct tree *t)
{
	return for_members(t, wppi_check_frozen);
}

static int sync_files(struct tree *t)
{
	uint64_t start = wppi_now_ns(CLOCK_MONOTONIC);
	int err = t->no_sync ? 0 : for_members(t, wppi_files_sync);

	t->sync_ns = wppi_now_ns(CLOCK_MONOTONIC) - start;
	return err;
}

/* What is done to frozen processes before their pages are copied. */
static const struct {
	const char *what;
	int (*run)(struct tree *t);
} steps[] = {
	{ "open its memory", open_memories },		{ "read its registers", read_registers },
	{ "list its mappings", list_mappings },		{ "look at its threads", look_at_threads },
	{ "do without what was refused", refused_any }, { "make its files durable", sync_files },
	{ "collect its state", collect_records },
};

static int note_failure(struct tree *t, const char *what, int err)
{
	if (err && err != WPP_EREFUSED)
		wppi_note(&t->notes, WPP_NOTE_ERROR, "persist", "can't %s: %s", what,
			  err > -4096 ? strerror(-err) : wpp_strerror(err));
	return err;
}

/*
 * Those that go on run again as soon as their pages are in our hands; one that is killed must not
 * do anything that its image does not know.
 */
static void let_go(struct tree *t)
{
	if (t->go_on)
		wppi_thaw(t);
}

static int save_frozen(struct tree *t, struct wpp_writer *w)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++)
		err = note_failure(t, steps[i].what, steps[i].run(t));
	if (err)
		return err;
	err = wpp_writer_stream(w, WPP_STREAM_PCB, t->pcb.data, t->pcb.len);
	if (!err)
		err = wpp_writer_stream(w, WPP_STREAM_REGIONS, t->regions.data, t->regions.len);
	if (!err)
		err = wppi_pages_copy(t, let_go);
	return note_failure(t, "save it", err);
}

static int freeze_and_save(struct tree *t, struct wpp_writer *w, struct wpp_persisted *done)
{
	int err = wppi_copy_prepare(t, w);

	if (!err)
		err = note_failure(t, "stop it", wppi_freeze(t));
	if (!err)
		err = save_frozen(t, w);
	if (err)
		wpp_writer_abort(w);
	else
		err = wpp_writer_commit(w, wppi_now_ns(CLOCK_REALTIME), &done->generation);
	done->durable_ns = wppi_now_ns(CLOCK_MONOTONIC) - t->called_ns;
	if (err || t->go_on)
		wppi_thaw(t);
	else
		wppi_kill(t);
	return err;
}

static void tell(const struct tree *t, struct wpp_persisted *done)
{
	const struct member *m;

	wppi_for_members(m, t) {
		done->nr_regions += m->vmas.nr;
		done->nr_threads += m->nr_threads;
	}
	done->nr_pages = done->nr_written = t->nr_pages;
	done->sync_ns = t->sync_ns;
	done->frozen_ns = t->frozen_ns;
}

struct job {
	struct tree *t;
	const char *image;
	struct wpp_persisted *done;
	int err;
};

static void *persist(void *arg)
{
	struct job *job = arg;
	struct tree *t = job->t;
	struct wpp_writer *w;
	int err;

	wppi_urgency_raise();
	err = wppi_copy_begin(t);
	if (!err)
		err = check(t);
	if (!err && t->go_on)
		err = sync_files(t); /* so that little is left to do while it is stopped */
	if (!err)
		err = wppi_copy_await(t);
	if (!err)
		err = wppi_make_room(t, job->image);
	if (!err)
		err = wpp_writer_begin(t->store, job->image, WPP_WRITER_EMPTY, &w);
	if (!err)
		err = freeze_and_save(t, w, job->done);
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

int wpp_tree_save(struct wpp_tree *tree, struct wpp_persisted *done)
{
	struct wpp_persisted result = { 0 };
	struct tree *t = &tree->t;
	struct job job = { .t = t, .image = tree->image, .done = &result };
	int err;

	if (!t->nr_members || !t->store || (done && !wpp_sized_fits(done, PERSISTED_SIZE)))
		return WPP_EINVAL;
	t->called_ns = wppi_now_ns(CLOCK_MONOTONIC);
	err = persist_apart(&job);
	tell(t, &result);
	if (done)
		wpp_sized_out(done, &result, sizeof(result));
	tree_reset(t);
	return err;
}

/* ---- One process ---- */

int wpp_process_persist(struct wpp_store *st, const char *image, pid_t pid,
			const struct wpp_persist *how, struct wpp_persisted *done)
{
	struct wpp_tree *tree;
	int err = wpp_tree_begin(st, image, how, &tree);

	if (!err)
		err = wpp_tree_add(tree, pid);
	if (!err)
		err = wpp_tree_save(tree, done);
	wpp_tree_finish(tree);
	return err;
}

int wpp_process_check(pid_t pid, const struct wpp_persist *how)
{
	struct wpp_tree *tree;
	int err = wpp_tree_begin(NULL, "", how, &tree);

	if (!err)
		err = wpp_tree_add(tree, pid);
	if (!err)
		err = wpp_tree_check(tree);
	wpp_tree_finish(tree);
	return err;
}
