/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who asks the module to act: the power-fail hooks, /dev/wpp, /dev/wpp-trigger. */
#ifndef WPPK_ASKERS_H
#define WPPK_ASKERS_H

int wppk_powerfail_init(void);
void wppk_powerfail_exit(void);
int wppk_device_init(void);
void wppk_device_exit(void);
int wppk_trigger_init(void);
void wppk_trigger_exit(void);

#endif
