#include "kit/table.h"
#include "kit/column.h"
#include "kit/search_keys.h"
#include <assert.h>
#include <string.h>

#define COLUMN_SEPARATOR ", "

static const struct resource_ops no_ops;

/* Rows of other services that records refer to are kept as local projections named <singular>_ref. */
static const char *referred_table(
	const struct table *table, const struct schema_field *field, struct arena *arena)
{
	const struct schema_resource *to = field->reference;

	return arena_printf(
		arena, strcmp(to->service, table->resource->service) ? "\"%s_ref\"" : "\"%s\"", to->singular);
}

static const char *column_list(const struct schema_message *message, const char *prefix, struct arena *arena)
{
	struct buffer out = { .arena = arena };

	for (size_t i = 0; i < message->count; i++)
		buffer_printf(&out, "%s%s\"%s\"", i ? COLUMN_SEPARATOR : "", prefix, message->fields[i].name);
	return out.data;
}

/* "unnest($1::uuid[], …, $n::tsvector[]) AS r(id, …, search)": one row a record. Returns the next free
 * parameter.
 */
static int add_rows(struct buffer *out, const struct table *table, bool with_key)
{
	const struct schema_message *m = table->resource->message;
	int n = 1;

	buffer_add_text(out, "unnest(");
	for (size_t i = 0; i < m->count; i++)
		buffer_printf(out, "%s$%d::%s[]", i ? COLUMN_SEPARATOR : "", n++,
			column_sql_name(column_type(&m->fields[i])));
	if (table->searched)
		buffer_printf(out, ", $%d::tsvector[]", n++);
	if (with_key)
		buffer_printf(out, ", $%d::bytea[]", n++);
	buffer_printf(out, ") AS r(%s%s%s)", table->columns, table->searched ? ", search" : "",
		with_key ? ", idempotency" : "");
	return n;
}

static void add_reference_checks(struct buffer *out, const struct table *table, bool changed_only)
{
	struct arena *arena = out->arena;

	for (size_t i = 0; i < table->reference_count; i++) {
		const struct schema_field *f = table->references[i].field;

		buffer_printf(out, " AND (r.\"%s\" IS NULL", f->name);
		if (changed_only)
			buffer_printf(out, " OR r.\"%s\" = t.\"%s\"", f->name, f->name);
		buffer_printf(out,
			" OR EXISTS (SELECT FROM %s o WHERE o.id = r.\"%s\" AND o.delete_time IS NULL",
			referred_table(table, f, arena), f->name);
		if (table->references[i].within)
			buffer_printf(out, " AND o.\"%s\" = r.\"%s\"", table->references[i].within->name,
				table->references[i].within->name);
		buffer_add_text(out, "))");
	}
}

/* All that stands above a row; UNION ends a circle that was there already. */
static void add_line_above(struct buffer *out, const struct table *table, const char *id, const char *above)
{
	const char *column = table->above->name;

	buffer_printf(out,
		"WITH RECURSIVE up(id) AS (SELECT %s UNION SELECT o.\"%s\" FROM \"%s\" o JOIN up ON o.id = "
		"up.id WHERE o.\"%s\" IS NOT NULL)"
		" SELECT FROM up WHERE up.id = %s",
		above, column, table->resource->singular, column, id);
}

/* Two changes at the same time can still close a circle: whoever walks a tree must end in one. */
static void add_cycle_check(struct buffer *out, const struct table *table)
{
	if (!table->above)
		return;
	const char *above = arena_printf(out->arena, "r.\"%s\"", table->above->name);

	buffer_printf(
		out, " AND (%s IS NULL OR %s = t.\"%s\" OR NOT EXISTS (", above, above, table->above->name);
	add_line_above(out, table, "r.id", above);
	buffer_add_text(out, "))");
}

static void compose_insert(struct table *table, struct arena *arena)
{
	struct buffer sql = { .arena = arena };

	buffer_add_text(&sql, "WITH r AS (SELECT * FROM ");
	int n = add_rows(&sql, table, true);

	buffer_printf(&sql,
		"), ins AS (INSERT INTO \"%s\" (%s%s) SELECT %s%s FROM r WHERE"
		" (r.idempotency IS NULL OR (SELECT i.record_id FROM idempotency i WHERE i.key = "
		"r.idempotency) = r.id)",
		table->resource->singular, table->columns, table->searched ? ", search" : "",
		column_list(table->resource->message, "r.", arena), table->searched ? ", r.search" : "");
	add_reference_checks(&sql, table, false);
	buffer_add_text(&sql,
		" ON CONFLICT DO NOTHING RETURNING id), ev AS (INSERT INTO event_outbox (" EVENT_COLUMNS
		") SELECT e.* FROM ");
	event_arrays_sql(&sql, n);
	buffer_add_text(&sql, " JOIN ins ON ins.id = e.subject_id) SELECT id FROM ins");
	table->insert.sql = sql.data;
	assert(n + EVENT_PARAMETERS <= DB_PARAMETERS_MAX);
}

static void compose_update(struct table *table, struct arena *arena)
{
	const struct schema_message *m = table->resource->message;
	struct buffer sql = { .arena = arena };

	buffer_add_text(&sql, "WITH r AS (SELECT * FROM ");
	int n = add_rows(&sql, table, false);

	buffer_printf(&sql, "), up AS (UPDATE \"%s\" t SET ", table->resource->singular);
	for (size_t i = 0; i < m->count; i++)
		if (m->fields[i].number != STANDARD_ID)
			buffer_printf(&sql, "%s\"%s\" = r.\"%s\"", i > 1 ? COLUMN_SEPARATOR : "",
				m->fields[i].name, m->fields[i].name);
	buffer_printf(&sql, "%s FROM r WHERE t.id = r.id", table->searched ? ", search = r.search" : "");
	for (size_t i = 0; i < table->unique_count; i++) {
		const char *name = table->unique[i].field->name;

		buffer_printf(&sql,
			" AND (r.delete_time IS NOT NULL OR r.\"%s\" IS NULL OR (r.\"%s\" = t.\"%s\" AND "
			"t.delete_time IS NULL)"
			" OR NOT EXISTS (SELECT FROM \"%s\" o WHERE o.\"%s\" = r.\"%s\" AND o.id <> r.id AND "
			"o.delete_time IS NULL))",
			name, name, name, table->resource->singular, name, name);
	}
	add_reference_checks(&sql, table, true);
	add_cycle_check(&sql, table);
	buffer_add_text(&sql,
		" RETURNING t.id), ev AS (INSERT INTO event_outbox (" EVENT_COLUMNS ") SELECT e.* FROM ");
	event_arrays_sql(&sql, n);
	buffer_add_text(&sql, " JOIN up ON up.id = e.subject_id) SELECT id FROM up");
	table->update.sql = sql.data;
}

static void compose_rest(struct table *table, struct arena *arena)
{
	const char *name = table->resource->singular;

	table->get.sql = arena_printf(
		arena, "SELECT %s FROM \"%s\" WHERE id = ANY ($1::uuid[])", table->columns, name);
	table->lock.sql = arena_printf(arena,
		"SELECT %s FROM \"%s\" WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
		table->columns, name);
	table->lock_wait.sql = arena_printf(arena,
		"SELECT %s FROM \"%s\" WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE",
		table->columns, name);
	table->keep_keys.sql = arena_printf(arena,
		"UPDATE idempotency i SET version = k.version FROM unnest($1::bytea[], $2::bigint[], "
		"$3::uuid[]) AS k(key, version, id)"
		" JOIN \"%s\" t ON t.id = k.id AND t.version = k.version WHERE i.key = k.key",
		name);
	table->drop_keys.sql = arena_printf(arena,
		"DELETE FROM idempotency i USING unnest($1::bytea[], $2::uuid[]) AS k(key, id) WHERE i.key = "
		"k.key AND i.record_id = k.id"
		" AND NOT EXISTS (SELECT FROM \"%s\" t WHERE t.id = k.id)",
		name);
	if (table->above) {
		struct buffer cycle = { .arena = arena };

		add_line_above(&cycle, table, "$1::uuid", "$2::uuid");
		table->cycle.sql = cycle.data;
	}
	if (table->resource->parent)
		table->with_children.sql = arena_printf(arena,
			"SELECT k.n FROM unnest($1::uuid[]) WITH ORDINALITY AS k(id, n) WHERE EXISTS"
			" (SELECT FROM \"%s\" c WHERE c.\"%s\" = k.id AND c.delete_time IS NULL)",
			name, table->resource->parent->name);
	if (table->resource->parent)
		table->parents.sql = arena_printf(arena,
			"SELECT id, owner_id, team_id FROM %s WHERE id = ANY ($1::uuid[]) AND delete_time IS "
			"NULL ORDER BY id FOR KEY SHARE",
			referred_table(table, table->resource->parent, arena));
}

static void add_constraint(struct constraint *list, size_t *count, size_t max,
	const struct schema_field *field, const char *in, const char *column, bool has_scope,
	const struct schema_field *within, struct arena *arena)
{
	assert(*count < max);
	list[(*count)++] = (struct constraint){ field,
		{ arena_printf(arena, "SELECT id%s%s%s FROM %s WHERE \"%s\" = $1::%s AND delete_time IS NULL",
			has_scope ? ", owner_id, team_id" : "", within ? ", " : "",
			within ? within->name : "", in, column, column_sql_name(column_type(field))) },
		has_scope, within };
}

static const struct schema_field *shared_parent(
	const struct schema_resource *r, const struct schema_field *reference)
{
	const struct schema_field *parent = reference->rule->anywhere ? NULL : reference->reference->parent;
	const struct schema_field *ours =
		parent ? schema_field_find(r->message, parent->json_name, parent->json_len) : NULL;

	return ours && ours->reference == parent->reference ? parent : NULL;
}

static void find_constraints(struct table *table, struct arena *arena)
{
	const struct schema_resource *r = table->resource;

	for (size_t i = 0; i < r->message->count; i++) {
		const struct schema_field *f = &r->message->fields[i];

		if (f->rule->unique)
			add_constraint(table->unique, &table->unique_count, UNIQUE_MAX, f,
				arena_printf(arena, "\"%s\"", r->singular), f->name, r->owner, NULL, arena);
		if (f->reference && !f->repeated)
			add_constraint(table->references, &table->reference_count, REFERENCE_MAX, f,
				referred_table(table, f, arena), "id",
				f->reference->owner && !strcmp(f->reference->service, r->service),
				shared_parent(r, f), arena);
		if (f->reference == r && f != r->merged_into)
			table->above = f;
		if (f->rule->search)
			table->searched = true;
	}
}

/* Behind "$2": a member sees their own rows and those of their teams. */
static const char *scope(bool scoped)
{
	return scoped ? " OR owner_id = $3::uuid OR team_id = ANY ($4::uuid[])"
		      : " OR $3::uuid IS NOT NULL OR $4::uuid[] IS NOT NULL";
}

/* One probe of an index a value: a join could be planned as a scan of the table. What matches is apart from
 * the limit: PostgreSQL, which expects one row in a hundred to match, would else walk another index and
 * filter. */
static struct db_statement find_by(
	const char *in, const char *type, const char *what, bool scoped, struct arena *arena)
{
	return (struct db_statement){ arena_printf(arena,
		"SELECT k.n, o.id FROM unnest($1::%s[]) WITH ORDINALITY AS k(value, n) CROSS JOIN LATERAL"
		" (WITH m AS MATERIALIZED (SELECT id FROM %s WHERE %s k.value AND delete_time IS NULL AND "
		"($2::boolean%s)) SELECT id FROM m LIMIT 2) o",
		type, in, what, scope(scoped)) };
}

static bool has_scope(const struct schema_resource *r)
{
	return r->owner && !r->rule->organisation_wide;
}

static void add_key(struct table *table, const struct schema_field *field, struct arena *arena)
{
	const struct schema_field *part = schema_cell_part(field);
	const struct schema_resource *r = table->resource;

	assert(table->key_count < KEY_MAX);
	table->keys[table->key_count++] = (struct key){ field,
		find_by(arena_printf(arena, "\"%s\"", r->singular),
			part ? "text" : column_sql_name(column_type(field)),
			part ? arena_printf(arena, "jsonb_path_query_array(\"%s\"::jsonb, '$[*].%s') ?",
				       field->name, part->json_name)
			     : arena_printf(arena, "\"%s\" =", field->name),
			has_scope(r), arena) };
}

static void add_title(struct table *table, const struct schema_field *field, struct arena *arena)
{
	const struct schema_resource *to = field->reference;
	bool ours = !strcmp(to->service, table->resource->service);

	assert(table->key_count < KEY_MAX);
	table->keys[table->key_count++] = (struct key){ field,
		find_by(referred_table(table, field, arena), "text",
			arena_printf(arena, "\"%s\" =", to->title->name), ours && has_scope(to), arena),
		{ arena_printf(arena,
			"SELECT id, \"%s\" FROM %s WHERE id = ANY ($1::uuid[]) AND \"%s\" IS NOT NULL AND "
			"($2::boolean%s)",
			to->title->name, referred_table(table, field, arena), to->title->name,
			scope(ours && has_scope(to))) } };
}

static void find_keys(struct table *table, struct arena *arena)
{
	const struct schema_message *m = table->resource->message;

	for (size_t i = 0; i < m->count; i++)
		if (m->fields[i].number == STANDARD_ID || m->fields[i].rule->import_key)
			add_key(table, &m->fields[i], arena);
		else if (m->fields[i].reference)
			add_title(table, &m->fields[i], arena);
}

const struct key *table_key(const struct table *table, const struct schema_field *field)
{
	for (size_t i = 0; i < table->key_count; i++)
		if (table->keys[i].field == field)
			return &table->keys[i];
	return NULL;
}

struct table *table_new(const struct schema_resource *resource, const struct resource_ops *ops)
{
	struct arena *arena = arena_new(); /* for ever */
	struct table *table = arena_zalloc(arena, sizeof *table);

	table->arena = arena; /* so that leak checkers find it */
	table->resource = resource;
	table->ops = ops ? ops : &no_ops;
	table->columns = column_list(resource->message, "", arena);
	find_constraints(table, arena);
	find_keys(table, arena);
	compose_insert(table, arena);
	compose_update(table, arena);
	compose_rest(table, arena);
	return table;
}

struct record *table_record(const struct table *table, const PGresult *rows, int row, struct arena *arena)
{
	const struct schema_message *m = table->resource->message;
	struct record *record = record_new(table->resource, arena);
	struct buffer out = { .arena = arena };

	buffer_reserve(&out, 1024);
	for (size_t i = 0; i < m->count; i++) {
		size_t from = out.len;

		if (PQgetisnull(rows, row, (int)i))
			continue;
		column_to_wire(&m->fields[i], PQgetvalue(rows, row, (int)i),
			(size_t)PQgetlength(rows, row, (int)i), &out);
		record->fields[i] = (struct slice){ (const char *)from, out.len - from };
	}
	for (size_t i = 0; i < m->count; i++) /* the buffer has stopped moving: offsets become pointers */
		if (record->fields[i].len)
			record->fields[i].data = out.data + (size_t)record->fields[i].data;
	return record;
}

static size_t add_text(struct search_text *texts, size_t count, const struct schema_field *field,
	const struct wire_field *value)
{
	bool phone = field->rule->format == GUANXI__FORMAT__FORMAT_PHONE;

	texts[count] = (struct search_text){ value->bytes, value->len, phone ? SEARCH_PHONE : SEARCH_TEXT };
	return count + 1;
}

#define SEARCH_TEXTS_MAX 64

static size_t add_nested(struct search_text *texts, size_t count, const struct schema_field *field,
	const struct wire_field *value)
{
	struct wire_reader reader = wire_reader(value->bytes, value->len);
	struct wire_field part;

	while (count < SEARCH_TEXTS_MAX && wire_next(&reader, &part)) {
		const struct schema_field *f = schema_field_by_number(field->message, part.number);

		if (f && f->rule->search && part.type == WIRE_BYTES)
			count = add_text(texts, count, f, &part);
	}
	return count;
}

struct slice table_search(const struct table *table, const struct record *record, struct arena *arena)
{
	const struct schema_message *m = table->resource->message;
	struct search_text texts[SEARCH_TEXTS_MAX];
	size_t count = 0;

	if (!table->searched)
		return (struct slice){ 0 };
	for (size_t i = 0; i < m->count; i++) {
		const struct schema_field *f = &m->fields[i];
		struct wire_reader reader = wire_reader(record->fields[i].data, record->fields[i].len);
		struct wire_field value;

		if (!f->rule->search)
			continue;
		while (count < SEARCH_TEXTS_MAX && wire_next(&reader, &value))
			count = f->type == FIELD_MESSAGE ? add_nested(texts, count, f, &value)
							 : add_text(texts, count, f, &value);
	}
	struct search_keys keys = search_keys_of(texts, count, arena);

	return search_keys_vector(&keys, arena);
}

void row_arrays_begin(struct row_arrays *arrays, const struct table *table, struct arena *arena)
{
	const struct schema_message *m = table->resource->message;

	arrays->table = table;
	arrays->arena = arena;
	for (size_t i = 0; i < m->count; i++)
		db_array_begin(&arrays->columns[i], arena, column_oid(column_type(&m->fields[i])));
	db_array_begin(&arrays->search, arena, OID_TSVECTOR);
}

bool row_arrays_add(struct row_arrays *arrays, const struct record *record)
{
	const struct schema_message *m = arrays->table->resource->message;

	for (size_t i = 0; i < m->count; i++) {
		struct slice value;

		if (!record->fields[i].len) {
			db_array_add_null(&arrays->columns[i]);
			continue;
		}
		if (!column_from_wire(&m->fields[i], record->fields[i], arrays->arena, &value))
			return false;
		db_array_add(&arrays->columns[i], value.data, value.len);
	}
	struct slice search = table_search(arrays->table, record, arrays->arena);

	if (search.data)
		db_array_add(&arrays->search, search.data, search.len);
	return true;
}

void row_arrays_bind(struct row_arrays *arrays, struct db_params *params)
{
	for (size_t i = 0; i < arrays->table->resource->message->count; i++)
		db_bind_array(params, &arrays->columns[i]);
	if (arrays->table->searched)
		db_bind_array(params, &arrays->search);
}
