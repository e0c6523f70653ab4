/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The newest generation against the one before it. The process was recreated in between and did
 * little else, so what its records say of it has to be the same: also what no program checks.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wpp/pcb.h>

#include "drift.h"
#include "subject.h"

#define FIELD(name, field) (1ull << (offsetof(struct wpp_rec_##name, field) / 8))
#define FIELD_OBJECT	   (offsetof(struct wpp_rec_region, object) / 8)

/* Types that don't change by themselves, and the fields in them that may. */
static const struct stable {
	uint16_t type;
	uint64_t may_differ;
} stable[] = {
	{ WPP_REC_PROCESS, FIELD(process, ppid) | FIELD(process, pgid) | FIELD(process, sid) |
				   FIELD(process, tty) | FIELD(process, nr_threads) },
	{ WPP_REC_EXE, FIELD(exe, ino) }, /* of a deleted program */
	{ WPP_REC_CWD, FIELD(cwd, ino) },
	{ WPP_REC_ROOT, 0 },
	{ WPP_REC_CRED, 0 },
	{ WPP_REC_RLIMIT, 0 },
	{ WPP_REC_THREAD, FIELD(thread, syscall) | FIELD(thread, restart) |
				  FIELD(thread, robust_list) | FIELD(thread, pdeath_signal) },
	{ WPP_REC_SCHED, 0 },
	{ WPP_REC_SIGACTION, 0 },
	{ WPP_REC_FD, FIELD(fd, ofd) },
	{ WPP_REC_REGION, FIELD(region, object) | FIELD(region, size) | FIELD(region, mtime_ns) |
				  FIELD(region, dev) | FIELD(region, ino) },
};

static uint8_t *read_stream(struct wpp_reader *r, enum wpp_stream which, size_t *len)
{
	uint8_t *data;

	*len = wpp_reader_stream_len(r, which);
	data = malloc(*len ? *len : 1);
	if (!data || wpp_reader_stream(r, which, 0, data, *len))
		fail("can't read stream %d", which);
	return data;
}

static const struct stable *find_stable(uint16_t type)
{
	for (size_t i = 0; i < sizeof(stable) / sizeof(stable[0]); i++) {
		if (stable[i].type == type)
			return &stable[i];
	}
	return NULL;
}

static bool find_same(const uint8_t *data, size_t len, const struct wpp_rec *old,
		      struct wpp_rec *found)
{
	size_t pos = 0;

	while (wpp_rec_next(data, len, &pos, found) == 0) {
		if (found->type == old->type && found->task == old->task && found->id == old->id)
			return true;
	}
	return false;
}

/* A mapping of another length is another one; a thread that starts blocks all signals. */
static bool has_changed_itself(const struct wpp_rec *old, const struct wpp_rec *new)
{
	struct wpp_rec_thread thread;

	if (old->type == WPP_REC_REGION)
		return memcmp(old->fields + 8, new->fields + 8, 8) != 0;
	wpp_rec_get(old, (uint64_t *)&thread, WPP_REC_NR(thread));
	return old->type == WPP_REC_THREAD && (thread.sigmask & 1ull << (SIGSEGV - 1));
}

static void compare(const struct stable *s, const struct wpp_rec *old, const struct wpp_rec *new)
{
	const struct wpp_rec_schema *schema = wpp_rec_schema(old->type);
	uint64_t a[WPP_REC_FIELDS_MAX], b[WPP_REC_FIELDS_MAX];

	wpp_rec_get(old, a, WPP_REC_FIELDS_MAX);
	wpp_rec_get(new, b, WPP_REC_FIELDS_MAX);
	for (uint32_t i = 0; i < schema->nr_fields; i++) {
		if (a[i] != b[i] && !(s->may_differ >> i & 1))
			fail("drift: record %s of task %u, id 0x%llx: %s was 0x%llx, is 0x%llx",
			     schema->name, old->task, (unsigned long long)old->id,
			     schema->fields[i].name, (unsigned long long)a[i],
			     (unsigned long long)b[i]);
	}
	/* A file without a name gets another one in /proc/PID/maps. */
	if (old->type == WPP_REC_REGION && a[FIELD_OBJECT])
		return;
	if (old->tail_len != new->tail_len || memcmp(old->tail, new->tail, old->tail_len) != 0)
		fail("drift: record %s of task %u, id 0x%llx: '%.*s' became '%.*s'", schema->name,
		     old->task, (unsigned long long)old->id, (int)old->tail_len, old->tail,
		     (int)new->tail_len, new->tail);
}

/* Threads may end, mappings and descriptors go. */
static bool may_be_gone(const struct wpp_rec *old, const uint8_t *new, size_t new_len)
{
	struct wpp_rec thread = { .type = WPP_REC_THREAD, .task = old->task }, found;

	return old->type == WPP_REC_REGION || old->type == WPP_REC_FD ||
	       !find_same(new, new_len, &thread, &found);
}

static void compare_streams(const uint8_t *old, size_t old_len, const uint8_t *new, size_t new_len)
{
	struct wpp_rec rec, found;
	size_t pos = 0;

	while (wpp_rec_next(old, old_len, &pos, &rec) == 0) {
		const struct stable *s = find_stable(rec.type);

		if (!s)
			continue;
		if (find_same(new, new_len, &rec, &found)) {
			if (!has_changed_itself(&rec, &found))
				compare(s, &rec, &found);
		} else if (!may_be_gone(&rec, new, new_len)) {
			fail("drift: record %s of task %u, id 0x%llx is gone",
			     wpp_rec_schema(rec.type)->name, rec.task, (unsigned long long)rec.id);
		}
	}
}

void drift_check(struct wpp_store *st, const char *image)
{
	struct wpp_generation gen;
	struct wpp_reader *old, *new;
	uint32_t pos = 0;

	if (wpp_store_list(st, &pos, &gen) || wpp_store_list(st, &pos, &gen))
		return; /* the first generation */
	if (wpp_reader_open(st, image, 0, &new, NULL) ||
	    wpp_reader_open(st, image, gen.generation, &old, NULL))
		fail("can't read the generations");
	for (int which = 0; which < WPP_STREAM_COUNT; which++) {
		size_t old_len, new_len;
		uint8_t *a = read_stream(old, which, &old_len);
		uint8_t *b = read_stream(new, which, &new_len);

		compare_streams(a, old_len, b, new_len);
		free(a);
		free(b);
	}
	wpp_reader_close(new);
	wpp_reader_close(old);
}
