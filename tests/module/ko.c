/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Calls /dev/wpp, for the machines of tests/system. Prints what comes back as "key value" lines;
 * the exit code is the errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <wpp/module.h>

static int dev;

static int fail(const char *what)
{
	int err = errno;

	fprintf(stderr, "guest_ko: %s: %s\n", what, strerror(err));
	return err;
}

static int attach(char **argv)
{
	struct wpp_ko_attach how = { .timeout_ms = 0 };

	if (!strcmp(argv[0], "memory") && argv[1] && argv[2]) {
		how.kind = WPP_KO_MEMORY;
		how.base = strtoull(argv[1], NULL, 0);
		how.size = strtoull(argv[2], NULL, 0);
	} else if (argv[1]) {
		how.kind = !strcmp(argv[0], "nvme") ? WPP_KO_NVME : WPP_KO_FPGA;
		snprintf(how.address, sizeof(how.address), "%s", argv[1]);
	}
	return ioctl(dev, WPP_KO_IOC_ATTACH, &how) ? fail("attach") : 0;
}

static int detach(char **argv)
{
	(void)argv;
	return ioctl(dev, WPP_KO_IOC_DETACH) ? fail("detach") : 0;
}

static int medium(char **argv)
{
	struct wpp_ko_medium m;

	(void)argv;
	if (ioctl(dev, WPP_KO_IOC_MEDIUM, &m))
		return fail("medium");
	printf("size %" PRIu64 "\nio_best %u\ntracked %u\n", m.size, m.io_best, m.nr_tracked);
	return 0;
}

/* track PID IMAGE [inherit] [eager BATCH] */
static int track(char **argv)
{
	struct wpp_ko_track how = { .pid = atoi(argv[0]) };
	char **word;

	snprintf(how.image, sizeof(how.image), "%s", argv[1]);
	for (word = argv + 2; *word; word++) {
		if (!strcmp(*word, "inherit"))
			how.flags |= WPP_KO_TRACK_INHERIT;
		if (!strcmp(*word, "eager") && word[1]) {
			how.flags |= WPP_KO_TRACK_EAGER;
			how.batch = atoi(*++word);
		}
	}
	return ioctl(dev, WPP_KO_IOC_TRACK, &how) ? fail("track") : 0;
}

static int untrack(char **argv)
{
	int32_t pid = atoi(argv[0]);

	return ioctl(dev, WPP_KO_IOC_UNTRACK, &pid) ? fail("untrack") : 0;
}

/* persist PID [kill] */
static int persist(char **argv)
{
	struct wpp_ko_persist how = { .pid = atoi(argv[0]) };
	int err;

	if (argv[1])
		how.flags = WPP_KO_PERSIST_KILL;
	err = ioctl(dev, WPP_KO_IOC_PERSIST, &how) ? fail("persist") : 0;
	fputs(how.notes, stderr);
	printf("generation %" PRIu64 "\npages %" PRIu64 "\nmoves %" PRIu64 "\nthreads %" PRIu64
	       "\nbytes %" PRIu64 "\n",
	       how.generation, how.nr_pages, how.nr_moves, how.nr_threads, how.bytes);
	printf("park_us %" PRIu64 "\nfrozen_us %" PRIu64 "\ndurable_us %" PRIu64 "\n",
	       how.park_ns / 1000, how.frozen_ns / 1000, how.durable_ns / 1000);
	return err;
}

static const struct {
	const char *name;
	int nr_args;
	int (*run)(char **argv);
} calls[] = {
	{ "attach", 1, attach }, { "detach", 0, detach },   { "medium", 0, medium },
	{ "track", 2, track },	 { "untrack", 1, untrack }, { "persist", 1, persist },
};

int main(int argc, char **argv)
{
	size_t i;

	dev = open(WPP_KO_DEVICE, O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return fail(WPP_KO_DEVICE);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (argc - 2 >= calls[i].nr_args && !strcmp(argv[1], calls[i].name))
			return calls[i].run(argv + 2);
	}
	fprintf(stderr, "usage: guest_ko attach|detach|medium|track|untrack|persist ...\n");
	return 2;
}
