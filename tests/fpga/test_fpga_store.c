/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A store on the FPGA, cut at each command: the device dies instead of the
 * n-th command, for every n, and takes its volatile cache with it. After the
 * reboot there is generation N or N-1, whole, and work goes on (I2, I3).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"
#include "verify.h"

static const struct {
	const char *name;
	struct fpga_model_knobs knobs;
} kinds[] = {
	{ "durable", { .max_transfer = 16384 } },
	{ "torn", { .torn = true } },
	{ "cached", { .cache_bytes = 16 << 20 } },
	{ "small cache, torn", { .cache_bytes = 8 << 12, .torn = true, .max_transfer = 8192 } },
};

struct machine {
	struct rig *rig;
	struct fpga f;
	struct world w;
};

static struct book book;
static uint8_t medium[WORLD_BYTES];
static uint64_t nr_runs;

static bool wrong(const char *what, int err)
{
	snprintf(verify_why, sizeof(verify_why), "%s: %s", what, world_strerror(err));
	return false;
}

static bool boot(struct machine *mc, const struct fpga_model_knobs *knobs, uint32_t keep)
{
	struct rig_cfg cfg = { .knobs = *knobs,
			       .medium_size = sizeof(medium),
			       .nr_slots = 128,
			       .first_index = 0xffffff00,
			       .late = 10 };

	mc->rig = rig_new(&cfg, medium);
	if (!mc->rig || wppi_fpga_init(&mc->f, &mc->rig->env, mc->rig->mem) ||
	    world_init(&mc->w, &mc->f.be, keep, &book))
		return wrong("boot", WPP_ENOMEM);
	return true;
}

static void halt(struct machine *mc)
{
	world_close(&mc->w);
	mc->f.be.ops->close(&mc->f.be);
	fpga_model_power_cut(mc->rig->m);
	rig_free(mc->rig);
	world_fini(&mc->w);
}

/* The power is back, the device works again. */
static bool recover(const struct machine *dead, uint32_t keep)
{
	const struct fpga_model_knobs sound = { .cache_bytes = 1 << 20 };
	const struct model *next = &dead->w.next;
	struct machine mc;
	struct model found;
	bool ok = false;
	int err;

	if (!boot(&mc, &sound, keep))
		return false;
	err = world_open(&mc.w, NULL);
	if (dead->w.formatting && (err == WPP_EFORMAT || err == WPP_ECORRUPT))
		ok = true;
	else if (err)
		wrong("open after the cut", err);
	else if (verify_between(&mc.w, &dead->w.now, next, &mc.w.now)) {
		err = world_commit_more(&mc.w, 0);
		ok = err ? wrong("commit after the cut", err)
			 : verify_between(&mc.w, &mc.w.now, &mc.w.now, &found);
	}
	halt(&mc);
	return ok;
}

/* @died: out, did the cut come before the end? */
static bool run_with_cut(const struct scenario *sc, const struct fpga_model_knobs *kind,
			 uint64_t at, bool *died)
{
	struct fpga_model_knobs knobs = *kind;
	struct machine mc;
	int err;

	knobs.die_at = at;
	knobs.seed = at;
	memset(medium, 0, sizeof(medium));
	if (!boot(&mc, &knobs, sc->keep))
		return false;
	world_forget(&mc.w);
	err = world_play(&mc.w, sc);
	*died = rig_counts(mc.rig).dead;
	nr_runs++;
	if (mc.rig->wrong)
		return wrong(mc.rig->wrong, 0);
	if (err && !*died)
		return wrong("failed on a sound device", err);
	if (!err)
		mc.w.next = mc.w.now;
	halt(&mc);
	return recover(&mc, sc->keep);
}

static bool run_scenario(const struct scenario *sc)
{
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		bool died = true;

		for (uint64_t at = 1; died; at++) {
			if (run_with_cut(sc, &kinds[k].knobs, at, &died))
				continue;
			printf("FAILED: %s, %s, cut at command %" PRIu64 ": %s\n", sc->name,
			       kinds[k].name, at, verify_why);
			return false;
		}
	}
	return true;
}

/* No writes but those that FLUSH made durable: the device that lies about it must be able to fail.
 */
static bool lying_device_is_caught(const struct scenario *sc)
{
	struct fpga_model_knobs liar = { .cache_bytes = 16 << 20, .lying_flush = true };
	bool died = true;

	for (uint64_t at = 1; died; at++)
		if (!run_with_cut(sc, &liar, at, &died))
			return true;
	printf("FAILED: a device without flushes passed %s\n", sc->name);
	return false;
}

/* test_fpga_store [NR]: and @NR random scenarios */
int main(int argc, char **argv)
{
	uint64_t nr_random = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
	struct scenario sc;

	for (uint32_t i = 0; i < nr_scenarios; i++)
		if (!run_scenario(&scenarios[i]))
			return 1;
	for (uint64_t seed = 1; seed <= nr_random; seed++) {
		scenario_random(&sc, seed);
		if (!run_scenario(&sc)) {
			printf("random scenario %" PRIu64 "\n", seed);
			return 1;
		}
	}
	printf("%" PRIu64 " cuts\n", nr_runs);
	return lying_device_is_caught(&scenarios[0]) ? 0 : 1;
}
