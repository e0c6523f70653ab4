/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Can it be carried? The process as a whole, before any thread is stopped; and
 * what could change until all were.
 */
#include <linux/mm.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seccomp.h>
#include <linux/user_namespace.h>

#include "arch/arch.h"
#include "park/kcheck.h"

/* ---- Threads ---- */

static bool is_stopped(const struct task_struct *task)
{
	return READ_ONCE(task->__state) & (__TASK_STOPPED | __TASK_TRACED);
}

static void check_thread(struct task_struct *leader, struct task_struct *task,
			 struct wppk_notes *notes)
{
	pid_t tid = task_pid_nr(task);

	if (task->ptrace)
		wppk_refuse(notes, "traced", "a debugger traces thread %d; end that first", tid);
	else if (is_stopped(task))
		wppk_refuse(notes, "thread-stuck", "thread %d is stopped; continue it (SIGCONT)",
			    tid);
	if (task->flags & PF_IO_WORKER)
		wppk_refuse(notes, "io_uring", "thread %d works for an io_uring", tid);
	if (!list_empty(&task->children))
		wppk_refuse(notes, "children", "thread %d has child processes", tid);
	if (task->seccomp.mode != SECCOMP_MODE_DISABLED)
		wppk_refuse(notes, "seccomp", "thread %d runs under seccomp", tid);
	if (test_task_syscall_work(task, SYSCALL_USER_DISPATCH))
		wppk_refuse(notes, "syscall-dispatch", "thread %d handles its system calls itself",
			    tid);
	if (wppk_arch_is_32bit(task))
		wppk_refuse(notes, "32-bit", "its program is not a 64-bit one");
	if (task->files != leader->files)
		wppk_refuse(notes, "unshared-files",
			    "thread %d has a table of descriptors of its own", tid);
	if (task->fs != leader->fs)
		wppk_refuse(notes, "unshared-thread", "thread %d has a directory of its own", tid);
}

void wppk_check_threads(struct task_struct *leader, struct wppk_notes *notes)
{
	struct task_struct *task;

	rcu_read_lock();
	for_each_thread(leader, task) {
		if (!(task->flags & PF_EXITING))
			check_thread(leader, task, notes);
	}
	rcu_read_unlock();
}

/* ---- The process ---- */

static void check_namespaces(struct task_struct *leader, struct wppk_notes *notes)
{
	const struct nsproxy *ours = init_task.nsproxy, *theirs;
	const char *name = NULL;

	task_lock(leader);
	theirs = leader->nsproxy;
	if (theirs) {
		if (theirs->mnt_ns != ours->mnt_ns)
			name = "mnt";
		else if (theirs->net_ns != ours->net_ns)
			name = "net";
		else if (theirs->ipc_ns != ours->ipc_ns)
			name = "ipc";
		else if (theirs->uts_ns != ours->uts_ns)
			name = "uts";
	}
	task_unlock(leader);
	if (task_cred_xxx(leader, user_ns) != &init_user_ns)
		name = "user";
	if (name)
		wppk_refuse(notes, "namespace", "its %s namespace is not the system's", name);
	if (task_active_pid_ns(leader) != &init_pid_ns)
		wppk_refuse(notes, "pid-namespace", "it lives in a pid namespace of its own");
}

/* vfork() and CLONE_VM: another process in the same memory would see it torn away. */
static void check_shared_mm(struct task_struct *leader, struct wppk_notes *notes)
{
	const struct mm_struct *mm = READ_ONCE(leader->mm);
	struct task_struct *other;
	pid_t pid = 0;

	rcu_read_lock();
	for_each_process(other) {
		if (other != leader && READ_ONCE(other->mm) == mm)
			pid = task_pid_nr(other);
	}
	rcu_read_unlock();
	if (pid)
		wppk_refuse(notes, "shared-memory-space",
			    "it shares its address space with process %d (vfork or CLONE_VM)", pid);
}

void wppk_check_process(struct task_struct *leader, struct wppk_notes *notes)
{
	if (leader->flags & PF_KTHREAD) {
		wppk_refuse(notes, "kernel-thread", "it is a thread of the kernel");
		return;
	}
	if (leader->flags & PF_EXITING || !READ_ONCE(leader->mm)) {
		wppk_refuse(notes, "zombie", "the process has ended or its first thread has");
		return;
	}
	check_namespaces(leader, notes);
	check_shared_mm(leader, notes);
	wppk_check_threads(leader, notes);
}
