/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "record/refuse.h"

#define MODE_TYPE  0170000u
#define MODE_DIR   0040000u
#define MODE_CHR   0020000u
#define MODE_BLOCK 0060000u

/* The first that fits counts. */
static const struct {
	const char *begins, *name;
} files[] = {
	{ "anon_inode:[io_uring]", "io_uring" },
	{ "anon_inode:[userfaultfd]", "userfaultfd" },
	{ "anon_inode:[fanotify]", "fanotify" },
	{ "anon_inode:[perf_event]", "perf-event" },
	{ "anon_inode:bpf", "bpf" },
	{ "anon_inode:btf", "bpf" },
	{ "anon_inode:kvm", "kvm" },
	{ "anon_inode:[landlock", "landlock" },
	{ "anon_inode:seccomp notify", "seccomp-notify" },
	{ "anon_inode:[fscontext]", "mount-fd" },
	{ "anon_inode:[mount", "mount-fd" },
	{ "anon_inode:[secretmem]", "secretmem" },
	{ "/secretmem", "secretmem" },
	{ "/dev/kvm", "kvm" },
	{ "/dev/ptmx", "pty-master" },
	{ "/dev/pts/ptmx", "pty-master" },
	{ "mnt:[", "namespace-fd" },
	{ "net:[", "namespace-fd" },
	{ "pid:[", "namespace-fd" },
	{ "user:[", "namespace-fd" },
	{ "uts:[", "namespace-fd" },
	{ "ipc:[", "namespace-fd" },
	{ "time:[", "namespace-fd" },
	{ "cgroup:[", "namespace-fd" },
	{ "anon_inode:", "anon-inode" },
};

static const struct wppr_refusal mappings[] = {
	{ "/[aio]", 0, "aio", "a ring of kernel AIO (io_setup)" },
	{ "anon_inode:[io_uring]", 0, "io_uring", "a ring of io_uring" },
	{ "anon_inode:[perf_event]", 0, "perf-event", "a buffer of perf_event_open()" },
	{ "anon_inode:kvm", 0, "kvm", "a virtual machine's state" },
	{ "anon_inode:[bpf", 0, "bpf", "a map of BPF" },
	{ "anon_inode:bpf", 0, "bpf", "a map of BPF" },
	{ "/secretmem", 0, "secretmem",
	  "secret memory (memfd_secret), which nobody else can read" },
	{ "/SYSV", 0, "sysv-shm", "System V shared memory" },
	{ "[uprobes]", 0, "uprobes", "a probe that a tracer has set" },
	{ "[shadow_stack]", 0, "shadow-stack", "a shadow stack" },
	{ "[gate]", 0, "gate", "a page of the kernel" },
	{ NULL, WPPR_HUGETLB, "hugetlb", "memory of hugetlbfs" },
	{ NULL, WPPR_DEVICE, "device-memory", "memory of a device" },
	{ NULL, WPPR_SHADOW_STACK, "shadow-stack", "a shadow stack" },
	{ NULL, WPPR_USERFAULT, "userfaultfd", "memory whose faults a userfaultfd handles" },
};

#define NR(a) (sizeof(a) / sizeof((a)[0]))

static bool begins_with(const char *text, const char *begins)
{
	while (*begins && *text == *begins)
		text++, begins++;
	return !*begins;
}

const char *wppr_refuse_file(const char *link, uint64_t magic, uint32_t mode)
{
	for (size_t i = 0; i < NR(files); i++)
		if (begins_with(link, files[i].begins))
			return files[i].name;
	if (magic == WPPR_MQUEUE_MAGIC)
		return "mqueue";
	switch (mode & MODE_TYPE) {
	case MODE_DIR:
		return "deleted-directory";
	case MODE_CHR:
	case MODE_BLOCK:
		return "device";
	default:
		return "file";
	}
}

const struct wppr_refusal *wppr_refuse_mapping(const char *path, uint32_t traits)
{
	if (begins_with(path, "[v"))
		return NULL; /* vdso and vvar: device memory in a way, but the kernel's */
	for (size_t i = 0; i < NR(mappings); i++) {
		const struct wppr_refusal *m = &mappings[i];

		if (m->begins ? begins_with(path, m->begins) : traits & m->trait)
			return m;
	}
	return NULL;
}
