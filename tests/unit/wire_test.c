#include "guanxi/event.pb-c.h"
#include "kit/wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* protobuf-c is the other implementation that ours is held against. */

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void what_is_written_protobuf_c_reads(void **state)
{
	const uint64_t versions[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct buffer out = { .arena = arena };

		wire_add_varint(&out, 1, versions[i]);
		wire_add_text(&out, 2, "name");
		wire_add_text(&out, 2, "客户");
		wire_add_bytes(&out, 3, "a\0b", 3);
		wire_add_text(&out, 5, "me");
		Guanxi__Change *change = guanxi__change__unpack(NULL, out.len, (const uint8_t *)out.data);

		assert_non_null(change);
		assert_true(change->version == versions[i]);
		assert_int_equal(change->n_fields, 2);
		assert_string_equal(change->fields[1], "客户");
		assert_int_equal(change->before.len, 3);
		assert_memory_equal(change->before.data, "a\0b", 3);
		assert_string_equal(change->principal_id, "me");
		guanxi__change__free_unpacked(change, NULL);
	}
}

static void what_protobuf_c_writes_is_read(void **state)
{
	Guanxi__Change change = GUANXI__CHANGE__INIT;
	char *fields[] = { "a", "", "客户" };
	uint8_t packed[256];
	struct wire_field f;
	size_t n = 0;

	(void)state;
	change.has_version = true;
	change.version = 300;
	change.fields = fields;
	change.n_fields = 3;
	size_t len = guanxi__change__pack(&change, packed);
	struct wire_reader reader = wire_reader(packed, len);

	assert_true(wire_next(&reader, &f));
	assert_int_equal(f.number, 1);
	assert_true(f.value == 300);
	while (wire_next(&reader, &f)) {
		assert_int_equal(f.number, 2);
		assert_int_equal(f.len, strlen(fields[n]));
		assert_memory_equal(f.bytes, fields[n], f.len);
		n++;
	}
	assert_int_equal(n, 3);
	assert_false(reader.failed);
	assert_true(wire_find(packed, len, 1, &f));
	assert_false(wire_find(packed, len, 9, &f));
}

static void nested_messages_get_their_length_whatever_it_is(void **state)
{
	static const size_t lengths[] = { 0, 1, 127, 128, 300, 16383, 16384, 70000 };
	char *text = arena_zalloc(arena, 70001);

	(void)state;
	memset(text, 'x', 70000);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct buffer out = { .arena = arena };
		struct wire_field outer, inner, behind;
		size_t one = wire_begin(&out, 4), two = wire_begin(&out, 2);

		wire_add_bytes(&out, 3, text, lengths[i]);
		wire_end(&out, two);
		wire_end(&out, one);
		wire_add_varint(&out, 5, 7);
		assert_true(wire_find(out.data, out.len, 4, &outer));
		assert_true(wire_find(outer.bytes, outer.len, 2, &inner));
		assert_true(wire_find(inner.bytes, inner.len, 3, &inner));
		assert_int_equal(inner.len, lengths[i]);
		assert_true(wire_find(out.data, out.len, 5, &behind));
		assert_true(behind.value == 7);
	}
}

static void times_make_the_round_trip_to_the_microsecond(void **state)
{
	const int64_t times[] = { 0, 1, -1, 999999, -999999, 1700000000123456, -62135596800000000,
		253402300799999999 };

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		struct buffer out = { .arena = arena };
		struct wire_field f;
		int64_t us;

		wire_add_timestamp(&out, 3, times[i]);
		assert_true(wire_find(out.data, out.len, 3, &f));
		assert_true(wire_timestamp(f.bytes, f.len, &us));
		assert_true(us == times[i]);
	}
}

static void malformed_input_ends_reading_with_failed(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "\x08", 1 },                                              /* a key without its value */
		{ "\x08\x80", 2 },                                          /* a varint that does not end */
		{ "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 }, /* one of eleven bytes */
		{ "\x12\x05"
		  "abc",
			5 },                                            /* shorter than it says */
		{ "\x12\xff\xff\xff\xff\x0f", 6 },                      /* much shorter */
		{ "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* a length of 2^64 - 1 */
		{ "\x0b\x0c", 2 },                                      /* a group */
		{ "\x0c", 1 },                                          /* the end of one */
		{ "\x0e\x00", 2 },                                      /* wire type 6 */
		{ "\x0f\x00", 2 },                                      /* wire type 7 */
		{ "\x00\x00", 2 },                                      /* field number 0 */
		{ "\x0d"
		  "abc",
			4 }, /* fixed32 too short */
		{ "\x09"
		  "abcdefg",
			8 }, /* fixed64 too short */
	};
	struct wire_field f;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *exact = malloc(cases[i].len); /* so that a sanitizer sees a read beyond */

		memcpy(exact, cases[i].bytes, cases[i].len);
		struct wire_reader reader = wire_reader(exact, cases[i].len);

		while (wire_next(&reader, &f))
			continue;
		if (!reader.failed)
			print_error("case %zu was taken\n", i);
		assert_true(reader.failed);
		assert_false(wire_next(&reader, &f));
		free(exact);
	}
}

static void a_time_out_of_range_is_none(void **state)
{
	int64_t us;

	(void)state;
	assert_false(wire_timestamp("\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10, &us));
	assert_false(wire_timestamp("\x08", 1, &us));
	assert_true(wire_timestamp("", 0, &us));
	assert_true(us == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_protobuf_c_reads),
		cmocka_unit_test(what_protobuf_c_writes_is_read),
		cmocka_unit_test(nested_messages_get_their_length_whatever_it_is),
		cmocka_unit_test(times_make_the_round_trip_to_the_microsecond),
		cmocka_unit_test(malformed_input_ends_reading_with_failed),
		cmocka_unit_test(a_time_out_of_range_is_none),
	};

	return cmocka_run_group_tests_name("wire", tests, begin, end);
}
