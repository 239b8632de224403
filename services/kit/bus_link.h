/*
 * bus_link.h: one process's connections to all brokers, and whether each is alive. The client, the worker,
 * the publisher and the subscriber are each made of a struct bus_links.
 *
 * A link is up while it has a connection and its broker was heard within BUS_LINK_SILENCE_MS; both sides
 * send a heartbeat when they sent nothing else for BUS_LINK_HEARTBEAT_MS. A link whose connection broke,
 * that is silent for longer, or whose broker says that it does not know us goes down and is opened anew:
 * names are resolved again then, without blocking, and each attempt takes the next address.
 *
 * One descriptor stands for all of it: an epoll set of the sockets, a timer and a kick. zsocket.h says why
 * nobody waits on the sockets themselves.
 */
#pragma once

#include "kit/frame.h"
#include "kit/resolve.h"
#include "kit/resolve.h"
#include "kit/zsocket.h"

#include <stdatomic.h>

enum {
	BUS_LINK_HEARTBEAT_MS = 1000,
	BUS_LINK_SILENCE_MS = 3000,
	BUS_LINK_TICK_IDLE_MS = 500,
	BUS_LINK_TURN_MESSAGES = 128, /* received from one link before the others have their turn */
};

struct bus_links;

struct bus_link {
	struct bus_links *links;
	char endpoint[ZSOCKET_ENDPOINT_MAX]; /* as configured */
	void *socket;                        /* NULL: not open, being resolved, or no descriptor was left */
	int fd;
	bool up;
	bool leaving;      /* the broker is about to end: nothing new */
	uint64_t heard_ns; /* or opened, or came up */
	uint64_t sent_ns;
	size_t outstanding; /* the owner's count */

	struct resolve *resolve; /* a look-up that is under way */
	unsigned attempts;
	char host[ZSOCKET_ENDPOINT_MAX];
	char port[8];
};

struct bus_links_ops {
	/* The link came up, and its broker knows nothing of us: announce whatever this side announces. */
	void (*on_up)(void *ctx, struct bus_link *link);
	/* What was under way on the link is lost. */
	void (*on_down)(void *ctx, struct bus_link *link);
	/* Any message but HEARTBEAT and HELLO. `body` is what follows the envelope. The message may be
	 * moved away from `message`. */
	void (*on_message)(void *ctx, struct bus_link *link, const struct frame_envelope *envelope,
		struct frame_reader body, zmq_msg_t *message);
};

struct bus_links {
	struct bus_link link[ZSOCKET_BROKERS_MAX];
	size_t count;
	const struct bus_links_ops *ops;
	void *ctx;
	int epoll_fd;
	int kick_fd;
	int timer_fd;
	uint32_t tick_ms;
	uint64_t now_ns;        /* when this turn began */
	atomic_size_t up_count; /* any thread may read it */
	uint64_t malformed;
};

/* endpoints: separated by commas. False: error_out says what is wrong; nothing is open. */
bool bus_links_open(struct bus_links *links, const char *endpoints, const struct bus_links_ops *ops,
	void *ctx, struct zsocket_error *error_out);
void bus_links_close(struct bus_links *links);

/*
 * Receives what there is and calls ops. Returns whether the timer has ticked since the last time.
 * timeout_ms: how long to wait for anything to be there; 0 for who has waited for the descriptor, -1 for as
 * long as it takes.
 */
bool bus_links_process(struct bus_links *links, int timeout_ms);
/* Makes the descriptor readable also when `fd` is. */
void bus_links_watch(struct bus_links *links, int fd);
/* Last thing in a turn, after all sending: sees to it that the descriptor is readable if anything is left
 * to receive, and notices links that came up or went down. */
void bus_links_settle(struct bus_links *links);
/* How often the descriptor becomes readable for the sake of time. */
void bus_links_tick_every(struct bus_links *links, uint32_t tick_ms);
/* Makes the descriptor readable. Any thread. */
void bus_links_kick(struct bus_links *links);

/* Sends the message in the writer. False: the link is not up or cannot take it; the message is gone either
 * way. */
bool bus_link_send(struct bus_link *link, struct frame_writer *writer);
/* Likewise with a message that several links share; it stays the caller's. */
bool bus_link_send_shared(struct bus_link *link, zmq_msg_t *message);

/* The link that is up and not leaving and has the least outstanding, other than `except` if there is a
 * choice. NULL: none is up. */
struct bus_link *bus_links_pick(struct bus_links *links, const struct bus_link *except);
