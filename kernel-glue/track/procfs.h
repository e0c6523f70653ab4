/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* /proc/wpp */
#ifndef WPPK_PROCFS_H
#define WPPK_PROCFS_H

struct wppk_proc;

int wppk_status_init(void);
void wppk_status_exit(void);
int wppk_status_add(struct wppk_proc *proc); /* /proc/wpp/PID */
void wppk_status_remove(struct wppk_proc *proc);

#endif
