#include "gateway/batch.h"
#include "gateway/body.h"
#include "gateway/list_query.h"
#include "gateway/standard.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Fields of the messages in proto/guanxi/envelope.proto. */
enum { REQUEST_OPERATIONS = 1, OPERATION_VERB = 1, OPERATION_REQUEST = 2 };
enum { CREATE_RESOURCE = 1, UPDATE_ID = 1, UPDATE_IF_VERSION, UPDATE_RESOURCE, UPDATE_FIELDS };
enum { RESPONSE_RESULTS = 1, RESULT_STATUS = 1, RESULT_ID, RESULT_VERSION, RESULT_REPLAYED, RESULT_PROBLEM };

/* One that cannot be read is not sent, and told in its place. */
struct batch {
	struct problem **problems; /* by operation; NULL: it was sent */
	size_t count;
};

/* --- to the service --- */

static struct problem *refuse(
	struct call *call, const char *pointer, enum message message, const char *argument)
{
	struct problem *problem = problem_new(call->arena, MSG_INVALID, NULL);

	problem_add_error(problem, pointer, message, argument, NULL);
	return problem;
}

static struct problem *read_record(
	struct call *call, json_t *record, enum json_mode mode, struct json_result *result)
{
	char *text = json_is_object(record) ? json_dumps(record, JSON_COMPACT) : NULL;
	enum status status = OK;

	if (!text)
		return refuse(call, "", MSG_BAD_TYPE, problem_message(call->arena, MSG_TYPE_OBJECT));
	status = json_to_wire(call->route->resource->message, text, strlen(text), mode, call->arena, result);
	free(text);
	return status == OK ? NULL : result->problem;
}

static struct problem *add_create(struct call *call, json_t *value)
{
	struct json_result result = { { NULL, 0 } };
	struct problem *problem = read_record(call, value, JSON_CREATE, &result);

	if (!problem)
		wire_add_bytes(&call->request, CREATE_RESOURCE, result.wire.data, result.wire.len);
	return problem;
}

static bool read_version(json_t *value, uint64_t *version_out)
{
	const char *text = json_string_value(value);
	char *end = NULL;

	if (json_is_integer(value) && json_integer_value(value) > 0) {
		*version_out = (uint64_t)json_integer_value(value);
		return true;
	}
	if (!text || *text < '1' || *text > '9' || strlen(text) > 19)
		return false;
	*version_out = strtoull(text, &end, 10);
	return !*end;
}

/* {"id", "version"}: also of delete and restore. */
static struct problem *add_target(struct call *call, json_t *value, size_t members)
{
	const char *id = json_string_value(json_object_get(value, "id"));
	json_t *version = json_object_get(value, "version");
	uint64_t number;

	if (!json_is_object(value))
		return refuse(call, "", MSG_BAD_TYPE, problem_message(call->arena, MSG_TYPE_OBJECT));
	if (!id)
		return refuse(call, "/id", MSG_REQUIRED, NULL);
	if (json_object_size(value) != members + (version ? 2 : 1))
		return refuse(call, "", MSG_BAD_MEMBERS, members ? "id, version, patch" : "id, version");
	wire_add_text(&call->request, UPDATE_ID, id);
	if (!version)
		return NULL;
	if (!read_version(version, &number))
		return refuse(call, "/version", MSG_BAD_TYPE, problem_message(call->arena, MSG_TYPE_INTEGER));
	wire_add_varint(&call->request, UPDATE_IF_VERSION, number);
	return NULL;
}

static struct problem *add_update(struct call *call, json_t *value)
{
	struct json_result result = { { NULL, 0 } };
	struct problem *problem = add_target(call, value, 1);

	if (!problem)
		problem = read_record(call, json_object_get(value, "patch"), JSON_PATCH, &result);
	if (problem)
		return problem;
	wire_add_bytes(&call->request, UPDATE_RESOURCE, result.wire.data, result.wire.len);
	for (size_t i = 0; i < result.field_count; i++)
		wire_add_varint(&call->request, UPDATE_FIELDS, result.fields[i]);
	return NULL;
}

static struct problem *add_plain(struct call *call, json_t *value)
{
	return add_target(call, value, 0);
}

static const struct {
	const char *name;
	struct problem *(*add)(struct call *call, json_t *value);
} verbs[] = { { "create", add_create }, { "update", add_update }, { "delete", add_plain },
	{ "restore", add_plain } };

static struct problem *add_operation(struct call *call, json_t *operation)
{
	const char *name = json_object_iter_key(json_object_iter(operation));

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (json_object_size(operation) != 1 || strcmp(verbs[i].name, name))
			continue;
		size_t begun = wire_begin(&call->request, REQUEST_OPERATIONS);

		wire_add_text(&call->request, OPERATION_VERB, name);
		size_t request = wire_begin(&call->request, OPERATION_REQUEST);
		struct problem *problem = verbs[i].add(call, json_object_get(operation, name));

		wire_end(&call->request, request);
		wire_end(&call->request, begun);
		return problem;
	}
	return refuse(call, "", MSG_BAD_OPERATION, name ? name : "");
}

enum progress batch_decode(struct call *call)
{
	struct batch *batch = call->batch = arena_zalloc(call->arena, sizeof *batch);
	json_t *body, *operations, *operation;
	size_t i;

	if (body_refuse_query(call) == FAILED || body_read_key(call) == FAILED ||
		body_read_tree(call, &body) == FAILED)
		return FAILED;
	operations = json_object_get(body, "operations");
	if (!json_is_array(operations) || !json_array_size(operations) || json_object_size(body) != 1)
		return call_fail_at(call, "/operations", MSG_REQUIRED, NULL, NULL);
	if (json_array_size(operations) > BATCH_MAX)
		return call_fail_at(
			call, "/operations", MSG_TOO_MANY, arena_printf(call->arena, "%d", BATCH_MAX), NULL);
	batch->count = json_array_size(operations);
	batch->problems = arena_zalloc(call->arena, batch->count * sizeof *batch->problems);
	json_array_foreach(operations, i, operation)
	{
		size_t len = call->request.len;

		batch->problems[i] = add_operation(call, operation);
		if (batch->problems[i])
			call->request.len = len;
	}
	return GO_ON;
}

/* --- from the service --- */

static unsigned success_of(const char *verb, size_t len)
{
	if (len == 6 && !memcmp(verb, "create", 6))
		return 201;
	return len == 6 && !memcmp(verb, "delete", 6) ? 204 : 200;
}

static void append_problem(struct call *call, enum status status, const struct problem *problem)
{
	buffer_printf(&call->body, "{\"status\":%u,\"problem\":",
		problem->http_status ? problem->http_status : (unsigned)status_http(status));
	problem_to_json(problem, status, call->language, call->trace.trace_id, &call->body);
	buffer_add_text(&call->body, "}");
}

static void append_success(struct call *call, unsigned http_status, struct slice result)
{
	struct wire_field f;

	buffer_printf(&call->body, "{\"status\":%u", http_status);
	if (wire_find(result.data, result.len, RESULT_ID, &f))
		buffer_printf(&call->body, ",\"id\":\"%.*s\"", (int)f.len, f.bytes);
	if (wire_find(result.data, result.len, RESULT_VERSION, &f))
		buffer_printf(&call->body, ",\"version\":\"%llu\"", (unsigned long long)f.value);
	if (wire_find(result.data, result.len, RESULT_REPLAYED, &f) && f.value)
		buffer_add_text(&call->body, ",\"replayed\":true");
	buffer_add_text(&call->body, "}");
}

/* The next result with the operation that it answers. */
static bool append_result(struct call *call, struct wire_reader *operations, struct wire_reader *results)
{
	struct wire_field operation, result, verb, status, problem;
	struct problem *why;

	if (!wire_next(operations, &operation) || !wire_next(results, &result) ||
		!wire_find(operation.bytes, operation.len, OPERATION_VERB, &verb) ||
		!wire_find(result.bytes, result.len, RESULT_STATUS, &status) || status.value >= STATUS_COUNT)
		return false;
	if (status.value == OK) {
		append_success(
			call, success_of(verb.bytes, verb.len), (struct slice){ result.bytes, result.len });
		return true;
	}
	if (!wire_find(result.bytes, result.len, RESULT_PROBLEM, &problem) ||
		!problem_from_wire(problem.bytes, problem.len, call->arena, &why))
		return false;
	append_problem(call, (enum status)status.value, why);
	return true;
}

enum progress batch_encode(struct call *call)
{
	struct wire_reader operations = wire_reader(call->request.data, call->request.len),
			   results = wire_reader(call->reply.data, call->reply.len);
	const struct batch *batch = call->batch;

	call->http_status = 200;
	call->content_type = "application/json";
	call_add_header(call, "Cache-Control", "no-store");
	buffer_add_text(&call->body, "{\"results\":[");
	for (size_t i = 0; i < batch->count; i++) {
		buffer_add_text(&call->body, i ? "," : "");
		if (batch->problems[i])
			append_problem(call, INVALID, batch->problems[i]);
		else if (!append_result(call, &operations, &results))
			return standard_bad_reply(call);
	}
	buffer_add_text(&call->body, "]}");
	return GO_ON;
}
