/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "files/files.h"
#include "recreate/recreate.h"
#include "state/state.h"

const struct recreate_class *const wppi_recreate_classes[] = {
	&wppi_recreate_threads, &wppi_recreate_limits,	&wppi_recreate_files,
	&wppi_recreate_process, &wppi_recreate_signals, &wppi_recreate_timers,
	&wppi_recreate_sched,	&wppi_recreate_creds,	NULL,
};
