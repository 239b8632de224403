#include "kit/problem.h"
#include "kit/json.h"
#include <assert.h>
#include <string.h>

/* Begins an argument that is put into words by the reader: then a kind and a name. User text never has it:
 * see clean(). */
#define REFERENCE '\x1f'
enum reference_kind { REFERENCE_MESSAGE = 'm', REFERENCE_RESOURCE = 'r', REFERENCE_FIELD = 'f' };

/* Fields of guanxi.Problem and guanxi.FieldProblem in proto/guanxi/envelope.proto. */
enum problem_field {
	PROBLEM_CODE = 1,
	PROBLEM_ARGUMENTS,
	PROBLEM_ERRORS,
	PROBLEM_VERSION,
	PROBLEM_RETRY_AFTER
};
enum error_field { ERROR_POINTER = 1, ERROR_CODE, ERROR_ARGUMENTS };

#define MESSAGE(NAME, code, en, zh) [MSG_##NAME] = { code, { en, zh } },
static const struct {
	const char *code;
	const char *text[2]; /* by enum language */
} messages[MSG_COUNT] = {
#include "kit/messages.def"
};
#undef MESSAGE

static const enum message titles[STATUS_COUNT] = {
	[OK] = MSG_TITLE_OK,
	[INVALID] = MSG_TITLE_INVALID,
	[UNAUTHENTICATED] = MSG_TITLE_UNAUTHENTICATED,
	[FORBIDDEN] = MSG_TITLE_FORBIDDEN,
	[NOT_FOUND] = MSG_TITLE_NOT_FOUND,
	[CONFLICT] = MSG_TITLE_CONFLICT,
	[STALE] = MSG_TITLE_STALE,
	[TOO_LARGE] = MSG_TITLE_TOO_LARGE,
	[UNSUPPORTED] = MSG_TITLE_UNSUPPORTED,
	[MISUSED_KEY] = MSG_TITLE_MISUSED_KEY,
	[LIMITED] = MSG_TITLE_LIMITED,
	[INTERNAL] = MSG_TITLE_INTERNAL,
	[UNAVAILABLE] = MSG_TITLE_UNAVAILABLE,
	[DEADLINE] = MSG_TITLE_DEADLINE,
};

const char *message_code(enum message message)
{
	assert(message < MSG_COUNT);
	return messages[message].code;
}

const char *message_text(enum message message, enum language language)
{
	assert(message < MSG_COUNT);
	return messages[message].text[language];
}

enum message message_find(const char *code)
{
	enum message m = 0;

	while (m < MSG_COUNT && strcmp(messages[m].code, code))
		m++;
	return m;
}

/* --- making --- */

/* Cuts between characters, and leaves no control character that could end a line of a log or pass for a
 * reference. */
static const char *clean(struct arena *arena, const char *text)
{
	size_t len = strnlen(text, PROBLEM_ARGUMENT_BYTES + 1);

	if (len > PROBLEM_ARGUMENT_BYTES)
		for (len = PROBLEM_ARGUMENT_BYTES; len && (text[len] & 0xc0) == 0x80;)
			len--;
	char *copy = arena_strndup(arena, text, len);

	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	return copy;
}

static const char *argument_of(struct arena *arena, const char *text)
{
	return *text == REFERENCE ? text : clean(arena, text);
}

static size_t take_arguments(struct arena *arena, const char **arguments_out, va_list list)
{
	size_t count = 0;
	const char *text;

	while ((text = va_arg(list, const char *))) {
		assert(count < PROBLEM_ARGUMENTS_MAX);
		arguments_out[count++] = argument_of(arena, text);
	}
	return count;
}

struct problem *problem_vnew(struct arena *arena, enum message message, va_list arguments)
{
	struct problem *problem = arena_zalloc(arena, sizeof *problem);

	problem->arena = arena;
	problem->code = message_code(message);
	problem->argument_count = take_arguments(arena, problem->arguments, arguments);
	return problem;
}

struct problem *problem_new(struct arena *arena, enum message message, ...)
{
	va_list list;

	va_start(list, message);
	struct problem *problem = problem_vnew(arena, message, list);

	va_end(list);
	return problem;
}

bool problem_add_error(struct problem *problem, const char *pointer, enum message message, ...)
{
	struct problem_error *error = &problem->errors[problem->error_count];
	va_list list;

	if (problem->error_count == PROBLEM_ERRORS_MAX)
		return false;
	problem->error_count++;
	error->pointer = clean(problem->arena, pointer); /* its names are the client's own and may be long */
	error->code = message_code(message);
	va_start(list, message);
	error->argument_count = take_arguments(problem->arena, error->arguments, list);
	va_end(list);
	return true;
}

const char *problem_message(struct arena *arena, enum message message)
{
	return arena_printf(arena, "%c%c%s", REFERENCE, REFERENCE_MESSAGE, message_code(message));
}

const char *problem_resource_label(struct arena *arena, const struct schema_resource *resource)
{
	return arena_printf(arena, "%c%c%s", REFERENCE, REFERENCE_RESOURCE, resource->collection);
}

const char *problem_field_label(
	struct arena *arena, const struct schema_message *message, const struct schema_field *field)
{
	return arena_printf(
		arena, "%c%c%s/%s", REFERENCE, REFERENCE_FIELD, message->full_name, field->json_name);
}

/* --- between processes --- */

static void add_error_wire(struct buffer *out, const struct problem_error *error)
{
	size_t begun = wire_begin(out, PROBLEM_ERRORS);

	wire_add_text(out, ERROR_POINTER, error->pointer);
	wire_add_text(out, ERROR_CODE, error->code);
	for (size_t i = 0; i < error->argument_count; i++)
		wire_add_text(out, ERROR_ARGUMENTS, error->arguments[i]);
	wire_end(out, begun);
}

void problem_to_wire(const struct problem *problem, struct buffer *out)
{
	wire_add_text(out, PROBLEM_CODE, problem->code);
	for (size_t i = 0; i < problem->argument_count; i++)
		wire_add_text(out, PROBLEM_ARGUMENTS, problem->arguments[i]);
	for (size_t i = 0; i < problem->error_count; i++)
		add_error_wire(out, &problem->errors[i]);
	if (problem->version)
		wire_add_varint(out, PROBLEM_VERSION, problem->version);
	if (problem->retry_after_s)
		wire_add_varint(out, PROBLEM_RETRY_AFTER, problem->retry_after_s);
}

static const char *text_of(struct arena *arena, const struct wire_field *field)
{
	return argument_of(arena, arena_strndup(arena, field->bytes, field->len));
}

static void push_argument(
	struct arena *arena, const struct wire_field *field, const char **arguments, size_t *count)
{
	if (*count < PROBLEM_ARGUMENTS_MAX)
		arguments[(*count)++] = text_of(arena, field);
}

static bool read_error(struct problem *problem, const struct wire_field *from)
{
	struct wire_reader reader = wire_reader(from->bytes, from->len);
	struct problem_error error = { .pointer = "", .code = message_code(MSG_INVALID) };
	struct wire_field f;

	while (wire_next(&reader, &f)) {
		if (f.type != WIRE_BYTES)
			continue;
		if (f.number == ERROR_POINTER)
			error.pointer = text_of(problem->arena, &f);
		else if (f.number == ERROR_CODE)
			error.code = text_of(problem->arena, &f);
		else if (f.number == ERROR_ARGUMENTS)
			push_argument(problem->arena, &f, error.arguments, &error.argument_count);
	}
	if (problem->error_count < PROBLEM_ERRORS_MAX)
		problem->errors[problem->error_count++] = error;
	return !reader.failed;
}

static bool read_field(struct problem *problem, const struct wire_field *f)
{
	if (f->type == WIRE_VARINT && f->number == PROBLEM_VERSION)
		problem->version = f->value;
	else if (f->type == WIRE_VARINT && f->number == PROBLEM_RETRY_AFTER)
		problem->retry_after_s = (uint32_t)f->value;
	else if (f->type == WIRE_BYTES && f->number == PROBLEM_CODE)
		problem->code = text_of(problem->arena, f);
	else if (f->type == WIRE_BYTES && f->number == PROBLEM_ARGUMENTS)
		push_argument(problem->arena, f, problem->arguments, &problem->argument_count);
	else if (f->type == WIRE_BYTES && f->number == PROBLEM_ERRORS)
		return read_error(problem, f);
	return true;
}

bool problem_from_wire(const void *bytes, size_t len, struct arena *arena, struct problem **problem_out)
{
	struct wire_reader reader = wire_reader(bytes, len);
	struct problem *problem = arena_zalloc(arena, sizeof *problem);
	struct wire_field f;

	problem->arena = arena;
	while (wire_next(&reader, &f))
		if (!read_field(problem, &f))
			return false;
	if (reader.failed || !problem->code)
		return false;
	*problem_out = problem;
	return true;
}

/* --- for people --- */

static const char *in_language(struct schema_text text, enum language language)
{
	return language == LANGUAGE_ZH ? text.zh : text.en;
}

static const char *field_words(const char *name, enum language language, struct arena *arena)
{
	const char *slash = strchr(name, '/');
	const struct schema_message *message =
		slash ? schema_message_find(arena_strndup(arena, name, (size_t)(slash - name))) : NULL;
	const struct schema_field *field =
		message ? schema_field_find(message, slash + 1, strlen(slash + 1)) : NULL;

	return field ? in_language(field->label, language) : slash ? slash + 1 : name;
}

static const char *argument_words(const char *argument, enum language language, struct arena *arena)
{
	const char *name = argument + 2;

	if (*argument != REFERENCE || !argument[1])
		return argument;
	if (argument[1] == REFERENCE_MESSAGE)
		return message_find(name) < MSG_COUNT ? message_text(message_find(name), language) : name;
	if (argument[1] == REFERENCE_FIELD)
		return field_words(name, language, arena);
	const struct schema_resource *resource = schema_resource_find(name);

	return resource ? in_language(resource->label, language) : name;
}

/* The sentence with its arguments in place. A code of a newer service has no sentence here: the code itself
 * is told. */
static const char *sentence(const char *code, const char *const *arguments, size_t count,
	enum language language, struct arena *arena)
{
	enum message message = message_find(code);
	struct buffer out = { .arena = arena };

	if (message == MSG_COUNT)
		return code;
	for (const char *c = message_text(message, language); *c; c++) {
		size_t n = (size_t)(c[1] - '0');

		if (*c == '{' && n < PROBLEM_ARGUMENTS_MAX && c[2] == '}') {
			buffer_add_text(
				&out, n < count ? argument_words(arguments[n], language, arena) : "?");
			c += 2;
		} else {
			buffer_add(&out, c, 1);
		}
	}
	return out.data;
}

const char *problem_text(const struct problem *problem, enum language language, struct arena *arena)
{
	return sentence(problem->code, problem->arguments, problem->argument_count, language, arena);
}

const char *problem_error_text(const struct problem_error *error, enum language language, struct arena *arena)
{
	return sentence(error->code, error->arguments, error->argument_count, language, arena);
}

static void add_member(struct buffer *out, const char *name, const char *text)
{
	buffer_printf(out, "%s\"%s\":", out->data[out->len - 1] == '{' ? "" : ",", name);
	json_add_string(out, text, strlen(text));
}

/* The words that stand in the sentence, for programs: the allowed choices, the id of the duplicate. */
static void add_arguments_json(
	const struct problem_error *error, enum language language, struct arena *arena, struct buffer *out)
{
	if (!error->argument_count)
		return;
	buffer_add_text(out, ",\"arguments\":[");
	for (size_t i = 0; i < error->argument_count; i++) {
		const char *words = argument_words(error->arguments[i], language, arena);

		buffer_add_text(out, i ? "," : "");
		json_add_string(out, words, strlen(words));
	}
	buffer_add_text(out, "]");
}

static void add_errors_json(const struct problem *problem, enum language language, struct buffer *out)
{
	buffer_add_text(out, ",\"errors\":[");
	for (size_t i = 0; i < problem->error_count; i++) {
		const struct problem_error *error = &problem->errors[i];

		buffer_add_text(out, i ? ",{" : "{");
		add_member(out, "pointer", error->pointer);
		add_member(out, "code", error->code);
		add_member(out, "message", problem_error_text(error, language, problem->arena));
		add_arguments_json(error, language, problem->arena, out);
		buffer_add_text(out, "}");
	}
	buffer_add_text(out, "]");
}

void problem_to_json(const struct problem *problem, enum status status, enum language language,
	const char *trace_id, struct buffer *out)
{
	buffer_add_text(out, "{");
	add_member(out, "type", arena_printf(problem->arena, "/api/problems/%s", problem->code));
	add_member(out, "title", message_text(titles[status], language));
	buffer_printf(out, ",\"status\":%u",
		problem->http_status ? problem->http_status : (unsigned)status_http(status));
	add_member(out, "detail", problem_text(problem, language, problem->arena));
	add_member(out, "code", problem->code);
	add_member(out, "traceId", trace_id);
	if (problem->version)
		buffer_printf(out, ",\"version\":\"%llu\"", (unsigned long long)problem->version);
	if (problem->error_count)
		add_errors_json(problem, language, out);
	buffer_add_text(out, "}");
}
