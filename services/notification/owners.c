#include "notification/owners.h"
#include "kit/config.h"
#include "kit/owner.h"
#include "kit/request.h"
#include <stdlib.h>
#include <string.h>

#define PLACES 256

struct place {
	bool used;
	uint8_t id[16];
	struct principal *principal; /* NULL: not active */
	uint64_t asked_ns;
};

struct owners {
	struct bus_client *client;
	struct place places[PLACES];
};

struct owners *owners_open(void)
{
	struct owners *owners = calloc(1, sizeof *owners);
	struct zsocket_error error;

	if (!owners)
		abort();
	owners->client = bus_client_open(
		&(struct bus_client_options){ .endpoints = config_text("GUANXI_BROKER_REQUESTS") }, &error);
	if (!owners->client)
		config_refuse("GUANXI_BROKER_REQUESTS: %s", error.text);
	return owners;
}

void owners_close(struct owners *owners)
{
	for (size_t i = 0; i < PLACES; i++)
		principal_release(owners->places[i].principal);
	bus_client_close(owners->client);
	free(owners);
}

static enum status ask(struct owners *owners, struct place *place, const uint8_t id[16])
{
	struct principal *principal = NULL;
	enum status status = owner_ask(owners->client, id, &principal);
	bool known = place->used && !memcmp(place->id, id, 16);

	if (status == UNAVAILABLE)
		return known ? OK : UNAVAILABLE;
	principal_release(place->principal);
	*place = (struct place){ .used = true, .principal = principal, .asked_ns = request_now_ns() };
	memcpy(place->id, id, 16);
	return OK;
}

enum status owners_get(struct owners *owners, const uint8_t id[16], const struct principal **owner_out)
{
	struct place *place = &owners->places[id[15] % PLACES]; /* the last bytes of a UUIDv7 are random */
	bool fresh = place->used && !memcmp(place->id, id, 16) &&
		     request_now_ns() - place->asked_ns < OWNERS_REMEMBER_MS * UINT64_C(1000000);

	if (!fresh)
		TRY(ask(owners, place, id));
	if (!place->principal)
		return NOT_FOUND;
	*owner_out = place->principal;
	return OK;
}
