/*
 * Requests that refer to what another service has and our projection of it does not have yet: a user made
 * milliseconds ago, named as an owner. The owner is asked whether it exists; if so, the request waits until
 * the projection has moved and runs again, at the latest until its deadline; if not, it is answered as it
 * stands. No lane is held up meanwhile, and what waits is bounded.
 */
#pragma once
#include "kit/request.h"

#define AWAITED_MAX 256 /* requests; one more is told that the service has too much to do */

struct bus_worker;

/* run_again: on the bus thread, takes the request to its lane. */
void awaited_open(struct bus_worker *worker, void (*run_again)(struct request *req));
/* How far the projections are; to be noted in req->projected before a request runs. Any thread. */
uint64_t awaited_projected(void);
/* A lane has run a request that found nothing but req->missing wanting: it waits here now and is the caller's
 * no more. Any thread. */
void awaited_take(struct request *req);
/* A consumer has committed. Any thread. */
void awaited_wake(void);
/* Ends those whose time is over; called now and then. Any thread. */
void awaited_sweep(void);
