/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <limits.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/pci_list.h"
#include "base/fail.h"

#define SYSFS "/sys/bus/pci/devices"

/* libpci ends the program at an error unless its hook does not return. */
static _Thread_local jmp_buf scan_failed;
static _Thread_local char scan_error[256];

static void on_error(char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void on_error(char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(scan_error, sizeof(scan_error), fmt, ap);
	va_end(ap);
	longjmp(scan_failed, 1);
}

static void on_warning(char *fmt, ...)
{
	(void)fmt;
}

/* Last part of the link @name of the function; "" when there is none. */
static void link_name(const char *address, const char *name, char *out, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), SYSFS "/%s/%s", address, name);
	len = readlink(path, target, sizeof(target) - 1);
	target[len > 0 ? len : 0] = '\0';
	snprintf(out, size, "%.*s", (int)size - 1,
		 strrchr(target, '/') ? strrchr(target, '/') + 1 : "");
}

/* The IOMMU gives its group all of memory (iommu=pt). */
static bool passes_through(const char *address)
{
	char path[PATH_MAX], type[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), SYSFS "/%s/iommu_group/type", address);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(type, sizeof(type), file))
		type[0] = '\0';
	fclose(file);
	return !strncmp(type, "identity", strlen("identity"));
}

static void look_at_iommu(struct wppi_pci *pci)
{
	char group[32];

	link_name(pci->address, "iommu_group", group, sizeof(group));
	pci->iommu_group = group[0] ? atoi(group) : -1;
	pci->guarded = group[0] && !passes_through(pci->address);
}

static void describe(struct pci_dev *dev, struct wppi_pci *pci)
{
	pci_fill_info(dev, PCI_FILL_IDENT | PCI_FILL_CLASS);
	*pci = (struct wppi_pci){
		.vendor = dev->vendor_id,
		.device = dev->device_id,
		.class_code = dev->device_class,
		.interface = pci_read_byte(dev, PCI_CLASS_PROG),
	};
	snprintf(pci->address, sizeof(pci->address), "%04x:%02x:%02x.%x",
		 (unsigned int)dev->domain & 0xffff, dev->bus, dev->dev, dev->func & 7u);
	link_name(pci->address, "driver", pci->driver, sizeof(pci->driver));
	look_at_iommu(pci);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct wppi_pci *)a)->address, ((const struct wppi_pci *)b)->address);
}

/* All functions, malloc()ed. Jumps out when libpci fails. */
static struct wppi_pci *list(struct pci_access *access, size_t *nr)
{
	struct wppi_pci *all;

	*nr = 0;
	pci_init(access);
	pci_scan_bus(access);
	for (struct pci_dev *dev = access->devices; dev; dev = dev->next)
		++*nr;
	all = calloc(*nr + 1, sizeof(*all));
	if (!all)
		on_error((char *)(uintptr_t) "out of memory");
	*nr = 0;
	for (struct pci_dev *dev = access->devices; dev; dev = dev->next)
		describe(dev, &all[(*nr)++]);
	qsort(all, *nr, sizeof(*all), compare);
	return all;
}

int wppi_pci_scan(bool (*each)(void *arg, const struct wppi_pci *pci), void *arg,
		  struct wpp_media_error *err)
{
	struct pci_access *volatile access = NULL;
	struct wppi_pci *all;
	size_t nr;

	if (setjmp(scan_failed)) {
		/* What libpci has allocated may be half done; it stays. */
		return wppi_fail(err, WPP_EIO, "PCI devices can't be listed: %s", scan_error);
	}
	access = pci_alloc();
	access->error = on_error;
	access->warning = on_warning;
	access->debug = on_warning;
	access->method = PCI_ACCESS_SYS_BUS_PCI;
	all = list(access, &nr);
	for (size_t i = 0; i < nr && each(arg, &all[i]); i++)
		;
	free(all);
	pci_cleanup(access);
	return 0;
}
