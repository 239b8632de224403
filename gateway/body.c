#include "gateway/body.h"
#include "gateway/list_query.h"
#include <jansson.h>
#include <string.h>

enum { KEY_MAX = 255 };

/* The media type without its parameters. */
static struct http_slice media_type(const struct http_head *head)
{
	struct http_slice value = http_head_get(head, HTTP_CONTENT_TYPE);

	if (!value.data)
		return value;
	const char *semicolon = memchr(value.data, ';', value.size);

	if (semicolon)
		value.size = (size_t)(semicolon - value.data);
	while (value.size && (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t'))
		value.size--;
	return value;
}

static enum progress check_type(struct call *call, enum json_mode mode)
{
	struct http_slice type = media_type(call->x->head);

	if (http_head_get(call->x->head, HTTP_CONTENT_ENCODING).data)
		return call_fail(call, UNSUPPORTED, MSG_UNSUPPORTED_MEDIA_TYPE, "application/json", NULL);
	if (http_slice_equals_ignoring_case(type, "application/json"))
		return GO_ON;
	if (mode == JSON_PATCH && http_slice_equals_ignoring_case(type, "application/merge-patch+json"))
		return GO_ON;
	return call_fail(call, UNSUPPORTED, MSG_UNSUPPORTED_MEDIA_TYPE,
		mode == JSON_PATCH ? "application/merge-patch+json, application/json" : "application/json",
		NULL);
}

enum progress body_read_json(struct call *call, const struct schema_message *message, enum json_mode mode,
	struct json_result *result_out)
{
	struct http_slice body = call->x->body;

	if (!body.size && mode == JSON_PLAIN)
		body = HTTP_SLICE("{}");
	else if (check_type(call, mode) == FAILED)
		return FAILED;
	call->status = json_to_wire(message, body.data, body.size, mode, call->arena, result_out);
	call->problem = result_out->problem;
	return call->status == OK ? GO_ON : FAILED;
}

static void free_tree(void *tree)
{
	json_decref(tree);
}

/* The definition's own reader says where JSON is broken: in both languages. */
static enum progress refuse_tree(struct call *call)
{
	struct http_slice body = call->x->body;
	struct json_result result;
	enum status status = json_to_wire(
		call->route->resource->message, body.data, body.size, JSON_PATCH, call->arena, &result);

	if (status == INVALID && !strcmp(result.problem->code, message_code(MSG_JSON_SYNTAX))) {
		call->status = status;
		call->problem = result.problem;
		return FAILED;
	}
	return call_fail_at(call, "", MSG_BAD_TYPE, problem_message(call->arena, MSG_TYPE_OBJECT), NULL);
}

enum progress body_read_tree(struct call *call, struct json_t **tree_out)
{
	struct http_slice body = call->x->body;

	if (check_type(call, JSON_PLAIN) == FAILED)
		return FAILED;
	*tree_out = json_loadb(body.data ? body.data : "", body.size, JSON_REJECT_DUPLICATES, NULL);
	if (*tree_out)
		arena_defer(call->arena, free_tree, *tree_out);
	return *tree_out && json_is_object(*tree_out) ? GO_ON : refuse_tree(call);
}

enum progress body_refuse_any(struct call *call)
{
	return call->x->body.size ? call_fail(call, INVALID, MSG_BODY_NOT_ALLOWED, NULL) : GO_ON;
}

enum progress body_refuse_query(struct call *call)
{
	struct query query = { .count = 0 };
	const char *name, *value;

	while (query_next(call, &query, &name, &value))
		query_refuse_unknown(call, name, "-");
	return call->status == OK ? GO_ON : FAILED;
}

enum progress body_read_key(struct call *call)
{
	struct http_slice key = http_head_get(call->x->head, HTTP_IDEMPOTENCY_KEY);

	if (!key.data)
		return GO_ON;
	bool visible = key.size >= 1 && key.size <= KEY_MAX;

	for (size_t i = 0; visible && i < key.size; i++)
		visible = key.data[i] > ' ' && key.data[i] < 0x7f;
	if (!visible)
		return call_fail(call, INVALID, MSG_BAD_IDEMPOTENCY_KEY, NULL);
	call->idempotency_key = arena_strndup(call->arena, key.data, key.size);
	return GO_ON;
}

/* "\"3\"" */
static bool parse_etag(struct http_slice tag, uint64_t *version_out)
{
	uint64_t version = 0;

	if (tag.size < 3 || tag.size > 21 || tag.data[0] != '"' || tag.data[tag.size - 1] != '"' ||
		tag.data[1] == '0')
		return false;
	for (size_t i = 1; i + 1 < tag.size; i++) {
		if (tag.data[i] < '0' || tag.data[i] > '9' || __builtin_mul_overflow(version, 10, &version) ||
			__builtin_add_overflow(version, (unsigned)(tag.data[i] - '0'), &version))
			return false;
	}
	*version_out = version;
	return true;
}

static bool is_one_tag(struct http_slice tag)
{
	return tag.size >= 2 && tag.data[0] == '"' && tag.data[tag.size - 1] == '"' &&
	       !memchr(tag.data + 1, '"', tag.size - 2);
}

enum progress body_read_if_match(struct call *call)
{
	struct http_slice tag = http_head_get(call->x->head, HTTP_IF_MATCH);
	bool weak = tag.size > 2 && tag.data[0] == 'W' && tag.data[1] == '/';

	if (!tag.data || http_slice_equals(tag, "*"))
		return GO_ON; /* the record must exist: that is looked at anyway */
	if (parse_etag(tag, &call->if_version))
		return GO_ON;
	/* A tag that we never gave matches nothing; what is no single tag is not understood. */
	return call_fail(call, weak || is_one_tag(tag) ? STALE : INVALID, MSG_BAD_IF_MATCH, NULL);
}
