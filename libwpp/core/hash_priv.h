/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPI_HASH_PRIV_H
#define WPPI_HASH_PRIV_H

#include <wpp/types.h>

static inline uint64_t wppi_rotl(uint64_t x, unsigned int n)
{
	return (x << n) | (x >> (64 - n));
}

static inline void wppi_sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = wppi_rotl(v[1], 13) ^ v[0];
	v[0] = wppi_rotl(v[0], 32);
	v[2] += v[3];
	v[3] = wppi_rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = wppi_rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = wppi_rotl(v[1], 17) ^ v[2];
	v[2] = wppi_rotl(v[2], 32);
}

/*
 * SipHash-1-3 of one word. A tracked process chooses the addresses and paths
 * that become keys; without the seed it can't choose them to collide.
 */
static inline uint64_t wppi_hash(uint64_t seed, uint64_t word)
{
	uint64_t v[4] = { seed ^ 0x736f6d6570736575ull, ~seed ^ 0x646f72616e646f6dull,
			  seed ^ 0x6c7967656e657261ull, ~seed ^ 0x7465646279746573ull };

	v[3] ^= word;
	wppi_sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	wppi_sip_round(v);
	wppi_sip_round(v);
	wppi_sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* A 32-bit hash as an index below @nr, without a division. */
static inline uint32_t wppi_hash_below(uint32_t hash, uint32_t nr)
{
	return (uint32_t)(((uint64_t)hash * nr) >> 32);
}

#endif
