/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_CRC32C_H
#define WPP_CRC32C_H

#include <wpp/types.h>

WPP_BEGIN_DECLS

/**
 * wpp_crc32c() - CRC-32C (Castagnoli) of a buffer
 * @crc: 0, or the result for the bytes before.
 * @buf: in, [@len] bytes, any alignment.
 * @len: bytes.
 *
 * wpp_crc32c(0, "123456789", 9) == 0xe3069283.
 * Context: any; no state; hardware instruction where the CPU has it, table otherwise.
 * Return:  the checksum of all bytes so far.
 * Source:  FORMAT.md 1.1; RFC 3720 B.4.
 */
WPP_API uint32_t wpp_crc32c(uint32_t crc, const void *buf, size_t len);

WPP_END_DECLS
#endif
