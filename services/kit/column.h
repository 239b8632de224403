/*
 * A field as a column: how its values look to PostgreSQL (binary form) and on the wire. The only place that
 *knows both.
 *
 *	name, description …      text           id and references     uuid
 *	FORMAT_DATE              date           Timestamp             timestamptz
 *	bool                     boolean        enums, 32-bit         integer
 *	64-bit                   bigint         repeated, messages    json (kept byte by byte: what is read
 *back equals what was written)
 *
 * The column has the field's proto name.
 */
#pragma once
#include "kit/arena.h"
#include "kit/schema.h"
#include "kit/wire.h"

enum column_type {
	COLUMN_TEXT,
	COLUMN_UUID,
	COLUMN_DATE,
	COLUMN_TIMESTAMPTZ,
	COLUMN_BOOLEAN,
	COLUMN_INTEGER,
	COLUMN_BIGINT,
	COLUMN_JSON,
};

enum column_type column_type(const struct schema_field *field);
uint32_t column_oid(enum column_type type);
const char *column_sql_name(enum column_type type);

/* Appends the field, encoded, from a value in PostgreSQL's binary form. */
void column_to_wire(const struct schema_field *field, const void *value, size_t len, struct buffer *out);

/* The binary value of a field that is given encoded (all its occurrences, keys included); false when the text
 * is no value of the column (a UUID or date that is none). The result lives in the arena or borrows from
 * `wire`. */
bool column_from_wire(
	const struct schema_field *field, struct slice wire, struct arena *arena, struct slice *value_out);

/* The binary value from the text of a query parameter: false when it is none of that type. Enums by their
 * JSON names. */
bool column_from_text(
	const struct schema_field *field, const char *text, struct arena *arena, struct slice *value_out);

/* A date in PostgreSQL's binary form as ISO 8601. */
const char *column_date_text(const void *value, struct arena *arena);
