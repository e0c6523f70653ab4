/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An NVMe controller driven by polling: one namespace, one pair of I/O queues,
 * no interrupts. Freestanding: who embeds it brings memory, registers and a
 * clock, so that a model of a controller tests all of it.
 *
 * It is a backend for WPP_IO_PHYS moves only: pa is a bus address, and the move
 * is contiguous there. Neighbouring moves on the medium become one command with
 * a PRP list, wherever their memory lies; a doorbell rings for a full command,
 * for an idle device and at poll().
 *
 * Nothing that the controller says is believed before it was checked, every
 * wait is bounded, and behind a fault the controller is stopped before a
 * buffer is given back.
 */
#ifndef WPP_NVME_POLLED_H
#define WPP_NVME_POLLED_H

#include <wpp/backend.h>
#include "nvme_regs.h"

#define NVME_ENTRIES	64u	     /* of each queue; one less may be in flight */
#define NVME_IO_MAX	(1u << 20)   /* bytes of one command */
#define NVME_GATHER_MAX (128u << 10) /* several moves together: enough for full bandwidth */
#define NVME_PRPS	(NVME_IO_MAX / WPP_PAGE_SIZE)
#define NVME_TIMEOUT_NS 5000000000ull
#define NVME_POLL_NS	1000000ull /* how often an idle wait looks at the status */

/**
 * struct nvme_env - what the driver needs of the world it runs in
 * @ctx:        the first argument of all functions.
 * @read32:     a register of BAR0; ordered before later loads from memory, as readl() is.
 * @write32:    a register of BAR0; ordered behind earlier stores to memory, as writel() is.
 * @now_ns:     a clock that does not go back.
 * @relax:      between two looks of a wait.
 * @bus_master: switches Bus Master in the PCI command register: off, nothing is moved any more.
 * @release:    optional: the last thing that close() does.
 * @bar_len:    bytes of BAR0.
 * @timeout_ns: longest time without any progress; 0: NVME_TIMEOUT_NS.
 * @nsid:       the namespace.
 */
struct nvme_env {
	void *ctx;
	uint32_t (*read32)(void *ctx, uint32_t reg);
	void (*write32)(void *ctx, uint32_t reg, uint32_t val);
	uint64_t (*now_ns)(void *ctx);
	void (*relax)(void *ctx);
	void (*bus_master)(void *ctx, bool on);
	void (*release)(void *ctx);
	uint64_t bar_len;
	uint64_t timeout_ns;
	uint32_t nsid;
};

/* Memory shared with the controller: coherent, contiguous on the bus, aligned to 4096. */
struct nvme_shared {
	struct nvme_sqe admin_sq[NVME_ENTRIES];
	struct nvme_sqe sq[NVME_ENTRIES];
	uint64_t prp[NVME_ENTRIES][NVME_PRPS]; /* of each command, without its first page */
	uint8_t identify[WPP_PAGE_SIZE];
	struct nvme_cqe admin_cq[WPP_PAGE_SIZE / sizeof(struct nvme_cqe)];
	struct nvme_cqe cq[WPP_PAGE_SIZE / sizeof(struct nvme_cqe)];
};
_Static_assert(offsetof(struct nvme_shared, cq) % WPP_PAGE_SIZE == 0, "queues are aligned");

enum nvme_fault {
	NVME_OK = 0,
	NVME_UNFIT,	/* not a controller or a namespace that this driver can use */
	NVME_GONE,	/* registers read as ones */
	NVME_FATAL,	/* says of itself that it failed */
	NVME_NOT_READY, /* was reset by somebody else, or did not come up */
	NVME_TIMEOUT,	/* no progress for timeout_ns */
	NVME_NONSENSE,	/* completed what was not asked for */
};

/* A command, by its id. */
struct nvme_command {
	struct wpp_io *first, *last; /* moves it consists of, linked by priv[0]; NULL: free */
	uint64_t off, prp1;
	uint32_t len, op;
	uint32_t next_free;
	bool fua;
};

/* One submission and one completion queue. */
struct nvme_queue {
	struct nvme_sqe *sq;
	struct nvme_cqe *cq;
	uint32_t nr;	/* entries */
	uint32_t id;	/* 0: admin */
	uint32_t tail;	/* next free entry */
	uint32_t rung;	/* the tail that the controller knows */
	uint32_t head;	/* next completion */
	uint32_t phase; /* of a new completion */
};

/* What the controller and the namespace are, checked. */
struct nvme_info {
	uint64_t size;
	uint32_t block, shift; /* bytes of one, and log2 of that */
	uint32_t io_max;
	uint32_t atomic_len;
	uint32_t nr_entries;
	uint32_t stride; /* of doorbells */
	uint32_t ready_ms;
	bool volatile_cache;
};

struct nvme {
	struct wpp_backend be;
	struct nvme_env env;
	struct nvme_shared *shared;
	uint64_t bus; /* of *shared */
	struct nvme_info info;
	struct nvme_queue admin, io;
	struct nvme_command command[NVME_ENTRIES];
	uint32_t free;	    /* first free command; NVME_ENTRIES: none */
	uint32_t open;	    /* command that may still grow; NVME_ENTRIES: none */
	uint32_t in_flight; /* commands with an entry in the queue */
	uint64_t progress_ns, looked_ns;
	uint64_t nr_commands;
	enum nvme_fault fault;
	bool lost;
};

/**
 * nvme_init() - make a backend; the controller is not touched before probe()
 * @env:    copied.
 * @shared: the controller's until close(). @bus: its bus address.
 * Return:  0 or WPP_EINVAL.
 */
WPP_MUST_CHECK int nvme_init(struct nvme *nv, const struct nvme_env *env,
			     struct nvme_shared *shared, uint64_t bus);

/** nvme_fault_text() - one short English phrase, static */
const char *nvme_fault_text(enum nvme_fault fault);

/* ---- Between nvme_queue.c, nvme_ctrl.c and nvme_io.c -------------------------------------- */

/* Entries of both rings from @nr on; all completions are old. */
void nvme_queue_init(struct nvme_queue *q, uint32_t id, struct nvme_sqe *sq, struct nvme_cqe *cq,
		     uint32_t nr);
/* There is room: never more than nr - 1 are in flight. No doorbell. */
void nvme_queue_put(struct nvme_queue *q, const struct nvme_sqe *sqe);
/* Entries without a doorbell. */
uint32_t nvme_queue_unrung(const struct nvme_queue *q);
void nvme_queue_ring(struct nvme *nv, struct nvme_queue *q);
/* Take the next completion; false: none is there. nvme_queue_ack() tells the controller. */
bool nvme_queue_get(struct nvme_queue *q, struct nvme_cqe *cqe);
void nvme_queue_ack(struct nvme *nv, struct nvme_queue *q);

/* Reset, identify, make the queues. 0, or an error and nv->fault; the controller is stopped then.
 */
int nvme_start(struct nvme *nv);
/* A fault while it works: stop it; from now on nothing is moved. */
void nvme_give_up(struct nvme *nv, enum nvme_fault fault);
/* Orderly: what it caches becomes durable. */
void nvme_stop(struct nvme *nv);
/* What its status register says; NVME_OK: it works. */
enum nvme_fault nvme_look(struct nvme *nv);

#endif
