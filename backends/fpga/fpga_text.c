/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "fpga_ring.h"

const char *wppi_fpga_fault_text(uint32_t fault)
{
	switch (fault) {
	case FPGA_OK:
		return "works";
	case FPGA_NOT_OURS:
		return "is another device, or of an unknown version";
	case FPGA_BAD_LIMITS:
		return "says of itself what can't be";
	case FPGA_GONE:
		return "does not answer";
	case FPGA_HALTED:
		return "has halted";
	case FPGA_TAKEN:
		return "was reset by somebody else";
	case FPGA_TIMEOUT:
		return "completes nothing: time-out";
	case FPGA_STUCK_RESET:
		return "does not come out of its reset";
	default:
		return "unknown fault";
	}
}

const char *wppi_fpga_code_text(uint32_t code)
{
	switch (code) {
	case FPGA_PENDING:
		return "not complete";
	case FPGA_DONE:
		return "done";
	case FPGA_BAD_OPCODE:
		return "bad opcode";
	case FPGA_BAD_ALIGN:
		return "bad alignment";
	case FPGA_BAD_LENGTH:
		return "bad length";
	case FPGA_BAD_ADDRESS:
		return "outside the medium";
	case FPGA_DMA_FAULT:
		return "host memory not reachable";
	case FPGA_MEDIUM_FAULT:
		return "the medium failed";
	case FPGA_RING_FAULT:
		return "ring not reachable";
	case FPGA_BAD_INDEX:
		return "bad index";
	case FPGA_BAD_SETUP:
		return "bad set-up";
	default:
		return "unknown code";
	}
}
