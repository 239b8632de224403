#include "kit/principal.h"
#include "kit/uuid.h"
#include <stdlib.h>
#include <string.h>

struct principal principal_system = {
	.references = 1, .id_text = "system", .administrator = true, .system = true
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

struct principal *principal_new(const Guanxi__Identity__V1__Principal *message)
{
	struct principal *p = calloc(1, sizeof *p);

	p->references = 1;
	if (!message->id || !uuid_from_text(message->id, strlen(message->id), p->id) ||
		!read_teams(p, message)) {
		principal_release(p);
		return NULL;
	}
	uuid_to_text(p->id, p->id_text);
	p->administrator = message->role == GUANXI__IDENTITY__V1__ROLE__ROLE_ADMINISTRATOR;
	p->must_change_password = message->must_change_password;
	p->rights_version = message->rights_version;
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
