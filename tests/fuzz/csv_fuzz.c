/*
 * CSV: rows do not depend on how the file is cut into chunks; what was read can be written and read back
 * the same; a guarded cell is never a formula and comes back exactly. The first two bytes of the input
 * choose format and chunk size.
 */
#include "kit/csv.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
	if (!condition)
		abort();
}

struct table {
	struct buffer text;    /* fields with their lengths, rows with their numbers */
	struct buffer written; /* the rows as the writer writes them */
	struct csv_error error;
};

static void add_row(struct table *table, const struct csv_row *row)
{
	buffer_printf(&table->text, "row %llu of %zu:", (unsigned long long)row->number, row->count);
	for (size_t i = 0; i < row->count; i++) {
		buffer_printf(&table->text, " %zu ", row->fields[i].len);
		buffer_add(&table->text, row->fields[i].data, row->fields[i].len);
		demand(row->fields[i].len <= CSV_FIELD_BYTES_MAX &&
			!memchr(row->fields[i].data, '\0', row->fields[i].len));
	}
	demand(row->count >= 1 && row->count <= CSV_COLUMNS_MAX);
	csv_write_row(&table->written, ',', row->fields, row->count);
}

static struct table read_table(
	const struct csv_format *format, const char *bytes, size_t size, size_t chunk, struct arena *arena)
{
	struct csv_reader *reader = csv_open(format, arena);
	struct table table = { .text = { .arena = arena }, .written = { .arena = arena } };
	enum csv_result got = CSV_MORE;
	struct csv_row row;

	for (size_t at = 0; got == CSV_MORE;) {
		size_t count = size - at < chunk ? size - at : chunk;
		char *copy = malloc(count ? count : 1);

		if (count > 0)
			csv_push(reader, memcpy(copy, bytes + at, count), count);
		else
			csv_finish(reader);
		while ((got = csv_next(reader, &row)) == CSV_ROW)
			add_row(&table, &row);
		at += count;
		free(copy);
	}
	table.error = csv_error(reader);
	demand((got == CSV_FAILED) == (table.error.rule != CSV_NO_RULE));
	return table;
}

static bool buffer_equals(const struct buffer *a, const struct buffer *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* Reads what was written; fields lose their guard, numbers are those of a file without blank lines. */
static void demand_round_trip(const struct table *table, struct arena *arena)
{
	static const struct csv_format utf_8 = { CSV_UTF_8, ',' };
	struct csv_reader *reader = csv_open(&utf_8, arena);
	struct buffer again = { .arena = arena };
	struct csv_row row;

	if (table->written.len == 0)
		return;
	csv_push(reader, table->written.data, table->written.len);
	while (csv_next(reader, &row) == CSV_ROW) {
		struct slice plain[CSV_COLUMNS_MAX];

		for (size_t i = 0; i < row.count; i++) {
			demand(row.fields[i].len == 0 || !memchr("=+-@\t\r", row.fields[i].data[0], 6));
			plain[i] = csv_unguarded(row.fields[i]);
		}
		csv_write_row(&again, ',', plain, row.count);
	}
	demand(csv_error(reader).rule == CSV_NO_RULE);
	demand(buffer_equals(&again, &table->written));
}

/* Guards may push a field or a row over its limit, so such a table is not written. */
static bool is_near_a_limit(size_t size)
{
	return size > CSV_FIELD_BYTES_MAX / 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();

	if (size >= 2) {
		struct csv_format format = { data[0] % CSV_ENCODINGS, ",;\t"[data[0] / CSV_ENCODINGS % 3] };
		const char *bytes = (const char *)data + 2;
		struct table whole = read_table(&format, bytes, size - 2, size, arena);
		struct table chunked = read_table(&format, bytes, size - 2, 1 + data[1] % 16, arena);

		demand(buffer_equals(&whole.text, &chunked.text));
		demand(memcmp(&whole.error, &chunked.error, sizeof whole.error) == 0);
		if (!is_near_a_limit(size))
			demand_round_trip(&whole, arena);
		csv_guess(bytes, size - 2);
	}
	arena_free(arena);
	return 0;
}
