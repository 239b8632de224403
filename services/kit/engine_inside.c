#include "kit/engine.h"
#include "kit/engine_write.h"
#include "kit/uuid.h"
#include "kit/validate.h"
#include <sodium.h>
#include <string.h>

/* --- for straight-line code */

static enum status run_one(
	struct request *req, struct write *w, const struct db_statement *statement, bool with_key)
{
	struct group g = { .db = req->db, .arena = req->arena, .table = w->table, .writes = &w, .count = 1 };
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	TRY(group_bind_rows(&g, &params, with_key));
	TRY(db_run(req->db, req->arena, statement, &params, &rows));
	if (PQntuples(rows))
		return OK;
	enum status status = write_find_reason(req->db, w);

	return status != OK ? status : fail(req, CONFLICT, MSG_CONFLICT, NULL);
}

static enum status refresh(struct request *req, const struct table *table)
{
	return table->ops->refresh ? table->ops->refresh(req->db) : OK;
}

enum status engine_create(struct request *req, const struct schema_resource *resource, struct record *record,
	struct record **after_out)
{
	struct write w = { .req = req, .table = service_table(req->service, resource), .given = record };

	TRY(refresh(req, w.table));

	write_add_scope(req, record);
	uuid_v7(w.id);
	TRY(validate_create(req, record));
	TRY(write_prepare_create(&w));
	TRY(write_check_sight(req->db, &w));
	if (w.state == FAILED)
		return req->status;
	TRY(run_one(req, &w, &w.table->insert, true));
	*after_out = w.after;
	return OK;
}

static enum status get_by(struct request *req, struct table *table, const struct db_statement *statement,
	const uint8_t id[16], struct record **record_out)
{
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuids(&params, id, 1, 16);
	TRY(db_run(req->db, req->arena, statement, &params, &rows));
	if (!PQntuples(rows))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	struct record *record = table_record(table, rows, 0, req->arena);

	if (!write_may_see(req, record) || record_has(record, STANDARD_DELETE_TIME))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	*record_out = record;
	return OK;
}

enum status engine_get(struct request *req, const struct schema_resource *resource, const uint8_t id[16],
	struct record **record_out)
{
	struct table *table = service_table(req->service, resource);

	return get_by(req, table, &table->get, id, record_out);
}

enum status engine_get_locked(struct request *req, const struct schema_resource *resource,
	const uint8_t id[16], struct record **record_out)
{
	struct table *table = service_table(req->service, resource);

	return get_by(req, table, &table->lock_wait, id, record_out);
}

/* A deleted row is found by who restores it. */
static enum status lock_deleted(
	struct request *req, struct table *table, const uint8_t id[16], struct record **record_out)
{
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuids(&params, id, 1, 16);
	TRY(db_run(req->db, req->arena, &table->lock_wait, &params, &rows));
	if (!PQntuples(rows))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	*record_out = table_record(table, rows, 0, req->arena);
	return OK;
}

enum status engine_change(struct request *req, enum verb what, const struct schema_resource *resource,
	const uint8_t id[16], struct record *patch, const uint32_t *fields, size_t count,
	struct record **after_out)
{
	struct write w = { .req = req,
		.table = service_table(req->service, resource),
		.given = patch,
		.fields = fields,
		.field_count = count,
		.inside = true };
	enum verb verb = req->verb;

	memcpy(w.id, id, 16);
	TRY(refresh(req, w.table));
	TRY(what == VERB_RESTORE ? lock_deleted(req, w.table, id, &w.before)
				 : engine_get_locked(req, resource, id, &w.before));
	req->verb = what;
	enum status status = write_prepare_change(&w);

	req->verb = verb;
	TRY(status);
	TRY(write_check_sight(req->db, &w));
	if (w.state == FAILED)
		return req->status;
	if (w.event)
		TRY(run_one(req, &w, &w.table->update, false));
	*after_out = w.after;
	return OK;
}

enum status engine_update(struct request *req, const struct schema_resource *resource, const uint8_t id[16],
	struct record *patch, const uint32_t *fields, size_t count, struct record **after_out)
{
	return engine_change(req, VERB_UPDATE, resource, id, patch, fields, count, after_out);
}

static enum status claim_once(struct request *req, const uint8_t key[KEY_BYTES],
	const uint8_t body_hash[KEY_BYTES], PGresult **rows_out)
{
	static const struct db_statement claim = {
		"INSERT INTO idempotency AS i (key, body_hash, record_id) VALUES ($1::bytea, $2::bytea, "
		"gen_random_uuid())"
		" ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING i.key, xmax = 0, i.body_hash, "
		"i.record_id, i.version"
	};
	struct db_params params = { .arena = req->arena };

	db_bind(&params, key, KEY_BYTES);
	db_bind(&params, body_hash, KEY_BYTES);
	return db_run(req->db, req->arena, &claim, &params, rows_out);
}

static enum status keep_done(struct request *req, const uint8_t key[KEY_BYTES])
{
	static const struct db_statement keep = {
		"UPDATE idempotency SET version = 1 WHERE key = $1::bytea"
	};
	struct db_params params = { .arena = req->arena };

	db_bind(&params, key, KEY_BYTES);
	return db_run(req->db, req->arena, &keep, &params, NULL);
}

static enum status keep_outcome(struct request *req, const uint8_t key[KEY_BYTES])
{
	static const struct db_statement keep = {
		"UPDATE idempotency SET record_id = $2::uuid, version = $3::bigint WHERE key = $1::bytea"
	};
	struct db_params params = { .arena = req->arena };
	uint8_t id[16];

	if (!req->created_id || !uuid_from_text(req->created_id, strlen(req->created_id), id))
		return INTERNAL;
	db_bind(&params, key, KEY_BYTES);
	db_bind_uuid(&params, id);
	db_bind_int8(&params, (int64_t)req->version);
	return db_run(req->db, req->arena, &keep, &params, NULL);
}

static enum status tell_again(struct request *req, const struct schema_resource *makes, struct write *w)
{
	req->replayed = true;
	if (!makes)
		return OK;
	TRY(engine_at_version(req->db, req, makes, w->earlier_id, w->earlier_version, &w->after));
	if (!write_may_see(req, w->after))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	write_answer(w);
	req->created_id = record_text(w->after, STANDARD_ID);
	return OK;
}

enum status engine_once(
	struct request *req, const struct schema_resource *makes, enum status (*run)(struct request *req))
{
	struct write w = { .req = req };
	PGresult *rows;

	if (!req->idempotency_key || !req->principal)
		return run(req);
	write_digest_key(req, w.key, w.body_hash);
	TRY(claim_once(req, w.key, w.body_hash, &rows));
	write_take_key(&w, rows, 0);
	if (w.state == FAILED)
		return req->status;
	if (w.state == REPLAYED)
		return tell_again(req, makes, &w);
	TRY(run(req));
	return makes ? keep_outcome(req, w.key) : keep_done(req, w.key);
}
