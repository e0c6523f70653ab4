/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Asking a stopped thread what only it can tell (ask_blob.S).
 *
 * Whenever its registers are not its own, they lead through code that puts
 * them back, in memory that is not written any more: killing us at any
 * instruction leaves the process unharmed.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stop/stop.h"
#include "record/restart.h"

#ifndef PTRACE_SETSIGMASK
#define PTRACE_SETSIGMASK 0x420b
#endif
#define FLAG_OVERFLOW	0x800u
#define FLAGS_SAVED	0xd5u	 /* what sahf loads */
#define FLAGS_OF_TRACER 0x10100u /* single step, resume */

extern const uint8_t wppi_ask_map[], wppi_ask_mapped[], wppi_ask_run[], wppi_ask_answered[],
	wppi_ask_unmapped[], wppi_ask_saved[], wppi_ask_end[];
#define BLOB_AT(symbol) ((uint64_t)((symbol)-wppi_ask_map))
#define BLOB_LEN	BLOB_AT(wppi_ask_end)

struct ask_saved {
	uint64_t mask, rip, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t pid;
	uint8_t flags, overflow, zero[6];
};

/* ---- Marks ---- */

/*
 * A signal for the marks: one that the process ignores and that its first thread does not block.
 * Then the kernel drops one that somebody else sends, so none is lost that comes meanwhile. Without
 * one (some runtimes catch them all) 0, and the tracer stops threads at each call.
 */
static int mark_signal(const struct member *m)
{
	static const int harmless[] = { SIGWINCH, SIGURG, SIGCHLD };
	char status[16384];
	uint64_t busy = m->threads[0].sigmask;
	const char *p;

	if (wppi_proc_read(m->pid, "status", status, sizeof(status)) < 0)
		return 0;
	p = wppi_proc_field(status, "SigCgt");
	busy |= p ? strtoull(p, NULL, 16) : UINT64_MAX;
	p = wppi_proc_field(status, "ShdPnd");
	busy |= p ? strtoull(p, NULL, 16) : 0;
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		if (!(busy & 1ull << (harmless[i] - 1)))
			return harmless[i];
	}
	return 0;
}

/* Does a thread that blocks the signal have one of its own waiting? It would be lost. */
static bool has_pending(pid_t tid, int sig)
{
	struct {
		uint64_t off;
		uint32_t flags;
		int32_t nr;
	} args = { 0, 0, 16 };
	siginfo_t info[16];
	long n = ptrace(PTRACE_PEEKSIGINFO, tid, &args, info);

	for (long i = 0; i < n; i++) {
		if (info[i].si_signo == sig)
			return true;
	}
	return n < 0 || n == args.nr;
}

static int mark_for(const struct member *m, const struct thread *t)
{
	bool blocked = m->mark && (t->sigmask & 1ull << (m->mark - 1));

	return blocked && has_pending(t->tid, m->mark) ? 0 : m->mark;
}

/* ---- Where the blob goes ---- */

/* Bytes of the vdso that its ELF header gives a use. 0: not understood. */
static uint64_t vdso_used(pid_t pid, uint64_t base, uint64_t len)
{
	uint8_t head[4096];
	Elf64_Ehdr *eh = (Elf64_Ehdr *)head;
	uint64_t used = 0;

	if (wppi_memory_move(pid, base, head, sizeof(head), false) ||
	    memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_phentsize != sizeof(Elf64_Phdr) ||
	    eh->e_phoff > sizeof(head) ||
	    eh->e_phnum > (sizeof(head) - eh->e_phoff) / sizeof(Elf64_Phdr))
		return 0;
	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		const Elf64_Phdr *ph = (const Elf64_Phdr *)(head + eh->e_phoff) + i;

		if (ph->p_type != PT_LOAD || ph->p_vaddr > len || ph->p_memsz > len - ph->p_vaddr)
			continue;
		if (used < ph->p_vaddr + ph->p_memsz)
			used = ph->p_vaddr + ph->p_memsz;
	}
	return used;
}

static const struct vma *find_vdso(const struct member *m)
{
	for (size_t i = 0; i < m->vmas.nr; i++) {
		if (!strcmp(m->vmas.v[i].path, "[vdso]"))
			return &m->vmas.v[i];
	}
	return NULL;
}

/* A tracer may write where the process itself may not; some kernels let it by ptrace() only. */
static int poke(const struct member *m, uint64_t addr, const void *data, size_t len)
{
	uint64_t word;

	if (pwrite(m->mem, data, len, (off_t)addr) == (ssize_t)len)
		return 0;
	for (size_t i = 0; i < len; i += sizeof(word)) {
		memcpy(&word, (const uint8_t *)data + i, sizeof(word));
		if (ptrace(PTRACE_POKEDATA, m->pid, (void *)(uintptr_t)(addr + i),
			   (void *)(uintptr_t)word))
			return -errno;
	}
	return 0;
}

/* Where the blob belongs, whether it is there or not; 0: no place for it. */
static uint64_t blob_place(const struct member *m)
{
	const struct vma *v = find_vdso(m);
	uint64_t used = v ? vdso_used(m->pid, v->start, v->end - v->start) : 0;

	used = (used + 63) & ~63ull;
	return used && BLOB_LEN <= v->end - v->start - used ? v->start + used : 0;
}

static int place_blob(struct member *m)
{
	if (m->blob)
		return 0;
	m->blob = blob_place(m);
	if (!m->blob) {
		wppi_note(
			&m->tree->notes, WPP_NOTE_ERROR, "vdso",
			"the process has no vdso with room for %u bytes, so it can't be asked for "
			"its signal actions and timers",
			(unsigned int)BLOB_LEN);
		return WPP_EREFUSED;
	}
	m->mark = mark_signal(m);
	return poke(m, m->blob, wppi_ask_map, BLOB_LEN);
}

/* ---- The registers to find back to ---- */

static void save_regs(struct ask_saved *s, const struct member *m, const struct thread *t)
{
	const struct user_regs_struct *r = &t->live;
	int64_t error = (int64_t)r->rax;

	*s = (struct ask_saved){
		.mask = t->sigmask,
		.rip = r->rip,
		.rax = r->rax,
		.rbx = r->rbx,
		.rcx = r->rcx,
		.rdx = r->rdx,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.rbp = r->rbp,
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.pid = (uint64_t)m->pid,
	};
	s->flags = (uint8_t)r->eflags;
	s->overflow = (r->eflags & FLAG_OVERFLOW) != 0;
	if ((int64_t)r->orig_rax < 0 || error > -512 || error < -516 || error == -515)
		return;
	s->rip -= 2;
	s->rax = error == -WPPR_ERESTART_RESTARTBLOCK ? SYS_restart_syscall : r->orig_rax;
}

static int set_mask(pid_t tid, uint64_t mask)
{
	if (ptrace(PTRACE_SETSIGMASK, tid, (void *)sizeof(mask), &mask))
		return -errno;
	return 0;
}

/* ---- Steps ---- */

/*
 * To the next stop, of a mark or a system call. A SIGSTOP is taken, but does not hold the thread
 * before we are done.
 */
static int step(struct member *m, pid_t tid, int mark)
{
	int request = mark ? PTRACE_CONT : PTRACE_SYSCALL;
	int expected = mark ? mark : SYSCALL_STOP;
	int status, err, sig = 0;

	for (;;) {
		if (ptrace(request, tid, NULL, (void *)(intptr_t)sig))
			return -errno;
		err = wppi_stop_wait(tid, &status);
		if (err)
			return err;
		sig = 0;
		if (status >> 16)
			continue;
		if (WSTOPSIG(status) == expected)
			return 0;
		if (WSTOPSIG(status) != SIGSTOP)
			return -EFAULT;
		sig = m->stop_signal = SIGSTOP;
	}
}

/* Lets the thread run up to @mark, the address of one in the blob. */
static int step_to(struct member *m, pid_t tid, struct user_regs_struct *regs, uint64_t mark)
{
	int err;

	regs->orig_rax = (uint64_t)-1;
	regs->eflags &= ~(uint64_t)FLAGS_OF_TRACER;
	if (ptrace(PTRACE_SETREGS, tid, NULL, regs))
		return -errno;
	do {
		err = step(m, tid, (int)regs->r15);
		if (!err && ptrace(PTRACE_GETREGS, tid, NULL, regs))
			err = -errno;
	} while (!err && regs->rip != mark);
	return err;
}

/*
 * Maps @len bytes into the process. The signal mask comes second: without us the blob would set
 * both.
 */
static int step_map(struct member *m, struct thread *t, uint64_t len, struct user_regs_struct *regs)
{
	int mark = mark_for(m, t), err;
	uint64_t mask = mark ? ~(1ull << (mark - 1)) : UINT64_MAX;

	*regs = t->live;
	regs->rip = m->blob + BLOB_AT(wppi_ask_map);
	regs->rax = SYS_mmap;
	regs->rdi = 0;
	regs->rsi = len;
	regs->rdx = PROT_READ | PROT_WRITE;
	regs->r10 = MAP_PRIVATE | MAP_ANONYMOUS;
	regs->r8 = (uint64_t)-1;
	regs->r9 = 0;
	regs->r12 = 0;
	regs->r13 = len;
	regs->r14 = (uint64_t)t->tid;
	regs->r15 = (uint64_t)mark;
	if (ptrace(PTRACE_SETREGS, t->tid, NULL, regs))
		return -errno;
	err = set_mask(t->tid, mask);
	if (!err)
		err = step_to(m, t->tid, regs, m->blob + BLOB_AT(wppi_ask_mapped));
	if (err)
		return err;
	return (int64_t)regs->r12 < 0 && (int64_t)regs->r12 > -4096 ? (int)regs->r12 : 0;
}

/* Runs the calls, fetches the results and unmaps the area. */
static int step_run(struct member *m, struct thread *t, struct user_regs_struct *regs)
{
	size_t len = wppi_script_image_len(&t->asked);
	uint64_t area = regs->r12;
	uint8_t *image = wppi_script_image(&t->asked, area);
	int err = image ? wppi_memory_move(t->tid, area, image, len, true) : WPP_ENOMEM;

	if (err)
		goto out;
	regs->rip = m->blob + BLOB_AT(wppi_ask_run);
	regs->rbx = area;
	regs->rbp = area + t->asked.nr_calls * sizeof(*t->asked.calls);
	err = step_to(m, t->tid, regs, m->blob + BLOB_AT(wppi_ask_answered));
	if (!err)
		err = wppi_memory_move(t->tid, area, image, len, false);
	if (!err)
		wppi_script_keep(&t->asked, image);
	if (!err)
		err = step_to(m, t->tid, regs, m->blob + BLOB_AT(wppi_ask_unmapped));
out:
	free(image);
	return err;
}

/*
 * Back to its own registers, in a stop from which the kernel restarts calls: that of a signal, or
 * the trap. The mask comes first: without us the blob would set both.
 */
static int step_back(struct member *m, struct thread *t)
{
	int err = wppi_trap(m, t->tid);

	if (!err)
		err = set_mask(t->tid, t->sigmask);
	if (!err && ptrace(PTRACE_SETREGS, t->tid, NULL, &t->live))
		err = -errno;
	return err;
}

static int write_saved(struct member *m, struct thread *t)
{
	struct ask_saved saved;

	save_regs(&saved, m, t);
	return poke(m, m->blob + BLOB_AT(wppi_ask_saved), &saved, sizeof(saved));
}

int wppi_ask(struct member *m, struct thread *t)
{
	uint64_t len = wppi_script_image_len(&t->asked);
	struct user_regs_struct regs;
	int err, back;

	if (t->asked.failed)
		return WPP_ENOMEM;
	err = place_blob(m);
	if (!err)
		err = write_saved(m, t);
	if (err)
		return err;
	err = step_map(m, t, (len + 4095) & ~4095ull, &regs);
	if (!err)
		err = step_run(m, t, &regs);
	back = step_back(m, t);
	return err ? err : back;
}

/* ---- A thread that is still on its way back ---- */

/* What lies behind the blob, if it is ours: another version's is left to find back by itself. */
static int read_saved(struct member *m, pid_t tid, uint64_t blob, struct ask_saved *saved)
{
	uint8_t there[1024];
	int err = BLOB_LEN <= sizeof(there) ? 0 : WPP_EINVAL;

	if (!err)
		err = wppi_memory_move(tid, blob, there, BLOB_LEN, false);
	if (err)
		return err;
	if (memcmp(there, wppi_ask_map, BLOB_AT(wppi_ask_saved))) {
		wppi_note(&m->tree->notes, WPP_NOTE_ERROR, "thread-asked",
			  "thread %d still answers another version of this tool; try again later",
			  (int)tid);
		return WPP_EBUSY;
	}
	memcpy(saved, there + BLOB_AT(wppi_ask_saved), sizeof(*saved));
	return 0;
}

static void load_regs(struct user_regs_struct *r, const struct ask_saved *s)
{
	r->orig_rax = (uint64_t)-1;
	r->rip = s->rip;
	r->rax = s->rax;
	r->rbx = s->rbx;
	r->rcx = s->rcx;
	r->rdx = s->rdx;
	r->rsi = s->rsi;
	r->rdi = s->rdi;
	r->rbp = s->rbp;
	r->r8 = s->r8;
	r->r9 = s->r9;
	r->r10 = s->r10;
	r->r11 = s->r11;
	r->r12 = s->r12;
	r->r13 = s->r13;
	r->r14 = s->r14;
	r->r15 = s->r15;
	r->eflags = (r->eflags & ~(uint64_t)(FLAGS_SAVED | FLAG_OVERFLOW)) |
		    (s->flags & FLAGS_SAVED) | (s->overflow ? FLAG_OVERFLOW : 0);
}

/* Up to where nothing of ours is left but the registers and the mask. */
static int step_out(struct member *m, struct thread *t, uint64_t blob)
{
	uint64_t unmapped = blob + BLOB_AT(wppi_ask_unmapped);
	struct user_regs_struct regs = t->live;
	int err;

	if (regs.rip >= unmapped)
		return 0;
	regs.r15 = 0; /* who knows whether that signal is still ignored */
	err = set_mask(t->tid, UINT64_MAX);
	if (!err)
		err = step_to(m, t->tid, &regs, unmapped);
	return err;
}

int wppi_ask_finish(struct member *m, struct thread *t)
{
	const struct vma *v = find_vdso(m);
	struct ask_saved saved;
	uint64_t blob;
	int err;

	if (!v || t->live.rip < v->start || t->live.rip >= v->end)
		return 0;
	blob = blob_place(m);
	if (!blob || t->live.rip < blob)
		return 0;
	err = read_saved(m, t->tid, blob, &saved);
	if (!err)
		err = step_out(m, t, blob);
	if (err)
		return err;
	t->sigmask = saved.mask;
	load_regs(&t->live, &saved);
	return step_back(m, t);
}
