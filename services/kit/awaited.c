#include "kit/awaited.h"
#include "kit/question.h"
#include "kit/uuid.h"
#include <stdatomic.h>
#include <string.h>

#define OVERLOADED_MS 1000

static struct {
	struct bus_worker *worker;
	void (*run_again)(struct request *req);
	_Atomic uint64_t projected; /* grows with every commit of a consumer */
	_Atomic size_t count;       /* asked or waiting */
	_Atomic size_t sleeping;
	struct request *waiting; /* on the bus thread only */
} a;

void awaited_open(struct bus_worker *worker, void (*run_again)(struct request *req))
{
	a.worker = worker;
	a.run_again = run_again;
}

uint64_t awaited_projected(void)
{
	return atomic_load(&a.projected);
}

/* --- on the bus thread */

static void run_again(struct request *req)
{
	atomic_fetch_sub(&a.count, 1);
	req->missing = NULL;
	req->problem = NULL;
	req->status = OK;
	a.run_again(req);
}

static void answer(struct request *req)
{
	atomic_fetch_sub(&a.count, 1);
	request_finish(req);
	bus_worker_wake(a.worker);
}

static void give_up(struct request *req)
{
	atomic_fetch_sub(&a.count, 1);
	bus_request_refuse(req->bus, BUS_DEADLINE, 0);
	request_free(req);
}

/* The projection may have moved since the request looked: then nobody would wake it. */
static void sleep_until_projected(struct request *req)
{
	atomic_fetch_add(&a.sleeping, 1);
	if (awaited_projected() != req->projected) {
		atomic_fetch_sub(&a.sleeping, 1);
		run_again(req);
		return;
	}
	req->next = a.waiting;
	a.waiting = req;
}

static void on_answer(void *ctx, const struct bus_reply *reply)
{
	struct request *req = ctx;

	if (reply->outcome == BUS_ANSWERED && reply->status == OK) {
		memcpy(req->known_id, req->missing_id, sizeof req->known_id);
		sleep_until_projected(req);
		return;
	}
	/* Whoever cannot be asked may have it: worth trying again. */
	if (reply->outcome != BUS_ANSWERED || reply->status != NOT_FOUND) {
		fail(req, UNAVAILABLE, MSG_UNAVAILABLE, NULL);
		answer(req);
		return;
	}
	/* It stands as it was refused; of a batch one operation does, and the others are still to be done. */
	memcpy(req->unknown_id, req->missing_id, sizeof req->unknown_id);
	if (req->verb == VERB_BATCH)
		run_again(req);
	else
		answer(req);
}

static void ask(struct request *req)
{
	char id[37];

	uuid_to_text(req->missing_id, id);
	struct bus_call call =
		question_about(req->arena, arena_printf(req->arena, "%s.read", req->missing->service),
			arena_printf(req->arena, "%s.get", req->missing->collection), id);

	call.on_reply = on_answer;
	call.ctx = req;
	bus_client_call(bus_worker_client(a.worker), &call);
}

static void take(void *arg)
{
	struct request *req = arg;

	if (memcmp(req->known_id, req->missing_id, sizeof req->known_id))
		ask(req);
	else
		sleep_until_projected(req);
}

static void look_through(void (*visit)(struct request *req), bool (*wanted)(const struct request *req))
{
	struct request *left = a.waiting;

	a.waiting = NULL;
	while (left) {
		struct request *req = left;

		left = req->next;
		if (wanted(req)) {
			atomic_fetch_sub(&a.sleeping, 1);
			visit(req);
		} else {
			req->next = a.waiting;
			a.waiting = req;
		}
	}
}

static bool is_behind(const struct request *req)
{
	return req->projected != awaited_projected();
}

static bool is_late(const struct request *req)
{
	return request_now_ns() > req->bus->deadline_ns || bus_request_abandoned(req->bus);
}

static void wake(void *unused)
{
	(void)unused;
	look_through(run_again, is_behind);
}

static void sweep(void *unused)
{
	(void)unused;
	look_through(give_up, is_late);
}

/* --- any thread */

void awaited_take(struct request *req)
{
	if (atomic_fetch_add(&a.count, 1) >= AWAITED_MAX) {
		atomic_fetch_sub(&a.count, 1);
		bus_request_refuse(req->bus, BUS_OVERLOADED, OVERLOADED_MS);
		request_free(req);
		return;
	}
	bus_worker_post(a.worker, take, req);
}

void awaited_wake(void)
{
	atomic_fetch_add(&a.projected, 1);
	if (atomic_load(&a.sleeping))
		bus_worker_post(a.worker, wake, NULL);
}

void awaited_sweep(void)
{
	if (atomic_load(&a.sleeping))
		bus_worker_post(a.worker, sweep, NULL);
}
