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
#include <sys/uio.h>
#include <sys/wait.h>

#include "capture.h"

#ifndef PTRACE_SETSIGMASK
#define PTRACE_SETSIGMASK 0x420b
#endif
#define NR_RESTART	219
#define SYSCALL_STOP	(SIGTRAP | 0x80)
#define FLAG_OVERFLOW	0x800u
#define FLAGS_OF_TRACER 0x10100u /* single step, resume */

extern const uint8_t wppi_ask_map[], wppi_ask_run[], wppi_ask_unmap[], wppi_ask_saved[],
	wppi_ask_end[];
#define BLOB_AT(symbol) ((uint64_t)((symbol)-wppi_ask_map))
#define BLOB_LEN	BLOB_AT(wppi_ask_end)

struct ask_saved {
	uint64_t mask, rip, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13;
	uint8_t flags, overflow, zero[6];
};

/* ---- Where the blob goes ---- */

/* Bytes of the vdso that its ELF header gives a use. 0: not understood. */
static uint64_t vdso_used(pid_t pid, uint64_t base, uint64_t len)
{
	uint8_t head[4096];
	Elf64_Ehdr *eh = (Elf64_Ehdr *)head;
	struct iovec mine = { head, sizeof(head) };
	struct iovec theirs = { (void *)(uintptr_t)base, sizeof(head) };
	uint64_t used = 0;

	if (process_vm_readv(pid, &mine, 1, &theirs, 1, 0) != (ssize_t)sizeof(head) ||
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

static const struct vma *find_vdso(const struct capture *c)
{
	for (size_t i = 0; i < c->vmas.nr; i++) {
		if (!strcmp(c->vmas.v[i].path, "[vdso]"))
			return &c->vmas.v[i];
	}
	return NULL;
}

/* ptrace may write where the process itself may not. */
static int poke(pid_t tid, uint64_t addr, const void *data, size_t len)
{
	uint64_t word;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		memcpy(&word, (const uint8_t *)data + i, sizeof(word));
		if (ptrace(PTRACE_POKEDATA, tid, (void *)(uintptr_t)(addr + i),
			   (void *)(uintptr_t)word))
			return -errno;
	}
	return 0;
}

static int place_blob(struct capture *c)
{
	const struct vma *v = find_vdso(c);
	uint64_t used;

	if (c->blob)
		return 0;
	used = v ? vdso_used(c->pid, v->start, v->end - v->start) : 0;
	used = (used + 63) & ~63ull;
	if (!used || BLOB_LEN > v->end - v->start - used) {
		wppi_note(
			&c->notes, WPP_NOTE_ERROR, "vdso",
			"the process has no vdso with room for %u bytes, so it can't be asked for "
			"its signal actions and timers",
			(unsigned int)BLOB_LEN);
		return WPP_EREFUSED;
	}
	c->blob = v->start + used;
	return poke(c->pid, c->blob, wppi_ask_map, BLOB_LEN);
}

/* ---- The registers to find back to ---- */

static void save_regs(struct ask_saved *s, const struct thread *t)
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
	};
	s->flags = (uint8_t)r->eflags;
	s->overflow = (r->eflags & FLAG_OVERFLOW) != 0;
	if ((int64_t)r->orig_rax < 0 || error > -512 || error < -516 || error == -515)
		return;
	s->rip -= 2;
	s->rax = error == -516 ? NR_RESTART : r->orig_rax;
}

static int set_mask(pid_t tid, uint64_t mask)
{
	if (ptrace(PTRACE_SETSIGMASK, tid, (void *)sizeof(mask), &mask))
		return -errno;
	return 0;
}

/* ---- Steps ---- */

/* To the next entry or exit of a system call. A job control signal is put off to the end. */
static int step(struct capture *c, pid_t tid)
{
	int status, err;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL))
			return -errno;
		err = wppi_stop_wait(tid, &status);
		if (err)
			return err;
		if (status >> 16)
			continue;
		if (WSTOPSIG(status) == SYSCALL_STOP)
			return 0;
		if (WSTOPSIG(status) != SIGSTOP)
			return -EFAULT;
		c->stop_again = true;
	}
}

static int set_regs(pid_t tid, struct user_regs_struct *regs)
{
	regs->orig_rax = (uint64_t)-1;
	regs->eflags &= ~(uint64_t)FLAGS_OF_TRACER;
	if (ptrace(PTRACE_SETREGS, tid, NULL, regs))
		return -errno;
	return 0;
}

/* Maps @len bytes into the process; the thread is in the blob afterwards. */
static int step_map(struct capture *c, struct thread *t, uint64_t len,
		    struct user_regs_struct *regs)
{
	int err;

	*regs = t->live;
	regs->rip = c->blob + BLOB_AT(wppi_ask_map);
	regs->rax = SYS_mmap;
	regs->rdi = 0;
	regs->rsi = len;
	regs->rdx = PROT_READ | PROT_WRITE;
	regs->r10 = MAP_PRIVATE | MAP_ANONYMOUS;
	regs->r8 = (uint64_t)-1;
	regs->r9 = 0;
	regs->r12 = 0;
	regs->r13 = len;
	err = set_regs(t->tid, regs);
	if (!err)
		err = set_mask(t->tid, UINT64_MAX);
	if (!err)
		err = step(c, t->tid);
	if (!err)
		err = step(c, t->tid);
	if (!err && ptrace(PTRACE_GETREGS, t->tid, NULL, regs))
		err = -errno;
	if (err)
		return err;
	return (int64_t)regs->rax < 0 && (int64_t)regs->rax > -4096 ? (int)regs->rax : 0;
}

static int move(pid_t tid, uint64_t addr, void *buf, size_t len, bool out)
{
	struct iovec mine = { buf, len };
	struct iovec theirs = { (void *)(uintptr_t)addr, len };
	ssize_t n = out ? process_vm_writev(tid, &mine, 1, &theirs, 1, 0)
			: process_vm_readv(tid, &mine, 1, &theirs, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}

/* Runs the calls up to the one that unmaps the area, and fetches the results. */
static int step_run(struct capture *c, struct thread *t, struct user_regs_struct *regs)
{
	size_t len = wppi_script_image_len(&t->asked);
	uint64_t area = regs->rax;
	uint8_t *image = wppi_script_image(&t->asked, area);
	int err = image ? move(t->tid, area, image, len, true) : WPP_ENOMEM;

	if (err)
		goto out;
	regs->rip = c->blob + BLOB_AT(wppi_ask_run);
	regs->rbx = area;
	regs->rbp = area + t->asked.nr_calls * sizeof(*t->asked.calls);
	regs->r12 = area;
	err = set_regs(t->tid, regs);
	while (!err && regs->rip != c->blob + BLOB_AT(wppi_ask_unmap)) {
		err = step(c, t->tid);
		if (!err && ptrace(PTRACE_GETREGS, t->tid, NULL, regs))
			err = -errno;
	}
	if (!err)
		err = move(t->tid, area, image, len, false);
	if (!err)
		wppi_script_keep(&t->asked, image);
out:
	free(image);
	return err;
}

/*
 * Into the trap where the kernel restarts calls, and back to its own registers. The mask comes
 * first: the blob would set both.
 */
static int step_back(struct capture *c, struct thread *t)
{
	int err = wppi_trap(c, t->tid);

	if (!err)
		err = set_mask(t->tid, t->sigmask);
	if (!err && ptrace(PTRACE_SETREGS, t->tid, NULL, &t->live))
		err = -errno;
	return err;
}

int wppi_ask(struct capture *c, struct thread *t)
{
	uint64_t len = wppi_script_image_len(&t->asked);
	struct user_regs_struct regs;
	struct ask_saved saved;
	int err, back;

	if (t->asked.failed)
		return WPP_ENOMEM;
	save_regs(&saved, t);
	err = place_blob(c);
	if (!err)
		err = poke(t->tid, c->blob + BLOB_AT(wppi_ask_saved), &saved, sizeof(saved));
	if (err)
		return err;
	err = step_map(c, t, (len + 4095) & ~4095ull, &regs);
	if (!err)
		err = step_run(c, t, &regs);
	back = step_back(c, t);
	return err ? err : back;
}
