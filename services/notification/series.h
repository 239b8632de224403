/*
 * Webhooks that read a log by themselves: one that was paused or fell behind catches up from the place where
 * it was left behind; a replay brings again what was, up to where the stream is when it is asked for. One
 * thread writes their deliveries page by page, as long as few wait, and lets whoever has caught up be told
 * again with the others.
 */
#pragma once
#include "kit/request.h"

enum {
	SERIES_PAGE = 500,
	SERIES_WAITING_MAX = 2500, /* deliveries of a webhook that wait: with more, nothing is added */
	SERIES_REPLAYS_MAX = 64,   /* of a webhook at a time, one a stream */
};

void series_start(void);
void series_stop(void);

/* Begins a replay: from "earliest", a time or a sequence; of one stream, or of all when NULL. Appends a
 * WebhookPlace for each end. */
enum status series_replay(struct request *req, const uint8_t webhook[16], const char *from,
	const char *stream, struct buffer *out) MUST_CHECK;
/* Appends as fields of that number the places from which the webhook catches up. */
enum status series_add_places(
	struct request *req, const uint8_t webhook[16], uint32_t number, struct buffer *out) MUST_CHECK;
