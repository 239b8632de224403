#include "kit/retention.h"
#include "kit/event.h"
#include "kit/log.h"
#include "kit/sequencer.h"
#include "kit/table.h"
#include <string.h>

/* The slice (after, up_to] that is to go. */
struct slice_of_log {
	int64_t after, up_to;
};

/* One replica at a time; the others find the lock taken and leave. */
static enum status lock(struct request *req, bool *ours_out)
{
	static const struct db_statement take = {
		"SELECT pg_try_advisory_xact_lock(hashtextextended($1::text, 0))"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_text(&params, arena_printf(req->arena, "retention of %s", req->service->name));
	TRY(db_run(req->db, req->arena, &take, &params, &rows));
	*ours_out = db_bool(rows, 0, 0);
	return OK;
}

/* Up to the last seal that is old enough and not too far; where one seal is larger than a slice, up to that. */
static enum status find_slice(
	struct request *req, int64_t keep_days, struct slice_of_log *slice_out, bool *found_out)
{
	static const struct db_statement find = {
		"SELECT h.low_pos, s.up_to FROM event_head h JOIN event_seal s ON s.up_to > h.low_pos AND s.up_to "
		"<= greatest(h.low_pos + $2::bigint, (SELECT min(up_to) FROM event_seal, event_head WHERE up_to > "
		"low_pos)) JOIN event_log l ON l.pos = s.up_to WHERE l.logged_at < clock_timestamp() - $1::bigint * "
		"interval '1 day' ORDER BY s.up_to DESC LIMIT 1"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_int8(&params, keep_days);
	db_bind_int8(&params, RETENTION_SLICE);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	*found_out = PQntuples(rows);
	if (*found_out)
		*slice_out = (struct slice_of_log){ db_int8(rows, 0, 0), db_int8(rows, 0, 1) };
	return OK;
}

/* Those of a table that the slice tells of and the rest of the log does not tell of whole. Locked: no change comes
 * between the record that is told and its snapshot. */
static const char *records_sql(struct arena *arena, const struct table *table)
{
	const struct schema_resource *r = table->resource;
	const char *types = arena_printf(arena, "('guanxi.%s.%s.created.v1', 'guanxi.%s.%s.snapshot.v1')",
		r->service, r->singular, r->service, r->singular);

	return arena_printf(arena,
		"SELECT %s FROM \"%s\" t WHERE id = ANY (ARRAY(SELECT DISTINCT subject_id FROM event_log WHERE pos > "
		"$1::bigint AND pos <= $2::bigint AND subject_type = '%s')) AND NOT EXISTS (SELECT FROM event_log e "
		"WHERE e.subject_id = t.id AND e.pos > $2::bigint AND e.type IN %s) AND NOT EXISTS (SELECT FROM "
		"event_outbox e WHERE e.subject_id = t.id AND e.type IN %s) ORDER BY id FOR NO KEY UPDATE",
		table->columns, r->singular, r->collection, types, types);
}

/* All of a record, also that a field has no value. */
static struct event *snapshot_of(struct request *req, const struct record *record)
{
	size_t count = record->resource->message->count;
	uint8_t *which = arena_alloc(req->arena, count);

	memset(which, 1, count);
	return event_of_change(
		req, "snapshot", NULL, record, which, record_time(record, STANDARD_UPDATE_TIME));
}

static enum status tell(struct request *req, const struct table *table, const struct slice_of_log *slice)
{
	struct db_params params = { .arena = req->arena };
	PGresult *rows = NULL;

	db_bind_int8(&params, slice->after);
	db_bind_int8(&params, slice->up_to);
	db_send_once(req->db, records_sql(req->arena, table), &params);
	db_sync(req->db);
	enum status status = db_result(req->db, req->arena, &rows);
	enum status end = db_end(req->db);

	TRY(status != OK ? status : end);
	int count = PQntuples(rows);
	struct event **events = arena_alloc(req->arena, ((size_t)count + 1) * sizeof(struct event *));

	for (int row = 0; row < count; row++)
		events[row] = snapshot_of(req, table_record(table, rows, row, req->arena));
	return count ? event_insert(req, events, (size_t)count) : OK;
}

static enum status cut(struct request *req, const struct slice_of_log *slice)
{
	static const struct db_statement cut = { "SELECT event_cut($1::bigint)" };
	struct db_params params = { .arena = req->arena };

	db_bind_int8(&params, slice->up_to);
	return db_run(req->db, req->arena, &cut, &params, NULL);
}

static enum status cut_slice(struct request *req, int64_t keep_days, struct slice_of_log *slice_out, bool *cut_out)
{
	bool ours;

	*cut_out = false;
	TRY(lock(req, &ours));
	if (ours)
		TRY(find_slice(req, keep_days, slice_out, cut_out));
	if (!*cut_out)
		return OK;
	for (const struct resource *r = req->service->resources; r->collection; r++)
		TRY(tell(req, service_own_table(schema_resource_find(r->collection)), slice_out));
	return cut(req, slice_out);
}

bool retention_run(struct db *db, const struct service *service, int64_t keep_days)
{
	bool more = keep_days > 0;
	enum status status = OK;

	while (more && status == OK) {
		struct request *req = request_for_job(service, &principal_system);
		struct slice_of_log slice;

		req->db = db;
		status = db_ready(db);
		if (status == OK)
			status = db_begin(db);
		if (status == OK)
			status = cut_slice(req, keep_days, &slice, &more);
		if (status == OK)
			status = db_commit(db);
		else
			db_rollback(db);
		if (status == OK && more)
			log_info("cut", "stream=%s after=%lld up_to=%lld", service->name, (long long)slice.after,
				(long long)slice.up_to);
		request_free(req);
		sequencer_wake();
	}
	return status == OK;
}
