/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The guest's memory as a bus-mastering device sees it: the sections of the
 * last SYNC_SYSMEM, mapped. Only memfds that can't shrink are mapped, so that
 * no QEMU can turn a transfer into SIGBUS.
 */
#ifndef WPP_GUEST_RAM_H
#define WPP_GUEST_RAM_H

#include <stdbool.h>
#include <stdint.h>
#include "proxy_wire.h"

struct guest_section {
	uint64_t gpa, len;
	uint8_t *host;
};

struct guest_ram {
	uint32_t nr;
	struct guest_section section[WIRE_FDS_MAX];
};

/*
 * Replaces the whole map; descriptors stay the caller's. Returns how many of the @nr sections
 * could not be mapped: transfers to them fail.
 */
uint32_t guest_ram_replace(struct guest_ram *ram, const struct wire_sysmem *map, const int *fds,
			   uint32_t nr);

void guest_ram_clear(struct guest_ram *ram);

/* Copy between guest and device; false, and nothing copied, when a byte of it is no guest RAM. */
bool guest_ram_read(const struct guest_ram *ram, uint64_t gpa, void *to, uint64_t len);
bool guest_ram_write(const struct guest_ram *ram, uint64_t gpa, const void *from, uint64_t len);

#endif
