/* A filter's tree and the words of a search, as conditions of SQL. */
#include "kit/column.h"
#include "kit/query_parts.h"
#include "kit/search_keys.h"
#include "kit/uuid.h"
#include <string.h>

static const struct operator_ {
	const char *name, *sql; /* sql: between column and parameter */
	bool text_only, ordered_only;
	const char *before; /* of operators on lists */
} operators[] = {
	{ "eq", "=", false, false },
	{ "ne", "IS DISTINCT FROM", false, false },
	{ "in", "= ANY", false, false },
	{ "lt", "<", false, true },
	{ "lte", "<=", false, true },
	{ "gt", ">", false, true },
	{ "gte", ">=", false, true },
	{ "contains", "ILIKE", true, false },
	{ "isNull", "IS NULL", false, false },
	/* Of lists of texts, enums and references. */
	{ "any", "&&", false, false, "" },
	{ "all", "@>", false, false, "" },
	{ "none", "&&", false, false, "NOT coalesce" },
};

#define OPERATOR_COUNT (sizeof operators / sizeof *operators)

static bool is_filterable(const struct schema_field *field)
{
	return field->rule->filter || field->number == STANDARD_ID;
}

static bool fits(const struct operator_ *op, const struct schema_field *field)
{
	enum column_type type = column_type(field);
	bool ordered = type == COLUMN_DATE || type == COLUMN_TIMESTAMPTZ ||
		       (type == COLUMN_INTEGER && field->type != FIELD_ENUM) || type == COLUMN_BIGINT ||
		       type == COLUMN_TEXT;

	if (field->repeated)
		return op->before || !strcmp(op->name, "isNull");
	if (op->before)
		return false;
	return (!op->text_only || type == COLUMN_TEXT) && (!op->ordered_only || ordered);
}

static const char *operator_names(struct query *q, const struct schema_field *field)
{
	struct buffer out = { .arena = q->arena };

	for (size_t i = 0; i < OPERATOR_COUNT; i++)
		if (fits(&operators[i], field))
			buffer_printf(&out, "%s%s", out.len ? ", " : "", operators[i].name);
	return out.data;
}

const char *query_pointer_of(struct query *q, const Guanxi__Condition *c)
{
	return c->pointer ? c->pointer
			  : arena_printf(q->arena, "/filter[%s][%s]", c->field ? c->field : "",
				    c->operator_ ? c->operator_ : "");
}

enum status query_bad_value(
	struct query *q, const Guanxi__Condition *c, const char *value, enum message message)
{
	return fail_field(q->req, query_pointer_of(q, c), message, value, NULL);
}

static enum status bad_value(struct query *q, const Guanxi__Condition *c, const char *value)
{
	return query_bad_value(q, c, value, MSG_BAD_VALUE);
}

/* --- conditions */

static enum status add_list(
	struct query *q, const Guanxi__Condition *c, const struct schema_field *field, struct buffer *out)
{
	struct db_array array;
	struct slice value;

	if (c->n_values < 1)
		return bad_value(q, c, "");
	if (c->n_values > VALUES_MAX)
		return fail_field(q->req, query_pointer_of(q, c), MSG_TOO_MANY,
			arena_printf(q->arena, "%d", VALUES_MAX), NULL);
	db_array_begin(&array, q->arena, column_oid(column_type(field)));
	for (size_t i = 0; i < c->n_values; i++) {
		if (!column_from_text(field, c->values[i], q->arena, &value))
			return bad_value(q, c, c->values[i]);
		db_array_add(&array, value.data, value.len);
	}
	db_bind_array(&q->params, &array);
	buffer_printf(out, "%s = ANY ($%d::%s[])", query_column(q, field), q->params.count,
		column_sql_name(column_type(field)));
	return OK;
}

/* A value as it stands in a stored list; enums by their names. NULL: it cannot be in one. */
static const char *list_value(struct query *q, const struct schema_field *field, const char *value)
{
	char *id = arena_alloc(q->arena, 37);
	uint8_t uuid[16];

	if (field->type == FIELD_ENUM)
		return schema_enum_by_name(field->enumeration, value, strlen(value)) ? value : NULL;
	if (!field->reference)
		return value;
	if (!uuid_from_text(value, strlen(value), uuid))
		return NULL;
	uuid_to_text(uuid, id);
	return id;
}

/* As the index on it has it: json_texts(column). */
static enum status add_members(struct query *q, const Guanxi__Condition *c, const struct operator_ *op,
	const struct schema_field *field, struct buffer *out)
{
	struct db_array array;

	if (c->n_values < 1)
		return bad_value(q, c, "");
	if (c->n_values > VALUES_MAX)
		return fail_field(q->req, query_pointer_of(q, c), MSG_TOO_MANY,
			arena_printf(q->arena, "%d", VALUES_MAX), NULL);
	db_array_begin(&array, q->arena, OID_TEXT);
	for (size_t i = 0; i < c->n_values; i++) {
		const char *value = list_value(q, field, c->values[i]);

		if (!value)
			return bad_value(q, c, c->values[i]);
		db_array_add(&array, value, strlen(value));
	}
	db_bind_array(&q->params, &array);
	if (*op->before)
		buffer_printf(out, "%s(json_texts(\"%s\") %s $%d::text[], false)", op->before, field->name,
			op->sql, q->params.count);
	else
		buffer_printf(out, "(\"%s\" IS NOT NULL AND json_texts(\"%s\") %s $%d::text[])", field->name,
			field->name, op->sql, q->params.count);
	return OK;
}

/* % and _ of the value are meant literally. */
static enum status add_contains(
	struct query *q, const Guanxi__Condition *c, const struct schema_field *field, struct buffer *out)
{
	struct buffer pattern = { .arena = q->arena };

	buffer_add_text(&pattern, "%");
	for (const char *value = c->values[0]; *value; value++) {
		if (strchr("%_\\", *value))
			buffer_add_text(&pattern, "\\");
		buffer_add(&pattern, value, 1);
	}
	buffer_add_text(&pattern, "%");
	db_bind(&q->params, pattern.data, pattern.len);
	buffer_printf(out, "\"%s\" ILIKE $%d::text", field->name, q->params.count);
	return OK;
}

static enum status add_null(
	struct query *q, const Guanxi__Condition *c, const struct schema_field *field, struct buffer *out)
{
	bool wanted = !strcmp(c->values[0], "true");

	if (!wanted && strcmp(c->values[0], "false"))
		return bad_value(q, c, c->values[0]);
	buffer_printf(out, "\"%s\" IS %sNULL", field->name, wanted ? "" : "NOT ");
	return OK;
}

static enum status add_comparison(struct query *q, const Guanxi__Condition *c,
	const struct schema_field *field, const struct operator_ *op, struct buffer *out)
{
	struct slice value;

	if (!column_from_text(field, c->values[0], q->arena, &value))
		return bad_value(q, c, c->values[0]);
	db_bind(&q->params, value.data, value.len);
	buffer_printf(out, "%s %s $%d::%s", query_column(q, field), op->sql, q->params.count,
		column_sql_name(column_type(field)));
	return OK;
}

static const struct operator_ *find_operator(const char *name, const struct schema_field *field)
{
	for (size_t i = 0; name && i < OPERATOR_COUNT; i++)
		if (!strcmp(operators[i].name, name) && fits(&operators[i], field))
			return &operators[i];
	return NULL;
}

static enum status add_condition(struct query *q, const Guanxi__Condition *c, struct buffer *out)
{
	const char *name = c->field ? c->field : "";
	const struct schema_field *field = schema_field_find(q->table->resource->message, name, strlen(name));

	if (query_is_external(q, name))
		return query_add_external(q, c, out);
	if (!field || !is_filterable(field))
		return fail_field(q->req, query_pointer_of(q, c), MSG_NOT_FILTERABLE, name,
			arena_printf(q->arena, "%s%s", query_names(q, is_filterable),
				query_is_external(q, QUERY_EXTERNAL_ID) ? ", " QUERY_EXTERNAL_ID : ""),
			NULL);
	const struct operator_ *op = find_operator(c->operator_, field);

	if (!op)
		return fail_field(q->req, query_pointer_of(q, c), MSG_BAD_OPERATOR,
			c->operator_ ? c->operator_ : "", operator_names(q, field), NULL);
	if (op->before)
		return add_members(q, c, op, field, out);
	if (!strcmp(op->name, "in"))
		return add_list(q, c, field, out);
	if (c->n_values != 1)
		return bad_value(q, c, "");
	if (op->text_only)
		return add_contains(q, c, field, out);
	return !strcmp(op->name, "isNull") ? add_null(q, c, field, out)
					   : add_comparison(q, c, field, op, out);
}

/* --- the tree */

/* Where in the sequence of nodes the compiler is. */
struct walk {
	size_t at, conditions;
};

static const char *joint_of(const Guanxi__Condition *c)
{
	static const struct {
		const char *name, *sql;
	} joints[] = { { "and", " AND " }, { "or", " OR " }, { "not", "" } };

	for (size_t i = 0; c->operator_ && i < sizeof joints / sizeof *joints; i++)
		if (!strcmp(c->operator_, joints[i].name))
			return joints[i].sql;
	return NULL;
}

static enum status add_node(struct query *q, struct walk *walk, unsigned depth, struct buffer *out);

/* A condition on what is null is neither true nor false; "not" takes it as false, so that every row is on one
 * side. */
static enum status add_branch(struct query *q, struct walk *walk, unsigned depth, const Guanxi__Condition *c,
	const char *joint, struct buffer *out)
{
	bool negated = !*joint;
	enum status status = OK;

	if (!c->of || (negated && c->of != 1) || c->of > q->filter_count - walk->at)
		return fail_field(q->req, query_pointer_of(q, c), MSG_BAD_FILTER, NULL);
	if (depth == FILTER_DEPTH_MAX)
		return fail_field(q->req, query_pointer_of(q, c), MSG_FILTER_TOO_DEEP,
			arena_printf(q->arena, "%d", FILTER_DEPTH_MAX), NULL);
	buffer_add_text(out, "(");
	for (uint32_t i = 0; i < c->of; i++) {
		buffer_add_text(out, i ? joint : "");
		if (walk->at == q->filter_count)
			return fail_field(q->req, query_pointer_of(q, c), MSG_BAD_FILTER, NULL);
		if (add_node(q, walk, depth + 1, out) != OK)
			status = INVALID;
	}
	buffer_add_text(out, negated ? ") IS NOT TRUE" : ")");
	return status;
}

static enum status add_node(struct query *q, struct walk *walk, unsigned depth, struct buffer *out)
{
	const Guanxi__Condition *c = q->filter[walk->at++];
	const char *joint = c->field ? NULL : joint_of(c);

	if (joint)
		return add_branch(q, walk, depth, c, joint, out);
	if (walk->conditions++ == CONDITIONS_MAX)
		return fail_field(
			q->req, "/filter", MSG_TOO_MANY, arena_printf(q->arena, "%d", CONDITIONS_MAX), NULL);
	return walk->conditions > CONDITIONS_MAX ? INVALID : add_condition(q, c, out);
}

enum status query_compile_filter(struct query *q)
{
	struct buffer out = { .arena = q->arena };
	struct walk walk = { 0 };
	enum status status = OK;

	if (q->filter_count > FILTER_NODES_MAX)
		return fail_field(q->req, "/filter", MSG_TOO_MANY,
			arena_printf(q->arena, "%d", FILTER_NODES_MAX), NULL);
	buffer_printf(&out, "delete_time IS %sNULL", q->deleted ? "NOT " : "");
	while (walk.at < q->filter_count) {
		buffer_add_text(&out, " AND ");
		if (add_node(q, &walk, 0, &out) != OK)
			status = INVALID;
	}
	q->conditions = out.data;
	return status;
}

enum status query_conditions(struct request *req, struct table *table, Guanxi__Condition *const *conditions,
	size_t count, struct db_params *params, const char **sql_out)
{
	struct query *q = query_new(req, table);

	q->filter = conditions;
	q->filter_count = count;
	q->params = *params;
	enum status status = query_compile_filter(q);

	*params = q->params;
	*sql_out = q->conditions;
	return status;
}

/* --- words */

enum status query_compile_words(struct query *q)
{
	char *tsquery;

	if (!q->words)
		return OK;
	if (!q->table->searched)
		return fail_field(
			q->req, "/q", MSG_UNKNOWN_PARAMETER, "q", "filter, sort, limit, cursor", NULL);
	switch (search_query_of(q->words, strlen(q->words), q->arena, &tsquery)) {
	case SEARCH_QUERY:
		db_bind_text(&q->params, tsquery);
		q->search = q->params.count;
		return OK;
	case SEARCH_QUERY_EMPTY:
		return fail_field(q->req, "/q", MSG_QUERY_TOO_SHORT, NULL);
	default:
		return fail_field(q->req, "/q", MSG_TOO_LONG,
			arena_printf(q->arena, "%d", SEARCH_QUERY_BYTES_MAX), NULL);
	}
}
