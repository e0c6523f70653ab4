/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Threads: registers, the call they are in, robust lists, rseq, alternate stacks; made with their
 * ids. */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state/state.h"
#include "stop/stop.h"
#include "record/restart.h"

#ifndef PTRACE_GETSIGMASK
#define PTRACE_GETSIGMASK 0x420a
#endif
#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif
#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif

#define RSEQ_AREA_MIN 32

struct rseq_config {
	uint64_t pointer;
	uint32_t size, signature, flags, pad;
};

/* ---- System calls ---- */

/*
 * The image's registers point at the system call instruction again, so that any way of setting
 * them restarts the call.
 */
static void work_in_restart(struct thread *t)
{
	struct wppr_call call = wppi_arch_call_of(&t->live);
	struct wpp_rec_thread rec;

	wppr_call_again(&call, t->restarted, &rec);
	t->syscall = (int64_t)rec.syscall;
	t->restart = (int)rec.restart;
	t->regs = t->live;
	wppi_arch_set_call(&t->regs, &call);
}

/* The stop itself has ended the call: it goes on as by any other stop. */
static bool continue_call(struct arch_regs *live)
{
	struct wppr_call call = wppi_arch_call_of(live);

	if (!wppr_call_was_cut(&call))
		return false;
	call.result = (uint64_t)-WPPR_ERESTARTNOHAND;
	wppi_arch_set_call(live, &call);
	return true;
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
	struct wppr_rseq_cs cs;
	uint64_t at, ip = wppi_arch_ip(&t->live);

	if (!conf.pointer || read_target(t->tid, conf.pointer + WPPR_RSEQ_CS, &at, sizeof(at)) ||
	    !at || read_target(t->tid, at, &cs, sizeof(cs)) || !wppr_rseq_abort(&cs, &ip))
		return false;
	wppi_arch_set_ip(&t->live, ip);
	return true;
}

/* ---- Registers ---- */

static int read_thread(struct member *m, struct thread *t)
{
	bool aborted, continued;
	int err = wppi_arch_get_regs(t->tid, &t->live);

	if (err)
		return err; /* of a 32-bit thread check() has told */
	if (ptrace(PTRACE_GETSIGMASK, t->tid, (void *)sizeof(t->sigmask), &t->sigmask))
		return -errno;
	err = wppi_ask_finish(m, t);
	if (!err)
		err = wppi_sleep_find(m, t);
	if (err)
		return err;
	aborted = abort_section(t);
	continued = continue_call(&t->live);
	if (aborted || continued)
		err = wppi_arch_set_regs(t->tid, &t->live);
	if (err)
		return err;
	work_in_restart(t);
	return wppi_arch_get_vector(t->tid, &t->vector);
}

int wppi_threads_read(struct member *m)
{
	int err = 0;

	for (size_t i = 0; !err && i < m->nr_threads; i++)
		err = read_thread(m, &m->threads[i]);
	return err == -ESRCH ? WPP_ENOENT : err;
}

/* ---- The class ---- */

static int threads_ask(struct member *m, struct thread *t, struct script *s)
{
	uint64_t stack = wppi_script_data(s, NULL, sizeof(stack_t));
	uint64_t tidptr = wppi_script_data(s, NULL, sizeof(uint64_t));
	uint64_t death = wppi_script_data(s, NULL, sizeof(int));

	(void)m;
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

static int fill_asked(struct member *m, const struct thread *t, struct wpp_rec_thread *rec)
{
	stack_t stack;
	int death = 0;

	if (!answer(t, SYS_sigaltstack, 0, 1, &stack, sizeof(stack)))
		return WPP_EIO;
	rec->alt_sp = (uint64_t)(uintptr_t)stack.ss_sp;
	rec->alt_size = stack.ss_size;
	rec->alt_flags = (uint64_t)(uint32_t)stack.ss_flags;
	if (!answer(t, SYS_prctl, PR_GET_TID_ADDRESS, 1, &rec->clear_tid, sizeof(rec->clear_tid)) &&
	    !wppi_refuse(m, "clear-tid",
			 "this kernel lacks PR_GET_TID_ADDRESS (CONFIG_CHECKPOINT_RESTORE), so "
			 "pthread_join() of thread %d could wait for ever",
			 (int)t->tid))
		return WPP_EREFUSED;
	answer(t, SYS_prctl, PR_GET_PDEATHSIG, 1, &death, sizeof(death));
	rec->pdeath_signal = (uint64_t)death;
	return 0;
}

static int collect_thread(struct member *m, const struct thread *t)
{
	struct rseq_config rseq = rseq_of(t->tid);
	struct wpp_rec_thread rec = {
		.sigmask = t->sigmask,
		.tgid = (uint64_t)m->pid,
		.rseq = rseq.pointer,
		.rseq_len = rseq.size,
		.rseq_flags = rseq.flags,
		.rseq_sig = rseq.signature,
		.syscall = (uint64_t)t->syscall,
		.restart = (uint64_t)t->restart,
	};
	char name[64], comm[64] = "";
	ssize_t len;
	int err;

	err = fill_asked(m, t, &rec);
	if (err)
		return err;
	if (syscall(SYS_get_robust_list, t->tid, &rec.robust_list, &rec.robust_len))
		return -errno;
	snprintf(name, sizeof(name), "task/%d/comm", (int)t->tid);
	len = wppi_proc_read(m->pid, name, comm, sizeof(comm));
	if (len < 1)
		return len < 0 ? (int)len : WPP_EIO;
	WPPI_REC(&m->tree->pcb, THREAD, t->tid, 0, &rec, comm, len - 1); /* without the line feed */
	wppi_arch_record(&m->tree->pcb, t->tid, &t->regs, &t->vector);
	return 0;
}

static int threads_collect(struct member *m)
{
	int err = 0;

	for (size_t i = 0; !err && i < m->nr_threads; i++)
		err = collect_thread(m, &m->threads[i]);
	return err;
}

static int threads_check(struct member *m)
{
	wppi_sleep_look(m);
	return 0;
}

static void threads_done(struct member *m)
{
	for (size_t i = 0; i < m->nr_threads; i++) {
		free(m->threads[i].vector.state);
		free(m->threads[i].status);
		wppi_script_free(&m->threads[i].asked);
	}
	free(m->threads);
	free(m->sleepers);
	m->threads = NULL;
	m->sleepers = NULL;
	m->nr_threads = m->nr_sleepers = 0;
}

const struct capture_class wppi_capture_threads = {
	.name = "threads",
	.check = threads_check,
	.ask = threads_ask,
	.collect = threads_collect,
	.done = threads_done,
};

/* ---- Recreation: before anything is made ---- */

#ifndef SS_ONSTACK
#define SS_ONSTACK 1
#endif

/* ---- Before anything is made ---- */

static int damaged(struct build *b, uint32_t tid, const char *what)
{
	wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "image", "the %s of thread %u is not valid",
		  what, tid);
	return WPP_ECORRUPT;
}

static int check_thread(struct build *b, uint32_t tid)
{
	struct arch_vector vector;
	struct arch_regs regs;
	struct wpp_rec rec;

	if (!tid || tid > INT32_MAX)
		return damaged(b, tid, "id");
	for (size_t i = 0; i < b->nr_threads; i++) {
		if (b->threads[i].tid == tid)
			return damaged(b, tid, "id");
	}
	if (!wppi_find(b->m, WPP_REC_REGS, tid, &rec) || wppi_arch_regs_of(&rec, &regs))
		return damaged(b, tid, "register record");
	if (!wppi_find(b->m, WPP_REC_XSAVE, tid, &rec) || wppi_arch_vector_of(&rec, &vector))
		return damaged(b, tid, "vector register record");
	return 0;
}

static struct wppr_cursor threads_of(const struct member *m)
{
	struct wppr_cursor c;

	wppr_cursor_threads(&c, m->tree->in_pcb.stream, m->tree->in_pcb.len, (uint32_t)m->pid);
	return c;
}

static size_t count_threads(const struct member *m)
{
	struct wppr_cursor c = threads_of(m);
	struct wpp_rec rec;
	size_t nr = 0;

	while (wppr_cursor_next(&c, WPP_REC_THREAD, &rec) == 0)
		nr++;
	return nr;
}

int wppi_threads_prepare(struct build *b)
{
	struct wppr_cursor c = threads_of(b->m);
	size_t nr = count_threads(b->m);
	struct wpp_rec rec;
	int err = 0;

	b->threads = calloc(nr + 1, sizeof(*b->threads));
	if (!b->threads)
		return WPP_ENOMEM;
	while (!err && wppr_cursor_next(&c, WPP_REC_THREAD, &rec) == 0) {
		err = check_thread(b, rec.task);
		b->threads[b->nr_threads++].tid = rec.task;
	}
	if (!err && (!nr || b->threads[0].tid != (uint32_t)b->m->pid))
		err = damaged(b, (uint32_t)b->m->pid, "place in the list of threads");
	return err;
}

/* Before the work is done: is an id taken? The leader's is ours already. */
int wppi_threads_check_free(struct build *b)
{
	char path[32], text[256];

	if (b->m->tree->how.flags & WPP_RECREATE_NEW_PID_NS)
		return 0;
	for (size_t i = 1; i < b->nr_threads; i++) {
		snprintf(path, sizeof(path), "/proc/%u", b->threads[i].tid);
		if (access(path, F_OK))
			continue;
		wppi_pid_taken((pid_t)b->threads[i].tid, text, sizeof(text));
		wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "pid", "%s", text);
		return WPP_EEXIST;
	}
	return 0;
}

/* ---- Making ---- */

static void add_clone(struct build *b, uint32_t tid)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			 CLONE_SYSVSEM,
		.set_tid_size = 1,
	};
	uint64_t token = wppi_script_data(&b->s, &args, sizeof(args));

	wppi_script_ref(&b->s, token, offsetof(struct clone_args, set_tid),
			wppi_script_data(&b->s, &tid, sizeof(tid)));
	wppi_script_call(&b->s, 0, SYS_clone3, token, sizeof(args), 0, 0, 0, 0);
}

/* A new thread is stopped before its first instruction. */
static int adopt(const struct new_thread *t)
{
	int status;

	while (waitpid(t->outer, &status, __WALL) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFSTOPPED(status) ? 0 : WPP_EIO;
}

static int clone_failed(struct build *b, uint32_t tid, int err)
{
	char text[256];

	if (err == -EEXIST)
		wppi_pid_taken((pid_t)tid, text, sizeof(text));
	if (err == -EEXIST)
		wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "pid", "%s", text);
	else
		wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "clone",
			  "thread %u can't be made: %s", tid, strerror(-err));
	return err;
}

static int make_some(struct build *b, size_t first, size_t n)
{
	size_t failed;
	int err;

	for (size_t i = 0; i < n; i++)
		add_clone(b, b->threads[first + i].tid);
	err = wppi_script_run(&b->s, b->pid, &b->area, &failed);
	if (err && failed < n)
		err = clone_failed(b, b->threads[first + failed].tid, err);
	for (size_t i = 0; !err && i < n; i++)
		b->threads[first + i].outer = (pid_t)b->threads[first + i].tid;
	if (!err)
		err = wppi_pidns_translate(b);
	for (size_t i = 0; !err && i < n; i++)
		err = adopt(&b->threads[first + i]);
	wppi_script_free(&b->s);
	return err;
}

int wppi_threads_make(struct build *b)
{
	const size_t most = 256;
	int err = 0;

	if (ptrace(PTRACE_SETOPTIONS, b->pid, NULL,
		   (void *)(uintptr_t)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD |
				       PTRACE_O_TRACECLONE)))
		return -errno;
	b->threads[0].outer = b->pid;
	for (size_t i = 1; !err && i < b->nr_threads; i += most)
		err = make_some(b, i, b->nr_threads - i < most ? b->nr_threads - i : most);
	return err;
}

/* ---- What the kernel keeps for a thread ---- */

/* Also when there is none: the tool's may have been inherited. */
static void restore_altstack(struct script *s, const struct wpp_rec_thread *t)
{
	stack_t ss = {
		.ss_sp = (void *)(uintptr_t)t->alt_sp,
		.ss_size = t->alt_size,
		.ss_flags = t->alt_sp ? (int)t->alt_flags & ~SS_ONSTACK : SS_DISABLE,
	};

	wppi_script_call(s, 0, SYS_sigaltstack, wppi_script_data(s, &ss, sizeof(ss)), 0, 0, 0, 0,
			 0);
}

static void restore_kernel_state(struct script *s, const struct wpp_rec_thread *t,
				 const struct wpp_rec *rec)
{
	char comm[16] = { 0 };

	memcpy(comm, rec->tail, rec->tail_len < 15 ? rec->tail_len : 15);
	wppi_script_call(s, 0, SYS_prctl, PR_SET_NAME, wppi_script_data(s, comm, sizeof(comm)), 0,
			 0, 0, 0);
	wppi_script_call(s, 0, SYS_set_tid_address, t->clear_tid, 0, 0, 0, 0, 0);
	if (t->robust_list)
		wppi_script_call(s, 0, SYS_set_robust_list, t->robust_list, t->robust_len, 0, 0, 0,
				 0);
	restore_altstack(s, t);
	if (t->rseq)
		wppi_script_call(s, 0, SYS_rseq, t->rseq,
				 t->rseq_len < RSEQ_AREA_MIN ? RSEQ_AREA_MIN : t->rseq_len, 0,
				 t->rseq_sig, 0, 0);
}

static int threads_last(struct member *m, uint32_t tid, struct script *s)
{
	struct wpp_rec_thread thread;
	struct wpp_rec rec;

	if (!wppi_find(m, WPP_REC_THREAD, tid, &rec))
		return WPP_ECORRUPT;
	WPPI_GET(&rec, &thread);
	restore_kernel_state(s, &thread, &rec);
	return 0;
}

const struct recreate_class wppi_recreate_threads = {
	.name = "threads",
	.last = threads_last,
};

/* ---- Registers ---- */

static int set_registers(pid_t tid, const struct wpp_rec *rec)
{
	struct arch_regs regs;
	int err = wppi_arch_regs_of(rec, &regs);

	if (err)
		return err;
	wppi_arch_leave_call(&regs); /* the restart of its call is worked in already */
	return wppi_arch_set_regs(tid, &regs);
}

static int set_vector(struct build *b, pid_t tid, const struct wpp_rec *rec)
{
	struct tree *t = b->m->tree;
	struct arch_vector vector;
	int err = wppi_arch_vector_of(rec, &vector);

	if (!err)
		err = wppi_arch_set_vector(tid, &vector, t->machine.xcr0);
	if (err == WPP_EREFUSED)
		wppi_note(&t->notes, WPP_NOTE_REFUSED, "machine",
			  "this processor's vector state is smaller than the image's");
	return err;
}

static int restore_registers(struct build *b, const struct new_thread *t)
{
	struct wpp_rec_thread thread;
	struct wpp_rec regs, xsave, rec;
	int err;

	if (!wppi_find(b->m, WPP_REC_REGS, t->tid, &regs) ||
	    !wppi_find(b->m, WPP_REC_XSAVE, t->tid, &xsave) ||
	    !wppi_find(b->m, WPP_REC_THREAD, t->tid, &rec))
		return WPP_ECORRUPT;
	err = set_registers(t->outer, &regs);
	if (!err)
		err = set_vector(b, t->outer, &xsave);
	if (err)
		return err;
	WPPI_GET(&rec, &thread);
	if (ptrace(PTRACE_SETSIGMASK, t->outer, (void *)sizeof(thread.sigmask), &thread.sigmask))
		return -errno;
	return 0;
}

/* The hole goes with a call that needs no code of ours. */
static int unmap_area(struct build *b)
{
	const uint64_t arg[6] = { b->area.base, b->area.len };
	uint64_t insn = wppi_script_insn(b->pid);
	int64_t ret;
	int err;

	if (!insn) {
		wppi_note(&b->m->tree->notes, WPP_NOTE_INFO, "recreate",
			  "a page of the tool is left in the process at 0x%llx",
			  (unsigned long long)b->area.base);
		return 0;
	}
	err = wppi_script_one(b->pid, insn, &ret, SYS_munmap, arg);
	return err ? err : (int)ret;
}

/* As the caller wants, or as it was. */
static bool is_to_stop(const struct build *b)
{
	return (b->m->tree->how.flags & WPP_RECREATE_STOPPED) || b->m->rec.stopped;
}

int wppi_threads_release(struct build *b)
{
	int err = unmap_area(b);

	for (size_t i = 0; !err && i < b->nr_threads; i++) {
		err = restore_registers(b, &b->threads[i]);
		if (err && err != WPP_EREFUSED)
			wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "registers",
				  "the registers of thread %u are refused by the kernel: %s",
				  b->threads[i].tid, strerror(-err));
	}
	if (!err && is_to_stop(b) && kill(b->pid, SIGSTOP))
		err = -errno;
	/* Once one runs it may end the others: theirs is not an error any more. */
	for (size_t i = b->nr_threads; !err && i-- > 0;) {
		if (ptrace(PTRACE_DETACH, b->threads[i].outer, NULL, NULL) && errno != ESRCH)
			err = -errno;
	}
	return err;
}
