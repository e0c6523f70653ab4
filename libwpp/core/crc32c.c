/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CRC-32C. The instruction has a latency of three cycles and a throughput of
 * one, so three lanes of WPPI_CRC_LANE bytes run side by side and are joined
 * with crc_skip. General registers only: SMM and kernel code call this.
 */
#include "crc32c_priv.h"
#include "crc32c_table.h"

/* From this length on, asking cpuid costs less than the table does. */
#define ASK_CPU_LEN 16384u

#if defined(__x86_64__) || defined(__i386__)
#define HAVE_CRC_INSN 1
#ifdef __x86_64__
typedef uint64_t crc_word;
#define CRC_WORD "crc32q %1, %q0"
#else
typedef uint32_t crc_word;
#define CRC_WORD "crc32l %1, %0"
#endif

bool wppi_crc32c_hw(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c >> 20 & 1; /* SSE4.2 */
}

static inline uint32_t insn_word(uint32_t crc, crc_word v)
{
	__asm__(CRC_WORD : "+r"(crc) : "rm"(v));
	return crc;
}

static inline uint32_t insn_byte(uint32_t crc, uint8_t v)
{
	__asm__("crc32b %1, %0" : "+r"(crc) : "qm"(v));
	return crc;
}
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#define HAVE_CRC_INSN 1
typedef uint64_t crc_word;

bool wppi_crc32c_hw(void)
{
	return true; /* the build says so */
}

static inline uint32_t insn_word(uint32_t crc, crc_word v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	__asm__("crc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(v));
	return crc;
}

static inline uint32_t insn_byte(uint32_t crc, uint8_t v)
{
	__asm__("crc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(v));
	return crc;
}
#else
#define HAVE_CRC_INSN 0

bool wppi_crc32c_hw(void)
{
	return false;
}
#endif

#if HAVE_CRC_INSN
/* Hardware prefetchers stop at page ends and see three streams: fetch what comes next. */
#define PREFETCH 8192u

static inline crc_word load_word(const uint8_t *p)
{
	crc_word v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t skip_lane(uint32_t crc)
{
	return crc_skip[0][crc & 0xff] ^ crc_skip[1][crc >> 8 & 0xff] ^
	       crc_skip[2][crc >> 16 & 0xff] ^ crc_skip[3][crc >> 24];
}

static uint32_t insn_lanes(uint32_t a, const uint8_t *p)
{
	const uint8_t *next = p + PREFETCH;
	uint32_t b = 0, c = 0;

	for (uint32_t i = 0; i < WPPI_CRC_LANE; i += sizeof(crc_word), p += sizeof(crc_word)) {
		a = insn_word(a, load_word(p));
		b = insn_word(b, load_word(p + WPPI_CRC_LANE));
		c = insn_word(c, load_word(p + 2 * WPPI_CRC_LANE));
		__builtin_prefetch(next + 3 * i);
	}
	return skip_lane(skip_lane(a) ^ b) ^ c;
}

static uint32_t crc_insn(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 3 * WPPI_CRC_LANE; len -= 3 * WPPI_CRC_LANE, p += 3 * WPPI_CRC_LANE)
		crc = insn_lanes(crc, p);
	for (; len >= sizeof(crc_word); len -= sizeof(crc_word), p += sizeof(crc_word))
		crc = insn_word(crc, load_word(p));
	for (; len; len--)
		crc = insn_byte(crc, *p++);
	return crc;
}
#endif

static uint32_t crc_bytes(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 8; len -= 8, p += 8)
		crc = crc_slice[7][(crc ^ p[0]) & 0xff] ^ crc_slice[6][(crc >> 8 ^ p[1]) & 0xff] ^
		      crc_slice[5][(crc >> 16 ^ p[2]) & 0xff] ^ crc_slice[4][crc >> 24 ^ p[3]] ^
		      crc_slice[3][p[4]] ^ crc_slice[2][p[5]] ^ crc_slice[1][p[6]] ^
		      crc_slice[0][p[7]];
	for (; len; len--)
		crc = crc >> 8 ^ crc_slice[0][(crc ^ *p++) & 0xff];
	return crc;
}

uint32_t wppi_crc32c(bool hw, uint32_t crc, const void *buf, size_t len)
{
#if HAVE_CRC_INSN
	if (hw)
		return ~crc_insn(~crc, buf, len);
#endif
	(void)hw;
	return ~crc_bytes(~crc, buf, len);
}

uint32_t wpp_crc32c(uint32_t crc, const void *buf, size_t len)
{
	return wppi_crc32c(len >= ASK_CPU_LEN && wppi_crc32c_hw(), crc, buf, len);
}
