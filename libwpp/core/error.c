/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <wpp/error.h>

static const struct {
	int err;
	const char *text;
} texts[] = {
	{ WPP_OK, "success" },
	{ WPP_EPERM, "a capability is missing" },
	{ WPP_ENOENT, "no such image, generation, page or process" },
	{ WPP_EIO, "the medium failed" },
	{ WPP_ENOMEM, "the memory that was lent is used up" },
	{ WPP_EBUSY, "busy: the queue is full or somebody else holds it" },
	{ WPP_EEXIST, "overlaps something that is there already" },
	{ WPP_EINVAL, "invalid argument" },
	{ WPP_ENOSPC, "the table or the medium is full" },
	{ WPP_EROFS, "read-only" },
	{ WPP_ERANGE, "outside of the medium or the buffer" },
	{ WPP_ECORRUPT, "damaged: a checksum or structure on the medium is wrong" },
	{ WPP_EFORMAT, "not a libwpp image, or of an unknown version or feature" },
	{ WPP_EPOISON, "an earlier write failed; the medium must be reopened" },
	{ WPP_EREFUSED, "the process has state that can't be carried" },
	{ WPP_EWINDOW, "the power-loss window is too short for the plan" },
};

const char *wpp_strerror(int err)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].err == err)
			return texts[i].text;
	}
	return err < 0 && err >= -4095 ? "system error" : "unknown error";
}
