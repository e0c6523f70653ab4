/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* elf(5): file header, program headers, notes. */
#include "record/build_id.h"

#include "plat.h"

#define HEADER_LEN 64u
#define PHDR_LEN   56u
#define NOTE_LEN   12u
#define PT_NOTE	   4u
#define BUILD_ID   3u

struct bytes {
	const uint8_t *p;
	uint64_t len;
};

static uint64_t number(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static bool slice(const struct bytes *from, uint64_t off, uint64_t len, struct bytes *out)
{
	if (off > from->len || len > from->len - off)
		return false;
	out->p = from->p + off;
	out->len = len;
	return true;
}

/* Padded to 4 bytes, as notes are. */
static uint64_t padded(const uint8_t *p)
{
	return (number(p, 4) + 3) & ~(uint64_t)3;
}

static uint32_t find_in_notes(const struct bytes *notes, const uint8_t **id)
{
	struct bytes note, name, desc;

	for (uint64_t at = 0; slice(notes, at, NOTE_LEN, &note);) {
		uint64_t name_len = padded(note.p), desc_len = padded(note.p + 4);

		if (!slice(notes, at + NOTE_LEN, name_len, &name) ||
		    !slice(notes, at + NOTE_LEN + name_len, desc_len, &desc))
			return 0;
		if (number(note.p + 8, 4) == BUILD_ID && name_len == 4 &&
		    !wpp_memcmp(name.p, "GNU", 4)) {
			*id = desc.p;
			return (uint32_t)number(note.p + 4, 4);
		}
		at += NOTE_LEN + name_len + desc_len;
	}
	return 0;
}

uint32_t wppr_build_id(const void *elf, size_t len, const uint8_t **id)
{
	static const uint8_t magic[] = { 0x7f, 'E', 'L', 'F', 2 /* 64 bits */, 1 /* little */ };
	struct bytes file = { elf, len }, header, segment, notes;
	uint32_t found = 0;

	if (!slice(&file, 0, HEADER_LEN, &header) || wpp_memcmp(header.p, magic, sizeof(magic)) ||
	    number(header.p + 54, 2) != PHDR_LEN)
		return 0;
	for (uint64_t i = 0; !found && i < number(header.p + 56, 2); i++) {
		uint64_t at = number(header.p + 32, 8);

		if (at > len || !slice(&file, at + i * PHDR_LEN, PHDR_LEN, &segment))
			return 0;
		if (number(segment.p, 4) == PT_NOTE &&
		    slice(&file, number(segment.p + 8, 8), number(segment.p + 32, 8), &notes))
			found = find_in_notes(&notes, id);
	}
	return found;
}
