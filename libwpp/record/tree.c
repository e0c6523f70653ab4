/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "record/tree.h"

#include <wpp/store.h>

#define PID_MAX 0x7fffffffu

static int corrupt(struct wppr_tree *t, const char *wrong, uint32_t task)
{
	t->wrong = wrong;
	t->task = task;
	return WPP_ECORRUPT;
}

uint32_t wppr_tree_find(const struct wppr_tree *t, uint32_t pid)
{
	uint32_t i = 0;

	while (i < t->nr && t->members[i].pid != pid)
		i++;
	return i;
}

static bool is_space(uint64_t space)
{
	return space >= WPP_SPACE_FIRST && space <= WPP_SPACE_MAX;
}

/* ---- Processes ---- */

static int add_member(struct wppr_tree *t, const struct wpp_rec *rec)
{
	struct wppr_member *m = &t->members[t->nr];

	wpp_rec_get(rec, (uint64_t *)&m->process, WPP_REC_NR(m->process));
	m->pid = rec->task;
	m->space = (uint32_t)m->process.space;
	m->nr_threads = 0;
	m->parent = WPPR_NO_PARENT;
	if (!rec->task || rec->task > PID_MAX || m->process.pid != rec->task)
		return corrupt(t, "a process without a proper pid", rec->task);
	if (!is_space(m->process.space))
		return corrupt(t, "a process without a proper page space", rec->task);
	if (wppr_tree_find(t, m->pid) < t->nr)
		return corrupt(t, "two processes with one pid", rec->task);
	for (uint32_t i = 0; i < t->nr; i++)
		if (t->members[i].space == m->space)
			return corrupt(t, "two processes with one page space", rec->task);
	t->nr++;
	return 0;
}

static int read_processes(struct wppr_tree *t, const void *pcb, size_t len)
{
	uint32_t nr = 0;
	struct wpp_rec rec;
	size_t pos = 0;
	int err;

	while (!(err = wpp_rec_next(pcb, len, &pos, &rec))) {
		if (rec.type != WPP_REC_PROCESS || nr++ >= t->cap)
			continue;
		err = add_member(t, &rec);
		if (err)
			return err;
	}
	if (err != WPP_ENOENT)
		return err;
	t->nr = nr;
	if (!nr)
		return corrupt(t, "no process", 0);
	return nr > t->cap ? WPP_ENOSPC : 0;
}

/* ---- Parents ---- */

static bool has_root(const struct wppr_tree *t, uint32_t i)
{
	for (uint32_t steps = 0; steps < t->nr; steps++) {
		if (t->members[i].parent == WPPR_NO_PARENT)
			return true;
		i = t->members[i].parent;
	}
	return false;
}

static int find_parents(struct wppr_tree *t)
{
	uint32_t roots = 0;

	for (uint32_t i = 0; i < t->nr; i++) {
		struct wppr_member *m = &t->members[i];
		uint64_t ppid = m->process.ppid;
		uint32_t parent = ppid <= PID_MAX ? wppr_tree_find(t, (uint32_t)ppid) : t->nr;

		if (parent < t->nr) {
			m->parent = parent;
		} else {
			t->root = i;
			roots++;
		}
	}
	for (uint32_t i = 0; i < t->nr; i++)
		if (!has_root(t, i))
			return corrupt(t, "a process that descends from itself", t->members[i].pid);
	return roots == 1 ? 0 : corrupt(t, "more than one root", t->members[t->root].pid);
}

/* ---- Threads and memory objects ---- */

static int count_thread(struct wppr_tree *t, const struct wpp_rec *rec)
{
	struct wpp_rec_thread thread;
	uint32_t i = 0;

	wpp_rec_get(rec, (uint64_t *)&thread, WPP_REC_NR(thread));
	if (!rec->task || rec->task > PID_MAX)
		return corrupt(t, "a thread without a proper tid", rec->task);
	if (thread.tgid)
		i = thread.tgid <= PID_MAX ? wppr_tree_find(t, (uint32_t)thread.tgid) : t->nr;
	else if (t->nr > 1)
		i = t->nr; /* early images don't say whose it is, and hold one process */
	if (i == t->nr)
		return corrupt(t, "a thread of no process", rec->task);
	t->members[i].nr_threads++;
	return 0;
}

static int check_space(struct wppr_tree *t, const struct wpp_rec *rec)
{
	struct wpp_rec_memobj object;

	wpp_rec_get(rec, (uint64_t *)&object, WPP_REC_NR(object));
	for (uint32_t i = 0; i < t->nr; i++)
		if (t->members[i].space == object.space)
			return corrupt(t, "a memory object with the page space of a process",
				       t->members[i].pid);
	return 0;
}

static int check_others(struct wppr_tree *t, const void *pcb, size_t len)
{
	struct wpp_rec rec;
	size_t pos = 0;
	int err;

	while (!(err = wpp_rec_next(pcb, len, &pos, &rec))) {
		if (rec.type == WPP_REC_THREAD)
			err = count_thread(t, &rec);
		else if (rec.type == WPP_REC_MEMOBJ)
			err = check_space(t, &rec);
		if (err)
			return err;
	}
	return err == WPP_ENOENT ? 0 : err;
}

static int check_threads(struct wppr_tree *t, const void *pcb, size_t len)
{
	for (uint32_t i = 0; i < t->nr; i++) {
		const struct wppr_member *m = &t->members[i];
		struct wppr_cursor c;
		struct wpp_rec rec;
		int err;

		if (m->nr_threads != m->process.nr_threads)
			return corrupt(t, "a process with another number of threads", m->pid);
		wppr_cursor_threads(&c, pcb, len, m->pid);
		do {
			err = wppr_cursor_next(&c, WPP_REC_THREAD, &rec);
		} while (!err && rec.task != m->pid);
		if (err)
			return corrupt(t, "a process without a first thread", m->pid);
	}
	return 0;
}

int wppr_tree_read(struct wppr_tree *t, const void *pcb, size_t len)
{
	int err;

	t->nr = 0;
	t->root = 0;
	t->wrong = NULL;
	t->task = 0;
	err = read_processes(t, pcb, len);
	if (!err)
		err = find_parents(t);
	if (!err)
		err = check_others(t, pcb, len);
	if (!err)
		err = check_threads(t, pcb, len);
	return err;
}
