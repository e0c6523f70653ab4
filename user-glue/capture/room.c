/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Room for the next generation. A medium of twice the process' size must do: when it is too full
 * for a third copy, generations older than the newest give way before the process is stopped (I1:
 * the newest one is never touched).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"

static uint64_t status_bytes(const char *status, const char *key)
{
	const char *value = wppi_proc_field(status, key);

	return value ? strtoull(value, NULL, 10) * 1024 : 0;
}

static uint64_t bytes_of(pid_t pid)
{
	char *status;
	uint64_t bytes;

	if (wppi_proc_read_all(pid, "status", &status) < 0)
		return 0;
	bytes = status_bytes(status, "RssAnon") + status_bytes(status, "RssShmem") +
		status_bytes(status, "VmSwap");
	free(status);
	return bytes;
}

/* Upper bound of what a full generation takes: pages that are not a file's, and a little slack. */
static uint64_t bytes_wanted(const struct tree *t)
{
	const struct member *m;
	uint64_t bytes = 0;

	wppi_for_members(m, t)
		bytes += bytes_of(m->pid);
	return bytes + bytes / 64;
}

/* The oldest generation of the image that is not its newest; 0: there is none. */
static uint64_t oldest(const struct wpp_store *st, const char *image)
{
	struct wpp_generation gen;
	uint64_t newest = 0, last = 0;
	uint32_t pos = 0;

	while (wpp_store_list(st, &pos, &gen) == 0) {
		if (strcmp(gen.image, image) != 0)
			continue;
		if (!newest)
			newest = gen.generation;
		last = gen.generation;
	}
	return last == newest ? 0 : last;
}

int wppi_make_room(struct tree *t, const char *image)
{
	uint64_t wanted = bytes_wanted(t), generation;
	struct wpp_usage usage;
	int err;

	for (;;) {
		wpp_store_usage(t->store, &usage);
		if (usage.free >= wanted)
			return 0;
		generation = oldest(t->store, image);
		if (!generation)
			return 0; /* the writer will tell whether it is really too small */
		err = wpp_store_drop(t->store, image, generation);
		if (err)
			return err;
		wppi_note(&t->notes, WPP_NOTE_INFO, "room",
			  "generation %" PRIu64 " of %s gave way: the medium has no room for three",
			  generation, image);
	}
}
