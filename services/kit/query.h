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
#define FILTER_NODES_MAX  64 /* conditions and what joins them */
#define FILTER_DEPTH_MAX  8
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
/* A condition on a record that others were merged into is one on all of them: what belonged to those stays
 * with them and is listed with it. Of a ListRequest, or what has its filter; as it is now, so to be done once
 * for a list that is read page by page. Lists, aggregates and query_keep_ids() do it themselves. */
enum status query_widen(struct request *req, struct db *db, const struct schema_resource *resource,
	struct slice list, struct slice *list_out) MUST_CHECK;
/* `list` is a ListRequest, encoded, as the principal of `req` asks it; `db` may be in a transaction. */
enum status query_page(struct request *req, struct db *db, const struct schema_resource *resource,
	struct slice list, struct query_page *page_out) MUST_CHECK;
/* Groups and measures: fills the reply with an AggregateResponse. */
enum status query_aggregate(struct request *req, struct db *db) MUST_CHECK;
/* Whether lists of `resource` can be counted by `text`: "stage", or "createTime:month" of a time; else what
 * can be is said at `pointer`. */
enum status query_check_group(struct request *req, const struct schema_resource *resource,
	const char *pointer, const char *text) MUST_CHECK;
#define GROUPS_DEFAULT 100
#define GROUPS_MAX     1000
#define GROUP_BY_MAX   3
#define MEASURES_MAX   8
/* What a global search finds here: titles that are or begin with what was typed first. Fills a FindResponse.
 */
enum status query_find(struct request *req, struct db *db) MUST_CHECK;
#define FIND_DEFAULT 10
#define FIND_MAX     50
#define FIND_PREFIX  2000 /* titles looked through, in their order, for those that begin with it */
/* A record as it was, under the rights of today. */
enum status query_past(struct request *req, struct db *db) MUST_CHECK;
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
enum status query_compile_aggregate(
	struct request *req, struct table *table, const char **sql_out, int *parameters_out) MUST_CHECK;

/* Conditions alone, as SQL that is true of the rows that satisfy them ("" AND-ed parts begin with " AND "),
 * with their values bound to `params`: for rules that are kept as filters. INVALID as a list would be. */
enum status query_conditions(struct request *req, struct table *table, Guanxi__Condition *const *conditions,
	size_t count, struct db_params *params, const char **sql_out) MUST_CHECK;

/* Derives the cursor key from the installation's secret; once, before threads. */
void query_open(const char *secret_hex);
