/*
 * One POST of an event to an endpoint, by libcurl: how it is made, what is refused, and what is kept of its
 * outcome. The sender runs many at once; a test of a webhook runs one.
 */
#pragma once
#include "kit/arena.h"
#include "kit/wire.h"
#include <curl/curl.h>
#include <stdint.h>

enum {
	POST_CONNECT_MS = 5000,
	POST_WHOLE_MS = 15000,
	POST_ANSWER_KEPT = 1024,  /* bytes of the answer's body */
	POST_ANSWER_READ = 65536, /* what is longer is not waited for */
	POST_ERROR_MAX = 300,
};

struct post_request {
	const char *url, *id; /* webhook-id */
	struct slice body;
	const uint8_t (*secrets)[32];
	size_t secret_count;
	bool replayed;
};

/* In the arena that it was made in; the arena must live as long as the transfer. */
struct post {
	struct arena *arena;
	CURL *easy;
	struct curl_slist *headers;
	bool is_plain;                       /* http */
	bool refused_private, refused_plain; /* the address was not connected to, and why */
	bool answer_is_long;
	struct buffer answer;
	int64_t retry_after_s; /* 0: not asked for */
	uint64_t started_ns;
	int64_t started_us;
};

struct post_outcome {
	bool ok;    /* 2xx */
	int status; /* 0: no answer came */
	int duration_ms;
	int64_t retry_after_s;
	const char *error;  /* NULL when ok; English, for the log of deliveries */
	const char *answer; /* UTF-8; NULL when there was none */
};

/* Ready for curl_easy_perform() or curl_multi_add_handle(). Released with the arena. */
struct post *post_new(const struct post_request *request, struct arena *arena);
struct post_outcome post_outcome(struct post *post, CURLcode code);
/* The outcome as a JSON array of one guanxi.notification.v1.DeliveryTry. */
void post_try_json(const struct post *post, const struct post_outcome *outcome, struct buffer *out);
