/* /api/openapi.json: OpenAPI 3.1 of the whole API, from the definition and the routes. */
#include "gateway/bulk.h"
#include "gateway/document.h"
#include "gateway/endpoint.h"
#include "gateway/files.h"
#include "gateway/openapi_parts.h"
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A resource has three shapes: as it is read, as it is created, and as a merge patch, where null clears. */
enum shape { SHAPE_READ, SHAPE_CREATE, SHAPE_PATCH };
static const char *const shape_suffixes[] = { "", "Create", "Patch" };

json_t *openapi_ref(const char *kind, const char *name, const char *suffix)
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
	[GUANXI__FORMAT__FORMAT_EVENT_TYPE] = "event-type",
};

void openapi_set_text(json_t *to, const char *name, const char *text)
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
	openapi_set_text(schema, "format",
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
	json_t *values = json_array(), *titles = json_object();

	for (size_t i = 0; i < field->enumeration->count; i++) {
		const struct schema_enum_value *value = &field->enumeration->values[i];

		if (!value->number)
			continue;
		json_array_append_new(values, json_string(value->name));
		json_object_set_new(titles, value->name,
			json_pack("{s:s,s:s}", "en", value->label.en, "zh", value->label.zh));
	}
	return json_pack("{s:s,s:o,s:o}", "type", "string", "enum", values, "x-enum-titles", titles);
}

json_t *openapi_value(const struct schema_field *field)
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
		return openapi_ref("schemas", field->message->name, "");
	}
	return json_object();
}

static json_t *or_null(json_t *schema)
{
	return json_pack("{s:[o,{s:s}]}", "anyOf", schema, "type", "null");
}

static json_t *field_schema(const struct schema_field *field, enum shape shape)
{
	json_t *schema = openapi_value(field);

	if (field->repeated) {
		schema = json_pack("{s:s,s:o}", "type", "array", "items", schema);
		if (field->rule->has_max_items)
			json_object_set_new(schema, "maxItems", json_integer(field->rule->max_items));
	}
	if (shape == SHAPE_PATCH)
		schema = or_null(schema);
	openapi_set_text(schema, "title", field->label.en);
	openapi_set_text(schema, "x-title-zh", field->label.zh);
	openapi_set_text(schema, "description", field->help.en);
	openapi_set_text(schema, "x-description-zh", field->help.zh);
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

void openapi_add_schema(json_t *schemas, const struct schema_message *message)
{
	add_schema(schemas, message, SHAPE_READ);
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
	json_t *page = page_schema(
		openapi_ref("schemas", resource->message->name, ""), openapi_ref("schemas", "Page", ""));

	json_object_set_new(
		json_object_get(page, "properties"), "expanded", openapi_ref("schemas", "Expanded", ""));
	json_object_set_new(
		json_object_get(page, "properties"), "missing", openapi_ref("schemas", "Missing", ""));
	json_object_set_new(schemas, name, page);
}

void openapi_add_parsed(json_t *to, const char *name, const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, 0, &error);

	assert(value);
	json_object_set_new(to, name, value);
}

static void add_common_schemas(json_t *schemas)
{
	openapi_add_query_schemas(schemas);
	openapi_add_parsed(schemas, "Page",
		"{\"type\":\"object\",\"properties\":{\"next\":{\"type\":\"string\",\"description\":\"Cursor "
		"of the next page; absent "
		"on the "
		"last.\"},\"total\":{\"type\":\"string\",\"pattern\":\"^[0-9]+$\"},\"totalIsBound\":{"
		"\"type\":\"boolean\","
		"\"description\":\"There are at least that many.\"}}}");
	openapi_add_parsed(schemas, "Problem",
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
	openapi_add_parsed(schemas, "HistoryEntry",
		"{\"type\":\"object\",\"properties\":{\"position\":{\"type\":\"string\"},\"time\":{\"type\":"
		"\"string\",\"format\":"
		"\"date-time\"},\"type\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"},\"fields\":{"
		"\"type\":\"array\",\"items\":"
		"{\"type\":\"string\"}},\"before\":{\"type\":\"object\"},\"after\":{\"type\":\"object\"},"
		"\"principalId\":{\"type\":"
		"\"string\",\"format\":\"uuid\"}}}");
	json_object_set_new(schemas, "History",
		page_schema(openapi_ref("schemas", "HistoryEntry", ""), openapi_ref("schemas", "Page", "")));
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

	if (openapi_has_verb(route, "create")) {
		schema = openapi_ref("schemas", route->resource->message->name, "Create");
	} else if (openapi_has_verb(route, "update") || openapi_has_verb(route, "putExternal")) {
		schema = openapi_ref("schemas", route->resource->message->name, "Patch");
		type = "application/merge-patch+json";
	} else if (openapi_has_verb(route, "search")) {
		schema = openapi_ref("schemas", "Search", "");
	} else if (openapi_has_verb(route, "aggregate") && route->method == HTTP_POST) {
		schema = openapi_ref("schemas", "Aggregate", "");
	} else if (openapi_has_verb(route, "bulk")) {
		schema = bulk_body_schema(route->resource);
	} else if (openapi_has_verb(route, "batch")) {
		schema = openapi_ref("schemas", route->resource->message->name, "Batch");
	} else if (route->custom && route->method == HTTP_POST) {
		schema = openapi_ref("schemas", route->custom->input->name, "Create");
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
	if (openapi_has_verb(route, "create") || !strcmp(route->name, "gateway.uploadFile"))
		return 201;
	if (openapi_has_verb(route, "bulk"))
		return 202;
	return openapi_has_verb(route, "delete") || openapi_has_verb(route, "deleteExternal") ? 204 : 200;
}

static json_t *reply_content(const struct route *route)
{
	if (openapi_has_verb(route, "list") || openapi_has_verb(route, "search"))
		return content(
			"application/json", openapi_ref("schemas", route->resource->message->name, "List"));
	if (openapi_has_verb(route, "aggregate"))
		return content("application/json", openapi_ref("schemas", "AggregateResult", ""));
	if (openapi_has_verb(route, "batch"))
		return content("application/json", openapi_ref("schemas", "BatchResult", ""));
	if (!strcmp(route->name, "gateway.search"))
		return content("application/json", openapi_ref("schemas", "SearchResult", ""));
	if (openapi_has_verb(route, "bulk"))
		return content("application/json", openapi_ref("schemas", "Job", ""));
	if (openapi_has_verb(route, "history"))
		return content("application/json", openapi_ref("schemas", "History", ""));
	if (route->resource)
		return content(
			"application/json", openapi_ref("schemas", route->resource->message->name, ""));
	if (route->custom)
		return content("application/json", openapi_ref("schemas", route->custom->output->name, ""));
	if (!strcmp(route->name, "gateway.uploadFile"))
		return content("application/json", openapi_ref("schemas", "File", ""));
	if (!strcmp(route->name, "gateway.events"))
		return content("text/event-stream", openapi_text());
	if (!strcmp(route->name, "gateway.downloadFile"))
		return content("application/octet-stream", json_object());
	return content(
		strncmp(route->pattern, "/api/", 5) ? "text/plain" : "application/json", json_object());
}

static bool answers_record(const struct route *route)
{
	static const char *const verbs[] = { "create", "get", "update", "restore" };
	bool one = false;

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		one |= openapi_has_verb(route, verbs[i]);
	return one;
}

static json_t *replies_of(const struct route *route)
{
	unsigned success = success_of(route);
	json_t *reply = json_pack("{s:s}", "description", "Done."), *replies = json_object();
	char status[4];

	snprintf(status, sizeof status, "%u", success);
	if (success != 204)
		json_object_set_new(reply, "content", reply_content(route));
	if (success != 204 && answers_record(route))
		json_object_set_new(reply, "headers", etag_header());
	json_object_set_new(replies, status, reply);
	if (openapi_has_verb(route, "putExternal"))
		json_object_set(replies, "201", reply);
	if (openapi_has_verb(route, "get"))
		json_object_set_new(replies, "304",
			json_pack("{s:s}", "description", "The version known is still right."));
	json_object_set_new(replies, "4XX", openapi_ref("responses", "Problem", ""));
	json_object_set_new(replies, "5XX", openapi_ref("responses", "Problem", ""));
	return replies;
}

/* --- operations --- */

static const struct {
	const char *verb, *en;
	bool plural;
} summaries[] = {
	{ "list", "List", true },
	{ "search", "Search with a filter's tree", true },
	{ "aggregate", "Group and measure", true },
	{ "batch", "Write many", true },
	{ "create", "Create", false },
	{ "get", "Get", false },
	{ "update", "Change", false },
	{ "delete", "Delete", false },
	{ "restore", "Restore", false },
	{ "history", "History of", false },
	{ "putExternal", "Create or change by external id", false },
	{ "getExternal", "Get by external id", false },
	{ "deleteExternal", "Forget an external id", false },
	{ "bulk", "Change many", true },
};

static json_t *summary_of(const struct route *route)
{
	for (size_t i = 0; route->resource && i < sizeof summaries / sizeof *summaries; i++)
		if (openapi_has_verb(route, summaries[i].verb))
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
	json_t *body = request_body(route), *parameters = openapi_parameters(route);
	bool as_tree =
		openapi_has_verb(route, "aggregate") && route->method == HTTP_POST; /* the GET has the name */
	json_t *to = json_pack("{s:o,s:o,s:[s],s:o}", "operationId",
		json_sprintf("%s%s", route->name, as_tree ? "Tree" : ""), "summary", summary_of(route),
		"tags", tag_of(route), "responses", replies_of(route));

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

static void add_tag(json_t *tags, const char *name, struct schema_text about)
{
	json_t *tag;
	size_t i;

	json_array_foreach(
		tags, i, tag) if (!strcmp(json_string_value(json_object_get(tag, "name")), name)) return;
	json_array_append_new(tags, json_pack("{s:s,s:s,s:s}", "name", name, "description", about.en,
					    "x-description-zh", about.zh));
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
			add_schema(schemas, resource->message, SHAPE_PATCH);
		}
		if (!resource->rule->read_only && !resource->rule->made_by_service) {
			add_schema(schemas, resource->message, SHAPE_CREATE);
			openapi_add_batch(schemas, resource);
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
	json_t *components = json_pack(
		"{s:o,s:o}", "schemas", schemas_of(routes), "parameters", openapi_common_parameters());

	openapi_add_parsed(components, "securitySchemes",
		"{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"The token of POST "
		"/api/v1/sessions, or an API key.\"},"
		"\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"guanxi_session\","
		"\"description\":\"Of browsers, with X-CSRF-Token "
		"for what changes something.\"}}");
	json_object_set_new(components, "responses",
		json_pack("{s:{s:s,s:o}}", "Problem", "description", "What is wrong, and what to do next.",
			"content",
			content("application/problem+json", openapi_ref("schemas", "Problem", ""))));
	return components;
}

const struct document *openapi_document_new(const struct routes *routes)
{
	struct document *document = calloc(1, sizeof *document);
	static const struct schema_text of_service = { "Methods of this service", "该服务的方法" },
					of_gateway = { "Files, events and documents", "文件、事件与文档" };
	json_t *paths = json_object(), *tags = json_array();
	const struct route *route;

	if (!document)
		abort();
	for (size_t cursor = 0; (route = routes_next(routes, &cursor));) {
		add_operation(paths, route);
		add_tag(tags, tag_of(route),
			route->resource ? route->resource->plural
			: route->custom ? of_service
					: of_gateway);
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
