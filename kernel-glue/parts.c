/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * wpp.ko: whole process persistence from inside a stock kernel (DESIGN.md 5, kernel-glue).
 */
#include <linux/module.h>

#include "medium/kmedium.h"
#include "track/procfs.h"
#include "track/tracking.h"
#include "trigger/askers.h"
#include "trigger/kpersist.h"

/* In the order of dependency; undone backwards. */
static const struct part {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
} parts[] = {
	{ "medium", wppk_medium_init, wppk_medium_exit },
	{ "status", wppk_status_init, wppk_status_exit },
	{ "tracking", wppk_track_init, wppk_track_exit },
	{ "worker", wppk_persist_init, wppk_persist_exit },
	{ "device", wppk_device_init, wppk_device_exit },
	{ "trigger", wppk_trigger_init, wppk_trigger_exit },
	{ "power-fail hooks", wppk_powerfail_init, wppk_powerfail_exit },
};

static void parts_exit(size_t nr)
{
	while (nr--)
		parts[nr].exit();
}

static int __init wpp_init(void)
{
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		err = parts[i].init();
		if (err) {
			pr_err("wpp: no %s: error %d\n", parts[i].name, err);
			parts_exit(i);
			return err;
		}
	}
	return 0;
}

static void __exit wpp_exit(void)
{
	parts_exit(ARRAY_SIZE(parts));
}

module_init(wpp_init);
module_exit(wpp_exit);
MODULE_DESCRIPTION("Whole process persistence");
MODULE_LICENSE("Dual BSD/GPL");
