/*
 * The codec on arbitrary bytes. Besides what the sanitizers see: a stream of requests must be cut in the same
 * places whether it comes at once or in pieces, and every slice must lie inside the input.
 */
#include "kit/http.h"

#include <stdlib.h>
#include <string.h>

enum {
	MESSAGES_MAX = 64,
	BODY_LIMIT = 1 << 16,
};

/* What a run over the input found. */
struct run {
	size_t heads, wholes;           /* heads taken, and of them with a whole body */
	size_t ends[MESSAGES_MAX];      /* where in the input each message ended */
	uint64_t digests[MESSAGES_MAX]; /* of each decoded body */
	unsigned refusal;               /* status, or 0 */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static uint64_t digest(uint64_t so_far, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		so_far = (so_far ^ (unsigned char)data[i]) * 1099511628211u;
	return so_far;
}

static void require_inside(struct http_slice slice, const char *data, size_t size)
{
	require(!slice.data || (slice.data >= data && slice.data + slice.size <= data + size));
}

static void visit_values(const struct http_head *head)
{
	struct http_slice rest = head->query, name, value;
	char *decoded = malloc(head->target.size + 1);
	size_t size;

	require(http_percent_decode(head->path, false, decoded, &size) ? size <= head->path.size : true);
	while (http_query_next(&rest, &name, &value)) {
		require_inside(name, head->target.data, head->target.size);
		require_inside(value, head->target.data, head->target.size);
		require(http_percent_decode(value, true, decoded, &size) ? size <= value.size : true);
	}
	free(decoded);
	http_cookie_find(http_head_get(head, HTTP_COOKIE), "sid", &value);
	http_etag_matches(http_head_get(head, HTTP_IF_MATCH), HTTP_SLICE("\"1\""), false);
	http_accepts_coding(http_head_get(head, HTTP_ACCEPT_ENCODING), "br");
}

static void check_head(const struct http_head *head, const char *data, size_t size)
{
	require(head->size_bytes <= size && head->size_bytes <= http_limits_default.head_size_bytes);
	require_inside(head->path, data, head->size_bytes);
	require_inside(head->query, data, head->size_bytes);
	for (size_t i = 0; i < head->header_count; i++) {
		require_inside(head->headers[i].name, data, head->size_bytes);
		require_inside(head->headers[i].value, data, head->size_bytes);
		require(!memchr(head->headers[i].value.data, '\r', head->headers[i].value.size));
		require(!memchr(head->headers[i].value.data, '\n', head->headers[i].value.size));
	}
	visit_values(head);
}

/* Decodes one body from data in pieces; returns the raw bytes used. */
static size_t run_body(const struct http_head *head, const char *data, size_t size, size_t piece,
	struct run *run, enum http_result *result_out)
{
	struct http_body body;
	struct http_refusal refusal;
	uint64_t sum = 14695981039346656037u;
	size_t at = 0, decoded_total = 0;
	bool is_first = true;

	http_body_init(&body, head, &http_limits_default, BODY_LIMIT);
	*result_out = HTTP_NEED_MORE;
	while (*result_out == HTTP_NEED_MORE && (at < size || is_first)) {
		size_t part = size - at < piece ? size - at : piece, consumed = 0, decoded = 0;
		char *copy = malloc(part + 1);

		is_first = false;
		memcpy(copy, data + at, part);
		*result_out = http_body_decode(&body, copy, part, &consumed, &decoded, &refusal);
		if (*result_out == HTTP_REFUSED)
			run->refusal = refusal.status;
		else
			require(consumed <= part && decoded <= consumed &&
				(*result_out == HTTP_READY || consumed == part));
		sum = digest(sum, copy, decoded);
		decoded_total += decoded;
		at += consumed;
		free(copy);
	}
	require(decoded_total <= BODY_LIMIT);
	run->digests[run->wholes] = sum;
	return at;
}

/* Heads are offered in growing prefixes, bodies in pieces, both of `piece` bytes. */
static struct run run_stream(const char *data, size_t size, size_t piece)
{
	struct run run = { 0 };
	size_t at = 0;

	while (at < size && run.wholes < MESSAGES_MAX) {
		struct http_head head;
		struct http_refusal refusal = { 0 };
		enum http_result result = HTTP_NEED_MORE;
		size_t scanned = 0, offered = 0;

		while (result == HTTP_NEED_MORE && at + offered < size) {
			offered = size - at - offered < piece ? size - at : offered + piece;
			result = http_parse_head(
				data + at, offered, &scanned, &http_limits_default, &head, &refusal);
		}
		if (result != HTTP_READY) {
			run.refusal = result == HTTP_REFUSED ? refusal.status : 0;
			return run;
		}
		check_head(&head, data + at, offered);
		run.heads++;
		at += head.size_bytes;
		at += run_body(&head, data + at, size - at, piece, &run, &result);
		if (result != HTTP_READY)
			return run;
		run.ends[run.wholes++] = at;
	}
	return run;
}

/* A head beyond the limits may be refused for another of its faults when it comes in pieces. */
static bool same(const struct run *a, const struct run *b)
{
	return a->heads == b->heads && a->wholes == b->wholes && !a->refusal == !b->refusal &&
	       memcmp(a->ends, b->ends, a->wholes * sizeof(*a->ends)) == 0 &&
	       memcmp(a->digests, b->digests, a->wholes * sizeof(*a->digests)) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t piece = 1 + data[0] % 61;
	char *copy = malloc(size);

	memcpy(copy, data + 1, size - 1);
	struct run whole = run_stream(copy, size - 1, size);
	struct run pieces = run_stream(copy, size - 1, piece);

	require(same(&whole, &pieces));
	free(copy);
	return 0;
}
