#include "kit/lane.h"
#include "kit/awaited.h"
#include "kit/bulk.h"
#include "kit/engine.h"
#include "kit/metrics.h"
#include "kit/query.h"
#include "kit/sequencer.h"
#include "kit/thread.h"
#include "kit/validate.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIVE_NS    120000000000u
#define STACK_BYTES (512 << 10)

struct lane {
	struct lanes *lanes;
	pthread_t thread;
	struct db *db;
	char name[32];
	struct request *current[LANE_GROUP]; /* under lanes->lock, for show */
	size_t current_count;
	_Atomic uint64_t busy_since_ns; /* 0: idle */
};

struct lanes {
	struct lanes_options options;
	pthread_mutex_t lock;
	pthread_cond_t something;
	struct request *first, **last;
	size_t waiting;
	bool stopping;
	struct lane *lane;
	struct metric_series *depth, *group;
};

static const char *const names[LANE_CLASSES] = {
	[LANE_WORK] = "work", [LANE_READ] = "read", [LANE_WRITE] = "write", [LANE_QUERY] = "query"
};

const char *lane_class_name(enum lane_class class_)
{
	return names[class_];
}

static bool out_of_time(struct request *req)
{
	return request_now_ns() > req->bus->deadline_ns;
}

static void refuse(struct request *req)
{
	bus_request_refuse(req->bus, BUS_DEADLINE, 0);
	request_free(req);
}

static void run_method(struct lane *lane, struct request *req)
{
	req->db = lane->db;
	request_step(req, "validate");
	req->status = validate_input(req);
	request_step(req, "execute");
	if (req->status == OK)
		req->status = db_ready(lane->db);
	if (req->status == OK)
		req->status = req->method->run(req);
}

static void run_reads(struct lane *lane, struct request **requests, size_t count)
{
	struct request *gets[LANE_GROUP];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (requests[i]->verb == VERB_CUSTOM) {
			run_method(lane, requests[i]);
			continue;
		}
		request_step(requests[i], "execute");
		if (requests[i]->verb == VERB_LOOKUP)
			requests[i]->status = engine_lookup(lane->db, requests[i]);
		else if (!requests[i]->principal)
			fail(requests[i], UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
		else
			gets[n++] = requests[i];
	}
	engine_read(lane->db, gets, n);
}

static void run_writes(struct lane *lane, struct request **requests, size_t count)
{
	struct request *planned[LANE_GROUP];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		request_step(requests[i], "plan");
		if (requests[i]->verb == VERB_BATCH) {
			requests[i]->status = engine_batch(lane->db, requests[i]);
			continue;
		}
		enum status status = engine_plan(requests[i]);

		requests[i]->status = status;
		if (status == OK)
			planned[n++] = requests[i];
		request_step(requests[i], "execute");
	}
	engine_write(lane->db, planned, n);
	sequencer_wake();
}

static enum status (*const queries[VERB_COUNT])(struct request *req, struct db *db) = {
	[VERB_LIST] = query_list,
	[VERB_SEARCH] = query_list,
	[VERB_AGGREGATE] = query_aggregate,
	[VERB_FIND] = query_find,
	[VERB_PAST] = query_past,
	[VERB_HISTORY] = query_history,
};

static void run_queries(struct lane *lane, struct request **requests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct request *req = requests[i];

		if (req->verb == VERB_CUSTOM) {
			run_method(lane, req);
			continue;
		}
		request_step(req, "execute");
		req->status = queries[req->verb](req, lane->db);
	}
}

/* What a method answers with decides whether an idempotency key can be kept for it: a record, which the log
 * has; or nothing. Other answers are nowhere to be had a second time (the token of a new session). */
static enum status run_once(struct request *req)
{
	if (req->verb == VERB_BULK)
		return bulk_start(req);
	assert(req->method);
	const struct schema_method *defined = schema_method_find(req->method->name);

	if (req->method->makes)
		return engine_once(req, schema_resource_find(req->method->makes), req->method->run);
	if (defined && !defined->output->count)
		return engine_once(req, NULL, req->method->run);
	return req->method->run(req);
}

/* A transaction of its own. What leaves the transaction open or broken ends as rolled back. */
static void run_work(struct lane *lane, struct request **requests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct request *req = requests[i];

		req->db = lane->db;
		request_step(req, "validate");
		req->status = req->method ? validate_input(req) : OK;
		request_step(req, "execute");
		if (req->status == OK)
			req->status = db_ready(lane->db);
		if (req->status == OK)
			req->status = db_begin(lane->db);
		if (req->status == OK)
			req->status = run_once(req);
		if (req->status == OK)
			req->status = db_commit(lane->db);
		else
			db_rollback(lane->db);
		sequencer_wake();
	}
}

static const struct {
	void (*run)(struct lane *lane, struct request **requests, size_t count);
	size_t group;
} classes[LANE_CLASSES] = {
	[LANE_WORK] = { run_work, 1 },
	[LANE_READ] = { run_reads, LANE_GROUP },
	[LANE_WRITE] = { run_writes, LANE_GROUP },
	[LANE_QUERY] = { run_queries, 1 },
};

/* Takes what waits, without those that nobody waits for any more. 0: the lanes stop. */
static size_t take(struct lane *lane, struct request **requests)
{
	struct lanes *l = lane->lanes;
	size_t n = 0;

	pthread_mutex_lock(&l->lock);
	lane->current_count = 0;
	while (!l->first && !l->stopping)
		pthread_cond_wait(&l->something, &l->lock);
	for (; l->first && n < classes[l->options.class_].group; l->waiting--) {
		requests[n++] = l->first;
		l->first = l->first->next;
	}
	if (!l->first)
		l->last = &l->first;
	else
		pthread_cond_signal(&l->something);
	metric_set(l->depth, (double)l->waiting);
	memcpy(lane->current, requests, n * sizeof *requests);
	lane->current_count = n;
	pthread_mutex_unlock(&l->lock);
	return n;
}

static size_t drop_late(struct request **requests, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (out_of_time(requests[i]) || bus_request_abandoned(requests[i]->bus))
			refuse(requests[i]);
		else
			requests[n++] = requests[i];
	}
	return n;
}

/* Whoever is held up by another transaction goes to the end of the queue: it must not hold up those behind
 * it. */
static void finish(struct lane *lane, struct request *req)
{
	if (req->again) {
		req->again = false;
		req->status = OK;
		req->problem = NULL;
		lanes_put(lane->lanes, req);
		return;
	}
	if (req->status != OK && req->missing) {
		request_step(req, "await");
		awaited_take(req);
		return;
	}
	request_step(req, "reply");
	request_finish(req);
}

static void *run(void *arg)
{
	struct lane *lane = arg;
	struct lanes *l = lane->lanes;
	struct request *requests[LANE_GROUP];
	size_t taken;

	pthread_setname_np(pthread_self(), lane->name);
	while ((taken = take(lane, requests))) {
		atomic_store(&lane->busy_since_ns, request_now_ns());
		pthread_mutex_lock(&l->lock); /* late ones are freed: not to be shown */
		size_t n = drop_late(requests, taken);

		memcpy(lane->current, requests, n * sizeof *requests);
		lane->current_count = n;
		pthread_mutex_unlock(&l->lock);
		metric_observe(l->group, (double)n);
		struct request *all[LANE_GROUP];

		memcpy(all, requests, n * sizeof *all);
		for (size_t i = 0; i < n; i++) /* before anything is read */
			all[i]->projected = awaited_projected();
		classes[l->options.class_].run(lane, requests, n);
		pthread_mutex_lock(&l->lock);
		lane->current_count = 0;
		pthread_mutex_unlock(&l->lock);
		for (size_t i = 0; i < n; i++)
			finish(lane, all[i]);
		bus_worker_wake(l->options.worker);
		atomic_store(&lane->busy_since_ns, 0);
	}
	db_close(lane->db);
	return NULL;
}

struct lanes *lanes_start(const struct lanes_options *options)
{
	struct lanes *l = calloc(1, sizeof *l);
	char label[64];

	l->options = *options;
	l->last = &l->first;
	l->lane = calloc(options->count, sizeof *l->lane);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->something, NULL);
	snprintf(label, sizeof label, "class=\"%s\"", names[options->class_]);
	l->depth = metric_series(METRIC_LANE_QUEUE, label);
	l->group = metric_series(METRIC_LANE_GROUP, label);
	for (unsigned i = 0; i < options->count; i++) {
		struct lane *lane = &l->lane[i];

		lane->lanes = l;
		snprintf(lane->name, sizeof lane->name, "%s-%u", names[options->class_], i);
		lane->db = db_open(&(struct db_options){ options->conninfo, options->service->name,
			options->statement_timeout_ms, options->lock_timeout_ms, lane->name,
			options->idle_timeout_ms });
		lane->thread = thread_start(run, lane, STACK_BYTES);
	}
	return l;
}

void lanes_put(struct lanes *lanes, struct request *req)
{
	req->next = NULL;
	pthread_mutex_lock(&lanes->lock);
	*lanes->last = req;
	lanes->last = &req->next;
	lanes->waiting++;
	pthread_mutex_unlock(&lanes->lock);
}

void lanes_wake(struct lanes *lanes)
{
	pthread_mutex_lock(&lanes->lock);
	if (lanes->first)
		pthread_cond_signal(&lanes->something);
	pthread_mutex_unlock(&lanes->lock);
}

void lanes_stop(struct lanes *lanes)
{
	pthread_mutex_lock(&lanes->lock);
	lanes->stopping = true;
	pthread_cond_broadcast(&lanes->something);
	pthread_mutex_unlock(&lanes->lock);
	for (unsigned i = 0; i < lanes->options.count; i++)
		pthread_join(lanes->lane[i].thread, NULL);
}

void lanes_cancel_abandoned(struct lanes *lanes)
{
	pthread_mutex_lock(&lanes->lock);
	for (unsigned i = 0; i < lanes->options.count; i++) {
		struct lane *lane = &lanes->lane[i];

		if (lane->current_count && bus_request_abandoned(lane->current[0]->bus))
			db_cancel(lane->db);
	}
	pthread_mutex_unlock(&lanes->lock);
}

bool lanes_alive(struct lanes *lanes)
{
	uint64_t now = request_now_ns();

	for (unsigned i = 0; i < lanes->options.count; i++) {
		uint64_t since = atomic_load(&lanes->lane[i].busy_since_ns);

		if (since && now - since > ALIVE_NS)
			return false;
	}
	return true;
}

void lanes_show(struct lanes *lanes, struct buffer *out)
{
	uint64_t now = request_now_ns();

	pthread_mutex_lock(&lanes->lock);
	for (unsigned i = 0; i < lanes->options.count; i++)
		for (size_t k = 0; k < lanes->lane[i].current_count; k++) {
			const struct request *req = lanes->lane[i].current[k];

			buffer_printf(out, "%s\t%s\t%s\t%.1f\n", lanes->lane[i].name, req->name, req->step,
				(double)(now - req->bus->received_ns) / 1e6);
		}
	pthread_mutex_unlock(&lanes->lock);
}
