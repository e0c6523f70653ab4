/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A machine that user-glue does not know. What can fail says so; the rest is never reached. */
#include <errno.h>

#include "arch/arch.h"

uint64_t wppi_arch(void)
{
	return 0;
}

uint64_t wppi_arch_features(void)
{
	return 0;
}

/* ---- Registers ---- */

int wppi_arch_get_regs(pid_t tid, struct arch_regs *r)
{
	(void)tid;
	*r = (struct arch_regs){ 0 };
	return -ENOSYS;
}

int wppi_arch_set_regs(pid_t tid, const struct arch_regs *r)
{
	(void)tid;
	(void)r;
	return -ENOSYS;
}

uint64_t wppi_arch_ip(const struct arch_regs *r)
{
	(void)r;
	return 0;
}

uint64_t wppi_arch_sp(const struct arch_regs *r)
{
	(void)r;
	return 0;
}

void wppi_arch_set_ip(struct arch_regs *r, uint64_t ip)
{
	(void)r;
	(void)ip;
}

int64_t wppi_arch_call(const struct arch_regs *r)
{
	(void)r;
	return -1;
}

uint64_t wppi_arch_arg(const struct arch_regs *r, unsigned int n)
{
	(void)r;
	(void)n;
	return 0;
}

int64_t wppi_arch_result(const struct arch_regs *r)
{
	(void)r;
	return -ENOSYS;
}

void wppi_arch_leave_call(struct arch_regs *r)
{
	(void)r;
}

struct wppr_call wppi_arch_call_of(const struct arch_regs *r)
{
	(void)r;
	return (struct wppr_call){ .nr = -1 };
}

void wppi_arch_set_call(struct arch_regs *r, const struct wppr_call *call)
{
	(void)r;
	(void)call;
}

bool wppi_arch_is_to_call(pid_t tid, const struct arch_regs *r, int64_t nr)
{
	(void)tid;
	(void)r;
	(void)nr;
	return false;
}

int64_t wppi_arch_nr_poll(void)
{
	return -1;
}

/* ---- Vector state ---- */

int wppi_arch_get_vector(pid_t tid, struct arch_vector *v)
{
	(void)tid;
	*v = (struct arch_vector){ 0 };
	return -ENOSYS;
}

int wppi_arch_set_vector(pid_t tid, const struct arch_vector *v, uint64_t features)
{
	(void)tid;
	(void)v;
	(void)features;
	return -ENOSYS;
}

uint64_t wppi_arch_vector_features(const struct arch_vector *v)
{
	(void)v;
	return 0;
}

/* ---- Records ---- */

void wppi_arch_record(struct buf *pcb, pid_t tid, const struct arch_regs *r,
		      const struct arch_vector *v)
{
	(void)tid;
	(void)r;
	(void)v;
	pcb->failed = true;
}

int wppi_arch_regs_of(const struct wpp_rec *rec, struct arch_regs *r)
{
	(void)rec;
	*r = (struct arch_regs){ 0 };
	return -ENOSYS;
}

int wppi_arch_vector_of(const struct wpp_rec *rec, struct arch_vector *v)
{
	(void)rec;
	*v = (struct arch_vector){ 0 };
	return -ENOSYS;
}

/* ---- System calls that a thread makes for us ---- */

const struct arch_code wppi_arch_code;

size_t wppi_arch_find_insn(const uint8_t *text, size_t len)
{
	(void)text;
	return len;
}

void wppi_arch_one_call(struct arch_regs *r, uint64_t insn, long nr, const uint64_t arg[6])
{
	(void)r;
	(void)insn;
	(void)nr;
	(void)arg;
}

void wppi_arch_run_script(struct arch_regs *r, uint64_t code, uint64_t calls, uint64_t end,
			  uint64_t frame)
{
	(void)r;
	(void)code;
	(void)calls;
	(void)end;
	(void)frame;
}

bool wppi_arch_is_return(const struct arch_regs *r, uint64_t frame)
{
	(void)r;
	(void)frame;
	return false;
}

void wppi_arch_ask_map(struct arch_regs *r, uint64_t code, uint64_t len, pid_t tid, int mark)
{
	(void)r;
	(void)code;
	(void)len;
	(void)tid;
	(void)mark;
}

uint64_t wppi_arch_ask_area(const struct arch_regs *r)
{
	(void)r;
	return (uint64_t)-ENOSYS;
}

void wppi_arch_ask_run(struct arch_regs *r, uint64_t code, uint64_t calls, uint64_t end)
{
	(void)r;
	(void)code;
	(void)calls;
	(void)end;
}

void wppi_arch_ask_go(struct arch_regs *r)
{
	(void)r;
}

void wppi_arch_ask_unmarked(struct arch_regs *r)
{
	(void)r;
}

void wppi_arch_save(struct arch_saved *s, const struct arch_regs *live, uint64_t sigmask, pid_t pid)
{
	(void)live;
	(void)sigmask;
	(void)pid;
	*s = (struct arch_saved){ 0 };
}

uint64_t wppi_arch_load(const struct arch_saved *s, struct arch_regs *live)
{
	(void)s;
	(void)live;
	return 0;
}

/* ---- vdso ---- */

const char *const wppi_arch_vdso_led[] = { NULL };

void wppi_arch_write_jump(uint8_t *code, uint64_t addr)
{
	(void)code;
	(void)addr;
}
