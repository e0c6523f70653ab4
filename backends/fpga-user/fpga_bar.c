/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* BAR0 and the command register by libpciaccess, for a device that no IOMMU guards. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <pciaccess.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "base/fail.h"
#include "fpga_user.h"

/* libpciaccess keeps one list of devices for the whole program. */
static pthread_mutex_t system_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t system_users;

static int system_get(void)
{
	int err = 0;

	pthread_mutex_lock(&system_lock);
	if (!system_users)
		err = pci_system_init();
	system_users += !err;
	pthread_mutex_unlock(&system_lock);
	return err;
}

static void system_put(void)
{
	pthread_mutex_lock(&system_lock);
	if (!--system_users)
		pci_system_cleanup();
	pthread_mutex_unlock(&system_lock);
}

static struct pci_device *find(const char *address)
{
	unsigned int domain, bus, slot, function;

	if (sscanf(address, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return NULL;
	return pci_device_find_by_slot(domain, bus, slot, function);
}

/* Set both ways, so that it is also right behind a bus reset. */
static int command(struct pci_device *pci, bool bus_master)
{
	uint16_t val;
	int err = pci_device_cfg_read_u16(pci, &val, PCI_COMMAND);

	val |= PCI_COMMAND_MEMORY;
	val = (uint16_t)(bus_master ? val | PCI_COMMAND_MASTER : val & ~PCI_COMMAND_MASTER);
	return err ? err : pci_device_cfg_write_u16(pci, val, PCI_COMMAND);
}

void wppi_fpga_bar_bus_master(const struct fpga_bar *bar, bool on)
{
	/* A device that is gone ignores it, and makes no access any more. */
	(void)command(bar->pci, on);
}

static int map_failed(int code, const struct wppi_pci *pci, struct wpp_media_error *err)
{
	if (code == EPERM || code == EACCES)
		return wppi_fail(err, WPP_EPERM,
				 "%s: BAR0 can't be mapped: not permitted, or the kernel is locked "
				 "down (/sys/kernel/security/lockdown; Secure Boot): use vfio-pci",
				 pci->address);
	return wppi_fail(err, code ? wppi_from_errno(code) : WPP_EIO,
			 "%s: BAR0 can't be mapped: %s", pci->address, strerror(code ? code : EIO));
}

static void unmap(struct fpga_bar *bar)
{
	pci_device_unmap_range(bar->pci, (void *)(uintptr_t)bar->regs, FPGA_BAR0_SIZE);
	bar->regs = NULL;
}

static int map(struct fpga_bar *bar, const struct wppi_pci *pci, struct wpp_media_error *err)
{
	void *regs;
	int code;

	bar->pci = find(pci->address);
	if (!bar->pci || pci_device_probe(bar->pci))
		return wppi_fail(err, WPP_ENOENT, "%s: has vanished", pci->address);
	if (bar->pci->regions[0].is_IO || bar->pci->regions[0].size < FPGA_BAR0_SIZE)
		return wppi_fail(err, WPP_EFORMAT, "%s: its BAR0 is not that of an FPGA of ours",
				 pci->address);
	if (!pci->driver[0])
		pci_device_enable(bar->pci);
	code = pci_device_map_range(bar->pci, bar->pci->regions[0].base_addr, FPGA_BAR0_SIZE,
				    PCI_DEV_MAP_FLAG_WRITABLE, &regs);
	if (code)
		return map_failed(code, pci, err);
	bar->regs = regs;
	code = command(bar->pci, true);
	if (!code)
		return 0;
	unmap(bar);
	return wppi_fail(err, wppi_from_errno(code), "%s: config space can't be written: %s",
			 pci->address, strerror(code));
}

int wppi_fpga_bar_open(struct fpga_bar *bar, const struct wppi_pci *pci,
		       struct wpp_media_error *err)
{
	int code = system_get();

	*bar = (struct fpga_bar){ 0 };
	if (code)
		return wppi_fail(err, wppi_from_errno(code), "%s: PCI can't be reached: %s",
				 pci->address, strerror(code));
	code = map(bar, pci, err);
	if (code)
		system_put();
	return code;
}

void wppi_fpga_bar_close(struct fpga_bar *bar)
{
	unmap(bar);
	system_put();
}
