/*
 * Following streams: a thread for each subscription of a service. Events arrive from the brokers,
 * gaps are read from the log of the service that owns the stream, and each batch is applied in one
 * transaction that also moves the cursor by compare-and-set: an effect happens once, whatever dies. An event
 * that fails five times, or cannot be read, is parked, with the later ones of the same record; others go on.
 */
#pragma once
#include "kit/service.h"

#define CONSUMER_ATTEMPTS 5

/* Borrowed; lives for the call of apply(). */
struct consumer_event {
	const char *stream;
	uint32_t epoch;
	uint64_t position;
	const char *type; /* "guanxi.identity.user.updated.v1" */
	const struct schema_resource
		*resource; /* of the subject; NULL when unknown here (a newer version's) */
	uint8_t subject_id[16];
	uint64_t version; /* 0: it changes nothing */
	const struct record *before,
		*after;          /* changed fields only; NULL when absent or the resource is unknown */
	struct slice fields[64]; /* JSON names of what changed */
	size_t field_count;
	struct slice raw; /* the LoggedEvent that it was read from */
};

bool consumer_event_names(const struct consumer_event *event, const char *json_name);

struct consumer_options {
	const struct service *service;
	const char *conninfo, *broker_requests, *broker_events;
};

/* How many connections to PostgreSQL its subscriptions take. */
size_t consumer_count(const struct service *service);
/* Does nothing when the service follows nothing. */
void consumer_start(const struct consumer_options *options);
void consumer_stop(void);

/* Reads a LoggedEvent; false when malformed. */
bool consumer_event_read(const char *stream, const void *bytes, size_t len, struct arena *arena,
	struct consumer_event *event_out);
