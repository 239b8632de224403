/*
 * Who an owner is now, for work that is done in their name when they are not there: asks identity and waits.
 */
#pragma once
#include "kit/bus_client.h"
#include "kit/principal.h"
#include "kit/status.h"

/* OK: the caller has the reference. NOT_FOUND: there is no such user, or they are not active. UNAVAILABLE:
 * nobody could be asked. */
enum status owner_ask(
	struct bus_client *client, const uint8_t id[16], struct principal **owner_out) MUST_CHECK;
