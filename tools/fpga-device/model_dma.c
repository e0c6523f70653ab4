/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the device reads and writes in the host's memory. */
#include "model_priv.h"

#define PCI_COMMAND	   0x04
#define PCI_COMMAND_MASTER 0x4

static bool may_dma(const struct fpga_model *m)
{
	return m->knobs.ignore_bus_master || m->cfg[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

static int fault(struct fpga_model *m)
{
	m->hung |= m->knobs.hang_on_fault;
	return -1;
}

static bool wraps(uint64_t host, uint32_t len)
{
	return host > UINT64_MAX - len;
}

int model_dma_read(struct fpga_model *m, uint64_t host, void *buf, uint32_t len)
{
	if (!may_dma(m) || wraps(host, len) || m->bus.dma_read(m->bus.ctx, host, buf, len))
		return fault(m);
	return 0;
}

int model_dma_write(struct fpga_model *m, uint64_t host, const void *buf, uint32_t len)
{
	if (!may_dma(m) || wraps(host, len) || m->bus.dma_write(m->bus.ctx, host, buf, len))
		return fault(m);
	return 0;
}
