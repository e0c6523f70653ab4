/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A backend moves bytes to and from one medium (DESIGN.md 4). Start a new one
 * from examples/backend_ram.c.
 *
 * The rule of completion, said once: submit() returning 0 means that done()
 * runs exactly once, perhaps before submit() returns. At the done(0) of a
 * FLUSH, every write whose done(0) ran before that FLUSH was submitted is
 * durable. A write reported done is not durable until such a FLUSH.
 */
#ifndef WPP_BACKEND_H
#define WPP_BACKEND_H

#include <wpp/error.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

#define WPP_BACKEND_ABI 1

/**
 * enum wpp_cap - facts about the medium, never wishes
 */
enum wpp_cap {
	WPP_CAP_POWERSAFE = 1u << 0, /* a power cut never harms bytes next to a write */
	WPP_CAP_ORDERED = 1u << 1,   /* writes reach the medium in submit order */
	WPP_CAP_EMERGENCY = 1u << 2, /* emergency_write works in SMM and in a panic */
	WPP_CAP_DIRECT = 1u << 3,    /* byte-addressable: direct() gives pointers into it */
	WPP_CAP_PHYSICAL = 1u << 4,  /* takes WPP_IO_PHYS: buf is a bus address in pa */
	WPP_CAP_DURABLE = 1u << 5,   /* outlives power (tmpfs and RAM do not) */
	WPP_CAP_FUA = 1u << 6,	     /* takes WPP_IO_FUA */
};
#define WPP_CAP_ALL 0x7fu

/**
 * struct wpp_medium - what a medium is; filled by probe(), constant afterwards
 * @size:       bytes.
 * @io_align:   offset and length of every move are multiples of it; power of two, <= 4096.
 * @buf_align:  alignment of buf in bytes; power of two, <= 4096.
 * @io_max:     longest move in bytes, a multiple of 4096.
 * @io_best:    move length that reaches full bandwidth, <= @io_max.
 * @atomic_len: largest aligned all-or-nothing write in bytes; 0: none.
 * @queue_depth: moves that may be in flight, >= 1.
 * @caps:       enum wpp_cap; an unknown bit is refused.
 */
struct wpp_medium {
	uint64_t size;
	uint32_t io_align;
	uint32_t buf_align;
	uint32_t io_max;
	uint32_t io_best;
	uint32_t atomic_len;
	uint32_t queue_depth;
	uint32_t caps;
	uint32_t reserved;
};

/**
 * enum wpp_io_op - what a move does
 */
enum wpp_io_op {
	WPP_IO_READ = 1,  /* from the medium */
	WPP_IO_WRITE = 2, /* to the medium */
	WPP_IO_FLUSH = 3, /* see the rule of completion above */
};

/**
 * enum wpp_io_flag - how
 */
enum wpp_io_flag {
	WPP_IO_PHYS = 1u << 0, /* @pa counts instead of @buf; needs WPP_CAP_PHYSICAL. The core
				* gives @buf: this is for layers below it that map memory for a
				* device (kernel-glue/medium) */
	WPP_IO_FUA = 1u << 1,  /* a WRITE that is durable at its done(0), it alone; needs
				* WPP_CAP_FUA */
};

/**
 * struct wpp_io - one move; the caller's memory, hands off until done() runs
 * @op:    enum wpp_io_op.
 * @flags: enum wpp_io_flag.
 * @len:   bytes; 0 for FLUSH.
 * @off:   bytes from the start of the medium.
 * @buf:   own virtual address. A WRITE whose @buf is the direct() address of @off means: the bytes
 *         are in place already, only make them part of the next FLUSH.
 * @pa:    physical (bus) address.
 * @done:  completion; may run inside submit() or poll(); @err is 0 or a wpp_err.
 * @owner: the submitter's; a backend does not touch it.
 * @priv:  the backend's scratch, so that submit() never allocates.
 */
struct wpp_io {
	uint32_t op;
	uint32_t flags;
	uint32_t len;
	uint32_t reserved;
	uint64_t off;
	void *buf;
	uint64_t pa;
	void (*done)(struct wpp_io *io, int err);
	void *owner;
	uint64_t priv[6];
};

struct wpp_backend;

/**
 * struct wpp_backend_ops - a medium's functions
 * @abi:    WPP_BACKEND_ABI.
 * @size:   sizeof(*ops); members past it count as NULL.
 * @name:   as in wpp.conf: "pmem", "nvme", ...
 * @probe:  required; called once, first; may sleep.
 * @submit: required; 0: accepted, see the rule of completion above. WPP_EBUSY: queue full, done()
 *          will not run; poll, then retry. Any other error: refused, done() will not run.
 * @poll:   required; runs finished done()s and returns how many, or a negative error when the
 *          medium is lost: no done() runs and no buffer is touched any more. Never blocks longer
 *          than it takes to reap.
 * @direct: optional, set exactly when WPP_CAP_DIRECT: address of [off, off + len), or NULL when out
 *          of range. Valid until close. Bytes stored there are durable only after a WRITE in place
 *          (see struct wpp_io) and a FLUSH.
 * @emergency_write: optional, set exactly when WPP_CAP_EMERGENCY: other CPUs are stopped; no sleep,
 *                   lock, allocation or log; durable once it returns 0.
 * @close:  optional; undoes probe() and frees @be; nothing is in flight, nothing is lent.
 * @lend:   optional, with @give_back: [len] bytes from which moves are cheapest, because the device
 *          or the kernel knows them already (registered buffers, DMA memory). @len: a multiple of
 *          4096. Aligned to 4096, and to 2 MiB when @len is that or more; contents are undefined.
 *          NULL: none that long is left, the caller takes memory of his own. Moves from other
 *          memory work all the same.
 * @give_back: @mem and @len as lent; no move of it is in flight.
 *
 * Context: one thread at a time per backend; the caller serialises.
 * Source:  DESIGN.md 4.
 */
struct wpp_backend_ops {
	uint32_t abi;
	uint32_t size;
	const char *name;
	int (*probe)(struct wpp_backend *be, struct wpp_medium *m);
	int (*submit)(struct wpp_backend *be, struct wpp_io *io);
	int (*poll)(struct wpp_backend *be);
	void *(*direct)(struct wpp_backend *be, uint64_t off, uint64_t len);
	int (*emergency_write)(struct wpp_backend *be, uint64_t off, const void *buf, uint32_t len);
	void (*close)(struct wpp_backend *be);
	void *(*lend)(struct wpp_backend *be, uint64_t len);
	void (*give_back)(struct wpp_backend *be, void *mem, uint64_t len);
};

/** WPP_BACKEND_HAS() - is the optional function @op there? @ops: struct wpp_backend_ops */
#define WPP_BACKEND_HAS(ops, op) \
	((ops)->size >= offsetof(struct wpp_backend_ops, op) + sizeof((ops)->op) && (ops)->op)

/**
 * struct wpp_backend - an open medium; a backend's own struct begins with this one
 * @ops: its functions, constant.
 */
struct wpp_backend {
	const struct wpp_backend_ops *ops;
};

/**
 * wpp_io_run() - do one move and wait for it
 * @be:  a probed backend.
 * @op:  enum wpp_io_op.
 * @off: bytes from the start of the medium.
 * @buf: own virtual address; ignored for FLUSH.
 * @len: bytes, within the medium's io_max; 0 for FLUSH.
 *
 * Context: the backend's thread; polls until done, other moves in flight complete as well.
 * Return:  0; the move's error: WPP_EIO or another one of the backend. @buf is free again.
 * Source:  DESIGN.md 4.
 */
WPP_API WPP_MUST_CHECK int wpp_io_run(struct wpp_backend *be, uint32_t op, uint64_t off, void *buf,
				      uint32_t len);

WPP_END_DECLS
#endif
