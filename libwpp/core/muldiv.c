/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* 128-bit products and quotients by shifts: no libgcc, on 32-bit machines as well. */
#include "muldiv_priv.h"

struct u128 {
	uint64_t hi;
	uint64_t lo;
};

static struct u128 mul(uint64_t a, uint64_t b)
{
	uint64_t al = (uint32_t)a, ah = a >> 32;
	uint64_t bl = (uint32_t)b, bh = b >> 32;
	uint64_t mid = ah * bl + (al * bl >> 32); /* can't overflow, nor can the next line */
	uint64_t mid2 = al * bh + (uint32_t)mid;

	return (struct u128){ .hi = ah * bh + (mid >> 32) + (mid2 >> 32), .lo = a * b };
}

uint64_t wppi_muldiv_up(uint64_t a, uint64_t b, uint64_t c)
{
	struct u128 n = mul(a, b);
	uint64_t rest = n.hi;
	uint64_t quot = n.lo;

	if (rest >= c)
		return UINT64_MAX;
	/* The quotient's bits come in where those of the dividend go out. */
	for (int i = 0; i < 64; i++) {
		bool carry = rest >> 63;

		rest = rest << 1 | quot >> 63;
		quot <<= 1;
		if (carry || rest >= c) {
			rest -= c;
			quot |= 1;
		}
	}
	return rest ? wppi_add_sat(quot, 1) : quot;
}
