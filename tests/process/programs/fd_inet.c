/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A server: it goes on listening; its clients' connections are found reset by their peers. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "selfcheck.h"

static struct sockaddr_in address = { .sin_family = AF_INET }, udp_address;
static int listener, client, server, ep, udp, udp_client;

static int get_int(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int v = -1;

	EXPECT(getsockopt(fd, level, name, &v, &len) == 0);
	return v;
}

static void set_int(int fd, int level, int name, int v)
{
	MUST(setsockopt(fd, level, name, &v, sizeof(v)) == 0);
}

static void watch(int fd, uint64_t data)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = data };

	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
}

static void connect_client(void)
{
	client = socket(AF_INET, SOCK_STREAM, 0);
	MUST(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
	server = accept(listener, NULL, NULL);
	MUST(server >= 0);
	watch(server, 2);
}

static void build(void)
{
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	udp_address = address;
	ep = epoll_create1(0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	set_int(listener, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
	MUST(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 33) == 0);
	MUST(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
	watch(listener, 1);
	connect_client();
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	MUST(bind(udp, (struct sockaddr *)&udp_address, len) == 0);
	MUST(getsockname(udp, (struct sockaddr *)&udp_address, &len) == 0);
	udp_client = socket(AF_INET, SOCK_DGRAM, 0);
	MUST(connect(udp_client, (struct sockaddr *)&udp_address, len) == 0);
}

static void check(int round)
{
	struct epoll_event ev = { 0 };
	struct tcp_info info;
	socklen_t len = sizeof(info);
	char text[8];

	/* The driver looks once before the first persist. */
	if (recv(server, text, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN) {
		EXPECT_EQ(round, 1);
		return;
	}
	EXPECT(send(server, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	EXPECT(recv(client, text, 1, 0) == -1 && errno == ECONNRESET);
	EXPECT(epoll_wait(ep, &ev, 1, 0) == 1 && ev.data.u64 == 2);
	EXPECT(ev.events & EPOLLHUP);
	close(server);
	close(client);
	EXPECT(epoll_wait(ep, &ev, 1, 0) == 0);
	EXPECT_EQ(get_int(listener, SOL_SOCKET, SO_REUSEADDR), 1);
	EXPECT_EQ(get_int(listener, SOL_SOCKET, SO_KEEPALIVE), 1);
	EXPECT(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	EXPECT_EQ(info.tcpi_sacked, 33);
	connect_client();
	EXPECT(write(client, "hello", 5) == 5);
	EXPECT(read(server, text, 8) == 5);
	EXPECT(write(udp_client, "udp", 3) == 3);
	EXPECT(recv(udp, text, 8, MSG_DONTWAIT) == 3);
}

int main(void)
{
	build();
	selfcheck(check);
}
