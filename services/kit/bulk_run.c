/* The steps of a job over a set of rows: batches, figures, and the file of what was refused. */
#include "kit/bulk.h"
#include "kit/csv.h"
#include "kit/uuid.h"
#include <string.h>

#define CHUNK_BYTES (1 << 20) /* of a file */

const char *bulk_reason(struct request *req, const struct problem *problem)
{
	struct buffer out = { .arena = req->arena };

	if (!problem->error_count)
		buffer_printf(&out, "%s | %s", problem_text(problem, LANGUAGE_ZH, req->arena),
			problem_text(problem, LANGUAGE_EN, req->arena));
	for (size_t i = 0; i < problem->error_count; i++)
		buffer_printf(&out, "%s%s: %s | %s", i ? "\n" : "", problem->errors[i].pointer + 1,
			problem_error_text(&problem->errors[i], LANGUAGE_ZH, req->arena),
			problem_error_text(&problem->errors[i], LANGUAGE_EN, req->arena));
	return out.data;
}

/* --- the file of refused rows: id, title, reason */

static struct slice slice_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static void add_refused(struct bulk_run *run, struct buffer *rows, const struct change *c)
{
	struct request *req = run->req;
	char *id = arena_alloc(req->arena, 37);
	const char *title = c->before ? record_text(c->before, run->resource->title->number) : NULL;
	const struct problem *problem =
		c->problem ? c->problem : problem_new(req->arena, message_find(status_code(c->status)), NULL);

	uuid_to_text(c->id, id);
	const struct slice cells[] = { slice_of(id), slice_of(title ? title : ""),
		slice_of(bulk_reason(req, problem)) };

	csv_write_row(rows, ',', cells, 3);
}

static enum status begin_file(struct bulk_run *run, struct buffer *out)
{
	const struct slice heading[] = { slice_of("id"), slice_of(run->resource->title->json_name),
		slice_of("guanxi:reason") };

	TRY(run->files->create(run->req,
		arena_printf(run->req->arena, "refused-%s.csv", run->resource->collection),
		"text/csv; charset=utf-8", run->at.file));
	buffer_add_text(out, CSV_BYTE_ORDER_MARK);
	csv_write_row(out, ',', heading, 3);
	return OK;
}

static enum status keep_refused(struct bulk_run *run, const struct buffer *rows)
{
	struct buffer out = { .arena = run->req->arena };

	if (!rows->len)
		return OK;
	if (!run->at.chunks)
		TRY(begin_file(run, &out));
	buffer_add(&out, rows->data, rows->len);
	for (size_t from = 0; from < out.len; from += CHUNK_BYTES) {
		size_t len = out.len - from > CHUNK_BYTES ? CHUNK_BYTES : out.len - from;

		TRY(run->files->add(run->req, run->at.file, run->at.chunks++, out.data + from, len));
	}
	return OK;
}

/* --- batches */

static void account(struct bulk_run *run, const struct change *changes, size_t count, struct buffer *rows)
{
	for (size_t i = 0; i < count; i++) {
		const struct change *c = &changes[i];

		if (c->status != OK)
			add_refused(run, rows, c);
		run->at.refused += c->status != OK;
		run->at.skipped += c->status == OK && !c->changed;
		run->at.removed += c->changed && c->verb == VERB_DELETE;
		run->at.updated += c->changed && c->verb != VERB_DELETE;
	}
	run->at.done += (int64_t)count;
}

static enum status take_batch(struct bulk_run *run, struct change *changes, size_t *count_out)
{
	static const struct db_statement next = {
		"SELECT id FROM job_row WHERE set_id = $1::uuid AND id > $2::uuid ORDER BY id LIMIT $3::int"
	};
	struct db_params params = { .arena = run->req->arena };
	PGresult *rows;

	db_bind_uuid(&params, run->set);
	db_bind_uuid(&params, run->at.last);
	db_bind_int4(&params, BULK_BATCH);
	TRY(db_run(run->req->db, run->req->arena, &next, &params, &rows));
	*count_out = (size_t)PQntuples(rows);
	for (int row = 0; row < PQntuples(rows); row++) {
		memcpy(changes[row].id, db_bytes(rows, row, 0).data, 16);
		memcpy(run->at.last, changes[row].id, 16);
	}
	return OK;
}

static void tell(struct bulk_run *run)
{
	struct job *job = run->job;
	char id[37];

	job_set_number(job, JOB_DONE, run->at.done);
	job_set_number(job, JOB_UPDATED, run->at.updated);
	job_set_number(job, JOB_REMOVED, run->at.removed);
	job_set_number(job, JOB_SKIPPED, run->at.skipped);
	job_set_number(job, JOB_REFUSED, run->at.refused);
	if (run->at.chunks) {
		uuid_to_text(run->at.file, id);
		job_set_text(job, JOB_REFUSED_FILE_ID, id);
	}
	job_keep(job, &run->at, sizeof run->at);
}

enum status bulk_run_step(struct bulk_run *run)
{
	struct job *job = run->job;
	struct buffer refused = { .arena = run->req->arena };

	if (job->checkpoint.len == sizeof run->at)
		memcpy(&run->at, job->checkpoint.data, sizeof run->at);
	for (int i = 0; i < BULK_STEP_BATCHES && !job->finished; i++) {
		struct change *changes = arena_zalloc(run->req->arena, BULK_BATCH * sizeof *changes);
		size_t count;

		TRY(take_batch(run, changes, &count));
		TRY(run->change(run, changes, count));
		account(run, changes, count, &refused);
		job->finished = count < BULK_BATCH;
	}
	TRY(keep_refused(run, &refused));
	if (job->finished && run->at.chunks)
		TRY(run->files->end(run->req, run->at.file));
	tell(run);
	return OK;
}
