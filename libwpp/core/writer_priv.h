/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPI_WRITER_PRIV_H
#define WPPI_WRITER_PRIV_H

#include "store_priv.h"

/* Take [@first, end of space) away: what a shorter stream leaves behind. */
void wppi_writer_cut(struct wpp_writer *w, struct wppi_space *space, uint64_t first, uint64_t nr);

/* Directory blocks that @nr_spaces need. */
static inline uint32_t wppi_dirs_for(uint32_t nr_spaces)
{
	return (nr_spaces + WPPF_DIR_SPACES - 1) / WPPF_DIR_SPACES;
}

/* Close the writer; @keep: the tables in memory are those of a live generation. */
void wppi_writer_forget(struct wpp_writer *w, bool keep);

#endif
