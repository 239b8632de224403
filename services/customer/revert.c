/* Undoes what an import did: a job that reads the import's events, newest first, deletes what it created and
 * gives back what it changed. What an import did is in the log under the job's id: no row is written for it
 * while importing, and what it did lies together, between the job's own first event and its last. */
#include "customer/customer.h"
#include "kit/undo.h"
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
	struct buffer ours; /* ids: the import's, this job's, and those of others that began to undo it */
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

static enum status find_ours(struct step *s)
{
	static const struct db_statement find = {
		"SELECT id FROM job WHERE reverts_id = $1::text AND delete_time IS NULL"
	};
	struct db_params params = { .arena = s->req->arena };
	PGresult *rows;

	db_bind_text(&params, record_text(s->job->record, JOB_REVERTS_ID));
	TRY(db_run(s->req->db, s->req->arena, &find, &params, &rows));
	buffer_add(&s->ours, s->import, 16);
	for (int row = 0; row < PQntuples(rows); row++)
		buffer_add(&s->ours, db_bytes(rows, row, 0).data, 16);
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

/* --- a batch */

static bool is_in(const struct change *changes, size_t count, const uint8_t *id)
{
	for (size_t i = 0; i < count; i++)
		if (!memcmp(changes[i].id, id, 16))
			return true;
	return false;
}

static void skip(struct step *s, const struct change *change, const struct problem *problem)
{
	char id[37];

	uuid_to_text(change->id, id);
	refused_add(s->req, &s->refused, &(struct slice){ id, 36 }, 1, problem);
	s->at.skipped++;
}

/* In the order of the log, newest first; a record that is there twice waits for the next batch. */
static enum status plan(struct step *s, const PGresult *rows, struct change *changes, size_t *count_out)
{
	size_t n = 0;

	for (int row = 0; row < PQntuples(rows); row++) {
		const uint8_t *id = (const uint8_t *)db_bytes(rows, row, 1).data;

		if (is_in(changes, n, id))
			break;
		memcpy(changes[n].id, id, 16);
		if (!undo_of_event(s->req, s->resource, db_bytes(rows, row, 2), &changes[n++]))
			return INTERNAL;
		s->at.below = db_int8(rows, row, 0);
	}
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

/* Changed since, by whoever is neither the import nor undoes it: what they did stands. */
static enum status find_edited(struct step *s, struct change *changes, size_t count, bool *edited_out)
{
	const struct undo_log log = { .ours = (const uint8_t(*)[16])s->ours.data,
		.ours_count = s->ours.len / 16,
		.above = s->at.below };

	return undo_find_edited(s->req, s->resource, &log, changes, count, edited_out);
}

static enum status undo_batch(struct step *s)
{
	struct change *changes = arena_zalloc(s->req->arena, BATCH_EVENTS * sizeof *changes);
	bool stays[BATCH_EVENTS] = { false }, in_use[BATCH_EVENTS] = { false };
	size_t count, n = 0;
	PGresult *rows;

	TRY(read_events(s, &rows));
	TRY(plan(s, rows, changes, &count));
	s->over = !count;
	TRY(find_edited(s, changes, count, stays));
	TRY(engine_find_children(s->req, s->resource, changes, count, in_use));
	for (size_t i = 0; i < count; i++)
		if (stays[i])
			skip(s, &changes[i], problem_new(s->req->arena, MSG_REVERT_EDITED, NULL));
		else if (in_use[i] && changes[i].verb == VERB_DELETE)
			skip(s, &changes[i], problem_new(s->req->arena, MSG_REVERT_IN_USE, NULL));
		else
			changes[n] = changes[i], changes[n++].if_version = 0;
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
	TRY(find_ours(s));
	for (int i = 0; i < STEP_BATCHES && !s->over && !s->job->finished; i++)
		TRY(undo_batch(s));
	TRY(refused_keep(s->req, &s->at.file, &heading, 1, &s->refused, "undo.csv"));
	if (s->over)
		TRY(finish(s));
	tell(s);
	job_keep(s->job, &s->at, sizeof s->at);
	return OK;
}

/* From where one that was cut short had come to. */
static void go_on(struct checkpoint *at, const void *earlier)
{
	struct checkpoint was;

	memcpy(&was, earlier, sizeof was);
	*at = (struct checkpoint){ .above = was.above, .below = was.below };
}

enum status revert_step(struct request *req, struct job *job)
{
	struct step s = { .req = req,
		.job = job,
		.resource = transfer_resource(job),
		.refused = { .arena = req->arena },
		.ours = { .arena = req->arena } };
	const char *import = record_text(job->record, JOB_REVERTS_ID);

	if (!import || !uuid_from_text(import, strlen(import), s.import))
		return INTERNAL;
	if (job->checkpoint.len == sizeof s.at)
		memcpy(&s.at, job->checkpoint.data, sizeof s.at);
	else if (job->arguments.len == sizeof s.at)
		go_on(&s.at, job->arguments.data);
	req->without_automation =
		record_has(job->record, JOB_AUTOMATION) && !record_number(job->record, JOB_AUTOMATION);
	enum status status = run_step(&s);

	req->without_automation = false; /* the job's own event */
	return status;
}
