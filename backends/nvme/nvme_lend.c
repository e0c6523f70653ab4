/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Memory whose pages io_uring holds already: a move need not look them up and pin them. */
#include <sys/mman.h>
#include "nvme_priv.h"

#define HUGE_PAGE (2ull << 20)
#define LEN_MAX	  (1ull << 30) /* the kernel's limit for one buffer */

int wppi_nvme_lent_index(const struct wppi_nvme *nv, const void *buf, uint64_t len)
{
	uintptr_t at = (uintptr_t)buf;

	for (int i = 0; i < WPPI_NVME_LENT_MAX; i++) {
		const struct wppi_nvme_lent *l = &nv->lent[i];
		uintptr_t start = (uintptr_t)l->mem;

		if (l->mem && at >= start && at - start < l->len && len <= l->len - (at - start))
			return i;
	}
	return -1;
}

static int set_buffer(struct wppi_nvme *nv, int index, void *mem, uint64_t len)
{
	struct iovec iov = { mem, (size_t)len };
	__u64 tag = 0;

	return io_uring_register_buffers_update_tag(&nv->ring, (unsigned int)index, &iov, &tag, 1);
}

static void drop(struct wppi_nvme *nv, int index)
{
	struct wppi_nvme_lent *l = &nv->lent[index];

	(void)set_buffer(nv, index, NULL, 0);
	munmap(l->mem, l->len);
	l->mem = NULL;
}

/* Aligned, so that huge pages fit: what sticks out on both sides is given back. */
static void *map_aligned(uint64_t len)
{
	uint64_t align = len < HUGE_PAGE ? WPP_PAGE_SIZE : HUGE_PAGE;
	uint64_t room = (len + align - 1) / align * align + align, head;
	char *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	head = -(uintptr_t)p & (align - 1);
	if (head)
		munmap(p, head);
	munmap(p + head + len, room - head - len);
	madvise(p + head, len, MADV_HUGEPAGE);
	madvise(p + head, len, MADV_DONTFORK); /* a fork would copy what is pinned */
	return p + head;
}

static void *register_new(struct wppi_nvme *nv, int index, uint64_t len)
{
	void *mem = map_aligned(len);

	if (!mem)
		return NULL;
	if (set_buffer(nv, index, mem, len) < 0) {
		munmap(mem, len);
		return NULL;
	}
	nv->lent[index] = (struct wppi_nvme_lent){ .mem = mem, .len = len, .in_use = true };
	return mem;
}

/* One that was given back of that length; else -1 with *@room a place for one, or -1. */
static int find(const struct wppi_nvme *nv, uint64_t len, int *room)
{
	*room = -1;
	for (int i = 0; i < WPPI_NVME_LENT_MAX; i++) {
		const struct wppi_nvme_lent *l = &nv->lent[i];

		if (l->mem && !l->in_use && l->len == len)
			return i;
		if (!l->in_use && (*room < 0 || !l->mem))
			*room = i;
	}
	return -1;
}

void *wppi_nvme_lend(struct wpp_backend *be, uint64_t len)
{
	struct wppi_nvme *nv = (struct wppi_nvme *)be;
	int room, index = find(nv, len, &room);
	void *mem;

	/* Kernels count all pages of a registered buffer against what one command may have. */
	if (nv->target.kind == WPPI_NVME_NAMESPACE)
		return NULL;
	if (index >= 0) {
		nv->lent[index].in_use = true;
		return nv->lent[index].mem;
	}
	if (room < 0 || !len || len % WPP_PAGE_SIZE || len > LEN_MAX)
		return NULL;
	if (nv->lent[room].mem)
		drop(nv, room);
	mem = register_new(nv, room, len);
	if (mem)
		return mem;
	/* The limit of locked memory, perhaps: without what nobody uses it may do. */
	for (int i = 0; i < WPPI_NVME_LENT_MAX; i++)
		if (nv->lent[i].mem && !nv->lent[i].in_use)
			drop(nv, i);
	return register_new(nv, room, len);
}

void wppi_nvme_give_back(struct wpp_backend *be, void *mem, uint64_t len)
{
	struct wppi_nvme *nv = (struct wppi_nvme *)be;
	int index = wppi_nvme_lent_index(nv, mem, len);

	if (index >= 0)
		nv->lent[index].in_use = false;
}

void wppi_nvme_lent_free(struct wppi_nvme *nv)
{
	for (int i = 0; i < WPPI_NVME_LENT_MAX; i++)
		if (nv->lent[i].mem)
			munmap(nv->lent[i].mem, nv->lent[i].len);
}
