/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_FILE_FACTS_H
#define WPP_FILE_FACTS_H

#include <wpp/types.h>

/* tmpfs and its like. */
bool wppi_file_is_in_memory(int fd);

/* Not every file system has O_DIRECT; the page cache is slower and as durable. */
bool wppi_file_set_direct(int fd);

#endif
