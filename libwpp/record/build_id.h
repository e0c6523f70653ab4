/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPR_BUILD_ID_H
#define WPPR_BUILD_ID_H

#include <wpp/types.h>

/**
 * wppr_build_id() - the build-id of an ELF file in memory
 * @elf: [@len] bytes, any alignment; hostile. 64 bits, little-endian.
 * @id:  out: leads into @elf.
 *
 * Context: any; no allocation.
 * Return:  bytes; 0: it has none, or is no such file.
 */
uint32_t wppr_build_id(const void *elf, size_t len, const uint8_t **id);

#endif
