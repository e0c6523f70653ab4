/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One open file: where it lies, what it is called, and what its fdinfo says.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "files/kfiles.h"

#define FDINFO_MAX ((size_t)64 << 20)

unsigned long wppk_file_fs(const struct wppk_file *f)
{
	return f->file->f_path.mnt->mnt_sb->s_magic;
}

bool wppk_file_named(const struct wppk_file *f)
{
	return wppk_is_named(f->link, &f->st, false);
}

int wppk_file_describe(struct wppk_file *f, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = kvasprintf(GFP_KERNEL_ACCOUNT, fmt, args);
	va_end(args);
	if (!text)
		return -ENOMEM;
	kfree(f->link);
	f->link = text;
	return 0;
}

/* ---- fdinfo ---- */

/* The text that /proc shows below "pos", "flags" ...; its form is ABI. */
char *wppk_fdinfo(struct file *file)
{
	struct seq_file m = { .file = file, .size = PAGE_SIZE };

	mutex_init(&m.lock);
	for (;; m.size *= 2) {
		m.buf = kvmalloc(m.size, GFP_KERNEL_ACCOUNT);
		if (!m.buf)
			return ERR_PTR(-ENOMEM);
		m.count = 0;
		if (file->f_op->show_fdinfo)
			file->f_op->show_fdinfo(&m, file);
		if (m.count < m.size) {
			m.buf[m.count] = '\0';
			return m.buf;
		}
		kvfree(m.buf);
		if (m.size >= FDINFO_MAX)
			return ERR_PTR(-EOVERFLOW);
	}
}

u64 wppk_info_value(const struct wppk_file *f, const char *key, int base, u64 def)
{
	const char *pos = f->info, *text;

	while (pos && (text = wppk_info_line(&pos, key))) {
		if (text[0] == ':')
			return simple_strtoull(skip_spaces(text + 1), NULL, base);
	}
	return def;
}

const char *wppk_info_line(const char **pos, const char *prefix)
{
	size_t len = strlen(prefix);

	while (**pos) {
		const char *line = *pos, *end = strchrnul(line, '\n');

		*pos = *end ? end + 1 : end;
		if (!strncmp(line, prefix, len))
			return line + len;
	}
	return NULL;
}
