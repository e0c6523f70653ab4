/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which pages of a stopped process must be kept, and copying them out. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "memory/pages.h"

/* linux/fs.h since 6.7 */
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct scan_region {
	uint64_t start, end, categories;
};
#define PAGEMAP_SCAN _IOWR('f', 16, struct scan_arg)
#define IS_FILE	     (1u << 2)
#define IS_PRESENT   (1u << 3)
#define IS_SWAPPED   (1u << 4)
#define IS_PFNZERO   (1u << 5)
#define IS_GUARD     (1u << 8)

#define PM_PRESENT (1ull << 63)
#define PM_SWAPPED (1ull << 62)
#define PM_FILE	   (1ull << 61)
#define PM_GUARD   (1ull << 58)

#define SCAN_VEC 512

/* ---- Runs of pages ---- */

static int run_add(struct runs *r, uint64_t first, uint64_t nr)
{
	struct run *last = r->nr ? &r->v[r->nr - 1] : NULL;

	if (!nr)
		return 0;
	r->nr_pages += nr;
	if (last && last->first + last->nr == first) {
		last->nr += nr;
		return 0;
	}
	if (!r->v || r->nr == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 256;
		struct run *v = realloc(r->v, cap * sizeof(*v));

		if (!v)
			return WPP_ENOMEM;
		r->v = v;
		r->cap = cap;
	}
	r->v[r->nr++] = (struct run){ first, nr };
	return 0;
}

void wppi_runs_free(struct runs *r)
{
	free(r->v);
	memset(r, 0, sizeof(*r));
}

/* ---- Scanning ---- */

static int open_pagemap(const struct member *m)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)m->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

struct wanted {
	uint64_t inverted, all, any; /* categories; an inverted one must be absent */
};

/* -ENOTTY: the kernel has no such call; -EINVAL: it does not know a category. */
static int scan_ioctl(int fd, uint64_t start, uint64_t end, const struct wanted *want,
		      struct runs *out)
{
	struct scan_region vec[SCAN_VEC];
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = start,
		.end = end,
		.vec = (uint64_t)(uintptr_t)vec,
		.vec_len = SCAN_VEC,
		.category_inverted = want->inverted,
		.category_mask = want->all,
		.category_anyof_mask = want->any,
		.return_mask = IS_PRESENT,
	};
	long n;

	do {
		n = ioctl(fd, PAGEMAP_SCAN, &arg);
		if (n < 0)
			return -errno;
		for (long i = 0; i < n; i++) {
			if (run_add(out, vec[i].start / WPP_PAGE_SIZE,
				    (vec[i].end - vec[i].start) / WPP_PAGE_SIZE))
				return WPP_ENOMEM;
		}
		arg.start = n ? vec[n - 1].end : end; /* walk_end is stale behind a full vector */
	} while (n == SCAN_VEC && arg.start < end);
	return 0;
}

static int scan_pagemap(int fd, uint64_t start, uint64_t end, bool own_only, struct runs *out)
{
	const uint64_t page = wppi_page_size();
	uint64_t entry[512];
	int err = 0;

	while (!err && start < end) {
		uint64_t want = (end - start) / page;
		ssize_t n;

		want = want < 512 ? want : 512;
		n = pread(fd, entry, want * 8, (off_t)(start / page * 8));
		if (n < 8)
			return n < 0 ? -errno : WPP_EIO;
		for (ssize_t i = 0; !err && i < n / 8; i++, start += page) {
			if (!(entry[i] & (PM_PRESENT | PM_SWAPPED)) || (entry[i] & PM_GUARD) ||
			    (own_only && (entry[i] & PM_FILE)))
				continue;
			err = run_add(out, start / WPP_PAGE_SIZE, page / WPP_PAGE_SIZE);
		}
	}
	return err;
}

static int scan(int fd, const struct vma *v, struct runs *out)
{
	bool own_only = v->kind != WPP_REGION_ANON;
	uint64_t absent =
		IS_PFNZERO | (own_only ? IS_FILE : 0) | (v->traits & VMA_GUARDED ? IS_GUARD : 0);
	const struct wanted want = { absent, absent, IS_PRESENT | IS_SWAPPED };
	int err = scan_ioctl(fd, v->start, v->end, &want, out);

	if (err == -ENOTTY)
		err = scan_pagemap(fd, v->start, v->end, own_only, out);
	return err;
}

int wppi_guards_of(const struct member *m, const struct vma *v, struct runs *out)
{
	const struct wanted want = { 0, IS_GUARD, 0 };
	int fd = open_pagemap(m), err;

	if (fd < 0)
		return fd;
	err = scan_ioctl(fd, v->start, v->end, &want, out);
	close(fd);
	return err;
}

int wppi_pages_of_process(const struct member *m, struct runs *out)
{
	int fd = open_pagemap(m), err = 0;

	if (fd < 0)
		return fd;
	for (size_t i = 0; !err && i < m->vmas.nr; i++) {
		const struct vma *v = &m->vmas.v[i];

		if (v->kind == WPP_REGION_SPECIAL || (v->flags & MAP_SHARED)) {
			if (!strcmp(v->path, "[vdso]")) /* another kernel may have to keep it */
				err = run_add(out, v->start / WPP_PAGE_SIZE,
					      (v->end - v->start) / WPP_PAGE_SIZE);
			continue;
		}
		err = scan(fd, v, out);
	}
	close(fd);
	return err;
}

/* Data of a memory object: holes are zeros and need no place. */
int wppi_pages_of_object(const struct memobj *o, struct runs *out)
{
	off_t data, hole = 0, size = (off_t)o->rec.size;
	int err = 0;

	while (!err && hole < size) {
		data = lseek(o->fd, hole, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		hole = lseek(o->fd, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		data /= WPP_PAGE_SIZE;
		err = run_add(out, (uint64_t)data,
			      ((uint64_t)hole + WPP_PAGE_SIZE - 1) / WPP_PAGE_SIZE -
				      (uint64_t)data);
	}
	return err;
}
