#include "kit/column.h"
#include "kit/json.h"
#include "kit/uuid.h"
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSTGRES_EPOCH_US   946684800000000
#define POSTGRES_EPOCH_DAYS 10957 /* from 1970-01-01 to 2000-01-01 */

enum column_type column_type(const struct schema_field *field)
{
	if (field->repeated || field->type == FIELD_MESSAGE)
		return COLUMN_JSON;
	switch (field->type) {
	case FIELD_STRING:
		if ((field->number == STANDARD_ID && !strcmp(field->name, "id")) || field->reference)
			return COLUMN_UUID;
		return field->rule->format == GUANXI__FORMAT__FORMAT_DATE ? COLUMN_DATE : COLUMN_TEXT;
	case FIELD_BOOL:
		return COLUMN_BOOLEAN;
	case FIELD_ENUM:
	case FIELD_INT32:
	case FIELD_UINT32:
		return COLUMN_INTEGER;
	case FIELD_INT64:
	case FIELD_UINT64:
		return COLUMN_BIGINT;
	case FIELD_TIMESTAMP:
		return COLUMN_TIMESTAMPTZ;
	default:
		assert(!"a type that no resource stores");
		return COLUMN_TEXT;
	}
}

static const struct {
	uint32_t oid;
	const char *name;
} columns[] = {
	[COLUMN_TEXT] = { 25, "text" },
	[COLUMN_UUID] = { 2950, "uuid" },
	[COLUMN_DATE] = { 1082, "date" },
	[COLUMN_TIMESTAMPTZ] = { 1184, "timestamptz" },
	[COLUMN_BOOLEAN] = { 16, "boolean" },
	[COLUMN_INTEGER] = { 23, "integer" },
	[COLUMN_BIGINT] = { 20, "bigint" },
	[COLUMN_JSON] = { 114, "json" },
};

uint32_t column_oid(enum column_type type)
{
	return columns[type].oid;
}

const char *column_sql_name(enum column_type type)
{
	return columns[type].name;
}

/* Civil calendar from days since 1970-01-01, proleptic Gregorian: H. Hinnant, "chrono-Compatible Low-Level
 * Date Algorithms". */
static void date_of_days(int64_t days, int *year_out, unsigned *month_out, unsigned *day_out)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned of_era = (unsigned)(days - era * 146097);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned m = (5 * of_year + 2) / 153;

	*day_out = of_year - (153 * m + 2) / 5 + 1;
	*month_out = m < 10 ? m + 3 : m - 9;
	*year_out = (int)(year + era * 400) + (*month_out <= 2);
}

static int64_t days_of_date(int year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned of_era = (unsigned)(year - era * 400);
	unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static uint64_t big_endian(const void *value, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n = n << 8 | ((const uint8_t *)value)[i];
	return n;
}

const char *column_date_text(const void *value, struct arena *arena)
{
	int year;
	unsigned month, day;

	date_of_days((int32_t)big_endian(value, 4) + POSTGRES_EPOCH_DAYS, &year, &month, &day);
	return arena_printf(arena, "%04d-%02u-%02u", year, month, day);
}

void column_to_wire(const struct schema_field *field, const void *value, size_t len, struct buffer *out)
{
	char text[40];

	switch (column_type(field)) {
	case COLUMN_TEXT:
		wire_add_bytes(out, field->number, value, len);
		return;
	case COLUMN_UUID:
		uuid_to_text(value, text);
		wire_add_bytes(out, field->number, text, 36);
		return;
	case COLUMN_DATE:
		wire_add_text(out, field->number, column_date_text(value, out->arena));
		return;
	case COLUMN_TIMESTAMPTZ:
		wire_add_timestamp(out, field->number, (int64_t)big_endian(value, 8) + POSTGRES_EPOCH_US);
		return;
	case COLUMN_BOOLEAN:
		wire_add_varint(out, field->number, *(const char *)value != 0);
		return;
	case COLUMN_INTEGER: /* negative numbers are sign-extended to 64 bits on the wire */
		wire_add_varint(out, field->number, (uint64_t)(int64_t)(int32_t)big_endian(value, 4));
		return;
	case COLUMN_BIGINT:
		wire_add_varint(out, field->number, big_endian(value, 8));
		return;
	case COLUMN_JSON:
		if (!json_read_repeated(field, value, len, out))
			assert(!"a json column that is no array of its messages");
		return;
	}
}

static bool read_date(const char *text, size_t len, struct arena *arena, struct slice *value_out)
{
	int year, used = 0;
	unsigned month, day, m, d;
	char copy[11];

	if (len != 10)
		return false;
	memcpy(copy, text, 10);
	copy[10] = '\0';
	if (sscanf(copy, "%4d-%2u-%2u%n", &year, &month, &day, &used) != 3 || used != 10 || month < 1 ||
		month > 12 || day < 1 || year < 1)
		return false;
	int64_t days = days_of_date(year, month, day);

	date_of_days(days, &year, &m, &d);
	if (m != month || d != day) /* 30 February */
		return false;
	uint32_t big = htobe32((uint32_t)(int32_t)(days - POSTGRES_EPOCH_DAYS));

	*value_out = (struct slice){ arena_strndup(arena, (const char *)&big, 4), 4 };
	return true;
}

static struct slice integer(uint64_t value, size_t len, struct arena *arena)
{
	uint64_t big = htobe64(value);

	return (struct slice){ arena_strndup(arena, (const char *)&big + 8 - len, len), len };
}

static bool read_uuid(const char *text, size_t len, struct arena *arena, struct slice *value_out)
{
	uint8_t id[16];

	if (!uuid_from_text(text, len, id))
		return false;
	*value_out = (struct slice){ arena_strndup(arena, (const char *)id, 16), 16 };
	return true;
}

static struct slice json_text(const struct schema_field *field, struct slice wire, struct arena *arena)
{
	struct buffer out = { .arena = arena };

	if (!json_write_repeated(field, wire.data, wire.len, &out))
		assert(!"a record with malformed messages in it");
	return (struct slice){ out.data, out.len };
}

bool column_from_wire(
	const struct schema_field *field, struct slice wire, struct arena *arena, struct slice *value_out)
{
	struct wire_reader reader = wire_reader(wire.data, wire.len);
	struct wire_field value;
	int64_t us;

	if (column_type(field) == COLUMN_JSON) {
		*value_out = json_text(field, wire, arena);
		return true;
	}
	if (!wire_next(&reader, &value))
		return false;
	switch (column_type(field)) {
	case COLUMN_UUID:
		return read_uuid(value.bytes, value.len, arena, value_out);
	case COLUMN_DATE:
		return read_date(value.bytes, value.len, arena, value_out);
	case COLUMN_TIMESTAMPTZ:
		if (!wire_timestamp(value.bytes, value.len, &us))
			return false;
		*value_out = integer((uint64_t)(us - POSTGRES_EPOCH_US), 8, arena);
		return true;
	case COLUMN_BOOLEAN:
		*value_out = (struct slice){ value.value ? "\1" : "\0", 1 };
		return true;
	case COLUMN_INTEGER:
		*value_out = integer(value.value, 4, arena);
		return true;
	case COLUMN_BIGINT:
		*value_out = integer(value.value, 8, arena);
		return true;
	default:
		*value_out = (struct slice){ value.bytes, value.len };
		return true;
	}
}

static bool integer_from_text(
	const char *text, size_t len, int64_t low, int64_t high, struct arena *arena, struct slice *out)
{
	char *end;

	errno = 0;
	long long number = strtoll(text, &end, 10);

	if (errno || end == text || *end || number < low || number > high || *text == ' ' || *text == '+')
		return false;
	*out = integer((uint64_t)number, len, arena);
	return true;
}

bool column_from_text(
	const struct schema_field *field, const char *text, struct arena *arena, struct slice *value_out)
{
	int64_t us;

	if (field->type == FIELD_ENUM) {
		const struct schema_enum_value *v =
			schema_enum_by_name(field->enumeration, text, strlen(text));

		if (v)
			*value_out = integer((uint64_t)v->number, 4, arena);
		return v;
	}
	switch (column_type(field)) {
	case COLUMN_UUID:
		return read_uuid(text, strlen(text), arena, value_out);
	case COLUMN_DATE:
		return read_date(text, strlen(text), arena, value_out);
	case COLUMN_TIMESTAMPTZ:
		if (!json_read_time(text, strlen(text), &us))
			return false;
		*value_out = integer((uint64_t)(us - POSTGRES_EPOCH_US), 8, arena);
		return true;
	case COLUMN_BOOLEAN:
		*value_out = (struct slice){ !strcmp(text, "true") ? "\1" : "\0", 1 };
		return !strcmp(text, "true") || !strcmp(text, "false");
	case COLUMN_INTEGER:
		return integer_from_text(text, 4, INT32_MIN, INT32_MAX, arena, value_out);
	case COLUMN_BIGINT:
		return integer_from_text(text, 8, INT64_MIN, INT64_MAX, arena, value_out);
	case COLUMN_TEXT:
		*value_out = (struct slice){ text, strlen(text) };
		return true;
	default:
		return false;
	}
}
