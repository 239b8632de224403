#include "gateway/gateway.h"
#include "gateway/call.h"
#include "gateway/document.h"
#include "gateway/files.h"
#include "gateway/hub.h"
#include "gateway/loop.h"
#include "gateway/rate.h"
#include "gateway/session.h"
#include "gateway/static.h"
#include "kit/bus_events.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include "kit/wire.h"
#include <assert.h>
#include <event2/event.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Fields of guanxi.RpcHeader. */
enum header_field {
	HEADER_METHOD = 1,
	HEADER_PRINCIPAL_ID,
	HEADER_RIGHTS_VERSION,
	HEADER_TRACEPARENT,
	HEADER_IDEMPOTENCY_KEY,
	HEADER_LOCALE,
	HEADER_REQUEST_ID
};

/* --- calls to services --- */

static void add_text(struct buffer *out, uint32_t number, const char *text)
{
	if (text)
		wire_add_text(out, number, text);
}

uint64_t loop_call(struct loop *loop, const struct rpc *rpc)
{
	struct buffer header = { .arena = loop->scratch };
	uint8_t request_id[16];

	arena_reset(loop->scratch);
	uuid_v7(request_id);
	wire_add_text(&header, HEADER_METHOD, rpc->method);
	add_text(&header, HEADER_PRINCIPAL_ID, rpc->principal_id);
	if (rpc->rights_version)
		wire_add_varint(&header, HEADER_RIGHTS_VERSION, rpc->rights_version);
	add_text(&header, HEADER_TRACEPARENT, rpc->traceparent);
	add_text(&header, HEADER_IDEMPOTENCY_KEY, rpc->idempotency_key);
	add_text(&header, HEADER_LOCALE, rpc->locale);
	wire_add_bytes(&header, HEADER_REQUEST_ID, request_id, sizeof request_id);
	const struct bus_call call = {
		.queue = rpc->queue,
		.header = header.data,
		.header_len = header.len,
		.body = rpc->body,
		.body_len = rpc->body_len,
		.timeout_ms = rpc->timeout_ms,
		.idempotent = rpc->idempotent,
		.on_reply = rpc->on_reply,
		.ctx = rpc->ctx,
	};

	return bus_client_call(loop->bus, &call);
}

/* --- a thread's life --- */

static void tell_ready(struct loop *loop)
{
	bool ready = bus_client_connected(loop->bus);

	if (ready == loop->ready)
		return;
	loop->ready = ready;
	__atomic_add_fetch(&loop->gateway->ready_threads, ready ? 1u : -1u, __ATOMIC_RELAXED);
}

static void on_bus(evutil_socket_t fd, short events, void *ctx)
{
	struct loop *loop = ctx;

	(void)fd, (void)events;
	bus_client_process(loop->bus);
	tell_ready(loop);
}

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void say_alive(struct loop *loop)
{
	__atomic_store_n(
		&loop->gateway->ticked_ms[server_thread_index(loop->thread)], clock_ms(), __ATOMIC_RELAXED);
}

static void measure(const struct gateway *gateway)
{
	struct server_counters counters;

	server_read_counters(gateway->server, &counters);
	metric_set(metric_series(METRIC_HTTP_CONNECTIONS, ""), (double)counters.connections_open);
}

static void on_tick(evutil_socket_t fd, short events, void *ctx)
{
	struct loop *loop = ctx;

	(void)fd, (void)events;
	say_alive(loop);
	if (server_thread_index(loop->thread) == 0)
		measure(loop->gateway);
	tell_ready(loop);
	hub_tick(loop->hub);
}

/* The endpoints were tried in gateway_open(): what fails here is out of our hands. */
static void cannot_open(const char *what)
{
	fprintf(stderr, "guanxi-gateway: %s\n", what);
	abort();
}

static void *open_thread(struct server_thread *thread, void *context)
{
	static const struct timeval second = { .tv_sec = 1 };
	struct gateway *gateway = context;
	struct loop *loop = calloc(1, sizeof *loop);
	struct zsocket_error problem;
	char error[SERVER_ERROR_SIZE];

	if (!loop)
		abort();
	loop->gateway = gateway;
	loop->thread = thread;
	loop->scratch = arena_new();
	loop->bus = bus_client_open(
		&(struct bus_client_options){ .endpoints = gateway->options.broker_requests }, &problem);
	if (!loop->bus)
		cannot_open(problem.text);
	loop->sessions = sessions_new(loop);
	loop->hub = hub_new(loop, error);
	if (!loop->hub)
		cannot_open(error);
	loop->bus_event = event_new(
		server_thread_base(thread), bus_client_fd(loop->bus), EV_READ | EV_PERSIST, on_bus, loop);
	loop->tick = event_new(server_thread_base(thread), -1, EV_PERSIST, on_tick, loop);
	event_add(loop->bus_event, NULL);
	event_add(loop->tick, &second);
	return loop;
}

static void close_thread(struct server_thread *thread, void *state)
{
	struct loop *loop = state;

	(void)thread;
	event_free(loop->tick);
	event_free(loop->bus_event);
	hub_free(loop->hub);
	sessions_free(loop->sessions);
	bus_client_close(loop->bus);
	arena_free(loop->scratch);
	free(loop);
}

static void on_head(struct exchange *x)
{
	if (call_streams_body(x))
		files_on_head(x);
}

static bool is_api(const struct http_head *head)
{
	static const char *const prefixes[] = { "/api/", "/livez", "/readyz" };

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (head->path.size >= strlen(prefixes[i]) &&
			!memcmp(head->path.data, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void on_request(struct exchange *x)
{
	struct loop *loop = server_thread_state(x->thread);

	if (x->context)
		files_on_whole(x);
	else if (loop->gateway->files && !is_api(x->head))
		static_serve(loop->gateway->files, x);
	else
		call_begin(x, false);
}

/* All that was asked in this turn leaves together. */
static void on_turn_end(struct server_thread *thread)
{
	struct loop *loop = server_thread_state(thread);

	hub_turn_end(loop->hub);
	bus_client_flush(loop->bus);
}

static void on_refused(struct server_thread *thread, unsigned status, const char *code, const char *trace_id)
{
	char labels[64];

	(void)thread;
	snprintf(labels, sizeof labels, "method=\"none\",status=\"%u\"", status);
	metric_add(metric_series(METRIC_HTTP_REQUESTS, labels), 1);
	log_info("refused", "status=%u code=%s trace=%s", status, code, trace_id);
}

/* --- the process's --- */

static void derive_key(const uint8_t *secret, const char *purpose, uint8_t key_out[KEY_BYTES])
{
	crypto_generichash(key_out, KEY_BYTES, (const unsigned char *)purpose, strlen(purpose), secret,
		GATEWAY_SECRET_BYTES);
}

/* Wrong endpoints are told before anything is served. */
static bool try_endpoints(const struct gateway_options *options, char error[SERVER_ERROR_SIZE])
{
	const struct bus_stream none = { .name = "none" };
	struct zsocket_error problem = { "" };
	struct bus_client *client = bus_client_open(
		&(struct bus_client_options){ .endpoints = options->broker_requests }, &problem);
	struct bus_subscriber *subscriber =
		client ? bus_subscriber_open(
				 &(struct bus_subscriber_options){ .endpoints = options->broker_events,
					 .streams = &none,
					 .stream_count = 1 },
				 &problem)
		       : NULL;

	if (client)
		bus_client_close(client);
	if (subscriber)
		bus_subscriber_close(subscriber);
	if (!subscriber)
		snprintf(error, SERVER_ERROR_SIZE, "%s", problem.text);
	return subscriber;
}

static bool open_server(struct gateway *gateway, char error[SERVER_ERROR_SIZE])
{
	static const struct server_application application = {
		.on_thread_open = open_thread,
		.on_thread_close = close_thread,
		.on_head = on_head,
		.on_request = on_request,
		.on_turn_end = on_turn_end,
		.on_refused = on_refused,
	};

	return server_open(&gateway->options.server, &application, gateway, &gateway->server, error);
}

static void gateway_free(struct gateway *gateway)
{
	static_close(gateway->files);
	document_free(gateway->openapi);
	document_free(gateway->schema[0]);
	document_free(gateway->schema[1]);
	rates_free(gateway->rates);
	routes_free(gateway->routes);
	files_close();
	sodium_memzero(gateway, sizeof *gateway);
	free(gateway);
}

struct gateway *gateway_open(const struct gateway_options *options, char error[SERVER_ERROR_SIZE])
{
	struct gateway *gateway = calloc(1, sizeof *gateway);

	if (!gateway)
		abort();
	assert(options->server.threads <= GATEWAY_THREADS_MAX);
	gateway->options = *options;
	files_open();
	gateway->routes = routes_new();
	gateway->openapi = openapi_document_new(gateway->routes);
	gateway->schema[0] = schema_document_new(false);
	gateway->schema[1] = schema_document_new(true);
	gateway->rates = options->rate_per_s ? rates_new(options->rate_per_s, options->rate_burst) : NULL;
	derive_key(options->secret, "gateway csrf", gateway->csrf_key);
	derive_key(options->secret, "gateway event cursor", gateway->cursor_key);
	if (try_endpoints(options, error) &&
		(!*options->web_root || static_open(options->web_root, &gateway->files, error)) &&
		open_server(gateway, error))
		return gateway;
	gateway_free(gateway);
	return NULL;
}

const char *gateway_address(const struct gateway *gateway)
{
	return server_address(gateway->server);
}

void gateway_start(struct gateway *gateway)
{
	server_start(gateway->server);
}

bool gateway_is_ready(const struct gateway *gateway)
{
	return __atomic_load_n(&gateway->ready_threads, __ATOMIC_RELAXED) == gateway->options.server.threads;
}

/* A thread that has not begun yet is no stuck one. */
bool gateway_is_alive(const struct gateway *gateway)
{
	uint64_t now = clock_ms();

	for (unsigned i = 0; i < gateway->options.server.threads; i++) {
		uint64_t ticked = __atomic_load_n(&gateway->ticked_ms[i], __ATOMIC_RELAXED);

		if (ticked && now > ticked + GATEWAY_STUCK_MS)
			return false;
	}
	return true;
}

void gateway_drain(struct gateway *gateway, unsigned deadline_ms)
{
	server_drain(gateway->server, deadline_ms);
}

void gateway_close(struct gateway *gateway)
{
	server_close(gateway->server);
	gateway_free(gateway);
}
