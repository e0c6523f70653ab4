/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The FPGA (docs/FPGA.md) as a medium of the module: PCI and memory for the ring driver. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "fpga.h"

#include "base/kerrno.h"
#include "medium/dma.h"
#include "medium/media_kinds.h"
#include "medium/pci_bar.h"

#define NR_SLOTS 1024u /* of each ring, if the device has as many */

struct pci_fpga {
	struct wppk_pci pci; /* first: the environment's context */
	struct fpga f;
	struct fpga_mem mem[FPGA_QUEUES];
};

static size_t ring_len(const struct fpga_mem *mem)
{
	return mem->nr_slots * sizeof(*mem->slot);
}

static void free_rings(struct pci_fpga *p)
{
	for (int i = 0; i < FPGA_QUEUES; i++)
		if (p->mem[i].slot)
			dma_free_coherent(&p->pci.pdev->dev, ring_len(&p->mem[i]), p->mem[i].slot,
					  p->mem[i].bus);
}

static void release(void *ctx)
{
	struct pci_fpga *p = ctx;

	if (p->f.ring.fault)
		pci_warn(p->pci.pdev, "%s\n", wppi_fpga_fault_text(p->f.ring.fault));
	free_rings(p);
	wppk_pci_close(&p->pci);
	kfree(p);
}

static int make_rings(struct pci_fpga *p, const struct fpga_info *info)
{
	struct device *dev = &p->pci.pdev->dev;
	int err = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(fls64(info->bus_limit)));

	for (int i = 0; i < FPGA_QUEUES && !err; i++) {
		dma_addr_t bus;

		p->mem[i].nr_slots = min(NR_SLOTS, info->max_slots);
		p->mem[i].slot = dma_alloc_coherent(dev, ring_len(&p->mem[i]), &bus, GFP_KERNEL);
		p->mem[i].bus = bus;
		if (!p->mem[i].slot)
			err = -ENOMEM;
	}
	return err;
}

/* All moves come with bus addresses (dma.c). */
static uint64_t to_bus(void *ctx, const void *buf, uint32_t len, uint32_t *contig)
{
	return FPGA_NO_BUS;
}

static int make(struct pci_fpga *p, const struct wpp_ko_attach *how)
{
	const struct fpga_env env = {
		.ctx = p,
		.read32 = wppk_pci_read32,
		.write32 = wppk_pci_write32,
		.now_ns = wppk_pci_now_ns,
		.relax = wppk_pci_relax,
		.to_bus = to_bus,
		.bus_master = wppk_pci_bus_master,
		.release = release,
		.timeout_ns = how->timeout_ms * 1000000ull,
	};
	struct fpga_info info;
	u32 fault;
	int err;

	if (p->pci.bar_len < FPGA_BAR0_SIZE)
		return -ENODEV;
	err = wppk_errno(wppi_fpga_identify(&env, &info, &fault));
	if (err) {
		pci_warn(p->pci.pdev, "%s\n", wppi_fpga_fault_text(fault));
		return err;
	}
	err = make_rings(p, &info);
	return err ? err : wppk_errno(wppi_fpga_init(&p->f, &env, p->mem));
}

int wppk_fpga_open(struct pci_dev *pdev, const struct wpp_ko_attach *how, struct wpp_medium *m,
		   struct wpp_backend **out)
{
	struct pci_fpga *p = kzalloc(sizeof(*p), GFP_KERNEL);
	struct wpp_backend *be;
	int err;

	if (!p)
		return -ENOMEM;
	err = wppk_pci_open(&p->pci, pdev);
	if (err) {
		kfree(p);
		return err;
	}
	err = make(p, how);
	if (err) {
		release(p);
		return err;
	}
	be = &p->f.be;
	err = wppk_errno(be->ops->probe(be, m));
	if (!err)
		err = wppk_dma_open(&pdev->dev, be, m, out);
	if (err)
		be->ops->close(be); /* frees all */
	return err;
}
