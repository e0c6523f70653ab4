/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The new process, from clone3 to the moment when it stops for us.
 *
 * A short-lived maker stands between: a fork of the caller, so that C code is
 * safe in it whatever threads the caller has, and namespaces can be unshared
 * without touching the caller. It makes the process with CLONE_PARENT: our own
 * child.
 */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "recreate/recreate.h"
#include "state/state.h"

#define SEIZE_OPTIONS (PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)

/* ---- The maker ---- */

#define PF_EXITING 0x4u	 /* of the kernel's task flags, proc(5) field 9 */
#define ENDING_MS  3000u /* how long the process that was killed may take to end */

static void clone_failed(struct build *b, int sock, int err)
{
	char text[256];

	if (err == EEXIST)
		wppi_pid_taken(b->m->pid, text, sizeof(text));
	else if (err == EPERM)
		snprintf(text, sizeof(text),
			 "choosing the process id %d takes CAP_CHECKPOINT_RESTORE (or "
			 "CAP_SYS_ADMIN), or a new pid namespace (--new-pid-namespace)",
			 (int)b->m->pid);
	else
		snprintf(text, sizeof(text), "the process can't be made with id %d: %s",
			 (int)b->m->pid, strerror(err));
	wppi_message_send(sock, MESSAGE_FAILED, -err,
			  err == EEXIST	 ? "pid"
			  : err == EPERM ? "capability"
					 : "clone",
			  text);
}

/*
 * Is the owner of the wanted pid only waiting for its end? A process that was persisted and killed
 * a moment ago gives up a big memory, then waits for its parent.
 */
static bool is_ending(pid_t pid)
{
	char stat[1024], state = 'X';
	unsigned int flags = 0;
	const char *p;

	if (wppi_proc_read(pid, "stat", stat, sizeof(stat)) < 0)
		return true;
	p = strrchr(stat, ')');
	if (p && sscanf(p + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
		return false;
	return state == 'Z' || state == 'X' || (flags & PF_EXITING);
}

static long clone_with_pid(struct clone_args *args, pid_t want)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	long pid;

	for (unsigned int ms = 0;; ms++) {
		pid = syscall(SYS_clone3, args, sizeof(*args));
		if (pid >= 0)
			return pid;
		if (errno != EEXIST || ms == ENDING_MS)
			return -errno;
		if (!is_ending(want))
			return -EEXIST;
		nanosleep(&pause, NULL);
	}
}

static int namespace_failed(int sock, int err, const char *name, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s (this takes CAP_SYS_ADMIN)", what, strerror(-err));
	wppi_message_send(sock, MESSAGE_FAILED, err, name, text);
	return err;
}

/* In the maker: what its next child lives in. @init: see pidns.c. */
static int enter_namespaces(struct build *b, int sock, int *init)
{
	int err = 0;

	if (b->m->tree->how.flags & WPP_RECREATE_NEW_PID_NS)
		err = wppi_pidns_enter(b, init);
	if (err)
		return namespace_failed(sock, err, "pid-namespace",
					"a pid namespace can't be made");
	err = wppi_timens_enter(b->m->tree);
	if (err)
		return namespace_failed(sock, err, "time-namespace",
					"the clocks can't go on in a time namespace");
	return 0;
}

/* In the maker: namespaces, then the process. */
static void make(struct build *b, int sock)
{
	pid_t want = b->m->pid;
	struct clone_args args = {
		.flags = CLONE_PARENT,
		.set_tid = (uint64_t)(uintptr_t)&want,
		.set_tid_size = 1,
	};
	int init = -1;
	long pid;

	if (enter_namespaces(b, sock, &init))
		return;
	pid = clone_with_pid(&args, want);
	if (pid == 0) {
		b->m->control = sock;
		wppi_child_main(b);
	}
	if (pid < 0)
		clone_failed(b, sock, (int)-pid);
	else if (init >= 0 && write(init, "", 1) != 1)
		namespace_failed(sock, -errno, "pid-namespace", "its first process is gone");
	else
		wppi_message_send(sock, MESSAGE_PID, (int)pid, "", "");
}

static int start_maker(struct build *b, pid_t *maker)
{
	sigset_t all, before;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	*maker = fork();
	if (*maker == 0) {
		close(pair[0]);
		make(b, pair[1]);
		_exit(0);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(pair[1]);
	b->peer = pair[0];
	if (*maker > 0)
		return 0;
	close(pair[0]);
	b->peer = -1;
	return WPP_ENOMEM;
}

/* ---- Our side ---- */

static int trace_new(struct build *b, pid_t pid)
{
	b->pid = pid;
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(uintptr_t)SEIZE_OPTIONS)) {
		int err = -errno;

		wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "ptrace",
			  "the new process can't be traced: %s", strerror(-err));
		return err;
	}
	return wppi_message_send(b->peer, MESSAGE_GO, 0, "", "");
}

/* Handles one message. 1: the process is ready. */
static int handle(struct build *b, const struct message *msg)
{
	switch (msg->type) {
	case MESSAGE_PID:
		return trace_new(b, msg->value);
	case MESSAGE_NOTE:
		wppi_note(&b->m->tree->notes, (enum wpp_note_kind)msg->value, msg->name, "%s",
			  msg->text);
		return 0;
	case MESSAGE_FAILED:
		wppi_note(&b->m->tree->notes,
			  msg->value == WPP_EREFUSED ? WPP_NOTE_REFUSED : WPP_NOTE_ERROR, msg->name,
			  "%s", msg->text);
		return msg->value < 0 ? msg->value : WPP_EIO;
	case MESSAGE_OBJECT:
		if (b->nr_told == b->m->tree->nr_objs)
			return WPP_EIO;
		b->remote[b->nr_told++] = msg->value;
		return 0;
	case MESSAGE_READY:
		b->m->control = msg->value;
		return 1;
	default:
		return WPP_EIO;
	}
}

static int converse(struct build *b)
{
	struct message msg;
	int err;

	do {
		err = wppi_message_receive(b->peer, &msg);
		if (err) {
			wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "died",
				  "the new process died while it was built");
			return WPP_EIO;
		}
		err = handle(b, &msg);
	} while (!err);
	return err > 0 ? 0 : err;
}

static int wait_stopped(struct build *b)
{
	int status;

	while (waitpid(b->pid, &status, __WALL) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP)
		return 0;
	wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "died",
		  "the new process ended while it was built (wait status 0x%x)", status);
	return WPP_EIO;
}

int wppi_process_start(struct build *b)
{
	pid_t maker = -1;
	int err = start_maker(b, &maker);

	if (err)
		return err;
	err = converse(b);
	while (waitpid(maker, NULL, 0) < 0 && errno == EINTR)
		;
	return err ? err : wait_stopped(b);
}
