/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Regular files, directories, devices, standard streams, locks, memory objects. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/kcmp.h>
#include <linux/perf_event.h>
#include <wpp/process.h>

#include "round.h"

static bool same_description(int a, int b)
{
	return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, a, b) == 0;
}

static void write_file(const char *name, const char *text)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, 0640);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* ---- Regular files ---- */

static void build_regular(void)
{
	write_file("a", "0123456789");
	renumber(open(in_dir("a"), O_RDWR), 10);
	CHECK(lseek(10, 4, SEEK_SET) == 4);
	CHECK(dup2(10, 11) == 11);
	CHECK(dup3(10, 1000, O_CLOEXEC) == 1000);
	renumber(open(in_dir("a"), O_RDONLY | O_NONBLOCK), 12);
	renumber(open(in_dir("a"), O_WRONLY | O_APPEND), 13);
}

static void check_regular(void)
{
	char c;

	CHECK(read(10, &c, 1) == 1 && c == '4');
	CHECK(read(11, &c, 1) == 1 && c == '5');
	CHECK(same_description(10, 1000) && same_description(10, 11));
	CHECK(!same_description(10, 12));
	CHECK_EQ(fcntl(1000, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(11, F_GETFD), 0);
	CHECK_EQ(fcntl(12, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	CHECK_EQ(fcntl(13, F_GETFL) & (O_ACCMODE | O_APPEND), O_WRONLY | O_APPEND);
	CHECK(read(12, &c, 1) == 1 && c == '0');
	CHECK(fcntl(14, F_GETFD) == -1 && fcntl(3, F_GETFD) == -1 && fcntl(1001, F_GETFD) == -1);
}

static void test_regular(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_regular, .check = check_regular });
}

/* No number is free between the image's: the tool's own must not be in the way. */
static void build_crowd(void)
{
	for (int i = 3; i < 200; i++)
		CHECK(open("/dev/zero", O_RDONLY) == i);
	write_file("x", "x");
}

static void check_crowd(void)
{
	for (int i = 3; i < 200; i++)
		CHECK_EQ(fcntl(i, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK(fcntl(200, F_GETFD) == -1);
}

static void test_crowd(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_crowd, .check = check_crowd });
}

/* ---- Directories and O_PATH ---- */

static void build_dir(void)
{
	char name[16];
	struct dirent *d;
	DIR *dir;

	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "f%02d", i);
		write_file(name, "");
	}
	CHECK(symlink("nowhere", in_dir("link")) == 0);
	renumber(open(sh->dir, O_RDONLY | O_DIRECTORY), 5);
	renumber(open(in_dir("link"), O_PATH | O_NOFOLLOW), 6);
	renumber(open(sh->dir, O_PATH | O_CLOEXEC), 7);
	/* Some of it is read already: getdents fills whole buffers. */
	char buf[256];

	CHECK(syscall(SYS_getdents64, 5, buf, sizeof(buf)) > 0);
	sh->v[0] = (uint64_t)lseek(5, 0, SEEK_CUR);
	dir = fdopendir(dup(5));
	while ((d = readdir(dir)))
		sh->v[1]++;
	lseek(5, (off_t)sh->v[0], SEEK_SET);
	closedir(dir);
	lseek(5, (off_t)sh->v[0], SEEK_SET);
}

static void check_dir(void)
{
	DIR *dir = fdopendir(dup(5));
	char target[16] = "";
	uint64_t n = 0;

	while (readdir(dir))
		n++;
	CHECK_EQ(n, sh->v[1]);
	CHECK(readlinkat(6, "", target, sizeof(target)) == 7 && !strcmp(target, "nowhere"));
	CHECK(fcntl(7, F_GETFL) & O_PATH);
	CHECK(faccessat(7, "f00", F_OK, 0) == 0);
}

static void test_dir(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_dir, .check = check_dir });
}

/* ---- Devices and /proc ---- */

static void build_devices(void)
{
	renumber(open("/dev/null", O_WRONLY), 3);
	renumber(open("/dev/zero", O_RDWR), 4);
	renumber(open("/dev/full", O_RDWR), 5);
	renumber(open("/dev/urandom", O_RDONLY | O_NONBLOCK), 6);
	renumber(open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY), 8);
	renumber(open("/proc/meminfo", O_RDONLY), 9);
}

static void check_devices(void)
{
	static const unsigned int minors[] = { 3, 5, 7, 9 };
	struct stat st;
	char c;

	for (int i = 0; i < 4; i++) {
		CHECK(fstat(3 + i, &st) == 0);
		CHECK_EQ(st.st_rdev, makedev(1, minors[i]));
	}
	CHECK(fcntl(6, F_GETFL) & O_NONBLOCK);
	CHECK(write(5, "x", 1) == -1 && errno == ENOSPC);
	CHECK(read(8, &c, 1) == 1);
	CHECK(read(9, &c, 1) == 1 && c == 'M');
}

static void test_devices(void **state)
{
	(void)state;
	if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK))
		skip();
	round_trip(&(struct scenario){ .build = build_devices, .check = check_devices });
}

/* ---- Memory objects ---- */

static void build_objects(void)
{
	renumber(memfd_create("m", MFD_ALLOW_SEALING), 3);
	CHECK(write(3, "memory", 6) == 6 && lseek(3, 2, SEEK_SET) == 2);
	write_file("gone", "deleted file");
	renumber(open(in_dir("gone"), O_WRONLY | O_APPEND), 4);
	renumber(open(in_dir("gone"), O_RDONLY), 5);
	CHECK(unlink(in_dir("gone")) == 0);
	write_file("old", "old contents");
	renumber(open(in_dir("old"), O_RDWR), 6);
	write_file("new", "new contents, longer");
	CHECK(rename(in_dir("new"), in_dir("old")) == 0);
	renumber(open("/dev/shm", O_TMPFILE | O_RDWR, 0600), 7);
	CHECK(write(7, "shm", 3) == 3);
}

static void check_objects(void)
{
	char text[32];

	CHECK(read(3, text, 4) == 4 && !memcmp(text, "mory", 4));
	CHECK(write(4, "!", 1) == 1);
	CHECK(read(5, text, 32) == 13 && !memcmp(text, "deleted file!", 13));
	CHECK(read(6, text, 32) == 12 && !memcmp(text, "old contents", 12));
	CHECK_EQ(lseek(7, 0, SEEK_CUR), 3);
	CHECK(pread(7, text, 3, 0) == 3 && !memcmp(text, "shm", 3));
	CHECK_EQ(fcntl(4, F_GETFL) & (O_ACCMODE | O_APPEND), O_WRONLY | O_APPEND);
}

static void test_objects(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_objects, .check = check_objects });
}

/* ---- Owners and signals ---- */

static void build_owner(void)
{
	struct f_owner_ex own = { .type = F_OWNER_PGRP, .pid = getpgrp() };
	int ends[2];

	CHECK(pipe(ends) == 0);
	renumber(ends[0], 5);
	renumber(ends[1], 6);
	CHECK(fcntl(5, F_SETSIG, SIGUSR1) == 0);
	CHECK(fcntl(5, F_SETOWN_EX, &own) == 0);
	CHECK(fcntl(5, F_SETFL, O_ASYNC) == 0);
}

static void check_owner(void)
{
	struct f_owner_ex own;

	CHECK_EQ(fcntl(5, F_GETSIG), SIGUSR1);
	CHECK(fcntl(5, F_GETOWN_EX, &own) == 0 && own.type == F_OWNER_PGRP);
	CHECK_EQ(own.pid, getpgrp());
	CHECK(fcntl(5, F_GETFL) & O_ASYNC);
}

static void test_owner(void **state)
{
	(void)state;
	signal(SIGUSR1, SIG_IGN); /* we are of the group that is signalled */
	round_trip(&(struct scenario){ .build = build_owner, .check = check_owner });
}

/* ---- Locks ---- */

static void set_lock(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_start = start, .l_len = len };

	CHECK(fcntl(fd, cmd, &fl) == 0);
}

static void build_locks(void)
{
	write_file("f", "flock");
	write_file("p", "posix");
	write_file("o", "ofd");
	renumber(open(in_dir("f"), O_RDWR), 3);
	renumber(open(in_dir("p"), O_RDWR), 4);
	renumber(open(in_dir("o"), O_RDWR), 5);
	CHECK(flock(3, LOCK_EX) == 0);
	set_lock(4, F_SETLK, F_WRLCK, 0, 10);
	set_lock(4, F_SETLK, F_RDLCK, 20, 5);
	set_lock(5, F_OFD_SETLK, F_WRLCK, 100, 0);
}

static void expect_lock(int fd, off_t start, off_t len, short type)
{
	struct flock fl = { .l_type = F_WRLCK, .l_start = start, .l_len = len };

	CHECK(fcntl(fd, F_OFD_GETLK, &fl) == 0);
	CHECK_EQ(fl.l_type, type);
}

static void check_locks(void)
{
	int f = open(in_dir("f"), O_RDWR), p = open(in_dir("p"), O_RDWR);
	int o = open(in_dir("o"), O_RDWR);

	CHECK(flock(f, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	expect_lock(p, 9, 1, F_WRLCK);
	expect_lock(p, 10, 10, F_UNLCK);
	expect_lock(p, 24, 1, F_RDLCK);
	expect_lock(p, 25, 0, F_UNLCK);
	expect_lock(o, 1000000, 1, F_WRLCK);
	expect_lock(o, 0, 100, F_UNLCK);
}

static void test_locks(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_locks, .check = check_locks });
}

static int rival = -1;

static void take_rival(void)
{
	rival = open(in_dir("f"), O_RDWR);
	assert_return_code(flock(rival, LOCK_EX | LOCK_NB), errno);
}

static void test_lock_taken(void **state)
{
	(void)state;
	assert_int_equal(round_recreate_error(&(struct scenario){ .build = build_locks,
								  .between = take_rival,
								  .check = check_locks }),
			 WPP_EREFUSED);
	assert_non_null(strstr(sh->notes, in_dir("f")));
	close(rival);
}

/* ---- Standard streams ---- */

static void build_outside(void)
{
	int ends[2];
	pid_t pid;

	CHECK(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	sh->v[0] = (uint64_t)pid;
	renumber(ends[1], 1);
	close(ends[0]);
	CHECK(dup2(1, 7) == 7);
}

static void end_outside(void)
{
	if (sh->v[0])
		kill((pid_t)sh->v[0], SIGKILL);
}

static void check_outside(void)
{
	CHECK(write(1, "out", 3) == 3 && write(7, "put", 3) == 3);
}

static void test_stdio(void **state)
{
	int ends[2];
	char text[8];

	(void)state;
	assert_return_code(pipe(ends), errno);
	/* Between the rounds it is a pipe of ours, whose other end is outside again. */
	round_trip(&(struct scenario){
		.build = build_outside, .check = check_outside, .stdio = { 0, ends[1], 0 } });
	end_outside();
	assert_int_equal(read(ends[0], text, sizeof(text)), 6);
	assert_memory_equal(text, "output", 6);
	close(ends[0]);
	close(ends[1]);
}

static void build_pipe_outside(void)
{
	build_outside();
	dup2(0, 1);
}

static void test_pipe_outside(void **state)
{
	(void)state;
	assert_int_equal(round_refused(build_pipe_outside), WPP_EREFUSED);
	end_outside();
	assert_non_null(strstr(sh->notes, "pipe-outside: descriptor 7"));
}

/* ---- Terminals ---- */

static int terminal(int *master, char *name, size_t cap)
{
	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*master < 0 || grantpt(*master) || unlockpt(*master) || ptsname_r(*master, name, cap))
		return -1;
	return open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static char old_terminal[64];

static void build_terminal(void)
{
	struct termios t;

	renumber(open(old_terminal, O_RDWR | O_NOCTTY), 0);
	CHECK(dup2(0, 1) == 1 && dup2(0, 2) == 2);
	renumber(open(old_terminal, O_RDWR | O_NOCTTY | O_NONBLOCK), 7);
	CHECK(tcgetattr(0, &t) == 0);
	cfmakeraw(&t);
	CHECK(tcsetattr(0, TCSANOW, &t) == 0);
}

static void check_terminal(void)
{
	struct termios t;

	for (int fd = 0; fd < 3; fd++)
		CHECK(isatty(fd) && strcmp(ttyname(fd), old_terminal) != 0);
	CHECK(isatty(7) && fcntl(7, F_GETFL) & O_NONBLOCK);
	CHECK(tcgetattr(0, &t) == 0 && !(t.c_lflag & ICANON));
	CHECK(write(1, "raw\n", 4) == 4);
}

static void test_terminal(void **state)
{
	char name[64], text[8];
	int masters[2];
	int old = terminal(&masters[0], old_terminal, sizeof(old_terminal));
	int new = terminal(&masters[1], name, sizeof(name));

	(void)state;
	if (old < 0 || new < 0)
		skip();
	round_trip(&(struct scenario){
		.build = build_terminal, .check = check_terminal, .stdio = { new, new, new } });
	/* In cooked mode a carriage return would stand before the newline. */
	assert_int_equal(read(masters[1], text, sizeof(text)), 4);
	close(old);
	close(new);
	close(masters[0]);
	close(masters[1]);
}

/* ---- Files that are not what they were ---- */

static void build_logs(void)
{
	write_file("log", "line\n");
	renumber(open(in_dir("log"), O_WRONLY | O_APPEND), 3);
}

static void nothing(void)
{
}

static void grow_log(void)
{
	FILE *f = fopen(in_dir("log"), "a");

	assert_non_null(f);
	fputs("more\n", f);
	fclose(f);
}

static void cut_log(void)
{
	assert_return_code(truncate(in_dir("log"), 1), errno);
}

static void age_log(void)
{
	struct timespec t[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	assert_return_code(utimensat(AT_FDCWD, in_dir("log"), t, 0), errno);
}

static void replace_log(void)
{
	FILE *f = fopen(in_dir("log2"), "w");

	assert_non_null(f);
	fputs("line\n", f);
	fclose(f);
	assert_return_code(rename(in_dir("log2"), in_dir("log")), errno);
}

static void remove_log(void)
{
	assert_return_code(unlink(in_dir("log")), errno);
}

static void test_changed_files(void **state)
{
	static const struct {
		void (*change)(void);
		const char *text;
	} cases[] = {
		{ grow_log, "file-resized" },	{ cut_log, "file-resized" },
		{ age_log, "file-older" },	{ replace_log, "file-replaced" },
		{ remove_log, "file-missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scenario s = { .build = build_logs,
				      .between = cases[i].change,
				      .check = nothing };

		sh->notes[0] = '\0';
		assert_int_equal(round_recreate_error(&s), WPP_EREFUSED);
		if (!strstr(sh->notes, cases[i].text) || !strstr(sh->notes, in_dir("log")))
			fail_msg("expected '%s': %s", cases[i].text, sh->notes);
		s.flags = WPP_RECREATE_FILES_WARN;
		assert_int_equal(round_recreate_error(&s), 0);
	}
}

/* ---- Refused by name ---- */

static void renumber_if(int fd)
{
	sh->v[0] = fd >= 0;
	if (fd >= 0)
		renumber(fd, 3);
}

static void build_lease(void)
{
	write_file("l", "");
	renumber(open(in_dir("l"), O_RDONLY), 3);
	CHECK(fcntl(3, F_SETLEASE, F_RDLCK) == 0);
}

static void build_namespace(void)
{
	renumber(open("/proc/self/ns/mnt", O_RDONLY), 3);
}

static void build_pty(void)
{
	renumber(posix_openpt(O_RDWR | O_NOCTTY), 3);
}

static void build_removed_dir(void)
{
	CHECK(mkdir(in_dir("d"), 0700) == 0);
	renumber(open(in_dir("d"), O_RDONLY), 3);
	CHECK(rmdir(in_dir("d")) == 0);
}

static void build_other_name(void)
{
	write_file("n", "");
	renumber(open(in_dir("n"), O_RDONLY), 3);
	CHECK(link(in_dir("n"), in_dir("n2")) == 0 && unlink(in_dir("n")) == 0);
}

/* What a machine doesn't have is left out: the descriptor is then not made. */
static void build_io_uring(void)
{
	struct io_uring_params p = { 0 };

	renumber_if((int)syscall(SYS_io_uring_setup, 4, &p));
}

static void build_userfaultfd(void)
{
	renumber_if((int)syscall(SYS_userfaultfd, O_CLOEXEC));
}

static void build_fanotify(void)
{
	renumber_if((int)syscall(SYS_fanotify_init, 0, O_RDONLY));
}

static void build_perf(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_TASK_CLOCK };

	renumber_if((int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static void build_bpf(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

	renumber_if((int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static void build_device(void)
{
	renumber_if(open("/dev/kmsg", O_RDONLY | O_NONBLOCK));
}

static void build_mqueue(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/wpp-test-%d", getpid());
	renumber_if((int)mq_open(name, O_RDWR | O_CREAT, 0600, NULL));
	mq_unlink(name);
}

static void build_pidfd(void)
{
	renumber_if((int)syscall(SYS_pidfd_open, getppid(), 0));
}

static void test_refused_if_there(void **state)
{
	static const struct {
		void (*build)(void);
		const char *name;
	} cases[] = {
		{ build_io_uring, "io_uring: " }, { build_userfaultfd, "userfaultfd: " },
		{ build_fanotify, "fanotify: " }, { build_perf, "perf-event: " },
		{ build_bpf, "bpf: " },		  { build_device, "device: " },
		{ build_mqueue, "mqueue: " },	  { build_pidfd, "pidfd: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err;

		sh->notes[0] = '\0';
		sh->v[0] = 0;
		err = round_refused(cases[i].build);
		if (!sh->v[0]) {
			print_message("this machine can't test %s\n", cases[i].name);
			continue;
		}
		assert_int_equal(err, WPP_EREFUSED);
		if (strncmp(sh->notes, cases[i].name, strlen(cases[i].name)))
			fail_msg("expected '%s': %s", cases[i].name, sh->notes);
	}
}

static void test_refused(void **state)
{
	static const struct {
		void (*build)(void);
		const char *name;
	} cases[] = {
		{ build_lease, "lease: " },
		{ build_namespace, "namespace-fd: " },
		{ build_pty, "pty-master: " },
		{ build_removed_dir, "deleted-directory: " },
		{ build_other_name, "unlinked-name: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sh->notes[0] = '\0';
		assert_int_equal(round_refused(cases[i].build), WPP_EREFUSED);
		if (strncmp(sh->notes, cases[i].name, strlen(cases[i].name)))
			fail_msg("expected '%s': %s", cases[i].name, sh->notes);
	}
}

/* ---- Damaged records ---- */

static void build_all(void)
{
	build_regular();
	build_devices();
	build_objects();
	build_locks();
}

static void test_mutate(void **state)
{
	(void)state;
	round_mutate(build_all, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		round_test(test_regular),  round_test(test_crowd),
		round_test(test_dir),	   round_test(test_devices),
		round_test(test_objects),  round_test(test_owner),
		round_test(test_locks),	   round_test(test_lock_taken),
		round_test(test_stdio),	   round_test(test_pipe_outside),
		round_test(test_terminal), round_test(test_changed_files),
		round_test(test_refused),  round_test(test_refused_if_there),
		round_test(test_mutate),
	};

	setpgid(0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
