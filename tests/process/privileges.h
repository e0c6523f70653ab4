/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

/* From here on nobody, with CAP_CHECKPOINT_RESTORE alone. Skips the test where that can't be. */
void privileges_drop(const char *program);

#endif
