/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The process as a whole: ids, session and terminal, executable, working and root directory,
 * umask, and what prctl() and /proc keep for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/child.h"
#include "state/state.h"
#include "stop/stop.h"

#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

#define DELETED " (deleted)"

/* ---- Capture: what is refused ---- */

static int check_dir(struct member *m, const char *name, const char *what)
{
	char path[PATH_MAX];
	ssize_t len = wppi_proc_readlink(m->pid, name, path, sizeof(path));

	if (len < 0)
		return (int)len;
	if (path[0] != '/')
		wppi_refuse(m, name, "its %s directory can't be reached from here: %s", what, path);
	return 0;
}

static int process_check(struct member *m)
{
	int err = check_dir(m, "cwd", "working");

	return err ? err : check_dir(m, "root", "root");
}

/* ---- Capture ---- */

static int process_ask(struct member *m, struct thread *t, struct script *s)
{
	static const int plain[] = { PR_GET_DUMPABLE, PR_GET_THP_DISABLE, PR_GET_MDWE,
				     PR_GET_MEMORY_MERGE };

	if (t->tid != m->pid)
		return 0;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_prctl, (uint64_t)plain[i], 0, 0, 0, 0, 0);
	wppi_script_call(s, 0, SYS_prctl, PR_GET_CHILD_SUBREAPER,
			 wppi_script_data(s, NULL, sizeof(int)), 0, 0, 0, 0);
	wppi_script_call(s, 0, SYS_personality, 0xffffffff, 0, 0, 0, 0, 0);
	return 0;
}

/* 0 when this kernel doesn't know the option. */
static uint64_t answer_prctl(const struct thread *t, int option)
{
	int64_t ret = wppi_answer_ret(t, SYS_prctl, (uint64_t)option);

	return ret < 0 ? 0 : (uint64_t)ret;
}

static uint64_t answer_subreaper(const struct thread *t)
{
	const struct script_call *call = wppi_answer(t, SYS_prctl, PR_GET_CHILD_SUBREAPER);
	int value = 0;

	if (call)
		memcpy(&value, wppi_script_result(&t->asked, call->arg[1]), sizeof(value));
	return (uint64_t)value;
}

/* Fields of /proc/PID/stat from the third on; the second may contain anything. */
static int parse_stat(pid_t pid, struct wpp_rec_process *rec)
{
	char text[2048];
	const char *p;
	ssize_t len = wppi_proc_read(pid, "stat", text, sizeof(text));
	int ppid, pgid, sid, tty;

	if (len < 0)
		return (int)len;
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %d %d %d %d", &ppid, &pgid, &sid, &tty) != 4)
		return WPP_EIO;
	for (int field = 3; p && field <= 38; field++)
		p = strchr(p + 1, ' ');
	rec->ppid = (uint64_t)ppid;
	rec->pgid = (uint64_t)pgid;
	rec->sid = (uint64_t)sid;
	rec->tty = (uint64_t)tty;
	rec->exit_signal = p ? strtoull(p, NULL, 10) : 0;
	return 0;
}

/* A kernel without the file (CONFIG_ELF_CORE) has nothing to say; all else that fails is an error.
 */
static int read_number(pid_t pid, const char *name, int base, uint64_t *value)
{
	char text[64];
	ssize_t len = wppi_proc_read(pid, name, text, sizeof(text));

	*value = 0;
	if (len < 0)
		return len == -ENOENT ? 0 : (int)len;
	*value = (uint64_t)strtoll(text, NULL, base);
	return 0;
}

/* It was about to stop when it was frozen. */
static bool stop_is_pending(const char *status)
{
	const char *shared = wppi_proc_field(status, "ShdPnd");
	const char *own = wppi_proc_field(status, "SigPnd");
	uint64_t set = shared ? strtoull(shared, NULL, 16) : 0;

	set |= own ? strtoull(own, NULL, 16) : 0;
	return set & 1ull << (SIGSTOP - 1);
}

static int parse_status(const char *status, struct wpp_rec_process *rec)
{
	const char *umask_text, *privs;

	if (!status)
		return WPP_EIO;
	umask_text = wppi_proc_field(status, "Umask");
	privs = wppi_proc_field(status, "NoNewPrivs");
	if (!umask_text)
		return WPP_EIO;
	if (stop_is_pending(status))
		rec->stopped = SIGSTOP;
	rec->umask = strtoull(umask_text, NULL, 8);
	rec->no_new_privs = privs ? strtoull(privs, NULL, 10) : 0;
	return 0;
}

static int collect_process(struct member *m)
{
	const struct thread *t = &m->threads[0];
	struct wpp_rec_process rec = {
		.pid = (uint64_t)m->pid,
		.space = m->space,
		.dumpable = answer_prctl(t, PR_GET_DUMPABLE),
		.personality = (uint64_t)wppi_answer_ret(t, SYS_personality, 0xffffffff),
		.thp_disable = answer_prctl(t, PR_GET_THP_DISABLE),
		.child_subreaper = answer_subreaper(t),
		.nr_threads = m->nr_threads,
		.mdwe = answer_prctl(t, PR_GET_MDWE),
		.memory_merge = answer_prctl(t, PR_GET_MEMORY_MERGE),
		.stopped = (uint64_t)m->stop_signal,
	};
	char comm[64];
	ssize_t len;
	int err;

	err = parse_stat(m->pid, &rec);
	if (!err)
		err = read_number(m->pid, "oom_score_adj", 10, &rec.oom_score_adj);
	if (!err)
		err = read_number(m->pid, "coredump_filter", 16, &rec.coredump_filter);
	if (!err)
		err = parse_status(wppi_thread_status(m, &m->threads[0]), &rec);
	if (err)
		return err;
	len = wppi_proc_read(m->pid, "comm", comm, sizeof(comm));
	if (len < 1)
		return len < 0 ? (int)len : WPP_EIO;
	WPPI_REC(&m->tree->pcb, PROCESS, m->pid, 0, &rec, comm,
		 len - 1); /* without the line feed */
	return 0;
}

/* The path of a link in /proc, what it leads to, and whether that was deleted. */
static int read_link(pid_t pid, const char *name, char *path, struct stat *st, bool *deleted)
{
	ssize_t len = wppi_proc_readlink(pid, name, path, PATH_MAX);
	size_t tail = strlen(DELETED);
	char proc[64];

	if (len < 0)
		return (int)len;
	snprintf(proc, sizeof(proc), "/proc/%d/%s", pid, name);
	if (stat(proc, st))
		return -errno;
	*deleted = st->st_nlink == 0 && (size_t)len > tail && !strcmp(path + len - tail, DELETED);
	if (*deleted)
		path[(size_t)len - tail] = '\0';
	return 0;
}

static int collect_links(struct member *m)
{
	char path[PATH_MAX];
	struct stat st;
	bool deleted;
	int err;

	err = read_link(m->pid, "exe", path, &st, &deleted);
	if (err)
		return err;
	WPPI_REC(&m->tree->pcb, EXE, m->pid, 0,
		 (&(struct wpp_rec_exe){ st.st_dev, st.st_ino, (uint64_t)st.st_size,
					 (uint64_t)st.st_mtim.tv_sec * 1000000000u +
						 (uint64_t)st.st_mtim.tv_nsec }),
		 path, strlen(path));
	err = read_link(m->pid, "cwd", path, &st, &deleted);
	if (err)
		return err;
	WPPI_REC(&m->tree->pcb, CWD, m->pid, 0,
		 (&(struct wpp_rec_cwd){ st.st_dev, st.st_ino, deleted }), path, strlen(path));
	err = read_link(m->pid, "root", path, &st, &deleted);
	if (err)
		return err;
	WPPI_REC(&m->tree->pcb, ROOT, m->pid, 0, (&(struct wpp_rec_root){ st.st_dev, st.st_ino }),
		 path, strlen(path));
	return 0;
}

static int process_collect(struct member *m)
{
	int err = collect_process(m);

	return err ? err : collect_links(m);
}

const struct capture_class wppi_capture_process = {
	.name = "process",
	.check = process_check,
	.ask = process_ask,
	.collect = process_collect,
};

/* ---- Recreate: in the caller ---- */

/* The tail of a record as a path. WPP_ECORRUPT unless it is an absolute one. */
static int find_path(const struct member *m, uint16_t type, struct wpp_rec *rec, char *path)
{
	if (!wppi_find(m, type, (uint32_t)m->pid, rec))
		return WPP_ENOENT;
	if (!rec->tail_len || rec->tail_len >= PATH_MAX || rec->tail[0] != '/')
		return WPP_ECORRUPT;
	memcpy(path, rec->tail, rec->tail_len);
	path[rec->tail_len] = '\0';
	return strlen(path) == rec->tail_len ? 0 : WPP_ECORRUPT;
}

static void note_death_signals(struct member *m)
{
	const struct build *b = m->build;
	struct wpp_rec_thread thread;
	struct wpp_rec rec;

	for (size_t i = 0; i < b->nr_threads; i++) {
		if (!wppi_find(m, WPP_REC_THREAD, b->threads[i].tid, &rec))
			continue;
		WPPI_GET(&rec, &thread);
		if (thread.pdeath_signal)
			wppi_note(&m->tree->notes, WPP_NOTE_INFO, "pdeath-signal",
				  "thread %u wanted signal %" PRIu64 " when its parent dies; that "
				  "parent is gone, so the signal is not armed again",
				  rec.task, thread.pdeath_signal);
	}
}

static void note_session(struct member *m)
{
	if (m->rec.sid != m->rec.pid)
		wppi_note(&m->tree->notes, WPP_NOTE_INFO, "session",
			  "the process belonged to session %" PRIu64
			  "; it joins the session of its "
			  "new parent",
			  m->rec.sid);
}

/* The root directory has to be there; 0, or a refusal. */
static int check_root(struct member *m)
{
	char path[PATH_MAX];
	struct wpp_rec rec;
	struct stat st;
	int err = find_path(m, WPP_REC_ROOT, &rec, path);

	if (err == WPP_ENOENT || (!err && !strcmp(path, "/")))
		return 0;
	if (err)
		return err;
	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		wppi_note(&m->tree->notes, WPP_NOTE_ERROR, "root",
			  "its root directory %s is not there", path);
		return WPP_EREFUSED;
	}
	if (!wppi_capable(CAP_SYS_CHROOT)) {
		wppi_note(&m->tree->notes, WPP_NOTE_ERROR, "root",
			  "its root directory is %s: CAP_SYS_CHROOT is needed", path);
		return WPP_EPERM;
	}
	return 0;
}

static int process_prepare(struct member *m)
{
	char path[PATH_MAX];
	struct wpp_rec rec;
	int err = find_path(m, WPP_REC_CWD, &rec, path);

	if (err && err != WPP_ENOENT)
		return err;
	note_death_signals(m);
	note_session(m);
	return check_root(m);
}

/* ---- Recreate: in the new process ---- */

/* Like a shell: its group gets the terminal that ours had. SIGTTOU is blocked here. */
static void take_terminal(pid_t old_group)
{
	for (int fd = 0; fd < 3; fd++) {
		if (isatty(fd) && tcgetpgrp(fd) == old_group) {
			tcsetpgrp(fd, getpid());
			return;
		}
	}
}

static void make_controlling(struct member *m)
{
	for (int fd = 0; fd < 3; fd++) {
		if (isatty(fd) && ioctl(fd, TIOCSCTTY, 0) == 0)
			return;
	}
	wppi_child_note(m, WPP_NOTE_CHANGED, "terminal",
			"the process led the session of a terminal; it goes on without one");
}

static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Also a daemon that did not lead its session: our terminal's signals are not for it. */
static bool is_to_lead_session(const struct member *m)
{
	return m->rec.sid == m->rec.pid || (!m->rec.tty && has_terminal());
}

static int join_session(struct member *m)
{
	pid_t old_group = getpgrp();

	if (is_to_lead_session(m)) {
		if (setsid() < 0)
			return wppi_child_fail(m, -errno, "can't lead a session");
		if (m->rec.tty)
			make_controlling(m);
	} else if (m->rec.pgid == m->rec.pid) {
		if (setpgid(0, 0))
			return wppi_child_fail(m, -errno, "can't lead a process group");
		if (m->rec.tty)
			take_terminal(old_group);
	}
	return 0;
}

/* A deleted directory is empty, so a new one that is removed again is the same. */
static int enter_deleted(struct member *m, const char *path)
{
	char fresh[] = "/tmp/wpp-cwd.XXXXXX";
	const char *dir = path;

	if (mkdir(path, 0700)) {
		dir = mkdtemp(fresh);
		if (!dir)
			return wppi_child_fail(m, -errno,
					       "can't make a directory for the deleted %s", path);
	}
	if (chdir(dir) || rmdir(dir))
		return wppi_child_fail(m, -errno, "can't enter and remove %s", dir);
	return 0;
}

static int enter_cwd(struct member *m)
{
	char path[PATH_MAX];
	struct wpp_rec_cwd cwd;
	struct wpp_rec rec;
	struct stat st;

	if (find_path(m, WPP_REC_CWD, &rec, path))
		return 0;
	wpp_rec_get(&rec, (uint64_t *)&cwd, WPP_REC_NR(cwd));
	if (cwd.deleted)
		return enter_deleted(m, path);
	if (chdir(path)) {
		if (!(m->tree->how.flags & WPP_RECREATE_FILES_WARN))
			return wppi_child_fail(m, WPP_EREFUSED, "its working directory %s: %s",
					       path, strerror(errno));
		wppi_child_note(m, WPP_NOTE_CHANGED, "cwd",
				"its working directory %s can't be entered: %s; it is in / now",
				path, strerror(errno));
		return chdir("/") ? -errno : 0;
	}
	if (stat(".", &st) == 0 && st.st_ino != cwd.ino)
		wppi_child_note(m, WPP_NOTE_CHANGED, "cwd",
				"its working directory %s is another directory now", path);
	return 0;
}

static bool write_number(const char *path, const char *format, long long value)
{
	char text[32];
	int len = snprintf(text, sizeof(text), format, value);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, (size_t)len) == len;

	if (fd >= 0)
		close(fd);
	return done;
}

static void set_oom_score(struct member *m)
{
	if (!write_number("/proc/self/oom_score_adj", "%lld", (long long)m->rec.oom_score_adj))
		wppi_child_note(m, WPP_NOTE_CHANGED, "oom-score",
				"its oom_score_adj can't be %lld: CAP_SYS_RESOURCE is needed",
				(long long)m->rec.oom_score_adj);
}

/* What the kernel keeps for the process and its memory, and nothing below depends on. */
static int set_attributes(struct member *m)
{
	const struct wpp_rec_process *p = &m->rec;

	set_oom_score(m);
	if (!write_number("/proc/self/coredump_filter", "0x%llx", (long long)p->coredump_filter))
		return wppi_child_fail(m, -errno, "can't set coredump_filter");
	if (prctl(PR_SET_CHILD_SUBREAPER, p->child_subreaper, 0, 0, 0) ||
	    prctl(PR_SET_THP_DISABLE, p->thp_disable & 1, p->thp_disable & ~1ull, 0, 0))
		return wppi_child_fail(m, -errno, "can't set prctl attributes");
	if (p->memory_merge && prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0))
		wppi_child_note(m, WPP_NOTE_CHANGED, "ksm", "memory merging (KSM) can't be set: %s",
				strerror(errno));
	return 0;
}

static int process_child(struct member *m)
{
	int err = join_session(m);

	if (!err)
		err = enter_cwd(m);
	return err ? err : set_attributes(m);
}

/* The root and umask would mislead what is opened and made before. */
static void last_of_process(struct member *m, struct script *s)
{
	char path[PATH_MAX];
	struct wpp_rec rec;

	if (find_path(m, WPP_REC_ROOT, &rec, path) == 0 && strcmp(path, "/") != 0)
		wppi_script_call(s, 0, SYS_chroot, wppi_script_data(s, path, strlen(path) + 1), 0,
				 0, 0, 0, 0);
	wppi_script_call(s, 0, SYS_umask, m->rec.umask, 0, 0, 0, 0, 0);
}

static int process_last(struct member *m, uint32_t tid, struct script *s)
{
	if (tid == (uint32_t)m->pid)
		last_of_process(m, s);
	wppi_script_call(s, 0, SYS_personality, m->rec.personality, 0, 0, 0, 0, 0);
	return 0;
}

const struct recreate_class wppi_recreate_process = {
	.name = "process",
	.prepare = process_prepare,
	.child = process_child,
	.last = process_last,
};
