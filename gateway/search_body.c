#include "gateway/search_body.h"
#include "gateway/body.h"
#include "gateway/expand.h"
#include "gateway/list_query.h"
#include <jansson.h>
#include <string.h>

/* Fields of Condition in proto/guanxi/envelope.proto. */
enum { FILTER = 1 };
enum { NODE_FIELD = 1, NODE_OPERATOR, NODE_VALUES, NODE_OF, NODE_POINTER };

static const char *below(struct call *call, const char *pointer, const char *name)
{
	return arena_printf(call->arena, "%s/%s", pointer, name);
}

static bool wrong_type(struct call *call, const char *pointer, enum message wanted)
{
	call_fail_at(call, pointer, MSG_BAD_TYPE, problem_message(call->arena, wanted), NULL);
	return false;
}

/* --- the filter --- */

/* What JSON has for a field: whole numbers also as text, as answers have them. */
static enum message type_wanted(const struct schema_field *field, json_t *value)
{
	switch (field->type) {
	case FIELD_BOOL:
		return json_is_boolean(value) ? MSG_COUNT : MSG_TYPE_BOOL;
	case FIELD_INT32:
	case FIELD_UINT32:
	case FIELD_INT64:
	case FIELD_UINT64:
		return json_is_integer(value) || json_is_string(value) ? MSG_COUNT : MSG_TYPE_INTEGER;
	default:
		return json_is_string(value) ? MSG_COUNT : MSG_TYPE_TEXT;
	}
}

static const char *text_of(struct call *call, json_t *value)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		return arena_printf(call->arena, "%lld", (long long)json_integer_value(value));
	return json_is_true(value) ? "true" : "false";
}

static bool add_value(struct call *call, const struct schema_field *field, json_t *value, const char *pointer)
{
	enum message wanted = field ? type_wanted(field, value) : MSG_COUNT;

	if (wanted != MSG_COUNT)
		return wrong_type(call, pointer, wanted);
	wire_add_text(&call->request, NODE_VALUES, text_of(call, value));
	return true;
}

static bool add_values(struct call *call, const struct schema_field *field, json_t *list, const char *pointer)
{
	json_t *value;
	size_t i;

	if (!json_is_array(list))
		return wrong_type(call, pointer, MSG_TYPE_LIST);
	json_array_foreach(list, i, value)
	{
		if (!add_value(call, field, value, arena_printf(call->arena, "%s/%zu", pointer, i)))
			return false;
	}
	return true;
}

static bool add_condition(struct call *call, json_t *node, const char *pointer)
{
	const char *name = json_string_value(json_object_get(node, "field")),
		   *operator= json_string_value(json_object_get(node, "op"));
	json_t *value = json_object_get(node, "value");
	const struct schema_field *field =
		name ? schema_field_find(call->route->resource->message, name, strlen(name)) : NULL;

	if (json_object_size(node) != 3 || !name || !operator|| !value) {
		call_fail_at(call, pointer, MSG_BAD_FILTER, NULL, NULL);
		return false;
	}
	size_t begun = wire_begin(&call->request, FILTER);
	const char *at = below(call, pointer, "value");
	bool good;

	wire_add_text(&call->request, NODE_FIELD, name);
	wire_add_text(&call->request, NODE_OPERATOR, operator);
	if (query_takes_several(operator))
		good = add_values(call, field, value, at);
	else if (!strcmp(operator, "isNull"))
		good = json_is_boolean(value) ? add_value(call, NULL, value, at)
					      : wrong_type(call, at, MSG_TYPE_BOOL);
	else
		good = add_value(call, field, value, at);
	wire_add_text(&call->request, NODE_POINTER, pointer);
	wire_end(&call->request, begun);
	return good;
}

struct filter {
	struct call *call;
	size_t nodes;
};

static bool add_node(struct filter *f, json_t *node, const char *pointer, unsigned depth);

static void add_joint(struct call *call, const char *name, size_t of, const char *pointer)
{
	size_t begun = wire_begin(&call->request, FILTER);

	wire_add_text(&call->request, NODE_OPERATOR, name);
	wire_add_varint(&call->request, NODE_OF, of);
	wire_add_text(&call->request, NODE_POINTER, pointer);
	wire_end(&call->request, begun);
}

static bool add_list(struct filter *f, const char *name, json_t *list, const char *pointer, unsigned depth)
{
	json_t *node;
	size_t i;

	if (!json_is_array(list) || !json_array_size(list)) {
		call_fail_at(f->call, pointer, MSG_BAD_FILTER, NULL, NULL);
		return false;
	}
	add_joint(f->call, name, json_array_size(list), pointer);
	json_array_foreach(list, i, node)
	{
		if (!add_node(
			    f, node, arena_printf(f->call->arena, "%s/%s/%zu", pointer, name, i), depth + 1))
			return false;
	}
	return true;
}

/* Depth first, so that what joins comes before what it joins. */
static bool add_node(struct filter *f, json_t *node, const char *pointer, unsigned depth)
{
	struct call *call = f->call;
	json_t *and = json_object_get(node, "and"), * or = json_object_get(node, "or"),
	       *not = json_object_get(node, "not");

	if (f->nodes++ == FILTER_NODES_MAX) {
		call_fail_at(call, "/filter", MSG_TOO_MANY, arena_printf(call->arena, "%d", FILTER_NODES_MAX),
			NULL);
		return false;
	}
	if (depth > FILTER_DEPTH_MAX) {
		call_fail_at(call, pointer, MSG_FILTER_TOO_DEEP,
			arena_printf(call->arena, "%d", FILTER_DEPTH_MAX), NULL);
		return false;
	}
	if (json_object_size(node) != 1)
		return add_condition(call, node, pointer);
	if (and)
		return add_list(f, "and", and, pointer, depth);
	if (or)
		return add_list(f, "or", or, pointer, depth);
	if (!not )
		return add_condition(call, node, pointer);
	add_joint(call, "not", 1, pointer);
	return add_node(f, not, below(call, pointer, "not"), depth + 1);
}

/* --- the other members --- */

typedef bool member_reader(struct call *call, uint32_t number, const char *pointer, json_t *value);

static bool read_filter(struct call *call, uint32_t number, const char *pointer, json_t *value)
{
	struct filter f = { .call = call };

	(void)number;
	return json_is_object(value) ? add_node(&f, value, pointer, 0)
				     : wrong_type(call, pointer, MSG_TYPE_OBJECT);
}

static bool read_text(struct call *call, uint32_t number, const char *pointer, json_t *value)
{
	if (!json_is_string(value))
		return wrong_type(call, pointer, MSG_TYPE_TEXT);
	wire_add_text(&call->request, number, json_string_value(value));
	return true;
}

static bool read_flag(struct call *call, uint32_t number, const char *pointer, json_t *value)
{
	if (!json_is_boolean(value))
		return wrong_type(call, pointer, MSG_TYPE_BOOL);
	wire_add_varint(&call->request, number, json_is_true(value));
	return true;
}

/* The service knows the bounds. */
static bool read_limit(struct call *call, uint32_t number, const char *pointer, json_t *value)
{
	json_int_t limit = json_integer_value(value);

	if (!json_is_integer(value))
		return wrong_type(call, pointer, MSG_TYPE_INTEGER);
	wire_add_varint(&call->request, number, limit < 0 || limit > UINT32_MAX ? 0 : (uint64_t)limit);
	return true;
}

static bool read_each(
	struct call *call, uint32_t number, const char *pointer, json_t *list, member_reader *read)
{
	json_t *value;
	size_t i;

	if (!json_is_array(list))
		return wrong_type(call, pointer, MSG_TYPE_LIST);
	json_array_foreach(list, i, value)
	{
		if (!read(call, number, arena_printf(call->arena, "%s/%zu", pointer, i), value))
			return false;
	}
	return true;
}

static bool read_texts(struct call *call, uint32_t number, const char *pointer, json_t *value)
{
	return read_each(call, number, pointer, value, read_text);
}

static bool read_field(struct call *call, uint32_t number, const char *pointer, json_t *value)
{
	(void)number;
	return json_is_string(value) ? list_take_field(call, pointer, json_string_value(value))
				     : wrong_type(call, pointer, MSG_TYPE_TEXT);
}

static bool read_fields(struct call *call, uint32_t number, const char *pointer, json_t *value)
{
	return read_each(call, number, pointer, value, read_field);
}

static bool read_expansion(struct call *call, uint32_t number, const char *pointer, json_t *value)
{
	(void)number;
	return json_is_string(value) ? expand_add(call, pointer, json_string_value(value))
				     : wrong_type(call, pointer, MSG_TYPE_TEXT);
}

static bool read_expand(struct call *call, uint32_t number, const char *pointer, json_t *value)
{
	return read_each(call, number, pointer, value, read_expansion);
}

/* --- bodies --- */

struct member {
	const char *name;
	uint32_t number; /* of ListRequest, AggregateRequest; 0: none */
	member_reader *read;
};

static const struct member search_members[] = {
	{ "filter", 1, read_filter },
	{ "sort", 2, read_texts },
	{ "q", 3, read_text },
	{ "limit", 4, read_limit },
	{ "cursor", 5, read_text },
	{ "fields", 0, read_fields },
	{ "expand", 0, read_expand },
	{ "count", 7, read_flag },
	{ "deleted", 8, read_flag },
	{ 0 },
};

static const struct member aggregate_members[] = {
	{ "filter", 1, read_filter },
	{ "group", 2, read_texts },
	{ "q", 3, read_text },
	{ "limit", 4, read_limit },
	{ "measure", 5, read_texts },
	{ "timeZone", 6, read_text },
	{ "newest", 7, read_flag },
	{ "deleted", 8, read_flag },
	{ 0 },
};

static void refuse_member(struct call *call, const struct member *members, const char *name)
{
	struct buffer known = { .arena = call->arena };

	for (; members->name; members++)
		buffer_printf(&known, "%s%s", known.len ? ", " : "", members->name);
	query_refuse_unknown(call, name, known.data);
}

static enum progress decode(struct call *call, const struct member *members)
{
	json_t *body, *value;
	const char *name;

	if (body_refuse_query(call) == FAILED || body_read_tree(call, &body) == FAILED)
		return FAILED;
	json_object_foreach(body, name, value)
	{
		const struct member *m = members;

		while (m->name && strcmp(m->name, name))
			m++;
		if (m->name)
			m->read(call, m->number, below(call, "", name), value);
		else
			refuse_member(call, members, name);
	}
	return call->status == OK ? GO_ON : FAILED;
}

enum progress search_body_decode(struct call *call)
{
	return decode(call, search_members);
}

enum progress aggregate_body_decode(struct call *call)
{
	return decode(call, aggregate_members);
}
