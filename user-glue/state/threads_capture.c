/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Threads: registers, the call they are in, robust lists, rseq, alternate stacks. */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "capture/capture.h"

#ifndef PTRACE_GETSIGMASK
#define PTRACE_GETSIGMASK 0x420a
#endif
#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif
#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif

#define XSAVE_MAX      (32u << 10)
#define XSAVE_XCR0_OFF 464 /* where the kernel puts XCR0 into the area for tracers */
#define RSEQ_CS_OFF    8   /* struct rseq.rseq_cs */

struct rseq_config {
	uint64_t pointer;
	uint32_t size, signature, flags, pad;
};

struct rseq_section {
	uint32_t version, flags;
	uint64_t start, length, abort;
};

/* ---- System calls ---- */

/* Calls that any stop ends with EINTR, though nobody handled a signal. Nothing was moved. */
static bool is_stop_sensitive(int64_t nr)
{
	static const int16_t list[] = {
		SYS_epoll_wait, SYS_epoll_pwait, 441 /* epoll_pwait2 */,
		SYS_semop,	SYS_semtimedop,	 SYS_rt_sigtimedwait,
		SYS_accept,	SYS_accept4,	 SYS_recvfrom,
		SYS_recvmsg,	SYS_recvmmsg,	 SYS_sendto,
		SYS_sendmsg,	SYS_sendmmsg,	 SYS_read,
		SYS_readv,	SYS_write,	 SYS_writev,
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (list[i] == nr)
			return true;
	}
	return false;
}

/*
 * ERESTART_RESTARTBLOCK: this kernel alone knows how much time is left. But a sleep that was given
 * a place for it has stored it there already, so it goes on with that; others start anew.
 */
static void sleep_the_rest(struct user_regs_struct *regs, int64_t nr)
{
	if (nr == SYS_nanosleep && regs->rsi)
		regs->rdi = regs->rsi;
	else if (nr == SYS_clock_nanosleep && !(regs->rsi & TIMER_ABSTIME) && regs->r10)
		regs->rdx = regs->r10;
}

/*
 * The image's registers point at the system call instruction again, so that any way of setting
 * them restarts the call.
 */
static void work_in_restart(struct thread *t)
{
	int64_t error = (int64_t)t->live.rax;

	t->regs = t->live;
	t->syscall = (int64_t)t->live.orig_rax;
	t->regs.orig_rax = (uint64_t)-1;
	if (t->restarted)
		t->syscall = t->restarted;
	if (t->syscall < 0)
		return;
	if (error == -ERESTARTSYS || error == -ERESTARTNOINTR || error == -ERESTARTNOHAND)
		t->restart = (int)-error;
	else if (error == -ERESTART_RESTARTBLOCK)
		t->restart = ERESTARTNOHAND;
	else
		return;
	if (error == -ERESTART_RESTARTBLOCK)
		sleep_the_rest(&t->regs, t->syscall);
	t->regs.rax = (uint64_t)t->syscall;
	t->regs.rip -= 2;
}

/* ---- Restartable sequences ---- */

static int read_target(pid_t tid, uint64_t addr, void *buf, size_t len)
{
	return wppi_memory_move(tid, addr, buf, len, false) ? -EFAULT : 0;
}

static struct rseq_config rseq_of(pid_t tid)
{
	struct rseq_config conf = { 0 };

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, tid, (void *)sizeof(conf), &conf) <= 0)
		memset(&conf, 0, sizeof(conf));
	return conf;
}

/* Inside of a critical section: it is aborted, as by any preemption. True: registers changed. */
static bool abort_section(struct thread *t)
{
	struct rseq_config conf = rseq_of(t->tid);
	struct rseq_section cs;
	uint64_t at;

	if (!conf.pointer || read_target(t->tid, conf.pointer + RSEQ_CS_OFF, &at, sizeof(at)) ||
	    !at || read_target(t->tid, at, &cs, sizeof(cs)) || t->live.rip - cs.start >= cs.length)
		return false;
	t->live.rip = cs.abort;
	return true;
}

/* ---- Registers ---- */

static int read_xsave(struct thread *t)
{
	uint8_t area[XSAVE_MAX];
	struct iovec iov = { area, sizeof(area) };

	if (ptrace(PTRACE_GETREGSET, t->tid, (void *)NT_X86_XSTATE, &iov))
		return -errno;
	t->xsave = malloc(iov.iov_len);
	if (!t->xsave)
		return WPP_ENOMEM;
	memcpy(t->xsave, area, iov.iov_len);
	t->xsave_len = iov.iov_len;
	return 0;
}

static int read_thread(struct capture *c, struct thread *t)
{
	struct iovec iov = { &t->live, sizeof(t->live) };
	bool changed;
	int err;

	if (ptrace(PTRACE_GETREGSET, t->tid, (void *)NT_PRSTATUS, &iov) ||
	    ptrace(PTRACE_GETSIGMASK, t->tid, (void *)sizeof(t->sigmask), &t->sigmask))
		return -errno;
	if (iov.iov_len != sizeof(t->live))
		return WPP_EREFUSED; /* a 32-bit thread; check() has said so */
	err = wppi_ask_finish(c, t);
	if (!err)
		err = wppi_sleep_find(c, t);
	if (err)
		return err;
	changed = abort_section(t);
	if ((int64_t)t->live.orig_rax >= 0 && (int64_t)t->live.rax == -EINTR &&
	    is_stop_sensitive((int64_t)t->live.orig_rax)) {
		t->live.rax = (uint64_t)-ERESTARTNOHAND;
		changed = true;
	}
	if (changed && ptrace(PTRACE_SETREGS, t->tid, NULL, &t->live))
		return -errno;
	work_in_restart(t);
	return read_xsave(t);
}

int wppi_threads_read(struct capture *c)
{
	int err = 0;

	for (size_t i = 0; !err && i < c->nr_threads; i++)
		err = read_thread(c, &c->threads[i]);
	return err == -ESRCH ? WPP_ENOENT : err;
}

uint64_t wppi_xcr0(const struct thread *t)
{
	uint64_t xcr0 = 0;

	if (t->xsave_len >= XSAVE_XCR0_OFF + sizeof(xcr0))
		memcpy(&xcr0, t->xsave + XSAVE_XCR0_OFF, sizeof(xcr0));
	return xcr0;
}

/* ---- The class ---- */

static int threads_ask(struct capture *c, struct thread *t, struct script *s)
{
	uint64_t stack = wppi_script_data(s, NULL, sizeof(stack_t));
	uint64_t tidptr = wppi_script_data(s, NULL, sizeof(uint64_t));
	uint64_t death = wppi_script_data(s, NULL, sizeof(int));

	(void)c;
	(void)t;
	wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_sigaltstack, 0, stack, 0, 0, 0, 0);
	wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_prctl, PR_GET_TID_ADDRESS, tidptr, 0, 0, 0, 0);
	wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_prctl, PR_GET_PDEATHSIG, death, 0, 0, 0, 0);
	return 0;
}

/* Copies what the call wrote through argument @arg. False: the kernel does not know the call. */
static bool answer(const struct thread *t, long nr, uint64_t arg0, unsigned int arg, void *out,
		   size_t len)
{
	const struct script_call *call = wppi_answer(t, nr, arg0);

	if (!call || call->ret < 0)
		return false;
	memcpy(out, wppi_script_result(&t->asked, call->arg[arg]), len);
	return true;
}

static int fill_asked(struct capture *c, const struct thread *t, struct wpp_rec_thread *rec)
{
	stack_t stack;
	int death = 0;

	if (!answer(t, SYS_sigaltstack, 0, 1, &stack, sizeof(stack)))
		return WPP_EIO;
	rec->alt_sp = (uint64_t)(uintptr_t)stack.ss_sp;
	rec->alt_size = stack.ss_size;
	rec->alt_flags = (uint64_t)(uint32_t)stack.ss_flags;
	if (!answer(t, SYS_prctl, PR_GET_TID_ADDRESS, 1, &rec->clear_tid, sizeof(rec->clear_tid)) &&
	    !wppi_refuse(&c->notes, "clear-tid",
			 "this kernel lacks PR_GET_TID_ADDRESS (CONFIG_CHECKPOINT_RESTORE), so "
			 "pthread_join() of thread %d could wait for ever",
			 (int)t->tid))
		return WPP_EREFUSED;
	answer(t, SYS_prctl, PR_GET_PDEATHSIG, 1, &death, sizeof(death));
	rec->pdeath_signal = (uint64_t)death;
	return 0;
}

static int collect_thread(struct capture *c, const struct thread *t)
{
	struct rseq_config rseq = rseq_of(t->tid);
	struct wpp_rec_regs regs = { t->regs.fs_base, t->regs.gs_base };
	struct wpp_rec_xsave xsave = { wppi_xcr0(t) };
	struct wpp_rec_thread rec = {
		.sigmask = t->sigmask,
		.rseq = rseq.pointer,
		.rseq_len = rseq.size,
		.rseq_flags = rseq.flags,
		.rseq_sig = rseq.signature,
		.syscall = (uint64_t)t->syscall,
		.restart = (uint64_t)t->restart,
		.tgid = (uint64_t)c->pid,
	};
	char name[64], comm[64] = "";
	ssize_t len;
	int err;

	err = fill_asked(c, t, &rec);
	if (err)
		return err;
	if (syscall(SYS_get_robust_list, t->tid, &rec.robust_list, &rec.robust_len))
		return -errno;
	snprintf(name, sizeof(name), "task/%d/comm", (int)t->tid);
	len = wppi_proc_read(c->pid, name, comm, sizeof(comm));
	if (len < 1)
		return len < 0 ? (int)len : WPP_EIO;
	WPPI_REC(&c->pcb, THREAD, t->tid, 0, &rec, comm, len - 1); /* without the line feed */
	WPPI_REC(&c->pcb, REGS, t->tid, WPP_ARCH_X86_64, &regs, &t->regs, sizeof(t->regs));
	WPPI_REC(&c->pcb, XSAVE, t->tid, 0, &xsave, t->xsave, t->xsave_len);
	return 0;
}

static int threads_collect(struct capture *c)
{
	int err = 0;

	for (size_t i = 0; !err && i < c->nr_threads; i++)
		err = collect_thread(c, &c->threads[i]);
	return err;
}

static int threads_check(struct capture *c)
{
	wppi_sleep_look(c);
	return 0;
}

static void threads_done(struct capture *c)
{
	free(c->sleepers);
}

const struct capture_class wppi_capture_threads = {
	.name = "threads",
	.check = threads_check,
	.ask = threads_ask,
	.collect = threads_collect,
	.done = threads_done,
};
