#include "broker/events.h"

#include "broker/router.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t NS_PER_MS = 1000000;

struct stream {
	char name[FRAME_NAME_MAX];
	uint8_t name_len;
	bool has_head; /* a broker that has just started knows none */
	struct frame_batch head;
};

/* A peer that subscribes; publishers use none of it. Bit i of a set stands for streams[i]. */
struct subscriber {
	struct peer peer; /* first */
	uint64_t follows[EVENTS_STREAMS_MAX / 64];
	uint64_t passed_over[EVENTS_STREAMS_MAX / 64];
	struct frame_window window;
	struct frame_window sent;
	struct frame_window dealt_with;
};

struct events {
	struct router router;
	struct stream streams[EVENTS_STREAMS_MAX];
	size_t stream_count;
	uint64_t told_heads_ns;
	struct metric_series *delivered;
	struct metric_series *subscriptions;
};

static void set_bit(uint64_t *set, size_t bit, bool on)
{
	if (on)
		set[bit / 64] |= 1ull << bit % 64;
	else
		set[bit / 64] &= ~(1ull << bit % 64);
}

static bool has_bit(const uint64_t *set, size_t bit)
{
	return set[bit / 64] >> bit % 64 & 1;
}

/* NULL: as many as allowed. */
static struct stream *find_stream(struct events *events, const struct frame_envelope *envelope)
{
	for (size_t i = 0; i < events->stream_count; i++) {
		struct stream *stream = &events->streams[i];

		if (stream->name_len == envelope->name_len &&
			memcmp(stream->name, envelope->name, envelope->name_len) == 0)
			return stream;
	}
	if (events->stream_count == EVENTS_STREAMS_MAX)
		return NULL;

	struct stream *stream = &events->streams[events->stream_count++];

	memcpy(stream->name, envelope->name, envelope->name_len);
	stream->name_len = envelope->name_len;
	return stream;
}

static void tell_head(struct events *events, struct subscriber *subscriber, const struct stream *stream)
{
	struct frame_writer writer = { 0 };

	set_bit(subscriber->passed_over, (size_t)(stream - events->streams), false);
	if (!stream->has_head)
		return;
	frame_write_begin(&writer, FRAME_HEAD, stream->name, stream->name_len);
	frame_write_batch(&writer, &stream->head);
	router_send(&events->router, &subscriber->peer, &writer);
}

/* Returns whether it leads beyond what is known. A larger epoch replaces whatever was, also with smaller
 * positions. */
static bool advance_head(struct stream *stream, const struct frame_batch *batch)
{
	const struct frame_batch *head = &stream->head;

	if (stream->has_head &&
		(batch->epoch < head->epoch || (batch->epoch == head->epoch && batch->up_to <= head->up_to)))
		return false;
	stream->has_head = true;
	stream->head = (struct frame_batch){ batch->epoch, batch->up_to, batch->up_to };
	return true;
}

static bool has_credit(const struct subscriber *subscriber)
{
	return subscriber->sent.batches - subscriber->dealt_with.batches < subscriber->window.batches &&
	       subscriber->sent.bytes - subscriber->dealt_with.bytes < subscriber->window.bytes;
}

static void deliver(struct events *events, struct subscriber *subscriber, size_t stream, zmq_msg_t *message)
{
	if (!has_credit(subscriber)) {
		set_bit(subscriber->passed_over, stream, true);
		router_count_drop(&events->router, ROUTER_NO_CREDIT);
		return;
	}
	if (!router_send_shared(&events->router, &subscriber->peer, message))
		return;
	subscriber->sent.batches++;
	subscriber->sent.bytes += zmq_msg_size(message);
	metric_add(events->delivered, 1);
}

static void on_publish(struct events *events, const struct frame_envelope *envelope, struct frame_reader body,
	zmq_msg_t *message)
{
	struct stream *stream = find_stream(events, envelope);
	struct frame_batch batch;

	if (!stream || !frame_read_batch(&body, &batch) || !advance_head(stream, &batch)) {
		router_count_drop(&events->router, ROUTER_STALE);
		return;
	}
	size_t index = (size_t)(stream - events->streams);

	/* All subscribers share these bytes. */
	frame_patch_type(zmq_msg_data(message), FRAME_EVENTS);
	for (size_t i = 0; i < events->router.peer_count; i++) {
		struct subscriber *subscriber = (struct subscriber *)events->router.peers[i];

		if (has_bit(subscriber->follows, index))
			deliver(events, subscriber, index, message);
	}
}

static void on_head(struct events *events, const struct frame_envelope *envelope, struct frame_reader body)
{
	struct stream *stream = find_stream(events, envelope);
	struct frame_batch batch;

	if (!stream || !frame_read_batch(&body, &batch) || !advance_head(stream, &batch))
		return; /* publishers repeat themselves */
	for (size_t i = 0; i < events->router.peer_count; i++) {
		struct subscriber *subscriber = (struct subscriber *)events->router.peers[i];

		if (has_bit(subscriber->follows, (size_t)(stream - events->streams)))
			tell_head(events, subscriber, stream);
	}
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

static void on_subscribe(struct events *events, struct subscriber *subscriber,
	const struct frame_envelope *envelope, struct frame_reader body)
{
	struct stream *stream = find_stream(events, envelope);
	struct frame_window window;

	if (!stream || !frame_read_window(&body, &window)) {
		router_count_drop(&events->router, ROUTER_MALFORMED);
		return;
	}
	subscriber->window.bytes = at_most(window.bytes, EVENTS_WINDOW_BYTES_MAX);
	subscriber->window.batches = at_most(window.batches, EVENTS_WINDOW_BATCHES_MAX);
	set_bit(subscriber->follows, (size_t)(stream - events->streams), true);
	tell_head(events, subscriber, stream);
}

/* More than was sent cannot have been dealt with: it counts as all. */
static void on_credit(struct events *events, struct subscriber *subscriber, struct frame_reader body)
{
	struct frame_window dealt_with;

	if (!frame_read_window(&body, &dealt_with))
		return;
	subscriber->dealt_with.bytes = at_most(dealt_with.bytes, subscriber->sent.bytes);
	subscriber->dealt_with.batches = at_most(dealt_with.batches, subscriber->sent.batches);
	for (size_t i = 0; i < events->stream_count; i++)
		if (has_bit(subscriber->passed_over, i))
			tell_head(events, subscriber, &events->streams[i]);
}

static enum access_right right_for(enum frame_type type)
{
	return type == FRAME_SUBSCRIBE ? ACCESS_CALL : ACCESS_SERVE;
}

static void on_message(void *owner, struct peer *peer, const struct frame_envelope *envelope,
	struct frame_reader body, zmq_msg_t *message)
{
	struct events *events = owner;
	struct subscriber *subscriber = (struct subscriber *)peer;
	bool has_name = envelope->name_len > 0;

	if (has_name && !router_permits(&events->router, peer, right_for(envelope->type), envelope))
		return;
	if (envelope->type == FRAME_PUBLISH && has_name && frame_events_valid(body, envelope))
		on_publish(events, envelope, body, message);
	else if (envelope->type == FRAME_HEAD && has_name)
		on_head(events, envelope, body);
	else if (envelope->type == FRAME_SUBSCRIBE && has_name)
		on_subscribe(events, subscriber, envelope, body);
	else if (envelope->type == FRAME_CREDIT)
		on_credit(events, subscriber, body);
	else
		router_count_drop(&events->router, ROUTER_MALFORMED);
}

static void on_turn_end(void *owner)
{
	(void)owner; /* batches are passed on as they come: each is one already */
}

static void tell_heads(struct events *events, struct subscriber *subscriber)
{
	for (size_t i = 0; i < events->stream_count; i++)
		if (has_bit(subscriber->follows, i))
			tell_head(events, subscriber, &events->streams[i]);
}

static size_t count_subscriptions(const struct subscriber *subscriber)
{
	size_t count = 0;

	for (size_t i = 0; i < EVENTS_STREAMS_MAX / 64; i++)
		count += (size_t)__builtin_popcountll(subscriber->follows[i]);
	return count;
}

static void on_tick(void *owner)
{
	struct events *events = owner;
	bool heads_due = events->router.now_ns - events->told_heads_ns >= EVENTS_HEAD_MS * NS_PER_MS;
	size_t subscriptions = 0;

	for (size_t i = 0; i < events->router.peer_count; i++) {
		struct subscriber *subscriber = (struct subscriber *)events->router.peers[i];

		subscriptions += count_subscriptions(subscriber);
		if (heads_due)
			tell_heads(events, subscriber);
	}
	metric_set(events->subscriptions, (double)subscriptions);
	if (heads_due)
		events->told_heads_ns = events->router.now_ns;
}

static void on_gone(void *owner, struct peer *peer)
{
	(void)owner; /* nothing is kept for it but itself */
	(void)peer;
}

static const struct router_ops ROUTER_OPS = {
	.peer_size = sizeof(struct subscriber),
	.on_message = on_message,
	.on_turn_end = on_turn_end,
	.on_tick = on_tick,
	.on_gone = on_gone,
};

struct events *events_open(const char *endpoint, struct access *access, struct zsocket_error *error_out)
{
	struct events *events = calloc(1, sizeof(*events));

	if (!events)
		abort();
	if (!router_open(&events->router, "events", endpoint, access, &ROUTER_OPS, events, error_out)) {
		free(events);
		return NULL;
	}
	events->delivered = metric_series(METRIC_BROKER_DELIVERED, "");
	events->subscriptions = metric_series(METRIC_BROKER_SUBSCRIPTIONS, "");
	return events;
}

void events_run(struct events *events)
{
	router_run(&events->router);
}

void events_stop(struct events *events)
{
	router_stop(&events->router);
}

void events_close(struct events *events)
{
	router_close(&events->router);
	free(events);
}

bool events_is_alive(const struct events *events)
{
	return router_is_alive(&events->router);
}
