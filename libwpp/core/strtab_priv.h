/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Strings with reference counts in lent memory, each stored once. Text is
 * appended; when the end is reached and an eighth is dead, it is compacted, so
 * the cost of compaction is O(1) amortised per byte that was added.
 */
#ifndef WPPI_STRTAB_PRIV_H
#define WPPI_STRTAB_PRIV_H

#include <wpp/region.h>

/* One string; index 0 is no string. @next chains a bucket or the free ones. */
struct wppi_str {
	uint32_t off;
	uint32_t refs;
	uint32_t next;
	uint32_t hash;
};

/* Bytes of text area for @text_bytes of strings that are in use. */
uint64_t wppi_strtab_area(uint32_t text_bytes);

/* Memory: @str [nr_max + 1], @bucket [nr_max], @bytes [size], set by the caller. */
void wppi_strtab_init(struct wppi_strtab *t);

/* Take a reference to the string @s of less than @max bytes; NULL is string 0. */
int wppi_strtab_get(struct wppi_strtab *t, const char *s, uint32_t max, uint32_t *id);
void wppi_strtab_ref(struct wppi_strtab *t, uint32_t id);
void wppi_strtab_put(struct wppi_strtab *t, uint32_t id);

/* NULL for string 0. */
const char *wppi_strtab_text(const struct wppi_strtab *t, uint32_t id);

#endif
