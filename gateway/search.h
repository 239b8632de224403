/*
 * GET /api/v1/search: one question to every resource that has something to search. The services look at the
 * same time, each under the caller's rights; what comes in time is answered, titles that are what was typed
 * first, then those that begin with it; resources that did not answer are named. When nothing has the words,
 * words that are nearly these are looked for.
 */
#pragma once
#include "gateway/route.h"

extern const struct endpoint search_endpoint;
/* Whether a global search looks into it. */
bool search_covers(const struct schema_resource *resource);
