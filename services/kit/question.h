/*
 * What one service asks another about one record, in the system's own name: a read, so asked again of another
 *broker when one is lost.
 *
 *	struct bus_call call = question_about(arena, "identity.read", "users.get", id);
 *	call.on_reply = take_answer;
 *	bus_client_call(client, &call);
 */
#pragma once
#include "kit/arena.h"
#include "kit/bus_client.h"

#define QUESTION_MS 3000 /* until there must be an answer */

/* The call; its bytes live in the arena, and are copied by whoever sends it. */
struct bus_call question_about(struct arena *arena, const char *queue, const char *method, const char *id);
