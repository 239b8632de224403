/*
 * Which events somebody wants, and which they may see: the same for every door through which events leave
 * (SSE, webhooks). Rights are those of now; the audience is the event's.
 */
#pragma once
#include "kit/event_json.h"
#include "kit/principal.h"

enum { EVENT_TYPE_FILTER_MAX = 200 }; /* bytes */

/* A whole type, or a beginning that ends in ".*" ("guanxi.customer.*"). Nothing else ever comes, so it is a
 * mistake to wait for it. */
bool event_type_is_filter(const char *text, size_t len);
/* "guanxi.customer.*" stands for all that begin with "guanxi.customer.". */
bool event_type_fits(struct slice filter, struct slice type);

/* It tells of a record as it stands, before older events about it are cut from the log (kit/retention.h): no
 * change. */
bool event_type_is_snapshot(struct slice type);

enum event_sight {
	SEES,
	SEES_NO_MORE, /* the record has left their sight with this event: they are told its id and no more */
	SEES_NOT,
};
enum event_sight event_sight(const struct principal *principal, bool everyone,
	const struct audience_entry *audience, size_t audience_count);
