/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which device, and by which route it can be driven from user space. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fail.h"
#include "fpga_user.h"

struct search {
	const char *address; /* NULL: any */
	struct wppi_pci found;
	uint32_t nr;
	bool is_other;
};

bool wppi_fpga_is_ours(const struct wppi_pci *pci)
{
	return pci->vendor == FPGA_PCI_VENDOR && pci->device == FPGA_PCI_DEVICE;
}

static bool look(void *arg, const struct wppi_pci *pci)
{
	struct search *s = arg;
	bool is_fpga = wppi_fpga_is_ours(pci);

	if (s->address && strcasecmp(s->address, pci->address))
		return true;
	if (is_fpga && !s->nr++)
		s->found = *pci;
	s->is_other = s->address && !is_fpga;
	return true;
}

static int not_found(const struct search *s, struct wpp_media_error *err)
{
	if (s->is_other)
		return wppi_fail(err, WPP_EINVAL, "%s: is no FPGA of ours (%04x:%04x)", s->address,
				 FPGA_PCI_VENDOR, FPGA_PCI_DEVICE);
	if (s->address)
		return wppi_fail(err, WPP_ENOENT, "%s: there is no such PCI device", s->address);
	return wppi_fail(err, WPP_ENOENT, "no FPGA found: no PCI device is %04x:%04x",
			 FPGA_PCI_VENDOR, FPGA_PCI_DEVICE);
}

int wppi_fpga_find(const struct wpp_conf *conf, struct wppi_pci *pci, struct wpp_media_error *err)
{
	struct search s = { 0 };
	int code;

	if (wpp_conf_is_set(conf, "wpp", "path"))
		s.address = wpp_conf_text(conf, "wpp", "path");
	if (s.address && s.address[0] == '/')
		return wppi_fail(err, WPP_EINVAL,
				 "%s: backend fpga wants a PCI address as path in [wpp], "
				 "0000:00:05.0 for instance; wpp device list tells them",
				 s.address);
	code = wppi_pci_scan(look, &s, err);
	if (code)
		return code;
	if (s.nr > 1)
		return wppi_fail(err, WPP_EINVAL,
				 "%u FPGAs are there; set path in [wpp] to the address of one, %s "
				 "for instance",
				 s.nr, s.found.address);
	*pci = s.found;
	return s.nr ? 0 : not_found(&s, err);
}

/* Every function of the group must be out of the kernel's hands. */
struct viability {
	int group;
	char address[WPPI_PCI_ADDRESS_MAX], driver[64];
};

static bool find_stranger(void *arg, const struct wppi_pci *pci)
{
	struct viability *v = arg;
	bool is_bridge = pci->class_code >> 8 == 0x06;

	if (pci->iommu_group != v->group || !pci->driver[0] || is_bridge ||
	    !strcmp(pci->driver, "vfio-pci"))
		return true;
	snprintf(v->address, sizeof(v->address), "%s", pci->address);
	snprintf(v->driver, sizeof(v->driver), "%s", pci->driver);
	return false;
}

static int check_group(const struct wppi_pci *pci, struct wpp_media_error *err)
{
	struct viability v = { .group = pci->iommu_group };
	int code = wppi_pci_scan(find_stranger, &v, err);

	if (code || !v.driver[0])
		return code;
	return wppi_fail(err, WPP_EBUSY,
			 "%s: shares IOMMU group %d with %s, which driver %s uses: unbind that one",
			 pci->address, pci->iommu_group, v.address, v.driver);
}

static int route_by_vfio(const struct wppi_pci *pci, struct wpp_media_error *err)
{
	char path[64];

	if (strcmp(pci->driver, "vfio-pci"))
		return wppi_fail(err, WPP_EBUSY,
				 "%s: an IOMMU guards it: bind it to vfio-pci (modprobe vfio-pci; "
				 "echo vfio-pci >/sys/bus/pci/devices/%s/driver_override; echo %s "
				 ">/sys/bus/pci/drivers_probe)",
				 pci->address, pci->address, pci->address);
	snprintf(path, sizeof(path), "/dev/vfio/%d", pci->iommu_group);
	if (access(path, R_OK | W_OK))
		return wppi_fail(err, WPP_EPERM, "%s: %s is not permitted: run as root or chown it",
				 pci->address, path);
	return check_group(pci, err);
}

int wppi_fpga_route(const struct wppi_pci *pci, enum fpga_route *route, struct wpp_media_error *err)
{
	bool is_vfio = !strcmp(pci->driver, "vfio-pci");

	*route = FPGA_BY_PAGES;
	if (pci->driver[0] && !is_vfio)
		return wppi_fail(
			err, WPP_EBUSY, "%s: driver %s uses it%s", pci->address, pci->driver,
			strcmp(pci->driver, "wpp-fpga") ? "" : "; set backend = module in [wpp]");
	if (pci->guarded || is_vfio) {
		*route = FPGA_BY_VFIO;
		return route_by_vfio(pci, err);
	}
	if (geteuid() != 0)
		return wppi_fail(err, WPP_EPERM,
				 "%s: no IOMMU: only root may give it memory; run as root or turn "
				 "the IOMMU on (intel_iommu=on, amd_iommu=on)",
				 pci->address);
	return 0;
}
