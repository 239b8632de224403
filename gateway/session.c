#include "gateway/session.h"
#include "guanxi/identity/v1/identity.pb-c.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096 };

/* In a bucket's list, and in the list of use, the most recent first. */
struct entry {
	struct session session;
	uint64_t asked_ms;
	struct entry *next;
	struct entry *newer, *older;
};

struct sessions {
	struct loop *loop;
	struct entry *buckets[BUCKETS];
	struct entry *newest, *oldest;
	size_t count;
};

struct session_wait {
	struct sessions *sessions;
	uint8_t hash[SESSION_HASH];
	uint64_t bus_id;
	void (*on_resolved)(void *ctx, enum status status, const struct session *session);
	void *ctx;
};

struct sessions *sessions_new(struct loop *loop)
{
	struct sessions *sessions = calloc(1, sizeof *sessions);

	if (!sessions)
		abort();
	sessions->loop = loop;
	return sessions;
}

static struct entry **bucket_of(struct sessions *sessions, const uint8_t *hash)
{
	return &sessions->buckets[(hash[0] | hash[1] << 8) % BUCKETS]; /* SHA-256 is as random as can be */
}

static void unlink_use(struct sessions *sessions, struct entry *entry)
{
	*(entry->newer ? &entry->newer->older : &sessions->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &sessions->oldest) = entry->newer;
}

static void push_use(struct sessions *sessions, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = sessions->newest;
	*(sessions->newest ? &sessions->newest->newer : &sessions->oldest) = entry;
	sessions->newest = entry;
}

static void forget(struct sessions *sessions, struct entry *entry)
{
	struct entry **at = bucket_of(sessions, entry->session.hash);

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	unlink_use(sessions, entry);
	sessions->count--;
	principal_release(entry->session.principal);
	free(entry);
}

void sessions_forget_all(struct sessions *sessions)
{
	while (sessions->oldest)
		forget(sessions, sessions->oldest);
}

void sessions_free(struct sessions *sessions)
{
	sessions_forget_all(sessions);
	free(sessions);
}

void sessions_forget_session(struct sessions *sessions, const char *session_id)
{
	for (struct entry *e = sessions->newest, *older; e; e = older) {
		older = e->older;
		if (!strcmp(e->session.id, session_id))
			forget(sessions, e);
	}
}

void sessions_forget_user(struct sessions *sessions, const uint8_t user_id[16])
{
	for (struct entry *e = sessions->newest, *older; e; e = older) {
		older = e->older;
		if (!memcmp(e->session.principal->id, user_id, 16))
			forget(sessions, e);
	}
}

static struct entry *find(struct sessions *sessions, const uint8_t *hash)
{
	for (struct entry *e = *bucket_of(sessions, hash); e; e = e->next)
		if (!memcmp(e->session.hash, hash, SESSION_HASH))
			return e;
	return NULL;
}

const struct session *session_find(struct sessions *sessions, const uint8_t hash[SESSION_HASH])
{
	struct entry *entry = find(sessions, hash);

	if (!entry)
		return NULL;
	if (server_thread_now_ms(sessions->loop->thread) - entry->asked_ms > SESSION_TTL_MS ||
		principal_has_expired(entry->session.principal)) {
		forget(sessions, entry);
		return NULL;
	}
	unlink_use(sessions, entry);
	push_use(sessions, entry);
	return &entry->session;
}

static const struct session *remember(
	struct sessions *sessions, const uint8_t *hash, struct principal *principal, const char *session_id)
{
	struct entry *entry = find(sessions, hash), **bucket = bucket_of(sessions, hash);

	if (entry)
		forget(sessions, entry);
	if (sessions->count == SESSIONS_MAX) {
		assert(sessions->oldest);
		forget(sessions, sessions->oldest);
	}
	entry = calloc(1, sizeof *entry);
	if (!entry)
		abort();
	memcpy(entry->session.hash, hash, SESSION_HASH);
	entry->session.principal = principal;
	strncpy(entry->session.id, session_id, sizeof entry->session.id - 1);
	entry->asked_ms = server_thread_now_ms(sessions->loop->thread);
	entry->next = *bucket;
	*bucket = entry;
	push_use(sessions, entry);
	sessions->count++;
	return &entry->session;
}

static enum status status_of(const struct bus_reply *reply)
{
	if (reply->outcome == BUS_DEADLINE)
		return DEADLINE;
	if (reply->outcome != BUS_ANSWERED || reply->status == UNAVAILABLE || reply->status >= STATUS_COUNT)
		return UNAVAILABLE;
	if (reply->status == INTERNAL || reply->status == DEADLINE)
		return reply->status;
	return reply->status == OK ? OK : UNAUTHENTICATED;
}

static void on_reply(void *ctx, const struct bus_reply *reply)
{
	struct session_wait *wait = ctx;
	enum status status = status_of(reply);
	const struct session *session = NULL;

	if (status == OK) {
		Guanxi__Identity__V1__Principal *message =
			guanxi__identity__v1__principal__unpack(NULL, reply->body_len, reply->body);
		struct principal *principal = message ? principal_new(message) : NULL;

		if (principal)
			session = remember(wait->sessions, wait->hash, principal,
				message->session_id ? message->session_id : "");
		else
			status = INTERNAL;
		if (message)
			guanxi__identity__v1__principal__free_unpacked(message, NULL);
	}
	wait->on_resolved(wait->ctx, status, session);
	free(wait);
}

struct session_wait *session_resolve(struct sessions *sessions, const uint8_t hash[SESSION_HASH],
	void (*on_resolved)(void *ctx, enum status status, const struct session *session), void *ctx)
{
	struct session_wait *wait = calloc(1, sizeof *wait);
	uint8_t body[2 + SESSION_HASH] = { 1 << 3 | WIRE_BYTES,
		SESSION_HASH }; /* ResolveSessionRequest.token_hash */

	if (!wait)
		abort();
	*wait = (struct session_wait){ .sessions = sessions, .on_resolved = on_resolved, .ctx = ctx };
	memcpy(wait->hash, hash, SESSION_HASH);
	memcpy(body + 2, hash, SESSION_HASH);
	const struct rpc rpc = {
		.queue = "identity.read",
		.method = "IdentityService.ResolveSession",
		.principal_id = "system",
		.body = body,
		.body_len = sizeof body,
		.timeout_ms = SESSION_RESOLVE_MS,
		.idempotent = true,
		.on_reply = on_reply,
		.ctx = wait,
	};

	wait->bus_id = loop_call(sessions->loop, &rpc);
	return wait;
}

void session_cancel(struct session_wait *wait)
{
	bus_client_cancel(wait->sessions->loop->bus, wait->bus_id);
	free(wait);
}
