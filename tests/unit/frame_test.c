/* The wire format: what is written is read back, and what is not whole or beyond a limit is refused. */
#include "kit/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct frame_reader reader_of(const uint8_t *bytes, size_t len)
{
	return (struct frame_reader){ bytes, bytes + len };
}

static uint8_t *two_requests(size_t *len_out)
{
	struct frame_writer writer = { 0 };

	frame_write_begin(&writer, FRAME_REQUEST, "customer.read", 13);
	assert_true(frame_write_item(&writer, &(struct frame_item){
						      .id = 0x1122334455667788,
						      .time_ms = 5000,
						      .flags = FRAME_IDEMPOTENT,
						      .header = (const uint8_t *)"head",
						      .header_len = 4,
						      .body = (const uint8_t *)"body!",
						      .body_len = 5,
					      }));
	assert_true(frame_write_item(
		&writer, &(struct frame_item){ .id = 2, .time_ms = 1, .status = 7, .outcome = BUS_REFUSED }));
	return frame_writer_take(&writer, len_out);
}

static void items_are_read_as_they_were_written(void **state)
{
	size_t len;
	uint8_t *bytes = two_requests(&len);
	struct frame_reader reader = reader_of(bytes, len);
	struct frame_envelope envelope;
	struct frame_item item;

	(void)state;
	assert_true(frame_read_envelope(&reader, &envelope));
	assert_int_equal(envelope.type, FRAME_REQUEST);
	assert_int_equal(envelope.count, 2);
	assert_int_equal(envelope.name_len, 13);
	assert_memory_equal(envelope.name, "customer.read", 13);
	assert_true(frame_items_valid(reader, &envelope));
	assert_true(frame_read_item(&reader, &item));
	assert_true(item.id == 0x1122334455667788);
	assert_int_equal(item.time_ms, 5000);
	assert_int_equal(item.flags, FRAME_IDEMPOTENT);
	assert_int_equal(item.header_len, 4);
	assert_memory_equal(item.header, "head", 4);
	assert_int_equal(item.body_len, 5);
	assert_memory_equal(item.body, "body!", 5);
	assert_true(frame_read_item(&reader, &item));
	assert_int_equal(item.status, 7);
	assert_int_equal(item.outcome, BUS_REFUSED);
	assert_false(frame_read_item(&reader, &item));
	free(bytes);
}

/* The layout is a contract between versions, so it is held here byte by byte. */
static void bytes_on_the_wire_are_as_documented(void **state)
{
	static const uint8_t expected[] = {
		'G',
		'X',
		'B',
		'1',
		1,
		FRAME_REPLY,
		0,
		1,
		1,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		'q', /* envelope, name */
		8,
		7,
		6,
		5,
		4,
		3,
		2,
		1,
		0x10,
		0,
		0,
		0,
		2,
		0,
		0,
		0,
		1,
		0,
		0x34,
		0x12,
		1,
		2,
		0,
		0, /* item */
		'h',
		'b',
		'c',
	};
	struct frame_writer writer = { 0 };
	size_t len;

	(void)state;
	frame_write_begin(&writer, FRAME_REPLY, "q", 1);
	frame_write_item(&writer, &(struct frame_item){
					  .id = 0x0102030405060708,
					  .time_ms = 16,
					  .status = 0x1234,
					  .outcome = BUS_DEADLINE,
					  .flags = FRAME_MAYBE_EXECUTED,
					  .header = (const uint8_t *)"h",
					  .header_len = 1,
					  .body = (const uint8_t *)"bc",
					  .body_len = 2,
				  });
	uint8_t *bytes = frame_writer_take(&writer, &len);

	assert_int_equal(len, sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
	free(bytes);
}

static bool is_sound(const uint8_t *bytes, size_t len)
{
	struct frame_reader reader = reader_of(bytes, len);
	struct frame_envelope envelope;

	return frame_read_envelope(&reader, &envelope) && frame_items_valid(reader, &envelope);
}

static void every_shortened_message_is_refused(void **state)
{
	size_t len;
	uint8_t *bytes = two_requests(&len);

	(void)state;
	assert_true(is_sound(bytes, len));
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut + 1); /* so that a sanitizer sees reading beyond it */

		memcpy(exact, bytes, cut);
		assert_false(is_sound(exact, cut));
		free(exact);
	}
	free(bytes);
}

static void bytes_after_the_last_item_are_refused(void **state)
{
	size_t len;
	uint8_t *bytes = two_requests(&len);
	uint8_t *longer = calloc(1, len + 1);

	(void)state;
	memcpy(longer, bytes, len);
	assert_false(is_sound(longer, len + 1));
	free(longer);
	free(bytes);
}

static void refuse_with(size_t offset, uint8_t value)
{
	size_t len;
	uint8_t *bytes = two_requests(&len);

	bytes[offset] = value;
	assert_false(is_sound(bytes, len));
	free(bytes);
}

static void wrong_magic_version_type_name_and_counts_are_refused(void **state)
{
	enum { ITEM = FRAME_ENVELOPE_SIZE + 13 };

	(void)state;
	refuse_with(0, 'X');
	refuse_with(4, 2);
	refuse_with(5, 0);
	refuse_with(5, FRAME_TYPES);
	refuse_with(7, FRAME_NAME_MAX + 1);
	refuse_with(8, 0);
	refuse_with(8, 1);
	refuse_with(8, 3);
	refuse_with(8, FRAME_ITEMS_MAX + 1);
	refuse_with(FRAME_ENVELOPE_SIZE, 'C');
	refuse_with(FRAME_ENVELOPE_SIZE, 0);
	refuse_with(ITEM + 15, 0xff);
	refuse_with(ITEM + 17, 0xff);
	refuse_with(ITEM + 20, BUS_OUTCOMES);
}

static void a_message_takes_64_items_and_no_more(void **state)
{
	struct frame_writer writer = { 0 };
	struct frame_item item = { .id = 1 };

	(void)state;
	frame_write_begin(&writer, FRAME_REQUEST, "q", 1);
	for (int i = 0; i < FRAME_ITEMS_MAX; i++)
		assert_true(frame_write_item(&writer, &item));
	assert_false(frame_write_item(&writer, &item));
	assert_int_equal(writer.count, FRAME_ITEMS_MAX);
	frame_writer_fini(&writer);
}

static void a_message_stays_within_its_size_and_always_takes_one_item(void **state)
{
	uint8_t *body = calloc(1, FRAME_BODY_MAX), *header = calloc(1, FRAME_HEADER_MAX);
	struct frame_item largest = {
		.header = header, .header_len = FRAME_HEADER_MAX, .body = body, .body_len = FRAME_BODY_MAX
	};
	struct frame_writer writer = { 0 };
	char name[FRAME_NAME_MAX];

	(void)state;
	memset(name, 'n', sizeof(name));
	frame_write_begin(&writer, FRAME_REQUEST, name, sizeof(name));
	assert_true(frame_write_item(&writer, &largest));
	assert_false(frame_write_item(&writer, &largest));
	assert_in_range(writer.len, FRAME_BODY_MAX, FRAME_MESSAGE_MAX);
	frame_writer_fini(&writer);
	free(header);
	free(body);
}

static uint8_t *two_events(
	uint64_t previous, uint64_t first, uint64_t second, uint64_t up_to, size_t *len_out)
{
	struct frame_writer writer = { 0 };

	frame_write_begin(&writer, FRAME_PUBLISH, "customer", 8);
	frame_write_batch(&writer, &(struct frame_batch){ .epoch = 3, .previous = previous, .up_to = up_to });
	frame_write_event(&writer, &(struct frame_event){ first, (const uint8_t *)"one", 3 });
	frame_write_event(&writer, &(struct frame_event){ second, (const uint8_t *)"three", 5 });
	return frame_writer_take(&writer, len_out);
}

static bool events_are_sound(uint64_t previous, uint64_t first, uint64_t second, uint64_t up_to)
{
	size_t len;
	uint8_t *bytes = two_events(previous, first, second, up_to, &len);
	struct frame_reader reader = reader_of(bytes, len);
	struct frame_envelope envelope;
	bool sound = frame_read_envelope(&reader, &envelope) && frame_events_valid(reader, &envelope);

	free(bytes);
	return sound;
}

static void events_rise_within_the_range_of_their_batch(void **state)
{
	(void)state;
	assert_true(events_are_sound(10, 11, 13, 13));
	assert_true(events_are_sound(10, 11, 13, 20));
	assert_false(events_are_sound(10, 10, 13, 13));
	assert_false(events_are_sound(10, 13, 13, 13));
	assert_false(events_are_sound(10, 13, 11, 13));
	assert_false(events_are_sound(10, 11, 14, 13));
}

static void a_patched_message_has_the_new_type_and_end(void **state)
{
	size_t len;
	uint8_t *bytes = two_events(10, 11, 13, 20, &len);
	struct frame_reader reader = reader_of(bytes, len);
	struct frame_envelope envelope;
	struct frame_batch batch;
	struct frame_event event;

	(void)state;
	frame_patch_type(bytes, FRAME_EVENTS);
	frame_patch_up_to(bytes, 15);
	assert_true(frame_read_envelope(&reader, &envelope));
	assert_int_equal(envelope.type, FRAME_EVENTS);
	assert_true(frame_read_batch(&reader, &batch));
	assert_int_equal(batch.epoch, 3);
	assert_int_equal(batch.previous, 10);
	assert_int_equal(batch.up_to, 15);
	assert_true(frame_read_event(&reader, &event));
	assert_int_equal(event.position, 11);
	assert_memory_equal(event.bytes, "one", 3);
	free(bytes);
}

static void names_are_lower_case_letters_digits_dots_and_dashes(void **state)
{
	(void)state;
	assert_true(frame_name_valid("service-desk.read2", 18));
	assert_false(frame_name_valid("", 0));
	assert_false(frame_name_valid("Customer", 8));
	assert_false(frame_name_valid("a_b", 3));
	assert_false(frame_name_valid("a/b", 3));
	assert_false(frame_name_valid("客户", 6));
}

static void every_outcome_has_a_sentence(void **state)
{
	(void)state;
	for (int i = 0; i <= BUS_OUTCOMES; i++)
		assert_non_null(bus_outcome_text(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_read_as_they_were_written),
		cmocka_unit_test(bytes_on_the_wire_are_as_documented),
		cmocka_unit_test(every_shortened_message_is_refused),
		cmocka_unit_test(bytes_after_the_last_item_are_refused),
		cmocka_unit_test(wrong_magic_version_type_name_and_counts_are_refused),
		cmocka_unit_test(a_message_takes_64_items_and_no_more),
		cmocka_unit_test(a_message_stays_within_its_size_and_always_takes_one_item),
		cmocka_unit_test(events_rise_within_the_range_of_their_batch),
		cmocka_unit_test(a_patched_message_has_the_new_type_and_end),
		cmocka_unit_test(names_are_lower_case_letters_digits_dots_and_dashes),
		cmocka_unit_test(every_outcome_has_a_sentence),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
