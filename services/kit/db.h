/*
 * One connection to PostgreSQL, owned by one thread, always in libpq's pipeline mode: statements are sent,
 *results are read in the same order, a sync ends a group. Statements are prepared once per connection, at
 *first use, inside the pipeline. Values travel in binary, both ways.
 *
 * Without an explicit BEGIN everything up to a sync is one transaction, committed by the sync.
 *
 *	TRY(db_ready(db));
 *	db_send(db, &get_customers, &params);
 *	db_sync(db);
 *	PGresult *rows;
 *	enum status status = db_result(db, arena, &rows);      // one call a statement
 *	TRY(db_end(db));                                       // reads the sync: how the transaction ended
 *
 * A failure of SQL is a status by one table (db.c) from its SQLSTATE; what else is known is in db_error(). A
 *connection that breaks gives UNAVAILABLE and is opened again by the next db_ready(). Every function blocks
 *within the limits given.
 */
#pragma once
#include "kit/arena.h"
#include "kit/status.h"
#include "kit/wire.h"
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct db;

struct db_options {
	const char *conninfo;
	const char *schema;            /* search_path is this, then "extensions" */
	unsigned statement_timeout_ms; /* 0: none */
	unsigned lock_timeout_ms;      /* 0: none */
	const char *name;              /* application_name */
	unsigned idle_timeout_ms; /* PostgreSQL rolls back a transaction in which we sleep for so long; 0: a
				     minute */
};

struct db *db_open(const struct db_options *options);
void db_close(struct db *db);

/* Connected, or connects now. UNAVAILABLE when the server is away: told at once while a failed attempt is
 * under 200 ms old. */
enum status db_ready(struct db *db) MUST_CHECK;
/* Where a person finds why the last call failed: the server's message; "" when there was none. */
const char *db_error(const struct db *db);
/* SQLSTATE of the last failure, "" when it was none of SQL's. */
/* Raised by triggers of our own: the error is a code of kit/messages.def. */
#define DB_RULE "GX409"
const char *db_sqlstate(const struct db *db);
/* The server cannot be asked any more: the group's outcome may be unknown. */
bool db_is_broken(const struct db *db);
/* Cancels what runs now; from any thread. */
void db_cancel(struct db *db);

/* Text with $1, $2 …; types are written as casts. The struct's address is its identity: make it static or
 * keep it for ever. */
struct db_statement {
	const char *sql;
};

#define DB_PARAMETERS_MAX 64

struct db_params {
	struct arena *arena;
	int count;
	const char *values[DB_PARAMETERS_MAX];
	int lengths[DB_PARAMETERS_MAX];
};

void db_bind(struct db_params *params, const void *bytes,
	size_t len); /* already in PostgreSQL's binary form; borrowed */
void db_bind_null(struct db_params *params);
void db_bind_text(struct db_params *params, const char *text);
void db_bind_uuid(struct db_params *params, const uint8_t id[16]);
void db_bind_int8(struct db_params *params, int64_t value);
void db_bind_int4(struct db_params *params, int32_t value);
void db_bind_bool(struct db_params *params, bool value);
void db_bind_time(struct db_params *params, int64_t unix_us);

/* An array parameter in the making, bound when finished. */
struct db_array {
	struct buffer bytes;
	uint32_t count;
	bool has_null;
};

void db_array_begin(struct db_array *array, struct arena *arena, uint32_t element_oid);
void db_array_add(struct db_array *array, const void *bytes, size_t len);
void db_array_add_null(struct db_array *array);
void db_bind_array(struct db_params *params, struct db_array *array);
/* An array of `count` ids; each stands `stride_bytes` after the one before: 16, or the size of what they are
 * in. */
void db_bind_uuids(struct db_params *params, const void *ids, size_t count, size_t stride_bytes);

enum {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_INT8 = 20,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_DATE = 1082,
	OID_TIMESTAMPTZ = 1184,
	OID_UUID = 2950,
	OID_TSVECTOR = 3614,
	OID_JSONB = 3802,
};

void db_send(struct db *db, const struct db_statement *statement, const struct db_params *params);
/* A statement that is not kept prepared: composed by the query compiler. */
void db_send_once(struct db *db, const char *sql, const struct db_params *params);
void db_sync(struct db *db);

/* The next statement's result, tied to the arena. When a statement before it in the group failed: that
 * failure again. */
enum status db_result(struct db *db, struct arena *arena, PGresult **result_out) MUST_CHECK;
/* Reads up to and including the sync; what was not read is dropped. The group's first failure, or OK. */
enum status db_end(struct db *db) MUST_CHECK;

/* One statement, sent, synced and read: for straight-line code in work lanes. `result_out` may be NULL. */
enum status db_run(struct db *db, struct arena *arena, const struct db_statement *statement,
	const struct db_params *params, PGresult **result_out) MUST_CHECK;
/* The same, for many lookups in one statement. Of a table that grew since it was last analysed the planner
 * knows nothing, expects a match in every two hundred rows, and would read it from the beginning, once a
 * value. */
enum status db_run_by_index(struct db *db, struct arena *arena, const struct db_statement *statement,
	const struct db_params *params, PGresult **result_out) MUST_CHECK;
enum status db_begin(struct db *db) MUST_CHECK;
enum status db_commit(struct db *db) MUST_CHECK;
/* Also ends a failed transaction; never fails in a way that matters: a broken connection has rolled back. */
void db_rollback(struct db *db);

/* Values of a row, from binary. The column must not be null and of that type. */
int64_t db_int8(const PGresult *result, int row, int column);
int32_t db_int4(const PGresult *result, int row, int column);
bool db_bool(const PGresult *result, int row, int column);
int64_t db_time(const PGresult *result, int row, int column); /* microseconds since 1970 */
struct slice db_bytes(
	const PGresult *result, int row, int column); /* text, bytea, uuid; borrowed from the result */
