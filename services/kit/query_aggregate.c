/*
 * Groups and measures over what a list with the same filter would show.
 *
 * Two steps in one statement. The inner one groups rows by columns, a list by its key (column <name>_key, the
 * same for the same list); the outer one looks up the few different lists and groups by their members. So a
 * million rows cost what they do by a plain column, where a look into the list of each takes seconds.
 */
#include "kit/column.h"
#include "kit/query_parts.h"
#include "kit/uuid.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

#define TIME_ZONE_MAX 64

static const char *const buckets[] = { "day", "week", "month", "quarter", "year" };

enum { BUCKET_COUNT = sizeof buckets / sizeof *buckets };

/* Which columns a function takes: numbers add up, what has an order has a least and a greatest. `inner` is of
 * a column, `outer` of what the inner step found, by the measure's number. */
static const struct {
	const char *name;
	bool of_times;
	const char *inner, *outer;
} functions[] = {
	{ "sum", false, "sum(\"%1$s\") AS m%2$zu", "sum(m%zu)" },
	{ "avg", false, "sum(\"%1$s\") AS m%2$zu, count(\"%1$s\") AS n%2$zu",
		"trim_scale(round(sum(m%1$zu) / nullif(sum(n%1$zu), 0), 4))" },
	{ "min", true, "min(\"%1$s\") AS m%2$zu", "min(m%zu)" },
	{ "max", true, "max(\"%1$s\") AS m%2$zu", "max(m%zu)" },
};

/* One in the making, beside its query. */
struct aggregate {
	struct query *q;
	const Guanxi__AggregateRequest *asked;
	const struct schema_field *groups[GROUP_BY_MAX];
	size_t group_count, measure_count;
	bool by_time;          /* some group is a span of time */
	int time_zone;         /* parameter */
	struct buffer inner;   /* columns g1, g2 … m1, m2 … after count(*) AS n */
	struct buffer members; /* joins that take lists apart: l1, l2 … */
	struct buffer outer;   /* columns of the answer */
};

static bool is_time(const struct schema_field *field)
{
	enum column_type type = column_type(field);

	return type == COLUMN_TIMESTAMPTZ || type == COLUMN_DATE;
}

static bool is_number(const struct schema_field *field)
{
	return field->type != FIELD_ENUM &&
	       (column_type(field) == COLUMN_INTEGER || column_type(field) == COLUMN_BIGINT);
}

/* Of texts, enums or references. */
static bool is_list(const struct schema_field *field)
{
	return field->repeated && (field->type == FIELD_STRING || field->type == FIELD_ENUM);
}

static bool is_groupable(const struct schema_field *field)
{
	return field->rule->aggregate && !is_number(field) &&
	       (column_type(field) != COLUMN_JSON || is_list(field));
}

static const struct schema_field *find_field(
	struct query *q, const char *name, size_t len, bool (*chosen)(const struct schema_field *))
{
	const struct schema_field *field = schema_field_find(q->table->resource->message, name, len);

	return field && chosen(field) ? field : NULL;
}

/* --- groups */

static const char *bucket_names(struct request *req, const struct schema_field *field)
{
	struct buffer out = { .arena = req->arena };

	for (size_t i = 0; i < BUCKET_COUNT; i++)
		buffer_printf(&out, "%s%s:%s", i ? ", " : "", field->json_name, buckets[i]);
	return out.data;
}

static const char *find_bucket(const char *name)
{
	for (size_t i = 0; name && i < BUCKET_COUNT; i++)
		if (!strcmp(buckets[i], name))
			return buckets[i];
	return NULL;
}

enum status query_check_group(
	struct request *req, const struct schema_resource *resource, const char *pointer, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	const struct schema_field *field = schema_field_find(resource->message, text, len);

	if (!field || !is_groupable(field) || (colon && !is_time(field)))
		return fail_field(req, pointer, MSG_NOT_GROUPABLE, text,
			schema_field_names(resource->message, is_groupable, req->arena), NULL);
	if (is_time(field) && !find_bucket(colon ? colon + 1 : NULL))
		return fail_field(
			req, pointer, MSG_BAD_BUCKET, field->json_name, bucket_names(req, field), NULL);
	return OK;
}

/* A day begins where the client is: times are moved there before they are cut off. */
static void add_bucket(struct aggregate *a, const struct schema_field *field, const char *bucket)
{
	a->by_time = true;
	buffer_printf(&a->inner, ", date_trunc('%s', \"%s\"", find_bucket(bucket), field->name);
	if (column_type(field) == COLUMN_TIMESTAMPTZ)
		buffer_printf(&a->inner, " AT TIME ZONE $%d::text", a->time_zone);
	buffer_printf(&a->inner, ")::date AS g%zu", a->group_count);
}

/* A record counts once for each member of its list, however often it stands there; without one, under null.
 * Any row with the key has the list; the order makes PostgreSQL find it by the key's index, whatever it
 * thinks how many have it. */
static void add_members(struct aggregate *a, const struct schema_field *field)
{
	size_t group = a->group_count;

	buffer_printf(&a->inner, ", \"%s_key\" AS g%zu", field->name, group);
	buffer_printf(&a->members,
		" LEFT JOIN LATERAL (SELECT DISTINCT unnest(json_texts(t.\"%1$s\")) AS one FROM (SELECT "
		"\"%1$s\" "
		"FROM \"%2$s\" WHERE \"%1$s_key\" = g%3$zu ORDER BY delete_time LIMIT 1) t) l%3$zu ON true",
		field->name, a->q->table->resource->singular, group);
}

static enum status add_group(struct aggregate *a, const char *text)
{
	const struct schema_resource *r = a->q->table->resource;
	const char *colon = strchr(text, ':');

	TRY(query_check_group(a->q->req, r, "/group", text));
	const struct schema_field *field =
		schema_field_find(r->message, text, colon ? (size_t)(colon - text) : strlen(text));

	a->groups[a->group_count++] = field;
	buffer_printf(&a->outer, "%s%c%zu%s", a->group_count > 1 ? ", " : "", is_list(field) ? 'l' : 'g',
		a->group_count, is_list(field) ? ".one" : "");
	if (is_time(field))
		add_bucket(a, field, colon + 1);
	else if (is_list(field))
		add_members(a, field);
	else
		buffer_printf(&a->inner, ", \"%s\" AS g%zu", field->name, a->group_count);
	return OK;
}

/* --- measures */

static bool is_countable(const struct schema_field *field)
{
	return field->rule->aggregate && (is_number(field) || is_time(field));
}

static const char *measure_names(struct query *q)
{
	struct buffer out = { .arena = q->arena };
	const struct schema_message *m = q->table->resource->message;

	buffer_add_text(&out, "count");
	for (size_t i = 0; i < m->count; i++)
		for (size_t k = 0; is_countable(&m->fields[i]) && k < sizeof functions / sizeof *functions;
			k++)
			if (functions[k].of_times || is_number(&m->fields[i]))
				buffer_printf(&out, ", %s(%s)", functions[k].name, m->fields[i].json_name);
	return out.data;
}

/* As text, as JSON has it. */
static void add_function(struct aggregate *a, const struct schema_field *field, size_t function)
{
	bool moment = column_type(field) == COLUMN_TIMESTAMPTZ;

	buffer_add_text(&a->inner, ", ");
	buffer_printf(&a->inner, functions[function].inner, field->name, a->measure_count);
	buffer_add_text(&a->outer, moment ? ", to_char(" : ", ");
	buffer_printf(&a->outer, functions[function].outer, a->measure_count);
	buffer_add_text(
		&a->outer, moment ? " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')" : "::text");
}

static enum status add_measure(struct aggregate *a, const char *text)
{
	struct query *q = a->q;
	const char *open = strchr(text, '('), *close = open ? strchr(open, ')') : NULL;
	size_t len = open ? (size_t)(open - text) : 0;
	const struct schema_field *field =
		close && !close[1] ? find_field(q, open + 1, (size_t)(close - open - 1), is_countable) : NULL;

	a->measure_count++;
	if (!strcmp(text, "count")) {
		buffer_add_text(&a->outer, ", sum(n)::text");
		return OK;
	}
	for (size_t i = 0; field && i < sizeof functions / sizeof *functions; i++) {
		if (strlen(functions[i].name) != len || memcmp(functions[i].name, text, len) ||
			(is_time(field) && !functions[i].of_times))
			continue;
		add_function(a, field, i);
		return OK;
	}
	return fail_field(q->req, "/measure", MSG_BAD_MEASURE, text, measure_names(q), NULL);
}

/* --- the statement */

static enum status too_many(struct query *q, const char *pointer, int most)
{
	return fail_field(q->req, pointer, MSG_TOO_MANY, arena_printf(q->arena, "%d", most), NULL);
}

/* Of the IANA database: PostgreSQL alone would also take "x1" for a zone one hour west of UTC. */
static bool is_time_zone(const char *name)
{
	UChar id[TIME_ZONE_MAX], canonical[TIME_ZONE_MAX];
	UErrorCode error = U_ZERO_ERROR;
	UBool known = false;

	if (strlen(name) >= TIME_ZONE_MAX)
		return false;
	u_uastrcpy(id, name);
	ucal_getCanonicalTimeZoneID(id, -1, canonical, TIME_ZONE_MAX, &known, &error);
	return U_SUCCESS(error) && known;
}

static bool names_time(const struct query *q, const char *group)
{
	const char *colon = strchr(group, ':');
	const struct schema_field *field = schema_field_find(
		q->table->resource->message, group, colon ? (size_t)(colon - group) : strlen(group));

	return field && column_type(field) == COLUMN_TIMESTAMPTZ;
}

/* A parameter that no statement mentions has no type: bound only where a group needs it. */
static enum status bind_time_zone(struct aggregate *a)
{
	const char *name = a->asked->time_zone ? a->asked->time_zone : "UTC";
	bool needed = false;

	if (!is_time_zone(name))
		return fail_field(a->q->req, "/timeZone", MSG_BAD_TIME_ZONE, NULL);
	for (size_t i = 0; i < a->asked->n_group; i++)
		needed |= names_time(a->q, a->asked->group[i]);
	if (!needed)
		return OK;
	db_bind_text(&a->q->params, name);
	a->time_zone = a->q->params.count;
	return OK;
}

static enum status add_columns(struct aggregate *a)
{
	const Guanxi__AggregateRequest *asked = a->asked;
	enum status status = OK;

	if (asked->n_group > GROUP_BY_MAX)
		return too_many(a->q, "/group", GROUP_BY_MAX);
	if (asked->n_measure > MEASURES_MAX)
		return too_many(a->q, "/measure", MEASURES_MAX);
	for (size_t i = 0; i < asked->n_group; i++)
		if (add_group(a, asked->group[i]) != OK)
			status = INVALID;
	if (!a->group_count)
		buffer_add_text(&a->outer, "true");
	for (size_t i = 0; i < asked->n_measure; i++)
		if (add_measure(a, asked->measure[i]) != OK)
			status = INVALID;
	if (!asked->n_measure)
		TRY(add_measure(a, "count"));
	return status;
}

static void add_inner(struct aggregate *a, int me, struct buffer *out)
{
	struct query *q = a->q;

	buffer_printf(out, "SELECT count(*) AS n%s FROM \"%s\" WHERE %s", a->inner.data,
		q->table->resource->singular, q->conditions);
	if (q->search)
		buffer_printf(out, " AND search @@ $%d::text::tsquery", q->search);
	query_add_scope(q, me, out);
	for (size_t i = 0; i < a->group_count; i++)
		buffer_printf(out, "%sg%zu", i ? ", " : " GROUP BY ", i + 1);
}

/* "1, 2 DESC": the groups by their places; `newest` turns spans of time round. */
static const char *places(struct aggregate *a, bool newest)
{
	struct buffer out = { .arena = a->q->arena };

	buffer_reserve(&out, 0);
	for (size_t i = 0; i < a->group_count; i++)
		buffer_printf(&out, "%s%zu%s", i ? ", " : "", i + 1,
			newest && is_time(a->groups[i]) ? " DESC NULLS LAST" : "");
	return out.data;
}

/* Spans of time in their order, other groups the largest first; of equals, by their values. */
static const char *compose(struct aggregate *a, int me)
{
	struct buffer out = { .arena = a->q->arena };

	buffer_printf(&out, "SELECT %s FROM (", a->outer.data);
	add_inner(a, me, &out);
	buffer_printf(&out, ") r%s", a->members.data);
	if (a->group_count)
		buffer_printf(&out, " GROUP BY %s ORDER BY %s%s LIMIT %u", places(a, false),
			a->by_time ? "" : "sum(n) DESC, ", places(a, a->asked->newest), a->q->limit + 1);
	return out.data;
}

static void free_asked(void *asked)
{
	guanxi__aggregate_request__free_unpacked(asked, NULL);
}

static enum status compile(
	struct request *req, struct table *table, struct aggregate **aggregate_out, const char **sql_out)
{
	struct query *q = query_new(req, table);
	struct aggregate *a = arena_zalloc(req->arena, sizeof *a);
	int me = 0;

	a->q = q;
	a->inner.arena = a->members.arena = a->outer.arena = req->arena;
	buffer_add_text(&a->inner, "");
	buffer_add_text(&a->members, "");
	a->asked = guanxi__aggregate_request__unpack(NULL, req->body_len, req->body);
	if (!a->asked)
		return fail(req, INVALID, MSG_INVALID, NULL);
	arena_defer(req->arena, free_asked, (void *)a->asked);
	q->filter = a->asked->filter;
	q->filter_count = a->asked->n_filter;
	q->words = a->asked->q;
	q->deleted = a->asked->deleted;
	q->limit = a->asked->has_limit ? a->asked->limit : GROUPS_DEFAULT;
	if (q->limit < 1 || q->limit > GROUPS_MAX)
		return fail_field(
			req, "/limit", MSG_BAD_LIMIT, arena_printf(req->arena, "%d", GROUPS_MAX), NULL);
	TRY(query_compile_filter(q));
	TRY(query_compile_words(q));
	TRY(bind_time_zone(a));
	TRY(add_columns(a));
	if (query_is_scoped(q))
		me = query_bind_scope(q);
	*sql_out = compose(a, me);
	*aggregate_out = a;
	return OK;
}

enum status query_compile_aggregate(
	struct request *req, struct table *table, const char **sql_out, int *parameters_out)
{
	struct aggregate *a;

	TRY(compile(req, table, &a, sql_out));
	*parameters_out = a->q->params.count;
	return OK;
}

/* --- the answer */

static const char *key_text(
	struct aggregate *a, const struct schema_field *field, const PGresult *rows, int row, int column)
{
	char id[37];

	if (is_time(field)) /* a span is named by its first day */
		return column_date_text(PQgetvalue(rows, row, column), a->q->arena);
	switch (column_type(field)) {
	case COLUMN_UUID:
		uuid_to_text((const uint8_t *)PQgetvalue(rows, row, column), id);
		return arena_strdup(a->q->arena, id);
	case COLUMN_BOOLEAN:
		return db_bool(rows, row, column) ? "true" : "false";
	case COLUMN_INTEGER: {
		const struct schema_enum_value *value =
			schema_enum_by_number(field->enumeration, db_int4(rows, row, column));

		return value ? value->name : arena_printf(a->q->arena, "%d", db_int4(rows, row, column));
	}
	default:
		return db_bytes(rows, row, column).data;
	}
}

static void add_value(struct buffer *out, uint32_t number, const char *text)
{
	size_t begun = wire_begin(out, number);

	if (text)
		wire_add_text(out, 1, text);
	wire_end(out, begun);
}

static void add_row(struct aggregate *a, const PGresult *rows, int row, struct buffer *out)
{
	size_t begun = wire_begin(out, 1);
	int column = 0, first = a->group_count ? (int)a->group_count : 1;

	for (; column < (int)a->group_count; column++)
		add_value(out, 1,
			PQgetisnull(rows, row, column) ? NULL
						       : key_text(a, a->groups[column], rows, row, column));
	for (column = first; column < first + (int)a->measure_count; column++)
		add_value(out, 2, PQgetisnull(rows, row, column) ? NULL : PQgetvalue(rows, row, column));
	wire_end(out, begun);
}

enum status query_aggregate(struct request *req, struct db *db)
{
	struct buffer out = { .arena = req->arena };
	struct aggregate *a;
	const char *sql;
	PGresult *rows;

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	TRY(query_widen_request(req, db));
	TRY(compile(req, service_table(req->service, req->resource), &a, &sql));
	TRY(query_run(a->q, db, sql, &rows));
	int n = PQntuples(rows) > (int)a->q->limit ? (int)a->q->limit : PQntuples(rows);

	buffer_reserve(&out, 0);
	for (int row = 0; row < n; row++)
		add_row(a, rows, row, &out);
	if (PQntuples(rows) > n)
		wire_add_varint(&out, 2, 1);
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}
