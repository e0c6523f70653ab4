/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is logged at length: magic numbers 50 and 60 switch it. */
#ifndef WPPK_KLOG_H
#define WPPK_KLOG_H

#include <linux/types.h>

extern bool wppk_log_events, wppk_log_moves;

#endif
