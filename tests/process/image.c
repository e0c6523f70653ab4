/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <wpp/media.h>
#include <wpp/process.h>

#include "drift.h"
#include "image.h"
#include "subject.h"

#define IMAGE_NAME "subject"

static const char *const kinds[] = {
	[WPP_NOTE_REFUSED] = "refused", [WPP_NOTE_LOSSY] = "lossy", [WPP_NOTE_CHANGED] = "changed",
	[WPP_NOTE_INFO] = "info",	[WPP_NOTE_ERROR] = "error",
};

static void take_note(void *arg, const struct wpp_note *note)
{
	struct image *im = arg;
	size_t len = strlen(im->notes);

	snprintf(im->notes + len, sizeof(im->notes) - len, "%s %s: %s\n", kinds[note->kind],
		 note->name, note->text);
}

const char *image_unable(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint64_t caps;

	if (syscall(SYS_capget, &header, data))
		return "capget failed";
	caps = data[0].effective | (uint64_t)data[1].effective << 32;
	if (!(caps & (1ull << CAP_CHECKPOINT_RESTORE | 1ull << CAP_SYS_ADMIN)))
		return "a pid can't be chosen without CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN";
	return NULL;
}

static struct wpp_conf *image_conf(const struct image *im)
{
	struct wpp_conf *conf = wpp_conf_new();

	if (!conf || wpp_conf_set(conf, "wpp", "path", im->path, NULL) ||
	    wpp_conf_set(conf, "wpp", "size", "64M", NULL))
		fail("can't configure a medium");
	return conf;
}

struct wpp_media *image_open(struct image *im, uint32_t flags)
{
	struct wpp_conf *conf = image_conf(im);
	struct wpp_media_error err;
	struct wpp_media *media;

	im->notes[0] = '\0';
	if (wpp_media_open(conf, flags, &media, &err))
		fail("%s", err.text);
	wpp_conf_free(conf);
	return media;
}

void image_create(struct image *im)
{
	snprintf(im->path, sizeof(im->path), "/dev/shm/wpp-process.%d", getpid());
	wpp_media_close(image_open(im, WPP_MEDIA_CREATE));
}

void image_remove(struct image *im)
{
	unlink(im->path);
}

int image_persist(struct image *im, pid_t pid, bool kill)
{
	struct wpp_report report = { .note = take_note, .arg = im };
	struct wpp_persist how = {
		.size = sizeof(how),
		.flags = kill ? WPP_PERSIST_KILL : 0,
		.allow_lossy = im->allow,
		.report = &report,
	};
	struct wpp_media *media = image_open(im, 0);
	int err;

	err = wpp_process_persist(wpp_media_store(media), IMAGE_NAME, pid, &how, NULL);
	if (!err)
		drift_check(wpp_media_store(media), IMAGE_NAME);
	wpp_media_close(media);
	return err;
}

int image_recreate(struct image *im, pid_t *pid)
{
	struct wpp_report report = { .note = take_note, .arg = im };
	struct wpp_recreate how = {
		.size = sizeof(how),
		.flags = im->recreate_flags,
		.stdio = { -1, -1, -1 },
		.report = &report,
	};
	struct wpp_recreated done = { .size = sizeof(done) };
	struct wpp_media *media = image_open(im, WPP_MEDIA_RDONLY);
	int err;

	if (im->stdio)
		memcpy(how.stdio, im->stdio, sizeof(how.stdio));
	err = wpp_process_recreate(wpp_media_store(media), IMAGE_NAME, &how, &done);
	wpp_media_close(media);
	*pid = done.pid;
	return err;
}

bool image_noted(const struct image *im, const char *name)
{
	char word[64];

	snprintf(word, sizeof(word), " %s: ", name);
	return strstr(im->notes, word) != NULL;
}
