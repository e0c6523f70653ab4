/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "guest_ram.h"

static bool fits(int fd, uint64_t gpa, uint64_t len, int64_t off)
{
	uint64_t end;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) || off < 0 || !len)
		return false;
	if (__builtin_add_overflow(gpa, len, &end) ||
	    __builtin_add_overflow((uint64_t)off, len, &end))
		return false;
	return end <= (uint64_t)st.st_size && len <= SIZE_MAX;
}

void guest_ram_clear(struct guest_ram *ram)
{
	while (ram->nr) {
		ram->nr--;
		munmap(ram->section[ram->nr].host, (size_t)ram->section[ram->nr].len);
	}
}

uint32_t guest_ram_replace(struct guest_ram *ram, const struct wire_sysmem *map, const int *fds,
			   uint32_t nr)
{
	uint32_t refused = 0;
	void *host;

	guest_ram_clear(ram);
	for (uint32_t i = 0; i < nr; i++) {
		host = MAP_FAILED;
		if (fits(fds[i], map->gpa[i], map->size[i], map->off[i]))
			host = mmap(NULL, (size_t)map->size[i], PROT_READ | PROT_WRITE, MAP_SHARED,
				    fds[i], (off_t)map->off[i]);
		if (host == MAP_FAILED) {
			refused++;
			continue;
		}
		ram->section[ram->nr++] = (struct guest_section){ map->gpa[i], map->size[i], host };
	}
	return refused;
}

/* Host address of @gpa and, in *@len, how much of the wanted length lies there; NULL: no RAM. */
static uint8_t *find(const struct guest_ram *ram, uint64_t gpa, uint64_t *len)
{
	for (uint32_t i = 0; i < ram->nr; i++) {
		const struct guest_section *s = &ram->section[i];

		if (gpa < s->gpa || gpa - s->gpa >= s->len)
			continue;
		if (*len > s->len - (gpa - s->gpa))
			*len = s->len - (gpa - s->gpa);
		return s->host + (gpa - s->gpa);
	}
	return NULL;
}

static bool is_ram(const struct guest_ram *ram, uint64_t gpa, uint64_t len)
{
	uint64_t end, part;

	if (__builtin_add_overflow(gpa, len, &end))
		return false;
	for (; gpa < end; gpa += part) {
		part = end - gpa;
		if (!find(ram, gpa, &part))
			return false;
	}
	return true;
}

bool guest_ram_read(const struct guest_ram *ram, uint64_t gpa, void *to, uint64_t len)
{
	uint8_t *at = to;

	if (!is_ram(ram, gpa, len))
		return false;
	while (len) {
		uint64_t part = len;
		const uint8_t *host = find(ram, gpa, &part);

		memcpy(at, host, (size_t)part);
		at += part;
		gpa += part;
		len -= part;
	}
	return true;
}

bool guest_ram_write(const struct guest_ram *ram, uint64_t gpa, const void *from, uint64_t len)
{
	const uint8_t *at = from;

	if (!is_ram(ram, gpa, len))
		return false;
	/* A guest that sees this sees what was written before. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	while (len) {
		uint64_t part = len;
		uint8_t *host = find(ram, gpa, &part);

		memcpy(host, at, (size_t)part);
		at += part;
		gpa += part;
		len -= part;
	}
	return true;
}
