#include "gateway/list_query.h"
#include "gateway/expand.h"
#include <stdlib.h>
#include <string.h>

/* Fields of the messages in proto/guanxi/envelope.proto. */
enum list_field {
	LIST_FILTER = 1,
	LIST_SORT,
	LIST_Q,
	LIST_LIMIT,
	LIST_CURSOR,
	LIST_FIELDS,
	LIST_COUNT,
	LIST_DELETED,
	LIST_EXPAND = 30 /* the gateway's own: never sent */
};
enum aggregate_field {
	AGGREGATE_GROUP = 2,
	AGGREGATE_Q,
	AGGREGATE_LIMIT,
	AGGREGATE_MEASURE,
	AGGREGATE_TIME_ZONE,
	AGGREGATE_NEWEST,
	AGGREGATE_DELETED = 8
};
enum past_field { PAST_ID = 1, PAST_VERSION, PAST_TIME };
enum condition_field { CONDITION_FIELD = 1, CONDITION_OPERATOR, CONDITION_VALUES };
enum history_field { HISTORY_ID = 1, HISTORY_BEFORE, HISTORY_LIMIT };

enum { LIST_LIMIT_MAX = 500, GROUPS_LIMIT_MAX = 1000, LIST_VALUES_MAX = 500 };

static const char *decoded(struct call *call, struct http_slice raw)
{
	char *text = arena_alloc(call->arena, raw.size + 1);
	size_t size = 0;

	if (raw.size && !http_percent_decode(raw, true, text, &size)) {
		call_fail(call, INVALID, MSG_BAD_ENCODING, NULL);
		return NULL;
	}
	text[size] = '\0'; /* %00 was refused: the text ends here only */
	return text;
}

static bool next_raw(
	struct call *call, struct query *query, const char **name_out, struct http_slice *value_out)
{
	struct http_slice name;

	if (!query->count && !query->rest.data)
		query->rest = call->x->head->query;
	if (!query->rest.data || !http_query_next(&query->rest, &name, value_out))
		return false;
	if (query->count++ == QUERY_PARAMETERS_MAX) {
		call_fail(call, INVALID, MSG_TOO_MANY, "100", NULL);
		return false;
	}
	*name_out = decoded(call, name);
	return *name_out != NULL;
}

bool query_next(struct call *call, struct query *query, const char **name_out, const char **value_out)
{
	struct http_slice value;

	if (!next_raw(call, query, name_out, &value))
		return false;
	*value_out = decoded(call, value);
	return *value_out != NULL;
}

enum progress query_refuse_unknown(struct call *call, const char *name, const char *allowed)
{
	return call_fail_at(
		call, arena_printf(call->arena, "/%s", name), MSG_UNKNOWN_PARAMETER, name, allowed);
}

/* --- values --- */

typedef bool value_reader(struct call *call, uint32_t number, const char *name, struct http_slice raw);

static bool read_text(struct call *call, uint32_t number, const char *name, struct http_slice raw)
{
	const char *text = decoded(call, raw);

	(void)name;
	if (text)
		wire_add_text(&call->request, number, text);
	return text;
}

typedef bool text_taker(struct call *call, uint32_t number, const char *name, const char *text);

/*
 * "active,lost": what a comma divides. An escaped comma belongs to a value, as RFC 6570 has it, where plain
 * ones divide; many programs escape the whole value (URLSearchParams does): where no plain comma is, escaped
 * ones divide.
 */
static bool read_each(
	struct call *call, uint32_t number, const char *name, struct http_slice raw, text_taker *take)
{
	const char *text = decoded(call, raw);
	bool plain = text && raw.size && memchr(raw.data, ',', raw.size);
	size_t count = 0;

	if (!text)
		return false;
	if (!plain)
		raw = (struct http_slice){ text, strlen(text) };
	for (;;) {
		const char *comma = raw.size ? memchr(raw.data, ',', raw.size) : NULL;
		size_t size = comma ? (size_t)(comma - raw.data) : raw.size;
		struct http_slice part = { raw.data, size };

		if (count++ == LIST_VALUES_MAX) {
			call_fail_at(call, arena_printf(call->arena, "/%s", name), MSG_TOO_MANY, "500", NULL);
			return false;
		}
		if (!take(call, number, name,
			    plain ? decoded(call, part) : arena_strndup(call->arena, part.data, part.size)))
			return false;
		if (!comma)
			return true;
		raw = (struct http_slice){ comma + 1, raw.size - size - 1 };
	}
}

static bool take_text(struct call *call, uint32_t number, const char *name, const char *text)
{
	(void)name;
	wire_add_text(&call->request, number, text);
	return true;
}

static bool read_texts(struct call *call, uint32_t number, const char *name, struct http_slice raw)
{
	return read_each(call, number, name, raw, take_text);
}

static const char *field_names(struct call *call, const struct schema_message *message)
{
	struct buffer out = { .arena = call->arena };

	for (size_t i = 0; i < message->count; i++)
		buffer_printf(&out, "%s%s", i ? ", " : "", message->fields[i].json_name);
	return out.data;
}

/* The service sends whole records: which of their fields the client gets is the encoder's business. */
bool list_take_field(struct call *call, const char *pointer, const char *text)
{
	const struct schema_message *message = call->route->resource->message;
	const struct schema_field *field = schema_field_find(message, text, strlen(text));

	if (!call->only)
		call->only = arena_zalloc(call->arena, sizeof *call->only);
	if (!field)
		call_fail_at(call, pointer, MSG_UNKNOWN_FIELD, text, field_names(call, message));
	if (field)
		json_mask_add(call->only, field);
	return field;
}

static bool take_field(struct call *call, uint32_t number, const char *name, const char *text)
{
	(void)number;
	return list_take_field(call, arena_printf(call->arena, "/%s", name), text);
}

static bool read_fields(struct call *call, uint32_t number, const char *name, struct http_slice raw)
{
	return read_each(call, number, name, raw, take_field);
}

static bool take_expansion(struct call *call, uint32_t number, const char *name, const char *text)
{
	(void)number;
	return expand_add(call, arena_printf(call->arena, "/%s", name), text);
}

static bool read_expand(struct call *call, uint32_t number, const char *name, struct http_slice raw)
{
	return read_each(call, number, name, raw, take_expansion);
}

static bool read_bool(struct call *call, uint32_t number, const char *name, struct http_slice raw)
{
	bool value = http_slice_equals(raw, "true");

	if (!value && !http_slice_equals(raw, "false")) {
		call_fail_at(call, arena_printf(call->arena, "/%s", name), MSG_BAD_TYPE,
			problem_message(call->arena, MSG_TYPE_BOOL), NULL);
		return false;
	}
	wire_add_varint(&call->request, number, value);
	return true;
}

static bool parse_number(struct http_slice raw, uint64_t *value_out)
{
	uint64_t value = 0;

	if (!raw.size || raw.size > 19)
		return false;
	for (size_t i = 0; i < raw.size; i++) {
		if (raw.data[i] < '0' || raw.data[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(raw.data[i] - '0');
	}
	*value_out = value;
	return true;
}

bool query_read_number(
	struct call *call, const char *name, const char *text, uint64_t most, uint64_t *value_out)
{
	struct http_slice raw = { text, strlen(text) };

	if (parse_number(raw, value_out) && *value_out >= 1 && *value_out <= most)
		return true;
	call_fail_at(call, arena_printf(call->arena, "/%s", name), MSG_BAD_LIMIT,
		arena_printf(call->arena, "%llu", (unsigned long long)most), NULL);
	return false;
}

static bool read_bounded(
	struct call *call, uint32_t number, const char *name, struct http_slice raw, uint64_t most)
{
	const char *text = decoded(call, raw);
	uint64_t value;

	if (!text || !query_read_number(call, name, text, most, &value))
		return false;
	wire_add_varint(&call->request, number, value);
	return true;
}

static bool read_limit(struct call *call, uint32_t number, const char *name, struct http_slice raw)
{
	return read_bounded(call, number, name, raw, LIST_LIMIT_MAX);
}

static bool read_groups_limit(struct call *call, uint32_t number, const char *name, struct http_slice raw)
{
	return read_bounded(call, number, name, raw, GROUPS_LIMIT_MAX);
}

static bool read_position(struct call *call, uint32_t number, const char *name, struct http_slice raw)
{
	uint64_t value;

	if (!parse_number(raw, &value)) {
		call_fail_at(call, arena_printf(call->arena, "/%s", name), MSG_BAD_TYPE,
			problem_message(call->arena, MSG_TYPE_INTEGER), NULL);
		return false;
	}
	wire_add_varint(&call->request, number, value);
	return true;
}

/* --- parameters --- */

struct parameter {
	const char *name;
	uint32_t number;
	value_reader *read;
};

static const struct parameter list_parameters[] = {
	{ "q", LIST_Q, read_text },
	{ "sort", LIST_SORT, read_texts },
	{ "fields", LIST_FIELDS, read_fields },
	{ "expand", LIST_EXPAND, read_expand },
	{ "limit", LIST_LIMIT, read_limit },
	{ "cursor", LIST_CURSOR, read_text },
	{ "count", LIST_COUNT, read_bool },
	{ "deleted", LIST_DELETED, read_bool },
	{ 0 },
};

static const struct parameter selection_parameters[] = {
	{ "q", LIST_Q, read_text },
	{ 0 },
};

static const struct parameter aggregate_parameters[] = {
	{ "group", AGGREGATE_GROUP, read_texts },
	{ "measure", AGGREGATE_MEASURE, read_texts },
	{ "q", AGGREGATE_Q, read_text },
	{ "timeZone", AGGREGATE_TIME_ZONE, read_text },
	{ "newest", AGGREGATE_NEWEST, read_bool },
	{ "limit", AGGREGATE_LIMIT, read_groups_limit },
	{ "deleted", AGGREGATE_DELETED, read_bool },
	{ 0 },
};

static const struct parameter get_parameters[] = {
	{ "asOf", PAST_TIME, read_text },
	{ "version", PAST_VERSION, read_position },
	{ "expand", LIST_EXPAND, read_expand },
	{ 0 },
};

static const struct parameter history_parameters[] = {
	{ "before", HISTORY_BEFORE, read_position },
	{ "limit", HISTORY_LIMIT, read_limit },
	{ 0 },
};

/* "filter[stage][in]" becomes its two names. */
static bool split_filter(
	struct call *call, const char *name, const char **field_out, const char **operator_out)
{
	const char *field = name + strlen("filter["), *middle, *end;

	if (strncmp(name, "filter[", strlen("filter[")))
		return false;
	middle = strstr(field, "][");
	end = middle ? strchr(middle + 2, ']') : NULL;
	if (!end || end[1] || middle == field || end == middle + 2)
		return false;
	*field_out = arena_strndup(call->arena, field, (size_t)(middle - field));
	*operator_out = arena_strndup(call->arena, middle + 2, (size_t)(end - middle - 2));
	return true;
}

bool query_takes_several(const char *operator)
{
	static const char *const several[] = { "in", "any", "all", "none" };

	for (size_t i = 0; i < sizeof several / sizeof *several; i++)
		if (!strcmp(several[i], operator))
			return true;
	return false;
}

/* Elsewhere a comma is a comma. */
static bool read_filter(
	struct call *call, const char *name, const char *field, const char *operator, struct http_slice raw)
{
	size_t begun = wire_begin(&call->request, LIST_FILTER);
	value_reader *read = query_takes_several(operator) ? read_texts : read_text;

	wire_add_text(&call->request, CONDITION_FIELD, field);
	wire_add_text(&call->request, CONDITION_OPERATOR, operator);
	if (!read(call, CONDITION_VALUES, name, raw))
		return false;
	wire_end(&call->request, begun);
	return true;
}

static const struct parameter *find_parameter(const struct parameter *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

static const char *names_of(struct call *call, const struct parameter *table, bool filters)
{
	struct buffer out = { .arena = call->arena };

	buffer_add_text(&out, table->name);
	while ((++table)->name)
		buffer_printf(&out, ", %s", table->name);
	if (filters)
		buffer_add_text(&out, ", filter[field][operator]");
	return out.data;
}

static bool read_parameter(struct call *call, const struct parameter *table, bool filters, const char *name,
	struct http_slice raw, uint32_t *seen)
{
	const struct parameter *parameter = find_parameter(table, name);
	const char *field, *operator;

	if (!parameter) {
		if (filters && split_filter(call, name, &field, &operator))
			return read_filter(call, name, field, operator, raw);
		query_refuse_unknown(call, name, names_of(call, table, filters));
		return false;
	}
	if (*seen & 1u << parameter->number) {
		call_fail_at(
			call, arena_printf(call->arena, "/%s", name), MSG_REPEATED_PARAMETER, name, NULL);
		return false;
	}
	*seen |= 1u << parameter->number;
	return parameter->read(call, parameter->number, name, raw);
}

static enum progress read_query(struct call *call, const struct parameter *table, bool filters)
{
	struct query query = { .count = 0 };
	struct http_slice raw;
	const char *name;
	uint32_t seen = 0;

	while (next_raw(call, &query, &name, &raw))
		if (!read_parameter(call, table, filters, name, raw, &seen) && !call->problem->error_count)
			return FAILED; /* the whole query is broken; of single parameters all are told */
	return call->status == OK ? GO_ON : FAILED;
}

enum progress list_query_decode(struct call *call)
{
	return read_query(call, list_parameters, true);
}

enum progress selection_query_decode(struct call *call)
{
	return read_query(call, selection_parameters, true);
}

enum progress history_query_decode(struct call *call)
{
	wire_add_text(&call->request, HISTORY_ID, call->id);
	return read_query(call, history_parameters, false);
}

enum progress aggregate_query_decode(struct call *call)
{
	return read_query(call, aggregate_parameters, true);
}

/* Of the past another method tells, on another lane: it reads the log. */
enum progress get_query_decode(struct call *call)
{
	const struct route *r = call->route;
	struct wire_field f;

	wire_add_text(&call->request, PAST_ID, call->id);
	if (read_query(call, get_parameters, false) == FAILED)
		return FAILED;
	bool by_version = wire_find(call->request.data, call->request.len, PAST_VERSION, &f),
	     by_time = wire_find(call->request.data, call->request.len, PAST_TIME, &f);

	if (by_version && by_time)
		return call_fail_at(call, "/asOf", MSG_ONE_MOMENT, NULL, NULL);
	if (!by_version && !by_time)
		return GO_ON;
	call->queue = arena_printf(call->arena, "%s.query", r->resource->service);
	call->method = arena_printf(call->arena, "%s.past", r->resource->collection);
	return GO_ON;
}
