/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A file now against the file that was recorded. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/changed.h"

static void say_time(uint64_t ns, char *buf, size_t cap)
{
	time_t t = (time_t)(ns / 1000000000u);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(buf, cap, "%Y-%m-%d %H:%M:%S UTC", &tm))
		buf[0] = '\0';
}

static int report(struct member *m, const struct was_file *was, const char *name, const char *how)
{
	bool warn = (m->tree->how.flags & WPP_RECREATE_FILES_WARN) && strcmp(name, "file-type");

	wppi_note(&m->tree->notes, warn ? WPP_NOTE_CHANGED : WPP_NOTE_REFUSED, name,
		  "%s, which the process has %s, %s", was->path, was->what, how);
	return warn ? 0 : WPP_EREFUSED;
}

static int compare_time(struct member *m, const struct was_file *was, uint64_t mtime_ns)
{
	char then[64], now[64], how[256];

	if (mtime_ns == was->mtime_ns)
		return 0;
	say_time(was->mtime_ns, then, sizeof(then));
	say_time(mtime_ns, now, sizeof(now));
	snprintf(how, sizeof(how), "is %s than it was: last changed %s, then %s",
		 mtime_ns < was->mtime_ns ? "older" : "newer", now, then);
	return report(m, was, mtime_ns < was->mtime_ns ? "file-older" : "file-newer", how);
}

int wppi_file_compare(struct member *m, const struct was_file *was, int fd)
{
	struct stat st;
	char how[128];

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return report(m, was, "file-type", "is not a regular file any more");
	if ((uint64_t)st.st_size != was->size) {
		snprintf(how, sizeof(how), "has %lld bytes, it had %llu", (long long)st.st_size,
			 (unsigned long long)was->size);
		return report(m, was, "file-resized", how);
	}
	if (st.st_ino != was->ino)
		return report(m, was, "file-replaced", "is another file of the same size");
	return compare_time(
		m, was, (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec);
}
