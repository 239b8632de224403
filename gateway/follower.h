/*
 * One open event stream (server-sent events): GET /api/v1/events, see event_wish.h. It has a place in each
 * stream and takes from the rings, or, when it is behind them, from the logs, as fast as its client reads; a
 * client that does not read costs its buffer and nobody else anything. Whose place lies before what is kept
 * of a log is told GAP and goes on with what is kept, which tells of every record (kit/retention.h). Rights
 * are those of now: administrators see all, a member what they own and what their teams own; when a record
 * has left their sight they get one "hidden". Sessions are looked at again every few seconds.
 */
#pragma once
#include "gateway/call.h"
#include "gateway/ring.h"

enum {
	FOLLOWER_COMMENT_MS = 15000,
	FOLLOWER_RECHECK_MS = 5000,
	FOLLOWER_RETRY_MS = 3000, /* told to clients: wait so long before coming again */
};

extern const struct endpoint events_endpoint;

/* In hub.c's list. */
struct follower_links {
	struct follower *next, **at;
};
struct follower_links *follower_links(struct follower *follower);

/* Sends what there is. */
void follower_pump(struct follower *follower);
/* Each second: comments, sessions. */
void follower_tick(struct follower *follower, uint64_t now_ms);
/* Its rights may have changed: look again soon. NULL: those of everyone. */
void follower_doubt(struct follower *follower, const uint8_t user_id[16]);
