/*
 * events.h: hands what publishers send to the subscribers of its stream, and keeps nothing but each
 * stream's head.
 *
 * A subscriber says how many bytes and batches may be under way to it. One that has no credit left is
 * passed over: what it missed it reads from the log. It learns that it missed something from the next batch
 * (whose `previous` is ahead of it) or from the stream's head, which it is told when it subscribes, when it
 * gives credit after it was passed over, and each EVENTS_HEAD_MS. So a slow subscriber costs the broker no
 * more memory than its window.
 *
 * A batch that does not lead beyond the head is dropped: it comes from a sequencer that was replaced.
 */
#pragma once

#include "broker/access.h"

enum {
	EVENTS_STREAMS_MAX = 256,
	EVENTS_HEAD_MS = 5000,
	EVENTS_WINDOW_BYTES_MAX = 64 << 20, /* a subscriber that asks for more gets this */
	EVENTS_WINDOW_BATCHES_MAX = 900,    /* below ZMQ_SNDHWM */
};

struct events;

struct events *events_open(const char *endpoint, struct access *access, struct zsocket_error *error_out);
void events_run(struct events *events);
void events_stop(struct events *events);
void events_close(struct events *events);

/* For /livez. Any thread. */
bool events_is_alive(const struct events *events);
