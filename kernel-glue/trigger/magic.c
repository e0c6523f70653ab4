/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * /dev/wpp-trigger: the magic numbers of the thesis (figure 5.1), written as decimal text. Who may
 * write is said by the mode of the file alone, so that it can be handed to a UPS daemon.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <wpp/pte.h>
#include <wpp/region.h>

#include "base/kerrno.h"
#include "base/klog.h"
#include "track/proc.h"
#include "track/tracking.h"
#include "trigger/askers.h"
#include "trigger/kpersist.h"

#define TEST_PTE_BYTES 4096
#define TEST_PATHS     (2 * WPP_REGION_PATH_MAX)

/* 20: eager tables start anew from what is mapped now. */
static int reset(void)
{
	const struct list_head *procs;
	struct wppk_proc *proc;

	mutex_lock(&wppk_lock);
	procs = wppk_procs();
	list_for_each_entry(proc, procs, node)
		wppk_proc_rescan(proc);
	mutex_unlock(&wppk_lock);
	return 0;
}

/* 30: an entry goes into a page table of the core, is found, and goes. */
static int test_pte(void)
{
	const struct wpp_pte in = { .va = 0x7f0000001000, .pa = 0x10000000 };
	struct wpp_ptes table;
	struct wpp_pte out;
	void *mem = (void *)__get_free_page(GFP_KERNEL);
	int err;

	if (!mem)
		return -ENOMEM;
	err = wpp_ptes_init(&table, mem, TEST_PTE_BYTES, 1);
	if (!err)
		err = wpp_ptes_add(&table, &in);
	if (!err)
		err = wpp_ptes_find(&table, in.va + 1, &out);
	if (!err && (out.va != in.va || out.pa != in.pa))
		err = -EILSEQ;
	if (!err)
		err = wpp_ptes_remove(&table, in.va, in.pa);
	if (!err && wpp_ptes_count(&table))
		err = -EILSEQ;
	free_page((unsigned long)mem);
	return err;
}

/* 40: the same for a region; unmapping its middle leaves two. */
static int test_region(void)
{
	const struct wpp_region in = {
		.path = "/test", .start = 0x400000, .len = 0x3000, .prot = 5
	};
	const u64 bytes = wpp_regions_bytes(4, TEST_PATHS);
	struct wpp_regions table;
	struct wpp_region out;
	void *mem = kvmalloc(bytes, GFP_KERNEL);
	int err;

	if (!mem)
		return -ENOMEM;
	err = wpp_regions_init(&table, mem, bytes, 4, 1);
	if (!err)
		err = wpp_regions_add(&table, &in);
	if (!err)
		err = wpp_regions_remove(&table, in.start + 0x1000, 0x1000);
	if (!err)
		err = wpp_regions_find(&table, in.start + 0x2000, &out);
	if (!err && (out.file_off != 0x2000 || wpp_regions_count(&table) != 2))
		err = -EILSEQ;
	kvfree(mem);
	return err;
}

static int toggle(bool *flag, const char *name)
{
	*flag = !*flag;
	pr_info("wpp: logging of %s is %s\n", name, *flag ? "on" : "off");
	return 0;
}

static int trigger(unsigned int magic)
{
	switch (magic) {
	case WPP_KO_MAGIC_POWER_LOSS:
		return wppk_persist_all();
	case WPP_KO_MAGIC_RESET:
		return reset();
	case WPP_KO_MAGIC_TEST_PTE:
		return wppk_errno(test_pte());
	case WPP_KO_MAGIC_TEST_REGION:
		return wppk_errno(test_region());
	case WPP_KO_MAGIC_DEBUG_1:
		return toggle(&wppk_log_events, "events");
	case WPP_KO_MAGIC_DEBUG_2:
		return toggle(&wppk_log_moves, "moves");
	default:
		return -EINVAL;
	}
}

static ssize_t trigger_write(struct file *file, const char __user *from, size_t len, loff_t *off)
{
	unsigned int magic;
	int err;

	err = kstrtouint_from_user(from, len, 10, &magic);
	if (!err)
		err = trigger(magic);
	return err ?: (ssize_t)len;
}

static const struct file_operations trigger_ops = {
	.owner = THIS_MODULE,
	.write = trigger_write,
	.llseek = noop_llseek,
};

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "wpp-trigger",
	.mode = 0600,
	.fops = &trigger_ops,
};

int wppk_trigger_init(void)
{
	return misc_register(&dev);
}

void wppk_trigger_exit(void)
{
	misc_deregister(&dev);
}
