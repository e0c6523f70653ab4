/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * PCI devices that wpp may use. An NVMe controller is taken only when its
 * driver_override names our driver, which has no table of ids: no disk is ever
 * taken from Linux because the module was loaded. The FPGA is nobody else's.
 */
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "fpga_regs.h"
#include "medium/kmedia.h"

struct given {
	struct list_head node;
	struct pci_dev *pdev;
	enum wpp_ko_kind kind;
};

static LIST_HEAD(all_given);
static DEFINE_MUTEX(given_lock);

static int give(struct pci_dev *pdev, enum wpp_ko_kind kind)
{
	struct given *g = kzalloc(sizeof(*g), GFP_KERNEL);

	if (!g)
		return -ENOMEM;
	g->pdev = pdev;
	g->kind = kind;
	pci_set_drvdata(pdev, g);
	mutex_lock(&given_lock);
	list_add(&g->node, &all_given);
	mutex_unlock(&given_lock);
	return 0;
}

static int probe_nvme(struct pci_dev *pdev, const struct pci_device_id *id)
{
	/* Matched by driver_override. A real id is one of new_id: nobody named this one device. */
	if (id->vendor != PCI_ANY_ID || pdev->class != PCI_CLASS_STORAGE_EXPRESS)
		return -ENODEV;
	return give(pdev, WPP_KO_NVME);
}

static int probe_fpga(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return give(pdev, WPP_KO_FPGA);
}

static void take_back(struct pci_dev *pdev)
{
	struct given *g = pci_get_drvdata(pdev);

	mutex_lock(&given_lock);
	list_del(&g->node);
	mutex_unlock(&given_lock);
	wppk_medium_unplug(pdev);
	kfree(g);
}

static struct pci_driver nvme_driver = {
	.name = "wpp-nvme",
	.probe = probe_nvme,
	.remove = take_back,
	.shutdown = wppk_medium_unplug,
};

static const struct pci_device_id fpga_ids[] = { { PCI_DEVICE_SUB(FPGA_PCI_VENDOR, FPGA_PCI_DEVICE,
								  FPGA_PCI_SUBVENDOR,
								  FPGA_PCI_SUBDEVICE) },
						 {} };

static struct pci_driver fpga_driver = {
	.name = "wpp-fpga",
	.id_table = fpga_ids,
	.probe = probe_fpga,
	.remove = take_back,
	.shutdown = wppk_medium_unplug,
};

struct pci_dev *wppk_bus_find(enum wpp_ko_kind kind, const char *address)
{
	struct pci_dev *found = NULL;
	struct given *g;

	mutex_lock(&given_lock);
	list_for_each_entry(g, &all_given,
			    node) if (g->kind == kind && !strcmp(pci_name(g->pdev), address))
		found = pci_dev_get(g->pdev);
	mutex_unlock(&given_lock);
	return found;
}

int wppk_bus_init(void)
{
	int err = pci_register_driver(&fpga_driver);

	if (err)
		return err;
	err = pci_register_driver(&nvme_driver);
	if (err)
		pci_unregister_driver(&fpga_driver);
	return err;
}

void wppk_bus_exit(void)
{
	pci_unregister_driver(&nvme_driver);
	pci_unregister_driver(&fpga_driver);
}

/* ---- Registers ----------------------------------------------------------------------------- */

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
