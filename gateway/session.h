/*
 * Who a session's token belongs to. Identity knows; each loop thread remembers what it said for
 * SESSION_TTL_MS, and forgets it at once when an event of identity's says that the session ended or that
 * rights changed. Tokens are known by their SHA-256 only.
 */
#pragma once
#include "gateway/loop.h"
#include "kit/principal.h"
#include "kit/problem.h"

enum {
	SESSION_TTL_MS = 5000,
	SESSIONS_MAX = 8192, /* remembered by one thread; the least recently used goes */
	SESSION_HASH = 32,
	SESSION_RESOLVE_MS = 3000, /* identity has so long to answer */
};

struct session {
	uint8_t hash[SESSION_HASH];
	struct principal *principal;
	char id[37]; /* of the session, or of the API key */
};

struct sessions;

struct sessions *sessions_new(struct loop *loop);
void sessions_free(struct sessions *sessions);

/* NULL: not remembered; ask session_resolve(). Valid until the next call of this module. */
const struct session *session_find(struct sessions *sessions, const uint8_t hash[SESSION_HASH]);

struct session_wait;

/*
 * Asks identity and calls back once, later: OK with the session (valid during the call), UNAUTHENTICATED when
 * there is no such, UNAVAILABLE or DEADLINE when identity cannot say.
 */
struct session_wait *session_resolve(struct sessions *sessions, const uint8_t hash[SESSION_HASH],
	void (*on_resolved)(void *ctx, enum status status, const struct session *session), void *ctx);
/* The callback will not come. */
void session_cancel(struct session_wait *wait);

void sessions_forget_session(struct sessions *sessions, const char *session_id);
void sessions_forget_user(struct sessions *sessions, const uint8_t user_id[16]);
void sessions_forget_all(struct sessions *sessions);
