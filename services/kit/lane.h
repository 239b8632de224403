/*
 * Lanes: the threads that run requests. A class of lanes has one queue; whichever lane is idle takes what
 * waits, reads and writes up to LANE_GROUP at once, so a lane that is stuck strands nobody. Each lane owns a
 * connection to PostgreSQL.
 */
#pragma once
#include "kit/request.h"
#include "kit/service.h"

#define LANE_GROUP 64

struct lanes;

struct lanes_options {
	enum lane_class class_;
	const struct service *service;
	unsigned count; /* threads */
	const char *conninfo;
	unsigned statement_timeout_ms, lock_timeout_ms, idle_timeout_ms; /* of their connections: db.h */
	struct bus_worker *worker; /* woken when replies of a group are ready */
};

const char *lane_class_name(enum lane_class class_);

struct lanes *lanes_start(const struct lanes_options *options);
/* Takes the request; it is answered in any case. Any thread. Does not wake a lane: lanes_wake() does, once
 * for many. */
void lanes_put(struct lanes *lanes, struct request *req);
void lanes_wake(struct lanes *lanes);
/* Cancels in PostgreSQL what runs for requests that nobody waits for any more; called now and then. For
 * classes whose statements may be cut at any point: queries. */
void lanes_cancel_abandoned(struct lanes *lanes);
/* Finishes what is in the queue and ends the threads. */
void lanes_stop(struct lanes *lanes);
/* Whether every lane has turned within the last two minutes: waiting for PostgreSQL within its time-outs is
 * alive. */
bool lanes_alive(struct lanes *lanes);
/* One line for each request in progress: lane, method, step, milliseconds. */
void lanes_show(struct lanes *lanes, struct buffer *out);
