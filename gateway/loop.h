/*
 * What the parts of the gateway share: the process's constants, and the state of one loop thread. Nothing
 * here is shared between threads but what is constant after gateway_open(), and the rate limiter.
 */
#pragma once
#include "gateway/gateway.h"
#include "kit/bus_client.h"
#include "kit/schema.h"

enum { KEY_BYTES = 32 };

struct document;
struct hub;
struct rates;
struct routes;
struct sessions;
struct static_files;

struct gateway {
	struct gateway_options options;
	struct routes *routes;
	struct rates *rates;
	struct static_files *files; /* NULL: no web UI */
	const struct document *openapi, *asyncapi;
	const struct document *schema[2]; /* for members, for administrators */
	uint8_t csrf_key[KEY_BYTES];
	uint8_t cursor_key[KEY_BYTES];
	struct server *server;
	unsigned ready_threads;                  /* atomic */
	uint64_t ticked_ms[GATEWAY_THREADS_MAX]; /* atomic: when each thread last said that it turns */
};

struct loop {
	struct gateway *gateway;
	struct server_thread *thread;
	struct bus_client *bus;
	struct event *bus_event;
	struct sessions *sessions;
	struct hub *hub;
	struct arena *scratch; /* for what does not outlive a function */
	bool ready;            /* counted in ready_threads */
	struct event *tick;    /* each second */
};

/* Calls a service. Returns the bus's id of the call, for bus_client_cancel(). Bytes are copied. */
struct rpc {
	const char *queue, *method;
	const char *principal_id; /* NULL: nobody; "system" for the gateway's own questions */
	uint64_t rights_version;
	const char *traceparent;     /* NULL: none */
	const char *idempotency_key; /* NULL: none */
	const char *locale;          /* NULL: none */
	const void *body;
	size_t body_len;
	uint32_t timeout_ms;
	bool idempotent;
	bus_on_reply *on_reply;
	void *ctx;
};
uint64_t loop_call(struct loop *loop, const struct rpc *rpc);
