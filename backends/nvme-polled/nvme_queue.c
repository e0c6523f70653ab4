/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One pair of NVMe queues: entries, phases and doorbells. */
#include "nvme_polled.h"

void nvme_queue_init(struct nvme_queue *q, uint32_t id, struct nvme_sqe *sq, struct nvme_cqe *cq,
		     uint32_t nr)
{
	*q = (struct nvme_queue){ .sq = sq, .cq = cq, .nr = nr, .id = id, .phase = 1 };
	for (uint32_t i = 0; i < nr; i++)
		cq[i] = (struct nvme_cqe){ .cid_status = 0 };
}

void nvme_queue_put(struct nvme_queue *q, const struct nvme_sqe *sqe)
{
	q->sq[q->tail] = *sqe;
	q->tail = q->tail + 1 == q->nr ? 0 : q->tail + 1;
}

uint32_t nvme_queue_unrung(const struct nvme_queue *q)
{
	return q->tail >= q->rung ? q->tail - q->rung : q->tail + q->nr - q->rung;
}

void nvme_queue_ring(struct nvme *nv, struct nvme_queue *q)
{
	if (q->rung == q->tail)
		return;
	q->rung = q->tail;
	nv->env.write32(nv->env.ctx, NVME_DOORBELLS + 2 * q->id * nv->info.stride, q->tail);
}

bool nvme_queue_get(struct nvme_queue *q, struct nvme_cqe *cqe)
{
	struct nvme_cqe *slot = &q->cq[q->head];
	/* The phase first, the rest behind it. */
	uint32_t cid_status = nvme_le32(__atomic_load_n(&slot->cid_status, __ATOMIC_ACQUIRE));

	if (NVME_CQE_PHASE(cid_status) != q->phase)
		return false;
	cqe->cid_status = cid_status;
	cqe->result = nvme_le32(slot->result);
	cqe->sq = nvme_le32(slot->sq);
	if (++q->head == q->nr) {
		q->head = 0;
		q->phase ^= 1;
	}
	return true;
}

void nvme_queue_ack(struct nvme *nv, struct nvme_queue *q)
{
	nv->env.write32(nv->env.ctx, NVME_DOORBELLS + (2 * q->id + 1) * nv->info.stride, q->head);
}
