#include "gateway/bulk.h"
#include "gateway/body.h"
#include "gateway/list_query.h"
#include "gateway/standard.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields of the messages in proto/guanxi/envelope.proto. */
enum request_field {
	BULK_IDS = 16,
	BULK_ALL,
	BULK_VERB,
	BULK_SET,
	BULK_FIELDS,
	BULK_ADD,
	BULK_REMOVE,
	BULK_DRY_RUN,
	BULK_QUERY
};
enum reply_field { REPLY_JOB = 1, REPLY_PREVIEW };
enum preview_field {
	PREVIEW_TOTAL = 1,
	PREVIEW_BOUND,
	PREVIEW_CHECKED,
	PREVIEW_CHANGED,
	PREVIEW_REFUSED,
	PREVIEW_ROWS
};
enum row_field { ROW_BEFORE = 1, ROW_AFTER, ROW_PROBLEM };

enum { IDS_MAX = 1000 };

/* --- to the service --- */

static enum progress wrong_type(struct call *call, const char *pointer, enum message wanted)
{
	return call_fail_at(call, pointer, MSG_BAD_TYPE, problem_message(call->arena, wanted), NULL);
}

/* A record, or part of one, read by the definition; what is wrong with it is told under its name. */
static enum progress read_record(
	struct call *call, const char *name, json_t *value, uint32_t number, bool is_patch)
{
	struct json_result result;
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	enum status status = json_to_wire(call->route->resource->message, text, strlen(text),
		is_patch ? JSON_PATCH : JSON_PLAIN, call->arena, &result);

	free(text);
	for (size_t i = 0; status != OK && i < result.problem->error_count; i++)
		result.problem->errors[i].pointer =
			arena_printf(call->arena, "/change/%s%s", name, result.problem->errors[i].pointer);
	if (status != OK) {
		call->status = status;
		call->problem = result.problem;
		return FAILED;
	}
	wire_add_bytes(&call->request, number, result.wire.data, result.wire.len);
	for (size_t i = 0; is_patch && i < result.field_count; i++)
		wire_add_varint(&call->request, BULK_FIELDS, result.fields[i]);
	return GO_ON;
}

static enum progress read_change(struct call *call, json_t *change, uint32_t number)
{
	static const struct {
		const char *name;
		uint32_t number;
	} parts[] = { { "set", BULK_SET }, { "add", BULK_ADD }, { "remove", BULK_REMOVE } };
	const char *name;
	json_t *value;

	(void)number;
	if (!json_is_object(change))
		return wrong_type(call, "/change", MSG_TYPE_OBJECT);
	json_object_foreach(change, name, value)
	{
		size_t i = 0;

		while (i < 3 && strcmp(parts[i].name, name) != 0)
			i++;
		if (i == 3)
			return call_fail_at(call, arena_printf(call->arena, "/change/%s", name),
				MSG_UNKNOWN_FIELD, name, "set, add, remove");
		if (read_record(call, name, value, parts[i].number, i == 0) == FAILED)
			return FAILED;
	}
	wire_add_text(&call->request, BULK_VERB, "update");
	return GO_ON;
}

static enum progress read_ids(struct call *call, json_t *ids, uint32_t number)
{
	size_t i;
	json_t *id;

	if (!json_is_array(ids))
		return wrong_type(call, "/ids", MSG_TYPE_LIST);
	if (json_array_size(ids) > IDS_MAX)
		return call_fail_at(call, "/ids", MSG_TOO_MANY, "1000", NULL);
	json_array_foreach(ids, i, id)
	{
		if (!json_is_string(id))
			return wrong_type(call, arena_printf(call->arena, "/ids/%zu", i), MSG_TYPE_TEXT);
		wire_add_text(&call->request, number, json_string_value(id));
	}
	return GO_ON;
}

static enum progress read_flag(struct call *call, json_t *value, uint32_t number)
{
	if (!json_is_boolean(value))
		return wrong_type(call, number == BULK_ALL ? "/all" : "/dryRun", MSG_TYPE_BOOL);
	wire_add_varint(&call->request, number, json_is_true(value));
	return GO_ON;
}

static enum progress read_delete(struct call *call, json_t *value, uint32_t number)
{
	if (!json_is_boolean(value))
		return wrong_type(call, "/delete", MSG_TYPE_BOOL);
	if (json_is_true(value))
		wire_add_text(&call->request, number, "delete");
	return GO_ON;
}

static enum progress read_restore(struct call *call, json_t *value, uint32_t number)
{
	if (!json_is_boolean(value))
		return wrong_type(call, "/restore", MSG_TYPE_BOOL);
	if (json_is_true(value))
		wire_add_text(&call->request, number, "restore");
	return GO_ON;
}

static const struct member {
	const char *name;
	enum progress (*read)(struct call *call, json_t *value, uint32_t number);
	uint32_t number;
	bool is_verb; /* of these there is one */
} members[] = {
	{ "ids", read_ids, BULK_IDS, false },
	{ "all", read_flag, BULK_ALL, false },
	{ "change", read_change, BULK_VERB, true },
	{ "delete", read_delete, BULK_VERB, true },
	{ "restore", read_restore, BULK_VERB, true },
	{ "dryRun", read_flag, BULK_DRY_RUN, false },
};

static const struct member *find_member(const char *name)
{
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (!strcmp(members[i].name, name))
			return &members[i];
	return NULL;
}

static enum progress read_members(struct call *call, json_t *body)
{
	const char *name;
	json_t *value;
	int verbs = 0;

	json_object_foreach(body, name, value)
	{
		const struct member *member = find_member(name);

		if (!member)
			return call_fail_at(call, arena_printf(call->arena, "/%s", name), MSG_UNKNOWN_FIELD,
				name, "ids, all, change, delete, restore, dryRun");
		if (json_is_null(value) || json_is_false(value))
			continue;
		verbs += member->is_verb;
		if (member->read(call, value, member->number) == FAILED)
			return FAILED;
	}
	return verbs == 1 ? GO_ON : call_fail(call, INVALID, MSG_BULK_NOTHING, NULL);
}

static enum progress read_body(struct call *call)
{
	json_t *body;

	if (body_read_tree(call, &body) == FAILED)
		return FAILED;
	return read_members(call, body);
}

enum progress bulk_decode(struct call *call)
{
	struct http_slice query = call->x->head->query;

	if (body_read_key(call) == FAILED || selection_query_decode(call) == FAILED ||
		read_body(call) == FAILED)
		return FAILED;
	if (query.size)
		wire_add_bytes(&call->request, BULK_QUERY, query.data, query.size);
	return GO_ON;
}

/* --- from the service --- */

static enum progress add_record(struct call *call, const char *name, const struct wire_field *f)
{
	buffer_printf(&call->body, ",\"%s\":", name);
	if (!json_from_wire(call->route->resource->message, f->bytes, f->len, NULL, &call->body))
		return standard_bad_reply(call);
	return GO_ON;
}

static enum progress add_problem(struct call *call, const struct wire_field *f)
{
	struct problem *problem;

	if (!problem_from_wire(f->bytes, f->len, call->arena, &problem))
		return standard_bad_reply(call);
	const char *reason = problem->error_count
				     ? problem_error_text(&problem->errors[0], call->language, call->arena)
				     : problem_text(problem, call->language, call->arena);

	buffer_add_text(&call->body, ",\"refused\":");
	json_add_string(&call->body, reason, strlen(reason));
	return GO_ON;
}

static enum progress add_row(struct call *call, const struct wire_field *row)
{
	struct wire_field f;
	size_t begun = call->body.len;

	if (wire_find(row->bytes, row->len, ROW_BEFORE, &f) && add_record(call, "before", &f) == FAILED)
		return FAILED;
	if (wire_find(row->bytes, row->len, ROW_AFTER, &f) && add_record(call, "after", &f) == FAILED)
		return FAILED;
	if (wire_find(row->bytes, row->len, ROW_PROBLEM, &f) && add_problem(call, &f) == FAILED)
		return FAILED;
	if (call->body.len > begun)
		call->body.data[begun] = '{';
	else
		buffer_add_text(&call->body, "{");
	buffer_add_text(&call->body, "}");
	return GO_ON;
}

static enum progress encode_preview(struct call *call, const struct wire_field *preview)
{
	struct wire_reader reader = wire_reader(preview->bytes, preview->len);
	struct wire_field f;
	uint64_t numbers[PREVIEW_ROWS] = { 0 };
	const char *comma = "";

	call->http_status = 200;
	buffer_add_text(&call->body, "{\"rows\":[");
	while (wire_next(&reader, &f)) {
		if (f.number < PREVIEW_ROWS)
			numbers[f.number] = f.value;
		if (f.number != PREVIEW_ROWS || f.type != WIRE_BYTES)
			continue;
		buffer_add_text(&call->body, comma);
		if (add_row(call, &f) == FAILED)
			return FAILED;
		comma = ",";
	}
	buffer_printf(&call->body,
		"],\"total\":\"%llu\"%s,\"checked\":%llu,\"changed\":%llu,\"refused\":%llu}",
		(unsigned long long)numbers[PREVIEW_TOTAL],
		numbers[PREVIEW_BOUND] ? ",\"totalIsBound\":true" : "",
		(unsigned long long)numbers[PREVIEW_CHECKED], (unsigned long long)numbers[PREVIEW_CHANGED],
		(unsigned long long)numbers[PREVIEW_REFUSED]);
	return reader.failed ? standard_bad_reply(call) : GO_ON;
}

enum progress bulk_encode(struct call *call)
{
	const struct schema_resource *jobs = schema_resource_find("jobs");
	struct wire_field f;

	call->content_type = "application/json";
	if (wire_find(call->reply.data, call->reply.len, REPLY_PREVIEW, &f) && f.type == WIRE_BYTES) {
		call_add_header(call, "Cache-Control", "no-store");
		return encode_preview(call, &f);
	}
	if (!wire_find(call->reply.data, call->reply.len, REPLY_JOB, &f) || f.type != WIRE_BYTES)
		return standard_bad_reply(call);
	call->reply = (struct slice){ f.bytes, f.len };
	standard_add_location(call, jobs);
	return standard_encode_record(call, jobs->message, 202);
}

/* --- documentation --- */

static json_t *ref(const struct schema_resource *resource, const char *suffix)
{
	char path[160];

	snprintf(path, sizeof path, "#/components/schemas/%s%s", resource->message->name, suffix);
	return json_pack("{s:s}", "$ref", path);
}

static json_t *flag(const char *description)
{
	return json_pack("{s:s,s:s}", "type", "boolean", "description", description);
}

json_t *bulk_body_schema(const struct schema_resource *resource)
{
	json_t *change = json_pack("{s:s,s:b,s:{s:o,s:o,s:o}}", "type", "object", "additionalProperties", 0,
		"properties", "set", ref(resource, "Patch"), "add", ref(resource, "Patch"), "remove",
		ref(resource, "Patch"));

	json_object_set_new(change, "description",
		json_string("set: fields get these values, null clears. add, remove: values join lists, or "
			    "leave them."));
	return json_pack("{s:s,s:b,s:{s:{s:s,s:i,s:{s:s,s:s},s:s},s:o,s:o,s:o,s:o,s:o}}", "type", "object",
		"additionalProperties", 0, "properties", "ids", "type", "array", "maxItems", IDS_MAX, "items",
		"type", "string", "format", "uuid", "description", "Instead of conditions in the address.",
		"all", flag("Without ids and conditions: every record of the collection is meant."), "change",
		change, "delete", flag("Delete them."), "restore",
		flag("Restore them; looks among the deleted."), "dryRun",
		flag("Answers what would happen, with examples, and does nothing."));
}

json_t *bulk_preview_schema(const struct schema_resource *resource)
{
	json_t *row = json_pack("{s:s,s:{s:o,s:o,s:{s:s}}}", "type", "object", "properties", "before",
		ref(resource, ""), "after", ref(resource, ""), "refused", "type", "string");

	return json_pack("{s:s,s:{s:{s:s},s:{s:s},s:{s:s},s:{s:s},s:{s:s},s:{s:s,s:o}}}", "type", "object",
		"properties", "total", "type", "string", "totalIsBound", "type", "boolean", "checked", "type",
		"integer", "changed", "type", "integer", "refused", "type", "integer", "rows", "type",
		"array", "items", row);
}
