/*
 * The query compiler: a ListRequest becomes SQL. Names come from the schema, values are always parameters;
 * nothing that a user sent is ever part of a statement's text. Pages go by keyset; the cursor is the last
 * row's sort values, encrypted (XChaCha20-Poly1305) together with a digest of the query, so that it fits no
 * other.
 *
 * Row scope is compiled in: a branch for own rows and a branch for each team, each ordered by an index and
 * limited, joined by UNION ALL.
 *
 * Search (q): first the newest SEARCH_WINDOW rows in list order are looked through, which fills a page for
 * common words. Where it does not, PostgreSQL is asked how many matches it expects: over SEARCH_COMMON the
 * search goes on in list order, else the GIN index finds them all and they are sorted.
 */
#pragma once
#include "kit/db.h"
#include "kit/request.h"
#include "kit/table.h"

#define LIMIT_DEFAULT     50
#define LIMIT_MAX         500
#define CONDITIONS_MAX    32
#define VALUES_MAX        200
#define SORT_MAX          4
#define COUNT_BOUND       10000 /* a count stops there */
#define SEARCH_WINDOW     10000
#define SEARCH_COMMON     20000 /* expected matches from which list order beats the index */
#define SEARCH_WINDOW_ALL 2147483647

/* Runs a list and fills the request's reply with a ListResponse. */
enum status query_list(struct request *req, struct db *db) MUST_CHECK;
/* One page of a list for code of ours, which keeps `next` for the page after it. */
struct query_page {
	const struct table *table;
	PGresult *rows;
	int count;        /* of rows that belong to the page */
	const char *next; /* cursor; NULL: the last page */
};
/* `list` is a ListRequest, encoded, as the principal of `req` asks it; `db` may be in a transaction. */
enum status query_page(struct request *req, struct db *db, const struct schema_resource *resource,
	struct slice list, struct query_page *page_out) MUST_CHECK;
/* Puts the ids of all rows of a list, `limit` at most, into job_row under `set`, in the caller's transaction;
 * how many those are. */
enum status query_keep_ids(struct request *req, struct db *db, const struct schema_resource *resource,
	struct slice list, const uint8_t set[16], int limit, int64_t *count_out) MUST_CHECK;
/* The events of one record, newest first. */
enum status query_history(struct request *req, struct db *db) MUST_CHECK;
/* Part of the log, for those who follow it ("events.readLog"); only for services. */
enum status query_read_log(struct request *req) MUST_CHECK;

/* The statement that a request compiles to, for tests and fuzzing. */
struct query;
enum status query_compile(struct request *req, struct table *table, struct query **query_out) MUST_CHECK;
const char *query_sql(const struct query *query, bool by_index);

/* Derives the cursor key from the installation's secret; once, before threads. */
void query_open(const char *secret_hex);
