/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kinds of media that the store is proven on. */
#ifndef MEDIACLASS_H
#define MEDIACLASS_H

#include <wpp/sim.h>

struct media_class {
	const char *name;
	struct wpp_sim_cfg cfg; /* without bytes and seed */
};

extern const struct media_class media_classes[];
extern const uint32_t nr_media_classes;

const struct media_class *media_class_find(const char *name); /* or NULL */
struct wpp_backend *media_open(const struct media_class *c, uint64_t bytes, uint64_t seed);

#endif
