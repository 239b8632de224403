/*
 * connection: the server's inside; only server.c, connection*.c and exchange.c include this.
 *
 * A connection is in one state, and the state *is* the list of its thread that it is on. Every state has
 * one duration, so each list is ordered by deadline and one timer looks at the heads only.
 * connection_enter() alone changes states.
 *
 *	HANDSHAKE > IDLE > HEAD > BODY | UPLOAD (| PAUSED) > WORKING > ANSWERED (> WRITING)
 *	WORKING > STREAM (| STREAM_BLOCKED) > ANSWERED
 *	ANSWERED > HEAD | IDLE | LINGER | CLOSED
 *
 * An idle connection or an open stream owns this struct and nothing else: input buffer, head and arena are
 * a `struct request` that is taken when bytes arrive and given back when the exchange ends.
 */
#pragma once

#include "gateway/address.h"
#include "gateway/server.h"
#include "gateway/tls.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>

enum connection_state {
	CONNECTION_HANDSHAKE,
	CONNECTION_IDLE,           /* between requests */
	CONNECTION_HEAD,           /* a request has begun */
	CONNECTION_BODY,           /* its body is gathered */
	CONNECTION_UPLOAD,         /* its body is handed over in chunks */
	CONNECTION_PAUSED,         /* … and the application wants no more for now */
	CONNECTION_WORKING,        /* the application has the exchange */
	CONNECTION_ANSWERED,       /* the answer is written at the end of this turn */
	CONNECTION_WRITING,        /* the client does not take the answer as fast as it comes */
	CONNECTION_STREAM,         /* an open stream with nothing to send */
	CONNECTION_STREAM_BLOCKED, /* an open stream whose client lags */
	CONNECTION_LINGER,         /* answered and half closed; what still comes is thrown away */
	CONNECTION_CLOSED,         /* freed at the end of the turn */
	CONNECTION_STATES
};

/* What of the socket libevent watches. */
enum {
	/*
	 * "Gone" is watched edge-triggered: a reset makes libevent report a readable and writable socket,
	 * and a level-triggered watch for the closing alone would not consume that, and spin.
	 */
	WATCH_READ = EV_READ | EV_PERSIST,
	WATCH_WRITE = EV_WRITE | EV_PERSIST,
	WATCH_BOTH = EV_READ | EV_WRITE | EV_PERSIST,
	WATCH_GONE = EV_READ | EV_CLOSED | EV_ET | EV_PERSIST,
};

/* What follows when the answer is out. */
enum connection_next { NEXT_REQUEST, NEXT_CLOSE, NEXT_LINGER };

/* Memory of one request, from its first byte to its answer. */
struct request {
	struct request *next; /* in the thread's spare list */
	struct arena *arena;
	size_t input_size; /* bytes in input */
	size_t used_size;  /* of these, the ones that belong to this request */
	size_t scanned;    /* for http_parse_head */
	struct http_body decoder;
	uint64_t body_limit_bytes;
	void (*on_body)(struct exchange *x, struct http_slice chunk);
	char *body; /* a body that did not come in one piece with its head; malloc'ed */
	size_t body_size, body_capacity;
	struct http_head head;
	char input[SERVER_INPUT_SIZE];
};

struct connection {
	struct exchange exchange;           /* first: an exchange is its connection */
	struct connection *previous, *next; /* in the list of the state */
	struct connection *next_touched, *next_ready;
	uint64_t deadline_ms;
	struct event event;
	int fd;
	uint32_t slot, generation; /* generation counts exchanges: together they are the handle */
	uint8_t state, after;
	short watched; /* libevent's flags that the event is registered for */
	bool exchange_is_open;
	bool is_touched, is_ready;
	bool is_trusted_proxy;
	bool body_is_discarded; /* HEAD: a stream writes nothing */
	bool stream_is_chunked;
	bool stream_was_refused; /* a write was, so on_writable is owed */
	bool was_told_to_drain;
	struct request *request; /* NULL while idle or streaming */
	const struct stream_events *stream_events;
	struct tls_session *tls;
	char *output; /* malloc'ed; NULL while there is nothing to send */
	size_t output_start, output_size, output_capacity;
	struct http_slice pinned; /* static bytes to send behind output */
	uint64_t window_bytes;    /* moved since the deadline was set, where a minimum rate counts */
	struct address peer;
};

struct connection_list {
	struct connection *first, *last;
	size_t count;
};

struct counters {
	_Atomic uint64_t connections_accepted, connections_closed, connections_refused, requests, replies,
		streams_opened, streams_closed, refusals, received_bytes, sent_bytes;
};

struct server_thread {
	struct server *server;
	void *state; /* the application's */
	unsigned index;
	pthread_t pthread;
	struct event_base *base;
	int listener, wake_fd;
	struct event accept_event, wake_event, sweep_event, gate_event, drain_event;
	uint64_t sweep_at_ms; /* when sweep_event is due; UINT64_MAX when it is not armed */
	uint64_t now_ms;
	bool accept_is_gated; /* no more descriptors or connections: the listener waits */
	bool is_draining, is_finished;
	bool must_turn; /* the application was called after on_turn_end: give it another at once */
	struct connection_list lists[CONNECTION_STATES];
	struct connection *touched, *ready;
	struct connection **slots; /* by slot number; a free slot is NULL and its number in free_slots */
	uint32_t slots_count, slots_capacity, free_count;
	uint32_t *free_slots, *generations;
	size_t open_count;
	struct request *spare; /* most recently used first */
	size_t spare_count;
	struct http_date date;
	struct counters counters;
	char scratch[16 * 1024]; /* for bytes that nobody wants */
};

struct server {
	struct server_options options;
	struct server_application application;
	void *context;
	struct address_ranges trusted_proxies;
	struct tls_context *tls;
	char address[ADDRESS_TEXT_SIZE + 16];
	atomic_uint open_count;
	atomic_uint drain_ms; /* 1 + deadline once server_drain was called, or 0 */
	bool is_started;
	unsigned thread_count;
	struct server_thread *threads;
};

/* One writer, so no locked instruction is needed. */
static inline void count(_Atomic uint64_t *counter, uint64_t added)
{
	atomic_store_explicit(
		counter, atomic_load_explicit(counter, memory_order_relaxed) + added, memory_order_relaxed);
}

/* realloc that ends the process instead of failing. */
void *memory_resize(void *memory, size_t size_bytes);

/* --- connection.c --- */

/* Takes an accepted descriptor. refused: it is beyond the limit and is answered 503 and closed. */
void connection_open(struct server_thread *thread, int fd, const struct sockaddr_storage *peer, bool refused);
/*
 * Ends it now, whatever it does; tells the application when an exchange was open. Freed at the end of the
 * turn.
 */
void connection_close(struct connection *c);
void connection_enter(struct connection *c, enum connection_state state);
/* Draining: takes the request that an idle connection may have received unseen, or closes it. */
void connection_drain_idle(struct connection *c);
/* Bytes to send, a state to leave or memory to free: looked at at the end of the turn. */
void connection_touch(struct connection *c);
/* The deadline of the state has passed. */
void connection_expire(struct connection *c);
/* Wakes the thread at that time at the latest; UINT64_MAX for never. */
void connection_arm_sweep(struct server_thread *thread, uint64_t deadline_ms);
/* Answers by ourselves, tells the log, and closes. */
void connection_refuse(struct connection *c, unsigned status, enum message message);
/* Of one that is closed. */
void connection_free(struct connection *c);

/* --- connection_request.c --- */

/* The memory of a request, until its exchange ends. */
void connection_take_memory(struct connection *c);
void connection_give_memory_back(struct connection *c);
/* Moves what the client has pipelined behind the answered request to the front. */
void connection_begin_next(struct connection *c);
/* Looks for a request in what has already been received. */
void connection_take(struct connection *c);
/* Takes what was received as part of the request's body. */
void connection_take_body(struct connection *c);

/* --- connection_send.c --- */

/* The end of a turn for one touched connection: sends, goes on to what follows, frees. */
void connection_settle(struct connection *c);

/* --- exchange.c --- */

struct connection *exchange_connection(struct exchange *x);
/* Room for size_bytes more behind the output. */
char *output_reserve(struct connection *c, size_t size_bytes);
/*
 * Puts a problem document into the output and tells the log. head: of the request that it answers, NULL where
 * that was not understood.
 */
void output_problem(struct connection *c, const struct http_head *head, unsigned status, enum message message,
	bool close);
