/*
 * requests.h: routes requests to workers and answers back to who asked.
 *
 *	client --REQUEST--> [queue: waiting] --REQUEST--> worker
 *	client <--REPLY--------------------- <--REPLY---- worker
 *
 * A call is waiting, then running, then gone; it always ends in one answer.
 *
 * A worker says READY for a queue with how much it may have outstanding; of two workers taken at random the
 * less loaded one gets what waits, as one message. What cannot be served is answered at once, with an
 * outcome of the bus:
 *
 *	BUS_OVERLOADED   too much waits already, in the queue, from this client, or in memory; it did not run
 *	BUS_DEADLINE     its time was over while it waited (did not run), or while it ran (maybe executed)
 *	BUS_NO_SERVICE   no worker served the queue for REQUESTS_NO_WORKER_MS; it did not run
 *	BUS_UNAVAILABLE  the worker that had it went away (maybe executed)
 *	BUS_REFUSED      the client's key may not call (access.h); it did not run
 *
 * A client that goes away takes its waiting calls with it, and the workers of those that run are told
 * CANCEL.
 */
#pragma once

#include "broker/access.h"

enum {
	REQUESTS_CALLS_MAX = 65536,       /* waiting and running, of all clients */
	REQUESTS_CLIENT_CALLS_MAX = 4096, /* of one client */
	REQUESTS_QUEUES_MAX = 256,
	REQUESTS_WAITING_MAX = 4096,            /* in one queue */
	REQUESTS_WAITING_BYTES_MAX = 256 << 20, /* of messages of which something waits */
	REQUESTS_WORKER_QUEUES_MAX = 64,        /* registrations of one worker */
	REQUESTS_WORKER_BYTES_MAX = 32 << 20,   /* running at one worker, of one queue */
	REQUESTS_NO_WORKER_MS = 2000,
	REQUESTS_LEAVE_MS = 5000,
	/* What BUS_OVERLOADED advises: the age of the oldest that waits, within these. */
	REQUESTS_RETRY_MIN_MS = 100,
	REQUESTS_RETRY_MAX_MS = 5000,
};

struct requests;

/* Binds. access: NULL without keys. NULL: error_out says why not. */
struct requests *requests_open(const char *endpoint, struct access *access, struct zsocket_error *error_out);
/* Runs on the calling thread until requests_leave() or requests_stop(), which any thread may call. */
void requests_run(struct requests *requests);
/* Clients are told to call elsewhere; ends when everything has been answered, or after REQUESTS_LEAVE_MS. */
void requests_leave(struct requests *requests);
void requests_stop(struct requests *requests);
void requests_close(struct requests *requests);

/* For /livez. Any thread. */
bool requests_is_alive(const struct requests *requests);
