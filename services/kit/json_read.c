#include "kit/json.h"
#include "kit/json_scan.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

/* Where in the document the reader is: made into a JSON pointer only when something is wrong. */
struct path {
	const struct path *up;
	struct slice name; /* data is NULL in a list */
	size_t index;
};

struct decoder {
	const char *begin, *at, *end;
	struct arena *arena;
	const struct path *path;
	unsigned depth;
	enum json_mode mode;
	bool trusted;            /* our own text: see json_read_repeated */
	struct problem *problem; /* NULL while all is well */
	struct json_result *top; /* whose `fields` are filled by the outermost object; NULL: nobody's */
	uint32_t *fields;
};

/*
 * The functions that read return false only when the document is broken and reading must end. A value that is
 * JSON but refused is recorded, skipped, and true is returned: the rest is still looked at.
 */
typedef bool value_reader(struct decoder *d, const struct schema_field *field, struct buffer *out);

/* --- telling what is wrong --- */

static bool broken(struct decoder *d, enum message what)
{
	unsigned line = 1, column = 1;

	for (const char *c = d->begin; c < d->at; c++) {
		column += (*c & 0xc0) != 0x80;
		if (*c == '\n')
			line++, column = 1;
	}
	d->problem = problem_new(d->arena, MSG_JSON_SYNTAX, arena_printf(d->arena, "%u", line),
		arena_printf(d->arena, "%u", column), problem_message(d->arena, what), NULL);
	return false;
}

static void add_pointer(struct buffer *out, const struct path *path)
{
	if (!path)
		return;
	add_pointer(out, path->up);
	if (!path->name.data) {
		buffer_printf(out, "/%zu", path->index);
		return;
	}
	buffer_add_text(out, "/");
	for (size_t i = 0; i < path->name.len; i++) {
		char c = path->name.data[i];

		buffer_add(out, c == '~' ? "~0" : c == '/' ? "~1" : &c, c == '~' || c == '/' ? 2 : 1);
	}
}

/* Only the first arguments that a message has are looked at. */
static void refuse_with(struct decoder *d, enum message message, const char *first, const char *second)
{
	struct buffer pointer = { .arena = d->arena };

	buffer_add_text(&pointer, "");
	add_pointer(&pointer, d->path);
	if (!d->problem)
		d->problem = problem_new(d->arena, MSG_INVALID, NULL);
	problem_add_error(d->problem, pointer.data, message, first, second, NULL);
}

static void refuse(struct decoder *d, enum message message)
{
	refuse_with(d, message, NULL, NULL);
}

/* --- tokens --- */

static void skip_space(struct decoder *d)
{
	while (d->at < d->end && (*d->at == ' ' || *d->at == '\n' || *d->at == '\t' || *d->at == '\r'))
		d->at++;
}

static bool is_next(const struct decoder *d, char c)
{
	return d->at < d->end && *d->at == c;
}

static bool take(struct decoder *d, char c)
{
	bool there = is_next(d, c);

	d->at += there;
	return there;
}

static bool take_literal(struct decoder *d, const char *literal)
{
	size_t len = strlen(literal);

	if ((size_t)(d->end - d->at) < len || memcmp(d->at, literal, len))
		return false;
	d->at += len;
	return true;
}

static bool is_digit_next(const struct decoder *d)
{
	return d->at < d->end && *d->at >= '0' && *d->at <= '9';
}

/* At least one digit. */
static bool skip_digits(struct decoder *d)
{
	if (!is_digit_next(d))
		return broken(d, MSG_JSON_BAD_NUMBER);
	while (is_digit_next(d))
		d->at++;
	return true;
}

/* RFC 8259 section 6. */
static bool skip_number(struct decoder *d, bool *whole_out)
{
	*whole_out = true;
	take(d, '-');
	if (!take(d, '0')) {
		if (!skip_digits(d))
			return false;
	} else if (is_digit_next(d)) {
		return broken(d, MSG_JSON_BAD_NUMBER);
	}
	if (take(d, '.')) {
		*whole_out = false;
		if (!skip_digits(d))
			return false;
	}
	if (take(d, 'e') || take(d, 'E')) {
		*whole_out = false;
		if (!take(d, '+'))
			take(d, '-');
		return skip_digits(d);
	}
	return true;
}

/* Moves over characters that stand for themselves; false at bad UTF-8. */
static bool skip_plain(struct decoder *d)
{
	for (;;) {
		d->at = json_scan(d->at, d->end, true);
		if (d->at == d->end || !(*d->at & 0x80))
			return true;
		do {
			size_t sequence = json_utf8_sequence(d->at, d->end);

			if (!sequence)
				return broken(d, MSG_JSON_BAD_UNICODE);
			d->at += sequence;
		} while (d->at < d->end && *d->at & 0x80);
	}
}

static bool take_hex4(struct decoder *d, unsigned *value_out)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		char c = d->at < d->end ? *d->at : '\0';
		char letter = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			value = value * 16 + (unsigned)(c - '0');
		else if (letter >= 'a' && letter <= 'f')
			value = value * 16 + (unsigned)(letter - 'a' + 10);
		else
			return broken(d, d->at < d->end ? MSG_JSON_BAD_ESCAPE : MSG_JSON_UNTERMINATED);
		d->at++;
	}
	*value_out = value;
	return true;
}

static void add_utf8(struct buffer *out, unsigned c)
{
	char *to = buffer_reserve(out, 4);
	size_t n = 0;

	if (c < 0x80) {
		to[n++] = (char)c;
	} else if (c < 0x800) {
		to[n++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		to[n++] = (char)(0xe0 | c >> 12);
		to[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		to[n++] = (char)(0xf0 | c >> 18);
		to[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		to[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		to[n++] = (char)(0x80 | (c & 0x3f));
	out->len += n;
}

/* Behind "\u". A character beyond U+FFFF is two of them. */
static bool take_unicode_escape(struct decoder *d, struct buffer *out)
{
	unsigned first = 0, second = 0;

	if (!take_hex4(d, &first))
		return false;
	if (!first)
		return broken(d, MSG_JSON_NUL);
	if (first >= 0xd800 && first < 0xe000) {
		if (first >= 0xdc00 || !take_literal(d, "\\u"))
			return broken(d, MSG_JSON_BAD_UNICODE);
		if (!take_hex4(d, &second))
			return false;
		if (second < 0xdc00 || second > 0xdfff)
			return broken(d, MSG_JSON_BAD_UNICODE);
		first = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
	}
	add_utf8(out, first);
	return true;
}

/* Behind the backslash. */
static bool take_escape(struct decoder *d, struct buffer *out)
{
	static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *escape;

	if (d->at == d->end)
		return broken(d, MSG_JSON_UNTERMINATED);
	if (take(d, 'u'))
		return take_unicode_escape(d, out);
	escape = *d->at ? strchr(escapes, *d->at) : NULL;
	if (!escape)
		return broken(d, MSG_JSON_BAD_ESCAPE);
	d->at++;
	buffer_add(out, &meanings[escape - escapes], 1);
	return true;
}

/* At an opening quote. The text is borrowed from the input unless it holds escapes. */
static bool take_string(struct decoder *d, struct slice *text_out)
{
	const char *begin = ++d->at;
	struct buffer unescaped = { .arena = d->arena };

	for (;;) {
		if (!skip_plain(d))
			return false;
		if (d->at == d->end)
			return broken(d, MSG_JSON_UNTERMINATED);
		if ((unsigned char)*d->at < 0x20)
			return broken(d, *d->at ? MSG_JSON_CONTROL_CHARACTER : MSG_JSON_NUL);
		if (*d->at == '"')
			break;
		buffer_add(&unescaped, begin, (size_t)(d->at++ - begin));
		if (!take_escape(d, &unescaped))
			return false;
		begin = d->at;
	}
	size_t run = (size_t)(d->at++ - begin);

	*text_out = (struct slice){ begin, run };
	if (unescaped.data) {
		buffer_add(&unescaped, begin, run);
		*text_out = (struct slice){ unescaped.data, unescaped.len };
	}
	return true;
}

static bool enter(struct decoder *d)
{
	if (d->depth == JSON_DEPTH_MAX)
		return broken(d, MSG_JSON_TOO_DEEP);
	d->depth++;
	d->at++;
	return true;
}

/* Behind a value in a list or object: sets whether another follows. */
static bool take_separator(struct decoder *d, char closing, bool *more_out)
{
	skip_space(d);
	*more_out = take(d, ',');
	if (*more_out)
		return true;
	if (!take(d, closing))
		return broken(d, d->at == d->end ? MSG_JSON_UNTERMINATED : MSG_JSON_COMMA_EXPECTED);
	d->depth--;
	return true;
}

/* Behind the opening bracket: whether it is closed at once. */
static bool take_empty(struct decoder *d, char closing)
{
	skip_space(d);
	if (!take(d, closing))
		return false;
	d->depth--;
	return true;
}

/* A name and its colon. */
static bool take_name(struct decoder *d, struct slice *name_out)
{
	skip_space(d);
	if (!is_next(d, '"'))
		return broken(d, d->at == d->end ? MSG_JSON_UNTERMINATED : MSG_JSON_NAME_EXPECTED);
	if (!take_string(d, name_out))
		return false;
	skip_space(d);
	if (!take(d, ':'))
		return broken(d, d->at == d->end ? MSG_JSON_UNTERMINATED : MSG_JSON_COLON_EXPECTED);
	skip_space(d);
	return true;
}

static bool skip_value(struct decoder *d);

static bool skip_list(struct decoder *d)
{
	bool more = false;

	if (!enter(d))
		return false;
	if (take_empty(d, ']'))
		return true;
	do {
		skip_space(d);
		if (!skip_value(d) || !take_separator(d, ']', &more))
			return false;
	} while (more);
	return true;
}

static bool skip_object(struct decoder *d)
{
	struct slice name;
	bool more = false;

	if (!enter(d))
		return false;
	if (take_empty(d, '}'))
		return true;
	do
		if (!take_name(d, &name) || !skip_value(d) || !take_separator(d, '}', &more))
			return false;
	while (more);
	return true;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
static bool skip_value(struct decoder *d)
{
	struct slice text;
	bool whole;

	if (is_next(d, '"'))
		return take_string(d, &text);
	if (is_next(d, '{'))
		return skip_object(d);
	if (is_next(d, '['))
		return skip_list(d);
	if (is_next(d, '-') || is_digit_next(d))
		return skip_number(d, &whole);
	if (take_literal(d, "true") || take_literal(d, "false") || take_literal(d, "null"))
		return true;
	return broken(d, d->at == d->end ? MSG_JSON_UNTERMINATED : MSG_JSON_VALUE_EXPECTED);
}

static bool wrong_type(struct decoder *d, enum message wanted)
{
	refuse_with(d, MSG_BAD_TYPE, problem_message(d->arena, wanted), NULL);
	return skip_value(d);
}

/* --- values by type --- */

static bool read_text(struct decoder *d, const struct schema_field *field, struct buffer *out)
{
	struct slice text;

	if (!is_next(d, '"'))
		return wrong_type(d, MSG_TYPE_TEXT);
	if (!take_string(d, &text))
		return false;
	wire_add_bytes(out, field->number, text.data, text.len);
	return true;
}

static bool read_bool(struct decoder *d, const struct schema_field *field, struct buffer *out)
{
	bool value = take_literal(d, "true");

	if (!value && !take_literal(d, "false"))
		return wrong_type(d, MSG_TYPE_BOOL);
	wire_add_varint(out, field->number, value);
	return true;
}

/* What each integer type holds, as magnitudes below and above zero, and as text for people. */
static const struct integer_range {
	uint64_t below, above;
	const char *minimum, *maximum;
	bool quoted; /* may stand in quotes */
} ranges[] = {
	[FIELD_INT32] = { UINT64_C(1) << 31, INT32_MAX, "-2147483648", "2147483647", false },
	[FIELD_UINT32] = { 0, UINT32_MAX, "0", "4294967295", false },
	[FIELD_INT64] = { UINT64_C(1) << 63, INT64_MAX, "-9223372036854775808", "9223372036854775807", true },
	[FIELD_UINT64] = { 0, UINT64_MAX, "0", "18446744073709551615", true },
};

/* False unless the text is a whole number in JSON's grammar. */
static bool parse_digits(struct slice text, uint64_t *magnitude_out, bool *overflow_out)
{
	bool negative = text.len && *text.data == '-';
	uint64_t value = 0;

	*overflow_out = false;
	if (text.len == negative || (text.data[negative] == '0' && text.len > 1u + negative))
		return false;
	for (size_t i = negative; i < text.len; i++) {
		unsigned digit = (unsigned)(text.data[i] - '0');

		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		*overflow_out = *overflow_out || __builtin_mul_overflow(value, 10, &value) ||
				__builtin_add_overflow(value, digit, &value);
	}
	*magnitude_out = value;
	return true;
}

static void add_integer(
	struct decoder *d, const struct schema_field *field, struct slice text, struct buffer *out)
{
	const struct integer_range *range = &ranges[field->type];
	uint64_t magnitude;
	bool overflow;

	if (!parse_digits(text, &magnitude, &overflow)) {
		refuse_with(d, MSG_BAD_TYPE, problem_message(d->arena, MSG_TYPE_INTEGER), NULL);
		return;
	}
	bool negative = *text.data == '-';

	if (negative && (overflow || magnitude > range->below))
		refuse_with(d, MSG_TOO_SMALL, range->minimum, NULL);
	else if (!negative && (overflow || magnitude > range->above))
		refuse_with(d, MSG_TOO_LARGE_NUMBER, range->maximum, NULL);
	else
		wire_add_varint(out, field->number, negative ? 0 - magnitude : magnitude);
}

static bool read_integer(struct decoder *d, const struct schema_field *field, struct buffer *out)
{
	const char *begin = d->at;
	struct slice text;
	bool whole;

	if (ranges[field->type].quoted && is_next(d, '"')) {
		if (!take_string(d, &text))
			return false;
	} else if (is_next(d, '-') || is_digit_next(d)) {
		if (!skip_number(d, &whole))
			return false;
		text = (struct slice){ begin, (size_t)(d->at - begin) };
	} else {
		return wrong_type(d, MSG_TYPE_INTEGER);
	}
	add_integer(d, field, text, out); /* 1.5 and 1e3 are refused there too */
	return true;
}

/* The value 0 is how a message says "not set": leaving the field out says that in JSON. */
static const char *choices(struct arena *arena, const struct schema_enum *enumeration)
{
	struct buffer out = { .arena = arena };

	buffer_add_text(&out, "");
	for (size_t i = 0; i < enumeration->count; i++)
		if (enumeration->values[i].number)
			buffer_printf(&out, "%s%s", out.len ? ", " : "", enumeration->values[i].name);
	return out.data;
}

static bool read_enum(struct decoder *d, const struct schema_field *field, struct buffer *out)
{
	const struct schema_enum_value *value;
	struct slice name;

	if (!is_next(d, '"'))
		return wrong_type(d, MSG_TYPE_TEXT);
	if (!take_string(d, &name))
		return false;
	value = schema_enum_by_name(field->enumeration, name.data, name.len);
	if (value && value->number)
		wire_add_varint(out, field->number, (uint64_t)(int64_t)value->number);
	else if (!d->trusted)
		refuse_with(d, MSG_BAD_ENUM, choices(d->arena, field->enumeration), NULL);
	return true;
}

static bool read_bytes(struct decoder *d, const struct schema_field *field, struct buffer *out)
{
	struct slice text;
	size_t len;

	if (!is_next(d, '"'))
		return wrong_type(d, MSG_TYPE_TEXT);
	if (!take_string(d, &text))
		return false;
	unsigned char *bytes = arena_alloc(d->arena, text.len);

	if (sodium_base642bin(
		    bytes, text.len, text.data, text.len, NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL))
		refuse(d, MSG_BAD_BASE64);
	else
		wire_add_bytes(out, field->number, bytes, len);
	return true;
}

static bool read_timestamp(struct decoder *d, const struct schema_field *field, struct buffer *out)
{
	struct slice text;
	int64_t unix_us;

	if (!is_next(d, '"'))
		return wrong_type(d, MSG_TYPE_TIME);
	if (!take_string(d, &text))
		return false;
	if (json_read_time(text.data, text.len, &unix_us))
		wire_add_timestamp(out, field->number, unix_us);
	else
		refuse(d, MSG_BAD_TIME);
	return true;
}

static bool read_members(
	struct decoder *d, const struct schema_message *message, bool top, struct buffer *out);

static bool read_message(struct decoder *d, const struct schema_field *field, struct buffer *out)
{
	if (!is_next(d, '{'))
		return wrong_type(d, MSG_TYPE_OBJECT);
	size_t begun = wire_begin(out, field->number);

	if (!read_members(d, field->message, false, out))
		return false;
	wire_end(out, begun);
	return true;
}

static value_reader *const readers[] = {
	[FIELD_STRING] = read_text,
	[FIELD_BOOL] = read_bool,
	[FIELD_INT32] = read_integer,
	[FIELD_UINT32] = read_integer,
	[FIELD_INT64] = read_integer,
	[FIELD_UINT64] = read_integer,
	[FIELD_ENUM] = read_enum,
	[FIELD_BYTES] = read_bytes,
	[FIELD_TIMESTAMP] = read_timestamp,
	[FIELD_MESSAGE] = read_message,
};

/* --- lists and objects --- */

static bool read_list(struct decoder *d, const struct schema_field *field, struct buffer *out)
{
	struct path here = { .up = d->path };
	bool more = false;

	if (!is_next(d, '['))
		return wrong_type(d, MSG_TYPE_LIST);
	if (!enter(d))
		return false;
	if (take_empty(d, ']'))
		return true;
	d->path = &here;
	do {
		skip_space(d);
		if (!readers[field->type](d, field, out) || !take_separator(d, ']', &more))
			return false;
		here.index++;
	} while (more);
	d->path = here.up;
	return true;
}

static const char *known_names(struct arena *arena, const struct schema_message *message)
{
	struct buffer out = { .arena = arena };

	buffer_add_text(&out, "");
	for (size_t i = 0; i < message->count; i++)
		if (!message->fields[i].rule->output_only)
			buffer_printf(&out, "%s%s", out.len ? ", " : "", message->fields[i].json_name);
	return out.data;
}

static bool read_known(struct decoder *d, const struct schema_field *field, bool top, struct buffer *out)
{
	bool is_null = take_literal(d, "null");

	if (top && d->top && (!is_null || d->mode == JSON_PATCH || d->mode == JSON_EXPORTED))
		d->fields[d->top->field_count++] = field->number;
	if (is_null)
		return true;
	return field->repeated ? read_list(d, field, out) : readers[field->type](d, field, out);
}

/* At a member's value. */
static bool read_member(struct decoder *d, const struct schema_message *message, struct slice name,
	struct json_mask *seen, bool top, struct buffer *out)
{
	const struct schema_field *field = schema_field_find(message, name.data, name.len);

	if (!field) {
		if (!d->trusted)
			refuse_with(d, MSG_UNKNOWN_FIELD, arena_strndup(d->arena, name.data, name.len),
				known_names(d->arena, message));
		return skip_value(d);
	}
	bool again = json_mask_has(seen, field);

	json_mask_add(seen, field);
	if (again)
		refuse(d, MSG_DUPLICATE_MEMBER);
	else if (field->rule->output_only && !d->trusted && d->mode != JSON_EXPORTED)
		refuse(d, MSG_OUTPUT_ONLY);
	else
		return read_known(d, field, top, out);
	return skip_value(d);
}

/* At an opening brace. */
static bool read_members(
	struct decoder *d, const struct schema_message *message, bool top, struct buffer *out)
{
	struct path here = { .up = d->path };
	struct json_mask seen = { { 0 } };
	bool more = false;

	assert(message && message->count <= JSON_MASK_FIELDS);
	if (!enter(d))
		return false;
	if (take_empty(d, '}'))
		return true;
	d->path = &here;
	do {
		if (!take_name(d, &here.name))
			return false;
		if (!read_member(d, message, here.name, &seen, top, out) || !take_separator(d, '}', &more))
			return false;
	} while (more);
	d->path = here.up;
	return true;
}

static bool read_document(struct decoder *d, const struct schema_message *message, struct buffer *out)
{
	skip_space(d);
	if (!(is_next(d, '{') ? read_members(d, message, true, out) : wrong_type(d, MSG_TYPE_OBJECT)))
		return false;
	skip_space(d);
	return d->at == d->end || broken(d, MSG_JSON_TRAILING);
}

enum status json_to_wire(const struct schema_message *message, const char *json, size_t len,
	enum json_mode mode, struct arena *arena, struct json_result *result_out)
{
	struct buffer out = { .arena = arena };
	struct decoder d = { .begin = json,
		.at = json,
		.end = json + len,
		.arena = arena,
		.mode = mode,
		.top = result_out,
		.fields = arena_alloc(arena, message->count * sizeof(uint32_t)) };

	*result_out = (struct json_result){ .fields = d.fields };
	buffer_reserve(&out, len);
	if (read_document(&d, message, &out) && !d.problem) {
		result_out->wire = (struct slice){ out.data, out.len };
		return OK;
	}
	assert(d.problem);
	result_out->problem = d.problem;
	return INVALID;
}

bool json_read_repeated(
	const struct schema_field *field, const char *json, size_t len, struct buffer *wire_out)
{
	struct decoder d = {
		.begin = json, .at = json, .end = json + len, .arena = wire_out->arena, .trusted = true
	};
	size_t begun = wire_out->len;

	assert(field->repeated);
	skip_space(&d);
	bool read = read_list(&d, field, wire_out);

	skip_space(&d);
	if (read && !d.problem && d.at == d.end)
		return true;
	wire_out->len = begun;
	return false;
}
