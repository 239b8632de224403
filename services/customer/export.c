/* A list as a file: a job that reads some pages a step, with the rights that its owner has then, and keeps
 * the cursor. */
#include "customer/export.h"
#include "kit/engine.h"
#include "kit/event.h"
#include "kit/table.h"
#include "kit/uuid.h"
#include <string.h>
#include <time.h>

#define PAGE_ROWS  LIMIT_MAX
#define STEP_PAGES 8           /* in one transaction; some 20 MB */
#define KEPT_S     (7 * 86400) /* the file, from when it is complete */

/* What a list request has beside what an ExportRequest has. */
enum { LIST_LIMIT = 4, LIST_CURSOR = 5, LIST_FIELDS = 6 };

/* --- what was asked for */

static void take_fields(struct export *e, struct slice arguments)
{
	const struct schema_message *m = e->resource->message;
	struct wire_reader reader = wire_reader(arguments.data, arguments.len);
	struct wire_field f;

	e->fields = arena_alloc(e->req->arena, m->count * sizeof *e->fields);
	while (wire_next(&reader, &f))
		if (f.number == LIST_FIELDS && e->field_count < m->count)
			e->fields[e->field_count++] = schema_field_find(m, f.bytes, f.len);
	if (!e->field_count)
		while (e->field_count < m->count) {
			e->fields[e->field_count] = &m->fields[e->field_count];
			e->field_count++;
		}
}

static struct export open_export(struct request *req, const struct job *job)
{
	struct export e = { .req = req,
		.resource = transfer_resource(job),
		.out = { .arena = req->arena },
		.sheet = { .arena = req->arena } };
	struct wire_field locale;

	buffer_reserve(&e.out, 0);
	buffer_reserve(&e.sheet, 0);
	if (wire_find(job->arguments.data, job->arguments.len, EXPORT_LOCALE, &locale) && locale.len >= 2 &&
		!memcmp(locale.bytes, "zh", 2))
		e.language = LANGUAGE_ZH;
	take_fields(&e, job->arguments);
	if (job->checkpoint.len >= sizeof e.at)
		memcpy(&e.at, job->checkpoint.data, sizeof e.at);
	return e;
}

/* Behind the state: where the next page begins. */
static struct slice list_from(struct export *e, const struct job *job)
{
	struct buffer list = { .arena = e->req->arena };

	buffer_add(&list, job->arguments.data, job->arguments.len);
	wire_add_varint(&list, LIST_LIMIT, PAGE_ROWS);
	if (job->checkpoint.len > sizeof e->at)
		wire_add_bytes(&list, LIST_CURSOR, job->checkpoint.data + sizeof e->at,
			job->checkpoint.len - sizeof e->at);
	return (struct slice){ list.data, list.len };
}

/* --- a step */

/* Of lists of references the titles, as an import reads them; NULL unless all are known. */
static enum status read_list_titles(struct export *e, struct record *const *records, size_t count,
	const struct schema_field *f, const char **titles_out)
{
	size_t most = 0, n = 0;

	for (size_t i = 0; i < count; i++)
		most += records[i]->fields[f->index].len / (2 + 36);
	uint8_t(*ids)[16] = arena_alloc(e->req->arena, (most + 1) * sizeof *ids);
	const uint8_t **asked = arena_alloc(e->req->arena, (most + 1) * sizeof *asked);
	const char **found = arena_alloc(e->req->arena, (most + 1) * sizeof *found);
	size_t *ends = arena_alloc(e->req->arena, (count + 1) * sizeof *ends);

	for (size_t i = 0; i < count; ends[i++] = n) {
		struct slice wire = records[i]->fields[f->index];
		struct wire_reader reader = wire_reader(wire.data, wire.len);
		struct wire_field one;

		while (wire_next(&reader, &one) && n < most)
			if (uuid_from_text(one.bytes, one.len, ids[n]))
				asked[n] = ids[n], n++;
	}
	TRY(engine_titles(e->req, e->resource, f, asked, n, found));
	for (size_t i = 0, at = 0; i < count; i++) {
		struct buffer out = { .arena = e->req->arena };
		bool all = ends[i] > at;

		for (; at < ends[i]; at++) {
			buffer_printf(&out, "%s%s", out.len ? ";" : "", found[at] ? found[at] : "");
			all &= found[at] && !strchr(found[at], ';');
		}
		titles_out[i] = all ? out.data : NULL;
	}
	return OK;
}

/* For each row and field what it refers to is called; NULL where a form has no use for it. */
static enum status read_titles(
	struct export *e, struct record *const *records, size_t count, const char ***titles_out)
{
	const uint8_t **ids = arena_alloc(e->req->arena, PAGE_ROWS * sizeof *ids);
	const char **column = arena_alloc(e->req->arena, PAGE_ROWS * sizeof *column);
	const char **titles = arena_zalloc(e->req->arena, (count * e->field_count + 1) * sizeof *titles);

	*titles_out = titles;
	for (size_t k = 0; k < e->field_count; k++) {
		if (!e->fields[k]->reference)
			continue;
		for (size_t i = 0; i < count; i++)
			ids[i] =
				e->fields[k]->repeated ? NULL : record_uuid(records[i], e->fields[k]->number);
		TRY(e->fields[k]->repeated
				? read_list_titles(e, records, count, e->fields[k], column)
				: engine_titles(e->req, e->resource, e->fields[k], ids, count, column));
		for (size_t i = 0; i < count; i++)
			titles[i * e->field_count + k] = column[i];
	}
	return OK;
}

static enum status add_page(struct export *e, const struct export_form *form, const struct query_page *page)
{
	struct record **records = arena_alloc(e->req->arena, PAGE_ROWS * sizeof *records);
	const char **titles;

	for (int row = 0; row < page->count; row++)
		records[row] = table_record(page->table, page->rows, row, e->req->arena);
	TRY(read_titles(e, records, (size_t)page->count, &titles));
	for (int row = 0; row < page->count; row++)
		form->row(e, records[row], titles + (size_t)row * e->field_count);
	e->at.rows += page->count;
	return OK;
}

static void keep(struct export *e, struct job *job, const char *cursor)
{
	struct buffer out = { .arena = e->req->arena };

	buffer_add(&out, &e->at, sizeof e->at);
	if (cursor)
		buffer_add_text(&out, cursor);
	job_keep(job, out.data, out.len);
}

static enum status begin_file(struct export *e, const struct job *job, const struct export_form *form)
{
	const char *name = record_text(job->record, JOB_FILE_NAME);

	TRY(file_create(e->req, name ? name : "export", form->media_type, e->at.file));
	form->begin(e);
	return OK;
}

/* Who took what along: the audit's event. */
static enum status tell_exported(struct export *e, struct job *job)
{
	static const uint32_t fields[] = { JOB_COLLECTION, JOB_FORMAT, JOB_QUERY, JOB_DONE };
	struct record *record = record_copy(job->record);
	struct event *event;

	record_set_number(record, JOB_DONE, e->at.rows);
	event = event_of_occurrence_with(e->req, "exported", record, fields, sizeof fields / sizeof *fields);
	return event_insert(e->req, &event, 1);
}

static enum status end_file(struct export *e, struct job *job, const struct export_form *form)
{
	int64_t until_us = ((int64_t)time(NULL) + KEPT_S) * 1000000;
	char id[37];

	job->finished = true;
	if (form->rows_max && e->at.rows > form->rows_max) {
		job->problem = refused_text(e->req,
			problem_new(e->req->arena, MSG_EXPORT_TOO_MANY_ROWS,
				arena_printf(e->req->arena, "%lld", (long long)form->rows_max), NULL));
		return OK;
	}
	form->end(e);
	TRY(file_add_all(e->req, e->at.file, &e->at.chunks, e->out.data, e->out.len));
	TRY(file_end(e->req, e->at.file));
	TRY(file_expire(e->req, e->at.file, until_us));
	uuid_to_text(e->at.file, id);
	job_set_text(job, JOB_RESULT_FILE_ID, id);
	job_set_time(job, JOB_EXPIRE_TIME, until_us);
	return tell_exported(e, job);
}

enum status export_step(struct request *req, struct job *job)
{
	struct export e = open_export(req, job);
	const struct export_form *form = export_form(record_number(job->record, JOB_FORMAT));
	struct query_page page = { 0 };
	bool over = false;

	if (!form)
		return INTERNAL;
	if (!job->checkpoint.len)
		TRY(begin_file(&e, job, form));
	for (int i = 0; i < STEP_PAGES && !over; i++) {
		TRY(query_page(req, req->db, e.resource, list_from(&e, job), &page));
		TRY(add_page(&e, form, &page));
		keep(&e, job, page.next);
		over = !page.next || (form->rows_max && e.at.rows > form->rows_max);
	}
	form->flush(&e);
	job_set_number(job, JOB_DONE, e.at.rows);
	if (over)
		return end_file(&e, job, form);
	TRY(file_add_all(req, e.at.file, &e.at.chunks, e.out.data, e.out.len));
	keep(&e, job, page.next);
	return OK;
}
