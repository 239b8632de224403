/*
 * The engine's own: one write in the making and the group that it is run in. Shared by its files and nobody
 * else: engine_plan.c says what is to be written, engine_group.c writes a group in one transaction, engine.c
 * answers what became of it (and reads), engine_inside.c does the same inside a work lane's transaction,
 * engine_many.c for hundreds of records of a job's step.
 */
#pragma once
#include "kit/engine.h"

#define GROUP_MAX 64
#define KEY_BYTES 32

enum state {
	WAITING,  /* not decided */
	WRITTEN,  /* its row was written, or nothing had to be */
	FAILED,   /* req->status says why */
	REPLAYED, /* the outcome of an earlier request with its key is to be told */
	REFUSED,  /* its row did not come back: a constraint, to be found out */
	ALONE,    /* its row was held by another transaction */
};

/* One write in the making: req->plan. */
struct write {
	struct request *req;
	struct table *table;
	uint8_t id[16];
	uint64_t if_version;    /* 0: any */
	struct record *given;   /* what the client sent */
	const uint32_t *fields; /* of an update: the numbers it names */
	size_t field_count;
	struct record *before, *after;
	struct event *event; /* NULL: nothing changed */
	bool inside; /* straight-line code makes it: a delete or restore changes the fields it names as well
		      */
	bool keyed;
	uint8_t key[KEY_BYTES], body_hash[KEY_BYTES];
	uint8_t earlier_id[16]; /* REPLAYED: of which record, which version */
	uint64_t earlier_version;
	enum state state;
};

/* Requests for one table, each record and each key at most once. */
struct group {
	struct db *db;
	struct arena *arena;
	struct table *table;
	struct write **writes;
	size_t count;
	bool wait_for_locks; /* instead of skipping rows of others */
	bool any_key;
	bool given_up; /* PostgreSQL stayed away: what became of it may be unknown, so it must not run again
			*/
	char xid[24];
};

/* --- engine_plan.c */

/* Ends the write with a status; the problem is in its request. Returns the status. */
enum status write_failed(struct write *w, enum status status);
/* Owner and team default to who creates it. */
void write_add_scope(const struct request *req, struct record *record);
/* The digest by which an idempotency key is found, and that of the request that it came with. */
void write_digest_key(
	const struct request *req, uint8_t key_out[KEY_BYTES], uint8_t body_hash_out[KEY_BYTES]);
/* From what is given, and stored, to what is to be stored and the event that tells of it. No SQL. */
enum status write_prepare_create(struct write *w) MUST_CHECK;
enum status write_prepare_change(struct write *w) MUST_CHECK;
/* The reply: the record as it is now. */
void write_answer(struct write *w);
bool write_may_see(const struct request *req, const struct record *record);
/* The same for a row whose columns `owner_column` and the next are owner and team. */
bool write_sees_row(const struct request *req, const PGresult *rows, int row, int owner_column);
/* Who has, or is, the value of a constraint's field: NULL rows when the field is absent. */
enum status write_find_constraint(
	struct db *db, struct write *w, const struct constraint *c, PGresult **rows_out) MUST_CHECK;
/* A reference to a row out of sight fails the write; the status is the database's. */
enum status write_check_sight(struct db *db, struct write *w) MUST_CHECK;
/* Whether the last failure is a lock that another transaction holds. */
bool write_is_held_up(struct db *db, enum status status);

/* --- engine_group.c */

/* What a key's earlier use says of the write: replayed, misused, or nothing. */
void write_take_key(struct write *w, const PGresult *rows, int row);
enum status group_bind_rows(struct group *g, struct db_params *params, bool with_keys) MUST_CHECK;
/* The write of a record; `from` is where the search goes on, for rows come back nearly in the order in which
 * they were sent. */
struct write *group_write_of(const struct group *g, const char *id, size_t *from);
/* Owner and team of the parent among `rows` (id, owner, team); the write fails when it is not there or not to
 * be seen. */
void group_take_parent(struct write *w, const PGresult *rows);
/* Rows that came back were written; the rest was refused by a constraint. */
enum status group_read_written(struct group *g) MUST_CHECK;
/* Runs the group until its outcome is known, also over a lost connection. An error of SQL is handed back. */
enum status group_run_until_known(struct group *g, bool create) MUST_CHECK;

/* --- engine.c */

/* Which constraint refused the row; OK when none does now. */
enum status write_find_reason(struct db *db, struct write *w) MUST_CHECK;
