/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files/files.h"
#include "memory/memory.h"
#include "round.h"

struct shared *sh;

/* ---- Memory objects: the bytes, which are not in the records, are copied here ---- */

#define FIRST_FREE 1010 /* no scenario uses numbers from here on */

static int copy_object(int from)
{
	int to = memfd_create("object", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char data[4096];
	ssize_t n;

	lseek(from, 0, SEEK_SET);
	while ((n = read(from, data, sizeof(data))) > 0)
		assert_int_equal(write(to, data, (size_t)n), n);
	return to;
}

static void copy_objects(const struct tree *from, struct tree *to)
{
	to->objs = calloc(from->nr_objs + 1, sizeof(*to->objs));
	assert_non_null(to->objs);
	for (size_t i = 0; i < from->nr_objs; i++)
		to->objs[i] = (struct memobj){
			.id = from->objs[i].id,
			.fd = copy_object(from->objs[i].fd),
		};
	to->nr_objs = from->nr_objs;
}

/* ---- Notes ---- */

static void add_note(const char *name, const char *text)
{
	size_t len = strlen(sh->notes);

	snprintf(sh->notes + len, sizeof(sh->notes) - len, "%s: %s\n", name, text);
}

static void take_note(void *arg, const struct wpp_note *note)
{
	(void)arg;
	add_note(note->name, note->text);
}

static const struct wpp_report report = { .note = take_note };

/* ---- Children ---- */

void round_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	int len = snprintf(sh->failed, sizeof(sh->failed), "%s:%d: ", file, line);

	va_start(ap, fmt);
	vsnprintf(sh->failed + len, sizeof(sh->failed) - (size_t)len, fmt, ap);
	va_end(ap);
	_exit(1);
}

static pid_t builder(void (*build)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		syscall(SYS_close_range, 0, ~0u, 0);
		for (int i = 0; i < 3; i++)
			CHECK(open("/dev/null", O_RDWR) == i);
		build();
		raise(SIGSTOP);
		_exit(0);
	}
	return pid;
}

/* As the driver does: what is still needed is where the image has nothing, the rest is closed. */
static void set_aside(struct member *m)
{
	struct tree *t = m->tree;

	m->control = fcntl(m->control, F_DUPFD, FIRST_FREE);
	for (size_t i = 0; i < t->nr_objs; i++)
		t->objs[i].fd = fcntl(t->objs[i].fd, F_DUPFD, FIRST_FREE);
	for (int i = 0; i < 3; i++)
		t->how.stdio[i] =
			t->how.stdio[i] < 0 ? -1 : fcntl(t->how.stdio[i], F_DUPFD, FIRST_FREE);
	syscall(SYS_close_range, 0, FIRST_FREE - 1, 0);
}

static void recreate(struct member *m, void (*check)(void))
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	set_aside(m);
	sh->v[31] = (uint64_t)(int64_t)wppi_recreate_files.child(m);
	if (sh->v[31])
		_exit(2);
	close(m->control);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (check)
		check();
	else
		raise(SIGSTOP);
	_exit(0);
}

/* What the child says until it needs its control socket no more. */
static void listen_to(int sock)
{
	struct message msg;

	while (wppi_message_receive(sock, &msg) == 0) {
		if (msg.type == MESSAGE_NOTE)
			add_note(msg.name, msg.text);
		else if (msg.type == MESSAGE_FAILED && !sh->failed[0])
			snprintf(sh->failed, sizeof(sh->failed), "%.500s", msg.text);
	}
	close(sock);
}

/* The records speak of the process that they were made of; the new one has another pid. */
static void take_new_pid(struct tree *t)
{
	const pid_t pid = getpid();

	for (size_t i = 0; i < t->in_pcb.nr; i++) {
		if (t->in_pcb.at[i].task == (uint32_t)t->members[0].pid)
			t->in_pcb.at[i].task = (uint32_t)pid;
	}
	t->members[0].pid = pid;
}

static pid_t recreator(struct tree *t, void (*check)(void))
{
	struct member *m = &t->members[0];
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		m->control = pair[1];
		take_new_pid(t);
		recreate(m, check);
	}
	close(pair[1]);
	listen_to(pair[0]);
	return pid;
}

/* True when it stopped, false when it ended. */
static bool wait_stopped(pid_t pid, int *status)
{
	assert_int_equal(waitpid(pid, status, WUNTRACED), pid);
	return WIFSTOPPED(*status);
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A tree of one member, which is to be captured. */
static void begin(struct tree *t, pid_t pid, const char *const *allow)
{
	*t = (struct tree){ .notes.report = &report, .notes.allow_lossy = allow };
	t->members = calloc(1, sizeof(*t->members));
	assert_non_null(t->members);
	t->nr_members = 1;
	t->members[0] = (struct member){ .tree = t, .pid = pid, .mem = -1 };
	t->members[0].space = wppr_ids_space(&t->ids);
	t->members[0].pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
}

static void end(struct tree *t)
{
	wppi_memobjs_free(t);
	wppi_buf_free(&t->notes.lossy);
	wppi_buf_free(&t->pcb);
	wppi_records_free(&t->in_pcb);
	free(t->members);
}

static int capture(pid_t pid, const char *const *allow, bool collect, struct tree *t)
{
	struct member *m;
	int err;

	begin(t, pid, allow);
	m = &t->members[0];
	err = wppi_capture_files.check(m);
	wppi_memobjs_free(t);
	if (!err && t->notes.nr_refused)
		err = WPP_EREFUSED;
	if (!err && collect)
		err = wppi_capture_files.collect(m);
	close(m->pidfd);
	return err;
}

/* The records of @from as those of an image. */
static int decode(const uint8_t *pcb, size_t len, pid_t pid, const struct wpp_recreate *how,
		  struct tree *t)
{
	uint8_t *copy = malloc(len + 1);

	assert_non_null(copy);
	memcpy(copy, pcb, len);
	begin(t, pid, NULL);
	close(t->members[0].pidfd);
	t->how = *how;
	return wppi_records_load(&t->in_pcb, copy, len);
}

static struct wpp_recreate how_of(const struct scenario *s)
{
	struct wpp_recreate how = { .size = sizeof(how), .flags = s->flags };

	for (int i = 0; i < 3; i++)
		how.stdio[i] = s->stdio[i] ? s->stdio[i] : -1;
	return how;
}

/* Captures @pid, kills it, recreates it: the new child in *@next. An error of the steps. */
static int one_round(const struct scenario *s, pid_t pid, bool last, pid_t *next)
{
	struct wpp_recreate how = how_of(s);
	struct tree was, now;
	int err = capture(pid, s->allow_lossy, true, &was);

	end_child(pid);
	if (!err) {
		if (s->between)
			s->between();
		err = decode(was.pcb.data, was.pcb.len, pid, &how, &now);
		copy_objects(&was, &now);
		if (!err)
			err = wppi_recreate_files.prepare(&now.members[0]);
		if (!err)
			*next = recreator(&now, last ? s->check : NULL);
		end(&now);
	}
	end(&was);
	return err;
}

static void expect_stopped(pid_t pid)
{
	int status;

	if (!wait_stopped(pid, &status))
		fail_msg("child ended, status %#x: %s\n%s", (unsigned int)status, sh->failed,
			 sh->notes);
}

void round_trip(const struct scenario *s)
{
	pid_t pid = builder(s->build);
	int status, err;

	for (int round = 0; round < 2; round++) {
		expect_stopped(pid);
		err = one_round(s, pid, round == 1, &pid);
		if (err)
			fail_msg("round %d: error %d: %s\n%s", round, err, sh->failed, sh->notes);
	}
	assert_false(wait_stopped(pid, &status));
	if (status)
		fail_msg("status %#x: %s\n%s", (unsigned int)status, sh->failed, sh->notes);
}

int round_refused(void (*build)(void))
{
	pid_t pid = builder(build);
	struct tree t;
	int err;

	expect_stopped(pid);
	err = capture(pid, NULL, false, &t);
	end_child(pid);
	end(&t);
	return err;
}

int round_recreate_error(const struct scenario *s)
{
	pid_t pid = builder(s->build), next = -1;
	int status, err;

	expect_stopped(pid);
	err = one_round(s, pid, true, &next);
	if (err)
		return err;
	assert_false(wait_stopped(next, &status));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		return (int)sh->v[31];
	if (status)
		fail_msg("status %#x: %s", (unsigned int)status, sh->failed);
	return 0;
}

void round_mutate(void (*build)(void), unsigned int rounds)
{
	const struct wpp_recreate how = { .flags = WPP_RECREATE_FILES_WARN };
	pid_t pid = builder(build);
	uint64_t seed = 88172645463325252u;
	struct tree was;
	uint8_t *copy;

	expect_stopped(pid);
	assert_int_equal(capture(pid, NULL, true, &was), 0);
	end_child(pid);
	copy = malloc(was.pcb.len);
	assert_non_null(copy);
	for (unsigned int i = 0; i < rounds; i++) {
		struct tree t;

		memcpy(copy, was.pcb.data, was.pcb.len);
		for (unsigned int n = 0; n <= i % 3; n++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			copy[seed % was.pcb.len] ^= (uint8_t)(seed >> 40 | 1);
		}
		if (decode(copy, was.pcb.len, pid, &how, &t) == 0)
			(void)wppi_recreate_files.prepare(&t.members[0]);
		end(&t);
	}
	free(copy);
	end(&was);
}

/* ---- For scenarios ---- */

const char *in_dir(const char *name)
{
	static char paths[4][128];
	static unsigned int next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/%s", sh->dir, name);
	return p;
}

int renumber(int fd, int to)
{
	CHECK(fd >= 0);
	if (fd == to)
		return to;
	CHECK(dup2(fd, to) == to);
	close(fd);
	return to;
}

int round_setup(void **state)
{
	(void)state;
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		return -1;
	strcpy(sh->dir, "/var/tmp/wpp-files-XXXXXX");
	return mkdtemp(sh->dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int round_teardown(void **state)
{
	(void)state;
	nftw(sh->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	munmap(sh, sizeof(*sh));
	return 0;
}
