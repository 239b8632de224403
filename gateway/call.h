/*
 * One request of the API on its way through the gateway. Its life is a table of steps (call.c): accept,
 * route, authenticate, limit, authorise, decode, call, encode, reply. Each is timed; a step may say WAIT when
 * it needs an answer of a service and the call goes on from there when that arrives; a step that fails jumps
 * to the reply. A call lives in the exchange's arena.
 */
#pragma once
#include "gateway/loop.h"
#include "gateway/route.h"
#include "kit/json.h"
#include "kit/principal.h"
#include "kit/problem.h"
#include "kit/traceparent.h"
#include "kit/uuid.h"

struct batch;
struct expand;
struct fan;
struct search;
struct session_wait;
struct upload;

enum { CALL_HEADERS_MAX = 16 };

struct call {
	struct exchange *x;
	struct arena *arena; /* the exchange's */
	struct loop *loop;
	const struct route *route; /* NULL when nothing is at the address */
	const char *id;            /* what stood for {id} in the path; NULL when nothing did */
	struct traceparent trace;
	enum language language;
	bool body_follows;     /* begun with the head alone: the body comes in chunks */
	struct upload *upload; /* files.c's; NULL until it begins */
	size_t step;
	uint64_t began_ns, step_began_ns;

	/* who */
	uint8_t token_hash[32]; /* SHA-256 of the session's token */
	bool has_token, by_cookie;
	struct principal *principal; /* NULL: nobody; held until the arena is reset */
	const char *session_id;
	struct session_wait *session_wait;
	uint32_t rate_remaining, rate_reset_s;
	bool rate_known;

	/* to the service */
	struct buffer request;       /* the body, encoded */
	struct json_mask *only;      /* of a list's records the client wants these fields; NULL: all */
	uint64_t if_version;         /* of If-Match; 0: none */
	const char *idempotency_key; /* NULL: none */
	const char *queue, *method;  /* instead of the route's; NULL: those */
	struct expand *expand;       /* references to follow in the answer; NULL: none */
	struct batch *batch;         /* a batch's; NULL: it is none */
	struct search *search;       /* a global search's; NULL: it is none */
	uint64_t bus_id;             /* of the call in flight; 0: none */
	struct fan *fan;             /* the calls in flight, where several are; NULL: none */

	/* from the service: valid in `encode` only, which runs while the bus's bytes are there */
	struct slice reply;
	uint64_t version;
	bool replayed;
	const char *created_id;

	/* the answer */
	enum status status;
	struct problem *problem; /* NULL when OK */
	unsigned http_status;
	const char *content_type;
	struct buffer body;
	struct http_slice
		static_body; /* instead of body, when data is not NULL: lives as long as the process */
	struct http_header headers[CALL_HEADERS_MAX];
	size_t header_count;
};

/* For server.h's on_head (when the route takes its body in chunks: body_follows) and on_request. */
void call_begin(struct exchange *x, bool body_follows);
/* Whether the route that this head leads to takes its body in chunks. */
bool call_streams_body(struct exchange *x);

/* Records why the call fails. The message's arguments follow, then NULL. */
enum progress call_fail(struct call *call, enum status status, enum message message, ...)
	__attribute__((sentinel));
/* The same for one value. */
enum progress call_fail_at(
	struct call *call, const char *pointer, enum message message, const char *first, const char *second);

/* Goes on behind the step that said WAIT; with FAILED, to the reply. */
void call_resume(struct call *call, enum progress progress);

/* Puts what the bus brought into the call: GO_ON when the service answered OK, else FAILED with its problem.
 */
enum progress call_take_reply(struct call *call, const struct bus_reply *reply);
/* The same for those that keep no call: the outcome as a status, and a problem where the service gave none.
 */
enum status bus_reply_status(
	const struct bus_reply *reply, bool idempotent, struct arena *arena, struct problem **problem_out);

void call_add_header(struct call *call, const char *name, const char *value);
/* Metrics and log: for those who answer the exchange themselves; http_status must be set. */
void call_account(const struct call *call);
/* Headers that every answer of the API has. */
void call_add_common_headers(struct call *call);
