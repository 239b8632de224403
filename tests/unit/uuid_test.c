#include "kit/traceparent.h"
#include "kit/uuid.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MANY = 20000 };
typedef uint8_t id_bytes[16];

static void ids_of_a_thread_rise_strictly(void **state)
{
	id_bytes before, id;

	(void)state;
	uuid_v7(before);
	for (int i = 0; i < 5 * MANY; i++, memcpy(before, id, 16)) {
		uuid_v7(id);
		assert_true(memcmp(id, before, 16) > 0);
		assert_int_equal(id[6] >> 4, 7);
		assert_int_equal(id[8] >> 6, 2);
	}
}

static void an_id_tells_when_it_was_made(void **state)
{
	id_bytes id;
	int64_t ms = 0;

	(void)state;
	uuid_v7(id);
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id[i];
	/* Many ids in a row may run ahead of the clock. */
	assert_true(llabs(ms - (int64_t)time(NULL) * 1000) < 60000);
}

static void *make_many(void *ids)
{
	for (int i = 0; i < MANY; i++)
		uuid_v7((uint8_t *)ids + 16 * i);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void ids_of_two_threads_are_different(void **state)
{
	static id_bytes ids[2 * MANY];
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_many, ids + i * MANY), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	qsort(ids, 2 * MANY, sizeof *ids, compare);
	for (int i = 1; i < 2 * MANY; i++)
		assert_true(compare(&ids[i], &ids[i - 1]) > 0);
}

static void text_makes_the_round_trip_in_lower_case(void **state)
{
	id_bytes id;
	char text[UUID_TEXT_LEN + 1];

	(void)state;
	assert_true(uuid_from_text("01912D3C-5b7a-7c3e-8f00-0123456789AB", 36, id));
	uuid_to_text(id, text);
	assert_string_equal(text, "01912d3c-5b7a-7c3e-8f00-0123456789ab");
}

static void what_is_no_id_is_refused(void **state)
{
	static const char *const bad[] = { "", "01912d3c5b7a7c3e8f000123456789ab",
		"01912d3c-5b7a-7c3e-8f00-0123456789a", "01912d3c-5b7a-7c3e-8f00-0123456789abc",
		"01912d3c-5b7a-7c3e-8f00-0123456789ag", "{1912d3c-5b7a-7c3e-8f00-0123456789ab",
		"01912d3c-5b7a-7c3e-8f0-00123456789ab" };
	id_bytes id;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(uuid_from_text(bad[i], strlen(bad[i]), id));
}

static const char header[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static void a_trace_goes_on_under_a_new_parent(void **state)
{
	struct traceparent trace;

	(void)state;
	assert_true(traceparent_continue(header, 55, &trace));
	assert_string_equal(trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
	assert_memory_equal(trace.text, header, 36);
	assert_memory_not_equal(trace.text + 36, header + 36, 16);
	assert_string_equal(trace.text + 52, "-01");
	assert_int_equal(strlen(trace.text), TRACEPARENT_TEXT);
	assert_true(traceparent_continue(
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more", 60, &trace));
}

static void an_invalid_header_begins_a_new_trace(void **state)
{
	static const char *const bad[] = { "", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more" };
	struct traceparent trace, again;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(traceparent_continue(bad[i], strlen(bad[i]), &trace));
		assert_int_equal(strlen(trace.text), TRACEPARENT_TEXT);
		assert_memory_equal(trace.text + 3, trace.trace_id, TRACE_ID_TEXT);
		assert_true(traceparent_continue(
			trace.text, TRACEPARENT_TEXT, &again)); /* ours is valid itself */
		assert_string_equal(again.trace_id, trace.trace_id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_a_thread_rise_strictly),
		cmocka_unit_test(an_id_tells_when_it_was_made),
		cmocka_unit_test(ids_of_two_threads_are_different),
		cmocka_unit_test(text_makes_the_round_trip_in_lower_case),
		cmocka_unit_test(what_is_no_id_is_refused),
		cmocka_unit_test(a_trace_goes_on_under_a_new_parent),
		cmocka_unit_test(an_invalid_header_begins_a_new_trace),
	};

	return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
