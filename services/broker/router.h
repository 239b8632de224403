/*
 * router.h: one ROUTER socket, the peers behind it, and the loop of the thread that owns both. The request
 * side and the event side of the broker are each made of one.
 *
 * A peer exists from its first sound message until it has been silent for ROUTER_SILENCE_MS or cannot be
 * reached. It is known by the identity that libzmq gives to its connection, so a peer that connects again
 * is another peer. One that was forgotten and speaks again is told HELLO, and connects again.
 */
#pragma once

#include "broker/access.h"
#include "kit/frame.h"
#include "kit/metrics.h"
#include "kit/zsocket.h"

#include <stdatomic.h>

enum {
	ROUTER_PEERS_MAX = 4096,
	ROUTER_HEARTBEAT_MS = 1000,
	ROUTER_SILENCE_MS = 3000,
	ROUTER_TURN_MESSAGES = 256, /* received before what they lead to is sent */
	ROUTER_TICK_MS = 50,        /* while the owner says that it is busy */
	ROUTER_TICK_IDLE_MS = 500,
	ROUTER_ALIVE_MS = 10000,
};

/* Embedded, as the first member, in what the owner keeps for each peer. */
struct peer {
	struct peer *next; /* in its bucket */
	size_t index;      /* among router.peers */
	uint64_t heard_ns;
	uint64_t sent_ns;
	bool introduced;              /* has said HELLO */
	bool told;                    /* that it ought to */
	bool gone;                    /* told to the owner, and freed, at the end of the turn */
	char key[ACCESS_KEY_LEN + 1]; /* "": none, local */
	uint8_t identity[ZSOCKET_IDENTITY_MAX];
	uint8_t identity_len;
};

struct router_ops {
	size_t peer_size; /* of the owner's struct; given out cleared */
	/* Any message but HELLO and HEARTBEAT, of a peer that has said HELLO. It may be moved away from
	 * `message`. */
	void (*on_message)(void *owner, struct peer *peer, const struct frame_envelope *envelope,
		struct frame_reader body, zmq_msg_t *message);
	/* After the messages of a turn: the time to send what they led to. */
	void (*on_turn_end)(void *owner);
	/* Each ROUTER_TICK_MS or ROUTER_TICK_IDLE_MS. */
	void (*on_tick)(void *owner);
	/* The peer is freed after this. Nothing can be sent to it. */
	void (*on_gone)(void *owner, struct peer *peer);
};

enum router_drop {
	ROUTER_MALFORMED,     /* not a message that this side takes */
	ROUTER_TOO_MANY,      /* a limit on peers, queues, streams or registrations */
	ROUTER_STALE,         /* an answer to what is not asked any more; a batch not beyond the head */
	ROUTER_NO_CREDIT,     /* a batch, for one subscriber */
	ROUTER_NOT_PERMITTED, /* the peer's key may not do this */
	ROUTER_DROPS
};

struct router {
	void *socket;
	int socket_fd;
	struct access *access;
	const struct router_ops *ops;
	void *owner;
	struct peer **peers; /* ROUTER_PEERS_MAX */
	size_t peer_count;
	struct peer **buckets; /* ROUTER_PEERS_MAX */
	bool any_gone;
	bool busy;       /* set by the owner: there are deadlines to watch */
	uint64_t now_ns; /* when this turn began */
	uint64_t ticked_ns;
	int wake_fd;
	atomic_bool stopping;
	atomic_ullong turned_ns; /* when the loop last came round */
	struct metric_series *received[FRAME_TYPES];
	struct metric_series *dropped[ROUTER_DROPS];
	struct metric_series *peers_gauge;
};

/* `side` labels the metrics. access is asked where the endpoint is reached by key; it outlives the router.
 * False: error_out says why the endpoint cannot be served. */
bool router_open(struct router *router, const char *side, const char *endpoint, struct access *access,
	const struct router_ops *ops, void *owner, struct zsocket_error *error_out);
/* Runs on the calling thread until router_stop(). */
void router_run(struct router *router);
/* Any thread. */
void router_stop(struct router *router);
/* Makes the loop come round. Any thread. */
void router_wake(struct router *router);
/* Whether the loop has come round within ROUTER_ALIVE_MS: for /livez. Any thread. */
bool router_is_alive(const struct router *router);
/* Whether the peer may; it is counted if not. */
bool router_permits(struct router *router, const struct peer *peer, enum access_right right,
	const struct frame_envelope *envelope);
/* Counts what was not dealt with. */
void router_count_drop(struct router *router, enum router_drop why);
/* Frees the peers without telling the owner. */
void router_close(struct router *router);

/* Sends the message in the writer. False: the peer is gone or does not take what it is sent, which is the
 * same: it will be forgotten at the end of the turn. Never blocks. */
bool router_send(struct router *router, struct peer *peer, struct frame_writer *writer);
/* A message without name and body: HEARTBEAT, HELLO, GOODBYE. */
bool router_send_plain(struct router *router, struct peer *peer, enum frame_type type);
/* One message to many: it stays the caller's. */
bool router_send_shared(struct router *router, struct peer *peer, zmq_msg_t *message);
