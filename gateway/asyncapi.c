/* /api/asyncapi.json: AsyncAPI 3.0 of the events that leave the system, from the definition. */
#include "gateway/document.h"
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What can happen to a record: the last part but one of an event's type. */
static const struct {
	const char *kind, *en;
	bool by_webhook;
} kinds[] = {
	{ "created", "was created", true },
	{ "updated", "was changed", true },
	{ "deleted", "was deleted", true },
	{ "restored", "was restored", true },
	{ "snapshot",
		"is told of as it stands, whole, before older events about it are cut from the log: no "
		"change",
		false },
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static json_t *ref_to(const char *kind, const char *name)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/%s/%s", kind, name));
}

static json_t *parsed(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	assert(value);
	return value;
}

/* The members that CloudEvents 1.0.2 and its extensions give every event of ours. */
static json_t *envelope_schema(void)
{
	return parsed(
		"{\"type\":\"object\",\"required\":[\"specversion\",\"id\",\"source\",\"type\",\"subject\","
		"\"time\",\"sequence\"],\"properties\":{"
		"\"specversion\":{\"type\":\"string\",\"const\":\"1.0\"},"
		"\"id\":{\"type\":\"string\",\"format\":\"uuid\",\"description\":\"Unique; the same when an "
		"event is delivered again.\"},"
		"\"source\":{\"type\":\"string\",\"description\":\"/guanxi/ and the service.\"},"
		"\"type\":{\"type\":\"string\"},"
		"\"subject\":{\"type\":\"string\",\"description\":\"The record: customers/{id}\"},"
		"\"time\":{\"type\":\"string\",\"format\":\"date-time\"},"
		"\"sequence\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{24}$\",\"description\":\"Grows "
		"within a source; compares as text.\"},"
		"\"traceparent\":{\"type\":\"string\"},\"automation\":{\"type\":\"string\",\"const\":"
		"\"off\",\"description\":\"Of an import that was to start "
		"none.\"},\"dataref\":{\"type\":\"string\"},"
		"\"datacontenttype\":{\"type\":\"string\",\"const\":\"application/json\"}}}");
}

static json_t *change_schema(const char *message)
{
	return json_pack("{s:s,s:{s:{s:s,s:s},s:{s:s,s:{s:s},s:s},s:o,s:o,s:{s:s,s:s}}}", "type", "object",
		"properties", "version", "type", "string", "pattern", "^[0-9]+$", "fields", "type", "array",
		"items", "type", "string", "description", "Names of what changed.", "before",
		ref_to("components/schemas", message), "after", ref_to("components/schemas", message),
		"principalId", "type", "string", "format", "uuid");
}

static json_t *event_payload(const struct schema_resource *resource, const char *type)
{
	return json_pack("{s:[o,{s:s,s:{s:{s:s},s:o}}]}", "allOf", ref_to("components/schemas", "CloudEvent"),
		"type", "object", "properties", "type", "const", type, "data",
		change_schema(resource->message->name));
}

static void add_message(json_t *channel, json_t *messages, const char *name, json_t *message)
{
	json_object_set_new(messages, name, message);
	json_object_set_new(channel, name, ref_to("components/messages", name));
}

static void add_events(json_t *channel, json_t *messages, const struct schema_resource *resource)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		char type[160];

		snprintf(type, sizeof type, "guanxi.%s.%s.%s.v1", resource->service, resource->singular,
			kinds[i].kind);
		add_message(channel, messages, type,
			json_pack("{s:s,s:s,s:o,s:s,s:[{s:s}],s:o}", "name", type, "title", type, "summary",
				json_sprintf("%s %s.", resource->label.en, kinds[i].en), "contentType",
				"application/json", "tags", "name", resource->service, "payload",
				event_payload(resource, type)));
	}
}

/* What a stream says beside events of the log. */
static void add_others(json_t *channel, json_t *messages)
{
	add_message(channel, messages, "hidden",
		parsed("{\"name\":\"hidden\",\"title\":\"A record went out of sight\",\"summary\":\"A record "
		       "that was "
		       "told of before may not be seen any "
		       "more.\",\"contentType\":\"application/json\",\"payload\":"
		       "{\"type\":\"object\",\"required\":[\"subject\"],\"properties\":{\"subject\":{"
		       "\"type\":"
		       "\"string\"}}}}"));
	add_message(channel, messages, "control",
		parsed("{\"name\":\"control\",\"title\":\"About the stream itself\",\"summary\":\"GAP: "
		       "events before "
		       "this position are no longer kept. DIVERGED: the log was restored; read again from "
		       "the "
		       "beginning. RECONNECT and SESSION_ENDED: the stream ends.\",\"contentType\":"
		       "\"application/"
		       "json\",\"payload\":{\"type\":\"object\",\"required\":[\"kind\"],\"properties\":"
		       "{\"kind\":{\"type\":\"string\",\"enum\":[\"GAP\",\"DIVERGED\",\"RECONNECT\","
		       "\"SESSION_ENDED\"]},"
		       "\"stream\":{\"type\":\"string\"},\"epoch\":{\"type\":\"integer\"},\"position\":{"
		       "\"type\":"
		       "\"string\"}}}}"));
}

/* --- webhooks */

static const struct {
	const char *name, *type, *text;
	bool always;
} webhook_headers[] = {
	{ "webhook-id", "string",
		"The delivery's: the same when it is tried again. Drop what was taken already.", true },
	{ "webhook-timestamp", "string", "Seconds since 1970 when this try was sent; refuse what is old.",
		true },
	{ "webhook-signature", "string",
		"Standard Webhooks: \"v1,\" and the base64 of HMAC-SHA256 over id.timestamp.body; after a "
		"rotation two, "
		"separated by a space.",
		true },
	{ "guanxi-replay", "string", "true where the delivery is of a replay.", false },
};

static json_t *webhook_headers_schema(void)
{
	json_t *properties = json_object(), *required = json_array();

	for (size_t i = 0; i < sizeof webhook_headers / sizeof *webhook_headers; i++) {
		json_object_set_new(properties, webhook_headers[i].name,
			json_pack("{s:s,s:s}", "type", webhook_headers[i].type, "description",
				webhook_headers[i].text));
		if (webhook_headers[i].always)
			json_array_append_new(required, json_string(webhook_headers[i].name));
	}
	return json_pack("{s:s,s:o,s:o}", "type", "object", "required", required, "properties", properties);
}

/* Webhooks are told of everything but of themselves, of records that went out of sight, and of tests. */
static json_t *webhook_payload(void)
{
	const struct schema *schema = schema_get();
	json_t *any = json_array();

	for (size_t i = 0; i < schema->resource_count; i++)
		for (size_t k = 0; k < KIND_COUNT && strcmp(schema->resources[i].service, "notification");
			k++)
			if (kinds[k].by_webhook)
				json_array_append_new(any,
					json_pack("{s:o}", "$ref",
						json_sprintf(
							"#/components/messages/guanxi.%s.%s.%s.v1/payload",
							schema->resources[i].service,
							schema->resources[i].singular, kinds[k].kind)));
	for (size_t i = 0; i < 2; i++)
		json_array_append_new(
			any, json_pack("{s:[o,{s:s,s:{s:{s:s}}}]}", "allOf",
				     ref_to("components/schemas", "CloudEvent"), "type", "object",
				     "properties", "type", "const",
				     i ? "guanxi.notification.webhook.tested.v1" : "guanxi.hidden.v1"));
	return json_pack("{s:o}", "anyOf", any);
}

static void add_webhooks(json_t *root, json_t *messages)
{
	json_t *channel = json_object();

	add_message(channel, messages, "delivery",
		json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "name", "delivery", "title", "A delivery to a webhook",
			"summary",
			"One event, POSTed and signed. Answer 2xx within 15 s; any other answer is tried "
			"again over three days, 410 disables the webhook, Retry-After of 429 and 503 is "
			"honoured.",
			"contentType", "application/cloudevents+json", "headers", webhook_headers_schema(),
			"payload", webhook_payload()));
	json_object_set_new(json_object_get(root, "channels"), "webhooks",
		json_pack("{s:n,s:s,s:s,s:o}", "address", "title", "Webhooks", "description",
			"The url of each webhook that POST /api/v1/webhooks made.", "messages", channel));
	json_object_set_new(json_object_get(root, "operations"), "deliverWebhook",
		json_pack("{s:s,s:o,s:s,s:s,s:{s:{s:s,s:s}}}", "action", "send", "channel",
			ref_to("channels", "webhooks"), "title", "Deliver to a webhook", "summary",
			"Every change that the webhook's owner may see and its types name.", "bindings",
			"http", "method", "POST", "bindingVersion", "0.3.0"));
}

/* --- the document */

/* The address's own rules, as HTTP bindings say them. */
static json_t *http_binding(void)
{
	return parsed(
		"{\"http\":{\"method\":\"GET\",\"bindingVersion\":\"0.3.0\",\"query\":{\"type\":\"object\","
		"\"properties\":{\"types\":{\"type\":\"string\",\"description\":\"Types in full, or "
		"beginnings "
		"that end in .*, separated by "
		"commas; at most 32.\"},\"subjects\":{\"type\":\"string\",\"description\":\"Only "
		"these records': customers/{id}, separated by commas; at most 100. With types, an event must "
		"fit both.\"},\"from\":{\"type\":\"string\",\"description\":\"earliest, "
		"latest, "
		"the id of a server-sent event, or a time (RFC 3339).\"}}}}}");
}

static json_t *root_of(json_t *channel, json_t *messages, json_t *schemas)
{
	json_t *operation = json_pack("{s:s,s:o,s:s,s:s,s:o}", "action", "send", "channel",
		ref_to("channels", "events"), "title", "Follow events", "summary",
		"Every change that the caller may see, in order of each source, as server-sent events.",
		"bindings", http_binding());
	json_t *root = json_pack("{s:s,s:{s:s,s:s,s:s,s:o},s:s}", "asyncapi", "3.0.0", "info", "title",
		"Guanxi events", "version", schema_get()->hash, "description",
		"CloudEvents 1.0 in JSON. Made from the definition in proto/.", "tags",
		parsed("[{\"name\":\"events\"}]"), "defaultContentType", "application/json");

	json_object_set_new(root, "servers",
		parsed("{\"gateway\":{\"host\":\"{host}\",\"protocol\":\"https\",\"description\":\"The "
		       "gateway.\","
		       "\"variables\":{\"host\":{\"default\":\"localhost:8080\"}},\"security\":[{\"$ref\":"
		       "\"#/components/securitySchemes/bearer\"}]}}"));
	json_object_set_new(root, "channels",
		json_pack("{s:{s:s,s:s,s:o}}", "events", "address", "/api/v1/events", "title", "Events",
			"messages", channel));
	json_object_set_new(root, "operations", json_pack("{s:o}", "followEvents", operation));
	json_object_set_new(root, "components",
		json_pack("{s:o,s:o,s:o}", "messages", messages, "schemas", schemas, "securitySchemes",
			parsed("{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"The "
			       "token of "
			       "POST /api/v1/sessions, or an API key.\"}}")));
	return root;
}

const struct document *asyncapi_document_new(void)
{
	const struct schema *schema = schema_get();
	struct document *document = calloc(1, sizeof *document);
	json_t *channel = json_object(), *messages = json_object(), *schemas = json_object();

	if (!document)
		abort();
	json_object_set_new(schemas, "CloudEvent", envelope_schema());
	for (size_t i = 0; i < schema->resource_count; i++) {
		openapi_add_schema(schemas, schema->resources[i].message);
		add_events(channel, messages, &schema->resources[i]);
	}
	add_others(channel, messages);
	json_t *root = root_of(channel, messages, schemas);

	assert(root);
	add_webhooks(root, messages);
	document->text = json_dumps(root, JSON_COMPACT);
	document->len = strlen(document->text);
	snprintf(document->etag, sizeof document->etag, "\"a%s\"", schema->hash);
	json_decref(root);
	return document;
}
