#include "broker/router.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const uint64_t NS_PER_MS = 1000000;

static struct peer **bucket_of(struct router *router, const uint8_t *identity, size_t identity_len)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (size_t i = 0; i < identity_len; i++)
		hash = (hash ^ identity[i]) * 1099511628211u;
	return &router->buckets[(hash ^ hash >> 32) % ROUTER_PEERS_MAX];
}

static bool is_peer(const struct peer *peer, const uint8_t *identity, size_t identity_len)
{
	return peer->identity_len == identity_len && memcmp(peer->identity, identity, identity_len) == 0;
}

static struct peer *find_peer(struct router *router, const uint8_t *identity, size_t identity_len)
{
	struct peer *peer = *bucket_of(router, identity, identity_len);

	while (peer && !is_peer(peer, identity, identity_len))
		peer = peer->next;
	return peer;
}

/* NULL: as many as allowed. */
static struct peer *add_peer(
	struct router *router, const uint8_t *identity, size_t identity_len, const char *key)
{
	struct peer **bucket = bucket_of(router, identity, identity_len);

	if (router->peer_count == ROUTER_PEERS_MAX) {
		router_count_drop(router, ROUTER_TOO_MANY);
		return NULL;
	}
	struct peer *peer = calloc(1, router->ops->peer_size);

	if (!peer)
		abort();
	memcpy(peer->identity, identity, identity_len);
	peer->identity_len = (uint8_t)identity_len;
	snprintf(peer->key, sizeof(peer->key), "%s", key);
	peer->heard_ns = peer->sent_ns = router->now_ns;
	peer->next = *bucket;
	*bucket = peer;
	peer->index = router->peer_count++;
	router->peers[peer->index] = peer;
	metric_set(router->peers_gauge, (double)router->peer_count);
	return peer;
}

static void remove_peer(struct router *router, struct peer *peer)
{
	struct peer **at = bucket_of(router, peer->identity, peer->identity_len);

	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	router->peers[peer->index] = router->peers[--router->peer_count];
	router->peers[peer->index]->index = peer->index;
	metric_set(router->peers_gauge, (double)router->peer_count);
	free(peer);
}

static void mark_gone(struct router *router, struct peer *peer)
{
	peer->gone = true;
	router->any_gone = true;
}

/*
 * Whether the message may go on to the owner. Each connection begins with HELLO. One that does not is of a
 * peer that we have given up, or that was known to a broker before us: it is told so, once, and connects
 * again.
 */
static bool is_introduced(struct router *router, struct peer *peer, enum frame_type type)
{
	if (type == FRAME_HELLO)
		peer->introduced = true;
	else if (!peer->introduced && !peer->told) {
		peer->told = true;
		router_send_plain(router, peer, FRAME_HELLO);
	}
	return peer->introduced && type != FRAME_HELLO && type != FRAME_HEARTBEAT;
}

static void receive_one(
	struct router *router, const uint8_t *identity, size_t identity_len, zmq_msg_t *message)
{
	const uint8_t *bytes = zmq_msg_data(message);
	struct frame_reader reader = { bytes, bytes + zmq_msg_size(message) };
	struct frame_envelope envelope;

	if (!frame_read_envelope(&reader, &envelope)) {
		router_count_drop(router, ROUTER_MALFORMED);
		return;
	}
	metric_add(router->received[envelope.type], 1);

	struct peer *peer = find_peer(router, identity, identity_len);

	if (!peer)
		peer = add_peer(router, identity, identity_len, zsocket_key(message));
	if (!peer || peer->gone)
		return;
	peer->heard_ns = router->now_ns;
	if (is_introduced(router, peer, envelope.type))
		router->ops->on_message(router->owner, peer, &envelope, reader, message);
}

/* Returns whether everything was received. */
static bool receive(struct router *router)
{
	uint8_t identity[ZSOCKET_IDENTITY_MAX];
	size_t identity_len;
	uint64_t dropped = 0;
	zmq_msg_t message;
	int count = 0;

	zmq_msg_init(&message);
	while (count < ROUTER_TURN_MESSAGES &&
		zsocket_receive(router->socket, identity, &identity_len, &message, &dropped)) {
		receive_one(router, identity, identity_len, &message);
		count++;
	}
	zmq_msg_close(&message);
	if (dropped)
		metric_add(router->dropped[ROUTER_MALFORMED], (double)dropped);
	return count < ROUTER_TURN_MESSAGES;
}

static void bury(struct router *router)
{
	router->any_gone = false; /* on_gone may find others */
	for (size_t i = 0; i < router->peer_count;) {
		struct peer *peer = router->peers[i];

		if (!peer->gone) {
			i++;
			continue;
		}
		router->ops->on_gone(router->owner, peer);
		remove_peer(router, peer);
	}
}

static void keep_in_touch(struct router *router, struct peer *peer)
{
	if (router->now_ns - peer->heard_ns > ROUTER_SILENCE_MS * NS_PER_MS)
		mark_gone(router, peer);
	else if (router->now_ns - peer->sent_ns >= ROUTER_HEARTBEAT_MS * NS_PER_MS)
		router_send_plain(router, peer, FRAME_HEARTBEAT);
}

static uint64_t tick_ns(const struct router *router)
{
	return (router->busy ? ROUTER_TICK_MS : ROUTER_TICK_IDLE_MS) * NS_PER_MS;
}

/* Only when everything has been received: if it was we who stood still, heartbeats wait in the socket. */
static void tick(struct router *router)
{
	if (router->now_ns - router->ticked_ns < tick_ns(router))
		return;
	router->ticked_ns = router->now_ns;
	for (size_t i = 0; i < router->peer_count; i++)
		keep_in_touch(router, router->peers[i]);
	router->ops->on_tick(router->owner);
}

/* zmq_poll() would ask the socket twice more. */
static void wait_for_input(struct router *router)
{
	uint64_t due_ns = router->ticked_ns + tick_ns(router);
	uint64_t now_ns = zsocket_now_ns();
	int timeout_ms = now_ns < due_ns ? (int)((due_ns - now_ns) / NS_PER_MS) + 1 : 0;
	struct pollfd readable[] = {
		{ .fd = router->socket_fd, .events = POLLIN },
		{ .fd = router->wake_fd, .events = POLLIN },
	};

	if (zsocket_events(router->socket) & ZMQ_POLLIN)
		return; /* sending swallowed the edge */
	if (poll(readable, 2, timeout_ms) < 0)
		assert(errno == EINTR);
	else if (readable[1].revents)
		(void)!read(router->wake_fd, &(uint64_t){ 0 }, sizeof(uint64_t));
}

static struct metric_series *labelled(
	enum metric metric, const char *side, const char *label, const char *value)
{
	char labels[96];

	snprintf(labels, sizeof(labels), "side=\"%s\",%s=\"%s\"", side, label, value);
	return metric_series(metric, labels);
}

static void open_metrics(struct router *router, const char *side)
{
	static const char *const DROPS[ROUTER_DROPS] = {
		[ROUTER_MALFORMED] = "malformed",
		[ROUTER_TOO_MANY] = "too_many",
		[ROUTER_STALE] = "stale",
		[ROUTER_NO_CREDIT] = "no_credit",
		[ROUTER_NOT_PERMITTED] = "not_permitted",
	};
	char labels[64];

	for (int type = 1; type < FRAME_TYPES; type++)
		router->received[type] =
			labelled(METRIC_BROKER_MESSAGES, side, "type", frame_type_text(type));
	for (int why = 0; why < ROUTER_DROPS; why++)
		router->dropped[why] = labelled(METRIC_BROKER_DROPPED, side, "reason", DROPS[why]);
	snprintf(labels, sizeof(labels), "side=\"%s\"", side);
	router->peers_gauge = metric_series(METRIC_BROKER_PEERS, labels);
}

void router_count_drop(struct router *router, enum router_drop why)
{
	metric_add(router->dropped[why], 1);
}

bool router_is_alive(const struct router *router)
{
	return zsocket_now_ns() - atomic_load(&router->turned_ns) < ROUTER_ALIVE_MS * NS_PER_MS;
}

bool router_permits(struct router *router, const struct peer *peer, enum access_right right,
	const struct frame_envelope *envelope)
{
	bool may = access_may(router->access, peer->key, right, envelope->name, envelope->name_len);

	if (!may)
		router_count_drop(router, ROUTER_NOT_PERMITTED);
	return may;
}

bool router_open(struct router *router, const char *side, const char *endpoint, struct access *access,
	const struct router_ops *ops, void *owner, struct zsocket_error *error_out)
{
	*router = (struct router){ .ops = ops,
		.owner = owner,
		.access = zsocket_uses_curve(endpoint) ? access : NULL,
		.now_ns = zsocket_now_ns() };
	router->ticked_ns = router->now_ns;
	atomic_store(&router->turned_ns, router->now_ns);
	router->socket = zsocket_bind_router(endpoint, error_out);
	if (!router->socket)
		return false;
	router->socket_fd = zsocket_fd(router->socket);
	router->peers = calloc(ROUTER_PEERS_MAX, sizeof(struct peer *));
	router->buckets = calloc(ROUTER_PEERS_MAX, sizeof(struct peer *));
	router->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!router->peers || !router->buckets || router->wake_fd < 0)
		abort();
	open_metrics(router, side);
	return true;
}

void router_run(struct router *router)
{
	while (!atomic_load(&router->stopping)) {
		wait_for_input(router);
		router->now_ns = zsocket_now_ns();
		atomic_store_explicit(&router->turned_ns, router->now_ns, memory_order_relaxed);

		bool all = receive(router);

		router->ops->on_turn_end(router->owner);
		if (all)
			tick(router);
		while (router->any_gone) {
			bury(router);
			router->ops->on_turn_end(router->owner);
		}
	}
}

void router_wake(struct router *router)
{
	uint64_t one = 1;

	(void)!write(router->wake_fd, &one, sizeof(one));
}

void router_stop(struct router *router)
{
	atomic_store(&router->stopping, true);
	router_wake(router);
}

void router_close(struct router *router)
{
	while (router->peer_count)
		remove_peer(router, router->peers[0]);
	free(router->peers);
	free(router->buckets);
	close(router->wake_fd);
	zsocket_close(router->socket);
}

static bool sent(struct router *router, struct peer *peer, bool taken)
{
	if (!taken)
		mark_gone(router, peer);
	peer->sent_ns = router->now_ns;
	return taken;
}

bool router_send(struct router *router, struct peer *peer, struct frame_writer *writer)
{
	size_t len;
	uint8_t *bytes = frame_writer_take(writer, &len);

	if (peer->gone) {
		free(bytes);
		return false;
	}
	return sent(
		router, peer, zsocket_send(router->socket, peer->identity, peer->identity_len, bytes, len));
}

bool router_send_plain(struct router *router, struct peer *peer, enum frame_type type)
{
	struct frame_writer writer = { 0 };

	frame_write_begin(&writer, type, NULL, 0);
	return router_send(router, peer, &writer);
}

bool router_send_shared(struct router *router, struct peer *peer, zmq_msg_t *message)
{
	return !peer->gone &&
	       sent(router, peer,
		       zsocket_send_shared(router->socket, peer->identity, peer->identity_len, message));
}
