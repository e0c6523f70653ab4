/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* State that can't be carried, one kind an argument: the driver expects it to be refused. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "pattern.h"
#include "selfcheck.h"

static pid_t child;
static char *huge;

static void make_seccomp(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { 1, &allow };

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0);
}

static void make_namespace(void)
{
	if (unshare(CLONE_NEWUTS))
		selfcheck_skip("no UTS namespace: %s", strerror(errno));
}

/* In another thread than the first. */
static void *filter_self(void *arg)
{
	make_seccomp();
	*(volatile int *)arg = 1;
	for (;;)
		pause();
	return arg;
}

static void make_seccomp_thread(void)
{
	pthread_t thread;
	int ready = 0;

	MUST(pthread_create(&thread, NULL, filter_self, &ready) == 0);
	while (!*(volatile int *)&ready)
		selfcheck_nap();
}

static char selector; /* SYSCALL_DISPATCH_FILTER_ALLOW */

static void make_dispatch(void)
{
	struct utsname u;
	int major, minor;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2 ||
	    (major == 6 ? minor < 4 : major < 6))
		selfcheck_skip("before Linux 6.4 it can't be seen from outside");
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector))
		selfcheck_skip("no syscall user dispatch: %s", strerror(errno));
}

static void make_child(void)
{
	child = fork();
	MUST(child >= 0);
	if (!child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!child)
		pause();
}

static void make_huge(void)
{
	huge = mmap(NULL, MIB(2), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		    -1, 0);
	if (huge == MAP_FAILED)
		selfcheck_skip("no huge pages are set aside");
	huge[0] = 1;
}

static const struct kind {
	const char *name;
	void (*make)(void);
} kinds[] = {
	{ "seccomp", make_seccomp },
	{ "namespace", make_namespace },
	{ "syscall-dispatch", make_dispatch },
	{ "seccomp-thread", make_seccomp_thread },
	{ "children", make_child },
	{ "hugetlb", make_huge },
};

static void check(int round)
{
	(void)round;
	if (child) {
		EXPECT(kill(child, SIGKILL) == 0);
		EXPECT(waitpid(child, NULL, 0) == child);
		child = 0;
	}
	EXPECT(!huge || huge[0] == 1);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(argv[1], kinds[i].name)) {
			kinds[i].make();
			selfcheck(check);
		}
	}
	return 2;
}
