/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "fpga_ring.h"
#include "plat.h"

#define BATCH	   64u /* commands that are worth a doorbell whatever is in flight */
#define STATE	   (FPGA_STATUS_READY | FPGA_STATUS_ENABLED | FPGA_STATUS_HALTED)
#define LOOK_NS	   1000000ull /* between two looks at STATUS */
#define MEDIUM_MAX (1ull << 56)

static uint32_t get(const struct fpga_env *env, uint32_t reg)
{
	return env->read32(env->ctx, reg);
}

static uint64_t get64(const struct fpga_env *env, uint32_t reg)
{
	return (uint64_t)get(env, reg + 4) << 32 | get(env, reg);
}

static void put(const struct fpga_env *env, uint32_t reg, uint32_t val)
{
	env->write32(env->ctx, reg, val);
}

static void put64(const struct fpga_env *env, uint32_t reg, uint64_t val)
{
	put(env, reg, (uint32_t)val);
	put(env, reg + 4, (uint32_t)(val >> 32));
}

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* ---- What it is --------------------------------------------------------------------------- */

static bool read_limits(const struct fpga_env *env, struct fpga_info *info)
{
	uint32_t bits = get(env, FPGA_ADDRESS_BITS);

	info->caps = get(env, FPGA_CAPS);
	info->medium_size = get64(env, FPGA_MEDIUM_LO);
	info->max_transfer = get(env, FPGA_MAX_TRANSFER);
	info->max_inflight = get(env, FPGA_MAX_INFLIGHT);
	info->max_slots = get(env, FPGA_MAX_SLOTS);
	info->atomic_len = get(env, FPGA_ATOMIC);
	if (bits < 32 || bits > 64)
		return false;
	info->bus_limit = ~(uint64_t)0 >> (64 - bits);
	return info->medium_size && info->medium_size % 4096 == 0 &&
	       info->medium_size <= MEDIUM_MAX && info->max_transfer &&
	       info->max_transfer % FPGA_TRANSFER_MIN == 0 && info->max_inflight &&
	       is_power_of_two(info->max_slots) && info->max_slots >= FPGA_SLOTS_MIN &&
	       info->max_slots <= FPGA_SLOTS_MAX && info->atomic_len <= 4096 &&
	       (!info->atomic_len || is_power_of_two(info->atomic_len));
}

int wppi_fpga_identify(const struct fpga_env *env, struct fpga_info *info, uint32_t *fault)
{
	uint32_t magic = get(env, FPGA_MAGIC);

	wpp_memset(info, 0, sizeof(*info));
	info->version = get(env, FPGA_VERSION);
	*fault = FPGA_GONE;
	if (magic == ~(uint32_t)0)
		return WPP_EIO;
	*fault = FPGA_NOT_OURS;
	if (magic != FPGA_MAGIC_VALUE || info->version >> 16 != FPGA_VERSION_MAJOR)
		return WPP_EFORMAT;
	*fault = FPGA_BAD_LIMITS;
	if (!read_limits(env, info))
		return WPP_EFORMAT;
	*fault = FPGA_OK;
	return 0;
}

/* ---- Reset and set-up --------------------------------------------------------------------- */

/* Stops the device; FPGA_OK: it confirmed that it makes no access to host memory any more. */
static enum fpga_fault reset(struct fpga_ring *ring)
{
	const struct fpga_env *env = &ring->env;
	uint64_t begin = env->now_ns(env->ctx);
	uint32_t status;

	put(env, FPGA_CONTROL, FPGA_CONTROL_RESET);
	for (;;) {
		status = get(env, FPGA_STATUS);
		if (status & FPGA_STATUS_MUST_BE_ZERO)
			return FPGA_GONE;
		if (status & FPGA_STATUS_READY)
			break;
		if (env->now_ns(env->ctx) - begin > env->timeout_ns)
			return FPGA_STUCK_RESET;
		env->relax(env->ctx);
	}
	return status & (FPGA_STATUS_ENABLED | FPGA_STATUS_HALTED) ? FPGA_STUCK_RESET : FPGA_OK;
}

/* Reset and no way to memory. Where the reset is not confirmed, Bus Master does it. */
static enum fpga_fault silence(struct fpga_ring *ring)
{
	const struct fpga_env *env = &ring->env;
	enum fpga_fault fault = reset(ring);

	if (env->bus_master)
		env->bus_master(env->ctx, false);
	ring->quiet = fault == FPGA_OK || env->bus_master;
	return fault;
}

static int give_up(struct fpga_ring *ring, enum fpga_fault fault)
{
	ring->fault = fault;
	silence(ring);
	return WPP_EIO;
}

static void set_up_queue(struct fpga_ring *ring, struct fpga_queue *q)
{
	const struct fpga_env *env = &ring->env;

	q->reaped = q->rung = q->posted = q->mem.first_index;
	q->moved = false;
	put64(env, q->reg + FPGA_BASE_LO, q->mem.bus);
	put(env, q->reg + FPGA_SLOTS, q->mem.nr_slots);
	put(env, q->reg + FPGA_PRODUCER, q->mem.first_index);
}

static void note_halt(struct fpga_ring *ring)
{
	ring->error = get(&ring->env, FPGA_ERROR);
	ring->error_index = get(&ring->env, FPGA_ERROR_INDEX);
}

static int start(struct fpga_ring *ring)
{
	const struct fpga_env *env = &ring->env;
	uint32_t status;

	ring->fault = FPGA_OK;
	ring->error = ring->error_index = 0;
	if (env->bus_master)
		env->bus_master(env->ctx, true);
	for (int i = 0; i < FPGA_QUEUES; i++)
		set_up_queue(ring, &ring->queue[i]);
	ring->quiet = false;
	put(env, FPGA_CONTROL, FPGA_CONTROL_ENABLE);
	status = get(env, FPGA_STATUS);
	ring->resets = status >> FPGA_STATUS_RESETS_SHIFT;
	ring->looked_ns = env->now_ns(env->ctx);
	if (status & FPGA_STATUS_MUST_BE_ZERO)
		return give_up(ring, FPGA_GONE);
	if ((status & STATE) == (FPGA_STATUS_READY | FPGA_STATUS_ENABLED))
		return 0;
	note_halt(ring);
	return give_up(ring, FPGA_HALTED);
}

int wppi_fpga_ring_restart(struct fpga_ring *ring)
{
	enum fpga_fault fault = silence(ring);

	if (!fault)
		return start(ring);
	ring->fault = fault;
	return WPP_EIO;
}

void wppi_fpga_ring_stop(struct fpga_ring *ring)
{
	if (!ring->ours)
		return;
	silence(ring);
	for (int i = 0; i < FPGA_QUEUES; i++)
		ring->queue[i].reaped = ring->queue[i].rung = ring->queue[i].posted;
}

static bool mem_is_valid(const struct fpga_mem *mem, const struct fpga_info *info)
{
	return mem->slot && is_power_of_two(mem->nr_slots) && mem->nr_slots >= FPGA_SLOTS_MIN &&
	       mem->nr_slots <= info->max_slots && mem->bus % 4096 == 0 &&
	       mem->bus <= info->bus_limit - (uint64_t)mem->nr_slots * FPGA_SLOT_SIZE &&
	       mem->first_index % FPGA_SLOTS_MIN != FPGA_UNUSABLE;
}

static void init_queue(struct fpga_queue *q, const struct fpga_mem *mem, uint32_t reg,
		       const struct fpga_info *info)
{
	uint32_t capacity = fpga_capacity(mem->nr_slots);

	q->mem = *mem;
	q->reg = reg;
	q->limit = info->max_inflight < capacity ? info->max_inflight : capacity;
}

int wppi_fpga_ring_open(struct fpga_ring *ring, const struct fpga_env *env,
			const struct fpga_mem mem[FPGA_QUEUES])
{
	int err;

	wpp_memset(ring, 0, sizeof(*ring));
	ring->env = *env;
	if (!ring->env.timeout_ns)
		ring->env.timeout_ns = FPGA_TIMEOUT_NS;
	ring->quiet = true;
	err = wppi_fpga_identify(env, &ring->info, &ring->fault);
	if (err)
		return err;
	if (!mem_is_valid(&mem[FPGA_WRITES], &ring->info) ||
	    !mem_is_valid(&mem[FPGA_READS], &ring->info))
		return WPP_EINVAL;
	init_queue(&ring->queue[FPGA_WRITES], &mem[FPGA_WRITES], FPGA_WRITE_QUEUE, &ring->info);
	init_queue(&ring->queue[FPGA_READS], &mem[FPGA_READS], FPGA_READ_QUEUE, &ring->info);
	ring->ours = true;
	return wppi_fpga_ring_restart(ring);
}

/* ---- Commands ----------------------------------------------------------------------------- */

uint32_t wppi_fpga_ring_room(const struct fpga_ring *ring, enum fpga_queue_id id)
{
	const struct fpga_queue *q = &ring->queue[id];

	return q->limit - fpga_distance(q->reaped, q->posted);
}

bool wppi_fpga_ring_idle(const struct fpga_ring *ring, enum fpga_queue_id id)
{
	return ring->queue[id].reaped == ring->queue[id].posted;
}

uint32_t wppi_fpga_ring_post(struct fpga_ring *ring, enum fpga_queue_id id, enum fpga_opcode op,
			     uint64_t bus, uint64_t device, uint32_t len)
{
	struct fpga_queue *q = &ring->queue[id];
	uint32_t index = q->posted;

	WPP_ASSERT(wppi_fpga_ring_room(ring, id));
	q->mem.slot[index & (q->mem.nr_slots - 1)] = (struct fpga_command){
		.host = fpga_le64(bus),
		.device = fpga_le64(device),
		.len = fpga_le32(len),
		.op = fpga_le32(op),
		.tag = fpga_le32(index),
	};
	q->posted = fpga_next(index);
	return index;
}

void wppi_fpga_ring_kick(struct fpga_ring *ring, enum fpga_queue_id id)
{
	struct fpga_queue *q = &ring->queue[id];
	uint32_t waiting = fpga_distance(q->rung, q->posted);
	uint32_t with_device = fpga_distance(q->reaped, q->rung);

	if (!waiting || (waiting < BATCH && waiting < with_device))
		return;
	if (!with_device)
		q->moved = true; /* the time-out starts anew */
	q->rung = q->posted;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	put(&ring->env, q->reg + FPGA_PRODUCER, q->rung);
}

bool wppi_fpga_ring_reap(struct fpga_ring *ring, enum fpga_queue_id id, uint32_t *code)
{
	struct fpga_queue *q = &ring->queue[id];
	const struct fpga_command *slot = &q->mem.slot[q->reaped & (q->mem.nr_slots - 1)];

	if (q->reaped == q->rung || ring->fault)
		return false;
	*code = fpga_le32(__atomic_load_n(&slot->status, __ATOMIC_ACQUIRE));
	if (*code == FPGA_PENDING)
		return false;
	if (*code > FPGA_MEDIUM_FAULT)
		*code = FPGA_MEDIUM_FAULT;
	q->reaped = fpga_next(q->reaped);
	q->moved = true;
	return true;
}

/* ---- Is it still there -------------------------------------------------------------------- */

static enum fpga_fault look(struct fpga_ring *ring)
{
	uint32_t status = get(&ring->env, FPGA_STATUS);

	if (status & FPGA_STATUS_MUST_BE_ZERO)
		return FPGA_GONE;
	if (status >> FPGA_STATUS_RESETS_SHIFT != ring->resets)
		return FPGA_TAKEN;
	if ((status & STATE) == (FPGA_STATUS_READY | FPGA_STATUS_ENABLED))
		return FPGA_OK;
	note_halt(ring);
	return FPGA_HALTED;
}

/* No command of this queue was completed for too long. */
static bool is_late(const struct fpga_ring *ring, struct fpga_queue *q, uint64_t now)
{
	if (q->moved) {
		q->moved = false;
		q->progress_ns = now;
	}
	return q->reaped != q->rung && now - q->progress_ns > ring->env.timeout_ns;
}

int wppi_fpga_ring_check(struct fpga_ring *ring)
{
	enum fpga_fault fault = FPGA_OK;
	bool late = false;
	uint64_t now;

	if (ring->fault)
		return WPP_EIO;
	now = ring->env.now_ns(ring->env.ctx);
	for (int i = 0; i < FPGA_QUEUES; i++)
		late |= is_late(ring, &ring->queue[i], now);
	if (late || now - ring->looked_ns >= LOOK_NS) {
		ring->looked_ns = now;
		fault = look(ring);
	}
	if (!fault && late)
		fault = FPGA_TIMEOUT;
	return fault ? give_up(ring, fault) : 0;
}
