/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which kinds of media wpp.conf can name. A new backend adds its line here. */
#include <string.h>
#include <wpp/media.h>
#include "registry.h"

static const struct wpp_backend_type *const types[] = {
	&wppi_pmem_type,
	&wppi_nvme_type,
	&wppi_fpga_type,
	&wppi_module_type,
};

const struct wpp_backend_type *wpp_backend_type_at(size_t index)
{
	return index < sizeof(types) / sizeof(types[0]) ? types[index] : NULL;
}

const struct wpp_backend_type *wpp_backend_type_find(const char *name)
{
	const struct wpp_backend_type *type;

	for (size_t i = 0; (type = wpp_backend_type_at(i)) != NULL; i++)
		if (!strcmp(type->name, name))
			return type;
	return NULL;
}
