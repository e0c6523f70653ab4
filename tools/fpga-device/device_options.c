/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../backends/fpga/fpga_regs.h"
#include "fpga_device.h"

#define SIZE_DEFAULT (256ull << 20)
#define SIZE_MAX_    (1ull << 46)

enum option_id {
	OPT_MEDIUM = 256,
	OPT_SIZE,
	OPT_FD,
	OPT_SYNC,
	OPT_BANDWIDTH,
	OPT_LATENCY,
	OPT_CACHE,
	OPT_MAX_TRANSFER,
	OPT_MAX_INFLIGHT,
	OPT_MAX_SLOTS,
	OPT_DROP_AFTER,
	OPT_STUCK_AFTER,
	OPT_DIE_AT,
	OPT_ERROR_AT,
	OPT_TORN,
	OPT_LYING_FLUSH,
	OPT_IGNORE_BUS_MASTER,
	OPT_HANG_ON_FAULT,
	OPT_SEED,
	OPT_VERBOSE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct {
	const char *arg; /* NULL: none */
	const char *help;
	struct option option;
} list[] = {
#define FLAG(name, id, help)                              \
	{                                                 \
		NULL, help,                               \
		{                                         \
			name, no_argument, NULL, OPT_##id \
		}                                         \
	}
#define VALUE(name, arg, id, help)                              \
	{                                                       \
		arg, help,                                      \
		{                                               \
			name, required_argument, NULL, OPT_##id \
		}                                               \
	}
	VALUE("medium", "FILE", MEDIUM, "what the device keeps; made when it is not there"),
	VALUE("size", "BYTES", SIZE, "of a medium that is made (256M)"),
	VALUE("fd", "N", FD, "serve this inherited socket instead of starting QEMU"),
	FLAG("sync", SYNC, "what is durable for the guest is durable on the host's disk too"),
	VALUE("bandwidth", "BYTES", BANDWIDTH, "a second and direction"),
	VALUE("latency", "NS", LATENCY, "of each command"),
	VALUE("cache", "BYTES", CACHE, "volatile write cache, lost when QEMU ends"),
	VALUE("max-transfer", "BYTES", MAX_TRANSFER, "longest command (1M)"),
	VALUE("max-inflight", "N", MAX_INFLIGHT, "commands in flight in each queue (1024)"),
	VALUE("max-slots", "N", MAX_SLOTS, "largest ring (4096)"),
	VALUE("drop-after", "N", DROP_AFTER, "do nothing any more from command N on"),
	VALUE("stuck-after", "N", STUCK_AFTER, "complete no command from command N on"),
	VALUE("die-at", "N", DIE_AT, "fall off the bus instead of command N"),
	VALUE("error-at", "N[:CODE]", ERROR_AT, "command N fails (code 7, the medium)"),
	FLAG("torn", TORN, "the command that is cut by --die-at or QEMU's end is done in part"),
	FLAG("lying-flush", LYING_FLUSH, "FLUSH completes and leaves the cache as it is"),
	FLAG("ignore-bus-master", IGNORE_BUS_MASTER, "transfer with Bus Master off"),
	FLAG("hang-on-fault", HANG_ON_FAULT, "never answer a command whose transfer fails"),
	VALUE("seed", "N", SEED, "of what is random"),
	FLAG("verbose", VERBOSE, "tell at the end what was done"),
	FLAG("help", HELP, "this"),
	FLAG("version", VERSION, "the version"),
};
#define NR_OPTIONS (sizeof(list) / sizeof(list[0]))

static void print_help(FILE *to)
{
	fprintf(to,
		"usage: wpp-fpga-device --medium FILE [OPTION...] -- qemu-system-x86_64 [ARG...]\n"
		"       wpp-fpga-device --medium FILE [OPTION...] --fd N\n\n"
		"The FPGA device of libwpp for QEMU's -device x-pci-proxy-dev,id=ID,fd=FD.\n\n");
	for (size_t i = 0; i < NR_OPTIONS; i++)
		fprintf(to, "  --%-17s %-9s %s\n", list[i].option.name,
			list[i].arg ? list[i].arg : "", list[i].help);
}

/* Decimal, with K, M or G; stops at @end. */
static bool parse(const char *text, char end, uint64_t max, uint64_t *value)
{
	static const char units[] = "KMG";
	const char *unit;
	char *p;
	unsigned long long n;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &p, 10);
	if (errno)
		return false;
	unit = *p ? strchr(units, *p) : NULL;
	if (unit && __builtin_mul_overflow(n, 1ull << (10 * (unit - units + 1)), &n))
		return false;
	if (unit)
		p++;
	*value = n;
	return (!*p || *p == end) && n <= max;
}

static bool parse32(const char *text, uint32_t *value)
{
	uint64_t n;

	if (!parse(text, '\0', UINT32_MAX, &n))
		return false;
	*value = (uint32_t)n;
	return true;
}

static bool parse_error_at(struct fpga_model_knobs *k, const char *text)
{
	const char *code = strchr(text, ':');

	k->error_code = FPGA_MEDIUM_FAULT;
	return parse(text, ':', UINT64_MAX, &k->error_at) &&
	       (!code || parse32(code + 1, &k->error_code));
}

static bool set_knob(struct fpga_model_knobs *k, int id, const char *arg)
{
	switch (id) {
	case OPT_BANDWIDTH:
		return parse(arg, '\0', UINT64_MAX, &k->bandwidth);
	case OPT_LATENCY:
		return parse(arg, '\0', UINT64_MAX, &k->latency_ns);
	case OPT_CACHE:
		return parse(arg, '\0', UINT64_MAX, &k->cache_bytes);
	case OPT_MAX_TRANSFER:
		return parse32(arg, &k->max_transfer);
	case OPT_MAX_INFLIGHT:
		return parse32(arg, &k->max_inflight);
	case OPT_MAX_SLOTS:
		return parse32(arg, &k->max_slots);
	case OPT_DROP_AFTER:
		return parse(arg, '\0', UINT64_MAX, &k->drop_after);
	case OPT_STUCK_AFTER:
		return parse(arg, '\0', UINT64_MAX, &k->stuck_after);
	case OPT_DIE_AT:
		return parse(arg, '\0', UINT64_MAX, &k->die_at);
	case OPT_ERROR_AT:
		return parse_error_at(k, arg);
	case OPT_SEED:
		return parse(arg, '\0', UINT64_MAX, &k->seed);
	case OPT_TORN:
		return k->torn = true;
	case OPT_LYING_FLUSH:
		return k->lying_flush = true;
	case OPT_IGNORE_BUS_MASTER:
		return k->ignore_bus_master = true;
	case OPT_HANG_ON_FAULT:
		return k->hang_on_fault = true;
	default:
		return false;
	}
}

static bool set_fd(struct options *o, const char *arg)
{
	uint64_t fd;

	if (!parse(arg, '\0', 1u << 20, &fd))
		return false;
	o->fd = (int)fd;
	return true;
}

static bool set(struct options *o, int id, const char *arg)
{
	switch (id) {
	case OPT_MEDIUM:
		o->medium = arg;
		return true;
	case OPT_SIZE:
		return parse(arg, '\0', SIZE_MAX_, &o->size) && o->size &&
		       o->size % WPP_PAGE_SIZE == 0;
	case OPT_FD:
		return set_fd(o, arg);
	case OPT_SYNC:
		return o->sync = true;
	case OPT_VERBOSE:
		return o->verbose = true;
	default:
		return set_knob(&o->knobs, id, arg);
	}
}

static bool give_up(int *code, int exit_code)
{
	*code = exit_code;
	return false;
}

static bool parse_all(struct options *o, int argc, char **argv, int *code)
{
	struct option options[NR_OPTIONS + 1] = { 0 };
	int id, index;

	for (size_t i = 0; i < NR_OPTIONS; i++)
		options[i] = list[i].option;
	while ((id = getopt_long(argc, argv, "+", options, &index)) != -1) {
		if (id == OPT_HELP) {
			print_help(stdout);
			return give_up(code, 0);
		}
		if (id == OPT_VERSION) {
			printf("wpp-fpga-device %s\n", WPP_VERSION);
			return give_up(code, 0);
		}
		if (id == '?')
			return give_up(code, 2);
		if (!set(o, id, optarg)) {
			complain("--%s: wrong value %s", options[index].name, optarg);
			return give_up(code, 2);
		}
	}
	return true;
}

bool options_parse(struct options *o, int argc, char **argv, int *code)
{
	*o = (struct options){ .size = SIZE_DEFAULT, .fd = -1 };
	if (!parse_all(o, argc, argv, code))
		return false;
	if (optind < argc)
		o->command = argv + optind;
	if (o->medium && !o->command == (o->fd >= 0))
		return true;
	complain("%s; see --help", o->medium ? "say either --fd N or -- qemu-system-x86_64 ..."
					     : "--medium FILE is missing");
	return give_up(code, 2);
}
