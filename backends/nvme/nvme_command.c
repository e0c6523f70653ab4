/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An NVMe namespace through its character device: read, write and flush commands
 * (NVM command set 3.2) without the block layer, and what Identify says of it.
 */
#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "base/fail.h"
#include "nvme_priv.h"

enum {
	CMD_FLUSH = 0x00,
	CMD_WRITE = 0x01,
	CMD_READ = 0x02,
	ADMIN_IDENTIFY = 0x06,
	CNS_NAMESPACE = 0x00,
	CNS_CONTROLLER = 0x01,
};
#define FORCE_UNIT_ACCESS (1u << 30)
#define TIMEOUT_MS	  30000

void wppi_nvme_command(const struct wppi_nvme *nv, const struct wpp_io *io,
		       struct io_uring_sqe *sqe)
{
	struct nvme_uring_cmd *cmd = (void *)sqe->cmd;
	uint64_t lba = io->off / nv->target.io_align;

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, 0, NULL, 0, 0);
	memset(cmd, 0, sizeof(*cmd));
	sqe->cmd_op = NVME_URING_CMD_IO;
	cmd->nsid = nv->target.nsid;
	cmd->timeout_ms = TIMEOUT_MS;
	if (io->op == WPP_IO_FLUSH) {
		cmd->opcode = CMD_FLUSH;
		return;
	}
	cmd->opcode = io->op == WPP_IO_READ ? CMD_READ : CMD_WRITE;
	cmd->addr = (uintptr_t)io->buf;
	cmd->data_len = io->len;
	cmd->cdw10 = (uint32_t)lba;
	cmd->cdw11 = (uint32_t)(lba >> 32);
	cmd->cdw12 = io->len / nv->target.io_align - 1;
	if (io->flags & WPP_IO_FUA)
		cmd->cdw12 |= FORCE_UNIT_ACCESS;
}

static int identify(const struct wppi_nvme_target *t, uint32_t cns, void *page)
{
	struct nvme_admin_cmd cmd = {
		.opcode = ADMIN_IDENTIFY,
		.nsid = cns == CNS_NAMESPACE ? t->nsid : 0,
		.addr = (uintptr_t)page,
		.data_len = WPP_PAGE_SIZE,
		.cdw10 = cns,
		.timeout_ms = TIMEOUT_MS,
	};
	int ret = ioctl(t->fd, NVME_IOCTL_ADMIN_CMD, &cmd);

	if (ret < 0)
		return wppi_from_errno(errno);
	return ret ? WPP_EIO : 0;
}

static uint64_t le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

/* NSZE in blocks, FLBAS names the format, LBAF its metadata and block size (Identify Namespace). */
static int take_namespace(struct wppi_nvme_target *t, const uint8_t *id)
{
	uint8_t flbas = id[26];
	const uint8_t *format = id + 128 + 4 * ((flbas & 0xf) | (flbas >> 5 & 3) << 4);
	uint64_t blocks = le64(id);

	if (format[0] || format[1])
		return WPP_EINVAL; /* metadata beside each block */
	if (format[2] != 9 && format[2] != 12)
		return WPP_EINVAL;
	t->io_align = 1u << format[2];
	if (blocks > (uint64_t)INT64_MAX >> format[2])
		return WPP_EINVAL;
	t->size = blocks << format[2];
	return 0;
}

/* MDTS: the longest move, a power of two of pages of at least 4 KiB; 0: no limit. */
static void take_controller(struct wppi_nvme_target *t, const uint8_t *id)
{
	uint8_t mdts = id[77];

	if (mdts && mdts < 12 && t->io_max > WPP_PAGE_SIZE << mdts)
		t->io_max = WPP_PAGE_SIZE << mdts;
}

int wppi_nvme_identify(struct wppi_nvme_target *t)
{
	int nsid = ioctl(t->fd, NVME_IOCTL_ID), err;
	uint8_t *page = aligned_alloc(WPP_PAGE_SIZE, WPP_PAGE_SIZE);

	if (!page)
		return WPP_ENOMEM;
	err = nsid > 0 ? 0 : WPP_EINVAL;
	t->nsid = nsid > 0 ? (uint32_t)nsid : 0;
	if (!err)
		err = identify(t, CNS_NAMESPACE, page);
	if (!err)
		err = take_namespace(t, page);
	if (!err)
		err = identify(t, CNS_CONTROLLER, page);
	if (!err)
		take_controller(t, page);
	free(page);
	return err;
}
