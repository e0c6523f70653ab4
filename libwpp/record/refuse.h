/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What no image can hold, and what that is called: the names of notes in docs/LIMITS.md. */
#ifndef WPPR_REFUSE_H
#define WPPR_REFUSE_H

#include <wpp/types.h>

#define WPPR_MQUEUE_MAGIC 0x19800202u /* of the filesystem of POSIX message queues */

/**
 * wppr_refuse_file() - the name for a descriptor that is of no kind we carry
 * @link:  what /proc/PID/fd shows.
 * @magic: of its filesystem, 0: not known.
 * @mode:  as stat(2).
 *
 * Context: any.
 * Return:  static, never NULL: "file" when there is no better one.
 */
const char *wppr_refuse_file(const char *link, uint64_t magic, uint32_t mode);

/* What the kernel's flags of a mapping say. */
enum wppr_trait {
	WPPR_HUGETLB = 1u << 0,
	WPPR_DEVICE = 1u << 1, /* memory of a device */
	WPPR_SHADOW_STACK = 1u << 2,
	WPPR_USERFAULT = 1u << 3, /* registered with a userfaultfd */
};

/**
 * struct wppr_refusal - why a mapping is refused; static
 * @begins: of its path; NULL: any.
 * @trait:  enum wppr_trait, for any path.
 * @name:   of the note.
 * @what:   the words behind "the mapping is ...".
 */
struct wppr_refusal {
	const char *begins;
	uint32_t trait;
	const char *name, *what;
};

/**
 * wppr_refuse_mapping() - is a mapping of a kind that can't be carried?
 * @path:   what /proc/PID/maps shows; "" when it is anonymous.
 * @traits: enum wppr_trait; those of the vdso and its data don't count.
 *
 * Context: any.
 * Return:  NULL when it is not.
 */
const struct wppr_refusal *wppr_refuse_mapping(const char *path, uint32_t traits);

#endif
