/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program whose file is removed while it runs, as an upgrade does. */
#include <sys/stat.h>
#include <sys/wait.h>

#include "selfcheck.h"

static long state = 1;

static void check(int round)
{
	struct stat st;
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	EXPECT(len > 10);
	path[len > 0 ? len : 0] = '\0';
	EXPECT(strstr(path, " (deleted)") != NULL);
	EXPECT(stat("/proc/self/exe", &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0);
	EXPECT_EQ(st.st_mode & 0111, 0111);
	EXPECT_EQ(state, round);
	state++;
}

static void copy_self(const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	MUST(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		MUST(write(out, buf, (size_t)n) == n);
	MUST(close(out) == 0 && close(in) == 0);
}

int main(int argc, char **argv)
{
	const char *copy = selfcheck_path("copy");

	if (argc == 1) {
		copy_self(copy);
		execl(copy, copy, "again", (char *)NULL);
		MUST(!"execl");
	}
	MUST(unlink(argv[0]) == 0);
	selfcheck(check);
}
