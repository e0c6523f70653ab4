/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_FILE_PATH_H
#define WPP_FILE_PATH_H

#include "files/files.h"

/* Magic number of the filesystem; 0 when unknown. */
uint64_t wppi_file_fs(const struct file *f);
/* Does the name in /proc still lead to this file? */
bool wppi_file_named(const struct file *f);

#endif
