/*
 * server: HTTP/1.1 over TCP or TLS for an application that answers later. One event loop a thread, each
 * with its own listening socket (SO_REUSEPORT); a connection belongs to one thread for life and nothing is
 * shared between threads, so everything below marked (loop) is called on the exchange's own thread only.
 *
 * An exchange is one request and its answer. The server reads the head (and the body, unless the
 * application wants it in chunks), hands the exchange to on_request, and waits; the application answers at
 * once or at any later time on that thread with exchange_reply(), or opens a stream. Requests that one
 * client pipelines are handed over one after the other.
 *
 * A turn of the loop: all requests that have arrived are parsed and handed over; then on_turn_end lets the
 * application send what it gathered; then the answers of the turn are written, one system call a
 * connection.
 *
 *	static void on_request(struct exchange *x)
 *	{
 *		exchange_reply(x, &(struct reply){ .status = 200, .body = { "{}", 2 } });
 *	}
 *	char error[SERVER_ERROR_SIZE];
 *	struct server *server;
 *	if (!server_open(&server_defaults, &application, NULL, &server, error))
 *		…print error, exit 1…
 *	server_start(server);
 *	…wait for SIGTERM…
 *	server_drain(server, 20000);
 *	server_close(server);
 */
#pragma once

#include "kit/arena.h"
#include "kit/http.h"

struct event_base;
struct exchange;
struct server;
struct server_thread;

enum {
	SERVER_ERROR_SIZE = 512,
	SERVER_INPUT_SIZE =
		32 * 1024, /* head, raw body bytes and pipelined requests that one connection may hold */
};

struct server_options {
	/*
	 * "127.0.0.1:8080", "[::]:8443", "localhost:0"; a wider address than loopback needs TLS or proxies
	 */
	const char *listen;
	unsigned threads;
	unsigned max_connections; /* over all threads; one more is told 503. Lowered to fit RLIMIT_NOFILE */
	struct http_limits http;
	/* Deadlines are absolute: a byte now and then does not extend them. */
	unsigned head_timeout_ms; /* from a request's first byte to the end of its head: 408 */
	unsigned idle_timeout_ms; /* a kept connection without a request is closed */
	/* a whole buffered body: 408; for streamed ones the window of minimum_rate */
	unsigned body_timeout_ms;
	unsigned exchange_timeout_ms; /* the application's answer, or the begin of its stream: 504 */
	/* window in which an unread answer must move by minimum_rate, a stream at all */
	unsigned write_timeout_ms;
	/* how long a refused client is still listened to so that it can read why */
	unsigned linger_timeout_ms;
	unsigned minimum_rate_bytes; /* a second */
	/* unsent bytes of one stream; what does not fit is refused to the application */
	size_t stream_buffer_bytes;
	const char *tls_certificate_file; /* PEM chain; both or neither */
	const char *tls_key_file;
	const char *trusted_proxies; /* comma list of CIDRs whose X-Forwarded-* count; NULL for none */
};
/*
 * 127.0.0.1:8080, 1 thread, 10,000 connections, 10 s, 60 s, 30 s, 60 s, 30 s, 2 s, 16 KiB/s, 256 KiB,
 * plain, none.
 */
extern const struct server_options server_defaults;

/* What the application brings. Only on_request must be there. All are called on loop threads. */
struct server_application {
	/*
	 * A thread starts and ends: makes and frees the application's state for it, see
	 * server_thread_state().
	 */
	void *(*on_thread_open)(struct server_thread *thread, void *context);
	void (*on_thread_close)(struct server_thread *thread, void *state);
	/*
	 * The head of a request with a body is in: the time to exchange_limit_body, exchange_stream_body or
	 * refuse.
	 */
	void (*on_head)(struct exchange *x);
	/* The request is whole. */
	void (*on_request)(struct exchange *x);
	/* Everything readable was handed over. */
	void (*on_turn_end)(struct server_thread *thread);
	/*
	 * The server itself refused something (400, 408, 413, 431, 503 …) before or instead of the
	 * application, or the application with exchange_refuse(). For logs.
	 */
	void (*on_refused)(
		struct server_thread *thread, unsigned status, const char *code, const char *trace_id);
};

/* --- the server's life --- */

/*
 * Binds and loads certificates; nothing is served yet. False: one sentence for people in error, naming the
 * address or file. options and application are copied; the strings must outlive the server.
 */
MUST_CHECK bool server_open(const struct server_options *options,
	const struct server_application *application, void *context, struct server **server_out,
	char error[SERVER_ERROR_SIZE]);

/* The address bound, "127.0.0.1:43210"; for port 0 with the port that was found. */
const char *server_address(const struct server *server);

void server_start(struct server *server);

/*
 * Any thread: stops accepting, says Connection: close from now on, ends streams (on_drain), lets requests
 * finish, and cuts what is still open after deadline_ms. Returns at once; server_close waits for the end.
 */
void server_drain(struct server *server, unsigned deadline_ms);

/*
 * Joins the threads and frees everything. Drains with deadline 0 where server_drain was not called. Accepts
 * NULL.
 */
void server_close(struct server *server);

/* Totals since the start, over all threads; may be read at any time from any thread. */
struct server_counters {
	uint64_t connections_accepted, connections_open, connections_refused;
	uint64_t requests, replies, streams_open;
	uint64_t refusals; /* answers that the server gave by itself, timeouts among them */
	uint64_t received_bytes, sent_bytes;
};
void server_read_counters(const struct server *server, struct server_counters *counters_out);

/* (loop) */
struct event_base *server_thread_base(struct server_thread *thread);
void *server_thread_state(struct server_thread *thread);
unsigned server_thread_index(struct server_thread *thread);
/* True from server_drain on. */
bool server_thread_is_draining(struct server_thread *thread);
/* Milliseconds of CLOCK_MONOTONIC as of this turn. */
uint64_t server_thread_now_ms(struct server_thread *thread);

/* --- exchanges (all loop) --- */

/*
 * What the application sees of an exchange. head, body and arena are valid until the reply or until the end
 * of the turn in which a stream begins (an open stream keeps no request memory): a stream copies what it
 * needs into memory of its own.
 */
struct exchange {
	struct server_thread *thread;
	const struct http_head *head;
	struct http_slice body; /* decoded; empty where there is none or it was streamed */
	struct arena *arena;    /* for the application's own use */
	void *context;          /* the application's own; NULL at first */
	/*
	 * Set by the application to hear that the exchange is over without its doing: the client has gone,
	 * ran out of time, or the server ends. Called at most once, never after exchange_reply or
	 * exchange_stream_end. context is still there, but nothing can be sent any more.
	 */
	void (*on_close)(struct exchange *x);
};

/*
 * Names an exchange in messages (slot and generation). Never 0 and never reused: a late answer finds
 * nothing.
 */
uint64_t exchange_handle(const struct exchange *x);
/* NULL when that exchange has been answered or is gone. Handles are the thread's own. */
struct exchange *exchange_find(struct server_thread *thread, uint64_t handle);

/*
 * The client's address as text: the peer, or the last X-Forwarded-For entry that no trusted proxy added. In
 * x->arena, so not for a stream that is already open.
 */
const char *exchange_client_address(struct exchange *x);
/* Whether the client speaks TLS: to us, or to a trusted proxy that says so. */
bool exchange_is_secure(const struct exchange *x);
/* What is said to whoever came over TLS: for a year, never without it (RFC 6797). */
#define STRICT_TRANSPORT "max-age=31536000"

/* In on_head: this route takes a body of at most limit_bytes in place of options.http.body_size_bytes. */
void exchange_limit_body(struct exchange *x, uint64_t limit_bytes);

/*
 * In on_head: hands the body over in chunks as it comes instead of keeping it; on_request follows when it
 * is whole. The chunk is valid during the call. Both calls may answer the exchange at any time, which ends
 * the upload.
 */
void exchange_stream_body(struct exchange *x, uint64_t limit_bytes,
	void (*on_body)(struct exchange *x, struct http_slice chunk));
/* No more chunks until resume: the client is stopped by TCP. The minimum rate does not run meanwhile. */
void exchange_pause_body(struct exchange *x);
void exchange_resume_body(struct exchange *x);

struct reply {
	unsigned status;
	const struct http_header
		*headers; /* without Date, Content-Length, Connection, Transfer-Encoding: those are ours */
	size_t header_count;
	struct http_slice body;        /* copied */
	const struct http_slice *more; /* further parts of the body, copied behind it */
	size_t more_count;
	/* body stays valid as long as the server: sent from where it is, not copied (no `more` then) */
	bool body_is_static;
	bool close; /* close the connection afterwards */
};

/* Answers and ends the exchange: x is gone afterwards. HEAD, 204 and 304 send no body. */
void exchange_reply(struct exchange *x, const struct reply *reply);

/*
 * Answers with an application/problem+json of that status and message (which takes no arguments), in the
 * language of the request: for what has no richer problem.
 */
void exchange_refuse(struct exchange *x, unsigned status, enum message message);

struct stream_events {
	void (*on_writable)(struct exchange *x); /* after a refused write: all has been sent */
	/*
	 * The server drains: write a farewell, then exchange_stream_end. Without it the stream is just
	 * ended.
	 */
	void (*on_drain)(struct exchange *x);
};

/*
 * Begins an answer of unknown length (SSE, exports). x->on_close tells when the client has gone. events
 * outlives x.
 */
void exchange_stream_begin(struct exchange *x, const struct reply *head, const struct stream_events *events);
/*
 * Takes the whole of data, to be sent at the end of the turn, or nothing: false when stream_buffer_bytes
 * would be exceeded; on_writable follows. Data larger than the buffer is taken when the buffer is empty.
 */
MUST_CHECK bool exchange_stream_write(struct exchange *x, const char *data, size_t size);
/* The stream is complete: x is gone afterwards, what was written is still sent. */
void exchange_stream_end(struct exchange *x);
/* The stream cannot be completed: the connection is cut, so that nobody takes what was sent for the whole.
 * on_close is called if set. */
void exchange_abort(struct exchange *x);
