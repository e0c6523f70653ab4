/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who calls README.md's example: its child is saved, is gone, and is on the medium. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wpp/media.h>

int save_worker(pid_t pid);

static int is_on_medium(void)
{
	struct wpp_generation gen;
	struct wpp_media *media;
	struct wpp_conf *conf;
	uint32_t pos = 0;
	int err = wpp_conf_load(NULL, &conf, NULL);

	if (err)
		return 0;
	err = wpp_media_open(conf, WPP_MEDIA_RDONLY, &media, NULL);
	if (!err)
		err = wpp_store_list(wpp_media_store(media), &pos, &gen);
	wpp_media_close(media);
	wpp_conf_free(conf);
	return !err && !strcmp(gen.image, "worker") && gen.nr_pages > 0;
}

/* Without ties to whoever runs us: a pipe to somebody else can't be saved. */
static _Noreturn void be_worker(void)
{
	if (setsid() < 0 || !freopen("/dev/null", "r", stdin) ||
	    !freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr) ||
	    close_range(3, ~0u, 0))
		_exit(127);
	if (kill(getppid(), SIGUSR1))
		_exit(127);
	for (;;)
		pause();
}

/* SIGUSR1 of the worker says that it is ready. */
static pid_t start_worker(void)
{
	sigset_t ready;
	pid_t pid;
	int sig;

	sigemptyset(&ready);
	sigaddset(&ready, SIGUSR1);
	sigprocmask(SIG_BLOCK, &ready, NULL);
	pid = fork();
	if (pid == 0)
		be_worker();
	if (pid > 0)
		sigwait(&ready, &sig);
	return pid;
}

int main(void)
{
	pid_t pid = start_worker();
	int status, err;

	err = pid < 0 ? WPP_EIO : save_worker(pid);
	if (err) {
		fprintf(stderr, "save_worker: %s\n", wpp_strerror(err));
		if (pid > 0)
			kill(pid, SIGKILL);
		return 1;
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		return 2;
	return is_on_medium() ? 0 : 3;
}
