/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/child.h"

int wppi_message_send(int sock, uint32_t type, int value, const char *name, const char *text)
{
	struct message msg = { .type = type, .value = value };

	memcpy(msg.name, name, strnlen(name, sizeof(msg.name) - 1));
	memcpy(msg.text, text, strnlen(text, sizeof(msg.text) - 1));
	return send(sock, &msg, sizeof(msg), MSG_NOSIGNAL) == (ssize_t)sizeof(msg) ? 0 : -errno;
}

int wppi_message_receive(int sock, struct message *msg)
{
	ssize_t n;

	do {
		n = recv(sock, msg, sizeof(*msg), 0);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*msg))
		return n < 0 ? -errno : WPP_ENOENT;
	msg->name[sizeof(msg->name) - 1] = '\0';
	msg->text[sizeof(msg->text) - 1] = '\0';
	return 0;
}

int wppi_child_fail(struct member *m, int err, const char *fmt, ...)
{
	struct message msg;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg.text, sizeof(msg.text), fmt, ap);
	va_end(ap);
	wppi_message_send(m->control, MESSAGE_FAILED, err, "recreate", msg.text);
	return err;
}

void wppi_child_note(struct member *m, enum wpp_note_kind kind, const char *name, const char *fmt,
		     ...)
{
	struct message msg;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg.text, sizeof(msg.text), fmt, ap);
	va_end(ap);
	wppi_message_send(m->control, MESSAGE_NOTE, (int)kind, name, msg.text);
}
