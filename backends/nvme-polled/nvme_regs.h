/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The part of the NVM Express base specification (2.0) that the polled driver
 * uses: registers, queue entries, identify data. Freestanding.
 */
#ifndef WPP_NVME_REGS_H
#define WPP_NVME_REGS_H

#include <wpp/types.h>

/* Registers in BAR0; 64-bit ones are accessed as two halves, low first. */
enum nvme_reg {
	NVME_CAP = 0x00,
	NVME_VS = 0x08,
	NVME_CC = 0x14,
	NVME_CSTS = 0x1c,
	NVME_AQA = 0x24,
	NVME_ASQ = 0x28,
	NVME_ACQ = 0x30,
	NVME_DOORBELLS = 0x1000,
};

/* CAP, low half */
#define NVME_CAP_MQES(lo) ((lo)&0xffffu)       /* largest queue, entries - 1 */
#define NVME_CAP_TO(lo)	  ((lo) >> 24 & 0xffu) /* until ready, in 500 ms */
/* CAP, high half */
#define NVME_CAP_DSTRD(hi)  ((hi)&0xfu)
#define NVME_CAP_CSS_NVM    (1u << 5)
#define NVME_CAP_MPSMIN(hi) ((hi) >> 16 & 0xfu)

#define NVME_CC_ENABLE	    (1u << 0)
#define NVME_CC_SHUTDOWN    (1u << 14)
#define NVME_CC_ENTRY_SIZES (6u << 16 | 4u << 20) /* 64 and 16 bytes */

#define NVME_CSTS_READY	       (1u << 0)
#define NVME_CSTS_FATAL	       (1u << 1)
#define NVME_CSTS_SHUTDOWN     (3u << 2)
#define NVME_CSTS_SHUTDOWN_END (2u << 2)

enum nvme_admin_opcode {
	NVME_ADMIN_CREATE_SQ = 0x01,
	NVME_ADMIN_CREATE_CQ = 0x05,
	NVME_ADMIN_IDENTIFY = 0x06,
	NVME_ADMIN_SET_FEATURES = 0x09,
};
#define NVME_IDENTIFY_NAMESPACE	 0u
#define NVME_IDENTIFY_CONTROLLER 1u
#define NVME_FEATURE_QUEUES	 7u
#define NVME_QUEUE_CONTIGUOUS	 1u

enum nvme_opcode {
	NVME_FLUSH = 0x00,
	NVME_WRITE = 0x01,
	NVME_READ = 0x02,
};

#define NVME_FUA (1u << 30) /* dword 12 of a write */

/* Little-endian, as all that follows. */
struct nvme_sqe {
	uint32_t opcode_cid; /* opcode 7:0, command id 31:16 */
	uint32_t nsid;
	uint64_t reserved;
	uint64_t metadata;
	uint64_t prp1, prp2;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
_Static_assert(sizeof(struct nvme_sqe) == 64, "NVMe 3.3.3.1");

struct nvme_cqe {
	uint32_t result;
	uint32_t reserved;
	uint32_t sq;	     /* head 15:0, queue id 31:16 */
	uint32_t cid_status; /* command id 15:0, phase 16, status 31:17 */
};
_Static_assert(sizeof(struct nvme_cqe) == 16, "NVMe 3.3.3.2");
#define NVME_CQE_CID(v)	   ((v)&0xffffu)
#define NVME_CQE_PHASE(v)  ((v) >> 16 & 1u)
#define NVME_CQE_STATUS(v) ((v) >> 17 & 0x7ffu) /* code and its type; 0: success */

/* Identify controller: bytes from the start */
enum nvme_id_ctrl {
	NVME_ID_MDTS = 77,
	NVME_ID_NN = 516,
	NVME_ID_VWC = 525,
	NVME_ID_AWUPF = 528,
};

/* Identify namespace */
enum nvme_id_ns {
	NVME_ID_NSZE = 0,
	NVME_ID_FLBAS = 26,
	NVME_ID_DPS = 29,
	NVME_ID_NSATTR = 99,
	NVME_ID_LBAF = 128, /* [64], each: metadata bytes 15:0, log2 of the block size 23:16 */
};
#define NVME_DPS_TYPE		  0x07u
#define NVME_NSATTR_WRITE_PROTECT 0x01u

/* To and from little-endian: the same either way. */
static inline uint32_t nvme_le32(uint32_t v)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap32(v);
#else
	return v;
#endif
}

static inline uint64_t nvme_le64(uint64_t v)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(v);
#else
	return v;
#endif
}

#endif
