/*
 * CSV as RFC 4180 has it, read as a stream and written for spreadsheets. The reader takes chunks of any
 * size and gives rows of slices; rows end with CRLF, LF or CR; a byte order mark is skipped; line breaks
 * inside quotes belong to the field. A quote inside an unquoted field is an ordinary character, as
 * spreadsheets read it. Blank lines are no rows, but are counted, so that a row's number is the one that a
 * spreadsheet shows as long as no field holds a line break. Everything else that is not as it should be
 * ends reading with an error that names the row, the column and the byte: nothing is guessed, nothing lost.
 *
 *	struct csv_reader *reader = csv_open(&format, arena);
 *	while (read_chunk(&chunk)) {
 *		csv_push(reader, chunk.data, chunk.len);
 *		while ((got = csv_next(reader, &row)) == CSV_ROW)
 *			use(row.fields, row.count);
 *		if (got == CSV_FAILED)
 *			return csv_error(reader);
 *	}
 *	csv_finish(reader);
 *	… and the same inner loop again, until CSV_END
 */
#pragma once
#include "kit/arena.h"
#include "kit/wire.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CSV_COLUMNS_MAX = 200,
	CSV_FIELD_BYTES_MAX = 64 << 10, /* of UTF-8, without quotes */
	CSV_ROW_BYTES_MAX = 1 << 20,    /* all fields of a row */
	CSV_GUESS_BYTES = 64 << 10      /* as much of a file's beginning as csv_guess() looks at */
};

enum csv_encoding { CSV_UTF_8, CSV_GB18030, CSV_UTF_16LE, CSV_UTF_16BE, CSV_ENCODINGS };

struct csv_format {
	enum csv_encoding encoding;
	char delimiter; /* ',' ';' or tab */
};

struct csv_reader;

enum csv_result {
	CSV_ROW,   /* a row */
	CSV_MORE,  /* the chunk is used up: push the next or finish */
	CSV_END,   /* after csv_finish(): that was all */
	CSV_FAILED /* csv_error() tells why; from now on always */
};

enum csv_rule {
	CSV_NO_RULE,
	CSV_QUOTE_OPEN,       /* the file ends inside quotes; the position is that of the opening quote */
	CSV_TEXT_AFTER_QUOTE, /* something else than a delimiter or a line end after a closing quote */
	CSV_NUL,
	CSV_ENCODING, /* not the encoding that the format names */
	CSV_COLUMNS,  /* the limits above */
	CSV_FIELD_BYTES,
	CSV_ROW_BYTES,
	CSV_RULES
};

struct csv_row {
	const struct slice *fields; /* valid UTF-8 without NUL, borrowed until the next call */
	size_t count;               /* at least 1 */
	uint64_t number;            /* 1 is the first row of the file */
};

struct csv_error {
	enum csv_rule rule;
	const char *code; /* the message catalogue's: "csv_quote_open" */
	uint64_t row;     /* from 1 */
	uint32_t column;  /* from 1 */
	uint64_t byte;    /* from 0; in the file if that is UTF-8, otherwise in its text as UTF-8 */
};

/*
 * The format of a file by its beginning: byte order mark, whether it is UTF-8, which delimiter divides rows
 * most evenly.
 */
struct csv_format csv_guess(const char *bytes, size_t size_bytes);

/* Lives in the arena, which is not reset before reading ends. */
struct csv_reader *csv_open(const struct csv_format *format, struct arena *arena);

/* The next chunk, borrowed until csv_next() returns CSV_MORE; only then may the next one come. */
void csv_push(struct csv_reader *reader, const char *bytes, size_t size_bytes);

/* No more chunks: the last row may lack its line end. */
void csv_finish(struct csv_reader *reader);

enum csv_result csv_next(struct csv_reader *reader, struct csv_row *row_out);

struct csv_error csv_error(const struct csv_reader *reader);

/*
 * Appends a row in UTF-8, ended by CRLF. A cell that a spreadsheet would take for a formula, because it
 * begins with = + - @ (also wide) tab or CR, gets an apostrophe in front; so does one that begins with
 * apostrophes before one of these, so that the way back is exact. Fields hold no NUL. A file for spreadsheets
 * begins with CSV_BYTE_ORDER_MARK, or they take it for another encoding.
 */
#define CSV_BYTE_ORDER_MARK "\xEF\xBB\xBF"
void csv_write_row(struct buffer *out, char delimiter, const struct slice *fields, size_t count);

/* The field as it was before csv_write_row() guarded it. */
struct slice csv_unguarded(struct slice field);
