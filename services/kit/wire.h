/*
 * Protocol Buffers wire format (https://protobuf.dev/programming-guides/encoding), read and written field by
 *field without structs: the generic path goes from a PostgreSQL row to these bytes and on to JSON. Reading is
 *bounds-checked; a malformed input ends the iteration with `failed` set. Groups (wire types 3 and 4) are
 *refused.
 *
 *	struct wire_reader r = wire_reader(bytes, len);
 *	struct wire_field f;
 *	while (wire_next(&r, &f))
 *		if (f.number == 16 && f.type == WIRE_BYTES) use(f.bytes, f.len);
 *	if (r.failed) ...
 */
#pragma once
#include "kit/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* A borrowed run of bytes. */
struct slice {
	const char *data;
	size_t len;
};

struct wire_reader {
	const uint8_t *at, *end;
	bool failed;
};

struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;    /* varint and fixed */
	const char *bytes; /* WIRE_BYTES: borrowed from the input */
	size_t len;
};

static inline struct wire_reader wire_reader(const void *bytes, size_t len)
{
	return (struct wire_reader){ bytes, len ? (const uint8_t *)bytes + len : bytes,
		false }; /* NULL + 0 is undefined */
}

/* False at the end, and when the input is malformed (then `failed` is set). */
bool wire_next(struct wire_reader *reader, struct wire_field *field_out);

/* The first field of that number; false when there is none. The last one wins in protobuf, but we never write
 * two. */
bool wire_find(const void *bytes, size_t len, uint32_t number, struct wire_field *field_out);

void wire_add_varint(struct buffer *out, uint32_t number, uint64_t value);
void wire_add_bytes(struct buffer *out, uint32_t number, const void *bytes, size_t len);
void wire_add_text(struct buffer *out, uint32_t number, const char *text);
/* google.protobuf.Timestamp from microseconds since 1970. */
void wire_add_timestamp(struct buffer *out, uint32_t number, int64_t unix_us);
/* Microseconds since 1970 from an encoded Timestamp; false when malformed or out of 0001..9999. */
bool wire_timestamp(const void *bytes, size_t len, int64_t *unix_us_out);

/* A nested message written in place: begin, add its fields, end. */
size_t wire_begin(struct buffer *out, uint32_t number);
void wire_end(struct buffer *out, size_t begun);
