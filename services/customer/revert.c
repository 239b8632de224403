/* Undoes what an import did: a job that reads the import's events, newest first, deletes what it created and
 * gives back what it changed. What an import did is in the log under the job's id: no row is written for it
 * while importing, and what it did lies together, between the job's own first event and its last. */
#include "customer/customer.h"
#include "kit/engine.h"
#include "kit/uuid.h"
#include <string.h>
#include <unistd.h>

#define BATCH_EVENTS 500
#define STEP_BATCHES 4
#define LOG_WAIT_US  20000 /* the import's last events are on their way into the log */

struct checkpoint {
	int64_t above, below; /* positions that are left: those between; 0, 0 before they are known */
	int64_t removed, restored, skipped;
	struct refused file;
	uint32_t unused;
};

struct step {
	struct request *req;
	struct job *job;
	const struct schema_resource *resource;
	uint8_t import[16];
	struct checkpoint at;
	struct buffer refused;
	bool over;
};

/* --- the import's part of the log */

static enum status is_in_log(struct step *s, bool *in_log_out)
{
	static const struct db_statement waiting = {
		"SELECT FROM event_outbox WHERE request_id = $1::uuid LIMIT 1"
	};
	struct db_params params = { .arena = s->req->arena };
	PGresult *rows;

	db_bind_uuid(&params, s->import);
	TRY(db_run(s->req->db, s->req->arena, &waiting, &params, &rows));
	*in_log_out = !PQntuples(rows);
	return OK;
}

/* From the job's first event to its last: each step's is behind what the step did. */
static enum status find_bounds(struct step *s)
{
	static const struct db_statement find = { "SELECT coalesce(min(pos), 0), coalesce(max(pos), 0), "
						  "(SELECT low_pos FROM event_head) FROM event_log "
						  "WHERE subject_id = $1::uuid" };
	struct db_params params = { .arena = s->req->arena };
	PGresult *rows;

	db_bind_uuid(&params, s->import);
	TRY(db_run(s->req->db, s->req->arena, &find, &params, &rows));
	s->at.above = db_int8(rows, 0, 0);
	s->at.below = db_int8(rows, 0, 1);
	if (!s->at.above || s->at.above <= db_int8(rows, 0, 2)) {
		s->job->finished = true;
		s->job->problem = refused_text(s->req, problem_new(s->req->arena, MSG_REVERT_TOO_OLD, NULL));
	}
	return OK;
}

static enum status read_events(struct step *s, PGresult **rows_out)
{
	static const struct db_statement read = {
		"SELECT pos, subject_id, payload FROM event_log WHERE pos > $1::bigint AND pos < $2::bigint"
		" AND request_id = $3::uuid AND subject_type = $4::text ORDER BY pos DESC LIMIT $5::int"
	};
	struct db_params params = { .arena = s->req->arena };

	db_bind_int8(&params, s->at.above);
	db_bind_int8(&params, s->at.below);
	db_bind_uuid(&params, s->import);
	db_bind_text(&params, s->resource->collection);
	db_bind_int4(&params, BATCH_EVENTS);
	return db_run(s->req->db, s->req->arena, &read, &params, rows_out);
}

/* --- what is to be done */

/* The Change of an Event: what was there before; a creation has none. */
static enum status take_before(struct step *s, struct slice payload, struct change *change)
{
	struct wire_field data, before, f;
	struct record *patch = record_new(s->resource, s->req->arena);
	const struct schema_message *m = s->resource->message;
	uint32_t *fields = arena_alloc(s->req->arena, m->count * sizeof *fields);

	if (!wire_find(payload.data, payload.len, 6, &data))
		return INTERNAL;
	change->verb = VERB_DELETE;
	if (!wire_find(data.bytes, data.len, 3, &before))
		return OK;
	if (!record_parse(patch, before.bytes, before.len))
		return INTERNAL;
	struct wire_reader reader = wire_reader(data.bytes, data.len);

	change->verb = VERB_UPDATE;
	change->patch = patch;
	change->fields = fields;
	while (wire_next(&reader, &f)) {
		const struct schema_field *field =
			f.number == 2 ? schema_field_find(m, f.bytes, f.len) : NULL;

		if (field && field->number > STANDARD_DELETE_TIME && change->field_count < m->count)
			fields[change->field_count++] = field->number;
	}
	return OK;
}

static bool is_in(const struct change *changes, size_t count, const uint8_t *id)
{
	for (size_t i = 0; i < count; i++)
		if (!memcmp(changes[i].id, id, 16))
			return true;
	return false;
}

/* --- what must stay */

static void skip(struct step *s, const struct change *change, const struct problem *problem)
{
	char id[37];

	uuid_to_text(change->id, id);
	refused_add(s->req, &s->refused, &(struct slice){ id, 36 }, 1, problem);
	s->at.skipped++;
}

/* Locked first: whoever edits one of them now has done so before the look at the log, or waits. Changed
 * since, by whoever is neither the import nor this job: what they did stands. */
static enum status find_edited(
	struct step *s, const struct change *changes, const int64_t *positions, size_t count, bool *stays_out)
{
	static const struct db_statement find = {
		"SELECT k.n FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS k(id, pos, n) WHERE"
		" EXISTS (SELECT FROM event_log l WHERE l.subject_id = k.id AND l.pos > k.pos AND "
		"l.request_id <> $3::uuid"
		" AND l.request_id <> $4::uuid AND l.subject_version IS NOT NULL AND l.type NOT LIKE "
		"'%.snapshot.v1')"
		" OR EXISTS (SELECT FROM event_outbox o WHERE o.subject_id = k.id AND o.request_id <> "
		"$4::uuid"
		" AND o.subject_version IS NOT NULL AND o.type NOT LIKE '%.snapshot.v1')"
	};
	struct db_params params = { .arena = s->req->arena };
	struct db_array ids, since;
	PGresult *rows;

	db_array_begin(&ids, s->req->arena, OID_UUID);
	db_array_begin(&since, s->req->arena, OID_INT8);
	for (size_t i = 0; i < count; i++) {
		uint64_t position = __builtin_bswap64((uint64_t)positions[i]);

		db_array_add(&ids, changes[i].id, 16);
		db_array_add(&since, &position, 8);
	}
	db_bind_array(&params, &ids);
	db_bind_array(&params, &since);
	db_bind_uuid(&params, s->import);
	db_bind_uuid(&params, s->job->id);
	TRY(engine_lock_many(s->req, s->resource, changes, count));
	TRY(db_run(s->req->db, s->req->arena, &find, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++)
		stays_out[db_int8(rows, row, 0) - 1] = true;
	return OK;
}

/* --- a batch */

/* In the order of the log, newest first; a record that is there twice waits for the next batch. */
static enum status plan(
	struct step *s, const PGresult *rows, struct change *changes, int64_t *positions, size_t *count_out)
{
	size_t n = 0;

	for (int row = 0; row < PQntuples(rows); row++) {
		const uint8_t *id = (const uint8_t *)db_bytes(rows, row, 1).data;

		if (is_in(changes, n, id))
			break;
		memcpy(changes[n].id, id, 16);
		TRY(take_before(s, db_bytes(rows, row, 2), &changes[n]));
		positions[n++] = db_int8(rows, row, 0);
	}
	if (n)
		s->at.below = positions[n - 1];
	*count_out = n;
	return OK;
}

static void account(struct step *s, const struct change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (changes[i].status == NOT_FOUND)
			skip(s, &changes[i], problem_new(s->req->arena, MSG_REVERT_GONE, NULL));
		else if (changes[i].status != OK)
			skip(s, &changes[i], changes[i].problem);
		else if (changes[i].verb == VERB_DELETE)
			s->at.removed++;
		else
			s->at.restored++;
}

static enum status undo_batch(struct step *s)
{
	struct change *changes = arena_zalloc(s->req->arena, BATCH_EVENTS * sizeof *changes);
	int64_t positions[BATCH_EVENTS];
	bool stays[BATCH_EVENTS] = { false }, in_use[BATCH_EVENTS] = { false };
	size_t count, n = 0;
	PGresult *rows;

	TRY(read_events(s, &rows));
	TRY(plan(s, rows, changes, positions, &count));
	s->over = !count;
	TRY(find_edited(s, changes, positions, count, stays));
	TRY(engine_find_children(s->req, s->resource, changes, count, in_use));
	for (size_t i = 0; i < count; i++)
		if (stays[i])
			skip(s, &changes[i], problem_new(s->req->arena, MSG_REVERT_EDITED, NULL));
		else if (in_use[i] && changes[i].verb == VERB_DELETE)
			skip(s, &changes[i], problem_new(s->req->arena, MSG_REVERT_IN_USE, NULL));
		else
			changes[n++] = changes[i];
	TRY(engine_change_many(s->req, s->resource, changes, n));
	account(s, changes, n);
	return OK;
}

/* --- a step */

static enum status finish(struct step *s)
{
	s->job->finished = true;
	return s->at.file.chunks ? file_end(s->req, s->at.file.id) : OK;
}

static void tell(struct step *s)
{
	char id[37];

	job_set_number(s->job, JOB_REMOVED, s->at.removed);
	job_set_number(s->job, JOB_UPDATED, s->at.restored);
	job_set_number(s->job, JOB_SKIPPED, s->at.skipped);
	job_set_number(s->job, JOB_DONE, s->at.removed + s->at.restored + s->at.skipped);
	if (s->at.file.chunks) {
		uuid_to_text(s->at.file.id, id);
		job_set_text(s->job, JOB_REFUSED_FILE_ID, id);
	}
}

static enum status run_step(struct step *s)
{
	static const struct slice heading = { "id", 2 };
	bool in_log = true;

	if (!s->at.below) {
		TRY(is_in_log(s, &in_log));
		if (!in_log) {
			usleep(LOG_WAIT_US);
			return OK;
		}
		TRY(find_bounds(s));
	}
	for (int i = 0; i < STEP_BATCHES && !s->over && !s->job->finished; i++)
		TRY(undo_batch(s));
	TRY(refused_keep(s->req, &s->at.file, &heading, 1, &s->refused, "undo.csv"));
	if (s->over)
		TRY(finish(s));
	tell(s);
	job_keep(s->job, &s->at, sizeof s->at);
	return OK;
}

enum status revert_step(struct request *req, struct job *job)
{
	struct step s = {
		.req = req, .job = job, .resource = transfer_resource(job), .refused = { .arena = req->arena }
	};
	const char *import = record_text(job->record, JOB_REVERTS_ID);

	if (!import || !uuid_from_text(import, strlen(import), s.import))
		return INTERNAL;
	if (job->checkpoint.len == sizeof s.at)
		memcpy(&s.at, job->checkpoint.data, sizeof s.at);
	req->without_automation =
		record_has(job->record, JOB_AUTOMATION) && !record_number(job->record, JOB_AUTOMATION);
	enum status status = run_step(&s);

	req->without_automation = false; /* the job's own event */
	return status;
}
