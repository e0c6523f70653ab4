/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the new process tells its maker, by messages on the control socket. */
#ifndef WPP_CHILD_H
#define WPP_CHILD_H

#include "base/tree.h"

enum message_type {
	MESSAGE_PID = 1, /* value: pid of the new process; sent by its maker */
	MESSAGE_GO,	 /* from us: traced, go on */
	MESSAGE_NOTE,	 /* value: enum wpp_note_kind */
	MESSAGE_FAILED,	 /* value: error */
	MESSAGE_OBJECT,	 /* value: number of the next memory object */
	MESSAGE_READY,	 /* value: number of the control socket; the process stops itself now */
};
struct message {
	uint32_t type;
	int32_t value;
	char name[64];
	char text[960];
};
int wppi_message_send(int sock, uint32_t type, int value, const char *name, const char *text);
/* 0; WPP_ENOENT when the other side is gone. */
int wppi_message_receive(int sock, struct message *msg);

/* In the new process: says what failed; the text reaches the caller's report. Returns @err. */
int wppi_child_fail(struct member *m, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* In the new process: a note for the caller's report (file changed under warn, a dead peer ...). */
void wppi_child_note(struct member *m, enum wpp_note_kind kind, const char *name, const char *fmt,
		     ...) __attribute__((format(printf, 4, 5)));

#endif
