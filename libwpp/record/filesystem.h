/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the number of a filesystem, or of a device, says of a file. */
#ifndef WPPR_FILESYSTEM_H
#define WPPR_FILESYSTEM_H

#include <wpp/types.h>

/* Is it /proc, /sys or the like, whose files have no size and time (WPP_AUX_PSEUDO)? */
bool wppr_fs_is_pseudo(uint64_t magic);

/* Are files without a name there no memory of the process (of a namespace, a pid, BPF ...)? */
bool wppr_fs_is_special(uint64_t magic);

/* The path of a memory device that is the same on each machine (WPP_OFD_CHR); NULL: another one. */
const char *wppr_memory_device(uint32_t major, uint32_t minor);

#endif
