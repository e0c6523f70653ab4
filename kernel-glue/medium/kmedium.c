/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The one medium of the module: attached, read and written by bytes for
 * /dev/wpp, armed with an open store while processes are tracked. A turn is
 * taken for each use, because a backend serves one thread at a time.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "base/kerrno.h"
#include "medium/bus.h"
#include "medium/cut_step.h"
#include "medium/dma.h"
#include "medium/kmedium.h"
#include "medium/media_kinds.h"

#define CHUNK	   (256u << 10) /* of a read(2) or write(2) */
#define SPACES_MIN 1024u /* address spaces and memory objects of one tree, when it is a new one */

static struct {
	struct wpp_backend *be;	    /* NULL: none attached */
	struct wpp_backend *device; /* below it, the one that drives a PCI device */
	struct wpp_medium m;
	struct wpp_ko_attach how;
	struct pci_dev *pdev; /* NULL: none, or unplugged */
	bool unplugged;
	void *bounce;
	struct wpp_store *store; /* NULL: not armed, or lost by a reopen */
	void *workspace;	 /* NULL: not armed */
	u64 workspace_len;
	struct wpp_store_cfg cfg;
	bool saving;
} med;

/* What is attached, for wppk_medium_info(); that does not wait for a turn. */
static struct wpp_ko_medium facts; /* kind 0: none */
static DEFINE_MUTEX(facts_lock);

/* A semaphore, because a save takes it in one call and gives it back in another. */
static struct semaphore turn = __SEMAPHORE_INITIALIZER(turn, 1);

/* ---- Attach -------------------------------------------------------------------------------- */

typedef int (*open_pci_fn)(struct pci_dev *pdev, const struct wpp_ko_attach *how,
			   struct wpp_medium *m, struct wpp_backend **out);

static int open_pci(const struct wpp_ko_attach *how, open_pci_fn open)
{
	struct pci_dev *pdev = wppk_bus_find(how->kind, how->address);
	int err;

	if (!pdev)
		return -ENXIO;
	err = open(pdev, how, &med.m, &med.be);
	if (err)
		pci_dev_put(pdev);
	else
		med.pdev = pdev;
	med.device = med.be;
	return err;
}

static int open_kind(const struct wpp_ko_attach *how)
{
	switch (how->kind) {
	case WPP_KO_FPGA:
		return open_pci(how, wppk_fpga_open);
	case WPP_KO_NVME:
		return open_pci(how, wppk_nvme_open);
	case WPP_KO_MEMORY:
		return wppk_memory_open(how, &med.m, &med.be);
	default:
		return -EINVAL;
	}
}

static void tell_facts(void)
{
	mutex_lock(&facts_lock);
	facts = (struct wpp_ko_medium){
		.size = med.m.size,
		.kind = med.how.kind,
		.io_align = med.m.io_align,
		.io_max = med.m.io_max,
		.io_best = med.m.io_best,
		.queue_depth = med.m.queue_depth,
		.caps = med.m.caps,
		.atomic_len = med.m.atomic_len,
	};
	memcpy(facts.address, med.how.address, sizeof(facts.address));
	mutex_unlock(&facts_lock);
}

static void close_medium(void)
{
	if (med.be)
		med.be->ops->close(med.be);
	pci_dev_put(med.pdev);
	kvfree(med.bounce);
	memset(&med, 0, sizeof(med));
	tell_facts();
}

/* A smaller medium than the device is: what is asked for, and the tables stay in proportion. */
static int limit_size(u64 size)
{
	if (!size || size >= med.m.size)
		return 0;
	if (size % PAGE_SIZE)
		return -EINVAL;
	med.m.size = size;
	return 0;
}

static int attach(const struct wpp_ko_attach *how)
{
	int err;

	if (med.be)
		return -EBUSY;
	if (strnlen(how->address, sizeof(how->address)) == sizeof(how->address))
		return -EINVAL;
	med.bounce = kvmalloc(CHUNK, GFP_KERNEL);
	if (!med.bounce)
		return -ENOMEM;
	err = open_kind(how);
	if (!err)
		err = limit_size(how->size);
#ifdef WPP_TEST
	if (!err)
		err = wppk_cut_wrap(med.be, &med.be);
#endif
	med.how = *how;
	if (err)
		close_medium();
	else
		tell_facts();
	return err;
}

int wppk_medium_attach(const struct wpp_ko_attach *how)
{
	int err;

	if (down_killable(&turn))
		return -EINTR;
	err = attach(how);
	up(&turn);
	return err;
}

int wppk_medium_detach(void)
{
	int err = 0;

	if (down_killable(&turn))
		return -EINTR;
	if (!med.be)
		err = -ENODEV;
	else if (med.workspace)
		err = -EBUSY;
	else
		close_medium();
	up(&turn);
	return err;
}

/* While it is armed the store still needs what is left of it. */
static void unplug(void)
{
	pci_warn(med.pdev, "taken away; the medium is lost until it is attached again\n");
	if (!med.workspace) {
		close_medium();
		return;
	}
	wppk_dma_unplug(med.device);
	pci_dev_put(med.pdev);
	med.pdev = NULL;
	med.unplugged = true;
}

static void medium_unplug(struct pci_dev *pdev)
{
	down(&turn); /* a save or a read ends first: all waits on the device are bounded */
	if (med.pdev == pdev)
		unplug();
	up(&turn);
}

int wppk_medium_info(struct wpp_ko_medium *info)
{
	mutex_lock(&facts_lock);
	*info = facts;
	mutex_unlock(&facts_lock);
	return info->kind == WPP_KO_NONE ? -ENODEV : 0;
}

/* ---- Bytes --------------------------------------------------------------------------------- */

static int range_ok(size_t len, loff_t off)
{
	if (!med.be)
		return -ENODEV;
	if (off < 0 || (len | off) & (med.m.io_align - 1))
		return -EINVAL;
	return (u64)off > med.m.size || len > med.m.size - off ? -ENOSPC : 0;
}

static int move(u32 op, void *buf, size_t len, loff_t off)
{
	while (len) {
		u32 n = min_t(size_t, len, med.m.io_max);
		int err = wpp_io_run(med.be, op, off, buf, n);

		if (err)
			return wppk_errno(err);
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int read_chunk(char __user *to, size_t len, loff_t off)
{
	int err;

	if (down_killable(&turn))
		return -EINTR;
	err = range_ok(len, off);
	if (!err)
		err = move(WPP_IO_READ, med.bounce, len, off);
	if (!err && copy_to_user(to, med.bounce, len))
		err = -EFAULT;
	up(&turn);
	return err;
}

static int write_chunk(const char __user *from, size_t len, loff_t off)
{
	int err;

	if (down_killable(&turn))
		return -EINTR;
	err = range_ok(len, off);
	if (!err && med.workspace)
		err = -EBUSY;
	if (!err && copy_from_user(med.bounce, from, len))
		err = -EFAULT;
	if (!err)
		err = move(WPP_IO_WRITE, med.bounce, len, off);
	up(&turn);
	return err;
}

ssize_t wppk_medium_read(char __user *to, size_t len, loff_t off)
{
	size_t at = 0;

	while (at < len) {
		size_t n = min_t(size_t, len - at, CHUNK);
		int err = read_chunk(to + at, n, off + at);

		if (err)
			return at ? at : err;
		at += n;
	}
	return at;
}

ssize_t wppk_medium_write(const char __user *from, size_t len, loff_t off)
{
	size_t at = 0;

	while (at < len) {
		size_t n = min_t(size_t, len - at, CHUNK);
		int err = write_chunk(from + at, n, off + at);

		if (err)
			return at ? at : err;
		at += n;
	}
	return at;
}

int wppk_medium_flush(void)
{
	int err;

	if (down_killable(&turn))
		return -EINTR;
	err = med.be ? wppk_errno(wpp_io_run(med.be, WPP_IO_FLUSH, 0, NULL, 0)) : -ENODEV;
	up(&turn);
	return err;
}

/* ---- Arm ----------------------------------------------------------------------------------- */

/* The label tells the whole geometry, but lies where the geometry puts it: try each known one. */
static int find_store(struct wpp_geometry *geo)
{
	static int (*const known[])(struct wpp_geometry *, uint64_t) = { wpp_geometry_fit,
									 wpp_geometry_thesis };
	int first = WPP_EFORMAT, err = WPP_EFORMAT;

	for (u32 i = 0; err && i < ARRAY_SIZE(known); i++) {
		if (known[i](geo, med.m.size))
			continue;
		err = wpp_store_probe(med.be, &med.m, geo->base[WPP_SEC_INTERNAL], geo, med.bounce);
		if (first == WPP_EFORMAT)
			first = err;
	}
	return err ? first : 0;
}

static int open_store(struct wpp_diag *diag)
{
	memset(med.workspace, 0, med.workspace_len);
	return wpp_store_open(&med.store, med.be, &med.m, &med.cfg, med.workspace,
			      med.workspace_len, diag);
}

/* Twice what the largest image on the medium has; what is still too big is marked by the store. */
static int choose_sizes(const struct wpp_geometry *geo)
{
	struct wpp_store_needs needs = { .size = sizeof(needs) };
	int err;

	/* No process has more resident pages than there are; swapped ones come back. */
	med.cfg = (struct wpp_store_cfg){ .size = sizeof(med.cfg),
					  .max_spaces = SPACES_MIN,
					  .max_pages = 2 * totalram_pages(),
					  .label_off = geo->base[WPP_SEC_INTERNAL] };
	err = wpp_store_needs(med.be, &med.m, med.cfg.label_off, &needs, med.bounce);
	if (!err && needs.max_spaces > SPACES_MIN / 2)
		med.cfg.max_spaces = 2 * needs.max_spaces;
	return err;
}

/* With less memory than that, what is there for a new one is enough to open the store. */
static int workspace_alloc(const struct wpp_geometry *geo)
{
	for (;;) {
		med.workspace_len = wpp_store_workspace(geo, &med.m, &med.cfg);
		if (med.workspace_len)
			med.workspace = vmalloc(med.workspace_len);
		if (med.workspace)
			return 0;
		if (med.cfg.max_spaces == SPACES_MIN)
			return med.workspace_len ? WPP_ENOMEM : WPP_EINVAL;
		med.cfg.max_spaces = SPACES_MIN;
	}
}

static int arm(struct wpp_diag *diag)
{
	struct wpp_geometry geo;
	int err = find_store(&geo);

	if (!err)
		err = choose_sizes(&geo);
	if (!err)
		err = workspace_alloc(&geo);
	if (err)
		return err;
	err = open_store(diag);
	if (err) {
		vfree(med.workspace);
		med.workspace = NULL;
	}
	return err;
}

static void explain(int err, const struct wpp_diag *diag, struct wppk_notes *notes)
{
	switch (err) {
	case 0:
		break;
	case WPP_EFORMAT:
		wppk_refuse(notes, "medium", "holds no store of wpp: run wpp format");
		break;
	case WPP_ECORRUPT:
		wppk_refuse(notes, "medium", "is damaged: %s at byte %llu",
			    diag->what ? diag->what : "label", diag->off);
		break;
	case WPP_ENOMEM:
		wppk_refuse(notes, "medium", "needs %llu KiB of kernel memory for its tables",
			    med.workspace_len >> 10);
		break;
	default:
		wppk_refuse(notes, "medium", "can't be used: %s", wpp_strerror(err));
	}
}

int wppk_medium_arm(struct wppk_notes *notes)
{
	struct wpp_diag diag = {};
	int err = 0;

	if (down_killable(&turn))
		return -EINTR;
	if (!med.be) {
		wppk_refuse(notes, "medium", "none is attached");
		up(&turn);
		return -ENODEV;
	}
	if (!med.workspace)
		err = arm(&diag);
	explain(err, &diag, notes);
	up(&turn);
	return wppk_errno(err);
}

void wppk_medium_disarm(void)
{
	down(&turn);
	if (med.store)
		wpp_store_close(med.store);
	vfree(med.workspace);
	med.store = NULL;
	med.workspace = NULL;
	if (med.unplugged)
		close_medium();
	up(&turn);
}

/* ---- For a save ---------------------------------------------------------------------------- */

int wppk_medium_get(struct wpp_store **st)
{
	if (READ_ONCE(med.saving))
		return -EBUSY;
	if (down_killable(&turn))
		return -EINTR;
	if (!med.workspace) {
		up(&turn);
		return -ENODEV;
	}
	WRITE_ONCE(med.saving, true);
	*st = med.store;
	return 0;
}

void wppk_medium_put(void)
{
	WRITE_ONCE(med.saving, false);
	up(&turn);
}

int wppk_medium_reopen(struct wpp_store **st)
{
	int err;

	if (med.store)
		wpp_store_close(med.store);
	med.store = NULL;
	err = open_store(NULL);
	*st = med.store;
	return err;
}

int __init wppk_medium_init(void)
{
	return wppk_bus_init(medium_unplug);
}

void wppk_medium_exit(void)
{
	close_medium();
	wppk_bus_exit();
}
