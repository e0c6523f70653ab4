/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* "directories deleted": its working directory is gone; "directories chroot": it has another root.
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "selfcheck.h"

static bool in_chroot;

static void enter_root(void)
{
	char root[PATH_MAX], inner[PATH_MAX + 16];

	/* The way to the test's directory is the same inside of the new root. */
	snprintf(root, sizeof(root), "%s", selfcheck_path("."));
	snprintf(inner, sizeof(inner), "%s/inside", root);
	MUST(mkdir(inner, 0755) == 0);
	MUST(chroot(root) == 0);
	MUST(chdir("/inside") == 0);
	MUST(setenv("WPP_TEST_DIR", "", 1) == 0);
}

static void enter_deleted(void)
{
	MUST(mkdir(selfcheck_path("short-lived"), 0755) == 0);
	MUST(chdir(selfcheck_path("short-lived")) == 0);
	MUST(rmdir(selfcheck_path("short-lived")) == 0);
}

static void check(int round)
{
	char cwd[PATH_MAX] = "";

	(void)round;
	if (in_chroot) {
		EXPECT(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/inside"));
		EXPECT(access("/etc", F_OK) == -1);
		EXPECT(access("/ready", F_OK) == 0);
	} else {
		EXPECT(!getcwd(cwd, sizeof(cwd)));
		EXPECT_EQ(errno, ENOENT);
		EXPECT_EQ(creat("nothing", 0600), -1);
		EXPECT(readlink("/proc/self/cwd", cwd, sizeof(cwd) - 1) > 0);
		EXPECT(strstr(cwd, "/short-lived (deleted)"));
	}
}

int main(int argc, char **argv)
{
	in_chroot = argc > 1 && !strcmp(argv[1], "chroot");
	if (geteuid() != 0)
		selfcheck_skip("not root");
	if (in_chroot)
		enter_root();
	else
		enter_deleted();
	selfcheck(check);
}
