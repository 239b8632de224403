/*
 * Merging: the others become part of one customer, which takes the values that a person chose. They are
 * deleted with a note of where they went; nothing that refers to them is rewritten, so that undoing finds
 * everything where it was.
 *
 * Undoing: the others come back as they were. Of what the survivor took over, a field that still has the
 * value of the merge goes back to what it was before; one that was changed since stays, for that was meant
 * for the survivor.
 */
#include "customer/customer.h"
#include "kit/engine.h"
#include "kit/uuid.h"
#include "kit/validate.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OTHERS_MAX 20
#define FIELDS_MAX 64

enum { MERGE_CUSTOMER = 16, MERGE_OTHERS, MERGE_FIELDS, MERGE_UNDO_TIME };
enum { DUPLICATE_STATE = 20, CUSTOMER_PARENT = 27 };
#define STATE_OPEN   GUANXI__CUSTOMER__V1__DUPLICATE_STATE__DUPLICATE_STATE_OPEN
#define STATE_MERGED GUANXI__CUSTOMER__V1__DUPLICATE_STATE__DUPLICATE_STATE_MERGED

struct merge {
	struct request *req;
	uint8_t ids[OTHERS_MAX + 1][16]; /* the survivor first */
	struct record *records[OTHERS_MAX + 1];
	size_t count;
	struct record *patch;
	uint32_t fields[FIELDS_MAX];
	size_t field_count;
	struct buffer names;
};

static const struct schema_resource *customers(void)
{
	return schema_resource_find("customers");
}

static bool can_choose(const struct schema_field *f)
{
	return f && !f->rule->output_only &&
	       (f->number > STANDARD_LAST || f->number == STANDARD_OWNER_ID || f->number == STANDARD_TEAM_ID);
}

/* --- what is asked for */

static bool has_id(const struct merge *m, const uint8_t id[16])
{
	for (size_t i = 0; i < m->count; i++)
		if (!memcmp(m->ids[i], id, 16))
			return true;
	return false;
}

static enum status read_survivor(struct merge *m)
{
	struct wire_field f;

	if (!wire_find(m->req->body, m->req->body_len, 1, &f) || !uuid_from_text(f.bytes, f.len, m->ids[0]))
		return fail(m->req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	m->count = 1;
	return OK;
}

static enum status read_ids(struct merge *m)
{
	struct request *req = m->req;
	struct wire_reader reader = wire_reader(req->body, req->body_len);
	struct wire_field f;
	uint8_t id[16];

	TRY(read_survivor(m));
	while (wire_next(&reader, &f)) {
		const char *pointer = arena_printf(req->arena, "/others/%zu", m->count - 1);

		if (f.number != 2)
			continue;
		if (!uuid_from_text(f.bytes, f.len, id))
			return fail_field(req, pointer, MSG_BAD_ID, NULL);
		if (has_id(m, id))
			return fail_field(req, pointer, MSG_MERGE_WITH_ITSELF, NULL);
		memcpy(m->ids[m->count++], id, 16); /* validate_input() has counted them */
	}
	return OK;
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, 16);
}

/* In the order of their ids: two merges wait for one another, but never in a circle. */
static enum status lock_all(struct merge *m)
{
	const uint8_t *sorted[OTHERS_MAX + 1];

	for (size_t i = 0; i < m->count; i++)
		sorted[i] = m->ids[i];
	qsort(sorted, m->count, sizeof *sorted, compare_ids);
	for (size_t i = 0; i < m->count; i++) {
		size_t at = (size_t)((const uint8_t(*)[16])sorted[i] - (const uint8_t(*)[16])m->ids);

		TRY(engine_get_locked(m->req, customers(), m->ids[at], &m->records[at]));
	}
	return OK;
}

/* What an entry of a list is known by: a phone by its number, whatever its kind; others by all of them. */
static struct slice essence(const struct schema_field *field, const struct wire_field *entry)
{
	struct wire_field part;

	for (size_t i = 0; field->message && i < field->message->count; i++)
		if (field->message->fields[i].rule->required &&
			wire_find(entry->bytes, entry->len, field->message->fields[i].number, &part))
			return (struct slice){ part.bytes, part.len };
	return entry->type == WIRE_BYTES ? (struct slice){ entry->bytes, entry->len }
					 : (struct slice){ (const char *)&entry->value, sizeof entry->value };
}

static bool is_in_list(const struct schema_field *field, struct slice list, const struct wire_field *value)
{
	struct wire_reader reader = wire_reader(list.data, list.len);
	struct slice wanted = essence(field, value), has;
	struct wire_field f;

	while (wire_next(&reader, &f)) {
		has = essence(field, &f);
		if (has.len == wanted.len && !memcmp(has.data, wanted.data, has.len))
			return true;
	}
	return false;
}

/* A list's entries of all records, each once. */
static struct slice joined(const struct merge *m, const struct schema_field *field)
{
	struct buffer out = { .arena = m->req->arena };

	for (size_t i = 0; i < m->count; i++) {
		struct slice list = m->records[i]->fields[field->index];
		struct wire_reader reader = wire_reader(list.data, list.len);
		struct wire_field f;

		while (wire_next(&reader, &f)) {
			if (is_in_list(field, (struct slice){ out.data, out.len }, &f))
				continue;
			if (f.type == WIRE_BYTES)
				wire_add_bytes(&out, field->number, f.bytes, f.len);
			else
				wire_add_varint(&out, field->number, f.value);
		}
	}
	return (struct slice){ out.data, out.len };
}

static void choose(struct merge *m, const struct schema_field *field, struct slice value)
{
	m->patch->fields[field->index] = value;
	m->fields[m->field_count++] = field->number;
	buffer_printf(&m->names, "%s%s", m->names.len ? ", " : "", field->json_name);
}

static enum status read_choice(struct merge *m, const struct wire_field *entry, size_t n)
{
	struct request *req = m->req;
	const char *pointer = arena_printf(req->arena, "/fields/%zu", n);
	struct wire_field name = { 0 }, from = { 0 };
	uint8_t id[16];

	wire_find(entry->bytes, entry->len, 1, &name);
	wire_find(entry->bytes, entry->len, 2, &from);
	const struct schema_field *field = schema_field_find(customers()->message, name.bytes, name.len);

	if (!can_choose(field) || m->field_count == FIELDS_MAX - 1)
		return fail_field(req, arena_printf(req->arena, "%s/field", pointer), MSG_UNKNOWN_FIELD,
			arena_strndup(req->arena, name.bytes, name.len), "", NULL);
	if (field->repeated && from.len == 1 && *from.bytes == '*') {
		choose(m, field, joined(m, field));
		return OK;
	}
	for (size_t i = 0; uuid_from_text(from.bytes, from.len, id) && i < m->count; i++)
		if (!memcmp(m->ids[i], id, 16)) {
			choose(m, field, m->records[i]->fields[field->index]);
			return OK;
		}
	return fail_field(req, arena_printf(req->arena, "%s/fromId", pointer), MSG_MERGE_CHOICE, NULL);
}

/* A survivor whose parent becomes part of it would stand above itself. */
static void drop_parent(struct merge *m)
{
	const struct schema_field *parent = schema_field_by_number(customers()->message, CUSTOMER_PARENT);
	bool chosen = false;

	for (size_t i = 0; i < m->field_count; i++)
		chosen |= m->fields[i] == CUSTOMER_PARENT;
	const struct record *from = chosen ? m->patch : m->records[0];

	if (!record_has(from, CUSTOMER_PARENT) || !has_id(m, record_uuid(from, CUSTOMER_PARENT)))
		return;
	if (chosen)
		m->patch->fields[parent->index] = (struct slice){ 0 };
	else
		choose(m, parent, (struct slice){ 0 });
}

static enum status read_choices(struct merge *m)
{
	struct wire_reader reader = wire_reader(m->req->body, m->req->body_len);
	struct wire_field f;
	enum status status = OK;
	size_t n = 0;

	m->patch = record_new(customers(), m->req->arena);
	while (wire_next(&reader, &f))
		if (f.number == 3 && read_choice(m, &f, n++) != OK)
			status = INVALID;
	TRY(status);
	drop_parent(m);
	return validate_update(m->req, m->patch, m->fields, m->field_count);
}

/* --- doing it */

static enum status absorb_others(struct merge *m)
{
	const uint32_t fields[] = { CUSTOMER_MERGED_INTO };
	struct record *after;

	for (size_t i = 1; i < m->count; i++) {
		struct record *patch = record_new(customers(), m->req->arena);

		record_set_uuid(patch, CUSTOMER_MERGED_INTO, m->ids[0]);
		TRY(engine_change(m->req, VERB_DELETE, customers(), m->ids[i], patch, fields, 1, &after));
	}
	return OK;
}

static void bind_record(struct db_params *params, const struct record *record)
{
	struct buffer out = { .arena = params->arena };

	record_encode(record, &out);
	db_bind(params, out.data, out.len);
}

static enum status keep_merge(struct merge *m, const struct record *after)
{
	static const struct db_statement keep = {
		"UPDATE merge SET before = $2::bytea, after = $3::bytea WHERE id = $1::uuid"
	};
	const struct schema_resource *merges = schema_resource_find("merges");
	struct record *kept, *merge = record_new(merges, m->req->arena);
	struct buffer others = { .arena = m->req->arena };
	struct db_params params = { .arena = m->req->arena };
	char id[37];

	for (size_t i = 1; i < m->count; i++) {
		uuid_to_text(m->ids[i], id);
		wire_add_text(&others, MERGE_OTHERS, id);
	}
	record_set_uuid(merge, MERGE_CUSTOMER, m->ids[0]);
	record_set_wire(merge, MERGE_OTHERS, (struct slice){ others.data, others.len });
	if (m->names.len)
		record_set_text(merge, MERGE_FIELDS, m->names.data);
	for (uint32_t n = STANDARD_OWNER_ID; n <= STANDARD_TEAM_ID; n++)
		if (record_has(after, n))
			record_set_uuid(merge, n, record_uuid(after, n));
	TRY(engine_create(m->req, merges, merge, &kept));
	db_bind_uuid(&params, record_uuid(kept, STANDARD_ID));
	bind_record(&params, m->records[0]);
	bind_record(&params, after);
	return db_run(m->req->db, m->req->arena, &keep, &params, NULL);
}

/* Pairs among these customers: the service answers for them, whoever may see them. */
static enum status mark_pairs(struct merge *m, int64_t from, int64_t to)
{
	static const struct db_statement pairs = { "SELECT id FROM duplicate WHERE delete_time IS NULL AND "
						   "customer_id = ANY ($1::uuid[]) AND other_id = ANY "
						   "($1::uuid[]) AND state = $2::int ORDER BY id" };
	const struct schema_resource *duplicates = schema_resource_find("duplicates");
	const uint32_t fields[] = { DUPLICATE_STATE };
	struct principal *who = m->req->principal;
	struct db_params params = { .arena = m->req->arena };
	struct record *after;
	enum status status = OK;
	PGresult *rows;

	db_bind_uuids(&params, m->ids, m->count, 16);
	db_bind_int4(&params, (int32_t)from);
	TRY(db_run(m->req->db, m->req->arena, &pairs, &params, &rows));
	m->req->principal = &principal_system;
	for (int row = 0; row < PQntuples(rows) && status == OK; row++) {
		struct record *patch = record_new(duplicates, m->req->arena);

		record_set_number(patch, DUPLICATE_STATE, to);
		status = engine_update(m->req, duplicates, (const uint8_t *)db_bytes(rows, row, 0).data,
			patch, fields, 1, &after);
	}
	m->req->principal = who;
	return status;
}

static void answer(struct request *req, const struct record *record)
{
	struct buffer out = { .arena = req->arena };

	record_encode(record, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->version = (uint64_t)record_number(record, STANDARD_VERSION);
	req->created_id = record_text(record, STANDARD_ID);
}

enum status merge_customers(struct request *req)
{
	struct merge *m = arena_zalloc(req->arena, sizeof *m);
	struct record *after;

	m->req = req;
	m->names.arena = req->arena;
	TRY(read_ids(m));
	TRY(lock_all(m));
	TRY(read_choices(m));
	TRY(mark_pairs(m, STATE_OPEN, STATE_MERGED));
	TRY(absorb_others(m)); /* first: the survivor may take a value that only one record may have */
	TRY(engine_update(req, customers(), m->ids[0], m->patch, m->fields, m->field_count, &after));
	TRY(keep_merge(m, after));
	answer(req, after);
	return OK;
}

/* --- undoing it */

struct undo {
	uint8_t id[16];
	struct record *before, *after; /* of the survivor, at the merge */
};

static enum status find_merge(struct merge *m, struct undo *undo)
{
	static const struct db_statement find = {
		"SELECT id, before, after, (SELECT array_to_string(json_texts(other_ids), ',')) FROM merge "
		"WHERE customer_id ="
		" $1::uuid AND undo_time IS NULL AND before IS NOT NULL AND ($2::text IS NULL OR id::text = "
		"$2::text)"
		" ORDER BY create_time DESC, id DESC LIMIT 1 FOR UPDATE"
	};
	struct request *req = m->req;
	struct db_params params = { .arena = req->arena };
	struct wire_field f;
	PGresult *rows;

	db_bind_uuid(&params, m->ids[0]);
	db_bind_text(&params, wire_find(req->body, req->body_len, 2, &f)
				      ? arena_strndup(req->arena, f.bytes, f.len)
				      : NULL);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	if (!PQntuples(rows))
		return fail(req, CONFLICT, MSG_NOTHING_TO_UNMERGE, NULL);
	struct slice before = db_bytes(rows, 0, 1), after = db_bytes(rows, 0, 2);

	memcpy(undo->id, db_bytes(rows, 0, 0).data, 16);
	undo->before = record_new(customers(), req->arena);
	undo->after = record_new(customers(), req->arena);
	if (!record_parse(undo->before, before.data, before.len) ||
		!record_parse(undo->after, after.data, after.len))
		return INTERNAL;
	for (char *rest, *part = strtok_r(arena_strdup(req->arena, db_bytes(rows, 0, 3).data), ",", &rest);
		part && m->count <= OTHERS_MAX; part = strtok_r(NULL, ",", &rest))
		if (uuid_from_text(part, strlen(part), m->ids[m->count]))
			m->count++;
	return OK;
}

static bool same(struct slice a, struct slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

/* What only one record may have goes back before the others take it up again; what refers to one of them,
 * once they are there. */
static enum status give_back_fields(
	struct merge *m, const struct undo *undo, bool references, struct record **after_out)
{
	const struct schema_message *message = customers()->message;

	m->patch = record_new(customers(), m->req->arena);
	m->field_count = 0;
	for (size_t i = 0; i < message->count; i++) {
		const struct schema_field *field = &message->fields[i];
		struct slice before = undo->before->fields[i], after = undo->after->fields[i];

		if (can_choose(field) && (field->reference == customers()) == references &&
			!same(before, after) && same(after, m->records[0]->fields[i]))
			choose(m, field, before);
	}
	return engine_update(m->req, customers(), m->ids[0], m->patch, m->fields, m->field_count, after_out);
}

static enum status bring_back_others(struct merge *m)
{
	const uint32_t fields[] = { CUSTOMER_MERGED_INTO };
	struct record *after;

	for (size_t i = 1; i < m->count; i++)
		TRY(engine_change(m->req, VERB_RESTORE, customers(), m->ids[i],
			record_new(customers(), m->req->arena), fields, 1, &after));
	return OK;
}

static enum status note_undone(struct merge *m, const struct undo *undo)
{
	const struct schema_resource *merges = schema_resource_find("merges");
	const uint32_t fields[] = { MERGE_UNDO_TIME };
	struct record *after, *patch = record_new(merges, m->req->arena);

	record_set_time(patch, MERGE_UNDO_TIME, (int64_t)time(NULL) * 1000000);
	return engine_update(m->req, merges, undo->id, patch, fields, 1, &after);
}

enum status merge_undo(struct request *req)
{
	struct merge *m = arena_zalloc(req->arena, sizeof *m);
	struct undo undo;
	struct record *after;

	m->req = req;
	m->names.arena = req->arena;
	TRY(read_survivor(m));
	TRY(engine_get_locked(req, customers(), m->ids[0], &m->records[0]));
	TRY(find_merge(m, &undo));
	TRY(give_back_fields(m, &undo, false, &after));
	TRY(bring_back_others(m));
	TRY(give_back_fields(m, &undo, true, &after));
	TRY(note_undone(m, &undo));
	TRY(mark_pairs(m, STATE_MERGED, STATE_OPEN));
	answer(req, after);
	return OK;
}
