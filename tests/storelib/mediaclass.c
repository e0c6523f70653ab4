/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mediaclass.h"

#define POWERSAFE WPP_CAP_POWERSAFE
#define ORDERED	  WPP_CAP_ORDERED
#define DIRECT	  WPP_CAP_DIRECT
#define DURABLE	  WPP_CAP_DURABLE

const struct media_class media_classes[] = {
	/* cheapest disk: volatile cache, garbage in torn sectors */
	{ "disk", { .caps = DURABLE, .tear = 512, .io_align = 512, .buf_align = 512 } },
	{ "nvme",
	  { .caps = DURABLE | POWERSAFE,
	    .tear = 512,
	    .io_align = 512,
	    .buf_align = 4,
	    .atomic_len = 512,
	    .queue_depth = 4,
	    .flags = WPP_SIM_DEFER } },
	{ "nvme4k",
	  { .caps = DURABLE | POWERSAFE,
	    .tear = 4096,
	    .io_align = 4096,
	    .buf_align = 4096,
	    .atomic_len = 4096,
	    .queue_depth = 16,
	    .flags = WPP_SIM_DEFER } },
	{ "fua",
	  { .caps = DURABLE | WPP_CAP_FUA,
	    .tear = 512,
	    .io_align = 512,
	    .queue_depth = 8,
	    .flags = WPP_SIM_DEFER } },
	{ "pmem",
	  { .caps = DURABLE | POWERSAFE | DIRECT,
	    .tear = 8,
	    .io_align = 8,
	    .buf_align = 1,
	    .atomic_len = 8 } },
	{ "file",
	  { .caps = DURABLE | DIRECT,
	    .tear = 512,
	    .io_align = 64,
	    .buf_align = 1,
	    .atomic_len = 8 } },
	{ "ring",
	  { .caps = DURABLE | POWERSAFE | ORDERED,
	    .tear = 8,
	    .io_align = 64,
	    .buf_align = 64,
	    .queue_depth = 2,
	    .flags = WPP_SIM_DEFER } },
	{ "plp", { .caps = DURABLE | ORDERED, .tear = 512, .io_align = 512, .atomic_len = 4096 } },
	/* nothing is promised, and moves are short */
	{ "worst",
	  { .caps = DURABLE,
	    .tear = 8,
	    .io_align = 4096,
	    .buf_align = 4096,
	    .io_max = 4096,
	    .queue_depth = 3,
	    .flags = WPP_SIM_DEFER } },
	{ "cxl",
	  { .caps = DURABLE | POWERSAFE | DIRECT,
	    .tear = 8,
	    .io_align = 4096,
	    .io_max = 4096,
	    .queue_depth = 8,
	    .flags = WPP_SIM_DEFER } },
};

const uint32_t nr_media_classes = sizeof(media_classes) / sizeof(media_classes[0]);

const struct media_class *media_class_find(const char *name)
{
	for (uint32_t i = 0; i < nr_media_classes; i++)
		if (!strcmp(media_classes[i].name, name))
			return &media_classes[i];
	return NULL;
}

struct wpp_backend *media_open(const struct media_class *c, uint64_t bytes, uint64_t seed)
{
	struct wpp_sim_cfg cfg = c->cfg;
	struct wpp_backend *be;
	int err;

	cfg.size = sizeof(cfg);
	cfg.bytes = bytes;
	cfg.seed = seed;
	err = wpp_sim_open(&cfg, &be);
	if (err) {
		fprintf(stderr, "medium %s: %s\n", c->name, wpp_strerror(err));
		exit(1);
	}
	return be;
}
