/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A file reached through its mapping: persistent memory, tmpfs, or any file when asked for. */
#include <errno.h>
#include <libpmem.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/fail.h"
#include "pmem_priv.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define POPULATE_STEP (8ull << 20)
#define POPULATE_MIN  (16ull << 20) /* less is written before a thread has got ahead */

enum durability {
	BY_CACHE_FLUSH, /* persistent memory */
	BY_NOTHING,	/* tmpfs */
	BY_MSYNC,	/* a page cache over a disk */
};

struct pmem_map {
	struct wpp_backend be;
	struct wpp_medium medium;
	struct wppi_pmem_file file;
	enum durability durability;
	char *addr;
	size_t len;
	uint64_t dirty_from, dirty_to; /* for msync: written since the last FLUSH */
	bool by_libpmem;
	bool poisoned;

	/* The first store to a page of a mapping costs ten times the copy: a thread goes ahead. */
	pthread_t populator;
	bool may_populate, has_populator;
	atomic_bool stop;
	uint64_t populated_from;
	_Atomic uint64_t populated_to;
};

static struct pmem_map *map_of(struct wpp_backend *be)
{
	return (struct pmem_map *)be;
}

static int map_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	*m = map_of(be)->medium;
	return 0;
}

static void note_dirty(struct pmem_map *map, uint64_t off, uint32_t len)
{
	if (map->dirty_from == map->dirty_to) {
		map->dirty_from = off;
		map->dirty_to = off + len;
		return;
	}
	if (off < map->dirty_from)
		map->dirty_from = off;
	if (off + len > map->dirty_to)
		map->dirty_to = off + len;
}

static void *populate(void *arg)
{
	struct pmem_map *map = arg;
	uint64_t off = map->populated_from;

	while (off < map->len && !atomic_load(&map->stop)) {
		uint64_t left = map->len - off, step = left < POPULATE_STEP ? left : POPULATE_STEP;

		if (madvise(map->addr + off, (size_t)step, MADV_POPULATE_WRITE))
			break;
		off += step;
		atomic_store(&map->populated_to, off);
	}
	return NULL;
}

static void populate_start(struct pmem_map *map, uint64_t off)
{
	sigset_t all, old;

	map->may_populate = false; /* once */
	map->populated_from = off;
	atomic_store(&map->populated_to, off);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	map->has_populator = !pthread_create(&map->populator, NULL, populate, map);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void populate_stop(struct pmem_map *map)
{
	atomic_store(&map->stop, true);
	if (map->has_populator)
		pthread_join(map->populator, NULL);
}

/* On tmpfs a system call copies into a page without mapping it. */
static bool write_by_call(const struct pmem_map *map, const struct wpp_io *io)
{
	if (map->durability != BY_NOTHING || (io->off >= map->populated_from &&
					      io->off + io->len <= atomic_load(&map->populated_to)))
		return false;
	return pwrite(map->file.fd, io->buf, io->len, (off_t)io->off) == (ssize_t)io->len;
}

static void map_write(struct pmem_map *map, const struct wpp_io *io)
{
	char *to = map->addr + io->off;

	if (io->buf == to && map->durability == BY_CACHE_FLUSH)
		pmem_flush(to, io->len);
	else if (io->buf != to && !write_by_call(map, io))
		pmem_memcpy(to, io->buf, io->len, PMEM_F_MEM_NODRAIN | PMEM_F_MEM_NONTEMPORAL);
	note_dirty(map, io->off, io->len);
}

static int map_flush(struct pmem_map *map)
{
	uint64_t from = map->dirty_from, len = map->dirty_to - from;

	pmem_drain();
	map->dirty_from = 0;
	map->dirty_to = 0;
	if (map->durability != BY_MSYNC || !len)
		return 0;
	return pmem_msync(map->addr + from, (size_t)len) ? WPP_EIO : 0;
}

static int map_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct pmem_map *map = map_of(be);
	int err = wppi_pmem_check(&map->medium, map->file.rdonly, io);

	if (err)
		return err;
	if (map->poisoned && io->op != WPP_IO_READ)
		return WPP_EPOISON;
	if (io->op == WPP_IO_READ)
		pmem_memcpy(io->buf, map->addr + io->off, io->len, PMEM_F_MEM_NOFLUSH);
	else if (io->op == WPP_IO_WRITE)
		map_write(map, io);
	else
		err = map_flush(map);
	map->poisoned |= err != 0;
	io->done(io, err);
	return 0;
}

/* Every done() ran inside submit. */
static int map_poll(struct wpp_backend *be)
{
	(void)be;
	return 0;
}

static void *map_direct(struct wpp_backend *be, uint64_t off, uint64_t len)
{
	struct pmem_map *map = map_of(be);

	if (off > map->medium.size || len > map->medium.size - off)
		return NULL;
	if (map->may_populate && len >= POPULATE_MIN)
		populate_start(map, off & ~(POPULATE_STEP - 1));
	return map->addr + off;
}

static void map_close(struct wpp_backend *be)
{
	struct pmem_map *map = map_of(be);

	populate_stop(map);
	if (map->by_libpmem)
		pmem_unmap(map->addr, map->len);
	else
		munmap(map->addr, map->len);
	close(map->file.fd);
	free(map);
}

const struct wpp_backend_ops wppi_pmem_map_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(struct wpp_backend_ops),
	.name = "pmem",
	.probe = map_probe,
	.submit = map_submit,
	.poll = map_poll,
	.direct = map_direct,
	.close = map_close,
};

const char *wppi_pmem_map_how(const struct wpp_backend *be)
{
	static const char *const how[] = {
		[BY_CACHE_FLUSH] = "persistent memory, mapped (cache flush)",
		[BY_NOTHING] = "tmpfs, mapped (lost with the power)",
		[BY_MSYNC] = "a file on a disk, mapped (msync)",
	};

	return how[((const struct pmem_map *)be)->durability];
}

/* libpmem maps for writing only; the kernel grants MAP_SYNC on persistent memory alone. */
static void *map_rdonly(int fd, size_t len, int *is_pmem)
{
	void *addr = mmap(NULL, len, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);

	*is_pmem = addr != MAP_FAILED;
	return *is_pmem ? addr : mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
}

bool wppi_pmem_map_is_pmem(const struct wppi_pmem_file *file, const char *fd_path)
{
	size_t len = WPP_PAGE_SIZE;
	int is_pmem = 0;
	void *addr;

	if (file->rdonly) {
		addr = map_rdonly(file->fd, len, &is_pmem);
		if (addr != MAP_FAILED)
			munmap(addr, len);
		return is_pmem;
	}
	addr = pmem_map_file(fd_path, 0, 0, 0, &len, &is_pmem);
	if (addr)
		pmem_unmap(addr, len);
	return is_pmem;
}

/* Of a devdax libpmem knows the size. */
static int map_file(struct pmem_map *map, const char *fd_path, int *is_pmem)
{
	*is_pmem = 0;
	map->len = (size_t)map->file.size;
	map->by_libpmem = !map->file.rdonly || !map->len;
	if (map->by_libpmem) {
		map->addr = pmem_map_file(fd_path, 0, 0, 0, &map->len, is_pmem);
		return map->addr ? 0 : wppi_from_errno(errno);
	}
	map->addr = map_rdonly(map->file.fd, map->len, is_pmem);
	return map->addr == MAP_FAILED ? wppi_from_errno(errno) : 0;
}

int wppi_pmem_map_open(const struct wppi_pmem_file *file, const char *fd_path,
		       struct wpp_backend **out)
{
	struct pmem_map *map = calloc(1, sizeof(*map));
	int is_pmem, err;

	if (!map)
		return WPP_ENOMEM;
	map->be.ops = &wppi_pmem_map_ops;
	map->file = *file;
	err = map_file(map, fd_path, &is_pmem);
	if (err) {
		free(map);
		return err;
	}
	map->durability = is_pmem ? BY_CACHE_FLUSH : file->is_volatile ? BY_NOTHING : BY_MSYNC;
	map->medium = (struct wpp_medium){
		.size = map->len / WPP_PAGE_SIZE * WPP_PAGE_SIZE,
		.io_align = 1,
		.buf_align = 1,
		.io_max = 1u << 30,
		.io_best = 1u << 20,
		.atomic_len = 8,
		.queue_depth = 1,
		.caps = WPP_CAP_POWERSAFE | WPP_CAP_DIRECT,
	};
	if (!file->is_volatile)
		map->medium.caps |= WPP_CAP_DURABLE;
	if (map->durability == BY_MSYNC)
		map->medium.atomic_len = 0;
	if (!file->rdonly && map->durability != BY_MSYNC)
		map->may_populate = true;
	*out = &map->be;
	return 0;
}
