/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "privileges.h"
#include "subject.h"

#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif
#define NOBODY 65534

static void keep_only(int cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	data[cap / 32].effective = data[cap / 32].permitted = 1u << cap % 32;
	if (syscall(SYS_capset, &header, data)) {
		printf("skipped: can't keep CAP_CHECKPOINT_RESTORE: %s\n", strerror(errno));
		exit(EXIT_SKIP);
	}
}

void privileges_drop(const char *program)
{
	if (geteuid() == 0) {
		prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
		if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		    setresuid(NOBODY, NOBODY, NOBODY))
			fail("can't become nobody: %s", strerror(errno));
	}
	keep_only(CAP_CHECKPOINT_RESTORE);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* else its own /proc files are root's */
	if (access(program, X_OK)) {
		printf("skipped: nobody can't run %s\n", program);
		exit(EXIT_SKIP);
	}
}
