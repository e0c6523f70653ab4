/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory for DMA. Without an IOMMU only huge pages will do: the kernel neither
 * swaps nor compacts them, so that a physical address stays what it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/fail.h"
#include "fpga_user.h"

#define SMALL_PAGE 4096u
/*
 * Where the IOMMU maps memory whose physical address is not told: where no machine has memory, so
 * that a device that the IOMMU does not see does no harm; or clear of the MSI window.
 */
#define IOMMU_HIGH 0x4000000000ull
#define IOMMU_LOW  0x10000000u

void wppi_fpga_dma_init(struct fpga_dma *dma, const struct fpga_vfio *vfio, uint64_t bus_limit)
{
	*dma = (struct fpga_dma){ .vfio = vfio };
	dma->next_bus = bus_limit >= 2ull * IOMMU_HIGH - 1 ? IOMMU_HIGH : IOMMU_LOW;
}

/* From /proc/self/pagemap; 0: not told. */
static uint64_t physical(int pagemap, const void *mem)
{
	uint64_t entry = 0, off = (uintptr_t)mem / SMALL_PAGE * sizeof(entry);

	if (pread(pagemap, &entry, sizeof(entry), (off_t)off) != sizeof(entry) || !(entry >> 63))
		return 0;
	return (entry & ((1ull << 55) - 1)) * SMALL_PAGE;
}

/* false: a page has no address that is told. */
static bool find_physical(struct fpga_area *a)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	bool found = pagemap >= 0;

	for (uint32_t i = 0; i < a->nr_pages && found; i++) {
		a->bus[i] = physical(pagemap, a->mem + (uint64_t)i * FPGA_HUGE_PAGE);
		found = a->bus[i] && a->bus[i] % FPGA_HUGE_PAGE == 0;
	}
	if (pagemap >= 0)
		close(pagemap);
	return found;
}

/* A child must not share it: its first write would move the page away from under the device. */
static bool fault_in(void *mem, size_t len)
{
	if (madvise(mem, len, MADV_DONTFORK))
		return false;
	if (!madvise(mem, len, MADV_POPULATE_WRITE))
		return true;
	if (errno != EINVAL) /* Linux before 5.14 does not know it: stores do the same */
		return false;
	memset(mem, 0, len);
	return true;
}

static void *map_huge(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	if (fault_in(mem, len))
		return mem;
	munmap(mem, len);
	return NULL;
}

/* Any memory, aligned to huge pages, for an IOMMU. */
static void *map_any(size_t len)
{
	size_t room = len + FPGA_HUGE_PAGE, before;
	uint8_t *mem = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)mem % FPGA_HUGE_PAGE;
	if (before)
		munmap(mem, before);
	munmap(mem + before + len, FPGA_HUGE_PAGE - before);
	mem += before;
	(void)madvise(mem, len, MADV_HUGEPAGE);
	if (fault_in(mem, len))
		return mem;
	munmap(mem, len);
	return NULL;
}

static void unmap_pages(const struct fpga_dma *dma, struct fpga_area *a, uint32_t nr)
{
	while (nr--)
		wppi_fpga_vfio_unmap(dma->vfio, a->bus[nr], FPGA_HUGE_PAGE);
}

/*
 * The same numbers as the physical ones where they are told: a device behind an emulated bus may be
 * one that the IOMMU does not see.
 */
static int map_for_iommu(struct fpga_dma *dma, struct fpga_area *a)
{
	if (!find_physical(a))
		for (uint32_t i = 0; i < a->nr_pages; i++, dma->next_bus += FPGA_HUGE_PAGE)
			a->bus[i] = dma->next_bus;
	for (uint32_t i = 0; i < a->nr_pages; i++) {
		if (!wppi_fpga_vfio_map(dma->vfio, a->mem + (uint64_t)i * FPGA_HUGE_PAGE, a->bus[i],
					FPGA_HUGE_PAGE))
			continue;
		unmap_pages(dma, a, i);
		return WPP_ENOMEM;
	}
	return 0;
}

static struct fpga_area *free_area(struct fpga_dma *dma)
{
	for (int i = 0; i < FPGA_AREAS_MAX; i++)
		if (!dma->area[i].mem)
			return &dma->area[i];
	return NULL;
}

int wppi_fpga_dma_alloc(struct fpga_dma *dma, uint64_t len, void **mem)
{
	uint64_t pages = (len + FPGA_HUGE_PAGE - 1) / FPGA_HUGE_PAGE;
	struct fpga_area *a = free_area(dma);
	int err = 0;

	if (!a || !pages || pages > FPGA_AREA_PAGES)
		return WPP_ENOMEM;
	a->nr_pages = (uint32_t)pages;
	a->mem = map_huge(pages * FPGA_HUGE_PAGE);
	if (!a->mem && dma->vfio)
		a->mem = map_any(pages * FPGA_HUGE_PAGE);
	if (!a->mem)
		return WPP_ENOMEM;
	if (dma->vfio)
		err = map_for_iommu(dma, a);
	else if (!find_physical(a))
		err = WPP_EPERM;
	*mem = a->mem;
	if (!err)
		return 0;
	munmap(a->mem, pages * FPGA_HUGE_PAGE);
	a->mem = NULL;
	return err;
}

void wppi_fpga_dma_free(struct fpga_dma *dma, void *mem)
{
	for (int i = 0; i < FPGA_AREAS_MAX; i++) {
		struct fpga_area *a = &dma->area[i];

		if (!mem || a->mem != mem)
			continue;
		if (dma->vfio)
			unmap_pages(dma, a, a->nr_pages);
		munmap(a->mem, (size_t)a->nr_pages * FPGA_HUGE_PAGE);
		a->mem = NULL;
	}
}

uint64_t wppi_fpga_dma_bus(const struct fpga_dma *dma, const void *buf, uint32_t len,
			   uint32_t *contig)
{
	for (int i = 0; i < FPGA_AREAS_MAX; i++) {
		const struct fpga_area *a = &dma->area[i];
		uint64_t off = (uintptr_t)buf - (uintptr_t)a->mem, size, page;

		size = (uint64_t)a->nr_pages * FPGA_HUGE_PAGE;
		if (!a->mem || off >= size || len > size - off)
			continue;
		page = off / FPGA_HUGE_PAGE;
		*contig = FPGA_HUGE_PAGE - (uint32_t)(off % FPGA_HUGE_PAGE);
		while (*contig < len && a->bus[page + 1] == a->bus[page] + FPGA_HUGE_PAGE) {
			*contig += FPGA_HUGE_PAGE;
			page++;
		}
		return a->bus[off / FPGA_HUGE_PAGE] + off % FPGA_HUGE_PAGE;
	}
	return FPGA_NO_BUS;
}
