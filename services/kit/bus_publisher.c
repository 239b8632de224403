#include "kit/bus_events.h"

#include "kit/bus_link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t NS_PER_MS = 1000000;

enum { HEAD_AGAIN_MS = 5000 };

struct head {
	char stream[FRAME_NAME_MAX + 1];
	struct frame_batch newest;
};

struct bus_publisher {
	struct bus_links links;
	struct head heads[BUS_STREAMS_MAX];
	size_t head_count;
	uint64_t told_heads_ns;
};

static struct head *find_head(struct bus_publisher *publisher, const char *stream)
{
	assert(frame_name_valid(stream, strlen(stream)));
	for (size_t i = 0; i < publisher->head_count; i++)
		if (strcmp(publisher->heads[i].stream, stream) == 0)
			return &publisher->heads[i];
	assert(publisher->head_count < BUS_STREAMS_MAX);

	struct head *head = &publisher->heads[publisher->head_count++];

	strcpy(head->stream, stream);
	return head;
}

static void tell_head(struct bus_link *link, const struct head *head)
{
	struct frame_writer writer = { 0 };

	frame_write_begin(&writer, FRAME_HEAD, head->stream, strlen(head->stream));
	frame_write_batch(&writer, &head->newest);
	bus_link_send(link, &writer);
}

static void tell_heads(struct bus_publisher *publisher, struct bus_link *link)
{
	for (size_t i = 0; i < publisher->head_count; i++)
		tell_head(link, &publisher->heads[i]);
}

static void on_up(void *ctx, struct bus_link *link)
{
	tell_heads(ctx, link);
}

static void on_down(void *ctx, struct bus_link *link)
{
	(void)ctx; /* what was under way is lost, and found in the log */
	(void)link;
}

static void on_message(void *ctx, struct bus_link *link, const struct frame_envelope *envelope,
	struct frame_reader body, zmq_msg_t *message)
{
	struct bus_publisher *publisher = ctx;

	(void)link, (void)envelope, (void)body, (void)message;
	publisher->links.malformed++; /* brokers send a publisher nothing but heartbeats */
}

static const struct bus_links_ops LINK_OPS = { .on_up = on_up, .on_down = on_down, .on_message = on_message };

struct bus_publisher *bus_publisher_open(const char *endpoints, struct zsocket_error *error_out)
{
	struct bus_publisher *publisher = calloc(1, sizeof(*publisher));

	if (!publisher)
		abort();
	if (!bus_links_open(&publisher->links, endpoints, &LINK_OPS, publisher, error_out)) {
		free(publisher);
		return NULL;
	}
	return publisher;
}

void bus_publisher_close(struct bus_publisher *publisher)
{
	bus_links_close(&publisher->links);
	free(publisher);
}

int bus_publisher_fd(const struct bus_publisher *publisher)
{
	return publisher->links.epoll_fd;
}

void bus_publisher_process(struct bus_publisher *publisher)
{
	bool ticked = bus_links_process(&publisher->links, 0);
	uint64_t now_ns = publisher->links.now_ns;

	if (ticked && now_ns - publisher->told_heads_ns >= HEAD_AGAIN_MS * NS_PER_MS) {
		publisher->told_heads_ns = now_ns;
		for (size_t i = 0; i < publisher->links.count; i++)
			tell_heads(publisher, &publisher->links.link[i]);
	}
	bus_links_settle(&publisher->links);
}

void bus_publisher_head(struct bus_publisher *publisher, const char *stream, uint32_t epoch, uint64_t up_to)
{
	struct head *head = find_head(publisher, stream);

	publisher->links.now_ns = zsocket_now_ns();
	head->newest = (struct frame_batch){ epoch, up_to, up_to };
	for (size_t i = 0; i < publisher->links.count; i++)
		tell_head(&publisher->links.link[i], head);
	bus_links_settle(&publisher->links);
}

/* All brokers share the bytes. */
static void send_to_all(struct bus_publisher *publisher, struct frame_writer *writer)
{
	size_t len;
	uint8_t *bytes = frame_writer_take(writer, &len);
	zmq_msg_t message;

	zsocket_make_message(&message, bytes, len);
	for (size_t i = 0; i < publisher->links.count; i++)
		bus_link_send_shared(&publisher->links.link[i], &message);
	zmq_msg_close(&message);
}

/* Sends as many events as one message holds and returns how many. The last message covers what is left of
 * the range. */
static size_t send_some(struct bus_publisher *publisher, const char *stream, struct frame_batch *batch,
	const struct frame_event *events, size_t count)
{
	struct frame_writer writer = { 0 };
	size_t taken = 0;
	uint64_t up_to = batch->up_to;

	frame_write_begin(&writer, FRAME_PUBLISH, stream, strlen(stream));
	frame_write_batch(&writer, batch);
	while (taken < count && frame_write_event(&writer, &events[taken]))
		taken++;
	if (taken < count)
		up_to = events[taken - 1].position;
	frame_patch_up_to(writer.bytes, up_to);
	send_to_all(publisher, &writer);
	batch->previous = up_to;
	return taken;
}

void bus_publisher_send(struct bus_publisher *publisher, const char *stream, const struct frame_batch *batch,
	const struct frame_event *events, size_t count)
{
	struct frame_batch left = *batch;
	size_t sent = 0;

	publisher->links.now_ns = zsocket_now_ns();
	find_head(publisher, stream)->newest =
		(struct frame_batch){ batch->epoch, batch->up_to, batch->up_to };
	do
		sent += send_some(publisher, stream, &left, events + sent, count - sent);
	while (sent < count);
	bus_links_settle(&publisher->links);
}
