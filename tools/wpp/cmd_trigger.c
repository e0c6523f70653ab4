/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp trigger: power fails (thesis 5.1.2). */
#include <inttypes.h>

#include "tool.h"

struct output {
	const struct tool *tool;
	json_t *all;
	struct talk talk; /* of the process that is saved by itself now */
};

static const struct wpp_report *on_begin(void *arg, const struct wppc_tracked *one)
{
	struct output *out = arg;

	talk_begin(&out->talk, out->tool, "persist", one->name);
	return &out->talk.report;
}

/* Of one that was saved with all others the medium tells less. */
static json_t *tell_together(const struct tool *t, const struct wppc_saved *saved)
{
	const struct wppc_tracked *one = saved->process;
	const struct wpp_persisted *done = &saved->done;
	char bytes[16], durable[16];

	say(t, "wpp: %s (pid %d): generation %" PRIu64 ", %s, durable after %s; killed", one->name,
	    one->pid, done->generation, human_bytes(done->nr_pages * WPP_PAGE_SIZE, bytes),
	    human_ns(done->durable_ns, durable));
	return json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:[]}", "name", one->name, "pid",
			 one->pid, "state", "saved", "generation", (json_int_t)done->generation,
			 "pages", (json_int_t)done->nr_pages, "bytes", bytes_of(done->nr_pages),
			 "durable_ns", (json_int_t)done->durable_ns, "notes");
}

static void on_saved(void *arg, const struct wppc_saved *saved)
{
	struct output *out = arg;

	json_array_append_new(out->all,
			      saved->together
				      ? tell_together(out->tool, saved)
				      : persisted_tell(out->tool, saved->process, true, saved->err,
						       &saved->done, talk_end(&out->talk)));
}

int cmd_trigger(struct tool *t, int argc, char **argv)
{
	struct output out = { .tool = t };
	struct wppc_trigger how = { .begin = on_begin, .saved = on_saved, .arg = &out };
	struct wpp_media_error why;
	size_t nr;
	int code;

	if (argc > 1)
		return usage("trigger", "takes no argument '%s'", argv[1]);
	code = conf_load(t);
	if (code)
		return code;
	out.all = json_array();
	code = fail_why(wppc_trigger(t->conf, &how, &nr, &why), &why);
	if (!nr && !code)
		say(t, "wpp: no process is tracked");
	if (t->json)
		print_json(json_pack("{s:o}", "images", out.all));
	else
		json_decref(out.all);
	return code;
}
