/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * flock, POSIX and OFD locks, seen by a child as any other process sees them. A file is mapped,
 * too: one descriptor too many that is closed would take the POSIX locks along.
 */
#define _GNU_SOURCE
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "selfcheck.h"

static int f, p, o;

static int lock(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &fl);
}

static void build(void)
{
	f = open(selfcheck_path("flock"), O_RDWR | O_CREAT, 0600);
	p = open(selfcheck_path("posix"), O_RDWR | O_CREAT, 0600);
	o = open(selfcheck_path("ofd"), O_RDWR | O_CREAT, 0600);
	MUST(ftruncate(p, 4096) == 0);
	MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, p, 0) != MAP_FAILED);
	MUST(flock(f, LOCK_EX) == 0);
	MUST(lock(p, F_SETLK, F_WRLCK, 10, 10) == 0 && lock(p, F_SETLK, F_RDLCK, 30, 1) == 0);
	MUST(lock(o, F_OFD_SETLK, F_WRLCK, 5, 0) == 0);
}

static int as_stranger(void)
{
	int sf = open(selfcheck_path("flock"), O_RDWR), sp = open(selfcheck_path("posix"), O_RDWR);
	int so = open(selfcheck_path("ofd"), O_RDWR);

	if (flock(sf, LOCK_SH | LOCK_NB) == 0)
		return 1;
	if (lock(sp, F_SETLK, F_RDLCK, 15, 1) == 0 || lock(sp, F_SETLK, F_WRLCK, 30, 1) == 0)
		return 2;
	if (lock(sp, F_SETLK, F_WRLCK, 0, 10) || lock(sp, F_SETLK, F_RDLCK, 30, 1))
		return 3;
	if (lock(so, F_OFD_SETLK, F_WRLCK, 1 << 20, 1) == 0)
		return 4;
	return lock(so, F_OFD_SETLK, F_WRLCK, 0, 5) ? 5 : 0;
}

static void check(int round)
{
	pid_t pid = fork();
	int status = -1;

	(void)round;
	if (pid == 0)
		_exit(as_stranger());
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT_EQ(status, 0);
}

int main(void)
{
	build();
	selfcheck(check);
}
