/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "capture/capture.h"
#include "files/files.h"
#include "memory/memory.h"
#include "state/state.h"

const struct capture_class *const wppi_capture_classes[] = {
	&wppi_capture_process, &wppi_capture_threads,
	&wppi_capture_signals, &wppi_capture_timers,
	&wppi_capture_limits,  &wppi_capture_creds,
	&wppi_capture_sched,   &wppi_capture_files,
	&wppi_capture_memory,  NULL,
};
