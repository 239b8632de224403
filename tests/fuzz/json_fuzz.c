/*
 * The transcoder against jansson and against itself. Input: one byte chooses message and mode, the rest is
 * JSON.
 *  - what we accept, jansson accepts;
 *  - what we accept means the same after the way through protobuf and back: jansson compares the values, with
 * what the mapping changes (null is absent, integers become strings, times become UTC) changed in the
 * original too;
 *  - JSON, protobuf, JSON is stable: the second round changes nothing;
 *  - any bytes as protobuf are either refused or give JSON that jansson accepts.
 */
#include "kit/json.h"
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct schema_message *message_for(uint8_t choice)
{
	static const char *const names[] = { "guanxi.customer.v1.Customer", "guanxi.customer.v1.Activity",
		"guanxi.customer.v1.CreateImportRequest", "guanxi.identity.v1.SignInRequest" };

	return schema_message_find(names[choice % (sizeof names / sizeof *names)]);
}

static json_t *normal_integer(const json_t *value)
{
	return json_is_integer(value) ? json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value)) :
				      /* "-0" is a whole number, and 0 */
		       strcmp(json_string_value(value), "-0") ? json_copy((json_t *)value)
							      : json_string("0");
}

static json_t *normal_time(const json_t *value)
{
	struct arena *arena = arena_new();
	struct buffer out = { .arena = arena };
	int64_t unix_us;

	assert(json_read_time(json_string_value(value), json_string_length(value), &unix_us));
	json_add_time(&out, unix_us);
	json_t *time = json_stringn(out.data + 1, out.len - 2);

	arena_free(arena);
	return time;
}

static json_t *normal_message(const struct schema_message *message, const json_t *object);

static json_t *normal_value(const struct schema_field *field, const json_t *value)
{
	switch (field->type) {
	case FIELD_INT64:
	case FIELD_UINT64:
		return normal_integer(value);
	case FIELD_TIMESTAMP:
		return normal_time(value);
	case FIELD_MESSAGE:
		return normal_message(field->message, value);
	default:
		return json_deep_copy(value);
	}
}

static json_t *normal_list(const struct schema_field *field, const json_t *list)
{
	json_t *normal = json_array(), *value;
	size_t i;

	json_array_foreach(list, i, value) json_array_append_new(normal, normal_value(field, value));
	return normal;
}

/* As our mapping tells it. Whatever it does not understand here, we should not have accepted: the asserts say
 * so. */
static json_t *normal_message(const struct schema_message *message, const json_t *object)
{
	json_t *normal = json_object(), *value;
	const char *name;

	assert(json_is_object(object));
	json_object_foreach((json_t *)object, name, value)
	{
		const struct schema_field *field = schema_field_find(message, name, strlen(name));

		assert(field && !field->rule->output_only);
		if (json_is_null(value) || (field->repeated && !json_array_size(value)))
			continue;
		json_object_set_new(normal, name,
			field->repeated ? normal_list(field, value) : normal_value(field, value));
	}
	return normal;
}

static struct slice to_json(const struct schema_message *message, struct slice wire, struct arena *arena)
{
	struct buffer out = { .arena = arena };

	assert(json_from_wire(message, wire.data, wire.len, NULL, &out));
	return (struct slice){ out.data, out.len };
}

static void check_accepted(const struct schema_message *message, const char *text, size_t len,
	struct slice wire, struct arena *arena)
{
	struct slice told = to_json(message, wire, arena);
	json_t *original = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *ours = json_loadb(told.data, told.len, JSON_REJECT_DUPLICATES, NULL);
	struct json_result again;

	assert(original && ours);
	json_t *normal = normal_message(message, original);

	assert(json_equal(normal, ours));
	assert(json_to_wire(message, told.data, told.len, JSON_CREATE, arena, &again) == OK);
	struct slice twice = to_json(message, again.wire, arena);

	assert(twice.len == told.len && !memcmp(twice.data, told.data, told.len));
	json_decref(normal);
	json_decref(original);
	json_decref(ours);
}

static bool is_utf8(const uint8_t *data, size_t len)
{
	json_t *text = json_stringn((const char *)data, len);

	json_decref(text);
	return text;
}

/* Our own services write valid UTF-8 only: bytes that are not are no case. */
static void check_wire(
	const struct schema_message *message, const uint8_t *data, size_t len, struct arena *arena)
{
	struct buffer out = { .arena = arena };

	if (!json_from_wire(message, data, len, NULL, &out) || !is_utf8((const uint8_t *)out.data, out.len))
		return;
	json_t *json = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	assert(json);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	schema_get();
	const struct schema_message *message = message_for(data[0]);
	enum json_mode mode = (enum json_mode)(data[0] / 8 % 3);
	struct arena *arena = arena_new();
	char *text = malloc(size); /* of its own, so that reading beyond it is seen */
	struct json_result result;

	memcpy(text, data + 1, size - 1);
	if (json_to_wire(message, text, size - 1, mode, arena, &result) == OK)
		check_accepted(message, text, size - 1, result.wire, arena);
	else
		assert(result.problem);
	check_wire(message, data + 1, size - 1, arena);
	free(text);
	arena_free(arena);
	return 0;
}
