#include "customer/import.h"
#include "kit/column.h"
#include "kit/json.h"
#include "kit/line.h"
#include "kit/uuid.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct {
	struct import_file file;
	uint8_t job[16];
	struct arena *arena;
	struct csv_reader *csv; /* of the two readers one */
	struct line_reader *lines;
	struct csv_format format;
	int next_chunk;
	char *chunk; /* the one that the reader reads */
	char *ahead; /* the one after it, read before it is needed; NULL: not yet */
	size_t ahead_len;
	bool finished;
	bool too_long;                      /* a line */
	uint64_t line;                      /* the last one's number */
	const struct schema_field **fields; /* by column; NULL: not taken */
} import;

/* --- chunks and rows */

void import_close(void)
{
	arena_free(import.arena);
	free(import.chunk);
	free(import.ahead);
	memset(&import, 0, sizeof import);
}

enum status import_read_ahead(struct request *req, const uint8_t file[16])
{
	struct slice bytes;

	if (import.ahead || import.finished)
		return OK;
	TRY(file_chunk(req, file, import.next_chunk, &bytes));
	import.ahead = malloc(bytes.len + 1);
	if (!import.ahead)
		abort();
	import.ahead_len = bytes.len;
	if (bytes.len)
		memcpy(import.ahead, bytes.data, bytes.len);
	import.next_chunk++;
	return OK;
}

bool import_is_lines(const char *bytes, size_t len)
{
	size_t at = len >= 3 && !memcmp(bytes, CSV_BYTE_ORDER_MARK, 3) ? 3 : 0;

	while (at < len && strchr(" \t\r\n", bytes[at]))
		at++;
	return at < len && bytes[at] == '{';
}

static void open_reader(void)
{
	static const struct slice line = { "guanxi:line", 11 };

	if (import_is_lines(import.chunk, import.ahead_len)) {
		import.lines = line_open(import.arena);
		import.file.headings = &line;
		import.file.columns = 1;
		import.file.has_references = true;
		return;
	}
	import.format = csv_guess(
		import.chunk, import.ahead_len > CSV_GUESS_BYTES ? CSV_GUESS_BYTES : import.ahead_len);
	import.csv = csv_open(&import.format, import.arena);
}

/* An empty chunk is the end of the file. */
static void push_chunk(void)
{
	free(import.chunk);
	import.chunk = import.ahead; /* borrowed by the reader until it asks for more */
	import.ahead = NULL;
	if (!import.csv && !import.lines)
		open_reader();
	import.file.bytes += (int64_t)import.ahead_len;
	import.finished = !import.ahead_len;
	if (import.lines && import.finished)
		line_finish(import.lines);
	else if (import.lines)
		line_push(import.lines, import.chunk, import.ahead_len);
	else if (import.finished)
		csv_finish(import.csv);
	else
		csv_push(import.csv, import.chunk, import.ahead_len);
}

static enum csv_result next_line(struct csv_row *row_out)
{
	static const enum csv_result results[] = {
		[LINE] = CSV_ROW, [LINE_MORE] = CSV_MORE, [LINE_END] = CSV_END, [LINE_TOO_LONG] = CSV_FAILED
	};
	static struct slice line; /* borrowed by the row until the next one */
	enum line_result result = line_next(import.lines, &line, &import.line);

	import.too_long = result == LINE_TOO_LONG;
	*row_out = (struct csv_row){ &line, 1, import.line };
	return results[result];
}

/* CSV_MORE when the chunks at hand are used up: the step ends there. */
static enum csv_result next_row(struct csv_row *row_out)
{
	for (;;) {
		enum csv_result result = import.lines ? next_line(row_out)
					 : import.csv ? csv_next(import.csv, row_out)
						      : CSV_MORE;

		if (result == CSV_MORE && import.finished)
			return CSV_END;
		if (result == CSV_MORE && import.ahead) {
			push_chunk();
			continue;
		}
		import.file.row += result == CSV_ROW;
		return result;
	}
}

/* --- headings */

/* A heading names a field by its JSON name or its label in either language. */
static bool names_field(const struct schema_field *f, struct slice heading)
{
	const char *const names[] = { f->json_name, f->label.en, f->label.zh };

	for (size_t i = 0; i < 3; i++)
		if (strlen(names[i]) == heading.len && heading.len &&
			!strncasecmp(names[i], heading.data, heading.len))
			return true;
	return false;
}

/* Plain fields, and lists of messages by their main part (a phone's number). */
bool import_can_fill(const struct schema_field *f)
{
	return !f->rule->output_only && f->number > STANDARD_DELETE_TIME &&
	       (f->type != FIELD_MESSAGE || schema_cell_part(f));
}

/* The id fills nothing, but may be what records are found by. */
static bool is_taken(const struct schema_field *f)
{
	return f == import.file.key || import_can_fill(f);
}

static const struct schema_field *field_by_heading(struct slice heading)
{
	const struct schema_message *m = import.file.resource->message;

	for (size_t i = 0; i < m->count; i++)
		if (is_taken(&m->fields[i]) && names_field(&m->fields[i], heading))
			return &m->fields[i];
	return NULL;
}

/* The mapping that the person chose; without one, what the headings say. */
static const struct schema_field *field_by_mapping(const struct job *job, struct slice heading)
{
	struct slice columns =
		job->record
			->fields[schema_field_by_number(job->record->resource->message, JOB_COLUMNS)->index];
	struct wire_reader reader = wire_reader(columns.data, columns.len);
	struct wire_field entry, column, field;

	if (!columns.len)
		return field_by_heading(heading);
	while (wire_next(&reader, &entry))
		if (wire_find(entry.bytes, entry.len, 1, &column) && column.len == heading.len &&
			!memcmp(column.bytes, heading.data, heading.len) &&
			wire_find(entry.bytes, entry.len, 2, &field)) {
			const struct schema_field *f =
				schema_field_find(import.file.resource->message, field.bytes, field.len);

			return f && is_taken(f) ? f : NULL;
		}
	return NULL;
}

static struct problem *take_headings(struct request *req, const struct job *job, const struct csv_row *row)
{
	struct slice *headings = arena_zalloc(import.arena, row->count * sizeof *headings);
	const struct schema_field *key = import.file.key;
	bool any = false, has_key = false;

	import.file.columns = row->count;
	import.file.headings = headings;
	import.fields = arena_zalloc(import.arena, row->count * sizeof *import.fields);
	for (size_t i = 0; i < row->count; i++) {
		headings[i] =
			(struct slice){ arena_strndup(import.arena, row->fields[i].data, row->fields[i].len),
				row->fields[i].len };
		const struct schema_field *f = import.fields[i] = field_by_mapping(job, headings[i]);

		any |= f && import_can_fill(f);
		has_key |= f && f == key;
		import.file.has_references |= f && f->reference;
	}
	if (!any)
		return problem_new(req->arena, MSG_IMPORT_NO_COLUMNS, NULL);
	if (key && !has_key)
		return problem_new(req->arena, MSG_IMPORT_NO_KEY,
			problem_field_label(req->arena, import.file.resource->message, key), NULL);
	return NULL;
}

/* --- a row as a record */

static bool is_label(const struct schema_enum_value *v, const char *text)
{
	return !strcasecmp(v->name, text) || !strcasecmp(v->label.en, text) || !strcmp(v->label.zh, text);
}

/* Stands on the wire as it stands in the cell: dates and the members of lists too. */
static bool is_text(const struct schema_field *f)
{
	enum column_type type = column_type(f);

	return type == COLUMN_TEXT || type == COLUMN_DATE || (f->repeated && f->type == FIELD_STRING);
}

static enum status add_plain(
	struct request *req, struct buffer *out, const struct schema_field *f, const char *text)
{
	struct slice value = { 0 };

	for (size_t i = 1; f->type == FIELD_ENUM && i < f->enumeration->count; i++)
		if (is_label(&f->enumeration->values[i], text)) {
			wire_add_varint(out, f->number, (uint64_t)f->enumeration->values[i].number);
			return OK;
		}
	if (!is_text(f) && !column_from_text(f, text, req->arena, &value))
		return fail_field(
			req, arena_printf(req->arena, "/%s", f->json_name), MSG_BAD_VALUE, text, NULL);
	if (is_text(f))
		wire_add_text(out, f->number, text);
	else
		column_to_wire(f, value.data, value.len, out);
	return OK;
}

/* One cell of a list may hold several values, divided by semicolons. */
static enum status add_parts(
	struct request *req, struct buffer *out, const struct schema_field *f, char *text)
{
	char *rest;

	for (char *part = strtok_r(text, ";", &rest); part; part = strtok_r(NULL, ";", &rest)) {
		if (f->type != FIELD_MESSAGE) {
			TRY(add_plain(req, out, f, part));
			continue;
		}
		size_t begun = wire_begin(out, f->number);

		TRY(add_plain(req, out, schema_cell_part(f), part));
		wire_end(out, begun);
	}
	return OK;
}

/* One id, or in a list several; anything else is the title of what is meant. */
static bool is_ids(const struct schema_field *f, const char *text)
{
	uint8_t id[16];
	size_t len;

	for (; (len = f->repeated ? strcspn(text, ";") : strlen(text)), uuid_from_text(text, len, id);
		text += len + 1)
		if (!text[len])
			return true;
	return false;
}

static void add_titles(struct import_row *to, const struct schema_field *f, char *text)
{
	char *rest = NULL;

	for (char *part = f->repeated ? strtok_r(text, ";", &rest) : text; part;
		part = f->repeated ? strtok_r(NULL, ";", &rest) : NULL) {
		struct import_title title = { f, part };

		buffer_add(&to->titles, &title, sizeof title);
	}
}

static enum status add_cell(
	struct request *req, struct import_row *to, const struct schema_field *f, char *text)
{
	struct buffer out = { .arena = req->arena };

	if (f->reference && !is_ids(f, text)) {
		add_titles(to, f, text);
		return OK;
	}
	if ((f->repeated ? add_parts(req, &out, f, text) : add_plain(req, &out, f, text)) != OK)
		return INVALID;
	record_set_wire(to->record, f->number, (struct slice){ out.data, out.len });
	return OK;
}

static enum status read_cells(struct request *req, const struct csv_row *row, struct import_row *to)
{
	uint32_t *fields = arena_alloc(req->arena, (row->count + 1) * sizeof *fields);

	to->fields = fields;
	if (row->count != import.file.columns && row->count != 1)
		return fail(req, INVALID, MSG_IMPORT_WRONG_COLUMNS,
			arena_printf(req->arena, "%lu", row->number),
			arena_printf(req->arena, "%zu", row->count),
			arena_printf(req->arena, "%zu", import.file.columns), NULL);
	for (size_t i = 0; i < row->count; i++) {
		const struct schema_field *f = i < import.file.columns ? import.fields[i] : NULL;
		struct slice cell = csv_unguarded(row->fields[i]);

		if (!f || !cell.len)
			continue;
		TRY(add_cell(req, to, f, arena_strndup(req->arena, cell.data, cell.len)));
		if (import_can_fill(f))
			fields[to->field_count++] = f->number;
	}
	return OK;
}

/* What the service sets is in an export, and is left out; but the id, by which records may be found. */
static enum status read_json(struct request *req, const struct csv_row *row, struct import_row *to)
{
	const struct schema_message *m = import.file.resource->message;
	struct json_result result;
	uint32_t *fields;

	if (json_to_wire(m, row->fields[0].data, row->fields[0].len, JSON_EXPORTED, req->arena, &result) !=
		OK) {
		req->problem = result.problem;
		return INVALID;
	}
	if (!record_parse(to->record, result.wire.data, result.wire.len))
		return fail(req, INVALID, MSG_INVALID, NULL);
	to->fields = fields = arena_alloc(req->arena, (result.field_count + 1) * sizeof *fields);
	for (size_t i = 0; i < result.field_count; i++) {
		const struct schema_field *f = schema_field_by_number(m, result.fields[i]);

		if (!f->rule->output_only && f->number > STANDARD_DELETE_TIME)
			fields[to->field_count++] = f->number;
		else if (f != import.file.key)
			record_clear(to->record, f->number);
	}
	return OK;
}

static struct slice *copy_cells(struct request *req, const struct csv_row *row)
{
	struct slice *cells = arena_alloc(req->arena, row->count * sizeof *cells);

	for (size_t i = 0; i < row->count; i++)
		cells[i] = (struct slice){ arena_strndup(req->arena, row->fields[i].data, row->fields[i].len),
			row->fields[i].len };
	return cells;
}

enum csv_result import_next(struct request *req, struct import_row *row_out)
{
	struct csv_row row;
	enum csv_result result = next_row(&row);

	if (result != CSV_ROW)
		return result;
	*row_out = (struct import_row){ .record = record_new(import.file.resource, req->arena),
		.titles.arena = req->arena,
		.cells = copy_cells(req, &row),
		.cell_count = row.count };
	req->problem = NULL;
	enum status status = import.lines ? read_json(req, &row, row_out) : read_cells(req, &row, row_out);

	row_out->problem = status == OK   ? NULL
			   : req->problem ? req->problem
					  : problem_new(req->arena, MSG_INVALID, NULL);
	req->problem = NULL;
	req->status = OK;
	return CSV_ROW;
}

struct problem *import_fault(struct request *req)
{
	static const struct {
		enum message message;
		unsigned limit;
	} faults[CSV_RULES] = {
		[CSV_QUOTE_OPEN] = { MSG_IMPORT_BAD_QUOTES, 0 },
		[CSV_TEXT_AFTER_QUOTE] = { MSG_IMPORT_BAD_QUOTES, 0 },
		[CSV_NUL] = { MSG_IMPORT_ENCODING, 0 },
		[CSV_ENCODING] = { MSG_IMPORT_ENCODING, 0 },
		[CSV_COLUMNS] = { MSG_IMPORT_TOO_MANY_COLUMNS, CSV_COLUMNS_MAX },
		[CSV_FIELD_BYTES] = { MSG_IMPORT_ROW_TOO_LONG, CSV_FIELD_BYTES_MAX },
		[CSV_ROW_BYTES] = { MSG_IMPORT_ROW_TOO_LONG, CSV_ROW_BYTES_MAX },
	};

	if (import.lines)
		return problem_new(req->arena, MSG_IMPORT_ROW_TOO_LONG,
			arena_printf(req->arena, "%lu", import.line),
			arena_printf(req->arena, "%d", LINE_BYTES_MAX), NULL);
	struct csv_error error = csv_error(import.csv);

	return problem_new(req->arena, faults[error.rule].message, arena_printf(req->arena, "%lu", error.row),
		arena_printf(req->arena, "%u", faults[error.rule].limit), NULL);
}

/* --- opening */

static void begin(const struct job *job)
{
	const char *key = record_text(job->record, JOB_KEY);

	import_close();
	memcpy(import.job, job->id, 16);
	import.arena = arena_new();
	import.file.resource = transfer_resource(job);
	if (key)
		import.file.key = schema_field_find(import.file.resource->message, key, strlen(key));
}

/* A file of lines has no heading: its first row counts. */
static bool is_behind(uint64_t row)
{
	return import.file.row < row || (!import.file.row && !import.lines);
}

/* Reads the heading, and the rows that earlier steps have dealt with when another process, or an earlier
 * life, did. */
enum status import_open(struct request *req, const struct job *job, const uint8_t file[16], uint64_t row,
	const struct import_file **file_out, struct problem **problem_out)
{
	struct csv_row read;
	enum csv_result result = CSV_ROW;

	*file_out = &import.file;
	*problem_out = NULL;
	if (!memcmp(import.job, job->id, 16) && import.file.row == row && import.arena)
		return OK;
	begin(job);
	TRY(import_read_ahead(req, file));
	if (import_is_lines(import.ahead, import.ahead_len))
		push_chunk();
	while (result == CSV_ROW && is_behind(row)) {
		while ((result = next_row(&read)) == CSV_MORE)
			TRY(import_read_ahead(req, file));
		if (result == CSV_ROW && import.csv && import.file.row == 1)
			*problem_out = take_headings(req, job, &read);
		if (*problem_out)
			return OK;
	}
	if (result != CSV_ROW)
		*problem_out = result == CSV_FAILED ? import_fault(req)
						    : problem_new(req->arena, MSG_IMPORT_EMPTY, NULL);
	return OK;
}
