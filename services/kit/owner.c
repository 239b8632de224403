#include "kit/owner.h"
#include "kit/question.h"
#include "kit/uuid.h"

static void ask(struct bus_client *client, const uint8_t id[16], struct bus_reply *reply)
{
	struct arena *arena = arena_new();
	char text[UUID_TEXT_LEN + 1];

	uuid_to_text(id, text);
	struct bus_call call = question_about(arena, "identity.read", "IdentityService.GetPrincipal", text);

	bus_client_call_wait(client, &call, reply);
	arena_free(arena);
}

enum status owner_ask(struct bus_client *client, const uint8_t id[16], struct principal **owner_out)
{
	struct bus_reply reply;

	ask(client, id, &reply);
	if (reply.outcome != BUS_ANSWERED)
		return UNAVAILABLE;
	if (reply.status == NOT_FOUND || reply.status == FORBIDDEN)
		return NOT_FOUND;
	Guanxi__Identity__V1__Principal *message =
		reply.status == OK ? guanxi__identity__v1__principal__unpack(NULL, reply.body_len, reply.body)
				   : NULL;

	if (!message)
		return UNAVAILABLE;
	*owner_out = principal_new(message);
	guanxi__identity__v1__principal__free_unpacked(message, NULL);
	return *owner_out ? OK : UNAVAILABLE;
}
