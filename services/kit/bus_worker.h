/*
 * bus_worker.h: answering requests.
 *
 * A worker registers queues at every broker, each with its share of the capacity, and gets no more than
 * that at once. One thread, the bus thread, owns the connections. It calls on_request for each request; the
 * owner may answer there, or keep the request, hand it to another thread and answer from there.
 *
 *	struct bus_worker *worker = bus_worker_open(&(struct bus_worker_options){
 *		.endpoints = endpoints, .queues = queues, .queue_count = 2,
 *		.on_request = enqueue, .ctx = service }, &error);
 *	…                                                     // in a lane:
 *	bus_request_reply(request, OK, header, header_len, body, body_len);
 *	…                                                     // at SIGTERM:
 *	bus_worker_drain(worker, 20000);
 *	bus_worker_close(worker);
 */
#pragma once

#include "kit/bus_client.h"

struct bus_worker;

/* A request belongs to the owner from on_request until it is answered; its bytes are valid until then.
 * Read-only. */
struct bus_request {
	uint32_t queue; /* index into options.queues */
	bool idempotent;
	const uint8_t *header;
	size_t header_len;
	const uint8_t *body;
	size_t body_len;
	uint64_t received_ns;     /* CLOCK_MONOTONIC */
	uint64_t deadline_ns;     /* CLOCK_MONOTONIC; nobody waits for an answer after it */
	void *owner;              /* the owner's to use; NULL at first */
	struct bus_request *next; /* likewise, for the owner's lists */
};

struct bus_queue {
	const char *name;  /* "customer.read" */
	uint32_t capacity; /* requests outstanding at once, over all brokers */
};

enum { BUS_WORKER_QUEUES_MAX = 32 };

struct bus_worker_options {
	const char *endpoints;
	const struct bus_queue *queues; /* copied */
	size_t queue_count;
	void (*on_request)(void *ctx, struct bus_request *request); /* on the bus thread; must not block */
	void (*on_turn_end)(void *ctx); /* optional: after the requests of one turn: the time to wake lanes */
	void *ctx;
};

/* NULL: an endpoint or a name is wrong, and error_out says how. Nothing is asked for before
 * bus_worker_start(). */
struct bus_worker *bus_worker_open(const struct bus_worker_options *options, struct zsocket_error *error_out);
/* Starts the bus thread and registers the queues. */
void bus_worker_start(struct bus_worker *worker);

/*
 * Answers. Exactly once for each request, from any thread; never blocks; the request is gone afterwards.
 * The bytes are copied. Sizes beyond FRAME_HEADER_MAX and FRAME_BODY_MAX are a bug of the caller
 * (asserted). Whoever answers many requests together uses _reply_later for each and then bus_worker_wake()
 * once: they leave as one message.
 */
void bus_request_reply(struct bus_request *request, uint16_t status, const void *header, size_t header_len,
	const void *body, size_t body_len);
void bus_request_reply_later(struct bus_request *request, uint16_t status, const void *header,
	size_t header_len, const void *body, size_t body_len);
void bus_worker_wake(struct bus_worker *worker);
/* Answers with an outcome of the bus instead: BUS_OVERLOADED (did not run), BUS_DEADLINE, BUS_UNAVAILABLE. */
void bus_request_refuse(struct bus_request *request, enum bus_outcome outcome, uint32_t retry_after_ms);

/* Whether nobody waits for it any more: the caller went away or the deadline has passed. It must be
 * answered all the same. Any thread. */
bool bus_request_abandoned(const struct bus_request *request);

/*
 * For calls to other services from on_request or from callbacks of such calls, that is on the bus thread
 * only: a client that this thread flushes and processes. Calls outlive on_request, and may answer a request
 * that was kept.
 */
struct bus_client *bus_worker_client(struct bus_worker *worker);

/* Any thread: calls run(arg) on the bus thread, soon. For starting calls from elsewhere. */
void bus_worker_post(struct bus_worker *worker, void (*run)(void *arg), void *arg);

/* Whether at least one broker knows this worker, for /readyz. Any thread. */
bool bus_worker_connected(const struct bus_worker *worker);
/* Requests that are not answered yet. Any thread. */
size_t bus_worker_outstanding(const struct bus_worker *worker);

/* Tells the brokers to send no new work and waits until everything is answered and the answers are sent.
 * Returns how many were still outstanding when timeout_ms was over: 0 is a clean end. */
size_t bus_worker_drain(struct bus_worker *worker, uint32_t timeout_ms);
/* Stops the thread and closes the connections. Requests that are not answered become invalid: stop the
 * lanes first. */
void bus_worker_close(struct bus_worker *worker);
