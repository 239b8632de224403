#include "database_harness.h"
#include "kit/consumer.h"
#include "kit/event.h"

/* What a consumer reads from a logged event; and that no bytes, however wrong, are more than refused. */

static struct principal *admin;

static int begin(void **state)
{
	(void)state;
	schema_get();
	database.arena = arena_new();
	admin = person_new(true, NULL, 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(database.arena);
	return 0;
}

static struct buffer logged(struct request *req, const uint8_t id[16])
{
	struct record *before = record_new(req->resource, req->arena),
		      *after = record_new(req->resource, req->arena);
	struct buffer out = { .arena = req->arena };
	uint8_t which[64];

	record_set_uuid(before, STANDARD_ID, id);
	record_set_uuid(after, STANDARD_ID, id);
	record_set_number(after, STANDARD_VERSION, 7);
	record_set_text(before, 16, "甲");
	record_set_text(after, 16, "乙");
	record_set_text(after, 25, "制造业");
	record_difference(before, after, which);
	struct event *event = event_of_change(req, "updated", before, after, which, 1700000000000000);

	wire_add_varint(&out, 1, 42);
	wire_add_varint(&out, 2, 3);
	wire_add_bytes(&out, 3, event->payload.data, event->payload.len);
	wire_add_bytes(&out, 4, event->audience.data, event->audience.len);
	return out;
}

static void an_event_is_read_with_its_place_subject_and_change(void **state)
{
	struct request *req = request_of(admin, "customers", VERB_UPDATE);
	struct consumer_event event;
	uint8_t id[16];

	(void)state;
	uuid_v7(id);
	struct buffer bytes = logged(req, id);

	assert_true(consumer_event_read("customer", bytes.data, bytes.len, req->arena, &event));
	assert_string_equal(event.stream, "customer");
	assert_true(event.position == 42 && event.epoch == 3 && event.version == 7);
	assert_string_equal(event.type, "guanxi.customer.customer.updated.v1");
	assert_ptr_equal(event.resource, req->resource);
	assert_memory_equal(event.subject_id, id, 16);
	assert_string_equal(record_text(event.before, 16), "甲");
	assert_string_equal(record_text(event.after, 16), "乙");
	assert_true(consumer_event_names(&event, "name"));
	assert_true(consumer_event_names(&event, "industry"));
	assert_false(consumer_event_names(&event, "nam"));
	assert_false(consumer_event_names(&event, "source"));
	request_free(req);
}

static void a_resource_that_is_not_known_here_is_no_fault(void **state)
{
	struct request *req = request_of(admin, "customers", VERB_UPDATE);
	struct consumer_event event;
	uint8_t id[16];

	(void)state;
	uuid_v7(id);
	struct buffer bytes = logged(req, id);
	char *subject = memmem(bytes.data, bytes.len, "customers/", 10);

	memcpy(subject, "gadgets_s/", 10); /* a newer service's */
	assert_true(consumer_event_read("customer", bytes.data, bytes.len, req->arena, &event));
	assert_null(event.resource);
	assert_null(event.before);
	request_free(req);
}

static void bytes_that_are_cut_or_changed_anywhere_are_read_or_refused_and_nothing_else(void **state)
{
	struct request *req = request_of(admin, "customers", VERB_UPDATE);
	uint8_t id[16];
	size_t refused = 0;

	(void)state;
	uuid_v7(id);
	struct buffer bytes = logged(req, id);

	for (size_t len = 0; len < bytes.len; len++) {
		struct arena *arena = arena_new();
		struct consumer_event event;
		char *exact = malloc(len + !len); /* so that a sanitizer sees a read beyond */

		memcpy(exact, bytes.data, len);
		refused += !consumer_event_read("customer", exact, len, arena, &event);
		free(exact);
		arena_free(arena);
	}
	assert_true(refused > bytes.len / 2);
	for (size_t at = 0; at < bytes.len; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct arena *arena = arena_new();
			struct consumer_event event;
			char *changed = malloc(bytes.len);

			memcpy(changed, bytes.data, bytes.len);
			changed[at] = (char)(changed[at] ^ 1 << bit);
			if (consumer_event_read("customer", changed, bytes.len, arena, &event))
				assert_non_null(event.type);
			free(changed);
			arena_free(arena);
		}
	request_free(req);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_read_with_its_place_subject_and_change),
		cmocka_unit_test(a_resource_that_is_not_known_here_is_no_fault),
		cmocka_unit_test(bytes_that_are_cut_or_changed_anywhere_are_read_or_refused_and_nothing_else),
	};

	return cmocka_run_group_tests_name("consumer", tests, begin, end);
}
