/*
 * call.h: what the request side of the broker keeps: calls, the queues that they wait in, and the workers
 * that serve those. Lists say what state a thing is in: a call is in its queue's `waiting` or in its
 * service's `running`.
 */
#pragma once

#include "broker/requests.h"
#include "broker/router.h"

#include <sys/queue.h>

/* A message of which items still wait: they point into it. */
struct inbound {
	zmq_msg_t message;
	size_t waiting;
};

struct call {
	uint64_t id;          /* what the worker knows it by: a serial number above the slot */
	struct party *client; /* NULL: nobody waits for it any more */
	uint64_t client_id;   /* what the client knows it by */
	struct queue *queue;
	struct service *service; /* where it runs; NULL while it waits */
	struct inbound *inbound; /* while it waits */
	struct frame_item item;  /* likewise */
	size_t size;             /* of header and body, bytes */
	uint64_t arrived_ns;
	uint64_t deadline_ns;
	TAILQ_ENTRY(call) in_state;  /* queue->waiting or service->running */
	TAILQ_ENTRY(call) in_client; /* client->calls */
};

TAILQ_HEAD(call_list, call);

/* One worker's registration for one queue. */
struct service {
	struct party *worker;
	struct queue *queue;
	uint32_t window; /* how many may run at once */
	uint32_t running_count;
	size_t running_bytes;
	struct call_list running;
	LIST_ENTRY(service) in_worker;
};

LIST_HEAD(service_list, service);

enum queue_gauge { QUEUE_WAITING, QUEUE_RUNNING, QUEUE_WORKERS, QUEUE_GAUGES };

struct queue {
	char name[FRAME_NAME_MAX];
	uint8_t name_len;
	struct call_list waiting; /* oldest first */
	size_t waiting_count;
	struct service **services;
	size_t service_count;
	uint64_t unserved_ns;                       /* since when no worker has served it */
	struct metric_series *gauges[QUEUE_GAUGES]; /* once it has had a worker: anybody may name a queue */
};

/* A peer: a client, a worker, or both. */
struct party {
	struct peer peer;       /* first */
	struct call_list calls; /* as a client */
	size_t call_count;
	struct frame_writer replies;
	struct frame_writer cancels; /* to it, as a worker */
	bool to_flush;
	struct service_list services; /* as a worker */
	size_t service_count;
	bool leaving; /* has said GOODBYE */
};

bool queue_is_named(const struct queue *queue, const char *name, size_t name_len);

/* The service that ought to have the next call: of two at random the less loaded that has room; any with
 * room otherwise. NULL: none has. `random` is a fresh random number. */
struct service *queue_choose(struct queue *queue, uint32_t random);

/* Whether some worker serves the queue, busy or not. */
bool queue_is_served(const struct queue *queue);

void queue_add_service(struct queue *queue, struct service *service);
void queue_remove_service(struct queue *queue, struct service *service);

/* Sets the metrics of a queue that has had a worker. */
void queue_tell_gauges(struct queue *queue);

enum { SLOT_BITS = 20, SLOT_MASK = (1 << SLOT_BITS) - 1 };

_Static_assert((int)REQUESTS_CALLS_MAX <= (int)SLOT_MASK, "a slot fits into an id");

struct requests {
	struct router router;
	struct queue *queues[REQUESTS_QUEUES_MAX];
	size_t queue_count;
	size_t waiting_bytes; /* of inbound messages */
	uint64_t serial;
	uint64_t random;
	atomic_bool leave;
	uint64_t leaving_ns; /* since when; 0: it is not */
	struct call *slots[REQUESTS_CALLS_MAX];
	uint32_t free_slots[REQUESTS_CALLS_MAX]; /* a stack */
	uint32_t free_count;
	uint32_t slots_used;                      /* beyond, no slot has ever been used */
	struct party *to_flush[ROUTER_PEERS_MAX]; /* have something in a writer */
	size_t flush_count;
	struct metric_series *outcomes[BUS_OUTCOMES];
	struct metric_series *waiting_bytes_gauge;
};

/* NULL: there are as many as allowed. */
struct call *call_new(struct requests *requests);
/* By its own id; NULL: it has ended, or is another broker's. */
struct call *call_find(struct requests *requests, uint64_t id);
/* Its bytes are no longer needed. */
void call_release_inbound(struct requests *requests, struct call *call);
/* Nobody waits for it any more. */
void call_leave_client(struct call *call);
void call_leave_queue(struct call *call);
/* Out of all lists. */
void call_free(struct requests *requests, struct call *call);

/* Answers are written now and sent by requests_flush(). */
void requests_answer(struct requests *requests, struct party *client, const struct frame_item *item);
/* Answers without a worker's help; the call goes on existing. */
void call_answer_outcome(
	struct requests *requests, struct call *call, enum bus_outcome outcome, uint8_t flags);
/* Its worker is told that nobody waits. */
void call_tell_cancel(struct requests *requests, struct call *call);
void requests_flush(struct requests *requests);
