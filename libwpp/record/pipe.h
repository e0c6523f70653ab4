/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Ends of pipes and FIFOs by their open flags. */
#ifndef WPPR_PIPE_H
#define WPPR_PIPE_H

#include <wpp/types.h>

/* O_RDONLY, O_WRONLY, O_RDWR and O_ACCMODE of every machine of Linux. */
enum wppr_access { WPPR_READ = 0, WPPR_WRITE = 1, WPPR_BOTH = 2 };
#define WPPR_ACCESS 3u

static inline uint32_t wppr_access(uint64_t flags)
{
	return (uint32_t)flags & WPPR_ACCESS;
}

/* Can an open file with these flags do what an end of access @acc does? */
static inline bool wppr_pipe_is_end(uint64_t flags, uint32_t acc)
{
	return wppr_access(flags) == acc || wppr_access(flags) == WPPR_BOTH;
}

/* The access that the other end of an end with @flags has; one for both is its own other end. */
static inline uint32_t wppr_pipe_other(uint64_t flags)
{
	return wppr_access(flags) == WPPR_READ ? WPPR_WRITE : WPPR_READ;
}

#endif
