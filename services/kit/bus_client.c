#include "kit/bus_client.h"

#include "kit/bus_link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const uint64_t NS_PER_MS = 1000000;

enum {
	SLOT_BITS = 20, /* an id is a serial number above the slot of its call */
	NO_SLOT = (1 << SLOT_BITS) - 1,
	QUEUES_MAX = 64,
	TICK_MS = 20, /* how late a time-out may be noticed */
};

enum call_state {
	QUEUED, /* in its queue's list, to be sent */
	SENT,   /* a broker has it */
	ENDED,  /* in the list of ended calls: its outcome is known and waits to be told */
};

struct call {
	uint64_t id;
	struct call *next;
	enum call_state state;
	struct queue *queue;
	struct bus_link *link; /* where it is, or was last */
	uint64_t deadline_ns;
	uint64_t give_up_ns; /* without a broker */
	unsigned retries;
	bool idempotent;
	enum bus_outcome outcome; /* when ENDED */
	bus_on_reply *on_reply;
	void *ctx;
	uint32_t header_len;
	uint32_t body_len;
	uint8_t bytes[]; /* header and body: kept, it may have to be sent again */
};

struct list {
	struct call *first;
	struct call **last;
};

struct queue {
	char name[FRAME_NAME_MAX + 1];
	struct list waiting;
};

struct waited {
	struct bus_reply reply;
	uint8_t *bytes;
	bool done;
};

struct bus_client {
	struct bus_links links;
	struct queue queues[QUEUES_MAX];
	size_t queue_count;
	struct list ended;
	struct frame_writer cancels[ZSOCKET_BROKERS_MAX];
	struct waited waited;
	uint64_t serial;
	struct call **slots;
	uint32_t *free_slots; /* a stack */
	uint32_t free_count;
	uint32_t slot_count;
};

static void list_init(struct list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_push(struct list *list, struct call *call)
{
	call->next = NULL;
	*list->last = call;
	list->last = &call->next;
}

static struct call *list_pop(struct list *list)
{
	struct call *call = list->first;

	list->first = call->next;
	if (!list->first)
		list->last = &list->first;
	return call;
}

static bool list_remove(struct list *list, uint64_t id, struct call **out)
{
	for (struct call **at = &list->first; *at; at = &(*at)->next) {
		if ((*at)->id != id)
			continue;
		*out = *at;
		*at = (*out)->next;
		if (!*at)
			list->last = at;
		return true;
	}
	return false;
}

/* Names come from tables in our own code; a client meets few of them. NULL: more than QUEUES_MAX. */
static struct queue *find_queue(struct bus_client *client, const char *name)
{
	for (size_t i = 0; i < client->queue_count; i++)
		if (strcmp(client->queues[i].name, name) == 0)
			return &client->queues[i];
	if (client->queue_count == QUEUES_MAX)
		return NULL;

	struct queue *queue = &client->queues[client->queue_count++];

	strcpy(queue->name, name);
	list_init(&queue->waiting);
	return queue;
}

static struct call *find_call(struct bus_client *client, uint64_t id)
{
	uint64_t slot = id & NO_SLOT;
	struct call *call = slot < client->slot_count ? client->slots[slot] : NULL;

	return call && call->id == id ? call : NULL;
}

static void release_slot(struct bus_client *client, struct call *call)
{
	uint32_t slot = call->id & NO_SLOT;

	if (slot == NO_SLOT)
		return;
	client->slots[slot] = NULL;
	client->free_slots[client->free_count++] = slot;
}

static uint32_t live_calls(const struct bus_client *client)
{
	return client->slot_count - client->free_count;
}

/* The outcome is told from bus_client_process(), never from inside the owner's own calls. */
static void end_later(struct bus_client *client, struct call *call, enum bus_outcome outcome)
{
	call->state = ENDED;
	call->outcome = outcome;
	list_push(&client->ended, call);
	bus_links_kick(&client->links);
}

static void enqueue(struct bus_client *client, struct call *call)
{
	uint64_t give_up_ns = client->links.now_ns + BUS_CLIENT_NO_BROKER_MS * NS_PER_MS;

	call->state = QUEUED;
	call->give_up_ns = give_up_ns < call->deadline_ns ? give_up_ns : call->deadline_ns;
	list_push(&call->queue->waiting, call);
}

/* Returns false when the call must end. */
static bool try_again(struct bus_client *client, struct call *call)
{
	if (!call->idempotent || call->retries == BUS_CLIENT_RETRIES_MAX ||
		client->links.now_ns >= call->deadline_ns)
		return false;
	call->retries++;
	enqueue(client, call);
	return true;
}

static void finish(struct bus_client *client, struct call *call, const struct bus_reply *reply)
{
	release_slot(client, call);
	call->on_reply(call->ctx, reply);
	free(call);
}

static void on_reply_item(struct bus_client *client, struct bus_link *link, const struct frame_item *item)
{
	struct call *call = find_call(client, item->id);

	if (!call || call->state != SENT || call->link != link)
		return; /* an answer that came after its time-out, or from a broker that was given up */
	link->outstanding--;
	if (item->outcome == BUS_UNAVAILABLE && try_again(client, call))
		return;
	finish(client, call,
		&(struct bus_reply){
			.id = item->id,
			.outcome = item->outcome,
			.status = item->status,
			.maybe_executed = (item->flags & FRAME_MAYBE_EXECUTED) != 0 || call->retries > 0,
			.retry_after_ms = item->time_ms,
			.header = item->header,
			.header_len = item->header_len,
			.body = item->body,
			.body_len = item->body_len,
		});
}

static void on_message(void *ctx, struct bus_link *link, const struct frame_envelope *envelope,
	struct frame_reader body, zmq_msg_t *message)
{
	struct bus_client *client = ctx;
	struct frame_item item;

	(void)message;
	if (envelope->type == FRAME_GOODBYE) {
		link->leaving = true;
		return;
	}
	if (envelope->type != FRAME_REPLY || !frame_items_valid(body, envelope)) {
		client->links.malformed++;
		return;
	}
	while (frame_read_item(&body, &item))
		on_reply_item(client, link, &item);
}

static void on_up(void *ctx, struct bus_link *link)
{
	struct bus_client *client = ctx;

	(void)link; /* calls that waited for a broker go out with the flush */
	bus_links_kick(&client->links);
}

static void on_down(void *ctx, struct bus_link *link)
{
	struct bus_client *client = ctx;

	for (uint32_t i = 0; i < client->slot_count; i++) {
		struct call *call = client->slots[i];

		if (call && call->state == SENT && call->link == link && !try_again(client, call))
			end_later(client, call, BUS_UNAVAILABLE);
	}
	frame_writer_fini(&client->cancels[link - client->links.link]);
	bus_links_kick(&client->links);
}

static const struct bus_links_ops LINK_OPS = { .on_up = on_up, .on_down = on_down, .on_message = on_message };

struct bus_client *bus_client_open(const struct bus_client_options *options, struct zsocket_error *error_out)
{
	struct bus_client *client = calloc(1, sizeof(*client));
	uint32_t slots = options->calls_max ? options->calls_max : BUS_CLIENT_CALLS_DEFAULT;

	assert(slots < NO_SLOT);
	if (!client)
		abort();
	if (!bus_links_open(&client->links, options->endpoints, &LINK_OPS, client, error_out)) {
		free(client);
		return NULL;
	}
	list_init(&client->ended);
	client->slot_count = slots;
	client->slots = calloc(slots, sizeof(*client->slots));
	client->free_slots = calloc(slots, sizeof(*client->free_slots));
	if (!client->slots || !client->free_slots)
		abort();
	while (client->free_count < slots) {
		uint32_t slot = slots - 1 - client->free_count;

		client->free_slots[client->free_count++] = slot;
	}
	/* Not from 1: an answer meant for an earlier process must not fit. */
	if (getrandom(&client->serial, sizeof(client->serial), 0) != (ssize_t)sizeof(client->serial))
		abort();
	client->serial >>= SLOT_BITS + 1;
	return client;
}

void bus_client_close(struct bus_client *client)
{
	for (uint32_t i = 0; i < client->slot_count; i++)
		if (client->slots[i] && client->slots[i]->state != ENDED)
			free(client->slots[i]);
	while (client->ended.first)
		free(list_pop(&client->ended));
	for (size_t i = 0; i < ZSOCKET_BROKERS_MAX; i++)
		frame_writer_fini(&client->cancels[i]);
	bus_links_close(&client->links);
	free(client->waited.bytes);
	free(client->free_slots);
	free(client->slots);
	free(client);
}

int bus_client_fd(const struct bus_client *client)
{
	return client->links.epoll_fd;
}

bool bus_client_connected(const struct bus_client *client)
{
	return atomic_load(&client->links.up_count) > 0;
}

static void take_slot(struct bus_client *client, struct call *call)
{
	uint32_t slot = client->free_count ? client->free_slots[--client->free_count] : NO_SLOT;

	call->id = ++client->serial << SLOT_BITS | slot;
	if (slot != NO_SLOT)
		client->slots[slot] = call;
}

static struct call *new_call(struct bus_client *client, const struct bus_call *from, bool with_bytes)
{
	size_t size = with_bytes ? from->header_len + from->body_len : 0;
	struct call *call = malloc(sizeof(*call) + size);

	if (!call)
		abort();
	*call = (struct call){
		.deadline_ns = client->links.now_ns + from->timeout_ms * NS_PER_MS,
		.idempotent = from->idempotent,
		.on_reply = from->on_reply,
		.ctx = from->ctx,
	};
	if (!with_bytes)
		return call;
	call->header_len = (uint32_t)from->header_len;
	call->body_len = (uint32_t)from->body_len;
	if (from->header_len)
		memcpy(call->bytes, from->header, from->header_len);
	if (from->body_len)
		memcpy(call->bytes + from->header_len, from->body, from->body_len);
	return call;
}

uint64_t bus_client_call(struct bus_client *client, const struct bus_call *from)
{
	bool fits = from->header_len <= FRAME_HEADER_MAX && from->body_len <= FRAME_BODY_MAX;

	assert(from->on_reply && frame_name_valid(from->queue, strlen(from->queue)));
	client->links.now_ns = zsocket_now_ns();

	struct call *call = new_call(client, from, fits);

	take_slot(client, call);
	call->queue = find_queue(client, from->queue);
	bus_links_tick_every(&client->links, TICK_MS);
	if (!fits || !call->queue)
		end_later(client, call, BUS_REFUSED);
	else if ((call->id & NO_SLOT) == NO_SLOT)
		end_later(client, call, BUS_OVERLOADED);
	else
		enqueue(client, call);
	return call->id;
}

static void send_cancels(struct bus_client *client, struct bus_link *link)
{
	struct frame_writer *writer = &client->cancels[link - client->links.link];

	if (frame_writer_open(writer))
		bus_link_send(link, writer);
}

static void tell_cancel(struct bus_client *client, struct call *call)
{
	struct bus_link *link = call->link;
	struct frame_writer *writer = &client->cancels[link - client->links.link];
	struct frame_item item = { .id = call->id };

	link->outstanding--;
	if (!frame_writer_open(writer))
		frame_write_begin(writer, FRAME_CANCEL, NULL, 0);
	if (frame_write_item(writer, &item))
		return;
	send_cancels(client, link);
	frame_write_begin(writer, FRAME_CANCEL, NULL, 0);
	frame_write_item(writer, &item);
}

void bus_client_cancel(struct bus_client *client, uint64_t id)
{
	struct call *call = find_call(client, id);

	if (call && call->state == SENT)
		tell_cancel(client, call);
	else if (call && call->state == QUEUED)
		list_remove(&call->queue->waiting, id, &call);
	else if (!list_remove(&client->ended, id, &call))
		return;
	release_slot(client, call);
	free(call);
}

static bool write_call(struct frame_writer *writer, const struct call *call, uint64_t now_ns)
{
	struct frame_item item = {
		.id = call->id,
		/* At least 1: what is overdue is for the tick to end. */
		.time_ms = call->deadline_ns > now_ns
				   ? (uint32_t)((call->deadline_ns - now_ns) / NS_PER_MS) + 1
				   : 1,
		.flags = call->idempotent ? FRAME_IDEMPOTENT : 0,
		.header = call->bytes,
		.header_len = call->header_len,
		.body = call->bytes + call->header_len,
		.body_len = call->body_len,
	};

	return frame_write_item(writer, &item);
}

/* One message of what waits. False: no broker can take it now. */
static bool send_batch(struct bus_client *client, struct queue *queue)
{
	struct bus_link *link = bus_links_pick(&client->links, queue->waiting.first->link);
	struct frame_writer writer = { 0 };
	struct call *after = queue->waiting.first;

	if (!link)
		return false;
	frame_write_begin(&writer, FRAME_REQUEST, queue->name, strlen(queue->name));
	while (after && write_call(&writer, after, client->links.now_ns))
		after = after->next;
	if (!bus_link_send(link, &writer))
		return false;
	while (queue->waiting.first != after) {
		struct call *call = list_pop(&queue->waiting);

		call->state = SENT;
		call->link = link;
		link->outstanding++;
	}
	return true;
}

void bus_client_flush(struct bus_client *client)
{
	client->links.now_ns = zsocket_now_ns();
	for (size_t i = 0; i < client->queue_count; i++)
		while (client->queues[i].waiting.first && send_batch(client, &client->queues[i]))
			;
	for (size_t i = 0; i < client->links.count; i++)
		send_cancels(client, &client->links.link[i]);
	bus_links_settle(&client->links);
}

static void expire(struct bus_client *client, struct call *call)
{
	uint64_t now_ns = client->links.now_ns;

	if (call->state == SENT && now_ns >= call->deadline_ns) {
		tell_cancel(client, call);
		end_later(client, call, BUS_DEADLINE);
	} else if (call->state == QUEUED && now_ns >= call->give_up_ns) {
		list_remove(&call->queue->waiting, call->id, &call);
		end_later(client, call, now_ns >= call->deadline_ns ? BUS_DEADLINE : BUS_NO_SERVICE);
	}
}

static void expire_all(struct bus_client *client)
{
	if (live_calls(client) == 0)
		bus_links_tick_every(&client->links, BUS_LINK_TICK_IDLE_MS);
	else
		for (uint32_t i = 0; i < client->slot_count; i++)
			if (client->slots[i])
				expire(client, client->slots[i]);
}

static void tell_ended(struct bus_client *client)
{
	while (client->ended.first) {
		struct call *call = list_pop(&client->ended);

		finish(client, call,
			&(struct bus_reply){
				.id = call->id,
				.outcome = call->outcome,
				.maybe_executed = call->link != NULL, /* it was sent at least once */
				.retry_after_ms = call->outcome == BUS_OVERLOADED ? BUS_LINK_HEARTBEAT_MS : 0,
			});
	}
}

static void turn(struct bus_client *client, int timeout_ms)
{
	if (bus_links_process(&client->links, timeout_ms))
		expire_all(client);
	tell_ended(client);
	bus_client_flush(client);
}

void bus_client_process(struct bus_client *client)
{
	turn(client, 0);
}

static void keep_reply(void *ctx, const struct bus_reply *reply)
{
	struct waited *waited = ctx;

	waited->done = true;
	waited->reply = *reply;
	waited->bytes = malloc(reply->header_len + reply->body_len + 1);
	if (!waited->bytes)
		abort();
	if (reply->header_len)
		memcpy(waited->bytes, reply->header, reply->header_len);
	if (reply->body_len)
		memcpy(waited->bytes + reply->header_len, reply->body, reply->body_len);
	waited->reply.header = waited->bytes;
	waited->reply.body = waited->bytes + reply->header_len;
}

void bus_client_call_wait(struct bus_client *client, const struct bus_call *call, struct bus_reply *reply_out)
{
	struct bus_call waiting = *call;

	free(client->waited.bytes);
	client->waited = (struct waited){ 0 };
	waiting.on_reply = keep_reply;
	waiting.ctx = &client->waited;
	bus_client_call(client, &waiting);
	bus_client_flush(client);
	while (!client->waited.done)
		turn(client, -1); /* the client's own timer ends it */
	*reply_out = client->waited.reply;
}
