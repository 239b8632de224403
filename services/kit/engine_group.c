#include "kit/engine.h"
#include "kit/engine_write.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOLVE_S       15 /* how long a group waits for PostgreSQL to come back, to learn how its commit ended */
#define RESOLVE_STEP_US 20000
#define RUN_ATTEMPTS    20 /* of a group whose connection breaks each time */

static void reset(struct group *g)
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
void write_take_key(struct write *w, const PGresult *rows, int row)
{
	struct slice hash = db_bytes(rows, row, 2), id = db_bytes(rows, row, 3);
	bool fresh = db_bool(rows, row, 1);
	bool create = w->req->verb == VERB_CREATE;
	uint64_t version = create ? 1 : (uint64_t)db_int8(rows, row, 4);

	if (fresh || !version || (create && !memcmp(id.data, w->id, 16)))
		return;
	if (memcmp(hash.data, w->body_hash, KEY_BYTES)) {
		write_failed(w, fail(w->req, MISUSED_KEY, MSG_IDEMPOTENCY_KEY_REUSED, NULL));
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
				write_take_key(g->writes[i], rows, row);
	return OK;
}

/* Rows come back in the order in which they were sent, or nearly: the search goes on where the last one
 * ended. */
struct write *group_write_of(const struct group *g, const char *id, size_t *from)
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
enum status group_read_written(struct group *g)
{
	PGresult *rows;
	size_t from = 0;

	TRY(db_result(g->db, g->arena, &rows));
	for (size_t i = 0; i < g->count; i++)
		if (g->writes[i]->state == WAITING)
			g->writes[i]->state = g->writes[i]->event ? REFUSED : WRITTEN;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct write *w = group_write_of(g, db_bytes(rows, row, 0).data, &from);

		if (w && w->state == REFUSED)
			w->state = WRITTEN;
	}
	return OK;
}

/* Binds the rows to be written, then (inserts) their keys, then their events. */
enum status group_bind_rows(struct group *g, struct db_params *params, bool with_keys)
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

/* The write's parent is this row: made with its owner and team, if it may be seen. */
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

void group_take_parent(struct write *w, const PGresult *rows)
{
	const struct schema_resource *r = w->table->resource;

	write_failed(w, INVALID);
	for (int row = 0; row < PQntuples(rows); row++)
		if (!memcmp(record_uuid(w->given, r->parent->number), db_bytes(rows, row, 0).data, 16))
			take_scope(w, r, rows, row);
	if (w->state == FAILED)
		fail_field(w->req, arena_printf(w->req->arena, "/%s", r->parent->json_name),
			MSG_BAD_REFERENCE, problem_resource_label(w->req->arena, r->parent->reference), NULL);
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
	for (size_t i = 0; i < g->count; i++)
		group_take_parent(g->writes[i], rows);
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

	reset(g);
	TRY(db_ready(g->db));
	if (g->table->ops->refresh)
		TRY(g->table->ops->refresh(g->db));
	if (has_parent)
		TRY(read_parents(g));
	for (size_t i = 0; i < g->count; i++)
		if (g->writes[i]->state == WAITING && write_prepare_create(g->writes[i]) != OK)
			write_failed(g->writes[i], g->writes[i]->req->status);
		else if (g->writes[i]->state == WAITING)
			TRY(write_check_sight(g->db, g->writes[i]));
	if (g->any_key)
		send_keys(g);
	TRY(group_bind_rows(g, &params, true));
	db_send(g->db, &g->table->insert, &params);
	if (g->any_key)
		send_drop_keys(g);
	if (has_parent)
		db_send(g->db, &commit, NULL);
	db_sync(g->db);
	if (g->any_key)
		TRY(read_keys(g));
	TRY(group_read_written(g));
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
		struct write *w = group_write_of(g, db_bytes(rows, row, 0).data, &from);

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
		write_failed(w, fail(w->req, NOT_FOUND, MSG_NOT_FOUND, NULL));
	else if (write_prepare_change(w) != OK)
		write_failed(w, w->req->status);
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
	reset(g);
	TRY(db_ready(g->db));
	if (g->table->ops->refresh)
		TRY(g->table->ops->refresh(g->db));
	TRY(lock_rows(g));
	for (size_t i = 0; i < g->count; i++) {
		decide(g, g->writes[i]);
		if (g->writes[i]->state == WAITING)
			TRY(write_check_sight(g->db, g->writes[i]));
	}
	TRY(group_bind_rows(g, &params, false));
	db_send(g->db, &g->table->update, &params);
	if (g->any_key)
		send_key_versions(g);
	db_send(g->db, &commit, NULL);
	*committing = true;
	db_sync(g->db);
	TRY(group_read_written(g));
	return db_end(g->db);
}

/* The connection broke at a commit: waits until that transaction has ended. Whether it committed is not to be
 * learnt from its xid: one that had not reached the disk at a crash PostgreSQL gives to another transaction,
 * which then "committed", or says that it lies in the future. UNAVAILABLE: it cannot be asked. */
static enum status await_end(struct group *g)
{
	static const struct db_statement ask = {
		"SELECT pg_xact_status($1::text::xid8) IS DISTINCT FROM 'in progress'"
	};
	struct arena *arena = arena_new();
	bool ended = false;

	for (int i = 0; i < RESOLVE_S * 1000000 / RESOLVE_STEP_US && !ended; i++) {
		struct db_params params = { .arena = arena };
		enum status status = db_ready(g->db);
		PGresult *rows = NULL;

		db_bind_text(&params, g->xid);
		if (status == OK)
			status = db_run(g->db, arena, &ask, &params, &rows);
		ended = status == OK ? db_bool(rows, 0, 0) : status == INVALID; /* in the future */
		if (!ended)
			usleep(RESOLVE_STEP_US);
	}
	arena_free(arena);
	return ended ? OK : UNAVAILABLE;
}

/* What the transaction wrote has its events, and a row without one was refused by a constraint. No event at
 * all: it was rolled back, or came to nothing, and may run again. */
static enum status find_written(struct group *g, bool *any_out)
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
	TRY(group_read_written(g));
	*any_out = false;
	for (size_t i = 0; i < g->count; i++)
		*any_out |= g->writes[i]->event && g->writes[i]->state == WRITTEN;
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
 * ids, changes when they left no event). An error of SQL is handed back. */
enum status group_run_until_known(struct group *g, bool create)
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

		g->given_up = attempt == RUN_ATTEMPTS || wait_for_database(g->db) != OK ||
			      (committing && (await_end(g) != OK || find_written(g, &committed) != OK));
		if (g->given_up || committed)
			return g->given_up ? UNAVAILABLE : OK;
	}
}
