#include "gateway/hub.h"
#include "gateway/follower.h"
#include "gateway/session.h"
#include "kit/bus_events.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include "kit/uuid.h"
#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields of the messages in proto/guanxi/envelope.proto. */
enum read_log_field { READ_EPOCH = 1, READ_AFTER, READ_LIMIT, READ_TIME };
enum read_log_reply_field { REPLY_EPOCH = 1, REPLY_HEAD, REPLY_LOW, REPLY_EVENTS, REPLY_UP_TO };

struct log_read {
	struct hub *hub;
	size_t stream;
	uint64_t bus_id;
	void (*on_page)(void *ctx, size_t stream, const struct log_page *page);
	void *ctx;
};

/* A gap in a stream that is being filled from its log. */
struct fill {
	bool open;             /* not filled yet */
	struct log_read *read; /* NULL: none is under way; while open, hub_tick() starts one */
	uint32_t epoch;
	uint64_t at, to;
};

struct hub {
	struct loop *loop;
	struct bus_subscriber *subscriber;
	struct event *event;
	size_t count;
	const char *names[BUS_STREAMS_MAX];
	char *queues[BUS_STREAMS_MAX];
	struct ring rings[BUS_STREAMS_MAX];
	struct fill fills[BUS_STREAMS_MAX];
	struct arena *scratch;
	struct follower *followers;
	size_t reads;
	bool changed; /* something came since the followers were last pumped */
};

size_t hub_stream_count(const struct hub *hub)
{
	return hub->count;
}

const char *const *hub_stream_names(const struct hub *hub)
{
	return hub->names;
}

const struct ring *hub_ring(const struct hub *hub, size_t stream)
{
	return &hub->rings[stream];
}

bool hub_connected(const struct hub *hub)
{
	return bus_subscriber_connected(hub->subscriber);
}

static size_t stream_index(const struct hub *hub, const char *name)
{
	size_t i = 0;

	while (strcmp(hub->names[i], name))
		i++;
	return i;
}

/* --- followers --- */

void hub_add(struct hub *hub, struct follower *follower)
{
	struct follower_links *links = follower_links(follower);

	links->next = hub->followers;
	links->at = &hub->followers;
	if (links->next)
		follower_links(links->next)->at = &links->next;
	hub->followers = follower;
}

void hub_remove(struct hub *hub, struct follower *follower)
{
	struct follower_links *links = follower_links(follower);

	(void)hub;
	*links->at = links->next;
	if (links->next)
		follower_links(links->next)->at = links->at;
}

static void pump_all(struct hub *hub)
{
	for (struct follower *f = hub->followers, *next; f; f = next) {
		next = follower_links(f)->next;
		follower_pump(f);
	}
}

static void doubt_all(struct hub *hub, const uint8_t *user_id)
{
	for (struct follower *f = hub->followers; f; f = follower_links(f)->next)
		follower_doubt(f, user_id);
}

/* --- what events of identity mean for us --- */

static bool begins(struct slice text, const char *with)
{
	return text.len > strlen(with) && !memcmp(text.data, with, strlen(with));
}

static void forget_everything(struct hub *hub)
{
	sessions_forget_all(hub->loop->sessions);
	doubt_all(hub, NULL);
}

static void heed_identity(struct hub *hub, const struct logged_event *event)
{
	const char *slash = event->subject.len ? memchr(event->subject.data, '/', event->subject.len) : NULL;
	size_t id_len = slash ? (size_t)(event->subject.data + event->subject.len - slash - 1) : 0;
	uint8_t id[16];
	char text[UUID_TEXT_LEN + 1];

	if (!slash || !uuid_from_text(slash + 1, id_len, id))
		return;
	uuid_to_text(id, text);
	if (begins(event->type, "guanxi.identity.session.created.") ||
		begins(event->type, "guanxi.identity.api_key.created.")) {
		return; /* nobody could know it yet */
	} else if (begins(event->type, "guanxi.identity.session.") ||
		   begins(event->type, "guanxi.identity.api_key.")) {
		sessions_forget_session(hub->loop->sessions, text);
		doubt_all(hub, NULL);
	} else if (begins(event->type, "guanxi.identity.user.")) {
		sessions_forget_user(hub->loop->sessions, id);
		doubt_all(hub, id);
	} else if (begins(event->type, "guanxi.identity.team.")) {
		forget_everything(hub);
	}
}

/* --- events that come --- */

static void take(struct hub *hub, size_t stream, const struct logged_event *event)
{
	struct ring *ring = &hub->rings[stream];

	if (!strcmp(hub->names[stream], "identity"))
		heed_identity(hub, event);
	if (hub->followers && event->position > ring->head)
		ring_push(ring, told_new(event, hub->scratch));
}

static void cover(struct hub *hub, size_t stream, uint64_t up_to)
{
	struct ring *ring = &hub->rings[stream];

	if (hub->followers)
		ring_advance(ring, up_to);
	else
		ring_reset(ring, ring->epoch, up_to);
	hub->changed = true;
}

static bool on_batch(void *ctx, const struct bus_batch *batch)
{
	struct hub *hub = ctx;
	size_t stream = stream_index(hub, batch->stream);

	for (size_t i = 0; i < batch->count; i++) {
		const struct frame_event *from = &batch->events[i];
		struct logged_event event;

		if (logged_event_read(from->bytes, from->len, hub->scratch, &event)) {
			event.position = from->position;
			event.epoch = batch->epoch;
			take(hub, stream, &event);
		} else {
			log_error("event", "stream=%s position=%llu problem=malformed", batch->stream,
				(unsigned long long)from->position);
		}
		arena_reset(hub->scratch);
	}
	cover(hub, stream, batch->up_to);
	return true;
}

/* --- gaps --- */

/* The ring begins anew: who is behind it reads the log. */
static void skip_to(struct hub *hub, size_t stream, uint32_t epoch, uint64_t to)
{
	if (!strcmp(hub->names[stream], "identity"))
		forget_everything(hub);
	ring_reset(&hub->rings[stream], epoch, to);
	bus_subscriber_advance(hub->subscriber, hub->names[stream], epoch, to);
	hub->changed = true;
}

static void fill_more(struct hub *hub, size_t stream);

static void on_fill(void *ctx, size_t stream, const struct log_page *page)
{
	struct hub *hub = ctx;
	struct fill *fill = &hub->fills[stream];
	struct logged_event event;

	fill->read = NULL;
	if (page->status != OK)
		return;
	if (page->epoch != fill->epoch || page->up_to <= fill->at || page->low > fill->at) {
		fill->open = false;
		skip_to(hub, stream, page->epoch, page->epoch == fill->epoch ? fill->to : page->head);
		return;
	}
	for (struct slice rest = page->bytes;
		log_page_next(&rest, hub->scratch, &event) && event.position <= fill->to;) {
		take(hub, stream, &event);
		arena_reset(hub->scratch);
	}
	fill->at = page->up_to < fill->to ? page->up_to : fill->to;
	cover(hub, stream, fill->at);
	fill->open = fill->at < fill->to;
	if (fill->open)
		fill_more(hub, stream);
	else
		bus_subscriber_advance(hub->subscriber, hub->names[stream], fill->epoch, fill->to);
	pump_all(hub);
}

static void fill_more(struct hub *hub, size_t stream)
{
	struct fill *fill = &hub->fills[stream];

	fill->read = hub_read_log(hub, stream, fill->epoch, fill->at, NULL, on_fill, hub);
}

/* A gap that the ring could hold is filled, if anybody listens; any other is left to those who missed
 * something. */
static void on_gap(void *ctx, const char *name, uint32_t epoch, uint64_t from, uint64_t to)
{
	struct hub *hub = ctx;
	size_t stream = stream_index(hub, name);
	const struct ring *ring = &hub->rings[stream];
	struct fill *fill = &hub->fills[stream];

	if (fill->read)
		return;
	if (ring->known)
		metric_add(metric_series(METRIC_EVENT_GAPS, ""), 1);
	if (!ring->known || ring->epoch != epoch || to - from > RING_EVENTS || !hub->followers) {
		fill->open = false;
		skip_to(hub, stream, epoch, to);
		return;
	}
	*fill = (struct fill){ .open = true, .epoch = epoch, .at = from, .to = to };
	fill_more(hub, stream);
}

void hub_tick(struct hub *hub)
{
	uint64_t now_ms = server_thread_now_ms(hub->loop->thread);

	for (size_t i = 0; i < hub->count; i++)
		if (hub->fills[i].open && !hub->fills[i].read)
			fill_more(hub, i);
	for (struct follower *f = hub->followers, *next; f; f = next) {
		next = follower_links(f)->next;
		follower_tick(f, now_ms);
	}
}

/* --- the log --- */

bool log_page_next(struct slice *rest, struct arena *arena, struct logged_event *event_out)
{
	struct wire_reader reader = wire_reader(rest->data, rest->len);
	struct wire_field f;

	while (wire_next(&reader, &f)) {
		*rest = (struct slice){ (const char *)reader.at, (size_t)(reader.end - reader.at) };
		if (f.number == REPLY_EVENTS && f.type == WIRE_BYTES)
			return logged_event_read(f.bytes, f.len, arena, event_out);
	}
	return false;
}

static struct log_page page_of(const struct bus_reply *reply)
{
	struct wire_reader reader = wire_reader(reply->body, reply->body_len);
	struct log_page page = { .status = reply->outcome == BUS_ANSWERED ? reply->status : UNAVAILABLE,
		.bytes = { (const char *)reply->body, reply->body_len } };
	struct wire_field f;

	while (page.status == OK && wire_next(&reader, &f)) {
		if (f.type != WIRE_VARINT)
			continue;
		if (f.number == REPLY_EPOCH)
			page.epoch = (uint32_t)f.value;
		else if (f.number == REPLY_HEAD)
			page.head = f.value;
		else if (f.number == REPLY_LOW)
			page.low = f.value;
		else if (f.number == REPLY_UP_TO)
			page.up_to = f.value;
	}
	if (reader.failed)
		page.status = INTERNAL;
	return page;
}

static void on_log_reply(void *ctx, const struct bus_reply *reply)
{
	struct log_read *read = ctx;
	struct hub *hub = read->hub;
	struct log_page page = page_of(reply);

	hub->reads--;
	read->on_page(read->ctx, read->stream, &page);
	free(read);
	hub->changed = true; /* there is room for another read */
}

struct log_read *hub_read_log(struct hub *hub, size_t stream, uint32_t epoch, uint64_t after,
	const char *time, void (*on_page)(void *ctx, size_t stream, const struct log_page *page), void *ctx)
{
	struct arena *arena = hub->reads < HUB_LOG_READS_MAX ? arena_new() : NULL;
	struct buffer body = { .arena = arena };

	if (!arena)
		return NULL;
	struct log_read *read = calloc(1, sizeof *read);

	if (!read)
		abort();
	*read = (struct log_read){ .hub = hub, .stream = stream, .on_page = on_page, .ctx = ctx };
	wire_add_varint(&body, READ_EPOCH, epoch);
	wire_add_varint(&body, READ_AFTER, after);
	wire_add_varint(&body, READ_LIMIT, HUB_LOG_PAGE);
	if (time)
		wire_add_text(&body, READ_TIME, time);
	hub->reads++;
	const struct rpc rpc = {
		.queue = hub->queues[stream],
		.method = "events.readLog",
		.principal_id = "system",
		.body = body.data,
		.body_len = body.len,
		.timeout_ms = HUB_LOG_MS,
		.idempotent = true,
		.on_reply = on_log_reply,
		.ctx = read,
	};

	read->bus_id = loop_call(hub->loop, &rpc);
	arena_free(arena);
	return read;
}

void hub_cancel_read(struct log_read *read)
{
	read->hub->reads--;
	bus_client_cancel(read->hub->loop->bus, read->bus_id);
	free(read);
}

/* --- life --- */

/* Whatever came in this turn is sent at its end, once. */
void hub_turn_end(struct hub *hub)
{
	if (!hub->changed)
		return;
	hub->changed = false;
	pump_all(hub);
}

static void on_readable(evutil_socket_t fd, short events, void *ctx)
{
	struct hub *hub = ctx;

	(void)fd, (void)events;
	bus_subscriber_process(hub->subscriber);
}

static void add_stream(struct hub *hub, const char *service)
{
	for (size_t i = 0; i < hub->count; i++)
		if (!strcmp(hub->names[i], service))
			return;
	assert(hub->count < BUS_STREAMS_MAX);
	hub->queues[hub->count] = malloc(strlen(service) + sizeof ".query");
	if (!hub->queues[hub->count])
		abort();
	sprintf(hub->queues[hub->count], "%s.query", service);
	hub->names[hub->count++] = service;
}

static struct bus_subscriber *open_subscriber(struct hub *hub, char error[SERVER_ERROR_SIZE])
{
	struct bus_stream streams[BUS_STREAMS_MAX];
	struct zsocket_error problem;
	struct bus_subscriber *subscriber;

	for (size_t i = 0; i < hub->count; i++)
		streams[i] = (struct bus_stream){ .name = hub->names[i] };
	const struct bus_subscriber_options options = {
		.endpoints = hub->loop->gateway->options.broker_events,
		.streams = streams,
		.stream_count = hub->count,
		.on_batch = on_batch,
		.on_gap = on_gap,
		.ctx = hub,
	};

	subscriber = bus_subscriber_open(&options, &problem);
	if (!subscriber)
		snprintf(error, SERVER_ERROR_SIZE, "%s", problem.text);
	return subscriber;
}

struct hub *hub_new(struct loop *loop, char error[SERVER_ERROR_SIZE])
{
	const struct schema *schema = schema_get();
	struct hub *hub = calloc(1, sizeof *hub);

	if (!hub)
		abort();
	hub->loop = loop;
	hub->scratch = arena_new();
	for (size_t i = 0; i < schema->resource_count; i++)
		add_stream(hub, schema->resources[i].service);
	hub->subscriber = open_subscriber(hub, error);
	if (!hub->subscriber) {
		hub_free(hub);
		return NULL;
	}
	hub->event = event_new(server_thread_base(loop->thread), bus_subscriber_fd(hub->subscriber),
		EV_READ | EV_PERSIST, on_readable, hub);
	event_add(hub->event, NULL);
	return hub;
}

void hub_free(struct hub *hub)
{
	if (!hub)
		return;
	for (size_t i = 0; i < hub->count; i++) {
		if (hub->fills[i].read)
			hub_cancel_read(hub->fills[i].read);
		ring_reset(&hub->rings[i], 0, 0);
		free(hub->queues[i]);
	}
	if (hub->event)
		event_free(hub->event);
	if (hub->subscriber)
		bus_subscriber_close(hub->subscriber);
	arena_free(hub->scratch);
	free(hub);
}
