/* The standard methods of every resource: between HTTP and the messages of proto/guanxi/envelope.proto. */
#include "gateway/batch.h"
#include "gateway/body.h"
#include "gateway/bulk.h"
#include "gateway/endpoint.h"
#include "gateway/expand.h"
#include "gateway/list_query.h"
#include "gateway/search_body.h"
#include "gateway/standard.h"
#include "kit/event_json.h"
#include <string.h>
#include <strings.h>

enum { READ_MS = 5000, WRITE_MS = 10000, QUERY_MS = 15000, BATCH_MS = 30000, WORK_MS = 30000 };

/* Fields of the messages in proto/guanxi/envelope.proto. */
enum create_field { CREATE_RESOURCE = 1 };
enum update_field { UPDATE_ID = 1, UPDATE_IF_VERSION, UPDATE_RESOURCE, UPDATE_FIELDS };
enum delete_field { DELETE_ID = 1, DELETE_IF_VERSION };
enum list_field { LIST_ITEMS = 1, LIST_NEXT, LIST_TOTAL, LIST_TOTAL_IS_BOUND };
enum aggregate_field {
	AGGREGATE_GROUP = 2,
	AGGREGATE_MEASURE = 5,
	AGGREGATE_GROUPS = 1,
	AGGREGATE_MORE = 2,
	GROUP_KEYS = 1,
	GROUP_VALUES = 2,
	VALUE_TEXT = 1
};
enum history_field { HISTORY_EVENTS = 1, HISTORY_NEXT };

/* --- to the service --- */

/* A text that cannot be an id names no record. */
static enum progress check_id(struct call *call)
{
	uint8_t id[16];

	if (!uuid_from_text(call->id, strlen(call->id), id))
		return call_fail(call, NOT_FOUND, MSG_NOT_FOUND, NULL);
	return GO_ON;
}

static enum progress decode_get(struct call *call)
{
	return check_id(call) == FAILED ? FAILED : get_query_decode(call);
}

static enum progress decode_create(struct call *call)
{
	struct json_result result;

	if (body_refuse_query(call) == FAILED || body_read_key(call) == FAILED ||
		body_read_json(call, call->route->resource->message, JSON_CREATE, &result) == FAILED)
		return FAILED;
	wire_add_bytes(&call->request, CREATE_RESOURCE, result.wire.data, result.wire.len);
	return GO_ON;
}

static enum progress decode_update(struct call *call)
{
	struct json_result result;

	if (check_id(call) == FAILED || body_refuse_query(call) == FAILED ||
		body_read_if_match(call) == FAILED || body_read_key(call) == FAILED ||
		body_read_json(call, call->route->resource->message, JSON_PATCH, &result) == FAILED)
		return FAILED;
	wire_add_text(&call->request, UPDATE_ID, call->id);
	if (call->if_version)
		wire_add_varint(&call->request, UPDATE_IF_VERSION, call->if_version);
	wire_add_bytes(&call->request, UPDATE_RESOURCE, result.wire.data, result.wire.len);
	for (size_t i = 0; i < result.field_count; i++)
		wire_add_varint(&call->request, UPDATE_FIELDS, result.fields[i]);
	return GO_ON;
}

/* Also of restore. */
static enum progress decode_delete(struct call *call)
{
	if (check_id(call) == FAILED || body_refuse_query(call) == FAILED ||
		body_refuse_any(call) == FAILED || body_read_if_match(call) == FAILED ||
		body_read_key(call) == FAILED)
		return FAILED;
	wire_add_text(&call->request, DELETE_ID, call->id);
	if (call->if_version)
		wire_add_varint(&call->request, DELETE_IF_VERSION, call->if_version);
	return GO_ON;
}

static enum progress decode_history(struct call *call)
{
	return check_id(call) == FAILED ? FAILED : history_query_decode(call);
}

/* --- from the service --- */

enum progress standard_bad_reply(struct call *call)
{
	return call_fail(call, INTERNAL, MSG_INTERNAL, NULL);
}

static const char *etag_of(struct call *call)
{
	return arena_printf(call->arena, "\"%llu\"", (unsigned long long)call->version);
}

/* The client has this version already. */
static bool is_known(struct call *call, const char *etag)
{
	struct http_slice list = http_head_get(call->x->head, HTTP_IF_NONE_MATCH);

	return list.data && http_etag_matches(list, (struct http_slice){ etag, strlen(etag) }, true);
}

enum progress standard_encode_record(
	struct call *call, const struct schema_message *message, unsigned http_status)
{
	enum http_method method = call->x->head->method;
	const char *etag = call->version ? etag_of(call) : NULL;
	bool reading = method == HTTP_GET || method == HTTP_HEAD;

	call->http_status = http_status;
	if (etag)
		call_add_header(call, "ETag", etag);
	call_add_header(call, "Cache-Control", reading ? "private, no-cache" : "no-store");
	/* What is expanded beside it may have changed alone. */
	if (reading && etag && !call->expand && is_known(call, etag)) {
		call->http_status = 304;
		return GO_ON;
	}
	call->content_type = "application/json";
	if (!json_from_wire(message, call->reply.data, call->reply.len, NULL, &call->body))
		return standard_bad_reply(call);
	if (call->expand) {
		call->body.len--; /* its closing brace */
		expand_append(call);
		buffer_add_text(&call->body, "}");
	}
	return GO_ON;
}

/* Of a record that became part of another, that one is told: where it is, the client learns from the header.
 */
static void add_content_location(struct call *call)
{
	struct wire_field id;

	if (!call->id || !wire_find(call->reply.data, call->reply.len, STANDARD_ID, &id) ||
		id.type != WIRE_BYTES ||
		(strlen(call->id) == id.len && !strncasecmp(call->id, id.bytes, id.len)))
		return;
	call_add_header(call, "Content-Location",
		arena_printf(call->arena, "/api/v1/%s/%.*s", call->route->resource->collection, (int)id.len,
			id.bytes));
}

static enum progress encode_record(struct call *call)
{
	add_content_location(call);
	return standard_encode_record(call, call->route->resource->message, 200);
}

void standard_add_location(struct call *call, const struct schema_resource *resource)
{
	if (call->created_id)
		call_add_header(call, "Location",
			arena_printf(call->arena, "/api/v1/%s/%s", resource->collection, call->created_id));
}

static enum progress encode_created(struct call *call)
{
	standard_add_location(call, call->route->resource);
	return standard_encode_record(call, call->route->resource->message, 201);
}

static enum progress encode_nothing(struct call *call)
{
	call->http_status = 204;
	call_add_header(call, "Cache-Control", "no-store");
	return GO_ON;
}

static void begin_page(struct call *call)
{
	call->http_status = 200;
	call->content_type = "application/json";
	call_add_header(call, "Cache-Control", "private, no-cache");
	buffer_add_text(&call->body, "{\"data\":[");
}

struct page {
	struct slice next;
	uint64_t total;
	bool has_total, total_is_bound;
};

static void end_page(struct call *call, const struct page *page)
{
	const char *comma = "";

	buffer_add_text(&call->body, "],\"page\":{");
	if (page->next.data) {
		buffer_add_text(&call->body, "\"next\":");
		json_add_string(&call->body, page->next.data, page->next.len);
		comma = ",";
	}
	if (page->has_total)
		buffer_printf(&call->body, "%s\"total\":\"%llu\"%s", comma, (unsigned long long)page->total,
			page->total_is_bound ? ",\"totalIsBound\":true" : "");
	buffer_add_text(&call->body, "}");
	expand_append(call);
	buffer_add_text(&call->body, "}");
}

static enum progress encode_list(struct call *call)
{
	struct wire_reader reader = wire_reader(call->reply.data, call->reply.len);
	struct page page = { { NULL, 0 }, 0, false, false };
	struct wire_field f;
	size_t items = 0;

	begin_page(call);
	while (wire_next(&reader, &f)) {
		if (f.number == LIST_ITEMS && f.type == WIRE_BYTES) {
			if (items++)
				buffer_add_text(&call->body, ",");
			if (!json_from_wire(
				    call->route->resource->message, f.bytes, f.len, call->only, &call->body))
				return standard_bad_reply(call);
		} else if (f.number == LIST_NEXT && f.type == WIRE_BYTES) {
			page.next = (struct slice){ f.bytes, f.len };
		} else if (f.number == LIST_TOTAL && f.type == WIRE_VARINT) {
			page.total = f.value;
			page.has_total = true;
		} else if (f.number == LIST_TOTAL_IS_BOUND && f.type == WIRE_VARINT) {
			page.total_is_bound = f.value;
		}
	}
	end_page(call, &page);
	return reader.failed ? standard_bad_reply(call) : GO_ON;
}

/* The texts of a request's repeated field, as the members of each group are named. */
static struct slice nth_text(struct call *call, uint32_t number, size_t n, const char *fallback)
{
	struct wire_reader reader = wire_reader(call->request.data, call->request.len);
	struct wire_field f;

	while (wire_next(&reader, &f))
		if (f.number == number && f.type == WIRE_BYTES && !n--)
			return (struct slice){ f.bytes, f.len };
	return (struct slice){ fallback, strlen(fallback) };
}

/* "createTime:month" is named createTime. */
static struct slice group_name(struct call *call, size_t n)
{
	struct slice name = nth_text(call, AGGREGATE_GROUP, n, "");
	const char *colon = memchr(name.data, ':', name.len);

	return (struct slice){ name.data, colon ? (size_t)(colon - name.data) : name.len };
}

static void add_value(struct call *call, const struct schema_field *field, struct slice value)
{
	struct wire_field text;

	if (!wire_find(value.data, value.len, VALUE_TEXT, &text))
		buffer_add_text(&call->body, "null");
	else if (field && field->type == FIELD_BOOL)
		buffer_add(&call->body, text.bytes, text.len);
	else
		json_add_string(&call->body, text.bytes, text.len);
}

static void add_values(struct call *call, struct slice group, uint32_t number)
{
	struct wire_reader reader = wire_reader(group.data, group.len);
	struct wire_field f;
	size_t n = 0;

	while (wire_next(&reader, &f)) {
		if (f.number != number || f.type != WIRE_BYTES)
			continue;
		struct slice name = number == GROUP_KEYS ? group_name(call, n)
							 : nth_text(call, AGGREGATE_MEASURE, n, "count");
		const struct schema_field *field =
			number == GROUP_KEYS
				? schema_field_find(call->route->resource->message, name.data, name.len)
				: NULL;

		buffer_add_text(&call->body, n++ ? "," : "");
		json_add_string(&call->body, name.data, name.len);
		buffer_add_text(&call->body, ":");
		add_value(call, field, (struct slice){ f.bytes, f.len });
	}
}

static enum progress encode_aggregate(struct call *call)
{
	struct wire_reader reader = wire_reader(call->reply.data, call->reply.len);
	struct wire_field f;
	bool more = false;
	const char *comma = "";

	begin_page(call);
	while (wire_next(&reader, &f)) {
		if (f.number == AGGREGATE_GROUPS && f.type == WIRE_BYTES) {
			buffer_printf(&call->body, "%s{\"group\":{", comma);
			add_values(call, (struct slice){ f.bytes, f.len }, GROUP_KEYS);
			buffer_add_text(&call->body, "},\"measures\":{");
			add_values(call, (struct slice){ f.bytes, f.len }, GROUP_VALUES);
			buffer_add_text(&call->body, "}}");
			comma = ",";
		} else if (f.number == AGGREGATE_MORE && f.type == WIRE_VARINT) {
			more = f.value;
		}
	}
	buffer_printf(&call->body, "],\"page\":{\"more\":%s}}", more ? "true" : "false");
	return reader.failed ? standard_bad_reply(call) : GO_ON;
}

static enum progress encode_history(struct call *call)
{
	struct wire_reader reader = wire_reader(call->reply.data, call->reply.len);
	struct page page = { { NULL, 0 }, 0, false, false };
	struct wire_field f;
	size_t items = 0;

	begin_page(call);
	while (wire_next(&reader, &f)) {
		if (f.number == HISTORY_EVENTS && f.type == WIRE_BYTES) {
			struct logged_event event;

			if (!logged_event_read(f.bytes, f.len, call->arena, &event))
				return standard_bad_reply(call);
			if (items++)
				buffer_add_text(&call->body, ",");
			event_json_add_history(&call->body, &event);
		} else if (f.number == HISTORY_NEXT && f.type == WIRE_VARINT) {
			const char *next = arena_printf(call->arena, "%llu", (unsigned long long)f.value);

			page.next = (struct slice){ next, strlen(next) };
		}
	}
	end_page(call, &page);
	return reader.failed ? standard_bad_reply(call) : GO_ON;
}

const struct standard_endpoint standard_endpoints[] = {
	{ { "list", list_query_decode, NULL, encode_list, QUERY_MS, .idempotent = true }, HTTP_GET, "",
		"query", false },
	{ { "search", search_body_decode, NULL, encode_list, QUERY_MS, .idempotent = true }, HTTP_POST,
		":search", "query", false },
	{ { "aggregate", aggregate_query_decode, NULL, encode_aggregate, QUERY_MS, .idempotent = true },
		HTTP_GET, ":aggregate", "query", false },
	{ { "aggregate", aggregate_body_decode, NULL, encode_aggregate, QUERY_MS, .idempotent = true },
		HTTP_POST, ":aggregate", "query", false },
	{ { "batch", batch_decode, NULL, batch_encode, BATCH_MS }, HTTP_POST, ":batch", "write", true,
		.makes = true },
	{ { "create", decode_create, NULL, encode_created, WRITE_MS }, HTTP_POST, "", "write", true,
		.makes = true },
	{ { "get", decode_get, NULL, encode_record, READ_MS, .idempotent = true }, HTTP_GET, "/{id}", "read",
		false },
	{ { "update", decode_update, NULL, encode_record, WRITE_MS }, HTTP_PATCH, "/{id}", "write", true },
	{ { "delete", decode_delete, NULL, encode_nothing, WRITE_MS }, HTTP_DELETE, "/{id}", "write", true,
		.makes = true },
	{ { "restore", decode_delete, NULL, encode_record, WRITE_MS }, HTTP_POST, "/{id}:restore", "write",
		true, .makes = true },
	{ { "bulk", bulk_decode, NULL, bulk_encode, WORK_MS }, HTTP_POST, ":bulk", "work", true,
		.job = true },
	{ { "history", decode_history, NULL, encode_history, QUERY_MS, .idempotent = true }, HTTP_GET,
		"/{id}/history", "query", false },
};
const size_t standard_endpoint_count = sizeof standard_endpoints / sizeof *standard_endpoints;
