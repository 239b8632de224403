/* The gateway's own addresses. */
#include "gateway/endpoint.h"
#include "gateway/body.h"
#include "gateway/document.h"
#include "gateway/files.h"
#include "gateway/follower.h"
#include "gateway/search.h"

static enum progress encode_live(struct call *call)
{
	call->http_status = 200;
	call->content_type = "text/plain";
	buffer_add_text(&call->body, "live\n");
	return GO_ON;
}

static enum progress encode_ready(struct call *call)
{
	if (!gateway_is_ready(call->loop->gateway) || server_thread_is_draining(call->x->thread))
		return call_fail(call, UNAVAILABLE, MSG_UNAVAILABLE, NULL);
	call->http_status = 200;
	call->content_type = "text/plain";
	buffer_add_text(&call->body, "ready\n");
	return GO_ON;
}

static const struct endpoint schema_endpoint = { .decode = body_refuse_query,
	.encode = schema_document_encode };
static const struct endpoint openapi_endpoint = {
	.decode = body_refuse_query, .encode = openapi_document_encode, .anonymous = true
};
static const struct endpoint problem_endpoint = {
	.decode = body_refuse_query, .encode = problem_document_encode, .anonymous = true
};
static const struct endpoint live_endpoint = { .encode = encode_live, .anonymous = true };
static const struct endpoint ready_endpoint = { .encode = encode_ready, .anonymous = true };

const struct own_endpoint own_endpoints[] = {
	{ &search_endpoint, HTTP_GET, "/api/v1/search", "gateway.search",
		"Search everything that one may see" },
	{ &events_endpoint, HTTP_GET, "/api/v1/events", "gateway.events",
		"Follow events as they happen (server-sent events)" },
	{ &upload_endpoint, HTTP_POST, "/api/v1/files", "gateway.uploadFile", "Upload a file" },
	{ &download_endpoint, HTTP_GET, "/api/v1/files/{id}", "gateway.downloadFile", "Download a file" },
	{ &schema_endpoint, HTTP_GET, "/api/schema", "gateway.schema",
		"Labels, types and rights of everything" },
	{ &openapi_endpoint, HTTP_GET, "/api/openapi.json", "gateway.openapi", "This document" },
	{ &problem_endpoint, HTTP_GET, "/api/problems/{code}", "gateway.problem",
		"What a problem's code means" },
	{ &live_endpoint, HTTP_GET, "/livez", "gateway.live", "Whether the process lives" },
	{ &ready_endpoint, HTTP_GET, "/readyz", "gateway.ready", "Whether requests can be served" },
};
const size_t own_endpoint_count = sizeof own_endpoints / sizeof *own_endpoints;
