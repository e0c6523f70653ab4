/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the kernel keeps for a process besides: directories, umask, names, prctl attributes. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "same_text.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

static struct same_text texts[8];
static size_t nr_texts;
static char cwd[PATH_MAX], exe[PATH_MAX];
static pid_t pid, group, session;
static int mdwe, merge; /* old kernels have neither */

static void *be_named(void *arg)
{
	char path[64];

	prctl(PR_SET_NAME, "a (thread) x");
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int)syscall(SYS_gettid));
	same_text_remember(&texts[nr_texts++], path, "");
	*(volatile int *)arg = 1;
	for (;;)
		pause();
	return arg;
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	MUST(fd >= 0 && write(fd, text, strlen(text)) > 0);
	close(fd);
}

static void build(void)
{
	pthread_t thread;
	int ready = 0;

	MUST(mkdir(selfcheck_path("work dir"), 0755) == 0);
	MUST(chdir(selfcheck_path("work dir")) == 0);
	umask(0137);
	MUST(prctl(PR_SET_NAME, "odd) name (x") == 0);
	MUST(personality(ADDR_NO_RANDOMIZE | UNAME26) != -1);
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
	prctl(PR_SET_MDWE, 1, 0, 0, 0);
	mdwe = prctl(PR_GET_MDWE, 0, 0, 0, 0);
	prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0);
	merge = prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0);
	write_text("/proc/self/oom_score_adj", "321");
	write_text("/proc/self/coredump_filter", "0x17");
	MUST(pthread_create(&thread, NULL, be_named, &ready) == 0);
	while (!*(volatile int *)&ready)
		selfcheck_nap();
}

static void remember(void)
{
	same_text_remember(&texts[nr_texts++], "/proc/self/comm", "");
	same_text_remember(&texts[nr_texts++], "/proc/self/oom_score_adj", "");
	same_text_remember(&texts[nr_texts++], "/proc/self/coredump_filter", "");
	same_text_remember(&texts[nr_texts++], "/proc/self/personality", "");
	same_text_remember(&texts[nr_texts++], "/proc/self/cmdline", "");
	same_text_remember(&texts[nr_texts++], "/proc/self/status", "Umask:");
	MUST(getcwd(cwd, sizeof(cwd)));
	MUST(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	pid = getpid();
	group = getpgrp();
	session = getsid(0);
}

static void check(int round)
{
	char now[PATH_MAX] = "";
	struct stat st;
	int value = 0;

	(void)round;
	for (size_t i = 0; i < nr_texts; i++)
		same_text_expect(&texts[i]);
	EXPECT(getcwd(now, sizeof(now)) && !strcmp(now, cwd));
	memset(now, 0, sizeof(now));
	EXPECT(readlink("/proc/self/exe", now, sizeof(now) - 1) > 0 && !strcmp(now, exe));
	EXPECT_EQ(getpid(), pid);
	EXPECT_EQ(getpgrp(), group);
	EXPECT_EQ(getsid(0), session);
	EXPECT(prctl(PR_GET_CHILD_SUBREAPER, &value, 0, 0, 0) == 0);
	EXPECT_EQ(value, 1);
	EXPECT_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
	EXPECT_EQ(prctl(PR_GET_MDWE, 0, 0, 0, 0), mdwe);
	EXPECT_EQ(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0), merge);
	EXPECT(creat("made", 0666) >= 0 && stat("made", &st) == 0);
	EXPECT_EQ(st.st_mode & 0777, 0640);
	unlink("made");
}

int main(void)
{
	build();
	remember();
	selfcheck(check);
}
