/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Bringing an NVMe controller up and down: reset, identify, one pair of I/O queues. */
#include "nvme_polled.h"

#define GONE	  0xffffffffu
#define LBADS_MIN 9u
#define LBADS_MAX 12u

static uint32_t get(const struct nvme *nv, uint32_t reg)
{
	return nv->env.read32(nv->env.ctx, reg);
}

static void put(const struct nvme *nv, uint32_t reg, uint32_t val)
{
	nv->env.write32(nv->env.ctx, reg, val);
}

static void put64(const struct nvme *nv, uint32_t reg, uint64_t val)
{
	put(nv, reg, (uint32_t)val);
	put(nv, reg + 4, (uint32_t)(val >> 32));
}

static int fail(struct nvme *nv, enum nvme_fault fault)
{
	if (!nv->fault)
		nv->fault = fault;
	return fault == NVME_UNFIT ? WPP_EFORMAT : WPP_EIO;
}

const char *nvme_fault_text(enum nvme_fault fault)
{
	switch (fault) {
	case NVME_OK:
		return "works";
	case NVME_UNFIT:
		return "not a controller or namespace that can be used";
	case NVME_GONE:
		return "is gone";
	case NVME_FATAL:
		return "reports a fatal error";
	case NVME_NOT_READY:
		return "is not ready";
	case NVME_TIMEOUT:
		return "does not answer in time";
	case NVME_NONSENSE:
		return "completed what was not asked for";
	}
	return "unknown";
}

/* Wait until @mask of the status is @want; a fatal status counts only when @fatal. */
static enum nvme_fault wait_status(struct nvme *nv, uint32_t mask, uint32_t want, uint64_t limit_ns,
				   bool fatal)
{
	uint64_t start = nv->env.now_ns(nv->env.ctx);

	for (;;) {
		uint32_t csts = get(nv, NVME_CSTS);

		if (csts == GONE)
			return NVME_GONE;
		if (fatal && csts & NVME_CSTS_FATAL)
			return NVME_FATAL;
		if ((csts & mask) == want)
			return NVME_OK;
		if (nv->env.now_ns(nv->env.ctx) - start >= limit_ns)
			return NVME_NOT_READY;
		nv->env.relax(nv->env.ctx);
	}
}

/* The controller may ask for more patience than ours. */
static uint64_t ready_ns(const struct nvme *nv)
{
	uint64_t its = nv->info.ready_ms * 1000000ull;

	return its > nv->env.timeout_ns ? its : nv->env.timeout_ns;
}

static enum nvme_fault disable(struct nvme *nv, uint64_t limit_ns)
{
	put(nv, NVME_CC, 0);
	return wait_status(nv, NVME_CSTS_READY, 0, limit_ns, false);
}

enum nvme_fault nvme_look(struct nvme *nv)
{
	uint32_t csts = get(nv, NVME_CSTS);

	if (csts == GONE)
		return NVME_GONE;
	if (csts & NVME_CSTS_FATAL)
		return NVME_FATAL;
	return csts & NVME_CSTS_READY ? NVME_OK : NVME_NOT_READY;
}

void nvme_give_up(struct nvme *nv, enum nvme_fault fault)
{
	if (nv->lost)
		return;
	nv->lost = true;
	if (!nv->fault)
		nv->fault = fault;
	/* First what stops its DMA for sure; whether it resets itself as well is its own affair. */
	nv->env.bus_master(nv->env.ctx, false);
	if (fault != NVME_GONE)
		(void)disable(nv, nv->env.timeout_ns);
}

void nvme_stop(struct nvme *nv)
{
	if (!nv->lost) {
		put(nv, NVME_CC, get(nv, NVME_CC) | NVME_CC_SHUTDOWN);
		(void)wait_status(nv, NVME_CSTS_SHUTDOWN, NVME_CSTS_SHUTDOWN_END,
				  nv->env.timeout_ns, true);
		(void)disable(nv, nv->env.timeout_ns);
		nv->env.bus_master(nv->env.ctx, false);
	}
	nv->lost = true;
}

static int read_caps(struct nvme *nv)
{
	uint32_t lo = get(nv, NVME_CAP), hi = get(nv, NVME_CAP + 4);
	struct nvme_info *info = &nv->info;

	if (lo == GONE && hi == GONE)
		return fail(nv, NVME_GONE);
	info->stride = 4u << NVME_CAP_DSTRD(hi);
	info->ready_ms = 500 * NVME_CAP_TO(lo);
	info->nr_entries =
		NVME_CAP_MQES(lo) + 1 < NVME_ENTRIES ? NVME_CAP_MQES(lo) + 1 : NVME_ENTRIES;
	if (!(hi & NVME_CAP_CSS_NVM) || NVME_CAP_MPSMIN(hi) || info->nr_entries < 2 ||
	    nv->env.bar_len < NVME_DOORBELLS + 4ull * info->stride)
		return fail(nv, NVME_UNFIT);
	return 0;
}

static uint64_t bus_of(const struct nvme *nv, const void *p)
{
	return nv->bus + (uint64_t)((const uint8_t *)p - (const uint8_t *)nv->shared);
}

static int enable(struct nvme *nv)
{
	uint32_t last = NVME_ENTRIES - 1;
	enum nvme_fault fault = disable(nv, ready_ns(nv));

	if (fault)
		return fail(nv, fault);
	nvme_queue_init(&nv->admin, 0, nv->shared->admin_sq, nv->shared->admin_cq, NVME_ENTRIES);
	put(nv, NVME_AQA, last << 16 | last);
	put64(nv, NVME_ASQ, bus_of(nv, nv->shared->admin_sq));
	put64(nv, NVME_ACQ, bus_of(nv, nv->shared->admin_cq));
	put(nv, NVME_CC, NVME_CC_ENABLE | NVME_CC_ENTRY_SIZES);
	fault = wait_status(nv, NVME_CSTS_READY, NVME_CSTS_READY, ready_ns(nv), true);
	return fault ? fail(nv, fault) : 0;
}

/* One admin command, waited for. */
static int admin(struct nvme *nv, struct nvme_sqe *sqe)
{
	uint64_t start = nv->env.now_ns(nv->env.ctx);
	uint32_t cid = nv->admin.tail;
	struct nvme_cqe cqe;

	sqe->opcode_cid = nvme_le32(sqe->opcode_cid | cid << 16);
	nvme_queue_put(&nv->admin, sqe);
	nvme_queue_ring(nv, &nv->admin);
	while (!nvme_queue_get(&nv->admin, &cqe)) {
		enum nvme_fault fault = nvme_look(nv);

		if (!fault && nv->env.now_ns(nv->env.ctx) - start >= nv->env.timeout_ns)
			fault = NVME_TIMEOUT;
		if (fault)
			return fail(nv, fault);
		nv->env.relax(nv->env.ctx);
	}
	nvme_queue_ack(nv, &nv->admin);
	if (NVME_CQE_CID(cqe.cid_status) != cid)
		return fail(nv, NVME_NONSENSE);
	return NVME_CQE_STATUS(cqe.cid_status) ? fail(nv, NVME_UNFIT) : 0;
}

static int identify(struct nvme *nv, uint32_t what, uint32_t nsid)
{
	struct nvme_sqe sqe = { .opcode_cid = NVME_ADMIN_IDENTIFY,
				.nsid = nvme_le32(nsid),
				.prp1 = nvme_le64(bus_of(nv, nv->shared->identify)),
				.cdw10 = nvme_le32(what) };

	return admin(nv, &sqe);
}

static uint64_t id_bytes(const struct nvme *nv, uint32_t at, uint32_t nr)
{
	uint64_t v = 0;

	while (nr--)
		v = v << 8 | nv->shared->identify[at + nr];
	return v;
}

static int identify_controller(struct nvme *nv, uint32_t *atomic_blocks)
{
	int err = identify(nv, NVME_IDENTIFY_CONTROLLER, 0);
	uint32_t mdts;

	if (err)
		return err;
	mdts = (uint32_t)id_bytes(nv, NVME_ID_MDTS, 1);
	nv->info.io_max = NVME_IO_MAX;
	if (mdts && mdts < 8)
		nv->info.io_max = WPP_PAGE_SIZE << mdts;
	nv->info.volatile_cache = id_bytes(nv, NVME_ID_VWC, 1) & 1;
	*atomic_blocks = (uint32_t)id_bytes(nv, NVME_ID_AWUPF, 2) + 1;
	if (nv->env.nsid > id_bytes(nv, NVME_ID_NN, 4))
		return fail(nv, NVME_UNFIT);
	return 0;
}

static int identify_namespace(struct nvme *nv, uint32_t atomic_blocks)
{
	struct nvme_info *info = &nv->info;
	int err = identify(nv, NVME_IDENTIFY_NAMESPACE, nv->env.nsid);
	uint32_t flbas, lbaf, shift;
	uint64_t blocks;

	if (err)
		return err;
	blocks = id_bytes(nv, NVME_ID_NSZE, 8);
	flbas = (uint32_t)id_bytes(nv, NVME_ID_FLBAS, 1);
	lbaf = (uint32_t)id_bytes(nv, NVME_ID_LBAF + 4 * ((flbas & 0xf) | (flbas >> 1 & 0x30)), 4);
	shift = lbaf >> 16 & 0xff;
	if (lbaf & 0xffff || shift < LBADS_MIN || shift > LBADS_MAX || !blocks ||
	    blocks > UINT64_MAX >> shift || id_bytes(nv, NVME_ID_DPS, 1) & NVME_DPS_TYPE ||
	    id_bytes(nv, NVME_ID_NSATTR, 1) & NVME_NSATTR_WRITE_PROTECT)
		return fail(nv, NVME_UNFIT);
	info->size = blocks << shift;
	info->shift = shift;
	info->block = 1u << shift;
	info->atomic_len =
		atomic_blocks > info->io_max >> shift ? info->io_max : atomic_blocks << shift;
	return 0;
}

static int make_queues(struct nvme *nv)
{
	uint32_t last = nv->info.nr_entries - 1;
	struct nvme_sqe want = { .opcode_cid = NVME_ADMIN_SET_FEATURES,
				 .cdw10 = nvme_le32(NVME_FEATURE_QUEUES) };
	struct nvme_sqe cq = { .opcode_cid = NVME_ADMIN_CREATE_CQ,
			       .prp1 = nvme_le64(bus_of(nv, nv->shared->cq)),
			       .cdw10 = nvme_le32(last << 16 | 1),
			       .cdw11 = nvme_le32(NVME_QUEUE_CONTIGUOUS) };
	struct nvme_sqe sq = { .opcode_cid = NVME_ADMIN_CREATE_SQ,
			       .prp1 = nvme_le64(bus_of(nv, nv->shared->sq)),
			       .cdw10 = nvme_le32(last << 16 | 1),
			       .cdw11 = nvme_le32(1u << 16 | NVME_QUEUE_CONTIGUOUS) };
	int err;

	nvme_queue_init(&nv->io, 1, nv->shared->sq, nv->shared->cq, nv->info.nr_entries);
	err = admin(nv, &want);
	if (!err)
		err = admin(nv, &cq);
	return err ? err : admin(nv, &sq);
}

int nvme_start(struct nvme *nv)
{
	uint32_t atomic_blocks = 0;
	int err = read_caps(nv);

	if (!err) {
		nv->env.bus_master(nv->env.ctx, true);
		err = enable(nv);
	}
	if (!err)
		err = identify_controller(nv, &atomic_blocks);
	if (!err)
		err = identify_namespace(nv, atomic_blocks);
	if (!err)
		err = make_queues(nv);
	if (err)
		nvme_give_up(nv, nv->fault);
	return err;
}
