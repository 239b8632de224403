#include "kit/undo.h"
#include "kit/db.h"
#include <string.h>

enum event_field { EVENT_TYPE = 4, EVENT_DATA = 6 };
enum change_field { CHANGE_VERSION = 1, CHANGE_FIELDS, CHANGE_BEFORE };

static const struct {
	const char *ending; /* of the event's type */
	enum verb inverse;
} inverses[] = {
	{ ".created.v1", VERB_DELETE },
	{ ".updated.v1", VERB_UPDATE },
	{ ".deleted.v1", VERB_RESTORE },
	{ ".restored.v1", VERB_DELETE },
};

static enum verb inverse_of(const struct wire_field *type)
{
	for (size_t i = 0; i < sizeof inverses / sizeof *inverses; i++) {
		size_t len = strlen(inverses[i].ending);

		if (type->len >= len && !memcmp(type->bytes + type->len - len, inverses[i].ending, len))
			return inverses[i].inverse;
	}
	return VERB_COUNT;
}

/* The fields that people set, of those that a Change names. What services derive, their hooks set anew. */
static size_t fields_set(
	const struct schema_resource *resource, const struct wire_field *change, uint32_t *fields_out)
{
	struct wire_reader reader = wire_reader(change->bytes, change->len);
	struct wire_field f;
	size_t count = 0;

	while (wire_next(&reader, &f)) {
		const struct schema_field *field =
			f.number == CHANGE_FIELDS ? schema_field_find(resource->message, f.bytes, f.len)
						  : NULL;

		if (field && !field->rule->output_only && count < resource->message->count)
			fields_out[count++] = field->number;
	}
	return count;
}

bool undo_of_event(struct request *req, const struct schema_resource *resource, struct slice payload,
	struct change *change_out)
{
	struct wire_field type, data, before, version;
	uint32_t *fields = arena_alloc(req->arena, resource->message->count * sizeof *fields);

	if (!wire_find(payload.data, payload.len, EVENT_TYPE, &type) ||
		!wire_find(payload.data, payload.len, EVENT_DATA, &data) ||
		!wire_find(data.bytes, data.len, CHANGE_VERSION, &version))
		return false;
	change_out->verb = inverse_of(&type);
	change_out->patch = record_new(resource, req->arena);
	change_out->fields = fields;
	change_out->if_version = version.value;
	change_out->field_count = change_out->verb == VERB_UPDATE ? fields_set(resource, &data, fields) : 0;
	return change_out->verb != VERB_COUNT &&
	       (!wire_find(data.bytes, data.len, CHANGE_BEFORE, &before) ||
		       record_parse(change_out->patch, before.bytes, before.len));
}

/* --- what others did since */

static bool is_edit(struct request *req, const struct schema_resource *resource, struct slice payload)
{
	struct change change = { 0 };

	return !undo_of_event(req, resource, payload, &change) || change.verb != VERB_UPDATE ||
	       change.field_count;
}

static void bind_changes(struct db_params *params, const struct change *changes, size_t count)
{
	struct db_array ids, versions;

	db_array_begin(&ids, params->arena, OID_UUID);
	db_array_begin(&versions, params->arena, OID_INT8);
	for (size_t i = 0; i < count; i++) {
		uint64_t version = __builtin_bswap64(changes[i].if_version);

		db_array_add(&ids, changes[i].id, 16);
		db_array_add(&versions, &version, 8);
	}
	db_bind_array(params, &ids);
	db_bind_array(params, &versions);
}

enum status undo_find_edited(struct request *req, const struct schema_resource *resource,
	const struct undo_log *log, struct change *changes, size_t count, bool *edited_out)
{
	/* An event whose payload was redacted may have been an edit. */
	static const struct db_statement find = {
		"SELECT k.n, coalesce(e.payload, '') FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY "
		"AS k(id, "
		"version, n), LATERAL (SELECT payload FROM event_log l WHERE l.subject_id = k.id AND l.pos > "
		"$4::bigint AND l.subject_version > k.version AND l.request_id <> ALL ($3::uuid[])"
		" UNION ALL SELECT payload FROM event_outbox o WHERE o.subject_id = k.id AND "
		"o.subject_version > "
		"k.version AND o.request_id <> ALL ($3::uuid[])) e"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	bind_changes(&params, changes, count);
	db_bind_uuids(&params, log->ours, log->ours_count, 16);
	db_bind_int8(&params, log->above);
	TRY(engine_lock_many(req, resource, changes, count));
	TRY(db_run_by_index(req->db, req->arena, &find, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		int64_t n = db_int8(rows, row, 0) - 1;

		edited_out[n] = edited_out[n] || is_edit(req, resource, db_bytes(rows, row, 1));
	}
	return OK;
}
