/*
 * The newest events of one stream, ready to be sent: each is put into JSON once, for all who listen. Who is
 * further behind than the ring reads the log.
 */
#pragma once
#include "kit/event_json.h"

enum {
	RING_EVENTS = 4096,
	RING_BYTES = 4 << 20,
};

/* An event as it goes out. One block of memory. */
struct told {
	uint64_t position;
	size_t size_bytes; /* of the block */
	struct slice type, subject;
	bool everyone;
	size_t audience_count;
	const struct audience_entry *audience; /* the current one first */
	struct slice lines;                    /* "event: …\ndata: …\n\n" */
};

struct told *told_new(const struct logged_event *event, struct arena *scratch);

struct ring {
	bool known; /* someone has told us where the stream is */
	uint32_t epoch;
	uint64_t low, head; /* the events in (low, head] are here */
	size_t bytes, first, count;
	struct told *events[RING_EVENTS];
};

/* Forgets all events: what follows comes after `head`. */
void ring_reset(struct ring *ring, uint32_t epoch, uint64_t head);
/* Takes the event over; positions rise. */
void ring_push(struct ring *ring, struct told *told);
/* Positions up to this one are covered, whether or not there were events. */
void ring_advance(struct ring *ring, uint64_t head);
/* The first event behind that position, which is not below `low`; NULL: none. */
const struct told *ring_after(const struct ring *ring, uint64_t position);
