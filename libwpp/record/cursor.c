/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "record/cursor.h"

static void begin(struct wppr_cursor *c, const void *stream, size_t len, uint32_t task,
		  enum wppr_cursor_of of)
{
	c->stream = stream;
	c->len = len;
	c->pos = 0;
	c->task = task;
	c->of = of;
}

void wppr_cursor_init(struct wppr_cursor *c, const void *stream, size_t len, uint32_t task)
{
	begin(c, stream, len, task, WPPR_OF_TASK);
}

void wppr_cursor_shared(struct wppr_cursor *c, const void *stream, size_t len)
{
	begin(c, stream, len, 0, WPPR_OF_NOBODY);
}

void wppr_cursor_threads(struct wppr_cursor *c, const void *stream, size_t len, uint32_t pid)
{
	begin(c, stream, len, pid, WPPR_OF_PROCESS);
}

static bool is_thread_of(const struct wpp_rec *rec, uint32_t pid)
{
	struct wpp_rec_thread thread;

	if (rec->type != WPP_REC_THREAD)
		return false;
	wpp_rec_get(rec, (uint64_t *)&thread, WPP_REC_NR(thread));
	return thread.tgid == pid || !thread.tgid;
}

static bool belongs(const struct wppr_cursor *c, const struct wpp_rec *rec)
{
	switch (c->of) {
	case WPPR_OF_TASK:
		return rec->task && rec->task == c->task;
	case WPPR_OF_NOBODY:
		return !rec->task;
	case WPPR_OF_PROCESS:
		return is_thread_of(rec, c->task);
	}
	return false;
}

int wppr_cursor_next(struct wppr_cursor *c, uint16_t type, struct wpp_rec *rec)
{
	int err;

	do {
		err = wpp_rec_next(c->stream, c->len, &c->pos, rec);
	} while (!err && ((type && rec->type != type) || !belongs(c, rec)));
	return err;
}

int wppr_cursor_next_id(struct wppr_cursor *c, uint16_t type, uint64_t id, struct wpp_rec *rec)
{
	int err;

	do {
		err = wppr_cursor_next(c, type, rec);
	} while (!err && rec->id != id);
	return err;
}

int wppr_find(const void *stream, size_t len, uint16_t type, uint32_t task, struct wpp_rec *rec)
{
	struct wppr_cursor c;

	if (task)
		wppr_cursor_init(&c, stream, len, task);
	else
		wppr_cursor_shared(&c, stream, len);
	return wppr_cursor_next(&c, type, rec);
}
