/* /api/schema: the definition as the web UI wants it. Flags that are false and texts that are empty are left
 * out. */
#include "gateway/document.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For fields that are no messages; a timestamp is its own type. */
static const char *const type_names[] = {
	[FIELD_STRING] = "string",
	[FIELD_BOOL] = "boolean",
	[FIELD_INT32] = "integer",
	[FIELD_UINT32] = "integer",
	[FIELD_INT64] = "long",
	[FIELD_UINT64] = "long",
	[FIELD_ENUM] = "enum",
	[FIELD_BYTES] = "bytes",
	[FIELD_TIMESTAMP] = "timestamp",
	[FIELD_MESSAGE] = "message",
};

static const char *const format_names[] = {
	[GUANXI__FORMAT__FORMAT_UNSPECIFIED] = NULL,
	[GUANXI__FORMAT__FORMAT_EMAIL] = "email",
	[GUANXI__FORMAT__FORMAT_PHONE] = "phone",
	[GUANXI__FORMAT__FORMAT_URL] = "url",
	[GUANXI__FORMAT__FORMAT_CREDIT_CODE] = "creditCode",
	[GUANXI__FORMAT__FORMAT_DATE] = "date",
	[GUANXI__FORMAT__FORMAT_MULTILINE] = "multiline",
	[GUANXI__FORMAT__FORMAT_LANGUAGE] = "language",
	[GUANXI__FORMAT__FORMAT_TIME_ZONE] = "timeZone",
	[GUANXI__FORMAT__FORMAT_EVENT_TYPE] = "eventType",
};

static const char *const order_operators[] = { "lt", "lte", "gt", "gte" };

static void add_flag(json_t *to, const char *name, bool value)
{
	if (value)
		json_object_set_new(to, name, json_true());
}

static void add_text(json_t *to, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(to, name, json_string(text));
}

static void add_number(json_t *to, const char *name, bool present, int64_t value)
{
	if (present)
		json_object_set_new(to, name, json_integer(value));
}

static void add_label(json_t *to, const char *name, struct schema_text text)
{
	if (*text.en || *text.zh)
		json_object_set_new(to, name, json_pack("{s:s,s:s}", "en", text.en, "zh", text.zh));
}

/* As the query compiler has them (services/kit/query.c): all but "contains" for text alone, and order for
 * what has one; lists have their own. */
json_t *schema_operators_of(const struct schema_field *field)
{
	bool is_text = field->type == FIELD_STRING && !field->reference &&
		       field->rule->format != GUANXI__FORMAT__FORMAT_DATE;
	bool is_ordered = is_text || field->type == FIELD_TIMESTAMP ||
			  field->rule->format == GUANXI__FORMAT__FORMAT_DATE ||
			  (field->type >= FIELD_INT32 && field->type <= FIELD_UINT64);
	json_t *operators;

	if (field->repeated)
		return json_pack("[s,s,s,s]", "any", "all", "none", "isNull");
	operators = json_pack("[s,s,s]", "eq", "ne", "in");

	for (size_t i = 0; is_ordered && i < sizeof order_operators / sizeof *order_operators; i++)
		json_array_append_new(operators, json_string(order_operators[i]));
	if (is_text)
		json_array_append_new(operators, json_string("contains"));
	json_array_append_new(operators, json_string("isNull"));
	return operators;
}

static void add_rules(json_t *to, const Guanxi__Field *rule)
{
	add_flag(to, "required", rule->required);
	add_flag(to, "outputOnly", rule->output_only);
	add_flag(to, "immutable", rule->immutable);
	add_number(to, "minLength", rule->has_min_length, rule->min_length);
	add_number(to, "maxLength", rule->has_max_length, rule->max_length);
	add_number(to, "maxItems", rule->has_max_items, rule->max_items);
	add_number(to, "minimum", rule->has_minimum, rule->minimum);
	add_number(to, "maximum", rule->has_maximum, rule->maximum);
	add_text(to, "format", format_names[rule->format]);
	add_flag(to, "personal", rule->personal);
	add_flag(to, "sensitive", rule->sensitive);
	add_flag(to, "search", rule->search);
	add_flag(to, "sort", rule->sort);
	add_flag(to, "aggregate", rule->aggregate);
	add_flag(to, "unique", rule->unique);
	add_flag(to, "more", rule->more);
	add_flag(to, "importKey", rule->import_key);
	add_text(to, "default", rule->default_value);
}

/* By the full name of its message. */
static void add_collection(json_t *to, const char *name, const char *full_name)
{
	const struct schema_message *message = full_name ? schema_message_find(full_name) : NULL;

	if (message && message->resource)
		add_text(to, name, message->resource->collection);
}

static json_t *field_of(const struct schema_field *field)
{
	bool is_date = field->rule->format == GUANXI__FORMAT__FORMAT_DATE;
	json_t *to = json_pack(
		"{s:s,s:s}", "name", field->json_name, "type", is_date ? "date" : type_names[field->type]);

	add_flag(to, "repeated", field->repeated);
	add_label(to, "label", field->label);
	add_label(to, "help", field->help);
	add_rules(to, field->rule);
	if (field->rule->filter)
		json_object_set_new(to, "filter", schema_operators_of(field));
	if (field->reference)
		add_text(to, "reference", field->reference->collection);
	add_collection(to, "filterOf", field->rule->filter_of);
	add_collection(to, "fieldOf", field->rule->field_of);
	if (field->enumeration)
		add_text(to, "enum", field->enumeration->name);
	if (field->message)
		add_text(to, "message", field->message->name);
	return to;
}

static json_t *fields_of(const struct schema_message *message)
{
	json_t *fields = json_array();

	for (size_t i = 0; i < message->count; i++)
		json_array_append_new(fields, field_of(&message->fields[i]));
	return fields;
}

static json_t *rights_of(const struct schema_resource *resource, bool administrator)
{
	bool writes = !resource->rule->read_only && (administrator || !resource->rule->administrators_only);

	bool makes = writes && !resource->rule->made_by_service;

	return json_pack("{s:b,s:b,s:b}", "create", makes, "update", writes, "delete", makes);
}

static json_t *resource_of(const struct schema_resource *resource, bool administrator)
{
	json_t *to = json_pack(
		"{s:s,s:s}", "name", resource->message->full_name, "collection", resource->collection);

	if (resource->title)
		add_text(to, "title", resource->title->json_name);
	add_label(to, "label", resource->label);
	add_label(to, "plural", resource->plural);
	add_flag(to, "activities", resource->rule->activities);
	if (resource->parent)
		add_text(to, "parent", resource->parent->json_name);
	add_text(to, "defaultSort", resource->rule->default_sort);
	add_flag(to, "readOnly", resource->rule->read_only);
	add_flag(to, "personsWrite", resource->rule->persons_write);
	json_object_set_new(to, "rights", rights_of(resource, administrator));
	json_object_set_new(to, "fields", fields_of(resource->message));
	return to;
}

static json_t *enum_of(const struct schema_enum *enumeration)
{
	json_t *values = json_array(), *to = json_object();

	for (size_t i = 0; i < enumeration->count; i++) {
		const struct schema_enum_value *value = &enumeration->values[i];
		json_t *item;

		if (!value->number)
			continue;
		item = json_pack("{s:s}", "name", value->name);
		add_label(item, "label", value->label);
		add_text(item, "colour", value->colour);
		add_label(item, "inverse", value->inverse);
		json_array_append_new(values, item);
	}
	add_label(to, "label", enumeration->label);
	json_object_set_new(to, "values", values);
	return to;
}

/* Messages and enums that fields of resources, or of these messages, refer to. */
static void add_referred(const struct schema_message *message, json_t *messages, json_t *enums)
{
	for (size_t i = 0; i < message->count; i++) {
		const struct schema_field *field = &message->fields[i];

		if (field->enumeration && !json_object_get(enums, field->enumeration->name))
			json_object_set_new(enums, field->enumeration->name, enum_of(field->enumeration));
		if (!field->message || json_object_get(messages, field->message->name))
			continue;
		json_object_set_new(messages, field->message->name,
			json_pack("{s:o}", "fields", fields_of(field->message)));
		add_referred(field->message, messages, enums);
	}
}

const struct document *schema_document_new(bool administrator)
{
	const struct schema *schema = schema_get();
	json_t *resources = json_array(), *messages = json_object(), *enums = json_object();
	struct document *document = calloc(1, sizeof *document);

	if (!document)
		abort();
	for (size_t i = 0; i < schema->resource_count; i++) {
		json_array_append_new(resources, resource_of(&schema->resources[i], administrator));
		add_referred(schema->resources[i].message, messages, enums);
	}
	json_t *root = json_pack("{s:s,s:o,s:o,s:o}", "hash", schema->hash, "resources", resources,
		"messages", messages, "enums", enums);

	document->text = json_dumps(root, JSON_COMPACT);
	document->len = strlen(document->text);
	snprintf(document->etag, sizeof document->etag, "\"%s-%s\"", schema->hash, administrator ? "a" : "m");
	json_decref(root);
	return document;
}
