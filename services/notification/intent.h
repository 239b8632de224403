/*
 * From an event to deliveries: which webhooks want it, and whose owner may see it. A delivery is written in
 * the transaction that moves the place in the stream, so that there is one for each event, whatever dies.
 */
#pragma once
#include "kit/consumer.h"
#include "kit/db.h"
#include "kit/event_json.h"
#include "kit/request.h"
#include "notification/owners.h"

enum {
	INTENT_TYPES_MAX = 32,
	INTENT_WAITING_MAX =
		5000, /* deliveries of a webhook that wait: beyond, it reads the log by itself, later */
};

/* A webhook as an intent needs it; in the request's arena. */
struct intent_webhook {
	uint8_t id[16], owner[16];
	struct slice types[INTENT_TYPES_MAX];
	size_t type_count; /* 0: all */
	bool active, told; /* told: gets events as they come, not by reading the log by itself */
	int64_t waiting;   /* deliveries, up to INTENT_WAITING_MAX */
};

/* All webhooks, in the order of their ids, locked against a change of state until the transaction ends. */
enum status intent_webhooks(struct request *req, const char *stream, struct intent_webhook **webhooks_out,
	size_t *count_out) MUST_CHECK;
/* Deliveries in the making, of one event or of many: written by one statement, sent in the order of the
 * adding. */
struct intents {
	struct request *req;
	bool replayed;
	size_t count;
	struct db_array ids, webhooks, owners, event_ids, types, subjects, events;
};

void intents_begin(struct intents *intents, struct request *req, bool replayed);
/* One for each of the webhooks that want the event and whose owner may see it. UNAVAILABLE: what that is,
 * nobody knows just now. */
enum status intents_add(struct intents *intents, struct owners *owners,
	const struct intent_webhook *const *webhooks, size_t count, const struct logged_event *event,
	struct slice raw) MUST_CHECK;
enum status intents_write(struct intents *intents) MUST_CHECK;

/* Subscription of every service's stream but our own: an endpoint that fails would feed itself. */
enum status intent_apply(struct request *req, const struct consumer_event *event);
/* The name of the cursor with which a stream is followed. */
const char *intent_cursor(struct arena *arena, const char *stream);
