/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Unix sockets: listening by path and abstract name, pairs with what is queued in them. */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "selfcheck.h"

static struct sockaddr_un by_path = { .sun_family = AF_UNIX };
static struct sockaddr_un abstract = { .sun_family = AF_UNIX };
static int stream, named, dgram, sender, pair[2], seq[2];

static int bound(int type, const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, type, 0);

	MUST(fd >= 0 && bind(fd, (const struct sockaddr *)a, sizeof(*a)) == 0);
	return fd;
}

static void refill(void)
{
	MUST(write(pair[0], "to one", 6) == 6 && write(pair[1], "to zero", 7) == 7);
	MUST(write(seq[0], "first", 5) == 5 && write(seq[0], "second", 6) == 6);
	MUST(write(sender, "datagram", 8) == 8);
}

static void build(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(by_path.sun_path, selfcheck_path("stream"));
	stream = bound(SOCK_STREAM, &by_path);
	MUST(listen(stream, 6) == 0 && chmod(by_path.sun_path, 0604) == 0);
	snprintf(abstract.sun_path + 1, 100, "wpp-test-%d", getpid());
	named = bound(SOCK_SEQPACKET, &abstract);
	MUST(listen(named, 6) == 0 && fcntl(named, F_SETFL, O_NONBLOCK) == 0);
	strcpy(a.sun_path, selfcheck_path("dgram"));
	dgram = bound(SOCK_DGRAM, &a);
	sender = socket(AF_UNIX, SOCK_DGRAM, 0);
	MUST(connect(sender, (struct sockaddr *)&a, sizeof(a)) == 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, seq) == 0);
	refill();
}

static void expect_reached(int fd, int type, const struct sockaddr_un *a)
{
	int c = socket(AF_UNIX, type, 0), s;

	EXPECT(connect(c, (const struct sockaddr *)a, sizeof(*a)) == 0);
	s = accept(fd, NULL, NULL);
	EXPECT(s >= 0);
	close(s);
	close(c);
}

static void expect_read(int fd, const char *text)
{
	char got[64];
	ssize_t n = recv(fd, got, sizeof(got), MSG_DONTWAIT);

	EXPECT_EQ(n, (ssize_t)strlen(text));
	EXPECT(n == (ssize_t)strlen(text) && !memcmp(got, text, (size_t)n));
}

static void check(int round)
{
	struct stat st;

	(void)round;
	expect_reached(stream, SOCK_STREAM, &by_path);
	EXPECT(stat(by_path.sun_path, &st) == 0 && (st.st_mode & 0777) == 0604);
	EXPECT(accept(named, NULL, NULL) == -1 && errno == EAGAIN);
	expect_reached(named, SOCK_SEQPACKET, &abstract);
	expect_read(pair[1], "to one");
	expect_read(pair[0], "to zero");
	expect_read(seq[1], "first");
	expect_read(seq[1], "second");
	expect_read(dgram, "datagram");
	refill();
}

int main(void)
{
	build();
	selfcheck(check);
}
