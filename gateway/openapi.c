/* /api/openapi.json: OpenAPI 3.1 of the whole API, from the definition and the routes. */
#include "gateway/bulk.h"
#include "gateway/document.h"
#include "gateway/endpoint.h"
#include "gateway/files.h"
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A resource has three shapes: as it is read, as it is created, and as a merge patch, where null clears. */
enum shape { SHAPE_READ, SHAPE_CREATE, SHAPE_PATCH };
static const char *const shape_suffixes[] = { "", "Create", "Patch" };

static json_t *ref(const char *kind, const char *name, const char *suffix)
{
	char text[160];

	snprintf(text, sizeof text, "#/components/%s/%s%s", kind, name, suffix);
	return json_pack("{s:s}", "$ref", text);
}

/* --- schemas --- */

static const char *const format_names[] = {
	[GUANXI__FORMAT__FORMAT_UNSPECIFIED] = NULL,
	[GUANXI__FORMAT__FORMAT_EMAIL] = "email",
	[GUANXI__FORMAT__FORMAT_PHONE] = "phone",
	[GUANXI__FORMAT__FORMAT_URL] = "uri",
	[GUANXI__FORMAT__FORMAT_CREDIT_CODE] = "credit-code",
	[GUANXI__FORMAT__FORMAT_DATE] = "date",
	[GUANXI__FORMAT__FORMAT_MULTILINE] = NULL,
	[GUANXI__FORMAT__FORMAT_LANGUAGE] = "language",
	[GUANXI__FORMAT__FORMAT_TIME_ZONE] = "time-zone",
};

static void set_text(json_t *to, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(to, name, json_string(text));
}

static json_t *string_schema(const struct schema_field *field)
{
	json_t *schema = json_pack("{s:s}", "type", "string");
	const Guanxi__Field *rule = field->rule;

	if (rule->has_min_length)
		json_object_set_new(schema, "minLength", json_integer(rule->min_length));
	if (rule->has_max_length)
		json_object_set_new(schema, "maxLength", json_integer(rule->max_length));
	set_text(schema, "format",
		field->reference || !strcmp(field->name, "id") ? "uuid" : format_names[rule->format]);
	return schema;
}

static json_t *small_integer_schema(const struct schema_field *field)
{
	json_t *schema = json_pack(
		"{s:s,s:s}", "type", "integer", "format", field->type == FIELD_INT32 ? "int32" : "uint32");

	if (field->rule->has_minimum)
		json_object_set_new(schema, "minimum", json_integer(field->rule->minimum));
	if (field->rule->has_maximum)
		json_object_set_new(schema, "maximum", json_integer(field->rule->maximum));
	return schema;
}

static json_t *large_integer_schema(const struct schema_field *field)
{
	return json_pack("{s:s,s:s,s:s}", "type", "string", "format",
		field->type == FIELD_INT64 ? "int64" : "uint64", "pattern",
		field->type == FIELD_INT64 ? "^-?(0|[1-9][0-9]*)$" : "^(0|[1-9][0-9]*)$");
}

static json_t *enum_schema(const struct schema_field *field)
{
	json_t *values = json_array();

	for (size_t i = 0; i < field->enumeration->count; i++)
		if (field->enumeration->values[i].number)
			json_array_append_new(values, json_string(field->enumeration->values[i].name));
	return json_pack("{s:s,s:o}", "type", "string", "enum", values);
}

static json_t *value_schema(const struct schema_field *field)
{
	switch (field->type) {
	case FIELD_STRING:
		return string_schema(field);
	case FIELD_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case FIELD_INT32:
	case FIELD_UINT32:
		return small_integer_schema(field);
	case FIELD_INT64:
	case FIELD_UINT64:
		return large_integer_schema(field);
	case FIELD_ENUM:
		return enum_schema(field);
	case FIELD_BYTES:
		return json_pack("{s:s,s:s}", "type", "string", "contentEncoding", "base64");
	case FIELD_TIMESTAMP:
		return json_pack("{s:s,s:s}", "type", "string", "format", "date-time");
	case FIELD_MESSAGE:
		return ref("schemas", field->message->name, "");
	}
	return json_object();
}

static json_t *or_null(json_t *schema)
{
	return json_pack("{s:[o,{s:s}]}", "anyOf", schema, "type", "null");
}

static json_t *field_schema(const struct schema_field *field, enum shape shape)
{
	json_t *schema = value_schema(field);

	if (field->repeated) {
		schema = json_pack("{s:s,s:o}", "type", "array", "items", schema);
		if (field->rule->has_max_items)
			json_object_set_new(schema, "maxItems", json_integer(field->rule->max_items));
	}
	if (shape == SHAPE_PATCH)
		schema = or_null(schema);
	set_text(schema, "title", field->label.en);
	set_text(schema, "x-title-zh", field->label.zh);
	set_text(schema, "description", field->help.en);
	if (field->rule->output_only)
		json_object_set_new(schema, "readOnly", json_true());
	return schema;
}

static json_t *message_schema(const struct schema_message *message, enum shape shape)
{
	json_t *properties = json_object(), *required = json_array(), *schema;

	for (size_t i = 0; i < message->count; i++) {
		const struct schema_field *field = &message->fields[i];

		if (shape != SHAPE_READ && field->rule->output_only)
			continue;
		if (shape == SHAPE_PATCH && field->rule->immutable)
			continue;
		json_object_set_new(properties, field->json_name, field_schema(field, shape));
		if (shape == SHAPE_CREATE && field->rule->required && !field->rule->default_value)
			json_array_append_new(required, json_string(field->json_name));
	}
	schema = json_pack("{s:s,s:o}", "type", "object", "properties", properties);
	if (shape != SHAPE_READ)
		json_object_set_new(schema, "additionalProperties", json_false());
	if (json_array_size(required))
		json_object_set_new(schema, "required", required);
	else
		json_decref(required);
	return schema;
}

static void add_schema(json_t *schemas, const struct schema_message *message, enum shape shape)
{
	char name[128];

	snprintf(name, sizeof name, "%s%s", message->name, shape_suffixes[shape]);
	if (json_object_get(schemas, name))
		return;
	json_object_set_new(schemas, name, message_schema(message, shape));
	for (size_t i = 0; i < message->count; i++)
		if (message->fields[i].message)
			add_schema(schemas, message->fields[i].message, SHAPE_READ);
}

static json_t *page_schema(json_t *item, json_t *page)
{
	return json_pack("{s:s,s:[s,s],s:{s:{s:s,s:o},s:o}}", "type", "object", "required", "data", "page",
		"properties", "data", "type", "array", "items", item, "page", page);
}

static void add_page_schema(json_t *schemas, const struct schema_resource *resource)
{
	char name[128];

	snprintf(name, sizeof name, "%sList", resource->message->name);
	json_object_set_new(schemas, name,
		page_schema(ref("schemas", resource->message->name, ""), ref("schemas", "Page", "")));
}

static void add_parsed(json_t *to, const char *name, const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, 0, &error);

	assert(value);
	json_object_set_new(to, name, value);
}

static void add_common_schemas(json_t *schemas)
{
	add_parsed(schemas, "Page",
		"{\"type\":\"object\",\"properties\":{\"next\":{\"type\":\"string\",\"description\":\"Cursor "
		"of the next page; absent "
		"on the "
		"last.\"},\"total\":{\"type\":\"string\",\"pattern\":\"^[0-9]+$\"},\"totalIsBound\":{"
		"\"type\":\"boolean\","
		"\"description\":\"There are at least that many.\"}}}");
	add_parsed(schemas, "Problem",
		"{\"type\":\"object\",\"description\":\"RFC 9457, with a code for programs and texts in the "
		"language asked for.\","
		"\"required\":[\"type\",\"title\",\"status\"],\"properties\":{\"type\":{\"type\":\"string\","
		"\"format\":\"uri-reference\"},"
		"\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":"
		"\"string\"},"
		"\"code\":{\"type\":\"string\"},\"traceId\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{32}$"
		"\"},"
		"\"version\":{\"type\":\"string\",\"description\":\"The stored version, when the one named "
		"is stale.\"},"
		"\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"pointer\","
		"\"code\",\"message\"],"
		"\"properties\":{\"pointer\":{\"type\":\"string\",\"description\":\"RFC 6901; of a "
		"parameter, / and its name.\"},"
		"\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"},\"arguments\":{\"type\":"
		"\"array\",\"items\":"
		"{\"type\":\"string\"},\"description\":\"The words in the message: what is allowed, the id "
		"of the duplicate.\"}}}}}}");
	add_parsed(schemas, "HistoryEntry",
		"{\"type\":\"object\",\"properties\":{\"position\":{\"type\":\"string\"},\"time\":{\"type\":"
		"\"string\",\"format\":"
		"\"date-time\"},\"type\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"},\"fields\":{"
		"\"type\":\"array\",\"items\":"
		"{\"type\":\"string\"}},\"before\":{\"type\":\"object\"},\"after\":{\"type\":\"object\"},"
		"\"principalId\":{\"type\":"
		"\"string\",\"format\":\"uuid\"}}}");
	json_object_set_new(schemas, "History",
		page_schema(ref("schemas", "HistoryEntry", ""), ref("schemas", "Page", "")));
}

/* --- parameters --- */

static json_t *parameter(
	const char *name, const char *in, bool required, const char *description, json_t *schema)
{
	json_t *to = json_pack("{s:s,s:s,s:o}", "name", name, "in", in, "schema", schema);

	if (required)
		json_object_set_new(to, "required", json_true());
	set_text(to, "description", description);
	return to;
}

static json_t *text_schema(void)
{
	return json_pack("{s:s}", "type", "string");
}

static json_t *list_parameter(const char *name, const char *description, json_t *item)
{
	json_t *to = parameter(
		name, "query", false, description, json_pack("{s:s,s:o}", "type", "array", "items", item));

	json_object_set_new(to, "style", json_string("form"));
	json_object_set_new(to, "explode", json_false());
	return to;
}

static void add_filters(json_t *parameters, const struct schema_field *field)
{
	json_t *operators = schema_operators_of(field), *operator;
	size_t i;

	json_array_foreach(operators, i, operator)
	{
		const char *text = json_string_value(operator);
		char name[128];

		snprintf(name, sizeof name, "filter[%s][%s]", field->json_name, text);
		if (!strcmp(text, "in"))
			json_array_append_new(parameters, list_parameter(name, NULL, value_schema(field)));
		else
			json_array_append_new(parameters,
				parameter(name, "query", false, NULL,
					!strcmp(text, "isNull") ? json_pack("{s:s}", "type", "boolean")
								: value_schema(field)));
	}
	json_decref(operators);
}

static json_t *sort_names(const struct schema_message *message)
{
	json_t *names = json_array();

	for (size_t i = 0; i < message->count; i++) {
		const char *name = message->fields[i].json_name;

		if (!message->fields[i].rule->sort)
			continue;
		json_array_append_new(names, json_string(name));
		json_array_append_new(names, json_sprintf("-%s", name));
	}
	return json_pack("{s:s,s:o}", "type", "string", "enum", names);
}

static void add_selection_parameters(json_t *to, const struct schema_resource *resource)
{
	const struct schema_message *message = resource->message;

	json_array_append_new(to, parameter("q", "query", false,
					  "Words, Chinese characters, pinyin or initials.", text_schema()));
	for (size_t i = 0; i < message->count; i++)
		if (message->fields[i].rule->filter)
			add_filters(to, &message->fields[i]);
}

static void add_list_parameters(json_t *to, const struct schema_resource *resource)
{
	const struct schema_message *message = resource->message;

	add_selection_parameters(to, resource);
	json_array_append_new(
		to, list_parameter("sort", "- before a name means descending.", sort_names(message)));
	json_array_append_new(to, list_parameter("fields", "Only these; all when absent.", text_schema()));
	json_array_append_new(to, parameter("limit", "query", false, NULL,
					  json_pack("{s:s,s:i,s:i,s:i}", "type", "integer", "minimum", 1,
						  "maximum", 500, "default", 50)));
	json_array_append_new(
		to, parameter("cursor", "query", false, "page.next of the page before.", text_schema()));
	json_array_append_new(to, parameter("count", "query", false, "Also count the matches, up to a bound.",
					  json_pack("{s:s}", "type", "boolean")));
	json_array_append_new(
		to, parameter("deleted", "query", false, "The deleted ones instead of the live.",
			    json_pack("{s:s}", "type", "boolean")));
}

static void add_history_parameters(json_t *to)
{
	json_array_append_new(to, parameter("before", "query", false, "Positions below this one.",
					  json_pack("{s:s,s:s}", "type", "string", "pattern", "^[0-9]+$")));
	json_array_append_new(
		to, parameter("limit", "query", false, NULL,
			    json_pack("{s:s,s:i,s:i}", "type", "integer", "minimum", 1, "maximum", 500)));
}

static void add_own_parameters(json_t *to, const struct route *route)
{
	if (!strcmp(route->name, "gateway.uploadFile")) {
		json_array_append_new(
			to, parameter("name", "query", true, "The file's name.", text_schema()));
	} else if (!strcmp(route->name, "gateway.events")) {
		json_array_append_new(
			to, list_parameter("types", "Event types in full, or a beginning that ends in .*",
				    text_schema()));
		json_array_append_new(to, parameter("subject", "query", false,
						  "Only this record's: customers/{id}", text_schema()));
		json_array_append_new(
			to, parameter("from", "query", false,
				    "earliest, latest, the id of an event, or a time (RFC 3339).",
				    text_schema()));
		json_array_append_new(
			to, parameter("Last-Event-ID", "header", false, "Wins over from.", text_schema()));
	}
}

static bool has_verb(const struct route *route, const char *verb)
{
	return route->resource && !strcmp(route->endpoint->verb, verb);
}

static json_t *parameters_of(const struct route *route)
{
	json_t *to = json_array();
	bool has_version =
		has_verb(route, "update") || has_verb(route, "delete") || has_verb(route, "restore");

	if (strstr(route->pattern, "{id}"))
		json_array_append_new(
			to, parameter("id", "path", true, NULL,
				    json_pack("{s:s,s:s}", "type", "string", "format", "uuid")));
	if (strstr(route->pattern, "{code}"))
		json_array_append_new(to, parameter("code", "path", true, NULL, text_schema()));
	if (has_verb(route, "list"))
		add_list_parameters(to, route->resource);
	if (has_verb(route, "bulk"))
		add_selection_parameters(to, route->resource);
	if (has_verb(route, "history"))
		add_history_parameters(to);
	if (has_verb(route, "get"))
		json_array_append_new(to, ref("parameters", "IfNoneMatch", ""));
	if (has_version)
		json_array_append_new(to, ref("parameters", "IfMatch", ""));
	if (has_version || (route->method == HTTP_POST && route->queue))
		json_array_append_new(to, ref("parameters", "IdempotencyKey", ""));
	add_own_parameters(to, route);
	return to;
}

static json_t *common_parameters(void)
{
	return json_pack("{s:o,s:o,s:o}", "IfMatch",
		parameter("If-Match", "header", false,
			"The ETag that was read: refused with 412 when the record has changed since.",
			text_schema()),
		"IfNoneMatch",
		parameter("If-None-Match", "header", false,
			"The ETag that is known: 304 when it is still right.", text_schema()),
		"IdempotencyKey",
		parameter("Idempotency-Key", "header", false,
			"A repeated request with the same key has its effect once.",
			json_pack("{s:s,s:i,s:i}", "type", "string", "minLength", 1, "maxLength", 255)));
}

/* --- requests and replies --- */

static json_t *content(const char *type, json_t *schema)
{
	return json_pack("{s:{s:o}}", type, "schema", schema);
}

static json_t *request_body(const struct route *route)
{
	json_t *schema = NULL;
	const char *type = "application/json";

	if (has_verb(route, "create")) {
		schema = ref("schemas", route->resource->message->name, "Create");
	} else if (has_verb(route, "update")) {
		schema = ref("schemas", route->resource->message->name, "Patch");
		type = "application/merge-patch+json";
	} else if (has_verb(route, "bulk")) {
		schema = bulk_body_schema(route->resource);
	} else if (route->custom && route->method == HTTP_POST) {
		schema = ref("schemas", route->custom->input->name, "Create");
	} else if (!strcmp(route->name, "gateway.uploadFile")) {
		schema = json_pack("{s:s}", "contentMediaType", "application/octet-stream");
		type = "application/octet-stream";
	}
	return schema ? json_pack("{s:b,s:o}", "required", 1, "content", content(type, schema)) : NULL;
}

static json_t *etag_header(void)
{
	return json_pack("{s:{s:s,s:{s:s}}}", "ETag", "description", "The record's version.", "schema",
		"type", "string");
}

static unsigned success_of(const struct route *route)
{
	if (route->custom)
		return (unsigned)route->custom->success;
	if (has_verb(route, "create") || !strcmp(route->name, "gateway.uploadFile"))
		return 201;
	if (has_verb(route, "bulk"))
		return 202;
	return has_verb(route, "delete") ? 204 : 200;
}

static json_t *reply_content(const struct route *route)
{
	if (has_verb(route, "list"))
		return content("application/json", ref("schemas", route->resource->message->name, "List"));
	if (has_verb(route, "history"))
		return content("application/json", ref("schemas", "History", ""));
	if (has_verb(route, "bulk"))
		return content("application/json", ref("schemas", "Job", ""));
	if (route->resource)
		return content("application/json", ref("schemas", route->resource->message->name, ""));
	if (route->custom)
		return content("application/json", ref("schemas", route->custom->output->name, ""));
	if (!strcmp(route->name, "gateway.uploadFile"))
		return content("application/json", ref("schemas", "File", ""));
	if (!strcmp(route->name, "gateway.events"))
		return content("text/event-stream", text_schema());
	if (!strcmp(route->name, "gateway.downloadFile"))
		return content("application/octet-stream", json_object());
	return content(
		strncmp(route->pattern, "/api/", 5) ? "text/plain" : "application/json", json_object());
}

static json_t *replies_of(const struct route *route)
{
	unsigned success = success_of(route);
	json_t *reply = json_pack("{s:s}", "description", "Done."), *replies = json_object();
	char status[4];

	snprintf(status, sizeof status, "%u", success);
	if (success != 204)
		json_object_set_new(reply, "content", reply_content(route));
	if (success != 204 && route->resource && !has_verb(route, "list") && !has_verb(route, "history"))
		json_object_set_new(reply, "headers", etag_header());
	json_object_set_new(replies, status, reply);
	if (has_verb(route, "get"))
		json_object_set_new(replies, "304",
			json_pack("{s:s}", "description", "The version known is still right."));
	if (has_verb(route, "bulk"))
		json_object_set_new(replies, "200",
			json_pack("{s:s,s:o}", "description", "What would happen: dryRun.", "content",
				content("application/json", bulk_preview_schema(route->resource))));
	json_object_set_new(replies, "4XX", ref("responses", "Problem", ""));
	json_object_set_new(replies, "5XX", ref("responses", "Problem", ""));
	return replies;
}

/* --- operations --- */

static const struct {
	const char *verb, *en;
	bool plural;
} summaries[] = {
	{ "list", "List", true },
	{ "create", "Create", false },
	{ "get", "Get", false },
	{ "update", "Change", false },
	{ "delete", "Delete", false },
	{ "restore", "Restore", false },
	{ "history", "History of", false },
	{ "bulk", "Change many", true },
};

static json_t *summary_of(const struct route *route)
{
	for (size_t i = 0; route->resource && i < sizeof summaries / sizeof *summaries; i++)
		if (has_verb(route, summaries[i].verb))
			return json_sprintf("%s: %s",
				(summaries[i].plural ? route->resource->plural : route->resource->label).en,
				summaries[i].en);
	if (route->custom)
		return json_string(route->custom->summary.en);
	for (size_t i = 0; i < own_endpoint_count; i++)
		if (!strcmp(own_endpoints[i].name, route->name))
			return json_string(own_endpoints[i].summary);
	return json_string(route->name);
}

static const char *tag_of(const struct route *route)
{
	if (route->resource)
		return route->resource->collection;
	return route->custom ? route->custom->service : "gateway";
}

static json_t *operation_of(const struct route *route)
{
	json_t *body = request_body(route), *parameters = parameters_of(route);
	json_t *to = json_pack("{s:s,s:o,s:[s],s:o}", "operationId", route->name, "summary",
		summary_of(route), "tags", tag_of(route), "responses", replies_of(route));

	if (json_array_size(parameters))
		json_object_set(to, "parameters", parameters);
	json_decref(parameters);
	if (body)
		json_object_set_new(to, "requestBody", body);
	if (route->anonymous)
		json_object_set_new(to, "security", json_array());
	return to;
}

static void add_operation(json_t *paths, const struct route *route)
{
	char verb[8] = "";
	json_t *path = json_object_get(paths, route->pattern);

	for (size_t i = 0; http_method_text(route->method)[i]; i++)
		verb[i] = (char)(http_method_text(route->method)[i] | 0x20);
	if (!path)
		json_object_set_new(paths, route->pattern, path = json_object());
	json_object_set_new(path, verb, operation_of(route));
}

static void add_tag(json_t *tags, const char *name, const char *description)
{
	json_t *tag;
	size_t i;

	json_array_foreach(
		tags, i, tag) if (!strcmp(json_string_value(json_object_get(tag, "name")), name)) return;
	json_array_append_new(tags, json_pack("{s:s,s:s}", "name", name, "description", description));
}

static void add_route_schemas(json_t *schemas, const struct route *route)
{
	if (!route->custom)
		return;
	if (route->method == HTTP_POST)
		add_schema(schemas, route->custom->input, SHAPE_CREATE);
	if (route->custom->success != 204)
		add_schema(schemas, route->custom->output, SHAPE_READ);
}

static json_t *schemas_of(const struct routes *routes)
{
	const struct schema *schema = schema_get();
	const struct schema_message *file = files_message();
	json_t *schemas = json_object();
	const struct route *route;

	add_common_schemas(schemas);
	for (size_t i = 0; i < schema->resource_count; i++) {
		const struct schema_resource *resource = &schema->resources[i];

		add_schema(schemas, resource->message, SHAPE_READ);
		if (!resource->rule->read_only) {
			add_schema(schemas, resource->message, SHAPE_CREATE);
			add_schema(schemas, resource->message, SHAPE_PATCH);
		}
		add_page_schema(schemas, resource);
	}
	for (size_t cursor = 0; (route = routes_next(routes, &cursor));)
		add_route_schemas(schemas, route);
	if (file)
		add_schema(schemas, file, SHAPE_READ);
	return schemas;
}

static json_t *components_of(const struct routes *routes)
{
	json_t *components =
		json_pack("{s:o,s:o}", "schemas", schemas_of(routes), "parameters", common_parameters());

	add_parsed(components, "securitySchemes",
		"{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"The token of POST "
		"/api/v1/sessions.\"},"
		"\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"guanxi_session\","
		"\"description\":\"Of browsers, with X-CSRF-Token "
		"for what changes something.\"}}");
	json_object_set_new(components, "responses",
		json_pack("{s:{s:s,s:o}}", "Problem", "description", "What is wrong, and what to do next.",
			"content", content("application/problem+json", ref("schemas", "Problem", ""))));
	return components;
}

const struct document *openapi_document_new(const struct routes *routes)
{
	struct document *document = calloc(1, sizeof *document);
	json_t *paths = json_object(), *tags = json_array();
	const struct route *route;

	if (!document)
		abort();
	for (size_t cursor = 0; (route = routes_next(routes, &cursor));) {
		add_operation(paths, route);
		add_tag(tags, tag_of(route),
			route->resource ? route->resource->plural.en
			: route->custom ? "Methods of this service"
					: "Files, events and documents");
	}
	json_t *root = json_pack("{s:s,s:{s:s,s:s,s:s},s:[{s:s}],s:[{s:[]},{s:[]}],s:o,s:o,s:o}", "openapi",
		"3.1.0", "info", "title", "Guanxi", "version", schema_get()->hash, "description",
		"Customer relationship management. Made from the definition in proto/.", "servers", "url",
		"/", "security", "bearer", "cookie", "tags", tags, "paths", paths, "components",
		components_of(routes));

	assert(root);
	document->text = json_dumps(root, JSON_COMPACT);
	document->len = strlen(document->text);
	snprintf(document->etag, sizeof document->etag, "\"%s\"", schema_get()->hash);
	json_decref(root);
	return document;
}
