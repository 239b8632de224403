#include "kit/bus_link.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

static const uint64_t NS_PER_MS = 1000000;

/* What epoll reports beside links, whose data are pointers to themselves. */
static char KICK, TIMER, OTHER;

static void watch(struct bus_links *links, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	if (epoll_ctl(links->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		abort(); /* only for want of kernel memory, or a bug of ours */
}

static void link_connect(struct bus_link *link, const char *endpoint)
{
	struct zsocket_error error;

	link->socket = zsocket_connect_dealer(endpoint, &error);
	if (!link->socket)
		return; /* for want of descriptors: the next tick tries again */
	link->fd = zsocket_fd(link->socket);
	watch(link->links, link->fd, link);
}

static void link_connect_address(struct bus_link *link, const struct addrinfo *address)
{
	char host[INET6_ADDRSTRLEN], endpoint[INET6_ADDRSTRLEN + 32];

	if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST) !=
		0)
		return;
	snprintf(endpoint, sizeof(endpoint), address->ai_family == AF_INET6 ? "tcp://[%s]:%s" : "tcp://%s:%s",
		host, link->port);
	link_connect(link, endpoint);
}

static void link_resolved(struct bus_link *link)
{
	const struct addrinfo *addresses = resolve_addresses(link->resolve), *chosen = addresses;
	size_t count = 0;

	for (const struct addrinfo *at = addresses; at; at = at->ai_next)
		count++;
	for (size_t skip = count ? link->attempts++ % count : 0; skip; skip--)
		chosen = chosen->ai_next;
	if (chosen)
		link_connect_address(link, chosen);
	resolve_free(link->resolve);
	link->resolve = NULL;
	link->heard_ns = link->links->now_ns;
}

static void link_open(struct bus_link *link)
{
	link->heard_ns = link->links->now_ns;
	if (!link->host[0])
		link_connect(link, link->endpoint);
	else
		link->resolve = resolve_start(link->host);
}

static void link_close(struct bus_link *link)
{
	if (!link->socket)
		return;
	epoll_ctl(link->links->epoll_fd, EPOLL_CTL_DEL, link->fd, NULL);
	zsocket_close(link->socket);
	link->socket = NULL;
}

static void send_plain(struct bus_link *link, enum frame_type type)
{
	struct frame_writer writer = { 0 };

	frame_write_begin(&writer, type, NULL, 0);
	bus_link_send(link, &writer);
}

static void link_set_up(struct bus_link *link, bool up)
{
	struct bus_links *links = link->links;

	if (link->up == up)
		return;
	link->up = up;
	link->leaving = false;
	if (up) {
		link->heard_ns = links->now_ns;
		link->outstanding = 0;
		atomic_fetch_add(&links->up_count, 1);
		send_plain(link, FRAME_HELLO);
		links->ops->on_up(links->ctx, link);
	} else {
		atomic_fetch_sub(&links->up_count, 1);
		links->ops->on_down(links->ctx, link);
	}
}

/* A session never outlives its connection, nor the other way round: what is lost on one side is lost on
 * both. */
static void link_restart(struct bus_link *link)
{
	link_set_up(link, false);
	link_close(link);
	link_open(link);
}

static bool set_endpoint(struct bus_link *link, const char *text, size_t len, struct zsocket_error *error_out)
{
	const char *prefix_end = "//";
	struct in6_addr literal;

	snprintf(link->endpoint, sizeof(link->endpoint), "%.*s", (int)len, text);
	if (len < sizeof(link->endpoint) && strncmp(link->endpoint, "ipc:///", 7) == 0)
		return true;

	const char *authority = strstr(link->endpoint, prefix_end);
	const char *colon = strrchr(link->endpoint, ':');
	bool tcp = len < sizeof(link->endpoint) && strncmp(link->endpoint, "tcp://", 6) == 0 &&
		   colon > authority;

	if (!tcp || colon - (authority + 2) < 1 || strlen(colon + 1) < 1 ||
		strlen(colon + 1) >= sizeof(link->port)) {
		snprintf(error_out->text, sizeof(error_out->text),
			"\"%.100s\": an endpoint is ipc:///<path> or tcp://<host>:<port>", link->endpoint);
		return false;
	}
	strcpy(link->port, colon + 1);
	snprintf(link->host, sizeof(link->host), "%.*s", (int)(colon - authority - 2), authority + 2);
	if (link->host[0] == '[' || inet_pton(AF_INET, link->host, &literal) == 1)
		link->host[0] = '\0'; /* nothing to resolve */
	return true;
}

static bool set_endpoints(struct bus_links *links, const char *endpoints, struct zsocket_error *error_out)
{
	while (*endpoints) {
		size_t len = strcspn(endpoints, ",");

		if (links->count == ZSOCKET_BROKERS_MAX) {
			snprintf(error_out->text, sizeof(error_out->text), "more than %d brokers are named",
				ZSOCKET_BROKERS_MAX);
			return false;
		}
		struct bus_link *link = &links->link[links->count++];

		link->links = links;
		if (!set_endpoint(link, endpoints, len, error_out))
			return false;
		endpoints += len + (endpoints[len] == ',');
	}
	if (links->count == 0)
		snprintf(error_out->text, sizeof(error_out->text), "no broker is named");
	return links->count > 0;
}

bool bus_links_open(struct bus_links *links, const char *endpoints, const struct bus_links_ops *ops,
	void *ctx, struct zsocket_error *error_out)
{
	*links = (struct bus_links){ .ops = ops, .ctx = ctx, .now_ns = zsocket_now_ns() };
	if (!set_endpoints(links, endpoints, error_out))
		return false;
	links->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	links->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	links->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (links->epoll_fd < 0 || links->kick_fd < 0 || links->timer_fd < 0)
		abort(); /* out of descriptors at start */
	watch(links, links->kick_fd, &KICK);
	watch(links, links->timer_fd, &TIMER);
	bus_links_tick_every(links, BUS_LINK_TICK_IDLE_MS);
	for (size_t i = 0; i < links->count; i++)
		link_open(&links->link[i]);
	return true;
}

void bus_links_close(struct bus_links *links)
{
	for (size_t i = 0; i < links->count; i++) {
		link_close(&links->link[i]);
		resolve_free(links->link[i].resolve);
	}
	close(links->timer_fd);
	close(links->kick_fd);
	close(links->epoll_fd);
}

/* Returns whether the message may go on to the owner. */
static bool link_heard(struct bus_link *link, const struct frame_envelope *envelope)
{
	struct bus_links *links = link->links;

	link->heard_ns = links->now_ns;
	if (envelope->type == FRAME_HELLO)
		link_restart(link); /* the broker has given us up */
	return envelope->type != FRAME_HELLO && envelope->type != FRAME_HEARTBEAT;
}

static void link_receive(struct bus_link *link)
{
	struct bus_links *links = link->links;
	zmq_msg_t message;

	zmq_msg_init(&message);
	for (int i = 0; i < BUS_LINK_TURN_MESSAGES && link->socket; i++) {
		struct frame_envelope envelope;

		if (!zsocket_receive(link->socket, NULL, NULL, &message, &links->malformed))
			break;

		struct frame_reader reader = { zmq_msg_data(&message),
			(const uint8_t *)zmq_msg_data(&message) + zmq_msg_size(&message) };

		if (!frame_read_envelope(&reader, &envelope))
			links->malformed++;
		else if (link_heard(link, &envelope))
			links->ops->on_message(links->ctx, link, &envelope, reader, &message);
	}
	zmq_msg_close(&message);
}

static void link_tick(struct bus_link *link)
{
	struct bus_links *links = link->links;
	uint64_t silence_ns = links->now_ns - link->heard_ns;

	if (link->resolve && resolve_done(link->resolve)) {
		link_resolved(link);
	} else if (!link->resolve && silence_ns > BUS_LINK_SILENCE_MS * NS_PER_MS) {
		link_restart(link);
	} else if (link->up && links->now_ns - link->sent_ns >= BUS_LINK_HEARTBEAT_MS * NS_PER_MS) {
		send_plain(link, FRAME_HEARTBEAT);
	}
}

/* Which of kick and timer are due is worth knowing: reading each costs as much as asking for all. */
static bool clear_wakeups(struct bus_links *links, int timeout_ms)
{
	struct epoll_event events[ZSOCKET_BROKERS_MAX + 2];
	int count = epoll_wait(links->epoll_fd, events, ZSOCKET_BROKERS_MAX + 2, timeout_ms);
	bool ticked = false;
	uint64_t value;

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr == &KICK)
			(void)!read(links->kick_fd, &value, sizeof(value));
		else if (events[i].data.ptr == &TIMER)
			ticked = read(links->timer_fd, &value, sizeof(value)) == (ssize_t)sizeof(value);
	}
	return ticked;
}

bool bus_links_process(struct bus_links *links, int timeout_ms)
{
	bool ticked = clear_wakeups(links, timeout_ms);

	links->now_ns = zsocket_now_ns();
	for (size_t i = 0; i < links->count; i++)
		link_receive(&links->link[i]);
	for (size_t i = 0; ticked && i < links->count; i++)
		link_tick(&links->link[i]);
	return ticked;
}

void bus_links_watch(struct bus_links *links, int fd)
{
	watch(links, fd, &OTHER);
}

static bool link_settle(struct bus_link *link)
{
	int events = link->socket ? zsocket_events(link->socket) : 0;
	bool connected = (events & ZMQ_POLLOUT) != 0;

	if (connected == link->up)
		return (events & ZMQ_POLLIN) != 0;
	if (connected)
		link_set_up(link, true);
	else
		link_restart(link);
	/* Sending may have swallowed the edge of what arrived. */
	return link->socket && (zsocket_events(link->socket) & ZMQ_POLLIN);
}

void bus_links_settle(struct bus_links *links)
{
	for (size_t i = 0; i < links->count; i++)
		if (link_settle(&links->link[i]))
			bus_links_kick(links);
}

void bus_links_tick_every(struct bus_links *links, uint32_t tick_ms)
{
	struct timespec interval = { .tv_sec = tick_ms / 1000, .tv_nsec = tick_ms % 1000 * (long)NS_PER_MS };

	if (links->tick_ms == tick_ms)
		return;
	links->tick_ms = tick_ms;
	timerfd_settime(links->timer_fd, 0, &(struct itimerspec){ interval, interval }, NULL);
}

void bus_links_kick(struct bus_links *links)
{
	uint64_t one = 1;

	/* It can only fail when it is readable anyway. */
	(void)!write(links->kick_fd, &one, sizeof(one));
}

bool bus_link_send(struct bus_link *link, struct frame_writer *writer)
{
	size_t len;
	uint8_t *bytes = frame_writer_take(writer, &len);

	if (!link->up) {
		free(bytes);
		return false;
	}
	link->sent_ns = link->links->now_ns;
	return zsocket_send(link->socket, NULL, 0, bytes, len);
}

struct bus_link *bus_links_pick(struct bus_links *links, const struct bus_link *except)
{
	struct bus_link *best = NULL;

	for (size_t i = 0; i < links->count; i++) {
		struct bus_link *link = &links->link[i];

		if (!link->up || link->leaving || (link == except && links->count > 1))
			continue;
		if (!best || link->outstanding < best->outstanding)
			best = link;
	}
	if (!best && except && except->up && !except->leaving)
		best = &links->link[except - links->link];
	return best;
}

bool bus_link_send_shared(struct bus_link *link, zmq_msg_t *message)
{
	link->sent_ns = link->links->now_ns;
	return link->up && zsocket_send_shared(link->socket, NULL, 0, message);
}
