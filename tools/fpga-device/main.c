/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * wpp-fpga-device: the device of docs/FPGA.md outside of QEMU. When QEMU ends,
 * in whatever way, power is cut: what the device had not done is not done.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "fpga_device.h"
#include "proxy.h"

struct device {
	struct proxy proxy;
	struct medium medium;
};

static int dma_read(void *ctx, uint64_t bus, void *buf, uint32_t len)
{
	return proxy_dma_read(&((struct device *)ctx)->proxy, bus, buf, len);
}

static int dma_write(void *ctx, uint64_t bus, const void *buf, uint32_t len)
{
	return proxy_dma_write(&((struct device *)ctx)->proxy, bus, buf, len);
}

static int sync_medium(void *ctx, uint64_t off, uint64_t len)
{
	return medium_sync(&((struct device *)ctx)->medium, off, len);
}

static bool power_on(struct device *d, const struct options *o)
{
	struct fpga_model_bus bus = {
		.ctx = d,
		.dma_read = dma_read,
		.dma_write = dma_write,
		.sync = sync_medium,
	};

	if (!medium_open(&d->medium, o->medium, o->size))
		return false;
	d->medium.sync = o->sync;
	bus.medium = d->medium.mem;
	bus.medium_size = d->medium.size;
	d->proxy.model = fpga_model_new(&bus, &o->knobs);
	if (d->proxy.model)
		return true;
	complain("there is no such device: a limit is out of range (docs/FPGA.md 3), or no memory");
	medium_close(&d->medium);
	return false;
}

static void tell(const struct device *d)
{
	struct fpga_model_counts c;

	fpga_model_counts(d->proxy.model, &c);
	complain("%" PRIu64 " messages, %" PRIu64 " doorbells, %" PRIu64 " commands (%" PRIu64
		 " failed, %" PRIu64 " flushes), %" PRIu64 " bytes written, %" PRIu64
		 " read, %" PRIu64 " resets%s%s",
		 d->proxy.messages, c.doorbells, c.commands, c.failed, c.flushes, c.bytes_written,
		 c.bytes_read, c.resets, c.halted ? ", halted" : "", c.dead ? ", dead" : "");
}

/* Returns whether the session ended well. */
static bool run(struct device *d, bool verbose)
{
	int err = proxy_serve(&d->proxy);

	if (err)
		complain("the session with QEMU ended: %s", strerror(-err));
	if (d->proxy.refused)
		complain("guest memory was not reachable; QEMU needs -object "
			 "memory-backend-memfd,share=on");
	if (verbose)
		tell(d);
	proxy_power_cut(&d->proxy);
	return !err;
}

int main(int argc, char **argv)
{
	struct device d = { .proxy = { .sock = -1 } };
	pid_t child = 0;
	struct options o;
	int code;

	if (!options_parse(&o, argc, argv, &code))
		return code;
	if (!power_on(&d, &o))
		return 1;
	prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul); /* completions are a matter of microseconds */
	d.proxy.sock = o.fd;
	if (o.command)
		child = launch(o.command, &d.proxy.sock);
	if (child >= 0) {
		launch_forward_signals(d.proxy.sock, child);
		code = run(&d, o.verbose) ? 0 : 1;
		close(d.proxy.sock);
		if (child) {
			int ended = launch_wait(child);

			code = ended ? ended : code;
		}
	} else {
		code = 1;
	}
	fpga_model_free(d.proxy.model);
	medium_close(&d.medium);
	return code;
}
