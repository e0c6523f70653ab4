/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Numbers as in statfs(2) and Linux' magic.h. */
#include "record/filesystem.h"

#include "record/refuse.h"

#define PROC	   0x9fa0u
#define SYSFS	   0x62656572u
#define CGROUP	   0x27e0ebu
#define CGROUP2	   0x63677270u
#define DEBUGFS	   0x64626720u
#define TRACEFS	   0x74726163u
#define SECURITYFS 0x73636673u
#define NSFS	   0x6e736673u
#define PIDFS	   0x50494446u
#define BPF	   0xcafe4a11u
#define SECRETMEM  0x5345434du

#define MEMORY_MAJOR 1 /* of /dev/null and its kin */

bool wppr_fs_is_pseudo(uint64_t magic)
{
	switch (magic) {
	case PROC:
	case SYSFS:
	case CGROUP:
	case CGROUP2:
	case DEBUGFS:
	case TRACEFS:
	case SECURITYFS:
		return true;
	default:
		return false;
	}
}

bool wppr_fs_is_special(uint64_t magic)
{
	switch (magic) {
	case NSFS:
	case PIDFS:
	case BPF:
	case PROC:
	case SYSFS:
	case WPPR_MQUEUE_MAGIC:
	case SECRETMEM:
		return true;
	default:
		return false;
	}
}

const char *wppr_memory_device(uint32_t major, uint32_t minor)
{
	static const char *const names[] = {
		[3] = "/dev/null",   [5] = "/dev/zero",	   [7] = "/dev/full",
		[8] = "/dev/random", [9] = "/dev/urandom",
	};

	if (major != MEMORY_MAJOR || minor >= sizeof(names) / sizeof(names[0]))
		return NULL;
	return names[minor];
}
