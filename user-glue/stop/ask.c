/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Asking a stopped thread what only it can tell (arch_code).
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
	return used && ARCH_CODE_LEN <= v->end - v->start - used ? v->start + used : 0;
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
			(unsigned int)ARCH_CODE_LEN);
		return WPP_EREFUSED;
	}
	m->mark = mark_signal(m);
	return poke(m, m->blob, wppi_arch_code.start, ARCH_CODE_LEN);
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

/* Lets the thread run up to a point of the code, at address @to. */
static int step_to(struct member *m, pid_t tid, struct arch_regs *regs, int mark, uint64_t to)
{
	int err;

	wppi_arch_ask_go(regs);
	err = wppi_arch_set_regs(tid, regs);
	if (err)
		return err;
	do {
		err = step(m, tid, mark);
		if (!err)
			err = wppi_arch_get_regs(tid, regs);
	} while (!err && wppi_arch_ip(regs) != to);
	return err;
}

/*
 * Maps @len bytes into the process. The signal mask comes second: without us the code would set
 * both.
 */
static int step_map(struct member *m, struct thread *t, uint64_t len, int mark,
		    struct arch_regs *regs)
{
	uint64_t mask = mark ? ~(1ull << (mark - 1)) : UINT64_MAX;
	int64_t area;
	int err;

	*regs = t->live;
	wppi_arch_ask_map(regs, m->blob, len, t->tid, mark);
	err = wppi_arch_set_regs(t->tid, regs);
	if (!err)
		err = set_mask(t->tid, mask);
	if (!err)
		err = step_to(m, t->tid, regs, mark, m->blob + ARCH_CODE_AT(mapped));
	if (err)
		return err;
	area = (int64_t)wppi_arch_ask_area(regs);
	return area < 0 && area > -4096 ? (int)area : 0;
}

/* The calls as the code reads them. What one can't tell, it can't; the others are asked. */
static uint8_t *questions(const struct thread *t, uint64_t area)
{
	uint8_t *image = wppi_script_image(&t->asked, area);
	struct script_call *calls = (struct script_call *)image;

	for (size_t i = 0; image && i < t->asked.nr_calls; i++)
		calls[i].flags |= SCRIPT_MAY_FAIL;
	return image;
}

/* Runs the calls, fetches the results and unmaps the area. */
static int step_run(struct member *m, struct thread *t, int mark, struct arch_regs *regs)
{
	size_t len = wppi_script_image_len(&t->asked);
	uint64_t area = wppi_arch_ask_area(regs);
	uint8_t *image = questions(t, area);
	int err = image ? wppi_memory_move(t->tid, area, image, len, true) : WPP_ENOMEM;

	if (err)
		goto out;
	wppi_arch_ask_run(regs, m->blob, area, area + t->asked.nr_calls * sizeof(*t->asked.calls));
	err = step_to(m, t->tid, regs, mark, m->blob + ARCH_CODE_AT(answered));
	if (!err)
		err = wppi_memory_move(t->tid, area, image, len, false);
	if (!err)
		wppi_script_keep(&t->asked, image);
	if (!err)
		err = step_to(m, t->tid, regs, mark, m->blob + ARCH_CODE_AT(unmapped));
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
	if (!err)
		err = wppi_arch_set_regs(t->tid, &t->live);
	return err;
}

static int write_saved(struct member *m, struct thread *t)
{
	struct arch_saved saved;

	wppi_arch_save(&saved, &t->live, t->sigmask, m->pid);
	return poke(m, m->blob + ARCH_CODE_AT(saved), &saved, sizeof(saved));
}

int wppi_ask(struct member *m, struct thread *t)
{
	uint64_t len = wppi_script_image_len(&t->asked);
	struct arch_regs regs;
	int err, back, mark;

	if (t->asked.failed)
		return WPP_ENOMEM;
	err = place_blob(m);
	if (!err)
		err = write_saved(m, t);
	if (err)
		return err;
	mark = mark_for(m, t);
	err = step_map(m, t, (len + 4095) & ~4095ull, mark, &regs);
	if (!err)
		err = step_run(m, t, mark, &regs);
	back = step_back(m, t);
	return err ? err : back;
}

/* ---- A thread that is still on its way back ---- */

/* What lies behind the blob, if it is ours: another version's is left to find back by itself. */
static int read_saved(struct member *m, pid_t tid, uint64_t blob, struct arch_saved *saved)
{
	uint8_t there[1024];
	int err = ARCH_CODE_LEN <= sizeof(there) ? 0 : WPP_EINVAL;

	if (!err)
		err = wppi_memory_move(tid, blob, there, ARCH_CODE_LEN, false);
	if (err)
		return err;
	if (memcmp(there, wppi_arch_code.start, ARCH_CODE_AT(saved))) {
		wppi_note(&m->tree->notes, WPP_NOTE_ERROR, "thread-asked",
			  "thread %d still answers another version of this tool; try again later",
			  (int)tid);
		return WPP_EBUSY;
	}
	memcpy(saved, there + ARCH_CODE_AT(saved), sizeof(*saved));
	return 0;
}

/* Up to where nothing of ours is left but the registers and the mask. */
static int step_out(struct member *m, struct thread *t, uint64_t blob)
{
	uint64_t unmapped = blob + ARCH_CODE_AT(unmapped);
	struct arch_regs regs = t->live;
	int err;

	if (wppi_arch_ip(&regs) >= unmapped)
		return 0;
	wppi_arch_ask_unmarked(&regs); /* who knows whether that signal is still ignored */
	err = set_mask(t->tid, UINT64_MAX);
	if (!err)
		err = step_to(m, t->tid, &regs, 0, unmapped);
	return err;
}

int wppi_ask_finish(struct member *m, struct thread *t)
{
	const struct vma *v = find_vdso(m);
	uint64_t ip = wppi_arch_ip(&t->live);
	struct arch_saved saved;
	uint64_t blob;
	int err;

	if (!v || ip < v->start || ip >= v->end)
		return 0;
	blob = blob_place(m);
	if (!blob || ip < blob)
		return 0;
	err = read_saved(m, t->tid, blob, &saved);
	if (!err)
		err = step_out(m, t, blob);
	if (err)
		return err;
	t->sigmask = wppi_arch_load(&saved, &t->live);
	return step_back(m, t);
}
