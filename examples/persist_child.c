/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * persist_child FILE: start a child, persist it, lose it, recreate it - through
 * the library, without the wpp command.
 *
 * The child counts in its memory and knows nothing of libwpp. The parent saves
 * it on the medium FILE (made when it is not there), kills it at the same
 * moment, as a power cut would, and builds it anew: the same pid goes on
 * counting where it stopped. Needs the rights to ptrace the child and to choose
 * a pid (root, or CAP_CHECKPOINT_RESTORE).
 *
 * Build: cc persist_child.c $(pkg-config --cflags --libs wpp)
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wpp/media.h>
#include <wpp/process.h>

static void print_note(void *arg, const struct wpp_note *note)
{
	(void)arg;
	fprintf(stderr, "note [%s]: %s\n", note->name, note->text);
}

static const struct wpp_report report = { .note = print_note };

struct answer {
	int pid;
	uint64_t secret, count;
};

/* The program that is persisted: draws a secret, tells it, counts, and tells both at its end. */
static volatile sig_atomic_t asked;

static void on_term(int sig)
{
	asked = sig;
}

static int tell(const char *path, uint64_t secret, uint64_t count)
{
	char temp[4096];
	FILE *file;

	snprintf(temp, sizeof(temp), "%s.new", path);
	file = fopen(temp, "w");
	if (!file)
		return 1;
	fprintf(file, "%d %" PRIu64 " %" PRIu64 "\n", (int)getpid(), secret, count);
	return fclose(file) || rename(temp, path);
}

static int child_main(const char *path)
{
	const struct timespec tick = { .tv_nsec = 1000000 };
	uint64_t secret, count = 0;

	signal(SIGTERM, on_term);
	if (getentropy(&secret, sizeof(secret)) || tell(path, secret, 0))
		return 1;
	while (!asked) {
		count++;
		nanosleep(&tick, NULL);
	}
	return tell(path, secret, count);
}

static int listen_to(const char *path, struct answer *answer)
{
	FILE *file = fopen(path, "r");
	int fields;

	if (!file)
		return WPP_ENOENT;
	fields = fscanf(file, "%d %" SCNu64 " %" SCNu64, &answer->pid, &answer->secret,
			&answer->count);
	fclose(file);
	return fields == 3 ? 0 : WPP_ENOENT;
}

/* As a daemon: with nothing open whose other end is held by somebody else. */
static pid_t start_child(const char *path)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setsid();
	if (!freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stdout) ||
	    !freopen("/dev/null", "w", stderr) || close_range(3, ~0u, 0))
		_exit(127);
	execl("/proc/self/exe", "persist_child", "--child", path, (char *)NULL);
	_exit(127);
}

static int persist_and_kill(struct wpp_store *store, pid_t pid)
{
	struct wpp_persist how = { .size = sizeof(how),
				   .flags = WPP_PERSIST_KILL,
				   .report = &report };
	struct wpp_persisted done = { .size = sizeof(done) };
	int err = wpp_process_persist(store, "counter", pid, &how, &done);

	if (err)
		return err;
	waitpid(pid, NULL, 0);
	printf("persisted pid %d as generation %" PRIu64 ": %" PRIu64
	       " pages, durable after %" PRIu64 " us\n",
	       (int)pid, done.generation, done.nr_pages, done.durable_ns / 1000);
	return 0;
}

static int recreate(struct wpp_store *store, pid_t pid)
{
	struct wpp_recreate how = { .size = sizeof(how),
				    .stdio = { -1, -1, -1 },
				    .report = &report };
	struct wpp_recreated done = { .size = sizeof(done) };
	int err = wpp_process_recreate(store, "counter", &how, &done);

	if (err)
		return err;
	printf("recreated pid %d: first instruction after %" PRIu64 " us\n", (int)done.pid,
	       done.first_instruction_ns / 1000);
	return done.pid == pid ? 0 : WPP_EEXIST;
}

static int run(struct wpp_store *store, const char *path)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	struct answer before, after;
	pid_t pid = start_child(path);
	int err, status;

	if (pid < 0)
		return WPP_ENOMEM;
	while (listen_to(path, &before) && !waitpid(pid, &status, WNOHANG))
		nanosleep(&moment, NULL);
	err = persist_and_kill(store, pid);
	if (err) {
		kill(pid, SIGKILL);
		return err;
	}
	err = recreate(store, pid);
	if (err)
		return err;
	if (kill(pid, SIGTERM) || waitpid(pid, &status, 0) != pid || status)
		return WPP_ENOENT;
	err = listen_to(path, &after);
	if (err)
		return err;
	printf("its secret %s, it counted to %" PRIu64 "\n",
	       after.secret == before.secret ? "survived" : "is lost", after.count);
	return after.secret == before.secret && after.pid == pid ? 0 : WPP_ECORRUPT;
}

int main(int argc, char **argv)
{
	struct wpp_media_error err = { 0 };
	struct wpp_media *media;
	struct wpp_conf *conf;
	char path[4096];
	int failed;

	if (argc == 3 && !strcmp(argv[1], "--child"))
		return child_main(argv[2]);
	if (argc != 2) {
		fprintf(stderr, "usage: persist_child FILE\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s.answer", argv[1]);
	(void)unlink(path);
	failed = wpp_conf_load(NULL, &conf, &err);
	if (!failed)
		failed = wpp_conf_set(conf, "wpp", "path", argv[1], &err);
	if (!failed)
		failed = wpp_media_open(conf, WPP_MEDIA_CREATE, &media, &err);
	if (failed) {
		fprintf(stderr, "persist_child: %s\n", err.text);
		return 1;
	}
	failed = run(wpp_media_store(media), path);
	if (failed)
		fprintf(stderr, "persist_child: %s\n", wpp_strerror(failed));
	wpp_media_close(media);
	wpp_conf_free(conf);
	return failed ? 1 : 0;
}
