#include "gateway/call.h"
#include "gateway/credentials.h"
#include "gateway/language.h"
#include "gateway/expand.h"
#include "gateway/fan.h"
#include "gateway/rate.h"
#include "gateway/session.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SLOW_MS = 1000 }; /* a request that took longer is logged */

/* Fields of guanxi.RpcReply. */
enum reply_field { REPLY_VERSION = 1, REPLY_REPLAYED = 2, REPLY_ID = 3 };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

enum progress call_fail(struct call *call, enum status status, enum message message, ...)
{
	va_list list;

	va_start(list, message);
	call->problem = problem_vnew(call->arena, message, list);
	call->status = status;
	va_end(list);
	return FAILED;
}

enum progress call_fail_at(
	struct call *call, const char *pointer, enum message message, const char *first, const char *second)
{
	if (!call->problem)
		call->problem = problem_new(call->arena, MSG_INVALID, NULL);
	problem_add_error(call->problem, pointer, message, first, second, NULL);
	call->status = INVALID;
	return FAILED;
}

void call_add_header(struct call *call, const char *name, const char *value)
{
	assert(call->header_count < CALL_HEADERS_MAX);
	call->headers[call->header_count++] =
		(struct http_header){ { name, strlen(name) }, { value, strlen(value) } };
}

/* --- accept --- */

static enum progress accept_call(struct call *call)
{
	struct http_slice header = http_head_get(call->x->head, HTTP_TRACEPARENT);

	traceparent_continue(header.data, header.size, &call->trace);
	call->language = language_of(call->x->head);
	return GO_ON;
}

/* --- route --- */

static enum route_result find_route(const struct exchange *x, const struct loop *loop,
	const struct route **route_out, struct slice *id_out, char *allowed_out)
{
	struct slice path = { x->head->path.data, x->head->path.size };

	return route_find(loop->gateway->routes, x->head->method, path, route_out, id_out, allowed_out);
}

static enum progress route(struct call *call)
{
	char allowed[ROUTE_ALLOWED];
	struct slice id;

	switch (find_route(call->x, call->loop, &call->route, &id, allowed)) {
	case ROUTE_NO_PATH:
		return call_fail(call, NOT_FOUND, MSG_NO_SUCH_ENDPOINT, NULL);
	case ROUTE_NO_METHOD:
		call_add_header(call, "Allow", arena_strdup(call->arena, allowed));
		call_fail(call, INVALID, MSG_METHOD_NOT_ALLOWED, allowed, NULL);
		call->problem->http_status = 405;
		return FAILED;
	case ROUTE_FOUND:
		break;
	}
	if (id.data)
		call->id = arena_strndup(call->arena, id.data, id.len);
	return GO_ON;
}

/* --- authenticate --- */

static void release_principal(void *principal)
{
	principal_release(principal);
}

static void take_session(struct call *call, const struct session *session)
{
	call->principal = principal_hold(session->principal);
	arena_defer(call->arena, release_principal, call->principal);
	call->session_id = arena_strdup(call->arena, session->id);
}

static enum progress refuse_session(struct call *call, enum message message)
{
	call_add_header(call, "WWW-Authenticate", "Bearer");
	return call_fail(call, UNAUTHENTICATED, message, NULL);
}

/* Identity cannot say who this is: whatever the reason, it is worth asking again. */
static enum progress refuse_for_now(struct call *call)
{
	call_fail(call, UNAVAILABLE, MSG_UNAVAILABLE, NULL);
	call->problem->retry_after_s = 1;
	return FAILED;
}

/* --- tokens that nobody has: each is a question to identity, so an address may ask as often as it may ask
 * anything */

static const char *unknown_tokens_of(struct call *call, size_t *len_out)
{
	const char *key = arena_printf(call->arena, "unknown token %s", exchange_client_address(call->x));

	*len_out = strlen(key);
	return key;
}

static void count_unknown_token(struct call *call)
{
	struct rates *rates = call->loop->gateway->rates;
	size_t len;
	const char *key = unknown_tokens_of(call, &len);

	if (rates)
		rate_take(rates, key, len, server_thread_now_ms(call->x->thread));
}

static enum progress refuse_rate(struct call *call, uint32_t reset_s)
{
	call_fail(call, LIMITED, MSG_RATE_LIMITED, arena_printf(call->arena, "%u", reset_s), NULL);
	call->problem->retry_after_s = reset_s;
	return FAILED;
}

static enum progress check_unknown_tokens(struct call *call)
{
	struct rates *rates = call->loop->gateway->rates;
	size_t len;
	const char *key = unknown_tokens_of(call, &len);

	if (!rates)
		return GO_ON;
	struct rate rate = rate_look(rates, key, len, server_thread_now_ms(call->x->thread));

	return rate.allowed ? GO_ON : refuse_rate(call, rate.reset_s);
}

static void on_resolved(void *ctx, enum status status, const struct session *session)
{
	struct call *call = ctx;
	enum progress progress = GO_ON;

	call->session_wait = NULL;
	if (status == OK)
		take_session(call, session);
	else if (status == UNAUTHENTICATED) {
		count_unknown_token(call);
		progress = refuse_session(call, MSG_SESSION_EXPIRED);
	} else
		progress = refuse_for_now(call);
	call_resume(call, progress);
}

static enum progress authenticate(struct call *call)
{
	if (call->route->anonymous)
		return GO_ON;
	credentials_read(call);
	if (!call->has_token)
		return refuse_session(call, MSG_UNAUTHENTICATED);
	const struct session *session = session_find(call->loop->sessions, call->token_hash);

	if (session) {
		take_session(call, session);
		return GO_ON;
	}
	if (check_unknown_tokens(call) == FAILED)
		return FAILED;
	call->session_wait = session_resolve(call->loop->sessions, call->token_hash, on_resolved, call);
	return WAIT;
}

/* --- limit --- */

static enum progress limit(struct call *call)
{
	struct rates *rates = call->loop->gateway->rates;
	const char *who = call->principal ? call->principal->id_text : exchange_client_address(call->x);

	if (!rates)
		return GO_ON;
	struct rate rate = rate_take(rates, who, strlen(who), server_thread_now_ms(call->x->thread));

	call->rate_known = true;
	call->rate_remaining = rate.remaining;
	call->rate_reset_s = rate.reset_s;
	return rate.allowed ? GO_ON : refuse_rate(call, rate.reset_s);
}

/* --- authorise: what the services cannot know. Their own rules they hold themselves --- */

static bool is_open_to_keys(const struct route *route)
{
	return route->endpoint->by_key || !strcmp(route->name, "IdentityService.GetMe");
}

static enum progress check_scope(struct call *call)
{
	const struct route *r = call->route;

	if (is_open_to_keys(r))
		return GO_ON;
	if (!r->scope || !principal_is_scope(r->scope, r->scope_writes))
		return call_fail(call, FORBIDDEN, MSG_NOT_BY_KEY, NULL);
	if (principal_may_use(call->principal, r->scope, r->scope_writes))
		return GO_ON;
	return call_fail(call, FORBIDDEN, MSG_OUT_OF_SCOPE,
		arena_printf(call->arena, "%s:%s", r->scope, r->scope_writes ? "write" : "read"), NULL);
}

/* A key asks for no password, so that its owner has not set one yet does not hold it up. */
static enum progress authorise(struct call *call)
{
	if (credentials_check(call) == FAILED)
		return FAILED;
	if (!call->principal)
		return GO_ON;
	if (call->principal->by_key)
		return check_scope(call);
	if (call->principal->must_change_password && !call->route->before_password)
		return call_fail(call, FORBIDDEN, MSG_MUST_CHANGE_PASSWORD, NULL);
	return GO_ON;
}

/* --- decode, call, encode: the endpoint's --- */

static enum progress decode(struct call *call)
{
	return call->route->endpoint->decode ? call->route->endpoint->decode(call) : GO_ON;
}

static void on_reply(void *ctx, const struct bus_reply *reply)
{
	struct call *call = ctx;

	call->bus_id = 0;
	call_resume(call, call_take_reply(call, reply));
}

static bool is_idempotent(const struct call *call)
{
	return call->route->endpoint->idempotent || call->idempotency_key ||
	       (call->route->custom && call->route->custom->idempotent);
}

static enum progress call_service(struct call *call)
{
	const struct route *r = call->route;

	if (r->endpoint->run)
		return r->endpoint->run(call);
	if (!r->queue)
		return GO_ON;
	const struct rpc rpc = {
		.queue = call->queue ? call->queue : r->queue,
		.method = call->method ? call->method : r->name,
		.principal_id = call->principal ? call->principal->asker : NULL,
		.rights_version = call->principal ? call->principal->rights_version : 0,
		.traceparent = call->trace.text,
		.idempotency_key = call->idempotency_key,
		.locale = call->language == LANGUAGE_ZH ? "zh" : "en",
		.body = call->request.data,
		.body_len = call->request.len,
		.timeout_ms = r->endpoint->timeout_ms,
		.idempotent = is_idempotent(call),
		.on_reply = on_reply,
		.ctx = call,
	};

	call->bus_id = loop_call(call->loop, &rpc);
	return WAIT;
}

/* What the bus itself says, for those outcomes where no service answered. */
static const struct {
	enum status status;
	enum message message;
	uint32_t retry_after_s;
} outcomes[BUS_OUTCOMES] = {
	[BUS_DEADLINE] = { DEADLINE, MSG_DEADLINE_EXCEEDED, 0 },
	[BUS_UNAVAILABLE] = { UNAVAILABLE, MSG_UNAVAILABLE, 1 },
	[BUS_OVERLOADED] = { UNAVAILABLE, MSG_OVERLOADED, 1 },
	[BUS_NO_SERVICE] = { UNAVAILABLE, MSG_UNAVAILABLE, 2 },
	[BUS_REFUSED] = { INTERNAL, MSG_INTERNAL, 0 },
};

static enum status outcome_status(
	const struct bus_reply *reply, bool idempotent, struct arena *arena, struct problem **problem_out)
{
	enum message message = outcomes[reply->outcome].message;
	uint32_t retry_after_s = outcomes[reply->outcome].retry_after_s;

	if (reply->maybe_executed && !idempotent) {
		message = MSG_OUTCOME_UNKNOWN;
		retry_after_s = 0; /* trying again is what they must not do blindly */
	}
	if (reply->outcome == BUS_OVERLOADED && reply->retry_after_ms)
		retry_after_s = (reply->retry_after_ms + 999) / 1000;
	*problem_out = problem_new(arena, message, arena_printf(arena, "%u", retry_after_s), NULL);
	(*problem_out)->retry_after_s = retry_after_s;
	return outcomes[reply->outcome].status;
}

enum status bus_reply_status(
	const struct bus_reply *reply, bool idempotent, struct arena *arena, struct problem **problem_out)
{
	*problem_out = NULL;
	if (reply->outcome != BUS_ANSWERED)
		return outcome_status(reply, idempotent, arena, problem_out);
	if (reply->status == OK)
		return OK;
	enum status status = reply->status < STATUS_COUNT ? (enum status)reply->status : INTERNAL;

	if (!problem_from_wire(reply->body, reply->body_len, arena, problem_out))
		*problem_out = problem_new(arena, message_find(status_code(status)), NULL);
	if (status == UNAVAILABLE && !(*problem_out)->retry_after_s)
		(*problem_out)->retry_after_s = 1;
	return status;
}

static bool read_reply_header(struct call *call, const struct bus_reply *reply)
{
	struct wire_reader reader = wire_reader(reply->header, reply->header_len);
	struct wire_field f;

	while (wire_next(&reader, &f)) {
		if (f.number == REPLY_VERSION && f.type == WIRE_VARINT)
			call->version = f.value;
		else if (f.number == REPLY_REPLAYED && f.type == WIRE_VARINT)
			call->replayed = f.value;
		else if (f.number == REPLY_ID && f.type == WIRE_BYTES)
			call->created_id = arena_strndup(call->arena, f.bytes, f.len);
	}
	return !reader.failed;
}

enum progress call_take_reply(struct call *call, const struct bus_reply *reply)
{
	call->status = bus_reply_status(reply, is_idempotent(call), call->arena, &call->problem);
	if (call->status != OK)
		return FAILED;
	if (!read_reply_header(call, reply))
		return call_fail(call, INTERNAL, MSG_INTERNAL, NULL);
	call->reply = (struct slice){ (const char *)reply->body, reply->body_len };
	return GO_ON;
}

static enum progress encode(struct call *call)
{
	return call->route->endpoint->encode ? call->route->endpoint->encode(call) : GO_ON;
}

/* --- reply --- */

void call_add_common_headers(struct call *call)
{
	const struct gateway_options *options = &call->loop->gateway->options;

	call_add_header(call, "traceparent", call->trace.text);
	call_add_header(call, "X-Content-Type-Options", "nosniff");
	if (exchange_is_secure(call->x))
		call_add_header(call, "Strict-Transport-Security", STRICT_TRANSPORT);
	if (call->replayed)
		call_add_header(call, "Idempotency-Replayed", "true");
	if (!call->rate_known)
		return;
	/* draft-ietf-httpapi-ratelimit-headers-10 */
	call_add_header(call, "RateLimit-Policy",
		arena_printf(call->arena, "\"principal\";q=%u;w=%u", options->rate_burst,
			(options->rate_burst + options->rate_per_s - 1) / options->rate_per_s));
	call_add_header(call, "RateLimit",
		arena_printf(
			call->arena, "\"principal\";r=%u;t=%u", call->rate_remaining, call->rate_reset_s));
}

static void encode_problem(struct call *call)
{
	call->body = (struct buffer){ .arena = call->arena };
	call->static_body = (struct http_slice){ NULL, 0 };
	problem_to_json(call->problem, call->status, call->language, call->trace.trace_id, &call->body);
	call->content_type = "application/problem+json";
	call->http_status =
		call->problem->http_status ? call->problem->http_status : (unsigned)status_http(call->status);
	call_add_header(call, "Content-Language", call->language == LANGUAGE_ZH ? "zh" : "en");
	call_add_header(call, "Cache-Control", "no-store");
	if (call->problem->retry_after_s)
		call_add_header(
			call, "Retry-After", arena_printf(call->arena, "%u", call->problem->retry_after_s));
}

/* What changes something, fails or is slow has a line of its own; what else there was, the metrics tell. */
void call_account(const struct call *call)
{
	double seconds = (double)(now_ns() - call->began_ns) / 1e9;
	const char *name = call->route ? call->route->name : "none";
	enum http_method method = call->x->head->method;

	if (call->route)
		route_count(call->route, call->http_status, seconds);
	if (call->http_status >= 500 || seconds * 1000 > SLOW_MS)
		log_warn("request", "method=%s status=%u code=%s ms=%.1f trace=%s", name, call->http_status,
			call->problem ? call->problem->code : "-", seconds * 1000, call->trace.trace_id);
	else if (method != HTTP_GET && method != HTTP_HEAD)
		log_info("request", "method=%s status=%u code=%s ms=%.1f trace=%s", name, call->http_status,
			call->problem ? call->problem->code : "-", seconds * 1000, call->trace.trace_id);
}

static enum progress reply(struct call *call)
{
	if (call->problem)
		encode_problem(call);
	call_add_common_headers(call);
	if (call->content_type)
		call_add_header(call, "Content-Type", call->content_type);
	call_account(call);
	bool is_static = call->static_body.data != NULL;
	const struct reply answer = {
		.status = call->http_status,
		.headers = call->headers,
		.header_count = call->header_count,
		.body = is_static ? call->static_body
				  : (struct http_slice){ call->body.data, call->body.len },
		.body_is_static = is_static,
	};

	exchange_reply(call->x, &answer);
	return ANSWERED;
}

/* --- the table --- */

static const struct {
	const char *name;
	enum progress (*run)(struct call *call);
} steps[] = {
	{ "accept", accept_call },
	{ "route", route },
	{ "authenticate", authenticate },
	{ "limit", limit },
	{ "authorise", authorise },
	{ "decode", decode },
	{ "call", call_service },
	{ "expand", expand_references },
	{ "encode", encode },
	{ "reply", reply },
};
enum { STEP_COUNT = sizeof steps / sizeof *steps, STEP_REPLY = STEP_COUNT - 1 };

/* Made once by the first thread that begins a call; what two threads make is the same. */
static struct metric_series *step_series[STEP_COUNT];

static void time_step(struct call *call, size_t step)
{
	struct metric_series *series = __atomic_load_n(&step_series[step], __ATOMIC_RELAXED);
	uint64_t now = now_ns();
	char label[64];

	if (!series) {
		snprintf(label, sizeof label, "step=\"%s\"", steps[step].name);
		series = metric_series(METRIC_STEP_DURATION, label);
		__atomic_store_n(&step_series[step], series, __ATOMIC_RELAXED);
	}
	metric_observe(series, (double)(now - call->step_began_ns) / 1e9);
	call->step_began_ns = now;
}

/* After ANSWERED the call is gone. */
static void run(struct call *call)
{
	for (;;) {
		size_t step = call->step;
		enum progress progress = steps[step].run(call);

		if (progress == WAIT || progress == ANSWERED)
			return;
		time_step(call, step);
		call->step = progress == FAILED ? STEP_REPLY : step + 1;
		assert(step < STEP_REPLY);
	}
}

void call_resume(struct call *call, enum progress progress)
{
	time_step(call, call->step);
	call->step = progress == FAILED ? STEP_REPLY : call->step + 1;
	run(call);
}

/* The client has gone: nobody waits for what is still under way. */
static void on_close(struct exchange *x)
{
	struct call *call = x->context;

	if (call->session_wait)
		session_cancel(call->session_wait);
	if (call->bus_id)
		bus_client_cancel(call->loop->bus, call->bus_id);
	if (call->fan)
		fan_cancel(call->fan);
}

void call_begin(struct exchange *x, bool body_follows)
{
	struct call *call = arena_zalloc(x->arena, sizeof *call);

	call->x = x;
	call->arena = x->arena;
	call->body_follows = body_follows;
	call->loop = server_thread_state(x->thread);
	call->request.arena = call->body.arena = call->arena;
	call->began_ns = call->step_began_ns = now_ns();
	x->context = call;
	x->on_close = on_close;
	run(call);
}

bool call_streams_body(struct exchange *x)
{
	const struct route *found;
	char allowed[ROUTE_ALLOWED];
	struct slice id;

	return find_route(x, server_thread_state(x->thread), &found, &id, allowed) == ROUTE_FOUND &&
	       found->endpoint->streams_body;
}
