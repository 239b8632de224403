#include "kit/engine.h"
#include "kit/column.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include "kit/uuid.h"
#include "kit/validate.h"
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GROUP_MAX       64
#define KEY_BYTES       32
#define RESOLVE_S       15 /* how long a group waits for PostgreSQL to come back, to learn how its commit ended */
#define RESOLVE_STEP_US 20000
#define LOCK_ATTEMPTS   3

enum state {
	WAITING,  /* not decided */
	WRITTEN,  /* its row was written, or nothing had to be */
	FAILED,   /* req->status says why */
	REPLAYED, /* the outcome of an earlier request with its key is to be told */
	REFUSED,  /* its row did not come back: a constraint, to be found out */
	ALONE,    /* its row was held by another transaction */
};

/* One write in the making: req->plan. */
struct write {
	struct request *req;
	struct table *table;
	uint8_t id[16];
	uint64_t if_version;    /* 0: any */
	struct record *given;   /* what the client sent */
	const uint32_t *fields; /* of an update: the numbers it names */
	size_t field_count;
	struct record *before, *after;
	struct event *event; /* NULL: nothing changed */
	bool keyed;
	uint8_t key[KEY_BYTES], body_hash[KEY_BYTES];
	uint8_t earlier_id[16]; /* REPLAYED: of which record, which version */
	uint64_t earlier_version;
	enum state state;
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static enum status failed(struct write *w, enum status status)
{
	w->req->status = status;
	w->state = FAILED;
	return status;
}

/* --- planning: what can be said before the database is asked */

static enum status authorise(struct request *req, const struct table *table)
{
	const struct schema_resource *r = table->resource;

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (r->rule->read_only && !req->principal->system)
		return fail(req, FORBIDDEN, MSG_FORBIDDEN, NULL);
	if (r->rule->administrators_only && !req->principal->administrator)
		return fail(req, FORBIDDEN, MSG_FORBIDDEN, NULL);
	return OK;
}

static bool is_set_by_service(const struct schema_field *field)
{
	return field->rule->output_only || field->number <= STANDARD_DELETE_TIME;
}

/* Owner and team default to who creates it; a team that is output-only is for the service to give: sessions
 * are their user's alone. */
static void add_scope(const struct request *req, struct record *record)
{
	const struct schema_resource *r = record->resource;

	if (!r->owner || req->principal->system)
		return;
	if (!record_has(record, r->owner->number) && !r->parent)
		record_set_uuid(record, r->owner->number, req->principal->id);
	if (!record_has(record, r->team->number) && !r->parent && req->principal->has_team &&
		!r->team->rule->output_only)
		record_set_uuid(record, r->team->number, req->principal->team);
}

static void add_standard_fields(struct record *record, const uint8_t id[16], int64_t time_us)
{
	record_set_uuid(record, STANDARD_ID, id);
	record_set_number(record, STANDARD_VERSION, 1);
	record_set_time(record, STANDARD_CREATE_TIME, time_us);
	record_set_time(record, STANDARD_UPDATE_TIME, time_us);
	record_clear(record, STANDARD_DELETE_TIME);
}

static enum status plan_create(struct write *w)
{
	struct request *req = w->req;
	struct wire_field f;

	w->given = record_new(w->table->resource, req->arena);
	if (!wire_find(req->body, req->body_len, 1, &f) || !record_parse(w->given, f.bytes, f.len))
		return fail(req, INVALID, MSG_INVALID, NULL);
	for (size_t i = 0; i < w->table->resource->message->count; i++)
		if (is_set_by_service(&w->table->resource->message->fields[i]))
			w->given->fields[i] = (struct slice){ 0 };
	add_scope(req, w->given);
	uuid_v7(w->id);
	return validate_create(req, w->given);
}

static enum status read_target(struct write *w, const struct wire_field *f)
{
	if (f->type != WIRE_BYTES || !uuid_from_text(f->bytes, f->len, w->id))
		return fail(w->req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	return OK;
}

static enum status plan_change(struct write *w)
{
	struct request *req = w->req;
	struct wire_reader reader = wire_reader(req->body, req->body_len);
	struct wire_field f;
	uint32_t *fields = arena_alloc(req->arena, w->table->resource->message->count * sizeof *fields);
	bool has_target = false;

	w->fields = fields;
	w->given = record_new(w->table->resource, req->arena);
	while (wire_next(&reader, &f)) {
		if (f.number == 1)
			TRY(read_target(w, &f));
		if (f.number == 1)
			has_target = true;
		else if (f.number == 2)
			w->if_version = f.value;
		else if (f.number == 3 && !record_parse(w->given, f.bytes, f.len))
			return fail(req, INVALID, MSG_INVALID, NULL);
		else if (f.number == 4 && w->field_count < w->table->resource->message->count)
			fields[w->field_count++] = (uint32_t)f.value;
	}
	if (reader.failed || !has_target)
		return fail(req, INVALID, MSG_INVALID, NULL);
	return req->verb == VERB_UPDATE ? validate_update(req, w->given, fields, w->field_count) : OK;
}

/* A key belongs to who uses it and to the method: the digest of all three finds it. */
static void digest_key(
	const struct request *req, uint8_t key_out[KEY_BYTES], uint8_t body_hash_out[KEY_BYTES])
{
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, NULL, 0, KEY_BYTES);
	crypto_generichash_update(
		&hash, (const unsigned char *)req->principal_id, strlen(req->principal_id) + 1);
	crypto_generichash_update(&hash, (const unsigned char *)req->name, strlen(req->name) + 1);
	crypto_generichash_update(
		&hash, (const unsigned char *)req->idempotency_key, strlen(req->idempotency_key));
	crypto_generichash_final(&hash, key_out, KEY_BYTES);
	crypto_generichash(body_hash_out, KEY_BYTES, req->body, req->body_len, NULL, 0);
}

static void plan_key(struct write *w)
{
	w->keyed = w->req->idempotency_key;
	if (w->keyed)
		digest_key(w->req, w->key, w->body_hash);
}

enum status engine_plan(struct request *req)
{
	struct write *w = arena_zalloc(req->arena, sizeof *w);

	w->req = req;
	w->table = service_table(req->service, req->resource);
	req->plan = w;
	TRY(authorise(req, w->table));
	plan_key(w);
	return req->verb == VERB_CREATE ? plan_create(w) : plan_change(w);
}

/* --- deciding: with the stored rows at hand, no SQL */

static enum status prepare_create(struct write *w)
{
	struct request *req = w->req;
	int64_t time_us = now_us();
	uint8_t *which = arena_zalloc(req->arena, w->table->resource->message->count);

	w->after = record_copy(w->given);
	add_standard_fields(w->after, w->id, time_us);
	if (w->table->ops->before_create)
		TRY(w->table->ops->before_create(req, w->after));
	for (size_t i = 0; i < w->table->resource->message->count; i++)
		which[i] = w->after->fields[i].len > 0;
	w->event = event_of_change(req, "created", NULL, w->after, which, time_us);
	return OK;
}

static const uint8_t *scope_id(const struct record *record, const struct schema_field *field)
{
	return field ? record_uuid(record, field->number) : NULL;
}

static bool may_see(const struct request *req, const struct record *record)
{
	const struct schema_resource *r = record->resource;

	return r->rule->organisation_wide || !r->owner ||
	       principal_may_see(req->principal, scope_id(record, r->owner), scope_id(record, r->team));
}

static enum status merge(struct write *w)
{
	for (size_t i = 0; i < w->field_count; i++) {
		const struct schema_field *field =
			schema_field_by_number(w->table->resource->message, w->fields[i]);
		struct slice old = w->before->fields[field->index], new = w->given->fields[field->index];

		if (field->rule->immutable && (old.len != new.len || memcmp(old.data, new.data, old.len)))
			return fail_field(w->req, arena_printf(w->req->arena, "/%s", field->json_name),
				MSG_IMMUTABLE, NULL);
		w->after->fields[field->index] = new;
	}
	return OK;
}

static const struct {
	const char *what; /* in the event's type */
	bool of_deleted;  /* works on a deleted record */
} changes[VERB_COUNT] = {
	[VERB_UPDATE] = { "updated", false },
	[VERB_DELETE] = { "deleted", false },
	[VERB_RESTORE] = { "restored", true },
};

static enum status stale(struct write *w, uint64_t version)
{
	struct request *req = w->req;

	fail(req, STALE, MSG_STALE_VERSION, arena_printf(req->arena, "%lu", version), NULL);
	req->problem->version = version;
	return STALE;
}

static enum status prepare_change(struct write *w)
{
	struct request *req = w->req;
	const struct table *table = w->table;
	uint64_t version = (uint64_t)record_number(w->before, STANDARD_VERSION);
	uint8_t *which = arena_alloc(req->arena, table->resource->message->count);
	int64_t time_us = now_us();

	if (!may_see(req, w->before))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	if (!changes[req->verb].of_deleted && record_has(w->before, STANDARD_DELETE_TIME))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	if (w->if_version && w->if_version != version)
		return stale(w, version);
	w->after = record_copy(w->before);
	if (req->verb == VERB_UPDATE)
		TRY(merge(w));
	if (req->verb == VERB_UPDATE && table->ops->before_update)
		TRY(table->ops->before_update(req, w->before, w->after));
	if (req->verb == VERB_DELETE && table->ops->before_delete)
		TRY(table->ops->before_delete(req, w->before));
	if (req->verb == VERB_DELETE)
		record_set_time(w->after, STANDARD_DELETE_TIME, time_us);
	if (req->verb == VERB_RESTORE)
		record_clear(w->after, STANDARD_DELETE_TIME);
	if (!record_difference(w->before, w->after, which))
		return OK;
	record_set_number(w->after, STANDARD_VERSION, (int64_t)version + 1);
	record_set_time(w->after, STANDARD_UPDATE_TIME, time_us);
	w->event = event_of_change(req, changes[req->verb].what, w->before, w->after, which, time_us);
	return OK;
}

static void answer(struct write *w)
{
	struct request *req = w->req;
	struct buffer out = { .arena = req->arena };

	record_encode(w->after, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->version = (uint64_t)record_number(w->after, STANDARD_VERSION);
	if (req->verb == VERB_CREATE)
		req->created_id = record_text(w->after, STANDARD_ID);
	req->status = OK;
}

static enum status find_constraint(
	struct db *db, struct write *w, const struct constraint *c, PGresult **rows_out)
{
	struct db_params params = { .arena = w->req->arena };
	struct slice value;

	*rows_out = NULL;
	if (!w->after->fields[c->field->index].len ||
		!column_from_wire(c->field, w->after->fields[c->field->index], w->req->arena, &value))
		return OK;
	db_bind(&params, value.data, value.len);
	return db_run(db, w->req->arena, &c->find, &params, rows_out);
}

static bool sees_row(const struct request *req, const PGresult *rows, int row, int owner_column)
{
	const uint8_t *owner = PQgetisnull(rows, row, owner_column)
				       ? NULL
				       : (const uint8_t *)db_bytes(rows, row, owner_column).data;
	const uint8_t *team = PQgetisnull(rows, row, owner_column + 1)
				      ? NULL
				      : (const uint8_t *)db_bytes(rows, row, owner_column + 1).data;

	return principal_may_see(req->principal, owner, team);
}

static bool is_changed(const struct write *w, const struct schema_field *field)
{
	struct slice old = w->before ? w->before->fields[field->index] : (struct slice){ 0 },
		     new = w->after->fields[field->index];

	return new.len && (old.len != new.len || memcmp(old.data, new.data, old.len));
}

/* A reference to a row out of sight is one to nothing. A statement of its own, for members alone and for what
 * they newly name; parents are looked at with the rest of the group. The status is the database's: a write
 * that may not fails alone. */
static enum status check_sight(struct db *db, struct write *w)
{
	struct request *req = w->req;

	for (size_t i = 0; i < w->table->reference_count && w->event && !req->principal->administrator; i++) {
		const struct constraint *c = &w->table->references[i];
		PGresult *rows;

		if (!c->has_scope || c->field == w->table->resource->parent || !is_changed(w, c->field))
			continue;
		TRY(find_constraint(db, w, c, &rows));
		if (rows && PQntuples(rows) && !sees_row(req, rows, 0, 1))
			failed(w, fail_field(req, arena_printf(req->arena, "/%s", c->field->json_name),
					  MSG_BAD_REFERENCE,
					  problem_resource_label(req->arena, c->field->reference), NULL));
	}
	return OK;
}

/* Not now: another transaction holds what this one needs. */
static bool is_held_up(struct db *db, enum status status)
{
	return status == UNAVAILABLE && !strcmp(db_sqlstate(db), "55P03"); /* lock_not_available */
}

/* --- a group: requests for one table, each record and each key at most once */

struct group {
	struct db *db;
	struct arena *arena;
	struct table *table;
	struct write **writes;
	size_t count;
	bool wait_for_locks; /* instead of skipping rows of others */
	bool any_key;
	bool given_up; /* PostgreSQL stayed away: what became of it may be unknown, so it must not run again
			*/
	char xid[24];
};

static void group_reset(struct group *g)
{
	arena_reset(g->arena);
	g->any_key = false;
	for (size_t i = 0; i < g->count; i++) {
		struct write *w = g->writes[i];

		w->state = WAITING;
		w->before = w->after = NULL;
		w->event = NULL;
		w->req->status = OK;
		w->req->problem = NULL;
		g->any_key |= w->keyed;
	}
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp((*(struct write *const *)a)->key, (*(struct write *const *)b)->key, KEY_BYTES);
}

/* In key order: two groups that share keys wait for one another, but never in a circle. */
static void send_keys(struct group *g)
{
	static const struct db_statement claim = {
		"INSERT INTO idempotency AS i (key, body_hash, record_id)"
		" SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::uuid[])"
		" ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING i.key, xmax = 0, i.body_hash, "
		"i.record_id, i.version"
	};
	struct db_params params = { .arena = g->arena };
	struct db_array keys, hashes, ids;
	struct write *sorted[GROUP_MAX];

	memcpy(sorted, g->writes, g->count * sizeof *sorted);
	qsort(sorted, g->count, sizeof *sorted, compare_keys);
	db_array_begin(&keys, g->arena, OID_BYTEA);
	db_array_begin(&hashes, g->arena, OID_BYTEA);
	db_array_begin(&ids, g->arena, OID_UUID);
	for (size_t i = 0; i < g->count; i++) {
		if (!sorted[i]->keyed || sorted[i]->state != WAITING)
			continue;
		db_array_add(&keys, sorted[i]->key, KEY_BYTES);
		db_array_add(&hashes, sorted[i]->body_hash, KEY_BYTES);
		db_array_add(&ids, sorted[i]->id, 16);
	}
	db_bind_array(&params, &keys);
	db_bind_array(&params, &hashes);
	db_bind_array(&params, &ids);
	db_send(g->db, &claim, &params);
}

/* A key that someone had before: told again when the request is the same. Version 0: its first use came to
 * nothing. */
static void take_key(struct write *w, const PGresult *rows, int row)
{
	struct slice hash = db_bytes(rows, row, 2), id = db_bytes(rows, row, 3);
	bool fresh = db_bool(rows, row, 1);
	bool create = w->req->verb == VERB_CREATE;
	uint64_t version = create ? 1 : (uint64_t)db_int8(rows, row, 4);

	if (fresh || !version || (create && !memcmp(id.data, w->id, 16)))
		return;
	if (memcmp(hash.data, w->body_hash, KEY_BYTES)) {
		failed(w, fail(w->req, MISUSED_KEY, MSG_IDEMPOTENCY_KEY_REUSED, NULL));
		return;
	}
	memcpy(w->earlier_id, id.data, 16);
	w->earlier_version = version;
	w->state = REPLAYED;
}

static enum status read_keys(struct group *g)
{
	PGresult *rows;

	TRY(db_result(g->db, g->arena, &rows));
	for (int row = 0; row < PQntuples(rows); row++)
		for (size_t i = 0; i < g->count; i++)
			if (g->writes[i]->keyed &&
				!memcmp(g->writes[i]->key, db_bytes(rows, row, 0).data, KEY_BYTES))
				take_key(g->writes[i], rows, row);
	return OK;
}

/* Rows come back in the order in which they were sent, or nearly: the search goes on where the last one
 * ended. */
static struct write *write_of(const struct group *g, const char *id, size_t *from)
{
	for (size_t i = 0; i < g->count; i++) {
		size_t at = (*from + i) % g->count;

		if (memcmp(g->writes[at]->id, id, 16))
			continue;
		*from = at + 1;
		return g->writes[at];
	}
	return NULL;
}

/* Rows that came back were written; the rest was refused by a constraint. */
static enum status read_written(struct group *g)
{
	PGresult *rows;
	size_t from = 0;

	TRY(db_result(g->db, g->arena, &rows));
	for (size_t i = 0; i < g->count; i++)
		if (g->writes[i]->state == WAITING)
			g->writes[i]->state = g->writes[i]->event ? REFUSED : WRITTEN;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct write *w = write_of(g, db_bytes(rows, row, 0).data, &from);

		if (w && w->state == REFUSED)
			w->state = WRITTEN;
	}
	return OK;
}

/* Binds the rows to be written, then (inserts) their keys, then their events. */
static enum status bind_rows(struct group *g, struct db_params *params, bool with_keys)
{
	struct row_arrays *rows = arena_alloc(g->arena, sizeof *rows);
	struct event_arrays *events = arena_alloc(g->arena, sizeof *events);
	struct db_array keys;

	row_arrays_begin(rows, g->table, g->arena);
	event_arrays_begin(events, g->arena);
	db_array_begin(&keys, g->arena, OID_BYTEA);
	for (size_t i = 0; i < g->count; i++) {
		struct write *w = g->writes[i];

		if (w->state != WAITING || !w->event)
			continue;
		if (!row_arrays_add(rows, w->after))
			return INTERNAL;
		event_arrays_add(events, w->event);
		if (w->keyed)
			db_array_add(&keys, w->key, KEY_BYTES);
		else
			db_array_add_null(&keys);
	}
	row_arrays_bind(rows, params);
	if (with_keys)
		db_bind_array(params, &keys);
	event_arrays_bind(events, params);
	return OK;
}

/* --- creating */

static const struct db_statement begin = { "BEGIN" };
static const struct db_statement commit = { "COMMIT" };

static void take_scope(struct write *w, const struct schema_resource *r, const PGresult *rows, int row)
{
	const uint8_t *owner =
		PQgetisnull(rows, row, 1) ? NULL : (const uint8_t *)db_bytes(rows, row, 1).data;
	const uint8_t *team = PQgetisnull(rows, row, 2) ? NULL : (const uint8_t *)db_bytes(rows, row, 2).data;

	if (!principal_may_see(w->req->principal, owner, team))
		return;
	w->state = WAITING;
	if (owner && !record_has(w->given, r->owner->number))
		record_set_uuid(w->given, r->owner->number, owner);
	if (team && !record_has(w->given, r->team->number))
		record_set_uuid(w->given, r->team->number, team);
}

/* What belongs to another record is made with its owner and team, by those who may see it. Opens the
 * transaction. */
static enum status read_parents(struct group *g)
{
	const struct schema_resource *r = g->table->resource;
	struct db_params params = { .arena = g->arena };
	struct db_array ids;
	PGresult *rows = NULL;

	db_array_begin(&ids, g->arena, OID_UUID);
	for (size_t i = 0; i < g->count; i++)
		db_array_add(&ids, record_uuid(g->writes[i]->given, r->parent->number), 16);
	db_bind_array(&params, &ids);
	db_send(g->db, &begin, NULL);
	db_send(g->db, &g->table->parents, &params);
	db_sync(g->db);
	TRY(db_result(g->db, g->arena, NULL));
	TRY(db_result(g->db, g->arena, &rows));
	for (size_t i = 0; i < g->count; i++) {
		struct write *w = g->writes[i];

		failed(w, INVALID);
		for (int row = 0; row < PQntuples(rows); row++)
			if (!memcmp(record_uuid(w->given, r->parent->number), db_bytes(rows, row, 0).data,
				    16))
				take_scope(w, r, rows, row);
		if (w->state == FAILED)
			fail_field(w->req, arena_printf(w->req->arena, "/%s", r->parent->json_name),
				MSG_BAD_REFERENCE,
				problem_resource_label(w->req->arena, r->parent->reference), NULL);
	}
	return db_end(g->db);
}

/* Keys of requests whose rows did not come to be. */
static void send_drop_keys(struct group *g)
{
	struct db_params params = { .arena = g->arena };
	struct db_array keys, ids;

	db_array_begin(&keys, g->arena, OID_BYTEA);
	db_array_begin(&ids, g->arena, OID_UUID);
	for (size_t i = 0; i < g->count; i++) {
		if (!g->writes[i]->keyed)
			continue;
		db_array_add(&keys, g->writes[i]->key, KEY_BYTES);
		db_array_add(&ids, g->writes[i]->id, 16);
	}
	db_bind_array(&params, &keys);
	db_bind_array(&params, &ids);
	db_send(g->db, &g->table->drop_keys, &params);
}

static enum status create_once(struct group *g)
{
	struct db_params params = { .arena = g->arena };
	bool has_parent = g->table->resource->parent;

	group_reset(g);
	TRY(db_ready(g->db));
	if (has_parent)
		TRY(read_parents(g));
	for (size_t i = 0; i < g->count; i++)
		if (g->writes[i]->state == WAITING && prepare_create(g->writes[i]) != OK)
			failed(g->writes[i], g->writes[i]->req->status);
		else if (g->writes[i]->state == WAITING)
			TRY(check_sight(g->db, g->writes[i]));
	if (g->any_key)
		send_keys(g);
	TRY(bind_rows(g, &params, true));
	db_send(g->db, &g->table->insert, &params);
	if (g->any_key)
		send_drop_keys(g);
	if (has_parent)
		db_send(g->db, &commit, NULL);
	db_sync(g->db);
	if (g->any_key)
		TRY(read_keys(g));
	TRY(read_written(g));
	return db_end(g->db);
}

/* --- changing */

static enum status lock_rows(struct group *g)
{
	static const struct db_statement xid = { "SELECT pg_current_xact_id()::text" };
	struct db_params params = { .arena = g->arena };
	struct db_array ids;
	PGresult *rows;
	size_t from = 0;

	db_array_begin(&ids, g->arena, OID_UUID);
	for (size_t i = 0; i < g->count; i++)
		db_array_add(&ids, g->writes[i]->id, 16);
	db_bind_array(&params, &ids);
	db_send(g->db, &begin, NULL);
	db_send(g->db, &xid, NULL);
	if (g->any_key)
		send_keys(g);
	db_send(g->db, g->wait_for_locks ? &g->table->lock_wait : &g->table->lock, &params);
	db_sync(g->db);
	TRY(db_result(g->db, g->arena, NULL));
	TRY(db_result(g->db, g->arena, &rows));
	memcpy(g->xid, db_bytes(rows, 0, 0).data, db_bytes(rows, 0, 0).len + 1);
	if (g->any_key)
		TRY(read_keys(g));
	TRY(db_result(g->db, g->arena, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		struct write *w = write_of(g, db_bytes(rows, row, 0).data, &from);

		w->before = record_new(g->table->resource, w->req->arena);
		*w->before = *table_record(g->table, rows, row, w->req->arena);
	}
	return db_end(g->db);
}

static void decide(struct group *g, struct write *w)
{
	if (w->state != WAITING)
		return;
	if (!w->before && !g->wait_for_locks)
		w->state = ALONE;
	else if (!w->before)
		failed(w, fail(w->req, NOT_FOUND, MSG_NOT_FOUND, NULL));
	else if (prepare_change(w) != OK)
		failed(w, w->req->status);
}

/* Behind the rows: keys learn which version their request left; those of requests that failed, or whose rows
 * a constraint refused, go. */
static void send_key_versions(struct group *g)
{
	static const struct db_statement drop = {
		"DELETE FROM idempotency WHERE key = ANY ($1::bytea[]) AND version = 0"
	};
	struct db_params kept = { .arena = g->arena }, ours = { .arena = g->arena };
	struct db_array keys, versions, ids, all;

	db_array_begin(&keys, g->arena, OID_BYTEA);
	db_array_begin(&versions, g->arena, OID_INT8);
	db_array_begin(&ids, g->arena, OID_UUID);
	db_array_begin(&all, g->arena, OID_BYTEA);
	for (size_t i = 0; i < g->count; i++) {
		struct write *w = g->writes[i];

		if (!w->keyed || w->state == REPLAYED ||
			(w->state == FAILED && w->req->status == MISUSED_KEY))
			continue;
		db_array_add(&all, w->key, KEY_BYTES);
		if (w->state != WAITING)
			continue;
		uint64_t version = __builtin_bswap64((uint64_t)record_number(w->after, STANDARD_VERSION));

		db_array_add(&keys, w->key, KEY_BYTES);
		db_array_add(&versions, &version, 8);
		db_array_add(&ids, w->id, 16);
	}
	db_bind_array(&kept, &keys);
	db_bind_array(&kept, &versions);
	db_bind_array(&kept, &ids);
	db_bind_array(&ours, &all);
	db_send(g->db, &g->table->keep_keys, &kept);
	db_send(g->db, &drop, &ours);
}

static enum status change_once(struct group *g, bool *committing)
{
	struct db_params params = { .arena = g->arena };

	*committing = false;
	group_reset(g);
	TRY(db_ready(g->db));
	TRY(lock_rows(g));
	for (size_t i = 0; i < g->count; i++) {
		decide(g, g->writes[i]);
		if (g->writes[i]->state == WAITING)
			TRY(check_sight(g->db, g->writes[i]));
	}
	TRY(bind_rows(g, &params, false));
	db_send(g->db, &g->table->update, &params);
	if (g->any_key)
		send_key_versions(g);
	db_send(g->db, &commit, NULL);
	*committing = true;
	db_sync(g->db);
	TRY(read_written(g));
	return db_end(g->db);
}

/* The connection broke at a commit: PostgreSQL knows how that transaction ended. UNAVAILABLE: it cannot be
 * asked. */
static enum status ask_fate(struct group *g, bool *committed_out)
{
	static const struct db_statement ask = { "SELECT pg_xact_status($1::text::xid8)" };
	struct arena *arena = arena_new();
	enum status status = UNAVAILABLE;

	for (int i = 0; i < RESOLVE_S * 1000000 / RESOLVE_STEP_US && status != OK; i++) {
		struct db_params params = { .arena = arena };
		PGresult *rows;

		db_bind_text(&params, g->xid);
		if (db_ready(g->db) == OK && db_run(g->db, arena, &ask, &params, &rows) == OK &&
			!PQgetisnull(rows, 0, 0)) {
			*committed_out = !strncmp(db_bytes(rows, 0, 0).data, "committed", 9);
			if (*committed_out || !strncmp(db_bytes(rows, 0, 0).data, "aborted", 7))
				status = OK;
		}
		if (status != OK)
			usleep(RESOLVE_STEP_US);
	}
	arena_free(arena);
	return status;
}

/* The transaction committed but did not say which rows a constraint refused: those have no event. */
static enum status find_written(struct group *g)
{
	static const struct db_statement find = {
		"SELECT subject_id FROM event_outbox WHERE event_id = ANY ($1::uuid[])"
		" UNION ALL SELECT subject_id FROM event_log WHERE subject_id = ANY ($2::uuid[]) AND "
		"event_id = ANY ($1::uuid[])"
	};
	struct db_params params = { .arena = g->arena };
	struct db_array events, subjects;

	db_array_begin(&events, g->arena, OID_UUID);
	db_array_begin(&subjects, g->arena, OID_UUID);
	for (size_t i = 0; i < g->count; i++) {
		struct write *w = g->writes[i];

		if (w->state == REFUSED || w->state == WRITTEN)
			w->state = WAITING;
		if (w->state != WAITING || !w->event)
			continue;
		db_array_add(&events, w->event->id, 16);
		db_array_add(&subjects, w->id, 16);
	}
	db_bind_array(&params, &events);
	db_bind_array(&params, &subjects);
	db_send(g->db, &find, &params);
	db_sync(g->db);
	TRY(read_written(g));
	return db_end(g->db);
}

static enum status wait_for_database(struct db *db)
{
	for (int i = 0; i < RESOLVE_S * 1000000 / RESOLVE_STEP_US; i++) {
		if (db_ready(db) == OK)
			return OK;
		usleep(RESOLVE_STEP_US);
	}
	return UNAVAILABLE;
}

/* Runs the group until its outcome is known: again after a lost connection (creates are repeatable by their
 * ids, changes when PostgreSQL says that they were rolled back). An error of SQL is handed back. */
static enum status run_until_known(struct group *g, bool create)
{
	for (int attempt = 0;; attempt++) {
		bool committing = false;
		enum status status = create ? create_once(g) : change_once(g, &committing);

		if (status == OK)
			return OK;
		if (!db_is_broken(g->db)) {
			db_rollback(g->db);
			return status;
		}
		bool committed = false;

		g->given_up = attempt == LOCK_ATTEMPTS || wait_for_database(g->db) != OK ||
			      (committing && ask_fate(g, &committed) != OK) ||
			      (committed && find_written(g) != OK);
		if (g->given_up || committed)
			return g->given_up ? UNAVAILABLE : OK;
	}
}

/* --- after the transaction */

static enum status duplicate(struct write *w, const struct constraint *c, const PGresult *rows)
{
	struct request *req = w->req;
	char id[37] = "";
	const struct schema_message *m = w->table->resource->message;
	bool seen = !c->has_scope || sees_row(req, rows, 0, 1);

	if (seen)
		uuid_to_text((const uint8_t *)db_bytes(rows, 0, 0).data, id);
	const char *label = problem_field_label(req->arena, m, c->field);

	fail(req, CONFLICT, MSG_DUPLICATE, label, seen ? id : NULL, NULL);
	problem_add_error(req->problem, arena_printf(req->arena, "/%s", c->field->json_name), MSG_DUPLICATE,
		label, seen ? id : NULL, NULL);
	return CONFLICT;
}

/* What is referred to belongs to another parent than the row. */
static bool is_elsewhere(const struct write *w, const struct constraint *c, const PGresult *rows)
{
	const struct schema_field *ours = c->within ? schema_field_find(w->table->resource->message,
							      c->within->json_name, c->within->json_len)
						    : NULL;

	return ours &&
	       memcmp(db_bytes(rows, 0, c->has_scope ? 3 : 1).data, record_uuid(w->after, ours->number), 16);
}

static enum status find_cycle(struct db *db, struct write *w)
{
	const struct schema_field *above = w->table->above;
	struct db_params params = { .arena = w->req->arena };
	PGresult *rows;

	if (!above || !record_has(w->after, above->number))
		return OK;
	db_bind_uuid(&params, w->id);
	db_bind_uuid(&params, record_uuid(w->after, above->number));
	TRY(db_run(db, w->req->arena, &w->table->cycle, &params, &rows));
	if (PQntuples(rows))
		return fail_field(w->req, arena_printf(w->req->arena, "/%s", above->json_name),
			w->table->ops->cycle, NULL);
	return OK;
}

/* Which constraint refused the row. OK: none now: the rival has gone in the meantime, or the row is there
 * (our own create that was run twice). */
static enum status find_reason(struct db *db, struct write *w)
{
	PGresult *rows;

	for (size_t i = 0; i < w->table->unique_count; i++) {
		TRY(find_constraint(db, w, &w->table->unique[i], &rows));
		for (int row = 0; rows && row < PQntuples(rows); row++)
			if (memcmp(db_bytes(rows, row, 0).data, w->id, 16))
				return duplicate(w, &w->table->unique[i], rows);
	}
	for (size_t i = 0; i < w->table->reference_count; i++) {
		const struct schema_field *f = w->table->references[i].field;

		TRY(find_constraint(db, w, &w->table->references[i], &rows));
		if (rows && !PQntuples(rows))
			fail_field(w->req, arena_printf(w->req->arena, "/%s", f->json_name),
				MSG_BAD_REFERENCE, problem_resource_label(w->req->arena, f->reference), NULL);
		else if (rows && is_elsewhere(w, &w->table->references[i], rows))
			fail_field(w->req, arena_printf(w->req->arena, "/%s", f->json_name),
				MSG_WRONG_CUSTOMER, NULL);
	}
	return w->req->status != OK ? w->req->status : find_cycle(db, w);
}

static bool is_stored(struct db *db, struct write *w)
{
	struct db_params params = { .arena = w->req->arena };
	struct db_array ids;
	PGresult *rows;

	db_array_begin(&ids, w->req->arena, OID_UUID);
	db_array_add(&ids, w->id, 16);
	db_bind_array(&params, &ids);
	return db_run(db, w->req->arena, &w->table->get, &params, &rows) == OK && PQntuples(rows);
}

static void explain_refusal(struct db *db, struct write *w)
{
	if (w->req->verb == VERB_CREATE && is_stored(db, w)) {
		w->state = WRITTEN;
		answer(w);
		return;
	}
	enum status status = find_reason(db, w);

	if (status == OK)
		status = fail(w->req, CONFLICT, MSG_CONFLICT, NULL);
	failed(w, status);
}

/* Tells an earlier outcome again, under the rights of now. */
static void replay(struct db *db, struct write *w)
{
	struct request *req = w->req;
	enum status status =
		engine_at_version(db, req, w->table->resource, w->earlier_id, w->earlier_version, &w->after);

	if (status == OK && !may_see(req, w->after))
		status = fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	if (status != OK) {
		failed(w, status);
		return;
	}
	req->replayed = true;
	answer(w);
}

static void finish(struct db *db, struct write *w)
{
	switch (w->state) {
	case WRITTEN:
		answer(w);
		return;
	case REPLAYED:
		replay(db, w);
		return;
	case REFUSED:
		explain_refusal(db, w);
		return;
	default:
		return;
	}
}

static void run_group(struct db *db, struct write **writes, size_t count, bool wait_for_locks)
{
	struct group g = { .db = db,
		.arena = arena_new(),
		.table = writes[0]->table,
		.writes = writes,
		.count = count,
		.wait_for_locks = wait_for_locks };
	enum status status = run_until_known(&g, writes[0]->req->verb == VERB_CREATE);

	arena_free(g.arena);
	bool held_up = status != OK && is_held_up(db, status);

	if (status != OK && count > 1 && !g.given_up) { /* one of them spoils it for all: each for itself */
		metric_add(metric_series(METRIC_GROUP_RETRIES, ""), 1);
		for (size_t i = 0; i < count; i++)
			run_group(db, &writes[i], 1, wait_for_locks);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (status != OK)
			failed(writes[i], status);
		else
			finish(db, writes[i]);
		writes[i]->req->again = held_up;
	}
	for (size_t i = 0; i < count && !wait_for_locks; i++)
		if (writes[i]->state == ALONE)
			run_group(db, &writes[i], 1, true);
}

static bool goes_with(struct write *const *group, size_t count, const struct write *w)
{
	if (w->table != group[0]->table ||
		(w->req->verb == VERB_CREATE) != (group[0]->req->verb == VERB_CREATE))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!memcmp(group[i]->id, w->id, 16))
			return false;
		if (w->keyed && group[i]->keyed && !memcmp(group[i]->key, w->key, KEY_BYTES))
			return false;
	}
	return true;
}

void engine_write(struct db *db, struct request **requests, size_t count)
{
	struct write *left[GROUP_MAX], *group[GROUP_MAX];
	size_t left_count = 0;

	assert(count <= GROUP_MAX);
	for (size_t i = 0; i < count; i++)
		left[left_count++] = requests[i]->plan;
	while (left_count) {
		size_t n = 0, rest = 0;

		for (size_t i = 0; i < left_count; i++) {
			if (!n || goes_with(group, n, left[i]))
				group[n++] = left[i];
			else
				left[rest++] = left[i];
		}
		left_count = rest;
		run_group(db, group, n, false);
	}
}

/* --- reading */

static void answer_get(struct request *req, const struct table *table, const PGresult *rows, int row)
{
	struct record *record = table_record(table, rows, row, req->arena);
	struct buffer out = { .arena = req->arena };

	if (!may_see(req, record) || record_has(record, STANDARD_DELETE_TIME)) {
		fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
		return;
	}
	record_encode(record, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->version = (uint64_t)record_number(record, STANDARD_VERSION);
	req->status = OK;
}

/* All gets of one table: one statement, whoever asks; who may see what is decided row by row. */
static void read_table(
	struct db *db, struct arena *arena, struct table *table, struct request **requests, size_t count)
{
	struct db_params params = { .arena = arena };
	struct db_array array;
	uint8_t ids[GROUP_MAX][16];
	PGresult *rows = NULL;

	db_array_begin(&array, arena, OID_UUID);
	for (size_t i = 0; i < count; i++) {
		struct wire_field f;
		bool good = wire_find(requests[i]->body, requests[i]->body_len, 1, &f) &&
			    f.type == WIRE_BYTES && uuid_from_text(f.bytes, f.len, ids[i]);

		fail(requests[i], NOT_FOUND, MSG_NOT_FOUND, NULL);
		if (good)
			db_array_add(&array, ids[i], 16);
		else
			memset(ids[i], 0, 16); /* the nil UUID is nobody's */
	}
	db_bind_array(&params, &array);
	enum status status = db_run(db, arena, &table->get, &params, &rows);

	for (size_t i = 0; i < count; i++) {
		if (status != OK)
			requests[i]->problem = NULL;
		if (status != OK)
			requests[i]->status = status;
		for (int row = 0; status == OK && row < PQntuples(rows); row++)
			if (!memcmp(ids[i], db_bytes(rows, row, 0).data, 16))
				answer_get(requests[i], table, rows, row);
	}
}

void engine_read(struct db *db, struct request **requests, size_t count)
{
	struct arena *arena = arena_new();

	while (count) {
		struct request *group[GROUP_MAX];
		size_t n = 0, rest = 0;
		const struct schema_resource *resource = requests[0]->resource;

		for (size_t i = 0; i < count; i++) {
			if (requests[i]->resource == resource && n < GROUP_MAX)
				group[n++] = requests[i];
			else
				requests[rest++] = requests[i];
		}
		count = rest;
		read_table(db, arena, service_table(group[0]->service, resource), group, n);
	}
	arena_free(arena);
}

/* --- for straight-line code */

static enum status run_one(
	struct request *req, struct write *w, const struct db_statement *statement, bool with_key)
{
	struct group g = { .db = req->db, .arena = req->arena, .table = w->table, .writes = &w, .count = 1 };
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	TRY(bind_rows(&g, &params, with_key));
	TRY(db_run(req->db, req->arena, statement, &params, &rows));
	if (PQntuples(rows))
		return OK;
	enum status status = find_reason(req->db, w);

	return status != OK ? status : fail(req, CONFLICT, MSG_CONFLICT, NULL);
}

enum status engine_create(struct request *req, const struct schema_resource *resource, struct record *record,
	struct record **after_out)
{
	struct write w = { .req = req, .table = service_table(req->service, resource), .given = record };

	add_scope(req, record);
	uuid_v7(w.id);
	TRY(validate_create(req, record));
	TRY(prepare_create(&w));
	TRY(check_sight(req->db, &w));
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
	struct db_array ids;
	PGresult *rows;

	db_array_begin(&ids, req->arena, OID_UUID);
	db_array_add(&ids, id, 16);
	db_bind_array(&params, &ids);
	TRY(db_run(req->db, req->arena, statement, &params, &rows));
	if (!PQntuples(rows))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	struct record *record = table_record(table, rows, 0, req->arena);

	if (!may_see(req, record) || record_has(record, STANDARD_DELETE_TIME))
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

enum status engine_update(struct request *req, const struct schema_resource *resource, const uint8_t id[16],
	struct record *patch, const uint32_t *fields, size_t count, struct record **after_out)
{
	struct write w = { .req = req,
		.table = service_table(req->service, resource),
		.given = patch,
		.fields = fields,
		.field_count = count };
	enum verb verb = req->verb;

	memcpy(w.id, id, 16);
	TRY(engine_get_locked(req, resource, id, &w.before));
	req->verb = VERB_UPDATE;
	enum status status = prepare_change(&w);

	req->verb = verb;
	TRY(status);
	TRY(check_sight(req->db, &w));
	if (w.state == FAILED)
		return req->status;
	if (w.event)
		TRY(run_one(req, &w, &w.table->update, false));
	*after_out = w.after;
	return OK;
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

enum status engine_once(
	struct request *req, const struct schema_resource *makes, enum status (*run)(struct request *req))
{
	struct write w = { .req = req };
	PGresult *rows;

	if (!req->idempotency_key || !req->principal)
		return run(req);
	digest_key(req, w.key, w.body_hash);
	TRY(claim_once(req, w.key, w.body_hash, &rows));
	take_key(&w, rows, 0);
	if (w.state == FAILED)
		return req->status;
	if (w.state == REPLAYED) {
		TRY(engine_at_version(req->db, req, makes, w.earlier_id, w.earlier_version, &w.after));
		if (!may_see(req, w.after))
			return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
		req->replayed = true;
		answer(&w);
		req->created_id = record_text(w.after, STANDARD_ID);
		return OK;
	}
	TRY(run(req));
	return keep_outcome(req, w.key);
}

/* --- the past */

static bool fold(struct record *record, struct slice payload)
{
	struct wire_field change, part;
	struct wire_reader reader;

	if (!wire_find(payload.data, payload.len, 6, &change))
		return false;
	reader = wire_reader(change.bytes, change.len);
	struct record *after = record_new(record->resource, record->arena);

	while (wire_next(&reader, &part)) {
		if (part.number == 2) {
			const struct schema_field *f =
				schema_field_find(record->resource->message, part.bytes, part.len);

			if (f)
				record->fields[f->index] = (struct slice){ 0 };
		}
		if (part.number == 4 && !record_parse(after, part.bytes, part.len))
			return false;
	}
	for (size_t i = 0; i < record->resource->message->count; i++)
		if (after->fields[i].len)
			record->fields[i] = after->fields[i];
	return !reader.failed;
}

enum status engine_at_version(struct db *db, struct request *req, const struct schema_resource *resource,
	const uint8_t id[16], uint64_t version, struct record **record_out)
{
	static const struct db_statement events = {
		"SELECT payload, subject_version, occurred_at FROM ("
		" SELECT payload, subject_version, occurred_at FROM event_log WHERE subject_id = $1::uuid "
		"AND subject_version <= $2::bigint"
		" UNION ALL SELECT payload, subject_version, occurred_at FROM event_outbox WHERE subject_id "
		"= $1::uuid"
		" AND subject_type = $3::text AND subject_version <= $2::bigint) e ORDER BY subject_version"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, id);
	db_bind_int8(&params, (int64_t)version);
	db_bind_text(&params, resource->collection);
	TRY(db_run(db, req->arena, &events, &params, &rows));
	int count = PQntuples(rows);

	if (!count || (uint64_t)db_int8(rows, count - 1, 1) != version)
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	struct record *record = record_new(resource, req->arena);

	for (int row = 0; row < count; row++)
		if (!fold(record, db_bytes(rows, row, 0)))
			return INTERNAL;
	record_set_number(record, STANDARD_VERSION, (int64_t)version);
	record_set_time(record, STANDARD_UPDATE_TIME, db_time(rows, count - 1, 2));
	*record_out = record;
	return OK;
}

static enum status take_reason(
	struct request *req, struct write *w, enum status *status_out, struct problem **problem_out)
{
	req->problem = NULL;
	req->status = OK;
	enum status status = find_reason(req->db, w);

	if (status == OK)
		status = fail(req, CONFLICT, MSG_CONFLICT, NULL);
	*status_out = status;
	*problem_out = req->problem;
	req->problem = NULL;
	return db_is_broken(req->db) ? UNAVAILABLE : OK;
}

struct creation {
	struct request *req;
	struct group group;
	enum status *statuses;
	struct problem **problems;
};

static void plan_creation(struct creation *c, size_t i, struct table *table, struct record *record)
{
	struct request *req = c->req;
	struct write *w = c->group.writes[i];

	*w = (struct write){ .req = req, .table = table, .given = record };
	req->problem = NULL;
	uuid_v7(w->id);
	add_scope(req, w->given);
	c->statuses[i] = validate_create(req, w->given);
	if (c->statuses[i] == OK)
		c->statuses[i] = prepare_create(w);
	c->problems[i] = req->problem;
	w->state = c->statuses[i] == OK ? WAITING : FAILED;
	req->problem = NULL;
	req->status = OK;
}

enum status engine_create_begin(struct request *req, const struct schema_resource *resource,
	struct record **records, size_t count, struct creation **creation_out)
{
	struct table *table = service_table(req->service, resource);
	struct write *all = arena_zalloc(req->arena, count * sizeof *all);
	struct creation *c = arena_zalloc(req->arena, sizeof *c);
	struct db_params params = { .arena = req->arena };

	*c = (struct creation){ .req = req,
		.group = { .db = req->db,
			.arena = req->arena,
			.table = table,
			.count = count,
			.writes = arena_alloc(req->arena, count * sizeof(struct write *)) },
		.statuses = arena_zalloc(req->arena, count * sizeof(enum status)),
		.problems = arena_zalloc(req->arena, count * sizeof(struct problem *)) };
	for (size_t i = 0; i < count; i++) {
		c->group.writes[i] = &all[i];
		plan_creation(c, i, table, records[i]);
	}
	TRY(bind_rows(&c->group, &params, true));
	db_send(req->db, &table->insert, &params);
	db_sync(req->db);
	*creation_out = c;
	return OK;
}

enum status engine_create_end(
	struct creation *creation, enum status *statuses_out, struct problem **problems_out)
{
	TRY(read_written(&creation->group));
	TRY(db_end(creation->group.db));
	for (size_t i = 0; i < creation->group.count; i++) {
		bool refused = creation->group.writes[i]->state == REFUSED;

		statuses_out[i] = refused ? CONFLICT : creation->statuses[i];
		problems_out[i] = creation->problems[i];
	}
	return OK;
}

enum status engine_create_explain(
	struct creation *creation, enum status *statuses_out, struct problem **problems_out)
{
	for (size_t i = 0; i < creation->group.count; i++)
		if (creation->group.writes[i]->state == REFUSED)
			TRY(take_reason(creation->req, creation->group.writes[i], &statuses_out[i],
				&problems_out[i]));
	return OK;
}
