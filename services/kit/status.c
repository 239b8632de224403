#include "kit/status.h"
#include <assert.h>

static const struct {
	int http;
	const char *code;
} statuses[STATUS_COUNT] = {
	[OK] = { 200, "ok" },
	[INVALID] = { 400, "invalid" },
	[UNAUTHENTICATED] = { 401, "unauthenticated" },
	[FORBIDDEN] = { 403, "forbidden" },
	[NOT_FOUND] = { 404, "not_found" },
	[CONFLICT] = { 409, "conflict" },
	[STALE] = { 412, "stale_version" },
	[TOO_LARGE] = { 413, "too_large" },
	[UNSUPPORTED] = { 415, "unsupported_media_type" },
	[MISUSED_KEY] = { 422, "idempotency_key_reused" },
	[LIMITED] = { 429, "rate_limited" },
	[INTERNAL] = { 500, "internal" },
	[UNAVAILABLE] = { 503, "unavailable" },
	[DEADLINE] = { 504, "deadline_exceeded" },
};

int status_http(enum status status)
{
	assert(status < STATUS_COUNT);
	return statuses[status].http;
}

const char *status_code(enum status status)
{
	assert(status < STATUS_COUNT);
	return statuses[status].code;
}
