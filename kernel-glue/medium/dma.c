/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From the core's moves of kernel memory (the direct map: pages of the target;
 * vmalloc: tables and streams) to moves of bus addresses. A move becomes one
 * piece for each stretch that is contiguous in physical memory; pieces are
 * mapped for the device, so this works behind an IOMMU, and wait here while the
 * device's queue is full. All memory is there before the first move.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "medium/dma.h"

#define NR_PIECES 512u
#define IO_MAX	  (1u << 20) /* at most 256 pieces: one move always fits */

/* Of the caller's move: pieces not done yet, first error. */
#define LEFT  0
#define ERROR 1

struct piece {
	struct wpp_io io; /* for the inner backend */
	struct wpp_io *move;
	struct piece *next; /* in the free list or among those that wait */
	dma_addr_t bus;
	bool mapped;
};

struct dma {
	struct wpp_backend be;
	struct wpp_backend *inner; /* NULL: unplugged */
	struct device *dev;
	struct wpp_medium m;
	struct piece *free, *first, *last; /* first .. last: waiting */
	u32 nr_free;
	int nr_done;
	bool lost;
	struct piece piece[NR_PIECES];
};

static struct dma *to_dma(struct wpp_backend *be)
{
	return container_of(be, struct dma, be);
}

static enum dma_data_direction direction(const struct wpp_io *io)
{
	return io->op == WPP_IO_READ ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
}

static struct page *page_of(const void *p)
{
	return is_vmalloc_addr(p) ? vmalloc_to_page(p) : virt_to_page(p);
}

/* Bytes from @p on, at most @len, that are contiguous in physical memory. */
static u32 stretch(const void *p, u32 len)
{
	unsigned long pfn;
	u32 n = PAGE_SIZE;

	if (!is_vmalloc_addr(p))
		return len;
	pfn = page_to_pfn(page_of(p));
	while (n < len && page_to_pfn(page_of(p + n)) == pfn + n / PAGE_SIZE)
		n += PAGE_SIZE;
	return min(n, len);
}

static u32 piece_len(const struct dma *d, const void *p, u32 len)
{
	size_t max = dma_max_mapping_size(d->dev) & PAGE_MASK;

	return min_t(size_t, stretch(p, len), max ? max : PAGE_SIZE);
}

static void unmap(struct dma *d, struct piece *pc)
{
	if (pc->mapped)
		dma_unmap_page(d->dev, pc->bus, pc->io.len, direction(&pc->io));
	pc->mapped = false;
}

static void put_piece(struct dma *d, struct piece *pc)
{
	unmap(d, pc);
	pc->move = NULL;
	pc->next = d->free;
	d->free = pc;
	d->nr_free++;
}

static void piece_done(struct wpp_io *io, int err)
{
	struct piece *pc = container_of(io, struct piece, io);
	struct dma *d = io->owner;
	struct wpp_io *move = pc->move;

	put_piece(d, pc);
	if (err && !move->priv[ERROR])
		move->priv[ERROR] = (u64)(s64)err;
	if (--move->priv[LEFT])
		return;
	d->nr_done++;
	move->done(move, (int)(s64)move->priv[ERROR]);
}

static int map_piece(struct dma *d, struct piece *pc, void *buf)
{
	if (pc->io.op == WPP_IO_FLUSH)
		return 0;
	pc->bus = dma_map_page(d->dev, page_of(buf), 0, pc->io.len, direction(&pc->io));
	if (dma_mapping_error(d->dev, pc->bus))
		return WPP_ENOMEM;
	pc->mapped = true;
	pc->io.pa = pc->bus;
	pc->io.flags |= WPP_IO_PHYS;
	return 0;
}

static void queue(struct dma *d, struct piece *pc)
{
	pc->next = NULL;
	if (d->first)
		d->last->next = pc;
	else
		d->first = pc;
	d->last = pc;
}

/* Hand over what waits, as far as the device takes it. */
static void push(struct dma *d)
{
	while (d->first) {
		struct piece *pc = d->first;
		int err;

		d->first = pc->next;
		err = d->inner->ops->submit(d->inner, &pc->io);
		if (err == WPP_EBUSY) {
			pc->next = d->first;
			if (!d->first)
				d->last = pc;
			d->first = pc;
			return;
		}
		if (err)
			piece_done(&pc->io, err);
	}
}

static int check(const struct dma *d, const struct wpp_io *io)
{
	u32 flags = io->op == WPP_IO_WRITE && d->m.caps & WPP_CAP_FUA ? WPP_IO_FUA : 0;

	if (io->flags & ~flags)
		return WPP_EINVAL;
	if (io->op == WPP_IO_FLUSH)
		return io->len ? WPP_EINVAL : 0;
	if (io->op != WPP_IO_READ && io->op != WPP_IO_WRITE)
		return WPP_EINVAL;
	if (!io->len || io->len > d->m.io_max || (io->len | io->off) & (d->m.io_align - 1) ||
	    !PAGE_ALIGNED(io->buf))
		return WPP_EINVAL;
	return io->off > d->m.size || io->len > d->m.size - io->off ? WPP_ERANGE : 0;
}

static struct piece *take_piece(struct dma *d, struct wpp_io *move, u32 at, u32 len)
{
	struct piece *pc = d->free;

	d->free = pc->next;
	d->nr_free--;
	pc->move = move;
	pc->io = (struct wpp_io){
		.op = move->op, .len = len, .off = move->off + at, .done = piece_done, .owner = d
	};
	return pc;
}

/* All pieces of @move, mapped, as a list; NULL and *@err: none. */
static struct piece *cut_up(struct dma *d, struct wpp_io *move, int *err)
{
	struct piece *list = NULL, **tail = &list;
	u32 at = 0;

	move->priv[LEFT] = 0;
	move->priv[ERROR] = 0;
	*err = 0;
	do {
		u32 len = move->len ? piece_len(d, move->buf + at, move->len - at) : 0;
		struct piece *pc;

		if (!d->nr_free) {
			*err = WPP_EBUSY;
			break;
		}
		pc = take_piece(d, move, at, len);
		*tail = pc;
		tail = &pc->next;
		pc->next = NULL;
		*err = map_piece(d, pc, move->buf + at);
		move->priv[LEFT]++;
		at += len;
	} while (!*err && at < move->len);
	return list;
}

static int dma_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct dma *d = to_dma(be);
	bool idle = d->nr_free == NR_PIECES;
	int err = d->lost ? WPP_EIO : check(d, io);
	struct piece *list, *next;

	if (err)
		return err;
	list = cut_up(d, io, &err);
	for (; list; list = next) {
		next = list->next;
		if (err)
			put_piece(d, list);
		else
			queue(d, list);
	}
	if (err) /* IOVAs that are used up come back with the next completion */
		return idle ? err : WPP_EBUSY;
	push(d);
	return 0;
}

static void lose(struct dma *d)
{
	d->lost = true;
	d->first = NULL;
	for (u32 i = 0; i < NR_PIECES; i++)
		unmap(d, &d->piece[i]);
}

static int dma_poll(struct wpp_backend *be)
{
	struct dma *d = to_dma(be);
	int n;

	if (d->lost)
		return WPP_EIO;
	d->nr_done = 0;
	push(d);
	n = d->inner->ops->poll(d->inner);
	if (n < 0) {
		dev_err(d->dev, "failed and was stopped; attach it anew\n");
		lose(d);
		return n;
	}
	return d->nr_done;
}

void wppk_dma_unplug(struct wpp_backend *be)
{
	struct dma *d = to_dma(be);
	struct wpp_backend *inner = d->inner;

	d->inner = NULL;
	if (inner)
		inner->ops->close(inner); /* stops the device; then its mappings may go */
	lose(d);
}

static void dma_close(struct wpp_backend *be)
{
	wppk_dma_unplug(be);
	kvfree(to_dma(be));
}

static int dma_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	*m = to_dma(be)->m;
	return 0;
}

static const struct wpp_backend_ops dma_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(dma_ops),
	.name = "dma",
	.probe = dma_probe,
	.submit = dma_submit,
	.poll = dma_poll,
	.close = dma_close,
};

int wppk_dma_open(struct device *dev, struct wpp_backend *inner, struct wpp_medium *m,
		  struct wpp_backend **out)
{
	struct dma *d = kvzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return -ENOMEM;
	d->be.ops = &dma_ops;
	d->inner = inner;
	d->dev = dev;
	for (u32 i = 0; i < NR_PIECES; i++)
		put_piece(d, &d->piece[i]);
	m->buf_align = PAGE_SIZE;
	m->io_max = min(m->io_max, IO_MAX);
	m->io_best = min(m->io_best, m->io_max);
	m->queue_depth = NR_PIECES / 2; /* more than the device's: neighbours become one command */
	m->caps &= ~(WPP_CAP_PHYSICAL | WPP_CAP_EMERGENCY | WPP_CAP_DIRECT);
	d->m = *m;
	*out = &d->be;
	return 0;
}
