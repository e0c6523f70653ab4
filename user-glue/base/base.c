/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/base.h"

#define NOTE_MAX 1024

/* ---- Buffers ---- */

void *wppi_buf_reserve(struct buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : 4096;
	uint8_t *data;

	if (b->failed || len > SIZE_MAX / 2 - b->len)
		goto fail;
	while (cap < b->len + len)
		cap *= 2;
	if (cap != b->cap) {
		data = realloc(b->data, cap);
		if (!data)
			goto fail;
		b->data = data;
		b->cap = cap;
	}
	b->len += len;
	return b->data + b->len - len;
fail:
	b->failed = true;
	return NULL;
}

void wppi_buf_add(struct buf *b, const void *data, size_t len)
{
	void *room = wppi_buf_reserve(b, len);

	if (room && len)
		memcpy(room, data, len);
}

void wppi_buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void wppi_rec_add(struct buf *b, uint16_t type, uint32_t task, uint64_t id, const void *fields,
		  uint32_t nr_fields, const void *tail, size_t tail_len)
{
	struct wpp_rec rec = {
		.type = type,
		.task = task,
		.id = id,
		.nr_fields = (uint16_t)nr_fields,
		.tail_len = (uint32_t)tail_len,
		.tail = tail,
	};
	size_t size;
	void *room;

	if (tail_len > WPP_REC_TAIL_MAX) {
		b->failed = true;
		return;
	}
	size = wpp_rec_size(nr_fields, rec.tail_len);
	room = wppi_buf_reserve(b, size);
	if (room && wpp_rec_put(room, size, &rec, fields) != (int64_t)size)
		b->failed = true;
}

/* ---- Notes ---- */

static void note_send(const struct notes *n, enum wpp_note_kind kind, const char *name,
		      const char *text)
{
	struct wpp_note note = { .kind = kind, .name = name, .text = text };

	if (n->report && n->report->note)
		n->report->note(n->report->arg, &note);
}

void wppi_note(struct notes *n, enum wpp_note_kind kind, const char *name, const char *fmt, ...)
{
	char text[NOTE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	note_send(n, kind, name, text);
}

static bool lossy_allowed(const struct notes *n, const char *name)
{
	for (const char *const *p = n->allow_lossy; p && *p; p++) {
		if (!strcmp(*p, name))
			return true;
	}
	return false;
}

/* The same loss is met again when the check before the freeze is followed by the collection. */
static bool lossy_known(const struct notes *n, const char *text)
{
	struct wpp_rec rec;
	size_t pos = 0;

	while (wpp_rec_next(n->lossy.data, n->lossy.len, &pos, &rec) == 0) {
		if (rec.tail_len == strlen(text) && !memcmp(rec.tail, text, rec.tail_len))
			return true;
	}
	return false;
}

bool wppi_refuse(struct notes *n, const char *name, const char *fmt, ...)
{
	struct wpp_rec_loss loss = { 0 };
	char text[NOTE_MAX];
	va_list ap;
	int len;

	len = snprintf(text, sizeof(text), "%s: ", name);
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, ap);
	va_end(ap);
	if (!lossy_allowed(n, name)) {
		n->nr_refused++;
		note_send(n, WPP_NOTE_REFUSED, name, text + len);
		return false;
	}
	if (!lossy_known(n, text)) {
		WPPI_REC(&n->lossy, LOSS, n->task, 0, &loss, text, strlen(text));
		note_send(n, WPP_NOTE_LOSSY, name, text + len);
	}
	return true;
}

/* ---- /proc ---- */

static int proc_open(pid_t pid, const char *name)
{
	char path[128];

	if (snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

ssize_t wppi_proc_read(pid_t pid, const char *name, char *buf, size_t cap)
{
	int fd = proc_open(pid, name);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, buf + len, cap - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		n = -errno;
	else if (len == cap)
		n = -EOVERFLOW;
	close(fd);
	if (n < 0)
		return n;
	buf[len] = '\0';
	return (ssize_t)len;
}

ssize_t wppi_proc_read_all(pid_t pid, const char *name, char **out)
{
	struct buf b = { 0 };
	int fd = proc_open(pid, name);
	ssize_t n;

	*out = NULL;
	if (fd < 0)
		return fd;
	do {
		size_t len = b.len;
		char *room = wppi_buf_reserve(&b, 65536);

		n = room ? read(fd, room, 65536) : -1;
		if (n < 0)
			n = room ? -errno : -ENOMEM;
		b.len = len + (n > 0 ? (size_t)n : 0);
	} while (n > 0);
	close(fd);
	wppi_buf_add(&b, "", 1);
	if (n < 0 || b.failed) {
		wppi_buf_free(&b);
		return n < 0 ? n : -ENOMEM;
	}
	*out = (char *)b.data;
	return (ssize_t)b.len - 1;
}

ssize_t wppi_proc_readlink(pid_t pid, const char *name, char *buf, size_t cap)
{
	char path[128];
	ssize_t n;

	if (snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	n = readlink(path, buf, cap);
	if (n < 0)
		return -errno;
	if ((size_t)n == cap)
		return -EOVERFLOW;
	buf[n] = '\0';
	return n;
}

const char *wppi_head(const char *text, char head[HEAD_LEN])
{
	size_t len = strnlen(text, HEAD_LEN - 1);

	memcpy(head, text, len);
	head[len] = '\0';
	return head;
}

const char *wppi_proc_field(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, key, len) && p[len] == ':') {
			p += len + 1;
			return p + strspn(p, " \t");
		}
	}
	return NULL;
}

uint64_t wppi_now_ns(int clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int wppi_memory_move(pid_t tid, uint64_t addr, void *buf, size_t len, bool out)
{
	struct iovec mine = { buf, len };
	struct iovec theirs = { (void *)(uintptr_t)addr, len };
	ssize_t n = out ? process_vm_writev(tid, &mine, 1, &theirs, 1, 0)
			: process_vm_readv(tid, &mine, 1, &theirs, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}
