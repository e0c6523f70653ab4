/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Anonymous memory of all kinds: contents, protection, advice, and that it still behaves. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "pattern.h"
#include "selfcheck.h"

static char *plain, *shared, *heap, *guarded, *readonly, *stack, *huge, *moved, *sparse, *locked;
static char *advised;
static int (*code)(void);
static void *heap_end;
static sigjmp_buf after_fault;

static char *map(size_t len, int prot, int flags)
{
	char *mem = mmap(NULL, len, prot, MAP_ANONYMOUS | flags, -1, 0);

	MUST(mem != MAP_FAILED);
	return mem;
}

static char *map_filled(size_t len, int flags, uint64_t seed)
{
	char *mem = map(len, PROT_READ | PROT_WRITE, flags);

	pattern_fill(mem, len, seed);
	return mem;
}

static void make_code(void)
{
	static const unsigned char insns[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 }; /* mov $42, %eax; ret */
	char *mem = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	memcpy(mem, insns, sizeof(insns));
	MUST(mprotect(mem, PAGE, PROT_READ | PROT_EXEC) == 0);
	memcpy(&code, &mem, sizeof(code));
}

/* Far from all else, so that it can grow. */
static void make_stack(void)
{
	stack = mmap((void *)(8ul << 30), 4 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0);
	MUST(stack != MAP_FAILED);
	pattern_fill(stack, 4 * PAGE, 6);
}

static void make_huge(void)
{
	char *mem = map(MIB(6), PROT_READ | PROT_WRITE, MAP_PRIVATE);

	huge = (char *)(((uintptr_t)mem + MIB(2) - 1) & ~(uintptr_t)(MIB(2) - 1));
	madvise(huge, MIB(4), MADV_HUGEPAGE);
	pattern_fill(huge, MIB(4), 7);
}

static void build(void)
{
	plain = map_filled(MIB(3), MAP_PRIVATE, 1);
	shared = map_filled(MIB(1), MAP_SHARED, 2);
	heap = sbrk(65536);
	MUST(heap != (void *)-1);
	pattern_fill(heap, 65536, 3);
	heap_end = sbrk(0);
	guarded = map_filled(3 * PAGE, MAP_PRIVATE, 4);
	MUST(mprotect(guarded + PAGE, PAGE, PROT_NONE) == 0);
	readonly = map_filled(2 * PAGE, MAP_PRIVATE, 5);
	MUST(mprotect(readonly, 2 * PAGE, PROT_READ) == 0);
	make_code();
	make_stack();
	make_huge();
	moved = map_filled(8 * PAGE, MAP_PRIVATE, 8);
	moved = mremap(moved, 8 * PAGE, MIB(1), MREMAP_MAYMOVE);
	MUST(moved != MAP_FAILED);
	sparse = map((size_t)1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
	pattern_fill(sparse + MIB(700), PAGE, 9);
	locked = map_filled(4 * PAGE, MAP_PRIVATE, 10);
	MUST(mlock(locked, 4 * PAGE) == 0);
	advised = map_filled(4 * PAGE, MAP_PRIVATE, 11);
	MUST(madvise(advised, 4 * PAGE, MADV_DONTFORK) == 0);
	MUST(madvise(advised, 4 * PAGE, MADV_DONTDUMP) == 0);
}

static void on_fault(int sig)
{
	siglongjmp(after_fault, sig);
}

static bool faults(volatile char *addr, bool write)
{
	struct sigaction act = { .sa_handler = on_fault }, old;
	volatile bool fault = true;

	sigaction(SIGSEGV, &act, &old);
	if (!sigsetjmp(after_fault, 1)) {
		if (write)
			*addr = *addr;
		else
			(void)*addr;
		fault = false;
	}
	sigaction(SIGSEGV, &old, NULL);
	return fault;
}

/* One of the two-letter VmFlags of the mapping that begins at @mem. */
static bool has_flag(const void *mem, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long start, end, want = (unsigned long)(uintptr_t)mem;
	bool inside = false, found = false;
	char line[512];

	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= want && want < end;
		if (inside && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag) != NULL;
	}
	if (smaps)
		fclose(smaps);
	return found;
}

static void check_shared(int round)
{
	pid_t pid = fork();

	if (!pid) {
		shared[8] = (char)round;
		_exit(0);
	}
	EXPECT(pid > 0 && waitpid(pid, NULL, 0) == pid);
	EXPECT_EQ(shared[8], round);
	shared[8] = 0;
}

static void check_contents(void)
{
	EXPECT(pattern_holds(plain, MIB(3), 1));
	EXPECT(pattern_holds(shared, MIB(1), 2));
	EXPECT(pattern_holds(heap, 65536, 3));
	EXPECT(pattern_holds(guarded, PAGE, 4));
	EXPECT(pattern_holds(readonly, 2 * PAGE, 5));
	EXPECT(pattern_holds(stack, 4 * PAGE, 6));
	EXPECT(pattern_holds(huge, MIB(4), 7));
	EXPECT(pattern_holds(moved, 8 * PAGE, 8));
	EXPECT_EQ(moved[8 * PAGE], 0);
	EXPECT(pattern_holds(sparse + MIB(700), PAGE, 9));
	EXPECT_EQ(sparse[MIB(300)], 0);
	EXPECT(pattern_holds(locked, 4 * PAGE, 10));
	EXPECT(pattern_holds(advised, 4 * PAGE, 11));
}

static void check(int round)
{
	check_contents();
	EXPECT(faults(guarded + PAGE, false));
	EXPECT(!faults(guarded + 2 * PAGE, true));
	EXPECT(faults(readonly, true));
	EXPECT(!faults(readonly, false));
	EXPECT_EQ(code(), 42);
	EXPECT(!faults(stack - (size_t)round * PAGE, true));
	EXPECT(sbrk(0) == heap_end);
	EXPECT(sbrk((intptr_t)PAGE) == heap_end);
	EXPECT(has_flag(locked, " lo"));
	EXPECT(has_flag(advised, " dc"));
	EXPECT(has_flag(advised, " dd"));
	EXPECT(has_flag(stack, " gd"));
	EXPECT(has_flag(sparse, " nr"));
	check_shared(round);
	heap_end = sbrk(0);
}

/* Filled before the first check, in a frame that stays. */
static void with_deep_stack(void)
{
	char array[512 * 1024];

	pattern_fill(array, sizeof(array), 12);
	__asm__ volatile("" : : "r"(array) : "memory");
	selfcheck(check);
}

int main(void)
{
	build();
	with_deep_stack();
}
