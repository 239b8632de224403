/*
 * A resource's record as the engine and its hooks handle it: for each field of the message its encoding (key
 *and value, all occurrences of a repeated field), or nothing. Merging, comparing and encoding a record are
 *then moves of slices. The slices borrow: from the request, from a result, from the arena; a record lives as
 *long as they do.
 *
 *	struct record *record = record_new(resource, arena);
 *	TRY(record_parse(record, body, len) ? OK : INVALID);
 *	const char *name = record_text(record, 16);
 */
#pragma once
#include "kit/arena.h"
#include "kit/schema.h"
#include "kit/wire.h"

struct record {
	const struct schema_resource *resource;
	struct arena *arena;
	struct slice *fields; /* by struct schema_field.index; len 0: absent */
};

struct record *record_new(const struct schema_resource *resource, struct arena *arena);
struct record *record_copy(const struct record *record);
/* False when the bytes are no such message: malformed, or a known field with another wire type. Unknown
 * fields are dropped. */
bool record_parse(struct record *record, const void *wire, size_t len);
/* Appends all fields in the order of the schema. */
void record_encode(const struct record *record, struct buffer *out);
/* Appends those fields whose index is set in `which` (one byte a field). */
void record_encode_some(const struct record *record, const uint8_t *which, struct buffer *out);

/* By field number, which the message must have. NULL, 0, false when absent. Text is NUL-terminated in the
 * arena. */
bool record_has(const struct record *record, uint32_t number);
const char *record_text(const struct record *record, uint32_t number);
int64_t record_number(const struct record *record, uint32_t number);
int64_t record_time(const struct record *record, uint32_t number);
/* The 16 bytes of a field that holds a UUID; NULL when absent. */
const uint8_t *record_uuid(const struct record *record, uint32_t number);

void record_clear(struct record *record, uint32_t number);
void record_set_text(struct record *record, uint32_t number, const char *text);
void record_set_number(struct record *record, uint32_t number, int64_t value);
void record_set_time(struct record *record, uint32_t number, int64_t unix_us);
void record_set_uuid(struct record *record, uint32_t number, const uint8_t id[16]);
/* Replaces a field by its encoding. */
void record_set_wire(struct record *record, uint32_t number, struct slice wire);

/* Marks in `which_out` (one byte a field) the fields that differ, but for version and update_time; how many
 * those are. */
size_t record_difference(const struct record *before, const struct record *after, uint8_t *which_out);
