/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The only file of wpp that speaks to /dev/wpp and /dev/wpp-trigger, and reads /proc/wpp. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"

#define PROC_DIR "/proc/wpp"

_Static_assert(WPP_IMAGE_NAME_MAX + 1 <= WPP_KO_IMAGE_LEN, "an image name fits");

bool kernel_is_used(const struct tool *t)
{
	return !strcmp(wpp_conf_text(t->conf, "wpp", "backend"), "module");
}

int kernel_prepare(struct tool *t)
{
	struct wpp_media *media;
	int code = medium_open(t, WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK, &media);

	if (!code)
		wpp_media_close(media);
	return code;
}

/* What the module answers, as an error of the library. */
static int error_of(int err)
{
	switch (err) {
	case ESRCH:
		return WPP_ENOENT;
	case EACCES:
		return WPP_EPERM;
	case EREMOTEIO:
		return WPP_EREFUSED;
	case EUCLEAN:
		return WPP_ECORRUPT;
	case EMEDIUMTYPE:
		return WPP_EFORMAT;
	case ETIME:
		return WPP_EWINDOW;
	default:
		return -err;
	}
}

static int request(unsigned long number, void *arg)
{
	int fd = open(WPP_KO_DEVICE, O_RDWR | O_CLOEXEC);
	int err;

	if (fd < 0)
		return error_of(errno);
	err = ioctl(fd, number, arg) ? error_of(errno) : 0;
	close(fd);
	return err;
}

/* ---- Tracking ------------------------------------------------------------------------------ */

int kernel_track(const struct tool *t, const char *name, pid_t pid, bool inherit)
{
	struct wpp_ko_track how = { .pid = pid };

	if (inherit || wpp_conf_number(t->conf, "module", "inherit"))
		how.flags |= WPP_KO_TRACK_INHERIT;
	if (wpp_conf_number(t->conf, "module", "tracking")) {
		how.flags |= WPP_KO_TRACK_EAGER;
		how.batch = (uint32_t)wpp_conf_number(t->conf, "module", "batch");
	}
	snprintf(how.image, sizeof(how.image), "%s", name);
	return request(WPP_KO_IOC_TRACK, &how);
}

static int untrack(int32_t pid)
{
	return request(WPP_KO_IOC_UNTRACK, &pid);
}

void kernel_untrack(const char *name)
{
	struct tracked one;

	if (kernel_find(name, &one) == 0)
		untrack(one.pid);
}

/* ---- /proc/wpp ----------------------------------------------------------------------------- */

/* "key: value" as a member; numbers as numbers. */
static void line_add(json_t *o, char *line)
{
	char *value = strstr(line, ": ");
	uint64_t number;

	if (!value)
		return;
	*value = '\0';
	value += 2;
	value[strcspn(value, "\n")] = '\0';
	if (parse_number(value, INT64_MAX, &number))
		json_object_set_new(o, line, json_integer((json_int_t)number));
	else
		json_object_set_new(o, line, json_string(value));
}

json_t *kernel_live(pid_t pid)
{
	char path[64], line[256];
	json_t *o;
	FILE *f;

	snprintf(path, sizeof(path), PROC_DIR "/%d", pid);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	o = json_object();
	if (!fgets(line, sizeof(line), f)) /* the mark itself */
		*line = '\0';
	while (fgets(line, sizeof(line), f))
		line_add(o, line);
	fclose(f);
	return o;
}

/* False: not tracked any more. */
static bool look(pid_t pid, struct tracked *one)
{
	json_t *live = kernel_live(pid);
	const char *image = json_string_value(json_object_get(live, "image"));

	*one = (struct tracked){ .pid = pid, .start_time = process_start_time(pid) };
	if (image)
		snprintf(one->name, sizeof(one->name), "%s", image);
	json_decref(live);
	return *one->name && one->start_time;
}

bool kernel_tracks(pid_t pid)
{
	struct tracked one;

	return look(pid, &one);
}

/* The next tracked process of @dir. */
static bool next(DIR *dir, struct tracked *one)
{
	const struct dirent *entry;
	uint64_t pid;

	while ((entry = readdir(dir))) {
		if (parse_number(entry->d_name, INT32_MAX, &pid) && look((pid_t)pid, one))
			return true;
	}
	return false;
}

int kernel_find(const char *name, struct tracked *out)
{
	DIR *dir = opendir(PROC_DIR);
	int err = WPP_ENOENT;

	while (err && dir && next(dir, out))
		err = strcmp(out->name, name) ? WPP_ENOENT : 0;
	if (dir)
		closedir(dir);
	return err;
}

int kernel_list(struct tracked **out, size_t *nr)
{
	struct tracked *list = NULL, *bigger, one;
	DIR *dir = opendir(PROC_DIR);
	size_t n = 0;

	*out = NULL;
	*nr = 0;
	while (dir && next(dir, &one)) {
		bigger = realloc(list, (n + 1) * sizeof(*list));
		if (!bigger) {
			free(list);
			closedir(dir);
			return WPP_ENOMEM;
		}
		list = bigger;
		list[n++] = one;
	}
	if (dir)
		closedir(dir);
	*out = list;
	*nr = n;
	return 0;
}

/* ---- Saving -------------------------------------------------------------------------------- */

/* "name: sentence" lines. What is no reason to refuse is said by the module as well. */
static void tell_notes(char *text, int err, const struct wpp_report *report)
{
	char *rest = text, *name;

	while (report && (name = strsep(&rest, "\n"))) {
		char *sentence = strstr(name, ": ");
		struct wpp_note note = {
			.kind = err == WPP_EREFUSED ? WPP_NOTE_REFUSED : WPP_NOTE_INFO,
			.name = name,
		};

		if (!sentence)
			continue;
		*sentence = '\0';
		note.text = sentence + 2;
		report->note(report->arg, &note);
	}
}

int kernel_persist(const struct tool *t, const char *image, pid_t pid,
		   const struct wpp_persist *how, struct wpp_persisted *done)
{
	struct wpp_ko_persist ko = { .pid = pid };
	bool only_now = !kernel_tracks(pid);
	int err = only_now ? kernel_track(t, image, pid, false) : 0;

	if (err)
		return err;
	if (how->flags & WPP_PERSIST_KILL)
		ko.flags = WPP_KO_PERSIST_KILL;
	err = request(WPP_KO_IOC_PERSIST, &ko);
	if (only_now && (err || !ko.flags))
		untrack(pid);
	ko.notes[sizeof(ko.notes) - 1] = '\0';
	tell_notes(ko.notes, err, how->report);
	*done = (struct wpp_persisted){
		.generation = ko.generation,
		.nr_pages = ko.nr_pages,
		.nr_written = ko.bytes / WPP_PAGE_SIZE,
		.nr_threads = ko.nr_threads,
		.frozen_ns = ko.frozen_ns,
		.durable_ns = ko.durable_ns,
	};
	return err;
}

int kernel_trigger(void)
{
	int fd = open(WPP_KO_TRIGGER, O_WRONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return error_of(errno);
	err = dprintf(fd, "%d\n", WPP_KO_MAGIC_POWER_LOSS) < 0 ? error_of(errno) : 0;
	close(fd);
	return err;
}

/* ---- What there is ------------------------------------------------------------------------- */

static void describe_medium(const struct wpp_ko_medium *m, char *text, size_t size)
{
	static const char *const kinds[] = { "none", "fpga", "nvme", "memory" };
	char bytes[16];

	snprintf(text, size, "medium %s%s%.*s of %s, %u tracked",
		 m->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[m->kind] : "unknown",
		 *m->address ? " " : "", (int)sizeof(m->address), m->address,
		 human_bytes(m->size, bytes), m->nr_tracked);
}

bool kernel_describe(const struct tool *t, char *text, size_t size)
{
	struct wpp_ko_medium m = { .size = 0 };
	char medium[160] = "no medium attached";
	uint32_t abi = 0;
	int err;

	if (access(WPP_KO_DEVICE, F_OK)) {
		snprintf(text, size, "wpp.ko is not loaded%s",
			 kernel_is_used(t) ? ": modprobe wpp" : "; only backend = module needs it");
		return !kernel_is_used(t);
	}
	err = request(WPP_KO_IOC_ABI, &abi);
	if (err) {
		snprintf(text, size, "wpp.ko is loaded; %s: %s", WPP_KO_DEVICE, wpp_strerror(err));
		return !kernel_is_used(t);
	}
	if (abi != WPP_KO_ABI) {
		snprintf(text, size, "wpp.ko is of another version: ABI %u, this is for %u", abi,
			 WPP_KO_ABI);
		return false;
	}
	if (request(WPP_KO_IOC_MEDIUM, &m) == 0)
		describe_medium(&m, medium, sizeof(medium));
	snprintf(text, size, "wpp.ko is loaded, ABI %u; %s", abi, medium);
	return true;
}
