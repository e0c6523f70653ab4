/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The registers of a device, for drivers that get their environment from outside.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/sched.h>

#include "medium/pci_bar.h"

int wppk_pci_open(struct wppk_pci *pci, struct pci_dev *pdev)
{
	int err = pci_enable_device_mem(pdev);

	if (err)
		return err;
	err = pci_request_mem_regions(pdev, "wpp");
	if (err)
		goto disable;
	err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (err)
		goto release;
	pci->bar = pci_ioremap_bar(pdev, 0);
	if (!pci->bar) {
		err = -ENOMEM;
		goto release;
	}
	pci->pdev = pci_dev_get(pdev);
	pci->bar_len = pci_resource_len(pdev, 0);
	return 0;
release:
	pci_release_mem_regions(pdev);
disable:
	pci_disable_device(pdev);
	return err;
}

void wppk_pci_close(struct wppk_pci *pci)
{
	iounmap(pci->bar);
	pci_release_mem_regions(pci->pdev);
	pci_disable_device(pci->pdev);
	pci_dev_put(pci->pdev);
}

uint32_t wppk_pci_read32(void *pci, uint32_t reg)
{
	return readl(((struct wppk_pci *)pci)->bar + reg);
}

void wppk_pci_write32(void *pci, uint32_t reg, uint32_t val)
{
	writel(val, ((struct wppk_pci *)pci)->bar + reg);
}

uint64_t wppk_pci_now_ns(void *pci)
{
	return ktime_get_mono_fast_ns();
}

void wppk_pci_relax(void *pci)
{
	cpu_relax();
	cond_resched();
}

void wppk_pci_bus_master(void *pci, bool on)
{
	struct pci_dev *pdev = ((struct wppk_pci *)pci)->pdev;

	if (on)
		pci_set_master(pdev);
	else
		pci_clear_master(pdev);
}
