#include "kit/bulk.h"
#include "kit/json.h"
#include "kit/query.h"
#include "kit/table.h"
#include "kit/uuid.h"
#include "kit/validate.h"
#include <string.h>

/* Members of guanxi.BulkRequest; a job's arguments are those from BULK_VERB on, and the set. */
enum bulk_field {
	BULK_FILTER = 1,
	BULK_Q = 3,
	BULK_DELETED = 8,
	BULK_IDS = 16,
	BULK_ALL,
	BULK_VERB,
	BULK_SET,
	BULK_FIELDS,
	BULK_ADD,
	BULK_REMOVE,
	BULK_DRY_RUN,
	BULK_QUERY,
	BULK_SET_ID = 64,
};

struct plan {
	const struct schema_resource *resource;
	enum verb verb;
	struct record *set, *add, *remove;
	uint32_t fields[JSON_MASK_FIELDS]; /* of set, then those of lists that add and remove name */
	size_t field_count, set_count;
	struct slice ids; /* 16 bytes each */
	bool has_list, dry_run;
	const char *query;
};

static const struct {
	const char *name;
	enum verb verb;
} verbs[] = { { "update", VERB_UPDATE }, { "delete", VERB_DELETE }, { "restore", VERB_RESTORE } };

/* --- what is asked */

static enum status read_verb(struct request *req, struct plan *plan, const struct wire_field *f)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strlen(verbs[i].name) == f->len && !memcmp(verbs[i].name, f->bytes, f->len))
			plan->verb = verbs[i].verb;
	return plan->verb == VERB_COUNT ? fail(req, INVALID, MSG_INVALID, NULL) : OK;
}

static enum status read_id(struct request *req, struct buffer *ids, const struct wire_field *f)
{
	uint8_t id[16];
	size_t n = ids->len / 16;

	if (n == BULK_IDS_MAX)
		return fail_field(
			req, "/ids", MSG_TOO_MANY, arena_printf(req->arena, "%d", BULK_IDS_MAX), NULL);
	if (!uuid_from_text(f->bytes, f->len, id))
		return fail_field(req, arena_printf(req->arena, "/ids/%zu", n), MSG_BAD_ID, NULL);
	buffer_add(ids, id, sizeof id);
	return OK;
}

static enum status read_member(
	struct request *req, struct plan *plan, const struct wire_field *f, struct buffer *ids)
{
	struct record **records[] = {
		[BULK_SET] = &plan->set, [BULK_ADD] = &plan->add, [BULK_REMOVE] = &plan->remove
	};

	switch (f->number) {
	case BULK_IDS:
		return read_id(req, ids, f);
	case BULK_VERB:
		return read_verb(req, plan, f);
	case BULK_SET:
	case BULK_ADD:
	case BULK_REMOVE:
		return record_parse(*records[f->number], f->bytes, f->len)
			       ? OK
			       : fail(req, INVALID, MSG_INVALID, NULL);
	case BULK_FIELDS:
		if (plan->set_count < JSON_MASK_FIELDS)
			plan->fields[plan->set_count++] = (uint32_t)f->value;
		return OK;
	case BULK_DRY_RUN:
		plan->dry_run = f->value;
		return OK;
	case BULK_QUERY:
		plan->query = arena_strndup(req->arena, f->bytes, f->len);
		return OK;
	default:
		plan->has_list |= f->number <= BULK_DELETED || (f->number == BULK_ALL && f->value);
		return OK;
	}
}

static enum status read_plan(struct request *req, const struct schema_resource *resource, struct slice bytes,
	struct plan **plan_out)
{
	struct wire_reader reader = wire_reader(bytes.data, bytes.len);
	struct buffer ids = { .arena = req->arena };
	struct plan *plan = arena_zalloc(req->arena, sizeof *plan);
	struct wire_field f;

	*plan = (struct plan){ .resource = resource,
		.verb = VERB_COUNT,
		.set = record_new(resource, req->arena),
		.add = record_new(resource, req->arena),
		.remove = record_new(resource, req->arena) };
	while (wire_next(&reader, &f))
		TRY(read_member(req, plan, &f, &ids));
	plan->ids = (struct slice){ ids.data, ids.len };
	plan->field_count = plan->set_count;
	for (size_t i = 0; i < resource->message->count; i++)
		if (plan->add->fields[i].len || plan->remove->fields[i].len)
			plan->fields[plan->field_count++] = resource->message->fields[i].number;
	*plan_out = plan;
	return reader.failed ? fail(req, INVALID, MSG_INVALID, NULL) : OK;
}

/* --- whether it can be */

/* What validation says of a record stands under its name in the request. */
static enum status under(struct request *req, enum status status, const char *name)
{
	for (size_t i = 0; status != OK && req->problem && i < req->problem->error_count; i++)
		req->problem->errors[i].pointer =
			arena_printf(req->arena, "/change/%s%s", name, req->problem->errors[i].pointer);
	return status;
}

static enum status check_set(struct request *req, const struct plan *plan)
{
	for (size_t i = 0; i < plan->set_count; i++) {
		const struct schema_field *f =
			schema_field_by_number(plan->resource->message, plan->fields[i]);

		if (f && f->rule->immutable)
			return fail_field(req, arena_printf(req->arena, "/change/set/%s", f->json_name),
				MSG_IMMUTABLE, NULL);
	}
	return under(req, validate_update(req, plan->set, plan->fields, plan->set_count), "set");
}

/* Values that join or leave are brought into the form in which they are stored, so that equal ones are. */
static enum status check_lists(
	struct request *req, const struct plan *plan, struct record *values, const char *name)
{
	for (size_t i = 0; i < plan->resource->message->count; i++) {
		const struct schema_field *f = &plan->resource->message->fields[i];

		if (!values->fields[i].len)
			continue;
		if (!f->repeated)
			return fail_field(req, arena_printf(req->arena, "/change/%s/%s", name, f->json_name),
				MSG_BULK_NO_LIST, f->json_name, NULL);
		TRY(under(req, validate_update(req, values, &f->number, 1), name));
	}
	return OK;
}

static enum status check_plan(struct request *req, const struct plan *plan)
{
	if (plan->verb == VERB_COUNT || (plan->verb == VERB_UPDATE && !plan->field_count))
		return fail(req, INVALID, MSG_BULK_NOTHING, NULL);
	if (!plan->ids.len && !plan->has_list)
		return fail(req, INVALID, MSG_BULK_OF_WHAT, NULL);
	TRY(check_set(req, plan));
	TRY(check_lists(req, plan, plan->add, "add"));
	return check_lists(req, plan, plan->remove, "remove");
}

/* --- the set */

static enum status keep_given(
	struct request *req, const struct plan *plan, const uint8_t set[16], int64_t *count)
{
	static const struct db_statement keep = {
		"WITH kept AS (INSERT INTO job_row (set_id, id) SELECT $1::uuid, id FROM unnest($2::uuid[]) "
		"AS u(id)"
		" ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM kept"
	};
	struct db_params params = { .arena = req->arena };
	struct db_array ids;
	PGresult *rows;

	db_array_begin(&ids, req->arena, OID_UUID);
	for (size_t at = 0; at < plan->ids.len; at += 16)
		db_array_add(&ids, plan->ids.data + at, 16);
	db_bind_uuid(&params, set);
	db_bind_array(&params, &ids);
	TRY(db_run(req->db, req->arena, &keep, &params, &rows));
	*count = db_int8(rows, 0, 0);
	return OK;
}

/* The members of a list request; restoring looks among the deleted. */
static struct slice list_of(struct request *req, const struct plan *plan)
{
	struct wire_reader reader = wire_reader(req->body, req->body_len);
	struct buffer out = { .arena = req->arena };
	struct wire_field f;

	buffer_reserve(&out, 0);
	while (wire_next(&reader, &f))
		if ((f.number == BULK_FILTER || f.number == BULK_Q) && f.type == WIRE_BYTES)
			wire_add_bytes(&out, f.number, f.bytes, f.len);
	if (plan->verb == VERB_RESTORE)
		wire_add_varint(&out, BULK_DELETED, 1);
	return (struct slice){ out.data, out.len };
}

static enum status keep_set(
	struct request *req, const struct plan *plan, const uint8_t set[16], int limit, int64_t *count_out)
{
	if (plan->ids.len)
		return keep_given(req, plan, set, count_out);
	return query_keep_ids(req, req->db, plan->resource, list_of(req, plan), set, limit, count_out);
}

static enum status take_ids(struct request *req, const struct db_statement *statement, const uint8_t set[16],
	const uint8_t after[16], int limit, struct change *changes, size_t *count_out)
{
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, set);
	db_bind_uuid(&params, after);
	db_bind_int4(&params, limit);
	TRY(db_run(req->db, req->arena, statement, &params, &rows));
	*count_out = (size_t)PQntuples(rows);
	for (int row = 0; row < PQntuples(rows); row++)
		memcpy(changes[row].id, db_bytes(rows, row, 0).data, 16);
	return OK;
}

/* --- changing a batch */

static bool has_entry(struct slice list, struct slice entry)
{
	struct wire_reader reader = wire_reader(list.data, list.len);
	struct wire_field f;

	while (wire_next(&reader, &f))
		if (f.type == WIRE_BYTES && f.len == entry.len && !memcmp(f.bytes, entry.data, entry.len))
			return true;
	return false;
}

/* The entries of a list that are not among others. */
static void add_entries(struct buffer *out, uint32_t number, struct slice list, struct slice others)
{
	struct wire_reader reader = wire_reader(list.data, list.len);
	struct wire_field f;

	while (wire_next(&reader, &f))
		if (f.type == WIRE_BYTES && !has_entry(others, (struct slice){ f.bytes, f.len }))
			wire_add_bytes(out, number, f.bytes, f.len);
}

static enum status patch_lists(
	struct request *req, const struct plan *plan, struct change *change, const struct record *before)
{
	change->patch = record_copy(plan->set);
	for (size_t i = plan->set_count; i < plan->field_count; i++) {
		const struct schema_field *f =
			schema_field_by_number(plan->resource->message, plan->fields[i]);
		struct slice old = before->fields[f->index];
		struct buffer out = { .arena = req->arena };

		add_entries(&out, f->number, old, plan->remove->fields[f->index]);
		add_entries(
			&out, f->number, plan->add->fields[f->index], (struct slice){ out.data, out.len });
		change->patch->fields[f->index] = (struct slice){ out.data, out.len };
	}
	return validate_update(
		req, change->patch, plan->fields + plan->set_count, plan->field_count - plan->set_count);
}

/* Lists are put together from the row as it is, which is locked for that. What does not come out valid is
 * refused and left out of `changes`, behind *count. */
static enum status patch_each(
	struct request *req, const struct plan *plan, struct change *changes, size_t *count)
{
	TRY(engine_lock_many(req, plan->resource, changes, *count));
	for (size_t i = 0; i < *count;) {
		struct change *change = &changes[i];

		if (!engine_sees(req, change->row)) { /* refused like one that is not there */
			i++;
			continue;
		}
		change->status = patch_lists(req, plan, change, change->row);
		change->problem = req->problem;
		change->before = change->row;
		req->problem = NULL;
		req->status = OK;
		if (change->status == OK) {
			i++;
			continue;
		}
		struct change refused = *change;

		*change = changes[--*count];
		changes[*count] = refused;
	}
	return OK;
}

static enum status change_batch(
	struct request *req, const struct plan *plan, struct change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		changes[i].verb = plan->verb;
		changes[i].patch = plan->set;
		changes[i].fields = plan->fields;
		changes[i].field_count = plan->verb == VERB_UPDATE ? plan->field_count : 0;
	}
	if (plan->field_count > plan->set_count)
		TRY(patch_each(req, plan, changes, &count));
	return engine_change_many(req, plan->resource, changes, count);
}

/* --- the preview: what would happen to the first rows, done and taken back */

static void add_part(struct buffer *out, uint32_t number, const struct record *record, const uint8_t *which)
{
	size_t begun = wire_begin(out, number);

	record_encode_some(record, which, out);
	wire_end(out, begun);
}

static void add_row(struct request *req, struct buffer *out, const struct change *c)
{
	size_t begun = wire_begin(out, 6);

	if (c->before) {
		const struct schema_resource *r = c->before->resource;
		uint8_t *which = arena_zalloc(req->arena, r->message->count);

		if (c->status == OK)
			record_difference(c->before, c->after, which);
		which[schema_field_by_number(r->message, STANDARD_ID)->index] = 1;
		which[r->title->index] = 1;
		add_part(out, 1, c->before, which);
		if (c->status == OK)
			add_part(out, 2, c->after, which);
	}
	if (c->status != OK) {
		size_t problem = wire_begin(out, 3);

		problem_to_wire(c->problem
					? c->problem
					: problem_new(req->arena, message_find(status_code(c->status)), NULL),
			out);
		wire_end(out, problem);
	}
	wire_end(out, begun);
}

static void answer_preview(struct request *req, const struct change *changes, size_t count, int64_t total)
{
	struct buffer out = { .arena = req->arena };
	size_t preview = wire_begin(&out, 2), changed = 0, refused = 0;

	for (size_t i = 0; i < count; i++)
		if (changes[i].status != OK ? refused++ < BULK_SHOWN
					    : changes[i].changed && changed++ < BULK_SHOWN)
			add_row(req, &out, &changes[i]);
	wire_add_varint(&out, 1, total > COUNT_BOUND ? COUNT_BOUND : (uint64_t)total);
	wire_add_varint(&out, 2, total > COUNT_BOUND);
	wire_add_varint(&out, 3, count);
	wire_add_varint(&out, 4, changed);
	wire_add_varint(&out, 5, refused);
	wire_end(&out, preview);
	req->reply = (struct slice){ out.data, out.len };
}

static enum status preview(struct request *req, const struct plan *plan)
{
	static const struct db_statement newest = { "SELECT id FROM job_row WHERE set_id = $1::uuid AND id > "
						    "$2::uuid ORDER BY id DESC LIMIT $3::int" };
	static const struct db_statement begin = { "SAVEPOINT preview" };
	static const struct db_statement back = { "ROLLBACK TO SAVEPOINT preview" };
	static const uint8_t none[16];
	struct change *changes = arena_zalloc(req->arena, BULK_CHECKED * sizeof *changes);
	size_t count;
	int64_t total;
	uint8_t set[16];

	uuid_v7(set);
	TRY(db_run(req->db, req->arena, &begin, NULL, NULL));
	TRY(keep_set(req, plan, set, COUNT_BOUND + 1, &total));
	TRY(take_ids(req, &newest, set, none, BULK_CHECKED, changes, &count));
	TRY(change_batch(req, plan, changes, count));
	TRY(db_run(req->db, req->arena, &back, NULL, NULL));
	answer_preview(req, changes, count, total);
	return OK;
}

/* --- the job */

static struct slice arguments_of(struct request *req, const struct plan *plan, const uint8_t set[16])
{
	struct buffer out = { .arena = req->arena }, values = { .arena = req->arena };
	const struct record *const records[] = { plan->set, plan->add, plan->remove };
	const uint32_t numbers[] = { BULK_SET, BULK_ADD, BULK_REMOVE };

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (verbs[i].verb == plan->verb)
			wire_add_text(&out, BULK_VERB, verbs[i].name);
	for (size_t i = 0; i < 3; i++) {
		values.len = 0;
		buffer_reserve(&values, 0);
		record_encode(records[i], &values);
		wire_add_bytes(&out, numbers[i], values.data, values.len);
	}
	for (size_t i = 0; i < plan->set_count; i++)
		wire_add_varint(&out, BULK_FIELDS, plan->fields[i]);
	wire_add_bytes(&out, BULK_SET_ID, set, 16);
	return (struct slice){ out.data, out.len };
}

static enum status make_job(struct request *req, const struct plan *plan, const uint8_t set[16],
	int64_t total, struct record **after_out)
{
	struct record *job = record_new(schema_resource_find("jobs"), req->arena);

	record_set_number(job, JOB_ACTION, JOB_BULK);
	record_set_text(job, JOB_COLLECTION, plan->resource->collection);
	if (plan->query && *plan->query)
		record_set_text(job, JOB_QUERY, plan->query);
	record_set_number(job, JOB_TOTAL, total);
	record_set_number(job, JOB_DONE, 0);
	record_set_number(job, JOB_UPDATED, 0);
	record_set_number(job, JOB_REMOVED, 0);
	record_set_number(job, JOB_SKIPPED, 0);
	record_set_number(job, JOB_REFUSED, 0);
	return job_create(req, BULK_KIND, job, arguments_of(req, plan, set), after_out);
}

static enum status start(struct request *req, const struct plan *plan)
{
	struct buffer out = { .arena = req->arena };
	struct record *after;
	int64_t total;
	uint8_t set[16];

	uuid_v7(set);
	TRY(keep_set(req, plan, set, BULK_ROWS_MAX + 1, &total));
	if (!total)
		return fail(req, CONFLICT, MSG_BULK_NO_RECORDS, NULL);
	if (total > BULK_ROWS_MAX)
		return fail(req, TOO_LARGE, MSG_BULK_TOO_MANY, arena_printf(req->arena, "%d", BULK_ROWS_MAX),
			NULL);
	TRY(make_job(req, plan, set, total, &after));
	service_wake_jobs();
	record_encode(after, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->created_id = record_text(after, STANDARD_ID);
	req->version = (uint64_t)record_number(after, STANDARD_VERSION);
	return OK;
}

static enum status start_planned(struct request *req)
{
	return start(req, req->plan);
}

/* The reply says which of the two it is; the job alone is what a key's replay is made from. */
enum status bulk_start(struct request *req)
{
	struct buffer out = { .arena = req->arena };
	struct plan *plan;

	TRY(read_plan(req, req->resource, (struct slice){ (const char *)req->body, req->body_len }, &plan));
	TRY(engine_may_write(req, req->resource, plan->verb));
	TRY(check_plan(req, plan));
	if (plan->dry_run)
		return preview(req, plan);
	req->plan = plan;
	TRY(engine_once(req, schema_resource_find("jobs"), start_planned));
	wire_add_bytes(&out, 1, req->reply.data, req->reply.len);
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}

static enum status change_planned(struct bulk_run *run, struct change *changes, size_t count)
{
	return change_batch(run->req, run->what, changes, count);
}

enum status bulk_step(struct request *req, struct job *job, const struct job_files *files)
{
	const struct schema_resource *resource =
		schema_resource_find(record_text(job->record, JOB_COLLECTION));
	struct wire_field set;
	struct plan *plan;

	TRY(read_plan(req, resource, job->arguments, &plan));
	if (!wire_find(job->arguments.data, job->arguments.len, BULK_SET_ID, &set) || set.len != 16)
		return INTERNAL;
	struct bulk_run run = { .req = req,
		.job = job,
		.files = files,
		.resource = resource,
		.change = change_planned,
		.what = plan };

	memcpy(run.set, set.bytes, 16);
	return bulk_run_step(&run);
}
