/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qualify.h"

enum mode {
	MEASURE,
	WRITE,
	CHECK,
};

struct request {
	const char *path;
	const char *size;
	enum mode mode;
	bool force;
};

static void move_done(struct wpp_io *io, int err)
{
	*(int *)io->owner = err;
}

int qualify_move(struct qualify *q, uint32_t op, uint32_t flags, uint64_t off, void *buf,
		 uint32_t len)
{
	int result = 1;
	struct wpp_io io = {
		.op = op,
		.flags = flags,
		.len = len,
		.off = off,
		.buf = buf,
		.done = move_done,
		.owner = &result,
	};
	int err = q->be->ops->submit(q->be, &io);

	while (!err && result > 0)
		err = q->be->ops->poll(q->be) < 0 ? WPP_EIO : 0;
	return err ? err : result;
}

/* A file that is not there is made, written out; *@made tells. */
static int make_file(const struct wpp_conf *conf, const char *path, bool *made)
{
	const struct wpp_backend_type *type = wpp_backend_type_find("nvme");
	struct wpp_media_error err;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	*made = false;
	if (fd < 0 && errno == EEXIST)
		return 0;
	if (fd < 0) {
		complain("%s: can't be made: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	close(fd);
	if (type->create(conf, path, wpp_conf_number(conf, "wpp", "size"), NULL, NULL, &err)) {
		complain("%s", err.text);
		unlink(path);
		return EXIT_FAILED;
	}
	*made = true;
	return 0;
}

static int make_conf(struct tool *t, const struct request *req, struct wpp_conf **out)
{
	char *path = realpath(req->path, NULL);
	struct wpp_media_error err;
	int code = EXIT_USAGE;

	*out = wpp_conf_new();
	if (!path && req->path[0] != '/')
		complain("%s: a file that is to be made needs a path that begins with /",
			 req->path);
	else if (wpp_conf_set(*out, "wpp", "backend", "nvme", &err) ||
		 wpp_conf_set(*out, "wpp", "path", path ? path : req->path, &err) ||
		 wpp_conf_set(*out, "wpp", "size", req->size, &err))
		complain("%s", err.text);
	else
		code = 0;
	(void)t;
	free(path);
	return code;
}

static int run_on(struct qualify *q, const struct request *req, const struct wpp_conf *conf)
{
	uint32_t flags = req->mode == CHECK ? WPP_MEDIA_RDONLY : req->force ? WPP_MEDIA_FORCE : 0;
	struct wpp_media_error err;
	struct wpp_media *media;
	int code;

	if (wpp_media_open_raw(conf, flags, &media, &err)) {
		complain("%s", err.text);
		return exit_code_of(err.code);
	}
	q->be = wpp_media_backend(media);
	q->m = wpp_media_medium(media);
	q->path = wpp_media_path(media);
	q->buf = aligned_alloc(QUALIFY_BLOCK, QUALIFY_BUF);
	say(q->tool, "wpp: %s: %s", q->path, wpp_media_how(media));
	if (!q->buf)
		code = fail(WPP_ENOMEM, q->path);
	else if (req->mode == MEASURE)
		code = qualify_measure(q);
	else
		code = req->mode == WRITE ? qualify_write(q) : qualify_check(q);
	free(q->buf);
	wpp_media_close(media);
	return code;
}

/* A file that was made only to be measured goes again. */
static int run(struct qualify *q, struct request *req)
{
	struct wpp_conf *conf;
	bool made = false;
	int code = make_conf(q->tool, req, &conf);

	if (!code && req->mode != CHECK)
		code = make_file(conf, wpp_conf_text(conf, "wpp", "path"), &made);
	req->force |= made;
	if (!code)
		code = run_on(q, req, conf);
	if (made && req->mode == MEASURE)
		unlink(wpp_conf_text(conf, "wpp", "path"));
	wpp_conf_free(conf);
	return code;
}

static bool parse_run(const char *text, uint64_t *run)
{
	char *end;

	*run = strtoull(text, &end, 16);
	return *run && !*end;
}

static int parse(struct qualify *q, struct request *req, int argc, char **argv)
{
	static const struct option options[] = {
		{ "write", no_argument, NULL, 'w' },
		{ "check", no_argument, NULL, 'c' },
		{ "force", no_argument, NULL, 'f' },
		{ "acked", required_argument, NULL, 'a' },
		{ "run", required_argument, NULL, 'r' },
		{ "count", required_argument, NULL, 'n' },
		{ "slots", required_argument, NULL, 's' },
		{ "size", required_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		bool ok = true;

		if (opt == 'w')
			req->mode = WRITE;
		else if (opt == 'c')
			req->mode = CHECK;
		else if (opt == 'f')
			req->force = true;
		else if (opt == 'a')
			ok = parse_number(optarg, INT64_MAX, &q->acked);
		else if (opt == 'r')
			ok = parse_run(optarg, &q->run);
		else if (opt == 'n')
			ok = parse_number(optarg, INT64_MAX, &q->count);
		else if (opt == 's')
			ok = parse_number(optarg, 1u << 24, &q->slots) && q->slots >= 64;
		else if (opt == 'S')
			req->size = optarg;
		else
			return EXIT_USAGE;
		if (!ok)
			return usage("qualify", "'%s': a number is wanted (--slots: 64 or more)",
				     optarg);
	}
	if (optind + 1 != argc)
		return usage("qualify", "which one? wpp qualify DEVICE|FILE");
	req->path = argv[optind];
	return 0;
}

int cmd_qualify(struct tool *t, int argc, char **argv)
{
	struct request req = { .size = "256M" };
	struct qualify q = { .tool = t };
	int code = parse(&q, &req, argc, argv);

	return code ? code : run(&q, &req);
}
