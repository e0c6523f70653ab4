/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An ELF core file that gdb opens (core(5), elf(5)). */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/images/core_file.h"

static int count_regions(const struct wppc_core *c, size_t *nr)
{
	struct wpp_rec rec;
	size_t pos = 0;
	int err;

	*nr = 0;
	while ((err = wppc_view_next(c->view, WPP_STREAM_REGIONS, WPP_REC_REGION, &pos, &rec)) == 0)
		++*nr;
	if (err != WPP_ENOENT)
		return err;
	return *nr >= PN_XNUM - 1 ? WPP_ENOSPC : 0;
}

static int load_regions(struct wppc_core *c)
{
	struct wpp_rec rec;
	size_t pos = 0, nr;
	int err = count_regions(c, &nr);

	if (err)
		return err;
	c->regions = calloc(nr + 1, sizeof(*c->regions));
	c->paths = calloc(nr + 1, sizeof(*c->paths));
	if (!c->regions || !c->paths)
		return WPP_ENOMEM;
	for (; c->nr_regions < nr; c->nr_regions++) {
		size_t len;

		err = wppc_view_next(c->view, WPP_STREAM_REGIONS, WPP_REC_REGION, &pos, &rec);
		if (err)
			return err;
		len = rec.tail_len < 4095 ? rec.tail_len : 4095;
		wpp_rec_get(&rec, (uint64_t *)&c->regions[c->nr_regions],
			    WPP_REC_NR(struct wpp_rec_region));
		memcpy(c->paths[c->nr_regions], rec.tail, len);
	}
	return 0;
}

static uint32_t segment_flags(uint64_t prot)
{
	return (prot & 1 ? PF_R : 0u) | (prot & 2 ? PF_W : 0u) | (prot & 4 ? PF_X : 0u);
}

static int write_segments(const struct wppc_core *c, uint64_t data_off)
{
	uint64_t at = sizeof(Elf64_Ehdr);
	Elf64_Phdr seg = {
		.p_type = PT_NOTE,
		.p_offset = at + (c->nr_regions + 1) * sizeof(seg),
		.p_filesz = c->notes_len,
		.p_align = 4,
	};
	int err = wppc_core_write(c->fd, &seg, sizeof(seg), at);

	if (!err)
		err = wppc_core_write(c->fd, c->notes, c->notes_len, seg.p_offset);
	for (size_t i = 0; !err && i < c->nr_regions; i++) {
		at += sizeof(seg);
		seg = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = segment_flags(c->regions[i].prot),
			.p_offset = data_off,
			.p_vaddr = c->regions[i].start,
			.p_filesz = c->regions[i].len,
			.p_memsz = c->regions[i].len,
			.p_align = WPP_PAGE_SIZE,
		};
		err = wppc_core_write(c->fd, &seg, sizeof(seg), at);
		data_off += c->regions[i].len;
	}
	return err;
}

static int write_headers(const struct wppc_core *c, uint64_t data_off)
{
	Elf64_Ehdr head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(head),
		.e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (uint16_t)(c->nr_regions + 1),
	};
	int err = wppc_core_write(c->fd, &head, sizeof(head), 0);

	return err ? err : write_segments(c, data_off);
}

static int write_core(const struct wppc_core *c)
{
	uint64_t at = sizeof(Elf64_Ehdr) + (c->nr_regions + 1) * sizeof(Elf64_Phdr) + c->notes_len;
	void *buf = aligned_alloc(WPP_PAGE_SIZE, WPPC_CORE_PAGES * WPP_PAGE_SIZE);
	int err = buf ? 0 : WPP_ENOMEM;

	at = (at + WPP_PAGE_SIZE - 1) & ~(uint64_t)(WPP_PAGE_SIZE - 1);
	if (!err)
		err = write_headers(c, at);
	for (size_t i = 0; !err && i < c->nr_regions; i++) {
		err = wppc_core_region(c, i, at, buf);
		at += c->regions[i].len;
	}
	if (!err && ftruncate(c->fd, (off_t)at) != 0)
		err = -errno;
	free(buf);
	return err;
}

int wppc_export_core(const struct wppc_view *view, const char *path,
		     const struct wpp_report *report)
{
	struct wppc_core c = { .view = view, .report = report, .fd = -1 };
	int err = load_regions(&c);

	if (!err)
		err = wppc_core_notes(&c);
	if (!err) {
		c.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		err = c.fd < 0 ? -errno : write_core(&c);
	}
	if (c.fd >= 0 && close(c.fd) != 0 && !err)
		err = -errno;
	if (err && c.fd >= 0)
		unlink(path);
	free(c.notes);
	free(c.regions);
	free(c.paths);
	return err;
}
