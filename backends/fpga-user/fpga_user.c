/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The FPGA as a kind of medium, driven from user space. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/fail.h"
#include "registry.h"
#include "fpga_bounce.h"
#include "fpga_user.h"

#define RING_SLOTS   1024u /* of each ring */
#define RING_LEN     (RING_SLOTS * FPGA_SLOT_SIZE)
#define TRANSFER_MAX (4u << 20)
#define MS_IN_NS     1000000u

static const struct wpp_conf_key keys[] = {
	{ .name = "timeout",
	  .kind = WPP_CONF_NUMBER,
	  .min = 1,
	  .max = 600000,
	  .value = "5000",
	  .help = "milliseconds without any progress before the device is given up" },
	{ .name = "transfer",
	  .kind = WPP_CONF_SIZE,
	  .min = 4096,
	  .max = TRANSFER_MAX,
	  .value = "1M",
	  .help = "longest move; auto: as long as the device can" },
};

struct fpga_user {
	struct wpp_backend be;
	struct fpga fpga;
	struct wpp_medium medium;
	enum fpga_route route;
	bool rdonly;
	struct fpga_vfio vfio;
	struct fpga_bar bar;
	volatile uint32_t *regs;
	struct fpga_dma dma;
	void *home; /* rings, then bounce buffers */
	uint32_t transfer;
	struct fpga_bounces bounces;
};

static struct fpga_user *user_of(struct wpp_backend *be)
{
	return (struct fpga_user *)be;
}

/* ---- Environment of the freestanding driver ---------------------------------------------- */

static uint32_t read32(void *ctx, uint32_t reg)
{
	uint32_t val = ((struct fpga_user *)ctx)->regs[reg / 4];

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return val;
}

static void write32(void *ctx, uint32_t reg, uint32_t val)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	((struct fpga_user *)ctx)->regs[reg / 4] = val;
}

static uint64_t now_ns(void *ctx)
{
	struct timespec t;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void relax(void *ctx)
{
	(void)ctx;
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static uint64_t to_bus(void *ctx, const void *buf, uint32_t len, uint32_t *contig)
{
	return wppi_fpga_dma_bus(&((struct fpga_user *)ctx)->dma, buf, len, contig);
}

static void bus_master(void *ctx, bool on)
{
	struct fpga_user *u = ctx;

	if (u->route == FPGA_BY_VFIO)
		wppi_fpga_vfio_bus_master(&u->vfio, on);
	else
		wppi_fpga_bar_bus_master(&u->bar, on);
}

/* ---- Moves -------------------------------------------------------------------------------- */

static int user_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	*m = user_of(be)->medium;
	return 0;
}

static int user_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct fpga_user *u = user_of(be);
	uint32_t contig;

	if (io->flags & WPP_IO_PHYS)
		return WPP_EINVAL;
	if (u->rdonly && io->op != WPP_IO_READ)
		return WPP_EROFS;
	if (io->op == WPP_IO_FLUSH || !io->len ||
	    ((uintptr_t)io->buf % FPGA_ALIGN == 0 &&
	     wppi_fpga_dma_bus(&u->dma, io->buf, io->len, &contig) != FPGA_NO_BUS))
		return u->fpga.be.ops->submit(&u->fpga.be, io);
	return wppi_fpga_bounce(&u->bounces, io);
}

static int user_poll(struct wpp_backend *be)
{
	struct fpga_user *u = user_of(be);

	return u->fpga.be.ops->poll(&u->fpga.be);
}

static void *user_lend(struct wpp_backend *be, uint64_t len)
{
	void *mem;

	return wppi_fpga_dma_alloc(&user_of(be)->dma, len, &mem) ? NULL : mem;
}

static void user_give_back(struct wpp_backend *be, void *mem, uint64_t len)
{
	struct fpga_user *u = user_of(be);

	(void)len;
	if (!u->fpga.ring.fault || u->fpga.ring.quiet)
		wppi_fpga_dma_free(&u->dma, mem);
}

static void close_route(struct fpga_user *u)
{
	if (u->route == FPGA_BY_VFIO)
		wppi_fpga_vfio_close(&u->vfio);
	else
		wppi_fpga_bar_close(&u->bar);
}

static void user_close(struct wpp_backend *be)
{
	struct fpga_user *u = user_of(be);

	u->fpga.be.ops->close(&u->fpga.be);
	/* Memory that the device may still write to is not given back: better lost than
	 * overwritten. */
	if (u->fpga.ring.quiet)
		wppi_fpga_dma_free(&u->dma, u->home);
	close_route(u);
	free(u);
}

static const struct wpp_backend_ops user_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(user_ops),
	.name = "fpga",
	.probe = user_probe,
	.submit = user_submit,
	.poll = user_poll,
	.close = user_close,
	.lend = user_lend,
	.give_back = user_give_back,
};

/* ---- Opening ------------------------------------------------------------------------------ */

static int open_route(struct fpga_user *u, const struct wppi_pci *pci, struct wpp_media_error *err)
{
	int code;

	if (u->route == FPGA_BY_VFIO) {
		code = wppi_fpga_vfio_open(&u->vfio, pci, err);
		if (code)
			return code;
		wppi_fpga_vfio_bus_master(&u->vfio, true);
		u->regs = u->vfio.regs;
		return 0;
	}
	code = wppi_fpga_bar_open(&u->bar, pci, err);
	u->regs = u->bar.regs;
	return code;
}

static int no_memory(const struct fpga_user *u, int code, uint64_t len, const char *address,
		     struct wpp_media_error *err)
{
	uint64_t pages = (len + FPGA_HUGE_PAGE - 1) / FPGA_HUGE_PAGE;

	if (code == WPP_EPERM)
		return wppi_fail(err, code,
				 "%s: physical addresses are hidden: it takes CAP_SYS_ADMIN",
				 address);
	if (u->route == FPGA_BY_VFIO)
		return wppi_fail(err, code,
				 "%s: VFIO: %llu MiB can't be mapped for it: see ulimit -l",
				 address, (unsigned long long)(len >> 20));
	return wppi_fail(err, code,
			 "%s: %llu free huge pages are needed, 40 to move without copying: sysctl "
			 "vm.nr_hugepages=40",
			 address, (unsigned long long)pages);
}

int wppi_fpga_fail(struct wpp_media_error *err, int code, const char *what,
		   const struct fpga_ring *ring)
{
	if (ring->fault == FPGA_HALTED)
		return wppi_fail(err, code, "%s: the device has halted: %s", what,
				 wppi_fpga_code_text(ring->error & FPGA_ERROR_CODE_MASK));
	if (ring->fault)
		return wppi_fail(err, code, "%s: the device %s", what,
				 wppi_fpga_fault_text(ring->fault));
	return wppi_fail(err, code, "%s: %s", what, wpp_strerror(code));
}

static void share_out(struct fpga_user *u, uint32_t slots, struct fpga_mem mem[FPGA_QUEUES])
{
	uint8_t *at = u->home;
	uint32_t contig;

	for (int i = 0; i < FPGA_QUEUES; i++, at += RING_LEN)
		mem[i] = (struct fpga_mem){
			.slot = (void *)at,
			.bus = wppi_fpga_dma_bus(&u->dma, at, RING_LEN, &contig),
			.nr_slots = slots,
		};
	wppi_fpga_bounces_init(&u->bounces, &u->fpga.be, at, u->transfer);
}

static void describe(struct fpga_user *u)
{
	struct wpp_medium *m = &u->medium;

	m->io_max = u->transfer;
	if (m->io_best > m->io_max)
		m->io_best = m->io_max;
	m->buf_align = 1;
	if (m->queue_depth > FPGA_BOUNCES)
		m->queue_depth = FPGA_BOUNCES;
	/* Not here: in an emergency there is no user space. */
	m->caps &= ~(uint32_t)(WPP_CAP_EMERGENCY | WPP_CAP_PHYSICAL);
}

/* With the route open. Behind an error the driver is stopped and memory given back, if it may. */
static int start(struct fpga_user *u, const struct wpp_conf *conf, const char *address,
		 struct wpp_media_error *err)
{
	struct fpga_env env = {
		.ctx = u,
		.read32 = read32,
		.write32 = write32,
		.now_ns = now_ns,
		.relax = relax,
		.to_bus = to_bus,
		.bus_master = bus_master,
		.timeout_ns = wpp_conf_number(conf, "fpga", "timeout") * MS_IN_NS,
	};
	struct fpga_mem mem[FPGA_QUEUES];
	struct fpga_info info;
	uint32_t fault;
	uint64_t len;
	int code = wppi_fpga_identify(&env, &info, &fault);

	if (code)
		return wppi_fail(err, code, "%s: the device %s", address,
				 wppi_fpga_fault_text(fault));
	wppi_fpga_dma_init(&u->dma, u->route == FPGA_BY_VFIO ? &u->vfio : NULL, info.bus_limit);
	u->transfer = (uint32_t)wpp_conf_number(conf, "fpga", "transfer");
	if (!u->transfer)
		u->transfer = info.max_transfer < TRANSFER_MAX ? info.max_transfer : TRANSFER_MAX;
	len = FPGA_QUEUES * RING_LEN + (uint64_t)FPGA_BOUNCES * u->transfer;
	code = wppi_fpga_dma_alloc(&u->dma, len, &u->home);
	if (code)
		return no_memory(u, code, len, address, err);
	share_out(u, info.max_slots < RING_SLOTS ? info.max_slots : RING_SLOTS, mem);
	code = wppi_fpga_init(&u->fpga, &env, mem);
	if (!code)
		code = u->fpga.be.ops->probe(&u->fpga.be, &u->medium);
	if (!code)
		return 0;
	(void)wppi_fpga_fail(err, code, address, &u->fpga.ring);
	u->fpga.be.ops->close(&u->fpga.be);
	if (u->fpga.ring.quiet)
		wppi_fpga_dma_free(&u->dma, u->home);
	return code;
}

int wppi_fpga_user_open(const struct wpp_conf *conf, uint32_t flags, struct fpga_user **out,
			struct wpp_media_error *err)
{
	struct fpga_user *u;
	struct wppi_pci pci;
	enum fpga_route route;
	int code = wppi_fpga_find(conf, &pci, err);

	if (!code)
		code = wppi_fpga_route(&pci, &route, err);
	if (code)
		return code;
	u = calloc(1, sizeof(*u));
	if (!u)
		return wppi_fail(err, WPP_ENOMEM, "out of memory");
	u->be.ops = &user_ops;
	u->route = route;
	u->rdonly = flags & WPP_MEDIA_RDONLY;
	code = open_route(u, &pci, err);
	if (code)
		goto free_user;
	code = start(u, conf, pci.address, err);
	if (code)
		goto close_route;
	describe(u);
	*out = u;
	return 0;
close_route:
	close_route(u);
free_user:
	free(u);
	return code;
}

struct fpga *wppi_fpga_user_driver(struct fpga_user *u)
{
	return &u->fpga;
}

struct wpp_backend *wppi_fpga_user_backend(struct fpga_user *u)
{
	return &u->be;
}

/* ---- The kind of medium ------------------------------------------------------------------- */

static int fpga_open(const struct wpp_conf *conf, const char *path, uint32_t flags,
		     struct wpp_backend **out, struct wpp_media_error *err)
{
	struct fpga_user *u = NULL;
	int code = wppi_fpga_user_open(conf, flags, &u, err);

	(void)path; /* only locked */
	*out = code ? NULL : &u->be;
	return code;
}

static const char *fpga_how(const struct wpp_backend *be)
{
	return ((const struct fpga_user *)be)->route == FPGA_BY_VFIO
		       ? "PCIe device, DMA through the IOMMU (VFIO)"
		       : "PCIe device, DMA without an IOMMU (huge pages)";
}

static const char *fpga_warning(const struct wpp_backend *be)
{
	return ((const struct fpga_user *)be)->route == FPGA_BY_VFIO
		       ? NULL
		       : "no IOMMU: the FPGA reaches all memory of this machine, and goes on for a "
			 "moment when this program is killed; an IOMMU and vfio-pci prevent both";
}

/* Its BAR is what only one may use at a time; what stands against that is said best before. */
static int fpga_locate(const struct wpp_conf *conf, char *file, size_t size,
		       struct wpp_media_error *err)
{
	enum fpga_route route;
	struct wppi_pci pci;
	int code = wppi_fpga_find(conf, &pci, err);

	if (!code)
		code = wppi_fpga_route(&pci, &route, err);
	if (!code)
		snprintf(file, size, "/sys/bus/pci/devices/%s/resource0", pci.address);
	return code;
}

static bool is_zero(const uint8_t *p, size_t len)
{
	return !p[0] && !memcmp(p, p + 1, len - 1);
}

static bool fpga_blank(struct wpp_backend *be, const struct wpp_medium *m)
{
	struct fpga_user *u = user_of(be);
	void *buf = u->bounces.bounce[0].mem; /* nothing is in flight */

	for (uint64_t off = 0; off < m->size; off += u->transfer) {
		uint64_t left = m->size - off;
		uint32_t len = left < u->transfer ? (uint32_t)left : u->transfer;

		if (wpp_io_run(be, WPP_IO_READ, off, buf, len) || !is_zero(buf, len))
			return false;
	}
	return true;
}

const struct wpp_backend_type wppi_fpga_type = {
	.name = "fpga",
	.help = "a PCIe device with command rings (docs/FPGA.md), driven from user space",
	.keys = keys,
	.nr_keys = sizeof(keys) / sizeof(keys[0]),
	.exclusive = true,
	.open = fpga_open,
	.how = fpga_how,
	.warning = fpga_warning,
	.locate = fpga_locate,
	.blank = fpga_blank,
};
