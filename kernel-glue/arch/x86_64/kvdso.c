/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <linux/mm_types.h>
#include <asm/vdso.h>

#include "arch/arch.h"

const void *wppk_arch_vdso(const struct mm_struct *mm, size_t *len)
{
	const struct vdso_image *image = mm->context.vdso_image;

	if (!image)
		return NULL;
	*len = image->size;
	return image->data;
}
