/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Raw bandwidth of a medium, the yardstick of bench/run: the best of plain loops that move argv[2]
 * MiB to (then from) the file argv[1], which is written out before. Prints MiB/s: "write N read N".
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <libpmem.h>
#include <liburing.h>

#define CHUNK	  (4u << 20)
#define NR_CHUNKS 8u

struct span {
	int fd;
	void *buf;
	off_t off;
	size_t len;
	bool write;
	bool failed;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *move(void *arg)
{
	struct span *s = arg;

	for (size_t at = 0; at < s->len; at += CHUNK) {
		ssize_t n = s->write ? pwrite(s->fd, s->buf, CHUNK, s->off + (off_t)at)
				     : pread(s->fd, s->buf, CHUNK, s->off + (off_t)at);

		if (n != CHUNK) {
			s->failed = true;
			break;
		}
	}
	return NULL;
}

/* MiB/s with @threads threads, durable at the end; 0 when the medium does not take it. */
static double with_threads(const char *path, int flags, size_t len, void *buf, int threads,
			   bool write)
{
	struct span spans[4];
	pthread_t ids[4];
	double start, took;
	int fd = open(path, (write ? O_RDWR : O_RDONLY) | flags);

	if (fd < 0)
		return 0;
	start = now();
	for (int i = 0; i < threads; i++) {
		spans[i] = (struct span){ fd,
					  (char *)buf + (size_t)i * CHUNK,
					  (off_t)(len / (size_t)threads * (size_t)i),
					  len / (size_t)threads,
					  write,
					  false };
		pthread_create(&ids[i], NULL, move, &spans[i]);
	}
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	if (write && fdatasync(fd) != 0)
		spans[0].failed = true;
	took = now() - start;
	close(fd);
	for (int i = 0; i < threads; i++) {
		if (spans[i].failed)
			return 0;
	}
	return (double)(len >> 20) / took;
}

static double by_mapping(const char *path, size_t len, const void *buf)
{
	size_t mapped;
	double start, took;
	int is_pmem, err = 0;
	char *p = pmem_map_file(path, 0, 0, 0, &mapped, &is_pmem);

	if (!p || mapped < len)
		return 0;
	start = now();
	for (size_t at = 0; at < len; at += CHUNK)
		pmem_memcpy(p + at, buf, CHUNK, PMEM_F_MEM_NODRAIN | PMEM_F_MEM_NONTEMPORAL);
	pmem_drain();
	if (!is_pmem)
		err = pmem_msync(p, len);
	took = now() - start;
	pmem_unmap(p, mapped);
	return err ? 0 : (double)(len >> 20) / took;
}

static int ring_start(struct io_uring *ring, int fd, void *buf)
{
	struct iovec iov = { buf, (size_t)NR_CHUNKS * CHUNK };
	int err = io_uring_queue_init(NR_CHUNKS, ring, 0);

	if (err)
		return err;
	err = io_uring_register_buffers(ring, &iov, 1);
	if (!err)
		err = io_uring_register_files(ring, &fd, 1);
	if (err)
		io_uring_queue_exit(ring);
	return err;
}

static int ring_put(struct io_uring *ring, char *buf, uint64_t off, unsigned int slot, bool write)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (write)
		io_uring_prep_write_fixed(sqe, 0, buf + (size_t)slot * CHUNK, CHUNK, off, 0);
	else
		io_uring_prep_read_fixed(sqe, 0, buf + (size_t)slot * CHUNK, CHUNK, off, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data64(sqe, slot);
	return io_uring_submit(ring) == 1 ? 0 : -1;
}

static int ring_move(struct io_uring *ring, size_t len, char *buf, bool write)
{
	struct io_uring_cqe *cqe;
	size_t at = 0, done = 0;

	for (unsigned int i = 0; i < NR_CHUNKS && at < len; i++, at += CHUNK)
		if (ring_put(ring, buf, at, i, write))
			return -1;
	for (; done < len; done += CHUNK) {
		unsigned int slot;

		if (io_uring_wait_cqe(ring, &cqe) || cqe->res != (int)CHUNK)
			return -1;
		slot = (unsigned int)io_uring_cqe_get_data64(cqe);
		io_uring_cqe_seen(ring, cqe);
		if (at < len && ring_put(ring, buf, at, slot, write))
			return -1;
		at += at < len ? CHUNK : 0;
	}
	return 0;
}

/* MiB/s with registered buffers, NR_CHUNKS moves in flight. */
static double by_uring(const char *path, size_t len, void *buf, bool write)
{
	int fd = open(path, (write ? O_RDWR : O_RDONLY) | O_DIRECT);
	struct io_uring ring;
	double start, took;
	int err;

	if (fd < 0)
		return 0;
	err = ring_start(&ring, fd, buf);
	if (!err) {
		start = now();
		err = ring_move(&ring, len, buf, write);
		if (!err && write)
			err = fdatasync(fd);
		took = now() - start;
		io_uring_queue_exit(&ring);
	}
	close(fd);
	return err ? 0 : (double)(len >> 20) / took;
}

static double best(double a, double b)
{
	return a > b ? a : b;
}

int main(int argc, char **argv)
{
	size_t len = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) << 20 : 0;
	double w = 0, r = 0;
	char *buf;

	len -= len % (4ull * CHUNK);
	if (!len)
		return 2;
	buf = mmap(NULL, NR_CHUNKS * (size_t)CHUNK, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buf == MAP_FAILED)
		return 1;
	madvise(buf, NR_CHUNKS * (size_t)CHUNK, MADV_HUGEPAGE);
	memset(buf, 0x5a, NR_CHUNKS * (size_t)CHUNK);
	close(open(argv[1], O_RDWR | O_CREAT, 0600));
	with_threads(argv[1], 0, len, buf, 1, true);
	for (int threads = 1; threads <= 4; threads *= 2) {
		w = best(w, with_threads(argv[1], O_DIRECT, len, buf, threads, true));
		r = best(r, with_threads(argv[1], O_DIRECT, len, buf, threads, false));
	}
	for (int i = 0; i < 2; i++) {
		w = best(w, by_uring(argv[1], len, buf, true));
		r = best(r, by_uring(argv[1], len, buf, false));
	}
	w = best(w, with_threads(argv[1], 0, len, buf, 2, true));
	w = best(w, by_mapping(argv[1], len, buf));
	if (r == 0) /* no O_DIRECT here */
		r = with_threads(argv[1], 0, len, buf, 2, false);
	printf("write %.0f read %.0f\n", w, r);
	return w > 0 && r > 0 ? 0 : 1;
}
