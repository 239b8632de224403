/*
 * What somebody who follows events asks for:
 *
 *	GET
 * /api/v1/events?types=guanxi.customer.*,guanxi.identity.team.*&subjects=customers/{id},contacts/{id}&from=earliest
 *
 * An event comes when it fits one of the types and one of the subjects; without types all do, and so without
 * subjects. Whatever is asked for, one cursor holds the places in the streams of all services.
 */
#pragma once
#include "gateway/call.h"
#include "kit/event_filter.h"

enum {
	EVENT_WISH_TYPES_MAX = 32,
	EVENT_WISH_SUBJECTS_MAX = 100,
};

/* Some texts of a list. */
struct event_names {
	size_t count;
	struct slice *names; /* NULL: all are wanted */
};

struct event_wish {
	struct event_names types, subjects; /* subjects in their order */
	const char *from;                   /* NULL: latest; Last-Event-ID wins */
};

/* Reads the query and Last-Event-ID into the call's memory. FAILED: told what is wrong. */
enum progress event_wish_read(struct call *call, struct event_wish *wish_out);

/* The same in memory of its own, for as long as a stream is open. `from` is not kept. */
struct event_wish event_wish_keep(const struct event_wish *wish);
void event_wish_free(struct event_wish *wish);

bool event_wish_fits(const struct event_wish *wish, struct slice type, struct slice subject);
