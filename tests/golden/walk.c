/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * walk CONF IMAGE...: reads each image as recreation does: a consistent tree, every record met by
 * exactly one cursor (a process, a thread of it, or what tasks share), every page that there is.
 * Prints "IMAGE processes threads records".
 */
#include <stdio.h>
#include <stdlib.h>

#include <wpp/error.h>
#include <wpp/media.h>

#include "record/tree.h"

#define MEMBERS_MAX 64

static void fail(const char *image, const char *what, int err)
{
	fprintf(stderr, "%s: %s: %s\n", image, what, wpp_strerror(err));
	exit(1);
}

static uint8_t *read_stream(struct wpp_reader *r, const char *image, enum wpp_stream which,
			    size_t *len)
{
	uint8_t *data;
	int err;

	*len = wpp_reader_stream_len(r, which);
	data = malloc(*len + 1);
	err = data ? wpp_reader_stream(r, which, 0, data, *len) : WPP_ENOMEM;
	if (err)
		fail(image, "stream", err);
	return data;
}

static size_t count(struct wppr_cursor c)
{
	struct wpp_rec rec;
	size_t nr = 0;

	while (!wppr_cursor_next(&c, 0, &rec))
		nr++;
	return nr;
}

static size_t count_all(const char *image, const uint8_t *stream, size_t len)
{
	struct wpp_rec rec;
	size_t pos = 0, nr = 0;
	int err;

	while (!(err = wpp_rec_next(stream, len, &pos, &rec)))
		nr++;
	if (err != WPP_ENOENT)
		fail(image, "records", err);
	return nr;
}

/* Records of a member and of its threads; the first thread's tid is the pid. */
static size_t count_member(const struct wppr_member *m, const uint8_t *pcb, size_t len)
{
	struct wppr_cursor threads, c;
	struct wpp_rec rec;
	size_t nr = 0;

	wppr_cursor_threads(&threads, pcb, len, m->pid);
	while (!wppr_cursor_next(&threads, WPP_REC_THREAD, &rec)) {
		wppr_cursor_init(&c, pcb, len, rec.task);
		nr += count(c);
	}
	return nr;
}

static void read_pages(struct wpp_reader *r, const char *image, uint32_t space)
{
	static _Alignas(WPP_PAGE_SIZE) uint8_t page[WPP_PAGE_SIZE];
	struct wpp_run run;
	uint64_t at = 0;
	int err;

	while (!(err = wpp_reader_next(r, space, at, 1, &run))) {
		err = wpp_reader_read(r, &run, page, NULL);
		if (err)
			fail(image, "page", err);
		at = run.page + 1;
	}
	if (err != WPP_ENOENT || !at)
		fail(image, "pages of the process", err);
}

static void walk(struct wpp_store *st, const char *image)
{
	struct wppr_member members[MEMBERS_MAX];
	struct wppr_tree t = { .members = members, .cap = MEMBERS_MAX };
	size_t pcb_len, regions_len, nr = 0, all;
	struct wppr_cursor shared;
	struct wpp_reader *r;
	uint8_t *pcb, *regions;
	int err = wpp_reader_open(st, image, 0, &r, NULL);

	if (err)
		fail(image, "open", err);
	pcb = read_stream(r, image, WPP_STREAM_PCB, &pcb_len);
	regions = read_stream(r, image, WPP_STREAM_REGIONS, &regions_len);
	err = wppr_tree_read(&t, pcb, pcb_len);
	if (err)
		fail(image, t.wrong ? t.wrong : "tree", err);
	all = count_all(image, pcb, pcb_len) + count_all(image, regions, regions_len);
	wppr_cursor_shared(&shared, pcb, pcb_len);
	nr = count(shared);
	for (uint32_t i = 0; i < t.nr; i++) {
		nr += count_member(&members[i], pcb, pcb_len);
		wppr_cursor_init(&shared, regions, regions_len, members[i].pid);
		nr += count(shared);
		read_pages(r, image, members[i].space);
	}
	if (nr != all)
		fail(image, "records of nobody", WPP_ECORRUPT);
	printf("%s %u %u %zu\n", image, t.nr, members[0].nr_threads, all);
	wpp_reader_close(r);
	free(pcb);
	free(regions);
}

int main(int argc, char **argv)
{
	struct wpp_media *media;
	struct wpp_conf *conf;

	if (argc < 3 || wpp_conf_load(argv[1], &conf, NULL) ||
	    wpp_media_open(conf, WPP_MEDIA_RDONLY, &media, NULL)) {
		fprintf(stderr, "walk CONF IMAGE...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		walk(wpp_media_store(media), argv[i]);
	wpp_media_close(media);
	wpp_conf_free(conf);
	return 0;
}
