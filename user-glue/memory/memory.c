/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The address space as a whole: its limits, the program, the auxiliary vector. */
#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "memory/memory.h"
#include "stop/stop.h"

/* ---- Capture ---- */

/* Field @nr of /proc/PID/stat, counted from 1 as in proc(5); @text begins behind the name. */
static uint64_t stat_field(const char *text, int nr)
{
	for (int i = 3; i < nr && text; i++)
		text = strchr(text + 1, ' ');
	return text ? strtoull(text, NULL, 10) : 0;
}

static int record_mm(struct member *m)
{
	const struct script_call *brk = wppi_answer(&m->threads[0], SYS_brk, 0);
	char stat[4096], auxv[4096];
	ssize_t len = wppi_proc_read(m->pid, "stat", stat, sizeof(stat));
	const char *p;

	if (len < 0)
		return (int)len;
	len = wppi_proc_read(m->pid, "auxv", auxv, sizeof(auxv));
	p = strrchr(stat, ')');
	if (len < 0 || !p || !brk)
		return len < 0 ? (int)len : WPP_EIO;
	struct wpp_rec_mm rec = {
		.start_code = stat_field(p + 2, 26),
		.end_code = stat_field(p + 2, 27),
		.start_stack = stat_field(p + 2, 28),
		.start_data = stat_field(p + 2, 45),
		.end_data = stat_field(p + 2, 46),
		.start_brk = stat_field(p + 2, 47),
		.arg_start = stat_field(p + 2, 48),
		.arg_end = stat_field(p + 2, 49),
		.env_start = stat_field(p + 2, 50),
		.env_end = stat_field(p + 2, 51),
		.brk = (uint64_t)brk->ret,
	};

	WPPI_REC(&m->tree->pcb, MM, m->pid, 0, &rec, auxv, len);
	return 0;
}

static int memory_ask(struct member *m, struct thread *t, struct script *s)
{
	if (t == &m->threads[0])
		wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_brk, 0, 0, 0, 0, 0, 0);
	return 0;
}

static int memory_collect(struct member *m)
{
	int err = record_mm(m);

	if (err)
		return err;
	wppi_vdso_record(m);
	return wppi_regions_collect(m);
}

static void memory_done(struct member *m)
{
	wppi_vmas_free(&m->vmas);
}

const struct capture_class wppi_capture_memory = {
	.name = "memory",
	.check = wppi_regions_check,
	.ask = memory_ask,
	.collect = memory_collect,
	.done = memory_done,
};

/* ---- Recreation ---- */

static int set_mm(struct build *b, uint32_t exe_fd, const char *what)
{
	struct prctl_mm_map map = { .exe_fd = exe_fd };
	struct wpp_rec_mm mm;
	struct wpp_rec rec;
	uint64_t token;

	if (!wppi_find(b->m, WPP_REC_MM, (uint32_t)b->m->pid, &rec))
		return WPP_ECORRUPT;
	WPPI_GET(&rec, &mm);
	map.start_code = mm.start_code;
	map.end_code = mm.end_code;
	map.start_data = mm.start_data;
	map.end_data = mm.end_data;
	map.start_brk = mm.start_brk;
	map.brk = mm.brk;
	map.start_stack = mm.start_stack;
	map.arg_start = mm.arg_start;
	map.arg_end = mm.arg_end;
	map.env_start = mm.env_start;
	map.env_end = mm.env_end;
	map.auxv_size = rec.tail_len;
	token = wppi_script_data(&b->s, &map, sizeof(map));
	wppi_script_ref(&b->s, token, offsetof(struct prctl_mm_map, auxv),
			wppi_script_data(&b->s, rec.tail, rec.tail_len));
	wppi_script_call(&b->s, exe_fd == UINT32_MAX ? 0 : SCRIPT_MAY_FAIL, SYS_prctl, PR_SET_MM,
			 PR_SET_MM_MAP, token, sizeof(map), 0, 0);
	return wppi_build_run_on(b, b->pid, what);
}

/* /proc/PID/exe takes a capability; all else does not. */
static int set_exe(struct build *b)
{
	int err = wppi_files_give(b, &b->exe, 1);
	int64_t ret;

	if (err)
		return err;
	err = set_mm(b, (uint32_t)b->files[b->exe].remote, "naming the program");
	ret = err || b->s.failed ? 0 : wppi_script_ret(&b->s, 0);
	wppi_script_free(&b->s);
	if (ret < 0)
		wppi_note(&b->m->tree->notes, WPP_NOTE_INFO, "exe",
			  "/proc/PID/exe shows the tool instead of %s: %s (this takes "
			  "CAP_CHECKPOINT_RESTORE)",
			  b->files[b->exe].path, strerror((int)-ret));
	wppi_files_take_back(b, &b->exe, 1);
	return err;
}

/* Nothing that was used to build may stay open; first of all not for writing (ETXTBSY). */
static int close_objects(struct build *b)
{
	wppi_objects_close(b->m->tree);
	for (size_t i = 0; i < b->m->tree->nr_objs; i++)
		wppi_script_call(&b->s, 0, SYS_close, (uint64_t)b->remote[i], 0, 0, 0, 0, 0);
	return wppi_build_run(b, "closing memory objects");
}

int wppi_memory_finish(struct build *b)
{
	int err = set_mm(b, UINT32_MAX, "setting the limits of the address space");

	wppi_script_free(&b->s);
	if (!err)
		err = close_objects(b);
	if (!err && b->exe >= 0)
		err = set_exe(b);
	if (err)
		return err;
	wppi_script_call(&b->s, SCRIPT_MAY_FAIL, SYS_membarrier,
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
	wppi_script_call(&b->s, 0, SYS_close, (uint64_t)b->m->control, 0, 0, 0, 0, 0);
	err = wppi_build_run(b, "closing what was needed to build");
	return err;
}
