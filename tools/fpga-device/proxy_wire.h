/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages of QEMU's multi-process protocol (x-pci-proxy-dev, QEMU 7.2 and
 * newer) on a stream socket: a header of 16 bytes, host-endian, then its
 * payload; descriptors travel with the header. QEMU is not trusted: a message
 * that is not exactly as listed here ends the session.
 */
#ifndef WPP_PROXY_WIRE_H
#define WPP_PROXY_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#define WIRE_FDS_MAX 8

enum wire_cmd {
	WIRE_SYNC_SYSMEM = 0, /* the whole memory map, one descriptor a section; no reply */
	WIRE_RET = 1,
	WIRE_CFG_WRITE = 2,
	WIRE_CFG_READ = 3,
	WIRE_BAR_WRITE = 4,
	WIRE_BAR_READ = 5,
	WIRE_SET_IRQFD = 6, /* two eventfds; no reply */
	WIRE_DEVICE_RESET = 7,
};

struct wire_header {
	int32_t cmd;
	uint32_t pad;
	uint64_t size;
};

struct wire_sysmem {
	uint64_t gpa[WIRE_FDS_MAX];
	uint64_t size[WIRE_FDS_MAX];
	int64_t off[WIRE_FDS_MAX];
};

struct wire_cfg {
	uint32_t addr;
	uint32_t val;
	int32_t len;
};

struct wire_bar {
	uint64_t addr;
	uint64_t val;
	uint32_t size;
	uint8_t memory;
	uint8_t pad[3];
};

_Static_assert(sizeof(struct wire_header) == 16, "the header has no padding of its own");
_Static_assert(sizeof(struct wire_sysmem) == 192, "as QEMU's SyncSysmemMsg");
_Static_assert(sizeof(struct wire_cfg) == 12, "as QEMU's PciConfDataMsg");
_Static_assert(sizeof(struct wire_bar) == 24, "as QEMU's BarAccessMsg");

struct wire_message {
	enum wire_cmd cmd;
	uint32_t nr_fds;
	int fds[WIRE_FDS_MAX]; /* the receiver's to close: wire_close_fds() */
	union {
		struct wire_sysmem sysmem;
		struct wire_cfg cfg;
		struct wire_bar bar;
	};
};

/*
 * Waits for one message. 1: it is in @m; 0: the other side closed between two messages;
 * -EPROTO: it broke the rules, or closed inside a message; another -errno: the socket failed.
 * Unless it returns 1 there is no descriptor in @m.
 */
int wire_receive(int sock, struct wire_message *m);

void wire_close_fds(struct wire_message *m);

/* Answers a command. 0 or -errno. */
int wire_return(int sock, uint64_t value);

#endif
