/* The custom methods of the services, by their definition; and what sessions need beside: cookies, and who
 * asks from where. */
#include "gateway/body.h"
#include "gateway/credentials.h"
#include "gateway/endpoint.h"
#include "gateway/list_query.h"
#include "gateway/standard.h"
#include <stdlib.h>
#include <string.h>

enum { WORK_MS = 30000 };

/* --- to the service --- */

/* Fields that the gateway fills, by name: whatever method has one. */
static void add_token_hash(struct call *call, const struct schema_field *field)
{
	if (call->has_token)
		wire_add_bytes(&call->request, field->number, call->token_hash, sizeof call->token_hash);
}

static void add_address(struct call *call, const struct schema_field *field)
{
	wire_add_text(&call->request, field->number, exchange_client_address(call->x));
}

static const struct {
	const char *name;
	void (*add)(struct call *call, const struct schema_field *field);
} filled[] = {
	{ "token_hash", add_token_hash },
	{ "address", add_address },
};

static void fill(struct call *call, const struct schema_message *message)
{
	for (size_t i = 0; i < message->count; i++)
		for (size_t k = 0; k < sizeof filled / sizeof *filled; k++)
			if (message->fields[i].rule->output_only &&
				!strcmp(message->fields[i].name, filled[k].name))
				filled[k].add(call, &message->fields[i]);
}

/* The path names the record: a body that names one too could name another. */
static enum progress add_id(
	struct call *call, const struct schema_message *message, const struct json_result *body)
{
	const struct schema_field *id = schema_field_find(message, "id", 2);
	uint8_t bytes[16];

	if (!call->id || !id)
		return GO_ON;
	for (size_t i = 0; i < body->field_count; i++)
		if (body->fields[i] == id->number)
			return call_fail_at(call, "/id", MSG_OUTPUT_ONLY, NULL, NULL);
	if (!uuid_from_text(call->id, strlen(call->id), bytes))
		return call_fail(call, NOT_FOUND, MSG_NOT_FOUND, NULL);
	wire_add_text(&call->request, id->number, call->id);
	return GO_ON;
}

static bool wants_cookie(const struct call *call)
{
	for (size_t i = 0; i < call->x->head->header_count; i++) {
		const struct http_header *header = &call->x->head->headers[i];

		if (http_slice_equals_ignoring_case(header->name, "X-Guanxi-Session"))
			return http_slice_equals(header->value, "cookie");
	}
	return false;
}

static bool is_sign_in(const struct call *call)
{
	return !strcmp(call->route->name, "IdentityService.SignIn");
}

static const char *names_of(struct call *call, const struct schema_message *input)
{
	struct buffer out = { .arena = call->arena };

	buffer_reserve(&out, 0);
	for (size_t i = 0; i < input->count; i++)
		if (strcmp(input->fields[i].name, "id"))
			buffer_printf(&out, "%s%s", out.len ? ", " : "", input->fields[i].json_name);
	return out.data;
}

/* A parameter of the query as the field of its name; the service checks it like one of a body. */
static enum progress add_parameter(
	struct call *call, const struct schema_message *input, const char *name, const char *value)
{
	const struct schema_field *field = schema_field_find(input, name, strlen(name));
	char *end;

	if (!field || !strcmp(field->name, "id") || field->rule->output_only)
		return query_refuse_unknown(call, name, names_of(call, input));
	if (field->type == FIELD_STRING) {
		wire_add_text(&call->request, field->number, value);
		return GO_ON;
	}
	long long number = strtoll(value, &end, 10);

	if (field->type == FIELD_ENUM || field->type == FIELD_MESSAGE || !*value || *end)
		return call_fail_at(call, arena_printf(call->arena, "/%s", name), MSG_BAD_TYPE,
			problem_message(call->arena, MSG_TYPE_INTEGER), NULL);
	wire_add_varint(&call->request, field->number, (uint64_t)number);
	return GO_ON;
}

static enum progress read_parameters(struct call *call, const struct schema_message *input)
{
	struct query query = { .count = 0 };
	const char *name, *value;

	while (query_next(call, &query, &name, &value))
		if (add_parameter(call, input, name, value) == FAILED)
			return FAILED;
	return call->status == OK ? GO_ON : FAILED;
}

static enum progress decode_custom(struct call *call)
{
	const struct schema_message *input = call->route->custom->input;
	struct json_result body = { { NULL, 0 } };

	bool reads = call->x->head->method == HTTP_GET || call->x->head->method == HTTP_HEAD;

	if (reads ? read_parameters(call, input) == FAILED : body_refuse_query(call) == FAILED)
		return FAILED;
	/* A foreign page must not sign someone in with its own account: nobody would notice whose data they
	 * enter. */
	if (is_sign_in(call) && wants_cookie(call) && credentials_check_origin(call) == FAILED)
		return FAILED;
	if (call->x->head->method == HTTP_POST) {
		/* A key belongs to somebody: who signs in is nobody yet, and gets another session each time.
		 */
		if ((!call->route->anonymous && body_read_key(call) == FAILED) ||
			body_read_json(call, input, JSON_PLAIN, &body) == FAILED)
			return FAILED;
	} else if (body_refuse_any(call) == FAILED) {
		return FAILED;
	}
	if (add_id(call, input, &body) == FAILED)
		return FAILED;
	if (body.wire.len)
		buffer_add(&call->request, body.wire.data, body.wire.len);
	fill(call, input);
	return GO_ON;
}

/* --- from the service --- */

enum sign_in_field { SIGN_IN_TOKEN = 1, SIGN_IN_EXPIRE_TIME = 3 };

/* A browser gets the token where no script can read it, and nowhere else. */
static enum progress encode_sign_in(struct call *call)
{
	const struct schema_message *output = call->route->custom->output;
	struct wire_field token, expires;
	int64_t expire_us;
	struct json_mask only = { { 0 } };

	if (!wire_find(call->reply.data, call->reply.len, SIGN_IN_TOKEN, &token) ||
		token.type != WIRE_BYTES ||
		!wire_find(call->reply.data, call->reply.len, SIGN_IN_EXPIRE_TIME, &expires) ||
		expires.type != WIRE_BYTES || !wire_timestamp(expires.bytes, expires.len, &expire_us))
		return standard_bad_reply(call);
	for (size_t i = 0; i < output->count; i++)
		if (output->fields[i].number != SIGN_IN_TOKEN || !wants_cookie(call))
			json_mask_add(&only, &output->fields[i]);
	if (wants_cookie(call))
		credentials_add_cookies(call, (struct slice){ token.bytes, token.len }, expire_us);
	call->http_status = (unsigned)call->route->custom->success;
	call->content_type = "application/json";
	call_add_header(call, "Cache-Control", "no-store");
	if (!json_from_wire(output, call->reply.data, call->reply.len, &only, &call->body))
		return standard_bad_reply(call);
	return GO_ON;
}

static enum progress encode_custom(struct call *call)
{
	const struct schema_method *method = call->route->custom;

	if (is_sign_in(call))
		return encode_sign_in(call);
	if (call->by_cookie && !strcmp(method->name, "IdentityService.SignOut"))
		credentials_clear_cookies(call);
	if (method->success == 204) {
		call->http_status = 204;
		call_add_header(call, "Cache-Control", "no-store");
		return GO_ON;
	}
	if (method->output->resource && (method->success == 201 || method->success == 202))
		standard_add_location(call, method->output->resource);
	return standard_encode_record(call, method->output, (unsigned)method->success);
}

const struct endpoint custom_endpoint = {
	.decode = decode_custom,
	.encode = encode_custom,
	.timeout_ms = WORK_MS,
};
