/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a stopped thread tells: its answers, its status. */
#include <errno.h>

#include "stop/stop.h"

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

const char *wppi_thread_status(const struct member *m, struct thread *t)
{
	char name[64];

	if (t->status)
		return t->status;
	snprintf(name, sizeof(name), "task/%d/status", (int)t->tid);
	if (wppi_proc_read_all(m->pid, name, &t->status) < 0)
		t->status = NULL;
	return t->status;
}
