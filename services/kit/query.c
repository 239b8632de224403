#include "kit/query_parts.h"
#include "kit/column.h"
#include "kit/uuid.h"
#include <stdlib.h>
#include <string.h>

/* --- the statement */

/* Names are ordered as people look for them: Chinese by pinyin. Codes and addresses stay as they are. */
#define PEOPLES_ORDER "\"zh-x-icu\""

const char *query_column(struct query *q, const struct schema_field *field)
{
	bool by_pinyin = column_type(field) == COLUMN_TEXT && field->rule->sort &&
			 field->rule->format == GUANXI__FORMAT__FORMAT_UNSPECIFIED;

	return arena_printf(q->arena, by_pinyin ? "\"%s\" COLLATE " PEOPLES_ORDER : "\"%s\"", field->name);
}

const char *query_names(struct query *q, bool (*chosen)(const struct schema_field *))
{
	return schema_field_names(q->table->resource->message, chosen, q->arena);
}

bool query_is_scoped(const struct query *q)
{
	const struct schema_resource *r = q->table->resource;

	return r->owner && !r->rule->organisation_wide && !q->req->principal->administrator;
}

/* One ordered, limited branch over the rows that satisfy `scope`, in an order that an index has. */
static void add_ordered(const struct query *q, const char *scope, const char *order, struct buffer *out)
{
	const char *columns = q->table->columns, *name = q->table->resource->singular;

	if (!q->search)
		buffer_printf(out, "SELECT %s FROM \"%s\" WHERE %s%s%s ORDER BY %s LIMIT %u", columns, name,
			q->conditions, scope, q->keyset, order, q->limit + 1);
	else
		buffer_printf(out,
			"SELECT %s FROM (SELECT %s, search FROM \"%s\" WHERE %s%s%s ORDER BY %s LIMIT %d) w "
			"WHERE search @@ $%d::text::tsquery"
			" ORDER BY %s LIMIT %u",
			columns, columns, name, q->conditions, scope, q->keyset, order, q->window, q->search,
			order, q->limit + 1);
}

/* Nulls come last in both directions, which no single index offers: rows that have the first key, then those
 * that do not. */
static void add_branch(const struct query *q, const char *scope, struct buffer *out)
{
	const struct sort_key *first = &q->sort[0];

	if (!first->nullable) {
		add_ordered(q, arena_printf(q->arena, "%s%s", scope, q->bound), q->order, out);
		return;
	}
	buffer_printf(out, "SELECT %s FROM ((", q->table->columns);
	add_ordered(q,
		arena_printf(q->arena, "%s AND \"%s\" IS NOT NULL%s", scope, first->field->name, q->bound),
		q->order_not_null, out);
	buffer_add_text(out, ") UNION ALL (");
	add_ordered(q, arena_printf(q->arena, "%s AND \"%s\" IS NULL", scope, first->field->name),
		q->order_not_null, out);
	buffer_printf(out, ")) n ORDER BY %s LIMIT %u", q->order, q->limit + 1);
}

static void add_scoped(const struct query *q, int me, int teams, struct buffer *out)
{
	buffer_printf(out, "SELECT %s FROM ((", q->table->columns);
	add_branch(q, arena_printf(q->arena, " AND owner_id = $%d::uuid", me), out);
	buffer_printf(out,
		") UNION ALL (SELECT c.* FROM unnest($%d::uuid[]) AS team(of) CROSS JOIN LATERAL (", teams);
	add_branch(q,
		arena_printf(q->arena, " AND team_id = team.of AND owner_id IS DISTINCT FROM $%d::uuid", me),
		out);
	buffer_add_text(out, ") c)");
	if (q->table->resource->everyone) {
		buffer_add_text(out, " UNION ALL (");
		add_branch(q,
			arena_printf(q->arena,
				" AND \"%s\" AND owner_id IS DISTINCT FROM $%d::uuid AND team_id = ANY "
				"($%d::uuid[]) IS NOT true",
				q->table->resource->everyone->name, me, teams),
			out);
		buffer_add_text(out, ")");
	}
	buffer_printf(out, ") u ORDER BY %s LIMIT %u", q->order, q->limit + 1);
}

/* Everything that matches, by the GIN index, then sorted: for words that the window did not fill a page with.
 */
static void add_by_index(const struct query *q, int me, struct buffer *out)
{
	buffer_printf(out,
		"WITH m AS MATERIALIZED (SELECT %s FROM \"%s\" WHERE search @@ $%d::text::tsquery AND %s%s",
		q->table->columns, q->table->resource->singular, q->search, q->conditions, q->keyset);
	query_add_scope(q, me, out);
	buffer_printf(
		out, ") SELECT %s FROM m ORDER BY %s LIMIT %u", q->table->columns, q->order, q->limit + 1);
}

int query_bind_scope(struct query *q)
{
	const struct principal *who = q->req->principal;

	db_bind_uuid(&q->params, who->id);
	db_bind_uuids(&q->params, who->teams, who->team_count, 16);
	return q->params.count - 1;
}

void query_add_scope(const struct query *q, int me, struct buffer *out)
{
	const struct schema_field *everyone = q->table->resource->everyone;

	if (query_is_scoped(q))
		buffer_printf(out, " AND (owner_id = $%d::uuid OR team_id = ANY ($%d::uuid[])%s)", me, me + 1,
			everyone ? arena_printf(q->arena, " OR \"%s\"", everyone->name) : "");
}

const char *query_sql(const struct query *query, bool by_index)
{
	struct buffer out = { .arena = query->arena };
	int me = query_is_scoped(query) ? query->params.count - 1 : 0, teams = query->params.count;

	if (by_index)
		add_by_index(query, me, &out);
	else if (me)
		add_scoped(query, me, teams, &out);
	else
		add_branch(query, "", &out);
	return out.data;
}

static void free_list(void *list)
{
	guanxi__list_request__free_unpacked(list, NULL);
}

struct query *query_new(struct request *req, struct table *table)
{
	struct query *q = arena_zalloc(req->arena, sizeof *q);

	q->req = req;
	q->table = table;
	q->arena = q->params.arena = req->arena;
	q->window = SEARCH_WINDOW;
	return q;
}

static enum status compile(
	struct request *req, struct table *table, struct slice list, struct query **query_out)
{
	struct query *q = query_new(req, table);

	q->list = guanxi__list_request__unpack(NULL, list.len, (const uint8_t *)list.data);
	if (!q->list)
		return fail(req, INVALID, MSG_INVALID, NULL);
	arena_defer(req->arena, free_list, (void *)q->list);
	q->filter = q->list->filter;
	q->filter_count = q->list->n_filter;
	q->words = q->list->q;
	q->deleted = q->list->deleted;
	q->limit = q->list->has_limit ? q->list->limit : LIMIT_DEFAULT;
	if (q->limit < 1 || q->limit > LIMIT_MAX)
		return fail_field(
			req, "/limit", MSG_BAD_LIMIT, arena_printf(req->arena, "%d", LIMIT_MAX), NULL);
	TRY(query_compile_filter(q));
	TRY(query_compile_words(q));
	TRY(query_compile_order(q));
	if (query_is_scoped(q))
		query_bind_scope(q);
	*query_out = q;
	return OK;
}

enum status query_compile(struct request *req, struct table *table, struct query **query_out)
{
	return compile(req, table, (struct slice){ (const char *)req->body, req->body_len }, query_out);
}

enum status query_run(struct query *q, struct db *db, const char *sql, PGresult **rows_out)
{
	TRY(db_ready(db));
	db_send_once(db, sql, &q->params);
	db_sync(db);
	enum status status = db_result(db, q->arena, rows_out);
	enum status end = db_end(db);

	return status != OK ? status : end;
}

static enum status count(struct query *q, struct db *db, struct buffer *out)
{
	struct buffer sql = { .arena = q->arena };
	PGresult *rows;
	int me = query_is_scoped(q) ? q->params.count - 1 : 0;

	buffer_printf(&sql, "SELECT count(*) FROM (SELECT FROM \"%s\" WHERE %s", q->table->resource->singular,
		q->conditions);
	/* All pages are counted, but the parameters of the keyset are bound and one that is not mentioned has
	 * no type. */
	for (size_t i = 0; q->from_cursor && i < q->sort_count; i++)
		buffer_printf(&sql, " AND ($%d::%s IS NULL OR true)", q->keyset_first + (int)i,
			q->sort[i].value.data ? column_sql_name(column_type(q->sort[i].field)) : "text");
	if (q->search)
		buffer_printf(&sql, " AND search @@ $%d::text::tsquery", q->search);
	query_add_scope(q, me, &sql);
	buffer_printf(&sql, " LIMIT %d) c", COUNT_BOUND + 1);
	TRY(query_run(q, db, sql.data, &rows));
	int64_t total = db_int8(rows, 0, 0);

	wire_add_varint(out, 3, total > COUNT_BOUND ? COUNT_BOUND : (uint64_t)total);
	if (total > COUNT_BOUND)
		wire_add_varint(out, 4, 1);
	return OK;
}

/* How many rows PostgreSQL expects a search to match, by the frequencies that ANALYZE found: an EXPLAIN,
 * which runs nothing. */
static enum status expect_matches(struct query *q, struct db *db, int64_t *rows_out)
{
	struct db_params params = { .arena = q->arena };
	PGresult *rows;

	db_bind(&params, q->params.values[q->search - 1], (size_t)q->params.lengths[q->search - 1]);
	TRY(db_ready(db));
	db_send_once(db,
		arena_printf(q->arena,
			"EXPLAIN (FORMAT JSON) SELECT FROM \"%s\" WHERE search @@ $1::text::tsquery",
			q->table->resource->singular),
		&params);
	db_sync(db);
	enum status status = db_result(db, q->arena, &rows);
	enum status end = db_end(db);

	TRY(status != OK ? status : end);
	const char *found = strstr(db_bytes(rows, 0, 0).data, "\"Plan Rows\": ");

	*rows_out = found ? strtoll(found + strlen("\"Plan Rows\": "), NULL, 10) : 0;
	return OK;
}

/* The window did not fill a page: what is common all the same, in older rows, is looked for in list order to
 * the end; what is rare is found by the index. */
static enum status search_on(struct query *q, struct db *db, PGresult **rows_out)
{
	int64_t expected;

	TRY(expect_matches(q, db, &expected));
	q->window = SEARCH_WINDOW_ALL;
	return query_run(q, db, query_sql(q, expected <= SEARCH_COMMON), rows_out);
}

enum status query_fetch(struct query *q, struct db *db, PGresult **rows_out)
{
	TRY(query_run(q, db, query_sql(q, false), rows_out));
	if (q->search && PQntuples(*rows_out) <= (int)q->limit)
		return search_on(q, db, rows_out);
	return OK;
}

enum status query_keep_ids(struct request *req, struct db *db, const struct schema_resource *resource,
	struct slice list, const uint8_t set[16], int limit, int64_t *count_out)
{
	struct query *q = query_new(req, service_table(req->service, resource));
	struct buffer sql = { .arena = req->arena };
	PGresult *rows;
	int me = 0;

	TRY(query_widen(req, db, resource, list, &list));
	Guanxi__ListRequest *asked = guanxi__list_request__unpack(NULL, list.len, (const uint8_t *)list.data);

	if (!asked)
		return fail(req, INVALID, MSG_INVALID, NULL);
	arena_defer(req->arena, free_list, asked);
	q->filter = asked->filter;
	q->filter_count = asked->n_filter;
	q->words = asked->q;
	q->deleted = asked->deleted;
	TRY(query_compile_filter(q));
	TRY(query_compile_words(q));
	if (query_is_scoped(q))
		me = query_bind_scope(q);
	db_bind_uuid(&q->params, set);
	buffer_printf(&sql,
		"WITH kept AS (INSERT INTO job_row (set_id, id) SELECT $%d::uuid, id FROM \"%s\" WHERE %s",
		q->params.count, resource->singular, q->conditions);
	if (q->search)
		buffer_printf(&sql, " AND search @@ $%d::text::tsquery", q->search);
	query_add_scope(q, me, &sql);
	buffer_printf(&sql, " LIMIT %d RETURNING 1) SELECT count(*) FROM kept", limit);
	TRY(query_run(q, db, sql.data, &rows));
	*count_out = db_int8(rows, 0, 0);
	return OK;
}

/* --- running */

static enum status run_page(struct query *q, struct db *db, struct query_page *page_out)
{
	PGresult *rows;

	TRY(query_fetch(q, db, &rows));
	int n = PQntuples(rows) > (int)q->limit ? (int)q->limit : PQntuples(rows);

	*page_out = (struct query_page){ q->table, rows, n,
		PQntuples(rows) > n ? query_cursor_after(q, rows, n - 1) : NULL };
	return OK;
}

enum status query_page(struct request *req, struct db *db, const struct schema_resource *resource,
	struct slice list, struct query_page *page_out)
{
	struct query *q;

	TRY(compile(req, service_table(req->service, resource), list, &q));
	return run_page(q, db, page_out);
}

enum status query_list(struct request *req, struct db *db)
{
	struct query *q;
	struct query_page page;
	struct buffer out = { .arena = req->arena };

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	TRY(query_widen_request(req, db));
	TRY(query_compile(req, service_table(req->service, req->resource), &q));
	TRY(run_page(q, db, &page));
	for (int row = 0; row < page.count; row++) {
		struct record *record = table_record(q->table, page.rows, row, req->arena);
		size_t begun = wire_begin(&out, 1);

		record_encode(record, &out);
		wire_end(&out, begun);
	}
	if (page.next)
		wire_add_text(&out, 2, page.next);
	if (q->list->count)
		TRY(count(q, db, &out));
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}
