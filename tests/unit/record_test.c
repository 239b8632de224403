#include "kit/record.h"
#include "kit/uuid.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { NAME = 16, KIND = 17, PHONES = 19, CREDIT_CODE = 22, EMPLOYEES = 28 };

static struct arena *arena;
static const struct schema_resource *customers;

static int begin(void **state)
{
	(void)state;
	schema_get();
	customers = schema_resource_find("customers");
	arena = arena_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void add_phone(struct buffer *out, const char *number)
{
	size_t begun = wire_begin(out, PHONES);

	wire_add_text(out, 2, number);
	wire_end(out, begun);
}

static struct record *parse(const struct buffer *wire)
{
	struct record *record = record_new(customers, arena);

	assert_true(record_parse(record, wire->data, wire->len));
	return record;
}

static void fields_come_out_in_the_order_of_the_schema_scattered_ones_together(void **state)
{
	struct buffer in = { .arena = arena }, out = { .arena = arena }, wanted = { .arena = arena };

	(void)state;
	wire_add_varint(&in, EMPLOYEES, 7);
	add_phone(&in, "1");
	wire_add_text(&in, NAME, "甲");
	add_phone(&in, "2");
	wire_add_varint(&in, 500, 9); /* of a newer version */
	add_phone(&in, "3");
	record_encode(parse(&in), &out);
	wire_add_text(&wanted, NAME, "甲");
	add_phone(&wanted, "1");
	add_phone(&wanted, "2");
	add_phone(&wanted, "3");
	wire_add_varint(&wanted, EMPLOYEES, 7);
	assert_int_equal(out.len, wanted.len);
	assert_memory_equal(out.data, wanted.data, out.len);
}

static void of_a_single_field_the_last_one_counts(void **state)
{
	struct buffer in = { .arena = arena };

	(void)state;
	wire_add_text(&in, NAME, "first");
	wire_add_text(&in, NAME, "last");
	assert_string_equal(record_text(parse(&in), NAME), "last");
}

static void another_wire_type_or_broken_bytes_are_no_record(void **state)
{
	struct buffer number_for_text = { .arena = arena }, text_for_number = { .arena = arena },
		      cut = { .arena = arena };

	(void)state;
	wire_add_varint(&number_for_text, NAME, 7);
	wire_add_text(&text_for_number, EMPLOYEES, "7");
	wire_add_text(&cut, NAME, "long enough");
	assert_false(record_parse(record_new(customers, arena), number_for_text.data, number_for_text.len));
	assert_false(record_parse(record_new(customers, arena), text_for_number.data, text_for_number.len));
	for (size_t len = 1; len < cut.len; len++)
		assert_false(record_parse(record_new(customers, arena), cut.data, len));
}

static void values_are_set_got_and_cleared(void **state)
{
	struct record *record = record_new(customers, arena);
	uint8_t id[16];

	(void)state;
	assert_false(record_has(record, NAME));
	assert_null(record_text(record, NAME));
	assert_int_equal(record_number(record, EMPLOYEES), 0);
	assert_null(record_uuid(record, STANDARD_ID));
	uuid_v7(id);
	record_set_uuid(record, STANDARD_ID, id);
	record_set_text(record, NAME, "甲");
	record_set_number(record, EMPLOYEES, INT64_MIN);
	record_set_time(record, STANDARD_CREATE_TIME, 1700000000123456);
	assert_memory_equal(record_uuid(record, STANDARD_ID), id, 16);
	assert_string_equal(record_text(record, NAME), "甲");
	assert_true(record_number(record, EMPLOYEES) == INT64_MIN);
	assert_true(record_time(record, STANDARD_CREATE_TIME) == 1700000000123456);
	record_clear(record, NAME);
	assert_false(record_has(record, NAME));
	record_set_text(record, STANDARD_ID, "not an id");
	assert_null(record_uuid(record, STANDARD_ID));
}

static void a_copy_is_its_own(void **state)
{
	struct record *record = record_new(customers, arena);

	(void)state;
	record_set_text(record, NAME, "before");
	struct record *copy = record_copy(record);

	record_set_text(copy, NAME, "after");
	record_set_number(copy, KIND, 1);
	assert_string_equal(record_text(record, NAME), "before");
	assert_false(record_has(record, KIND));
}

static void differences_are_the_fields_that_differ_but_not_version_and_time_of_change(void **state)
{
	struct record *before = record_new(customers, arena);
	struct buffer phones = { .arena = arena }, some = { .arena = arena };
	uint8_t which[64];

	(void)state;
	record_set_text(before, NAME, "甲");
	record_set_text(before, CREDIT_CODE, "x");
	record_set_number(before, STANDARD_VERSION, 1);
	struct record *after = record_copy(before);

	record_set_text(after, NAME, "甲"); /* written anew, but the same */
	record_set_number(after, STANDARD_VERSION, 2);
	record_set_time(after, STANDARD_UPDATE_TIME, 1);
	assert_int_equal(record_difference(before, after, which), 0);
	record_clear(after, CREDIT_CODE);
	add_phone(&phones, "1");
	record_set_wire(after, PHONES, (struct slice){ phones.data, phones.len });
	assert_int_equal(record_difference(before, after, which), 2);
	for (size_t i = 0; i < customers->message->count; i++) {
		uint32_t number = customers->message->fields[i].number;

		assert_int_equal(which[i], number == CREDIT_CODE || number == PHONES);
	}
	record_encode_some(after, which, &some);
	assert_int_equal(some.len, phones.len);
	assert_memory_equal(some.data, phones.data, phones.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_come_out_in_the_order_of_the_schema_scattered_ones_together),
		cmocka_unit_test(of_a_single_field_the_last_one_counts),
		cmocka_unit_test(another_wire_type_or_broken_bytes_are_no_record),
		cmocka_unit_test(values_are_set_got_and_cleared),
		cmocka_unit_test(a_copy_is_its_own),
		cmocka_unit_test(differences_are_the_fields_that_differ_but_not_version_and_time_of_change),
	};

	return cmocka_run_group_tests_name("record", tests, begin, end);
}
