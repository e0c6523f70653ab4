/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef BACKEND_RAM_H
#define BACKEND_RAM_H

#include <wpp/backend.h>

/* A medium of @bytes (a multiple of 4096) of memory; freed by (*out)->ops->close(). */
int backend_ram_open(uint64_t bytes, struct wpp_backend **out);

#endif
