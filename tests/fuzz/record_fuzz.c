/*
 * Records from any bytes. Input: one byte chooses the resource, the rest is protobuf wire format.
 *  - what is taken encodes to bytes that are taken again and give the same record;
 *  - protobuf-c, where it takes the input too, sees the same name in it;
 *  - what validation lets pass can be stored: each field has a value for its column, which makes the round
 * trip, and validation takes its own normal form without changing it.
 */
#include "guanxi/customer/v1/customer.pb-c.h"
#include "kit/column.h"
#include "kit/record.h"
#include "kit/service.h"
#include "kit/validate.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUSTOMER_NAME = 16 };

static bool same(const struct record *a, const struct record *b)
{
	for (size_t i = 0; i < a->resource->message->count; i++)
		if (a->fields[i].len != b->fields[i].len ||
			(a->fields[i].len && memcmp(a->fields[i].data, b->fields[i].data, a->fields[i].len)))
			return false;
	return true;
}

static void check_columns(const struct record *record)
{
	for (size_t i = 0; i < record->resource->message->count; i++) {
		const struct schema_field *f = &record->resource->message->fields[i];
		struct buffer wire = { .arena = record->arena };
		struct slice value, again;

		if (!record->fields[i].len)
			continue;
		bool stored = column_from_wire(f, record->fields[i], record->arena, &value);

		assert(stored);
		column_to_wire(f, value.data, value.len, &wire);
		stored = column_from_wire(f, (struct slice){ wire.data, wire.len }, record->arena, &again);
		assert(stored && again.len == value.len &&
			(!value.len || !memcmp(again.data, value.data, value.len)));
	}
}

static void check_validation(const struct record *given)
{
	static const struct resource none[] = { { 0 } };
	static const struct service service = { .name = "customer", .resources = none };
	struct request *req = request_for_job(&service, &principal_system);
	struct record *record = record_copy(given);

	for (size_t i = 0; i < record->resource->message->count; i++)
		if (record->resource->message->fields[i].rule->output_only)
			record->fields[i] = (struct slice){ 0 };
	if (validate_create(req, record) == OK) {
		struct record *again = record_copy(record);

		enum status status = validate_create(req, again);
		assert(status == OK && same(record, again));
		check_columns(record);
	} else {
		assert(req->problem && req->problem->error_count);
	}
	request_free(req);
}

static void check_against_protobuf_c(const struct record *record, const uint8_t *data, size_t size)
{
	Guanxi__Customer__V1__Customer *customer = guanxi__customer__v1__customer__unpack(NULL, size, data);

	if (!customer)
		return;
	const char *name = record_text(record, CUSTOMER_NAME);

	assert(!name == !customer->name);
	assert(!name || !strcmp(name, customer->name));
	guanxi__customer__v1__customer__free_unpacked(customer, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const collections[] = { "customers", "contacts", "activities", "jobs" };

	if (!size)
		return 0;
	schema_get();
	const struct schema_resource *resource = schema_resource_find(collections[data[0] % 4]);
	struct arena *arena = arena_new();
	struct record *record = record_new(resource, arena), *again = record_new(resource, arena);
	struct buffer first = { .arena = arena }, second = { .arena = arena };

	if (record_parse(record, data + 1, size - 1)) {
		record_encode(record, &first);
		bool taken = record_parse(again, first.data, first.len);

		assert(taken);
		record_encode(again, &second);
		assert(first.len == second.len &&
			(!first.len || !memcmp(first.data, second.data, first.len)));
		check_validation(record);
		if (data[0] % 4 == 0)
			check_against_protobuf_c(record, data + 1, size - 1);
	}
	arena_free(arena);
	return 0;
}
