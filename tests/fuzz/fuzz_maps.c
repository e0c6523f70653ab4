/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The parser of /proc/PID/maps and smaps: whatever the text, no crash, and sane entries. */
#include "base/vma.c"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vma_list l = { 0 };
	char *text = malloc(size + 1);
	int err;

	CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	err = parse(&l, text);
	CHECK(!err || err == WPP_EIO || err == WPP_ENOMEM);
	for (size_t i = 0; i < l.nr; i++) {
		CHECK(l.v[i].path);
		CHECK(l.v[i].flags & (MAP_SHARED | MAP_PRIVATE));
		CHECK(strcmp(l.v[i].path, "[vsyscall]"));
	}
	wppi_vmas_free(&l);
	free(text);
	return 0;
}
