/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One medium, three ways to it: io_uring on a file or block device, io_uring
 * commands to an NVMe namespace, and plain system calls where the kernel
 * forbids io_uring.
 */
#ifndef WPP_NVME_PRIV_H
#define WPP_NVME_PRIV_H

#include <liburing.h>
#include <wpp/media.h>

enum wppi_nvme_kind {
	WPPI_NVME_FILE,
	WPPI_NVME_BLOCK,
	WPPI_NVME_NAMESPACE, /* /dev/ngXnY: commands of our own */
};

/* What was found at the path. */
struct wppi_nvme_target {
	int fd;
	enum wppi_nvme_kind kind;
	uint64_t size;
	uint32_t io_align; /* logical block */
	uint32_t io_max;
	uint32_t nsid; /* of a namespace */
	bool rdonly;
	bool direct;	  /* past the page cache */
	bool is_volatile; /* tmpfs: gone with the power */
};

#define WPPI_NVME_LENT_MAX 8

/* Memory that was lent once stays registered for the next time. */
struct wppi_nvme_lent {
	void *mem; /* NULL: none */
	uint64_t len;
	bool in_use;
};

struct wppi_nvme {
	struct wpp_backend be;
	struct wpp_medium medium;
	struct wppi_nvme_target target;
	struct io_uring ring;
	struct wppi_nvme_lent lent[WPPI_NVME_LENT_MAX];
	uint32_t in_flight, nr_large, unsubmitted, empty_polls;
	bool poisoned; /* a write or flush failed: what the medium holds is unknown */
	int lost;      /* the ring takes nothing any more */
};

/* ---- nvme_look.c: what is it? Fills all of @t but fd and rdonly. */
int wppi_nvme_look(struct wppi_nvme_target *t, const char *name, struct wpp_media_error *err);

/* ---- nvme_uring.c. Takes over @t->fd when it returns 0; -errno of io_uring_setup() else. */
int wppi_nvme_uring_open(const struct wppi_nvme_target *t, uint32_t depth,
			 struct wpp_backend **out);
extern const struct wpp_backend_ops wppi_nvme_uring_ops;

/* ---- nvme_sync.c */
int wppi_nvme_sync_open(const struct wppi_nvme_target *t, struct wpp_backend **out);

/* ---- nvme_command.c: moves as commands of NVMe */
void wppi_nvme_command(const struct wppi_nvme *nv, const struct wpp_io *io,
		       struct io_uring_sqe *sqe);
int wppi_nvme_identify(struct wppi_nvme_target *t);

/* ---- nvme_lend.c */
void *wppi_nvme_lend(struct wpp_backend *be, uint64_t len);
void wppi_nvme_give_back(struct wpp_backend *be, void *mem, uint64_t len);
/* Index of the registered buffer that [buf, buf + len) lies in; -1: none. */
int wppi_nvme_lent_index(const struct wppi_nvme *nv, const void *buf, uint64_t len);
void wppi_nvme_lent_free(struct wppi_nvme *nv);

/* What probe() says of @t. */
void wppi_nvme_facts(const struct wppi_nvme_target *t, uint32_t depth, struct wpp_medium *m);

/* Can the medium do @io? Checked before it is accepted. */
int wppi_nvme_check(const struct wppi_nvme *nv, const struct wpp_io *io);

#endif
