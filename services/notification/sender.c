#include "notification/sender.h"
#include "kit/config.h"
#include "kit/db.h"
#include "kit/event_filter.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include "kit/sequencer.h"
#include "kit/thread.h"
#include "kit/uuid.h"
#include "notification/notification.h"
#include "notification/owners.h"
#include "notification/post.h"
#include "notification/schedule.h"
#include "notification/secret.h"
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOT_MS      10 /* how soon it looks again while something was just announced or sent */
#define HOT_FOR_MS  1000
#define IDLE_MS     500
#define PEACE_MS    5000 /* at the end */
#define PUT_BACK_MS 1000 /* what could not be tried is tried again so much later */

/* A delivery under way. Its arena has everything that belongs to it. */
struct flight {
	struct flight *next, **at;
	struct arena *arena;
	uint8_t id[16], webhook[16];
	int32_t attempts; /* with this one */
	struct post *post;
	struct post_outcome outcome;
};

/* What becomes of a delivery. */
struct verdict {
	const struct flight *flight; /* NULL: it was not tried */
	uint8_t id[16], webhook[16];
	int32_t lease_attempts, attempts;
	enum delivery_state state;
	int64_t delay_ms;
	bool drop; /* its owner may not see it any more */
	struct slice tries;
};

static struct {
	pthread_t thread;
	_Atomic bool stopping, woken;
	CURLM *multi;
	struct db *db;
	struct owners *owners;
	struct flight *flights;
	size_t count, per_endpoint;
	uint64_t hot_until_ns, look_ns;
} s;

static uint64_t after_ms(uint64_t ms)
{
	return request_now_ns() + ms * 1000000;
}

/* --- taking what is due */

static void bind_flights(struct db_params *params, struct arena *arena)
{
	struct db_array webhooks;

	db_array_begin(&webhooks, arena, OID_UUID);
	for (struct flight *f = s.flights; f; f = f->next)
		db_array_add(&webhooks, f->webhook, 16);
	db_bind_array(params, &webhooks);
}

/* A crash may undo it: then it is sent again. */
static void forget_sync(struct arena *arena)
{
	static const struct db_statement off = { "SELECT set_config('synchronous_commit', 'off', true)" };
	struct db_params none = { .arena = arena };

	db_send(s.db, &off, &none);
}

static enum status take(struct arena *arena, PGresult **rows_out)
{
	static const struct db_statement due = {
		"WITH flying AS (SELECT w, count(*) AS n FROM unnest($1::uuid[]) AS w GROUP BY w),"
		" due AS (SELECT d.id, w.url FROM webhook w LEFT JOIN flying f ON f.w = w.id"
		" CROSS JOIN LATERAL (SELECT d.id FROM delivery d WHERE d.webhook_id = w.id AND d.state IN "
		"(1, 2)"
		" AND d.next_time <= statement_timestamp() AND (w.\"order\" = 2 OR NOT EXISTS (SELECT FROM "
		"delivery e"
		" WHERE e.webhook_id = d.webhook_id AND e.subject = d.subject AND e.seq < d.seq AND e.state "
		"IN (1, 2)))"
		" ORDER BY d.next_time, d.seq LIMIT greatest($2::int - coalesce(f.n, 0), 0) FOR UPDATE SKIP "
		"LOCKED) d"
		" WHERE w.state = 1 AND w.delete_time IS NULL LIMIT $3::int)"
		" UPDATE delivery d SET state = 2, attempts = d.attempts + 1, next_time = clock_timestamp()"
		" + $4::int * interval '1 second' FROM due WHERE d.id = due.id"
		" RETURNING d.id, d.webhook_id, d.owner_id, due.url, d.attempts, d.event, "
		"coalesce(d.replayed, false), d.seq"
	};
	struct db_params params = { .arena = arena };
	PGresult *ignored;

	bind_flights(&params, arena);
	db_bind_int4(&params, (int32_t)s.per_endpoint);
	db_bind_int4(&params, (int32_t)(SENDER_TRANSFERS_MAX - s.count));
	db_bind_int4(&params, SENDER_LEASE_S);
	TRY(db_ready(s.db));
	forget_sync(arena);
	db_send(s.db, &due, &params);
	db_sync(s.db);
	enum status status = db_result(s.db, arena, &ignored);

	if (status == OK)
		status = db_result(s.db, arena, rows_out);
	enum status end = db_end(s.db);

	return status != OK ? status : end;
}

/* --- sending */

/* The CloudEvent in structured mode. Who lost sight of the record is told that, and no more. */
static struct slice body_of(const struct logged_event *event, enum event_sight sight, struct arena *arena)
{
	struct buffer out = { .arena = arena };
	struct logged_event told = *event;

	if (sight == SEES_NO_MORE) {
		told.type = (struct slice){ "guanxi.hidden.v1", 16 };
		told.has_change = false;
	}
	event_json_add_cloud_event(&out, &told);
	return (struct slice){ out.data, out.len };
}

static struct flight *flight_new(const PGresult *rows, int row)
{
	struct arena *arena = arena_new();
	struct flight *f = arena_zalloc(arena, sizeof *f);

	f->arena = arena;
	memcpy(f->id, db_bytes(rows, row, 0).data, 16);
	memcpy(f->webhook, db_bytes(rows, row, 1).data, 16);
	f->attempts = db_int4(rows, row, 4);
	return f;
}

static void flight_free(struct flight *f)
{
	if (f->at) {
		*f->at = f->next;
		if (f->next)
			f->next->at = f->at;
		s.count--;
	}
	arena_free(f->arena);
}

static void fly(struct flight *f)
{
	f->at = &s.flights;
	f->next = s.flights;
	if (f->next)
		f->next->at = &f->next;
	s.flights = f;
	s.count++;
	curl_easy_setopt(f->post->easy, CURLOPT_PRIVATE, f);
	curl_multi_add_handle(s.multi, f->post->easy);
}

static enum status load_secrets(
	const uint8_t webhook[16], uint8_t (*secrets)[SECRET_BYTES], size_t *count_out)
{
	struct request *req = request_for_job(NULL, &principal_system);

	req->db = s.db;
	enum status status = secret_load(req, webhook, secrets, count_out);

	request_free(req);
	return status;
}

/* Secrets of the webhooks of one taking: read once for each. */
struct secrets {
	uint8_t webhook[16];
	uint8_t secrets[SECRETS_MAX][SECRET_BYTES];
	size_t count;
};

static const struct secrets *secrets_of(struct secrets *known, size_t *known_count, const uint8_t webhook[16])
{
	for (size_t i = 0; i < *known_count; i++)
		if (!memcmp(known[i].webhook, webhook, 16))
			return &known[i];
	struct secrets *mine = &known[*known_count];

	memcpy(mine->webhook, webhook, 16);
	if (load_secrets(webhook, mine->secrets, &mine->count) != OK)
		return NULL;
	(*known_count)++;
	return mine;
}

static void prepare(struct flight *f, const PGresult *rows, int row, const struct logged_event *event,
	enum event_sight sight, const struct secrets *secrets)
{
	char id[UUID_TEXT_LEN + 1];

	uuid_to_text(f->id, id);
	f->post = post_new(&(struct post_request){ .url = arena_strndup(f->arena, db_bytes(rows, row, 3).data,
							   db_bytes(rows, row, 3).len),
				   .id = arena_strdup(f->arena, id),
				   .body = body_of(event, sight, f->arena),
				   .secrets = secrets->secrets,
				   .secret_count = secrets->count,
				   .replayed = db_bool(rows, row, 6) },
		f->arena);
}

static struct verdict untried(const struct flight *f, bool drop)
{
	struct verdict v = { .lease_attempts = f->attempts,
		.attempts = f->attempts - 1,
		.state = DELIVERY_WAITING,
		.delay_ms = PUT_BACK_MS,
		.drop = drop };

	memcpy(v.id, f->id, 16);
	memcpy(v.webhook, f->webhook, 16);
	return v;
}

static enum status halt(const uint8_t webhook[16], enum webhook_state state, enum webhook_reason reason);

/* Sends it, or says in *verdict_out why not. */
static bool send_one(const PGresult *rows, int row, struct secrets *known, size_t *known_count,
	struct verdict *verdict_out)
{
	struct flight *f = flight_new(rows, row);
	struct slice raw = db_bytes(rows, row, 5);
	const struct principal *owner = NULL;
	const struct secrets *secrets = NULL;
	struct logged_event event;
	enum event_sight sight = SEES_NOT;
	enum status status = owners_get(s.owners, (const uint8_t *)db_bytes(rows, row, 2).data, &owner);
	bool sound = logged_event_read(raw.data, raw.len, f->arena, &event);

	if (status == NOT_FOUND)
		status = halt(f->webhook, WEBHOOK_PAUSED, WEBHOOK_OWNER_INACTIVE) == OK ? NOT_FOUND
											: UNAVAILABLE;
	if (status == OK && sound)
		sight = event_sight(owner, event.everyone, event.audience, event.audience_count);
	if (status == OK && sight != SEES_NOT)
		secrets = secrets_of(known, known_count, f->webhook);
	if (secrets) {
		prepare(f, rows, row, &event, sight, secrets);
		fly(f);
		return true;
	}
	*verdict_out = untried(f, status == OK && sight == SEES_NOT);
	flight_free(f);
	return false;
}

/* --- outcomes */

static void count_try(const char *outcome)
{
	char label[48];

	snprintf(label, sizeof label, "outcome=\"%s\"", outcome);
	metric_add(metric_series(METRIC_WEBHOOK_TRIES, label), 1);
}

static struct verdict judge(const struct flight *f, struct arena *arena)
{
	const struct post_outcome *o = &f->outcome;
	struct buffer tries = { .arena = arena };
	struct verdict v = { .flight = f, .lease_attempts = f->attempts, .attempts = f->attempts };

	memcpy(v.id, f->id, 16);
	memcpy(v.webhook, f->webhook, 16);
	post_try_json(f->post, o, &tries);
	v.tries = (struct slice){ tries.data, tries.len };
	v.delay_ms = schedule_delay_ms((unsigned)f->attempts, o->retry_after_s, randombytes_random());
	if (o->ok)
		v.state = DELIVERY_DELIVERED;
	else if (o->status == 410) /* it waits for whoever resumes the webhook */
		v = (struct verdict){ .flight = f,
			.lease_attempts = f->attempts,
			.attempts = f->attempts - 1,
			.state = DELIVERY_WAITING,
			.delay_ms = 0,
			.tries = v.tries };
	else
		v.state = v.delay_ms < 0 ? DELIVERY_FAILED : DELIVERY_WAITING;
	memcpy(v.id, f->id, 16);
	memcpy(v.webhook, f->webhook, 16);
	count_try(o->ok ? "delivered" : v.state == DELIVERY_FAILED ? "given_up" : "failed");
	return v;
}

static void bind_verdicts(
	struct db_params *params, const struct verdict *verdicts, size_t count, struct arena *arena)
{
	struct db_array ids, leases, attempts, states, delays, tries;

	db_array_begin(&ids, arena, OID_UUID);
	db_array_begin(&leases, arena, OID_INT8);
	db_array_begin(&attempts, arena, OID_INT8);
	db_array_begin(&states, arena, OID_INT8);
	db_array_begin(&delays, arena, OID_INT8);
	db_array_begin(&tries, arena, OID_TEXT);
	for (size_t i = 0; i < count; i++) {
		const struct verdict *v = &verdicts[i];
		uint64_t numbers[] = { htobe64((uint64_t)v->lease_attempts), htobe64((uint64_t)v->attempts),
			htobe64(v->drop ? 0 : (uint64_t)v->state), htobe64((uint64_t)v->delay_ms) };

		db_array_add(&ids, v->id, 16);
		db_array_add(&leases, &numbers[0], 8);
		db_array_add(&attempts, &numbers[1], 8);
		db_array_add(&states, &numbers[2], 8);
		db_array_add(&delays, &numbers[3], 8);
		if (v->tries.len)
			db_array_add(&tries, v->tries.data, v->tries.len);
		else
			db_array_add_null(&tries);
	}
	db_bind_array(params, &ids);
	db_bind_array(params, &leases);
	db_bind_array(params, &attempts);
	db_bind_array(params, &states);
	db_bind_array(params, &delays);
	db_bind_array(params, &tries);
}

/* Whoever's lease has ended meanwhile writes nothing: another try is under way. */
static enum status write_verdicts(const struct verdict *verdicts, size_t count, struct arena *arena)
{
	static const struct db_statement write = {
		"WITH r AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], "
		"$5::bigint[],"
		" $6::text[]) AS r(id, lease, attempts, state, delay, tries)),"
		" gone AS (DELETE FROM delivery d USING r WHERE d.id = r.id AND d.state = 2 AND d.attempts = "
		"r.lease"
		" AND r.state = 0)"
		" UPDATE delivery d SET state = r.state, attempts = r.attempts, update_time = "
		"clock_timestamp(),"
		" next_time = CASE WHEN r.state = 1 THEN clock_timestamp() + r.delay * interval '1 "
		"millisecond' END,"
		" version = d.version + 1,"
		" tries = CASE WHEN r.tries IS NULL THEN d.tries WHEN d.tries IS NULL THEN r.tries::json"
		" WHEN json_array_length(d.tries) < 20 THEN (d.tries::jsonb || r.tries::jsonb)::json"
		" ELSE ((d.tries::jsonb - 0) || r.tries::jsonb)::json END"
		" FROM r WHERE d.id = r.id AND d.state = 2 AND d.attempts = r.lease AND r.state > 0"
	};
	struct db_params params = { .arena = arena };
	PGresult *ignored;

	TRY(db_ready(s.db));
	bind_verdicts(&params, verdicts, count, arena);
	forget_sync(arena);
	db_send(s.db, &write, &params);
	db_sync(s.db);
	enum status status = db_result(s.db, arena, &ignored);

	if (status == OK)
		status = db_result(s.db, arena, &ignored);
	enum status end = db_end(s.db);

	return status != OK ? status : end;
}

/* --- how endpoints do */

static enum status halt(const uint8_t webhook[16], enum webhook_state state, enum webhook_reason reason)
{
	struct request *req = request_for_job(&notification_service, &principal_system);

	req->db = s.db;
	enum status status = db_begin(s.db);

	if (status == OK)
		status = webhook_halt(req, webhook, state, reason);
	if (status == OK)
		status = db_commit(s.db);
	else
		db_rollback(s.db);
	if (status != OK)
		log_warn("webhook", "problem=\"could not be halted\" status=%s error=\"%s\"",
			status_code(status), db_error(s.db));
	request_free(req);
	sequencer_wake();
	return status;
}

/* Since when it fails without a success in between; NULL when it does not. Tells which have failed for too
 * long. */
static enum status note_health(
	const struct verdict *verdicts, size_t count, struct arena *arena, PGresult **rows_out)
{
	static const struct db_statement note = {
		"WITH r AS (SELECT webhook, bool_or(error IS NULL) AS ok, max(error) AS error FROM"
		" unnest($1::uuid[], $2::text[]) AS r(webhook, error) GROUP BY webhook),"
		" well AS (UPDATE webhook w SET failing_since = NULL, last_error = NULL FROM r WHERE w.id = "
		"r.webhook"
		" AND r.ok AND w.failing_since IS NOT NULL),"
		" ill AS (UPDATE webhook w SET failing_since = clock_timestamp(), last_error = r.error FROM r"
		" WHERE w.id = r.webhook AND NOT r.ok AND w.failing_since IS NULL)"
		" SELECT w.id FROM webhook w JOIN r ON r.webhook = w.id WHERE NOT r.ok AND w.state = 1"
		" AND w.failing_since < clock_timestamp() - $3::int * interval '1 second'"
	};
	struct db_params params = { .arena = arena };
	struct db_array webhooks, errors;

	db_array_begin(&webhooks, arena, OID_UUID);
	db_array_begin(&errors, arena, OID_TEXT);
	for (size_t i = 0; i < count; i++) {
		const char *error = verdicts[i].flight ? verdicts[i].flight->outcome.error : NULL;

		if (!verdicts[i].flight)
			continue;
		db_array_add(&webhooks, verdicts[i].webhook, 16);
		if (error)
			db_array_add(&errors, error, strlen(error));
		else
			db_array_add_null(&errors);
	}
	db_bind_array(&params, &webhooks);
	db_bind_array(&params, &errors);
	db_bind_int4(&params, (int32_t)config_number("GUANXI_WEBHOOK_PAUSE_AFTER_S"));
	return db_run(s.db, arena, &note, &params, rows_out);
}

static void heed_health(const struct verdict *verdicts, size_t count, struct arena *arena)
{
	PGresult *rows;

	for (size_t i = 0; i < count; i++)
		if (verdicts[i].flight && verdicts[i].flight->outcome.status == 410)
			(void)!halt(verdicts[i].webhook, WEBHOOK_DISABLED, WEBHOOK_GONE);
	if (note_health(verdicts, count, arena, &rows) != OK)
		return;
	for (int row = 0; row < PQntuples(rows); row++)
		(void)!halt((const uint8_t *)db_bytes(rows, row, 0).data, WEBHOOK_PAUSED, WEBHOOK_FAILING);
}

/* --- the thread */

/* The database being away is no reason to send again at once: leases end. */
static void settle(const struct verdict *verdicts, size_t count, struct arena *arena)
{
	if (!count)
		return;
	if (write_verdicts(verdicts, count, arena) != OK) {
		log_warn("webhook", "problem=\"outcomes could not be kept\" count=%zu error=\"%s\"", count,
			db_error(s.db));
		return;
	}
	heed_health(verdicts, count, arena);
}

static void send_due(void)
{
	struct arena *arena = arena_new();
	PGresult *rows;
	size_t known = 0, count = 0;

	if (take(arena, &rows) != OK) {
		log_warn("webhook", "problem=\"cannot ask what is due\" error=\"%s\"", db_error(s.db));
		s.look_ns = after_ms(PUT_BACK_MS);
		arena_free(arena);
		return;
	}
	size_t taken = (size_t)PQntuples(rows);
	struct secrets *secrets = arena_zalloc(arena, (taken + 1) * sizeof *secrets);
	struct verdict *verdicts = arena_alloc(arena, (taken + 1) * sizeof *verdicts);

	for (size_t i = 0; i < taken; i++)
		count += !send_one(rows, (int)i, secrets, &known, &verdicts[count]);
	settle(verdicts, count, arena);
	if (taken)
		s.hot_until_ns = after_ms(HOT_FOR_MS);
	s.look_ns = after_ms(request_now_ns() < s.hot_until_ns ? HOT_MS : IDLE_MS);
	arena_free(arena);
}

/* Those that ended, with their outcome, and out of libcurl's hands. */
static size_t harvest(struct verdict *verdicts, struct arena *arena)
{
	CURLMsg *message;
	int left;
	size_t count = 0;

	while (count < SENDER_TRANSFERS_MAX && (message = curl_multi_info_read(s.multi, &left))) {
		struct flight *f = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&f);
		f->outcome = post_outcome(f->post, code);
		curl_multi_remove_handle(s.multi, f->post->easy);
		verdicts[count++] = judge(f, arena);
	}
	return count;
}

static size_t end_flights(void)
{
	struct arena *arena = arena_new();
	struct verdict *verdicts = arena_alloc(arena, SENDER_TRANSFERS_MAX * sizeof *verdicts);
	size_t count = harvest(verdicts, arena);

	settle(verdicts, count, arena);
	for (size_t i = 0; i < count; i++)
		flight_free((struct flight *)verdicts[i].flight);
	arena_free(arena);
	return count;
}

static int wait_ms(void)
{
	uint64_t now = request_now_ns();

	return now >= s.look_ns ? 0 : (int)((s.look_ns - now) / 1000000) + 1;
}

static void turn(void)
{
	int running;

	if (atomic_exchange(&s.woken, false)) {
		s.hot_until_ns = after_ms(HOT_FOR_MS);
		s.look_ns = 0;
	}
	if (request_now_ns() >= s.look_ns && s.count < SENDER_TRANSFERS_MAX)
		send_due();
	curl_multi_perform(s.multi, &running);
	if (end_flights())
		s.look_ns = 0; /* there is room, and what waited for them may go */
	else
		curl_multi_poll(s.multi, NULL, 0, wait_ms(), NULL);
}

/* Nothing new; what is under way may come to its end. */
static void end_in_peace(void)
{
	uint64_t until = after_ms(PEACE_MS);
	int running;

	while (s.flights && request_now_ns() < until) {
		curl_multi_perform(s.multi, &running);
		if (!end_flights())
			curl_multi_poll(s.multi, NULL, 0, HOT_MS, NULL);
	}
}

static void *run(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "sender");
	while (!atomic_load(&s.stopping))
		turn();
	end_in_peace();
	while (s.flights) { /* they are sent again when their lease ends */
		curl_multi_remove_handle(s.multi, s.flights->post->easy);
		flight_free(s.flights);
	}
	return NULL;
}

void sender_wake(void)
{
	if (!atomic_exchange(&s.woken, true) && s.multi)
		curl_multi_wakeup(s.multi);
}

void sender_start(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	s.per_endpoint = (size_t)config_number("GUANXI_WEBHOOK_CONCURRENCY");
	s.owners = owners_open();
	s.db = db_open(&(struct db_options){
		config_text("GUANXI_DATABASE"), "notification", 30000, 5000, "sender" });
	s.multi = curl_multi_init();
	curl_multi_setopt(s.multi, CURLMOPT_MAXCONNECTS, (long)SENDER_TRANSFERS_MAX);
	s.thread = thread_start(run, NULL, 0);
}

void sender_stop(void)
{
	atomic_store(&s.stopping, true);
	curl_multi_wakeup(s.multi);
	pthread_join(s.thread, NULL);
	curl_multi_cleanup(s.multi);
	owners_close(s.owners);
	db_close(s.db);
}
