/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An NVMe controller as a medium of the module: PCI and memory for the polled driver. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "nvme_polled.h"

#include "base/kerrno.h"
#include "medium/dma.h"
#include "medium/media_kinds.h"
#include "medium/pci_bar.h"

struct pci_nvme {
	struct wppk_pci pci; /* first: the environment's context */
	struct nvme nv;
	struct nvme_shared *shared;
	dma_addr_t bus;
};

static void release(void *ctx)
{
	struct pci_nvme *p = ctx;

	if (p->nv.fault)
		pci_warn(p->pci.pdev, "the controller %s\n", nvme_fault_text(p->nv.fault));
	if (p->shared)
		dma_free_coherent(&p->pci.pdev->dev, sizeof(*p->shared), p->shared, p->bus);
	wppk_pci_close(&p->pci);
	kfree(p);
}

static int make(struct pci_nvme *p, const struct wpp_ko_attach *how)
{
	const struct nvme_env env = {
		.ctx = p,
		.read32 = wppk_pci_read32,
		.write32 = wppk_pci_write32,
		.now_ns = wppk_pci_now_ns,
		.relax = wppk_pci_relax,
		.bus_master = wppk_pci_bus_master,
		.release = release,
		.bar_len = p->pci.bar_len,
		.timeout_ns = how->timeout_ms * 1000000ull,
		.nsid = how->nsid ? how->nsid : 1,
	};

	p->shared = dma_alloc_coherent(&p->pci.pdev->dev, sizeof(*p->shared), &p->bus, GFP_KERNEL);
	if (!p->shared)
		return -ENOMEM;
	return wppk_errno(nvme_init(&p->nv, &env, p->shared, p->bus));
}

int wppk_nvme_open(struct pci_dev *pdev, const struct wpp_ko_attach *how, struct wpp_medium *m,
		   struct wpp_backend **out)
{
	struct pci_nvme *p = kzalloc(sizeof(*p), GFP_KERNEL);
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
	be = &p->nv.be;
	err = wppk_errno(be->ops->probe(be, m));
	if (!err)
		err = wppk_dma_open(&pdev->dev, be, m, out);
	if (err)
		be->ops->close(be); /* frees all */
	return err;
}
