/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The address space: what kind of memory each mapping is, and the kernel's notes about it. */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "capture/capture.h"
#include "memory/pages.h"

#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6
#define DELETED	    " (deleted)"

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !strcmp(s + n - m, suffix);
}

/* ---- What is refused ---- */

struct rule {
	const char *path; /* beginning of the mapping's name */
	const char *name, *what;
};

static const struct rule refused_paths[] = {
	{ "/[aio]", "aio", "a ring of kernel AIO (io_setup)" },
	{ "anon_inode:[io_uring]", "io_uring", "a ring of io_uring" },
	{ "anon_inode:[perf_event]", "perf_event", "a buffer of perf_event_open()" },
	{ "anon_inode:kvm", "kvm", "a virtual machine's state" },
	{ "anon_inode:[bpf", "bpf", "a map of BPF" },
	{ "anon_inode:bpf", "bpf", "a map of BPF" },
	{ "/secretmem", "secretmem", "secret memory (memfd_secret), which nobody else can read" },
	{ "/SYSV", "sysv-shm", "System V shared memory" },
	{ "[uprobes]", "uprobes", "a probe that a tracer has set" },
	{ "[shadow_stack]", "shadow-stack", "a shadow stack" },
	{ "[gate]", "gate", "a page of the kernel" },
};

static const struct {
	uint32_t trait;
	const char *name, *what;
} refused_traits[] = {
	{ VMA_HUGETLB, "hugetlb", "memory of hugetlbfs" },
	{ VMA_DEVICE, "device-memory", "memory of a device" },
	{ VMA_SHADOW_STACK, "shadow-stack", "a shadow stack" },
	{ VMA_USERFAULT, "userfaultfd", "memory whose faults a userfaultfd handles" },
};

static void refuse_vma(struct capture *c, const struct vma *v, const char *name, const char *what)
{
	wppi_refuse(&c->notes, name, "the mapping %lx-%lx (%s) is %s", v->start, v->end,
		    *v->path ? v->path : "anonymous", what);
}

static void check_vma(struct capture *c, const struct vma *v)
{
	size_t i;

	for (i = 0; i < sizeof(refused_paths) / sizeof(refused_paths[0]); i++) {
		if (has_prefix(v->path, refused_paths[i].path)) {
			refuse_vma(c, v, refused_paths[i].name, refused_paths[i].what);
			return;
		}
	}
	if (has_prefix(v->path, "[v")) /* vdso and vvar: device memory in a way, but the kernel's */
		return;
	for (i = 0; i < sizeof(refused_traits) / sizeof(refused_traits[0]); i++) {
		if (v->traits & refused_traits[i].trait) {
			refuse_vma(c, v, refused_traits[i].name, refused_traits[i].what);
			return;
		}
	}
}

/* ---- What a mapping is ---- */

/* A descriptor of the process that leads to the same file. */
static int open_by_descriptor(const struct capture *c, const struct vma *v, int flags)
{
	char path[300];
	struct dirent *d;
	struct stat st;
	int fd = -EPERM;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)c->pid);
	dir = opendir(path);
	while (dir && fd < 0 && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)c->pid, d->d_name);
		if (stat(path, &st) == 0 && st.st_dev == v->dev && st.st_ino == v->ino)
			fd = open(path, flags | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd < 0 ? -EPERM : fd;
}

/* Opens what is mapped. Needs CAP_CHECKPOINT_RESTORE; without it a path or descriptor must do. */
static int open_mapped(const struct capture *c, const struct vma *v, int flags)
{
	char path[4200];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)c->pid, v->start, v->end);
	fd = open(path, flags | O_CLOEXEC);
	if (fd >= 0 || (errno != EPERM && errno != EACCES))
		return fd < 0 ? -errno : fd;
	if (has_suffix(v->path, DELETED))
		return open_by_descriptor(c, v, flags);
	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)c->pid, v->path);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool is_linked(const struct vma *v, const struct stat *st)
{
	struct stat there;

	return st->st_nlink && stat(v->path, &there) == 0 && there.st_dev == st->st_dev &&
	       there.st_ino == st->st_ino;
}

static bool is_memory_fs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static uint32_t object_kind(const struct vma *v, bool memory)
{
	if (has_prefix(v->path, "/memfd:"))
		return WPP_MEMOBJ_MEMFD;
	if (!strcmp(v->path, "/dev/zero" DELETED) || has_prefix(v->path, "[anon_shmem:"))
		return WPP_MEMOBJ_SHANON;
	return memory ? WPP_MEMOBJ_SHMFS : WPP_MEMOBJ_DELETED;
}

static void strip_deleted(char *path)
{
	if (has_suffix(path, DELETED))
		path[strlen(path) - strlen(DELETED)] = '\0';
}

static int make_object(struct capture *c, struct vma *v, uint32_t kind)
{
	int fd = open_mapped(c, v, O_RDONLY);
	struct memobj *o;

	if (fd < 0) {
		wppi_refuse(&c->notes, "shared-memory",
			    "the mapping %lx-%lx (%s) can't be opened; this takes "
			    "CAP_CHECKPOINT_RESTORE",
			    v->start, v->end, v->path);
		return WPP_EREFUSED;
	}
	strip_deleted(v->path);
	o = wppi_capture_memobj(c, kind, fd, v->path);
	if (!o)
		return WPP_ENOMEM;
	v->kind = WPP_REGION_MEMOBJ;
	v->object = o->id;
	return 0;
}

static int classify_opened(struct capture *c, struct vma *v, int fd)
{
	bool shared = v->flags & MAP_SHARED, memory = is_memory_fs(fd);
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5) && !shared) {
		v->kind = WPP_REGION_ANON; /* /dev/zero */
		v->path[0] = '\0';
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		refuse_vma(c, v, "device-memory", "not of a regular file");
		return WPP_EREFUSED;
	}
	v->file_dev = st.st_dev;
	v->file_ino = st.st_ino;
	v->file_size = (uint64_t)st.st_size;
	v->file_mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	if (!is_linked(v, &st) || (memory && shared))
		return make_object(c, v, object_kind(v, memory));
	v->kind = shared ? WPP_REGION_SHFILE : WPP_REGION_FILE;
	return 0;
}

static int classify_file(struct capture *c, struct vma *v)
{
	int fd = open_mapped(c, v, O_PATH);
	int err;

	if (fd < 0) {
		wppi_refuse(&c->notes, "mapped-file",
			    "the mapping %lx-%lx (%s) can't be looked at: %s; this takes "
			    "CAP_CHECKPOINT_RESTORE",
			    v->start, v->end, v->path, strerror(-fd));
		return WPP_EREFUSED;
	}
	err = classify_opened(c, v, fd);
	close(fd);
	return err;
}

/* Segments of one program or library follow each other: no need to look twice. */
static bool classify_like(struct vma *v, const struct vma *before)
{
	if (!before || before->dev != v->dev || before->ino != v->ino ||
	    before->kind != WPP_REGION_FILE || (v->flags & MAP_SHARED) ||
	    strcmp(v->path, before->path))
		return false;
	v->file_dev = before->file_dev;
	v->file_ino = before->file_ino;
	v->file_size = before->file_size;
	v->file_mtime_ns = before->file_mtime_ns;
	v->kind = before->kind;
	return true;
}

/* A refusal does not end it: all reasons are named. */
static int classify_all(struct capture *c)
{
	int err = 0;

	for (size_t i = 0; (!err || err == WPP_EREFUSED) && i < c->vmas.nr; i++) {
		struct vma *v = &c->vmas.v[i];

		if (has_prefix(v->path, "[v"))
			v->kind = WPP_REGION_SPECIAL;
		else if (!v->ino)
			v->kind = WPP_REGION_ANON;
		else if (!classify_like(v, i ? v - 1 : NULL))
			err = classify_file(c, v);
	}
	return err;
}

/* ---- Before and after the freeze ---- */

static int memory_check(struct capture *c)
{
	unsigned int before = c->notes.nr_refused;
	int err;

	wppi_vmas_free(&c->vmas);
	err = wppi_vmas_read(c->pid, "smaps", &c->vmas);
	for (size_t i = 0; !err && i < c->vmas.nr; i++)
		check_vma(c, &c->vmas.v[i]);
	if (!err && c->notes.nr_refused == before)
		err = classify_all(c);
	wppi_memobjs_free(c); /* files may come and go until the process is stopped */
	return err == WPP_EREFUSED ? 0 : err;
}

/*
 * smaps walks all page tables, 8 ms a GiB: its flags are taken from the check before the freeze
 * when the mappings are the same still.
 */
int wppi_memory_refresh(struct capture *c)
{
	struct vma_list now;
	int err = wppi_vmas_read(c->pid, "maps", &now);

	if (err)
		return err;
	if (!wppi_vmas_adopt_flags(&now, &c->vmas)) {
		wppi_vmas_free(&now);
		err = memory_check(c);
		if (!err)
			err = wppi_vmas_read(c->pid, "maps", &now);
		if (!err)
			wppi_vmas_adopt_flags(&now, &c->vmas);
	}
	if (err)
		return err;
	wppi_vmas_free(&c->vmas);
	c->vmas = now;
	return 0;
}

/* ---- Records ---- */

static uint64_t use_of(const struct vma *v)
{
	if (!strcmp(v->path, "[heap]"))
		return WPP_USE_HEAP;
	return strcmp(v->path, "[stack]") ? WPP_USE_NONE : WPP_USE_STACK;
}

static void record_region(struct capture *c, const struct vma *v)
{
	struct wpp_rec_region rec = {
		.start = v->start,
		.len = v->end - v->start,
		.prot = v->prot,
		.flags = v->flags | (v->kind == WPP_REGION_ANON ? MAP_ANONYMOUS : 0),
		.kind = v->kind,
		.file_off = v->off,
		.advice = v->advice,
		.aux = use_of(v),
	};

	if (v->kind == WPP_REGION_MEMOBJ) {
		rec.object = v->object;
		rec.object_off = v->off;
	} else if (v->kind == WPP_REGION_FILE || v->kind == WPP_REGION_SHFILE) {
		rec.dev = v->file_dev;
		rec.ino = v->file_ino;
		rec.size = v->file_size;
		rec.mtime_ns = v->file_mtime_ns;
	}
	WPPI_REC(&c->regions, REGION, c->pid, v->start, &rec, v->path, strlen(v->path));
}

/* Inaccessible pages are of the page tables, not of the mapping: they have records of their own. */
static int record_guards(struct capture *c, const struct vma *v)
{
	struct runs runs = { 0 };
	int err = wppi_guards_of(c, v, &runs);

	for (size_t i = 0; !err && i < runs.nr; i++) {
		struct wpp_rec_guard rec = {
			.start = runs.v[i].first * WPP_PAGE_SIZE,
			.len = runs.v[i].nr * WPP_PAGE_SIZE,
		};

		WPPI_REC(&c->pcb, GUARD, c->pid, rec.start, &rec, NULL, 0);
	}
	wppi_runs_free(&runs);
	return err;
}

/* Copies the build-id of the vdso in @elf. Its length; 0: none found. */
static size_t build_id(const uint8_t *elf, size_t len, uint8_t *id, size_t cap)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)elf;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(elf + eh->e_phoff);

	if (eh->e_phoff > len || eh->e_phnum > (len - eh->e_phoff) / sizeof(*ph))
		return 0;
	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		size_t pos = ph[i].p_offset, end = pos + ph[i].p_filesz;

		if (ph[i].p_type != PT_NOTE || end > len || pos > end)
			continue;
		while (end - pos >= sizeof(Elf64_Nhdr)) {
			const Elf64_Nhdr *n = (const Elf64_Nhdr *)(elf + pos);
			size_t name = (n->n_namesz + 3u) & ~3u, desc = (n->n_descsz + 3u) & ~3u;

			pos += sizeof(*n);
			if (name > end - pos || desc > end - pos - name)
				break;
			if (n->n_type == NT_GNU_BUILD_ID && n->n_descsz <= cap) {
				memcpy(id, elf + pos + name, n->n_descsz);
				return n->n_descsz;
			}
			pos += name + desc;
		}
	}
	return 0;
}

static void record_vdso(struct capture *c)
{
	struct wpp_rec_vdso rec = { 0 };
	uint8_t elf[4096], id[64];
	size_t id_len = 0;

	for (size_t i = 0; i < c->vmas.nr; i++) {
		const struct vma *v = &c->vmas.v[i];

		if (!strcmp(v->path, "[vdso]")) {
			rec.vdso = v->start;
			rec.vdso_len = v->end - v->start;
		} else if (has_prefix(v->path, "[vvar")) {
			rec.vvar = rec.vvar ? rec.vvar : v->start;
			rec.vvar_len = v->end - rec.vvar;
		}
	}
	if (!rec.vdso)
		return;
	if (wppi_memory_move(c->pid, rec.vdso, elf, sizeof(elf), false) == 0)
		id_len = build_id(elf, sizeof(elf), id, sizeof(id));
	WPPI_REC(&c->pcb, VDSO, c->pid, 0, &rec, id, id_len);
}

/* Field @nr of /proc/PID/stat, counted from 1 as in proc(5); @text begins behind the name. */
static uint64_t stat_field(const char *text, int nr)
{
	for (int i = 3; i < nr && text; i++)
		text = strchr(text + 1, ' ');
	return text ? strtoull(text, NULL, 10) : 0;
}

static int record_mm(struct capture *c)
{
	const struct script_call *brk = wppi_answer(&c->threads[0], SYS_brk, 0);
	char stat[4096], auxv[4096];
	ssize_t len = wppi_proc_read(c->pid, "stat", stat, sizeof(stat));
	const char *p;

	if (len < 0)
		return (int)len;
	len = wppi_proc_read(c->pid, "auxv", auxv, sizeof(auxv));
	p = strrchr(stat, ')');
	if (len < 0 || !p || !brk)
		return len < 0 ? (int)len : WPP_EIO;
	struct wpp_rec_mm rec = {
		.start_code = stat_field(p + 2, 26),
		.end_code = stat_field(p + 2, 27),
		.start_stack = stat_field(p + 2, 28),
		.start_data = stat_field(p + 2, 45),
		.end_data = stat_field(p + 2, 46),
		.start_brk = stat_field(p + 2, 47),
		.arg_start = stat_field(p + 2, 48),
		.arg_end = stat_field(p + 2, 49),
		.env_start = stat_field(p + 2, 50),
		.env_end = stat_field(p + 2, 51),
		.brk = (uint64_t)brk->ret,
	};

	WPPI_REC(&c->pcb, MM, c->pid, 0, &rec, auxv, len);
	return 0;
}

static int memory_ask(struct capture *c, struct thread *t, struct script *s)
{
	if (t == &c->threads[0])
		wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_brk, 0, 0, 0, 0, 0, 0);
	return 0;
}

static int memory_collect(struct capture *c)
{
	int err = classify_all(c);

	if (!err)
		err = record_mm(c);
	if (err)
		return err;
	record_vdso(c);
	for (size_t i = 0; !err && i < c->vmas.nr; i++) {
		record_region(c, &c->vmas.v[i]);
		if (c->vmas.v[i].traits & VMA_GUARDED)
			err = record_guards(c, &c->vmas.v[i]);
	}
	return err;
}

static void memory_done(struct capture *c)
{
	wppi_vmas_free(&c->vmas);
	wppi_memobjs_free(c);
}

const struct capture_class wppi_capture_memory = {
	.name = "memory",
	.check = memory_check,
	.ask = memory_ask,
	.collect = memory_collect,
	.done = memory_done,
};
