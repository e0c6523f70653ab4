/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The script executor: many calls, results, tokens, failures, all three ways to end. */
#include <errno.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "stop/script.h"

#define AREA_LEN (64u << 10)
#define OPTIONS	 (PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE)

struct target {
	pid_t pid;
	struct script_area area;
	struct user_regs_struct regs;
};

/* Counts in a register-heavy loop, so that a lost register or a wrong restart shows. */
static void child_main(int fd)
{
	uint64_t n = 0;

	for (;;) {
		n++;
		if (write(fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
			_exit(1);
		usleep(1000);
	}
}

static void block_signals(pid_t pid)
{
	uint64_t mask = ~0ull & ~(1ull << (SIGTRAP - 1));

	assert_int_equal(ptrace(PTRACE_SETSIGMASK, pid, (void *)8, &mask), 0);
}

static void target_stop(struct target *t)
{
	int status;

	if (ptrace(PTRACE_SEIZE, t->pid, NULL, (void *)(uintptr_t)OPTIONS)) {
		if (errno == EPERM || errno == ENOSYS)
			skip();
		fail();
	}
	assert_int_equal(ptrace(PTRACE_INTERRUPT, t->pid, NULL, NULL), 0);
	assert_int_equal(waitpid(t->pid, &status, __WALL), t->pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_GETREGS, t->pid, NULL, &t->regs), 0);
	block_signals(t->pid);
	assert_int_equal(wppi_script_map(t->pid, AREA_LEN, &t->area), 0);
}

/* It is prepared and counts when this returns. */
static int start(struct target *t, void (*prepare)(void))
{
	int pipefd[2];
	uint64_t n;

	memset(t, 0, sizeof(*t));
	assert_int_equal(pipe(pipefd), 0);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0) {
		close(pipefd[0]);
		if (prepare)
			prepare();
		child_main(pipefd[1]);
	}
	close(pipefd[1]);
	assert_int_equal(read(pipefd[0], &n, sizeof(n)), sizeof(n));
	return pipefd[0];
}

static void target_end(struct target *t, int fd)
{
	close(fd);
	kill(t->pid, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0) /* traced threads, too */
		;
}

/* Lets the target go on and checks that it still counts. */
static void target_runs_on(struct target *t, int fd)
{
	uint64_t mask = 0, before, n;

	assert_int_equal(wppi_script_unmap(t->pid, &t->area), 0);
	assert_int_equal(ptrace(PTRACE_SETREGS, t->pid, NULL, &t->regs), 0);
	assert_int_equal(ptrace(PTRACE_SETSIGMASK, t->pid, (void *)8, &mask), 0);
	assert_int_equal(ptrace(PTRACE_DETACH, t->pid, NULL, NULL), 0);
	assert_int_equal(read(fd, &before, sizeof(before)), sizeof(before));
	for (int i = 0; i < 20; i++) {
		assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
		assert_true(n == ++before);
	}
}

static void hundred_calls(struct target *t)
{
	static const char text[] = "given to the target";
	struct utsname here;
	struct script s;
	uint64_t uts, from, to, mine, theirs;
	size_t index[100];

	wppi_script_init(&s);
	uts = wppi_script_data(&s, NULL, sizeof(here));
	from = wppi_script_data(&s, text, sizeof(text));
	to = wppi_script_data(&s, NULL, sizeof(text));
	mine = wppi_script_data(&s, &(struct iovec){ .iov_len = sizeof(text) },
				sizeof(struct iovec));
	theirs = wppi_script_data(&s, &(struct iovec){ .iov_len = sizeof(text) },
				  sizeof(struct iovec));
	wppi_script_ref(&s, mine, 0, to);
	wppi_script_ref(&s, theirs, 0, from);
	for (int i = 0; i < 97; i++)
		index[i] = wppi_script_call(&s, SCRIPT_MAY_FAIL, SYS_dup, (uint64_t)(1000 + i), 0,
					    0, 0, 0, 0);
	index[97] = wppi_script_call(&s, 0, SYS_getpid, 0, 0, 0, 0, 0, 0);
	index[98] = wppi_script_call(&s, 0, SYS_uname, uts, 0, 0, 0, 0, 0);
	index[99] = wppi_script_call(&s, 0, SYS_process_vm_readv, (uint64_t)t->pid, mine, 1, theirs,
				     1, 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(wppi_script_run(&s, t->pid, &t->area, NULL), 0);
		for (int i = 0; i < 97; i++)
			assert_int_equal(wppi_script_ret(&s, index[i]), -EBADF);
		assert_int_equal(wppi_script_ret(&s, index[97]), t->pid);
		assert_int_equal(wppi_script_ret(&s, index[99]), sizeof(text));
		assert_string_equal(wppi_script_result(&s, to), text);
		assert_int_equal(uname(&here), 0);
		assert_string_equal(((const struct utsname *)wppi_script_result(&s, uts))->release,
				    here.release);
	}
	wppi_script_free(&s);
}

static void test_calls(void **state)
{
	struct target t;
	int fd = start(&t, NULL);

	(void)state;
	target_stop(&t);
	hundred_calls(&t);
	target_runs_on(&t, fd);
	target_end(&t, fd);
}

static void test_failure_stops(void **state)
{
	struct target t;
	struct script s;
	size_t failed, last;
	int fd = start(&t, NULL);

	(void)state;
	target_stop(&t);
	wppi_script_init(&s);
	wppi_script_call(&s, 0, SYS_getpid, 0, 0, 0, 0, 0, 0);
	wppi_script_call(&s, 0, SYS_dup, 1000, 0, 0, 0, 0, 0);
	last = wppi_script_call(&s, 0, SYS_getppid, 0, 0, 0, 0, 0, 0);
	assert_int_equal(wppi_script_run(&s, t.pid, &t.area, &failed), -EBADF);
	assert_int_equal(failed, 1);
	assert_int_equal(wppi_script_ret(&s, last), -ENOSYS);
	wppi_script_free(&s);
	target_runs_on(&t, fd);
	target_end(&t, fd);
}

static void ignore_trap(void)
{
	signal(SIGTRAP, SIG_IGN);
}

/* The kernel would reset an ignored SIGTRAP at a trap instruction. */
static void test_stepped_keeps_sigtrap(void **state)
{
	struct target t;
	struct script s;
	uint64_t old, act[4];
	int fd = start(&t, ignore_trap);

	(void)state;
	target_stop(&t);
	t.area.stepped = true;
	hundred_calls(&t);
	wppi_script_init(&s);
	old = wppi_script_data(&s, NULL, sizeof(act));
	wppi_script_call(&s, 0, SYS_rt_sigaction, SIGTRAP, 0, old, 8, 0, 0);
	assert_int_equal(wppi_script_run(&s, t.pid, &t.area, NULL), 0);
	memcpy(act, wppi_script_result(&s, old), sizeof(act));
	assert_true(act[0] == (uintptr_t)SIG_IGN);
	wppi_script_free(&s);
	target_runs_on(&t, fd);
	target_end(&t, fd);
}

/* A SIGSTOP during the run doesn't end it, and isn't lost. */
static void test_sigstop_survives(void **state)
{
	struct target t;
	struct script s;
	int status, fd = start(&t, NULL);

	(void)state;
	target_stop(&t);
	wppi_script_init(&s);
	wppi_script_call(&s, 0, SYS_kill, (uint64_t)t.pid, SIGSTOP, 0, 0, 0, 0);
	wppi_script_call(&s, 0, SYS_getpid, 0, 0, 0, 0, 0, 0);
	assert_int_equal(wppi_script_run(&s, t.pid, &t.area, NULL), 0);
	assert_int_equal(wppi_script_ret(&s, 1), t.pid);
	wppi_script_free(&s);
	assert_int_equal(ptrace(PTRACE_SETREGS, t.pid, NULL, &t.regs), 0);
	assert_int_equal(ptrace(PTRACE_DETACH, t.pid, NULL, NULL), 0);
	assert_int_equal(waitpid(t.pid, &status, WUNTRACED), t.pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(WSTOPSIG(status), SIGSTOP);
	target_end(&t, fd);
}

/* A thread made by the list is stopped before it runs anything. */
static void test_makes_thread(void **state)
{
	struct clone_args args = { .flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
					    CLONE_THREAD | CLONE_SYSVSEM };
	struct target t;
	struct script s;
	int64_t tid;
	size_t made;
	int status, fd = start(&t, NULL);

	(void)state;
	target_stop(&t);
	wppi_script_init(&s);
	made = wppi_script_call(&s, 0, SYS_clone3, wppi_script_data(&s, &args, sizeof(args)),
				sizeof(args), 0, 0, 0, 0);
	wppi_script_call(&s, 0, SYS_getpid, 0, 0, 0, 0, 0, 0);
	assert_int_equal(wppi_script_run(&s, t.pid, &t.area, NULL), 0);
	tid = wppi_script_ret(&s, made);
	assert_true(tid > 0 && tid != t.pid);
	assert_int_equal(waitpid((pid_t)tid, &status, __WALL), tid);
	assert_true(WIFSTOPPED(status));
	wppi_script_free(&s);

	/* It can run scripts of its own. */
	wppi_script_init(&s);
	made = wppi_script_call(&s, 0, SYS_gettid, 0, 0, 0, 0, 0, 0);
	assert_int_equal(wppi_script_run(&s, (pid_t)tid, &t.area, NULL), 0);
	assert_int_equal(wppi_script_ret(&s, made), tid);
	wppi_script_free(&s);
	target_end(&t, fd);
}

static void fill_frame(const struct target *t, ucontext_t *uc)
{
	const struct user_regs_struct *r = &t->regs;
	greg_t *g = uc->uc_mcontext.gregs;
	const uint64_t from[] = { r->r8,  r->r9,  r->r10, r->r11, r->r12, r->r13,
				  r->r14, r->r15, r->rdi, r->rsi, r->rbp, r->rbx,
				  r->rdx, r->rax, r->rcx, r->rsp, r->rip, r->eflags };

	memset(uc, 0, sizeof(*uc));
	memcpy(g, from, sizeof(from));
	g[REG_CSGSFS] = (greg_t)(r->cs | r->ss << 48);
	if (t->regs.orig_rax != (uint64_t)-1 && (int64_t)r->rax < 0) { /* in a call: again */
		g[REG_RIP] -= 2;
		g[REG_RAX] = (greg_t)r->orig_rax;
	}
}

/* With a frame the executor brings the process back by itself, as after the tracer's death. */
static void test_frame_returns(void **state)
{
	struct user_regs_struct regs;
	struct target t;
	struct iovec mine, theirs;
	uint64_t mask = 0, before, n;
	ucontext_t uc;
	int fd = start(&t, NULL);

	(void)state;
	target_stop(&t);
	fill_frame(&t, &uc);
	mine = (struct iovec){ &uc, sizeof(uc) };
	t.area.frame = t.area.base + AREA_LEN - 4096;
	theirs = (struct iovec){ (void *)(uintptr_t)t.area.frame, sizeof(uc) };
	assert_int_equal(process_vm_writev(t.pid, &mine, 1, &theirs, 1, 0), sizeof(uc));
	hundred_calls(&t);
	assert_int_equal(ptrace(PTRACE_GETREGS, t.pid, NULL, &regs), 0);
	regs.rip = t.area.base;
	regs.rbx = regs.rbp = t.area.base + 4096;
	regs.r12 = t.area.frame;
	assert_int_equal(ptrace(PTRACE_SETREGS, t.pid, NULL, &regs), 0);
	assert_int_equal(ptrace(PTRACE_SETSIGMASK, t.pid, (void *)8, &mask), 0);
	assert_int_equal(ptrace(PTRACE_DETACH, t.pid, NULL, NULL), 0);
	assert_int_equal(read(fd, &before, sizeof(before)), sizeof(before));
	for (int i = 0; i < 20; i++) {
		assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
		assert_true(n == ++before);
	}
	target_end(&t, fd);
}

static void test_limits(void **state)
{
	const struct script_area small = { .base = 0x10000, .len = 4096 };
	struct script s;

	(void)state;
	wppi_script_init(&s);
	wppi_script_call(&s, 0, SYS_getpid, 0, 0, 0, 0, 0, 0);
	assert_int_equal(wppi_script_area_len(&s), 8192);
	assert_int_equal(wppi_script_run(&s, getpid(), &small, NULL), -EINVAL);
	wppi_script_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_failure_stops),
		cmocka_unit_test(test_stepped_keeps_sigtrap),
		cmocka_unit_test(test_sigstop_survives),
		cmocka_unit_test(test_makes_thread),
		cmocka_unit_test(test_frame_returns),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
