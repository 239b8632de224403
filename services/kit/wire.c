#include "kit/wire.h"
#include <string.h>

static bool read_varint(struct wire_reader *reader, uint64_t *value_out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
		uint8_t byte = *reader->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*value_out = value;
			return true;
		}
	}
	return false;
}

static bool read_fixed(struct wire_reader *reader, size_t size, uint64_t *value_out)
{
	if ((size_t)(reader->end - reader->at) < size)
		return false;
	*value_out = 0;
	memcpy(value_out, reader->at, size); /* little endian on every platform we build for */
	reader->at += size;
	return true;
}

static bool read_value(struct wire_reader *reader, struct wire_field *field)
{
	switch (field->type) {
	case WIRE_VARINT:
		return read_varint(reader, &field->value);
	case WIRE_FIXED64:
		return read_fixed(reader, 8, &field->value);
	case WIRE_FIXED32:
		return read_fixed(reader, 4, &field->value);
	case WIRE_BYTES:
		if (!read_varint(reader, &field->value) || field->value > (size_t)(reader->end - reader->at))
			return false;
		field->bytes = (const char *)reader->at;
		field->len = field->value;
		reader->at += field->len;
		return true;
	}
	return false;
}

bool wire_next(struct wire_reader *reader, struct wire_field *field_out)
{
	uint64_t key;

	if (reader->at >= reader->end || reader->failed)
		return false;
	if (!read_varint(reader, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff) {
		reader->failed = true;
		return false;
	}
	*field_out = (struct wire_field){ .number = (uint32_t)(key >> 3), .type = key & 7 };
	reader->failed = !read_value(reader, field_out);
	return !reader->failed;
}

bool wire_find(const void *bytes, size_t len, uint32_t number, struct wire_field *field_out)
{
	struct wire_reader reader = wire_reader(bytes, len);

	while (wire_next(&reader, field_out))
		if (field_out->number == number)
			return true;
	return false;
}

static size_t put_varint(char *to, uint64_t value)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		to[n++] = (char)(value | 0x80);
	to[n++] = (char)value;
	return n;
}

static void add_key(struct buffer *out, uint32_t number, enum wire_type type)
{
	out->len += put_varint(buffer_reserve(out, 20), (uint64_t)number << 3 | type);
}

void wire_add_varint(struct buffer *out, uint32_t number, uint64_t value)
{
	add_key(out, number, WIRE_VARINT);
	out->len += put_varint(buffer_reserve(out, 10), value);
}

void wire_add_bytes(struct buffer *out, uint32_t number, const void *bytes, size_t len)
{
	add_key(out, number, WIRE_BYTES);
	out->len += put_varint(buffer_reserve(out, 10 + len), len);
	if (len)
		memcpy(out->data + out->len, bytes, len);
	out->len += len;
}

void wire_add_text(struct buffer *out, uint32_t number, const char *text)
{
	wire_add_bytes(out, number, text, strlen(text));
}

void wire_add_timestamp(struct buffer *out, uint32_t number, int64_t unix_us)
{
	int64_t seconds = unix_us / 1000000, rest = unix_us % 1000000;

	if (rest < 0) {
		seconds--;
		rest += 1000000;
	}
	size_t begun = wire_begin(out, number);

	if (seconds)
		wire_add_varint(out, 1, (uint64_t)seconds);
	if (rest)
		wire_add_varint(out, 2, (uint64_t)rest * 1000);
	wire_end(out, begun);
}

bool wire_timestamp(const void *bytes, size_t len, int64_t *unix_us_out)
{
	struct wire_reader reader = wire_reader(bytes, len);
	struct wire_field field;
	int64_t seconds = 0, nanos = 0;

	while (wire_next(&reader, &field)) {
		if (field.number == 1 && field.type == WIRE_VARINT)
			seconds = (int64_t)field.value;
		else if (field.number == 2 && field.type == WIRE_VARINT)
			nanos = (int32_t)field.value;
	}
	if (reader.failed || seconds < -62135596800 || seconds > 253402300799 || nanos < 0 ||
		nanos > 999999999)
		return false;
	*unix_us_out = seconds * 1000000 + nanos / 1000;
	return true;
}

/* The length is written with a fixed width of 4 bytes, a legal varint that needs no moving: messages stay
 * under 256 MiB. */
size_t wire_begin(struct buffer *out, uint32_t number)
{
	add_key(out, number, WIRE_BYTES);
	buffer_reserve(out, 4);
	out->len += 4;
	return out->len;
}

void wire_end(struct buffer *out, size_t begun)
{
	size_t len = out->len - begun;
	char *at = out->data + begun - 4;

	at[0] = (char)((len & 0x7f) | 0x80);
	at[1] = (char)((len >> 7 & 0x7f) | 0x80);
	at[2] = (char)((len >> 14 & 0x7f) | 0x80);
	at[3] = (char)(len >> 21 & 0x7f);
}
