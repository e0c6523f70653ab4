/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The vdso of an image. The kernel gave the new process its own, with the data
 * pages (vvar) in front of it. Of the same build, they are moved to where the
 * image had them. Of another build, the image's code stays where it was, as
 * plain memory, and its functions are led to those of the new one.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "memory/memory.h"
#include "record/build_id.h"

#define VDSO_MAX (64u << 10)

static int read_memory(pid_t pid, uint64_t addr, void *buf, size_t len)
{
	return wppi_memory_move(pid, addr, buf, len, false) ? WPP_EIO : 0;
}

/* Also where the process itself may not write. */
static int poke(pid_t pid, uint64_t addr, const uint8_t code[16])
{
	uint64_t word[2];

	memcpy(word, code, sizeof(word));
	for (unsigned int i = 0; i < 2; i++) {
		if (ptrace(PTRACE_POKEDATA, pid, (void *)(uintptr_t)(addr + 8 * i),
			   (void *)(uintptr_t)word[i]))
			return -errno;
	}
	return 0;
}

/* ---- A vdso in memory: build-id and functions; the image's is hostile ---- */

struct elf {
	const uint8_t *p;
	size_t len;
};

/* [off, off + nr * size) of it, aligned for what is that big, or NULL. */
static const void *piece(const struct elf *e, uint64_t off, uint64_t nr, size_t size)
{
	uint64_t align = size >= 8 ? 8 : size;

	if (off > e->len || nr > (e->len - off) / size || off % align)
		return NULL;
	return e->p + off;
}

static const Elf64_Phdr *segment(const struct elf *e, uint32_t type)
{
	const Elf64_Ehdr *eh = piece(e, 0, 1, sizeof(*eh));
	const Elf64_Phdr *ph;

	if (!eh || memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64)
		return NULL;
	ph = piece(e, eh->e_phoff, eh->e_phnum, sizeof(*ph));
	for (unsigned int i = 0; ph && i < eh->e_phnum; i++) {
		if (ph[i].p_type == type)
			return &ph[i];
	}
	return NULL;
}

static uint64_t dynamic(const struct elf *e, int64_t tag)
{
	const Elf64_Phdr *ph = segment(e, PT_DYNAMIC);
	const Elf64_Dyn *d;

	if (!ph)
		return 0;
	d = piece(e, ph->p_offset, ph->p_filesz / sizeof(*d), sizeof(*d));
	for (size_t i = 0; d && i < ph->p_filesz / sizeof(*d) && d[i].d_tag != DT_NULL; i++) {
		if (d[i].d_tag == tag)
			return d[i].d_un.d_val;
	}
	return 0;
}

/* A vdso is linked at 0: addresses in it are offsets. Its section headers may be overwritten. */
static const Elf64_Sym *symbols(const struct elf *e, size_t *nr, const char **names,
				size_t *names_len)
{
	uint64_t sym = dynamic(e, DT_SYMTAB), str = dynamic(e, DT_STRTAB);
	const uint32_t *hash = piece(e, dynamic(e, DT_HASH), 2, sizeof(*hash));

	*names_len = dynamic(e, DT_STRSZ);
	*names = *names_len ? piece(e, str, *names_len, 1) : NULL;
	if (!sym || !*names || (*names)[*names_len - 1])
		return NULL;
	if (hash && dynamic(e, DT_HASH))
		*nr = hash[1]; /* nchain */
	else
		*nr = str > sym ? (str - sym) / sizeof(Elf64_Sym) : 0;
	return piece(e, sym, *nr, sizeof(Elf64_Sym));
}

/* Offset of a function in the vdso, 0: it has none; *@room: bytes of its code. */
static uint64_t function(const struct elf *e, const char *name, uint64_t *room)
{
	size_t nr, names_len;
	const char *names;
	const Elf64_Sym *sym = symbols(e, &nr, &names, &names_len);

	for (size_t i = 0; sym && i < nr; i++) {
		if (sym[i].st_name >= names_len || strcmp(names + sym[i].st_name, name) ||
		    sym[i].st_value >= e->len)
			continue;
		*room = sym[i].st_size;
		return sym[i].st_value;
	}
	return 0;
}

/* ---- Capture ---- */

void wppi_vdso_record(struct member *m)
{
	struct wpp_rec_vdso rec = { 0 };
	_Alignas(8) uint8_t head[4096];
	const struct elf elf = { head, sizeof(head) };
	const uint8_t *id = NULL;
	size_t id_len = 0;

	for (size_t i = 0; i < m->vmas.nr; i++) {
		const struct vma *v = &m->vmas.v[i];

		if (!strcmp(v->path, "[vdso]")) {
			rec.vdso = v->start;
			rec.vdso_len = v->end - v->start;
		} else if (!strncmp(v->path, "[vvar", 5)) {
			rec.vvar = rec.vvar ? rec.vvar : v->start;
			rec.vvar_len = v->end - rec.vvar;
		}
	}
	if (!rec.vdso)
		return;
	if (read_memory(m->pid, rec.vdso, head, sizeof(head)) == 0)
		id_len = wppr_build_id(elf.p, elf.len, &id);
	WPPI_REC(&m->tree->pcb, VDSO, m->pid, 0, &rec, id, id_len);
}

/* ---- Recreation: which way ---- */

int wppi_vdso_prepare(struct build *b)
{
	struct vdso *v = &b->vdso;
	struct wpp_rec rec;

	v->mode = VDSO_NONE;
	if (!wppi_find(b->m, WPP_REC_VDSO, (uint32_t)b->m->pid, &rec))
		return 0;
	WPPI_GET(&rec, &v->rec);
	if (!v->rec.vdso)
		return 0;
	v->mode = VDSO_PATCH;
	v->id = rec.tail;
	v->id_len = rec.tail_len;
	if (v->rec.vdso_len > VDSO_MAX || v->rec.vdso_len % b->m->tree->machine.page_size ||
	    !wppi_mapping_at(b, v->rec.vdso) ||
	    wppi_mapping_at(b, v->rec.vdso)->kind != WPP_REGION_SPECIAL)
		return WPP_ECORRUPT;
	return 0;
}

static int take_parts(struct vdso *v, const struct vma_list *l)
{
	for (size_t i = 0; i < l->nr; i++) {
		const struct vma *m = &l->v[i];

		if (strncmp(m->path, "[vvar", 5) && strcmp(m->path, "[vdso]"))
			continue;
		if (v->nr_parts == sizeof(v->part) / sizeof(v->part[0]))
			return WPP_EIO;
		v->part[v->nr_parts++] = (struct vdso_part){ m->start, m->end - m->start };
		if (!strcmp(m->path, "[vdso]")) {
			v->own = m->start;
			v->own_len = m->end - m->start;
		}
	}
	if (v->nr_parts)
		v->span = v->part[v->nr_parts - 1].start + v->part[v->nr_parts - 1].len -
			  v->part[0].start;
	return v->span <= VDSO_MAX && v->own_len <= VDSO_MAX ? 0 : WPP_EIO;
}

static int is_same(struct build *b, bool *same)
{
	struct vdso *v = &b->vdso;
	struct elf e = { malloc(v->own_len), v->own_len };
	const uint8_t *id = NULL;
	size_t len;
	int err;

	*same = false;
	if (!e.p)
		return WPP_ENOMEM;
	err = read_memory(b->pid, v->own, (void *)(uintptr_t)e.p, e.len);
	len = err ? 0 : wppr_build_id(e.p, e.len, &id);
	*same = len && len == v->id_len && !memcmp(id, v->id, len) &&
		v->own_len == v->rec.vdso_len &&
		v->own - v->part[0].start == v->rec.vdso - v->rec.vvar;
	free((void *)(uintptr_t)e.p);
	return err;
}

int wppi_vdso_find(struct build *b, const struct vma_list *own)
{
	struct vdso *v = &b->vdso;
	bool same;
	int err = take_parts(v, own);

	if (err || v->mode == VDSO_NONE)
		return err;
	if (!v->own) {
		wppi_note(&b->m->tree->notes, WPP_NOTE_REFUSED, "vdso",
			  "this kernel gives no vdso");
		return WPP_EREFUSED;
	}
	err = is_same(b, &same);
	if (same)
		v->mode = VDSO_SAME;
	return err;
}

/* Moves all parts, in the script, so that the first one comes to @to. */
static void move_parts(struct build *b, uint64_t to)
{
	struct vdso *v = &b->vdso;
	uint64_t delta = to - v->part[0].start;

	for (unsigned int i = 0; i < v->nr_parts; i++) {
		struct vdso_part *p = &v->part[i];

		wppi_script_call(&b->s, 0, SYS_mremap, p->start, p->len, p->len,
				 MREMAP_MAYMOVE | MREMAP_FIXED, p->start + delta, 0);
		p->start += delta;
	}
	v->own += delta;
}

void wppi_vdso_park(struct build *b)
{
	if (b->vdso.nr_parts)
		move_parts(b, b->room + AREA_LEN);
}

/* ---- Another build ---- */

static int lead(struct build *b, const struct elf *old, const struct elf *own)
{
	struct vdso *v = &b->vdso;
	uint64_t from, to, room, own_room;
	uint8_t code[16]; /* whole words; what is behind the jump stays */
	int err = 0, nr = 0;

	for (size_t i = 0; !err && wppi_arch_vdso_led[i]; i++) {
		from = function(old, wppi_arch_vdso_led[i], &room);
		to = function(own, wppi_arch_vdso_led[i], &own_room);
		if (!from)
			continue;
		nr++;
		if (!to || room < ARCH_JUMP_LEN || from + sizeof(code) > old->len) {
			wppi_note(&b->m->tree->notes, WPP_NOTE_REFUSED, "vdso",
				  "%s can't be led to this kernel's", wppi_arch_vdso_led[i]);
			return WPP_EREFUSED;
		}
		memcpy(code, old->p + from, sizeof(code));
		wppi_arch_write_jump(code, v->own + to);
		err = poke(b->pid, v->rec.vdso + from, code);
	}
	if (!nr) {
		wppi_note(&b->m->tree->notes, WPP_NOTE_REFUSED, "vdso",
			  "the kernel is another one, and the image holds no vdso that could be "
			  "led to this one's");
		return WPP_EREFUSED;
	}
	return err;
}

/*
 * A thread that was in the old code goes on in it. It finds no clock source and asks the kernel,
 * but a coarse clock it reads as zero, once; and where a jump was written it can't go on.
 */
static int check_thread(struct build *b, const struct elf *old, uint32_t tid)
{
	struct arch_regs regs;
	struct wpp_rec rec;
	uint64_t at, room;

	if (!wppi_find(b->m, WPP_REC_REGS, tid, &rec) || wppi_arch_regs_of(&rec, &regs))
		return WPP_ECORRUPT;
	at = wppi_arch_ip(&regs) - b->vdso.rec.vdso;
	if (at >= old->len)
		return 0;
	for (size_t i = 0; wppi_arch_vdso_led[i]; i++) {
		uint64_t from = function(old, wppi_arch_vdso_led[i], &room);

		if (!from || at <= from || at >= from + ARCH_JUMP_LEN)
			continue;
		wppi_note(&b->m->tree->notes, WPP_NOTE_REFUSED, "vdso",
			  "the kernel is another one, and thread %u was persisted at the very "
			  "beginning of %s; take another generation",
			  tid, wppi_arch_vdso_led[i]);
		return WPP_EREFUSED;
	}
	wppi_note(&b->m->tree->notes, WPP_NOTE_CHANGED, "vdso",
		  "thread %u was reading a clock when it was persisted, under another kernel: it "
		  "may see one wrong time",
		  tid);
	return 0;
}

/* The image's code was filled in as plain memory. */
static int patch(struct build *b)
{
	struct vdso *v = &b->vdso;
	uint8_t *old = malloc(v->rec.vdso_len + v->own_len);
	struct elf image = { old, v->rec.vdso_len };
	struct elf own = { NULL, v->own_len };
	int err;

	if (!old)
		return WPP_ENOMEM;
	own.p = old + v->rec.vdso_len;
	err = read_memory(b->pid, v->rec.vdso, old, image.len);
	if (!err)
		err = read_memory(b->pid, v->own, old + image.len, own.len);
	for (size_t i = 0; !err && i < b->nr_threads; i++)
		err = check_thread(b, &image, b->threads[i].tid);
	if (!err)
		err = lead(b, &image, &own);
	free(old);
	if (!err)
		wppi_note(&b->m->tree->notes, WPP_NOTE_INFO, "vdso",
			  "the kernel is another one: the old vdso calls the new");
	return err;
}

int wppi_vdso_place(struct build *b)
{
	struct vdso *v = &b->vdso;

	switch (v->mode) {
	case VDSO_SAME:
		move_parts(b, v->part[0].start + (v->rec.vdso - v->own));
		return wppi_build_run(b, "moving the vdso");
	case VDSO_PATCH:
		return patch(b);
	default:
		for (unsigned int i = 0; i < v->nr_parts; i++)
			wppi_script_call(&b->s, 0, SYS_munmap, v->part[i].start, v->part[i].len, 0,
					 0, 0, 0);
		return wppi_build_run(b, "removing the vdso");
	}
}
