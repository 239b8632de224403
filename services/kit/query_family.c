/* Conditions on a record that others were merged into. */
#include "kit/query_parts.h"
#include "kit/uuid.h"
#include <string.h>

enum { LIST_FILTER = 1 }; /* of every message that asks for a list */

/* What has the field of the condition refers to; NULL where that cannot be merged. */
static const struct schema_resource *mergeable(
	const struct schema_resource *resource, const Guanxi__Condition *c)
{
	const struct schema_field *f =
		c->field ? schema_field_find(resource->message, c->field, strlen(c->field)) : NULL;
	bool named = !c->of && f && f->reference && f->reference->merged_into && !f->repeated &&
		     f != resource->merged_into && !strcmp(f->reference->service, resource->service) &&
		     c->operator_ && c->n_values == 1 && !strcmp(c->operator_, "eq");

	return named ? f->reference : NULL;
}

static enum status read_family(struct request *req, struct db *db, const struct schema_resource *of,
	const uint8_t id[16], PGresult **rows_out)
{
	struct db_params params = { .arena = req->arena };

	db_bind_uuid(&params, id);
	TRY(db_ready(db));
	db_send_once(db,
		arena_printf(req->arena,
			"WITH RECURSIVE f(id) AS (SELECT $1::uuid UNION SELECT m.id FROM \"%s\" m JOIN f ON "
			"m.\"%s\" = f.id) SELECT id::text FROM f LIMIT %d",
			of->singular, of->merged_into->name, VALUES_MAX),
		&params);
	db_sync(db);
	enum status status = db_result(db, req->arena, rows_out), end = db_end(db);

	return status != OK ? status : end;
}

/* The same condition with "in" and the family for "eq" and one. */
static void write_widened(
	struct request *req, const Guanxi__Condition *c, const PGresult *rows, struct buffer *out)
{
	Guanxi__Condition wide = *c;
	size_t begun;

	wide.operator_ = arena_strdup(req->arena, "in");
	wide.n_values = (size_t)PQntuples(rows);
	wide.values = arena_alloc(req->arena, wide.n_values * sizeof *wide.values);
	for (int row = 0; row < PQntuples(rows); row++)
		wide.values[row] = PQgetvalue(rows, row, 0);
	size_t len = guanxi__condition__get_packed_size(&wide);

	begun = wire_begin(out, LIST_FILTER);
	guanxi__condition__pack(&wide, (uint8_t *)buffer_reserve(out, len));
	out->len += len;
	wire_end(out, begun);
}

static void copy(const struct wire_field *f, struct buffer *out)
{
	if (f->type == WIRE_BYTES)
		wire_add_bytes(out, f->number, f->bytes, f->len);
	else
		wire_add_varint(out, f->number, f->value);
}

static void free_condition(void *message)
{
	guanxi__condition__free_unpacked(message, NULL);
}

/* Most have no family: then the condition stays as it is, and its index gives the order. */
static enum status add_condition(struct request *req, struct db *db, const struct schema_resource *resource,
	const struct wire_field *f, struct buffer *out)
{
	Guanxi__Condition *c = guanxi__condition__unpack(NULL, f->len, (const uint8_t *)f->bytes);
	const struct schema_resource *of = c ? mergeable(resource, c) : NULL;
	PGresult *rows = NULL;
	uint8_t id[16];

	arena_defer(req->arena, free_condition, c);
	if (of && uuid_from_text(c->values[0], strlen(c->values[0]), id))
		TRY(read_family(req, db, of, id, &rows));
	if (rows && PQntuples(rows) > 1)
		write_widened(req, c, rows, out);
	else
		copy(f, out);
	return OK;
}

enum status query_widen(struct request *req, struct db *db, const struct schema_resource *resource,
	struct slice list, struct slice *list_out)
{
	struct wire_reader reader = wire_reader(list.data, list.len);
	struct buffer out = { .arena = req->arena };
	struct wire_field f;

	buffer_reserve(&out, list.len);
	while (wire_next(&reader, &f))
		if (f.number == LIST_FILTER && f.type == WIRE_BYTES)
			TRY(add_condition(req, db, resource, &f, &out));
		else
			copy(&f, &out);
	*list_out = reader.failed ? list : (struct slice){ out.data, out.len };
	return OK;
}

enum status query_widen_request(struct request *req, struct db *db)
{
	struct slice wide;

	TRY(query_widen(
		req, db, req->resource, (struct slice){ (const char *)req->body, req->body_len }, &wide));
	req->body = (const uint8_t *)wide.data;
	req->body_len = wide.len;
	return OK;
}
