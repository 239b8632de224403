/*
 * Several services asked at the same time, for one request: what comes in time is used, what does not is told
 *as missing. The calls are made in the caller's name; the call waits meanwhile and goes on when the last has
 *ended.
 *
 *	struct fan *fan = fan_new(call, n);
 *	fan->calls[0] = (struct fan_call){ .queue = "customer.query", .method = "customers.find", .body = body
 *}; … return fan_start(fan, timeout_ms, on_done);        // WAIT
 */
#pragma once
#include "gateway/call.h"

struct fan_call {
	const char *queue, *method;
	const struct schema_resource *resource; /* for who reads the answer */
	struct slice body;
	/* then */
	enum status status;
	struct problem *problem;
	struct slice reply; /* a copy */
	struct fan *fan;
	uint64_t bus_id; /* 0: it has ended */
};

struct fan {
	struct call *call;
	struct fan_call *calls;
	size_t count, pending;
	void (*on_done)(struct fan *fan);
};

struct fan *fan_new(struct call *call, size_t count);
/* Reads only: a service may be asked twice. `count` must not be 0. on_done resumes the call, or starts
 * another fan. */
enum progress fan_start(struct fan *fan, uint32_t timeout_ms, void (*on_done)(struct fan *fan));
/* The client has gone. */
void fan_cancel(struct fan *fan);
