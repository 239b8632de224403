/*
 * A resource as its service stores it: the statements of the standard methods, composed once at start from
 * the definition, and what ties rows, records and search keys together. The table's name is the resource's
 * singular, its columns are the fields, and beside them only `search tsvector`.
 */
#pragma once
#include "kit/db.h"
#include "kit/event.h"
#include "kit/record.h"
#include "kit/service.h"

#define UNIQUE_MAX    8
#define REFERENCE_MAX 16
#define KEY_MAX       24

/* A field that must be unique, or must refer to a live row, and the statement that finds out which of them
 * was to blame. */
struct constraint {
	const struct schema_field *field;
	struct db_statement find; /* $1: the value → id, owner_id, team_id, `within` of whoever has it */
	bool has_scope;           /* find returns owner and team */
	/* What is referred to must have the same value here, as an activity's contact must have the
	 * activity's customer: the parent of the one is a field of the other too. NULL: none. Of the resource
	 * referred to. */
	const struct schema_field *within;
};

/* What an import finds records by: the id, and fields with import_key; of a list the main part of its first
 * entry. And references, by the titles of what they refer to. */
struct key {
	const struct schema_field *field;
	struct db_statement find;   /* $1 values, $2 sees all, $3 who asks, $4 their teams → n of the value,
				       id; two rows a value at most */
	struct db_statement titles; /* of a reference: $1 ids, and as above → id, title */
};

struct table {
	struct arena *arena; /* all of it, for ever */
	const struct schema_resource *resource;
	const struct resource_ops *ops; /* never NULL */
	const char *columns;            /* "id, version, …" in the order of the message */
	bool searched;                  /* it has fields that q finds */
	struct db_statement get;        /* $1 ids → rows */
	struct db_statement lock;       /* $1 ids → rows, locked, those of others skipped */
	struct db_statement lock_wait;  /* $1 ids → rows, locked */
	struct db_statement insert;     /* columns, search, idempotency key, events → ids */
	struct db_statement update;     /* columns, search, events → ids */
	struct db_statement keep_keys;  /* idempotency keys, versions, ids: keys learn the version that their
					   request left in its row */
	struct db_statement drop_keys;  /* idempotency keys, ids: of rows that did not come to be */
	struct db_statement parents; /* $1 ids → id, owner_id, team_id of live parents; only with a parent */
	struct db_statement with_children; /* $1 ids of parents → n of those that live rows belong to; only
					      with a parent */
	const struct schema_field *above;  /* refers to a row of the same table: a tree; NULL: none */
	struct db_statement cycle; /* $1 id, $2 what is to be above it → a row when that stands below */
	struct constraint unique[UNIQUE_MAX];
	size_t unique_count;
	struct constraint references[REFERENCE_MAX];
	size_t reference_count;
	struct key keys[KEY_MAX];
	size_t key_count;
};

/* Lives as long as the process. */
struct table *table_new(const struct schema_resource *resource, const struct resource_ops *ops);

/* NULL when records are not found by that field. */
const struct key *table_key(const struct table *table, const struct schema_field *field);

/* A row whose first columns are the table's, as a record. */
struct record *table_record(const struct table *table, const PGresult *rows, int row, struct arena *arena);
/* The record's lexemes as a tsvector in binary form; without data when the table is not searched. */
struct slice table_search(const struct table *table, const struct record *record, struct arena *arena);

/* Arrays of rows for insert and update. */
struct row_arrays {
	const struct table *table;
	struct arena *arena;
	struct db_array columns[DB_PARAMETERS_MAX];
	struct db_array search;
};
void row_arrays_begin(struct row_arrays *arrays, const struct table *table, struct arena *arena);
/* False when a value is none of its column's type: validation has let it pass, which is a bug of ours. */
bool row_arrays_add(struct row_arrays *arrays, const struct record *record);
void row_arrays_bind(struct row_arrays *arrays, struct db_params *params);
