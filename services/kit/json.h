/*
 * Between JSON and protobuf wire bytes, by schema, in one pass and without a tree: what the gateway does with
 *every request and reply, and what services do with jsonb columns.
 *
 * Strict: RFC 8259, and beyond it no duplicate names, no U+0000, no lone surrogates, nothing but the fields
 *that the schema knows, nesting at most JSON_DEPTH_MAX. The mapping is protobuf's
 *(https://protobuf.dev/programming-guides/json) with the project's own names for enum values: lowerCamelCase
 *names; int64 and uint64 as strings (numbers are taken too); Timestamp as RFC 3339 in UTC, kept to the
 *microsecond (finer digits are dropped); bytes as padded base64.
 *
 *	struct json_result result;
 *	if (json_to_wire(message, body, len, JSON_CREATE, arena, &result) != OK)
 *		return reply_problem(result.problem);
 */
#pragma once
#include "kit/problem.h"
#include "kit/schema.h"
#include "kit/status.h"
#include "kit/wire.h"

enum { JSON_DEPTH_MAX = 16 };

enum json_mode {
	JSON_CREATE, /* null is absent */
	JSON_PATCH,  /* merge patch (RFC 7396): a top-level null or [] clears its field. A message is replaced
			whole */
	JSON_PLAIN,  /* the request of a custom method: null is absent */
	JSON_EXPORTED, /* a record, or part of one, as json_from_wire() writes it: like JSON_PATCH, but
			  output-only fields are taken: the caller looks at them, or drops them */
};

struct json_result {
	struct slice wire;
	const uint32_t *fields; /* numbers of the top-level fields that were named (and, but for JSON_PATCH,
				   not null) */
	size_t field_count;
	struct problem *problem; /* why it was refused; NULL when it was not */
};

/*
 * OK or INVALID. All that is wrong is recorded, up to PROBLEM_ERRORS_MAX, each with its JSON pointer; broken
 * syntax is one problem of its own, json_syntax, with line and column (in characters). Fields that are
 * output_only are refused. Lengths, formats and what is required are for the service to check. The result
 * lives in the arena; its wire bytes may borrow nothing of `json`.
 */
MUST_CHECK enum status json_to_wire(const struct schema_message *message, const char *json, size_t len,
	enum json_mode mode, struct arena *arena, struct json_result *result_out);

enum { JSON_MASK_FIELDS = 256 }; /* the largest number of fields a message may have */

/* A set of a message's fields, by struct schema_field.index. */
struct json_mask {
	uint64_t bits[JSON_MASK_FIELDS / 64];
};

static inline void json_mask_add(struct json_mask *mask, const struct schema_field *field)
{
	mask->bits[field->index / 64] |= UINT64_C(1) << field->index % 64;
}

static inline bool json_mask_has(const struct json_mask *mask, const struct schema_field *field)
{
	return mask->bits[field->index / 64] >> field->index % 64 & 1;
}

/*
 * Appends the message as a JSON object: absent fields left out, in the order of the schema, of the top-level
 * ones only those in `only` (NULL: all). Unknown fields are skipped; of a repeated scalar number on the wire
 * the last one counts. False, with nothing appended, when the bytes are no message of that type.
 */
MUST_CHECK bool json_from_wire(const struct schema_message *message, const void *wire, size_t len,
	const struct json_mask *only, struct buffer *out);

/* Appends a JSON string. The bytes must be UTF-8. */
void json_add_string(struct buffer *out, const char *bytes, size_t len);

/* Appends RFC 3339 in UTC with 0, 3 or 6 digits of a second, quoted. */
void json_add_time(struct buffer *out, int64_t unix_us);
/* Reads RFC 3339 with any offset; false when it is none or outside of the years 0001 to 9999 UTC. */
MUST_CHECK bool json_read_time(const char *text, size_t len, int64_t *unix_us_out);

/* For jsonb columns: the JSON array of that repeated field of a message ("[]" when it has none); false when
 * malformed. */
MUST_CHECK bool json_write_repeated(
	const struct schema_field *field, const void *wire, size_t len, struct buffer *out);
/* Its inverse: appends the elements to `wire_out`. For what we stored ourselves: output-only fields are
 * taken, fields and enum values that are unknown (of a newer version) are skipped. False when it is not such
 * an array. */
MUST_CHECK bool json_read_repeated(
	const struct schema_field *field, const char *json, size_t len, struct buffer *wire_out);
