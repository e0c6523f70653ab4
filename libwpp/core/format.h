/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What lies on a medium. The tables of docs/FORMAT.md, as structs that cannot
 * be padded; numbers are little-endian; every block ends or is referenced with
 * its CRC-32C.
 */
#ifndef WPPI_FORMAT_H
#define WPPI_FORMAT_H

#include <wpp/geometry.h>
#include <wpp/store.h>
#include <wpp/types.h>

#include "le.h"

#define WPPF_LABEL_MAGIC  "WPPLBL\r\n"
#define WPPF_COMMIT_MAGIC "WPPCMT\r\n"
#define WPPF_MAJOR	  1
#define WPPF_MINOR	  0
/* Feature bits that this code knows (FORMAT.md 1.2). */
#define WPPF_INCOMPAT_KNOWN  0u
#define WPPF_INCOMPAT_SEALED (1u << 0) /* reserved for authenticated encryption, FORMAT.md 12 */
#define WPPF_RO_COMPAT_KNOWN 0u

#define WPPF_SLOTS_MAX	 128 /* commit slots */
#define WPPF_LIVE_MAX	 64  /* live generations of all images together */
#define WPPF_KEPT_MAX	 16
#define WPPF_NUMBER_MAX	 (~0ull >> 1) /* of seq and generation */
#define WPPF_DIRS_MAX	 447	      /* directory blocks of one generation */
#define WPPF_DIR_SPACES	 128	      /* spaces in one directory block */
#define WPPF_TABLE_SHIFT 9
#define WPPF_TABLE_LEN	 512 /* entries in one table */
#define WPPF_HEIGHT_MAX	 5

/* The first 24 bytes of label and commit record. FORMAT.md 1.2. */
struct wppf_head {
	uint8_t magic[8];
	wpp_le16 major, minor;
	wpp_le32 incompat, ro_compat, compat;
};
_Static_assert(sizeof(struct wppf_head) == 24, "FORMAT.md 1.2");

struct wppf_extent {
	wpp_le64 base, size;
};

/* FORMAT.md 3.1 */
struct wppf_label {
	struct wppf_head head;
	wpp_le64 store;
	wpp_le32 block_shift;
	wpp_le32 nr_slots;
	struct wppf_extent section[WPP_SEC_COUNT];
	uint8_t reserved[3972];
	wpp_le32 crc;
};
_Static_assert(offsetof(struct wppf_label, store) == 24, "FORMAT.md 3.1");
_Static_assert(offsetof(struct wppf_label, block_shift) == 32, "FORMAT.md 3.1");
_Static_assert(offsetof(struct wppf_label, nr_slots) == 36, "FORMAT.md 3.1");
_Static_assert(offsetof(struct wppf_label, section) == 40, "FORMAT.md 3.1");
_Static_assert(offsetof(struct wppf_label, crc) == 4092, "FORMAT.md 3.1");
_Static_assert(sizeof(struct wppf_label) == WPP_PAGE_SIZE, "FORMAT.md 3.1");

/* A reference to a block: FORMAT.md 1.3. place 0: nothing there. */
struct wppf_ref {
	wpp_le32 place;
	wpp_le32 crc;
};

/* FORMAT.md 3.2 */
struct wppf_commit {
	struct wppf_head head;
	wpp_le64 store;
	wpp_le64 seq;
	wpp_le64 generation;
	wpp_le64 parent;
	wpp_le64 nr_pages;
	wpp_le64 nr_written;
	wpp_le64 realtime_ns;
	wpp_le32 nr_spaces;
	wpp_le32 nr_dirs;
	wpp_le64 stream_len[WPP_STREAM_COUNT];
	uint8_t reserved[24];
	uint8_t image[WPP_IMAGE_NAME_MAX + 1];
	wpp_le64 kept[WPPF_KEPT_MAX];
	uint8_t reserved2[192];
	struct wppf_ref dir[WPPF_DIRS_MAX];
	uint8_t reserved3[4];
	wpp_le32 crc;
};
_Static_assert(offsetof(struct wppf_commit, store) == 24, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, seq) == 32, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, generation) == 40, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, parent) == 48, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, nr_pages) == 56, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, nr_written) == 64, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, realtime_ns) == 72, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, nr_spaces) == 80, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, nr_dirs) == 84, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, stream_len) == 88, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, image) == 128, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, kept) == 192, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, dir) == 512, "FORMAT.md 3.2");
_Static_assert(offsetof(struct wppf_commit, crc) == 4092, "FORMAT.md 3.2");
_Static_assert(sizeof(struct wppf_commit) == WPP_PAGE_SIZE, "FORMAT.md 3.2");

/* FORMAT.md 3.3 */
struct wppf_space {
	wpp_le32 space;
	wpp_le32 height;
	struct wppf_ref root;
	wpp_le64 nr_pages;
	wpp_le64 reserved;
};
_Static_assert(sizeof(struct wppf_space) == 32, "FORMAT.md 3.3");

struct wppf_dir {
	struct wppf_space space[WPPF_DIR_SPACES];
};
_Static_assert(sizeof(struct wppf_dir) == WPP_PAGE_SIZE, "FORMAT.md 3.3");

/* FORMAT.md 3.4 */
struct wppf_table {
	struct wppf_ref ref[WPPF_TABLE_LEN];
};
_Static_assert(sizeof(struct wppf_table) == WPP_PAGE_SIZE, "FORMAT.md 3.4");

#endif
