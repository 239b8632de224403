/*
 * One change to many records, in the background: fields set, values that join or leave lists, deletion,
 * restoring. Of any resource whose service has jobs: POST /api/v1/<collection>:bulk.
 *
 * Which records is decided when it is asked: their ids are kept (job_row), so rows do not move in or out
 * while it runs. Each is then changed as if by hand: under the owner's rights of that moment, through
 * validation, hooks and constraints, with a version and an event of its own. What is refused is listed in a
 * file with the reason, the rest goes on. A step is a transaction: a crash goes on from the last one, nothing
 * happens twice.
 *
 * Undone by bulk_undo.h, for BULK_KEPT_DAYS.
 */
#pragma once
#include "kit/engine.h"
#include "kit/job.h"

#define BULK_ROWS_MAX  1000000
#define BULK_IDS_MAX   1000
#define BULK_CHECKED   500 /* rows that a preview tries */
#define BULK_SHOWN     20  /* rows that it shows, of each sort */
#define BULK_KEPT_DAYS 30
#define BULK_KIND      "bulk"
/* A chore of services that have jobs: forgets what jobs went through. */
#define BULK_FORGET                                                                                          \
	"DELETE FROM job_row WHERE set_id < (lpad(to_hex((extract(epoch FROM now() - interval '30 days') * " \
	"1000)::bigint), 12, '0') || repeat('0', 20))::uuid"

/* The method "<collection>.bulk": makes the job, or answers what it would do. In a work lane's transaction.
 */
enum status bulk_start(struct request *req) MUST_CHECK;
/* A step of the job, told where refused rows go. */
enum status bulk_step(struct request *req, struct job *job, const struct job_files *files) MUST_CHECK;

/* --- what bulk.c and bulk_undo.c share */

#define BULK_BATCH        500
#define BULK_STEP_BATCHES 4

/* What a step leaves for the next. A change of it must read the old form: a job may live through an upgrade.
 */
struct bulk_checkpoint {
	uint8_t last[16]; /* rows up to this one are dealt with */
	int64_t done, updated, removed, refused, skipped;
	uint8_t file[16]; /* of refused rows, all zero until there is one */
	int32_t chunks;
	uint32_t unused;
};

/* A step over the set: batches of ids, each handed to `change`, which fills in the changes and runs them. */
struct bulk_run {
	struct request *req;
	struct job *job;
	const struct job_files *files;
	const struct schema_resource *resource;
	uint8_t set[16];
	struct bulk_checkpoint at;
	enum status (*change)(struct bulk_run *run, struct change *changes, size_t count);
	const void *what; /* of `change` */
};
enum status bulk_run_step(struct bulk_run *run) MUST_CHECK;
/* The reason in both languages: whoever reads it later may read the other. */
const char *bulk_reason(struct request *req, const struct problem *problem);
