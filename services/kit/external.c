#include "kit/external.h"
#include "kit/engine.h"
#include "kit/uuid.h"
#include "kit/validate.h"
#include <string.h>

/* guanxi.ExternalRequest */
enum request_field {
	FIELD_SYSTEM = 1,
	FIELD_KEY,
	FIELD_IF_VERSION,
	FIELD_ONLY_NEW,
	FIELD_ONLY_EXISTING,
	FIELD_RESOURCE,
	FIELD_FIELDS
};

struct external {
	const char *system, *key;
	uint64_t if_version; /* 0: any */
	bool only_new, only_existing;
	struct record *given;
	uint32_t *fields;
	size_t field_count;
};

static enum status read_request(struct request *req, struct external *e)
{
	struct wire_reader reader = wire_reader(req->body, req->body_len);
	size_t most = req->resource->message->count;
	struct wire_field f;

	*e = (struct external){ .system = "", .key = "" };
	e->given = record_new(req->resource, req->arena);
	e->fields = arena_alloc(req->arena, most * sizeof *e->fields);
	while (wire_next(&reader, &f)) {
		const char **text = f.number == FIELD_SYSTEM ? &e->system
				    : f.number == FIELD_KEY  ? &e->key
							     : NULL;

		if (text && f.type == WIRE_BYTES)
			*text = arena_strndup(req->arena, f.bytes, f.len);
		else if (f.number == FIELD_IF_VERSION)
			e->if_version = f.value;
		else if (f.number == FIELD_ONLY_NEW)
			e->only_new = f.value;
		else if (f.number == FIELD_ONLY_EXISTING)
			e->only_existing = f.value;
		else if (f.number == FIELD_RESOURCE && !record_parse(e->given, f.bytes, f.len))
			return fail(req, INVALID, MSG_INVALID, NULL);
		else if (f.number == FIELD_FIELDS && e->field_count < most)
			e->fields[e->field_count++] = (uint32_t)f.value;
	}
	if (reader.failed || !*e->system || !*e->key)
		return fail(req, INVALID, MSG_INVALID, NULL);
	return OK;
}

static void bind_key(struct request *req, const struct external *e, struct db_params *params)
{
	*params = (struct db_params){ .arena = req->arena };
	db_bind_text(params, req->resource->collection);
	db_bind_text(params, e->system);
	db_bind_text(params, e->key);
}

/* Until the transaction ends nobody else decides about this key: a lock by its hash, so two keys seldom wait
 * for each other. */
static enum status lock_key(struct request *req, const struct external *e)
{
	static const struct db_statement lock = {
		"SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(E'\\x1f', 'external', $1::text, "
		"$2::text, "
		"$3::text), 0))"
	};
	struct db_params params;

	bind_key(req, e, &params);
	return db_run(req->db, req->arena, &lock, &params, NULL);
}

static enum status find(struct request *req, const struct external *e, bool *found_out, uint8_t id_out[16])
{
	static const struct db_statement find = { "SELECT record_id FROM external_id WHERE collection = "
						  "$1::text AND system = $2::text AND key = $3::text" };
	struct db_params params;
	PGresult *rows;

	bind_key(req, e, &params);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	*found_out = PQntuples(rows);
	if (*found_out)
		memcpy(id_out, db_bytes(rows, 0, 0).data, 16);
	return OK;
}

/* The key of a deleted record is free again; that of one out of sight is not, and is not told of. */
static enum status is_live(struct request *req, const uint8_t id[16], bool *live_out)
{
	struct principal *asker = req->principal;
	struct record *record;

	req->principal = &principal_system;
	enum status status = engine_get(req, req->resource, id, &record);

	req->principal = asker;
	*live_out = status == OK;
	if (status != NOT_FOUND)
		return status;
	req->problem = NULL;
	req->status = OK;
	return OK;
}

static enum status keep(struct request *req, const struct external *e, const uint8_t id[16])
{
	static const struct db_statement keep = { "INSERT INTO external_id (collection, system, key, "
						  "record_id) VALUES ($1::text, $2::text, $3::text, "
						  "$4::uuid) ON CONFLICT (collection, system, key) DO UPDATE "
						  "SET record_id = excluded.record_id, "
						  "create_time = now()" };
	struct db_params params;

	bind_key(req, e, &params);
	db_bind_uuid(&params, id);
	return db_run(req->db, req->arena, &keep, &params, NULL);
}

static void answer(struct request *req, const struct record *record)
{
	struct buffer out = { .arena = req->arena };

	record_encode(record, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->version = (uint64_t)record_number(record, STANDARD_VERSION);
}

static enum status create(struct request *req, const struct external *e)
{
	struct record *made;

	if (e->if_version || e->only_existing)
		return fail(req, STALE, MSG_EXTERNAL_ABSENT, e->system, e->key, NULL);
	TRY(engine_create(req, req->resource, e->given, &made));
	TRY(keep(req, e, record_uuid(made, STANDARD_ID)));
	answer(req, made);
	req->created_id = record_text(made, STANDARD_ID);
	return OK;
}

static enum status change(struct request *req, const struct external *e, const uint8_t id[16])
{
	struct record *record;

	TRY(engine_get_locked(req, req->resource, id, &record));
	uint64_t version = (uint64_t)record_number(record, STANDARD_VERSION);

	if (e->only_new || (e->if_version && e->if_version != version)) {
		fail(req, STALE, MSG_STALE_VERSION, arena_printf(req->arena, "%lu", version), NULL);
		req->problem->version = version;
		return STALE;
	}
	TRY(validate_update(req, e->given, e->fields, e->field_count));
	TRY(engine_update(req, req->resource, id, e->given, e->fields, e->field_count, &record));
	answer(req, record);
	return OK;
}

static enum status check_asker(struct request *req)
{
	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (req->resource->rule->administrators_only && !req->principal->administrator)
		return fail(req, FORBIDDEN, MSG_FORBIDDEN, NULL);
	return OK;
}

static enum status put(struct request *req)
{
	struct external e;
	uint8_t id[16];
	bool known;

	TRY(check_asker(req));
	TRY(read_request(req, &e));
	TRY(lock_key(req, &e));
	TRY(find(req, &e, &known, id));
	if (known)
		TRY(is_live(req, id, &known));
	return known ? change(req, &e, id) : create(req, &e);
}

static enum status get(struct request *req)
{
	struct external e;
	struct record *record;
	uint8_t id[16];
	bool known;

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	TRY(read_request(req, &e));
	TRY(find(req, &e, &known, id));
	if (!known)
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	TRY(engine_get(req, req->resource, id, &record));
	answer(req, record);
	return OK;
}

/* Forgets the key. The record stays: it is deleted by its id, as any other. */
static enum status forget(struct request *req)
{
	static const struct db_statement forget = {
		"DELETE FROM external_id WHERE collection = $1::text AND system = $2::text AND key = $3::text"
	};
	struct db_params params;
	struct external e;

	TRY(check_asker(req));
	TRY(get(req));
	TRY(read_request(req, &e));
	bind_key(req, &e, &params);
	req->reply = (struct slice){ 0 };
	req->version = 0;
	return db_run(req->db, req->arena, &forget, &params, NULL);
}

static const struct method methods[] = {
	{ "putExternal", put },
	{ "getExternal", get, .lane = LANE_READ },
	{ "deleteExternal", forget },
	{ 0 },
};

const struct method *external_method(const struct schema_resource *resource, const char *verb)
{
	for (const struct method *m = methods; resource->rule->external_ids && m->name; m++)
		if (!strcmp(m->name, verb))
			return m;
	return NULL;
}
