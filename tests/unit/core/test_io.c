/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <wpp/backend.h>

/* A medium that answers as a test asks it to. */
struct script {
	struct wpp_backend be;
	int busy;	/* submits to refuse with WPP_EBUSY */
	int polls;	/* polls until the move is done; 0: done inside submit() */
	int lost_after; /* polls until the medium is lost; 0: never */
	int refuse;	/* error of submit() */
	int result;	/* given to done() */
	struct wpp_io *flying;
	struct wpp_io seen;
};

static void finish(struct script *s)
{
	struct wpp_io *io = s->flying;

	s->flying = NULL;
	io->done(io, s->result);
}

static int script_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct script *s = (struct script *)be;

	if (s->busy > 0)
		return WPP_EBUSY;
	if (s->refuse)
		return s->refuse;
	s->flying = io;
	s->seen = *io;
	if (s->polls == 0)
		finish(s);
	return 0;
}

static int script_poll(struct wpp_backend *be)
{
	struct script *s = (struct script *)be;

	if (s->lost_after && --s->lost_after == 0)
		return WPP_EIO;
	if (s->busy > 0) {
		s->busy--;
		return 1;
	}
	if (s->flying && --s->polls == 0) {
		finish(s);
		return 1;
	}
	return 0;
}

static const struct wpp_backend_ops script_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(script_ops),
	.name = "script",
	.submit = script_submit,
	.poll = script_poll,
};

static int run(struct script *s)
{
	char buf[16];
	int err;

	s->be.ops = &script_ops;
	err = wpp_io_run(&s->be, WPP_IO_WRITE, 4096, buf, sizeof(buf));
	if (s->seen.op) {
		assert_int_equal(s->seen.op, WPP_IO_WRITE);
		assert_int_equal(s->seen.flags, 0);
		assert_int_equal(s->seen.off, 4096);
		assert_int_equal(s->seen.len, sizeof(buf));
		assert_ptr_equal(s->seen.buf, buf);
	}
	return err;
}

static void done_inside_submit(void **state)
{
	(void)state;
	assert_int_equal(run(&(struct script){ .polls = 0 }), 0);
	assert_int_equal(run(&(struct script){ .polls = 0, .result = WPP_EIO }), WPP_EIO);
}

static void done_after_polls(void **state)
{
	(void)state;
	assert_int_equal(run(&(struct script){ .polls = 7 }), 0);
	assert_int_equal(run(&(struct script){ .polls = 7, .result = WPP_EIO }), WPP_EIO);
}

static void busy_queue_is_drained_first(void **state)
{
	struct script s = { .busy = 3, .polls = 2 };

	(void)state;
	assert_int_equal(run(&s), 0);
	assert_int_equal(s.busy, 0);
}

static void refused_moves_are_not_waited_for(void **state)
{
	(void)state;
	assert_int_equal(run(&(struct script){ .refuse = WPP_EINVAL }), WPP_EINVAL);
	assert_int_equal(run(&(struct script){ .busy = 1, .refuse = WPP_ERANGE }), WPP_ERANGE);
}

static void lost_medium_ends_the_wait(void **state)
{
	(void)state;
	assert_int_equal(run(&(struct script){ .polls = 9, .lost_after = 2 }), WPP_EIO);
	assert_int_equal(run(&(struct script){ .busy = 9, .lost_after = 2 }), WPP_EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(done_inside_submit),
		cmocka_unit_test(done_after_polls),
		cmocka_unit_test(busy_queue_is_drained_first),
		cmocka_unit_test(refused_moves_are_not_waited_for),
		cmocka_unit_test(lost_medium_ends_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
