/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "files/files.h"

const struct file_kind *const wppi_file_kinds[] = {
	&wppi_file_path,    &wppi_file_stdio,	 &wppi_file_tty,     &wppi_file_pidfd,
	&wppi_file_memobj,  &wppi_file_reg,	 &wppi_file_dir,     &wppi_file_chr,
	&wppi_file_pipe,    &wppi_file_fifo,	 &wppi_file_socket,  &wppi_file_eventfd,
	&wppi_file_timerfd, &wppi_file_signalfd, &wppi_file_inotify, &wppi_file_epoll,
};
const size_t wppi_nr_file_kinds = sizeof(wppi_file_kinds) / sizeof(wppi_file_kinds[0]);
