/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The machine that the process ran on.
 */
#include <linux/ctype.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/nsproxy.h>
#include <linux/sched/task.h>
#include <linux/time_namespace.h>
#include <linux/timekeeping.h>
#include <linux/utsname.h>

#include "state/kstate.h"

/* Text "01234567-89ab-..."; zeros when it can't be read. */
static void read_boot_id(u64 *hi, u64 *lo)
{
	struct file *file = filp_open("/proc/sys/kernel/random/boot_id", O_RDONLY, 0);
	u64 half[2] = { 0 };
	char text[40] = "";
	unsigned int i, n;

	if (IS_ERR(file))
		return;
	if (kernel_read(file, text, sizeof(text) - 1, &(loff_t){ 0 }) < 0)
		text[0] = '\0';
	fput(file);
	for (i = n = 0; text[i] && n < 32; i++) {
		if (isxdigit(text[i])) {
			half[n / 16] = half[n / 16] << 4 | hex_to_bin(text[i]);
			n++;
		}
	}
	*hi = half[0];
	*lo = half[1];
}

/* The clocks as the process sees them: it may live in a time namespace. */
static void read_clocks(struct task_struct *leader, struct wpp_rec_machine *rec)
{
	struct timens_offsets shift = { 0 };

	task_lock(leader);
	if (leader->nsproxy)
		shift = leader->nsproxy->time_ns->offsets;
	task_unlock(leader);
	rec->realtime_ns = ktime_get_real_ns();
	rec->monotonic_ns = ktime_get_ns() + timespec64_to_ns(&shift.monotonic);
	rec->boottime_ns = ktime_get_boottime_ns() + timespec64_to_ns(&shift.boottime);
}

/* One for the whole tree. */
static int machine_collect(struct wppk_member *m)
{
	const struct wppk_thread *t = wppk_leader(m->group);
	struct wpp_rec_machine rec = {
		.arch = WPPK_ARCH,
		.page_size = PAGE_SIZE,
		.xcr0 = wppk_arch_features(t->xsave, t->xsave_len),
		.xsave_len = t->xsave_len,
	};
	const char *release = init_uts_ns.name.release;

	if (!list_is_first(&m->node, &m->tree->members))
		return 0;
	read_clocks(m->leader, &rec);
	read_boot_id(&rec.boot_id_hi, &rec.boot_id_lo);
	WPPK_REC_SHARED(m, MACHINE, 0, &rec, release, strlen(release));
	return 0;
}

const struct wppk_class wppk_class_machine = { .collect = machine_collect };
