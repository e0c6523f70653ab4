/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The schema, and what a reader does with records that it does not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "record/stream.h"

#define VERSION_OFF 2
#define FLAGS_OFF   6

static struct stream s;

static void put_exe(const char *path)
{
	struct wpp_rec_exe exe = { .ino = 7 };

	PUT(&s, EXE, 1, 0, &exe, path);
}

static void put_loss(const char *text)
{
	struct wpp_rec_loss loss = { 0 };

	PUT(&s, LOSS, 1, 0, &loss, text);
}

static void put_unknown(const char *text)
{
	uint64_t field = 5;

	stream_put(&s, 0x0ffe, 1, 9, &field, 1, text);
}

static int next(size_t *pos, struct wpp_rec *rec)
{
	return wpp_rec_next(s.bytes, s.len, pos, rec);
}

/* Writers give no flags: what must be understood is known by the type. */
static void the_encoder_says_what_must_be_understood(void **state)
{
	struct wpp_rec rec;
	size_t pos = 0;

	(void)state;
	s.len = 0;
	put_exe("/bin/true");
	put_loss("lock: gone");
	put_unknown("new");
	assert_int_equal(next(&pos, &rec), 0);
	assert_int_equal(rec.flags, WPP_REC_MUST);
	assert_int_equal(rec.version, 1);
	assert_int_equal(next(&pos, &rec), 0);
	assert_int_equal(rec.flags, 0);
	assert_int_equal(next(&pos, &rec), 0);
	assert_int_equal(rec.flags, 0);
	assert_int_equal(next(&pos, &rec), WPP_ENOENT);
}

/* Early images have no flag anywhere. */
static void records_without_the_flag_are_read(void **state)
{
	struct wpp_rec rec;
	size_t pos = 0;

	(void)state;
	s.len = 0;
	put_exe("/bin/true");
	s.bytes[FLAGS_OFF] = 0;
	assert_int_equal(next(&pos, &rec), 0);
	assert_int_equal(rec.type, WPP_REC_EXE);
}

static void an_unknown_type_is_refused_only_when_it_must_be_known(void **state)
{
	struct wpp_rec rec;
	size_t pos = 0;

	(void)state;
	s.len = 0;
	put_unknown("new");
	assert_int_equal(next(&pos, &rec), 0);
	assert_int_equal(rec.type, 0x0ffe);
	pos = 0;
	s.bytes[FLAGS_OFF] = WPP_REC_MUST;
	assert_int_equal(next(&pos, &rec), WPP_EFORMAT);
	assert_int_equal(rec.type, 0x0ffe);
	assert_int_equal(rec.id, 9);
	assert_int_equal(pos, 0);
	assert_string_equal(wpp_rec_name(rec.type), "unknown");
	assert_string_equal(wpp_rec_name(WPP_REC_EXE), "exe");
}

static void a_later_version_is_refused_or_passed_over(void **state)
{
	struct wpp_rec rec;
	size_t pos = 0, second;

	(void)state;
	s.len = 0;
	put_loss("first");
	second = s.len;
	put_loss("second");
	s.bytes[VERSION_OFF] = 2;
	assert_int_equal(next(&pos, &rec), 0);
	assert_int_equal(rec.tail_len, 6);
	assert_int_equal(next(&pos, &rec), WPP_ENOENT);
	s.bytes[second + VERSION_OFF] = 2;
	pos = 0;
	assert_int_equal(next(&pos, &rec), WPP_ENOENT);
	s.len = 0;
	put_exe("/bin/true");
	s.bytes[VERSION_OFF] = 2;
	pos = 0;
	assert_int_equal(next(&pos, &rec), WPP_EFORMAT);
	assert_int_equal(rec.type, WPP_REC_EXE);
	assert_int_equal(rec.version, 2);
}

static bool is_word(const char *text)
{
	return text && text[0];
}

static void each_field_has_a_word(void **state)
{
	static const uint16_t types[] = {
#define X(code, version, must, stream, name, NAME, task, id, tail) code,
		WPP_REC_TYPES(X)
#undef X
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct wpp_rec_schema *schema = wpp_rec_schema(types[i]);

		assert_non_null(schema);
		assert_int_equal(schema->type, types[i]);
		assert_in_range(schema->nr_fields, 1, WPP_REC_FIELDS_MAX);
		assert_true(schema->version >= 1);
		assert_true(is_word(schema->task) && is_word(schema->id) && is_word(schema->tail));
		assert_int_equal(schema->flags, types[i] == WPP_REC_LOSS ? 0 : WPP_REC_MUST);
		for (unsigned int f = 0; f < schema->nr_fields; f++)
			if (!is_word(schema->fields[f].text) || !is_word(schema->fields[f].name))
				fail_msg("%s: field %u has no word", schema->name, f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_encoder_says_what_must_be_understood),
		cmocka_unit_test(records_without_the_flag_are_read),
		cmocka_unit_test(an_unknown_type_is_refused_only_when_it_must_be_known),
		cmocka_unit_test(a_later_version_is_refused_or_passed_over),
		cmocka_unit_test(each_field_has_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
