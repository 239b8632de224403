/* What /api/openapi.json says of searches, aggregates and batches: shapes that stand in no message of the
 * definition. */
#include "gateway/openapi_parts.h"
#include <stdio.h>

/* What is the same for every resource and stands in no message. */
static const struct {
	const char *name, *schema;
} query_schemas[] = {
	{ "Expanded", "{\"type\":\"object\",\"description\":\"Records that were referred to, by collection "
		      "and id; what may not be "
		      "seen is "
		      "absent.\",\"additionalProperties\":{\"type\":\"object\",\"additionalProperties\":{"
		      "\"type\":\"object\"}}}" },
	{ "Missing", "{\"type\":\"array\",\"description\":\"Collections that did not answer in "
		     "time.\",\"items\":{\"type\":\"string\"}}" },
	{ "Filter", "{\"description\":\"At most 32 conditions, 8 deep. What is null satisfies no condition "
		    "but isNull and ne; not "
		    "takes it as false.\",\"oneOf\":["
		    "{\"type\":\"object\",\"required\":[\"field\",\"op\",\"value\"],\"additionalProperties\":"
		    "false,\"properties\":"
		    "{\"field\":{\"type\":\"string\"},\"op\":{\"type\":\"string\",\"enum\":[\"eq\",\"ne\","
		    "\"in\",\"lt\",\"lte\","
		    "\"gt\",\"gte\",\"contains\",\"isNull\"]},\"value\":{}}},"
		    "{\"type\":\"object\",\"required\":[\"and\"],\"additionalProperties\":false,"
		    "\"properties\":{\"and\":{\"type\":"
		    "\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/components/schemas/Filter\"}}}},"
		    "{\"type\":\"object\",\"required\":[\"or\"],\"additionalProperties\":false,"
		    "\"properties\":{\"or\":{\"type\":"
		    "\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/components/schemas/Filter\"}}}},"
		    "{\"type\":\"object\",\"required\":[\"not\"],\"additionalProperties\":false,"
		    "\"properties\":{\"not\":"
		    "{\"$ref\":\"#/components/schemas/Filter\"}}}]}" },
	{ "Search",
		"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"filter\":{\"$ref\":"
		"\"#/components/schemas/"
		"Filter\"},\"q\":{\"type\":\"string\"},\"sort\":{\"type\":\"array\",\"maxItems\":4,"
		"\"items\":{\"type\":\"string\"}},\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":"
		"500,\"default\":50},"
		"\"cursor\":{\"type\":\"string\"},\"fields\":{\"type\":\"array\",\"items\":{\"type\":"
		"\"string\"}},"
		"\"expand\":{\"type\":\"array\",\"maxItems\":8,\"items\":{\"type\":\"string\"}},\"count\":{"
		"\"type\":\"boolean\"},"
		"\"deleted\":{\"type\":\"boolean\"}}}" },
	{ "Aggregate",
		"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"filter\":{\"$ref\":"
		"\"#/components/schemas/"
		"Filter\"},\"q\":{\"type\":\"string\"},\"group\":{\"type\":\"array\",\"maxItems\":3,"
		"\"items\":{\"type\":\"string\"}},\"measure\":{\"type\":\"array\",\"maxItems\":8,\"items\":{"
		"\"type\":\"string\"}},"
		"\"timeZone\":{\"type\":\"string\"},\"newest\":{\"type\":\"boolean\"},\"limit\":{\"type\":"
		"\"integer\",\"minimum\":1,"
		"\"maximum\":1000,\"default\":"
		"100},\"deleted\":{\"type\":\"boolean\"}}}" },
	{ "AggregateResult",
		"{\"type\":\"object\",\"required\":[\"data\",\"page\"],\"properties\":{\"data\":{\"type\":"
		"\"array\","
		"\"description\":\"Spans of time in their order, other groups the largest "
		"first.\",\"items\":{\"type\":\"object\","
		"\"required\":[\"group\",\"measures\"],\"properties\":{\"group\":{\"type\":\"object\","
		"\"description\":\"By field; a span of time by its first day, a list by one of its members "
		"(null: "
		"none). A record with several members is in several "
		"groups.\"},\"measures\":{\"type\":\"object\",\"additionalProperties\":{\"type\":"
		"[\"string\",\"null\"]}}}}},\"page\":{\"type\":\"object\",\"required\":[\"more\"],"
		"\"properties\":{\"more\":{"
		"\"type\":\"boolean\",\"description\":\"There are more groups than the limit.\"}}}}}" },
	{ "BatchResult",
		"{\"type\":\"object\",\"required\":[\"results\"],\"properties\":{\"results\":{\"type\":"
		"\"array\",\"description\":"
		"\"In the order of the "
		"operations.\",\"items\":{\"type\":\"object\",\"required\":[\"status\"],\"properties\":{"
		"\"status\":{\"type\":\"integer\",\"description\":\"As it would answer "
		"alone.\"},\"id\":{\"type\":\"string\","
		"\"format\":\"uuid\"},\"version\":{\"type\":\"string\"},\"replayed\":{\"type\":\"boolean\"},"
		"\"problem\":{\"$ref\":"
		"\"#/components/schemas/Problem\"}}}}}}" },
	{ "SearchResult", "{\"type\":\"object\",\"required\":[\"data\",\"missing\"],\"properties\":{\"data\":"
			  "{\"type\":\"array\","
			  "\"items\":{\"type\":\"object\",\"required\":[\"type\",\"match\",\"record\"],"
			  "\"properties\":{\"type\":{\"type\":"
			  "\"string\",\"description\":\"The "
			  "collection.\"},\"match\":{\"type\":\"string\",\"enum\":[\"exact\",\"prefix\","
			  "\"other\"]},\"record\":{\"type\":\"object\"}}}},\"missing\":{\"$ref\":\"#/"
			  "components/schemas/Missing\"},"
			  "\"corrected\":{\"type\":\"string\",\"description\":\"What was looked for instead, "
			  "where nothing had the words.\"}}}" },
};

void openapi_add_query_schemas(json_t *schemas)
{
	for (size_t i = 0; i < sizeof query_schemas / sizeof *query_schemas; i++)
		openapi_add_parsed(schemas, query_schemas[i].name, query_schemas[i].schema);
}

static json_t *operation_schema(const char *verb, json_t *schema)
{
	return json_pack("{s:s,s:[s],s:b,s:{s:o}}", "type", "object", "required", verb,
		"additionalProperties", 0, "properties", verb, schema);
}

static json_t *target_schema(const char *patch)
{
	json_t *to = json_pack("{s:s,s:[s],s:b,s:{s:{s:s,s:s},s:{s:s,s:s}}}", "type", "object", "required",
		"id", "additionalProperties", 0, "properties", "id", "type", "string", "format", "uuid",
		"version", "type", "string", "pattern", "^[0-9]+$");

	if (patch)
		json_object_set_new(
			json_object_get(to, "properties"), "patch", openapi_ref("schemas", patch, "Patch"));
	if (patch)
		json_array_append_new(json_object_get(to, "required"), json_string("patch"));
	return to;
}

void openapi_add_batch(json_t *schemas, const struct schema_resource *resource)
{
	const char *message = resource->message->name;
	char name[128];
	json_t *operation = json_pack("{s:[o,o,o,o]}", "oneOf",
		operation_schema("create", openapi_ref("schemas", message, "Create")),
		operation_schema("update", target_schema(message)),
		operation_schema("delete", target_schema(NULL)),
		operation_schema("restore", target_schema(NULL)));

	snprintf(name, sizeof name, "%sBatch", message);
	json_object_set_new(schemas, name,
		json_pack("{s:s,s:[s],s:b,s:{s:{s:s,s:i,s:i,s:o}}}", "type", "object", "required",
			"operations", "additionalProperties", 0, "properties", "operations", "type", "array",
			"minItems", 1, "maxItems", 1000, "items", operation));
}
