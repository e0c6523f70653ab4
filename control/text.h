/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_CONTROL_TEXT_H
#define WPP_CONTROL_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <wpp/store.h>

/* Parses a decimal without a sign; false when it is none or larger than @max. */
bool wppc_parse_number(const char *text, uint64_t max, uint64_t *value);

/* 1 to WPP_IMAGE_NAME_MAX of A-Z a-z 0-9 . _ - and no . or - in front. */
bool wppc_name_ok(const char *name);

/* Copies a name that is one. */
void wppc_name_set(char to[WPP_IMAGE_NAME_MAX + 1], const char *name);

/* Makes an image name of a program's path: basename, unusable bytes replaced. */
void wppc_name_of(const char *program, char name[WPP_IMAGE_NAME_MAX + 1]);

#endif
