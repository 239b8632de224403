/*
 * The services' event streams as one loop thread follows them: the newest events of each in a ring, gaps
 * filled from the log, and what identity's events mean for the sessions remembered. While nobody listens on
 * this thread, events are let pass.
 */
#pragma once
#include "gateway/loop.h"
#include "gateway/ring.h"

enum {
	HUB_LOG_READS_MAX = 16, /* under way at once for those who are behind; others wait */
	HUB_LOG_PAGE = 100,
	HUB_LOG_MS = 5000,
};

struct follower;
struct hub;

/* NULL: an endpoint is wrong, and error says how. */
struct hub *hub_new(struct loop *loop, char error[SERVER_ERROR_SIZE]);
void hub_free(struct hub *hub);

size_t hub_stream_count(const struct hub *hub);
const char *const *hub_stream_names(const struct hub *hub);
const struct ring *hub_ring(const struct hub *hub, size_t stream);
bool hub_connected(const struct hub *hub);

/* Those who listen, as a list that follower.c keeps its members of. */
void hub_add(struct hub *hub, struct follower *follower);
void hub_remove(struct hub *hub, struct follower *follower);
/* At the end of each turn of the loop: sends what came in it. */
void hub_turn_end(struct hub *hub);
/* Each second. */
void hub_tick(struct hub *hub);

/* A page of a service's log. */
struct log_page {
	enum status status; /* not OK: nothing below is set */
	uint32_t epoch;
	uint64_t head, low, up_to;
	struct slice bytes; /* the ReadLogResponse, for log_page_next(); valid in the callback */
};
/* Visits the events: false at the end, and when they are malformed. *rest starts as page->bytes. */
bool log_page_next(struct slice *rest, struct arena *arena, struct logged_event *event_out);

struct log_read;

/*
 * Reads what follows place.position (or, with time not NULL, from that time on) and calls back once, later.
 * NULL: too many reads are under way; the follower's follower_pump() is called when there is room.
 */
struct log_read *hub_read_log(struct hub *hub, size_t stream, uint32_t epoch, uint64_t after,
	const char *time, void (*on_page)(void *ctx, size_t stream, const struct log_page *page), void *ctx);
/* The callback will not come. */
void hub_cancel_read(struct log_read *read);
