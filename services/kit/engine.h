/*
 * The standard methods by key, for groups of requests: what a point lane does with what waits (DESIGN section
 * 5).
 *
 * Reads: one statement a resource. Creates: one trip, one transaction. Updates, deletes and restores: two
 * trips, one transaction; the first locks the rows in one statement and reads them, the second writes rows
 * and events and commits. Outcomes that are expected (not found, stale, duplicate) are rows that do not come
 * back, never errors of SQL. Rows that another transaction holds are taken alone afterwards, within the
 * connection's lock time-out; who is held up for longer has `again` set. A group whose transaction failed is
 * run again one by one. A connection that is lost at the commit is resolved: a create by the ids that we
 * gave, an update by its events.
 *
 * Every request ends with its status, problem, reply and version set; the lane sends the replies.
 */
#pragma once
#include "kit/db.h"
#include "kit/request.h"
#include "kit/table.h"

/* Once, before any request: the secret of the installation, by which what is kept of requests is keyed. */
void engine_open(const char *secret_hex);

/* Authorises, validates and plans one write; to be called before engine_write(). */
enum status engine_plan(struct request *req) MUST_CHECK;
/* Whether the principal may do that to records of the resource at all; to which of them, their owner and team
 * decide. */
enum status engine_may_write(
	struct request *req, const struct schema_resource *resource, enum verb verb) MUST_CHECK;
/* Requests that engine_plan() accepted; those with `again` afterwards had no effect and are to be planned and
 * written anew. `db` is the lane's own. */
void engine_write(struct db *db, struct request **requests, size_t count);
/* Many writes of one request, each with an outcome of its own: fills the reply with a BatchResponse. What
 * follows one another and is of one kind goes in groups, so that many creates cost what an import's do. An
 * idempotency key covers them all: what was done is told again, what was not is done. */
enum status engine_batch(struct db *db, struct request *req) MUST_CHECK;
#define BATCH_MAX 1000
/* Records by their ids, those that the caller may see: fills the reply with a LookupResponse. */
enum status engine_lookup(struct db *db, struct request *req) MUST_CHECK;
#define LOOKUP_MAX 2000
/* Gets. */
void engine_read(struct db *db, struct request **requests, size_t count);

/* For straight-line code in a work lane: writes through the same rules inside the caller's transaction
 * (req->db). The event is inserted with the change, so call these last. On OK the record as stored is in
 * *after_out. */
enum status engine_create(struct request *req, const struct schema_resource *resource, struct record *record,
	struct record **after_out) MUST_CHECK;
enum status engine_update(struct request *req, const struct schema_resource *resource, const uint8_t id[16],
	struct record *patch, const uint32_t *fields, size_t count, struct record **after_out) MUST_CHECK;
/* The same for VERB_UPDATE, VERB_DELETE and VERB_RESTORE, each with fields that change along with it. */
enum status engine_change(struct request *req, enum verb what, const struct schema_resource *resource,
	const uint8_t id[16], struct record *patch, const uint32_t *fields, size_t count,
	struct record **after_out) MUST_CHECK;
/* The record. NOT_FOUND when it is not there or not to be seen. */
enum status engine_get(struct request *req, const struct schema_resource *resource, const uint8_t id[16],
	struct record **record_out) MUST_CHECK;
/* The record, locked for the rest of the transaction. NOT_FOUND when it is not there or not to be seen. */
enum status engine_get_locked(struct request *req, const struct schema_resource *resource,
	const uint8_t id[16], struct record **record_out) MUST_CHECK;

/* Runs a custom method once for its idempotency key, in the caller's transaction. Its outcome is a record of
 * `makes` (its id in req->created_id, its version in req->version), told again from the log when the same
 * request comes another time; or with `makes` NULL nothing but that it was done. */
enum status engine_once(struct request *req, const struct schema_resource *makes,
	enum status (*run)(struct request *req)) MUST_CHECK;

/* The record as it was at a version, put together from its events. NOT_FOUND when there was none. */
enum status engine_at_version(struct db *db, struct request *req, const struct schema_resource *resource,
	const uint8_t id[16], uint64_t version, struct record **record_out) MUST_CHECK;

/* --- many at once, for jobs: in the caller's transaction, each record with an outcome of its own. What
 * becomes of one is no failure of the call, which fails only for the database's faults. */

/* Creations in two halves, so that the caller makes the next ones while PostgreSQL stores these. */
struct creation;
/* Validates, plans and sends. INTERNAL only for our own bugs. For a resource with a parent or other
 * references to rows with a scope nothing else may be under way on the connection: those are looked at first.
 */
enum status engine_create_begin(struct request *req, const struct schema_resource *resource,
	struct record **records, size_t count, struct creation **creation_out) MUST_CHECK;
/* In the order of the begins. statuses_out and problems_out have one entry a record. To be called when
 * nothing else is under way on the connection but creations that were begun later. */
enum status engine_create_end(
	struct creation *creation, enum status *statuses_out, struct problem **problems_out) MUST_CHECK;
/* What the constraints had against the records that engine_create_end() left with CONFLICT and no problem:
 * asks the database, so only after the last end. */
enum status engine_create_explain(
	struct creation *creation, enum status *statuses_out, struct problem **problems_out) MUST_CHECK;

/* A change of one record. */
struct change {
	uint8_t id[16];       /* first: db_bind_uuids() takes changes as they stand */
	enum verb verb;       /* VERB_UPDATE, VERB_DELETE, VERB_RESTORE */
	struct record *patch; /* of an update: validated values, and the numbers that it names */
	const uint32_t *fields;
	size_t field_count;
	uint64_t if_version;     /* STALE when the row has another; 0: any */
	struct record *row;      /* as engine_lock_many() found it; NULL: not locked, or not there */
	enum status status;      /* out, with its problem */
	struct problem *problem; /* NULL: OK */
	bool changed;            /* false with OK: it was so already */
	const struct record *before, *after; /* out; NULL: no such row, or out of sight */
};
/* Whether the principal may see the record, by its owner and team; NULL is seen by nobody. */
bool engine_sees(const struct request *req, const struct record *record);
/* Each record at most once. Locks those that are not locked yet as engine_lock_many() does. */
enum status engine_change_many(struct request *req, const struct schema_resource *resource,
	struct change *changes, size_t count) MUST_CHECK;

/* Locks those records for the rest of the transaction, in the order of their ids, and reads them into `row`.
 * Waits for other transactions. */
enum status engine_lock_many(struct request *req, const struct schema_resource *resource,
	struct change *changes, size_t count) MUST_CHECK;
/* Which of those records have live ones that belong to them: rows of this service whose parent they are, but
 * for what the service finds by itself (Resource.made_by_service). */
enum status engine_find_children(struct request *req, const struct schema_resource *resource,
	const struct change *changes, size_t count, bool *has_out) MUST_CHECK;

/* The live records that the principal sees, by a key (kit/table.h). */
struct found {
	uint8_t id[16];
	unsigned count; /* 0: none; 1; 2: more than one, and the id is no answer */
};
/* Titles of what a field's values refer to: one for each id, NULL where there is none to be seen. */
enum status engine_titles(struct request *req, const struct schema_resource *resource,
	const struct schema_field *reference, const uint8_t *const *ids, size_t count,
	const char **titles_out) MUST_CHECK;
/* By a reference, what it refers to is found by its title. Values in PostgreSQL's binary form; those without
 * data find none. INTERNAL when the field is no key. */
enum status engine_find_many(struct request *req, const struct schema_resource *resource,
	const struct schema_field *key, const struct slice *values, size_t count,
	struct found *found_out) MUST_CHECK;
