/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "play.h"

#define PCB	WPP_STREAM_PCB
#define REGIONS WPP_STREAM_REGIONS
#define STACK	0x7fffffffdull
#define TOP	(WPP_PAGE_INDEX_MAX - 8)

/* clang-format off */
#define STEP(op, id, page, nr, stride) { STEP_##op, id, page, nr, stride }
#define FORMAT				STEP(FORMAT, 0, 0, 0, 0)
#define REOPEN				STEP(REOPEN, 0, 0, 0, 0)
#define BEGIN(image)			STEP(BEGIN, image, 0, 0, 0)
#define BEGIN_EMPTY(image)		STEP(BEGIN_EMPTY, image, 0, 0, 0)
#define PUT(space, page, nr, stride)	STEP(PUT, space, page, nr, stride)
#define FILL(space, page, nr, stride)	STEP(FILL, space, page, nr, stride)
#define PUT_TOO_MUCH(space, page)	STEP(PUT_TOO_MUCH, space, page, 0, 0)
#define CUT(space, page, nr)		STEP(CUT, space, page, nr, 0)
#define STREAM(stream, len)		STEP(STREAM, stream, 0, len, 0)
#define SETTLE				STEP(SETTLE, 0, 0, 0, 0)
#define COMMIT				STEP(COMMIT, 0, 0, 0, 0)
#define ABORT				STEP(ABORT, 0, 0, 0, 0)
#define DROP(image, nth)		STEP(DROP, image, 0, nth, 0)
#define END				STEP(END, 0, 0, 0, 0)

const struct scenario scenarios[] = {
	{ "epochs", 2, {
		FORMAT,
		BEGIN(0), PUT(2, 0x400, 4, 1), PUT(2, STACK, 2, 1), STREAM(PCB, 300),
			STREAM(REGIONS, 5000), COMMIT,
		BEGIN(0), PUT(2, 0x402, 3, 1), CUT(2, STACK, 1), STREAM(PCB, 310), COMMIT,
		BEGIN(0), PUT(3, 0, 1, 1), COMMIT,
		BEGIN(0), COMMIT,
		BEGIN(0), PUT(2, 0x400, 8, 1), STREAM(REGIONS, 0), COMMIT,
		END
	} },
	{ "images", 2, {
		FORMAT,
		BEGIN(0), PUT(2, 0x10, 2, 1), COMMIT,
		BEGIN(1), PUT(2, 0x10, 3, 1), COMMIT,
		BEGIN(0), PUT(2, 0x11, 2, 1), COMMIT,
		BEGIN(2), STREAM(PCB, 9000), COMMIT,
		BEGIN(1), PUT(5, TOP, 2, 1), COMMIT,
		DROP(1, 1),
		DROP(0, 0),
		BEGIN(1), PUT(2, 0x20, 4, 1), COMMIT,
		DROP(2, 0),
		END
	} },
	{ "aborts", 2, {
		FORMAT,
		BEGIN(0), PUT(2, 0, 3, 1), COMMIT,
		BEGIN(0), PUT(2, 0, 4, 1), ABORT,
		BEGIN(0), PUT(2, 1, 4, 1), COMMIT,
		BEGIN(0), PUT(2, 2, 4, 1), SETTLE, PUT_TOO_MUCH(2, 0x1000), REOPEN,
		BEGIN_EMPTY(0), PUT(4, 7, 2, 1), PUT_TOO_MUCH(2, 0x1000), COMMIT,
		BEGIN(0), PUT(4, 7, 1, 1), COMMIT,
		END
	} },
	{ "direct", 2, {
		FORMAT,
		BEGIN(0), FILL(2, 0x400, 5, 1), COMMIT,
		BEGIN(0), FILL(2, 0x402, 2, 1), FILL(2, 0x402, 1, 1), PUT(2, 0x403, 1, 1), COMMIT,
		REOPEN,
		BEGIN(0), FILL(3, 1, 2, 100), SETTLE, ABORT,
		BEGIN(0), FILL(2, 0x400, 3, 1), COMMIT,
		END
	} },
	/* more writes between two flushes than can be enumerated */
	{ "many", 2, {
		FORMAT,
		BEGIN(0), PUT(2, 0, 30, 3), STREAM(REGIONS, 12000), COMMIT,
		BEGIN(0), PUT(2, 3, 20, 2), COMMIT,
		BEGIN(0), FILL(2, 0, 24, 1), CUT(2, 40, 30), PUT(WPP_SPACE_MAX, 5, 3, 1), COMMIT,
		END
	} },
	{ "keep4", 4, {
		FORMAT,
		BEGIN(0), PUT(2, 1, 3, 1), COMMIT,
		BEGIN(0), PUT(2, 2, 1, 1), COMMIT,
		BEGIN(0), PUT(2, 3, 1, 1), COMMIT,
		BEGIN(0), PUT(2, 1, 1, 1), COMMIT,
		REOPEN,
		BEGIN(0), CUT(2, 0, 3), COMMIT,
		DROP(0, 2),
		BEGIN(0), PUT(2, 2, 2, 1), COMMIT,
		DROP(0, 4),
		BEGIN(0), PUT(2, 9, 2, 1), COMMIT,
		END
	} },
	/* the newest goes while a released record is still on the medium */
	{ "undo", 2, {
		FORMAT,
		BEGIN(0), PUT(2, 0x10, 2, 1), COMMIT,
		BEGIN(0), PUT(2, 0x11, 2, 1), COMMIT,
		BEGIN(0), PUT(2, 0x12, 2, 1), COMMIT,
		DROP(0, 2),
		BEGIN(0), PUT(2, 0x10, 3, 1), COMMIT,
		BEGIN(0), PUT(2, 0x11, 1, 1), COMMIT,
		DROP(0, 2),
		DROP(0, 1),
		BEGIN(0), PUT(2, 0x11, 1, 1), COMMIT,
		END
	} },
	{ "format", 2, {
		FORMAT,
		BEGIN(0), PUT(2, 0x400, 2, 1), COMMIT,
		BEGIN(1), PUT(2, 0x400, 2, 1), COMMIT,
		FORMAT,
		BEGIN(1), PUT(2, 0x401, 2, 1), COMMIT,
		FORMAT,
		END
	} },
};
/* clang-format on */

const uint32_t nr_scenarios = sizeof(scenarios) / sizeof(scenarios[0]);

/* ---- Random scenarios -------------------------------------------------------------------------
 */

struct gen_state {
	struct scenario *sc;
	uint64_t rng;
	uint32_t nr;
	uint32_t live[MODEL_IMAGES];
};

static uint32_t pick(struct gen_state *g, uint32_t n)
{
	g->rng = g->rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(g->rng >> 33) % n;
}

static void add(struct gen_state *g, struct step s)
{
	g->sc->step[g->nr++] = s;
}

static void add_change(struct gen_state *g)
{
	static const uint64_t base[] = { 0, 0x400, 0x3fe, STACK, TOP - 64, 0x200000 };
	static const uint32_t space[] = { 2, 2, 2, 3, 9, WPP_SPACE_MAX };
	static const uint32_t len[] = { 0, 1, 100, 4096, 4097, 12000 };
	uint64_t page = base[pick(g, 6)] + pick(g, 8);
	uint32_t id = space[pick(g, 6)];

	switch (pick(g, 8)) {
	case 0:
		add(g, (struct step)CUT(id, page, 1 + pick(g, 6)));
		break;
	case 1:
		add(g, (struct step)STREAM(pick(g, 2), len[pick(g, 6)]));
		break;
	case 2:
	case 3:
		add(g, (struct step)FILL(id, page, 1 + pick(g, 4), 1));
		break;
	case 4:
		add(g, (struct step)SETTLE);
		break;
	default:
		add(g, (struct step)PUT(id, page, 1 + pick(g, 6), 1 + pick(g, 2)));
	}
}

static void add_generation(struct gen_state *g)
{
	uint32_t image = pick(g, MODEL_IMAGES);

	add(g, pick(g, 8) ? (struct step)BEGIN(image) : (struct step)BEGIN_EMPTY(image));
	for (uint32_t i = pick(g, 6); i > 0; i--)
		add_change(g);
	if (pick(g, 8) == 0) {
		add(g, (struct step)ABORT);
		return;
	}
	add(g, (struct step)COMMIT);
	if (g->live[image] < g->sc->keep)
		g->live[image]++;
}

static void add_drop(struct gen_state *g)
{
	uint32_t image = pick(g, MODEL_IMAGES);
	uint32_t nr = pick(g, g->live[image] + 1);

	if (!g->live[image])
		return;
	add(g, (struct step)DROP(image, nr));
	g->live[image] = nr ? g->live[image] - 1 : 0;
}

void scenario_random(struct scenario *sc, uint64_t seed)
{
	struct gen_state g = { .sc = sc, .rng = seed * 77 + 1 };

	*sc = (struct scenario){ .name = "random", .keep = 2 + pick(&g, 2) };
	add(&g, (struct step)FORMAT);
	for (uint32_t i = 3 + pick(&g, 5); i > 0; i--) {
		add_generation(&g);
		if (pick(&g, 4) == 0)
			add_drop(&g);
		if (pick(&g, 4) == 0)
			add(&g, (struct step)REOPEN);
	}
}
