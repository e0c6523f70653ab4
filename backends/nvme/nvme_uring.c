/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Moves by io_uring. Large moves start at once; small ones wait for company, at
 * most until the next poll. The file and the lent memory are registered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fail.h"
#include "nvme_priv.h"

#define LARGE	    (64u << 10)
#define SMALL_MAX   16
#define EMPTY_POLLS 64	   /* in a row: the caller has nothing else to do */
#define NAP_NS	    500000 /* then a poll sleeps, at most so long, to leave others the CPU */
#define REAP_MAX    64

static struct wppi_nvme *nvme_of(struct wpp_backend *be)
{
	return (struct wppi_nvme *)be;
}

static int uring_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	*m = nvme_of(be)->medium;
	return 0;
}

/* What is left of a move of a file; priv[0]: bytes that are through. */
static void prepare_file(const struct wpp_io *io, struct io_uring_sqe *sqe, int buf_index)
{
	char *buf = (char *)io->buf + io->priv[0];
	unsigned int len = io->len - (unsigned int)io->priv[0];
	uint64_t off = io->off + io->priv[0];

	if (io->op == WPP_IO_READ && buf_index >= 0)
		io_uring_prep_read_fixed(sqe, 0, buf, len, off, buf_index);
	else if (io->op == WPP_IO_READ)
		io_uring_prep_read(sqe, 0, buf, len, off);
	else if (buf_index >= 0)
		io_uring_prep_write_fixed(sqe, 0, buf, len, off, buf_index);
	else
		io_uring_prep_write(sqe, 0, buf, len, off);
	if (io->flags & WPP_IO_FUA)
		sqe->rw_flags = RWF_DSYNC;
}

/* In flight are never more than the ring has entries. */
static void prepare(struct wppi_nvme *nv, struct wpp_io *io)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&nv->ring);

	if (nv->target.kind == WPPI_NVME_NAMESPACE)
		wppi_nvme_command(nv, io, sqe);
	else
		prepare_file(io, sqe, wppi_nvme_lent_index(nv, io->buf, io->len));
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, io);
	nv->unsubmitted++;
}

/* What the kernel has no room for now is tried again by the next poll. */
static void push(struct wppi_nvme *nv)
{
	int n;

	if (!nv->unsubmitted || nv->lost)
		return;
	n = io_uring_submit(&nv->ring);
	if (n >= 0)
		nv->unsubmitted -= (uint32_t)n;
	else if (n != -EAGAIN && n != -EBUSY && n != -EINTR)
		nv->lost = WPP_EIO;
}

static int flush_now(struct wppi_nvme *nv, struct wpp_io *io)
{
	int err = fdatasync(nv->target.fd) ? WPP_EIO : 0;

	nv->poisoned |= err != 0;
	io->done(io, err);
	return 0;
}

/*
 * A file's FLUSH is a plain system call: the caller waits for it anyway, and io_uring would hand it
 * to a thread of normal priority.
 */
static int uring_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct wppi_nvme *nv = nvme_of(be);
	int err = wppi_nvme_check(nv, io);

	if (err)
		return err;
	if (nv->lost)
		return nv->lost;
	if (nv->poisoned && io->op != WPP_IO_READ)
		return WPP_EPOISON;
	if (io->op == WPP_IO_FLUSH && nv->target.kind != WPPI_NVME_NAMESPACE)
		return flush_now(nv, io);
	if (nv->in_flight == nv->medium.queue_depth)
		return WPP_EBUSY;
	io->priv[0] = 0;
	nv->in_flight++;
	nv->nr_large += io->len >= LARGE;
	nv->empty_polls = 0;
	prepare(nv, io);
	if (io->len >= LARGE || io->op == WPP_IO_FLUSH || nv->unsubmitted >= SMALL_MAX)
		push(nv);
	return 0;
}

/* The error of what @res says, or 0; *@again: there is more of it to do. */
static int outcome(const struct wppi_nvme *nv, struct wpp_io *io, int res, bool *again)
{
	*again = res == -EAGAIN || res == -EINTR;
	if (*again)
		return 0;
	if (res < 0)
		return res == -ENOSPC ? WPP_ENOSPC : WPP_EIO;
	if (nv->target.kind == WPPI_NVME_NAMESPACE)
		return res ? WPP_EIO : 0; /* the status of the command */
	if (!res || (uint32_t)res > io->len - io->priv[0])
		return WPP_EIO; /* the file became shorter */
	io->priv[0] += (uint64_t)res;
	*again = io->priv[0] < io->len;
	return 0;
}

static bool finish(struct wppi_nvme *nv, struct wpp_io *io, int res)
{
	bool again;
	int err = outcome(nv, io, res, &again);

	if (again) {
		prepare(nv, io);
		return false;
	}
	nv->poisoned |= err && io->op != WPP_IO_READ;
	nv->in_flight--;
	nv->nr_large -= io->len >= LARGE;
	io->done(io, err);
	return true;
}

static int reap(struct wppi_nvme *nv)
{
	struct io_uring_cqe *cqe;
	int count = 0;

	for (int i = 0; i < REAP_MAX && io_uring_peek_cqe(&nv->ring, &cqe) == 0; i++) {
		struct wpp_io *io = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&nv->ring, cqe);
		count += finish(nv, io, res);
	}
	return count;
}

/* Small moves end together: to be woken for each one costs more than they do. */
static void nap(struct wppi_nvme *nv)
{
	struct __kernel_timespec ts = { .tv_nsec = NAP_NS };
	uint32_t nr = nv->nr_large ? 1 : (nv->in_flight + 1) / 2;
	struct io_uring_cqe *cqe;

	(void)io_uring_wait_cqes(&nv->ring, &cqe, nr, &ts, NULL);
}

/* What the kernel has still reads and writes its buffers: only then may they be forgotten. */
static int give_up(struct wppi_nvme *nv)
{
	struct io_uring_cqe *cqe;

	while (nv->in_flight > nv->unsubmitted && io_uring_wait_cqe(&nv->ring, &cqe) == 0) {
		io_uring_cqe_seen(&nv->ring, cqe);
		nv->in_flight--;
	}
	return nv->lost;
}

static int uring_poll(struct wpp_backend *be)
{
	struct wppi_nvme *nv = nvme_of(be);
	int count;

	push(nv);
	if (nv->lost)
		return give_up(nv);
	count = reap(nv);
	if (count) {
		nv->empty_polls = 0;
	} else if (nv->in_flight && ++nv->empty_polls > EMPTY_POLLS) {
		nap(nv);
		count = reap(nv);
	}
	return count;
}

static void uring_close(struct wpp_backend *be)
{
	struct wppi_nvme *nv = nvme_of(be);

	io_uring_queue_exit(&nv->ring);
	wppi_nvme_lent_free(nv);
	close(nv->target.fd);
	free(nv);
}

const struct wpp_backend_ops wppi_nvme_uring_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(struct wpp_backend_ops),
	.name = "nvme",
	.probe = uring_probe,
	.submit = uring_submit,
	.poll = uring_poll,
	.close = uring_close,
	.lend = wppi_nvme_lend,
	.give_back = wppi_nvme_give_back,
};

/* Commands to a namespace are longer than ordinary entries. */
static int start_ring(struct wppi_nvme *nv, uint32_t depth)
{
	struct io_uring_params p = { .flags = IORING_SETUP_COOP_TASKRUN |
					      IORING_SETUP_TASKRUN_FLAG };
	int err;

	if (nv->target.kind == WPPI_NVME_NAMESPACE)
		p.flags |= IORING_SETUP_SQE128 | IORING_SETUP_CQE32;
	err = io_uring_queue_init_params(depth, &nv->ring, &p);
	if (err)
		return err;
	if (p.features & IORING_FEAT_EXT_ARG)
		err = io_uring_register_files(&nv->ring, &nv->target.fd, 1);
	else
		err = -ENOSYS;
	if (!err)
		err = io_uring_register_buffers_sparse(&nv->ring, WPPI_NVME_LENT_MAX);
	if (err)
		io_uring_queue_exit(&nv->ring);
	return err;
}

int wppi_nvme_uring_open(const struct wppi_nvme_target *t, uint32_t depth, struct wpp_backend **out)
{
	struct wppi_nvme *nv = calloc(1, sizeof(*nv));
	int err;

	if (!nv)
		return -ENOMEM;
	nv->be.ops = &wppi_nvme_uring_ops;
	nv->target = *t;
	wppi_nvme_facts(t, depth, &nv->medium);
	err = start_ring(nv, depth);
	if (err) {
		free(nv);
		return err;
	}
	*out = &nv->be;
	return 0;
}
