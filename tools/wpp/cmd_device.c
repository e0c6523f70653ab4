/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp device: what could be the medium, and does it work? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <wpp/devices.h>

#include "tool.h"

struct output {
	const struct tool *tool;
	json_t *all;
	unsigned int nr;
};

static const char *kind_name(enum wpp_device_kind kind)
{
	static const char *const names[] = { "fpga", "nvme", "pmem" };

	return names[kind];
}

static json_t *group_json(int group)
{
	return group < 0 ? json_null() : json_integer(group);
}

static void on_device(void *arg, const struct wpp_device *d)
{
	struct output *out = arg;
	char size[16] = "-", group[16] = "-";

	out->nr++;
	json_array_append_new(out->all,
			      json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:b, s:s}", "kind",
					kind_name(d->kind), "backend", d->backend, "path", d->path,
					"address", d->address, "driver", d->driver, "iommu_group",
					group_json(d->iommu_group), "bytes", (json_int_t)d->size,
					"usable", d->usable, "text", d->text));
	if (out->tool->json)
		return;
	if (d->size)
		human_bytes(d->size, size);
	if (d->iommu_group >= 0)
		snprintf(group, sizeof(group), "%d", d->iommu_group);
	if (out->nr == 1)
		printf("%-4s  %-14s  %-10s  %5s  %10s  %-7s\n", "KIND", "PATH", "DRIVER", "IOMMU",
		       "SIZE", "USABLE");
	printf("%-4s  %-14s  %-10s  %5s  %10s  %-7s %s\n", kind_name(d->kind), d->path,
	       d->driver[0] ? d->driver : "-", group, size, d->usable ? "yes" : "no", d->text);
}

static int list(struct tool *t)
{
	struct output out = { .tool = t, .all = json_array() };
	struct wpp_media_error err;
	int code = wpp_devices_list(on_device, &out, &err);

	if (code)
		complain("%s", err.text);
	if (t->json)
		print_json(json_pack("{s:O}", "devices", out.all));
	else if (!out.nr && !code)
		say(t, "wpp: no FPGA, NVMe drive or persistent memory; a file on a disk will do");
	json_decref(out.all);
	return exit_code_of(code);
}

static void on_step(void *arg, const struct wpp_selftest *step)
{
	struct output *out = arg;
	char time[16], bytes[16], rate[24] = "";

	json_array_append_new(out->all,
			      json_pack("{s:s, s:I, s:I}", "step", step->what, "ns",
					(json_int_t)step->ns, "bytes", (json_int_t)step->bytes));
	if (out->tool->json)
		return;
	if (step->bytes && step->ns) {
		human_bytes((uint64_t)((double)step->bytes * 1e9 / (double)step->ns), bytes);
		snprintf(rate, sizeof(rate), "%s/s", bytes);
	}
	printf("%-40s %10s %14s\n", step->what, human_ns(step->ns, time), rate);
}

static int selftest(struct tool *t, const char *address)
{
	struct output out = { .tool = t, .all = json_array() };
	struct wpp_media_error err;
	int code = wpp_device_selftest(address, on_step, &out, &err);

	if (code)
		complain("%s", err.text);
	if (t->json)
		print_json(json_pack("{s:b, s:O}", "passed", !code, "steps", out.all));
	json_decref(out.all);
	return exit_code_of(code);
}

int cmd_device(struct tool *t, int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list(t);
	if ((argc == 2 || argc == 3) && strcmp(argv[1], "selftest") == 0)
		return selftest(t, argv[2]);
	return usage("device", "say list, or selftest and the PCI address of an FPGA");
}
