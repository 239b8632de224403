/*
 * The query compiler's own: one query in the making. Shared by its files and nobody else: query_filter.c
 * compiles filters and words, query_order.c order and cursors, query.c lists, query_aggregate.c groups and
 * measures, query_find.c what a global search asks; query_log.c reads the log.
 */
#pragma once
#include "kit/query.h"

struct sort_key {
	const struct schema_field *field;
	const char *column; /* as it is ordered by: with its collation */
	bool descending;
	bool nullable;
	struct slice value; /* of the row that the page starts after; data NULL: it was null */
};

struct query {
	struct request *req;
	struct table *table;
	struct arena *arena;
	Guanxi__Condition *const *filter; /* in prefix order */
	size_t filter_count;
	const char *words; /* of a search; NULL: none */
	bool deleted;
	struct db_params params;
	const char *conditions; /* "delete_time IS NULL AND …", without scope, keyset and search */
	int search;             /* parameter of the tsquery; 0: no search */
	unsigned limit;

	/* of a list */
	const Guanxi__ListRequest *list;
	struct sort_key sort[SORT_MAX + 1]; /* the id last */
	size_t sort_count;
	bool from_cursor;
	const char *keyset; /* "" on the first page */
	int keyset_first;   /* its first parameter; one for each sort key */
	const char *bound;  /* what the keyset says of the first key alone, for the index; true of rows that
			       have it */
	const char *order;
	const char *order_not_null; /* for rows that are alike in having, or not having, the first key */
	int window;                 /* rows that a search in list order looks through */
	unsigned char digest[16];   /* of what the cursor must belong to */
};

struct query *query_new(struct request *req, struct table *table);
/* A field's column as lists order it and conditions compare it. */
const char *query_column(struct query *q, const struct schema_field *field);
/* The JSON names of the fields that are chosen, for messages. */
const char *query_names(struct query *q, bool (*chosen)(const struct schema_field *));

/* --- query_filter.c */
enum status query_compile_filter(struct query *q) MUST_CHECK;
enum status query_compile_words(struct query *q) MUST_CHECK;
/* Where a condition stands, for what is said about it. */
const char *query_pointer_of(struct query *q, const Guanxi__Condition *c);
enum status query_bad_value(
	struct query *q, const Guanxi__Condition *c, const char *value, enum message message) MUST_CHECK;

/* --- query_external.c */

#define QUERY_EXTERNAL_ID "externalId"
/* Whether a condition's field is the keys that other systems have, and its SQL. */
bool query_is_external(const struct query *q, const char *name);
enum status query_add_external(struct query *q, const Guanxi__Condition *c, struct buffer *out) MUST_CHECK;

/* --- query_order.c */
enum status query_compile_order(struct query *q) MUST_CHECK;
/* The cursor that starts behind that row. */
const char *query_cursor_after(struct query *q, const PGresult *rows, int row);

/* --- query.c */
bool query_is_scoped(const struct query *q);
/* Binds who asks and their teams; the two parameters follow one another. Returns the first. */
int query_bind_scope(struct query *q);
/* " AND (owner … OR team …)" for statements that read all they may anyway; nothing without a scope. */
void query_add_scope(const struct query *q, int me, struct buffer *out);
enum status query_run(struct query *q, struct db *db, const char *sql, PGresult **rows_out) MUST_CHECK;
/* The rows of a list, one more than its limit when there are more. */
enum status query_fetch(struct query *q, struct db *db, PGresult **rows_out) MUST_CHECK;

/* --- query_family.c */
/* query_widen() of the request's body. */
enum status query_widen_request(struct request *req, struct db *db) MUST_CHECK;
