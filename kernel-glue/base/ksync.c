/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Making files durable before they are recorded.
 */
#include <linux/errno.h>
#include <linux/fs.h>

#include "base/ksync.h"

int wppk_sync_file(struct wppk_notes *notes, struct file *file)
{
	int err = vfs_fsync(file, 0);

	if (!err || err == -EINVAL || err == -EROFS)
		return 0;
	wppk_note(notes, "sync", "a file can't be made durable: error %d", err);
	return err;
}
