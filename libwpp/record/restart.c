/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "record/restart.h"

#define INSTRUCTION_LEN 2 /* of syscall */
#define MINUS_EINTR	((uint64_t)-4)
#define ABSTIME		1u /* TIMER_ABSTIME */

/* System calls of x86-64. */
enum {
	SYS_READ = 0,
	SYS_WRITE = 1,
	SYS_READV = 19,
	SYS_WRITEV = 20,
	SYS_NANOSLEEP = 35,
	SYS_ACCEPT = 43,
	SYS_SENDTO = 44,
	SYS_RECVFROM = 45,
	SYS_SENDMSG = 46,
	SYS_RECVMSG = 47,
	SYS_SEMOP = 65,
	SYS_RT_SIGTIMEDWAIT = 128,
	SYS_SEMTIMEDOP = 220,
	SYS_CLOCK_NANOSLEEP = 230,
	SYS_EPOLL_WAIT = 232,
	SYS_EPOLL_PWAIT = 281,
	SYS_ACCEPT4 = 288,
	SYS_RECVMMSG = 299,
	SYS_SENDMMSG = 307,
	SYS_EPOLL_PWAIT2 = 441,
};

bool wppr_call_was_cut(const struct wppr_call *c)
{
	static const int16_t calls[] = {
		SYS_EPOLL_WAIT, SYS_EPOLL_PWAIT,     SYS_EPOLL_PWAIT2, SYS_SEMOP,
		SYS_SEMTIMEDOP, SYS_RT_SIGTIMEDWAIT, SYS_ACCEPT,       SYS_ACCEPT4,
		SYS_RECVFROM,	SYS_RECVMSG,	     SYS_RECVMMSG,     SYS_SENDTO,
		SYS_SENDMSG,	SYS_SENDMMSG,	     SYS_READ,	       SYS_READV,
		SYS_WRITE,	SYS_WRITEV,
	};

	if (c->nr < 0 || c->result != MINUS_EINTR)
		return false;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i] == c->nr)
			return true;
	return false;
}

static void sleep_the_rest(struct wppr_call *c, uint64_t nr)
{
	if (nr == SYS_NANOSLEEP && c->arg[1])
		c->arg[0] = c->arg[1];
	else if (nr == SYS_CLOCK_NANOSLEEP && !(c->arg[1] & ABSTIME) && c->arg[3])
		c->arg[2] = c->arg[3];
}

static void restart_block(struct wppr_call *c, struct wpp_rec_thread *rec)
{
	rec->restart = WPP_RESTART_NOHAND;
	sleep_the_rest(c, rec->syscall);
	c->result = rec->syscall;
}

void wppr_call_again(struct wppr_call *c, int64_t meant, struct wpp_rec_thread *rec)
{
	int64_t error = -(int64_t)c->result;
	bool in_call = c->nr >= 0;

	rec->syscall = (uint64_t)(meant ? meant : c->nr);
	rec->restart = WPP_RESTART_NONE;
	c->nr = -1;
	if (!in_call) {
		if (meant) /* it stands before the instruction that calls restart_syscall() */
			restart_block(c, rec);
		return;
	}
	switch (error) {
	case WPPR_ERESTARTSYS:
	case WPPR_ERESTARTNOINTR:
	case WPPR_ERESTARTNOHAND:
		rec->restart = (uint64_t)error;
		c->result = rec->syscall;
		break;
	case WPPR_ERESTART_RESTARTBLOCK:
		restart_block(c, rec);
		break;
	default:
		return;
	}
	c->ip -= INSTRUCTION_LEN;
}

bool wppr_rseq_abort(const struct wppr_rseq_cs *cs, uint64_t *ip)
{
	if (*ip - cs->start >= cs->len)
		return false;
	*ip = cs->abort;
	return true;
}
