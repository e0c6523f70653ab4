/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/klog.h"

bool wppk_log_events, wppk_log_moves;
