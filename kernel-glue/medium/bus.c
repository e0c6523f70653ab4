/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * PCI devices that wpp may use. An NVMe controller is taken only when its
 * driver_override names our driver, which has no table of ids: no disk is ever
 * taken from Linux because the module was loaded. The FPGA is nobody else's.
 */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "fpga_regs.h"
#include "medium/bus.h"

struct given {
	struct list_head node;
	struct pci_dev *pdev;
	enum wpp_ko_kind kind;
};

static LIST_HEAD(all_given);
static DEFINE_MUTEX(given_lock);
static void (*tell_unplug)(struct pci_dev *pdev);

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
	tell_unplug(pdev);
	kfree(g);
}

static void shut_down(struct pci_dev *pdev)
{
	tell_unplug(pdev);
}

static struct pci_driver nvme_driver = {
	.name = "wpp-nvme",
	.probe = probe_nvme,
	.remove = take_back,
	.shutdown = shut_down,
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
	.shutdown = shut_down,
};

struct pci_dev *wppk_bus_find(enum wpp_ko_kind kind, const char *address)
{
	struct pci_dev *found = NULL;
	struct given *g;

	mutex_lock(&given_lock);
	list_for_each_entry(g, &all_given, node)
		if (g->kind == kind && !strcmp(pci_name(g->pdev), address))
			found = pci_dev_get(g->pdev);
	mutex_unlock(&given_lock);
	return found;
}

int wppk_bus_init(void (*unplug)(struct pci_dev *pdev))
{
	int err;

	tell_unplug = unplug;
	err = pci_register_driver(&fpga_driver);
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
