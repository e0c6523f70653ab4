/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Memory filled so that each page, and each place in it, is recognised. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PAGE	 4096ul
#define MIB(x)	 ((size_t)(x) << 20)
#define WORD_GAP 64 /* bytes: one word of each cache line tells enough */

static inline uint64_t pattern_word(uint64_t seed, size_t off)
{
	return (seed + off) * 0x9e3779b97f4a7c15ull;
}

static inline void pattern_fill(void *mem, size_t len, uint64_t seed)
{
	for (size_t off = 0; off + 8 <= len; off += WORD_GAP)
		*(volatile uint64_t *)((char *)mem + off) = pattern_word(seed, off);
}

static inline int pattern_holds(const void *mem, size_t len, uint64_t seed)
{
	for (size_t off = 0; off + 8 <= len; off += WORD_GAP) {
		if (*(const volatile uint64_t *)((const char *)mem + off) !=
		    pattern_word(seed, off))
			return 0;
	}
	return 1;
}

#endif
