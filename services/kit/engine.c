#include "kit/engine.h"
#include "kit/engine_write.h"
#include "kit/metrics.h"
#include "kit/uuid.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { UNEXPLAINED_MAX = 3 }; /* times that a write is made anew because nothing is in its way any more */

/* --- after the transaction */

static enum status duplicate(struct write *w, const struct constraint *c, const PGresult *rows)
{
	struct request *req = w->req;
	char id[37] = "";
	const struct schema_message *m = w->table->resource->message;
	bool seen = !c->has_scope || write_sees_row(req, rows, 0, 1);

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
enum status write_find_reason(struct db *db, struct write *w)
{
	PGresult *rows;

	for (size_t i = 0; i < w->table->unique_count; i++) {
		TRY(write_find_constraint(db, w, &w->table->unique[i], &rows));
		for (int row = 0; rows && row < PQntuples(rows); row++)
			if (memcmp(db_bytes(rows, row, 0).data, w->id, 16))
				return duplicate(w, &w->table->unique[i], rows);
	}
	size_t others = w->req->problem ? w->req->problem->error_count : 0;

	w->req->missing = NULL;
	for (size_t i = 0; i < w->table->reference_count; i++) {
		const struct schema_field *f = w->table->references[i].field;
		bool is_ours = !strcmp(f->reference->service, w->table->resource->service);

		TRY(write_find_constraint(db, w, &w->table->references[i], &rows));
		if (rows && !PQntuples(rows) && !is_ours && !w->req->missing) {
			w->req->missing = f->reference;
			memcpy(w->req->missing_id, record_uuid(w->after, f->number), 16);
		}
		others += rows && is_ours && !PQntuples(rows);
		if (rows && !PQntuples(rows))
			fail_field(w->req, arena_printf(w->req->arena, "/%s", f->json_name),
				MSG_BAD_REFERENCE, problem_resource_label(w->req->arena, f->reference), NULL);
		else if (rows && is_elsewhere(w, &w->table->references[i], rows) && ++others)
			fail_field(w->req, arena_printf(w->req->arena, "/%s", f->json_name),
				MSG_WRONG_CUSTOMER, NULL);
	}
	if (others)
		w->req->missing = NULL; /* it is refused in any case */
	return w->req->status != OK ? w->req->status : find_cycle(db, w);
}

static bool is_stored(struct db *db, struct write *w)
{
	struct db_params params = { .arena = w->req->arena };
	PGresult *rows;

	db_bind_uuids(&params, w->id, 1, 16);
	return db_run(db, w->req->arena, &w->table->get, &params, &rows) == OK && PQntuples(rows);
}

static void explain_refusal(struct db *db, struct write *w)
{
	if (w->req->verb == VERB_CREATE && is_stored(db, w)) {
		w->state = WRITTEN;
		write_answer(w);
		return;
	}
	enum status status = write_find_reason(db, w);

	if (status == OK) { /* what was in the way is so no more: a rival has gone, a projection has come */
		status = fail(w->req, CONFLICT, MSG_CONFLICT, NULL);
		w->req->again = w->req->unexplained++ < UNEXPLAINED_MAX;
	}
	write_failed(w, status);
}

/* Tells an earlier outcome again, under the rights of now. */
static void replay(struct db *db, struct write *w)
{
	struct request *req = w->req;
	enum status status =
		engine_at_version(db, req, w->table->resource, w->earlier_id, w->earlier_version, &w->after);

	if (status == OK && !write_may_see(req, w->after))
		status = fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	if (status != OK) {
		write_failed(w, status);
		return;
	}
	req->replayed = true;
	write_answer(w);
}

static void finish(struct db *db, struct write *w)
{
	switch (w->state) {
	case WRITTEN:
		write_answer(w);
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

/* What a trigger of the table says in our own words. */
static enum status refused_by_rule(struct db *db, struct write *w, enum status status)
{
	enum message message = strcmp(db_sqlstate(db), DB_RULE) ? MSG_COUNT : message_find(db_error(db));

	return message == MSG_COUNT ? status : fail(w->req, status, message, NULL);
}

static void run_group(struct db *db, struct write **writes, size_t count, bool wait_for_locks)
{
	struct group g = { .db = db,
		.arena = arena_new(),
		.table = writes[0]->table,
		.writes = writes,
		.count = count,
		.wait_for_locks = wait_for_locks };
	enum status status = group_run_until_known(&g, writes[0]->req->verb == VERB_CREATE);

	arena_free(g.arena);
	bool held_up = status != OK && write_is_held_up(db, status);

	if (status != OK && count > 1 && !g.given_up) { /* one of them spoils it for all: each for itself */
		metric_add(metric_series(METRIC_GROUP_RETRIES, ""), 1);
		for (size_t i = 0; i < count; i++)
			run_group(db, &writes[i], 1, wait_for_locks);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (status != OK)
			write_failed(writes[i], refused_by_rule(db, writes[i], status));
		else
			finish(db, writes[i]);
		writes[i]->req->again |= held_up;
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

/* Another change of the record has waited for it just now: this one would wait as long, and many such would
 * hold up all others. */
static bool is_known_to_be_held(struct request *const *requests, size_t count, const struct write *w)
{
	for (size_t i = 0; i < count; i++) {
		const struct write *other = requests[i]->plan;

		if (requests[i]->again && other->table == w->table && !memcmp(other->id, w->id, 16))
			return true;
	}
	return false;
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
			if (is_known_to_be_held(requests, count, left[i]))
				left[i]->req->again = true;
			else if (!n || goes_with(group, n, left[i]))
				group[n++] = left[i];
			else
				left[rest++] = left[i];
		}
		left_count = rest;
		if (n)
			run_group(db, group, n, false);
	}
}

/* --- reading */

#define MERGE_CHAIN_MAX 100

static enum status follow_merge(
	struct request *req, struct db *db, const struct table *table, struct record **record)
{
	const struct schema_field *into = table->resource->merged_into;

	for (int step = 0; step < MERGE_CHAIN_MAX && into && record_has(*record, into->number) &&
			   record_has(*record, STANDARD_DELETE_TIME);
		step++) {
		struct db_params params = { .arena = req->arena };
		PGresult *rows;

		db_bind_uuids(&params, record_uuid(*record, into->number), 1, 16);
		TRY(db_run(db, req->arena, &table->get, &params, &rows));
		if (!PQntuples(rows))
			return OK;
		*record = table_record(table, rows, 0, req->arena);
	}
	return OK;
}

static void answer_get(
	struct request *req, struct db *db, const struct table *table, const PGresult *rows, int row)
{
	struct record *record = table_record(table, rows, row, req->arena);
	struct buffer out = { .arena = req->arena };

	/* Who asks for a record that became part of another gets that one. */
	req->status = follow_merge(req, db, table, &record);
	if (req->status != OK)
		return;
	if (!write_may_see(req, record) || record_has(record, STANDARD_DELETE_TIME)) {
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
				answer_get(requests[i], db, table, rows, row);
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

static enum status read_ids(struct request *req, struct db_params *params)
{
	struct wire_reader reader = wire_reader(req->body, req->body_len);
	struct wire_field f;
	struct db_array ids;
	uint8_t id[16];

	db_array_begin(&ids, req->arena, OID_UUID);
	while (wire_next(&reader, &f))
		if (f.number == 1 && f.type == WIRE_BYTES && uuid_from_text(f.bytes, f.len, id))
			db_array_add(&ids, id, 16);
	if (reader.failed || ids.count > LOOKUP_MAX)
		return fail(req, INVALID, MSG_INVALID, NULL);
	db_bind_array(params, &ids);
	return OK;
}

enum status engine_lookup(struct db *db, struct request *req)
{
	struct table *table = service_table(req->service, req->resource);
	struct db_params params = { .arena = req->arena };
	struct buffer out = { .arena = req->arena };
	PGresult *rows;

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	TRY(read_ids(req, &params));
	TRY(db_ready(db));
	TRY(db_run(db, req->arena, &table->get, &params, &rows));
	buffer_reserve(&out, 0);
	for (int row = 0; row < PQntuples(rows); row++) {
		struct record *record = table_record(table, rows, row, req->arena);

		if (!write_may_see(req, record) || record_has(record, STANDARD_DELETE_TIME))
			continue;
		size_t begun = wire_begin(&out, 1);

		record_encode(record, &out);
		wire_end(&out, begun);
	}
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}

/* --- the past */

enum change_part { CHANGE_FIELDS = 2, CHANGE_BEFORE, CHANGE_AFTER };

/* The fields that a change names become what they were after it, or before it. */
static bool fold(struct record *record, struct slice payload, enum change_part side)
{
	struct wire_field change, part;
	struct wire_reader reader;

	if (!wire_find(payload.data, payload.len, 6, &change))
		return false;
	reader = wire_reader(change.bytes, change.len);
	struct record *values = record_new(record->resource, record->arena);

	while (wire_next(&reader, &part)) {
		if (part.number == CHANGE_FIELDS) {
			const struct schema_field *f =
				schema_field_find(record->resource->message, part.bytes, part.len);

			if (f)
				record->fields[f->index] = (struct slice){ 0 };
		}
		if (part.number == side && !record_parse(values, part.bytes, part.len))
			return false;
	}
	for (size_t i = 0; i < record->resource->message->count; i++)
		if (values->fields[i].len)
			record->fields[i] = values->fields[i];
	return !reader.failed;
}

/* What is known of a record, and which of it tells the record whole. */
#define EVENTS_OF_RECORD                                                                                     \
	"WITH e AS (SELECT payload, subject_version AS v, occurred_at, type LIKE '%.snapshot.v1' AS "        \
	"is_snapshot,"                                                                                       \
	" type LIKE '%.created.v1' OR type LIKE '%.snapshot.v1' AS whole FROM event_log"                     \
	" WHERE subject_id = $1::uuid AND subject_version IS NOT NULL"                                       \
	" UNION ALL SELECT payload, subject_version, occurred_at, type LIKE '%.snapshot.v1',"                \
	" type LIKE '%.created.v1' OR type LIKE '%.snapshot.v1' FROM event_outbox"                           \
	" WHERE subject_id = $1::uuid AND subject_type = $3::text AND subject_version IS NOT NULL) "

/* From the newest event that tells the record whole and is not newer than the version. */
static const struct db_statement events_up = { EVENTS_OF_RECORD
	"SELECT payload, v, occurred_at FROM e WHERE v <= $2::bigint AND v >= (SELECT max(v) FROM e WHERE "
	"whole "
	"AND v <= $2::bigint) ORDER BY v, is_snapshot" };
/* What was before it is cut: from the oldest snapshot that is newer, back to the event of the version itself.
 */
static const struct db_statement events_down = { EVENTS_OF_RECORD
	"SELECT payload, v, occurred_at FROM e WHERE v >= $2::bigint AND v <= (SELECT min(v) FROM e WHERE "
	"is_snapshot AND v > $2::bigint) ORDER BY v DESC, is_snapshot DESC" };

static enum status find_events(struct db *db, struct request *req, const struct db_statement *statement,
	const struct schema_resource *resource, const uint8_t id[16], uint64_t version, PGresult **rows_out)
{
	struct db_params params = { .arena = req->arena };

	db_bind_uuid(&params, id);
	db_bind_int8(&params, (int64_t)version);
	db_bind_text(&params, resource->collection);
	return db_run(db, req->arena, statement, &params, rows_out);
}

/* The events of `rows` lead to that version, without a gap. */
static bool leads_to(const PGresult *rows, uint64_t version)
{
	int count = PQntuples(rows);

	for (int row = 1; row < count; row++) {
		int64_t step = db_int8(rows, row, 1) - db_int8(rows, row - 1, 1);

		if (step < -1 || step > 1)
			return false;
	}
	return count && (uint64_t)db_int8(rows, count - 1, 1) == version;
}

static bool put_together(struct record *record, const PGresult *rows)
{
	bool back = db_int8(rows, 0, 1) > db_int8(rows, PQntuples(rows) - 1, 1);

	for (int row = 0; row < PQntuples(rows) - back; row++)
		if (!fold(record, db_bytes(rows, row, 0), back && row ? CHANGE_BEFORE : CHANGE_AFTER))
			return false;
	return true;
}

enum status engine_at_version(struct db *db, struct request *req, const struct schema_resource *resource,
	const uint8_t id[16], uint64_t version, struct record **record_out)
{
	struct record *record = record_new(resource, req->arena);
	PGresult *rows;

	TRY(find_events(db, req, &events_up, resource, id, version, &rows));
	bool is_cut = !PQntuples(rows);

	if (is_cut)
		TRY(find_events(db, req, &events_down, resource, id, version, &rows));
	if (!leads_to(rows, version))
		return fail(
			req, NOT_FOUND, is_cut && PQntuples(rows) ? MSG_NO_LONGER_KEPT : MSG_NOT_FOUND, NULL);
	if (!put_together(record, rows))
		return INTERNAL;
	record_set_number(record, STANDARD_VERSION, (int64_t)version);
	record_set_time(record, STANDARD_UPDATE_TIME, db_time(rows, PQntuples(rows) - 1, 2));
	*record_out = record;
	return OK;
}
