/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The PTE table beside the algorithm of [Streicher24 section 5.2.2]: slots of
 * 16 bytes in 128 MiB, 16 sections by (va & 0xF000) >> 12, first free slot and
 * pair found by walking the section. Both get the same pages in one run.
 *
 * Each table is filled to the number of entries in a row (the thesis' table
 * directly, because filling it by its own algorithm takes O(n^2)); then a
 * sample of operations is timed at that fill: add pages that are new, find
 * random ones, remove random ones.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <wpp/pte.h>

#define SECTION	  (128u << 20)
#define PAGE	  4096ull
#define INDICES	  16u
#define PER_INDEX (SECTION / sizeof(struct slot) / INDICES)

struct slot {
	uint64_t va;
	uint64_t pa;
};

enum op { ADD, FIND, REMOVE, OPS };

/* ---- The thesis' table ------------------------------------------------------------------- */

static struct slot *thesis;

static struct slot *thesis_index(uint64_t va)
{
	return thesis + ((va & 0xf000) >> 12) * PER_INDEX;
}

static bool thesis_add(uint64_t va, uint64_t pa)
{
	struct slot *s = thesis_index(va);

	for (size_t i = 0; i < PER_INDEX; i++) {
		if (!s[i].va) {
			s[i] = (struct slot){ va, pa };
			return true;
		}
	}
	return false;
}

static bool thesis_find(uint64_t va, uint64_t pa)
{
	const struct slot *s = thesis_index(va);

	for (size_t i = 0; i < PER_INDEX; i++) {
		if (s[i].va == va)
			return s[i].pa == pa;
	}
	return false;
}

static bool thesis_remove(uint64_t va, uint64_t pa)
{
	struct slot *s = thesis_index(va);

	for (size_t i = 0; i < PER_INDEX; i++) {
		if (s[i].va == va && s[i].pa == pa) {
			s[i] = (struct slot){ 0, 0 };
			return true;
		}
	}
	return false;
}

/* ---- Ours -------------------------------------------------------------------------------- */

static struct wpp_ptes ours;

static bool ours_add(uint64_t va, uint64_t pa)
{
	struct wpp_pte pte = { .va = va, .pa = pa };

	return !wpp_ptes_add(&ours, &pte);
}

static bool ours_find(uint64_t va, uint64_t pa)
{
	struct wpp_pte pte;

	return !wpp_ptes_find(&ours, va, &pte) && pte.pa == pa;
}

static bool ours_remove(uint64_t va, uint64_t pa)
{
	return !wpp_ptes_remove(&ours, va, pa);
}

/* ---- The race ---------------------------------------------------------------------------- */

struct table {
	bool (*op[OPS])(uint64_t va, uint64_t pa);
};

static const struct table thesis_table = { { thesis_add, thesis_find, thesis_remove } };
static const struct table our_table = { { ours_add, ours_find, ours_remove } };

static uint64_t va_of(uint64_t i)
{
	return 0x7f0000000000 + i * PAGE;
}

static uint64_t pa_of(uint64_t i)
{
	return (i * 2654435761u % (1u << 28)) * PAGE;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Nanoseconds of one operation, over the pages which[0 .. nr - 1]. */
static double race(const struct table *t, int op, const uint64_t *which, uint32_t nr)
{
	double start = now();

	for (uint32_t i = 0; i < nr; i++) {
		if (!t->op[op](va_of(which[i]), pa_of(which[i]))) {
			fprintf(stderr, "operation %d on page %llu failed\n", op,
				(unsigned long long)which[i]);
			exit(1);
		}
	}
	return (now() - start) * 1e9 / nr;
}

/* Pages [0, nr) as first-fit would have put them. */
static void thesis_fill(uint64_t nr)
{
	static size_t used[INDICES];

	memset(thesis, 0, SECTION);
	memset(used, 0, sizeof(used));
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t index = (va_of(i) & 0xf000) >> 12;

		thesis[index * PER_INDEX + used[index]++] = (struct slot){ va_of(i), pa_of(i) };
	}
}

static void our_fill(void *mem, uint64_t nr)
{
	if (wpp_ptes_init(&ours, mem, SECTION, 42))
		exit(1);
	for (uint64_t i = 0; i < nr; i++)
		(void)ours_add(va_of(i), pa_of(i));
}

static uint64_t random_below(uint64_t n)
{
	static uint64_t state = 1;
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	return (z ^ (z >> 31)) % n;
}

/* Sample: the pages to add, then @nr different random pages of all @entries. */
static void choose(uint64_t entries, uint32_t nr, uint64_t *fresh, uint64_t *old)
{
	uint64_t stride = entries / nr;

	for (uint32_t i = 0; i < nr; i++) {
		fresh[i] = entries - nr + i;
		old[i] = i * stride + random_below(stride);
	}
	for (uint32_t i = nr - 1; i > 0; i--) {
		uint32_t j = (uint32_t)random_below(i + 1);
		uint64_t tmp = old[i];

		old[i] = old[j];
		old[j] = tmp;
	}
}

/* The fastest round: what the others took longer, the machine did besides. */
static void best(double *ns, uint32_t round, double now_ns)
{
	if (round == 0 || now_ns < *ns)
		*ns = now_ns;
}

static void row(void *mem, uint64_t entries, uint32_t sample, uint32_t rounds)
{
	uint64_t *fresh = calloc(sample, sizeof(*fresh)), *old = calloc(sample, sizeof(*old));
	double ns[2][OPS];

	if (!fresh || !old)
		exit(1);
	for (uint32_t r = 0; r < rounds; r++) {
		choose(entries, sample, fresh, old);
		thesis_fill(entries - sample);
		our_fill(mem, entries - sample);
		for (int op = ADD; op < OPS; op++) {
			const uint64_t *which = op == ADD ? fresh : old;

			best(&ns[0][op], r, race(&thesis_table, op, which, sample));
			best(&ns[1][op], r, race(&our_table, op, which, sample));
		}
	}
	printf("%8llu %7u", (unsigned long long)entries, sample * rounds);
	for (int op = ADD; op < OPS; op++)
		printf(" | %9.0f %6.0f %8.2f", ns[0][op], ns[1][op], ns[0][op] / ns[1][op]);
	putchar('\n');
	free(fresh);
	free(old);
}

/* In huge pages, as the kernel and firmware map their memory. */
static void *section_new(void)
{
	void *mem = aligned_alloc(2 << 20, SECTION);

	if (!mem)
		exit(1);
	madvise(mem, SECTION, MADV_HUGEPAGE);
	return mem;
}

int main(void)
{
	void *mem = section_new();

	thesis = section_new();
	printf("PTE tables in 128 MiB, CPU nanoseconds per operation at that many entries;\n"
	       "t/w: the thesis' linear first-fit takes that many times as long as libwpp\n\n"
	       "%8s %7s | %9s %6s %8s | %9s %6s %8s | %9s %6s %8s\n",
	       "entries", "sample", "add: t", "w", "t/w", "find: t", "w", "t/w", "remove: t", "w",
	       "t/w");
	row(mem, 1 << 10, 512, 20);
	row(mem, 16 << 10, 4096, 5);
	row(mem, 256 << 10, 2048, 3);
	row(mem, 1 << 20, 1024, 3);
	row(mem, 8 << 20, 256, 3);
	free(mem);
	free(thesis);
	return 0;
}
