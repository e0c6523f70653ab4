/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Scripts: building a list of calls, and running it on a stopped thread. */
#include "base/proc.h"
#include "stop/script.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <wpp/error.h>

#define TOKEN_MASK 0xffff000000000000ull
#define CODE_LEN   4096u
#define DATA_ALIGN 16u
#define SYSGOOD	   (SIGTRAP | 0x80)

/* ---- Building ----------------------------------------------------------------------------- */

void wppi_script_init(struct script *s)
{
	memset(s, 0, sizeof(*s));
}

void wppi_script_free(struct script *s)
{
	free(s->calls);
	free(s->data);
	free(s->refs);
	wppi_script_init(s);
}

/* Room for @more elements behind @nr; NULL when there is none, and the script is failed. */
static void *grow(struct script *s, void *array, size_t *cap, size_t nr, size_t more, size_t size)
{
	size_t want = *cap ? *cap * 2 : 64;
	void *grown;

	if (s->failed)
		return NULL;
	if (nr + more <= *cap)
		return array;
	if (want < nr + more)
		want = nr + more;
	grown = realloc(array, want * size);
	if (!grown) {
		s->failed = true;
		return NULL;
	}
	*cap = want;
	return grown;
}

size_t wppi_script_call(struct script *s, uint32_t flags, long nr, uint64_t a0, uint64_t a1,
			uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct script_call *calls =
		grow(s, s->calls, &s->cap_calls, s->nr_calls, 1, sizeof(*calls));

	if (!calls)
		return 0;
	s->calls = calls;
	calls[s->nr_calls] = (struct script_call){
		.nr = (uint64_t)nr,
		.arg = { a0, a1, a2, a3, a4, a5 },
		.flags = flags,
		.ret = -ENOSYS,
	};
	return s->nr_calls++;
}

uint64_t wppi_script_data(struct script *s, const void *init, size_t len)
{
	size_t room = (len + DATA_ALIGN - 1) & ~(size_t)(DATA_ALIGN - 1);
	size_t at = s->len_data;
	uint8_t *data = grow(s, s->data, &s->cap_data, at, room, 1);

	if (!data)
		return SCRIPT_TOKEN;
	s->data = data;
	memset(data + at, 0, room);
	if (init)
		memcpy(data + at, init, len);
	s->len_data += room;
	return SCRIPT_TOKEN | at;
}

void wppi_script_ref(struct script *s, uint64_t token, size_t off, uint64_t target)
{
	struct script_ref *refs = grow(s, s->refs, &s->cap_refs, s->nr_refs, 1, sizeof(*refs));

	if (!refs)
		return;
	s->refs = refs;
	refs[s->nr_refs++] = (struct script_ref){ (token & ~TOKEN_MASK) + off, target };
}

const void *wppi_script_result(const struct script *s, uint64_t token)
{
	return s->data + (token & ~TOKEN_MASK);
}

int64_t wppi_script_ret(const struct script *s, size_t index)
{
	return s->calls[index].ret;
}

static size_t calls_len(const struct script *s)
{
	size_t len = s->nr_calls * sizeof(*s->calls);

	return (len + DATA_ALIGN - 1) & ~(size_t)(DATA_ALIGN - 1);
}

size_t wppi_script_area_len(const struct script *s)
{
	return (CODE_LEN + calls_len(s) + s->len_data + 4095) & ~(size_t)4095;
}

/* ---- Moving it over ------------------------------------------------------------------------ */

static uint64_t resolve(uint64_t value, uint64_t data)
{
	return (value & TOKEN_MASK) == SCRIPT_TOKEN ? data + (value & ~TOKEN_MASK) : value;
}

size_t wppi_script_image_len(const struct script *s)
{
	return calls_len(s) + s->len_data;
}

uint8_t *wppi_script_image(const struct script *s, uint64_t addr)
{
	uint64_t data = addr + calls_len(s);
	uint8_t *image = calloc(1, wppi_script_image_len(s) + 1);
	struct script_call *calls = (struct script_call *)image;

	if (!image)
		return NULL;
	if (s->nr_calls)
		memcpy(calls, s->calls, s->nr_calls * sizeof(*calls));
	for (size_t i = 0; i < s->nr_calls; i++) {
		calls[i].ret = -ENOSYS;
		for (size_t a = 0; a < 6; a++)
			calls[i].arg[a] = resolve(calls[i].arg[a], data);
	}
	if (s->len_data)
		memcpy(image + calls_len(s), s->data, s->len_data);
	for (size_t i = 0; i < s->nr_refs; i++) {
		uint64_t target = resolve(s->refs[i].token, data);

		memcpy(image + calls_len(s) + s->refs[i].at, &target, sizeof(target));
	}
	return image;
}

void wppi_script_keep(struct script *s, const uint8_t *image)
{
	const struct script_call *calls = (const struct script_call *)image;

	for (size_t i = 0; i < s->nr_calls; i++)
		s->calls[i].ret = calls[i].ret;
	if (s->len_data)
		memcpy(s->data, image + calls_len(s), s->len_data);
}

/* ---- Running -------------------------------------------------------------------------------- */

static int wait_stop(pid_t tid, int *status)
{
	pid_t got;

	do {
		got = waitpid(tid, status, __WALL);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return WIFSTOPPED(*status) ? 0 : -ESRCH;
}

static bool is_job_control(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/*
 * Lets the thread run until it stops at a call (PTRACE_SYSCALL) or traps (PTRACE_CONT). Events and
 * job control in between are passed over; *@stopped tells of a SIGSTOP to be sent again.
 */
static int go_on(pid_t tid, int request, bool *stopped)
{
	int status, sig, err;

	for (;;) {
		if (ptrace(request, tid, NULL, NULL))
			return -errno;
		err = wait_stop(tid, &status);
		if (err)
			return err;
		sig = WSTOPSIG(status);
		if (status >> 16)
			continue;
		if (request == PTRACE_SYSCALL && sig == SYSGOOD)
			return 0;
		if (request != PTRACE_SYSCALL && sig == SIGTRAP)
			return 0;
		if (!is_job_control(sig))
			return -EFAULT;
		*stopped = true;
	}
}

/* At the entry of a call that must not happen: leaves the call, still stopped. */
static int skip_call(pid_t tid, struct arch_regs *regs, bool *stopped)
{
	int err;

	wppi_arch_leave_call(regs);
	err = wppi_arch_set_regs(tid, regs);
	return err ? err : go_on(tid, PTRACE_SYSCALL, stopped);
}

/* What the executor returns to at its end; 0: it traps. */
static uint64_t end_frame(const struct script_area *area)
{
	if (area->frame)
		return area->frame;
	return area->stepped ? area->base : 0;
}

/* Call by call, until the executor wants to return to its frame. */
static int run_stepped(pid_t tid, const struct script_area *area, bool *stopped)
{
	struct arch_regs regs;
	int err;

	for (;;) {
		err = go_on(tid, PTRACE_SYSCALL, stopped);
		if (!err)
			err = wppi_arch_get_regs(tid, &regs);
		if (err)
			return err;
		if (wppi_arch_is_return(&regs, end_frame(area)))
			return skip_call(tid, &regs, stopped);
		err = go_on(tid, PTRACE_SYSCALL, stopped);
		if (err)
			return err;
	}
}

static int run_at(pid_t tid, const struct script_area *area, size_t len_calls)
{
	uint64_t calls = area->base + CODE_LEN;
	struct arch_regs regs;
	bool stopped = false;
	int err = wppi_arch_get_regs(tid, &regs);

	if (err)
		return err;
	wppi_arch_run_script(&regs, area->base, calls, calls + len_calls, end_frame(area));
	err = wppi_arch_set_regs(tid, &regs);
	if (err)
		return err;
	if (end_frame(area))
		err = run_stepped(tid, area, &stopped);
	else
		err = go_on(tid, PTRACE_CONT, &stopped);
	if (stopped)
		syscall(SYS_tkill, tid, SIGSTOP);
	return err;
}

static int first_failure(const struct script *s, size_t *failed)
{
	for (size_t i = 0; i < s->nr_calls; i++) {
		const struct script_call *call = &s->calls[i];

		if ((uint64_t)call->ret >= (uint64_t)-4095 && !(call->flags & SCRIPT_MAY_FAIL)) {
			if (failed)
				*failed = i;
			return (int)call->ret;
		}
	}
	return 0;
}

int wppi_script_run(struct script *s, pid_t tid, const struct script_area *area, size_t *failed)
{
	size_t len = wppi_script_image_len(s);
	uint8_t *image;
	int err;

	if (failed)
		*failed = SIZE_MAX;
	if (s->failed)
		return WPP_ENOMEM;
	if (wppi_script_area_len(s) > area->len)
		return WPP_EINVAL;
	image = wppi_script_image(s, area->base + CODE_LEN);
	if (!image)
		return WPP_ENOMEM;
	err = wppi_memory_move(tid, area->base + CODE_LEN, image, len, true);
	if (!err)
		err = run_at(tid, area, s->nr_calls * sizeof(*s->calls));
	if (!err)
		err = wppi_memory_move(tid, area->base + CODE_LEN, image, len, false);
	if (!err) {
		wppi_script_keep(s, image);
		err = first_failure(s, failed);
	}
	free(image);
	return err;
}

/* ---- Without an executor -------------------------------------------------------------------- */

/* Address of a system call instruction in a mapping, or 0. Looks at its first MiB. */
static uint64_t find_insn(pid_t tid, uint64_t start, uint64_t end)
{
	size_t len = end - start < (1u << 20) ? end - start : 1u << 20;
	uint8_t *text = malloc(len);
	size_t at = len;

	if (text && wppi_memory_move(tid, start, text, len, false) == 0)
		at = wppi_arch_find_insn(text, len);
	free(text);
	return at < len ? start + at : 0;
}

static uint64_t search_maps(FILE *maps, pid_t tid, const char *only)
{
	uint64_t start, end, found = 0;
	char line[512], perms[8];

	rewind(maps);
	while (!found && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, perms) != 3 || perms[2] != 'x')
			continue;
		if (!only || strstr(line, only))
			found = find_insn(tid, start, end);
	}
	return found;
}

uint64_t wppi_script_insn(pid_t tid)
{
	uint64_t found;
	char path[64];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", tid);
	maps = fopen(path, "re");
	if (!maps)
		return 0;
	found = search_maps(maps, tid, "[vdso]");
	if (!found)
		found = search_maps(maps, tid, NULL);
	fclose(maps);
	return found;
}

static int one_call(pid_t tid, struct arch_regs *regs, int64_t *ret, bool *stopped)
{
	int err = wppi_arch_set_regs(tid, regs);

	if (!err)
		err = go_on(tid, PTRACE_SYSCALL, stopped);
	if (!err)
		err = go_on(tid, PTRACE_SYSCALL, stopped);
	if (!err)
		err = wppi_arch_get_regs(tid, regs);
	*ret = wppi_arch_result(regs);
	return err;
}

int wppi_script_one(pid_t tid, uint64_t syscall_insn, int64_t *ret, long nr, const uint64_t arg[6])
{
	struct arch_regs saved, regs;
	bool stopped = false;
	int err = wppi_arch_get_regs(tid, &saved);

	if (err)
		return err;
	regs = saved;
	wppi_arch_one_call(&regs, syscall_insn, nr, arg);
	err = one_call(tid, &regs, ret, &stopped);
	if (!err)
		err = wppi_arch_set_regs(tid, &saved);
	if (stopped)
		syscall(SYS_tkill, tid, SIGSTOP);
	return err;
}

int wppi_script_map(pid_t tid, size_t len, struct script_area *area)
{
	const uint64_t arg[6] = { 0,
				  (len + CODE_LEN - 1) & ~(uint64_t)(CODE_LEN - 1),
				  PROT_READ | PROT_WRITE | PROT_EXEC,
				  MAP_PRIVATE | MAP_ANONYMOUS,
				  (uint64_t)-1,
				  0 };
	uint64_t insn = wppi_script_insn(tid);
	int64_t ret;
	int err;

	*area = (struct script_area){ 0 };
	if (!insn)
		return -ENOEXEC;
	err = wppi_script_one(tid, insn, &ret, SYS_mmap, arg);
	if (err || ret < 0)
		return err ? err : (int)ret;
	area->base = (uint64_t)ret;
	area->len = arg[1];
	return wppi_script_install(tid, area);
}

int wppi_script_install(pid_t tid, const struct script_area *area)
{
	return wppi_memory_move(tid, area->base, (void *)(uintptr_t)wppi_arch_code.start,
				ARCH_CODE_LEN, true);
}

int wppi_script_unmap(pid_t tid, const struct script_area *area)
{
	const uint64_t arg[6] = { area->base, area->len };
	uint64_t insn = wppi_script_insn(tid);
	int64_t ret;
	int err;

	if (!insn)
		return -ENOEXEC;
	err = wppi_script_one(tid, insn, &ret, SYS_munmap, arg);
	return err ? err : (int)ret;
}
