#include "gateway/rate.h"
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

enum { WAYS = 4, SETS = RATE_BUCKETS / WAYS, LOCKS = 64, MILLI = 1000 };

struct bucket {
	uint64_t key; /* keyed hash: who floods cannot choose whom to meet. 0: free */
	uint64_t used_ms;
	uint64_t tokens; /* in thousandths */
};

struct rates {
	uint64_t per_s, burst;
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	pthread_mutex_t locks[LOCKS];
	struct bucket buckets[SETS][WAYS];
};

struct rates *rates_new(unsigned per_s, unsigned burst)
{
	struct rates *rates = calloc(1, sizeof *rates);

	if (!rates)
		abort();
	rates->per_s = per_s;
	rates->burst = burst;
	randombytes_buf(rates->hash_key, sizeof rates->hash_key);
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&rates->locks[i], NULL);
	return rates;
}

void rates_free(struct rates *rates)
{
	if (!rates)
		return;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&rates->locks[i]);
	free(rates);
}

/* The key's bucket, or the longest unused of its set. */
static struct bucket *bucket_of(struct rates *rates, uint64_t key)
{
	struct bucket *set = rates->buckets[key % SETS], *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].used_ms < oldest->used_ms)
			oldest = &set[i];
	}
	*oldest = (struct bucket){ .key = key, .tokens = rates->burst * MILLI };
	return oldest;
}

static void refill(const struct rates *rates, struct bucket *bucket, uint64_t now_ms)
{
	uint64_t full = rates->burst * MILLI;
	uint64_t passed_ms = bucket->used_ms && now_ms > bucket->used_ms ? now_ms - bucket->used_ms : 0;

	/* A millisecond brings per_s thousandths. An hour fills any bucket, and keeps the product small. */
	bucket->tokens += (passed_ms < 3600000 ? passed_ms : 3600000) * rates->per_s;
	if (bucket->tokens > full)
		bucket->tokens = full;
	bucket->used_ms = now_ms;
}

static uint32_t seconds_for(const struct rates *rates, uint64_t tokens)
{
	uint64_t per_s = rates->per_s * MILLI;

	return (uint32_t)((tokens + per_s - 1) / per_s);
}

static struct rate take(struct rates *rates, const void *key, size_t key_len, uint64_t cost, uint64_t now_ms)
{
	uint64_t hash;

	crypto_shorthash((unsigned char *)&hash, key, key_len, rates->hash_key);
	hash += !hash;
	pthread_mutex_t *lock = &rates->locks[hash % SETS % LOCKS];

	pthread_mutex_lock(lock);
	struct bucket *bucket = bucket_of(rates, hash);

	refill(rates, bucket, now_ms);
	bool allowed = bucket->tokens >= MILLI;
	uint64_t missing = allowed ? rates->burst * MILLI - bucket->tokens + MILLI : MILLI - bucket->tokens;

	if (allowed)
		bucket->tokens -= cost;
	struct rate rate = { allowed, (uint32_t)(bucket->tokens / MILLI), seconds_for(rates, missing) };

	pthread_mutex_unlock(lock);
	return rate;
}

struct rate rate_take(struct rates *rates, const void *key, size_t key_len, uint64_t now_ms)
{
	return take(rates, key, key_len, MILLI, now_ms);
}

struct rate rate_look(struct rates *rates, const void *key, size_t key_len, uint64_t now_ms)
{
	return take(rates, key, key_len, 0, now_ms);
}
