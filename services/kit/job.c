#include "kit/job.h"
#include "kit/bus_client.h"
#include "kit/config.h"
#include "kit/engine.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include "kit/owner.h"
#include "kit/sequencer.h"
#include "kit/thread.h"
#include "kit/uuid.h"
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LEASE_S 3 /* covers what comes before a step; during it the row is locked */
#define POLL_MS 1000

static struct {
	struct job_options options;
	const struct schema_resource *resource;
	pthread_t thread;
	_Atomic bool stopping;
	int wake_fd;
	struct db *db;
	struct bus_client *client;
} j = { .wake_fd = -1 };

static void set_field(struct job *job, enum job_field field)
{
	for (size_t i = 0; i < job->field_count; i++)
		if (job->fields[i] == (uint32_t)field)
			return;
	assert(job->field_count < sizeof job->fields / sizeof *job->fields);
	job->fields[job->field_count++] = (uint32_t)field;
}

void job_set_number(struct job *job, enum job_field field, int64_t value)
{
	record_set_number(job->patch, field, value);
	set_field(job, field);
}

void job_set_text(struct job *job, enum job_field field, const char *text)
{
	record_set_text(job->patch, field, text);
	set_field(job, field);
}

void job_set_time(struct job *job, enum job_field field, int64_t unix_us)
{
	record_set_time(job->patch, field, unix_us);
	set_field(job, field);
}

void job_keep(struct job *job, const void *checkpoint, size_t len)
{
	job->checkpoint = (struct slice){ arena_strndup(job->patch->arena, checkpoint, len), len };
}

enum status job_create(struct request *req, const char *kind, struct record *record, struct slice arguments,
	struct record **after_out)
{
	static const struct db_statement keep = {
		"UPDATE job SET arguments = $2::bytea WHERE id = $1::uuid"
	};
	struct db_params params = { .arena = req->arena };

	record_set_text(record, JOB_KIND, kind);
	record_set_number(record, JOB_STATE, JOB_QUEUED);
	TRY(engine_create(req, schema_resource_find("jobs"), record, after_out));
	db_bind_uuid(&params, record_uuid(*after_out, STANDARD_ID));
	db_bind(&params, arguments.data, arguments.len);
	return db_run(req->db, req->arena, &keep, &params, NULL);
}

static bool has_ended(const struct record *record)
{
	int64_t state = record_number(record, JOB_STATE);

	return state == JOB_SUCCEEDED || state == JOB_FAILED || state == JOB_CANCELLED;
}

enum status job_cancel(struct request *req, const uint8_t id[16], struct record **after_out)
{
	const struct schema_resource *jobs = schema_resource_find("jobs");
	const uint32_t fields[] = { JOB_STATE };
	struct record *patch = record_new(jobs, req->arena), *before;

	TRY(engine_get_locked(req, jobs, id, &before));
	if (has_ended(before))
		return fail(req, CONFLICT, MSG_JOB_NOT_RUNNING, NULL);
	record_set_number(patch, JOB_STATE, JOB_CANCELLED);
	return engine_update(req, jobs, id, patch, fields, 1, after_out);
}

/* --- the owner */

/* NULL: they are gone. principal_system: nobody could be asked. */
static struct principal *ask_owner(const uint8_t id[16])
{
	struct principal *owner;
	enum status status = owner_ask(j.client, id, &owner);

	return status == OK ? owner : status == NOT_FOUND ? NULL : &principal_system;
}

/* --- one step */

static const struct job_kind *kind_of(const char *name)
{
	for (const struct job_kind *k = j.options.service->jobs; k && k->name; k++)
		if (name && !strcmp(k->name, name))
			return k;
	return NULL;
}

/* The job that has waited longest, leased to us; its attempts are counted so that one that kills the process
 * is given up. */
static enum status lease(struct arena *arena, PGresult **rows_out)
{
	static const struct db_statement take = {
		"UPDATE job SET lease_until = clock_timestamp() + $1::int * interval '1 second', attempts = "
		"attempts + 1 WHERE id ="
		" (SELECT id FROM job WHERE state IN (1, 2) AND delete_time IS NULL AND (lease_until IS NULL "
		"OR lease_until < clock_timestamp())"
		" ORDER BY lease_until NULLS FIRST, create_time LIMIT 1 FOR UPDATE SKIP LOCKED)"
		" RETURNING id, owner_id, attempts, arguments, checkpoint, kind, lease_until"
	};
	struct db_params params = { .arena = arena };

	db_bind_int4(&params, LEASE_S);
	return db_run(j.db, arena, &take, &params, rows_out);
}

/* Nothing was tried: it does not count as an attempt. */
static void give_back(const struct job *job, struct arena *arena)
{
	static const struct db_statement give = {
		"UPDATE job SET attempts = attempts - 1 WHERE id = $1::uuid AND lease_until = $2::timestamptz"
	};
	struct db_params params = { .arena = arena };

	db_bind_uuid(&params, job->id);
	db_bind_time(&params, job->lease_us);
	if (db_ready(j.db) != OK || db_run(j.db, arena, &give, &params, NULL) != OK)
		log_warn("job", "outcome=kept_waiting error=\"%s\"", db_error(j.db));
}

/* With its row locked. Not so when we slept beyond the lease and another runner took it: its checkpoint is
 * newer than ours. */
static enum status is_ours(struct request *req, const struct job *job, bool *ours_out)
{
	static const struct db_statement look = {
		"SELECT FROM job WHERE id = $1::uuid AND lease_until = $2::timestamptz"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, job->id);
	db_bind_time(&params, job->lease_us);
	TRY(db_run(req->db, req->arena, &look, &params, &rows));
	*ours_out = PQntuples(rows) == 1;
	return OK;
}

static enum status keep_step(struct request *req, struct job *job)
{
	static const struct db_statement keep = { "UPDATE job SET checkpoint = $2::bytea, lease_until = "
						  "clock_timestamp(), attempts = 0 WHERE id = $1::uuid" };
	struct db_params params = { .arena = req->arena };
	struct record *after;

	db_bind_uuid(&params, job->id);
	db_bind(&params, job->checkpoint.data, job->checkpoint.len);
	TRY(db_run(req->db, req->arena, &keep, &params, NULL));
	return engine_update(req, j.resource, job->id, job->patch, job->fields, job->field_count, &after);
}

/* The job's row is locked first: a cancellation comes before or after a step, never into it. */
static enum status step(struct request *req, struct job *job, const struct job_kind *kind)
{
	struct record *record;
	bool ours;

	TRY(engine_get_locked(req, j.resource, job->id, &record));
	TRY(is_ours(req, job, &ours));
	if (!ours || has_ended(record))
		return OK;
	job->record = record;
	job->patch = record_new(j.resource, req->arena);
	job_set_number(job, JOB_STATE, JOB_RUNNING);
	TRY(kind->run(req, job));
	if (job->finished)
		job_set_number(job, JOB_STATE, job->problem ? JOB_FAILED : JOB_SUCCEEDED);
	if (job->problem)
		job_set_text(job, JOB_PROBLEM, job->problem);
	return keep_step(req, job);
}

static void run_in_transaction(struct principal *owner, struct job *job, const struct job_kind *kind,
	enum status (*run)(struct request *, struct job *, const struct job_kind *), enum status *status_out,
	char *why, size_t why_size)
{
	struct request *req = request_for_job(j.options.service, owner);

	req->db = j.db;
	memcpy(req->id, job->id, sizeof req->id); /* what a job did is found by it */
	*status_out = db_begin(j.db);
	if (*status_out == OK)
		*status_out = run(req, job, kind);
	if (*status_out == OK)
		*status_out = db_commit(j.db);
	else
		db_rollback(j.db);
	snprintf(why, why_size, "%s",
		req->problem ? problem_text(req->problem, LANGUAGE_EN, req->arena) : db_error(j.db));
	request_free(req);
	sequencer_wake();
}

static enum status give_up(struct request *req, struct job *job, const struct job_kind *kind)
{
	struct record *after;

	(void)kind;
	job->patch = record_new(j.resource, req->arena);
	job->field_count = 0;
	job_set_number(job, JOB_STATE, job->finished ? JOB_FAILED : JOB_PAUSED);
	if (job->problem)
		job_set_text(job, JOB_PROBLEM, job->problem);
	return engine_update(req, j.resource, job->id, job->patch, job->fields, job->field_count, &after);
}

static void end_badly(struct job *job, const char *kind, bool failed, const char *why)
{
	enum status status;
	char ignored[256], label[96];

	job->finished = failed;
	job->problem = why;
	run_in_transaction(&principal_system, job, NULL, give_up, &status, ignored, sizeof ignored);
	log_warn("job", "kind=%s outcome=%s reason=\"%s\"", kind, failed ? "failed" : "paused", why);
	snprintf(label, sizeof label, "kind=\"%s\",outcome=\"%s\"", kind, failed ? "failed" : "paused");
	metric_add(metric_series(METRIC_JOBS, label), 1);
}

static void run_leased(const PGresult *rows, struct arena *arena)
{
	struct job job = { .arguments = db_bytes(rows, 0, 3), .checkpoint = db_bytes(rows, 0, 4) };
	const char *name = db_bytes(rows, 0, 5).data;
	const struct job_kind *kind = kind_of(name);
	char why[512] = "";
	enum status status = OK;

	memcpy(job.id, db_bytes(rows, 0, 0).data, 16);
	job.lease_us = db_time(rows, 0, 6);
	bool own = PQgetisnull(rows, 0, 1); /* the service's own work: nobody's rights limit it */
	struct principal *owner =
		own ? &principal_system : ask_owner((const uint8_t *)db_bytes(rows, 0, 1).data);

	if (!own && owner == &principal_system) {
		give_back(&job, arena);
		return;
	}
	if (!owner) {
		end_badly(&job, name, false, "its owner is not active");
		return;
	}
	if (!kind) {
		end_badly(&job, name, true, "no such kind of job");
	} else if (db_int4(rows, 0, 2) > JOB_ATTEMPTS) {
		end_badly(&job, name, true, "it was interrupted too often");
	} else {
		run_in_transaction(owner, &job, kind, step, &status, why, sizeof why);
		if (status == UNAVAILABLE)
			give_back(&job, arena);
		else if (status != OK)
			end_badly(&job, name, true, why);
		else if (job.finished) {
			char label[96];

			snprintf(label, sizeof label, "kind=\"%s\",outcome=\"%s\"", name,
				job.problem ? "failed" : "succeeded");
			metric_add(metric_series(METRIC_JOBS, label), 1);
		}
	}
	principal_release(owner);
}

/* Whether there was one. */
static bool run_one(void)
{
	struct arena *arena = arena_new();
	PGresult *rows;
	bool any = j.options.service->jobs && db_ready(j.db) == OK && lease(arena, &rows) == OK &&
		   PQntuples(rows);

	if (any)
		run_leased(rows, arena);
	arena_free(arena);
	return any;
}

static void *run(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "jobs");
	while (!atomic_load(&j.stopping)) {
		struct pollfd fds[] = { { j.wake_fd, POLLIN, 0 }, { bus_client_fd(j.client), POLLIN, 0 } };
		uint64_t count;

		bus_client_process(j.client);
		if (run_one())
			continue;
		poll(fds, 2, POLL_MS);
		if (fds[0].revents & POLLIN && read(j.wake_fd, &count, sizeof count) < 0)
			continue;
	}
	return NULL;
}

void jobs_wake(void)
{
	uint64_t one = 1;

	if (j.wake_fd >= 0 && write(j.wake_fd, &one, sizeof one) < 0)
		return;
}

void jobs_start(const struct job_options *options)
{
	struct zsocket_error error;

	j.options = *options;
	j.resource = schema_resource_find("jobs");
	j.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	j.db = db_open(
		&(struct db_options){ options->conninfo, options->service->name, 60000, 5000, "jobs" });
	j.client = bus_client_open(
		&(struct bus_client_options){ .endpoints = options->broker_requests }, &error);
	if (!j.client)
		config_refuse("GUANXI_BROKER_REQUESTS: %s", error.text);
	j.thread = thread_start(run, NULL, 0);
}

void jobs_stop(void)
{
	atomic_store(&j.stopping, true);
	jobs_wake();
	pthread_join(j.thread, NULL);
	bus_client_close(j.client);
	db_close(j.db);
}
