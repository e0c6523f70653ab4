/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp doctor: what this machine can do, and what to do about what it can't. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tool.h"

enum verdict {
	GOOD,
	LIMITED, /* works with less */
	MISSING, /* something wpp is for does not work */
};

struct examination {
	const struct tool *tool;
	json_t *all;
	unsigned int nr_missing;
};

static void found(struct examination *ex, const char *name, enum verdict verdict, const char *fmt,
		  ...) __attribute__((format(printf, 4, 5)));

static void found(struct examination *ex, const char *name, enum verdict verdict, const char *fmt,
		  ...)
{
	static const char *const words[] = { "good", "limited", "missing" };
	char text[1400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ex->nr_missing += verdict == MISSING;
	json_array_append_new(ex->all, json_pack("{s:s, s:s, s:s}", "check", name, "verdict",
						 words[verdict], "text", text));
	if (!ex->tool->json)
		printf("%-8s %-18s %s\n", words[verdict], name, text);
}

static bool has_cap(unsigned int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return false;
	return data[cap / 32].effective & (1u << (cap % 32));
}

static void check_kernel(struct examination *ex)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;

	uname(&u);
	if (sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	    (major > 5 || (major == 5 && minor >= 10)))
		found(ex, "kernel", GOOD, "Linux %s on %s", u.release, u.machine);
	else
		found(ex, "kernel", MISSING, "Linux %s is older than 5.10", u.release);
	if (strcmp(u.machine, "x86_64") != 0)
		found(ex, "machine", MISSING, "%s: processes are captured on x86_64 only",
		      u.machine);
}

static void check_capture(struct examination *ex)
{
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (f) {
		if (fscanf(f, "%d", &scope) != 1)
			scope = 0;
		fclose(f);
	}
	if (has_cap(CAP_SYS_PTRACE))
		found(ex, "ptrace", GOOD, "any process can be captured");
	else if (scope == 0)
		found(ex, "ptrace", LIMITED,
		      "own processes can be captured; others need CAP_SYS_PTRACE");
	else
		found(ex, "ptrace", MISSING,
		      "yama ptrace_scope is %d: run as root, or sysctl kernel.yama.ptrace_scope=0",
		      scope);
	if (syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0) != 0)
		found(ex, "kcmp", LIMITED, "kcmp(2): %s; shared descriptors can't be told apart",
		      strerror(errno));
	else
		found(ex, "kcmp", GOOD, "shared file descriptions are found");
}

/* _IOWR('f', 16, struct pm_scan_arg), Linux 6.7; headers of Debian 12 lack it. */
#define DOCTOR_PAGEMAP_SCAN 0xc0606610ul

static void check_pages(struct examination *ex)
{
	uint64_t arg[12] = { sizeof(arg) };
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		found(ex, "pagemap", MISSING, "/proc/self/pagemap: %s", strerror(errno));
	else if (ioctl(fd, DOCTOR_PAGEMAP_SCAN, arg) != 0 && errno == ENOTTY)
		found(ex, "pagemap", LIMITED,
		      "no PAGEMAP_SCAN (Linux 6.7): pages are found by reading pagemap");
	else
		found(ex, "pagemap", GOOD, "PAGEMAP_SCAN");
	if (fd >= 0)
		close(fd);
}

static void check_recreate(struct examination *ex)
{
	if (has_cap(CAP_CHECKPOINT_RESTORE) || has_cap(CAP_SYS_ADMIN))
		found(ex, "pids", GOOD, "processes are recreated with their pid");
	else
		found(ex, "pids", MISSING,
		      "recreating with the same pid needs CAP_CHECKPOINT_RESTORE (or root)");
	if (access("/proc/self/ns/time", F_OK) != 0)
		found(ex, "clock", LIMITED,
		      "no time namespaces: CLOCK_MONOTONIC jumps after a reboot");
	else if (!has_cap(CAP_SYS_ADMIN))
		found(ex, "clock", LIMITED,
		      "time namespaces need CAP_SYS_ADMIN: after a reboot run as root");
	else
		found(ex, "clock", GOOD, "CLOCK_MONOTONIC goes on, after a reboot too");
	if (has_cap(CAP_SYS_RESOURCE))
		found(ex, "limits", GOOD, "hard limits can be raised again");
	else
		found(ex, "limits", LIMITED,
		      "no CAP_SYS_RESOURCE: a hard limit above ours stays at ours");
}

static void describe_medium(const struct wppc_module_state *state, char *text, size_t size)
{
	static const char *const kinds[] = { "none", "fpga", "nvme", "memory" };
	const struct wpp_ko_medium *m = &state->medium;
	char bytes[16];

	if (state->medium_err == -ENODEV)
		snprintf(text, size, "no medium attached");
	else if (state->medium_err)
		snprintf(text, size, "its medium: %s", wppc_strerror(state->medium_err));
	else
		snprintf(text, size, "medium %s%s%.*s of %s, %u tracked",
			 m->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[m->kind] : "unknown",
			 *m->address ? " " : "", (int)sizeof(m->address), m->address,
			 human_bytes(m->size, bytes), m->nr_tracked);
}

static void check_ko(struct examination *ex, const struct tool *t)
{
	bool used = wppc_module_is_used(t->conf);
	enum verdict needed = used ? MISSING : GOOD;
	struct wppc_module_state state;
	char medium[160];

	wppc_module_examine(&state);
	if (!state.loaded) {
		found(ex, "module", needed, "wpp.ko is not loaded%s",
		      used ? ": modprobe wpp" : "; only backend = module needs it");
	} else if (state.abi_err) {
		found(ex, "module", needed, "wpp.ko is loaded; %s: %s", WPP_KO_DEVICE,
		      wppc_strerror(state.abi_err));
	} else if (state.abi != WPP_KO_ABI) {
		found(ex, "module", MISSING, "wpp.ko is of another version: ABI %u, this is for %u",
		      state.abi, WPP_KO_ABI);
	} else {
		describe_medium(&state, medium, sizeof(medium));
		found(ex, "module", GOOD, "wpp.ko is loaded, ABI %u; %s", state.abi, medium);
	}
}

static void check_medium(struct examination *ex, struct tool *t)
{
	struct wpp_media_error err;
	struct wpp_media *media;
	struct wpp_usage use;
	char used[16], total[16];

	found(ex, "config", GOOD, "%s: backend %s, path %s", wpp_conf_source(t->conf),
	      wpp_conf_text(t->conf, "wpp", "backend"), wppc_medium_name(t->conf));
	if (wpp_media_open(t->conf, WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK, &media, &err) != 0) {
		found(ex, "medium", err.code == WPP_ENOENT ? LIMITED : MISSING, "%s%s", err.text,
		      err.code == WPP_ENOENT
			      ? "; the first persist makes it, wpp format makes it now"
			      : "");
		return;
	}
	wpp_store_usage(wpp_media_store(media), &use);
	found(ex, "medium", wpp_media_diag(media) ? MISSING : GOOD, "%s: %s of %s used%s",
	      wpp_media_path(media), human_bytes(use.used, used), human_bytes(use.total, total),
	      wpp_media_diag(media) ? "; damaged, see wpp verify" : "");
	if (wpp_media_medium(media)->caps & WPP_CAP_DURABLE)
		found(ex, "durable", GOOD, "%s", wpp_media_how(media));
	else
		found(ex, "durable", LIMITED, "%s: it is lost when power fails",
		      wpp_media_how(media));
	if (wpp_media_warning(media))
		found(ex, "reach", LIMITED, "%s", wpp_media_warning(media));
	wpp_media_close(media);
}

int cmd_doctor(struct tool *t, int argc, char **argv)
{
	struct examination ex = { .tool = t };
	int code;

	if (argc > 1)
		return usage("doctor", "takes no argument '%s'", argv[1]);
	code = conf_load(t);
	if (code)
		return code;
	ex.all = json_array();
	check_kernel(&ex);
	check_capture(&ex);
	check_pages(&ex);
	check_recreate(&ex);
	check_ko(&ex, t);
	check_medium(&ex, t);
	if (t->json)
		print_json(json_pack("{s:O}", "checks", ex.all));
	json_decref(ex.all);
	return ex.nr_missing ? EXIT_FAILED : EXIT_DONE;
}
