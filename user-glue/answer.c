/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Finding what a thread answered. */
#include <errno.h>

#include "capture.h"

const struct script_call *wppi_answer(const struct thread *t, long nr, uint64_t arg0)
{
	for (size_t i = 0; i < t->asked.nr_calls; i++) {
		const struct script_call *call = &t->asked.calls[i];

		if (call->nr == (uint64_t)nr && call->arg[0] == arg0)
			return call;
	}
	return NULL;
}

int64_t wppi_answer_ret(const struct thread *t, long nr, uint64_t arg0)
{
	const struct script_call *call = wppi_answer(t, nr, arg0);

	return call ? call->ret : -ENOSYS;
}
