#include "gateway/connection.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void *memory_resize(void *memory, size_t size_bytes)
{
	void *resized = realloc(memory, size_bytes);

	if (!resized)
		abort();
	return resized;
}

/* --- lists, deadlines and interest --- */

static void list_remove(struct connection_list *list, struct connection *c)
{
	*(c->previous ? &c->previous->next : &list->first) = c->next;
	*(c->next ? &c->next->previous : &list->last) = c->previous;
	list->count--;
}

static void list_append(struct connection_list *list, struct connection *c)
{
	c->previous = list->last;
	c->next = NULL;
	*(list->last ? &list->last->next : &list->first) = c;
	list->last = c;
	list->count++;
}

static void expire_close(struct connection *c);
static void expire_head(struct connection *c);
static void expire_body(struct connection *c);
static void expire_working(struct connection *c);
static void expire_window(struct connection *c);
static void on_handshake(struct connection *c, short events);
static void on_input(struct connection *c, short events);
static void on_body_input(struct connection *c, short events);
static void on_gone(struct connection *c, short events);
static void on_behind_input(struct connection *c, short events);
static void on_writable(struct connection *c, short events);
static void on_stream(struct connection *c, short events);
static void on_linger(struct connection *c, short events);
static void on_nothing(struct connection *c, short events);

#define TIMEOUT(member) offsetof(struct server_options, member)

/*
 * What is watched on entering, what to do when it happens, how long it may take, what to do when it takes
 * longer.
 */
static const struct {
	short watch; /* 0: as it is */
	void (*ready)(struct connection *c, short events);
	size_t timeout; /* of struct server_options; 0 for none */
	void (*expire)(struct connection *c);
} states[CONNECTION_STATES] = {
	[CONNECTION_HANDSHAKE] = { WATCH_READ, on_handshake, TIMEOUT(head_timeout_ms), expire_close },
	[CONNECTION_IDLE] = { WATCH_READ, on_input, TIMEOUT(idle_timeout_ms), expire_close },
	[CONNECTION_HEAD] = { WATCH_READ, on_input, TIMEOUT(head_timeout_ms), expire_head },
	[CONNECTION_BODY] = { WATCH_READ, on_body_input, TIMEOUT(body_timeout_ms), expire_body },
	[CONNECTION_UPLOAD] = { WATCH_READ, on_body_input, TIMEOUT(body_timeout_ms), expire_window },
	[CONNECTION_PAUSED] = { WATCH_GONE, on_gone, 0, NULL },
	[CONNECTION_WORKING] = { WATCH_READ, on_behind_input, TIMEOUT(exchange_timeout_ms), expire_working },
	[CONNECTION_ANSWERED] = { 0, on_behind_input, 0, NULL },
	[CONNECTION_WRITING] = { WATCH_WRITE, on_writable, TIMEOUT(write_timeout_ms), expire_window },
	[CONNECTION_STREAM] = { WATCH_READ, on_stream, 0, NULL },
	[CONNECTION_STREAM_BLOCKED] = { WATCH_BOTH, on_stream, TIMEOUT(write_timeout_ms), expire_close },
	[CONNECTION_LINGER] = { WATCH_READ, on_linger, TIMEOUT(linger_timeout_ms), expire_close },
	[CONNECTION_CLOSED] = { 0, on_nothing, 0, NULL },
};

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_event(evutil_socket_t fd, short events, void *context)
{
	struct connection *c = context;

	(void)fd;
	c->exchange.thread->now_ms = clock_ms();
	states[c->state].ready(c, events);
	/* OpenSSL may hold decrypted bytes that the socket knows nothing of. */
	if (c->tls && (c->watched & EV_READ) && !(c->watched & EV_ET) && tls_has_pending(c->tls))
		event_active(&c->event, EV_READ, 0);
}

static void watch(struct connection *c, short wanted)
{
	if (c->watched == wanted)
		return;
	if (c->watched)
		event_del(&c->event);
	event_assign(&c->event, c->exchange.thread->base, c->fd, wanted, on_event, c);
	if (event_add(&c->event, NULL) != 0)
		abort();
	c->watched = wanted;
	if (c->tls && wanted == WATCH_READ && tls_has_pending(c->tls))
		event_active(&c->event, EV_READ, 0);
}

void connection_arm_sweep(struct server_thread *thread, uint64_t deadline_ms)
{
	if (deadline_ms >= thread->sweep_at_ms)
		return;
	uint64_t wait_ms = deadline_ms > thread->now_ms ? deadline_ms - thread->now_ms : 1;
	struct timeval wait = { .tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000) };

	thread->sweep_at_ms = deadline_ms;
	event_add(&thread->sweep_event, &wait);
}

static unsigned timeout_of(struct connection *c, enum connection_state state)
{
	const char *options = (const char *)&c->exchange.thread->server->options;

	return *(const unsigned *)(const void *)(options + states[state].timeout);
}

void connection_enter(struct connection *c, enum connection_state state)
{
	struct server_thread *thread = c->exchange.thread;

	assert(c->state != CONNECTION_CLOSED);
	list_remove(&thread->lists[c->state], c);
	list_append(&thread->lists[state], c);
	c->state = state;
	if (states[state].watch)
		watch(c, states[state].watch);
	if (!states[state].timeout)
		return;
	c->window_bytes = 0;
	c->deadline_ms = thread->now_ms + timeout_of(c, state);
	connection_arm_sweep(thread, c->deadline_ms);
}

void connection_expire(struct connection *c)
{
	states[c->state].expire(c);
}

void connection_touch(struct connection *c)
{
	struct server_thread *thread = c->exchange.thread;

	if (c->is_touched)
		return;
	c->is_touched = true;
	c->next_touched = thread->touched;
	thread->touched = c;
}

/* --- opening and closing --- */

static uint32_t slot_take(struct server_thread *thread)
{
	if (thread->free_count > 0)
		return thread->free_slots[--thread->free_count];
	if (thread->slots_count == thread->slots_capacity) {
		uint32_t capacity = thread->slots_capacity ? 2 * thread->slots_capacity : 64;

		thread->slots = memory_resize(thread->slots, capacity * sizeof(*thread->slots));
		thread->free_slots =
			memory_resize(thread->free_slots, capacity * sizeof(*thread->free_slots));
		thread->generations =
			memory_resize(thread->generations, capacity * sizeof(*thread->generations));
		thread->slots_capacity = capacity;
	}
	thread->generations[thread->slots_count] = 1;
	return thread->slots_count++;
}

void connection_open(struct server_thread *thread, int fd, const struct sockaddr_storage *peer, bool refused)
{
	struct connection *c = memory_resize(NULL, sizeof(*c));

	memset(c, 0, sizeof(*c));
	c->exchange.thread = thread;
	c->fd = fd;
	c->slot = slot_take(thread);
	c->generation = thread->generations[c->slot];
	c->peer = address_from_socket(peer);
	c->is_trusted_proxy = address_in_ranges(&thread->server->trusted_proxies, &c->peer);
	thread->slots[c->slot] = c;
	thread->open_count++;
	c->state = CONNECTION_IDLE;
	list_append(&thread->lists[CONNECTION_IDLE], c);
	if (thread->server->tls)
		c->tls = tls_session_open(thread->server->tls, fd);
	if (thread->server->tls && (refused || !c->tls))
		connection_close(c);
	else if (refused)
		connection_refuse(c, 503, MSG_HTTP_CONNECTIONS);
	else
		connection_enter(c, c->tls ? CONNECTION_HANDSHAKE : CONNECTION_IDLE);
}

static void exchange_abandon(struct connection *c)
{
	struct exchange *x = &c->exchange;

	if (!c->exchange_is_open)
		return;
	c->exchange_is_open = false;
	if (c->stream_events)
		count(&x->thread->counters.streams_closed, 1);
	x->thread->must_turn = true;
	if (x->on_close)
		x->on_close(x);
	c->generation++;
}

void connection_close(struct connection *c)
{
	if (c->state == CONNECTION_CLOSED)
		return;
	exchange_abandon(c);
	connection_enter(c, CONNECTION_CLOSED);
	if (c->watched)
		event_del(&c->event);
	c->watched = 0;
	tls_session_close(c->tls);
	c->tls = NULL;
	close(c->fd);
	connection_touch(c);
}

void connection_free(struct connection *c)
{
	struct server_thread *thread = c->exchange.thread;

	list_remove(&thread->lists[CONNECTION_CLOSED], c);
	connection_give_memory_back(c);
	free(c->output);
	thread->slots[c->slot] = NULL;
	thread->generations[c->slot] = c->generation + 1;
	thread->free_slots[thread->free_count++] = c->slot;
	thread->open_count--;
	count(&thread->counters.connections_closed, 1);
	atomic_fetch_sub(&thread->server->open_count, 1);
	free(c);
}

/* --- receiving --- */

/*
 * > 0: that many bytes came. 0: nothing yet. < 0: there will be no more; the peer closed or the connection
 * broke.
 */
static ssize_t receive(struct connection *c, char *data, size_t size)
{
	ssize_t received = c->tls ? tls_receive(c->tls, data, size) : recv(c->fd, data, size, 0);

	if (received > 0) {
		count(&c->exchange.thread->counters.received_bytes, (uint64_t)received);
		return received;
	}
	if (c->tls)
		return received == -EAGAIN ? 0 : -1;
	return received < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static ssize_t receive_input(struct connection *c)
{
	struct request *request = c->request;
	ssize_t received =
		receive(c, request->input + request->input_size, SERVER_INPUT_SIZE - request->input_size);

	if (received > 0)
		request->input_size += (size_t)received;
	return received;
}

static void on_handshake(struct connection *c, short events)
{
	(void)events;
	switch (tls_handshake(c->tls)) {
	case TLS_DONE:
		connection_enter(c, CONNECTION_IDLE);
		break;
	case TLS_WANTS_READ:
		watch(c, WATCH_READ);
		break;
	case TLS_WANTS_WRITE:
		watch(c, WATCH_WRITE);
		break;
	case TLS_FAILED:
		connection_close(c);
		break;
	}
}

static void on_input(struct connection *c, short events)
{
	(void)events;
	if (!c->request)
		connection_take_memory(c);
	ssize_t received = receive_input(c);

	if (received < 0)
		connection_close(c);
	else if (received > 0)
		connection_take(c);
	else if (c->request->input_size == 0)
		connection_give_memory_back(c);
}

void connection_drain_idle(struct connection *c)
{
	on_input(c, EV_READ);
	if (c->state == CONNECTION_IDLE)
		connection_close(c);
}

static void on_body_input(struct connection *c, short events)
{
	(void)events;
	ssize_t received = receive_input(c);

	if (received < 0)
		connection_close(c);
	else if (received > 0)
		connection_take_body(c);
}

/* The client pipelines while its request is worked on: kept, until the buffer is full. */
static void on_behind_input(struct connection *c, short events)
{
	(void)events;
	if (c->watched == WATCH_GONE || !c->request) {
		on_gone(c, events);
		return;
	}
	if (c->request->input_size == SERVER_INPUT_SIZE) {
		watch(c, WATCH_GONE);
		return;
	}
	if (receive_input(c) >= 0)
		return;
	if (c->state == CONNECTION_WORKING)
		connection_close(c);
	else /* it may still read the answer that is on its way */
		c->after = NEXT_CLOSE;
}

/* Nothing may be read, so the socket is asked in another way whether the client is still there. */
static void on_gone(struct connection *c, short events)
{
	struct pollfd asked = { .fd = c->fd, .events = POLLRDHUP };

	(void)events;
	if (poll(&asked, 1, 0) > 0 && (asked.revents & (POLLERR | POLLHUP | POLLRDHUP)) &&
		c->state != CONNECTION_ANSWERED)
		connection_close(c);
}

static void on_nothing(struct connection *c, short events)
{
	(void)c, (void)events;
}

/* A stream's client has nothing more to say; reading is how we hear that it left. */
static void on_stream(struct connection *c, short events)
{
	struct server_thread *thread = c->exchange.thread;

	if ((events & EV_READ) && receive(c, thread->scratch, sizeof(thread->scratch)) < 0)
		connection_close(c);
	else if (events & EV_WRITE)
		connection_touch(c);
}

static void on_writable(struct connection *c, short events)
{
	(void)events;
	connection_touch(c);
}

static void on_linger(struct connection *c, short events)
{
	struct server_thread *thread = c->exchange.thread;

	(void)events;
	if (receive(c, thread->scratch, sizeof(thread->scratch)) < 0)
		connection_close(c);
}

/* --- refusing and expiring --- */

void connection_refuse(struct connection *c, unsigned status, enum message message)
{
	struct server_thread *thread = c->exchange.thread;

	const struct http_head *head = c->exchange_is_open ? c->exchange.head : NULL;

	exchange_abandon(c);
	if (c->state == CONNECTION_CLOSED)
		return;
	count(&thread->counters.refusals, 1);
	output_problem(c, head, status, message, true);
	c->after = NEXT_LINGER;
	connection_enter(c, CONNECTION_ANSWERED);
	connection_touch(c);
}

static void expire_close(struct connection *c)
{
	connection_close(c);
}

static void expire_head(struct connection *c)
{
	connection_refuse(c, 408, MSG_HTTP_HEAD_TIMEOUT);
}

static void expire_body(struct connection *c)
{
	connection_refuse(c, 408, MSG_HTTP_BODY_TIMEOUT);
}

static void expire_working(struct connection *c)
{
	connection_refuse(c, 504, MSG_DEADLINE_EXCEEDED);
}

/* A transfer may take any time, but not crawl. */
static void expire_window(struct connection *c)
{
	const struct server_options *options = &c->exchange.thread->server->options;
	uint64_t wanted = (uint64_t)options->minimum_rate_bytes * timeout_of(c, c->state) / 1000;

	if (c->window_bytes >= wanted)
		connection_enter(c, c->state);
	else if (c->state == CONNECTION_UPLOAD)
		connection_refuse(c, 408, MSG_HTTP_UPLOAD_TOO_SLOW);
	else
		connection_close(c);
}
