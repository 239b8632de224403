/* What a global search asks each resource: titles that are, or begin with, what was typed; then all that it
 * finds. */
#include "kit/query_parts.h"
#include "kit/words.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Sorts behind every character (CLDR, Unicode Collation Algorithm 9.1.2): what begins with a text stands
 * between it and it with this behind. */
#define LAST_CHARACTER "\xEF\xBF\xBF"

struct find {
	struct request *req;
	struct table *table;
	const char *text;
	uint32_t limit, count;
	const char *ids[FIND_MAX]; /* of those already told, 16 bytes each */
	struct buffer out;
};

static const char *trimmed(const struct wire_field *f, struct arena *arena)
{
	const char *from = f->bytes, *to = f->bytes + f->len;

	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	return arena_strndup(arena, from, (size_t)(to - from));
}

static Guanxi__Match match_of(const struct find *f, const struct record *record)
{
	const struct schema_field *title = f->table->resource->title;
	const char *text = title ? record_text(record, title->number) : NULL;
	size_t len = strlen(f->text);

	if (!text || strncasecmp(text, f->text, len))
		return GUANXI__MATCH__MATCH_OTHER;
	return text[len] ? GUANXI__MATCH__MATCH_PREFIX : GUANXI__MATCH__MATCH_EXACT;
}

static bool is_told(const struct find *f, const char *id)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (!memcmp(f->ids[i], id, 16))
			return true;
	return false;
}

static void tell(struct find *f, const PGresult *rows)
{
	for (int row = 0; row < PQntuples(rows) && f->count < f->limit; row++) {
		struct record *record;
		size_t begun, item;

		if (is_told(f, db_bytes(rows, row, 0).data))
			continue;
		f->ids[f->count++] = db_bytes(rows, row, 0).data;
		record = table_record(f->table, rows, row, f->req->arena);
		begun = wire_begin(&f->out, 1);
		item = wire_begin(&f->out, 1);
		record_encode(record, &f->out);
		wire_end(&f->out, item);
		wire_add_varint(&f->out, 2, match_of(f, record));
		wire_end(&f->out, begun);
	}
}

/* In the order of titles, by their index: what is typed whole comes before what only begins with it. Small
 * letters sort before large ones, so the search begins with them. */
static enum status find_titles(struct find *f, struct db *db)
{
	struct query *q = query_new(f->req, f->table);
	const struct schema_field *title = f->table->resource->title;
	struct buffer sql = { .arena = q->arena };
	char *from = arena_strdup(q->arena, f->text);
	PGresult *rows;

	if (!title || !title->rule->sort)
		return OK;
	for (char *c = from; *c; c++)
		*c = (char)((unsigned char)*c < 0x80 ? tolower((unsigned char)*c) : *c);
	db_bind_text(&q->params, from);
	db_bind_text(&q->params, arena_printf(q->arena, "%s" LAST_CHARACTER, f->text));
	const char *column = query_column(q, title);
	int me = query_is_scoped(q) ? query_bind_scope(q) : 0;

	buffer_printf(&sql,
		"SELECT %s FROM (SELECT %s FROM \"%s\" WHERE delete_time IS NULL AND %s >= $1::text AND %s < "
		"$2::text"
		" ORDER BY %s, id LIMIT %d) t WHERE true",
		f->table->columns, f->table->columns, f->table->resource->singular, column, column, column,
		FIND_PREFIX);
	query_add_scope(q, me, &sql);
	buffer_printf(&sql, " LIMIT %u", f->limit);
	TRY(query_run(q, db, sql.data, &rows));
	tell(f, rows);
	return OK;
}

/* Compiled before anything is asked: what cannot be searched for is refused. */
static enum status compile_all(struct find *f, struct query **query_out)
{
	Guanxi__ListRequest list = GUANXI__LIST_REQUEST__INIT;
	struct request *req = f->req;
	struct buffer body = { .arena = req->arena };

	list.q = (char *)f->text;
	list.has_limit = true;
	list.limit = f->limit;
	body.len = guanxi__list_request__pack(
		&list, (uint8_t *)buffer_reserve(&body, guanxi__list_request__get_packed_size(&list)));
	req->body = (const uint8_t *)body.data;
	req->body_len = body.len;
	return query_compile(req, f->table, query_out);
}

static enum status read_request(struct find *f)
{
	struct request *req = f->req;
	struct wire_field field;

	f->text = wire_find(req->body, req->body_len, 1, &field) ? trimmed(&field, req->arena) : "";
	f->limit = wire_find(req->body, req->body_len, 2, &field) ? (uint32_t)field.value : FIND_DEFAULT;
	if (f->limit < 1 || f->limit > FIND_MAX)
		return fail_field(
			req, "/limit", MSG_BAD_LIMIT, arena_printf(req->arena, "%d", FIND_MAX), NULL);
	return OK;
}

enum status query_find(struct request *req, struct db *db)
{
	struct find f = { .req = req, .out = { .arena = req->arena } };
	struct wire_field similar;
	const char *corrected = NULL;
	struct query *all;
	PGresult *rows;

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	f.table = service_table(req->service, req->resource);
	TRY(read_request(&f));
	buffer_reserve(&f.out, 0);
	req->reply = (struct slice){ f.out.data, 0 };
	if (wire_find(req->body, req->body_len, 3, &similar) && similar.value) {
		TRY(words_correct(req, db, f.text, &corrected));
		if (!corrected)
			return OK;
		f.text = corrected;
	}
	TRY(compile_all(&f, &all));
	TRY(find_titles(&f, db));
	if (f.count < f.limit) {
		TRY(query_fetch(all, db, &rows));
		tell(&f, rows);
	}
	if (corrected && f.count)
		wire_add_text(&f.out, 2, corrected);
	req->reply = (struct slice){ f.out.data, f.out.len };
	return OK;
}
