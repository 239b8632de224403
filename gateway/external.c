/* Records by the key that another system knows them by: services/kit/external.h. */
#include "gateway/body.h"
#include "gateway/endpoint.h"
#include "gateway/external.h"
#include "gateway/standard.h"
#include <string.h>

enum { SYSTEM_MAX = 32, KEY_BYTES_MAX = 200 };
/* guanxi.ExternalRequest */
enum request_field {
	FIELD_SYSTEM = 1,
	FIELD_KEY,
	FIELD_IF_VERSION,
	FIELD_ONLY_NEW,
	FIELD_ONLY_EXISTING,
	FIELD_RESOURCE,
	FIELD_FIELDS
};

static bool is_system(const char *text)
{
	size_t len = strlen(text);

	return len && len <= SYSTEM_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

static bool decode_part(struct call *call, struct http_slice part, const char **text_out)
{
	char *text = arena_alloc(call->arena, part.size + 1);
	size_t size;

	if (!http_percent_decode(part, false, text, &size) || memchr(text, '\0', size))
		return false;
	text[size] = '\0';
	*text_out = text;
	return true;
}

/* The path's last two segments. */
static enum progress read_path(struct call *call)
{
	struct http_slice path = call->x->head->path;
	const char *slash = memrchr(path.data, '/', path.size);
	const char *before = memrchr(path.data, '/', (size_t)(slash - path.data)) + 1;
	const char *system, *key;

	if (!decode_part(call, (struct http_slice){ before, (size_t)(slash - before) }, &system) ||
		!is_system(system))
		return call_fail_at(call, "/system", MSG_BAD_EXTERNAL_SYSTEM, NULL, NULL);
	if (!decode_part(call, (struct http_slice){ slash + 1, (size_t)(path.data + path.size - slash - 1) },
		    &key) ||
		strlen(key) > KEY_BYTES_MAX)
		return call_fail_at(call, "/key", MSG_BAD_EXTERNAL_KEY, "200", NULL);
	wire_add_text(&call->request, FIELD_SYSTEM, system);
	wire_add_text(&call->request, FIELD_KEY, key);
	return GO_ON;
}

/* If-Match: a version, or * for whatever there is. If-None-Match: * for only when there is none. */
static enum progress read_conditions(struct call *call)
{
	struct http_slice match = http_head_get(call->x->head, HTTP_IF_MATCH),
			  none = http_head_get(call->x->head, HTTP_IF_NONE_MATCH);

	if (body_read_if_match(call) == FAILED)
		return FAILED;
	if (none.data && !http_slice_equals(none, "*"))
		return call_fail(call, INVALID, MSG_BAD_IF_NONE_MATCH, NULL);
	if (call->if_version)
		wire_add_varint(&call->request, FIELD_IF_VERSION, call->if_version);
	if (none.data)
		wire_add_varint(&call->request, FIELD_ONLY_NEW, 1);
	if (match.data && !call->if_version)
		wire_add_varint(&call->request, FIELD_ONLY_EXISTING, 1);
	return GO_ON;
}

static enum progress decode_put(struct call *call)
{
	struct json_result result;

	if (body_refuse_query(call) == FAILED || read_path(call) == FAILED ||
		read_conditions(call) == FAILED ||
		body_read_json(call, call->route->resource->message, JSON_PATCH, &result) == FAILED)
		return FAILED;
	wire_add_bytes(&call->request, FIELD_RESOURCE, result.wire.data, result.wire.len);
	for (size_t i = 0; i < result.field_count; i++)
		wire_add_varint(&call->request, FIELD_FIELDS, result.fields[i]);
	return GO_ON;
}

static enum progress decode_key(struct call *call)
{
	return body_refuse_query(call) == FAILED || body_refuse_any(call) == FAILED ? FAILED
										    : read_path(call);
}

static enum progress encode_put(struct call *call)
{
	if (call->created_id)
		standard_add_location(call, call->route->resource);
	return standard_encode_record(call, call->route->resource->message, call->created_id ? 201 : 200);
}

static enum progress encode_get(struct call *call)
{
	return standard_encode_record(call, call->route->resource->message, 200);
}

static enum progress encode_deleted(struct call *call)
{
	call->http_status = 204;
	call_add_header(call, "Cache-Control", "no-store");
	return GO_ON;
}

#define PATH "/external/{system}/{key}"
enum { READ_MS = 5000, WORK_MS = 10000 };

/* Sent again, a PUT has the same effect, so a lost answer is no reason to ask. */
const struct standard_endpoint external_endpoints[] = {
	{ { "putExternal", decode_put, NULL, encode_put, WORK_MS, .idempotent = true }, HTTP_PUT, PATH,
		"work", true },
	{ { "getExternal", decode_key, NULL, encode_get, READ_MS, .idempotent = true }, HTTP_GET, PATH,
		"read", false },
	{ { "deleteExternal", decode_key, NULL, encode_deleted, WORK_MS }, HTTP_DELETE, PATH, "work", true },
};
const size_t external_endpoint_count = sizeof external_endpoints / sizeof *external_endpoints;
