#include "identity/identity.h"
#include "kit/config.h"
#include "kit/log.h"
#include "kit/thread.h"
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW_S         900
#define FAILURES_PAIR    5  /* of one address for one account */
#define FAILURES_ADDRESS 50 /* of one address for all accounts */
#define FAILURES_ACCOUNT                                                                                     \
	50 /* of all addresses for one account: higher, so that a stranger cannot lock a person out easily   \
	    */
#define PATIENCE_MS 200
#define RETRY_S     2

/* What is counted, most particular first. Keys are digests: Redis holds no addresses of people. */
static const struct {
	const char *kind;
	bool by_email, by_address;
	int limit;
} counters[] = {
	{ "pair", true, true, FAILURES_PAIR },
	{ "address", false, true, FAILURES_ADDRESS },
	{ "account", true, false, FAILURES_ACCOUNT },
};

#define COUNTERS (sizeof counters / sizeof *counters)

static _Thread_local redisContext *redis;
static _Thread_local time_t tried_at;

static redisContext *connect_now(void)
{
	const struct timeval patience = { 0, PATIENCE_MS * 1000 };
	const char *where = config_text("GUANXI_REDIS"), *colon = strrchr(where, ':');
	char host[256];

	if (*where == '/')
		return redisConnectUnixWithTimeout(where, patience);
	if (!colon || (size_t)(colon - where) >= sizeof host)
		return NULL;
	memcpy(host, where, (size_t)(colon - where));
	host[colon - where] = '\0';
	return redisConnectWithTimeout(host, atoi(colon + 1), patience);
}

static void free_redis(void *context)
{
	redisFree(context);
}

static void connect_again(void)
{
	tried_at = time(NULL);
	if (redis) {
		redisReconnect(redis);
		return;
	}
	redis = connect_now();
	if (redis)
		thread_defer(free_redis, redis);
}

/* NULL while Redis is away: asked again every two seconds. */
static redisContext *redis_ready(void)
{
	if (redis && !redis->err)
		return redis;
	if (!config_is_set("GUANXI_REDIS") || time(NULL) - tried_at < RETRY_S)
		return NULL;
	connect_again();
	if (redis && !redis->err) {
		redisSetTimeout(redis, (struct timeval){ 0, PATIENCE_MS * 1000 });
		return redis;
	}
	log_warn("redis", "error=\"%s\" consequence=\"sign-in attempts are counted in PostgreSQL\"",
		redis ? redis->errstr : "no address");
	return NULL;
}

/* Without an address, as a session asks, the failures of one are not counted against others. */
static bool is_counted(size_t i, const char *address)
{
	return counters[i].by_email || *address;
}

static const char *key_of(struct request *req, size_t i, const char *email, const char *address)
{
	unsigned char digest[16];
	char hex[33];
	const char *subject = arena_printf(req->arena, "%s|%s", counters[i].by_email ? email : "",
		counters[i].by_address ? address : "");

	crypto_generichash(digest, sizeof digest, (const unsigned char *)subject, strlen(subject), NULL, 0);
	sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
	return arena_printf(req->arena, "guanxi:sign-in:%s:%s", counters[i].kind, hex);
}

/* Failures so far and the seconds until they are forgotten. */
static bool ask_redis(const char *key, long long *failures_out, long long *seconds_out)
{
	redisReply *count = NULL, *ttl = NULL;

	if (!redis_ready())
		return false;
	redisAppendCommand(redis, "GET %s", key);
	redisAppendCommand(redis, "TTL %s", key);
	bool good = redisGetReply(redis, (void **)&count) == REDIS_OK &&
		    redisGetReply(redis, (void **)&ttl) == REDIS_OK;

	if (good) {
		*failures_out = count->type == REDIS_REPLY_STRING ? atoll(count->str) : 0;
		*seconds_out = ttl->type == REDIS_REPLY_INTEGER && ttl->integer > 0 ? ttl->integer : 1;
	}
	freeReplyObject(count);
	freeReplyObject(ttl);
	return good;
}

static enum status ask_database(
	struct request *req, const char *key, long long *failures_out, long long *seconds_out)
{
	static const struct db_statement find = {
		"SELECT failures, ceil(extract(epoch FROM until - now()))::bigint FROM sign_in_attempt WHERE "
		"subject = $1::text AND until > now()"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_text(&params, key);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	*failures_out = PQntuples(rows) ? db_int4(rows, 0, 0) : 0;
	*seconds_out = PQntuples(rows) ? db_int8(rows, 0, 1) : 0;
	return OK;
}

enum status throttle_check(struct request *req, const char *email, const char *address)
{
	for (size_t i = 0; i < COUNTERS; i++) {
		const char *key = key_of(req, i, email, address);
		long long failures = 0, seconds = 0;

		if (!is_counted(i, address))
			continue;
		if (!ask_redis(key, &failures, &seconds))
			TRY(ask_database(req, key, &failures, &seconds));
		if (failures < counters[i].limit)
			continue;
		enum status status = fail(
			req, LIMITED, MSG_SIGN_IN_THROTTLED, arena_printf(req->arena, "%lld", seconds), NULL);

		req->problem->retry_after_s = (uint32_t)seconds;
		return status;
	}
	return OK;
}

/* The expiry each time, where there is none: one that we died before would make a lock for ever. */
static bool count_in_redis(const char *key)
{
	redisReply *count = NULL, *expiry = NULL;

	if (!redis_ready())
		return false;
	redisAppendCommand(redis, "INCR %s", key);
	redisAppendCommand(redis, "EXPIRE %s %d NX", key, WINDOW_S);
	bool good = redisGetReply(redis, (void **)&count) == REDIS_OK &&
		    redisGetReply(redis, (void **)&expiry) == REDIS_OK && count->type == REDIS_REPLY_INTEGER;

	freeReplyObject(count);
	freeReplyObject(expiry);
	return good;
}

/* The request fails, so its transaction is rolled back: the count needs one of its own. */
static void count_in_database(struct request *req, const char *key)
{
	static const struct db_statement count = {
		"INSERT INTO sign_in_attempt AS a (subject, failures, until) VALUES ($1::text, 1, now() + "
		"interval '900 seconds')"
		" ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN a.until > now() THEN a.failures + "
		"1 ELSE 1 END,"
		" until = CASE WHEN a.until > now() THEN a.until ELSE excluded.until END"
	};
	struct db_params params = { .arena = req->arena };

	db_bind_text(&params, key);
	if (db_run(req->db, req->arena, &count, &params, NULL) != OK)
		log_warn("throttle", "error=\"%s\"", db_error(req->db));
}

void throttle_failed(struct request *req, const char *email, const char *address)
{
	db_rollback(req->db);
	for (size_t i = 0; i < COUNTERS; i++) {
		const char *key = key_of(req, i, email, address);

		if (is_counted(i, address) && !count_in_redis(key))
			count_in_database(req, key);
	}
}

void throttle_succeeded(struct request *req, const char *email, const char *address)
{
	static const struct db_statement clear = { "DELETE FROM sign_in_attempt WHERE subject = $1::text" };
	const char *key = key_of(req, 0, email, address);
	struct db_params params = { .arena = req->arena };

	if (redis_ready())
		freeReplyObject(redisCommand(redis, "DEL %s", key));
	db_bind_text(&params, key);
	if (db_run(req->db, req->arena, &clear, &params, NULL) != OK)
		log_warn("throttle", "error=\"%s\"", db_error(req->db));
}
