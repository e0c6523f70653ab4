/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files/files.h"
#include "round.h"

struct shared *sh;

/* ---- What capture.c and recreate.c would give: memory objects are copied here ---- */

#define OBJS_MAX   16
#define FIRST_FREE 1010 /* no scenario uses numbers from here on */

static struct memobj objs[OBJS_MAX];
static size_t nr_objs;

struct memobj *wppi_capture_memobj(struct capture *c, uint32_t kind, int fd, const char *name)
{
	struct stat st;

	(void)c;
	(void)name;
	if (fstat(fd, &st))
		return NULL;
	for (size_t i = 0; i < nr_objs; i++) {
		if (objs[i].dev == st.st_dev && objs[i].ino == st.st_ino) {
			close(fd);
			return &objs[i];
		}
	}
	if (nr_objs == OBJS_MAX)
		return NULL;
	objs[nr_objs] = (struct memobj){
		.id = (uint32_t)nr_objs + 1,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.kind = kind,
		.fd = fd,
		.size = (uint64_t)st.st_size,
	};
	return &objs[nr_objs++];
}

int wppi_recreate_memobj(const struct recreate *r, uint64_t id)
{
	for (size_t i = 0; i < r->nr_objs; i++) {
		if (r->objs[i].id == id)
			return r->objs[i].fd;
	}
	return -1;
}

static void make_objs(struct recreate *r)
{
	static struct memobj_fd made[OBJS_MAX];
	char data[4096];

	for (size_t i = 0; i < nr_objs; i++) {
		int fd = memfd_create("object", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		ssize_t n;

		lseek(objs[i].fd, 0, SEEK_SET);
		while ((n = read(objs[i].fd, data, sizeof(data))) > 0)
			assert_int_equal(write(fd, data, (size_t)n), n);
		close(objs[i].fd);
		made[i] = (struct memobj_fd){ .id = objs[i].id, .fd = fd };
	}
	r->objs = made;
	r->nr_objs = nr_objs;
	nr_objs = 0;
}

int wppi_recreate_next(const struct recreate *r, uint16_t type, size_t *pos, struct wpp_rec *rec)
{
	int err;

	do
		err = wpp_rec_next(r->pcb, r->pcb_len, pos, rec);
	while (!err && rec->type != type);
	return err;
}

int wppi_child_fail(struct recreate *r, int err, const char *fmt, ...)
{
	va_list ap;

	(void)r;
	va_start(ap, fmt);
	if (!sh->failed[0])
		vsnprintf(sh->failed, sizeof(sh->failed), fmt, ap);
	va_end(ap);
	return err;
}

static void add_note(const char *name, const char *text)
{
	size_t len = strlen(sh->notes);

	snprintf(sh->notes + len, sizeof(sh->notes) - len, "%s: %s\n", name, text);
}

void wppi_child_note(struct recreate *r, enum wpp_note_kind kind, const char *name, const char *fmt,
		     ...)
{
	char text[512];
	va_list ap;

	(void)r;
	(void)kind;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add_note(name, text);
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
static void set_aside(struct recreate *r, struct wpp_recreate *how)
{
	for (size_t i = 0; i < r->nr_objs; i++)
		r->objs[i].fd = fcntl(r->objs[i].fd, F_DUPFD, FIRST_FREE);
	for (int i = 0; i < 3; i++)
		how->stdio[i] = how->stdio[i] < 0 ? -1 : fcntl(how->stdio[i], F_DUPFD, FIRST_FREE);
	syscall(SYS_close_range, 0, FIRST_FREE - 1, 0);
	r->how = how;
}

static pid_t recreator(struct recreate *r, void (*check)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		struct wpp_recreate how = *r->how;

		r->pid = getpid();
		set_aside(r, &how);
		sh->v[31] = (uint64_t)(int64_t)wppi_recreate_files.child(r);
		if (sh->v[31])
			_exit(2);
		sigemptyset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		if (check)
			check();
		else
			raise(SIGSTOP);
		_exit(0);
	}
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

static int capture(pid_t pid, const char *const *allow, bool collect, struct capture *c)
{
	int err;

	memset(c, 0, sizeof(*c));
	c->pid = pid;
	c->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	c->notes.report = &report;
	c->notes.allow_lossy = allow;
	err = wppi_capture_files.check(c);
	if (!err && c->notes.nr_refused)
		err = WPP_EREFUSED;
	if (!err && collect)
		err = wppi_capture_files.collect(c);
	close(c->pidfd);
	wppi_buf_free(&c->notes.lossy);
	return err;
}

static void decode(struct capture *c, const struct wpp_recreate *how, struct recreate *r)
{
	memset(r, 0, sizeof(*r));
	r->how = how;
	r->notes.report = &report;
	r->pcb = c->pcb.data;
	r->pcb_len = c->pcb.len;
	r->control = -1;
	make_objs(r);
}

static void close_objs(struct recreate *r)
{
	for (size_t i = 0; i < r->nr_objs; i++)
		close(r->objs[i].fd);
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
	struct capture c;
	struct recreate r;
	int err = capture(pid, s->allow_lossy, true, &c);

	end_child(pid);
	if (err)
		return err;
	if (s->between)
		s->between();
	decode(&c, &how, &r);
	err = wppi_recreate_files.prepare(&r);
	if (!err)
		*next = recreator(&r, last ? s->check : NULL);
	close_objs(&r);
	wppi_buf_free(&c.pcb);
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
	struct capture c;
	int err;

	expect_stopped(pid);
	err = capture(pid, NULL, false, &c);
	end_child(pid);
	wppi_buf_free(&c.pcb);
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
	struct wpp_recreate how = { .flags = WPP_RECREATE_FILES_WARN };
	pid_t pid = builder(build);
	uint64_t seed = 88172645463325252u;
	struct capture c;
	uint8_t *copy;

	expect_stopped(pid);
	assert_int_equal(capture(pid, NULL, true, &c), 0);
	end_child(pid);
	copy = malloc(c.pcb.len);
	for (unsigned int i = 0; i < rounds; i++) {
		struct recreate r = { .how = &how, .pcb = copy, .pcb_len = c.pcb.len };

		memcpy(copy, c.pcb.data, c.pcb.len);
		for (unsigned int n = 0; n <= i % 3; n++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			copy[seed % c.pcb.len] ^= (uint8_t)(seed >> 40 | 1);
		}
		wppi_recreate_files.prepare(&r);
	}
	free(copy);
	wppi_buf_free(&c.pcb);
	while (nr_objs)
		close(objs[--nr_objs].fd);
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
