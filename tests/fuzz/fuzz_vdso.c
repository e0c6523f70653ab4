/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The ELF reader for the vdso of an image, which is hostile: it stays inside. */
#include "memory/vdso.c"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const name[] = { "__vdso_clock_gettime", "__vdso_time", "" };
	struct elf e = { malloc(size ? size : 1), size };
	const uint8_t *id = NULL;
	size_t len;

	CHECK(e.p);
	memcpy((void *)(uintptr_t)e.p, data, size);
	len = wppr_build_id(e.p, e.len, &id);
	CHECK(!len || (id >= e.p && len <= size && id + len <= e.p + size));
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		uint64_t room = 0;

		CHECK(function(&e, name[i], &room) < (size ? size : 1));
	}
	free((void *)(uintptr_t)e.p);
	return 0;
}
