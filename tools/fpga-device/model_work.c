/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The rings: fetch, execute, complete, in the time that bandwidth and latency ask for. */
#include "model_priv.h"

enum { WRITES, READS };

static void latch_error(struct fpga_model *m, uint32_t code, uint32_t queue, uint32_t index)
{
	if (m->error)
		return;
	m->error = code | (queue == READS ? FPGA_ERROR_READ : 0);
	m->error_index = index;
}

void model_halt(struct fpga_model *m, uint32_t code, uint32_t queue, uint32_t index)
{
	latch_error(m, code, queue, index);
	m->enabled = false;
	m->counts.halted = true;
}

void model_doorbell(struct fpga_model *m, uint32_t queue, uint32_t producer)
{
	struct model_queue *q = &m->queue[queue];

	m->counts.doorbells++;
	if (!q->slots || producer % FPGA_SLOTS_MIN == FPGA_UNUSABLE ||
	    producer - q->consumer > q->slots ||
	    producer - q->consumer < q->producer - q->consumer ||
	    fpga_distance(q->consumer, producer) > m->knobs.max_inflight) {
		model_halt(m, FPGA_BAD_INDEX, queue, producer);
		return;
	}
	for (; q->producer != producer; q->producer = fpga_next(q->producer))
		q->arrived_ns[q->producer & (q->slots - 1)] = m->now_ns;
}

/* ---- One command -------------------------------------------------------------------------- */

static uint64_t slot_address(const struct model_queue *q, uint32_t index)
{
	return q->base + (uint64_t)(index & (q->slots - 1)) * FPGA_SLOT_SIZE;
}

static uint64_t transfer_ns(const struct fpga_model *m, const struct fpga_command *c)
{
	if (!m->knobs.bandwidth || c->len > m->knobs.max_transfer)
		return 0;
	return c->len * 1000000000ull / m->knobs.bandwidth;
}

/* The command at q->work into q->cmd, with the time at which it will be complete. */
static void fetch(struct fpga_model *m, uint32_t queue)
{
	struct model_queue *q = &m->queue[queue];
	struct fpga_command c;
	uint64_t start;

	if (!m->enabled || m->hung || q->fetched || q->work == q->producer)
		return;
	if (model_dma_read(m, slot_address(q, q->work), &c, sizeof(c))) {
		if (!m->hung)
			model_halt(m, FPGA_RING_FAULT, queue, q->work);
		return;
	}
	q->cmd = (struct fpga_command){
		.host = fpga_le64(c.host),
		.device = fpga_le64(c.device),
		.len = fpga_le32(c.len),
		.op = fpga_le32(c.op),
	};
	start = q->arrived_ns[q->work & (q->slots - 1)];
	if (start < q->link_free_ns)
		start = q->link_free_ns;
	q->link_free_ns = start + transfer_ns(m, &q->cmd);
	q->due_ns = q->link_free_ns + m->knobs.latency_ns;
	q->fetched = true;
}

static uint32_t check_move(const struct fpga_model *m, const struct fpga_command *c)
{
	if ((c->host | c->device | c->len) % FPGA_ALIGN)
		return FPGA_BAD_ALIGN;
	if (!c->len || c->len > m->knobs.max_transfer)
		return FPGA_BAD_LENGTH;
	if (c->device > m->bus.medium_size || c->len > m->bus.medium_size - c->device)
		return FPGA_BAD_ADDRESS;
	return FPGA_DONE;
}

static uint32_t do_flush(struct fpga_model *m, const struct fpga_command *c)
{
	if (c->host || c->device || c->len)
		return FPGA_BAD_ALIGN;
	m->counts.flushes++;
	return m->knobs.lying_flush ? (uint32_t)FPGA_DONE : model_medium_flush(m);
}

static uint32_t do_move(struct fpga_model *m, uint32_t queue, const struct fpga_command *c)
{
	uint32_t code = check_move(m, c);

	if (code != FPGA_DONE)
		return code;
	if (queue == READS) {
		m->counts.bytes_read += c->len;
		return model_medium_read(m, c->host, c->device, c->len);
	}
	m->counts.bytes_written += c->len;
	return model_medium_write(m, c->host, c->device, c->len);
}

static uint32_t execute(struct fpga_model *m, uint32_t queue)
{
	const struct fpga_command *c = &m->queue[queue].cmd;

	if (m->knobs.error_at == m->counts.commands)
		return m->knobs.error_code;
	if (queue == WRITES && c->op == FPGA_OP_FLUSH)
		return do_flush(m, c);
	if (c->op != (queue == WRITES ? FPGA_OP_WRITE : FPGA_OP_READ))
		return FPGA_BAD_OPCODE;
	return do_move(m, queue, c);
}

static void complete(struct fpga_model *m, uint32_t queue, uint32_t index, uint32_t code)
{
	struct model_queue *q = &m->queue[queue];
	uint64_t at = slot_address(q, index) + offsetof(struct fpga_command, status);
	uint32_t status = fpga_le32(code);

	if (code != FPGA_DONE) {
		latch_error(m, code, queue, index);
		m->counts.failed++;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE); /* data first */
	if (model_dma_write(m, at, &status, sizeof(status))) {
		if (!m->hung)
			model_halt(m, FPGA_RING_FAULT, queue, index);
		return;
	}
	q->consumer = fpga_next(index);
}

/* A part of the write that is being done reaches the medium: its beginning or its end. */
void model_tear(struct fpga_model *m)
{
	const struct model_queue *q = &m->queue[WRITES];
	const struct fpga_command *c = &q->cmd;
	uint32_t cut, from, to;

	if (!m->knobs.torn || !q->fetched || c->op != FPGA_OP_WRITE ||
	    check_move(m, c) != FPGA_DONE)
		return;
	cut = (uint32_t)(model_random(m) % (c->len / MODEL_ATOMIC)) * MODEL_ATOMIC;
	from = model_random(m) % 2 ? cut : 0;
	to = from ? c->len : cut;
	if (to > from)
		model_medium_write(m, c->host + from, c->device + from, to - from);
}

/* Is it the turn of a knob that ends all? */
static bool ends_here(struct fpga_model *m)
{
	const struct fpga_model_knobs *k = &m->knobs;
	uint64_t nr = m->counts.commands + 1;

	if (k->die_at && nr >= k->die_at) {
		model_tear(m);
		m->counts.dead = true;
		return true;
	}
	return k->drop_after && nr >= k->drop_after;
}

static void work(struct fpga_model *m, uint32_t queue)
{
	struct model_queue *q = &m->queue[queue];
	uint32_t index = q->work, code;

	m->counts.commands++;
	m->served = queue;
	code = execute(m, queue);
	if (m->hung)
		return;
	q->fetched = false;
	q->work = fpga_next(index);
	if (!m->knobs.stuck_after || m->counts.commands < m->knobs.stuck_after)
		complete(m, queue, index, code);
}

/* ---- Time --------------------------------------------------------------------------------- */

static bool is_before(const struct fpga_model *m, uint32_t i, int other)
{
	if (other < 0 || m->queue[i].due_ns != m->queue[other].due_ns)
		return other < 0 || m->queue[i].due_ns < m->queue[other].due_ns;
	return i != m->served; /* none starves */
}

/* The queue whose command is complete first, or -1. */
static int first_due(struct fpga_model *m)
{
	int first = -1;

	for (uint32_t i = WRITES; i <= READS; i++) {
		fetch(m, i);
		if (m->queue[i].fetched && is_before(m, i, first))
			first = (int)i;
	}
	return m->enabled && !m->hung && !m->counts.dead ? first : -1;
}

uint32_t fpga_model_step(struct fpga_model *m, uint64_t now_ns, uint32_t max)
{
	uint32_t nr = 0;

	if (now_ns > m->now_ns)
		m->now_ns = now_ns;
	while (!m->counts.dead && (!max || nr < max)) {
		int queue = first_due(m);

		if (queue < 0 || m->queue[queue].due_ns > m->now_ns || ends_here(m))
			break;
		work(m, (uint32_t)queue);
		nr++;
	}
	return nr;
}

uint64_t fpga_model_next_ns(struct fpga_model *m)
{
	int queue = m->counts.dead ? -1 : first_due(m);

	if (queue < 0 || (m->knobs.drop_after && m->counts.commands + 1 >= m->knobs.drop_after))
		return FPGA_MODEL_NEVER;
	return m->queue[queue].due_ns;
}
