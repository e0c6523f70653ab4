/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The FPGA's programming model as constants: docs/FPGA.md says what they mean.
 * Drivers and the device model share this file; nothing else is shared.
 */
#ifndef WPP_FPGA_REGS_H
#define WPP_FPGA_REGS_H

#include <wpp/types.h>

/* PCI identity, FPGA.md 2. */
#define FPGA_PCI_VENDOR	   0x1234u
#define FPGA_PCI_DEVICE	   0x5750u
#define FPGA_PCI_SUBVENDOR 0x1234u
#define FPGA_PCI_SUBDEVICE 0x0001u
#define FPGA_PCI_REVISION  0x01u
#define FPGA_PCI_CLASS	   0x058000u /* memory controller, other */
#define FPGA_BAR0_SIZE	   0x1000u

/* BAR0, FPGA.md 3: 32-bit registers, little-endian. */
enum fpga_reg {
	FPGA_MAGIC = 0x000,
	FPGA_VERSION = 0x004,
	FPGA_CAPS = 0x008,
	FPGA_CONTROL = 0x00c,
	FPGA_STATUS = 0x010,
	FPGA_ERROR = 0x014,
	FPGA_ERROR_INDEX = 0x018,
	FPGA_MEDIUM_LO = 0x020,
	FPGA_MEDIUM_HI = 0x024,
	FPGA_MAX_TRANSFER = 0x028,
	FPGA_MAX_INFLIGHT = 0x02c,
	FPGA_MAX_SLOTS = 0x030,
	FPGA_ATOMIC = 0x034,
	FPGA_ADDRESS_BITS = 0x038,
	FPGA_WRITE_QUEUE = 0x100,
	FPGA_READ_QUEUE = 0x140,
};

/* One queue's registers, from FPGA_WRITE_QUEUE or FPGA_READ_QUEUE. */
enum fpga_queue_reg {
	FPGA_BASE_LO = 0x00,
	FPGA_BASE_HI = 0x04,
	FPGA_SLOTS = 0x08,
	FPGA_PRODUCER = 0x0c,
	FPGA_CONSUMER = 0x10,
};

#define FPGA_MAGIC_VALUE   0x46505057u /* "WPPF" */
#define FPGA_VERSION_MAJOR 1u	       /* VERSION bits 31:16; another one: refuse */
#define FPGA_VERSION_MINOR 0u	       /* VERSION bits 15:0; any can be driven */

enum fpga_caps_bit {
	FPGA_CAPS_PERSISTENT = 1u << 0,
	FPGA_CAPS_POWERSAFE = 1u << 1,
	FPGA_CAPS_VOLATILE_CACHE = 1u << 2,
};

enum fpga_control_bit {
	FPGA_CONTROL_ENABLE = 1u << 0,
	FPGA_CONTROL_RESET = 1u << 1,
};

/* STATUS: bits 15:4 are zero; an absent device reads as ones. Bits 31:16 count the resets. */
enum fpga_status_bit {
	FPGA_STATUS_READY = 1u << 0,
	FPGA_STATUS_ENABLED = 1u << 1,
	FPGA_STATUS_HALTED = 1u << 2,
};
#define FPGA_STATUS_MUST_BE_ZERO 0xfff0u
#define FPGA_STATUS_RESETS_SHIFT 16

/* ERROR: bits 7:0 enum fpga_code of the first error since the reset, bit 8: in the read queue. */
#define FPGA_ERROR_CODE_MASK 0xffu
#define FPGA_ERROR_READ	     0x100u

#define FPGA_SLOT_SIZE	  32u /* bytes */
#define FPGA_ALIGN	  64u /* host address, device address and length are multiples */
#define FPGA_SLOTS_MIN	  128u
#define FPGA_SLOTS_MAX	  65536u
#define FPGA_UNUSABLE	  127u /* a slot with index % 128 == 127 is never used */
#define FPGA_TRANSFER_MIN 4096u

enum fpga_opcode {
	FPGA_OP_WRITE = 1, /* write queue: host to medium */
	FPGA_OP_FLUSH = 2, /* write queue */
	FPGA_OP_READ = 3,  /* read queue: medium to host */
};

/* What the device writes into a slot's status when a command is complete, and to ERROR. */
enum fpga_code {
	FPGA_PENDING = 0, /* the driver puts it there */
	FPGA_DONE = 1,
	FPGA_BAD_OPCODE = 2,
	FPGA_BAD_ALIGN = 3,
	FPGA_BAD_LENGTH = 4,
	FPGA_BAD_ADDRESS = 5,
	FPGA_DMA_FAULT = 6,
	FPGA_MEDIUM_FAULT = 7,
	/* From here on: the device halts; never in a slot. */
	FPGA_RING_FAULT = 16,
	FPGA_BAD_INDEX = 17,
	FPGA_BAD_SETUP = 18,
};

/* A slot of a ring: little-endian, see fpga_le32() and fpga_le64(). */
struct fpga_command {
	uint64_t host;	 /* bus address */
	uint64_t device; /* address on the medium */
	uint32_t len;
	uint32_t op;
	uint32_t tag;	 /* the driver's; the device does not look at it */
	uint32_t status; /* enum fpga_code; the device writes it last */
};

_Static_assert(offsetof(struct fpga_command, device) == 8, "FPGA.md 4");
_Static_assert(offsetof(struct fpga_command, len) == 16, "FPGA.md 4");
_Static_assert(offsetof(struct fpga_command, op) == 20, "FPGA.md 4");
_Static_assert(offsetof(struct fpga_command, tag) == 24, "FPGA.md 4");
_Static_assert(offsetof(struct fpga_command, status) == 28, "FPGA.md 4");
_Static_assert(sizeof(struct fpga_command) == FPGA_SLOT_SIZE, "FPGA.md 4");

/* To and from little-endian: the same either way. */
static inline uint32_t fpga_le32(uint32_t v)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap32(v);
#else
	return v;
#endif
}

static inline uint64_t fpga_le64(uint64_t v)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(v);
#else
	return v;
#endif
}

/* The index after @i: free-running, modulo 2^32, never on an unusable slot. */
static inline uint32_t fpga_next(uint32_t i)
{
	return (i + 1) % FPGA_SLOTS_MIN == FPGA_UNUSABLE ? i + 2 : i + 1;
}

/* Usable slots from index @from up to, not including, @to. */
static inline uint32_t fpga_distance(uint32_t from, uint32_t to)
{
	uint32_t slots = to - from;

	return slots - (uint32_t)(((uint64_t)(from % FPGA_SLOTS_MIN) + slots) / FPGA_SLOTS_MIN);
}

/* Usable slots of a ring of @nr_slots. */
static inline uint32_t fpga_capacity(uint32_t nr_slots)
{
	return nr_slots - nr_slots / FPGA_SLOTS_MIN;
}

#endif
