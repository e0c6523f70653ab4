/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <inttypes.h>

#include "tool.h"

static json_t *persisted_json(const struct wppc_tracked *one, bool kill,
			      const struct wpp_persisted *done, json_t *notes)
{
	return json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name",
			 one->name, "pid", one->pid, "state", kill ? "saved" : "running",
			 "generation", (json_int_t)done->generation, "pages",
			 (json_int_t)done->nr_pages, "bytes", bytes_of(done->nr_pages), "written",
			 bytes_of(done->nr_written), "threads", (json_int_t)done->nr_threads,
			 "frozen_ns", (json_int_t)done->frozen_ns, "durable_ns",
			 (json_int_t)done->durable_ns, "sync_ns", (json_int_t)done->sync_ns,
			 "notes", notes);
}

json_t *persisted_tell(const struct tool *t, const struct wppc_tracked *one, bool kill, int err,
		       const struct wpp_persisted *done, json_t *notes)
{
	char bytes[16], frozen[16], durable[16];

	if (err) {
		complain("%s (pid %d): not saved, runs on unharmed: %s", one->name, one->pid,
			 wppc_strerror(err));
		return json_pack("{s:s, s:i, s:s, s:s, s:o}", "name", one->name, "pid", one->pid,
				 "state", "running", "error", wppc_strerror(err), "notes", notes);
	}
	say(t, "wpp: %s (pid %d): generation %" PRIu64 ", %s, frozen %s, durable after %s%s",
	    one->name, one->pid, done->generation,
	    human_bytes(done->nr_pages * WPP_PAGE_SIZE, bytes), human_ns(done->frozen_ns, frozen),
	    human_ns(done->durable_ns, durable), kill ? "; killed" : "");
	return persisted_json(one, kill, done, notes);
}
