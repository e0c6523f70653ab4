/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The tracer dies at every single step that touches the process: the process runs on unharmed.
 * ptrace(), pwrite() and process_vm_writev() of this program count down to the tracer's end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <wpp/error.h>
#include <wpp/media.h>
#include <wpp/store.h>

#include "image.h"

#define NR_THREADS 3
#define STEPS_MAX  5000
#define PATIENCE   30000 /* looks a millisecond apart */

static struct shared {
	volatile unsigned long progress[NR_THREADS];
	volatile unsigned long sent, received; /* signals */
	volatile bool stopped;		       /* it was sent a SIGSTOP */
	volatile int harmed;		       /* line */
} * shared;

/* ---- The tracer's countdown ---- */

static int steps_left = -1; /* -1: lives for ever */
static int stop_before;	    /* the process is sent a SIGSTOP at this many steps before the end */
static pid_t process;
static bool send_signals;
static bool killing;

static void count_down(void)
{
	if (steps_left > 0 && steps_left == stop_before) {
		shared->stopped = true;
		kill(process, SIGSTOP);
	}
	if (steps_left > 0 && --steps_left == 0)
		raise(SIGKILL);
}

/* A seized thread takes a signal before it is asked to stop. */
static void send_signal(pid_t tid)
{
	char path[64], text[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	shared->sent++;
	syscall(SYS_tgkill, process, tid, SIGRTMIN);
	while (!strstr(text, ") t ")) {
		int fd = open(path, O_RDONLY);

		if (read(fd, text, sizeof(text) - 1) <= 0)
			break;
		close(fd);
	}
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list ap;
	pid_t pid;
	void *addr, *data;

	va_start(ap, request);
	pid = va_arg(ap, pid_t);
	addr = va_arg(ap, void *);
	data = va_arg(ap, void *);
	va_end(ap);
	long ret;

	if (!killing)
		count_down();
	ret = syscall(SYS_ptrace, request, pid, addr, data);
	if (send_signals && request == PTRACE_SEIZE && pid == process)
		send_signal(pid);
	return ret;
}

/* The process was sent SIGKILL, and its threads are waited for. */
int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	if (killing && !(options & WSTOPPED))
		count_down();
	return (int)syscall(SYS_waitid, type, id, info, options, NULL);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	if (!killing)
		count_down();
	return syscall(SYS_pwrite64, fd, buf, len, off);
}

ssize_t process_vm_writev(pid_t pid, const struct iovec *mine, unsigned long nr_mine,
			  const struct iovec *theirs, unsigned long nr_theirs, unsigned long flags)
{
	if (!killing)
		count_down();
	return syscall(SYS_process_vm_writev, pid, mine, nr_mine, theirs, nr_theirs, flags);
}

/* ---- The process ---- */

#define HARMED_UNLESS(cond)                        \
	do {                                       \
		if (!(cond))                       \
			shared->harmed = __LINE__; \
	} while (0)

/* All general registers and the carry flag hold what they should, most of the time. */
static void *count_in_registers(void *arg)
{
	unsigned long seed = 0x123456789abcdefUL, same;

	for (;;) {
		__asm__ volatile("mov %[seed], %%rbx\n mov %%rbx, %%rcx\n mov %%rbx, %%rdx\n"
				 "mov %%rbx, %%rsi\n mov %%rbx, %%rdi\n mov %%rbx, %%r8\n"
				 "mov %%rbx, %%r9\n mov %%rbx, %%r10\n mov %%rbx, %%r11\n"
				 "mov %%rbx, %%r12\n mov %%rbx, %%r13\n mov %%rbx, %%r14\n"
				 "mov %%rbx, %%r15\n movq %%rbx, %%xmm7\n"
				 "mov $100000, %%eax\n"
				 "1: stc\n jnc 2f\n clc\n jc 2f\n dec %%eax\n jnz 1b\n"
				 "2: xor %[seed], %%rcx\n xor %[seed], %%rdx\n or %%rcx, %%rax\n"
				 "or %%rdx, %%rax\n xor %[seed], %%rsi\n or %%rsi, %%rax\n"
				 "xor %[seed], %%rdi\n or %%rdi, %%rax\n xor %[seed], %%r8\n"
				 "or %%r8, %%rax\n xor %[seed], %%r9\n or %%r9, %%rax\n"
				 "xor %[seed], %%r10\n or %%r10, %%rax\n xor %[seed], %%r11\n"
				 "or %%r11, %%rax\n xor %[seed], %%r12\n or %%r12, %%rax\n"
				 "xor %[seed], %%r13\n or %%r13, %%rax\n xor %[seed], %%r14\n"
				 "or %%r14, %%rax\n xor %[seed], %%r15\n or %%r15, %%rax\n"
				 "xor %[seed], %%rbx\n or %%rbx, %%rax\n movq %%xmm7, %%rcx\n"
				 "xor %[seed], %%rcx\n or %%rcx, %%rax\n"
				 : "=a"(same)
				 : [seed] "m"(seed)
				 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
				   "r12", "r13", "r14", "r15", "xmm7", "cc", "memory");
		HARMED_UNLESS(same == 0);
		shared->progress[0]++;
	}
	return arg;
}

/*
 * Any stop, that of a shell's job control too, makes this call return EINTR. A living tracer takes
 * care of it; a dead one can't.
 */
static void *wait_for_events(void *arg)
{
	struct epoll_event e;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	for (;;) {
		HARMED_UNLESS(epoll_wait(fd, &e, 1, 3) == 0 || errno == EINTR);
		shared->progress[1]++;
	}
	return arg;
}

static void *change_masks(void *arg)
{
	sigset_t mask, old;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	for (;;) {
		struct timespec nap = { .tv_nsec = 1000000 };

		pthread_sigmask(SIG_SETMASK, &mask, NULL);
		HARMED_UNLESS(nanosleep(&nap, NULL) == 0);
		pthread_sigmask(SIG_SETMASK, &mask, &old);
		HARMED_UNLESS(!memcmp(&mask, &old, 8));
		shared->progress[2]++;
	}
	return arg;
}

static void ignore(int sig)
{
	(void)sig;
}

static void receive(int sig)
{
	(void)sig;
	shared->received++;
}

/* Only the thread that makes no calls takes the signals that are counted. */
static void start_threads(void)
{
	sigset_t set;
	pthread_t t;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGRTMIN, receive);
	if (pthread_create(&t, NULL, wait_for_events, NULL) ||
	    pthread_create(&t, NULL, change_masks, NULL))
		_exit(1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void run_process(bool catch_all)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* when a check fails, nothing is left spinning */
	close_range(0, ~0u, 0);		  /* pipes to others would be refused */
	for (int fd = 0; fd < 3; fd++) {
		if (open("/dev/null", O_RDWR) != fd)
			_exit(1);
	}
	for (int sig = 1; catch_all && sig < 32; sig++) {
		if (sig != SIGCONT) /* what the test sends must not end its sleeps */
			signal(sig, ignore);
	}
	start_threads();
	count_in_registers(NULL);
}

/* ---- The test ---- */

/* Each thread makes progress, none has seen anything wrong. */
static void assert_unharmed(pid_t pid, int step)
{
	unsigned long before[NR_THREADS];
	struct timespec nap = { .tv_nsec = 1000000 };
	int waited = 0;

	memcpy(before, (const void *)shared->progress, sizeof(before));
	for (int i = 0; i < NR_THREADS; i++) {
		while (shared->progress[i] < before[i] + 2 && waited++ < PATIENCE)
			nanosleep(&nap, NULL);
		if (shared->progress[i] < before[i] + 2)
			fail_msg("died at step %d: thread %d stands still", step, i);
	}
	if (waitpid(pid, NULL, WNOHANG))
		fail_msg("died at step %d: the process ended", step);
	if (shared->harmed)
		fail_msg("died at step %d: harm seen at line %d", step, shared->harmed);
}

/* True: it died as told; false: it came to its end. */
static bool persist_and_die(struct image *im, pid_t target, int step)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		steps_left = step;
		process = target;
		_exit(image_persist(im, target, killing) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static pid_t start_process(struct image *im, bool catch_all)
{
	pid_t pid;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	image_create(im);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		run_process(catch_all);
	assert_unharmed(pid, 0);
	return pid;
}

static void end_process(struct image *im, pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	image_remove(im);
	munmap(shared, 4096);
}

/* @stride: 1: at each step. */
static void die_at_steps(bool catch_all, int stride)
{
	struct image im = { 0 };
	pid_t pid = start_process(&im, catch_all);
	int step = 1;

	for (; step < STEPS_MAX && persist_and_die(&im, pid, step); step += stride)
		assert_unharmed(pid, step);
	assert_unharmed(pid, step);
	assert_in_range(step, 50, STEPS_MAX - 1);
	end_process(&im, pid);
}

/*
 * The next tracer comes before the threads have found back: a shell's job control holds them where
 * the first one left them.
 */
static void die_and_persist_again(bool catch_all, int stride)
{
	struct image im = { 0 };
	pid_t pid = start_process(&im, catch_all);
	bool died = true;
	int status;

	for (int step = 1; died; step += stride) {
		kill(pid, SIGSTOP);
		assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
		assert_true(WIFSTOPPED(status));
		died = persist_and_die(&im, pid, step);
		assert_false(persist_and_die(&im, pid, 0));
		kill(pid, SIGCONT);
		assert_unharmed(pid, step);
	}
	end_process(&im, pid);
}

static void unharmed_whenever_the_tracer_dies(void **state)
{
	(void)state;
	die_at_steps(false, 1);
}

static void unharmed_too_when_it_catches_all_signals(void **state)
{
	(void)state;
	die_at_steps(true, 11);
}

static void unharmed_when_the_next_tracer_is_quick(void **state)
{
	(void)state;
	die_and_persist_again(false, 1);
}

static void unharmed_too_when_it_catches_all_and_the_next_is_quick(void **state)
{
	(void)state;
	die_and_persist_again(true, 11);
}

/* One that a dying tracer held in its hands is delivered. */
static void no_signal_is_lost(void **state)
{
	struct image im = { 0 };
	pid_t pid = start_process(&im, false);
	int step = 1;

	(void)state;
	send_signals = true;
	for (; step < 30; step++) {
		assert_true(persist_and_die(&im, pid, step));
		assert_unharmed(pid, step);
		if (shared->received != shared->sent)
			fail_msg("died at step %d: a signal was lost", step);
	}
	send_signals = false;
	assert_true(shared->sent > 10);
	end_process(&im, pid);
}

static void await_stop(pid_t pid, int step)
{
	struct timespec nap = { .tv_nsec = 1000000 };
	int status = 0, waited = 0;

	while (waitpid(pid, &status, WUNTRACED | WNOHANG) == 0 && waited++ < PATIENCE)
		nanosleep(&nap, NULL);
	if (!WIFSTOPPED(status))
		fail_msg("died at step %d: the SIGSTOP was lost", step);
}

static void persist_and_stop(struct image *im, pid_t pid, int step, bool dies)
{
	shared->stopped = false;
	assert_int_equal(persist_and_die(im, pid, step), dies);
	if (shared->stopped)
		await_stop(pid, step);
	kill(pid, SIGCONT);
	assert_unharmed(pid, step);
}

/* It is sent while threads are asked, and the tracer dies a little later, or lives. */
static void no_stop_is_lost(void **state)
{
	struct image im = { 0 };
	pid_t pid = start_process(&im, false);
	int steps = 50;

	(void)state;
	while (persist_and_die(&im, pid, steps + 10))
		steps += 10;
	for (stop_before = 1; stop_before < 8; stop_before++) {
		for (int step = stop_before; step <= steps; step += 5)
			persist_and_stop(&im, pid, step, true);
	}
	for (int at = 30; at < steps; at += 7) {
		image_remove(&im); /* stopped or not is a difference between generations */
		image_create(&im);
		stop_before = STEPS_MAX - at;
		persist_and_stop(&im, pid, STEPS_MAX, false);
	}
	stop_before = 0;
	end_process(&im, pid);
}

static void assert_saved(struct image *im)
{
	struct wpp_media *media = image_open(im, WPP_MEDIA_RDONLY);
	struct wpp_generation gen;
	uint32_t pos = 0;

	assert_int_equal(wpp_store_list(wpp_media_store(media), &pos, &gen), 0);
	wpp_media_close(media);
}

/* The last that it did was to kill the process: that is durable, and all threads of it end. */
static void gone_when_the_tracer_dies_after_the_kill(void **state)
{
	struct image im = { 0 };
	bool died = true;
	int status, step;

	(void)state;
	killing = true;
	for (step = 1; died; step++) {
		pid_t pid = start_process(&im, false);

		died = persist_and_die(&im, pid, step);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_saved(&im);
		image_remove(&im);
		munmap(shared, 4096);
	}
	killing = false;
	assert_in_range(step, NR_THREADS + 1, STEPS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unharmed_whenever_the_tracer_dies),
		cmocka_unit_test(unharmed_too_when_it_catches_all_signals),
		cmocka_unit_test(unharmed_when_the_next_tracer_is_quick),
		cmocka_unit_test(unharmed_too_when_it_catches_all_and_the_next_is_quick),
		cmocka_unit_test(no_signal_is_lost),
		cmocka_unit_test(no_stop_is_lost),
		cmocka_unit_test(gone_when_the_tracer_dies_after_the_kill),
	};

#ifdef __SANITIZE_ADDRESS__
	puts("skipped: the process is a fork of this program, and a sanitizer's shadow memory "
	     "can't be kept");
	return 77;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
