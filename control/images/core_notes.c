/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The notes of a core file: process, threads with registers, auxv, mapped files. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#include "control/images/core_file.h"

#define NOTES_MAX (64u << 20)

static int make_room(struct wppc_core *c, size_t size)
{
	size_t cap = (c->notes_len + size) * 2;
	uint8_t *bigger;

	if (c->notes_len + size > NOTES_MAX)
		return WPP_ENOSPC;
	if (c->notes_len + size <= c->notes_cap)
		return 0;
	bigger = realloc(c->notes, cap);
	if (!bigger)
		return WPP_ENOMEM;
	c->notes = bigger;
	c->notes_cap = cap;
	return 0;
}

static int note_add(struct wppc_core *c, uint32_t type, const char *owner, const void *data,
		    size_t len)
{
	Elf64_Nhdr head = { .n_namesz = (uint32_t)strlen(owner) + 1,
			    .n_descsz = (uint32_t)len,
			    .n_type = type };
	size_t name_len = (head.n_namesz + 3u) & ~3u;
	size_t size = sizeof(head) + name_len + ((len + 3) & ~(size_t)3);
	int err = len > NOTES_MAX ? WPP_ENOSPC : make_room(c, size);
	uint8_t *p;

	if (err)
		return err;
	p = c->notes + c->notes_len;
	memset(p, 0, size);
	memcpy(p, &head, sizeof(head));
	memcpy(p + sizeof(head), owner, head.n_namesz);
	if (len)
		memcpy(p + sizeof(head) + name_len, data, len);
	c->notes_len += size;
	return 0;
}

static int note_process(struct wppc_core *c, const struct wpp_rec *rec)
{
	struct elf_prpsinfo info = {
		.pr_sname = 'S',
		.pr_pid = (int)c->process.pid,
		.pr_ppid = (int)c->process.ppid,
		.pr_pgrp = (int)c->process.pgid,
		.pr_sid = (int)c->process.sid,
	};
	size_t max = sizeof(info.pr_fname) - 1;
	size_t len = rec->tail_len < max ? rec->tail_len : max;

	memcpy(info.pr_fname, rec->tail, len);
	memcpy(info.pr_psargs, rec->tail, len);
	return note_add(c, NT_PRPSINFO, "CORE", &info, sizeof(info));
}

/* ---- Threads ---- */

static int note_xsave(struct wppc_core *c, uint32_t tid)
{
	struct wpp_rec rec;
	int err = wppc_view_find(c->view, WPP_REC_XSAVE, tid, &rec);

	if (err)
		return err == WPP_ENOENT ? 0 : err;
	if (rec.tail_len >= 512)
		err = note_add(c, NT_FPREGSET, "CORE", rec.tail, 512);
	return err ? err : note_add(c, NT_X86_XSTATE, "LINUX", rec.tail, rec.tail_len);
}

/* Registers of one thread: PRSTATUS begins a thread, the notes behind it belong to it. */
static int note_thread(struct wppc_core *c, uint32_t tid)
{
	struct elf_prstatus status = { .pr_pid = (int)tid, .pr_ppid = (int)c->process.ppid };
	struct wpp_rec rec;
	uint64_t word;
	int err = wppc_view_find(c->view, WPP_REC_REGS, tid, &rec);

	if (err)
		return err == WPP_ENOENT ? 0 : err;
	for (size_t i = 0; i < sizeof(status.pr_reg) / 8 && (i + 1) * 8 <= rec.tail_len; i++) {
		word = 0;
		for (unsigned int b = 0; b < 8; b++)
			word |= (uint64_t)rec.tail[i * 8 + b] << (8 * b);
		memcpy((uint8_t *)&status.pr_reg + i * 8, &word, 8);
	}
	status.pr_fpvalid = 1;
	err = note_add(c, NT_PRSTATUS, "CORE", &status, sizeof(status));
	return err ? err : note_xsave(c, tid);
}

/* The main thread first: gdb shows it as the current one. */
static int note_threads(struct wppc_core *c)
{
	uint32_t main_tid = (uint32_t)c->process.pid;
	struct wpp_rec rec;
	size_t pos = 0;
	int err = note_thread(c, main_tid);

	while (!err) {
		err = wppc_view_next(c->view, WPP_STREAM_PCB, WPP_REC_THREAD, &pos, &rec);
		if (!err && rec.task != main_tid)
			err = note_thread(c, rec.task);
	}
	return err == WPP_ENOENT ? 0 : err;
}

/* ---- Mapped files ---- */

static bool is_file(const struct wpp_rec_region *r)
{
	return r->kind == WPP_REGION_FILE || r->kind == WPP_REGION_SHFILE;
}

/* NT_FILE: count, page size, {start, end, page offset} each, then the names. */
static int note_files(struct wppc_core *c)
{
	size_t nr = 0, names = 0, len;
	uint64_t *head, *at;
	char *name;
	int err;

	for (size_t i = 0; i < c->nr_regions; i++) {
		if (!is_file(&c->regions[i]))
			continue;
		nr++;
		names += strlen(c->paths[i]) + 1;
	}
	if (!nr)
		return 0;
	head = calloc(1, (2 + nr * 3) * sizeof(*head) + names);
	if (!head)
		return WPP_ENOMEM;
	head[0] = nr;
	head[1] = WPP_PAGE_SIZE;
	at = head + 2;
	name = (char *)(head + 2 + nr * 3);
	for (size_t i = 0; i < c->nr_regions; i++) {
		const struct wpp_rec_region *r = &c->regions[i];

		if (!is_file(r))
			continue;
		*at++ = r->start;
		*at++ = r->start + r->len;
		*at++ = r->file_off / WPP_PAGE_SIZE;
		len = strlen(c->paths[i]) + 1;
		memcpy(name, c->paths[i], len);
		name += len;
	}
	err = note_add(c, NT_FILE, "CORE", head, (size_t)((uint8_t *)name - (uint8_t *)head));
	free(head);
	return err;
}

/* ---- All ---- */

static int note_auxv(struct wppc_core *c)
{
	struct wpp_rec rec;
	int err = wppc_view_find(c->view, WPP_REC_MM, (uint32_t)c->process.pid, &rec);

	if (err)
		return err == WPP_ENOENT ? 0 : err;
	return note_add(c, NT_AUXV, "CORE", rec.tail, rec.tail_len);
}

int wppc_core_notes(struct wppc_core *c)
{
	struct wpp_rec rec;
	int err = wppc_view_find(c->view, WPP_REC_PROCESS, 0, &rec);

	if (err)
		return err;
	wpp_rec_get(&rec, (uint64_t *)&c->process, WPP_REC_NR(c->process));
	err = note_process(c, &rec);
	if (!err)
		err = note_threads(c);
	if (!err)
		err = note_auxv(c);
	return err ? err : note_files(c);
}
