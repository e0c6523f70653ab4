/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * wpp.ko: whole process persistence from inside a stock kernel (DESIGN.md 5, kernel-glue).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "wppk.h"

static int __init wpp_init(void)
{
	int err = wppk_medium_init();

	if (!err)
		pr_info("loaded, ABI %u\n", WPP_KO_ABI);
	return err;
}

static void __exit wpp_exit(void)
{
	wppk_medium_exit();
}

module_init(wpp_init);
module_exit(wpp_exit);
MODULE_DESCRIPTION("Whole process persistence");
MODULE_LICENSE("Dual BSD/GPL");
