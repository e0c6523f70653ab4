/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Credentials: "creds nobody" has given up root but keeps capabilities, "creds root" is root. */
#define _GNU_SOURCE
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "same_text.h"

static struct same_text texts[12], thread_text;
static size_t nr_texts;
static int securebits, dumpable, privs;
static volatile int thread_ready;
static bool may_gain;

static uint64_t bit(int cap)
{
	return 1ull << cap;
}

static void set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	MUST(syscall(SYS_capset, &header, data) == 0);
}

/* While it is in the bounding set. */
static void inherit(int cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	MUST(syscall(SYS_capget, &header, data) == 0);
	data[cap / 32].inheritable |= 1u << cap % 32;
	MUST(syscall(SYS_capset, &header, data) == 0);
}

static void become_nobody(void)
{
	gid_t groups[] = { 7, 100, 4000000000u };
	uint64_t kept = bit(CAP_NET_RAW) | bit(CAP_NET_BIND_SERVICE) | bit(CAP_KILL);

	MUST(setgroups(3, groups) == 0);
	inherit(CAP_MKNOD);
	MUST(prctl(PR_CAPBSET_DROP, CAP_MKNOD, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_SECUREBITS, 1 << SECURE_NO_SETUID_FIXUP | 1 << SECURE_NOROOT |
					      1 << SECURE_NOROOT_LOCKED) == 0);
	MUST(setresgid(65534, 65533, 65532) == 0);
	MUST(syscall(SYS_setresuid, 65534, 65534, 65531) == 0);
	set_caps(kept, kept, bit(CAP_NET_RAW) | bit(CAP_MKNOD));
	MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) == 0);
	set_caps(bit(CAP_KILL), kept, bit(CAP_NET_RAW) | bit(CAP_MKNOD));
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
}

/* A thread may differ from the others: glibc would change them all. */
static void *differ(void *arg)
{
	char path[64];

	syscall(SYS_setresuid, (uid_t)-1, 65533, (uid_t)-1);
	syscall(SYS_setfsuid, 65534);
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)syscall(SYS_gettid));
	same_text_remember(&thread_text, path, "Uid:");
	thread_ready = 1;
	for (;;)
		pause();
	return arg;
}

static void remember(void)
{
	static const char *const keys[] = { "Uid:",    "Gid:",	  "Groups:",
					    "CapInh:", "CapPrm:", "CapEff:",
					    "CapBnd:", "CapAmb:", "NoNewPrivs:" };

	for (; nr_texts < sizeof(keys) / sizeof(keys[0]); nr_texts++)
		same_text_remember(&texts[nr_texts], "/proc/self/status", keys[nr_texts]);
	securebits = prctl(PR_GET_SECUREBITS);
	dumpable = prctl(PR_GET_DUMPABLE);
	privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static void check(int round)
{
	(void)round;
	for (size_t i = 0; i < nr_texts; i++)
		same_text_expect(&texts[i]);
	same_text_expect(&thread_text);
	EXPECT_EQ(prctl(PR_GET_SECUREBITS), securebits);
	EXPECT_EQ(prctl(PR_GET_DUMPABLE), dumpable);
	EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), privs);
	EXPECT_EQ(syscall(SYS_setresuid, -1, 0, -1) == 0, may_gain);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (geteuid() != 0)
		selfcheck_skip("not root");
	may_gain = argc < 2 || strcmp(argv[1], "nobody") != 0;
	if (!may_gain)
		become_nobody();
	MUST(pthread_create(&thread, NULL, differ, NULL) == 0);
	while (!thread_ready)
		selfcheck_nap();
	remember();
	selfcheck(check);
}
