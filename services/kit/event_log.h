/*
 * Reading another service's event log, page by page, for whoever has no batch from the brokers:
 * "events.readLog" of proto/guanxi/envelope.proto.
 */
#pragma once
#include "kit/arena.h"
#include "kit/bus_client.h"
#include "kit/status.h"

enum { EVENT_PAGE_MAX = 1000 };

struct event_place {
	uint32_t epoch; /* 0: whatever is current */
	uint64_t after;
	const char *time; /* RFC 3339: instead of `after`, from the first event logged at or after it; NULL:
			     none */
	uint32_t limit;   /* events; 0: as many as a page has */
};

struct event_page {
	uint32_t epoch;
	uint64_t head, low, up_to;
	struct frame_event
		*events; /* LoggedEvents; the bytes are borrowed from the client: valid until its next use */
	size_t count;
};

/* UNAVAILABLE: nobody answered. */
enum status event_log_read(struct bus_client *client, const char *stream, const struct event_place *place,
	uint32_t timeout_ms, struct arena *arena, struct event_page *page_out) MUST_CHECK;
