/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <string.h>

#include "nvme_model.h"

#define STATUS_BAD 0x281u /* media error: unrecovered read */

struct nvme_model *model_new(uint64_t seed)
{
	struct nvme_model *m = calloc(1, sizeof(*m));

	m->prop = (struct prop){ .seed = seed, .state = seed };
	m->block = 512;
	m->mqes = 1023;
	m->mdts = 7;
	m->css = NVME_CAP_CSS_NVM;
	m->nr_blocks = MODEL_SIZE / 512;
	m->volatile_cache = true;
	m->ready_after = 2;
	m->shared = aligned_alloc(4096, sizeof(*m->shared));
	m->arena = aligned_alloc(4096, MODEL_ARENA);
	m->cache = calloc(1, MODEL_SIZE);
	m->medium = calloc(1, MODEL_SIZE);
	memset(m->shared, 0xaa, sizeof(*m->shared));
	return m;
}

void model_free(struct nvme_model *m)
{
	free(m->shared);
	free(m->arena);
	free(m->cache);
	free(m->medium);
	free(m);
}

static void rule(struct nvme_model *m, bool kept, const char *why)
{
	if (kept || m->broken)
		return;
	m->broken = true;
	m->why = why;
}

static void *memory(struct nvme_model *m, uint64_t bus, uint64_t len)
{
	uint64_t shared = (uintptr_t)m->shared, arena = (uintptr_t)m->arena;

	rule(m, m->bus_master, "moves without Bus Master");
	if ((bus >= shared && bus + len <= shared + sizeof(*m->shared)) ||
	    (bus >= arena && bus + len <= arena + MODEL_ARENA))
		return (void *)(uintptr_t)bus;
	rule(m, false, "an address that was not lent");
	return m->shared->identify;
}

/* ---- Commands ------------------------------------------------------------------------------ */

static void put_bytes(uint8_t *to, uint64_t v, uint32_t nr)
{
	for (; nr--; v >>= 8)
		*to++ = (uint8_t)v;
}

static void identify(struct nvme_model *m, const struct nvme_sqe *c)
{
	uint8_t *id = memory(m, nvme_le64(c->prp1), 4096);

	memset(id, 0, 4096);
	if (nvme_le32(c->cdw10) == NVME_IDENTIFY_CONTROLLER) {
		id[NVME_ID_MDTS] = (uint8_t)m->mdts;
		id[NVME_ID_VWC] = m->volatile_cache;
		put_bytes(id + NVME_ID_NN, 1, 4);
		put_bytes(id + NVME_ID_AWUPF, 7, 2);
		return;
	}
	put_bytes(id + NVME_ID_NSZE, m->nr_blocks, 8);
	id[NVME_ID_FLBAS] = 3;
	id[NVME_ID_DPS] = (uint8_t)m->dps;
	id[NVME_ID_NSATTR] = (uint8_t)m->nsattr;
	put_bytes(id + NVME_ID_LBAF + 12, m->metadata, 2);
	id[NVME_ID_LBAF + 14] = (uint8_t)__builtin_ctz(m->block);
}

static uint32_t do_admin(struct nvme_model *m, const struct nvme_sqe *c)
{
	uint32_t nr = (nvme_le32(c->cdw10) >> 16) + 1;

	switch (nvme_le32(c->opcode_cid) & 0xff) {
	case NVME_ADMIN_IDENTIFY:
		identify(m, c);
		return 0;
	case NVME_ADMIN_SET_FEATURES:
		return 0;
	case NVME_ADMIN_CREATE_CQ:
		rule(m, nr <= m->mqes + 1, "a queue longer than allowed");
		m->q[1].cq = memory(m, nvme_le64(c->prp1), nr * sizeof(struct nvme_cqe));
		return 0;
	case NVME_ADMIN_CREATE_SQ:
		m->q[1].sq = memory(m, nvme_le64(c->prp1), nr * sizeof(struct nvme_sqe));
		m->q[1].nr = nr;
		m->q[1].phase = 1;
		return 0;
	}
	return STATUS_BAD;
}

/* The bus address of page @i of a command. */
static uint64_t prp(struct nvme_model *m, const struct nvme_sqe *c, uint32_t i, uint32_t nr)
{
	const uint64_t *list;

	if (!i)
		return nvme_le64(c->prp1);
	if (nr == 2)
		return nvme_le64(c->prp2);
	rule(m, nvme_le64(c->prp2) % 4096 + (nr - 1) * 8ull <= 4096,
	     "a PRP list over a page's end");
	list = memory(m, nvme_le64(c->prp2), (nr - 1) * 8ull);
	return nvme_le64(list[i - 1]);
}

static uint32_t do_move(struct nvme_model *m, const struct nvme_sqe *c)
{
	uint64_t off = (nvme_le32(c->cdw10) | (uint64_t)nvme_le32(c->cdw11) << 32) * m->block;
	uint32_t len = ((nvme_le32(c->cdw12) & 0xffff) + 1) * m->block;
	uint32_t nr = (len + 4095) / 4096;

	rule(m, !(nvme_le32(c->cdw12) & 0x3fff0000), "reserved bits in dword 12");
	rule(m, !m->mdts || len <= 4096u << m->mdts, "longer than MDTS");
	if (off + len > MODEL_SIZE)
		return STATUS_BAD;
	m->longest = len > m->longest ? len : m->longest;
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t n = len - i * 4096 < 4096 ? len - i * 4096 : 4096;
		uint64_t bus = prp(m, c, i, nr);
		uint8_t *p = memory(m, bus, n);

		rule(m, bus % 4096 == 0, "a PRP entry with an offset");
		if ((nvme_le32(c->opcode_cid) & 0xff) == NVME_READ)
			memcpy(p, m->cache + off + i * 4096ull, n);
		else
			memcpy(m->cache + off + i * 4096ull, p, n);
	}
	if (nvme_le32(c->cdw12) & NVME_FUA)
		memcpy(m->medium + off, m->cache + off, len);
	return 0;
}

static uint32_t do_io(struct nvme_model *m, const struct nvme_sqe *c)
{
	uint32_t op = nvme_le32(c->opcode_cid) & 0xff;

	m->nr_commands++;
	rule(m, nvme_le32(c->nsid) == 1, "another namespace");
	if (m->fail_at && !--m->fail_at)
		return STATUS_BAD;
	if (op == NVME_FLUSH) {
		m->nr_flushes++;
		memcpy(m->medium, m->cache, MODEL_SIZE);
		return 0;
	}
	rule(m, op == NVME_READ || op == NVME_WRITE, "an unknown opcode");
	return do_move(m, c);
}

/* ---- Queues -------------------------------------------------------------------------------- */

static void complete(struct nvme_model *m, uint32_t id, uint32_t cid, uint32_t status)
{
	struct nvme_cqe *cqe = &m->q[id].cq[m->q[id].cq_tail];

	cqe->result = 0;
	cqe->sq = nvme_le32(m->q[id].head | id << 16);
	cqe->cid_status = nvme_le32(cid | m->q[id].phase << 16 | status << 17);
	if (++m->q[id].cq_tail == m->q[id].nr) {
		m->q[id].cq_tail = 0;
		m->q[id].phase ^= 1;
	}
	rule(m, m->q[id].cq_tail != m->q[id].cq_head, "the completion queue overflows");
}

static void work_one(struct nvme_model *m, uint32_t id)
{
	uint32_t at = (uint32_t)prop_below(&m->prop, m->q[id].nr_pending);
	struct nvme_sqe c = m->q[id].pending[at];
	uint32_t cid = nvme_le32(c.opcode_cid) >> 16;

	m->q[id].pending[at] = m->q[id].pending[--m->q[id].nr_pending];
	if (id && m->lies)
		cid ^= 32;
	complete(m, id, cid, id ? do_io(m, &c) : do_admin(m, &c));
}

void model_work(struct nvme_model *m, uint32_t nr)
{
	if (m->gone || m->fatal || !m->bus_master || !(m->csts & NVME_CSTS_READY))
		return;
	if (m->q[0].nr_pending)
		work_one(m, 0);
	while (nr-- && m->q[1].nr_pending && !m->stuck)
		work_one(m, 1);
}

static void doorbell(struct nvme_model *m, uint32_t index, uint32_t val)
{
	uint32_t id = index / 2;

	m->nr_doorbells += id;
	rule(m, id < 2 && m->q[id].nr && val < m->q[id].nr, "a doorbell out of range");
	if (m->broken || !m->bus_master)
		return;
	if (index % 2) {
		m->q[id].cq_head = val;
		return;
	}
	for (; m->q[id].head != val; m->q[id].head = (m->q[id].head + 1) % m->q[id].nr) {
		rule(m, m->q[id].nr_pending < m->q[id].nr - 1, "more in flight than entries");
		if (m->broken)
			return;
		m->q[id].pending[m->q[id].nr_pending++] = m->q[id].sq[m->q[id].head];
	}
}

/* ---- Registers ----------------------------------------------------------------------------- */

static uint32_t status(struct nvme_model *m)
{
	if (m->looks && !--m->looks)
		m->csts = m->want;
	if (prop_below(&m->prop, 4) == 0)
		model_work(m, 1);
	return m->csts | (m->fatal ? NVME_CSTS_FATAL : 0);
}

static uint32_t model_read(void *ctx, uint32_t reg)
{
	struct nvme_model *m = ctx;

	if (m->gone)
		return ~0u;
	switch (reg) {
	case NVME_CAP:
		return m->mqes | 1u << 24;
	case NVME_CAP + 4:
		return m->dstrd | m->css | m->mpsmin << 16;
	case NVME_CC:
		return m->cc;
	case NVME_CSTS:
		return status(m);
	}
	rule(m, false, "reads an unknown register");
	return 0;
}

static void set_cc(struct nvme_model *m, uint32_t val)
{
	bool on = val & NVME_CC_ENABLE, was = m->cc & NVME_CC_ENABLE;

	m->cc = val;
	m->looks = m->ready_after + 1;
	m->want = on ? NVME_CSTS_READY : 0;
	if (val & NVME_CC_SHUTDOWN) {
		memcpy(m->medium, m->cache, MODEL_SIZE);
		m->was_shut_down = true;
		m->want |= NVME_CSTS_SHUTDOWN_END;
	}
	if (!on)
		memset(m->q, 0, sizeof(m->q));
	if (!on || was)
		return;
	m->q[0].nr = (m->aqa & 0xfff) + 1;
	m->q[0].phase = 1;
	m->q[0].sq = memory(m, m->asq, m->q[0].nr * sizeof(struct nvme_sqe));
	m->q[0].cq = memory(m, m->acq, m->q[0].nr * sizeof(struct nvme_cqe));
}

static void model_write(void *ctx, uint32_t reg, uint32_t val)
{
	struct nvme_model *m = ctx;
	uint32_t stride = 4u << m->dstrd;

	if (m->gone)
		return;
	switch (reg) {
	case NVME_CC:
		set_cc(m, val);
		return;
	case NVME_AQA:
		m->aqa = val;
		return;
	case NVME_ASQ:
		m->asq = val;
		return;
	case NVME_ASQ + 4:
		m->asq |= (uint64_t)val << 32;
		return;
	case NVME_ACQ:
		m->acq = val;
		return;
	case NVME_ACQ + 4:
		m->acq |= (uint64_t)val << 32;
		return;
	}
	if (reg >= NVME_DOORBELLS && (reg - NVME_DOORBELLS) % stride == 0)
		doorbell(m, (reg - NVME_DOORBELLS) / stride, val);
	else
		rule(m, false, "writes an unknown register");
}

static uint64_t model_now(void *ctx)
{
	return ((struct nvme_model *)ctx)->now_ns += 10000;
}

static void model_relax(void *ctx)
{
	struct nvme_model *m = ctx;

	m->now_ns += 1000;
	model_work(m, (uint32_t)prop_below(&m->prop, 4));
}

static void model_bus_master(void *ctx, bool on)
{
	((struct nvme_model *)ctx)->bus_master = on;
}

struct nvme_env model_env(struct nvme_model *m)
{
	return (struct nvme_env){ .ctx = m,
				  .read32 = model_read,
				  .write32 = model_write,
				  .now_ns = model_now,
				  .relax = model_relax,
				  .bus_master = model_bus_master,
				  .bar_len = 16384,
				  .nsid = 1 };
}
