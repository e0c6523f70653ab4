/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Capabilities as 64-bit sets: what the caller has, and names for messages. */
#ifndef WPP_CAPABILITY_H
#define WPP_CAPABILITY_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

struct capability_sets {
	uint64_t effective, permitted, inheritable;
};

static inline uint64_t capability_bit(int cap)
{
	return 1ull << cap;
}

/* Of the calling thread. 0 or -errno. */
int wppi_capabilities(struct capability_sets *sets);
bool wppi_capable(int cap);
/* "CAP_SYS_ADMIN"; static. */
const char *wppi_capability_name(int cap);

#endif
