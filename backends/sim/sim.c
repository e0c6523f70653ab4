/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The sim medium with its power on: queue, cache and flush. */
#include <stdlib.h>
#include <string.h>

#include <wpp/sized.h>

#include "sim_priv.h"

/* What a reader must not see: the buffer before the read is done. */
#define UNREAD 0xa5

static uint64_t sim_random(struct sim *s)
{
	return sim_mix(s->rng++);
}

static int sim_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	const struct wpp_sim_cfg *cfg = &to_sim(be)->cfg;

	*m = (struct wpp_medium){
		.size = cfg->bytes,
		.io_align = cfg->io_align,
		.buf_align = cfg->buf_align,
		.io_max = cfg->io_max,
		.io_best = cfg->io_max,
		.atomic_len = cfg->atomic_len,
		.queue_depth = cfg->queue_depth,
		.caps = cfg->caps,
	};
	return 0;
}

static void *io_buf(const struct wpp_io *io)
{
	return io->flags & WPP_IO_PHYS ? (void *)(uintptr_t)io->pa : io->buf;
}

static int check_move(const struct sim *s, const struct wpp_io *io)
{
	if (io->len == 0 || io->len > s->cfg.io_max || (io->off | io->len) % s->cfg.io_align)
		return WPP_EINVAL;
	if (io->off > s->cfg.bytes || io->len > s->cfg.bytes - io->off)
		return WPP_ERANGE;
	return (uintptr_t)io_buf(io) % s->cfg.buf_align ? WPP_EINVAL : 0;
}

static int check_io(const struct sim *s, const struct wpp_io *io)
{
	if (io->flags & ~(uint32_t)(WPP_IO_PHYS | WPP_IO_FUA))
		return WPP_EINVAL;
	if (io->flags & WPP_IO_FUA && (io->op != WPP_IO_WRITE || !(s->cfg.caps & WPP_CAP_FUA)))
		return WPP_EINVAL;
	if (io->flags & WPP_IO_PHYS && !(s->cfg.caps & WPP_CAP_PHYSICAL))
		return WPP_EINVAL;
	if (io->op == WPP_IO_FLUSH)
		return io->len ? WPP_EINVAL : 0;
	if (io->op != WPP_IO_READ && io->op != WPP_IO_WRITE)
		return WPP_EINVAL;
	return check_move(s, io);
}

static struct unit *find_unit(struct sim *s, const struct wpp_io *io)
{
	for (size_t i = 0; i < s->pending.nr; i++)
		if (s->pending.unit[i].io == io)
			return &s->pending.unit[i];
	return NULL;
}

static int finish_plain(struct sim *s, struct wpp_io *io)
{
	struct unit *u = find_unit(s, io);
	const uint8_t *data = s->pending.bytes + u->data;

	u->io = NULL;
	if (memcmp(io_buf(io), data, u->len))
		return WPP_EINVAL; /* the caller wrote to a buffer that it had lent */
	if (io_buf(io) != s->view + u->off)
		memcpy(s->view + u->off, data, u->len);
	wppi_sim_touch(s, u->off, u->len);
	return 0;
}

static void make_durable(struct sim *s, const struct unit *u)
{
	memcpy(s->base + u->off, s->pending.bytes + u->data, u->len);
	wppi_sim_touch(s, u->off, u->len);
}

typedef bool (*covers_fn)(const struct sim *s, const struct unit *u, const struct unit *last);

/* All units up to @last that are covered leave the list for the medium, the others move up. */
static void settle(struct sim *s, covers_fn covers, const struct unit *last)
{
	const struct unit until = *last;
	struct unit_list *list = &s->pending;
	size_t nr = 0, used = 0;

	for (size_t i = 0; i < list->nr; i++) {
		struct unit u = list->unit[i];

		if (covers(s, &u, &until)) {
			make_durable(s, &u);
			continue;
		}
		memmove(list->bytes + used, list->bytes + u.data, u.len);
		u.data = used;
		used += u.len;
		list->unit[nr++] = u;
	}
	list->nr = nr;
	list->used = used;
}

static bool by_flush(const struct sim *s, const struct unit *u, const struct unit *last)
{
	(void)s;
	return u->flush && u->flush <= last->flush;
}

static int finish_flush(struct sim *s, uint64_t flush)
{
	const struct unit last = { .flush = flush };

	settle(s, by_flush, &last);
	return 0;
}

/*
 * A FUA write, and what can't come after it any more: an older write of the same place, and all
 * older ones on a medium that keeps their order.
 */
static bool by_fua(const struct sim *s, const struct unit *u, const struct unit *last)
{
	bool meets = u->off < last->off + last->len && last->off < u->off + u->len;

	if (u->io || u->data > last->data)
		return false;
	return u->data == last->data || meets || s->cfg.caps & WPP_CAP_ORDERED;
}

static int finish_write(struct sim *s, struct wpp_io *io)
{
	struct unit *u = find_unit(s, io);
	int err = finish_plain(s, io);

	if (!err && io->flags & WPP_IO_FUA)
		settle(s, by_fua, u);
	return err;
}

static void finish(struct sim *s, struct wpp_io *io)
{
	int err = 0;

	if (s->dead)
		err = WPP_EIO;
	else if (io->op == WPP_IO_READ)
		memcpy(io_buf(io), s->view + io->off, io->len);
	else if (io->op == WPP_IO_WRITE)
		err = finish_write(s, io);
	else
		err = finish_flush(s, io->priv[0]);
	io->done(io, err);
}

static int start_write(struct sim *s, struct wpp_io *io)
{
	struct unit u = { .io = io, .off = io->off, .len = io->len };

	return wppi_unit_add(&s->pending, &u, io_buf(io));
}

/* A FLUSH covers what is done when it is submitted, not what is in flight. */
static void start_flush(struct sim *s, struct wpp_io *io)
{
	s->flushes++;
	io->priv[0] = s->flushes;
	for (size_t i = 0; i < s->pending.nr; i++)
		if (!s->pending.unit[i].io && !s->pending.unit[i].flush)
			s->pending.unit[i].flush = s->flushes;
}

static int start(struct sim *s, struct wpp_io *io)
{
	int err = 0;

	if (io->op == WPP_IO_WRITE)
		err = start_write(s, io);
	else if (io->op == WPP_IO_FLUSH)
		start_flush(s, io);
	else if (s->cfg.flags & WPP_SIM_DEFER)
		memset(io_buf(io), UNREAD, io->len);
	if (!err && io->op != WPP_IO_READ && ++s->ops_done == s->cut_at)
		wppi_sim_die(s);
	return err;
}

/* Which of two overlapping writes in flight wins is anybody's guess: a caller's mistake. */
static bool races(const struct sim *s, const struct wpp_io *io)
{
	if (io->op != WPP_IO_WRITE)
		return false;
	for (uint32_t i = 0; i < s->nr_queue; i++) {
		const struct wpp_io *other = s->queue[i];

		if (other->op == WPP_IO_WRITE && other->off < io->off + io->len &&
		    io->off < other->off + other->len)
			return true;
	}
	return false;
}

static int sim_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct sim *s = to_sim(be);
	int err = check_io(s, io);

	if (err)
		return err;
	if (races(s, io))
		return WPP_EINVAL;
	if (s->dead)
		return WPP_EIO;
	if (s->nr_queue == s->cfg.queue_depth)
		return WPP_EBUSY;
	err = start(s, io);
	if (err)
		return err;
	if (s->cfg.flags & WPP_SIM_DEFER)
		s->queue[s->nr_queue++] = io;
	else
		finish(s, io);
	return 0;
}

static int sim_poll(struct wpp_backend *be)
{
	struct sim *s = to_sim(be);
	uint32_t nr = s->nr_queue;
	uint32_t todo = nr;

	if (nr && !s->dead)
		todo = (uint32_t)(sim_random(s) % (nr + 1));
	for (uint32_t i = 0; i < todo; i++) {
		uint32_t pick = (uint32_t)(sim_random(s) % s->nr_queue);
		struct wpp_io *io = s->queue[pick];

		s->queue[pick] = s->queue[--s->nr_queue];
		finish(s, io);
	}
	return (int)todo;
}

static void *sim_direct(struct wpp_backend *be, uint64_t off, uint64_t len)
{
	struct sim *s = to_sim(be);

	if (off > s->cfg.bytes || len > s->cfg.bytes - off)
		return NULL;
	return s->view + off;
}

static int sim_emergency_write(struct wpp_backend *be, uint64_t off, const void *buf, uint32_t len)
{
	struct sim *s = to_sim(be);
	struct wpp_io io = {
		.op = WPP_IO_WRITE, .off = off, .buf = (void *)(uintptr_t)buf, .len = len
	};
	int err = check_move(s, &io);

	if (err)
		return err;
	if (s->dead)
		return WPP_EIO;
	err = start(s, &io);
	if (err)
		return err;
	if (s->dead)
		return WPP_EIO;
	err = finish_write(s, &io);
	if (err)
		return err;
	start_flush(s, &io);
	return finish_flush(s, io.priv[0]);
}

static void free_list(struct unit_list *list)
{
	free(list->unit);
	free(list->bytes);
}

static void sim_close(struct wpp_backend *be)
{
	struct sim *s = to_sim(be);

	free_list(&s->pending);
	free_list(&s->lost);
	free(s->view);
	free(s->base);
	free(s->at_cut);
	free(s->scratch);
	free(s->touched);
	free(s->queue);
	free(s);
}

static void set_defaults(struct wpp_sim_cfg *cfg)
{
	cfg->io_align = cfg->io_align ? cfg->io_align : 512;
	cfg->buf_align = cfg->buf_align ? cfg->buf_align : 8;
	cfg->io_max = cfg->io_max ? cfg->io_max : 65536;
	cfg->queue_depth = cfg->queue_depth ? cfg->queue_depth : 1;
	cfg->tear = cfg->tear ? cfg->tear : 512;
}

static bool is_power_of_2(uint32_t x)
{
	return x && !(x & (x - 1));
}

static bool cfg_ok(const struct wpp_sim_cfg *cfg)
{
	return cfg->bytes && cfg->bytes % SIM_BLOCK == 0 && cfg->bytes <= SIZE_MAX / 2 &&
	       !(cfg->caps & ~WPP_CAP_ALL) && is_power_of_2(cfg->io_align) &&
	       cfg->io_align <= 4096 && is_power_of_2(cfg->buf_align) && cfg->buf_align <= 4096 &&
	       cfg->io_max && cfg->io_max % 4096 == 0 && cfg->queue_depth <= 4096 &&
	       (cfg->tear == 8 || cfg->tear == 512 || cfg->tear == 4096);
}

static uint8_t *alloc_zeros(size_t bytes)
{
	uint8_t *p = aligned_alloc(SIM_BLOCK, bytes);

	if (p)
		memset(p, 0, bytes);
	return p;
}

static int alloc_arrays(struct sim *s)
{
	size_t bytes = (size_t)s->cfg.bytes;

	s->view = alloc_zeros(bytes);
	s->base = alloc_zeros(bytes);
	s->at_cut = alloc_zeros(bytes);
	if (s->cfg.caps & WPP_CAP_DIRECT)
		s->scratch = alloc_zeros(bytes);
	s->touched = calloc(bytes / SIM_BLOCK, 1);
	s->queue = calloc(s->cfg.queue_depth, sizeof(struct wpp_io *));
	if (!s->view || !s->base || !s->at_cut || !s->touched || !s->queue ||
	    (s->cfg.caps & WPP_CAP_DIRECT && !s->scratch))
		return WPP_ENOMEM;
	return 0;
}

static void set_ops(struct sim *s)
{
	s->ops = (struct wpp_backend_ops){
		.abi = WPP_BACKEND_ABI,
		.size = sizeof(s->ops),
		.name = "sim",
		.probe = sim_probe,
		.submit = sim_submit,
		.poll = sim_poll,
		.direct = s->cfg.caps & WPP_CAP_DIRECT ? sim_direct : NULL,
		.emergency_write = s->cfg.caps & WPP_CAP_EMERGENCY ? sim_emergency_write : NULL,
		.close = sim_close,
	};
	s->be.ops = &s->ops;
}

int wpp_sim_open(const struct wpp_sim_cfg *cfg, struct wpp_backend **out)
{
	struct wpp_sim_cfg ours;
	struct sim *s;
	int err;

	*out = NULL;
	if (wpp_sized_in(&ours, sizeof(ours), cfg, WPP_SIZE_UPTO(struct wpp_sim_cfg, reserved)) ||
	    ours.flags & ~WPP_SIM_DEFER || ours.reserved)
		return WPP_EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return WPP_ENOMEM;
	s->cfg = ours;
	set_defaults(&s->cfg);
	s->rng = sim_mix(ours.seed);
	set_ops(s);
	err = cfg_ok(&s->cfg) ? alloc_arrays(s) : WPP_EINVAL;
	if (err) {
		sim_close(&s->be);
		return err;
	}
	*out = &s->be;
	return 0;
}
