#include "kit/json.h"
#include "kit/json_scan.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

/* Where the occurrences of each field are: found in a first pass, so that a second can write in the order of
 * the schema. */
struct occurrences {
	const uint8_t *at[JSON_MASK_FIELDS]; /* the first one of a repeated field, the last one of another */
	uint32_t count[JSON_MASK_FIELDS];
};

static const enum wire_type wire_types[] = {
	[FIELD_STRING] = WIRE_BYTES,
	[FIELD_BOOL] = WIRE_VARINT,
	[FIELD_INT32] = WIRE_VARINT,
	[FIELD_UINT32] = WIRE_VARINT,
	[FIELD_INT64] = WIRE_VARINT,
	[FIELD_UINT64] = WIRE_VARINT,
	[FIELD_ENUM] = WIRE_VARINT,
	[FIELD_BYTES] = WIRE_BYTES,
	[FIELD_TIMESTAMP] = WIRE_BYTES,
	[FIELD_MESSAGE] = WIRE_BYTES,
};

static void add_char(struct buffer *out, char c)
{
	*buffer_reserve(out, 1) = c;
	out->len++;
}

static void add_escape(struct buffer *out, unsigned char c)
{
	static const char letters[] = { ['\b'] = 'b',
		['\t'] = 't',
		['\n'] = 'n',
		['\f'] = 'f',
		['\r'] = 'r',
		['"'] = '"',
		['\\'] = '\\' };
	static const char digits[] = "0123456789abcdef";
	char *to = buffer_reserve(out, 6);

	if (letters[c]) {
		to[0] = '\\';
		to[1] = letters[c];
		out->len += 2;
	} else {
		memcpy(to, "\\u00", 4);
		to[4] = digits[c >> 4];
		to[5] = digits[c & 15];
		out->len += 6;
	}
}

void json_add_string(struct buffer *out, const char *bytes, size_t len)
{
	const char *end = bytes + len;

	*buffer_reserve(out, len + 2) = '"';
	out->len++;
	while (bytes < end) {
		const char *special = json_scan(bytes, end, false);
		size_t run = (size_t)(special - bytes);

		memcpy(buffer_reserve(out, run + 1), bytes, run);
		out->len += run;
		if (special < end)
			add_escape(out, (unsigned char)*special++);
		bytes = special;
	}
	add_char(out, '"');
	out->data[out->len] = '\0';
}

static void add_unsigned(struct buffer *out, uint64_t value)
{
	char digits[20], *at = digits + sizeof digits;

	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	size_t len = (size_t)(digits + sizeof digits - at);

	memcpy(buffer_reserve(out, len), at, len);
	out->len += len;
}

static void add_signed(struct buffer *out, int64_t value)
{
	if (value < 0)
		add_char(out, '-');
	add_unsigned(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* JavaScript's numbers hold 53 bits: 64-bit ones travel as strings (protobuf's mapping). */
static void add_quoted(struct buffer *out, uint64_t value, bool is_signed)
{
	add_char(out, '"');
	if (is_signed)
		add_signed(out, (int64_t)value);
	else
		add_unsigned(out, value);
	add_char(out, '"');
}

static void add_enum(struct buffer *out, const struct schema_enum *enumeration, int32_t number)
{
	const struct schema_enum_value *value = schema_enum_by_number(enumeration, number);

	if (value)
		json_add_string(out, value->name, strlen(value->name));
	else
		add_signed(out, number); /* of a newer version: protobuf's mapping allows the number */
}

static void add_base64(struct buffer *out, const char *bytes, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);

	add_char(out, '"');
	sodium_bin2base64(buffer_reserve(out, size), size, (const unsigned char *)bytes, len,
		sodium_base64_VARIANT_ORIGINAL);
	out->len += size - 1;
	add_char(out, '"');
}

static bool add_message(const struct schema_message *message, const void *wire, size_t len,
	const struct json_mask *only, struct buffer *out);

static bool add_value(const struct schema_field *field, const struct wire_field *from, struct buffer *out)
{
	int64_t unix_us;

	switch (field->type) {
	case FIELD_STRING:
		json_add_string(out, from->bytes, from->len);
		return true;
	case FIELD_BOOL:
		buffer_add_text(out, from->value ? "true" : "false");
		return true;
	case FIELD_INT32:
		add_signed(out, (int32_t)from->value);
		return true;
	case FIELD_UINT32:
		add_unsigned(out, (uint32_t)from->value);
		return true;
	case FIELD_INT64:
	case FIELD_UINT64:
		add_quoted(out, from->value, field->type == FIELD_INT64);
		return true;
	case FIELD_ENUM:
		add_enum(out, field->enumeration, (int32_t)from->value);
		return true;
	case FIELD_BYTES:
		add_base64(out, from->bytes, from->len);
		return true;
	case FIELD_TIMESTAMP:
		if (!wire_timestamp(from->bytes, from->len, &unix_us))
			return false;
		json_add_time(out, unix_us);
		return true;
	case FIELD_MESSAGE:
		return add_message(field->message, from->bytes, from->len, NULL, out);
	}
	return false;
}

/* `count` occurrences of the field stand at or behind `at`; others may stand between them. */
static bool add_values(
	const struct schema_field *field, const uint8_t *at, size_t len, uint32_t count, struct buffer *out)
{
	struct wire_reader reader = wire_reader(at, len);
	struct wire_field from;
	const char *separator = field->repeated ? "[" : "";

	for (uint32_t done = 0; done < count && wire_next(&reader, &from);) {
		if (from.number != field->number)
			continue;
		done++;
		buffer_add_text(out, separator);
		separator = ",";
		if (!add_value(field, &from, out))
			return false;
	}
	if (field->repeated)
		add_char(out, ']');
	return true;
}

/* Fields mostly stand on the wire as they stand in the schema: the one behind the last is tried first. */
static const struct schema_field *find_near(
	const struct schema_message *message, uint32_t number, size_t *near)
{
	for (size_t i = *near; i < message->count && i <= *near + 1; i++)
		if (message->fields[i].number == number) {
			*near = i;
			return &message->fields[i];
		}
	const struct schema_field *field = schema_field_by_number(message, number);

	if (field)
		*near = field->index;
	return field;
}

static bool find_occurrences(
	const struct schema_message *message, struct wire_reader reader, struct occurrences *found)
{
	const uint8_t *at = reader.at;
	struct wire_field from;
	size_t near = 0;

	memset(found->count, 0, message->count * sizeof *found->count);
	memset(found->at, 0, message->count * sizeof *found->at);
	for (; wire_next(&reader, &from); at = reader.at) {
		const struct schema_field *field = find_near(message, from.number, &near);

		if (!field)
			continue;
		if (from.type != wire_types[field->type])
			return false;
		if (!field->repeated || !found->count[field->index])
			found->at[field->index] = at;
		found->count[field->index] = field->repeated ? found->count[field->index] + 1 : 1;
	}
	return !reader.failed;
}

static void add_name(struct buffer *out, const struct schema_field *field, char before)
{
	char *to = buffer_reserve(out, field->json_len + 4);

	to[0] = before;
	to[1] = '"';
	memcpy(to + 2, field->json_name, field->json_len);
	to[field->json_len + 2] = '"';
	to[field->json_len + 3] = ':';
	out->len += field->json_len + 4;
}

static bool add_message(const struct schema_message *message, const void *wire, size_t len,
	const struct json_mask *only, struct buffer *out)
{
	struct wire_reader reader = wire_reader(wire, len);
	struct occurrences found;
	char before = '{';

	assert(message && message->count <= JSON_MASK_FIELDS);
	if (!find_occurrences(message, reader, &found))
		return false;
	for (size_t i = 0; i < message->count; i++) {
		const struct schema_field *field = &message->fields[i];

		if (!found.count[i] || (only && !json_mask_has(only, field)))
			continue;
		add_name(out, field, before);
		before = ',';
		if (!add_values(field, found.at[i], (size_t)(reader.end - found.at[i]), found.count[i], out))
			return false;
	}
	if (before == '{')
		add_char(out, '{');
	add_char(out, '}');
	return true;
}

/* The terminating NUL that struct buffer promises is written once at the end. */
static bool finish(struct buffer *out, size_t begun, bool written)
{
	if (!written)
		out->len = begun;
	*buffer_reserve(out, 1) = '\0';
	return written;
}

bool json_from_wire(const struct schema_message *message, const void *wire, size_t len,
	const struct json_mask *only, struct buffer *out)
{
	size_t begun = out->len;

	return finish(out, begun, add_message(message, wire, len, only, out));
}

bool json_write_repeated(const struct schema_field *field, const void *wire, size_t len, struct buffer *out)
{
	struct wire_reader reader = wire_reader(wire, len);
	struct wire_field from;
	size_t begun = out->len;
	bool sound = true;
	uint32_t count = 0;

	assert(field->repeated);
	while (wire_next(&reader, &from))
		if (from.number == field->number) {
			sound = sound && from.type == wire_types[field->type];
			count++;
		}
	sound = sound && !reader.failed;
	if (sound && !count)
		buffer_add_text(out, "[]");
	return finish(out, begun, sound && (!count || add_values(field, wire, len, count, out)));
}
