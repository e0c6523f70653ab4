/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <poll.h>
#include <time.h>
#include "proxy.h"
#include "proxy_wire.h"

#define NS	 1000000000ull
#define STEP_MAX 64u /* commands between two looks at the socket */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

/* Addresses on the wire are those of the bus; wrapping below BAR0 leaves the BAR as well. */
static uint64_t bar_offset(const struct proxy *p, const struct wire_bar *bar)
{
	return bar->addr - fpga_model_bar0(p->model);
}

static uint32_t cfg_len(const struct wire_cfg *cfg)
{
	return cfg->len >= 1 && cfg->len <= 4 ? (uint32_t)cfg->len : 0;
}

static uint32_t cfg_read(struct proxy *p, const struct wire_cfg *cfg)
{
	return cfg_len(cfg) ? fpga_model_cfg_read(p->model, cfg->addr, cfg_len(cfg)) : UINT32_MAX;
}

static void cfg_write(struct proxy *p, const struct wire_cfg *cfg)
{
	if (cfg_len(cfg))
		fpga_model_cfg_write(p->model, cfg->addr, cfg->val, cfg_len(cfg));
}

static bool is_register_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static uint64_t bar_read(struct proxy *p, const struct wire_bar *bar)
{
	if (!is_register_size(bar->size))
		return UINT64_MAX;
	return fpga_model_read(p->model, bar_offset(p, bar), bar->size);
}

static void bar_write(struct proxy *p, const struct wire_bar *bar)
{
	if (is_register_size(bar->size))
		fpga_model_write(p->model, bar_offset(p, bar), bar->size, bar->val);
}

static int handle(struct proxy *p, const struct wire_message *m)
{
	switch (m->cmd) {
	case WIRE_SYNC_SYSMEM:
		p->refused = guest_ram_replace(&p->ram, &m->sysmem, m->fds, m->nr_fds);
		return 0;
	case WIRE_CFG_WRITE:
		cfg_write(p, &m->cfg);
		return wire_return(p->sock, 0);
	case WIRE_CFG_READ:
		return wire_return(p->sock, cfg_read(p, &m->cfg));
	case WIRE_BAR_WRITE:
		bar_write(p, &m->bar);
		return wire_return(p->sock, 0);
	case WIRE_BAR_READ:
		return wire_return(p->sock, bar_read(p, &m->bar));
	case WIRE_DEVICE_RESET:
		fpga_model_reset(p->model);
		return wire_return(p->sock, 0);
	case WIRE_SET_IRQFD: /* the device has no interrupt */
	case WIRE_RET:
		break;
	}
	return 0;
}

/* Until a message is there or @until has come. 1: a message; 0: none; or -errno. */
static int wait_until(int sock, uint64_t until)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	uint64_t now = now_ns(), left = until > now ? until - now : 0;
	struct timespec t = { .tv_sec = (time_t)(left / NS), .tv_nsec = (long)(left % NS) };
	int n = ppoll(&pfd, 1, until == FPGA_MODEL_NEVER ? NULL : &t, NULL);

	return n < 0 && errno != EINTR ? -errno : n > 0;
}

/* As wire_receive(). Time passes for the device before it sees the message. */
static int serve_one(struct proxy *p)
{
	struct wire_message m;
	int err = wire_receive(p->sock, &m);

	if (err != 1)
		return err;
	p->messages++;
	fpga_model_step(p->model, now_ns(), STEP_MAX);
	err = handle(p, &m);
	wire_close_fds(&m);
	return err ? err : 1;
}

int proxy_serve(struct proxy *p)
{
	int err = 1;

	while (err == 1) {
		fpga_model_step(p->model, now_ns(), STEP_MAX);
		err = wait_until(p->sock, fpga_model_next_ns(p->model));
		err = err > 0 ? serve_one(p) : err ? err : 1;
	}
	return err == -EPIPE || err == -ECONNRESET ? 0 : err;
}

void proxy_power_cut(struct proxy *p)
{
	fpga_model_power_cut(p->model);
	guest_ram_clear(&p->ram);
}

int proxy_dma_read(void *ctx, uint64_t bus, void *buf, uint32_t len)
{
	const struct proxy *p = ctx;

	return guest_ram_read(&p->ram, bus, buf, len) ? 0 : -EFAULT;
}

int proxy_dma_write(void *ctx, uint64_t bus, const void *buf, uint32_t len)
{
	const struct proxy *p = ctx;

	return guest_ram_write(&p->ram, bus, buf, len) ? 0 : -EFAULT;
}
