#include "kit/owner.h"
#include "kit/arena.h"
#include "kit/uuid.h"
#include "kit/wire.h"

#define ASK_MS 3000

static void ask(struct bus_client *client, const uint8_t id[16], struct bus_reply *reply)
{
	struct arena *arena = arena_new();
	struct buffer header = { .arena = arena }, body = { .arena = arena };
	char text[UUID_TEXT_LEN + 1];

	uuid_to_text(id, text);
	wire_add_text(&header, 1, "IdentityService.GetPrincipal");
	wire_add_text(&header, 2, "system");
	wire_add_text(&body, 1, text);
	bus_client_call_wait(client,
		&(struct bus_call){ .queue = "identity.read",
			.header = header.data,
			.header_len = header.len,
			.body = body.data,
			.body_len = body.len,
			.timeout_ms = ASK_MS,
			.idempotent = true },
		reply);
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
