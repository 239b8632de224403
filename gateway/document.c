#include "gateway/document.h"
#include <stdlib.h>
#include <string.h>

void document_free(const struct document *document)
{
	if (!document)
		return;
	free((char *)document->text);
	free((struct document *)document);
}

static enum progress encode(struct call *call, const struct document *document, const char *cache_control)
{
	struct http_slice known = http_head_get(call->x->head, HTTP_IF_NONE_MATCH);

	call_add_header(call, "ETag", document->etag);
	call_add_header(call, "Cache-Control", cache_control);
	call->http_status = 200;
	if (known.data && http_etag_matches(known,
				  (struct http_slice){ document->etag, strlen(document->etag) }, true)) {
		call->http_status = 304;
		return GO_ON;
	}
	call->content_type = "application/json";
	call->static_body = (struct http_slice){ document->text, document->len };
	return GO_ON;
}

enum progress schema_document_encode(struct call *call)
{
	return encode(call, call->loop->gateway->schema[call->principal->administrator], "private, no-cache");
}

enum progress openapi_document_encode(struct call *call)
{
	return encode(call, call->loop->gateway->openapi, "no-cache");
}

enum progress asyncapi_document_encode(struct call *call)
{
	return encode(call, call->loop->gateway->asyncapi, "no-cache");
}

static void add_member(struct buffer *out, const char *name, const char *text)
{
	buffer_printf(out, "%s\"%s\":", out->len ? "," : "{", name);
	json_add_string(out, text, strlen(text));
}

enum progress problem_document_encode(struct call *call)
{
	enum message message = message_find(call->id);

	if (message == MSG_COUNT)
		return call_fail(call, NOT_FOUND, MSG_NOT_FOUND, NULL);
	add_member(&call->body, "code", message_code(message));
	add_member(&call->body, "en", message_text(message, LANGUAGE_EN));
	add_member(&call->body, "zh", message_text(message, LANGUAGE_ZH));
	buffer_add_text(&call->body, "}");
	call->http_status = 200;
	call->content_type = "application/json";
	call_add_header(call, "Cache-Control", "no-cache");
	return GO_ON;
}
