/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Seeded random numbers for property tests. A run prints its seed; WPP_SEED=n
 * in the environment repeats it.
 */
#ifndef WPP_TEST_PROP_H
#define WPP_TEST_PROP_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct prop {
	uint64_t seed;
	uint64_t state;
	uint64_t step; /* the test counts its steps here */
};

static inline struct prop prop_begin(const char *name, uint64_t seed)
{
	const char *env = getenv("WPP_SEED");

	if (env)
		seed = strtoull(env, NULL, 0);
	printf("%s: WPP_SEED=%llu\n", name, (unsigned long long)seed);
	return (struct prop){ .seed = seed, .state = seed };
}

/* splitmix64 */
static inline uint64_t prop_u64(struct prop *p)
{
	uint64_t z = p->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* 0 .. n - 1 */
static inline uint64_t prop_below(struct prop *p, uint64_t n)
{
	return prop_u64(p) % n;
}

/* Like assert_true(), but says where in the run it happened. */
#define prop_assert(p, cond)                                                                    \
	do {                                                                                    \
		if (!(cond))                                                                    \
			fail_msg("%s (WPP_SEED=%llu, step %llu)", #cond,                        \
				 (unsigned long long)(p)->seed, (unsigned long long)(p)->step); \
	} while (0)

#endif
