/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Credentials of each thread, and the limits of the process.
 */
#include <linux/cred.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/securebits.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "state/kstate.h"

static u64 uid_of(kuid_t uid)
{
	return from_kuid_munged(&init_user_ns, uid);
}

static u64 gid_of(kgid_t gid)
{
	return from_kgid_munged(&init_user_ns, gid);
}

static int record_cred(struct wppk_member *m, const struct wppk_thread *t)
{
	const struct cred *cred = t->cred;
	const struct group_info *gi = cred->group_info;
	struct wpp_rec_cred rec = {
		.uid = uid_of(cred->uid),
		.euid = uid_of(cred->euid),
		.suid = uid_of(cred->suid),
		.fsuid = uid_of(cred->fsuid),
		.gid = gid_of(cred->gid),
		.egid = gid_of(cred->egid),
		.sgid = gid_of(cred->sgid),
		.fsgid = gid_of(cred->fsgid),
		.cap_inh = wppk_capabilities(cred->cap_inheritable),
		.cap_prm = wppk_capabilities(cred->cap_permitted),
		.cap_eff = wppk_capabilities(cred->cap_effective),
		.cap_bnd = wppk_capabilities(cred->cap_bset),
		.cap_amb = wppk_capabilities(cred->cap_ambient),
		.securebits = cred->securebits,
		.keep_caps = issecure_mask(SECURE_KEEP_CAPS) & cred->securebits ? 1 : 0,
	};
	__le32 *groups = kvmalloc_array(gi->ngroups + 1, sizeof(*groups), GFP_KERNEL);
	int i;

	if (!groups)
		return -ENOMEM;
	for (i = 0; i < gi->ngroups; i++)
		groups[i] = cpu_to_le32(gid_of(gi->gid[i]));
	WPPK_REC_THREAD(m, t, CRED, 0, &rec, groups, gi->ngroups * sizeof(*groups));
	kvfree(groups);
	return 0;
}

static int creds_collect(struct wppk_member *m)
{
	const struct wppk_thread *t;
	int err = 0;

	wppk_for_each(t, m->group) {
		err = record_cred(m, t);
		if (err)
			break;
	}
	return err;
}

const struct wppk_class wppk_class_creds = { .collect = creds_collect };

static int limits_collect(struct wppk_member *m)
{
	struct rlimit limits[RLIM_NLIMITS];
	u32 i;

	task_lock(m->leader);
	memcpy(limits, m->leader->signal->rlim, sizeof(limits));
	task_unlock(m->leader);
	for (i = 0; i < RLIM_NLIMITS; i++) {
		struct wpp_rec_rlimit rec = { limits[i].rlim_cur, limits[i].rlim_max };

		WPPK_REC(m, RLIMIT, i, &rec, NULL, 0);
	}
	return 0;
}

const struct wppk_class wppk_class_limits = { .collect = limits_collect };
