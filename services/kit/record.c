#include "kit/record.h"
#include "kit/uuid.h"
#include <assert.h>
#include <string.h>

struct record *record_new(const struct schema_resource *resource, struct arena *arena)
{
	struct record *record = arena_alloc(arena, sizeof *record);

	*record = (struct record){ resource, arena,
		arena_zalloc(arena, resource->message->count * sizeof(struct slice)) };
	return record;
}

struct record *record_copy(const struct record *record)
{
	struct record *copy = record_new(record->resource, record->arena);

	memcpy(copy->fields, record->fields, record->resource->message->count * sizeof *record->fields);
	return copy;
}

static enum wire_type wire_type_of(const struct schema_field *field)
{
	switch (field->type) {
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_TIMESTAMP:
	case FIELD_MESSAGE:
		return WIRE_BYTES;
	default:
		return WIRE_VARINT;
	}
}

/* Occurrences of a repeated field usually stand together; those that do not are joined in a copy. */
static void add_occurrence(
	struct record *record, const struct schema_field *field, const char *from, size_t len)
{
	struct slice *slice = &record->fields[field->index];

	if (!field->repeated || !slice->len) {
		*slice = (struct slice){ from, len };
	} else if (slice->data + slice->len == from) {
		slice->len += len;
	} else {
		char *joined = arena_alloc(record->arena, slice->len + len);

		memcpy(joined, slice->data, slice->len);
		memcpy(joined + slice->len, from, len);
		*slice = (struct slice){ joined, slice->len + len };
	}
}

bool record_parse(struct record *record, const void *wire, size_t len)
{
	struct wire_reader reader = wire_reader(wire, len);
	struct wire_field f;

	for (const uint8_t *from = reader.at; wire_next(&reader, &f); from = reader.at) {
		const struct schema_field *field =
			schema_field_by_number(record->resource->message, f.number);

		if (!field)
			continue;
		if (f.type != wire_type_of(field))
			return false;
		add_occurrence(record, field, (const char *)from, (size_t)(reader.at - from));
	}
	return !reader.failed;
}

void record_encode(const struct record *record, struct buffer *out)
{
	buffer_reserve(out, 0);
	for (size_t i = 0; i < record->resource->message->count; i++)
		if (record->fields[i].len)
			buffer_add(out, record->fields[i].data, record->fields[i].len);
}

void record_encode_some(const struct record *record, const uint8_t *which, struct buffer *out)
{
	buffer_reserve(out, 0);
	for (size_t i = 0; i < record->resource->message->count; i++)
		if (which[i] && record->fields[i].len)
			buffer_add(out, record->fields[i].data, record->fields[i].len);
}

static struct slice *slot(const struct record *record, uint32_t number)
{
	const struct schema_field *field = schema_field_by_number(record->resource->message, number);

	assert(field);
	return &record->fields[field->index];
}

static bool first(const struct record *record, uint32_t number, struct wire_field *value_out)
{
	struct slice *slice = slot(record, number);
	struct wire_reader reader = wire_reader(slice->data, slice->len);

	return slice->len && wire_next(&reader, value_out);
}

bool record_has(const struct record *record, uint32_t number)
{
	return slot(record, number)->len;
}

const char *record_text(const struct record *record, uint32_t number)
{
	struct wire_field value;

	return first(record, number, &value) ? arena_strndup(record->arena, value.bytes, value.len) : NULL;
}

int64_t record_number(const struct record *record, uint32_t number)
{
	struct wire_field value;

	return first(record, number, &value) ? (int64_t)value.value : 0;
}

int64_t record_time(const struct record *record, uint32_t number)
{
	struct wire_field value;
	int64_t us = 0;

	if (first(record, number, &value) && !wire_timestamp(value.bytes, value.len, &us))
		us = 0;
	return us;
}

const uint8_t *record_uuid(const struct record *record, uint32_t number)
{
	struct wire_field value;
	uint8_t *id = arena_alloc(record->arena, 16);

	return first(record, number, &value) && uuid_from_text(value.bytes, value.len, id) ? id : NULL;
}

void record_clear(struct record *record, uint32_t number)
{
	*slot(record, number) = (struct slice){ 0 };
}

void record_set_wire(struct record *record, uint32_t number, struct slice wire)
{
	*slot(record, number) = wire;
}

void record_set_text(struct record *record, uint32_t number, const char *text)
{
	struct buffer out = { .arena = record->arena };

	wire_add_text(&out, number, text);
	*slot(record, number) = (struct slice){ out.data, out.len };
}

void record_set_number(struct record *record, uint32_t number, int64_t value)
{
	struct buffer out = { .arena = record->arena };

	wire_add_varint(&out, number, (uint64_t)value);
	*slot(record, number) = (struct slice){ out.data, out.len };
}

void record_set_time(struct record *record, uint32_t number, int64_t unix_us)
{
	struct buffer out = { .arena = record->arena };

	wire_add_timestamp(&out, number, unix_us);
	*slot(record, number) = (struct slice){ out.data, out.len };
}

void record_set_uuid(struct record *record, uint32_t number, const uint8_t id[16])
{
	char text[37];

	uuid_to_text(id, text);
	record_set_text(record, number, text);
}

size_t record_difference(const struct record *before, const struct record *after, uint8_t *which_out)
{
	size_t count = 0;

	for (size_t i = 0; i < before->resource->message->count; i++) {
		uint32_t number = before->resource->message->fields[i].number;
		const struct slice *a = &before->fields[i], *b = &after->fields[i];

		which_out[i] = number != STANDARD_VERSION && number != STANDARD_UPDATE_TIME &&
			       (a->len != b->len || (a->len && memcmp(a->data, b->data, a->len)));
		count += which_out[i];
	}
	return count;
}
