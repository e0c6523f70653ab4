/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Compares what a store holds with what the model says. */
#ifndef VERIFY_H
#define VERIFY_H

#include "play.h"

/* The first difference found, for the message of a failing test. */
extern char verify_why[256];

/*
 * Each live generation must be one of @before or @after with all its bytes, and all of @before
 * or all of @after must be there. @found: out, what is live; may be one of the others.
 */
bool verify_between(struct world *w, const struct model *before, const struct model *after,
		    struct model *found);

/*
 * For damaged media: each generation that is listed either can't be read, with an error, or has
 * the bytes of one of that name and number in @books. @readable: out, how many could be read.
 */
bool verify_honest(struct world *w, const struct book *const *books, uint32_t nr_books,
		   uint32_t *readable);

/* @g can be read and has all its bytes. */
bool verify_generation(struct world *w, const struct model_gen *g);

#endif
