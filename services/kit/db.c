#include "kit/db.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATEMENTS_MAX    512
#define PENDING_MAX       1024  /* statements in one group */
#define SERVER_TIMEOUT_MS 60000 /* a server that says nothing for so long is taken for dead */
#define CONNECT_TIMEOUT   "5"   /* s */
#define RETRY_MS          200
#define IDLE_TIMEOUT_MS   60000
#define FAREWELL_MS       100
#define POSTGRES_EPOCH_US 946684800000000 /* 2000-01-01 */

enum pending { PENDING_PREPARE, PENDING_STATEMENT, PENDING_SYNC };

struct db {
	struct db_options options;
	char run_options[512];
	PGconn *conn;
	pthread_mutex_t cancel_lock; /* the only part that another thread touches */
	PGcancel *cancel;
	bool broken;
	int64_t failed_at_ms;
	const struct db_statement *prepared[STATEMENTS_MAX];
	size_t prepared_count;
	enum pending pending[PENDING_MAX];
	size_t first, last; /* of pending; a ring */
	enum status group;  /* the first failure of the group being read */
	char sqlstate[6];
	char error[1024];
};

/* SQLSTATE to status, longest prefix first. */
static const struct {
	const char *prefix;
	enum status status;
} sqlstates[] = {
	{ "23505", CONFLICT },                           /* unique_violation */
	{ "23", CONFLICT },                              /* other constraints */
	{ DB_RULE, CONFLICT },                           /* a trigger of ours refused */
	{ "22", INVALID },                               /* data exception */
	{ "40", UNAVAILABLE },                           /* serialization failure, deadlock: run again */
	{ "55P03", UNAVAILABLE },                        /* lock_not_available */
	{ "57014", DEADLINE },                           /* query_canceled, also by statement_timeout */
	{ "57", UNAVAILABLE },                           /* shutdown, crash */
	{ "53", UNAVAILABLE },                           /* out of disk, memory, connections */
	{ "08", UNAVAILABLE }, { "25006", UNAVAILABLE }, /* read-only: a standby */
};

static enum status status_of(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof sqlstates / sizeof *sqlstates; i++)
		if (!strncmp(sqlstate, sqlstates[i].prefix, strlen(sqlstates[i].prefix)))
			return sqlstates[i].status;
	return INTERNAL;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct db *db_open(const struct db_options *options)
{
	struct db *db = calloc(1, sizeof *db);

	db->options = *options;
	pthread_mutex_init(&db->cancel_lock, NULL);
	db->broken = true;
	db->failed_at_ms = INT64_MIN / 2;
	snprintf(db->run_options, sizeof db->run_options,
		"-c jit=off -c search_path=%s,extensions -c statement_timeout=%u -c lock_timeout=%u"
		" -c idle_in_transaction_session_timeout=%u -c timezone=UTC -c "
		"default_transaction_isolation=read\\ committed",
		options->schema, options->statement_timeout_ms, options->lock_timeout_ms,
		options->idle_timeout_ms ? options->idle_timeout_ms : IDLE_TIMEOUT_MS);
	return db;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	PQfreeCancel(db->cancel);
	PQfinish(db->conn);
	pthread_mutex_destroy(&db->cancel_lock);
	free(db);
}

const char *db_error(const struct db *db)
{
	return db->error;
}

const char *db_sqlstate(const struct db *db)
{
	return db->sqlstate;
}

bool db_is_broken(const struct db *db)
{
	return db->broken;
}

static enum status lost(struct db *db)
{
	if (!db->broken) {
		snprintf(db->error, sizeof db->error, "%s", PQerrorMessage(db->conn));
		log_warn("database_lost", "connection=%s error=\"%s\"", db->options.name, db->error);
	}
	db->broken = true;
	db->sqlstate[0] = '\0';
	db->first = db->last = 0;
	return UNAVAILABLE;
}

static enum status connect_now(struct db *db)
{
	const char *const keys[] = { "dbname", "options", "application_name", "connect_timeout",
		"client_encoding", NULL };
	const char *const values[] = { db->options.conninfo, db->run_options, db->options.name,
		CONNECT_TIMEOUT, "UTF8", NULL };

	PQfinish(db->conn);
	db->conn = PQconnectdbParams(keys, values, 1);
	if (PQstatus(db->conn) != CONNECTION_OK || PQsetnonblocking(db->conn, 1) ||
		!PQenterPipelineMode(db->conn)) {
		snprintf(db->error, sizeof db->error, "%s", PQerrorMessage(db->conn));
		log_warn("database_away", "connection=%s error=\"%s\"", db->options.name, db->error);
		db->failed_at_ms = now_ms();
		return UNAVAILABLE;
	}
	metric_add(metric_series(METRIC_DATABASE_CONNECTS, ""), 1);
	pthread_mutex_lock(&db->cancel_lock);
	PQfreeCancel(db->cancel);
	db->cancel = PQgetCancel(db->conn);
	pthread_mutex_unlock(&db->cancel_lock);
	db->broken = false;
	db->prepared_count = db->first = db->last = 0;
	db->group = OK;
	return OK;
}

/* Whether the server has ended a connection while nothing was asked of it: told now, it costs no request its
 * answer. What an idle server says is usually its farewell: the end of the connection is then on its way. */
static bool has_died(struct db *db)
{
	struct pollfd fd = { PQsocket(db->conn), POLLIN, 0 };

	if (db->first != db->last)
		return false; /* in the middle of a group: its reader finds out */
	for (int wait_ms = 0; poll(&fd, 1, wait_ms) > 0; wait_ms = FAREWELL_MS)
		if (fd.revents & (POLLHUP | POLLERR) || !PQconsumeInput(db->conn))
			return true;
	return PQstatus(db->conn) != CONNECTION_OK;
}

enum status db_ready(struct db *db)
{
	if (!db->broken && has_died(db))
		lost(db);
	if (!db->broken)
		return OK;
	if (now_ms() - db->failed_at_ms < RETRY_MS)
		return UNAVAILABLE;
	return connect_now(db);
}

void db_cancel(struct db *db)
{
	char message[256];

	pthread_mutex_lock(&db->cancel_lock);
	if (db->cancel && !PQcancel(db->cancel, message, sizeof message))
		log_warn("cancel", "connection=%s error=\"%s\"", db->options.name, message);
	pthread_mutex_unlock(&db->cancel_lock);
}

/* --- parameters */

void db_bind(struct db_params *params, const void *bytes, size_t len)
{
	assert(params->count < DB_PARAMETERS_MAX);
	params->values[params->count] = bytes ? bytes : "";
	params->lengths[params->count++] = (int)len;
}

void db_bind_null(struct db_params *params)
{
	assert(params->count < DB_PARAMETERS_MAX);
	params->lengths[params->count] = 0;
	params->values[params->count++] = NULL;
}

void db_bind_text(struct db_params *params, const char *text)
{
	if (text)
		db_bind(params, text, strlen(text));
	else
		db_bind_null(params);
}

void db_bind_uuid(struct db_params *params, const uint8_t id[16])
{
	db_bind(params, arena_strndup(params->arena, (const char *)id, 16), 16);
}

void db_bind_int8(struct db_params *params, int64_t value)
{
	uint64_t big = htobe64((uint64_t)value);

	db_bind(params, arena_strndup(params->arena, (const char *)&big, 8), 8);
}

void db_bind_int4(struct db_params *params, int32_t value)
{
	uint32_t big = htobe32((uint32_t)value);

	db_bind(params, arena_strndup(params->arena, (const char *)&big, 4), 4);
}

void db_bind_bool(struct db_params *params, bool value)
{
	db_bind(params, value ? "\1" : "\0", 1);
}

void db_bind_time(struct db_params *params, int64_t unix_us)
{
	db_bind_int8(params, unix_us - POSTGRES_EPOCH_US);
}

static void add_int4(struct buffer *out, uint32_t value)
{
	uint32_t big = htobe32(value);

	buffer_add(out, &big, 4);
}

/* array_recv(): dimensions, has-null, element type, then length and lower bound of the one dimension. */
void db_array_begin(struct db_array *array, struct arena *arena, uint32_t element_oid)
{
	*array = (struct db_array){ .bytes = { .arena = arena } };
	add_int4(&array->bytes, 1);
	add_int4(&array->bytes, 0);
	add_int4(&array->bytes, element_oid);
	add_int4(&array->bytes, 0);
	add_int4(&array->bytes, 1);
}

void db_array_add(struct db_array *array, const void *bytes, size_t len)
{
	add_int4(&array->bytes, (uint32_t)len);
	buffer_add(&array->bytes, bytes, len);
	array->count++;
}

void db_array_add_null(struct db_array *array)
{
	add_int4(&array->bytes, UINT32_MAX);
	array->count++;
	array->has_null = true;
}

void db_bind_array(struct db_params *params, struct db_array *array)
{
	uint32_t has_null = htobe32(array->has_null), count = htobe32(array->count);

	memcpy(array->bytes.data + 4, &has_null, 4);
	memcpy(array->bytes.data + 12, &count, 4);
	if (!array->count) { /* an empty array has no dimension */
		memset(array->bytes.data, 0, 4);
		array->bytes.len = 12;
	}
	db_bind(params, array->bytes.data, array->bytes.len);
}

void db_bind_uuids(struct db_params *params, const void *ids, size_t count, size_t stride_bytes)
{
	struct db_array array;

	db_array_begin(&array, params->arena, OID_UUID);
	for (size_t i = 0; i < count; i++)
		db_array_add(&array, (const char *)ids + i * stride_bytes, 16);
	db_bind_array(params, &array);
}

/* --- sending */

static void expect(struct db *db, enum pending what)
{
	db->pending[db->last++ % PENDING_MAX] = what;
	assert(db->last - db->first <= PENDING_MAX);
}

/* Sends what libpq holds. Reads while it cannot write: a server that waits for us to read would never read.
 */
static enum status flush(struct db *db)
{
	for (;;) {
		int rest = PQflush(db->conn);

		if (rest == 0)
			return OK;
		struct pollfd fd = { PQsocket(db->conn), POLLIN | POLLOUT, 0 };

		if (rest < 0 || poll(&fd, 1, SERVER_TIMEOUT_MS) == 0 ||
			(fd.revents & POLLIN && !PQconsumeInput(db->conn)))
			return lost(db);
	}
}

static bool is_prepared(const struct db *db, const struct db_statement *statement)
{
	for (size_t i = 0; i < db->prepared_count; i++)
		if (db->prepared[i] == statement)
			return true;
	return false;
}

static void prepare(struct db *db, const struct db_statement *statement, const char *name)
{
	assert(db->prepared_count < STATEMENTS_MAX);
	if (!PQsendPrepare(db->conn, name, statement->sql, 0, NULL)) {
		lost(db);
		return;
	}
	db->prepared[db->prepared_count++] = statement;
	expect(db, PENDING_PREPARE);
}

static const int all_binary[DB_PARAMETERS_MAX] = { [0 ... DB_PARAMETERS_MAX - 1] = 1 };
static const struct db_params no_params;

void db_send(struct db *db, const struct db_statement *statement, const struct db_params *params)
{
	char name[32];

	if (db->broken)
		return;
	if (!params)
		params = &no_params;
	snprintf(name, sizeof name, "s%zx", (size_t)statement);
	if (!is_prepared(db, statement))
		prepare(db, statement, name);
	if (!db->broken && !PQsendQueryPrepared(db->conn, name, params->count, params->values,
				   params->lengths, all_binary, 1))
		lost(db);
	else if (!db->broken)
		expect(db, PENDING_STATEMENT);
}

void db_send_once(struct db *db, const char *sql, const struct db_params *params)
{
	if (db->broken)
		return;
	if (!PQsendQueryParams(
		    db->conn, sql, params->count, NULL, params->values, params->lengths, all_binary, 1))
		lost(db);
	else
		expect(db, PENDING_STATEMENT);
}

void db_sync(struct db *db)
{
	if (db->broken)
		return;
	if (!PQpipelineSync(db->conn)) {
		lost(db);
		return;
	}
	expect(db, PENDING_SYNC);
	if (flush(db) != OK)
		return;
}

/* --- receiving */

static PGresult *next_result(struct db *db)
{
	while (PQisBusy(db->conn)) {
		struct pollfd fd = { PQsocket(db->conn), POLLIN, 0 };
		int ready = poll(&fd, 1, SERVER_TIMEOUT_MS);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0 || !PQconsumeInput(db->conn))
			return NULL;
	}
	return PQgetResult(db->conn);
}

static void forget_statement(struct db *db)
{
	/* The Parse failed: the server has no such statement. It was the newest. */
	if (db->prepared_count)
		db->prepared_count--;
}

static enum status failed(struct db *db, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_CONTEXT);
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	/* The server's last words: a COMMIT before them may have been done. */
	if (!sqlstate || (severity && (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC"))))
		return lost(db);
	snprintf(db->sqlstate, sizeof db->sqlstate, "%s", sqlstate);
	snprintf(db->error, sizeof db->error, "%s", message ? message : "");
	if (status_of(sqlstate) == INTERNAL)
		log_error("sql", "sqlstate=%s error=\"%s\" context=\"%s\"", sqlstate, db->error,
			detail ? detail : "");
	char label[32];

	snprintf(label, sizeof label, "class=\"%.2s\"", sqlstate);
	metric_add(metric_series(METRIC_DATABASE_ERRORS, label), 1);
	return status_of(sqlstate);
}

/* Reads one result of the pipeline and the NULL that ends it. */
static enum status read_one(struct db *db, PGresult **result_out)
{
	PGresult *result = next_result(db);

	*result_out = NULL;
	if (!result)
		return lost(db);
	enum pending what = db->pending[db->first++ % PENDING_MAX];

	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		assert(what == PENDING_SYNC);
		PQclear(result);
		return OK;
	}
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!good && what == PENDING_PREPARE)
		forget_statement(db);
	if (!good && db->group == OK)
		db->group = failed(db, result);
	if (!db->broken && what != PENDING_SYNC)
		while (next_result(db)) /* the NULL after it; there is never a second result without a
					   multi-statement query */
			;
	*result_out = result;
	return good ? OK : db->group;
}

enum status db_result(struct db *db, struct arena *arena, PGresult **result_out)
{
	PGresult *result = NULL;
	enum status status = OK;
	bool was_prepare = true;

	if (result_out)
		*result_out = NULL;
	while (was_prepare) {
		if (db->broken)
			return UNAVAILABLE;
		assert(db->first != db->last);
		was_prepare = db->pending[db->first % PENDING_MAX] == PENDING_PREPARE;
		status = read_one(db, &result);
		if (was_prepare)
			PQclear(result);
	}
	if (status != OK || !result_out) {
		PQclear(result);
		return status;
	}
	arena_defer(arena, (void (*)(void *))PQclear, result);
	*result_out = result;
	return OK;
}

enum status db_end(struct db *db)
{
	for (;;) {
		PGresult *result;

		if (db->broken)
			return UNAVAILABLE;
		assert(db->first != db->last);
		bool was_sync = db->pending[db->first % PENDING_MAX] == PENDING_SYNC;
		enum status status = read_one(db, &result);

		PQclear(result);
		if (was_sync) {
			enum status group = db->group != OK ? db->group : status;

			db->group = OK;
			return group;
		}
	}
}

enum status db_run(struct db *db, struct arena *arena, const struct db_statement *statement,
	const struct db_params *params, PGresult **result_out)
{
	TRY(db_ready(db));
	db_send(db, statement, params);
	db_sync(db);
	enum status status = db_result(db, arena, result_out);
	enum status end = db_end(db);

	return status != OK ? status : end;
}

enum status db_run_by_index(struct db *db, struct arena *arena, const struct db_statement *statement,
	const struct db_params *params, PGresult **result_out)
{
	static const struct db_statement off = { "SELECT set_config('enable_seqscan', 'off', true)" };
	static const struct db_statement on = { "SELECT set_config('enable_seqscan', 'on', true)" };

	TRY(db_ready(db));
	db_send(db, &off, NULL);
	db_send(db, statement, params);
	db_send(db, &on, NULL);
	db_sync(db);
	enum status status = db_result(db, arena, NULL);

	if (status == OK)
		status = db_result(db, arena, result_out);
	enum status end = db_end(db);

	return status != OK ? status : end;
}

static const struct db_statement begin = { "BEGIN" };
static const struct db_statement commit = { "COMMIT" };
static const struct db_statement rollback = { "ROLLBACK" };

enum status db_begin(struct db *db)
{
	return db_run(db, NULL, &begin, NULL, NULL);
}

enum status db_commit(struct db *db)
{
	return db_run(db, NULL, &commit, NULL, NULL);
}

/* The reader left at the first failure; what was sent behind it is still to be read, and was not run. */
static void skip_rest(struct db *db)
{
	if (!db->broken && db->first != db->last && db->pending[(db->last - 1) % PENDING_MAX] != PENDING_SYNC)
		db_sync(db);
	while (!db->broken && db->first != db->last) {
		enum status known = db_end(db); /* it is why we are here */

		(void)known;
	}
}

void db_rollback(struct db *db)
{
	skip_rest(db);
	if (db->broken || PQtransactionStatus(db->conn) == PQTRANS_IDLE)
		return;
	if (db_run(db, NULL, &rollback, NULL, NULL) != OK)
		lost(db);
}

/* --- values */

int64_t db_int8(const PGresult *result, int row, int column)
{
	uint64_t big;

	assert(PQgetlength(result, row, column) == 8);
	memcpy(&big, PQgetvalue(result, row, column), 8);
	return (int64_t)be64toh(big);
}

int32_t db_int4(const PGresult *result, int row, int column)
{
	uint32_t big;

	assert(PQgetlength(result, row, column) == 4);
	memcpy(&big, PQgetvalue(result, row, column), 4);
	return (int32_t)be32toh(big);
}

bool db_bool(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0];
}

int64_t db_time(const PGresult *result, int row, int column)
{
	return db_int8(result, row, column) + POSTGRES_EPOCH_US;
}

struct slice db_bytes(const PGresult *result, int row, int column)
{
	return (struct slice){ PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column) };
}
