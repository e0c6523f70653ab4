/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* TCP, UDP, unix and netlink sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <wpp/error.h>

#include "round.h"

static void set_int(int fd, int level, int name, int value)
{
	CHECK(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

static int get_int(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	CHECK(getsockopt(fd, level, name, &value, &len) == 0);
	return value;
}

/* ---- TCP ---- */

/* A listener on any free port of the loopback device; the port is kept in sh->v[@slot]. */
static int listen_on(int fd, int slot)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	renumber(socket(AF_INET, SOCK_STREAM, 0), fd);
	CHECK(bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 77) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	sh->v[slot] = ntohs(a.sin_port);
	return fd;
}

static int connect_to(uint64_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static void build_listener(void)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
	struct linger linger = { 1, 7 };
	socklen_t len = sizeof(a6);

	listen_on(5, 0);
	set_int(5, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(5, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(5, IPPROTO_TCP, TCP_KEEPIDLE, 123);
	set_int(5, SOL_SOCKET, SO_RCVBUF, 50000);
	CHECK(setsockopt(5, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	CHECK(fcntl(5, F_SETFL, O_NONBLOCK) == 0);
	renumber(socket(AF_INET6, SOCK_STREAM, 0), 6);
	set_int(6, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set_int(6, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(bind(6, (struct sockaddr *)&a6, sizeof(a6)) == 0 && listen(6, 5) == 0);
	CHECK(getsockname(6, (struct sockaddr *)&a6, &len) == 0);
	sh->v[1] = ntohs(a6.sin6_port);
	/* Bound twice with SO_REUSEPORT, one not listening. */
	for (int fd = 7; fd < 9; fd++) {
		renumber(socket(AF_INET6, SOCK_STREAM, 0), fd);
		set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
		if (fd == 7)
			a6.sin6_port = 0;
		CHECK(bind(fd, (struct sockaddr *)&a6, sizeof(a6)) == 0);
		CHECK(getsockname(fd, (struct sockaddr *)&a6, &len) == 0);
	}
	CHECK(listen(8, 3) == 0);
	renumber(socket(AF_INET, SOCK_STREAM, 0), 9);
}

static void check_listener(void)
{
	struct tcp_info info;
	struct linger linger;
	socklen_t len = sizeof(info);
	int fd;

	CHECK(getsockopt(5, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	CHECK_EQ(info.tcpi_sacked, 77);
	CHECK_EQ(get_int(5, IPPROTO_TCP, TCP_NODELAY), 1);
	CHECK_EQ(get_int(5, IPPROTO_TCP, TCP_KEEPIDLE), 123);
	CHECK_EQ(get_int(5, SOL_SOCKET, SO_KEEPALIVE), 1);
	CHECK_EQ(get_int(5, SOL_SOCKET, SO_RCVBUF), 100000);
	CHECK_EQ(get_int(5, SOL_SOCKET, SO_REUSEADDR), 0);
	len = sizeof(linger);
	CHECK(getsockopt(5, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 && linger.l_linger == 7);
	CHECK(accept(5, NULL, NULL) == -1 && errno == EAGAIN);
	fd = connect_to(sh->v[0]);
	CHECK(accept(5, NULL, NULL) >= 0);
	close(fd);
	CHECK_EQ(get_int(6, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	CHECK_EQ(get_int(6, SOL_SOCKET, SO_REUSEADDR), 1);
	CHECK_EQ(get_int(6, SOL_SOCKET, SO_ACCEPTCONN), 1);
	CHECK_EQ(get_int(7, SOL_SOCKET, SO_ACCEPTCONN), 0);
	CHECK_EQ(get_int(8, SOL_SOCKET, SO_ACCEPTCONN), 1);
	CHECK_EQ(get_int(8, SOL_SOCKET, SO_REUSEPORT), 1);
	close(5);
	CHECK(connect(9, (struct sockaddr *)&(struct sockaddr_in6){ .sin6_family = AF_INET6 },
		      sizeof(struct sockaddr_in6)) == -1 &&
	      errno == EAFNOSUPPORT);
}

static void test_listener(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_listener, .check = check_listener });
}

static void build_connected(void)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = 42 };

	listen_on(5, 0);
	renumber(connect_to(sh->v[0]), 6);
	renumber(accept(5, NULL, NULL), 7);
	CHECK(fcntl(7, F_SETFL, O_NONBLOCK) == 0);
	CHECK(write(6, "never read", 10) == 10);
	renumber(epoll_create1(0), 8);
	CHECK(epoll_ctl(8, EPOLL_CTL_ADD, 7, &ev) == 0);
}

static void check_connected(void)
{
	struct epoll_event ev;
	char c;

	signal(SIGPIPE, SIG_IGN);
	CHECK(epoll_wait(8, &ev, 1, 1000) == 1 && ev.data.u64 == 42);
	CHECK(ev.events & EPOLLHUP && ev.events & EPOLLERR);
	CHECK(read(7, &c, 1) == -1 && errno == ECONNRESET);
	CHECK(read(7, &c, 1) == 0);
	CHECK(write(7, &c, 1) == -1 && errno == EPIPE);
	CHECK(fcntl(7, F_GETFL) & O_NONBLOCK);
	CHECK(read(6, &c, 1) == -1 && errno == ECONNRESET);
	/* The listener goes on. */
	CHECK(write(connect_to(sh->v[0]), "x", 1) == 1);
	CHECK(accept(5, NULL, NULL) >= 0);
}

static void test_connected(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_connected, .check = check_connected });
	assert_non_null(strstr(sh->notes, "tcp-established: "));
}

static void build_dead(void)
{
	struct linger linger = { 1, 0 };
	char c;
	int fd;

	listen_on(5, 0);
	renumber(connect_to(sh->v[0]), 6);
	fd = accept(5, NULL, NULL);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	close(fd);
	CHECK(read(6, &c, 1) == -1 && errno == ECONNRESET);
}

static void check_dead(void)
{
	char c;

	CHECK_EQ(read(6, &c, 1), 0);
}

static void test_dead(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_dead, .check = check_dead });
}

/* ---- UDP ---- */

static void build_udp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	renumber(socket(AF_INET, SOCK_DGRAM, 0), 5);
	CHECK(bind(5, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(getsockname(5, (struct sockaddr *)&a, &len) == 0);
	set_int(5, SOL_SOCKET, SO_BROADCAST, 1);
	renumber(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), 6);
	CHECK(connect(6, (struct sockaddr *)&a, len) == 0);
	renumber(socket(AF_INET6, SOCK_DGRAM, 0), 7);
}

static void check_udp(void)
{
	char text[8];

	CHECK(write(6, "hello", 5) == 5);
	CHECK(read(5, text, 8) == 5 && !memcmp(text, "hello", 5));
	CHECK_EQ(get_int(5, SOL_SOCKET, SO_BROADCAST), 1);
	CHECK_EQ(get_int(6, SOL_SOCKET, SO_BROADCAST), 0);
	CHECK_EQ(get_int(7, SOL_SOCKET, SO_DOMAIN), AF_INET6);
	CHECK(fcntl(6, F_GETFL) & O_NONBLOCK);
}

static void test_udp(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_udp, .check = check_udp });
}

/* ---- Unix: listening ---- */

static socklen_t unix_address(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(a->sun_path, path);
	return (socklen_t)sizeof(*a);
}

static void listen_unix(int fd, const char *path, int type)
{
	struct sockaddr_un a;

	renumber(socket(AF_UNIX, type, 0), fd);
	CHECK(bind(fd, (struct sockaddr *)&a, unix_address(&a, path)) == 0);
	if (type != SOCK_DGRAM)
		CHECK(listen(fd, 9) == 0);
}

static bool reach_unix(int fd, const char *path, int type)
{
	struct sockaddr_un a;
	int c = socket(AF_UNIX, type, 0);

	return connect(c, (struct sockaddr *)&a, unix_address(&a, path)) == 0 &&
	       accept(fd, NULL, NULL) >= 0;
}

static void build_unix(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	umask(0);
	listen_unix(5, in_dir("stream"), SOCK_STREAM);
	CHECK(chmod(in_dir("stream"), 0640) == 0);
	CHECK(chdir(sh->dir) == 0);
	listen_unix(6, "relative", SOCK_SEQPACKET);
	CHECK(chdir("/") == 0);
	renumber(socket(AF_UNIX, SOCK_STREAM, 0), 7);
	snprintf(a.sun_path + 1, 90, "wpp-test-%s", sh->dir);
	CHECK(bind(7, (struct sockaddr *)&a, 40) == 0 && listen(7, 9) == 0);
	listen_unix(8, in_dir("dgram"), SOCK_DGRAM);
	renumber(socket(AF_UNIX, SOCK_DGRAM, 0), 9);
	CHECK(connect(9, (struct sockaddr *)&a, unix_address(&a, in_dir("dgram"))) == 0);
	CHECK(write(9, "one", 3) == 3 && write(9, "", 0) == 0 && write(9, "three", 5) == 5);
	listen_unix(10, in_dir("gone"), SOCK_STREAM);
	CHECK(unlink(in_dir("gone")) == 0);
	CHECK(fcntl(5, F_SETFL, O_NONBLOCK) == 0);
}

static void check_unix(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(a);
	char text[8];
	struct stat st;
	int fd;

	CHECK(accept(5, NULL, NULL) == -1 && errno == EAGAIN);
	CHECK(reach_unix(5, in_dir("stream"), SOCK_STREAM));
	CHECK(stat(in_dir("stream"), &st) == 0);
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK(reach_unix(6, in_dir("relative"), SOCK_SEQPACKET));
	CHECK(getsockname(6, (struct sockaddr *)&a, &len) == 0 && !strcmp(a.sun_path, "relative"));
	memset(&a, 0, sizeof(a));
	a.sun_family = AF_UNIX;
	snprintf(a.sun_path + 1, 90, "wpp-test-%s", sh->dir);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(fd, (struct sockaddr *)&a, 40) == 0 && accept(7, NULL, NULL) >= 0);
	CHECK(recv(8, text, 8, MSG_DONTWAIT) == 3 && recv(8, text, 8, MSG_DONTWAIT) == 0);
	CHECK(recv(8, text, 8, MSG_DONTWAIT) == 5 && !memcmp(text, "three", 5));
	CHECK(write(9, "four", 4) == 4 && read(8, text, 8) == 4);
	CHECK(access(in_dir("gone"), F_OK) == -1);
	CHECK_EQ(get_int(10, SOL_SOCKET, SO_ACCEPTCONN), 1);
}

static void test_unix(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_unix, .check = check_unix });
}

/* ---- Unix: pairs ---- */

static void make_pair(int a, int b, int type)
{
	int ends[2];

	CHECK(socketpair(AF_UNIX, type, 0, ends) == 0);
	renumber(ends[0], a);
	renumber(ends[1], b);
}

static void build_pairs(void)
{
	char *big = calloc(1, 150000);

	make_pair(10, 11, SOCK_STREAM);
	memset(big, 'b', 150000);
	CHECK(write(10, big, 150000) == 150000);
	CHECK(write(11, "back", 4) == 4);
	CHECK(fcntl(11, F_SETFL, O_NONBLOCK) == 0);
	set_int(11, SOL_SOCKET, SO_PASSCRED, 1);
	make_pair(12, 13, SOCK_SEQPACKET);
	CHECK(write(12, "packet", 6) == 6 && write(12, "next", 4) == 4);
	make_pair(14, 15, SOCK_DGRAM);
	CHECK(write(15, "a", 1) == 1 && write(15, "", 0) == 0 && write(15, big, 50000) == 50000);
	make_pair(16, 17, SOCK_STREAM);
	CHECK(write(17, "last", 4) == 4);
	close(17);
	make_pair(18, 19, SOCK_STREAM);
	CHECK(write(18, "half", 4) == 4 && shutdown(18, SHUT_WR) == 0);
	free(big);
}

static void check_pairs(void)
{
	char *big = calloc(1, 200000);
	size_t len = 0;
	ssize_t n;

	signal(SIGPIPE, SIG_IGN);
	while ((n = recv(11, big + len, 7000, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	CHECK_EQ(len, 150000);
	CHECK(big[0] == 'b' && big[149999] == 'b');
	CHECK(read(10, big, 10) == 4 && !memcmp(big, "back", 4));
	CHECK(fcntl(11, F_GETFL) & O_NONBLOCK);
	CHECK_EQ(get_int(11, SOL_SOCKET, SO_PASSCRED), 1);
	CHECK(read(13, big, 100) == 6 && read(13, big, 100) == 4);
	CHECK(write(13, "reply", 5) == 5 && read(12, big, 100) == 5);
	CHECK(read(14, big, 100) == 1 && read(14, big, 100) == 0);
	CHECK(read(14, big, 60000) == 50000);
	CHECK(read(16, big, 100) == 4 && read(16, big, 100) == 0);
	CHECK(write(16, "x", 1) == -1 && errno == EPIPE);
	CHECK(read(19, big, 100) == 4 && read(19, big, 100) == 0);
	CHECK(write(18, "x", 1) == -1 && errno == EPIPE);
	CHECK(write(19, "ok", 2) == 2 && read(18, big, 100) == 2);
}

static void test_pairs(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_pairs, .check = check_pairs });
}

static pid_t start_holder(int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		close(fd);
		pause();
		_exit(0);
	}
	return pid;
}

static void end_holder(void)
{
	kill((pid_t)sh->v[0], SIGKILL);
}

/* The other side of the standard streams is a service's, as under systemd. */
static void build_service(void)
{
	struct epoll_event ev = { .events = EPOLLIN };

	make_pair(5, 6, SOCK_STREAM);
	sh->v[0] = (uint64_t)start_holder(5);
	CHECK(dup2(5, 1) == 1 && dup2(5, 2) == 2);
	close(5);
	close(6);
	renumber(epoll_create1(0), 5);
	CHECK(epoll_ctl(5, EPOLL_CTL_ADD, 1, &ev) == 0);
	/* Nothing is queued where nothing is connected. */
	renumber(socket(AF_UNIX, SOCK_STREAM, 0), 6);
	renumber(socket(AF_UNIX, SOCK_SEQPACKET, 0), 7);
}

static void check_service(void)
{
	struct epoll_event ev;

	CHECK(write(1, "lost", 4) == 4 && write(2, "lost", 4) == 4);
	CHECK_EQ(epoll_wait(5, &ev, 1, 0), 0);
	CHECK_EQ(get_int(7, SOL_SOCKET, SO_TYPE), SOCK_SEQPACKET);
}

static void test_service(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_service, .check = check_service });
	end_holder();
}

/* ---- Netlink ---- */

static void build_netlink(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	renumber(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), 5);
	CHECK(bind(5, (struct sockaddr *)&a, sizeof(a)) == 0);
	set_int(5, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NEIGH);
}

static void check_netlink(void)
{
	struct sockaddr_nl a;
	socklen_t len = sizeof(a);

	CHECK(getsockname(5, (struct sockaddr *)&a, &len) == 0);
	CHECK_EQ(a.nl_groups, RTMGRP_LINK | 1u << (RTNLGRP_NEIGH - 1));
}

static void test_netlink(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_netlink, .check = check_netlink });
}

/* ---- Refused, or let go ---- */

static void build_foreign_peer(void)
{
	make_pair(5, 6, SOCK_STREAM);
	sh->v[0] = (uint64_t)start_holder(5);
	close(6);
}

static void check_foreign_peer(void)
{
	char c;

	CHECK_EQ(read(5, &c, 1), 0);
}

static void build_rights(void)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (char[]){ "x" }, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };

	make_pair(5, 6, SOCK_STREAM);
	CHECK(sendmsg(5, &m, 0) == 1);
}

static void build_packet(void)
{
	renumber(socket(AF_PACKET, SOCK_RAW, 0), 5);
}

static void build_raw(void)
{
	renumber(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), 5);
}

static void expect_refused(void (*build)(void), const char *name)
{
	sh->notes[0] = '\0';
	assert_int_equal(round_refused(build), WPP_EREFUSED);
	if (strncmp(sh->notes, name, strlen(name)))
		fail_msg("expected '%s': %s", name, sh->notes);
}

static void test_refused(void **state)
{
	static const char *const allow[] = { "unix-connected", NULL };

	(void)state;
	expect_refused(build_foreign_peer, "unix-connected: ");
	end_holder();
	round_trip(&(struct scenario){
		.build = build_foreign_peer, .check = check_foreign_peer, .allow_lossy = allow });
	end_holder();
	expect_refused(build_rights, "scm-rights-in-flight: ");
	if (geteuid() == 0) {
		expect_refused(build_packet, "packet-socket: ");
		expect_refused(build_raw, "raw-socket: ");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		round_test(test_listener), round_test(test_connected), round_test(test_dead),
		round_test(test_udp),	   round_test(test_unix),      round_test(test_pairs),
		round_test(test_netlink),  round_test(test_service),   round_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
