#include "kit/csv.h"
#include <assert.h>
#include <string.h>
#include <unicode/ucnv.h>
#include <unicode/utf8.h>

static const char *const codes[CSV_RULES] = {
	[CSV_NO_RULE] = "",
	[CSV_QUOTE_OPEN] = "csv_quote_open",
	[CSV_TEXT_AFTER_QUOTE] = "csv_text_after_quote",
	[CSV_NUL] = "csv_nul",
	[CSV_ENCODING] = "csv_encoding",
	[CSV_COLUMNS] = "csv_columns",
	[CSV_FIELD_BYTES] = "csv_field_bytes",
	[CSV_ROW_BYTES] = "csv_row_bytes",
};

/* --- from other encodings to UTF-8 --------------------------------------------------------------- */

enum { BLOCK_BYTES = 16384, PIVOT_UNITS = 2048 };

/* Converts the chunk block by block, as the parser gets hungry. */
struct conversion {
	UConverter *from, *to;
	const char *at, *end; /* what is left of the chunk */
	bool last;            /* no chunk follows */
	bool broken;          /* a bad sequence came after what was converted */
	UChar pivot[PIVOT_UNITS], *pivot_start, *pivot_end;
	char block[BLOCK_BYTES];
};

static const char *const converters[CSV_ENCODINGS] = {
	[CSV_GB18030] = "GB18030",
	[CSV_UTF_16LE] = "UTF-16LE",
	[CSV_UTF_16BE] = "UTF-16BE",
};

static void converter_close(void *converter)
{
	ucnv_close(converter);
}

static UConverter *converter_open(const char *name, struct arena *arena)
{
	UErrorCode error = U_ZERO_ERROR;
	UConverter *converter = ucnv_open(name, &error);

	ucnv_setToUCallBack(converter, UCNV_TO_U_CALLBACK_STOP, NULL, NULL, NULL, &error);
	ucnv_setFromUCallBack(converter, UCNV_FROM_U_CALLBACK_STOP, NULL, NULL, NULL, &error);
	assert(U_SUCCESS(error));
	arena_defer(arena, converter_close, converter);
	return converter;
}

static struct conversion *conversion_open(enum csv_encoding encoding, struct arena *arena)
{
	struct conversion *c = arena_alloc(arena, sizeof *c);

	c->from = converter_open(converters[encoding], arena);
	c->to = converter_open("UTF-8", arena);
	c->at = c->end = NULL;
	c->last = c->broken = false;
	c->pivot_start = c->pivot_end = c->pivot;
	return c;
}

/* Converts what there is room for; false when it met a bad sequence. */
static bool convert(struct conversion *c, char **out)
{
	UErrorCode error = U_ZERO_ERROR;

	ucnv_convertEx(c->to, c->from, out, c->block + BLOCK_BYTES, &c->at, c->end, c->pivot, &c->pivot_start,
		&c->pivot_end, c->pivot + PIVOT_UNITS, false, c->last, &error);
	return U_SUCCESS(error) || error == U_BUFFER_OVERFLOW_ERROR;
}

/* ICU stops at a bad sequence with the text before it still in the pivot. */
static void drain_pivot(struct conversion *c, char **out)
{
	const UChar *at = c->pivot_start;
	UErrorCode error = U_ZERO_ERROR;

	ucnv_fromUnicode(c->to, out, c->block + BLOCK_BYTES, &at, c->pivot_end, NULL, false, &error);
	c->pivot_start = c->pivot + (at - c->pivot);
}

/* The next block of UTF-8; of length 0 when the chunk is used up or what follows is broken. */
static struct slice conversion_next(struct conversion *c)
{
	char *out = c->block;

	c->broken = c->broken || !convert(c, &out);
	if (c->broken)
		drain_pivot(c, &out);
	return (struct slice){ c->block, (size_t)(out - c->block) };
}

/* --- the parser ---------------------------------------------------------------------------------- */

enum state { ROW_START, FIELD_START, UNQUOTED, QUOTED, QUOTE_CLOSED };

struct csv_reader {
	char delimiter;
	struct conversion *conversion; /* NULL for UTF-8 */
	const char *at, *end;          /* UTF-8 still to parse */
	uint64_t before;               /* bytes of all that was parsed before `start` */
	const char *start;             /* of what `at` goes through */
	enum state state;
	bool after_cr; /* an LF that comes now belongs to the CR before it */
	bool finished;
	bool row_given; /* the row in `field` went out; the next call begins another */
	unsigned mark;  /* bytes of a byte order mark seen so far; 3 once it is decided */
	struct csv_error error;
	uint64_t number;               /* of the row being read */
	size_t columns;                /* complete fields of it */
	size_t row_bytes, field_start; /* within `text` */
	uint64_t field_byte;           /* where the field began, with its quote */
	bool field_quoted;
	struct slice field[CSV_COLUMNS_MAX];
	char *text;           /* the fields of the row, one after another */
	bool is_special[256]; /* ends a run of ordinary characters outside quotes */
};

struct csv_reader *csv_open(const struct csv_format *format, struct arena *arena)
{
	struct csv_reader *r = arena_zalloc(arena, sizeof *r);

	assert(strchr(",;\t", format->delimiter) && format->delimiter);
	r->delimiter = format->delimiter;
	r->conversion = format->encoding == CSV_UTF_8 ? NULL : conversion_open(format->encoding, arena);
	r->text = arena_alloc(arena, CSV_ROW_BYTES_MAX);
	r->number = 1;
	r->is_special[(unsigned char)format->delimiter] = true;
	r->is_special['\r'] = r->is_special['\n'] = r->is_special['\0'] = true;
	return r;
}

static void feed(struct csv_reader *r, const char *bytes, size_t size)
{
	r->before += (uint64_t)(r->end - r->start);
	r->start = r->at = bytes;
	r->end = bytes + size;
}

void csv_push(struct csv_reader *r, const char *bytes, size_t size_bytes)
{
	assert(!r->finished && r->at == r->end);
	if (!r->conversion) {
		feed(r, bytes, size_bytes);
		return;
	}
	assert(r->conversion->at == r->conversion->end || r->conversion->broken);
	r->conversion->at = bytes;
	r->conversion->end = bytes + size_bytes;
}

void csv_finish(struct csv_reader *r)
{
	r->finished = true;
	if (r->conversion)
		r->conversion->last = true;
}

struct csv_error csv_error(const struct csv_reader *r)
{
	return r->error;
}

static uint64_t byte_here(const struct csv_reader *r)
{
	return r->before + (uint64_t)(r->at - r->start);
}

static bool refuse(struct csv_reader *r, enum csv_rule rule, uint64_t byte)
{
	r->error = (struct csv_error){ rule, codes[rule], r->number, (uint32_t)r->columns + 1, byte };
	return false;
}

/* Takes a run of characters into the field. */
static bool take(struct csv_reader *r, const char *bytes, size_t size)
{
	if (r->row_bytes - r->field_start + size > CSV_FIELD_BYTES_MAX)
		return refuse(r, CSV_FIELD_BYTES, r->field_byte);
	if (r->row_bytes + size > CSV_ROW_BYTES_MAX)
		return refuse(r, CSV_ROW_BYTES, r->field_byte);
	memcpy(r->text + r->row_bytes, bytes, size);
	r->row_bytes += size;
	return true;
}

/* How many bytes of the text are right UTF-8. */
static size_t utf8_prefix(const char *text, size_t size)
{
	size_t at = 0;

	while (at < size) {
		uint64_t eight;
		UChar32 c;

		while (size - at >= sizeof eight &&
			(memcpy(&eight, text + at, sizeof eight), !(eight & 0x8080808080808080u)))
			at += sizeof eight;
		if (at == size)
			break;
		size_t start = at;

		U8_NEXT(text, at, size, c);
		if (c < 0)
			return start;
	}
	return size;
}

/* Where in the file an offset of the field is: each quote in quotes was written twice. */
static uint64_t field_byte_at(const struct csv_reader *r, size_t offset)
{
	uint64_t byte = r->field_byte + offset + r->field_quoted;

	for (size_t i = 0; r->field_quoted && i < offset; i++)
		byte += r->text[r->field_start + i] == '"';
	return byte;
}

static bool end_field(struct csv_reader *r)
{
	struct slice field = { r->text + r->field_start, r->row_bytes - r->field_start };

	/* What was converted is valid already. */
	size_t valid = r->conversion ? field.len : utf8_prefix(field.data, field.len);

	if (valid < field.len)
		return refuse(r, CSV_ENCODING, field_byte_at(r, valid));
	if (r->columns == CSV_COLUMNS_MAX)
		return refuse(r, CSV_COLUMNS, r->field_byte);
	r->field[r->columns++] = field;
	r->field_start = r->row_bytes;
	r->state = FIELD_START;
	return true;
}

/*
 * A delimiter or a line end, where one may be. False when reading failed; `*row_out` when a row is
 * complete.
 */
static bool end_at(struct csv_reader *r, char c, bool *row_out)
{
	if (!end_field(r))
		return false;
	r->at++;
	if (c != r->delimiter) {
		r->after_cr = c == '\r';
		*row_out = true;
	}
	return true;
}

static void begin_field(struct csv_reader *r)
{
	r->field_byte = byte_here(r);
	r->field_quoted = *r->at == '"';
	r->state = r->field_quoted ? QUOTED : UNQUOTED;
	r->at += r->field_quoted;
}

static bool step_field_start(struct csv_reader *r, bool *row_out)
{
	(void)row_out;
	begin_field(r);
	return true;
}

/* A line end at the start of a row: the LF of a CRLF, or a blank line, which only counts. */
static bool step_row_start(struct csv_reader *r, bool *row_out)
{
	char c = *r->at;
	bool second = c == '\n' && r->after_cr;

	(void)row_out;
	r->after_cr = false;
	if (c != '\r' && c != '\n') {
		r->state = FIELD_START;
		return true;
	}
	r->at++;
	r->after_cr = c == '\r';
	r->number += !second;
	return true;
}

static bool step_unquoted(struct csv_reader *r, bool *row_out)
{
	const char *run = r->at;

	while (r->at < r->end && !r->is_special[(unsigned char)*r->at])
		r->at++;
	if (!take(r, run, (size_t)(r->at - run)))
		return false;
	if (r->at == r->end)
		return true;
	if (*r->at == '\0')
		return refuse(r, CSV_NUL, byte_here(r));
	return end_at(r, *r->at, row_out);
}

static bool step_quoted(struct csv_reader *r, bool *row_out)
{
	size_t rest = (size_t)(r->end - r->at);
	const char *quote = memchr(r->at, '"', rest);
	size_t run = quote ? (size_t)(quote - r->at) : rest;
	const char *nul = memchr(r->at, '\0', run);

	(void)row_out;
	if (nul) {
		r->at = nul;
		return refuse(r, CSV_NUL, byte_here(r));
	}
	if (!take(r, r->at, run))
		return false;
	r->at += run;
	if (quote) {
		r->at++;
		r->state = QUOTE_CLOSED;
	}
	return true;
}

static bool step_quote_closed(struct csv_reader *r, bool *row_out)
{
	char c = *r->at;

	if (c == '"') {
		r->at++;
		r->state = QUOTED;
		return take(r, "\"", 1);
	}
	if (!r->is_special[(unsigned char)c] || c == '\0')
		return refuse(r, c ? CSV_TEXT_AFTER_QUOTE : CSV_NUL, byte_here(r));
	return end_at(r, c, row_out);
}

static bool (*const steps[])(struct csv_reader *, bool *row_out) = {
	[ROW_START] = step_row_start,
	[FIELD_START] = step_field_start,
	[UNQUOTED] = step_unquoted,
	[QUOTED] = step_quoted,
	[QUOTE_CLOSED] = step_quote_closed,
};

/* A byte order mark may come in pieces; what only began like one is the beginning of the first field. */
static void skip_mark(struct csv_reader *r)
{
	while (r->mark < 3 && r->at < r->end && *r->at == CSV_BYTE_ORDER_MARK[r->mark]) {
		r->mark++;
		r->at++;
	}
	bool decided = r->mark == 3 || r->at < r->end || r->finished;

	if (!decided)
		return;
	if (r->mark > 0 && r->mark < 3) {
		r->state = UNQUOTED;
		take(r, CSV_BYTE_ORDER_MARK, r->mark);
	}
	r->mark = 3;
}

static void begin_row(struct csv_reader *r)
{
	r->state = ROW_START;
	r->columns = r->row_bytes = r->field_start = 0;
	r->number++;
}

/* Reads on until a row is complete, the text is used up or it is wrong. */
static bool parse(struct csv_reader *r, bool *row_out)
{
	if (r->mark < 3)
		skip_mark(r);
	while (!*row_out && r->at < r->end)
		if (!steps[r->state](r, row_out))
			return false;
	return true;
}

/* More text from the chunk by way of the converter; false when there is none. */
static bool refill(struct csv_reader *r)
{
	if (!r->conversion)
		return false;
	struct slice block = conversion_next(r->conversion);

	feed(r, block.data, block.len);
	return block.len > 0;
}

/* At the end of the file: a row without line end. */
static bool end_file(struct csv_reader *r, bool *row_out)
{
	if (r->state == QUOTED)
		return refuse(r, CSV_QUOTE_OPEN, r->field_byte);
	if (r->state == ROW_START)
		return true;
	/* After a delimiter there is one more field, an empty one. */
	if (r->state == FIELD_START)
		r->field_byte = byte_here(r);
	*row_out = true;
	return end_field(r);
}

enum csv_result csv_next(struct csv_reader *r, struct csv_row *row_out)
{
	bool row = false, going = r->error.rule == CSV_NO_RULE;

	if (r->row_given)
		begin_row(r);
	r->row_given = false;
	do
		going = going && parse(r, &row);
	while (going && !row && refill(r));
	if (going && !row && r->conversion && r->conversion->broken)
		going = refuse(r, CSV_ENCODING, byte_here(r));
	if (going && !row && r->finished)
		going = end_file(r, &row);
	if (!going)
		return CSV_FAILED;
	if (!row)
		return r->finished ? CSV_END : CSV_MORE;
	r->row_given = true;
	*row_out = (struct csv_row){ r->field, r->columns, r->number };
	return CSV_ROW;
}

/* --- guessing ------------------------------------------------------------------------------------ */

static const char delimiters[] = ",;\t";

enum { DELIMITERS = sizeof delimiters - 1, GUESS_ROWS = 20 };

static const struct {
	const char *mark;
	size_t size;
	enum csv_encoding encoding;
} marks[] = {
	{ CSV_BYTE_ORDER_MARK, 3, CSV_UTF_8 },
	{ "\xFF\xFE", 2, CSV_UTF_16LE },
	{ "\xFE\xFF", 2, CSV_UTF_16BE },
	{ "\x84\x31\x95\x33", 4, CSV_GB18030 },
};

/*
 * Without a mark it is UTF-8 if it can be (GB18030 of any length hardly ever is); a sequence may be cut off
 * at the end.
 */
static enum csv_encoding guess_encoding(const char *bytes, size_t size)
{
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (size >= marks[i].size && memcmp(bytes, marks[i].mark, marks[i].size) == 0)
			return marks[i].encoding;
	size_t valid = utf8_prefix(bytes, size);

	if (valid == size)
		return CSV_UTF_8;
	bool cut_off = size == CSV_GUESS_BYTES && size - valid < U8_MAX_LENGTH && U8_IS_LEAD(bytes[valid]);

	return cut_off ? CSV_UTF_8 : CSV_GB18030;
}

/* How often each delimiter stands outside quotes in the row at `*at`, which moves behind it. */
static void count_delimiters(const char *bytes, size_t size, size_t *at, size_t counts[DELIMITERS])
{
	bool quoted = false;

	memset(counts, 0, DELIMITERS * sizeof *counts);
	for (; *at < size; (*at)++) {
		char c = bytes[*at];
		const char *delimiter = c ? strchr(delimiters, c) : NULL;

		if (c == '"')
			quoted = !quoted;
		else if (!quoted && delimiter)
			counts[delimiter - delimiters]++;
		else if (!quoted && (c == '\n' || c == '\r'))
			break;
	}
	(*at)++;
}

/*
 * The delimiter that every row has most of. None of these bytes occurs inside a character of the encodings
 * that we read.
 */
static char guess_delimiter(const char *bytes, size_t size)
{
	size_t least[DELIMITERS] = { 0 }, counts[DELIMITERS], rows = 0, best = 0;

	for (size_t at = 0; at < size && rows < GUESS_ROWS;) {
		size_t start = at;

		count_delimiters(bytes, size, &at, counts);
		bool blank = at - start <= 2;
		bool cut_off = at > size && rows > 0;

		for (size_t i = 0; i < DELIMITERS && !blank && !cut_off; i++)
			least[i] = rows == 0 || counts[i] < least[i] ? counts[i] : least[i];
		rows += !blank;
	}
	for (size_t i = 1; i < DELIMITERS; i++)
		best = least[i] > least[best] ? i : best;
	return delimiters[best];
}

struct csv_format csv_guess(const char *bytes, size_t size_bytes)
{
	size_t size = size_bytes < CSV_GUESS_BYTES ? size_bytes : CSV_GUESS_BYTES;

	return (struct csv_format){ guess_encoding(bytes, size), guess_delimiter(bytes, size) };
}

/* --- writing ------------------------------------------------------------------------------------- */

/* Behind any number of apostrophes, a character at which spreadsheets begin to calculate; in China and Japan
 * some take the wide ones for it as well. */
static bool is_formula(struct slice field)
{
	static const char *const begins[] = { "=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠" };
	size_t at = 0;

	while (at < field.len && field.data[at] == '\'')
		at++;
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (field.len - at >= strlen(begins[i]) &&
			!memcmp(field.data + at, begins[i], strlen(begins[i])))
			return true;
	return false;
}

struct slice csv_unguarded(struct slice field)
{
	bool guarded = field.len > 0 && field.data[0] == '\'' && is_formula(field);

	return (struct slice){ field.data + guarded, field.len - guarded };
}

static bool needs_quotes(char delimiter, struct slice field)
{
	for (size_t i = 0; i < field.len; i++) {
		char c = field.data[i];

		if (c == delimiter || c == '"' || c == '\r' || c == '\n')
			return true;
	}
	/* Some readers trim, and at the beginning of the file a mark would be skipped. */
	return field.len > 0 &&
	       (field.data[0] == ' ' || field.data[field.len - 1] == ' ' || field.data[0] == '\xEF');
}

static void write_field(struct buffer *out, char delimiter, struct slice field)
{
	char *start = buffer_reserve(out, field.len * 2 + 3), *end = start;
	bool quotes = needs_quotes(delimiter, field);

	if (quotes)
		*end++ = '"';
	if (is_formula(field))
		*end++ = '\'';
	for (size_t i = 0; i < field.len; i++) {
		if (field.data[i] == '"')
			*end++ = '"';
		*end++ = field.data[i];
	}
	if (quotes)
		*end++ = '"';
	out->len += (size_t)(end - start);
}

void csv_write_row(struct buffer *out, char delimiter, const struct slice *fields, size_t count)
{
	assert(count > 0);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_add(out, &delimiter, 1);
		write_field(out, delimiter, fields[i]);
	}
	/* A row of one empty field would be a blank line, which is no row. */
	buffer_add_text(out, count == 1 && fields[0].len == 0 ? "\"\"\r\n" : "\r\n");
}
