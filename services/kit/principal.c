#include "kit/principal.h"
#include "kit/schema.h"
#include "kit/uuid.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct principal principal_system = {
	.references = 1, .id_text = "system", .asker = "system", .administrator = true, .system = true
};

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static bool read_teams(struct principal *p, const Guanxi__Identity__V1__Principal *message)
{
	p->teams = calloc(message->n_team_ids + 1, 16);
	for (size_t i = 0; i < message->n_team_ids; i++)
		if (!uuid_from_text(
			    message->team_ids[i], strlen(message->team_ids[i]), p->teams[p->team_count++]))
			return false;
	qsort(p->teams, p->team_count, 16, compare_ids);
	p->has_team = message->team_id && *message->team_id;
	return !p->has_team || uuid_from_text(message->team_id, strlen(message->team_id), p->team);
}

static bool read_scopes(struct principal *p, const Guanxi__Identity__V1__Principal *message)
{
	uint8_t key[16];

	p->by_key = message->key_id && *message->key_id;
	if (!p->by_key)
		return true;
	p->scopes = calloc(message->n_scopes + 1, PRINCIPAL_SCOPE);
	for (size_t i = 0; i < message->n_scopes; i++) {
		if (strlen(message->scopes[i]) >= PRINCIPAL_SCOPE)
			return false;
		strcpy(p->scopes[p->scope_count++], message->scopes[i]);
	}
	return uuid_from_text(message->key_id, strlen(message->key_id), key);
}

struct principal *principal_new(const Guanxi__Identity__V1__Principal *message)
{
	struct principal *p = calloc(1, sizeof *p);

	p->references = 1;
	if (!message->id || !uuid_from_text(message->id, strlen(message->id), p->id) ||
		!read_teams(p, message) || !read_scopes(p, message)) {
		principal_release(p);
		return NULL;
	}
	uuid_to_text(p->id, p->id_text);
	snprintf(p->asker, sizeof p->asker, "%s%s%s", p->id_text, p->by_key ? "/" : "",
		p->by_key ? message->key_id : "");
	p->administrator = message->role == GUANXI__IDENTITY__V1__ROLE__ROLE_ADMINISTRATOR;
	p->must_change_password = message->must_change_password;
	p->rights_version = message->rights_version;
	if (message->expire_time)
		p->expire_us = message->expire_time->seconds * 1000000 + message->expire_time->nanos / 1000;
	return p;
}

struct principal *principal_hold(struct principal *principal)
{
	__atomic_add_fetch(&principal->references, 1, __ATOMIC_RELAXED);
	return principal;
}

void principal_release(struct principal *principal)
{
	if (!principal || principal == &principal_system ||
		__atomic_sub_fetch(&principal->references, 1, __ATOMIC_ACQ_REL))
		return;
	free(principal->teams);
	free(principal->scopes);
	free(principal);
}

bool principal_may_see(const struct principal *principal, const uint8_t *owner, const uint8_t *team)
{
	if (principal->administrator)
		return true;
	if (owner && !memcmp(owner, principal->id, 16))
		return true;
	return team && bsearch(team, principal->teams, principal->team_count, 16, compare_ids);
}

bool principal_is_scope(const char *collection, bool writes)
{
	const struct schema_resource *resource = schema_resource_find(collection);

	return strcmp(collection, "sessions") && strcmp(collection, "apiKeys") &&
	       !(writes && resource && resource->rule->persons_write);
}

bool principal_may_use(const struct principal *principal, const char *collection, bool writes)
{
	size_t len = strlen(collection);

	if (!principal->by_key)
		return true;
	for (size_t i = 0; i < principal->scope_count && principal_is_scope(collection, writes); i++) {
		const char *scope = principal->scopes[i];

		if (!strncmp(scope, collection, len) && scope[len] == ':' &&
			(!strcmp(scope + len + 1, "write") || (!writes && !strcmp(scope + len + 1, "read"))))
			return true;
	}
	return false;
}

bool principal_has_expired(const struct principal *principal)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return principal->expire_us &&
	       principal->expire_us <= (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool principal_may_follow(const struct principal *principal, const char *subject, size_t len)
{
	const char *slash = len ? memchr(subject, '/', len) : NULL;
	char collection[PRINCIPAL_SCOPE];

	if (!principal->by_key)
		return true;
	if (!slash || slash - subject >= PRINCIPAL_SCOPE)
		return false;
	memcpy(collection, subject, (size_t)(slash - subject));
	collection[slash - subject] = '\0';
	return principal_may_use(principal, collection, false);
}
