/* The parameters of every operation of /api/openapi.json. */
#include "gateway/document.h"
#include "gateway/openapi_parts.h"
#include <stdio.h>
#include <string.h>

static json_t *parameter(
	const char *name, const char *in, bool required, const char *description, json_t *schema)
{
	json_t *to = json_pack("{s:s,s:s,s:o}", "name", name, "in", in, "schema", schema);

	if (required)
		json_object_set_new(to, "required", json_true());
	openapi_set_text(to, "description", description);
	return to;
}

json_t *openapi_text(void)
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
		if (!strcmp(text, "in") || (field->repeated && strcmp(text, "isNull")))
			json_array_append_new(parameters, list_parameter(name, NULL, openapi_value(field)));
		else
			json_array_append_new(parameters,
				parameter(name, "query", false, NULL,
					!strcmp(text, "isNull") ? json_pack("{s:s}", "type", "boolean")
								: openapi_value(field)));
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

/* The names of the fields that are chosen, as the values of an enum. */
static json_t *names_schema(const struct schema_message *message, bool (*chosen)(const struct schema_field *))
{
	json_t *names = json_array();

	for (size_t i = 0; i < message->count; i++)
		if (chosen(&message->fields[i]))
			json_array_append_new(names, json_string(message->fields[i].json_name));
	return json_pack("{s:s,s:o}", "type", "string", "enum", names);
}

static bool is_reference(const struct schema_field *field)
{
	return field->reference != NULL;
}

static void add_expand_parameter(json_t *to, const struct schema_message *message)
{
	json_t *names = names_schema(message, is_reference);

	if (json_array_size(json_object_get(names, "enum")))
		json_array_append_new(
			to, list_parameter("expand", "Also what these refer to, in `expanded`.", names));
	else
		json_decref(names);
}

/* By the keys that other systems have: services/kit/query_external.c. */
static void add_external_filters(json_t *to)
{
	static const char form[] =
		"By a key that another system has: the system, a colon and the key, erp:4711.";

	json_array_append_new(to, parameter("filter[externalId][eq]", "query", false, form, openapi_text()));
	json_array_append_new(to, list_parameter("filter[externalId][in]", form, openapi_text()));
	json_array_append_new(to,
		parameter("filter[externalId][isNull]", "query", false,
			"Whether no other system has a key of it.", json_pack("{s:s}", "type", "boolean")));
}

static void add_all_filters(json_t *to, const struct schema_resource *resource)
{
	const struct schema_message *message = resource->message;

	for (size_t i = 0; i < message->count; i++)
		if (message->fields[i].rule->filter)
			add_filters(to, &message->fields[i]);
	if (resource->rule->external_ids)
		add_external_filters(to);
}

/* Which records of a list. */
static void add_selection_parameters(json_t *to, const struct schema_resource *resource)
{
	json_array_append_new(to, parameter("q", "query", false,
					  "Words, Chinese characters, pinyin or initials.", openapi_text()));
	add_all_filters(to, resource);
}

static void add_list_parameters(json_t *to, const struct schema_resource *resource)
{
	const struct schema_message *message = resource->message;

	add_selection_parameters(to, resource);
	json_array_append_new(
		to, list_parameter("sort", "- before a name means descending.", sort_names(message)));
	json_array_append_new(to, list_parameter("fields", "Only these; all when absent.", openapi_text()));
	add_expand_parameter(to, message);
	json_array_append_new(to, parameter("limit", "query", false, NULL,
					  json_pack("{s:s,s:i,s:i,s:i}", "type", "integer", "minimum", 1,
						  "maximum", 500, "default", 50)));
	json_array_append_new(
		to, parameter("cursor", "query", false, "page.next of the page before.", openapi_text()));
	json_array_append_new(to, parameter("count", "query", false, "Also count the matches, up to a bound.",
					  json_pack("{s:s}", "type", "boolean")));
	json_array_append_new(
		to, parameter("deleted", "query", false, "The deleted ones instead of the live.",
			    json_pack("{s:s}", "type", "boolean")));
}

static void add_get_parameters(json_t *to, const struct schema_message *message)
{
	json_array_append_new(to, parameter("asOf", "query", false, "The record as it was at that time.",
					  json_pack("{s:s,s:s}", "type", "string", "format", "date-time")));
	json_array_append_new(
		to, parameter("version", "query", false, "The record as it was at that version.",
			    json_pack("{s:s,s:s}", "type", "string", "pattern", "^[0-9]+$")));
	add_expand_parameter(to, message);
}

static void add_aggregate_parameters(json_t *to, const struct schema_resource *resource)
{
	json_array_append_new(to, list_parameter("group",
					  "Fields, times with a span: stage, createTime:month (day, week, "
					  "month, quarter, year). A record with several tags is in the group "
					  "of each.",
					  openapi_text()));
	json_array_append_new(
		to, list_parameter("measure",
			    "count, and sum, avg, min, max of a field: sum(employees). count when absent.",
			    openapi_text()));
	json_array_append_new(to, parameter("q", "query", false, "As in a list.", openapi_text()));
	add_all_filters(to, resource);
	json_array_append_new(
		to, parameter("timeZone", "query", false,
			    "IANA name of the zone where days begin; UTC when absent.", openapi_text()));
	json_array_append_new(to, parameter("newest", "query", false, "Spans of time from the newest on.",
					  json_pack("{s:s}", "type", "boolean")));
	json_array_append_new(to, parameter("limit", "query", false, "Groups.",
					  json_pack("{s:s,s:i,s:i,s:i}", "type", "integer", "minimum", 1,
						  "maximum", 1000, "default", 100)));
	json_array_append_new(to, parameter("deleted", "query", false, "Over the deleted ones instead.",
					  json_pack("{s:s}", "type", "boolean")));
}

static void add_search_parameters(json_t *to)
{
	json_array_append_new(to, parameter("q", "query", true,
					  "Words, Chinese characters, pinyin or initials.", openapi_text()));
	json_array_append_new(to, list_parameter("types", "Only these collections.", openapi_text()));
	json_array_append_new(to, parameter("limit", "query", false, "Of each collection.",
					  json_pack("{s:s,s:i,s:i,s:i}", "type", "integer", "minimum", 1,
						  "maximum", 50, "default", 5)));
}

static void add_history_parameters(json_t *to)
{
	json_array_append_new(to, parameter("before", "query", false, "Positions below this one.",
					  json_pack("{s:s,s:s}", "type", "string", "pattern", "^[0-9]+$")));
	json_array_append_new(
		to, parameter("limit", "query", false, NULL,
			    json_pack("{s:s,s:i,s:i}", "type", "integer", "minimum", 1, "maximum", 500)));
}

/* A method that is asked with GET takes its input from the query. */
static void add_input_parameters(json_t *to, const struct schema_message *input)
{
	for (size_t i = 0; i < input->count; i++)
		if (strcmp(input->fields[i].name, "id") && !input->fields[i].rule->output_only)
			json_array_append_new(
				to, parameter(input->fields[i].json_name, "query",
					    input->fields[i].rule->required, input->fields[i].label.en,
					    openapi_value(&input->fields[i])));
}

static void add_own_parameters(json_t *to, const struct route *route)
{
	if (!strcmp(route->name, "gateway.uploadFile")) {
		json_array_append_new(
			to, parameter("name", "query", true, "The file's name.", openapi_text()));
	} else if (!strcmp(route->name, "gateway.search")) {
		add_search_parameters(to);
	} else if (!strcmp(route->name, "gateway.events")) {
		json_array_append_new(
			to, list_parameter("types",
				    "Event types in full, or a beginning that ends in .*; at most 32.",
				    openapi_text()));
		json_array_append_new(
			to, list_parameter("subjects",
				    "Only these records': customers/{id}; at most 100. With types, an event "
				    "must fit both.",
				    openapi_text()));
		json_array_append_new(
			to, parameter("from", "query", false,
				    "earliest, latest, the id of an event, or a time (RFC 3339).",
				    openapi_text()));
		json_array_append_new(
			to, parameter("Last-Event-ID", "header", false, "Wins over from.", openapi_text()));
	}
}

bool openapi_has_verb(const struct route *route, const char *verb)
{
	return route->resource && !strcmp(route->endpoint->verb, verb);
}

json_t *openapi_parameters(const struct route *route)
{
	json_t *to = json_array();
	bool has_version = openapi_has_verb(route, "update") || openapi_has_verb(route, "delete") ||
			   openapi_has_verb(route, "restore");

	if (strstr(route->pattern, "{id}"))
		json_array_append_new(
			to, parameter("id", "path", true, NULL,
				    json_pack("{s:s,s:s}", "type", "string", "format", "uuid")));
	if (strstr(route->pattern, "{system}")) {
		json_array_append_new(
			to, parameter("system", "path", true, "Which system the key is of, such as erp.",
				    openapi_text()));
		json_array_append_new(
			to, parameter("key", "path", true, "What it knows the record by.", openapi_text()));
	}
	if (strstr(route->pattern, "{code}"))
		json_array_append_new(to, parameter("code", "path", true, NULL, openapi_text()));
	if (openapi_has_verb(route, "list"))
		add_list_parameters(to, route->resource);
	if (openapi_has_verb(route, "bulk"))
		add_selection_parameters(to, route->resource);
	if (openapi_has_verb(route, "history"))
		add_history_parameters(to);
	if (openapi_has_verb(route, "aggregate") && route->method == HTTP_GET)
		add_aggregate_parameters(to, route->resource);
	if (openapi_has_verb(route, "get"))
		add_get_parameters(to, route->resource->message);
	if (openapi_has_verb(route, "get"))
		json_array_append_new(to, openapi_ref("parameters", "IfNoneMatch", ""));
	if (has_version || openapi_has_verb(route, "putExternal"))
		json_array_append_new(to, openapi_ref("parameters", "IfMatch", ""));
	if (openapi_has_verb(route, "putExternal"))
		json_array_append_new(to,
			parameter("If-None-Match", "header", false, "*: only when there is no record yet.",
				json_pack("{s:s,s:[s]}", "type", "string", "enum", "*")));
	if (has_version ||
		(route->method == HTTP_POST && route->queue && !route->anonymous &&
			!route->endpoint->idempotent && !(route->custom && route->custom->unkeyed)))
		json_array_append_new(to, openapi_ref("parameters", "IdempotencyKey", ""));
	if (route->custom && route->method == HTTP_GET)
		add_input_parameters(to, route->custom->input);
	add_own_parameters(to, route);
	return to;
}

json_t *openapi_common_parameters(void)
{
	return json_pack("{s:o,s:o,s:o}", "IfMatch",
		parameter("If-Match", "header", false,
			"The ETag that was read: refused with 412 when the record has changed since.",
			openapi_text()),
		"IfNoneMatch",
		parameter("If-None-Match", "header", false,
			"The ETag that is known: 304 when it is still right.", openapi_text()),
		"IdempotencyKey",
		parameter("Idempotency-Key", "header", false,
			"A repeated request with the same key has its effect once.",
			json_pack("{s:s,s:i,s:i}", "type", "string", "minLength", 1, "maxLength", 255)));
}
