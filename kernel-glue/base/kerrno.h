/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Codes of the core as errno: those below -4095 become -EIO, -EUCLEAN ... at the edge. */
#ifndef WPPK_KERRNO_H
#define WPPK_KERRNO_H

int wppk_errno(int wpp_err);

#endif
