/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Mappings, as /proc/PID/maps and smaps tell. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include <wpp/pcb.h>

#include "base/proc.h"
#include "base/vma.h"

/* The two-letter codes behind "VmFlags:" in smaps that matter here. */
static const struct {
	char code[3];
	uint32_t flag;
	uint64_t advice;
	uint32_t trait;
} vm_flags[] = {
	{ "gd", MAP_GROWSDOWN, 0, 0 },
	{ "nr", MAP_NORESERVE, 0, 0 },
	{ "lo", 0, WPP_ADVICE_LOCKED, 0 },
	{ "lf", 0, WPP_ADVICE_LOCKONFAULT, 0 },
	{ "dc", 0, WPP_ADVICE_DONTFORK, 0 },
	{ "wf", 0, WPP_ADVICE_WIPEONFORK, 0 },
	{ "dd", 0, WPP_ADVICE_DONTDUMP, 0 },
	{ "mg", 0, WPP_ADVICE_MERGEABLE, 0 },
	{ "hg", 0, WPP_ADVICE_HUGEPAGE, 0 },
	{ "nh", 0, WPP_ADVICE_NOHUGEPAGE, 0 },
	{ "sr", 0, WPP_ADVICE_SEQUENTIAL, 0 },
	{ "rr", 0, WPP_ADVICE_RANDOM, 0 },
	{ "sl", 0, WPP_ADVICE_SEALED, 0 },
	{ "mw", 0, WPP_ADVICE_MAYWRITE, 0 },
	{ "ht", 0, 0, VMA_HUGETLB },
	{ "pf", 0, 0, VMA_DEVICE },
	{ "io", 0, 0, VMA_DEVICE },
	{ "ss", 0, 0, VMA_SHADOW_STACK },
	{ "gu", 0, 0, VMA_GUARDED },
	{ "um", 0, 0, VMA_USERFAULT },
	{ "uw", 0, 0, VMA_USERFAULT },
	{ "ui", 0, 0, VMA_USERFAULT },
};

static void take_flags(struct vma *v, const char *codes)
{
	for (const char *p = codes; *p && *p != '\n'; p += p[2] ? 3 : 2) {
		for (size_t i = 0; i < sizeof(vm_flags) / sizeof(vm_flags[0]); i++) {
			if (memcmp(p, vm_flags[i].code, 2))
				continue;
			v->flags |= vm_flags[i].flag;
			v->advice |= vm_flags[i].advice;
			v->traits |= vm_flags[i].trait;
		}
		if (!p[1])
			break;
	}
}

/* Paths are escaped: a line feed as \012, and nothing else. */
static char *unescape(const char *text, size_t len)
{
	char *path = malloc(len + 1);
	size_t n = 0;

	if (!path)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (len - i >= 4 && !memcmp(text + i, "\\012", 4)) {
			path[n++] = '\n';
			i += 3;
		} else {
			path[n++] = text[i];
		}
	}
	path[n] = '\0';
	return path;
}

static int parse_line(struct vma *v, const char *line, size_t len)
{
	unsigned int major, minor;
	char head[HEAD_LEN], perms[5];
	int path = 0;

	memset(v, 0, sizeof(*v));
	if (sscanf(wppi_head(line, head), "%lx-%lx %4s %lx %x:%x %lu %n", &v->start, &v->end, perms,
		   &v->off, &major, &minor, &v->ino, &path) != 7)
		return WPP_EIO;
	v->dev = makedev(major, minor);
	v->prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
		  (perms[2] == 'x' ? PROT_EXEC : 0);
	v->flags = perms[3] == 's' ? MAP_SHARED : MAP_PRIVATE;
	if ((size_t)path > len)
		path = (int)len;
	v->path = unescape(line + path, len - (size_t)path);
	return v->path ? 0 : WPP_ENOMEM;
}

static int vma_add(struct vma_list *l, const char *line, size_t len)
{
	size_t cap = l->nr ? l->nr * 2 : 64;
	int err;

	if (l->nr == l->cap) {
		struct vma *v = realloc(l->v, cap * sizeof(*v));

		if (!v)
			return WPP_ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	err = parse_line(&l->v[l->nr], line, len);
	if (err)
		return err;
	if (!strcmp(l->v[l->nr].path, "[vsyscall]")) /* not of this address space */
		free(l->v[l->nr].path);
	else
		l->nr++;
	return 0;
}

static bool is_vma_line(const char *line)
{
	return (*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f');
}

static int parse(struct vma_list *l, const char *text)
{
	const char *line, *end;
	int err = 0;

	for (line = text; !err && *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		if (is_vma_line(line))
			err = vma_add(l, line, (size_t)(end - line));
		else if (!strncmp(line, "VmFlags: ", 9) && l->nr)
			take_flags(&l->v[l->nr - 1], line + 9);
	}
	return err;
}

int wppi_vmas_read(pid_t pid, const char *file, struct vma_list *l)
{
	char *text;
	ssize_t len = wppi_proc_read_all(pid, file, &text);
	int err;

	memset(l, 0, sizeof(*l));
	if (len < 0)
		return (int)len;
	err = parse(l, text);
	free(text);
	if (err)
		wppi_vmas_free(l);
	return err;
}

void wppi_vmas_free(struct vma_list *l)
{
	for (size_t i = 0; i < l->nr; i++)
		free(l->v[i].path);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

static bool same(const struct vma *a, const struct vma *b)
{
	return a->start == b->start && a->end == b->end && a->off == b->off && a->dev == b->dev &&
	       a->ino == b->ino && a->prot == b->prot &&
	       !((a->flags ^ b->flags) & (MAP_SHARED | MAP_PRIVATE));
}

bool wppi_vmas_adopt_flags(struct vma_list *l, const struct vma_list *from)
{
	size_t j = 0;

	for (size_t i = 0; i < l->nr; i++) {
		while (j < from->nr && from->v[j].start < l->v[i].start)
			j++;
		if (j == from->nr || !same(&l->v[i], &from->v[j]))
			return false;
		l->v[i].flags = from->v[j].flags;
		l->v[i].advice = from->v[j].advice;
		l->v[i].traits = from->v[j].traits;
	}
	return true;
}
