/*
 * expand=ownerId,customerId: the records that those fields refer to, in `expanded`, by collection and id. One
 * question for each collection whatever the page holds, to the service that owns it, in the caller's name:
 * what they may not see is not there. A service that does not answer is told in `missing`.
 */
#pragma once
#include "gateway/call.h"

struct fan;

enum { EXPAND_MAX = 8 };

struct expand {
	const struct schema_field *fields[EXPAND_MAX];
	size_t count;
	struct fan *answers; /* NULL: nothing was asked */
};

/* Adds a field by its JSON name; false when it refers to nothing (told at `pointer`). */
bool expand_add(struct call *call, const char *pointer, const char *name);
/* The step behind the service's answer. */
enum progress expand_references(struct call *call);
/* Appends `,"expanded":{…}`, and `,"missing":[…]` where something is; nothing when no expansion was asked
 * for. */
void expand_append(struct call *call);
