/*
 * A file of lines as an import reads it. Input: one byte chooses the resource, one the size of the chunks,
 * the rest is the file.
 *  - the lines are those of the plain definition, whatever the chunks: ended by LF or CRLF, the last also by
 * the end, empty ones counted and left out, a byte order mark at the beginning too;
 *  - a line that is taken is a record, and written as an export writes it, it is read as the same record
 * again.
 */
#include "kit/json.h"
#include "kit/line.h"
#include "kit/record.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next line of the whole text by the definition; false at the end. */
static bool plain_next(struct slice *rest, struct slice *line_out, uint64_t *number)
{
	while (rest->len) {
		const char *end = memchr(rest->data, '\n', rest->len);
		size_t len = end ? (size_t)(end - rest->data) : rest->len;

		*line_out = (struct slice){ rest->data, len && rest->data[len - 1] == '\r' ? len - 1 : len };
		*rest = (struct slice){ rest->data + len + (end != NULL), rest->len - len - (end != NULL) };
		++*number;
		if (line_out->len)
			return true;
	}
	return false;
}

static struct record *record_of(
	const struct schema_resource *resource, struct slice line, struct arena *arena)
{
	struct record *record = record_new(resource, arena);
	struct json_result result;

	if (json_to_wire(resource->message, line.data, line.len, JSON_EXPORTED, arena, &result) != OK) {
		assert(result.problem);
		return NULL;
	}
	bool parsed = record_parse(record, result.wire.data, result.wire.len);

	assert(parsed);
	return record;
}

static void check_round_trip(const struct schema_resource *resource, struct slice line, struct arena *arena)
{
	struct record *record = record_of(resource, line, arena), *again;
	struct buffer wire = { .arena = arena }, json = { .arena = arena };

	if (!record)
		return;
	record_encode(record, &wire);
	bool written = json_from_wire(resource->message, wire.data ? wire.data : "", wire.len, NULL, &json);

	assert(written);
	assert(!memchr(json.data, '\n', json.len));
	again = record_of(resource, (struct slice){ json.data, json.len }, arena);
	assert(again);
	for (size_t i = 0; i < resource->message->count; i++)
		assert(record->fields[i].len == again->fields[i].len &&
			(!record->fields[i].len || !memcmp(record->fields[i].data, again->fields[i].data,
							   record->fields[i].len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct schema *schema = schema_get();

	if (size < 2)
		return 0;
	const struct schema_resource *resource = &schema->resources[data[0] % schema->resource_count];
	struct slice file = { (const char *)data + 2, size - 2 }, rest = file, line, plain;
	size_t mark = size >= 5 && !memcmp(file.data, "\xEF\xBB\xBF", 3) ? 3 : 0;
	size_t chunk = data[1] ? data[1] : 65536;
	struct arena *arena = arena_new(), *scratch = arena_new();
	struct line_reader *reader = line_open(arena);
	uint64_t number = 0, plain_number = 0;
	enum line_result result;
	bool finished = false;

	rest = (struct slice){ rest.data + mark, rest.len - mark };
	while ((result = line_next(reader, &line, &number)) != LINE_END) {
		if (result == LINE_MORE) {
			size_t len = file.len < chunk ? file.len : chunk;

			assert(!finished);
			if (len)
				line_push(reader, file.data, len);
			else
				line_finish(reader);
			finished = !len;
			file = (struct slice){ file.data + len, file.len - len };
			continue;
		}
		assert(result == LINE); /* a fuzzer's file is shorter than the longest line */
		bool expected = plain_next(&rest, &plain, &plain_number);

		assert(expected && number == plain_number && line.len == plain.len &&
			!memcmp(line.data, plain.data, line.len));
		check_round_trip(resource, line, scratch);
		arena_reset(scratch);
	}
	assert(!plain_next(&rest, &plain, &plain_number));
	arena_free(scratch);
	arena_free(arena);
	return 0;
}
