/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What each thread saw of itself when it was stopped, as records.
 */
#include <asm/unistd.h>

#include "arch/arch.h"
#include "state/kstate.h"

static int threads_collect(struct wppk_member *m)
{
	const struct wppk_thread *t;

	wppk_for_each(t, m->group) {
		struct wpp_rec_regs regs = wppk_arch_bases(&t->regs);
		struct wpp_rec_xsave xsave = { wppk_arch_features(t->xsave, t->xsave_len) };

		if (t->rec.syscall == __NR_restart_syscall)
			wppk_note(&m->tree->notes, "sleep",
				  "thread %d will find the call that it is in ended by EINTR",
				  t->tid);
		WPPK_REC_THREAD(m, t, THREAD, 0, &t->rec, t->comm, strlen(t->comm));
		WPPK_REC_THREAD(m, t, REGS, WPPK_ARCH, &regs, &t->regs, sizeof(t->regs));
		WPPK_REC_THREAD(m, t, XSAVE, 0, &xsave, t->xsave, t->xsave_len);
	}
	return 0;
}

const struct wppk_class wppk_class_threads = { .collect = threads_collect };
