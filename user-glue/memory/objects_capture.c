/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Memory objects: bytes that several mappings and descriptors share, and no disk keeps. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/capture.h"

static struct memobj *find(struct capture *c, const struct stat *st)
{
	for (size_t i = 0; i < c->nr_objs; i++) {
		if (c->objs[i].dev == st->st_dev && c->objs[i].ino == st->st_ino)
			return &c->objs[i];
	}
	return NULL;
}

static struct memobj *add(struct capture *c, const struct stat *st)
{
	struct memobj *objs = realloc(c->objs, (c->nr_objs + 1) * sizeof(*objs));
	struct memobj *o;

	if (!objs)
		return NULL;
	c->objs = objs;
	o = &objs[c->nr_objs];
	memset(o, 0, sizeof(*o));
	o->id = (uint32_t)c->nr_objs + 1;
	o->space = c->mm_space + o->id;
	o->dev = st->st_dev;
	o->ino = st->st_ino;
	o->size = (uint64_t)st->st_size;
	return o;
}

struct memobj *wppi_capture_memobj(struct capture *c, uint32_t kind, int fd, const char *name)
{
	struct stat st;
	struct memobj *o;

	if (fstat(fd, &st))
		goto close;
	o = find(c, &st);
	if (o) {
		close(fd);
		return o;
	}
	o = add(c, &st);
	if (!o)
		goto close;
	o->name = strdup(name);
	if (!o->name)
		goto close;
	o->kind = kind;
	o->fd = fd;
	c->nr_objs++;
	return o;
close:
	close(fd);
	return NULL;
}

static void record(struct capture *c, struct memobj *o)
{
	struct wpp_rec_memobj rec = {
		.kind = o->kind,
		.size = o->size,
		.space = o->space,
		.dev = o->dev,
		.ino = o->ino,
	};
	int seals = fcntl(o->fd, F_GET_SEALS);
	struct stat st;

	if (fstat(o->fd, &st) == 0) {
		rec.size = o->size = (uint64_t)st.st_size;
		rec.mode = st.st_mode;
		rec.uid = st.st_uid;
		rec.gid = st.st_gid;
		rec.nlink = st.st_nlink;
	}
	rec.seals = seals > 0 ? (uint64_t)seals : 0;
	WPPI_REC(&c->pcb, MEMOBJ, 0, o->id, &rec, o->name, strlen(o->name));
}

void wppi_memobj_records(struct capture *c)
{
	for (size_t i = 0; i < c->nr_objs; i++)
		record(c, &c->objs[i]);
}

void wppi_memobjs_free(struct capture *c)
{
	for (size_t i = 0; i < c->nr_objs; i++) {
		close(c->objs[i].fd);
		free(c->objs[i].name);
	}
	free(c->objs);
	c->objs = NULL;
	c->nr_objs = 0;
}
