/*
 * bus_client.h: calling services through the brokers, without blocking.
 *
 * A client belongs to one thread and lives in its event loop. It holds a connection to each broker, uses
 * the one with the least outstanding, and leaves one that is silent for three seconds or whose connection
 * broke.
 *
 *	client = bus_client_open(&(struct bus_client_options){ .endpoints = "ipc:///a,ipc:///b" }, &error);
 *	event_new(base, bus_client_fd(client), EV_READ | EV_PERSIST, process_bus, client);
 *	…
 *	bus_client_call(client, &(struct bus_call){
 *		.queue = "customer.read", .body = body, .body_len = len,
 *		.timeout_ms = 5000, .idempotent = true, .on_reply = answer, .ctx = request });
 *	…
 *	bus_client_flush(client);   // once, at the end of each turn of the loop: one message a queue
 */
#pragma once

#include "kit/frame.h"
#include "kit/zsocket.h"

struct bus_client;

struct bus_client_options {
	const char *endpoints; /* the brokers' request sockets, separated by commas */
	uint32_t calls_max;    /* outstanding; more end as BUS_OVERLOADED; 0: BUS_CLIENT_CALLS_DEFAULT */
};

enum {
	BUS_CLIENT_CALLS_DEFAULT = 4096,
	BUS_CLIENT_RETRIES_MAX = 2,
	BUS_CLIENT_NO_BROKER_MS = 2000, /* without a broker for so long a call is BUS_NO_SERVICE */
};

/* What came back. The bytes are valid during the callback only (bus_client_call_wait: until the client's
 * next use). */
struct bus_reply {
	uint64_t id;
	enum bus_outcome outcome;
	uint16_t status;         /* the service's; meaningful with BUS_ANSWERED only */
	bool maybe_executed;     /* without BUS_ANSWERED: it may have run all the same */
	uint32_t retry_after_ms; /* with BUS_OVERLOADED */
	const uint8_t *header;
	size_t header_len;
	const uint8_t *body;
	size_t body_len;
};

typedef void bus_on_reply(void *ctx, const struct bus_reply *reply);

/* The bytes are copied; the names of queues too. */
struct bus_call {
	const char *queue;
	const void *header;
	size_t header_len;
	const void *body;
	size_t body_len;
	uint32_t timeout_ms;
	bool idempotent; /* may be sent again, within timeout_ms, if who had it is lost */
	bus_on_reply *on_reply;
	void *ctx;
};

/* NULL: an endpoint is wrong, and error_out says how. Brokers need not be up. */
struct bus_client *bus_client_open(const struct bus_client_options *options, struct zsocket_error *error_out);
/* Outstanding calls are forgotten: their callbacks are not called. */
void bus_client_close(struct bus_client *client);

/* Readable when bus_client_process() has something to do, also when a time-out is due. Level-triggered; for
 * epoll, poll or libevent. The same descriptor for the client's life. */
int bus_client_fd(const struct bus_client *client);

/*
 * Takes a call and returns its id, never 0. Sends nothing yet, and never calls back from inside: on_reply
 * is called exactly once, from bus_client_process(), also when the call is too large, too many are
 * outstanding or no broker is up (see outcome); unless the call is cancelled first.
 */
uint64_t bus_client_call(struct bus_client *client, const struct bus_call *call);

/* on_reply will not be called. The worker is told, so that it may stop. An id that has ended already is
 * ignored. */
void bus_client_cancel(struct bus_client *client, uint64_t id);

/* Sends what was taken since the last time. Never blocks. */
void bus_client_flush(struct bus_client *client);

/* Receives what is there, calls back, ends what is overdue. Callbacks may call and cancel; what they call
 * is flushed at the end. */
void bus_client_process(struct bus_client *client);

/* Calls and waits for the answer; other calls of this client go on meanwhile. on_reply and ctx of `call`
 * are not used. */
void bus_client_call_wait(
	struct bus_client *client, const struct bus_call *call, struct bus_reply *reply_out);

/* Whether any broker is up, for /readyz. Any thread may ask. */
bool bus_client_connected(const struct bus_client *client);
