/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where the kernel forbids io_uring: one system call after the other. Slower, and as durable. */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>
#include "nvme_priv.h"

static struct wppi_nvme *nvme_of(struct wpp_backend *be)
{
	return (struct wppi_nvme *)be;
}

static int sync_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	*m = nvme_of(be)->medium;
	return 0;
}

static int move(int fd, const struct wpp_io *io)
{
	char *buf = io->buf;
	size_t left = io->len;
	off_t off = (off_t)io->off;
	int flags = io->flags & WPP_IO_FUA ? RWF_DSYNC : 0;

	while (left) {
		struct iovec iov = { buf, left };
		ssize_t n = io->op == WPP_IO_READ ? preadv(fd, &iov, 1, off)
						  : pwritev2(fd, &iov, 1, off, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ENOSPC ? WPP_ENOSPC : WPP_EIO;
		if (!n) /* the file became shorter */
			return WPP_EIO;
		buf += n;
		off += n;
		left -= (size_t)n;
	}
	return 0;
}

static int sync_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct wppi_nvme *nv = nvme_of(be);
	int err = wppi_nvme_check(nv, io);

	if (err)
		return err;
	if (nv->poisoned && io->op != WPP_IO_READ)
		return WPP_EPOISON;
	if (io->op == WPP_IO_FLUSH)
		err = fdatasync(nv->target.fd) ? WPP_EIO : 0;
	else
		err = move(nv->target.fd, io);
	nv->poisoned |= err && io->op != WPP_IO_READ;
	io->done(io, err);
	return 0;
}

/* Every done() ran inside submit. */
static int sync_poll(struct wpp_backend *be)
{
	(void)be;
	return 0;
}

static void sync_close(struct wpp_backend *be)
{
	close(nvme_of(be)->target.fd);
	free(be);
}

static const struct wpp_backend_ops sync_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(struct wpp_backend_ops),
	.name = "nvme",
	.probe = sync_probe,
	.submit = sync_submit,
	.poll = sync_poll,
	.close = sync_close,
};

int wppi_nvme_sync_open(const struct wppi_nvme_target *t, struct wpp_backend **out)
{
	struct wppi_nvme *nv = calloc(1, sizeof(*nv));

	if (!nv)
		return WPP_ENOMEM;
	nv->be.ops = &sync_ops;
	nv->target = *t;
	wppi_nvme_facts(t, 1, &nv->medium);
	*out = &nv->be;
	return 0;
}
