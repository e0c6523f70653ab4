/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The only file that speaks to /dev/wpp and /dev/wpp-trigger, and reads /proc/wpp. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/module.h"
#include "control/text.h"
#include "control/track/list.h"

#define PROC_DIR "/proc/wpp"

_Static_assert(WPP_IMAGE_NAME_MAX + 1 <= WPP_KO_IMAGE_LEN, "an image name fits");

bool wppc_module_is_used(const struct wpp_conf *conf)
{
	return !strcmp(wpp_conf_text(conf, "wpp", "backend"), "module");
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

int wppc_module_track(const struct wpp_conf *conf, const char *name, pid_t pid, bool inherit)
{
	struct wpp_ko_track how = { .pid = pid };

	if (inherit || wpp_conf_number(conf, "module", "inherit"))
		how.flags |= WPP_KO_TRACK_INHERIT;
	if (wpp_conf_number(conf, "module", "tracking")) {
		how.flags |= WPP_KO_TRACK_EAGER;
		how.batch = (uint32_t)wpp_conf_number(conf, "module", "batch");
	}
	snprintf(how.image, sizeof(how.image), "%s", name);
	return request(WPP_KO_IOC_TRACK, &how);
}

/* One that has ended meanwhile is not tracked either. */
static int untrack(int32_t pid)
{
	int err = request(WPP_KO_IOC_UNTRACK, &pid);

	return err == WPP_ENOENT ? 0 : err;
}

int wppc_module_untrack(const char *name)
{
	struct wppc_tracked one;
	int err = wppc_module_find(name, &one);

	if (err)
		return err == WPP_ENOENT ? 0 : err;
	return untrack(one.pid);
}

/* ---- /proc/wpp ----------------------------------------------------------------------------- */

/* "key: value" */
static void tell_line(char *line, wppc_live_fn tell, void *arg)
{
	char *value = strstr(line, ": ");

	if (!value)
		return;
	*value = '\0';
	value += 2;
	value[strcspn(value, "\n")] = '\0';
	tell(arg, line, value);
}

int wppc_module_live(pid_t pid, wppc_live_fn tell, void *arg)
{
	char path[64], line[256];
	int err = 0;
	FILE *f;

	snprintf(path, sizeof(path), PROC_DIR "/%d", pid);
	f = fopen(path, "re");
	if (!f)
		return error_of(errno);
	errno = 0;
	if (fgets(line, sizeof(line), f)) { /* the mark itself */
		while (fgets(line, sizeof(line), f))
			tell_line(line, tell, arg);
	}
	if (ferror(f))
		err = error_of(errno);
	fclose(f);
	return err;
}

static void take_image(void *arg, const char *key, const char *value)
{
	struct wppc_tracked *one = arg;

	if (!strcmp(key, "image"))
		snprintf(one->name, sizeof(one->name), "%s", value);
}

/* WPP_ENOENT: not tracked any more. */
static int look(pid_t pid, struct wppc_tracked *one)
{
	int err;

	*one = (struct wppc_tracked){ .pid = pid };
	err = wppc_module_live(pid, take_image, one);
	if (!err)
		err = wppc_process_start(pid, &one->start_time);
	return err || *one->name ? err : WPP_ENOENT;
}

int wppc_module_tracks(pid_t pid, bool *tracks)
{
	struct wppc_tracked one;
	int err = look(pid, &one);

	*tracks = !err;
	return err == WPP_ENOENT ? 0 : err;
}

/* The first error, behind all processes that could be looked at. */
static int read_dir(DIR *dir, struct wppc_list *list)
{
	const struct dirent *entry;
	struct wppc_tracked one;
	int err, first = 0;
	uint64_t pid;

	while ((errno = 0, entry = readdir(dir))) {
		if (!wppc_parse_number(entry->d_name, INT32_MAX, &pid))
			continue;
		err = look((pid_t)pid, &one);
		if (!err)
			err = wppc_list_append(list, &one);
		if (err && err != WPP_ENOENT && !first)
			first = err;
	}
	return first ? first : -errno;
}

int wppc_module_list(struct wppc_tracked **out, size_t *nr)
{
	struct wppc_list list = { 0 };
	DIR *dir = opendir(PROC_DIR);
	int err;

	*out = NULL;
	*nr = 0;
	if (!dir)
		return errno == ENOENT ? 0 : error_of(errno);
	err = read_dir(dir, &list);
	closedir(dir);
	*out = list.at;
	*nr = list.nr;
	return err;
}

int wppc_module_find(const char *name, struct wppc_tracked *out)
{
	struct wppc_tracked *list;
	size_t nr, i;
	int err = wppc_module_list(&list, &nr);

	for (i = 0; i < nr && strcmp(list[i].name, name) != 0; i++)
		;
	if (i < nr) {
		*out = list[i];
		err = 0;
	} else if (!err) {
		err = WPP_ENOENT;
	}
	free(list);
	return err;
}

/* ---- Saving -------------------------------------------------------------------------------- */

static void tell(const struct wpp_report *report, enum wpp_note_kind kind, const char *name,
		 const char *text)
{
	struct wpp_note note = { .kind = kind, .name = name, .text = text };

	if (report && report->note)
		report->note(report->arg, &note);
}

/* "name: sentence" lines. What is no reason to refuse is said by the module as well. */
static void tell_notes(char *text, int err, const struct wpp_report *report)
{
	char *rest = text, *name;

	while ((name = strsep(&rest, "\n"))) {
		char *sentence = strstr(name, ": ");

		if (!sentence)
			continue;
		*sentence = '\0';
		tell(report, err == WPP_EREFUSED ? WPP_NOTE_REFUSED : WPP_NOTE_INFO, name,
		     sentence + 2);
	}
}

int wppc_module_persist(const struct wpp_conf *conf, const char *image, pid_t pid,
			const struct wpp_persist *how, struct wpp_persisted *done)
{
	struct wpp_ko_persist ko = { .pid = pid };
	bool tracks;
	int err;

	if (how->allow_lossy || how->flags & WPP_PERSIST_NO_SYNC)
		return WPP_EINVAL;
	err = wppc_module_tracks(pid, &tracks);
	if (!err && !tracks)
		err = wppc_module_track(conf, image, pid, false);
	if (err)
		return err;
	if (how->flags & WPP_PERSIST_KILL)
		ko.flags = WPP_KO_PERSIST_KILL;
	err = request(WPP_KO_IOC_PERSIST, &ko);
	if (!tracks && (err || !ko.flags) && untrack(pid) != 0)
		tell(how->report, WPP_NOTE_ERROR, "untrack",
		     "the module goes on tracking the process; wpp ls shows it");
	ko.notes[sizeof(ko.notes) - 1] = '\0';
	tell_notes(ko.notes, err, how->report);
	*done = (struct wpp_persisted){
		.size = sizeof(*done),
		.generation = ko.generation,
		.nr_pages = ko.nr_pages,
		.nr_written = ko.bytes / WPP_PAGE_SIZE,
		.nr_threads = ko.nr_threads,
		.frozen_ns = ko.frozen_ns,
		.durable_ns = ko.durable_ns,
	};
	return err;
}

int wppc_module_trigger(void)
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

void wppc_module_examine(struct wppc_module_state *state)
{
	*state = (struct wppc_module_state){ .loaded = access(WPP_KO_DEVICE, F_OK) == 0 };
	if (!state->loaded)
		return;
	state->abi_err = request(WPP_KO_IOC_ABI, &state->abi);
	if (!state->abi_err && state->abi == WPP_KO_ABI)
		state->medium_err = request(WPP_KO_IOC_MEDIUM, &state->medium);
}
