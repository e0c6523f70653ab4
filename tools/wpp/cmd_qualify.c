/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp qualify: what a drive can do, and whether it keeps what it acknowledged. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/qualify.h"

#include "tool.h"

#define TELL_MAX 8u

enum mode {
	MEASURE,
	WRITE,
	CHECK,
};

struct request {
	const char *path;
	const char *size;
	enum mode mode;
	bool force;
	struct wppc_sequence seq;
};

struct output {
	const struct tool *tool;
	const struct wppc_drive *drive;
	json_t *result;
	uint64_t nr_lost;
};

/* ---- Measuring ---- */

static void on_bandwidth(void *arg, double write_mib_s, double read_mib_s)
{
	struct output *out = arg;

	say(out->tool, "wpp:   write %.0f MiB/s (durable), read %.0f MiB/s, %u KiB a move",
	    write_mib_s, read_mib_s, out->drive->medium->io_best >> 10);
	json_object_set_new(out->result, "write_mib_s", json_real(write_mib_s));
	json_object_set_new(out->result, "read_mib_s", json_real(read_mib_s));
}

static void on_latency(void *arg, const struct wppc_latency *one)
{
	struct output *out = arg;

	say(out->tool, "wpp:   %-14s p50 %8.1f   p99 %8.1f   p99.9 %8.1f   max %8.1f us", one->name,
	    one->p50_us, one->p99_us, one->p999_us, one->max_us);
	json_object_set_new(out->result, one->name,
			    json_pack("{s:f, s:f, s:f, s:f, s:i}", "p50_us", one->p50_us, "p99_us",
				      one->p99_us, "p999_us", one->p999_us, "max_us", one->max_us,
				      "samples", (int)one->samples));
}

static int measure(struct tool *t, struct wppc_drive *drive)
{
	struct output out = { .tool = t, .drive = drive };
	struct wppc_measure how = {
		.bandwidth = on_bandwidth,
		.latency = on_latency,
		.arg = &out,
	};
	struct wpp_media_error why;
	int err;

	out.result = json_pack("{s:o, s:I, s:i, s:i}", "path", json_text(drive->path), "size",
			       (json_int_t)drive->medium->size, "logical_block",
			       (int)drive->medium->io_align, "queue_depth",
			       (int)drive->medium->queue_depth);
	err = wppc_measure(drive, &how, &why);
	if (!err && t->json)
		print_json(json_incref(out.result));
	json_decref(out.result);
	return err ? fail_why(err, &why) : EXIT_DONE;
}

/* ---- Numbered blocks ---- */

static int print_line(const char *text)
{
	errno = 0;
	if (puts(text) >= 0 && fflush(stdout) == 0)
		return 0;
	return errno ? -errno : WPP_EIO;
}

static int on_begun(void *arg, uint64_t run)
{
	char line[32];

	(void)arg;
	snprintf(line, sizeof(line), "run %016" PRIx64, run);
	return print_line(line);
}

static int on_written(void *arg, uint64_t number)
{
	char line[32];

	(void)arg;
	snprintf(line, sizeof(line), "%" PRIu64, number);
	return print_line(line);
}

static int write_sequence(struct wppc_drive *drive, const struct wppc_sequence *wanted)
{
	struct wppc_sequence seq = *wanted;
	struct wpp_media_error why;
	int err;

	seq.begun = on_begun;
	seq.written = on_written;
	err = wppc_sequence_write(drive, &seq, &why);
	return err ? fail_why(err, &why) : EXIT_DONE;
}

static void on_lost(void *arg, uint64_t number, uint64_t found)
{
	struct output *out = arg;

	if (out->nr_lost++ >= TELL_MAX)
		return;
	if (found)
		complain("%s: number %" PRIu64 " was acknowledged and is lost: %" PRIu64
			 " is in its place",
			 out->drive->path, number, found);
	else
		complain("%s: number %" PRIu64 " was acknowledged and is lost: nothing whole is in "
			 "its place",
			 out->drive->path, number);
}

static void print_checked(const char *path, const struct wppc_checked *c)
{
	static const char *const words[] = {
		[WPPC_KEEPS] = "keeps",
		[WPPC_LIES] = "lies",
		[WPPC_NOTHING_ACKED] = "nothing acknowledged",
	};

	if (c->verdict > WPPC_NOTHING_ACKED)
		return;
	print_json(json_pack("{s:o, s:I, s:I, s:I, s:s}", "path", json_text(path), "acked",
			     (json_int_t)c->acked, "newest", (json_int_t)c->newest, "lost",
			     (json_int_t)c->nr_lost, "verdict", words[c->verdict]));
}

static int say_verdict(const struct tool *t, const char *path, const struct wppc_checked *c)
{
	switch (c->verdict) {
	case WPPC_KEEPS:
		say(t, "wpp: %s: all that was acknowledged up to number %" PRIu64 " is there", path,
		    c->acked);
		return EXIT_DONE;
	case WPPC_LIES:
		complain("%s: %" PRIu64 " acknowledged blocks are lost: this drive lies about "
			 "flushes; do not trust it with images",
			 path, c->nr_lost);
		return EXIT_DAMAGED;
	case WPPC_NOTHING_ACKED:
		complain("%s: nothing was acknowledged: it ran too short", path);
		return EXIT_NOTHING;
	case WPPC_NO_SEQUENCE:
		complain("%s: no sequence is there; wpp qualify --write makes one", path);
		return EXIT_NOTHING;
	case WPPC_SEQUENCE_LOST:
	case WPPC_SEQUENCE_REPLACED:
		break;
	}
	complain("%s: the sequence was acknowledged and %s: this drive lies about flushes", path,
		 c->verdict == WPPC_SEQUENCE_LOST ? "is lost" : "another one is in its place");
	return EXIT_DAMAGED;
}

static int check_sequence(struct tool *t, struct wppc_drive *drive,
			  const struct wppc_sequence *wanted)
{
	struct output out = { .tool = t, .drive = drive };
	struct wppc_sequence seq = *wanted;
	struct wppc_checked checked;
	struct wpp_media_error why;
	int err;

	seq.lost = on_lost;
	seq.arg = &out;
	err = wppc_sequence_check(drive, &seq, &checked, &why);
	if (err)
		return fail_why(err, &why);
	if (t->json)
		print_checked(drive->path, &checked);
	return say_verdict(t, drive->path, &checked);
}

/* ---- The command ---- */

/* A file that was made only to be measured goes again. */
static int run(struct tool *t, struct request *req)
{
	uint32_t flags = req->mode == CHECK ? WPPC_DRIVE_RDONLY : WPPC_DRIVE_MAKE;
	struct wpp_media_error why;
	struct wppc_drive drive;
	int code, err;

	if (req->force)
		flags |= WPPC_DRIVE_FORCE;
	err = wppc_drive_open(req->path, req->size, flags, &drive, &why);
	if (err) {
		code = fail_why(err, &why);
		return err == WPP_EINVAL ? EXIT_USAGE : code;
	}
	say(t, "wpp: %s: %s", drive.path, wpp_media_how(drive.media));
	if (req->mode == MEASURE)
		code = measure(t, &drive);
	else if (req->mode == WRITE)
		code = write_sequence(&drive, &req->seq);
	else
		code = check_sequence(t, &drive, &req->seq);
	wppc_drive_close(&drive, req->mode == MEASURE);
	return code;
}

static bool parse_run(const char *text, uint64_t *run)
{
	char *end;

	*run = strtoull(text, &end, 16);
	return *run && !*end;
}

static int parse(struct request *req, int argc, char **argv)
{
	static const struct option options[] = {
		{ "write", no_argument, NULL, 'w' },
		{ "check", no_argument, NULL, 'c' },
		{ "force", no_argument, NULL, 'f' },
		{ "acked", required_argument, NULL, 'a' },
		{ "run", required_argument, NULL, 'r' },
		{ "count", required_argument, NULL, 'n' },
		{ "slots", required_argument, NULL, 's' },
		{ "size", required_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		bool ok = true;

		if (opt == 'w')
			req->mode = WRITE;
		else if (opt == 'c')
			req->mode = CHECK;
		else if (opt == 'f')
			req->force = true;
		else if (opt == 'a')
			ok = wppc_parse_number(optarg, INT64_MAX, &req->seq.acked);
		else if (opt == 'r')
			ok = parse_run(optarg, &req->seq.run);
		else if (opt == 'n')
			ok = wppc_parse_number(optarg, INT64_MAX, &req->seq.count);
		else if (opt == 's')
			ok = wppc_parse_number(optarg, 1u << 24, &req->seq.slots) &&
			     req->seq.slots >= WPPC_SLOTS_MIN;
		else if (opt == 'S')
			req->size = optarg;
		else
			return EXIT_USAGE;
		if (!ok)
			return usage("qualify", "'%s': a number is wanted (--slots: 64 or more)",
				     optarg);
	}
	if (optind + 1 != argc)
		return usage("qualify", "which one? wpp qualify DEVICE|FILE");
	req->path = argv[optind];
	return 0;
}

int cmd_qualify(struct tool *t, int argc, char **argv)
{
	struct request req = { .size = "256M" };
	int code = parse(&req, argc, argv);

	return code ? code : run(t, &req);
}
