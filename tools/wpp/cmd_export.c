/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp export --core: an ELF core file that gdb opens (core(5), elf(5)). */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "image.h"

#define NOTES_MAX  (64u << 20)
#define COPY_PAGES 512u

struct core {
	struct image *im;
	int fd;
	struct wpp_rec_process process;
	struct wpp_rec_region *regions;
	char (*paths)[4096];
	size_t nr_regions;
	uint8_t *notes;
	size_t notes_len, notes_cap;
	bool failed;
};

static void note_add(struct core *c, uint32_t type, const char *owner, const void *data, size_t len)
{
	Elf64_Nhdr head = { .n_namesz = (uint32_t)strlen(owner) + 1,
			    .n_descsz = (uint32_t)len,
			    .n_type = type };
	size_t name_len = (head.n_namesz + 3u) & ~3u,
	       size = sizeof(head) + name_len + ((len + 3) & ~(size_t)3);
	uint8_t *p;

	if (len > NOTES_MAX || c->notes_len + size > NOTES_MAX) {
		c->failed = true;
		return;
	}
	if (c->notes_len + size > c->notes_cap) {
		size_t cap = (c->notes_len + size) * 2;

		p = realloc(c->notes, cap);
		if (!p) {
			c->failed = true;
			return;
		}
		c->notes = p;
		c->notes_cap = cap;
	}
	p = c->notes + c->notes_len;
	memset(p, 0, size);
	memcpy(p, &head, sizeof(head));
	memcpy(p + sizeof(head), owner, head.n_namesz);
	memcpy(p + sizeof(head) + name_len, data, len);
	c->notes_len += size;
}

static void note_process(struct core *c, const struct wpp_rec *rec)
{
	struct elf_prpsinfo info = {
		.pr_sname = 'S',
		.pr_pid = (int)c->process.pid,
		.pr_ppid = (int)c->process.ppid,
		.pr_pgrp = (int)c->process.pgid,
		.pr_sid = (int)c->process.sid,
	};
	size_t len = rec->tail_len < sizeof(info.pr_fname) - 1 ? rec->tail_len
							       : sizeof(info.pr_fname) - 1;

	memcpy(info.pr_fname, rec->tail, len);
	memcpy(info.pr_psargs, rec->tail, len);
	note_add(c, NT_PRPSINFO, "CORE", &info, sizeof(info));
}

/* Registers of one thread: PRSTATUS begins a thread, the notes behind it belong to it. */
static void note_thread(struct core *c, uint32_t tid)
{
	struct elf_prstatus status = { .pr_pid = (int)tid, .pr_ppid = (int)c->process.ppid };
	struct wpp_rec rec;
	uint64_t word;

	if (image_find(c->im, WPP_REC_REGS, tid, &rec) != 0)
		return;
	for (size_t i = 0; i < sizeof(status.pr_reg) / 8 && (i + 1) * 8 <= rec.tail_len; i++) {
		word = 0;
		for (unsigned int b = 0; b < 8; b++)
			word |= (uint64_t)rec.tail[i * 8 + b] << (8 * b);
		memcpy((uint8_t *)&status.pr_reg + i * 8, &word, 8);
	}
	status.pr_fpvalid = 1;
	note_add(c, NT_PRSTATUS, "CORE", &status, sizeof(status));
	if (image_find(c->im, WPP_REC_XSAVE, tid, &rec) != 0)
		return;
	if (rec.tail_len >= 512)
		note_add(c, NT_FPREGSET, "CORE", rec.tail, 512);
	note_add(c, NT_X86_XSTATE, "LINUX", rec.tail, rec.tail_len);
}

/* The main thread first: gdb shows it as the current one. */
static void note_threads(struct core *c)
{
	uint32_t main_tid = (uint32_t)c->process.pid;
	struct wpp_rec rec;
	size_t pos = 0;

	note_thread(c, main_tid);
	while (image_next(c->im, WPP_STREAM_PCB, WPP_REC_THREAD, &pos, &rec) == 0) {
		if (rec.task != main_tid)
			note_thread(c, rec.task);
	}
}

/* NT_FILE: count, page size, {start, end, page offset} each, then the names. */
static void note_files(struct core *c)
{
	uint64_t *head = calloc(c->nr_regions * 3 + 2, sizeof(*head));
	char *blob = NULL, *bigger;
	size_t n = 0, names = 0, head_len;

	if (!head) {
		c->failed = true;
		return;
	}
	for (size_t i = 0; i < c->nr_regions; i++) {
		const struct wpp_rec_region *r = &c->regions[i];
		size_t len = strlen(c->paths[i]) + 1;

		if (r->kind != WPP_REGION_FILE && r->kind != WPP_REGION_SHFILE)
			continue;
		bigger = realloc(blob, names + len);
		if (!bigger)
			break;
		blob = bigger;
		memcpy(blob + names, c->paths[i], len);
		names += len;
		head[2 + n * 3] = r->start;
		head[3 + n * 3] = r->start + r->len;
		head[4 + n * 3] = r->file_off / WPP_PAGE_SIZE;
		n++;
	}
	head[0] = n;
	head[1] = WPP_PAGE_SIZE;
	head_len = (2 + n * 3) * sizeof(*head);
	bigger = realloc(head, head_len + names);
	if (bigger && n) {
		memcpy(bigger + head_len, blob, names);
		note_add(c, NT_FILE, "CORE", bigger, head_len + names);
	}
	free(bigger ? (void *)bigger : head);
	free(blob);
}

static int load_regions(struct core *c)
{
	struct wpp_rec rec;
	size_t pos = 0, n = 0;
	int err;

	while ((err = image_next(c->im, WPP_STREAM_REGIONS, WPP_REC_REGION, &pos, &rec)) == 0)
		n++;
	if (err != WPP_ENOENT)
		return err;
	if (n >= PN_XNUM - 1)
		return WPP_ENOSPC;
	c->regions = calloc(n + 1, sizeof(*c->regions));
	c->paths = calloc(n + 1, sizeof(*c->paths));
	if (!c->regions || !c->paths)
		return WPP_ENOMEM;
	for (pos = 0; image_next(c->im, WPP_STREAM_REGIONS, WPP_REC_REGION, &pos, &rec) == 0;
	     c->nr_regions++) {
		size_t len = rec.tail_len < 4095 ? rec.tail_len : 4095;

		wpp_rec_get(&rec, (uint64_t *)&c->regions[c->nr_regions],
			    WPP_REC_NR(struct wpp_rec_region));
		memcpy(c->paths[c->nr_regions], rec.tail, len);
	}
	return 0;
}

static int write_at(int fd, const void *data, size_t len, uint64_t off)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : WPP_EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* What the image leaves to the file: clean pages of file mappings. Missing files stay holes. */
static int copy_file(const struct core *c, size_t i, uint64_t at)
{
	const struct wpp_rec_region *r = &c->regions[i];
	uint8_t buf[65536];
	uint64_t done = 0;
	int fd, err = 0;

	if (r->kind != WPP_REGION_FILE && r->kind != WPP_REGION_SHFILE)
		return 0;
	fd = open(c->paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		complain("%s: %s; its unchanged pages are missing from the core", c->paths[i],
			 strerror(errno));
		return 0;
	}
	while (!err && done < r->len) {
		size_t want = r->len - done < sizeof(buf) ? (size_t)(r->len - done) : sizeof(buf);
		ssize_t n = pread(fd, buf, want, (off_t)(r->file_off + done));

		if (n <= 0)
			break;
		err = write_at(c->fd, buf, (size_t)n, at + done);
		done += (uint64_t)n;
	}
	close(fd);
	return err;
}

/* Pages of @space from index @first on that lie in the region, to the core at @at. */
static int copy_space(const struct core *c, uint32_t space, uint64_t first, uint64_t nr,
		      uint64_t at, void *buf)
{
	struct wpp_diag diag = { 0 };
	struct wpp_run run;
	uint64_t page = first;
	int err;

	while (page < first + nr) {
		uint64_t left = first + nr - page;

		err = wpp_reader_next(c->im->reader, space, page,
				      left < COPY_PAGES ? (uint32_t)left : COPY_PAGES, &run);
		if (err == WPP_ENOENT || (!err && run.page >= first + nr))
			return 0;
		if (!err && run.nr > first + nr - run.page)
			run.nr = (uint32_t)(first + nr - run.page);
		if (!err)
			err = wpp_reader_read(c->im->reader, &run, buf, &diag);
		if (!err)
			err = write_at(c->fd, buf, (size_t)run.nr * WPP_PAGE_SIZE,
				       at + (run.page - first) * WPP_PAGE_SIZE);
		if (err)
			return err;
		page = run.page + run.nr;
	}
	return 0;
}

static uint32_t space_of_object(const struct core *c, uint64_t object)
{
	struct wpp_rec_memobj obj;
	struct wpp_rec rec;
	size_t pos = 0;

	while (image_next(c->im, WPP_STREAM_PCB, WPP_REC_MEMOBJ, &pos, &rec) == 0) {
		if (rec.id != object)
			continue;
		wpp_rec_get(&rec, (uint64_t *)&obj, WPP_REC_NR(obj));
		return (uint32_t)obj.space;
	}
	return UINT32_MAX;
}

static int copy_region(const struct core *c, size_t i, uint64_t at, void *buf)
{
	const struct wpp_rec_region *r = &c->regions[i];
	uint64_t nr = r->len / WPP_PAGE_SIZE;
	int err;

	err = copy_file(c, i, at);
	if (!err && r->kind == WPP_REGION_MEMOBJ)
		err = copy_space(c, space_of_object(c, r->object), r->object_off / WPP_PAGE_SIZE,
				 nr, at, buf);
	if (!err)
		err = copy_space(c, (uint32_t)c->process.space, r->start / WPP_PAGE_SIZE, nr, at,
				 buf);
	return err;
}

static uint32_t segment_flags(uint64_t prot)
{
	return (prot & 1 ? PF_R : 0u) | (prot & 2 ? PF_W : 0u) | (prot & 4 ? PF_X : 0u);
}

static int write_headers(const struct core *c, uint64_t data_off)
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
	Elf64_Phdr seg = { .p_type = PT_NOTE, .p_filesz = c->notes_len, .p_align = 4 };
	uint64_t at = sizeof(head);
	int err;

	seg.p_offset = sizeof(head) + (c->nr_regions + 1) * sizeof(seg);
	err = write_at(c->fd, &head, sizeof(head), 0);
	if (!err)
		err = write_at(c->fd, &seg, sizeof(seg), at);
	if (!err)
		err = write_at(c->fd, c->notes, c->notes_len, seg.p_offset);
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
		err = write_at(c->fd, &seg, sizeof(seg), at);
		data_off += c->regions[i].len;
	}
	return err;
}

static int write_core(struct core *c)
{
	uint64_t data_off =
		sizeof(Elf64_Ehdr) + (c->nr_regions + 1) * sizeof(Elf64_Phdr) + c->notes_len;
	void *buf = aligned_alloc(WPP_PAGE_SIZE, COPY_PAGES * WPP_PAGE_SIZE);
	int err = buf ? 0 : WPP_ENOMEM;

	data_off = (data_off + WPP_PAGE_SIZE - 1) & ~(uint64_t)(WPP_PAGE_SIZE - 1);
	if (!err)
		err = write_headers(c, data_off);
	for (size_t i = 0; !err && i < c->nr_regions; i++) {
		err = copy_region(c, i, data_off, buf);
		data_off += c->regions[i].len;
	}
	if (!err && ftruncate(c->fd, (off_t)data_off) != 0)
		err = -errno;
	free(buf);
	return err;
}

static int export_core(struct image *im, const char *path)
{
	struct core c = { .im = im, .fd = -1 };
	struct wpp_rec rec;
	int err;

	err = image_find(im, WPP_REC_PROCESS, 0, &rec);
	if (!err) {
		wpp_rec_get(&rec, (uint64_t *)&c.process, WPP_REC_NR(c.process));
		note_process(&c, &rec);
		note_threads(&c);
		if (image_find(im, WPP_REC_MM, (uint32_t)c.process.pid, &rec) == 0)
			note_add(&c, NT_AUXV, "CORE", rec.tail, rec.tail_len);
		err = load_regions(&c);
	}
	if (!err) {
		note_files(&c);
		err = c.failed ? WPP_ENOMEM : 0;
	}
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

int cmd_export(struct tool *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "core", no_argument, NULL, 'C' },
		{ "output", required_argument, NULL, 'o' },
		{ "generation", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	char path[WPP_IMAGE_NAME_MAX + 8];
	const char *output = NULL;
	uint64_t generation = 0;
	bool core = false;
	struct image im;
	int opt, code, err;

	while ((opt = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (opt == 'C')
			core = true;
		else if (opt == 'o')
			output = optarg;
		else if (opt != 'g')
			return EXIT_USAGE;
		else if (!parse_number(optarg, INT64_MAX, &generation))
			return usage("export", "--generation: '%s' is no number", optarg);
	}
	if (!core || optind + 1 != argc || !image_name_ok(argv[optind]))
		return usage("export", "what? wpp export --core NAME [-o FILE]");
	snprintf(path, sizeof(path), "%s.core", argv[optind]);
	code = image_open(t, argv[optind], generation, &im);
	if (code)
		return code;
	err = export_core(&im, output ? output : path);
	image_close(&im);
	if (err)
		return fail(err, output ? output : path);
	say(t, "wpp: wrote %s", output ? output : path);
	if (t->json)
		print_json(json_pack("{s:s, s:s}", "name", argv[optind], "core",
				     output ? output : path));
	return EXIT_DONE;
}
