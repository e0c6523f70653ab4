/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A page of the process, to make calls with that take user memory.
 */
#include <linux/mm.h>
#include <linux/mman.h>

#include "files/kfiles.h"

void __user *wppk_files_page(struct wppk_member *m)
{
	unsigned long at = m->files->page;

	if (!at) {
		at = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, 0);
		if (IS_ERR_VALUE(at))
			return NULL;
		m->files->page = at;
	}
	return (void __user *)at;
}

void wppk_files_page_drop(struct wppk_files *fs)
{
	if (fs->page)
		vm_munmap(fs->page, PAGE_SIZE);
	fs->page = 0;
}
