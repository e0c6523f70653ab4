/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a drive can do, and whether it keeps what it acknowledged. */
#ifndef WPP_CONTROL_QUALIFY_H
#define WPP_CONTROL_QUALIFY_H

#include <wpp/media.h>

/* ---- The drive ---- */

struct wppc_drive {
	const char *path;
	const struct wpp_medium *medium;
	struct wpp_backend *be;
	uint8_t *buf; /* for the moves */

	struct wpp_media *media;
	struct wpp_conf *conf;
	bool made; /* the file */
};

enum wppc_drive_flag {
	WPPC_DRIVE_MAKE =
		1u << 0, /* a file that is not there is made, of @size bytes, written out */
	WPPC_DRIVE_FORCE = 1u << 1, /* also when it holds something */
	WPPC_DRIVE_RDONLY = 1u << 2,
};

/* @size: as in wpp.conf. Behind an error there is nothing to close, and no file that was made. */
int wppc_drive_open(const char *path, const char *size, uint32_t flags, struct wppc_drive *drive,
		    struct wpp_media_error *why);
/* @remove: a file that was made goes again. */
void wppc_drive_close(struct wppc_drive *drive, bool remove);

/* ---- Measuring: overwrites the drive, which is blank afterwards ---- */

struct wppc_latency {
	const char *name; /* "write_4k", "flush", "write_4k_fua", "read_4k" */
	double p50_us, p99_us, p999_us, max_us;
	unsigned int samples;
};

struct wppc_measure {
	/* Writing includes making it durable. */
	void (*bandwidth)(void *arg, double write_mib_s, double read_mib_s);
	void (*latency)(void *arg, const struct wppc_latency *one);
	void *arg;
};

int wppc_measure(struct wppc_drive *drive, const struct wppc_measure *how,
		 struct wpp_media_error *why);

/* ---- Numbered blocks: do they survive a power cut once they are acknowledged? ---- */

#define WPPC_SLOTS_MIN 64u

struct wppc_sequence {
	uint64_t run;	/* names it; 0: unknown, or to be drawn */
	uint64_t slots; /* 0: as many as there is room for, at most 65536 */
	uint64_t count; /* numbers to write; 0: until the power goes */
	uint64_t acked; /* the last number that another machine saw; 0: unknown */
	/* When writing: it begins; a number is durable. An error ends it. */
	int (*begun)(void *arg, uint64_t run);
	int (*written)(void *arg, uint64_t number);
	/* When checking: @number is lost, @found (0: nothing whole) is in its place. */
	void (*lost)(void *arg, uint64_t number, uint64_t found);
	void *arg;
};

int wppc_sequence_write(struct wppc_drive *drive, const struct wppc_sequence *seq,
			struct wpp_media_error *why);

enum wppc_verdict {
	WPPC_KEEPS,	    /* all that was acknowledged is there */
	WPPC_LIES,	    /* some is lost */
	WPPC_NOTHING_ACKED, /* it ran too short */
	WPPC_NO_SEQUENCE,
	WPPC_SEQUENCE_LOST,	/* though it was acknowledged, says @seq */
	WPPC_SEQUENCE_REPLACED, /* by another one */
};

struct wppc_checked {
	enum wppc_verdict verdict;
	uint64_t acked, newest, nr_lost;
};

int wppc_sequence_check(struct wppc_drive *drive, const struct wppc_sequence *seq,
			struct wppc_checked *out, struct wpp_media_error *why);

#endif
