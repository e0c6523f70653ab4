/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/tree.h"

static const struct records *stream_of(const struct tree *t, uint16_t type)
{
	return type == WPP_REC_REGION ? &t->in_regions : &t->in_pcb;
}

struct rec_cursor wppi_own(const struct member *m, uint16_t type)
{
	return wppi_rec_all(stream_of(m->tree, type), (uint32_t)m->pid, type);
}

struct rec_cursor wppi_shared(const struct tree *t, uint16_t type)
{
	return wppi_rec_all(stream_of(t, type), 0, type);
}

struct rec_cursor wppi_shared_of(const struct tree *t, uint16_t type, uint64_t id)
{
	return wppi_rec_of(stream_of(t, type), 0, type, id);
}

bool wppi_shared_find(const struct tree *t, uint16_t type, uint64_t id, struct wpp_rec *rec)
{
	struct rec_cursor c = wppi_shared_of(t, type, id);

	return wppi_rec_next(&c, rec);
}

/* A thread without a process is of an image that holds one (0.1). */
static bool is_of(const struct member *m, uint32_t task)
{
	struct wpp_rec_thread thread;
	struct wpp_rec rec;

	if (task == (uint32_t)m->pid)
		return true;
	if (!wppi_rec_find(&m->tree->in_pcb, task, WPP_REC_THREAD, &rec))
		return false;
	WPPI_GET(&rec, &thread);
	return !thread.tgid || thread.tgid == (uint64_t)m->pid;
}

bool wppi_find(const struct member *m, uint16_t type, uint32_t task, struct wpp_rec *rec)
{
	return is_of(m, task) && wppi_rec_find(stream_of(m->tree, type), task, type, rec);
}

int wppi_memobj_fd(const struct tree *t, uint64_t id)
{
	for (size_t i = 0; i < t->nr_objs; i++) {
		if (t->objs[i].id == id)
			return t->objs[i].fd;
	}
	return -1;
}
