#include "kit/bulk_undo.h"
#include "kit/undo.h"
#include "kit/uuid.h"
#include <string.h>

/* Members of the arguments of a job over a set, and those of a job that undoes one. */
enum argument { ARGUMENT_SET = 64, ARGUMENT_JOB, ARGUMENT_FROM };

static const struct schema_resource *jobs(void)
{
	return schema_resource_find("jobs");
}

/* --- starting */

static enum status arguments_of(struct request *req, const uint8_t job[16], struct slice *arguments_out)
{
	static const struct db_statement read = {
		"SELECT coalesce(arguments, '') FROM job WHERE id = $1::uuid"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, job);
	TRY(db_run(req->db, req->arena, &read, &params, &rows));
	*arguments_out = db_bytes(rows, 0, 0);
	return OK;
}

/* The row up to which one that was cut short (state 4 or 5) had come: the next goes on there, for what was
 * undone would look edited to it. Not so when that one was itself undone. All zero: none. */
static enum status find_place(struct request *req, const struct record *undone, uint8_t place_out[16])
{
	static const struct db_statement find = {
		"SELECT checkpoint, coalesce(arguments, '') FROM job j WHERE reverts_id = $1::text AND "
		"delete_time IS "
		"NULL AND state IN (4, 5) AND NOT EXISTS (SELECT FROM job r WHERE r.reverts_id = j.id::text)"
		" ORDER BY create_time DESC, id DESC LIMIT 1"
	};
	struct db_params params = { .arena = req->arena };
	struct wire_field from;
	PGresult *rows;

	memset(place_out, 0, 16);
	db_bind_text(&params, record_text(undone, STANDARD_ID));
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	if (!PQntuples(rows))
		return OK;
	struct slice arguments = db_bytes(rows, 0, 1);

	if (PQgetlength(rows, 0, 0) == sizeof(struct bulk_checkpoint))
		memcpy(place_out, db_bytes(rows, 0, 0).data + offsetof(struct bulk_checkpoint, last), 16);
	else if (wire_find(arguments.data, arguments.len, ARGUMENT_FROM, &from) && from.len == 16)
		memcpy(place_out, from.bytes, 16);
	return OK;
}

static enum status count_rows(
	struct request *req, struct slice set, const uint8_t from[16], int64_t *count_out)
{
	static const struct db_statement count = {
		"SELECT count(*) FILTER (WHERE id > $2::uuid), count(*) FROM job_row WHERE set_id = $1::uuid"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, (const uint8_t *)set.data);
	db_bind_uuid(&params, from);
	TRY(db_run(req->db, req->arena, &count, &params, &rows));
	*count_out = db_int8(rows, 0, 0);
	return db_int8(rows, 0, 1) ? OK
				   : fail(req, CONFLICT, MSG_JOB_REVERT_TOO_LATE,
					     arena_printf(req->arena, "%d", BULK_KEPT_DAYS), NULL);
}

static enum status find_set(struct request *req, const struct record *job, struct slice *set_out)
{
	int64_t state = record_number(job, JOB_STATE);
	struct slice arguments;
	struct wire_field set;

	if (state == JOB_QUEUED || state == JOB_RUNNING || state == JOB_PAUSED)
		return fail(req, CONFLICT, MSG_JOB_STILL_RUNNING, NULL);
	TRY(arguments_of(req, record_uuid(job, STANDARD_ID), &arguments));
	if (!wire_find(arguments.data, arguments.len, ARGUMENT_SET, &set) || set.len != 16)
		return INTERNAL;
	*set_out = (struct slice){ set.bytes, 16 };
	return OK;
}

static enum status make_job(
	struct request *req, const struct record *undone, struct slice set, struct record **after_out)
{
	struct record *job = record_new(jobs(), req->arena);
	struct buffer arguments = { .arena = req->arena };
	uint8_t from[16];
	int64_t total;

	TRY(find_place(req, undone, from));
	TRY(count_rows(req, set, from, &total));
	wire_add_bytes(&arguments, ARGUMENT_SET, set.data, set.len);
	wire_add_bytes(&arguments, ARGUMENT_JOB, record_uuid(undone, STANDARD_ID), 16);
	wire_add_bytes(&arguments, ARGUMENT_FROM, from, 16);
	record_set_text(job, JOB_COLLECTION, record_text(undone, JOB_COLLECTION));
	record_set_number(job, JOB_ACTION, JOB_REVERT);
	record_set_text(job, JOB_REVERTS_ID, record_text(undone, STANDARD_ID));
	record_set_number(job, JOB_TOTAL, total);
	record_set_number(job, JOB_DONE, 0);
	record_set_number(job, JOB_UPDATED, 0);
	record_set_number(job, JOB_REMOVED, 0);
	record_set_number(job, JOB_SKIPPED, 0);
	record_set_number(job, JOB_REFUSED, 0);
	return job_create(
		req, BULK_UNDO_KIND, job, (struct slice){ arguments.data, arguments.len }, after_out);
}

enum status bulk_undo_fits(struct request *req, bool *fits_out)
{
	struct record *job;
	struct wire_field f;
	uint8_t id[16];

	*fits_out = false;
	if (!req->principal || !wire_find(req->body, req->body_len, 1, &f) ||
		!uuid_from_text(f.bytes, f.len, id))
		return OK;
	TRY(engine_get(req, jobs(), id, &job));
	const char *kind = record_text(job, JOB_KIND);

	*fits_out = kind && (!strcmp(kind, BULK_KIND) || !strcmp(kind, BULK_UNDO_KIND));
	return OK;
}

enum status bulk_undo_start(struct request *req)
{
	struct buffer out = { .arena = req->arena };
	struct record *undone, *after;
	struct wire_field f;
	struct slice set;
	uint8_t id[16];

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (!wire_find(req->body, req->body_len, 1, &f) || !uuid_from_text(f.bytes, f.len, id))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	TRY(engine_get_locked(req, jobs(), id, &undone));
	TRY(find_set(req, undone, &set));
	TRY(make_job(req, undone, set, &after));
	service_wake_jobs();
	record_encode(after, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->created_id = record_text(after, STANDARD_ID);
	req->version = (uint64_t)record_number(after, STANDARD_VERSION);
	return OK;
}

/* --- undoing a batch */

/* The events of a job about these rows: one a row at most. The newest are in the outbox still. */
static enum status read_events(
	struct bulk_run *run, const struct change *changes, size_t count, PGresult **rows)
{
	static const struct db_statement events = {
		"SELECT subject_id, payload FROM event_log WHERE subject_id = ANY ($1::uuid[]) AND "
		"request_id = "
		"$2::uuid AND subject_version IS NOT NULL AND payload IS NOT NULL"
		" UNION ALL SELECT subject_id, payload FROM event_outbox WHERE subject_id = ANY ($1::uuid[]) "
		"AND "
		"request_id = $2::uuid AND subject_version IS NOT NULL"
	};
	struct db_params params = { .arena = run->req->arena };

	db_bind_uuids(&params, changes, count, sizeof *changes);
	db_bind_uuid(&params, run->what);
	return db_run(run->req->db, run->req->arena, &events, &params, rows);
}

/* Those that the job changed come first; the others have nothing to be undone. */
static size_t sort_out(struct bulk_run *run, struct change *changes, size_t count, const PGresult *rows)
{
	size_t n = 0;

	for (int row = 0; row < PQntuples(rows); row++)
		for (size_t i = n; i < count; i++) {
			struct change c = changes[i];

			if (memcmp(c.id, db_bytes(rows, row, 0).data, 16))
				continue;
			if (undo_of_event(run->req, run->resource, db_bytes(rows, row, 1), &c)) {
				changes[i] = changes[n];
				changes[n++] = c;
			}
			break;
		}
	return n;
}

static enum status undo(struct bulk_run *run, struct change *changes, size_t count)
{
	const struct undo_log log = { .ours = (const uint8_t(*)[16])run->what, .ours_count = 1 };
	struct request *req = run->req;
	bool edited[BULK_BATCH] = { false };
	PGresult *rows;

	if (!count)
		return OK;
	TRY(read_events(run, changes, count, &rows));
	size_t n = sort_out(run, changes, count, rows);

	TRY(undo_find_edited(req, run->resource, &log, changes, n, edited));
	for (size_t i = 0; i < n; i++)
		if (!edited[i])
			changes[i].if_version = 0; /* the others are STALE by it */
	TRY(engine_change_many(req, run->resource, changes, n));
	for (size_t i = 0; i < n; i++)
		if (changes[i].status == STALE)
			changes[i].problem = problem_new(req->arena, MSG_EDITED_SINCE, NULL);
	return OK;
}

enum status bulk_undo_step(struct request *req, struct job *job, const struct job_files *files)
{
	struct slice arguments = job->arguments;
	struct wire_field set, undone, from;

	if (!wire_find(arguments.data, arguments.len, ARGUMENT_SET, &set) || set.len != 16 ||
		!wire_find(arguments.data, arguments.len, ARGUMENT_JOB, &undone) || undone.len != 16)
		return INTERNAL;
	struct bulk_run run = { .req = req,
		.job = job,
		.files = files,
		.resource = schema_resource_find(record_text(job->record, JOB_COLLECTION)),
		.change = undo,
		.what = undone.bytes };

	memcpy(run.set, set.bytes, 16);
	if (wire_find(arguments.data, arguments.len, ARGUMENT_FROM, &from) && from.len == 16)
		memcpy(run.at.last, from.bytes, 16);
	return bulk_run_step(&run);
}
