#include "kit/validate.h"
#include "kit/column.h"
#include "kit/json.h"
#include "kit/normalise.h"
#include "kit/service.h"
#include "kit/uuid.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A place in the record: for nested fields "/phones/0/number". */
struct place {
	struct request *req;
	const char *pointer;
};

static size_t characters(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

static const char *decimal(struct request *req, int64_t number)
{
	return arena_printf(req->arena, "%lld", (long long)number);
}

static enum status check_length(struct place at, const Guanxi__Field *rule, const char *text, size_t len)
{
	size_t count = characters(text, len);

	if (rule->has_max_length && count > rule->max_length)
		return fail_field(at.req, at.pointer, MSG_TOO_LONG, decimal(at.req, rule->max_length), NULL);
	if (rule->has_min_length && count < rule->min_length)
		return fail_field(at.req, at.pointer, MSG_TOO_SHORT, decimal(at.req, rule->min_length), NULL);
	return OK;
}

/* Each format: its normal form, or the message that says what is wrong. */
static bool normal_email(struct arena *arena, const char *text, size_t len, const char **out)
{
	return normalise_email(text, len, arena, out) == NORMALISED;
}

static bool normal_phone(struct arena *arena, const char *text, size_t len, const char **out)
{
	struct phone phone;

	if (normalise_phone(text, len, "86", arena, &phone) != NORMALISED)
		return false;
	*out = *phone.extension ? arena_printf(arena, "%s;ext=%s", phone.number, phone.extension)
				: phone.number;
	return true;
}

static bool normal_url(struct arena *arena, const char *text, size_t len, const char **out)
{
	return normalise_url(text, len, arena, out) == NORMALISED;
}

static bool normal_credit_code(struct arena *arena, const char *text, size_t len, const char **out)
{
	return normalise_credit_code(text, len, arena, out) == NORMALISED;
}

static bool normal_line(struct arena *arena, const char *text, size_t len, const char **out)
{
	return normalise_name(text, len, SIZE_MAX / 4, arena, out) == NORMALISED;
}

/* Several lines: kept as they are, but for what cannot be stored or shown. */
static bool normal_lines(struct arena *arena, const char *text, size_t len, const char **out)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\t' && text[i] != '\r')
			return false;
	*out = arena_strndup(arena, text, len);
	return true;
}

/* BCP 47 in its usual part: language, script, region; subtags of 1 to 8 letters or digits. */
static bool normal_language(struct arena *arena, const char *text, size_t len, const char **out)
{
	size_t run = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i == len || text[i] == '-') {
			if (run < 1 || run > 8)
				return false;
			run = 0;
		} else if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
				   text[i])) {
			return false;
		} else {
			run++;
		}
	}
	*out = arena_strndup(arena, text, len);
	return true;
}

#define ZONES "/usr/share/zoneinfo" /* of tzdata, which PostgreSQL needs as well */

/* A name of the IANA database; where that is not installed, whatever could be one. */
static bool normal_time_zone(struct arena *arena, const char *text, size_t len, const char **out)
{
	const char *name = arena_strndup(arena, text, len);

	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/") != len ||
		!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ", *name))
		return false;
	*out = name;
	return access(ZONES, F_OK) || !access(arena_printf(arena, ZONES "/%s", name), R_OK);
}

static const struct {
	bool (*normal)(struct arena *arena, const char *text, size_t len, const char **out);
	enum message message;
} formats[] = {
	[GUANXI__FORMAT__FORMAT_UNSPECIFIED] = { normal_line, MSG_BAD_TEXT },
	[GUANXI__FORMAT__FORMAT_EMAIL] = { normal_email, MSG_BAD_EMAIL },
	[GUANXI__FORMAT__FORMAT_PHONE] = { normal_phone, MSG_BAD_PHONE },
	[GUANXI__FORMAT__FORMAT_URL] = { normal_url, MSG_BAD_URL },
	[GUANXI__FORMAT__FORMAT_CREDIT_CODE] = { normal_credit_code, MSG_BAD_CREDIT_CODE },
	[GUANXI__FORMAT__FORMAT_DATE] = { normal_line, MSG_BAD_DATE },
	[GUANXI__FORMAT__FORMAT_MULTILINE] = { normal_lines, MSG_BAD_TEXT },
	[GUANXI__FORMAT__FORMAT_LANGUAGE] = { normal_language, MSG_BAD_LANGUAGE },
	[GUANXI__FORMAT__FORMAT_TIME_ZONE] = { normal_time_zone, MSG_BAD_TIME_ZONE },
	[GUANXI__FORMAT__FORMAT_EVENT_TYPE] = { normal_line, MSG_BAD_TEXT },
};

/* Appends the normalised text field to `out`; nothing when it is blank. */
static enum status check_text(
	struct place at, const struct schema_field *field, const struct wire_field *value, struct buffer *out)
{
	const char *normal;
	struct slice column;
	uint8_t id[16];
	char *id_text = arena_alloc(at.req->arena, 37);

	if (column_type(field) == COLUMN_UUID || field->reference) { /* also in a list */
		if (!uuid_from_text(value->bytes, value->len, id))
			return fail_field(at.req, at.pointer, MSG_BAD_ID, NULL);
		uuid_to_text(id, id_text);
		wire_add_text(out, field->number, id_text);
		return OK;
	}
	if (strspn(arena_strndup(at.req->arena, value->bytes, value->len), " \t\r\n") == value->len)
		return OK;
	if (!formats[field->rule->format].normal(at.req->arena, value->bytes, value->len, &normal)) {
		TRY(check_length(
			at, field->rule, value->bytes, value->len)); /* says more, where it applies */
		return fail_field(at.req, at.pointer, formats[field->rule->format].message, NULL);
	}
	/* What is stored has the limit: people write codes and numbers with spaces and dashes. */
	TRY(check_length(at, field->rule, normal, strlen(normal)));
	size_t from = out->len;

	wire_add_text(out, field->number, normal);
	if (column_type(field) == COLUMN_DATE &&
		!column_from_wire(
			field, (struct slice){ out->data + from, out->len - from }, at.req->arena, &column))
		return fail_field(at.req, at.pointer, MSG_BAD_DATE, NULL);
	return OK;
}

static const char *enum_names(struct request *req, const struct schema_enum *e)
{
	struct buffer out = { .arena = req->arena };

	for (size_t i = 1; i < e->count; i++)
		buffer_printf(&out, "%s%s", i > 1 ? ", " : "", e->values[i].name);
	return out.data;
}

static enum status check_number(
	struct place at, const struct schema_field *field, const struct wire_field *value, struct buffer *out)
{
	int64_t number = (int64_t)value->value;

	if (field->type == FIELD_ENUM &&
		(number == 0 || !schema_enum_by_number(field->enumeration, (int32_t)number)))
		return fail_field(
			at.req, at.pointer, MSG_BAD_ENUM, enum_names(at.req, field->enumeration), NULL);
	if (field->rule->has_minimum && number < field->rule->minimum)
		return fail_field(
			at.req, at.pointer, MSG_TOO_SMALL, decimal(at.req, field->rule->minimum), NULL);
	if (field->rule->has_maximum && number > field->rule->maximum)
		return fail_field(at.req, at.pointer, MSG_TOO_LARGE_NUMBER,
			decimal(at.req, field->rule->maximum), NULL);
	wire_add_varint(out, field->number, value->value);
	return OK;
}

static enum status check_time(
	struct place at, const struct schema_field *field, const struct wire_field *value, struct buffer *out)
{
	int64_t us;

	if (!wire_timestamp(value->bytes, value->len, &us))
		return fail_field(at.req, at.pointer, MSG_BAD_TIME, NULL);
	wire_add_timestamp(out, field->number, us);
	return OK;
}

static enum status check_message(struct place at, const struct schema_field *field,
	const struct wire_field *value, struct buffer *out);

static enum status check_value(
	struct place at, const struct schema_field *field, const struct wire_field *value, struct buffer *out)
{
	switch (field->type) {
	case FIELD_STRING:
		return check_text(at, field, value, out);
	case FIELD_TIMESTAMP:
		return check_time(at, field, value, out);
	case FIELD_MESSAGE:
		return check_message(at, field, value, out);
	default:
		return check_number(at, field, value, out);
	}
}

/* Nested messages are flat and small: one pass over the wire for each field puts them in order. */
static enum status check_message(
	struct place at, const struct schema_field *field, const struct wire_field *value, struct buffer *out)
{
	const struct schema_message *m = field->message;
	enum status status = OK;
	size_t begun = wire_begin(out, field->number);

	for (size_t i = 0; i < m->count; i++) {
		struct wire_field part;
		struct place inner = { at.req,
			arena_printf(at.req->arena, "%s/%s", at.pointer, m->fields[i].json_name) };
		size_t from = out->len;

		if (wire_find(value->bytes, value->len, m->fields[i].number, &part) &&
			check_value(inner, &m->fields[i], &part, out) != OK)
			status = INVALID;
		else if (m->fields[i].rule->required && out->len == from)
			status = fail_field(at.req, inner.pointer, MSG_REQUIRED, NULL);
	}
	wire_end(out, begun);
	return status;
}

static enum status check_field(struct request *req, struct record *record, const struct schema_field *field)
{
	struct slice wire = record->fields[field->index];
	struct wire_reader reader = wire_reader(wire.data, wire.len);
	struct wire_field value;
	struct buffer out = { .arena = req->arena };
	enum status status = OK;
	unsigned n = 0;

	for (; wire_next(&reader, &value); n++) {
		struct place at = { req, field->repeated
						 ? arena_printf(req->arena, "/%s/%u", field->json_name, n)
						 : arena_printf(req->arena, "/%s", field->json_name) };

		if (check_value(at, field, &value, &out) != OK)
			status = INVALID;
	}
	if (field->rule->has_max_items && n > field->rule->max_items)
		status = fail_field(req, arena_printf(req->arena, "/%s", field->json_name), MSG_TOO_MANY,
			decimal(req, field->rule->max_items), NULL);
	record->fields[field->index] = (struct slice){ out.data, out.len };
	return status;
}

static enum status check_required(
	struct request *req, const struct record *record, const struct schema_field *field)
{
	if (!field->rule->required || record->fields[field->index].len)
		return OK;
	return fail_field(req, arena_printf(req->arena, "/%s", field->json_name), MSG_REQUIRED, NULL);
}

static void add_default(struct record *record, const struct schema_field *field)
{
	const char *text = field->rule->default_value;
	struct timespec now;

	if (!text || record->fields[field->index].len)
		return;
	if (field->type == FIELD_ENUM)
		record_set_number(record, field->number,
			schema_enum_by_name(field->enumeration, text, strlen(text))->number);
	else if (field->type == FIELD_BOOL)
		record_set_number(record, field->number, !strcmp(text, "true"));
	else if (field->type >= FIELD_INT32 && field->type <= FIELD_UINT64)
		record_set_number(record, field->number, strtoll(text, NULL, 10));
	else if (field->type == FIELD_TIMESTAMP && !clock_gettime(CLOCK_REALTIME, &now))
		record_set_time(record, field->number, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	else
		record_set_text(record, field->number, text);
}

enum status validate_create(struct request *req, struct record *record)
{
	const struct schema_message *m = record->resource->message;
	enum status status = OK;

	for (size_t i = 0; i < m->count; i++) {
		add_default(record, &m->fields[i]);
		if (check_field(req, record, &m->fields[i]) != OK ||
			check_required(req, record, &m->fields[i]) != OK)
			status = INVALID;
	}
	return status;
}

enum status validate_update(struct request *req, struct record *record, const uint32_t *fields, size_t count)
{
	enum status status = OK;

	for (size_t i = 0; i < count; i++) {
		const struct schema_field *field =
			schema_field_by_number(record->resource->message, fields[i]);

		if (!field || field->rule->output_only || field->number <= STANDARD_DELETE_TIME)
			return fail(req, INVALID, MSG_INVALID, NULL);
		if (check_field(req, record, field) != OK || check_required(req, record, field) != OK)
			status = INVALID;
	}
	return status;
}

/* One field of a method's input. What it would be normalised to is not kept: the method reads what was sent.
 */
static enum status check_input(struct request *req, const struct schema_field *field)
{
	struct wire_reader reader = wire_reader(req->body, req->body_len);
	struct buffer out = { .arena = req->arena };
	const char *pointer = arena_printf(req->arena, "/%s", field->json_name);
	enum status status = OK;
	struct wire_field value;
	unsigned n = 0;

	while (wire_next(&reader, &value)) {
		if (value.number != field->number)
			continue;
		if (check_value((struct place){ req, field->repeated
							     ? arena_printf(req->arena, "%s/%u", pointer, n)
							     : pointer },
			    field, &value, &out) != OK)
			status = INVALID;
		n++;
	}
	if (field->rule->has_max_items && n > field->rule->max_items)
		return fail_field(req, pointer, MSG_TOO_MANY, decimal(req, field->rule->max_items), NULL);
	if (status == OK && field->rule->required && !out.len)
		return fail_field(req, pointer, MSG_REQUIRED, NULL);
	return reader.failed ? fail(req, INVALID, MSG_INVALID, NULL) : status;
}

enum status validate_input(struct request *req)
{
	const struct schema_method *method =
		req->method->internal ? NULL : schema_method_find(req->method->name);
	enum status status = OK;

	if (!method || !method->path) /* of the services among themselves */
		return OK;
	if (!req->principal && !method->anonymous)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (method->administrators_only && (!req->principal || !req->principal->administrator))
		return fail(req, FORBIDDEN, MSG_FORBIDDEN, NULL);
	for (size_t i = 0; i < method->input->count; i++)
		if (!method->input->fields[i].rule->output_only &&
			check_input(req, &method->input->fields[i]) != OK)
			status = INVALID;
	return status;
}
