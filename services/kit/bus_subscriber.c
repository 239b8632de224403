#include "kit/bus_events.h"

#include "kit/bus_link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

static const uint64_t NS_PER_MS = 1000000;

enum { HOLE_MS = 20 }; /* how long something is missing before the log is asked */

/* A batch that cannot be delivered yet. No credit is given for it before it is delivered or proves to be
 * old, so what is held is bounded by the window. */
struct held {
	STAILQ_ENTRY(held) next;
	struct bus_link *link;
	unsigned session; /* of that link: credit is given to the session that it came in */
	struct frame_batch range;
	uint32_t count;
	struct frame_reader body; /* at the first event */
	zmq_msg_t message;
};

STAILQ_HEAD(held_list, held);

struct stream {
	char name[FRAME_NAME_MAX + 1];
	uint32_t epoch; /* the cursor: what has been dealt with */
	uint64_t position;
	uint32_t head_epoch; /* the newest that anybody told us of */
	uint64_t head;
	struct held_list held; /* as they came; of several brokers */
	bool behind;           /* the owner was asked to read the log, at asked_ns */
	uint64_t asked_ns;
	uint64_t hole_ns; /* since when something is missing; 0: nothing is, or the log was asked */
};

/* With one broker, since it came to know us. */
struct session {
	unsigned number;
	struct frame_window dealt_with;
	bool owes_credit;
};

struct bus_subscriber {
	struct bus_links links;
	struct session sessions[ZSOCKET_BROKERS_MAX];
	struct stream streams[BUS_STREAMS_MAX];
	size_t stream_count;
	struct bus_subscriber_options options;
	bool delivering;                             /* inside of the owner's callbacks */
	struct frame_event events[FRAME_EVENTS_MAX]; /* of the batch that is being delivered */
};

static struct session *session_of(struct bus_subscriber *subscriber, const struct bus_link *link)
{
	return &subscriber->sessions[link - subscriber->links.link];
}

static struct stream *find_stream(struct bus_subscriber *subscriber, const char *name, size_t name_len)
{
	for (size_t i = 0; i < subscriber->stream_count; i++) {
		struct stream *stream = &subscriber->streams[i];

		if (strlen(stream->name) == name_len && memcmp(stream->name, name, name_len) == 0)
			return stream;
	}
	return NULL;
}

/* Whether (epoch, position) a lies after b. */
static bool is_after(uint32_t a_epoch, uint64_t a, uint32_t b_epoch, uint64_t b)
{
	return a_epoch != b_epoch ? a_epoch > b_epoch : a > b;
}

static void raise_head(struct stream *stream, uint32_t epoch, uint64_t up_to)
{
	if (!is_after(epoch, up_to, stream->head_epoch, stream->head))
		return;
	stream->head_epoch = epoch;
	stream->head = up_to;
}

static bool is_old(const struct stream *stream, const struct held *held)
{
	return !is_after(held->range.epoch, held->range.up_to, stream->epoch, stream->position);
}

static bool comes_next(const struct stream *stream, const struct held *held)
{
	return held->range.epoch == stream->epoch && held->range.previous <= stream->position &&
	       !is_old(stream, held);
}

/* --- holding and letting go */

static void let_go(struct bus_subscriber *subscriber, struct stream *stream, struct held *held)
{
	struct session *session = session_of(subscriber, held->link);

	STAILQ_REMOVE(&stream->held, held, held, next);
	if (session->number == held->session) {
		session->dealt_with.batches++;
		session->dealt_with.bytes += zmq_msg_size(&held->message);
		session->owes_credit = true;
	}
	zmq_msg_close(&held->message);
	free(held);
}

static void hold(struct bus_subscriber *subscriber, struct bus_link *link, struct stream *stream,
	const struct frame_envelope *envelope, struct frame_reader body, zmq_msg_t *message)
{
	struct held *held = calloc(1, sizeof(*held));
	size_t offset = (size_t)(body.at - (const uint8_t *)zmq_msg_data(message));

	if (!held)
		abort();
	held->link = link;
	held->session = session_of(subscriber, link)->number;
	held->count = envelope->count;
	/* The bytes of a small message lie in zmq_msg_t itself and move with it. */
	zmq_msg_init(&held->message);
	zmq_msg_move(&held->message, message);
	held->body.at = (const uint8_t *)zmq_msg_data(&held->message) + offset;
	held->body.end = (const uint8_t *)zmq_msg_data(&held->message) + zmq_msg_size(&held->message);
	frame_read_batch(&held->body, &held->range); /* found valid before */
	raise_head(stream, held->range.epoch, held->range.up_to);
	STAILQ_INSERT_TAIL(&stream->held, held, next);
}

/* --- delivery */

/* The events after the cursor: a batch may overlap what was read from the log. */
static size_t read_events(const struct stream *stream, struct held *held, struct frame_event *events)
{
	struct frame_reader body = held->body;
	size_t count = 0;

	for (uint32_t i = 0; i < held->count; i++)
		if (frame_read_event(&body, &events[count]) && events[count].position > stream->position)
			count++;
	return count;
}

static bool deliver(struct bus_subscriber *subscriber, struct stream *stream, struct held *held)
{
	struct bus_batch batch = {
		.stream = stream->name,
		.epoch = held->range.epoch,
		.previous = stream->position,
		.up_to = held->range.up_to,
		.events = subscriber->events,
		.count = read_events(stream, held, subscriber->events),
	};

	subscriber->delivering = true;
	bool dealt_with = subscriber->options.on_batch(subscriber->options.ctx, &batch);

	subscriber->delivering = false;
	if (dealt_with && !is_old(stream, held))
		stream->position = batch.up_to;
	return dealt_with;
}

static struct held *find_next(struct stream *stream)
{
	struct held *held;

	STAILQ_FOREACH(held, &stream->held, next)
	if (comes_next(stream, held))
		return held;
	return NULL;
}

static void drop_old(struct bus_subscriber *subscriber, struct stream *stream)
{
	struct held *held = STAILQ_FIRST(&stream->held), *next;

	for (; held; held = next) {
		next = STAILQ_NEXT(held, next);
		if (is_old(stream, held))
			let_go(subscriber, stream, held);
	}
}

/* Where the hole after the cursor ends: at the first batch that is held beyond it, or at the head. */
static uint64_t hole_end(const struct stream *stream)
{
	uint64_t end = stream->head;
	struct held *held;

	if (stream->head_epoch != stream->epoch)
		return end; /* another history: all of it is to be asked for */
	STAILQ_FOREACH(held, &stream->held, next)
	if (held->range.epoch == stream->epoch && held->range.previous < end)
		end = held->range.previous;
	return end;
}

static void ask_log(struct bus_subscriber *subscriber, struct stream *stream)
{
	stream->behind = true;
	stream->asked_ns = subscriber->links.now_ns;
	subscriber->delivering = true;
	subscriber->options.on_gap(subscriber->options.ctx, stream->name, stream->head_epoch,
		stream->position, hole_end(stream));
	subscriber->delivering = false;
}

static bool has_hole(const struct stream *stream)
{
	return is_after(stream->head_epoch, stream->head, stream->epoch, stream->position);
}

/* A batch that is refused is offered again, in time. */
static void deliver_or_wait(struct bus_subscriber *subscriber, struct stream *stream, struct held *held)
{
	stream->hole_ns = 0;
	if (deliver(subscriber, stream, held))
		return;
	stream->behind = true;
	stream->asked_ns = subscriber->links.now_ns;
}

/* What one broker lets us see as missing, another may be about to bring. */
static bool hole_is_real(struct bus_subscriber *subscriber, struct stream *stream)
{
	if (!stream->hole_ns)
		stream->hole_ns = subscriber->links.now_ns;
	return subscriber->links.now_ns - stream->hole_ns >= HOLE_MS * NS_PER_MS;
}

/* Delivers what comes next until something is missing, or nothing is. on_gap may advance the cursor at
 * once. */
static void move_on(struct bus_subscriber *subscriber, struct stream *stream)
{
	drop_old(subscriber, stream);
	while (!stream->behind && has_hole(stream)) {
		struct held *next = find_next(stream);

		if (next)
			deliver_or_wait(subscriber, stream, next);
		else if (!hole_is_real(subscriber, stream))
			return;
		else
			ask_log(subscriber, stream);
		drop_old(subscriber, stream);
	}
	stream->hole_ns = 0;
}

void bus_subscriber_advance(
	struct bus_subscriber *subscriber, const char *name, uint32_t epoch, uint64_t position)
{
	struct stream *stream = find_stream(subscriber, name, strlen(name));

	assert(stream);
	if (!is_after(epoch, position, stream->epoch, stream->position))
		return;
	stream->epoch = epoch;
	stream->position = position;
	stream->behind = false;
	raise_head(stream, epoch, position);
	if (!subscriber->delivering)
		bus_links_kick(&subscriber->links); /* what is held may come next now */
}

/* --- brokers */

static void subscribe(struct bus_subscriber *subscriber, struct bus_link *link, const struct stream *stream)
{
	struct frame_writer writer = { 0 };

	frame_write_begin(&writer, FRAME_SUBSCRIBE, stream->name, strlen(stream->name));
	frame_write_window(&writer, &(struct frame_window){ subscriber->options.window_bytes,
					    subscriber->options.window_batches });
	bus_link_send(link, &writer);
}

static void drop_link(struct bus_subscriber *subscriber, struct stream *stream, const struct bus_link *link)
{
	struct held *held = STAILQ_FIRST(&stream->held), *next;

	for (; held; held = next) {
		next = STAILQ_NEXT(held, next);
		if (held->link == link)
			let_go(subscriber, stream, held);
	}
}

/* What is held of it is let go too, or each session would add a window: the log has it. */
static void end_session(struct bus_subscriber *subscriber, const struct bus_link *link)
{
	struct session *session = session_of(subscriber, link);

	for (size_t i = 0; i < subscriber->stream_count; i++)
		drop_link(subscriber, &subscriber->streams[i], link);
	*session = (struct session){ .number = session->number + 1 };
}

static void on_up(void *ctx, struct bus_link *link)
{
	struct bus_subscriber *subscriber = ctx;

	end_session(subscriber, link);
	for (size_t i = 0; i < subscriber->stream_count; i++)
		subscribe(subscriber, link, &subscriber->streams[i]);
}

static void on_down(void *ctx, struct bus_link *link)
{
	end_session(ctx, link);
}

static void on_message(void *ctx, struct bus_link *link, const struct frame_envelope *envelope,
	struct frame_reader body, zmq_msg_t *message)
{
	struct bus_subscriber *subscriber = ctx;
	struct stream *stream = find_stream(subscriber, envelope->name, envelope->name_len);
	bool sound = stream && frame_events_valid(body, envelope);
	struct frame_batch head;

	if (sound && envelope->type == FRAME_EVENTS)
		hold(subscriber, link, stream, envelope, body, message);
	else if (sound && envelope->type == FRAME_HEAD && frame_read_batch(&body, &head))
		raise_head(stream, head.epoch, head.up_to);
	else
		subscriber->links.malformed++;
	if (stream)
		move_on(subscriber, stream);
}

static const struct bus_links_ops LINK_OPS = { .on_up = on_up, .on_down = on_down, .on_message = on_message };

static void give_credit(struct bus_subscriber *subscriber, struct bus_link *link)
{
	struct session *session = session_of(subscriber, link);
	struct frame_writer writer = { 0 };

	if (!session->owes_credit)
		return;
	session->owes_credit = false;
	frame_write_begin(&writer, FRAME_CREDIT, NULL, 0);
	frame_write_window(&writer, &session->dealt_with);
	bus_link_send(link, &writer);
}

static bool copy_streams(struct bus_subscriber *subscriber, const struct bus_subscriber_options *options)
{
	if (options->stream_count == 0 || options->stream_count > BUS_STREAMS_MAX)
		return false;
	for (size_t i = 0; i < options->stream_count; i++) {
		const struct bus_stream *from = &options->streams[i];
		struct stream *stream = &subscriber->streams[i];

		if (!frame_name_valid(from->name, strlen(from->name)))
			return false;
		strcpy(stream->name, from->name);
		stream->epoch = stream->head_epoch = from->epoch;
		stream->position = stream->head = from->position;
		STAILQ_INIT(&stream->held);
	}
	subscriber->stream_count = options->stream_count;
	return true;
}

struct bus_subscriber *bus_subscriber_open(
	const struct bus_subscriber_options *options, struct zsocket_error *error_out)
{
	struct bus_subscriber *subscriber = calloc(1, sizeof(*subscriber));

	if (!subscriber)
		abort();
	subscriber->options = *options;
	if (!options->window_bytes)
		subscriber->options.window_bytes = BUS_WINDOW_BYTES_DEFAULT;
	if (!options->window_batches)
		subscriber->options.window_batches = BUS_WINDOW_BATCHES_DEFAULT;
	if (!copy_streams(subscriber, options))
		abort(); /* streams are named in our own tables */
	if (!bus_links_open(&subscriber->links, options->endpoints, &LINK_OPS, subscriber, error_out)) {
		free(subscriber);
		return NULL;
	}
	return subscriber;
}

void bus_subscriber_close(struct bus_subscriber *subscriber)
{
	for (size_t i = 0; i < subscriber->stream_count; i++) {
		struct stream *stream = &subscriber->streams[i];

		while (!STAILQ_EMPTY(&stream->held))
			let_go(subscriber, stream, STAILQ_FIRST(&stream->held));
	}
	bus_links_close(&subscriber->links);
	free(subscriber);
}

int bus_subscriber_fd(const struct bus_subscriber *subscriber)
{
	return subscriber->links.epoll_fd;
}

bool bus_subscriber_connected(const struct bus_subscriber *subscriber)
{
	return atomic_load(&subscriber->links.up_count) > 0;
}

/* An answer of the log may have been lost, and a refused batch must be offered again. */
static void ask_again(struct bus_subscriber *subscriber, struct stream *stream)
{
	if (stream->behind && subscriber->links.now_ns - stream->asked_ns >= BUS_GAP_AGAIN_MS * NS_PER_MS)
		stream->behind = false;
}

void bus_subscriber_process(struct bus_subscriber *subscriber)
{
	bool ticked = bus_links_process(&subscriber->links, 0);
	bool has_holes = false;

	for (size_t i = 0; i < subscriber->stream_count; i++) {
		if (ticked)
			ask_again(subscriber, &subscriber->streams[i]);
		move_on(subscriber, &subscriber->streams[i]);
		has_holes |= subscriber->streams[i].hole_ns != 0;
	}
	bus_links_tick_every(&subscriber->links, has_holes ? HOLE_MS : BUS_LINK_TICK_IDLE_MS);
	for (size_t i = 0; i < subscriber->links.count; i++)
		give_credit(subscriber, &subscriber->links.link[i]);
	bus_links_settle(&subscriber->links);
}
