/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Nine threads, each with values of its own in all general and vector registers, in the control
 * words of both floating-point units, and in thread-local storage. Besides: rseq, a robust mutex
 * whose owner dies, and threads that are made and joined after the recreation.
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/rseq.h>

#include "selfcheck.h"

#define NR_THREADS 9

static atomic_int asked, answers;
static atomic_int damage[NR_THREADS]; /* line of the first wrong value */
static __thread uint64_t own[64];
static pthread_mutex_t robust;
static atomic_int owner_holds, owner_may_die;
static pthread_t owner;

struct vectors {
	uint64_t word[16][8];
} __attribute__((aligned(64)));

#define LOAD(n)	 "vmovdqu " #n "*64(%[in]), %%ymm" #n "\n\t"
#define STORE(n) "vmovdqu %%ymm" #n ", " #n "*64(%[out])\n\t"
#define ALL(X)	 X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define VECTOR_CLOBBERS                                                                          \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
		"xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

/* Nothing but registers hold the values while it spins until *@flag is no longer @old. */
static void hold_vectors(const struct vectors *in, struct vectors *out, atomic_int *flag, int old)
{
	__asm__ volatile(ALL(LOAD) "1: pause\n\t"
				   "cmpl %[old], (%[flag])\n\t"
				   "je 1b\n\t" ALL(STORE)
			 :
			 : [in] "r"(in), [out] "r"(out), [flag] "r"(flag), [old] "r"(old)
			 : "memory", "cc", VECTOR_CLOBBERS);
}

/* The same for r8 to r15 and rbx; true when they kept their values. */
static bool hold_general(uint64_t seed, atomic_int *flag, int old)
{
	uint64_t sum = seed;

	__asm__ volatile("lea 1(%%rax), %%r8\n\tlea 2(%%rax), %%r9\n\tlea 3(%%rax), %%r10\n\t"
			 "lea 4(%%rax), %%r11\n\tlea 5(%%rax), %%r12\n\tlea 6(%%rax), %%r13\n\t"
			 "lea 7(%%rax), %%r14\n\tlea 8(%%rax), %%r15\n\tlea 9(%%rax), %%rbx\n\t"
			 "1: pause\n\tcmpl %[old], (%[flag])\n\tje 1b\n\t"
			 "sub %%r8, %%r9\n\tsub %%r10, %%r11\n\tsub %%r12, %%r13\n\t"
			 "sub %%r14, %%r15\n\tadd %%r9, %%r11\n\tadd %%r13, %%r15\n\t"
			 "add %%r11, %%r15\n\tsub %%rax, %%rbx\n\tadd %%r15, %%rbx\n\t"
			 "mov %%rbx, %%rax\n\t"
			 : "+a"(sum)
			 : [flag] "D"(flag), [old] "S"(old)
			 : "memory", "cc", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
			   "r15");
	return sum == 9 + 4;
}

static void set_control(long index)
{
	unsigned int mxcsr = 0x1f80u | ((unsigned int)index & 3) << 13;
	unsigned short x87 = (unsigned short)(0x37f | (index & 3) << 10);

	_mm_setcsr(mxcsr);
	__asm__ volatile("fldcw %0" : : "m"(x87));
}

static bool control_holds(long index)
{
	unsigned short x87;

	__asm__ volatile("fnstcw %0" : "=m"(x87));
	return ((_mm_getcsr() >> 13) & 3) == ((unsigned int)index & 3) &&
	       ((x87 >> 10) & 3) == (index & 3);
}

/* The kernel keeps the CPU number in the thread's rseq area while it is registered. */
static bool rseq_works(void)
{
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	cpu_set_t all, one;
	bool works = true;

	if (!__rseq_size)
		return true;
	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_SETSIZE && works; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		works = *(volatile uint32_t *)&area->cpu_id == (uint32_t)cpu;
	}
	sched_setaffinity(0, sizeof(all), &all);
	return works;
}

static int check_thread(long index, const struct vectors *in, const struct vectors *out)
{
	for (int reg = 0; reg < 16; reg++) {
		if (memcmp(in->word[reg], out->word[reg], 32) != 0)
			return __LINE__;
	}
	for (int i = 0; i < 64; i++) {
		if (own[i] != (uint64_t)(index * 1000 + i))
			return __LINE__;
	}
	if (!control_holds(index))
		return __LINE__;
	return rseq_works() ? 0 : __LINE__;
}

static void *run(void *arg)
{
	long index = (long)arg;
	struct vectors in, out;

	for (int i = 0; i < 64; i++)
		own[i] = (uint64_t)(index * 1000 + i);
	for (int reg = 0; reg < 16; reg++) {
		for (int i = 0; i < 8; i++)
			in.word[reg][i] = (uint64_t)(index << 32 | reg << 8 | i);
	}
	set_control(index);
	for (int round = 0;; round++) {
		bool general = true;

		memset(&out, 0, sizeof(out));
		if (index % 2)
			hold_vectors(&in, &out, &asked, round);
		else
			general = hold_general((uint64_t)index << 40, &asked, round);
		damage[index] = check_thread(index, &in, index % 2 ? &out : &in);
		if (!general)
			damage[index] = __LINE__;
		answers++;
	}
	return NULL;
}

static void *own_robust_and_die(void *arg)
{
	pthread_mutex_lock(&robust);
	owner_holds = 1;
	while (!owner_may_die)
		selfcheck_nap();
	return arg;
}

static void make_robust(void)
{
	pthread_mutexattr_t attr;

	MUST(pthread_mutexattr_init(&attr) == 0);
	MUST(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	MUST(pthread_mutex_init(&robust, &attr) == 0);
}

static void start_owner(void)
{
	owner_may_die = owner_holds = 0;
	EXPECT(pthread_create(&owner, NULL, own_robust_and_die, (void *)7L) == 0);
	while (!owner_holds)
		selfcheck_nap();
}

/* It was made before the recreation: its list of held mutexes and its end must be known. */
static void check_owner(void)
{
	void *result = NULL;

	EXPECT_EQ(pthread_mutex_trylock(&robust), EBUSY);
	owner_may_die = 1;
	EXPECT(pthread_join(owner, &result) == 0);
	EXPECT(result == (void *)7L);
	EXPECT_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
	EXPECT(pthread_mutex_consistent(&robust) == 0);
	EXPECT(pthread_mutex_unlock(&robust) == 0);
	start_owner();
}

static void check(int round)
{
	asked++;
	while (answers < NR_THREADS * round)
		selfcheck_nap();
	for (int i = 0; i < NR_THREADS; i++) {
		if (damage[i])
			selfcheck_fail(__FILE__, damage[i], "thread %d lost something", i);
	}
	EXPECT(rseq_works());
	check_owner();
}

int main(void)
{
	pthread_t thread;

	if (!__builtin_cpu_supports("avx"))
		selfcheck_skip("no AVX");
	make_robust();
	start_owner();
	for (long i = 0; i < NR_THREADS; i++)
		MUST(pthread_create(&thread, NULL, run, (void *)i) == 0);
	selfcheck(check);
}
