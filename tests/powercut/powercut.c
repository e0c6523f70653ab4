/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Power cuts everywhere: each scenario, on each kind of medium, cut at each
 * media operation, with the images that the cut can leave behind (I1, I2, I3).
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cutter.h"
#include "verify.h"

static struct {
	const char *scenario;
	const char *medium;
	struct cut_id at, then;
	uint64_t seed;
	uint64_t images;
	uint64_t again;
	uint64_t min;
	uint32_t nr_random;
	uint32_t jobs;
} opt = { .images = 24, .again = 64, .jobs = 1 };

/* Counted by all workers. */
static struct shared {
	atomic_uint next_job;
	atomic_ullong states, again, cuts, failed;
} * shared;

/* Scenario of a job: the written ones on each medium first, then random ones. */
static const struct scenario *scenario_of(const char *name, struct scenario *random)
{
	uint64_t seed;

	if (sscanf(name, "random:%" SCNu64, &seed) == 1) {
		scenario_random(random, seed);
		return random;
	}
	for (uint32_t i = 0; i < nr_scenarios; i++)
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	fprintf(stderr, "powercut: no scenario '%s'\n", name);
	exit(2);
}

static void say_failed(const struct cutter *c, const char *scenario)
{
	printf("FAILED: %s\n  replay: powercut --scenario %s --medium %s --cut %" PRIu64 ":%" PRIu64
	       ":%" PRIu64,
	       verify_why, scenario, c->medium->name, c->at.n, c->at.img, c->seed);
	if (c->then.n)
		printf(" --then %" PRIu64 ":%" PRIu64, c->then.n, c->then.img);
	printf("\n");
	fflush(stdout);
}

static bool run_one(const char *scenario, const struct media_class *medium, uint64_t seed,
		    bool replay)
{
	struct cutter *c = malloc(sizeof(*c));
	struct scenario random;
	bool ok;
	int err;

	if (!c)
		return false;
	err = cutter_init(c, medium, scenario_of(scenario, &random), seed);
	if (err) {
		printf("%s on %s: %s\n", scenario, medium->name, wpp_strerror(err));
		return false;
	}
	c->images = opt.images;
	c->again = opt.again;
	ok = replay ? cutter_replay(c, &opt.at, opt.then.n ? &opt.then : NULL) : cutter_run(c);
	if (!ok)
		say_failed(c, scenario);
	atomic_fetch_add(&shared->states, c->states + c->states_again);
	atomic_fetch_add(&shared->again, c->states_again);
	atomic_fetch_add(&shared->cuts, c->cuts);
	cutter_fini(c);
	free(c);
	return ok;
}

static void run_job(uint32_t job)
{
	const struct media_class *medium = &media_classes[job % nr_media_classes];
	uint32_t i = job / nr_media_classes;
	char name[32];

	if (i < nr_scenarios)
		snprintf(name, sizeof(name), "%s", scenarios[i].name);
	else
		snprintf(name, sizeof(name), "random:%u", job);
	if (opt.scenario)
		snprintf(name, sizeof(name), "%s", opt.scenario);
	if (opt.medium && strcmp(opt.medium, medium->name))
		return;
	if (!run_one(name, medium, job, false))
		atomic_fetch_add(&shared->failed, 1);
}

static void work(void)
{
	uint32_t nr = (opt.scenario ? 1 : nr_scenarios) * nr_media_classes;
	uint32_t job;

	if (!opt.scenario)
		nr += opt.nr_random;
	while ((job = atomic_fetch_add(&shared->next_job, 1)) < nr)
		run_job(job);
}

static bool start_workers(void)
{
	bool ok = true;
	int status;

	for (uint32_t i = 0; i < opt.jobs; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			work();
			fflush(stdout);
			_exit(0);
		}
		ok &= pid > 0;
	}
	while (wait(&status) > 0)
		ok &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return ok;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int run_all(void)
{
	double start = now();
	bool ok = true;
	uint64_t states;

	if (opt.jobs > 1)
		ok = start_workers();
	else
		work();
	states = shared->states;
	printf("%" PRIu64 " states of %llu cuts visited, %llu of them behind a second cut, "
	       "%.1f s, %.0f states/s\n",
	       states, shared->cuts, shared->again, now() - start,
	       (double)states / (now() - start));
	if (states < opt.min)
		printf("FAILED: at least %" PRIu64 " states were wanted\n", opt.min);
	return ok && !shared->failed && states >= opt.min ? 0 : 1;
}

static void usage(void)
{
	printf("usage: powercut [--scenario NAME|random:N] [--medium NAME] [--images N] [--random "
	       "N]\n"
	       "                [--again N] [--min N] [--jobs N]\n"
	       "       powercut --scenario S --medium M --cut N:IMG[:SEED] [--then N:IMG]\n");
	exit(2);
}

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "scenario", 1, NULL, 's' }, { "medium", 1, NULL, 'm' },
		{ "cut", 1, NULL, 'c' },      { "then", 1, NULL, 't' },
		{ "images", 1, NULL, 'i' },   { "random", 1, NULL, 'r' },
		{ "again", 1, NULL, 'a' },    { "min", 1, NULL, 'n' },
		{ "jobs", 1, NULL, 'j' },     { NULL, 0, NULL, 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		uint64_t n = optarg ? strtoull(optarg, NULL, 0) : 0;

		if (o == 's')
			opt.scenario = optarg;
		else if (o == 'm')
			opt.medium = optarg;
		else if (o == 'c' && sscanf(optarg, "%" SCNu64 ":%" SCNu64 ":%" SCNu64, &opt.at.n,
					    &opt.at.img, &opt.seed) < 2)
			usage();
		else if (o == 't' &&
			 sscanf(optarg, "%" SCNu64 ":%" SCNu64, &opt.then.n, &opt.then.img) != 2)
			usage();
		else if (o == 'i')
			opt.images = n;
		else if (o == 'r')
			opt.nr_random = (uint32_t)n;
		else if (o == 'a')
			opt.again = n;
		else if (o == 'n')
			opt.min = n;
		else if (o == 'j')
			opt.jobs = (uint32_t)n;
		else if (o == '?')
			usage();
	}
	if (opt.medium && !media_class_find(opt.medium))
		usage();
	if (opt.at.n && !(opt.medium && opt.scenario))
		usage();
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	if (!opt.at.n)
		return run_all();
	if (!run_one(opt.scenario, media_class_find(opt.medium), opt.seed, true))
		return 1;
	printf("this state is as it should be\n");
	return 0;
}
