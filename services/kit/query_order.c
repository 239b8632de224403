/* Order, cursor and keyset of a list. */
#include "kit/column.h"
#include "kit/query_parts.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

#define CURSOR_LIFE_S 86400
#define CURSOR_MAX    4096
#define NONCE         crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG           crypto_aead_xchacha20poly1305_ietf_ABYTES

static unsigned char cursor_key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];

void query_open(const char *secret_hex)
{
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, (const unsigned char *)"guanxi cursor", 13, sizeof cursor_key);
	crypto_generichash_update(&hash, (const unsigned char *)secret_hex, strlen(secret_hex));
	crypto_generichash_final(&hash, cursor_key, sizeof cursor_key);
}

static bool is_sortable(const struct schema_field *field)
{
	return field->rule->sort;
}

static bool is_nullable(const struct schema_field *field)
{
	return !field->rule->required && field->number != STANDARD_ID &&
	       field->number != STANDARD_CREATE_TIME && field->number != STANDARD_UPDATE_TIME &&
	       field->number != STANDARD_VERSION;
}

static void add_key(struct query *q, const struct schema_field *field, bool descending)
{
	q->sort[q->sort_count++] = (struct sort_key){ .field = field,
		.column = query_column(q, field),
		.descending = descending,
		.nullable = is_nullable(field) };
}

static enum status add_sort(struct query *q, const char *text)
{
	bool descending = *text == '-';
	const char *name = text + descending;
	const struct schema_field *field = schema_field_find(q->table->resource->message, name, strlen(name));

	if (!field || (!is_sortable(field) && field->number != STANDARD_ID))
		return fail_field(q->req, "/sort", MSG_NOT_SORTABLE, name, query_names(q, is_sortable), NULL);
	if (q->sort_count == SORT_MAX)
		return fail_field(
			q->req, "/sort", MSG_TOO_MANY, arena_printf(q->arena, "%d", SORT_MAX), NULL);
	add_key(q, field, descending);
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
	const struct sort_key *last = &q->sort[q->sort_count - 1];

	if (last->field->number != STANDARD_ID)
		add_key(q, schema_field_by_number(q->table->resource->message, STANDARD_ID),
			last->descending);
	for (size_t i = 0; i < q->sort_count; i++) {
		const char *name = q->sort[i].column, *direction = q->sort[i].descending ? " DESC" : "",
			   *comma = i ? ", " : "";

		buffer_printf(
			&out, "%s%s%s%s", comma, name, direction, q->sort[i].nullable ? " NULLS LAST" : "");
		buffer_printf(&plain, "%s%s%s%s", comma, name, direction,
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
	crypto_generichash_update(&hash, (const unsigned char *)q->table->resource->collection,
		strlen(q->table->resource->collection) + 1);
	crypto_generichash_update(
		&hash, (const unsigned char *)q->req->principal_id, strlen(q->req->principal_id) + 1);
	crypto_generichash_update(&hash, (const unsigned char *)out.data, out.len);
	crypto_generichash_final(&hash, q->digest, sizeof q->digest);
}

/* digest, seconds, then for each sort key a length (UINT32_MAX: null) and the value in PostgreSQL's form. */
const char *query_cursor_after(struct query *q, const PGresult *rows, int row)
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
		buffer_printf(out, k->nullable ? "(%s %s $%d::%s OR \"%s\" IS NULL)" : "%s %s $%d::%s",
			k->column, k->descending ? "<" : ">", parameter,
			column_sql_name(column_type(k->field)), k->field->name);
}

static void add_equal(const struct sort_key *k, int parameter, struct buffer *out)
{
	if (!k->value.data)
		buffer_printf(out, "\"%s\" IS NULL AND ", k->field->name);
	else
		buffer_printf(out, "%s = $%d::%s AND ", k->column, parameter,
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
		q->bound = arena_printf(q->arena, " AND %s %s $%d::%s", q->sort[0].column,
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
			buffer_printf(&out, "%s%s", i ? ", " : "", q->sort[i].column);
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

enum status query_compile_order(struct query *q)
{
	TRY(compile_sort(q));
	compute_digest(q);
	TRY(open_cursor(q));
	compile_keyset(q);
	return OK;
}
