/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CRC tables. A CRC is linear over GF(2), so a table of 256 follows from its
 * eight powers of two: only these are written down, the preprocessor XORs.
 */
#ifndef WPPI_CRC32C_TABLE_H
#define WPPI_CRC32C_TABLE_H

#include <wpp/types.h>

#define WPPI_CRC_X2(x, b)	    (x), ((x) ^ (b))
#define WPPI_CRC_X4(x, b, c)	    WPPI_CRC_X2(x, b), WPPI_CRC_X2((x) ^ (c), b)
#define WPPI_CRC_X8(x, b, c, d)	    WPPI_CRC_X4(x, b, c), WPPI_CRC_X4((x) ^ (d), b, c)
#define WPPI_CRC_X16(x, b, c, d, e) WPPI_CRC_X8(x, b, c, d), WPPI_CRC_X8((x) ^ (e), b, c, d)
#define WPPI_CRC_X32(x, b, c, d, e, f) \
	WPPI_CRC_X16(x, b, c, d, e), WPPI_CRC_X16((x) ^ (f), b, c, d, e)
#define WPPI_CRC_X64(x, b, c, d, e, f, g) \
	WPPI_CRC_X32(x, b, c, d, e, f), WPPI_CRC_X32((x) ^ (g), b, c, d, e, f)
#define WPPI_CRC_X128(x, b, c, d, e, f, g, h) \
	WPPI_CRC_X64(x, b, c, d, e, f, g), WPPI_CRC_X64((x) ^ (h), b, c, d, e, f, g)
#define WPPI_CRC_ROW(b, c, d, e, f, g, h, i)                                                  \
	{                                                                                     \
		WPPI_CRC_X128(0u, b, c, d, e, f, g, h), WPPI_CRC_X128(i, b, c, d, e, f, g, h) \
	}

/* [k][v]: CRC register after byte v and then k zero bytes. */
static const uint32_t crc_slice[8][256] = {
	WPPI_CRC_ROW(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu,
		     0x417b1dbcu, 0x82f63b78u),
	WPPI_CRC_ROW(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u,
		     0xff17c604u, 0xfbc3faf9u),
	WPPI_CRC_ROW(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u, 0x70a27d8au, 0xe144fb14u,
		     0xc76580d9u, 0x8b277743u),
	WPPI_CRC_ROW(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u, 0xe964b13du, 0xd725148bu,
		     0xaba65fe7u, 0x52a0c93fu),
	WPPI_CRC_ROW(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u, 0x8f2261d3u, 0x1ba8b557u,
		     0x37516aaeu, 0x6ea2d55cu),
	WPPI_CRC_ROW(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu, 0xc00c303eu, 0x85f4168du,
		     0x0e045bebu, 0x1c08b7d6u),
	WPPI_CRC_ROW(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u, 0x9c5bfaa6u, 0x3d5b83bdu,
		     0x7ab7077au, 0xf56e0ef4u),
	WPPI_CRC_ROW(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau, 0x847609b4u, 0x0d006599u,
		     0x1a00cb32u, 0x34019664u),
};

/* [k][v]: CRC register v << 8k after WPPI_CRC_LANE zero bytes. */
#define WPPI_CRC_LANE 1360u
static const uint32_t crc_skip[4][256] = {
	WPPI_CRC_ROW(0x79113270u, 0xf22264e0u, 0xe1a8bf31u, 0xc6bd0893u, 0x889667d7u, 0x14c0b95fu,
		     0x298172beu, 0x5302e57cu),
	WPPI_CRC_ROW(0xa605caf8u, 0x49e7e301u, 0x93cfc602u, 0x2273faf5u, 0x44e7f5eau, 0x89cfebd4u,
		     0x1673a159u, 0x2ce742b2u),
	WPPI_CRC_ROW(0x59ce8564u, 0xb39d0ac8u, 0x62d66361u, 0xc5acc6c2u, 0x8eb5fb75u, 0x1887801bu,
		     0x310f0036u, 0x621e006cu),
	WPPI_CRC_ROW(0xc43c00d8u, 0x8d947741u, 0x1ec49873u, 0x3d8930e6u, 0x7b1261ccu, 0xf624c398u,
		     0xe9a5f1c1u, 0xd6a79573u),
};

#endif
