/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Little-endian integers as byte arrays: no padding, no alignment, no way to
 * forget the conversion. wppf_get and wppf_put are the only readers of b[].
 */
#ifndef WPPI_LE_H
#define WPPI_LE_H

#include <wpp/types.h>

typedef struct {
	uint8_t b[2];
} wpp_le16;
typedef struct {
	uint8_t b[4];
} wpp_le32;
typedef struct {
	uint8_t b[8];
} wpp_le64;

static inline uint16_t wppf_get16(wpp_le16 v)
{
	return (uint16_t)(v.b[0] | v.b[1] << 8);
}

static inline uint32_t wppf_get32(wpp_le32 v)
{
	return v.b[0] | (uint32_t)v.b[1] << 8 | (uint32_t)v.b[2] << 16 | (uint32_t)v.b[3] << 24;
}

static inline uint64_t wppf_get64(wpp_le64 v)
{
	uint32_t lo =
		v.b[0] | (uint32_t)v.b[1] << 8 | (uint32_t)v.b[2] << 16 | (uint32_t)v.b[3] << 24;
	uint32_t hi =
		v.b[4] | (uint32_t)v.b[5] << 8 | (uint32_t)v.b[6] << 16 | (uint32_t)v.b[7] << 24;

	return lo | (uint64_t)hi << 32;
}

static inline wpp_le16 wppf_put16(uint16_t v)
{
	return (wpp_le16){ { (uint8_t)v, (uint8_t)(v >> 8) } };
}

static inline wpp_le32 wppf_put32(uint32_t v)
{
	return (wpp_le32){ { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
			     (uint8_t)(v >> 24) } };
}

static inline wpp_le64 wppf_put64(uint64_t v)
{
	return (wpp_le64){ { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24),
			     (uint8_t)(v >> 32), (uint8_t)(v >> 40), (uint8_t)(v >> 48),
			     (uint8_t)(v >> 56) } };
}

#endif
