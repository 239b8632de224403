/*
 * Background work as rows of the table "job" (the resource guanxi.customer.v1.Job and, beside it, lease,
 *arguments and checkpoint). A runner takes the job that has waited longest under a lease, runs one step of it
 *in a transaction of its own, acting as its owner with the rights of now, and lets go: jobs take turns,
 *survive a crash at the last step that committed (another runner goes on from there within seconds; one that
 *only slept finds its lease gone), and can be cancelled between steps. An owner who is no longer active
 *pauses them.
 *
 *	static enum status step(struct request *req, struct job *job)
 *	{
 *		… one second's worth of work …
 *		job_keep(job, checkpoint.data, checkpoint.len);
 *		job_set_number(job, JOB_DONE, bytes);
 *		job->finished = bytes == total;
 *		return OK;
 *	}
 */
#pragma once
#include "kit/service.h"

#define JOB_ATTEMPTS 5

struct job {
	uint8_t id[16];
	const struct record *record; /* as it is stored */
	struct slice arguments;      /* given at creation */
	struct slice checkpoint;     /* kept by the step before; empty at first */
	int64_t lease_us; /* the runner's: when its lease ends, and by that whether it is still the one */
	struct record *patch;
	uint32_t fields[32];
	size_t field_count;
	bool finished;
	const char *problem; /* set with finished: it failed, and why, for people */
};

/* Field numbers of guanxi.customer.v1.Job. */
enum job_field {
	JOB_OWNER = 6,
	JOB_KIND = 16,
	JOB_STATE = 17,
	JOB_TOTAL = 18,
	JOB_DONE = 19,
	JOB_CREATED = 20,
	JOB_REFUSED = 21,
	JOB_FILE_ID = 22,
	JOB_REFUSED_FILE_ID = 23,
	JOB_PROBLEM = 24,
	JOB_COLUMNS = 25,
	JOB_FILE_NAME = 26,
	JOB_COLLECTION = 27,
	JOB_POLICY = 28,
	JOB_KEY = 29,
	JOB_DRY_RUN = 30,
	JOB_AUTOMATION = 31,
	JOB_UPDATED = 32,
	JOB_SKIPPED = 33,
	JOB_REMOVED = 34,
	JOB_RESULT_FILE_ID = 35,
	JOB_FORMAT = 36,
	JOB_QUERY = 37,
	JOB_REVERTS_ID = 38,
	JOB_EXPIRE_TIME = 39,
	JOB_HEADINGS = 40,
	JOB_ACTION = 41,
};
enum job_action { JOB_IMPORT = 1, JOB_TRIAL, JOB_EXPORT, JOB_REVERT, JOB_BULK };
enum job_state { JOB_QUEUED = 1, JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELLED, JOB_PAUSED };

void job_keep(struct job *job, const void *checkpoint, size_t len);
void job_set_number(struct job *job, enum job_field field, int64_t value);
void job_set_text(struct job *job, enum job_field field, const char *text);
void job_set_time(struct job *job, enum job_field field, int64_t unix_us);

/* Creates a job of that kind in the caller's transaction, owned by the principal. `record` has what the kind
 * wants in it. */
enum status job_create(struct request *req, const char *kind, struct record *record, struct slice arguments,
	struct record **after_out) MUST_CHECK;
/* Ends a job that has not ended; CONFLICT when it has. */
enum status job_cancel(struct request *req, const uint8_t id[16], struct record **after_out) MUST_CHECK;

/* Files of the job's owner, for what a job writes: where a service keeps them is its own business. */
struct job_files {
	enum status (*create)(
		struct request *req, const char *name, const char *media_type, uint8_t id_out[16]);
	enum status (*add)(struct request *req, const uint8_t id[16], int chunk, const void *bytes,
		size_t len); /* 1 MiB */
	enum status (*end)(struct request *req, const uint8_t id[16]);
};

struct job_options {
	const struct service *service;
	const char *conninfo, *broker_requests;
};
/* Starts the runner; it sleeps when the service has no kinds of jobs. */
void jobs_start(const struct job_options *options);
void jobs_stop(void);
void jobs_wake(void);
