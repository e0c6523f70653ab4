/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The ABI of /dev/wpp, the character device of the kernel module (DESIGN.md 5,
 * kernel-glue). Numbers are of fixed width and the layout has no holes, so that
 * 32-bit and 64-bit callers agree.
 *
 * The device has mode 0600 and every call asks for CAP_SYS_ADMIN as well. A
 * descriptor of it is also the medium: pread(2), pwrite(2) and fsync(2) move
 * bytes of it (multiples of wpp_ko_medium.io_align), so that the tools of user
 * space open the store that the module writes. While a process is tracked,
 * only the module writes: pwrite(2) returns EBUSY then.
 */
#ifndef WPP_MODULE_H
#define WPP_MODULE_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

#include <wpp/types.h>

WPP_BEGIN_DECLS

#define WPP_KO_DEVICE	   "/dev/wpp"
#define WPP_KO_TRIGGER	   "/dev/wpp-trigger"
#define WPP_KO_ABI	   1u
#define WPP_KO_IMAGE_LEN   64u	/* WPP_IMAGE_NAME_MAX and the NUL */
#define WPP_KO_ADDRESS_LEN 64u	/* "0000:00:05.0" */
#define WPP_KO_NOTES_LEN   960u /* text lines "name: sentence\n", NUL-terminated */

/**
 * enum wpp_ko_magic - what is written to /dev/wpp-trigger, as decimal text (thesis figure 5.1)
 */
enum wpp_ko_magic {
	WPP_KO_MAGIC_POWER_LOSS = 10,  /* persist all tracked processes, then kill them */
	WPP_KO_MAGIC_RESET = 20,       /* forget all tables; tracked processes are walked anew */
	WPP_KO_MAGIC_TEST_PTE = 30,    /* a test entry goes through the page table */
	WPP_KO_MAGIC_TEST_REGION = 40, /* a test region goes through the region table */
	WPP_KO_MAGIC_DEBUG_1 = 50,     /* toggle logging of events */
	WPP_KO_MAGIC_DEBUG_2 = 60,     /* toggle logging of moves */
};

/**
 * enum wpp_ko_kind - which hardware holds the medium
 */
enum wpp_ko_kind {
	WPP_KO_NONE = 0,   /* none is attached */
	WPP_KO_FPGA = 1,   /* PCI device of docs/FPGA.md; address: "0000:00:05.0" */
	WPP_KO_NVME = 2,   /* NVMe controller, polled, no block layer; address as above */
	WPP_KO_MEMORY = 3, /* physical memory that Linux does not use (memmap=, NVDIMM, CXL) */
};

/**
 * struct wpp_ko_attach - take a medium into use
 * @kind:       enum wpp_ko_kind.
 * @timeout_ms: longest wait for the device; 0: 5000 (thesis 5.2.3).
 * @base:       first physical address of WPP_KO_MEMORY; of a PCI device 0.
 * @size:       bytes of WPP_KO_MEMORY; of a PCI device how much of it is used, 0: all.
 * @nsid:       namespace of an NVMe controller, 0: 1.
 * @address:    PCI address, NUL-terminated.
 */
struct wpp_ko_attach {
	uint32_t kind;
	uint32_t timeout_ms;
	uint64_t base;
	uint64_t size;
	uint32_t nsid;
	uint32_t reserved;
	char address[WPP_KO_ADDRESS_LEN];
};

/**
 * struct wpp_ko_medium - the attached medium
 * @size:        as in struct wpp_medium.
 * @kind:        enum wpp_ko_kind.
 * @io_align:    as in struct wpp_medium.
 * @io_max:      as in struct wpp_medium.
 * @io_best:     as in struct wpp_medium.
 * @queue_depth: as in struct wpp_medium.
 * @caps:        enum wpp_cap.
 * @atomic_len:  as in struct wpp_medium.
 * @nr_tracked:  processes that are tracked now.
 * @address:     as in struct wpp_ko_attach.
 */
struct wpp_ko_medium {
	uint64_t size;
	uint32_t kind;
	uint32_t io_align;
	uint32_t io_max;
	uint32_t io_best;
	uint32_t queue_depth;
	uint32_t caps;
	uint32_t atomic_len;
	uint32_t nr_tracked;
	char address[WPP_KO_ADDRESS_LEN];
};

#define WPP_KO_TRACK_INHERIT (1u << 0) /* children of fork are tracked as well */
#define WPP_KO_TRACK_EAGER   (1u << 1) /* thesis mode: an event for each PTE, in batches */

/**
 * struct wpp_ko_track - mark a process (thesis 5.1.1)
 * @pid:   thread group in the caller's pid namespace.
 * @flags: WPP_KO_TRACK_*.
 * @batch: events gathered before the tables are updated, 1 .. 4096; 0: 256. Eager mode only.
 * @image: name of the image, NUL-terminated.
 */
struct wpp_ko_track {
	int32_t pid;
	uint32_t flags;
	uint32_t batch;
	uint32_t reserved;
	char image[WPP_KO_IMAGE_LEN];
};

#define WPP_KO_PERSIST_KILL (1u << 0) /* kill the process once it is durable */

/**
 * struct wpp_ko_persist - save one tracked process now
 * @pid:        in: thread group in the caller's pid namespace.
 * @flags:      in: WPP_KO_PERSIST_KILL.
 * @generation: out: its number.
 * @nr_pages:   out: pages saved.
 * @nr_moves:   out: transfers that this took.
 * @nr_threads: out: threads of the process.
 * @bytes:      out: of these transfers.
 * @park_ns:   out: until all threads stood still.
 * @frozen_ns: out: from the first thread stopped to all running again or killed.
 * @durable_ns: out: from the call to the commit.
 * @notes:     out: what was refused, or is worth knowing.
 */
struct wpp_ko_persist {
	int32_t pid;
	uint32_t flags;
	uint64_t generation;
	uint64_t nr_pages;
	uint64_t nr_moves;
	uint64_t nr_threads;
	uint64_t bytes;
	uint64_t park_ns;
	uint64_t frozen_ns;
	uint64_t durable_ns;
	char notes[WPP_KO_NOTES_LEN];
};

#define WPP_KO_IOC_ABI	   _IOR('w', 0x80, uint32_t)		 /* WPP_KO_ABI */
#define WPP_KO_IOC_ATTACH  _IOW('w', 0x81, struct wpp_ko_attach) /* EBUSY: one is attached */
#define WPP_KO_IOC_DETACH  _IO('w', 0x82)			 /* EBUSY: processes are tracked */
#define WPP_KO_IOC_MEDIUM  _IOR('w', 0x83, struct wpp_ko_medium) /* ENODEV: none */
#define WPP_KO_IOC_TRACK   _IOW('w', 0x84, struct wpp_ko_track)	 /* ENODEV, EEXIST, ESRCH */
#define WPP_KO_IOC_UNTRACK _IOW('w', 0x85, int32_t)		 /* pid; ESRCH */
#define WPP_KO_IOC_PERSIST _IOWR('w', 0x86, struct wpp_ko_persist) /* see @notes */

WPP_END_DECLS
#endif
