/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An image for recreation: its streams, verified, and whether this machine can run it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arch/arch.h"
#include "recreate/recreate.h"

#define STREAM_MAX (1ull << 30)

/* Names the record that must be understood and isn't. */
static int say_unknown(struct tree *t, const uint8_t *stream, size_t len)
{
	struct wpp_rec rec;
	size_t pos = 0;
	int err;

	do {
		err = wpp_rec_next(stream, len, &pos, &rec);
	} while (!err);
	wppi_note(&t->notes, WPP_NOTE_ERROR, "image",
		  "a later version wrote it: the record type 0x%04x (%s), version %u, must be "
		  "understood",
		  rec.type, wpp_rec_name(rec.type), rec.version);
	return err;
}

static int read_stream(struct tree *t, enum wpp_stream which, struct records *out)
{
	uint64_t len = wpp_reader_stream_len(t->reader, which);
	uint8_t *stream;
	int err = 0;

	if (len > STREAM_MAX)
		return WPP_ECORRUPT;
	stream = malloc(len ? len : 1);
	if (!stream)
		return WPP_ENOMEM;
	if (len)
		err = wpp_reader_stream(t->reader, which, 0, stream, len);
	if (err) {
		free(stream);
		return err;
	}
	err = wppi_records_load(out, stream, len);
	return err == WPP_EFORMAT ? say_unknown(t, stream, len) : err;
}

static int check_machine(struct tree *t)
{
	struct wpp_rec rec;
	uint64_t missing;

	if (!wppi_rec_find(&t->in_pcb, 0, WPP_REC_MACHINE, &rec))
		return WPP_ECORRUPT;
	WPPI_GET(&rec, &t->machine);
	if (!wppi_arch() || t->machine.arch != wppi_arch()) {
		wppi_note(&t->notes, WPP_NOTE_REFUSED, "machine",
			  "the image is of another architecture (%llu)",
			  (unsigned long long)t->machine.arch);
		return WPP_EREFUSED;
	}
	if (t->machine.page_size != wppi_page_size()) {
		wppi_note(&t->notes, WPP_NOTE_REFUSED, "machine",
			  "the image is of a machine with pages of %llu bytes, not %llu",
			  (unsigned long long)t->machine.page_size,
			  (unsigned long long)wppi_page_size());
		return WPP_EREFUSED;
	}
	missing = t->machine.xcr0 & ~wppi_arch_features();
	if (missing) {
		wppi_note(&t->notes, WPP_NOTE_REFUSED, "machine",
			  "the process may use processor state that this one does not have "
			  "(XCR0 bits 0x%llx)",
			  (unsigned long long)missing);
		return WPP_EREFUSED;
	}
	return 0;
}

/* A contradiction is told with the id that it is about. */
static int read_members(struct tree *t, struct wppr_tree *found)
{
	int err = wppr_tree_read(found, t->in_pcb.stream, t->in_pcb.len);

	if (err == WPP_ECORRUPT)
		wppi_note(&t->notes, WPP_NOTE_ERROR, "image", "the records of %u: %s", found->task,
			  found->wrong);
	return err;
}

static int take_members(struct tree *t, const struct wppr_tree *found)
{
	t->members = calloc(found->nr, sizeof(*t->members));
	if (!t->members)
		return WPP_ENOMEM;
	t->nr_members = found->nr;
	for (uint32_t i = 0; i < found->nr; i++) {
		t->members[i] = (struct member){
			.tree = t,
			.pid = (pid_t)found->members[i].pid,
			.space = found->members[i].space,
			.pidfd = -1,
			.mem = -1,
			.rec = found->members[i].process,
			.control = -1,
		};
	}
	return 0;
}

/* One process an image; several are refused until they can be made. */
static int find_members(struct tree *t)
{
	struct wppr_member one;
	struct wppr_tree found = { .members = &one, .cap = 1 };
	int err = read_members(t, &found);

	if (err == WPP_ENOSPC) {
		wppi_note(&t->notes, WPP_NOTE_REFUSED, "children",
			  "the image holds more than one process (%u)", found.nr);
		return WPP_EREFUSED;
	}
	return err ? err : take_members(t, &found);
}

int wppi_image_open(struct tree *t, const char *image)
{
	struct wpp_diag diag = { 0 };
	int err = wpp_reader_open(t->store, image, t->how.generation, &t->reader, &diag);

	if (err)
		return wppi_damaged(t, &diag, err);
	wpp_reader_generation(t->reader, &t->generation);
	err = read_stream(t, WPP_STREAM_PCB, &t->in_pcb);
	if (!err)
		err = read_stream(t, WPP_STREAM_REGIONS, &t->in_regions);
	if (!err)
		err = check_machine(t);
	return err ? err : find_members(t);
}

void wppi_image_close(struct tree *t)
{
	if (t->reader)
		wpp_reader_close(t->reader);
	wppi_records_free(&t->in_pcb);
	wppi_records_free(&t->in_regions);
}
