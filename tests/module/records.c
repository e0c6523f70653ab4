/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * In the machine: what the module records of a process against what user space does, and whether
 * user space can recreate it from the module's image.
 *
 *   guest_records PROGRAM [ARG]...                  a self-checking program of tests/process
 *   guest_records --refused NAME PROGRAM [ARG]...   the module has to refuse it, and leave it alone
 *
 * The medium is memory of the machine at 256M (memmap=64M$256M) that has a store (wpp format).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <wpp/error.h>
#include <wpp/media.h>
#include <wpp/module.h>
#include <wpp/pcb.h>
#include <wpp/process.h>

#include "subject.h"

#define IMAGE "subject"

/* ---- Media: the module's, and a file for user space ---------------------------------------- */

static const char *const by_module[] = { "wpp",	   "backend", "module", "module", "kind",
					 "memory", "module",  "base",	"256M",	  "module",
					 "size",   "64M",     NULL };
static const char *const by_user[] = { "wpp", "path", "/run/guest_records.img", "wpp", "size",
				       "64M", NULL };

static struct wpp_media *media_open(const char *const *settings, uint32_t flags)
{
	struct wpp_conf *conf = wpp_conf_new();
	struct wpp_media_error err;
	struct wpp_media *media;

	for (; conf && *settings; settings += 3) {
		if (wpp_conf_set(conf, settings[0], settings[1], settings[2], NULL))
			fail("can't configure %s", settings[1]);
	}
	if (!conf || wpp_media_open(conf, flags, &media, &err))
		fail("%s", conf ? err.text : "no memory");
	wpp_conf_free(conf);
	return media;
}

/* ---- The streams of the newest generation --------------------------------------------------- */

struct stream {
	uint8_t *data;
	size_t len;
};

static void streams_read(const char *const *settings, struct stream *s)
{
	struct wpp_media *media = media_open(settings, WPP_MEDIA_RDONLY);
	struct wpp_reader *r;

	if (wpp_reader_open(wpp_media_store(media), IMAGE, 0, &r, NULL))
		fail("can't open the image");
	for (int which = 0; which < WPP_STREAM_COUNT; which++) {
		s[which].len = wpp_reader_stream_len(r, which);
		s[which].data = malloc(s[which].len + 1);
		if (!s[which].data || wpp_reader_stream(r, which, 0, s[which].data, s[which].len))
			fail("can't read stream %d", which);
	}
	wpp_reader_close(r);
	wpp_media_close(media);
}

/* ---- Comparison ----------------------------------------------------------------------------- */

#define FIELD(name, field) (1ull << (offsetof(struct wpp_rec_##name, field) / 8))
#define ALL_FIELDS	   UINT64_MAX

/*
 * The process ran a little between the two. Clocks and what is left of timers go on; a thread may
 * be in another call.
 */
static const struct exception {
	uint16_t type;
	uint64_t fields;
	bool tail;
} exceptions[] = {
	{ WPP_REC_MACHINE,
	  FIELD(machine, realtime_ns) | FIELD(machine, monotonic_ns) | FIELD(machine, boottime_ns),
	  false },
	{ WPP_REC_THREAD, FIELD(thread, syscall) | FIELD(thread, restart), false },
	{ WPP_REC_REGS, 0, true },
	{ WPP_REC_XSAVE, 0, true },
	{ WPP_REC_ITIMER, FIELD(itimer, value_us), false },
	{ WPP_REC_TIMER, FIELD(timer, value_ns) | FIELD(timer, overrun), false },
	{ WPP_REC_TIMERFD, FIELD(timerfd, value_ns) | FIELD(timerfd, ticks), false },
	{ WPP_REC_OFD, FIELD(ofd, mtime_ns), false }, /* of what the program writes to */
};

static const struct exception *exception_of(uint16_t type)
{
	static const struct exception none;

	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
		if (exceptions[i].type == type)
			return &exceptions[i];
	}
	return &none;
}

static int nr_different;

static void differs(const char *what, const struct wpp_rec *rec, const char *field,
		    unsigned long long user, unsigned long long module)
{
	printf("%s: record %s of task %u, id 0x%llx: %s: user space 0x%llx, module 0x%llx\n", what,
	       wpp_rec_schema(rec->type)->name, rec->task, (unsigned long long)rec->id, field, user,
	       module);
	nr_different++;
}

static void compare_rec(const struct wpp_rec *user, const struct wpp_rec *module)
{
	const struct wpp_rec_schema *schema = wpp_rec_schema(user->type);
	const struct exception *e = exception_of(user->type);
	uint64_t a[WPP_REC_FIELDS_MAX], b[WPP_REC_FIELDS_MAX];

	wpp_rec_get(user, a, WPP_REC_FIELDS_MAX);
	wpp_rec_get(module, b, WPP_REC_FIELDS_MAX);
	for (uint32_t i = 0; i < schema->nr_fields; i++) {
		if (a[i] != b[i] && !(e->fields >> i & 1))
			differs("field", user, schema->fields[i].name, a[i], b[i]);
	}
	if (user->tail_len != module->tail_len)
		differs("tail length", user, "", user->tail_len, module->tail_len);
	else if (!e->tail && memcmp(user->tail, module->tail, user->tail_len))
		differs("tail", user, "", 0, 0);
}

/* The @nth record of the same type, task and id. */
static bool find(const struct stream *s, const struct wpp_rec *key, unsigned int nth,
		 struct wpp_rec *found)
{
	size_t pos = 0;

	while (wpp_rec_next(s->data, s->len, &pos, found) == 0) {
		if (found->type == key->type && found->task == key->task && found->id == key->id &&
		    nth-- == 0)
			return true;
	}
	return false;
}

static unsigned int count_before(const struct stream *s, const struct wpp_rec *key)
{
	struct wpp_rec rec;
	unsigned int nr = 0;

	for (size_t pos = 0; wpp_rec_next(s->data, s->len, &pos, &rec) == 0;) {
		if (rec.fields == key->fields)
			break;
		nr += rec.type == key->type && rec.task == key->task && rec.id == key->id;
	}
	return nr;
}

/* The signal of a timer that ticks. */
static bool is_passing(const struct wpp_rec *rec)
{
	siginfo_t info;

	if (rec->type != WPP_REC_SIGPENDING)
		return false;
	memcpy(&info, rec->tail, sizeof(info));
	return info.si_code == SI_TIMER;
}

static void compare_stream(const struct stream *user, const struct stream *module)
{
	struct wpp_rec rec, other;

	for (size_t pos = 0; wpp_rec_next(user->data, user->len, &pos, &rec) == 0;) {
		if (is_passing(&rec))
			continue;
		if (find(module, &rec, count_before(user, &rec), &other))
			compare_rec(&rec, &other);
		else
			differs("only by user space", &rec, "", 0, 0);
	}
	for (size_t pos = 0; wpp_rec_next(module->data, module->len, &pos, &rec) == 0;) {
		if (!is_passing(&rec) && !find(user, &rec, count_before(module, &rec), &other))
			differs("only by the module", &rec, "", 0, 0);
	}
}

static void compare(void)
{
	struct stream user[WPP_STREAM_COUNT], module[WPP_STREAM_COUNT];

	streams_read(by_user, user);
	streams_read(by_module, module);
	for (int which = 0; which < WPP_STREAM_COUNT; which++) {
		compare_stream(&user[which], &module[which]);
		free(user[which].data);
		free(module[which].data);
	}
}

/* ---- Persist and recreate -------------------------------------------------------------------- */

static void persist_by_module(int dev, pid_t pid, uint32_t flags)
{
	struct wpp_ko_track track = { .pid = pid, .image = IMAGE };
	struct wpp_ko_persist how = { .pid = pid, .flags = flags };
	int32_t untrack = pid;

	if (ioctl(dev, WPP_KO_IOC_TRACK, &track))
		fail("track: %s", strerror(errno));
	if (ioctl(dev, WPP_KO_IOC_PERSIST, &how))
		fail("persist: %s\n%s", strerror(errno), how.notes);
	printf("%sthreads %llu park_us %llu\n", how.notes, (unsigned long long)how.nr_threads,
	       (unsigned long long)how.park_ns / 1000);
	if (ioctl(dev, WPP_KO_IOC_UNTRACK, &untrack) && errno != ESRCH)
		fail("untrack: %s", strerror(errno));
}

static void take_note(void *arg, const struct wpp_note *note)
{
	(void)arg;
	printf("%s: %s\n", note->name, note->text);
}

static void persist_by_user(pid_t pid)
{
	struct wpp_media *media = media_open(by_user, WPP_MEDIA_CREATE);
	struct wpp_report report = { .note = take_note };
	struct wpp_persist how = { .size = sizeof(how), .report = &report };
	int err = wpp_process_persist(wpp_media_store(media), IMAGE, pid, &how, NULL);

	if (err)
		fail("persist by user space: %s", wpp_strerror(err));
	wpp_media_close(media);
}

static void recreate(struct subject *s)
{
	struct wpp_media *media = media_open(by_module, WPP_MEDIA_RDONLY);
	struct wpp_report report = { .note = take_note };
	struct wpp_recreate how = {
		.size = sizeof(how),
		.stdio = { -1, -1, -1 },
		.report = &report,
	};
	struct wpp_recreated done = { .size = sizeof(done) };
	pid_t pid = s->pid;
	int err;

	subject_gone(s);
	err = wpp_process_recreate(wpp_media_store(media), IMAGE, &how, &done);
	wpp_media_close(media);
	if (err || done.pid != pid)
		fail("recreate: %s", wpp_strerror(err));
	s->pid = pid;
}

static void check_refused(int dev, struct subject *s, const char *name)
{
	struct wpp_ko_track track = { .pid = s->pid, .image = IMAGE };
	struct wpp_ko_persist how = { .pid = s->pid, .flags = WPP_KO_PERSIST_KILL };
	char word[64];

	if (ioctl(dev, WPP_KO_IOC_TRACK, &track))
		fail("track: %s", strerror(errno));
	snprintf(word, sizeof(word), "%s: ", name);
	if (ioctl(dev, WPP_KO_IOC_PERSIST, &how) == 0)
		fail("it should have been refused");
	if (errno != EREMOTEIO || !strstr(how.notes, word))
		fail("not refused for '%s': %s\n%s", name, strerror(errno), how.notes);
	subject_check(s);
}

static void check_records(int dev, struct subject *s)
{
	persist_by_user(s->pid);
	persist_by_module(dev, s->pid, 0);
	compare();
	subject_check(s);
	persist_by_module(dev, s->pid, WPP_KO_PERSIST_KILL);
	recreate(s);
	subject_check(s);
}

int main(int argc, char **argv)
{
	const char *refused = argc > 3 && !strcmp(argv[1], "--refused") ? argv[2] : NULL;
	struct subject s;
	int dev;

	if (argc < 2)
		return 2;
	unlink(by_user[2]);
	wpp_media_close(media_open(by_module, 0));
	dev = open(WPP_KO_DEVICE, O_RDWR | O_CLOEXEC);
	if (dev < 0)
		fail("%s: %s", WPP_KO_DEVICE, strerror(errno));
	subject_start(&s, argv + (refused ? 3 : 1));
	if (refused)
		check_refused(dev, &s, refused);
	else
		check_records(dev, &s);
	subject_end(&s);
	close(dev);
	if (nr_different)
		fail("%d differences", nr_different);
	return 0;
}
