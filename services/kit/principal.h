/*
 * Who asks, and what they may see: the row scope, in one place. An administrator sees every row; a member
 * sees the rows they own and those of their team and the teams below it. principal_may_see() is the same rule
 * as the SQL that the query compiler writes (query.c, add_scope); a test holds the two against each other.
 *
 * Principals are shared and immutable; each holder has a reference.
 */
#pragma once
#include "guanxi/identity/v1/identity.pb-c.h"
#include "kit/arena.h"
#include <stdbool.h>
#include <stdint.h>

enum { PRINCIPAL_SCOPE = 72 }; /* bytes of a scope, with its end */

struct principal {
	int references; /* atomic */
	uint8_t id[16];
	char id_text[37];
	bool administrator;
	bool system; /* a service; sees everything */
	bool must_change_password;
	bool has_team;
	uint8_t team[16];
	uint8_t (*teams)[16]; /* the own team and all below it, in bytewise order */
	size_t team_count;
	uint64_t rights_version;
	int64_t expire_us; /* when the session or API key that it came with ends; 0: it came with none */
	char asker[74];    /* as services know it: "<user>", or "<user>/<key>" with an API key */
	bool by_key;       /* asks with an API key: what principal_may_use() says, and no more */
	char (*scopes)[PRINCIPAL_SCOPE]; /* "customers:read"; ":write" includes reading */
	size_t scope_count;
};

/* The services among themselves; never freed. */
extern struct principal principal_system;

/* From identity's answer; NULL when it is malformed. The caller has the reference. */
struct principal *principal_new(const Guanxi__Identity__V1__Principal *message);
struct principal *principal_hold(struct principal *principal);
void principal_release(struct principal *principal);

/* Owner and team are 16 bytes or NULL. */
bool principal_may_see(const struct principal *principal, const uint8_t *owner, const uint8_t *team);

/* Whether an API key can have that scope at all; `collection` is one of a resource. Keys make no keys and no
 * sessions: a scope could be widened by it. */
bool principal_is_scope(const char *collection, bool writes);
/* Whether a collection's records may be read, or written, at all: always, but for an API key without the
 * scope. What of them may be seen is principal_may_see()'s. */
bool principal_may_use(const struct principal *principal, const char *collection, bool writes);
bool principal_has_expired(const struct principal *principal);
/* The same for the subject of an event, "customers/{id}". */
bool principal_may_follow(const struct principal *principal, const char *subject, size_t len);
