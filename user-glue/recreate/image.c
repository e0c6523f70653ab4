/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An image for recreation: its streams, verified, and whether this machine can run it. */
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "recreate/recreate_priv.h"

#define STREAM_MAX (1ull << 30)

static int damaged(struct build *b, const struct wpp_diag *diag, int err)
{
	if (err == WPP_ECORRUPT && diag->what)
		wppi_note(&b->r.notes, WPP_NOTE_ERROR, "image",
			  "%s at byte %llu of the medium is damaged (checksum 0x%llx, expected "
			  "0x%llx); try an older generation",
			  diag->what, (unsigned long long)diag->off,
			  (unsigned long long)diag->found, (unsigned long long)diag->expected);
	return err;
}

static int read_stream(struct build *b, enum wpp_stream which, uint8_t **out, size_t *out_len)
{
	uint64_t len = wpp_reader_stream_len(b->r.reader, which);

	if (len > STREAM_MAX)
		return WPP_ECORRUPT;
	*out = malloc(len ? len : 1);
	if (!*out)
		return WPP_ENOMEM;
	*out_len = len;
	return len ? wpp_reader_stream(b->r.reader, which, 0, *out, len) : 0;
}

/* Once around: afterwards next() can't meet a broken record. */
static int check_records(const uint8_t *stream, size_t len)
{
	struct wpp_rec rec;
	size_t pos = 0;
	int err;

	do {
		err = wpp_rec_next(stream, len, &pos, &rec);
	} while (!err);
	return err == WPP_ENOENT ? 0 : err;
}

int wppi_recreate_next(const struct recreate *r, uint16_t type, size_t *pos, struct wpp_rec *rec)
{
	const uint8_t *stream = type == WPP_REC_REGION ? r->regions : r->pcb;
	size_t len = type == WPP_REC_REGION ? r->regions_len : r->pcb_len;
	int err;

	do {
		err = wpp_rec_next(stream, len, pos, rec);
	} while (!err && rec->type != type);
	return err;
}

int wppi_recreate_find(const struct recreate *r, uint16_t type, uint32_t task, struct wpp_rec *rec)
{
	size_t pos = 0;
	int err;

	do {
		err = wppi_recreate_next(r, type, &pos, rec);
	} while (!err && task && rec->task != task);
	return err;
}

static uint64_t own_xcr0(void)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid_count(0xd, 0, &a, &b, &c, &d))
		return 3;
	return a | (uint64_t)d << 32;
}

static int check_machine(struct build *b)
{
	struct recreate *r = &b->r;
	struct wpp_rec rec;
	uint64_t missing;

	if (wppi_recreate_find(r, WPP_REC_MACHINE, 0, &rec))
		return WPP_ECORRUPT;
	WPPI_GET(&rec, &r->machine);
	if (r->machine.arch != WPP_ARCH_X86_64 || r->machine.page_size != PAGE) {
		wppi_note(&r->notes, WPP_NOTE_REFUSED, "machine",
			  "the image is of another architecture (%llu)",
			  (unsigned long long)r->machine.arch);
		return WPP_EREFUSED;
	}
	missing = r->machine.xcr0 & ~own_xcr0();
	if (missing) {
		wppi_note(&r->notes, WPP_NOTE_REFUSED, "machine",
			  "the process may use processor state that this one does not have "
			  "(XCR0 bits 0x%llx)",
			  (unsigned long long)missing);
		return WPP_EREFUSED;
	}
	return 0;
}

/* One process an image; a tree is refused until it can be made. */
static int find_process(struct build *b)
{
	struct recreate *r = &b->r;
	struct wpp_rec rec;
	size_t pos = 0;

	if (wppi_recreate_next(r, WPP_REC_PROCESS, &pos, &rec))
		return WPP_ECORRUPT;
	WPPI_GET(&rec, &r->process);
	if (!rec.task || rec.task > INT32_MAX || r->process.pid != rec.task ||
	    r->process.space < WPP_SPACE_FIRST || r->process.space > WPP_SPACE_MAX)
		return WPP_ECORRUPT;
	r->pid = (pid_t)rec.task;
	b->mm_space = (uint32_t)r->process.space;
	if (wppi_recreate_next(r, WPP_REC_PROCESS, &pos, &rec) == 0) {
		wppi_note(&r->notes, WPP_NOTE_REFUSED, "children",
			  "the image holds more than one process");
		return WPP_EREFUSED;
	}
	return 0;
}

static int read_streams(struct build *b)
{
	struct recreate *r = &b->r;
	int err;

	err = read_stream(b, WPP_STREAM_PCB, &r->pcb, &r->pcb_len);
	if (!err)
		err = read_stream(b, WPP_STREAM_REGIONS, &r->regions, &r->regions_len);
	if (!err)
		err = check_records(r->pcb, r->pcb_len);
	if (!err)
		err = check_records(r->regions, r->regions_len);
	return err;
}

int wppi_image_open(struct build *b, struct wpp_store *st, const char *image)
{
	struct wpp_diag diag = { 0 };
	int err = wpp_reader_open(st, image, b->how.generation, &b->r.reader, &diag);

	b->store = st;
	if (err)
		return damaged(b, &diag, err);
	wpp_reader_generation(b->r.reader, &b->generation);
	err = read_streams(b);
	if (!err)
		err = check_machine(b);
	if (!err)
		err = find_process(b);
	return err;
}

void wppi_image_close(struct build *b)
{
	if (b->r.reader)
		wpp_reader_close(b->r.reader);
	free(b->r.pcb);
	free(b->r.regions);
}

int wppi_runs_read(struct build *b, const struct wpp_run *run, uint32_t nr, void *buf)
{
	uint64_t started = wppi_now_ns(CLOCK_MONOTONIC);
	struct wpp_diag diag = { 0 };
	int err = wpp_reader_gather(b->r.reader, run, nr, buf, &diag);

	b->read_ns += wppi_now_ns(CLOCK_MONOTONIC) - started;
	return damaged(b, &diag, err);
}
