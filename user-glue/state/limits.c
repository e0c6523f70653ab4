/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Resource limits. What the caller may not raise is kept as high as it may, and noted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/child.h"
#include "state/state.h"
#include "stop/stop.h"

/* In the order of RLIMIT_*, which is the order of /proc/PID/limits too. */
static const char *const names[] = {
	"cpu",	   "fsize", "data",  "stack",	   "core",     "rss",  "nproc",	 "nofile",
	"memlock", "as",    "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime",
};
#define NR_LIMITS (sizeof(names) / sizeof(names[0]))
_Static_assert(RLIMIT_CPU == 0 && RLIMIT_NOFILE == 7 && RLIMIT_RTTIME == 15, "order of names");

#define NAME_COLUMNS 26 /* "%-25s " */

/* ---- Capture ---- */

static const char *parse_limit(const char *text, uint64_t *value)
{
	char *end;

	while (*text == ' ')
		text++;
	if (!strncmp(text, "unlimited", 9)) {
		*value = RLIM_INFINITY;
		return text + 9;
	}
	*value = strtoull(text, &end, 10);
	return end == text ? NULL : end;
}

/* Read, not asked: prlimit() of another user's process needs a capability that root may lack. */
static int limits_collect(struct member *m)
{
	char text[4096], *line = text;
	ssize_t len = wppi_proc_read(m->pid, "limits", text, sizeof(text));

	if (len < 0)
		return (int)len;
	for (size_t i = 0; i < NR_LIMITS; i++) {
		struct wpp_rec_rlimit rec;
		const char *p;

		line = strchr(line, '\n');
		if (!line++ || strnlen(line, NAME_COLUMNS) < NAME_COLUMNS)
			return WPP_EIO;
		p = parse_limit(line + NAME_COLUMNS, &rec.cur);
		if (!p || !parse_limit(p, &rec.max))
			return WPP_EIO;
		WPPI_REC(&m->tree->pcb, RLIMIT, m->pid, i, &rec, NULL, 0);
	}
	return 0;
}

const struct capture_class wppi_capture_limits = {
	.name = "limits",
	.collect = limits_collect,
};

/* ---- Recreate ---- */

static int next_limit(struct rec_cursor *c, uint32_t *which, struct rlimit *rl)
{
	struct wpp_rec_rlimit saved;
	struct wpp_rec rec;

	do {
		if (!wppi_rec_next(c, &rec))
			return WPP_ENOENT;
	} while (rec.id >= NR_LIMITS);
	wpp_rec_get(&rec, (uint64_t *)&saved, WPP_REC_NR(saved));
	if (saved.cur > saved.max)
		return WPP_ECORRUPT;
	*which = (uint32_t)rec.id;
	*rl = (struct rlimit){ saved.cur, saved.max };
	return 0;
}

/* Cuts a limit to what the caller may give. True: it was cut. */
static bool cut_limit(uint32_t which, struct rlimit *rl)
{
	struct rlimit own;

	if (getrlimit((int)which, &own) || rl->rlim_max <= own.rlim_max ||
	    wppi_capable(CAP_SYS_RESOURCE))
		return false;
	rl->rlim_max = own.rlim_max;
	if (rl->rlim_cur > own.rlim_max)
		rl->rlim_cur = own.rlim_max;
	return true;
}

static int limits_prepare(struct member *m)
{
	struct rlimit rl, cut;
	uint32_t which;
	struct rec_cursor c = wppi_own(m, WPP_REC_RLIMIT);
	int err;

	while ((err = next_limit(&c, &which, &rl)) == 0) {
		cut = rl;
		if (cut_limit(which, &cut))
			wppi_note(&m->tree->notes, WPP_NOTE_CHANGED, "limits",
				  "the hard limit '%s' becomes %lld instead of %lld: raising it "
				  "needs CAP_SYS_RESOURCE",
				  names[which], (long long)cut.rlim_max, (long long)rl.rlim_max);
	}
	return err == WPP_ENOENT ? 0 : err;
}

/* Nothing may be too low while the process is built; limits_last() lowers. */
static int limits_child(struct member *m)
{
	struct rlimit rl, own;
	uint32_t which;

	for (struct rec_cursor c = wppi_own(m, WPP_REC_RLIMIT); next_limit(&c, &which, &rl) == 0;) {
		cut_limit(which, &rl);
		if (getrlimit((int)which, &own))
			return wppi_child_fail(m, -errno, "limit '%s'", names[which]);
		if (rl.rlim_max < own.rlim_max)
			rl.rlim_max = own.rlim_max;
		if (rl.rlim_cur < own.rlim_cur)
			rl.rlim_cur = own.rlim_cur;
		if (setrlimit((int)which, &rl))
			return wppi_child_fail(m, -errno, "can't raise the limit '%s'",
					       names[which]);
	}
	return 0;
}

static int limits_last(struct member *m, uint32_t tid, struct script *s)
{
	struct rlimit rl;
	uint32_t which;

	if (tid != (uint32_t)m->pid)
		return 0;
	for (struct rec_cursor c = wppi_own(m, WPP_REC_RLIMIT); next_limit(&c, &which, &rl) == 0;) {
		cut_limit(which, &rl);
		wppi_script_call(s, 0, SYS_prlimit64, 0, which,
				 wppi_script_data(s, &rl, sizeof(rl)), 0, 0, 0);
	}
	return 0;
}

const struct recreate_class wppi_recreate_limits = {
	.name = "limits",
	.prepare = limits_prepare,
	.child = limits_child,
	.last = limits_last,
};
