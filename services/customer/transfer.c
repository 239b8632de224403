/* The methods that make jobs of files and lists, and those that end them. */
#include "customer/export.h"
#include "customer/import.h"
#include "kit/engine.h"
#include "kit/table.h"
#include "kit/uuid.h"
#include <string.h>
#include <time.h>

#define QUERY_TEXT_MAX 4000

static enum status need_principal(struct request *req)
{
	return req->principal ? OK : fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
}

static enum status answer(struct request *req, const struct record *job)
{
	struct buffer out = { .arena = req->arena };

	record_encode(job, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->version = (uint64_t)record_number(job, STANDARD_VERSION);
	return OK;
}

/* The collection of "/api/v1/<collection>:import". */
static const struct schema_resource *resource_of(struct request *req)
{
	static const char before[] = "/api/v1/";
	const char *path = schema_method_find(req->name)->path + sizeof before - 1;

	return schema_resource_find(arena_strndup(req->arena, path, strcspn(path, ":")));
}

/* Jobs of earlier versions tell none: they were of customers. */
static const char *collection_of(const struct record *job)
{
	const char *collection = record_text(job, JOB_COLLECTION);

	return collection ? collection : "customers";
}

const struct schema_resource *transfer_resource(const struct job *job)
{
	return schema_resource_find(collection_of(job->record));
}

static enum status start(struct request *req, const char *kind, struct record *job, struct slice arguments)
{
	struct record *after;

	TRY(job_create(req, kind, job, arguments, &after));
	service_wake_jobs();
	req->created_id = record_text(after, STANDARD_ID);
	return answer(req, after);
}

/* --- import */

static void free_import(void *message)
{
	guanxi__customer__v1__create_import_request__free_unpacked(message, NULL);
}

static enum status take_columns(struct request *req, struct record *job,
	const struct schema_resource *resource, const struct schema_field *key,
	const Guanxi__Customer__V1__CreateImportRequest *body)
{
	struct buffer out = { .arena = req->arena };
	enum status status = OK;
	bool has_key = !key || !body->n_columns;

	for (size_t i = 0; i < body->n_columns; i++) {
		const char *column = body->columns[i]->column, *name = body->columns[i]->field;
		const struct schema_field *f =
			name ? schema_field_find(resource->message, name, strlen(name)) : NULL;
		size_t begun = wire_begin(&out, JOB_COLUMNS);

		if (!column || !f || (!import_can_fill(f) && f != key))
			status = fail_field(req, arena_printf(req->arena, "/columns/%zu/field", i),
				MSG_BAD_VALUE, name ? name : "", NULL);
		has_key |= f && f == key;
		wire_add_text(&out, 1, column ? column : "");
		wire_add_text(&out, 2, name ? name : "");
		wire_end(&out, begun);
	}
	if (!has_key)
		status = fail_field(req, "/columns", MSG_IMPORT_NO_KEY,
			problem_field_label(req->arena, resource->message, key), NULL);
	record_set_wire(job, JOB_COLUMNS, (struct slice){ out.data, out.len });
	return status;
}

static const char *key_names(struct request *req, const struct schema_message *m)
{
	struct buffer out = { .arena = req->arena };

	buffer_add_text(&out, "id");
	for (size_t i = 0; i < m->count; i++)
		if (m->fields[i].rule->import_key)
			buffer_printf(&out, ", %s", m->fields[i].json_name);
	return out.data;
}

static enum status take_key(struct request *req, const struct schema_resource *resource,
	enum import_policy policy, const char *name, const struct schema_field **key_out)
{
	const struct schema_field *f = name ? schema_field_find(resource->message, name, strlen(name)) : NULL;

	*key_out = NULL;
	if (policy == IMPORT_CREATE)
		return OK;
	if (!f || (f->number != STANDARD_ID && !f->rule->import_key))
		return fail_field(
			req, "/key", MSG_IMPORT_KEY_NEEDED, key_names(req, resource->message), NULL);
	*key_out = f;
	return OK;
}

static enum status take_file(struct request *req, struct record *job, const char *file_id)
{
	const char *name, *headings;
	uint8_t file[16];
	int64_t size;

	if (!file_id)
		return fail_field(req, "/fileId", MSG_REQUIRED, NULL);
	if (!uuid_from_text(file_id, strlen(file_id), file))
		return fail_field(req, "/fileId", MSG_BAD_ID, NULL);
	TRY(file_look(req, file, &size, &name, &headings));
	record_set_text(job, JOB_FILE_ID, file_id);
	record_set_text(job, JOB_FILE_NAME, name);
	if (headings)
		record_set_text(job, JOB_HEADINGS, headings);
	record_set_number(job, JOB_TOTAL, size);
	return OK;
}

static void begin_numbers(struct record *job)
{
	static const enum job_field numbers[] = { JOB_DONE, JOB_CREATED, JOB_REFUSED, JOB_UPDATED,
		JOB_SKIPPED };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		record_set_number(job, numbers[i], 0);
}

enum status transfer_import(struct request *req)
{
	Guanxi__Customer__V1__CreateImportRequest *body =
		guanxi__customer__v1__create_import_request__unpack(NULL, req->body_len, req->body);
	struct record *job = record_new(schema_resource_find("jobs"), req->arena);
	const struct schema_resource *resource = resource_of(req);
	const struct schema_field *key;

	arena_defer(req->arena, free_import, body);
	TRY(need_principal(req));
	if (!body)
		return fail(req, INVALID, MSG_INVALID, NULL);
	enum import_policy policy =
		body->has_policy && body->policy ? (enum import_policy)body->policy : IMPORT_CREATE;

	TRY(take_file(req, job, body->file_id));
	TRY(take_key(req, resource, policy, body->key, &key));
	TRY(take_columns(req, job, resource, key, body));
	begin_numbers(job);
	record_set_text(job, JOB_COLLECTION, resource->collection);
	record_set_number(job, JOB_POLICY, policy);
	if (key)
		record_set_text(job, JOB_KEY, key->json_name);
	if (body->dry_run)
		record_set_number(job, JOB_DRY_RUN, 1);
	record_set_number(job, JOB_ACTION, body->dry_run ? JOB_TRIAL : JOB_IMPORT);
	record_set_number(job, JOB_AUTOMATION, !body->has_automation || body->automation);
	return start(req, "import", job, (struct slice){ "", 0 });
}

/* --- export */

static void free_export(void *message)
{
	guanxi__customer__v1__export_request__free_unpacked(message, NULL);
}

static enum status check_fields(struct request *req, const struct schema_resource *resource,
	const Guanxi__Customer__V1__ExportRequest *body)
{
	enum status status = OK;

	for (size_t i = 0; i < body->n_fields; i++)
		if (!schema_field_find(resource->message, body->fields[i], strlen(body->fields[i])))
			status = fail_field(req, arena_printf(req->arena, "/fields/%zu", i), MSG_BAD_VALUE,
				body->fields[i], NULL);
	return status;
}

static void add_pair(struct buffer *out, const char *name, const char *value)
{
	buffer_printf(out, "%s%s%s", out->len ? "&" : "", name, value);
}

/* The list as its address has it, for people to read. */
static const char *query_text(struct request *req, const Guanxi__Customer__V1__ExportRequest *body)
{
	struct buffer out = { .arena = req->arena };

	buffer_reserve(&out, 0);
	for (size_t i = 0; i < body->n_filter; i++) {
		const Guanxi__Customer__V1__ExportCondition *c = body->filter[i];

		add_pair(&out, arena_printf(req->arena, "filter[%s][%s]=", c->field, c->operator_), "");
		for (size_t k = 0; k < c->n_values; k++)
			buffer_printf(&out, "%s%s", k ? "," : "", c->values[k]);
	}
	for (size_t i = 0; i < body->n_sort; i++)
		buffer_printf(&out, "%s%s", i ? "," : out.len ? "&sort=" : "sort=", body->sort[i]);
	if (body->q)
		add_pair(&out, "q=", body->q);
	if (body->deleted)
		add_pair(&out, "deleted=", "true");
	if (out.len <= QUERY_TEXT_MAX)
		return arena_strndup(req->arena, out.data, out.len);
	for (out.len = QUERY_TEXT_MAX; ((unsigned char)out.data[out.len] & 0xc0) == 0x80; out.len--)
		; /* back to where a character begins */
	return arena_strndup(req->arena, out.data, out.len);
}

/* What a list would refuse is refused before anything starts. */
static enum status try_list(struct request *req, const struct schema_resource *resource, struct slice asked)
{
	struct buffer list = { .arena = req->arena };
	struct query_page page;

	buffer_add(&list, asked.data, asked.len);
	wire_add_varint(&list, 4, 1); /* limit */
	return query_page(req, req->db, resource, (struct slice){ list.data, list.len }, &page);
}

static const char *file_name(
	struct request *req, const struct schema_resource *resource, const struct export_form *form)
{
	time_t now = time(NULL);
	struct tm day;
	char text[16];

	localtime_r(&now, &day);
	strftime(text, sizeof text, "%Y-%m-%d", &day);
	return arena_printf(req->arena, "%s-%s.%s", resource->collection, text, form->extension);
}

enum status transfer_export(struct request *req)
{
	Guanxi__Customer__V1__ExportRequest *body =
		guanxi__customer__v1__export_request__unpack(NULL, req->body_len, req->body);
	struct record *job = record_new(schema_resource_find("jobs"), req->arena);
	const struct schema_resource *resource = resource_of(req);
	struct buffer arguments = { .arena = req->arena };
	struct slice list;

	arena_defer(req->arena, free_export, body);
	TRY(need_principal(req));
	if (!body)
		return fail(req, INVALID, MSG_INVALID, NULL);
	if (!export_form(body->format))
		return fail_field(req, "/format", MSG_REQUIRED, NULL);
	TRY(check_fields(req, resource, body));
	TRY(query_widen(
		req, req->db, resource, (struct slice){ (const char *)req->body, req->body_len }, &list));
	TRY(try_list(req, resource, list));
	record_set_text(job, JOB_COLLECTION, resource->collection);
	record_set_number(job, JOB_ACTION, JOB_EXPORT);
	record_set_number(job, JOB_FORMAT, body->format);
	record_set_text(job, JOB_FILE_NAME, file_name(req, resource, export_form(body->format)));
	record_set_number(job, JOB_DONE, 0);
	const char *query = query_text(req, body);

	if (*query)
		record_set_text(job, JOB_QUERY, query);
	buffer_add(&arguments, list.data, list.len);
	wire_add_text(&arguments, EXPORT_LOCALE, req->locale ? req->locale : "en");
	return start(req, "export", job, (struct slice){ arguments.data, arguments.len });
}

/* --- ending */

static enum status read_id(struct request *req, uint8_t id_out[16])
{
	struct wire_field f;

	TRY(need_principal(req));
	if (!wire_find(req->body, req->body_len, 1, &f) || !uuid_from_text(f.bytes, f.len, id_out))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	return OK;
}

enum status transfer_cancel(struct request *req)
{
	struct record *after;
	uint8_t id[16], file[16];

	TRY(read_id(req, id));
	TRY(job_cancel(req, id, &after));
	const char *refused = record_text(after, JOB_REFUSED_FILE_ID);

	if (refused && uuid_from_text(refused, strlen(refused), file))
		TRY(file_end(req, file)); /* what was refused so far can be had */
	req->created_id = record_text(after, STANDARD_ID);
	return answer(req, after);
}

/* --- undoing */

/* Those that were made before: one that was cut short (state 4 or 5) has left a place from where the next
 * goes on, and a number of records. */
static enum status find_reverts(
	struct request *req, const char *id, struct slice *from_out, int64_t *done_out)
{
	static const struct db_statement find = {
		"SELECT state IN (4, 5), coalesce(nullif(checkpoint, ''), arguments, ''), coalesce(done, 0) "
		"FROM job"
		" WHERE reverts_id = $1::text AND delete_time IS NULL ORDER BY create_time, id"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_text(&params, id);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	*from_out = (struct slice){ "", 0 };
	*done_out = 0;
	for (int row = 0; row < PQntuples(rows); row++) {
		if (!db_bool(rows, row, 0))
			return fail(req, CONFLICT, MSG_ALREADY_REVERTED, NULL);
		*from_out = db_bytes(rows, row, 1);
		*done_out += db_int8(rows, row, 2);
	}
	return OK;
}

static bool is_import(const struct record *job)
{
	const char *kind = record_text(job, JOB_KIND);
	int64_t state = record_number(job, JOB_STATE);

	return kind && (!strcmp(kind, "import") || !strcmp(kind, "customer-import")) &&
	       !record_number(job, JOB_DRY_RUN) &&
	       (state == JOB_SUCCEEDED || state == JOB_FAILED || state == JOB_CANCELLED);
}

/* What an API key may not change it may not change back. */
enum status transfer_check_scope(struct request *req)
{
	struct record *job;
	uint8_t id[16];

	TRY(read_id(req, id));
	TRY(engine_get(req, schema_resource_find("jobs"), id, &job));
	const char *collection = collection_of(job);

	if (principal_may_use(req->principal, collection, true))
		return OK;
	return fail(req, FORBIDDEN, MSG_OUT_OF_SCOPE, arena_printf(req->arena, "%s:write", collection), NULL);
}

/* The import's row is locked: two who undo it at the same time come one after the other. */
enum status transfer_revert(struct request *req)
{
	struct record *import, *job = record_new(schema_resource_find("jobs"), req->arena);
	struct slice from;
	int64_t done;
	uint8_t id[16];

	TRY(read_id(req, id));
	TRY(engine_get_locked(req, schema_resource_find("jobs"), id, &import));
	if (!is_import(import))
		return fail(req, CONFLICT, MSG_NOT_AN_IMPORT, NULL);
	TRY(find_reverts(req, record_text(import, STANDARD_ID), &from, &done));
	const char *collection = collection_of(import), *name = record_text(import, JOB_FILE_NAME);

	record_set_text(job, JOB_COLLECTION, collection);
	record_set_number(job, JOB_ACTION, JOB_REVERT);
	record_set_text(job, JOB_REVERTS_ID, record_text(import, STANDARD_ID));
	if (name)
		record_set_text(job, JOB_FILE_NAME, name);
	record_set_number(job, JOB_AUTOMATION,
		!record_has(import, JOB_AUTOMATION) || record_number(import, JOB_AUTOMATION));
	record_set_number(job, JOB_TOTAL,
		record_number(import, JOB_CREATED) + record_number(import, JOB_UPDATED) - done);
	begin_numbers(job);
	record_set_number(job, JOB_REMOVED, 0);
	return start(req, "revert", job, from);
}
