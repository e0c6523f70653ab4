/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A fuzz input as a list of edits to a sound medium: small inputs reach deep,
 * because every edit hits a block that means something.
 *
 * Edit: 1 byte: which of the blocks in use; 2 bytes: offset in it; 1 byte: n; n bytes to put there.
 */
#ifndef EDIT_H
#define EDIT_H

#include "specimen.h"

void edit_apply(uint8_t *mem, const uint8_t *sound, const uint8_t *script, size_t len);

/* Make every checksum fit again, so that what lies behind them is reached. */
void edit_fix_checksums(uint8_t *mem, const uint8_t *sound);

#endif
