/*
 * How often one principal, or one address without a session, may ask: a token bucket for each, in memory,
 * shared by all threads. A bucket that is not used for as long as it takes to fill is forgotten; under
 * pressure of many the longest unused goes first.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rates;

enum { RATE_BUCKETS = 16384 };

/* `per_s` tokens come back each second, up to `burst`. */
struct rates *rates_new(unsigned per_s, unsigned burst);
void rates_free(struct rates *rates);

struct rate {
	bool allowed;
	uint32_t remaining; /* tokens left */
	uint32_t reset_s;   /* until the bucket is full again, or, when refused, until the next token */
};

/* Takes a token. Any thread. */
struct rate rate_take(struct rates *rates, const void *key, size_t key_len, uint64_t now_ms);
/* The same without taking: whether rate_take() would allow it. */
struct rate rate_look(struct rates *rates, const void *key, size_t key_len, uint64_t now_ms);
