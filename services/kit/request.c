#include "kit/request.h"
#include "kit/external.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include "kit/query.h"
#include "kit/service.h"
#include "kit/uuid.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const verbs[VERB_COUNT] = {
	[VERB_GET] = "get",
	[VERB_LIST] = "list",
	[VERB_SEARCH] = "search",
	[VERB_AGGREGATE] = "aggregate",
	[VERB_FIND] = "find",
	[VERB_LOOKUP] = "lookup",
	[VERB_PAST] = "past",
	[VERB_HISTORY] = "history",
	[VERB_CREATE] = "create",
	[VERB_UPDATE] = "update",
	[VERB_DELETE] = "delete",
	[VERB_RESTORE] = "restore",
	[VERB_BULK] = "bulk",
	[VERB_BATCH] = "batch",
	[VERB_CUSTOM] = "",
};

uint64_t request_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct problem *request_invalid(struct request *req)
{
	if (!req->problem)
		req->problem = problem_new(req->arena, MSG_INVALID, NULL);
	return req->problem;
}

/* What every service answers. */
static const struct method kit_methods[] = {
	{ "events.readLog", query_read_log, .internal = true, .lane = LANE_QUERY },
	{ 0 },
};

static const struct method *method_in(const struct method *methods, const char *name)
{
	for (const struct method *m = methods; m && m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

static enum status find_method(struct request *req)
{
	const char *dot = strchr(req->name, '.');

	req->method = method_in(req->service->methods, req->name);
	if (!req->method)
		req->method = method_in(kit_methods, req->name);
	if (req->method) {
		req->verb = VERB_CUSTOM;
		return OK;
	}
	if (!dot)
		return fail(req, NOT_FOUND, MSG_NO_SUCH_ENDPOINT, NULL);
	req->resource = schema_resource_find(arena_strndup(req->arena, req->name, (size_t)(dot - req->name)));
	for (enum verb v = 0; req->resource && v < VERB_CUSTOM; v++)
		if (!strcmp(verbs[v], dot + 1) && service_table(req->service, req->resource)) {
			req->verb = v;
			return OK;
		}
	if (req->resource && service_table(req->service, req->resource))
		req->method = external_method(req->resource, dot + 1);
	if (req->method) {
		req->verb = VERB_CUSTOM;
		return OK;
	}
	return fail(req, NOT_FOUND, MSG_NO_SUCH_ENDPOINT, NULL);
}

/* Field by field: the header is read for every request, and unpacking it into a struct costs eight
 * allocations. */
static enum status decode_header(struct request *req, const uint8_t *header, size_t len)
{
	struct wire_reader reader = wire_reader(header, len);
	struct wire_field f;
	const char **texts[] = { [1] = &req->name,
		[2] = &req->principal_id,
		[4] = &req->traceparent,
		[5] = &req->idempotency_key,
		[6] = &req->locale };

	while (wire_next(&reader, &f)) {
		if (f.type == WIRE_BYTES && f.number < sizeof texts / sizeof *texts && texts[f.number])
			*texts[f.number] = arena_strndup(req->arena, f.bytes, f.len);
		else if (f.number == 3 && f.type == WIRE_VARINT)
			req->rights_version = f.value;
		else if (f.number == 7 && f.type == WIRE_BYTES && f.len == 16)
			memcpy(req->id, f.bytes, 16);
	}
	if (reader.failed || !*req->name)
		return fail(req, INVALID, MSG_INVALID, NULL);
	return find_method(req);
}

static struct request *request_begin(const struct service *service)
{
	struct arena *arena = arena_new();
	struct request *req = arena_zalloc(arena, sizeof *req);

	req->arena = arena;
	req->service = service;
	req->name = "";
	req->step = "decode";
	req->started_ns = request_now_ns();
	return req;
}

struct request *request_new(struct bus_request *bus, const struct service *service)
{
	struct request *req = request_begin(service);

	req->bus = bus;
	req->body = bus->body;
	req->body_len = bus->body_len;
	req->status = decode_header(req, bus->header, bus->header_len);
	return req;
}

struct request *request_for_job(const struct service *service, struct principal *owner)
{
	struct request *req = request_begin(service);

	req->name = "job";
	req->verb = VERB_CUSTOM;
	req->principal = principal_hold(owner);
	req->principal_id = owner->id_text;
	uuid_v7(req->id);
	return req;
}

/* One cached series a step: metric_series() takes a lock. */
static struct metric_series *step_series(const char *step)
{
	static _Thread_local struct {
		const char *step;
		struct metric_series *series;
	} cache[16];

	for (size_t i = 0; i < 16; i++) {
		if (cache[i].step == step)
			return cache[i].series;
		if (!cache[i].step) {
			char labels[64];

			snprintf(labels, sizeof labels, "step=\"%s\"", step);
			cache[i].step = step;
			return cache[i].series = metric_series(METRIC_STEP_DURATION, labels);
		}
	}
	return metric_series(METRIC_STEP_DURATION, "step=\"other\"");
}

void request_step(struct request *req, const char *step)
{
	uint64_t now = request_now_ns();

	metric_observe(step_series(req->step), (double)(now - req->started_ns) / 1e9);
	req->step = step;
	req->started_ns = now;
}

static struct metric_series *request_series(const struct request *req)
{
	char labels[160];
	const char *method = req->resource || req->method ? req->name : "unknown";

	snprintf(labels, sizeof labels, "method=\"%s\",status=\"%d\"", method, status_http(req->status));
	return metric_series(METRIC_REQUESTS, labels);
}

static void reply(struct request *req)
{
	struct buffer header = { .arena = req->arena }, body = { .arena = req->arena };

	buffer_reserve(&header, 0);
	if (req->version)
		wire_add_varint(&header, 1, req->version);
	if (req->replayed)
		wire_add_varint(&header, 2, 1);
	if (req->created_id)
		wire_add_text(&header, 3, req->created_id);
	if (req->status != OK) {
		if (!req->problem)
			req->problem = problem_new(req->arena, message_find(status_code(req->status)), NULL);
		problem_to_wire(req->problem, &body);
		req->reply = (struct slice){ body.data, body.len };
	}
	if (req->reply.len > FRAME_BODY_MAX) {
		req->reply = (struct slice){ 0 };
		req->status = TOO_LARGE;
	}
	bus_request_reply_later(
		req->bus, (uint16_t)req->status, header.data, header.len, req->reply.data, req->reply.len);
}

void request_finish(struct request *req)
{
	assert(req->bus);
	metric_add(request_series(req), 1);
	if (req->status == INTERNAL)
		log_error("request", "method=%s step=%s traceparent=%s", req->name, req->step,
			req->traceparent ? req->traceparent : "");
	reply(req);
	request_free(req);
}

void request_free(struct request *req)
{
	principal_release(req->principal);
	arena_free(req->arena);
}
