/*
 * bus_events.h: publishing events to, and following streams at, the brokers.
 *
 * PostgreSQL keeps events; the brokers only make them arrive sooner. So a publisher never waits and may
 * lose what it sends, and a subscriber always learns that it is behind: each batch says which positions
 * (previous, up_to] it covers, and the head of each stream is told again on every occasion (connection,
 * credit given back, each five seconds). What is missing the owner reads from the log of the service that
 * owns the stream.
 *
 * A stream is one service's log ("customer"); a place in it is (epoch, position); positions are dense. An
 * epoch replaces all smaller ones.
 *
 * Both sides live in the owner's loop, as bus_client does: one descriptor, level-triggered, and _process().
 */
#pragma once

#include "kit/frame.h"
#include "kit/zsocket.h"

/* Publisher: used by the one thread that runs a service's sequencer. */
struct bus_publisher;

struct bus_publisher *bus_publisher_open(const char *endpoints, struct zsocket_error *error_out);
void bus_publisher_close(struct bus_publisher *publisher);
int bus_publisher_fd(const struct bus_publisher *publisher);
/* At least once a second, and when the descriptor is readable: keeps the connections, tells the heads. */
void bus_publisher_process(struct bus_publisher *publisher);

/* Says that the stream's newest position is up_to: at start, and whenever it is known without events to
 * send. */
void bus_publisher_head(struct bus_publisher *publisher, const char *stream, uint32_t epoch, uint64_t up_to);
/*
 * Sends events with positions in (previous, up_to], rising, to every broker; splits what is too large for
 * one message. Call it after the transaction that made them has committed. Never blocks, never fails: see
 * above.
 */
void bus_publisher_send(struct bus_publisher *publisher, const char *stream, const struct frame_batch *batch,
	const struct frame_event *events, size_t count);

/* Subscriber. */
struct bus_subscriber;

/* Events in order, none twice, none missing since the last one. Positions (previous, up_to] are covered,
 * also where there is no event. Valid during the callback. */
struct bus_batch {
	const char *stream;
	uint32_t epoch;
	uint64_t previous;
	uint64_t up_to;
	const struct frame_event *events;
	size_t count;
};

struct bus_stream {
	const char *name;
	uint32_t epoch; /* where to go on: what was last dealt with */
	uint64_t position;
};

enum {
	BUS_STREAMS_MAX = 32,
	BUS_WINDOW_BYTES_DEFAULT = 4 << 20,
	BUS_WINDOW_BATCHES_DEFAULT = 64,
	BUS_GAP_AGAIN_MS = 5000,
};

struct bus_subscriber_options {
	const char *endpoints;
	const struct bus_stream *streams; /* copied */
	size_t stream_count;
	uint64_t window_bytes; /* what each broker may have under way, so what is held; 0: the defaults */
	uint64_t window_batches;

	/*
	 * The next batch. True: dealt with, the cursor moves to up_to. False: not now (the database is
	 * away): nothing moves, and the same range is offered again, or asked for by on_gap, after
	 * BUS_GAP_AGAIN_MS.
	 */
	bool (*on_batch)(void *ctx, const struct bus_batch *batch);
	/*
	 * Positions (from, to] of that epoch are missing: read them from the log, then call
	 * bus_subscriber_advance(), from inside or later. Batches that arrive meanwhile are kept within the
	 * window. If `epoch` is larger than that of the cursor, the log was promoted or restored: ask the
	 * owner of the stream where to go on. Told again each BUS_GAP_AGAIN_MS until resolved.
	 */
	void (*on_gap)(void *ctx, const char *stream, uint32_t epoch, uint64_t from, uint64_t to);
	void *ctx;
};

struct bus_subscriber *bus_subscriber_open(
	const struct bus_subscriber_options *options, struct zsocket_error *error_out);
void bus_subscriber_close(struct bus_subscriber *subscriber);
int bus_subscriber_fd(const struct bus_subscriber *subscriber);
/* Receives, calls back, gives credit. */
void bus_subscriber_process(struct bus_subscriber *subscriber);
/* Everything up to (epoch, position) has been dealt with. */
void bus_subscriber_advance(
	struct bus_subscriber *subscriber, const char *stream, uint32_t epoch, uint64_t position);
/* Whether any broker is up. Any thread. */
bool bus_subscriber_connected(const struct bus_subscriber *subscriber);
