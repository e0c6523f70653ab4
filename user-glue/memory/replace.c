/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The address space is replaced: the tool's goes, the image's comes. From here
 * on the new process runs scripts only; they lie in a hole that is free in
 * both layouts.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory/memory.h"

#define ROOM_MIN  (1ull << 30)		/* nothing of ours below: programs like low addresses */
#define ROOM_MAX  0x00007fffffff0000ull /* 47 bits: every kernel has these */
#define ROOM_STEP (2ull << 20)
#define BATCH	  128 /* descriptors in one message, below the kernel's 253 */

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define RSEQ_UNREGISTER 1

/* ---- The hole ---- */

struct range {
	uint64_t start, end;
};

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* The middle of the largest gap, so that both neighbours can grow. */
static uint64_t largest_gap(const struct range *r, size_t n)
{
	uint64_t from = ROOM_MIN, best = 0, best_len = 0;

	for (size_t i = 0; i <= n; i++) {
		uint64_t to = i < n && r[i].start < ROOM_MAX ? r[i].start : ROOM_MAX;

		if (to > from && to - from > best_len) {
			best_len = to - from;
			best = from;
		}
		if (i < n && r[i].end > from)
			from = r[i].end;
	}
	if (best_len < ROOM_LEN + 2 * ROOM_STEP)
		return 0;
	return (best + best_len / 2) & ~(ROOM_STEP - 1);
}

static int find_room(struct build *b, const struct vma_list *own)
{
	struct range *r = calloc(own->nr + b->nr_maps + 1, sizeof(*r));
	size_t n = 0;

	if (!r)
		return WPP_ENOMEM;
	for (size_t i = 0; i < own->nr; i++)
		r[n++] = (struct range){ own->v[i].start, own->v[i].end };
	for (size_t i = 0; i < b->nr_maps; i++)
		r[n++] = (struct range){ b->maps[i].start, b->maps[i].end };
	qsort(r, n, sizeof(*r), by_start);
	b->room = largest_gap(r, n);
	free(r);
	if (b->room)
		return 0;
	wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "recreate",
		  "the address space has no hole left");
	return WPP_ENOSPC;
}

static int map_area(struct build *b)
{
	const uint64_t arg[6] = { b->room,
				  AREA_LEN,
				  PROT_READ | PROT_WRITE | PROT_EXEC,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
				  (uint64_t)-1,
				  0 };
	uint64_t insn = wppi_script_insn(b->pid);
	int64_t ret;
	int err;

	if (!insn)
		return -ENOEXEC;
	err = wppi_script_one(b->pid, insn, &ret, SYS_mmap, arg);
	if (!err && ret != (int64_t)b->room)
		err = ret < 0 ? (int)ret : -EEXIST;
	if (err)
		return err;
	b->area.base = b->room;
	b->area.len = AREA_LEN;
	b->area.stepped = !b->trap_safe;
	return wppi_script_install(b->pid, &b->area);
}

/* ---- Out with the old ---- */

static void leave_rseq(struct build *b)
{
	struct {
		uint64_t pointer;
		uint32_t size, signature, flags, pad;
	} conf = { 0 };

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, b->pid, (void *)sizeof(conf), &conf) > 0 &&
	    conf.pointer)
		wppi_script_call(&b->s, 0, SYS_rseq, conf.pointer, conf.size, RSEQ_UNREGISTER,
				 conf.signature, 0, 0);
}

/* All below the hole and all above it: two calls, however many mappings the tool had. */
static void unmap_all(struct build *b, const struct vma_list *own)
{
	uint64_t low = own->v[0].start, high = own->v[own->nr - 1].end;
	uint64_t above = b->room + ROOM_LEN;

	if (low < b->room)
		wppi_script_call(&b->s, 0, SYS_munmap, low, b->room - low, 0, 0, 0, 0);
	if (high > above)
		wppi_script_call(&b->s, 0, SYS_munmap, above, high - above, 0, 0, 0, 0);
}

static int clear(struct build *b, const struct vma_list *own)
{
	int err = find_room(b, own);

	if (!err)
		err = map_area(b);
	if (!err)
		err = wppi_vdso_find(b, own);
	if (err)
		return err;
	leave_rseq(b);
	wppi_vdso_park(b);
	unmap_all(b, own);
	return wppi_build_run(b, "clearing the address space");
}

/* ---- Files, handed over ---- */

static int send_files(struct build *b, const int *index, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(BATCH * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (char[]){ 'f' }, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (size_t i = 0; i < n; i++)
		((int *)(void *)CMSG_DATA(c))[i] = b->files[index[i]].fd;
	return sendmsg(b->peer, &msg, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* The files get descriptors in the new process: lowest free numbers, for as long as needed. */
int wppi_files_give(struct build *b, const int *index, size_t n)
{
	const size_t space = CMSG_SPACE(BATCH * sizeof(int));
	struct msghdr msg = { .msg_iovlen = 1, .msg_controllen = space };
	struct iovec iov = { .iov_len = 1 };
	uint64_t m, v, control;
	const struct cmsghdr *c;
	int err = send_files(b, index, n);

	if (err)
		return err;
	control = wppi_script_data(&b->s, NULL, space);
	v = wppi_script_data(&b->s, &iov, sizeof(iov));
	m = wppi_script_data(&b->s, &msg, sizeof(msg));
	wppi_script_ref(&b->s, v, offsetof(struct iovec, iov_base), control);
	wppi_script_ref(&b->s, m, offsetof(struct msghdr, msg_iov), v);
	wppi_script_ref(&b->s, m, offsetof(struct msghdr, msg_control), control);
	wppi_script_call(&b->s, 0, SYS_recvmsg, (uint64_t)b->m->control, m, 0, 0, 0, 0);
	err = wppi_build_run_on(b, b->pid, "handing over files");
	c = wppi_script_result(&b->s, control);
	if (!err && c->cmsg_len != CMSG_LEN(n * sizeof(int)))
		err = -EMFILE;
	for (size_t i = 0; !err && i < n; i++)
		b->files[index[i]].remote = ((const int *)(const void *)CMSG_DATA(c))[i];
	wppi_script_free(&b->s);
	return err;
}

void wppi_files_take_back(struct build *b, const int *index, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		wppi_script_call(&b->s, 0, SYS_close, (uint64_t)b->files[index[i]].remote, 0, 0, 0,
				 0, 0);
		b->files[index[i]].remote = -1;
	}
}

/* ---- In with the new ---- */

/* Has the image pages of its own for this mapping? */
static int look_for_pages(struct build *b, struct mapping *m)
{
	struct wpp_run run;
	int err = wpp_reader_next(b->m->tree->reader, b->m->space, m->start / PLACE, 1, &run);

	m->filled = !err && run.page < m->end / PLACE;
	return err == WPP_ENOENT ? 0 : err;
}

static bool is_vdso(const struct build *b, const struct mapping *m)
{
	return m->start == b->vdso.rec.vdso && b->vdso.mode == VDSO_PATCH;
}

/* What it is mapped with until it is filled. */
static int first_prot(const struct build *b, const struct mapping *m)
{
	return m->filled || is_vdso(b, m) ? PROT_READ | PROT_WRITE : m->prot;
}

static int map_one(struct build *b, struct mapping *m)
{
	int fd = m->file >= 0 ? b->files[m->file].remote : -1;
	uint32_t flags = m->flags | MAP_FIXED_NOREPLACE;
	int err = look_for_pages(b, m);

	if (err)
		return err;
	if (m->kind == WPP_REGION_MEMOBJ && m->file < 0)
		fd = wppi_object_remote(b, m->object);
	if (m->kind == WPP_REGION_ANON || m->kind == WPP_REGION_SPECIAL)
		flags |= MAP_ANONYMOUS;
	else if (fd < 0)
		return WPP_ECORRUPT;
	wppi_script_call(&b->s, 0, SYS_mmap, m->start, m->end - m->start,
			 (uint64_t)first_prot(b, m), flags, (uint64_t)(int64_t)fd,
			 flags & MAP_ANONYMOUS ? 0 : m->off);
	if (m->advice & WPP_ADVICE_HUGEPAGE)
		wppi_script_call(&b->s, SCRIPT_MAY_FAIL, SYS_madvise, m->start, m->end - m->start,
				 MADV_HUGEPAGE, 0, 0, 0);
	return wppi_build_run_full(b, "mapping memory");
}

/* The vdso comes by other ways, unless its code is kept. */
static bool is_made(const struct build *b, const struct mapping *m)
{
	return m->kind != WPP_REGION_SPECIAL || b->vdso.mode == VDSO_PATCH;
}

static int map_files(struct build *b, const int *index, size_t n)
{
	int err = wppi_files_give(b, index, n);

	for (size_t i = 0; !err && i < b->nr_maps; i++) {
		struct mapping *m = &b->maps[i];

		if (m->file >= 0 && b->files[m->file].remote >= 0)
			err = map_one(b, m);
	}
	if (err)
		return err;
	wppi_files_take_back(b, index, n);
	return wppi_build_run(b, "mapping files");
}

static int map_all_files(struct build *b)
{
	int index[BATCH], err = 0;
	size_t n = 0;

	for (size_t i = 0; !err && i < b->nr_files; i++) {
		index[n++] = (int)i;
		if (n == BATCH || i + 1 == b->nr_files) {
			err = map_files(b, index, n);
			n = 0;
		}
	}
	return err;
}

int wppi_memory_replace(struct build *b)
{
	struct vma_list own;
	int err = wppi_vmas_read(b->pid, "maps", &own);

	if (err)
		return err;
	err = clear(b, &own);
	wppi_vmas_free(&own);
	if (!err)
		err = map_all_files(b);
	for (size_t i = 0; !err && i < b->nr_maps; i++) {
		struct mapping *m = &b->maps[i];

		if (m->file < 0 && is_made(b, m))
			err = map_one(b, m);
	}
	return err ? err : wppi_build_run(b, "mapping memory");
}

/* ---- What comes after the pages ---- */

static const struct {
	uint64_t advice;
	int madvise;
} advices[] = {
	{ WPP_ADVICE_DONTFORK, MADV_DONTFORK },	    { WPP_ADVICE_WIPEONFORK, MADV_WIPEONFORK },
	{ WPP_ADVICE_DONTDUMP, MADV_DONTDUMP },	    { WPP_ADVICE_MERGEABLE, MADV_MERGEABLE },
	{ WPP_ADVICE_NOHUGEPAGE, MADV_NOHUGEPAGE }, { WPP_ADVICE_SEQUENTIAL, MADV_SEQUENTIAL },
	{ WPP_ADVICE_RANDOM, MADV_RANDOM },
};

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

static void protect_one(struct build *b, const struct mapping *m)
{
	uint64_t len = m->end - m->start;

	if (first_prot(b, m) != m->prot)
		wppi_script_call(&b->s, 0, SYS_mprotect, m->start, len, (uint64_t)m->prot, 0, 0, 0);
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		if (m->advice & advices[i].advice)
			wppi_script_call(&b->s, SCRIPT_MAY_FAIL, SYS_madvise, m->start, len,
					 (uint64_t)advices[i].madvise, 0, 0, 0);
	}
	if (m->advice & (WPP_ADVICE_LOCKED | WPP_ADVICE_LOCKONFAULT))
		wppi_script_call(&b->s, SCRIPT_MAY_FAIL, SYS_mlock2, m->start, len,
				 m->advice & WPP_ADVICE_LOCKONFAULT ? MLOCK_ONFAULT : 0, 0, 0, 0);
	if (m->advice & WPP_ADVICE_SEALED)
		wppi_script_call(&b->s, SCRIPT_MAY_FAIL, SYS_mseal, m->start, len, 0, 0, 0, 0);
}

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

static int guard_all(struct build *b)
{
	struct rec_cursor c = wppi_own(b->m, WPP_REC_GUARD);
	struct wpp_rec_guard guard;
	struct wpp_rec rec;
	int err = 0;

	while (!err && wppi_rec_next(&c, &rec)) {
		WPPI_GET(&rec, &guard);
		wppi_script_call(&b->s, 0, SYS_madvise, guard.start, guard.len, MADV_GUARD_INSTALL,
				 0, 0, 0);
		err = wppi_build_run_full(b, "guarding memory");
	}
	return err;
}

int wppi_memory_protect(struct build *b)
{
	int err = guard_all(b);

	for (size_t i = 0; !err && i < b->nr_maps; i++) {
		if (is_made(b, &b->maps[i]))
			protect_one(b, &b->maps[i]);
		err = wppi_build_run_full(b, "protecting memory");
	}
	return err ? err : wppi_build_run(b, "protecting memory");
}
