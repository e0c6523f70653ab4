/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Threads: made with their ids, given back what the kernel keeps for them, then their registers. */
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recreate/recreate_priv.h"

#define XSAVE_MAX     (32u << 10)
#define XSAVE_HEADER  512 /* offset of XSTATE_BV */
#define XSAVE_LEGACY  576 /* end of the header */
#define RSEQ_AREA_MIN 32

#ifndef SS_ONSTACK
#define SS_ONSTACK 1
#endif

/* ---- Before anything is made ---- */

static int damaged(struct build *b, uint32_t tid, const char *what)
{
	wppi_note(&b->r.notes, WPP_NOTE_ERROR, "image", "the %s of thread %u is not valid", what,
		  tid);
	return WPP_ECORRUPT;
}

static int check_thread(struct build *b, uint32_t tid)
{
	struct wpp_rec rec;

	if (!tid || tid > INT32_MAX)
		return damaged(b, tid, "id");
	for (size_t i = 0; i < b->nr_threads; i++) {
		if (b->threads[i].tid == tid)
			return damaged(b, tid, "id");
	}
	if (wppi_recreate_find(&b->r, WPP_REC_REGS, tid, &rec) || rec.id != WPP_ARCH_X86_64 ||
	    rec.tail_len != sizeof(struct user_regs_struct))
		return damaged(b, tid, "register record");
	if (wppi_recreate_find(&b->r, WPP_REC_XSAVE, tid, &rec) || rec.tail_len < XSAVE_LEGACY ||
	    rec.tail_len > XSAVE_MAX)
		return damaged(b, tid, "vector register record");
	return 0;
}

/* The parent it meant is gone; with a new one it could be ended when the tool ends. */
static void note_parent_death(struct build *b, const struct wpp_rec *rec)
{
	struct wpp_rec_thread thread;

	WPPI_GET(rec, &thread);
	if (thread.pdeath_signal)
		wppi_note(&b->r.notes, WPP_NOTE_CHANGED, "parent-death",
			  "thread %u wanted signal %llu when its parent dies: that is not set for "
			  "the new parent",
			  rec->task, (unsigned long long)thread.pdeath_signal);
}

static size_t count(const struct build *b)
{
	struct wpp_rec rec;
	size_t pos = 0, nr = 0;

	while (wppi_recreate_next(&b->r, WPP_REC_THREAD, &pos, &rec) == 0)
		nr++;
	return nr;
}

int wppi_threads_prepare(struct build *b)
{
	size_t pos = 0, nr = count(b);
	struct wpp_rec rec;
	int err = 0;

	b->threads = calloc(nr + 1, sizeof(*b->threads));
	if (!b->threads)
		return WPP_ENOMEM;
	while (!err && wppi_recreate_next(&b->r, WPP_REC_THREAD, &pos, &rec) == 0) {
		err = check_thread(b, rec.task);
		note_parent_death(b, &rec);
		b->threads[b->nr_threads++].tid = rec.task;
	}
	if (!err && (!nr || b->threads[0].tid != (uint32_t)b->r.pid))
		err = damaged(b, (uint32_t)b->r.pid, "place in the list of threads");
	return err;
}

/* Before the work is done: is an id taken? The leader's is ours already. */
int wppi_threads_check_free(struct build *b)
{
	char path[32], text[256];

	if (b->how.flags & WPP_RECREATE_NEW_PID_NS)
		return 0;
	for (size_t i = 1; i < b->nr_threads; i++) {
		snprintf(path, sizeof(path), "/proc/%u", b->threads[i].tid);
		if (access(path, F_OK))
			continue;
		wppi_pid_taken((pid_t)b->threads[i].tid, text, sizeof(text));
		wppi_note(&b->r.notes, WPP_NOTE_ERROR, "pid", "%s", text);
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
		wppi_note(&b->r.notes, WPP_NOTE_ERROR, "pid", "%s", text);
	else
		wppi_note(&b->r.notes, WPP_NOTE_ERROR, "clone", "thread %u can't be made: %s", tid,
			  strerror(-err));
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

static int run_thread(struct build *b, const struct new_thread *t)
{
	struct wpp_rec_thread rec_thread;
	struct wpp_rec rec;
	int err = wppi_recreate_find(&b->r, WPP_REC_THREAD, t->tid, &rec);

	if (err)
		return err;
	WPPI_GET(&rec, &rec_thread);
	restore_kernel_state(&b->s, &rec_thread, &rec);
	for (const struct recreate_class *const *c = wppi_recreate_classes; !err && *c; c++) {
		if ((*c)->last)
			err = (*c)->last(&b->r, t->tid, &b->s);
	}
	if (!err)
		err = wppi_build_run_on(b, t->outer, "restoring a thread");
	for (const struct recreate_class *const *c = wppi_recreate_classes; !err && *c; c++) {
		if ((*c)->done)
			(*c)->done(&b->r, t->tid, &b->s);
	}
	wppi_script_free(&b->s);
	return err;
}

/* ---- Registers ---- */

static int set_registers(pid_t tid, const struct wpp_rec *rec)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	memcpy(&regs, rec->tail, sizeof(regs));
	regs.orig_rax = (uint64_t)-1; /* the restart of its call is worked in already */
	return ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &iov) ? -errno : 0;
}

/* The area has the length of this machine: what the image's lacks is state that it never used. */
static int set_xsave(struct build *b, pid_t tid, const struct wpp_rec *rec)
{
	uint8_t area[XSAVE_MAX];
	struct iovec iov = { area, sizeof(area) };
	uint64_t used;

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_X86_XSTATE, &iov))
		return -errno;
	if (iov.iov_len < rec->tail_len) {
		wppi_note(&b->r.notes, WPP_NOTE_REFUSED, "machine",
			  "this processor's vector state is smaller than the image's");
		return WPP_EREFUSED;
	}
	memset(area, 0, iov.iov_len);
	memcpy(area, rec->tail, rec->tail_len);
	memcpy(&used, area + XSAVE_HEADER, sizeof(used));
	used &= b->r.machine.xcr0;
	memcpy(area + XSAVE_HEADER, &used, sizeof(used));
	return ptrace(PTRACE_SETREGSET, tid, (void *)NT_X86_XSTATE, &iov) ? -errno : 0;
}

static int restore_registers(struct build *b, const struct new_thread *t)
{
	struct wpp_rec_thread thread;
	struct wpp_rec rec;
	int err = wppi_recreate_find(&b->r, WPP_REC_REGS, t->tid, &rec);

	if (!err)
		err = set_registers(t->outer, &rec);
	if (!err)
		err = wppi_recreate_find(&b->r, WPP_REC_XSAVE, t->tid, &rec);
	if (!err)
		err = set_xsave(b, t->outer, &rec);
	if (!err)
		err = wppi_recreate_find(&b->r, WPP_REC_THREAD, t->tid, &rec);
	if (err)
		return err;
	WPPI_GET(&rec, &thread);
	if (ptrace(PTRACE_SETSIGMASK, t->outer, (void *)sizeof(thread.sigmask), &thread.sigmask))
		return -errno;
	return 0;
}

/* The leader's last: its calls may take away rights that the others need. */
int wppi_threads_restore(struct build *b)
{
	int err = 0;

	for (size_t i = b->nr_threads; !err && i-- > 0;)
		err = run_thread(b, &b->threads[i]);
	return err;
}

/* The hole goes with a call that needs no code of ours. */
static int unmap_area(struct build *b)
{
	const uint64_t arg[6] = { b->area.base, b->area.len };
	uint64_t insn = wppi_script_insn(b->pid);
	int64_t ret;
	int err;

	if (!insn) {
		wppi_note(&b->r.notes, WPP_NOTE_INFO, "recreate",
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
	return (b->how.flags & WPP_RECREATE_STOPPED) || b->r.process.stopped;
}

int wppi_threads_release(struct build *b)
{
	int err = unmap_area(b);

	for (size_t i = 0; !err && i < b->nr_threads; i++) {
		err = restore_registers(b, &b->threads[i]);
		if (err && err != WPP_EREFUSED)
			wppi_note(&b->r.notes, WPP_NOTE_ERROR, "registers",
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
