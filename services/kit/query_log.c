/* The event log as people and services read it: a record's history, its past, and the log from a position on.
 */
#include "kit/engine.h"
#include "kit/json.h"
#include "kit/query.h"
#include "kit/uuid.h"
#include <string.h>
#include <unistd.h>

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
	uint8_t uuid[16];
	PGresult *rows;

	if (id->type != WIRE_BYTES || !uuid_from_text(id->bytes, id->len, uuid))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	db_bind_uuids(&params, uuid, 1, 16);
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

/* The newest version by then; 0: none. */
static enum status version_at(
	struct request *req, struct db *db, const uint8_t id[16], int64_t time_us, uint64_t *version_out)
{
	static const struct db_statement newest = {
		"SELECT coalesce(max(subject_version), 0) FROM ("
		" SELECT subject_version FROM event_log WHERE subject_id = $1::uuid AND occurred_at <= "
		"$2::timestamptz"
		" UNION ALL SELECT subject_version FROM event_outbox WHERE subject_id = $1::uuid AND "
		"subject_type = $3::text AND occurred_at <= $2::timestamptz) e"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, id);
	db_bind_time(&params, time_us);
	db_bind_text(&params, req->resource->collection);
	TRY(db_run(db, req->arena, &newest, &params, &rows));
	*version_out = (uint64_t)db_int8(rows, 0, 0);
	return OK;
}

/* A version is shown whatever it was; at a time when the record was deleted, there was none. */
enum status query_past(struct request *req, struct db *db)
{
	struct wire_field id, f;
	struct buffer out = { .arena = req->arena };
	struct record *record;
	uint64_t version = 0;
	int64_t time_us;
	uint8_t uuid[16];

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (!wire_find(req->body, req->body_len, 1, &id))
		return fail(req, INVALID, MSG_INVALID, NULL);
	bool by_time = wire_find(req->body, req->body_len, 3, &f) && f.type == WIRE_BYTES;

	if (by_time && !json_read_time(f.bytes, f.len, &time_us))
		return fail_field(req, "/asOf", MSG_BAD_TIME, NULL);
	TRY(check_visible(req, db, &id));
	uuid_from_text(id.bytes, id.len, uuid);
	if (by_time)
		TRY(version_at(req, db, uuid, time_us, &version));
	else if (wire_find(req->body, req->body_len, 2, &f))
		version = f.value;
	if (!version || version > INT64_MAX)
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	TRY(engine_at_version(db, req, req->resource, uuid, version, &record));
	if (by_time && record_has(record, STANDARD_DELETE_TIME))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	record_encode(record, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->version = version;
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
