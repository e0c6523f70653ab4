/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The driver of recreation: what comes after what, and nothing left behind an error. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <wpp/sized.h>

#include "files/files.h"
#include "memory/memory.h"
#include "recreate/recreate.h"
#include "state/state.h"

#define SIG_IGNORE 1
/* Sizes of the first release. */
#define RECREATE_SIZE  WPP_SIZE_UPTO(struct wpp_recreate, report)
#define RECREATED_SIZE WPP_SIZE_UPTO(struct wpp_recreated, read_ns)
#define RECREATE_FLAGS (WPP_RECREATE_NEW_PID_NS | WPP_RECREATE_STOPPED | WPP_RECREATE_FILES_WARN)

/* ---- Before anything is made ---- */

/* Must a SIGTRAP of the image stay untouched? */
static bool image_has_trap(const struct build *b)
{
	struct wpp_rec_sigaction act;
	struct wpp_rec_sigpending pending;
	struct rec_cursor c = wppi_own(b->m, WPP_REC_SIGACTION);
	struct wpp_rec rec;

	while (wppi_rec_next(&c, &rec)) {
		WPPI_GET(&rec, &act);
		if (rec.id == SIGTRAP && act.handler == SIG_IGNORE)
			return true;
	}
	for (size_t i = 0; i < b->nr_threads; i++) {
		c = wppi_rec_all(&b->m->tree->in_pcb, b->threads[i].tid, WPP_REC_SIGPENDING);
		while (wppi_rec_next(&c, &rec)) {
			WPPI_GET(&rec, &pending);
			if (pending.signo == SIGTRAP)
				return true;
		}
	}
	return false;
}

/* All classes have their say, so that all that is refused is named. */
static int prepare_classes(struct member *m)
{
	int err, first = 0;

	for (const struct recreate_class *const *c = wppi_recreate_classes; *c; c++) {
		err = (*c)->prepare ? (*c)->prepare(m) : 0;
		if (err && err != WPP_EREFUSED)
			return err;
		first = first ? first : err;
	}
	return first;
}

static int begin_build(struct member *m)
{
	struct build *b = calloc(1, sizeof(*b));

	if (!b)
		return WPP_ENOMEM;
	b->m = m;
	b->peer = -1;
	b->exe = -1;
	b->uffd = b->remote_uffd = -1;
	wppi_script_init(&b->s);
	m->build = b;
	return 0;
}

static int prepare_member(struct member *m)
{
	int err = begin_build(m), refused;
	struct build *b = m->build;

	if (!err)
		err = wppi_threads_prepare(b);
	if (err)
		return err;
	refused = wppi_regions_prepare(b);
	if (refused && refused != WPP_EREFUSED)
		return refused;
	err = prepare_classes(m);
	if (!err)
		err = refused;
	if (!err)
		err = wppi_vdso_prepare(b);
	b->trap_safe = !image_has_trap(b);
	return err;
}

static int prepare_objects(struct member *m)
{
	m->build->remote = calloc(m->tree->nr_objs + 1, sizeof(*m->build->remote));
	return m->build->remote ? wppi_objects_reopen(m->build) : WPP_ENOMEM;
}

static int for_members(struct tree *t, int (*run)(struct member *m))
{
	struct member *m;
	int err = 0;

	wppi_for_members(m, t)
		err = err ? err : run(m);
	return err;
}

/* All that can be known before a process is made. */
static int prepare(struct tree *t, const char *image)
{
	int err = wppi_image_open(t, image);

	if (!err)
		err = for_members(t, prepare_member);
	if (!err)
		err = wppi_objects_make(t);
	if (!err)
		err = for_members(t, prepare_objects);
	return err ? err : wppi_timens_prepare(t);
}

/* ---- Building ---- */

/* The process is stopped in its C code: from now on it runs scripts. */
static int take_over(struct build *b)
{
	uint64_t mask = ~0ull;

	if (b->trap_safe)
		mask &= ~(1ull << (SIGTRAP - 1));
	return ptrace(PTRACE_SETSIGMASK, b->pid, (void *)sizeof(mask), &mask) ? -errno : 0;
}

static int build_memory(struct build *b)
{
	int err = wppi_memory_replace(b);

	if (!err)
		err = wppi_memory_fill(b);
	if (!err)
		err = wppi_memory_protect(b);
	if (!err)
		err = wppi_objects_seal(b->m->tree);
	if (!err)
		err = wppi_vdso_place(b);
	if (!err)
		err = wppi_memory_finish(b);
	return err ? err : wppi_locks_again(b);
}

static int restore_thread(struct build *b, const struct new_thread *t)
{
	int err = 0;

	for (const struct recreate_class *const *c = wppi_recreate_classes; !err && *c; c++) {
		if ((*c)->last)
			err = (*c)->last(b->m, t->tid, &b->s);
	}
	if (!err)
		err = wppi_build_run_on(b, t->outer, "restoring a thread");
	for (const struct recreate_class *const *c = wppi_recreate_classes; !err && *c; c++) {
		if ((*c)->done)
			(*c)->done(b->m, t->tid, &b->s);
	}
	wppi_script_free(&b->s);
	return err;
}

/* The leader's last: its calls may take away rights that the others need. */
static int restore_threads(struct build *b)
{
	int err = 0;

	for (size_t i = b->nr_threads; !err && i-- > 0;)
		err = restore_thread(b, &b->threads[i]);
	return err;
}

static int build_member(struct member *m)
{
	struct build *b = m->build;
	int err = wppi_process_start(b);

	if (!err)
		err = wppi_threads_check_free(b);
	if (!err)
		err = take_over(b);
	if (!err)
		err = build_memory(b);
	if (!err)
		err = wppi_threads_make(b);
	return err ? err : restore_threads(b);
}

static int release_member(struct member *m)
{
	return wppi_threads_release(m->build);
}

/* ---- The end ---- */

/* Traced threads must be reaped one by one before their leader can be. */
static void destroy(struct build *b)
{
	if (!b->pid)
		return;
	kill(b->pid, SIGKILL);
	for (size_t i = 1; i < b->nr_threads; i++) {
		while (b->threads[i].outer && waitpid(b->threads[i].outer, NULL, __WALL) > 0)
			;
	}
	while (waitpid(b->pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

static void free_build(struct build *b)
{
	wppi_script_free(&b->s);
	if (b->peer >= 0)
		close(b->peer);
	if (b->uffd >= 0)
		close(b->uffd);
	wppi_regions_free(b);
	free(b->remote);
	free(b->threads);
	free(b);
}

static void free_tree(struct tree *t, bool failed)
{
	struct member *m;

	wppi_for_members(m, t) {
		if (m->build && failed)
			destroy(m->build);
		if (m->build)
			free_build(m->build);
	}
	if (failed)
		wppi_objects_unmake(t);
	wppi_memobjs_free(t);
	wppi_image_close(t);
	free(t->members);
	free(t);
}

static int take_how(struct tree *t, const struct wpp_recreate *how)
{
	int err = 0;

	t->how = (struct wpp_recreate){ .size = sizeof(t->how), .stdio = { -1, -1, -1 } };
	if (how)
		err = wpp_sized_in(&t->how, sizeof(t->how), how, RECREATE_SIZE);
	if (err || t->how.flags & ~(uint32_t)RECREATE_FLAGS)
		return WPP_EINVAL;
	t->notes.report = t->how.report;
	return 0;
}

static void tell(const struct tree *t, uint64_t started, struct wpp_recreated *done)
{
	const struct member *m;

	*done = (struct wpp_recreated){
		.size = sizeof(*done),
		.pid = t->members[0].build->pid,
		.generation = t->generation.generation,
		.nr_pages = t->nr_pages,
		.first_instruction_ns = wppi_now_ns(CLOCK_MONOTONIC) - started,
		.read_ns = t->read_ns,
	};
	wppi_for_members(m, t)
		done->nr_threads += m->build->nr_threads;
}

int wpp_process_recreate(struct wpp_store *st, const char *image, const struct wpp_recreate *how,
			 struct wpp_recreated *done)
{
	uint64_t started = wppi_now_ns(CLOCK_MONOTONIC);
	struct wpp_recreated result = { 0 };
	struct tree *t;
	int err;

	if (done && !wpp_sized_fits(done, RECREATED_SIZE))
		return WPP_EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return WPP_ENOMEM;
	t->store = st;
	err = take_how(t, how);
	if (!err)
		err = prepare(t, image);
	if (!err)
		err = for_members(t, build_member);
	if (!err)
		err = for_members(t, release_member);
	if (!err)
		tell(t, started, &result);
	if (done)
		wpp_sized_out(done, &result, sizeof(result));
	free_tree(t, err != 0);
	return err;
}
