/* Customers from a CSV file: a job that takes a batch of rows a step, keeps where it is in the same
 * transaction, and collects what it refuses in a file of its own. */
#include "customer/customer.h"
#include "kit/column.h"
#include "kit/csv.h"
#include "kit/engine.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include "kit/uuid.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BATCH_ROWS   500
#define STEP_BATCHES 4 /* in one transaction: while PostgreSQL stores one, the next is read; some 50 MB */

/* What a step leaves for the next. A change of it must read the old form: a job may live through an upgrade.
 */
struct checkpoint {
	uint64_t row; /* rows dealt with, the heading included */
	int64_t created, refused;
	uint8_t refused_id[16]; /* the file of refused rows, all zero until there is one */
	int32_t refused_chunks;
	uint32_t unused;
};

/* The file being read: kept between steps of one job, made anew from the checkpoint when it is not there. */
static struct import {
	uint8_t job[16];
	struct arena *arena;
	struct csv_reader *reader;
	struct csv_format format;
	int next_chunk;
	char *chunk; /* the one that the reader reads */
	char *ahead; /* the one after it, read before it is needed; NULL: not yet */
	size_t ahead_len;
	int64_t bytes; /* pushed */
	bool finished; /* csv_finish() was called */
	uint64_t row;
	const struct schema_field **fields; /* by column; NULL: not taken */
	struct slice *headings;
	size_t columns;
} import;

static const struct schema_resource *customers(void)
{
	return schema_resource_find("customers");
}

/* --- reading rows */

static void forget(void)
{
	arena_free(import.arena);
	free(import.chunk);
	free(import.ahead);
	memset(&import, 0, sizeof import);
}

/* Reads the next chunk while nothing else is under way on the connection: the step's batches share it. */
static enum status read_ahead_chunk(struct request *req, const uint8_t file[16])
{
	struct slice bytes;

	if (import.ahead || import.finished)
		return OK;
	TRY(file_chunk(req, file, import.next_chunk, &bytes));
	import.ahead = malloc(bytes.len + 1);
	import.ahead_len = bytes.len;
	if (bytes.len)
		memcpy(import.ahead, bytes.data, bytes.len);
	import.next_chunk++;
	return OK;
}

/* An empty chunk is the end of the file. */
static void push_chunk(void)
{
	free(import.chunk);
	import.chunk = import.ahead; /* borrowed by the reader until it asks for more */
	import.ahead = NULL;
	if (!import.reader) {
		import.format = csv_guess(import.chunk,
			import.ahead_len > CSV_GUESS_BYTES ? CSV_GUESS_BYTES : import.ahead_len);
		import.reader = csv_open(&import.format, import.arena);
	}
	import.bytes += (int64_t)import.ahead_len;
	import.finished = !import.ahead_len;
	if (import.finished)
		csv_finish(import.reader);
	else
		csv_push(import.reader, import.chunk, import.ahead_len);
}

/* CSV_MORE when the chunks at hand are used up: the step ends there. */
static enum csv_result next_row(struct csv_row *row_out)
{
	for (;;) {
		enum csv_result result = import.reader ? csv_next(import.reader, row_out) : CSV_MORE;

		if (result == CSV_MORE && import.finished)
			return CSV_END;
		if (result == CSV_MORE && import.ahead) {
			push_chunk();
			continue;
		}
		import.row += result == CSV_ROW;
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

/* Fields that one cell can fill: plain ones, and lists of messages by their required part (a phone's number).
 */
static const struct schema_field *cell_part(const struct schema_field *f)
{
	for (size_t i = 0; f->message && i < f->message->count; i++)
		if (f->message->fields[i].rule->required)
			return &f->message->fields[i];
	return NULL;
}

static bool can_fill(const struct schema_field *f)
{
	return !f->rule->output_only && !f->reference && f->number > STANDARD_LAST &&
	       (f->type != FIELD_MESSAGE || cell_part(f));
}

static const struct schema_field *field_by_heading(struct slice heading)
{
	const struct schema_message *m = customers()->message;

	for (size_t i = 0; i < m->count; i++)
		if (can_fill(&m->fields[i]) && names_field(&m->fields[i], heading))
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
				schema_field_find(customers()->message, field.bytes, field.len);

			return f && can_fill(f) ? f : NULL;
		}
	return NULL;
}

static bool take_headings(const struct job *job, const struct csv_row *row)
{
	bool any = false;

	import.columns = row->count;
	import.fields = arena_zalloc(import.arena, row->count * sizeof *import.fields);
	import.headings = arena_zalloc(import.arena, row->count * sizeof *import.headings);
	for (size_t i = 0; i < row->count; i++) {
		import.headings[i] =
			(struct slice){ arena_strndup(import.arena, row->fields[i].data, row->fields[i].len),
				row->fields[i].len };
		import.fields[i] = field_by_mapping(job, import.headings[i]);
		any |= import.fields[i] != NULL;
	}
	return any;
}

/* --- a row as a record */

static bool is_label(const struct schema_enum_value *v, const char *text)
{
	return !strcasecmp(v->name, text) || !strcasecmp(v->label.en, text) || !strcmp(v->label.zh, text);
}

static void add_value(struct buffer *out, const struct schema_field *f, const char *text, struct slice value)
{
	if (column_type(f) == COLUMN_TEXT || column_type(f) == COLUMN_DATE)
		wire_add_text(out, f->number, text);
	else
		column_to_wire(f, value.data, value.len, out);
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
	if (column_type(f) != COLUMN_TEXT && column_type(f) != COLUMN_DATE &&
		!column_from_text(f, text, req->arena, &value))
		return fail_field(
			req, arena_printf(req->arena, "/%s", f->json_name), MSG_BAD_VALUE, text, NULL);
	add_value(out, f, text, value);
	return OK;
}

/* One cell of a list may hold several values, divided by semicolons. */
static enum status add_parts(
	struct request *req, struct buffer *out, const struct schema_field *f, char *text)
{
	char *rest;

	for (char *part = strtok_r(text, ";", &rest); part; part = strtok_r(NULL, ";", &rest)) {
		size_t begun = wire_begin(out, f->number);

		TRY(add_plain(req, out, cell_part(f), part));
		wire_end(out, begun);
	}
	return OK;
}

static enum status read_record(struct request *req, const struct csv_row *row, struct record **record_out)
{
	struct record *record = record_new(customers(), req->arena);

	*record_out = record;
	if (row->count != import.columns && row->count != 1)
		return fail(req, INVALID, MSG_IMPORT_WRONG_COLUMNS,
			arena_printf(req->arena, "%lu", row->number),
			arena_printf(req->arena, "%zu", row->count),
			arena_printf(req->arena, "%zu", import.columns), NULL);
	for (size_t i = 0; i < row->count; i++) {
		const struct schema_field *f = i < import.columns ? import.fields[i] : NULL;
		struct slice cell = csv_unguarded(row->fields[i]);
		struct buffer out = { .arena = req->arena };

		if (!f || !cell.len)
			continue;
		char *text = arena_strndup(req->arena, cell.data, cell.len);

		if ((f->type == FIELD_MESSAGE ? add_parts(req, &out, f, text)
					      : add_plain(req, &out, f, text)) != OK)
			return INVALID;
		record_set_wire(record, f->number, (struct slice){ out.data, out.len });
	}
	return OK;
}

/* --- what is refused */

/* Whoever reads it later may read the other language. */
static const char *in_both(struct request *req, const struct problem *problem)
{
	return arena_printf(req->arena, "%s | %s", problem_text(problem, LANGUAGE_ZH, req->arena),
		problem_text(problem, LANGUAGE_EN, req->arena));
}

static struct slice reason_of(struct request *req, const struct problem *problem)
{
	struct buffer out = { .arena = req->arena };

	if (problem && !problem->error_count)
		buffer_add_text(&out, in_both(req, problem));
	for (size_t i = 0; problem && i < problem->error_count; i++)
		buffer_printf(&out, "%s%s: %s | %s", i ? "\n" : "", problem->errors[i].pointer + 1,
			problem_error_text(&problem->errors[i], LANGUAGE_ZH, req->arena),
			problem_error_text(&problem->errors[i], LANGUAGE_EN, req->arena));
	return (struct slice){ out.data, out.len };
}

static void add_refused(
	struct request *req, struct buffer *out, const struct slice *cells, size_t count, struct slice reason)
{
	struct slice *row = arena_alloc(req->arena, (count + 1) * sizeof *row);

	memcpy(row, cells, count * sizeof *row);
	row[count] = reason;
	csv_write_row(out, ',', row, count + 1);
}

static enum status keep_refused(
	struct request *req, struct checkpoint *at, struct buffer *rows, const char *name)
{
	struct buffer out = { .arena = req->arena };

	if (!rows->len)
		return OK;
	if (!at->refused_chunks) {
		TRY(file_create(req, arena_printf(req->arena, "refused-%s", name ? name : "rows.csv"),
			"text/csv; charset=utf-8", at->refused_id));
		buffer_add_text(&out, CSV_BYTE_ORDER_MARK);
		add_refused(
			req, &out, import.headings, import.columns, (struct slice){ "guanxi:reason", 13 });
	}
	buffer_add(&out, rows->data, rows->len);
	for (size_t from = 0; from < out.len; from += FILE_CHUNK_MAX) {
		size_t len = out.len - from > FILE_CHUNK_MAX ? FILE_CHUNK_MAX : out.len - from;

		TRY(file_add(req, at->refused_id, at->refused_chunks++, out.data + from, len));
	}
	return OK;
}

/* --- a step */

struct batch {
	struct record *records[BATCH_ROWS];
	struct slice *cells[BATCH_ROWS];
	size_t cell_counts[BATCH_ROWS];
	size_t count;
	struct creation *creation;
	enum status statuses[BATCH_ROWS];
	struct problem *problems[BATCH_ROWS];
};

static struct slice *copy_cells(struct request *req, const struct csv_row *row)
{
	struct slice *cells = arena_alloc(req->arena, row->count * sizeof *cells);

	for (size_t i = 0; i < row->count; i++)
		cells[i] = (struct slice){ arena_strndup(req->arena, row->fields[i].data, row->fields[i].len),
			row->fields[i].len };
	return cells;
}

/* Rows until the batch is full or there are no more at hand. What is no record at all is refused at once. */
static enum csv_result fill(
	struct request *req, struct batch *b, struct checkpoint *at, struct buffer *refused)
{
	while (b->count < BATCH_ROWS) {
		struct csv_row row;
		struct record *record;
		enum csv_result result = next_row(&row);

		if (result != CSV_ROW)
			return result;
		struct slice *cells = copy_cells(req, &row);

		req->problem = NULL;
		if (read_record(req, &row, &record) != OK) {
			add_refused(req, refused, cells, row.count, reason_of(req, req->problem));
			at->refused++;
			req->problem = NULL;
			req->status = OK;
			continue;
		}
		b->records[b->count] = record;
		b->cells[b->count] = cells;
		b->cell_counts[b->count++] = row.count;
	}
	return CSV_ROW;
}

static void account(struct request *req, struct batch *b, struct checkpoint *at, struct buffer *refused)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->statuses[i] == OK) {
			at->created++;
			continue;
		}
		at->refused++;
		add_refused(req, refused, b->cells[i], b->cell_counts[i], reason_of(req, b->problems[i]));
	}
}

/* Reads and sends batches, then takes what became of them. */
static enum status store(
	struct request *req, struct checkpoint *at, struct buffer *refused, enum csv_result *result_out)
{
	struct batch *batches[STEP_BATCHES];
	size_t n = 0;

	for (*result_out = CSV_ROW; n < STEP_BATCHES && *result_out == CSV_ROW; n++) {
		batches[n] = arena_zalloc(req->arena, sizeof *batches[n]);
		*result_out = fill(req, batches[n], at, refused);
		TRY(engine_create_begin(
			req, customers(), batches[n]->records, batches[n]->count, &batches[n]->creation));
	}
	for (size_t i = 0; i < n; i++)
		TRY(engine_create_end(batches[i]->creation, batches[i]->statuses, batches[i]->problems));
	for (size_t i = 0; i < n; i++) {
		TRY(engine_create_explain(batches[i]->creation, batches[i]->statuses, batches[i]->problems));
		account(req, batches[i], at, refused);
	}
	return OK;
}

/* Rows that were read before stand; the rest cannot be read. */
static const char *bad_file(struct request *req)
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
	struct csv_error error = csv_error(import.reader);

	return in_both(req, problem_new(req->arena, faults[error.rule].message,
				    arena_printf(req->arena, "%lu", error.row),
				    arena_printf(req->arena, "%u", faults[error.rule].limit), NULL));
}

/* Reads the heading, and the rows that earlier steps have dealt with when another process, or an earlier
 * life, did. */
static enum status open_file(
	struct request *req, struct job *job, const uint8_t file[16], const struct checkpoint *at)
{
	struct csv_row row;
	enum csv_result result = CSV_ROW;

	if (!memcmp(import.job, job->id, 16) && import.row == at->row && import.arena)
		return OK;
	forget();
	memcpy(import.job, job->id, 16);
	import.arena = arena_new();
	while (result == CSV_ROW && (import.row < at->row || !import.row)) {
		while ((result = next_row(&row)) == CSV_MORE)
			TRY(read_ahead_chunk(req, file));
		if (result == CSV_ROW && import.row == 1 && !take_headings(job, &row)) {
			job->finished = true;
			job->problem = in_both(req, problem_new(req->arena, MSG_IMPORT_NO_COLUMNS, NULL));
			return OK;
		}
	}
	if (result != CSV_ROW) {
		job->finished = true;
		job->problem = result == CSV_FAILED
				       ? bad_file(req)
				       : in_both(req, problem_new(req->arena, MSG_IMPORT_EMPTY, NULL));
	}
	return OK;
}

static void tell(struct job *job, const struct checkpoint *at)
{
	char id[37];

	job_set_number(job, JOB_CREATED, at->created);
	job_set_number(job, JOB_REFUSED, at->refused);
	job_set_number(job, JOB_DONE, import.bytes);
	if (at->refused_chunks) {
		uuid_to_text(at->refused_id, id);
		job_set_text(job, JOB_REFUSED_FILE_ID, id);
	}
}

static enum status run_step(
	struct request *req, struct job *job, struct checkpoint *at, const uint8_t file[16])
{
	struct buffer refused = { .arena = req->arena };
	enum csv_result result = CSV_ROW;

	TRY(open_file(req, job, file, at));
	if (job->finished)
		return OK;
	TRY(read_ahead_chunk(req, file));
	TRY(store(req, at, &refused, &result));
	TRY(keep_refused(req, at, &refused, record_text(job->record, JOB_FILE_NAME)));
	at->row = import.row;
	if (result == CSV_FAILED)
		job->problem = bad_file(req);
	job->finished = result == CSV_END || result == CSV_FAILED;
	if (job->finished && at->refused_chunks)
		TRY(file_end(req, at->refused_id));
	tell(job, at);
	job_keep(job, at, sizeof *at);
	return OK;
}

enum status import_step(struct request *req, struct job *job)
{
	struct checkpoint at = { 0 };
	const char *file_id = record_text(job->record, JOB_FILE_ID);
	uint8_t file[16];

	if (job->checkpoint.len == sizeof at)
		memcpy(&at, job->checkpoint.data, sizeof at);
	if (!file_id || !uuid_from_text(file_id, strlen(file_id), file))
		return INTERNAL;
	int64_t created = at.created, refused = at.refused;
	enum status status = run_step(req, job, &at, file);

	if (status != OK || job->finished)
		forget();
	if (status != OK)
		return status;
	metric_add(metric_series(METRIC_IMPORT_ROWS, "outcome=\"created\""), (double)(at.created - created));
	metric_add(metric_series(METRIC_IMPORT_ROWS, "outcome=\"refused\""), (double)(at.refused - refused));
	return OK;
}

/* --- methods */

static void free_request(void *message)
{
	guanxi__customer__v1__create_import_request__free_unpacked(message, NULL);
}

static enum status answer(struct request *req, const struct record *job)
{
	struct buffer out = { .arena = req->arena };

	record_encode(job, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->version = (uint64_t)record_number(job, STANDARD_VERSION);
	return OK;
}

static enum status take_columns(
	struct request *req, struct record *job, const Guanxi__Customer__V1__CreateImportRequest *body)
{
	struct buffer out = { .arena = req->arena };
	enum status status = OK;

	for (size_t i = 0; i < body->n_columns; i++) {
		const char *column = body->columns[i]->column, *name = body->columns[i]->field;
		const struct schema_field *f =
			name ? schema_field_find(customers()->message, name, strlen(name)) : NULL;
		size_t begun = wire_begin(&out, JOB_COLUMNS);

		if (!column || !f || !can_fill(f))
			status = fail_field(req, arena_printf(req->arena, "/columns/%zu/field", i),
				MSG_BAD_VALUE, name ? name : "", NULL);
		wire_add_text(&out, 1, column ? column : "");
		wire_add_text(&out, 2, name ? name : "");
		wire_end(&out, begun);
	}
	record_set_wire(job, JOB_COLUMNS, (struct slice){ out.data, out.len });
	return status;
}

enum status import_create(struct request *req)
{
	Guanxi__Customer__V1__CreateImportRequest *body =
		guanxi__customer__v1__create_import_request__unpack(NULL, req->body_len, req->body);
	struct record *after, *job = record_new(schema_resource_find("jobs"), req->arena);
	const char *name;
	int64_t size;
	uint8_t file[16];

	arena_defer(req->arena, free_request, body);
	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (!body)
		return fail(req, INVALID, MSG_INVALID, NULL);
	if (!body->file_id)
		return fail_field(req, "/fileId", MSG_REQUIRED, NULL);
	if (!uuid_from_text(body->file_id, strlen(body->file_id), file))
		return fail_field(req, "/fileId", MSG_BAD_ID, NULL);
	TRY(file_look(req, file, &size, &name));
	TRY(take_columns(req, job, body));
	record_set_text(job, JOB_FILE_ID, body->file_id);
	record_set_text(job, JOB_FILE_NAME, name);
	record_set_number(job, JOB_TOTAL, size);
	record_set_number(job, JOB_DONE, 0);
	record_set_number(job, JOB_CREATED, 0);
	record_set_number(job, JOB_REFUSED, 0);
	TRY(job_create(req, "customer-import", job, (struct slice){ "", 0 }, &after));
	service_wake_jobs();
	req->created_id = record_text(after, STANDARD_ID);
	return answer(req, after);
}

enum status import_cancel(struct request *req)
{
	struct wire_field f;
	struct record *after;
	uint8_t id[16], file[16];

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (!wire_find(req->body, req->body_len, 1, &f) || !uuid_from_text(f.bytes, f.len, id))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	TRY(job_cancel(req, id, &after));
	const char *refused = record_text(after, JOB_REFUSED_FILE_ID);

	if (refused && uuid_from_text(refused, strlen(refused), file))
		TRY(file_end(req, file)); /* what was refused so far can be had */
	req->created_id = record_text(after, STANDARD_ID);
	return answer(req, after);
}
