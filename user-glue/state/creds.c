/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Credentials of each thread: user and group ids, capabilities, securebits, no_new_privs, and what
 * depends on them. A user id is never given up; a capability that the caller lacks is.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/child.h"
#include "state/state.h"
#include "stop/stop.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

#define GROUPS_MAX 65536
#define KEEP_CAPS  (1u << SECURE_KEEP_CAPS)
#define NO_FIXUP   (1u << SECURE_NO_SETUID_FIXUP)
#define NR_CAPS	   64

/* ---- Capture ---- */

static int creds_ask(struct member *m, struct thread *t, struct script *s)
{
	(void)m;
	(void)t;
	wppi_script_call(s, 0, SYS_prctl, PR_GET_SECUREBITS, 0, 0, 0, 0, 0);
	return 0;
}

static bool parse_ids(const char *status, const char *key, uint64_t ids[4])
{
	const char *text = wppi_proc_field(status, key);

	return text && sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &ids[0],
			      &ids[1], &ids[2], &ids[3]) == 4;
}

static uint64_t parse_caps(const char *status, const char *key)
{
	const char *text = wppi_proc_field(status, key);

	return text ? strtoull(text, NULL, 16) : 0;
}

static void parse_groups(const char *status, struct buf *groups)
{
	const char *text = wppi_proc_field(status, "Groups");

	while (text && *text && *text != '\n') {
		char *end;
		uint64_t group = strtoull(text, &end, 10);
		uint8_t le[4] = { (uint8_t)group, (uint8_t)(group >> 8), (uint8_t)(group >> 16),
				  (uint8_t)(group >> 24) };

		if (end == text)
			return;
		wppi_buf_add(groups, le, sizeof(le));
		text = end + strspn(end, " \t");
	}
}

static int collect_cred(struct member *m, const struct thread *t, const char *status)
{
	struct wpp_rec_cred rec = {
		.cap_inh = parse_caps(status, "CapInh"),
		.cap_prm = parse_caps(status, "CapPrm"),
		.cap_eff = parse_caps(status, "CapEff"),
		.cap_bnd = parse_caps(status, "CapBnd"),
		.cap_amb = parse_caps(status, "CapAmb"),
		.securebits = (uint64_t)wppi_answer_ret(t, SYS_prctl, PR_GET_SECUREBITS),
	};
	struct buf groups = { 0 };
	uint64_t ids[4];

	if (!parse_ids(status, "Uid", ids))
		return WPP_EIO;
	rec.uid = ids[0], rec.euid = ids[1], rec.suid = ids[2], rec.fsuid = ids[3];
	if (!parse_ids(status, "Gid", ids))
		return WPP_EIO;
	rec.gid = ids[0], rec.egid = ids[1], rec.sgid = ids[2], rec.fsgid = ids[3];
	rec.keep_caps = (rec.securebits & KEEP_CAPS) != 0;
	parse_groups(status, &groups);
	WPPI_REC(&m->tree->pcb, CRED, t->tid, 0, &rec, groups.data, groups.len);
	wppi_buf_free(&groups);
	return groups.failed ? WPP_ENOMEM : 0;
}

static int creds_collect(struct member *m)
{
	int err = 0;

	for (size_t i = 0; i < m->nr_threads && !err; i++) {
		const char *status = wppi_thread_status(m, &m->threads[i]);

		err = status ? collect_cred(m, &m->threads[i], status) : WPP_EIO;
	}
	return err;
}

const struct capture_class wppi_capture_creds = {
	.name = "creds",
	.ask = creds_ask,
	.collect = creds_collect,
};

/* ---- Recreate: what the caller has, and what is wanted ---- */

struct own {
	uid_t uid[3];
	gid_t gid[3];
	uint32_t groups[GROUPS_MAX];
	int nr_groups;
	struct capability_sets caps;
	uint64_t bounding;
	uint32_t securebits;
};

struct wanted {
	struct wpp_rec_cred cred;
	uint32_t groups[GROUPS_MAX];
	size_t nr_groups;
};

/* Both, too large for the stack. */
struct creds {
	struct own own;
	struct wanted wanted;
};

static int read_own(struct own *own)
{
	int err = wppi_capabilities(&own->caps);

	if (err)
		return err;
	own->nr_groups = getgroups(GROUPS_MAX, own->groups);
	if (own->nr_groups < 0 || getresuid(&own->uid[0], &own->uid[1], &own->uid[2]) ||
	    getresgid(&own->gid[0], &own->gid[1], &own->gid[2]))
		return -errno;
	own->securebits = (uint32_t)prctl(PR_GET_SECUREBITS);
	own->bounding = 0;
	for (int cap = 0; cap < NR_CAPS; cap++) {
		if (prctl(PR_CAPBSET_READ, cap) == 1)
			own->bounding |= capability_bit(cap);
	}
	return 0;
}

static bool is_id(uint64_t id)
{
	return id < UINT32_MAX; /* (uid_t)-1 means: leave as it is */
}

static int read_wanted(const struct wpp_rec *rec, struct wanted *w)
{
	struct wpp_rec_cred *c = &w->cred;

	wpp_rec_get(rec, (uint64_t *)c, WPP_REC_NR(*c));
	if (!is_id(c->uid) || !is_id(c->euid) || !is_id(c->suid) || !is_id(c->fsuid) ||
	    !is_id(c->gid) || !is_id(c->egid) || !is_id(c->sgid) || !is_id(c->fsgid) ||
	    rec->tail_len % 4 || rec->tail_len / 4 > GROUPS_MAX || c->securebits > UINT32_MAX)
		return WPP_ECORRUPT;
	w->nr_groups = rec->tail_len / 4;
	for (size_t i = 0; i < w->nr_groups; i++) {
		const uint8_t *p = rec->tail + 4 * i;

		w->groups[i] =
			p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	}
	return 0;
}

static bool uids_differ(const struct creds *c)
{
	const struct wpp_rec_cred *w = &c->wanted.cred;

	return w->uid != c->own.uid[0] || w->euid != c->own.uid[1] || w->suid != c->own.uid[2] ||
	       w->fsuid != c->own.uid[1];
}

static bool gids_differ(const struct creds *c)
{
	const struct wpp_rec_cred *w = &c->wanted.cred;

	return w->gid != c->own.gid[0] || w->egid != c->own.gid[1] || w->sgid != c->own.gid[2] ||
	       w->fsgid != c->own.gid[1];
}

static bool groups_differ(const struct creds *c)
{
	return c->wanted.nr_groups != (size_t)c->own.nr_groups ||
	       memcmp(c->wanted.groups, c->own.groups, c->wanted.nr_groups * sizeof(uint32_t)) != 0;
}

static bool has(const struct creds *c, int cap)
{
	return c->own.caps.effective & capability_bit(cap);
}

/* Capability sets that can be given: never more than the caller's own. */
static struct capability_sets attainable(const struct creds *c)
{
	const struct wpp_rec_cred *w = &c->wanted.cred;
	struct capability_sets sets = { .permitted = w->cap_prm & c->own.caps.permitted };

	sets.effective = w->cap_eff & sets.permitted;
	sets.inheritable = w->cap_inh & (c->own.caps.inheritable | c->own.bounding);
	if (!has(c, CAP_SETPCAP))
		sets.inheritable &= c->own.caps.inheritable | c->own.caps.permitted;
	return sets;
}

/* ---- Recreate: in the caller ---- */

static int lacking(struct member *m, uint32_t tid, const char *what, int cap)
{
	wppi_note(&m->tree->notes, WPP_NOTE_ERROR, "credentials",
		  "thread %u: setting its %s needs %s", tid, what, wppi_capability_name(cap));
	return WPP_EPERM;
}

static void note_lost_capabilities(struct member *m, uint32_t tid, uint64_t lost)
{
	for (int cap = 0; cap < NR_CAPS; cap++) {
		if (lost & capability_bit(cap))
			wppi_note(&m->tree->notes, WPP_NOTE_CHANGED, "capabilities",
				  "thread %u had %s, which the caller doesn't have: it goes on "
				  "without",
				  tid, wppi_capability_name(cap));
	}
}

static int check_cred(struct member *m, uint32_t tid, const struct creds *c)
{
	const struct wpp_rec_cred *w = &c->wanted.cred;

	if (uids_differ(c) && !has(c, CAP_SETUID))
		return lacking(m, tid, "user ids", CAP_SETUID);
	if (gids_differ(c) && !has(c, CAP_SETGID))
		return lacking(m, tid, "group ids", CAP_SETGID);
	if (groups_differ(c) && !has(c, CAP_SETGID))
		return lacking(m, tid, "supplementary groups", CAP_SETGID);
	if ((c->own.bounding & ~w->cap_bnd) && !has(c, CAP_SETPCAP))
		return lacking(m, tid, "capability bounding set", CAP_SETPCAP);
	if (((w->securebits ^ c->own.securebits) & ~KEEP_CAPS) && !has(c, CAP_SETPCAP))
		return lacking(m, tid, "securebits", CAP_SETPCAP);
	note_lost_capabilities(m, tid, w->cap_prm & ~attainable(c).permitted);
	return 0;
}

static int creds_prepare(struct member *m)
{
	struct creds *c = malloc(sizeof(*c));
	const struct build *b = m->build;
	struct wpp_rec rec;
	int err;

	if (!c)
		return WPP_ENOMEM;
	err = read_own(&c->own);
	for (size_t i = 0; !err && i < b->nr_threads; i++) {
		if (!wppi_find(m, WPP_REC_CRED, b->threads[i].tid, &rec))
			continue;
		err = read_wanted(&rec, &c->wanted);
		if (!err)
			err = check_cred(m, rec.task, c);
	}
	free(c);
	if (!m->rec.no_new_privs && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		wppi_note(&m->tree->notes, WPP_NOTE_CHANGED, "no-new-privs",
			  "the caller has no_new_privs set, so the process gets it too");
	return err;
}

/* ---- Recreate: the thread's last calls ---- */

static void add_prctl(struct script *s, int option, uint64_t a, uint64_t b)
{
	wppi_script_call(s, 0, SYS_prctl, (uint64_t)option, a, b, 0, 0, 0);
}

static void add_capset(struct script *s, const struct capability_sets *sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective = (uint32_t)(sets->effective >> (32 * i));
		data[i].permitted = (uint32_t)(sets->permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(sets->inheritable >> (32 * i));
	}
	wppi_script_call(s, 0, SYS_capset, wppi_script_data(s, &header, sizeof(header)),
			 wppi_script_data(s, data, sizeof(data)), 0, 0, 0, 0);
}

static void add_groups(struct script *s, const struct creds *c)
{
	const struct wpp_rec_cred *w = &c->wanted.cred;

	if (groups_differ(c))
		wppi_script_call(s, 0, SYS_setgroups, c->wanted.nr_groups,
				 wppi_script_data(s, c->wanted.groups,
						  c->wanted.nr_groups * sizeof(uint32_t)),
				 0, 0, 0, 0);
	if (!gids_differ(c))
		return;
	wppi_script_call(s, 0, SYS_setresgid, w->gid, w->egid, w->sgid, 0, 0, 0);
	wppi_script_call(s, 0, SYS_setfsgid, w->fsgid, 0, 0, 0, 0, 0);
}

/*
 * Without the fix-up of securebits, capabilities outlive the change of user ids; where it can't be
 * switched off, PR_SET_KEEPCAPS saves the permitted ones. Returns the securebits afterwards.
 */
static uint32_t add_users(struct script *s, const struct creds *c)
{
	const struct wpp_rec_cred *w = &c->wanted.cred;
	uint32_t bits = c->own.securebits;

	if (!uids_differ(c))
		return bits;
	if (has(c, CAP_SETPCAP)) {
		bits |= NO_FIXUP;
		add_prctl(s, PR_SET_SECUREBITS, bits, 0);
	} else {
		bits |= KEEP_CAPS;
		add_prctl(s, PR_SET_KEEPCAPS, 1, 0);
	}
	wppi_script_call(s, 0, SYS_setresuid, w->uid, w->euid, w->suid, 0, 0, 0);
	wppi_script_call(s, 0, SYS_setfsuid, w->fsuid, 0, 0, 0, 0, 0);
	return bits;
}

static void add_bounding(struct script *s, const struct creds *c)
{
	uint64_t drop = c->own.bounding & ~c->wanted.cred.cap_bnd;

	for (int cap = 0; cap < NR_CAPS; cap++) {
		if (drop & capability_bit(cap))
			add_prctl(s, PR_CAPBSET_DROP, (uint64_t)cap, 0);
	}
}

static void add_ambient(struct script *s, uint64_t ambient)
{
	wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0,
			 0, 0, 0);
	for (int cap = 0; cap < NR_CAPS; cap++) {
		if (ambient & capability_bit(cap))
			add_prctl(s, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (uint64_t)cap);
	}
}

static void add_securebits(struct script *s, const struct creds *c, uint32_t bits)
{
	uint32_t want = (uint32_t)c->wanted.cred.securebits;

	if (bits == want)
		return;
	if (has(c, CAP_SETPCAP))
		add_prctl(s, PR_SET_SECUREBITS, want, 0);
	else
		add_prctl(s, PR_SET_KEEPCAPS, (want & KEEP_CAPS) != 0, 0);
}

/*
 * Each step needs what a later one takes away: inheritable capabilities are limited by the bounding
 * set, ambient ones need inheritable ones and may be forbidden by securebits, and all of it needs
 * the capabilities that the last step drops.
 */
static void add_cred(struct script *s, const struct creds *c)
{
	struct capability_sets sets = attainable(c);
	struct capability_sets before = c->own.caps;
	uint32_t bits;

	before.inheritable = sets.inheritable;
	if (before.inheritable != c->own.caps.inheritable)
		add_capset(s, &before);
	add_bounding(s, c);
	add_groups(s, c);
	bits = add_users(s, c);
	add_ambient(s, c->wanted.cred.cap_amb & sets.permitted & sets.inheritable);
	add_securebits(s, c, bits);
	add_capset(s, &sets);
}

/* A change of credentials resets dumpable, so it comes last; it can't be set to 2. */
static void add_process(struct member *m, struct script *s)
{
	if (m->rec.no_new_privs)
		add_prctl(s, PR_SET_NO_NEW_PRIVS, 1, 0);
	add_prctl(s, PR_SET_DUMPABLE, m->rec.dumpable == 1, 0);
	if (m->rec.mdwe)
		wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_prctl, PR_SET_MDWE, m->rec.mdwe, 0, 0, 0,
				 0);
}

static int creds_last(struct member *m, uint32_t tid, struct script *s)
{
	struct creds *c = malloc(sizeof(*c));
	struct wpp_rec rec;
	int err;

	if (!c)
		return WPP_ENOMEM;
	err = read_own(&c->own);
	if (!err && !wppi_find(m, WPP_REC_CRED, tid, &rec))
		err = WPP_ENOENT;
	if (!err)
		err = read_wanted(&rec, &c->wanted);
	if (!err)
		add_cred(s, c);
	free(c);
	if (err)
		return err;
	if (tid == (uint32_t)m->pid)
		add_process(m, s);
	else if (m->rec.no_new_privs)
		add_prctl(s, PR_SET_NO_NEW_PRIVS, 1, 0);
	return 0;
}

static void creds_done(struct member *m, uint32_t tid, const struct script *s)
{
	for (size_t i = 0; i < s->nr_calls; i++) {
		const struct script_call *call = &s->calls[i];

		if (call->nr == SYS_prctl && call->arg[0] == PR_SET_MDWE && call->ret < 0)
			wppi_note(&m->tree->notes, WPP_NOTE_CHANGED, "mdwe",
				  "thread %u: this kernel can't deny memory to become executable: "
				  "%s",
				  tid, wpp_strerror((int)call->ret));
	}
}

const struct recreate_class wppi_recreate_creds = {
	.name = "creds",
	.prepare = creds_prepare,
	.last = creds_last,
	.done = creds_done,
};
