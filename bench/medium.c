/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * bench_medium [FILE [MiB]]: how much of what a file can take do the pmem and nvme backends and the
 * store on them reach? Raw is the best of plain loops on the same, fully written file. Default: 512
 * MiB below the current directory.
 */
#include <fcntl.h>
#include <libpmem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <wpp/media.h>

#define CHUNK	    (4u << 20)
#define THREADS	    4
#define ROUNDS	    3
#define CHUNK_PAGES (CHUNK / WPP_PAGE_SIZE)

static const char *path;
static uint64_t size;
static unsigned char *source;
static struct wpp_conf *conf;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_medium: %s\n", what);
	exit(1);
}

static double gib_per_s(double seconds)
{
	return (double)size / (double)(1u << 30) / seconds;
}

/* ---- Raw ---------------------------------------------------------------------------------- */

struct slice {
	int fd;
	uint64_t from, to;
};

static void *write_slice(void *arg)
{
	const struct slice *s = arg;

	for (uint64_t off = s->from; off < s->to; off += CHUNK)
		if (pwrite(s->fd, source + off, CHUNK, (off_t)off) != CHUNK)
			die("raw write failed");
	return NULL;
}

static double raw_pwrite(int flags, int threads)
{
	int fd = open(path, O_RDWR | flags);
	struct slice slice[THREADS];
	pthread_t thread[THREADS];
	double start = now();

	if (fd < 0)
		return 0; /* no O_DIRECT here */
	for (int i = 0; i < threads; i++) {
		uint64_t part = size / (uint64_t)threads / CHUNK * CHUNK, from = (uint64_t)i * part;

		slice[i] = (struct slice){ fd, from, i == threads - 1 ? size : from + part };
		if (pthread_create(&thread[i], NULL, write_slice, &slice[i]))
			die("no thread");
	}
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	if (fdatasync(fd))
		die("fdatasync failed");
	close(fd);
	return gib_per_s(now() - start);
}

/* The page faults of a new mapping are not the medium's fault: the second pass counts. */
static double raw_mapped(void)
{
	int fd = open(path, O_RDWR);
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	double start = 0;

	if (fd < 0 || map == MAP_FAILED)
		die("can't be mapped");
	for (int pass = 0; pass < 2; pass++) {
		start = now();
		pmem_memcpy(map, source, size, PMEM_F_MEM_NONTEMPORAL);
		if (msync(map, size, MS_SYNC))
			die("msync failed");
	}
	start = now() - start;
	munmap(map, size);
	close(fd);
	return gib_per_s(start);
}

static double raw(void)
{
	double best = 0, rate[4];

	for (int round = 0; round < ROUNDS; round++) {
		rate[0] = raw_pwrite(O_DIRECT, 1);
		rate[1] = raw_pwrite(O_DIRECT, THREADS);
		rate[2] = raw_pwrite(0, 1);
		rate[3] = raw_mapped();
		for (int i = 0; i < 4; i++)
			best = rate[i] > best ? rate[i] : best;
	}
	return best;
}

/* ---- The backend -------------------------------------------------------------------------- */

static void moved(struct wpp_io *io, int err)
{
	if (err)
		die(wpp_strerror(err));
	io->len = 0; /* free again */
	--*(int *)io->owner;
}

static double by_backend(struct wpp_backend *be, const struct wpp_medium *m)
{
	uint32_t len = m->io_best < CHUNK ? m->io_best : CHUNK;
	struct wpp_io io[16] = { 0 };
	double start = now();
	int in_flight = 0;

	for (uint64_t off = 0; off < size || in_flight;) {
		for (uint32_t i = 0; i < 16 && i < m->queue_depth && off < size; i++) {
			if (io[i].len)
				continue;
			io[i] = (struct wpp_io){ .op = WPP_IO_WRITE,
						 .len = len,
						 .off = off,
						 .buf = source + off,
						 .done = moved,
						 .owner = &in_flight };
			in_flight++;
			off += len;
			if (be->ops->submit(be, &io[i]))
				die("submit failed");
		}
		if (be->ops->poll(be) < 0)
			die("poll failed");
	}
	if (wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0))
		die("flush failed");
	return gib_per_s(now() - start);
}

/* ---- The store ---------------------------------------------------------------------------- */

static double by_store(struct wpp_store *store, uint64_t bytes)
{
	uint64_t index[CHUNK_PAGES];
	double start = now();
	struct wpp_writer *w;

	if (wpp_writer_begin(store, "bench", WPP_WRITER_EMPTY, &w))
		die("no writer");
	for (uint64_t off = 0; off < bytes; off += CHUNK) {
		uint32_t nr =
			(uint32_t)((bytes - off < CHUNK ? bytes - off : CHUNK) >> WPP_PAGE_SHIFT);

		for (uint32_t i = 0; i < nr; i++)
			index[i] = (off >> WPP_PAGE_SHIFT) + i;
		if (wpp_writer_put(w, WPP_SPACE_FIRST, index, nr, source + off))
			die("put failed");
	}
	if (wpp_writer_commit(w, 0, NULL))
		die("commit failed");
	return now() - start;
}

static struct wpp_media *open_media(uint64_t bytes)
{
	struct wpp_media_error err;
	struct wpp_media *media;
	char text[32];

	snprintf(text, sizeof(text), "%lluM", (unsigned long long)(bytes >> 20));
	if (wpp_conf_set(conf, "wpp", "path", path, &err) ||
	    wpp_conf_set(conf, "wpp", "size", text, &err) ||
	    wpp_media_open(conf, WPP_MEDIA_CREATE, &media, &err))
		die(err.text);
	return media;
}

static void report(const char *what, double rate, double of)
{
	printf("%-28s %7.2f GiB/s  %4.0f %% of raw\n", what, rate, 100 * rate / of);
}

static void run(const char *backend)
{
	double best = 0, small = 1, t, limit;
	struct wpp_media *media;

	if (wpp_conf_set(conf, "wpp", "backend", backend, NULL))
		die("no such backend");
	media = open_media(4 * size + (64u << 20));
	printf("%s: %s\n", path, wpp_media_how(media));
	for (int i = 0; i < ROUNDS; i++) {
		t = gib_per_s(by_store(wpp_media_store(media), size));
		best = t > best ? t : best;
	}
	for (int i = 0; i < 20; i++) {
		t = by_store(wpp_media_store(media), 1u << 20);
		small = t < small ? t : small;
	}
	wpp_media_close(media);

	limit = raw();
	report("raw, best of plain loops", limit, limit);
	report("store: put and commit", best, limit);
	unlink(path);
	media = open_media(size);
	best = 0;
	for (int i = 0; i < ROUNDS; i++) {
		t = by_backend(wpp_media_backend(media), wpp_media_medium(media));
		best = t > best ? t : best;
	}
	wpp_media_close(media);
	unlink(path);
	report("backend: write and flush", best, limit);
	printf("%-28s %7.3f ms\n", "store: commit of 1 MiB", small * 1e3);
}

int main(int argc, char **argv)
{
	static char name[4096];
	char dir[2048];

	if (argc > 3 || !getcwd(dir, sizeof(dir)))
		die("usage: bench_medium [FILE [MiB]]");
	snprintf(name, sizeof(name), "%s/bench_medium.%d", dir, (int)getpid());
	path = argc > 1 ? argv[1] : name;
	size = (argc > 2 ? strtoull(argv[2], NULL, 10) : 512) << 20;
	if (!size || size % CHUNK)
		die("the size must be a multiple of 4 MiB");
	if (!access(path, F_OK))
		die("the file exists; it would be lost");
	source = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	conf = wpp_conf_new();
	if (source == MAP_FAILED || !conf)
		die("out of memory");
	(void)madvise(source, size, MADV_HUGEPAGE);
	for (uint64_t i = 0; i < size; i += 8)
		memcpy(source + i, &(uint64_t){ i * 0x9e3779b97f4a7c15ull }, 8);
	run("pmem");
	run("nvme");
	wpp_conf_free(conf);
	return 0;
}
