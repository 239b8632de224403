#include "kit/query.h"
#include "kit/column.h"
#include "kit/json.h"
#include "kit/search_keys.h"
#include "kit/uuid.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CURSOR_LIFE_S 86400
#define CURSOR_MAX    4096
#define NONCE         crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG           crypto_aead_xchacha20poly1305_ietf_ABYTES

static unsigned char cursor_key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];

struct sort_key {
	const struct schema_field *field;
	bool descending;
	bool nullable;
	struct slice value; /* of the row that the page starts after; data NULL: it was null */
};

struct query {
	struct request *req;
	struct table *table;
	const Guanxi__ListRequest *list;
	struct arena *arena;
	struct db_params params;
	struct sort_key sort[SORT_MAX + 1]; /* the id last */
	size_t sort_count;
	bool from_cursor;
	unsigned limit;
	const char *conditions; /* "delete_time IS NULL AND …", without scope, keyset and search */
	const char *keyset;     /* "" on the first page */
	int keyset_first;       /* its first parameter; one for each sort key */
	const char *bound; /* what the keyset says of the first key alone, for the index; true of rows that
			      have it */
	const char *order;
	const char *order_not_null; /* for rows that are alike in having, or not having, the first key */
	int search;                 /* parameter of the tsquery; 0: no search */
	int window;                 /* rows that a search in list order looks through */
	unsigned char digest[16];   /* of what the cursor must belong to */
};

void query_open(const char *secret_hex)
{
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, (const unsigned char *)"guanxi cursor", 13, sizeof cursor_key);
	crypto_generichash_update(&hash, (const unsigned char *)secret_hex, strlen(secret_hex));
	crypto_generichash_final(&hash, cursor_key, sizeof cursor_key);
}

/* --- conditions */

static const struct operator_ {
	const char *name, *sql; /* sql: between column and parameter */
	bool text_only, ordered_only;
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
};

#define OPERATOR_COUNT (sizeof operators / sizeof *operators)

static bool is_filterable(const struct schema_field *field)
{
	return field->rule->filter || field->number == STANDARD_ID;
}

static bool is_sortable(const struct schema_field *field)
{
	return field->rule->sort;
}

static const char *names(struct query *q, bool (*chosen)(const struct schema_field *))
{
	struct buffer out = { .arena = q->arena };
	const struct schema_message *m = q->table->resource->message;

	buffer_reserve(&out, 0);
	for (size_t i = 0; i < m->count; i++)
		if (chosen(&m->fields[i]))
			buffer_printf(&out, "%s%s", out.len ? ", " : "", m->fields[i].json_name);
	return out.data;
}

static bool fits(const struct operator_ *op, const struct schema_field *field)
{
	enum column_type type = column_type(field);
	bool ordered = type == COLUMN_DATE || type == COLUMN_TIMESTAMPTZ ||
		       (type == COLUMN_INTEGER && field->type != FIELD_ENUM) || type == COLUMN_BIGINT ||
		       type == COLUMN_TEXT;

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

static const char *pointer_of(struct query *q, const Guanxi__Condition *c)
{
	return arena_printf(q->arena, "/filter[%s][%s]", c->field, c->operator_);
}

static enum status bad_value(struct query *q, const Guanxi__Condition *c, const char *value)
{
	return fail_field(q->req, pointer_of(q, c), MSG_BAD_VALUE, value, NULL);
}

static enum status add_list(
	struct query *q, const Guanxi__Condition *c, const struct schema_field *field, struct buffer *out)
{
	struct db_array array;
	struct slice value;

	if (c->n_values < 1 || c->n_values > VALUES_MAX)
		return bad_value(q, c, "");
	db_array_begin(&array, q->arena, column_oid(column_type(field)));
	for (size_t i = 0; i < c->n_values; i++) {
		if (!column_from_text(field, c->values[i], q->arena, &value))
			return bad_value(q, c, c->values[i]);
		db_array_add(&array, value.data, value.len);
	}
	db_bind_array(&q->params, &array);
	buffer_printf(out, " AND \"%s\" = ANY ($%d::%s[])", field->name, q->params.count,
		column_sql_name(column_type(field)));
	return OK;
}

/* % and _ of the value are meant literally. */
static void add_contains(
	struct query *q, const char *value, const struct schema_field *field, struct buffer *out)
{
	struct buffer pattern = { .arena = q->arena };

	buffer_add_text(&pattern, "%");
	for (; *value; value++) {
		if (strchr("%_\\", *value))
			buffer_add_text(&pattern, "\\");
		buffer_add(&pattern, value, 1);
	}
	buffer_add_text(&pattern, "%");
	db_bind(&q->params, pattern.data, pattern.len);
	buffer_printf(out, " AND \"%s\" ILIKE $%d::text", field->name, q->params.count);
}

static enum status add_condition(struct query *q, const Guanxi__Condition *c, struct buffer *out)
{
	const struct schema_field *field = schema_field_find(
		q->table->resource->message, c->field ? c->field : "", c->field ? strlen(c->field) : 0);
	const struct operator_ *op = NULL;
	struct slice value;

	if (!c->field || !field || !is_filterable(field))
		return fail_field(q->req, pointer_of(q, c), MSG_NOT_FILTERABLE, c->field ? c->field : "",
			names(q, is_filterable), NULL);
	for (size_t i = 0; i < OPERATOR_COUNT; i++)
		if (c->operator_ && !strcmp(operators[i].name, c->operator_) && fits(&operators[i], field))
			op = &operators[i];
	if (!op)
		return fail_field(q->req, pointer_of(q, c), MSG_BAD_OPERATOR,
			c->operator_ ? c->operator_ : "", operator_names(q, field), NULL);
	if (!strcmp(op->name, "in"))
		return add_list(q, c, field, out);
	if (c->n_values != 1)
		return bad_value(q, c, "");
	if (op->text_only) {
		add_contains(q, c->values[0], field, out);
		return OK;
	}
	if (!strcmp(op->name, "isNull")) {
		bool wanted = !strcmp(c->values[0], "true");

		if (!wanted && strcmp(c->values[0], "false"))
			return bad_value(q, c, c->values[0]);
		buffer_printf(out, " AND \"%s\" IS %sNULL", field->name, wanted ? "" : "NOT ");
		return OK;
	}
	if (!column_from_text(field, c->values[0], q->arena, &value))
		return bad_value(q, c, c->values[0]);
	db_bind(&q->params, value.data, value.len);
	buffer_printf(out, " AND \"%s\" %s $%d::%s", field->name, op->sql, q->params.count,
		column_sql_name(column_type(field)));
	return OK;
}

static enum status compile_conditions(struct query *q)
{
	struct buffer out = { .arena = q->arena };
	enum status status = OK;

	buffer_printf(&out, "delete_time IS %sNULL", q->list->deleted ? "NOT " : "");
	if (q->list->n_filter > CONDITIONS_MAX)
		return fail_field(
			q->req, "/filter", MSG_TOO_MANY, arena_printf(q->arena, "%d", CONDITIONS_MAX), NULL);
	for (size_t i = 0; i < q->list->n_filter; i++)
		if (add_condition(q, q->list->filter[i], &out) != OK)
			status = INVALID;
	q->conditions = out.data;
	return status;
}

static enum status compile_search(struct query *q)
{
	char *tsquery;

	if (!q->list->q)
		return OK;
	switch (search_query_of(q->list->q, strlen(q->list->q), q->arena, &tsquery)) {
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

/* --- order and cursor */

static bool is_nullable(const struct schema_field *field)
{
	return !field->rule->required && field->number != STANDARD_ID &&
	       field->number != STANDARD_CREATE_TIME && field->number != STANDARD_UPDATE_TIME &&
	       field->number != STANDARD_VERSION;
}

static enum status add_sort(struct query *q, const char *text)
{
	bool descending = *text == '-';
	const char *name = text + descending;
	const struct schema_field *field = schema_field_find(q->table->resource->message, name, strlen(name));

	if (!field || (!is_sortable(field) && field->number != STANDARD_ID))
		return fail_field(q->req, "/sort", MSG_NOT_SORTABLE, name, names(q, is_sortable), NULL);
	if (q->sort_count == SORT_MAX)
		return fail_field(
			q->req, "/sort", MSG_TOO_MANY, arena_printf(q->arena, "%d", SORT_MAX), NULL);
	q->sort[q->sort_count++] =
		(struct sort_key){ .field = field, .descending = descending, .nullable = is_nullable(field) };
	return OK;
}

static enum status compile_sort(struct query *q)
{
	struct buffer out = { .arena = q->arena }, plain = { .arena = q->arena };
	const char *fallback = q->table->resource->rule->default_sort;

	for (size_t i = 0; i < q->list->n_sort; i++)
		TRY(add_sort(q, q->list->sort[i]));
	if (!q->sort_count)
		TRY(add_sort(q, fallback ? fallback : "-createTime"));
	bool has_id = q->sort[q->sort_count - 1].field->number == STANDARD_ID;

	if (!has_id) {
		bool descending = q->sort[q->sort_count - 1].descending;

		q->sort[q->sort_count++] = (struct sort_key){
			.field = schema_field_by_number(q->table->resource->message, STANDARD_ID),
			.descending = descending
		};
	}
	for (size_t i = 0; i < q->sort_count; i++) {
		const char *name = q->sort[i].field->name, *direction = q->sort[i].descending ? " DESC" : "",
			   *comma = i ? ", " : "";

		buffer_printf(&out, "%s\"%s\"%s%s", comma, name, direction,
			q->sort[i].nullable ? " NULLS LAST" : "");
		buffer_printf(&plain, "%s\"%s\"%s%s", comma, name, direction,
			q->sort[i].nullable && i ? " NULLS LAST" : "");
	}
	q->order = out.data;
	q->order_not_null = plain.data;
	return OK;
}

/* What a cursor belongs to: the same list, asked by the same person. */
static void compute_digest(struct query *q)
{
	crypto_generichash_state hash;
	Guanxi__ListRequest plain = *q->list;
	struct buffer out = { .arena = q->arena };

	plain.cursor = NULL;
	plain.has_limit = plain.has_count = false;
	plain.n_fields = 0;
	size_t len = guanxi__list_request__get_packed_size(&plain);

	out.len = guanxi__list_request__pack(&plain, (uint8_t *)buffer_reserve(&out, len));
	crypto_generichash_init(&hash, NULL, 0, sizeof q->digest);
	crypto_generichash_update(&hash, (const unsigned char *)q->req->name, strlen(q->req->name) + 1);
	crypto_generichash_update(
		&hash, (const unsigned char *)q->req->principal_id, strlen(q->req->principal_id) + 1);
	crypto_generichash_update(&hash, (const unsigned char *)out.data, out.len);
	crypto_generichash_final(&hash, q->digest, sizeof q->digest);
}

/* digest, seconds, then for each sort key a length (UINT32_MAX: null) and the value in PostgreSQL's form. */
static const char *cursor_of(struct query *q, const PGresult *rows, int row)
{
	struct buffer plain = { .arena = q->arena }, sealed = { .arena = q->arena };
	uint64_t now = (uint64_t)time(NULL);
	unsigned long long sealed_len;

	buffer_add(&plain, q->digest, sizeof q->digest);
	buffer_add(&plain, &now, sizeof now);
	for (size_t i = 0; i < q->sort_count; i++) {
		int column = (int)q->sort[i].field->index;
		bool null = PQgetisnull(rows, row, column);
		uint32_t len = null ? UINT32_MAX : (uint32_t)PQgetlength(rows, row, column);

		buffer_add(&plain, &len, sizeof len);
		if (!null)
			buffer_add(&plain, PQgetvalue(rows, row, column), len);
	}
	unsigned char *to = (unsigned char *)buffer_reserve(&sealed, NONCE + plain.len + TAG);

	randombytes_buf(to, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(to + NONCE, &sealed_len, (const unsigned char *)plain.data,
		plain.len, NULL, 0, NULL, to, cursor_key);
	size_t text_len =
		sodium_base64_ENCODED_LEN(NONCE + sealed_len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *text = arena_alloc(q->arena, text_len);

	return sodium_bin2base64(
		text, text_len, to, NONCE + (size_t)sealed_len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static bool take_values(struct query *q, const unsigned char *at, const unsigned char *end)
{
	for (size_t i = 0; i < q->sort_count; i++) {
		uint32_t len;

		if ((size_t)(end - at) < sizeof len)
			return false;
		memcpy(&len, at, sizeof len);
		at += sizeof len;
		if (len == UINT32_MAX)
			continue;
		if ((size_t)(end - at) < len)
			return false;
		q->sort[i].value = (struct slice){ (const char *)at, len };
		at += len;
	}
	return at == end;
}

static enum status open_cursor(struct query *q)
{
	unsigned char *sealed = arena_alloc(q->arena, CURSOR_MAX), *plain = arena_alloc(q->arena, CURSOR_MAX);
	size_t len;
	unsigned long long plain_len;
	uint64_t made;

	if (!q->list->cursor)
		return OK;
	if (sodium_base642bin(sealed, CURSOR_MAX, q->list->cursor, strlen(q->list->cursor), NULL, &len, NULL,
		    sodium_base64_VARIANT_URLSAFE_NO_PADDING) ||
		len < NONCE + TAG ||
		crypto_aead_xchacha20poly1305_ietf_decrypt(
			plain, &plain_len, NULL, sealed + NONCE, len - NONCE, NULL, 0, sealed, cursor_key) ||
		plain_len < sizeof q->digest + sizeof made || memcmp(plain, q->digest, sizeof q->digest))
		return fail_field(q->req, "/cursor", MSG_BAD_CURSOR, NULL);
	memcpy(&made, plain + sizeof q->digest, sizeof made);
	if ((uint64_t)time(NULL) - made > CURSOR_LIFE_S)
		return fail_field(q->req, "/cursor", MSG_CURSOR_EXPIRED, NULL);
	if (!take_values(q, plain + sizeof q->digest + sizeof made, plain + plain_len))
		return fail_field(q->req, "/cursor", MSG_BAD_CURSOR, NULL);
	q->from_cursor = true;
	return OK;
}

/* "beyond the value of key i", given that the keys before it are equal. Nulls come last whatever the
 * direction. */
static void add_beyond(const struct sort_key *k, int parameter, struct buffer *out)
{
	if (!k->value.data)
		buffer_add_text(out, "false"); /* nothing is beyond null */
	else
		buffer_printf(out,
			k->nullable ? "(\"%s\" %s $%d::%s OR \"%s\" IS NULL)" : "\"%s\" %s $%d::%s",
			k->field->name, k->descending ? "<" : ">", parameter,
			column_sql_name(column_type(k->field)), k->field->name);
}

static void add_equal(const struct sort_key *k, int parameter, struct buffer *out)
{
	if (!k->value.data)
		buffer_printf(out, "\"%s\" IS NULL AND ", k->field->name);
	else
		buffer_printf(out, "\"%s\" = $%d::%s AND ", k->field->name, parameter,
			column_sql_name(column_type(k->field)));
}

/* One direction and no nulls: a row comparison, which an index answers. */
static bool is_row_comparison(const struct query *q)
{
	for (size_t i = 0; i < q->sort_count; i++)
		if (q->sort[i].nullable || q->sort[i].descending != q->sort[0].descending)
			return false;
	return true;
}

static void compile_keyset(struct query *q)
{
	struct buffer out = { .arena = q->arena };
	int first = q->params.count + 1;

	q->keyset = q->bound = "";
	q->keyset_first = first;
	if (!q->from_cursor)
		return;
	if (q->sort[0].value.data)
		q->bound = arena_printf(q->arena, " AND \"%s\" %s $%d::%s", q->sort[0].field->name,
			q->sort[0].descending ? "<=" : ">=", first,
			column_sql_name(column_type(q->sort[0].field)));
	for (size_t i = 0; i < q->sort_count; i++) {
		if (q->sort[i].value.data)
			db_bind(&q->params, q->sort[i].value.data, q->sort[i].value.len);
		else
			db_bind_text(&q->params, ""); /* keeps the numbering; not referred to */
	}
	if (is_row_comparison(q)) {
		buffer_add_text(&out, " AND (");
		for (size_t i = 0; i < q->sort_count; i++)
			buffer_printf(&out, "%s\"%s\"", i ? ", " : "", q->sort[i].field->name);
		buffer_printf(&out, ") %s (", q->sort[0].descending ? "<" : ">");
		for (size_t i = 0; i < q->sort_count; i++)
			buffer_printf(&out, "%s$%d::%s", i ? ", " : "", first + (int)i,
				column_sql_name(column_type(q->sort[i].field)));
		buffer_add_text(&out, ")");
	} else {
		buffer_add_text(&out, " AND (");
		for (size_t i = 0; i < q->sort_count; i++) {
			buffer_add_text(&out, i ? " OR (" : "(");
			for (size_t k = 0; k < i; k++)
				add_equal(&q->sort[k], first + (int)k, &out);
			add_beyond(&q->sort[i], first + (int)i, &out);
			buffer_add_text(&out, ")");
		}
		buffer_add_text(&out, ")");
		for (size_t i = 0; i < q->sort_count; i++) /* a parameter without a type is refused */
			if (!q->sort[i].value.data)
				buffer_printf(&out, " AND $%d::text = ''", first + (int)i);
	}
	q->keyset = out.data;
}

/* --- the statement */

static bool is_scoped(const struct query *q)
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
	buffer_printf(out, ") c)%s", q->table->resource->everyone ? " UNION ALL (" : "");
	if (q->table->resource->everyone) {
		add_branch(q,
			arena_printf(q->arena,
				" AND \"%s\" AND owner_id IS DISTINCT FROM $%d::uuid AND team_id = ANY "
				"($%d::uuid[]) "
				"IS NOT true",
				q->table->resource->everyone->name, me, teams),
			out);
		buffer_add_text(out, ")");
	}
	buffer_printf(out, ") u ORDER BY %s LIMIT %u", q->order, q->limit + 1);
}

/* The same scope as one condition, where the order comes from elsewhere. */
static void add_scope(const struct query *q, int me, int teams, struct buffer *out)
{
	const struct schema_field *everyone = q->table->resource->everyone;

	if (me)
		buffer_printf(out, " AND (owner_id = $%d::uuid OR team_id = ANY ($%d::uuid[])%s)", me, teams,
			everyone ? arena_printf(q->arena, " OR \"%s\"", everyone->name) : "");
}

/* Everything that matches, by the GIN index, then sorted: for words that the window did not fill a page with.
 */
static void add_by_index(const struct query *q, int me, int teams, struct buffer *out)
{
	buffer_printf(out,
		"WITH m AS MATERIALIZED (SELECT %s FROM \"%s\" WHERE search @@ $%d::text::tsquery AND %s%s",
		q->table->columns, q->table->resource->singular, q->search, q->conditions, q->keyset);
	add_scope(q, me, teams, out);
	buffer_printf(
		out, ") SELECT %s FROM m ORDER BY %s LIMIT %u", q->table->columns, q->order, q->limit + 1);
}

static void bind_scope(struct query *q, int *me_out, int *teams_out)
{
	struct db_array teams;

	db_array_begin(&teams, q->arena, OID_UUID);
	for (size_t i = 0; i < q->req->principal->team_count; i++)
		db_array_add(&teams, q->req->principal->teams[i], 16);
	db_bind_uuid(&q->params, q->req->principal->id);
	*me_out = q->params.count;
	db_bind_array(&q->params, &teams);
	*teams_out = q->params.count;
}

const char *query_sql(const struct query *query, bool by_index)
{
	struct buffer out = { .arena = query->arena };
	int me = is_scoped(query) ? query->params.count - 1 : 0, teams = query->params.count;

	if (by_index)
		add_by_index(query, me, teams, &out);
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

static enum status compile(
	struct request *req, struct table *table, struct slice list, struct query **query_out)
{
	struct query *q = arena_zalloc(req->arena, sizeof *q);
	int me, teams;

	*q = (struct query){
		.req = req, .table = table, .arena = req->arena, .params = { .arena = req->arena }
	};
	q->window = SEARCH_WINDOW;
	q->list = guanxi__list_request__unpack(NULL, list.len, (const uint8_t *)list.data);
	if (!q->list)
		return fail(req, INVALID, MSG_INVALID, NULL);
	arena_defer(req->arena, free_list, (void *)q->list);
	q->limit = q->list->has_limit ? q->list->limit : LIMIT_DEFAULT;
	if (q->limit < 1 || q->limit > LIMIT_MAX)
		return fail_field(
			req, "/limit", MSG_BAD_LIMIT, arena_printf(req->arena, "%d", LIMIT_MAX), NULL);
	if (q->list->q && !table->searched)
		return fail_field(req, "/q", MSG_UNKNOWN_PARAMETER, "q", "filter, sort, limit, cursor", NULL);
	TRY(compile_conditions(q));
	TRY(compile_search(q));
	TRY(compile_sort(q));
	compute_digest(q);
	TRY(open_cursor(q));
	compile_keyset(q);
	if (is_scoped(q))
		bind_scope(q, &me, &teams);
	*query_out = q;
	return OK;
}

enum status query_compile(struct request *req, struct table *table, struct query **query_out)
{
	return compile(req, table, (struct slice){ (const char *)req->body, req->body_len }, query_out);
}

static enum status run(struct query *q, struct db *db, const char *sql, PGresult **rows_out)
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
	int me = is_scoped(q) ? q->params.count - 1 : 0;

	buffer_printf(&sql, "SELECT count(*) FROM (SELECT FROM \"%s\" WHERE %s", q->table->resource->singular,
		q->conditions);
	/* All pages are counted, but the parameters of the keyset are bound and one that is not mentioned has
	 * no type. */
	for (size_t i = 0; q->from_cursor && i < q->sort_count; i++)
		buffer_printf(&sql, " AND ($%d::%s IS NULL OR true)", q->keyset_first + (int)i,
			q->sort[i].value.data ? column_sql_name(column_type(q->sort[i].field)) : "text");
	if (q->search)
		buffer_printf(&sql, " AND search @@ $%d::text::tsquery", q->search);
	add_scope(q, me, me + 1, &sql);
	buffer_printf(&sql, " LIMIT %d) c", COUNT_BOUND + 1);
	TRY(run(q, db, sql.data, &rows));
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
	return run(q, db, query_sql(q, expected <= SEARCH_COMMON), rows_out);
}

static enum status run_page(struct query *q, struct db *db, struct query_page *page_out)
{
	PGresult *rows;

	TRY(run(q, db, query_sql(q, false), &rows));
	if (q->search && PQntuples(rows) <= (int)q->limit)
		TRY(search_on(q, db, &rows));
	int n = PQntuples(rows) > (int)q->limit ? (int)q->limit : PQntuples(rows);

	*page_out = (struct query_page){ q->table, rows, n,
		PQntuples(rows) > n ? cursor_of(q, rows, n - 1) : NULL };
	return OK;
}

enum status query_page(struct request *req, struct db *db, const struct schema_resource *resource,
	struct slice list, struct query_page *page_out)
{
	struct query *q;

	TRY(compile(req, service_table(req->service, resource), list, &q));
	return run_page(q, db, page_out);
}

enum status query_keep_ids(struct request *req, struct db *db, const struct schema_resource *resource,
	struct slice list, const uint8_t set[16], int limit, int64_t *count_out)
{
	struct query *q;
	PGresult *rows;

	TRY(compile(req, service_table(req->service, resource), list, &q));
	struct buffer sql = { .arena = q->arena };
	int me = is_scoped(q) ? q->params.count - 1 : 0;

	db_bind_uuid(&q->params, set);
	buffer_printf(&sql,
		"WITH kept AS (INSERT INTO job_row (set_id, id) SELECT $%d::uuid, id FROM \"%s\" WHERE %s",
		q->params.count, resource->singular, q->conditions);
	if (q->search)
		buffer_printf(&sql, " AND search @@ $%d::text::tsquery", q->search);
	add_scope(q, me, me + 1, &sql);
	buffer_printf(&sql, " LIMIT %d RETURNING 1) SELECT count(*) FROM kept", limit);
	TRY(run(q, db, sql.data, &rows));
	*count_out = db_int8(rows, 0, 0);
	return OK;
}

enum status query_list(struct request *req, struct db *db)
{
	struct query *q;
	struct query_page page;
	struct buffer out = { .arena = req->arena };

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
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

/* --- the log */

static void add_logged(struct buffer *out, uint32_t number, const PGresult *rows, int row)
{
	size_t begun = wire_begin(out, number);
	struct slice payload = db_bytes(rows, row, 2), audience = db_bytes(rows, row, 3);

	wire_add_varint(out, 1, (uint64_t)db_int8(rows, row, 0));
	wire_add_varint(out, 2, (uint64_t)db_int4(rows, row, 1));
	wire_add_bytes(out, 3, payload.data, payload.len);
	wire_add_bytes(out, 4, audience.data, audience.len);
	wire_end(out, begun);
}

static enum status check_visible(struct request *req, struct db *db, const struct wire_field *id)
{
	struct table *table = service_table(req->service, req->resource);
	struct db_params params = { .arena = req->arena };
	struct db_array ids;
	uint8_t uuid[16];
	PGresult *rows;

	if (id->type != WIRE_BYTES || !uuid_from_text(id->bytes, id->len, uuid))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	db_array_begin(&ids, req->arena, OID_UUID);
	db_array_add(&ids, uuid, 16);
	db_bind_array(&params, &ids);
	TRY(db_run(db, req->arena, &table->get, &params, &rows));
	if (!PQntuples(rows))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	const struct record *r = table_record(table, rows, 0, req->arena);
	const struct schema_resource *resource = table->resource;
	bool seen = !resource->owner || resource->rule->organisation_wide ||
		    (resource->everyone && record_number(r, resource->everyone->number)) ||
		    principal_may_see(req->principal, record_uuid(r, resource->owner->number),
			    record_uuid(r, resource->team->number));

	return seen ? OK : fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
}

#define LOG_WAIT_MS      500
#define LOG_WAIT_STEP_MS 5

/* What was just written is in the outbox for some milliseconds before it has its place in the log: whoever
 * asks for the history of their own change finds it. */
static enum status wait_for_log(struct request *req, struct db *db, const uint8_t id[16])
{
	static const struct db_statement any = {
		"SELECT FROM event_outbox WHERE subject_id = $1::uuid LIMIT 1"
	};

	for (int waited_ms = 0; waited_ms < LOG_WAIT_MS; waited_ms += LOG_WAIT_STEP_MS) {
		struct db_params params = { .arena = req->arena };
		PGresult *rows;

		db_bind_uuid(&params, id);
		TRY(db_run(db, req->arena, &any, &params, &rows));
		if (!PQntuples(rows))
			return OK;
		usleep(LOG_WAIT_STEP_MS * 1000);
	}
	return OK;
}

enum status query_history(struct request *req, struct db *db)
{
	static const struct db_statement events = {
		"SELECT pos, epoch, payload, audience FROM event_log WHERE subject_id = $1::uuid AND pos < "
		"$2::bigint ORDER BY pos DESC LIMIT $3::int"
	};
	struct wire_field id = { 0 }, f;
	struct db_params params = { .arena = req->arena };
	struct buffer out = { .arena = req->arena };
	uint8_t uuid[16];
	PGresult *rows;
	int limit = LIMIT_DEFAULT;
	int64_t before = INT64_MAX;

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (!wire_find(req->body, req->body_len, 1, &id))
		return fail(req, INVALID, MSG_INVALID, NULL);
	if (wire_find(req->body, req->body_len, 2, &f) && (int64_t)f.value > 0)
		before = (int64_t)f.value;
	if (wire_find(req->body, req->body_len, 3, &f))
		limit = f.value > LIMIT_MAX ? 0 : (int)f.value;
	if (limit < 1)
		return fail_field(
			req, "/limit", MSG_BAD_LIMIT, arena_printf(req->arena, "%d", LIMIT_MAX), NULL);
	TRY(check_visible(req, db, &id));
	uuid_from_text(id.bytes, id.len, uuid);
	TRY(wait_for_log(req, db, uuid));
	db_bind_uuid(&params, uuid);
	db_bind_int8(&params, before);
	db_bind_int4(&params, limit + 1);
	TRY(db_run(db, req->arena, &events, &params, &rows));
	int n = PQntuples(rows) > limit ? limit : PQntuples(rows);

	buffer_reserve(&out, 0);
	for (int row = 0; row < n; row++)
		add_logged(&out, 1, rows, row);
	if (PQntuples(rows) > n)
		wire_add_varint(&out, 2, (uint64_t)db_int8(rows, n - 1, 0));
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}

/* Positions are dense and their times never fall: a binary search finds where a time begins. */
static enum status position_at(
	struct request *req, int64_t time_us, int64_t low, int64_t head, int64_t *after_out)
{
	static const struct db_statement at = { "SELECT logged_at FROM event_log WHERE pos = $1::bigint" };

	while (low < head) {
		int64_t middle = low + (head - low + 1) / 2;
		struct db_params params = { .arena = req->arena };
		PGresult *rows;

		db_bind_int8(&params, middle);
		TRY(db_run(req->db, req->arena, &at, &params, &rows));
		if (PQntuples(rows) && db_time(rows, 0, 0) < time_us)
			low = middle;
		else
			head = middle - 1;
	}
	*after_out = low;
	return OK;
}

#define LOG_PAGE_EVENTS 1000
#define LOG_PAGE_BYTES  (2 << 20) /* a reply stays well under FRAME_BODY_MAX */

enum status query_read_log(struct request *req)
{
	static const struct db_statement head = { "SELECT epoch, pos, low_pos FROM event_head" };
	static const struct db_statement events = {
		"SELECT pos, epoch, payload, audience FROM event_log WHERE pos > $1::bigint AND pos <= "
		"$2::bigint ORDER BY pos LIMIT $3::int"
	};
	struct buffer out = { .arena = req->arena };
	struct db_params params = { .arena = req->arena };
	struct wire_field f;
	PGresult *rows;
	int64_t after = 0, us;
	int limit = LOG_PAGE_EVENTS;

	if (wire_find(req->body, req->body_len, 2, &f))
		after = (int64_t)f.value;
	if (wire_find(req->body, req->body_len, 3, &f) && f.value > 0 && f.value < LOG_PAGE_EVENTS)
		limit = (int)f.value;
	TRY(db_run(req->db, req->arena, &head, NULL, &rows));
	int64_t pos = db_int8(rows, 0, 1), low = db_int8(rows, 0, 2);

	wire_add_varint(&out, 1, (uint64_t)db_int4(rows, 0, 0));
	wire_add_varint(&out, 2, (uint64_t)pos);
	wire_add_varint(&out, 3, (uint64_t)low);
	if (wire_find(req->body, req->body_len, 4, &f) && f.type == WIRE_BYTES) {
		if (!json_read_time(f.bytes, f.len, &us))
			return fail_field(req, "/time", MSG_BAD_TIME, NULL);
		TRY(position_at(req, us, low, pos, &after));
	}
	if (after < low)
		after = low;
	db_bind_int8(&params, after);
	db_bind_int8(&params, pos);
	db_bind_int4(&params, limit);
	TRY(db_run(req->db, req->arena, &events, &params, &rows));
	int row = 0;
	int64_t up_to = after;

	for (; row < PQntuples(rows) && out.len < LOG_PAGE_BYTES; row++) {
		add_logged(&out, 4, rows, row);
		up_to = db_int8(rows, row, 0);
	}
	wire_add_varint(&out, 5, (uint64_t)up_to);
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}
