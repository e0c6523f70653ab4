/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPI_CRC32C_PRIV_H
#define WPPI_CRC32C_PRIV_H

#include <wpp/crc32c.h>

/* Has this CPU the instruction? Slow in a virtual machine (cpuid traps): ask once, keep it. */
bool wppi_crc32c_hw(void);

/* wpp_crc32c() by instruction or by table; @hw: what wppi_crc32c_hw() said, or false. */
uint32_t wppi_crc32c(bool hw, uint32_t crc, const void *buf, size_t len);

#endif
