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

#include "recreate/recreate_priv.h"

#define SIG_IGNORE 1

/* Must a SIGTRAP of the image stay untouched? */
static bool image_has_trap(const struct recreate *r)
{
	struct wpp_rec_sigaction act;
	struct wpp_rec_sigpending pending;
	struct wpp_rec rec;
	size_t pos = 0;

	while (wppi_recreate_next(r, WPP_REC_SIGACTION, &pos, &rec) == 0) {
		WPPI_GET(&rec, &act);
		if (rec.id == SIGTRAP && act.handler == SIG_IGNORE)
			return true;
	}
	pos = 0;
	while (wppi_recreate_next(r, WPP_REC_SIGPENDING, &pos, &rec) == 0) {
		WPPI_GET(&rec, &pending);
		if (pending.signo == SIGTRAP)
			return true;
	}
	return false;
}

static int prepare_classes(struct build *b)
{
	int err, first = 0;

	for (const struct recreate_class *const *c = wppi_recreate_classes; *c; c++) {
		err = (*c)->prepare ? (*c)->prepare(&b->r) : 0;
		if (err && err != WPP_EREFUSED)
			return err;
		first = first ? first : err;
	}
	return first;
}

/* All that can be known before anything is made. */
static int prepare(struct build *b, struct wpp_store *st, const char *image)
{
	int err = wppi_image_open(b, st, image), refused;

	if (!err)
		err = wppi_threads_prepare(b);
	if (err)
		return err;
	refused = wppi_regions_prepare(b);
	if (refused && refused != WPP_EREFUSED)
		return refused;
	err = prepare_classes(b);
	if (!err)
		err = refused;
	if (!err)
		err = wppi_vdso_prepare(b);
	if (!err)
		err = wppi_objects_make(b);
	b->trap_safe = !image_has_trap(&b->r);
	return err ? err : wppi_timens_prepare(b);
}

/* The process is stopped in its C code: from now on it runs scripts. */
static int take_over(struct build *b)
{
	uint64_t mask = ~0ull;

	if (b->trap_safe)
		mask &= ~(1ull << (SIGTRAP - 1));
	return ptrace(PTRACE_SETSIGMASK, b->pid, (void *)sizeof(mask), &mask) ? -errno : 0;
}

static int build(struct build *b)
{
	int err = wppi_process_start(b);

	if (!err)
		err = wppi_threads_check_free(b);
	if (!err)
		err = take_over(b);
	if (!err)
		err = wppi_memory_replace(b);
	if (!err)
		err = wppi_memory_fill(b);
	if (!err)
		err = wppi_memory_protect(b);
	if (!err)
		err = wppi_objects_seal(b);
	if (!err)
		err = wppi_vdso_place(b);
	if (!err)
		err = wppi_memory_finish(b);
	if (!err)
		err = wppi_threads_make(b);
	if (!err)
		err = wppi_threads_restore(b);
	return err ? err : wppi_threads_release(b);
}

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

static void release(struct build *b, bool failed)
{
	wppi_script_free(&b->s);
	if (b->peer >= 0)
		close(b->peer);
	if (b->uffd >= 0)
		close(b->uffd);
	wppi_objects_free(b, failed);
	wppi_regions_free(b);
	wppi_image_close(b);
	wppi_buf_free(&b->r.notes.lossy);
	free(b->threads);
}

static void take_how(struct build *b, const struct wpp_recreate *how)
{
	b->peer = -1;
	b->exe = -1;
	b->uffd = b->remote_uffd = -1;
	b->how = (struct wpp_recreate){ .size = sizeof(b->how), .stdio = { -1, -1, -1 } };
	if (how)
		memcpy(&b->how, how, how->size < sizeof(b->how) ? how->size : sizeof(b->how));
	b->r.how = &b->how;
	b->r.control = -1;
	b->r.notes.report = b->how.report;
	wppi_script_init(&b->s);
}

static void tell(const struct build *b, uint64_t started, struct wpp_recreated *done)
{
	*done = (struct wpp_recreated){
		.pid = b->pid,
		.generation = b->generation.generation,
		.nr_pages = b->nr_pages,
		.nr_threads = b->nr_threads,
		.first_instruction_ns = wppi_now_ns(CLOCK_MONOTONIC) - started,
		.read_ns = b->read_ns,
	};
}

int wpp_process_recreate(struct wpp_store *st, const char *image, const struct wpp_recreate *how,
			 struct wpp_recreated *done)
{
	uint64_t started = wppi_now_ns(CLOCK_MONOTONIC);
	struct build *b = calloc(1, sizeof(*b));
	int err;

	if (done)
		*done = (struct wpp_recreated){ 0 };
	if (!b)
		return WPP_ENOMEM;
	take_how(b, how);
	err = prepare(b, st, image);
	if (!err)
		err = build(b);
	if (err)
		destroy(b);
	else if (done)
		tell(b, started, done);
	release(b, err != 0);
	free(b);
	return err;
}
