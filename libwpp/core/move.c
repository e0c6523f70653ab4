/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "move_priv.h"
#include "plat.h"

void wppi_moves_init(struct wppi_moves *set, struct wpp_backend *be, const struct wpp_medium *m,
		     uint32_t nr)
{
	set->be = be;
	set->nr = nr;
	set->fua = m->caps & WPP_CAP_FUA;
	set->armed = false;
	set->best = (m->io_best ? m->io_best : m->io_max) & ~(WPP_PAGE_SIZE - 1);
	if (!set->best)
		set->best = WPP_PAGE_SIZE;
	set->free = NULL;
	for (uint32_t i = nr; i-- > 0;) {
		set->move[i].set = set;
		set->move[i].next_free = set->free;
		set->free = &set->move[i];
	}
}

static void note_error(struct wppi_moves *set, const struct wpp_io *io, int err)
{
	if (io->op != WPP_IO_READ) {
		if (!set->write_err)
			set->write_err = err;
	} else if (!set->read_err) {
		set->read_err = err;
		set->read_err_off = io->off;
	}
}

static void move_done(struct wpp_io *io, int err)
{
	struct wppi_move *mv = io->owner;
	struct wppi_moves *set = mv->set;

	if (mv->wait)
		*mv->wait = (struct wppi_wait){ .done = true, .err = err };
	else if (err)
		note_error(set, io, err);
	mv->wait = NULL;
	mv->seq = 0;
	mv->next_free = set->free;
	set->free = mv;
	set->in_flight--;
}

/* A negative answer of poll(): the medium is lost with all that was in flight. */
static int reap(struct wppi_moves *set)
{
	int n = set->be->ops->poll(set->be);

	if (n < 0) {
		if (!set->write_err)
			set->write_err = n;
		return n;
	}
	if (!n)
		wpp_plat_relax();
	return 0;
}

static int take_move(struct wppi_moves *set, struct wppi_move **out)
{
	while (!set->free) {
		int err = reap(set);

		if (err)
			return err;
	}
	*out = set->free;
	set->free = (*out)->next_free;
	return 0;
}

/* Nothing is read while a store is armed, and there is nothing to flush. */
static int write_now(struct wppi_moves *set, struct wppi_move *mv)
{
	const struct wpp_io *io = &mv->io;
	int err = io->op == WPP_IO_READ ? WPP_EIO : 0;

	if (io->op == WPP_IO_WRITE)
		err = set->be->ops->emergency_write(set->be, io->off, io->buf, io->len);
	move_done(&mv->io, err);
	return err;
}

static int submit(struct wppi_moves *set, struct wppi_move *mv)
{
	int err;

	mv->io.done = move_done;
	mv->io.owner = mv;
	mv->seq = ++set->started;
	set->in_flight++;
	if (set->armed)
		return write_now(set, mv);
	while ((err = set->be->ops->submit(set->be, &mv->io)) == WPP_EBUSY) {
		int lost = reap(set);

		if (lost) {
			err = lost;
			break;
		}
	}
	if (err)
		move_done(&mv->io, err);
	return err;
}

static int start(struct wppi_moves *set, struct wppi_move *mv, uint32_t op, uint64_t off, void *buf,
		 uint32_t len)
{
	mv->io = (struct wpp_io){ .op = op, .len = len, .off = off, .buf = buf };
	return submit(set, mv);
}

int wppi_moves_push(struct wppi_moves *set)
{
	struct wppi_move *mv;
	int err;

	if (!set->len)
		return 0;
	err = take_move(set, &mv);
	if (!err)
		err = start(set, mv, set->op, set->off, set->buf, set->len);
	set->len = 0;
	return err;
}

int wppi_moves_add(struct wppi_moves *set, uint32_t op, uint32_t place, void *buf)
{
	uint64_t off = (uint64_t)place << WPP_PAGE_SHIFT;
	int err = 0;

	if (set->len && (set->op != op || set->off + set->len != off || set->buf + set->len != buf))
		err = wppi_moves_push(set);
	if (err)
		return err;
	if (!set->len) {
		set->op = op;
		set->off = off;
		set->buf = buf;
	}
	set->len += WPP_PAGE_SIZE;
	return set->len >= set->best ? wppi_moves_push(set) : 0;
}

int wppi_moves_read(struct wppi_moves *set, uint64_t off, void *buf, uint32_t len,
		    struct wppi_wait *wait)
{
	struct wppi_move *mv;
	int err;

	*wait = (struct wppi_wait){ .done = false };
	err = take_move(set, &mv);
	if (err) {
		*wait = (struct wppi_wait){ .done = true, .err = err };
		return err;
	}
	mv->wait = wait;
	return start(set, mv, WPP_IO_READ, off, buf, len);
}

/* The medium is lost: should done() come after all, @wait is not there any more. */
static void forget_wait(struct wppi_moves *set, const struct wppi_wait *wait)
{
	for (uint32_t i = 0; i < set->nr; i++)
		if (set->move[i].wait == wait)
			set->move[i].wait = NULL;
}

int wppi_moves_wait(struct wppi_moves *set, const struct wppi_wait *wait)
{
	while (!wait->done) {
		int lost = reap(set);

		if (lost && !wait->done) {
			forget_wait(set, wait);
			return lost;
		}
	}
	return wait->err;
}

int wppi_moves_bounce(struct wppi_moves *set, struct wppi_move **out)
{
	return take_move(set, out);
}

int wppi_moves_write_bounce(struct wppi_moves *set, struct wppi_move *mv, uint32_t place)
{
	return start(set, mv, WPP_IO_WRITE, (uint64_t)place << WPP_PAGE_SHIFT, mv->bounce,
		     WPP_PAGE_SIZE);
}

static int wait_all(struct wppi_moves *set)
{
	int err = wppi_moves_push(set);

	while (set->in_flight) {
		int lost = reap(set);

		if (lost)
			return lost;
	}
	return err;
}

int wppi_moves_settle(struct wppi_moves *set)
{
	int err = wait_all(set);

	return set->write_err ? set->write_err : err;
}

static bool is_in_flight(const struct wppi_moves *set, uint64_t mark)
{
	for (uint32_t i = 0; i < set->nr; i++)
		if (set->move[i].seq && set->move[i].seq <= mark)
			return true;
	return false;
}

int wppi_moves_settle_to(struct wppi_moves *set, uint64_t mark)
{
	while (is_in_flight(set, mark)) {
		int err = reap(set);

		if (err)
			return set->write_err;
	}
	return set->write_err;
}

int wppi_moves_settle_reads(struct wppi_moves *set)
{
	int err = wait_all(set);
	int read_err = set->read_err;

	set->read_err = 0;
	return read_err ? read_err : err;
}

int wppi_moves_flush(struct wppi_moves *set)
{
	struct wppi_move *mv;
	int err = wppi_moves_settle(set);

	if (!err)
		err = take_move(set, &mv);
	if (!err)
		err = start(set, mv, WPP_IO_FLUSH, 0, NULL, 0);
	return err ? err : wppi_moves_settle(set);
}

static int write_fua(struct wppi_moves *set, uint64_t off, void *block)
{
	struct wppi_move *mv;
	int err = wppi_moves_settle(set);

	if (!err)
		err = take_move(set, &mv);
	if (err)
		return err;
	mv->io = (struct wpp_io){ .op = WPP_IO_WRITE,
				  .flags = WPP_IO_FUA,
				  .len = WPP_PAGE_SIZE,
				  .off = off,
				  .buf = block };
	err = submit(set, mv);
	return err ? err : wppi_moves_settle(set);
}

int wppi_moves_write_durable(struct wppi_moves *set, uint32_t place, void *block)
{
	int err;

	if (set->fua)
		return write_fua(set, (uint64_t)place << WPP_PAGE_SHIFT, block);
	err = wppi_moves_add(set, WPP_IO_WRITE, place, block);
	return err ? err : wppi_moves_flush(set);
}
