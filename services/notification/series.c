#include "notification/series.h"
#include "kit/bus_client.h"
#include "kit/config.h"
#include "kit/db.h"
#include "kit/event_log.h"
#include "kit/json.h"
#include "kit/log.h"
#include "kit/thread.h"
#include "notification/intent.h"
#include "notification/notification.h"
#include "notification/sender.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MS  1000
#define LOOK_MS 200

struct series {
	int64_t id;
	uint8_t webhook[16];
	const char *stream, *time; /* time: NULL once the place is known */
	uint32_t epoch;
	uint64_t pos, until;
	bool is_replay;
};

static struct {
	pthread_t thread;
	_Atomic bool stopping;
	struct db *db;
	struct bus_client *client;
	struct owners *owners;
} s;

/* --- asked for */

static void add_place(
	struct buffer *out, uint32_t number, const char *stream, size_t len, uint32_t epoch, uint64_t pos)
{
	char sequence[32];
	size_t begun = wire_begin(out, number);

	snprintf(sequence, sizeof sequence, "%08x%016llx", epoch, (unsigned long long)pos);
	wire_add_bytes(out, 1, stream, len);
	wire_add_text(out, 2, sequence);
	wire_end(out, begun);
}

static void add_rows(struct buffer *out, uint32_t number, const PGresult *rows)
{
	for (int row = 0; row < PQntuples(rows); row++)
		add_place(out, number, db_bytes(rows, row, 0).data, db_bytes(rows, row, 0).len,
			(uint32_t)db_int4(rows, row, 1), (uint64_t)db_int8(rows, row, 2));
}

enum status series_add_places(
	struct request *req, const uint8_t webhook[16], uint32_t number, struct buffer *out)
{
	static const struct db_statement find = { "SELECT stream, epoch, pos FROM webhook_series WHERE "
						  "webhook_id = $1::uuid AND until_pos IS NULL ORDER "
						  "BY stream" };
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, webhook);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	add_rows(out, number, rows);
	return OK;
}

/* Where a replay begins. */
struct start {
	bool in_time;
	int64_t time_us;
	uint64_t pos; /* the one before the first */
};

static bool read_sequence(const char *text, uint64_t *pos_out)
{
	if (strlen(text) != 24 || strspn(text, "0123456789abcdef") != 24)
		return false;
	*pos_out = strtoull(text + 8, NULL, 16);
	return *pos_out > 0 && *pos_out <= INT64_MAX;
}

static enum status read_start(
	struct request *req, const char *from, const char *stream, struct start *start_out)
{
	struct start start = { 0 };

	start.in_time = json_read_time(from, strlen(from), &start.time_us);
	if (!start.in_time && strcmp(from, "earliest")) {
		if (!read_sequence(from, &start.pos))
			return fail_field(req, "/from", MSG_BAD_REPLAY, NULL);
		if (!stream)
			return fail_field(req, "/stream", MSG_REQUIRED, NULL);
		start.pos--;
	}
	*start_out = start;
	return OK;
}

static bool is_followed(const char *stream)
{
	for (const struct subscription *f = notification_service.follows; f->name; f++)
		if (f->apply == intent_apply && !strcmp(f->stream, stream))
			return true;
	return false;
}

static enum status check_room(struct request *req, const uint8_t webhook[16])
{
	static const struct db_statement count = {
		"SELECT count(*) FROM webhook_series WHERE webhook_id = $1::uuid AND until_pos IS NOT NULL"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, webhook);
	TRY(db_run(req->db, req->arena, &count, &params, &rows));
	return db_int8(rows, 0, 0) < SERIES_REPLAYS_MAX
		       ? OK
		       : fail(req, CONFLICT, MSG_WEBHOOK_REPLAYS_RUNNING, NULL);
}

enum status series_replay(struct request *req, const uint8_t webhook[16], const char *from,
	const char *stream, struct buffer *out)
{
	static const struct db_statement begin = {
		"INSERT INTO webhook_series (webhook_id, stream, epoch, pos, until_pos, from_time)"
		" SELECT $1::uuid, c.stream, c.epoch, $2::bigint, c.pos, $3::timestamptz FROM event_cursor c"
		" WHERE c.consumer LIKE 'notification.webhook.%' AND ($4::text IS NULL OR c.stream = "
		"$4::text)"
		" ORDER BY c.stream RETURNING stream, epoch, until_pos"
	};
	struct db_params params = { .arena = req->arena };
	struct start start;
	PGresult *rows;

	if (stream && !is_followed(stream))
		return fail_field(req, "/stream", MSG_BAD_STREAM, NULL);
	TRY(read_start(req, from, stream, &start));
	TRY(check_room(req, webhook));
	db_bind_uuid(&params, webhook);
	db_bind_int8(&params, (int64_t)start.pos);
	if (start.in_time)
		db_bind_time(&params, start.time_us);
	else
		db_bind_null(&params);
	if (stream)
		db_bind_text(&params, stream);
	else
		db_bind_null(&params);
	TRY(db_run(req->db, req->arena, &begin, &params, &rows));
	add_rows(out, 1, rows);
	return OK;
}

/* --- one page */

/* As it is now, its webhook locked against whoever writes deliveries and against a change of state; false: no
 * more. */
static enum status lock(struct request *req, struct series *series, bool *found_out)
{
	static const struct db_statement webhook = {
		"SELECT FROM webhook WHERE id = $1::uuid AND state = 1 AND delete_time IS NULL FOR UPDATE"
	};
	static const struct db_statement look = {
		"SELECT s.epoch, s.pos, coalesce(s.until_pos, c.pos), s.until_pos IS NOT NULL, s.from_time"
		" FROM webhook_series s JOIN event_cursor c ON c.consumer = 'notification.webhook.' || "
		"s.stream"
		" WHERE s.id = $1::bigint FOR UPDATE OF s"
	};
	struct db_params params = { .arena = req->arena }, id = { .arena = req->arena };
	struct buffer time = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, series->webhook);
	TRY(db_run(req->db, req->arena, &webhook, &params, &rows));
	*found_out = PQntuples(rows);
	db_bind_int8(&id, series->id);
	if (*found_out)
		TRY(db_run(req->db, req->arena, &look, &id, &rows));
	*found_out = *found_out && PQntuples(rows);
	if (!*found_out)
		return OK;
	series->epoch = (uint32_t)db_int4(rows, 0, 0);
	series->pos = (uint64_t)db_int8(rows, 0, 1);
	series->until = (uint64_t)db_int8(rows, 0, 2);
	series->is_replay = db_bool(rows, 0, 3);
	if (!PQgetisnull(rows, 0, 4)) {
		json_add_time(&time, db_time(rows, 0, 4));
		series->time = arena_strndup(req->arena, time.data + 1, time.len - 2);
	}
	return OK;
}

static const struct intent_webhook *webhook_of(
	const struct series *series, const struct intent_webhook *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!memcmp(all[i].id, series->webhook, 16))
			return &all[i];
	return NULL;
}

static enum status write_page(struct request *req, const struct series *series, const struct event_page *page)
{
	struct intent_webhook *all;
	struct intents intents;
	size_t count;

	intents_begin(&intents, req, series->is_replay);
	TRY(intent_webhooks(req, series->stream, &all, &count));
	const struct intent_webhook *webhook = webhook_of(series, all, count);

	for (size_t i = 0; webhook && i < page->count && page->events[i].position <= series->until; i++) {
		struct slice raw = { (const char *)page->events[i].bytes, page->events[i].len };
		struct logged_event event;

		if (!logged_event_read(raw.data, raw.len, req->arena, &event))
			continue; /* the consumer has parked it */
		TRY(intents_add(&intents, s.owners, &webhook, 1, &event, raw));
	}
	return intents_write(&intents);
}

static enum status move(struct request *req, const struct series *series, uint32_t epoch, uint64_t pos)
{
	static const struct db_statement end = { "DELETE FROM webhook_series WHERE id = $1::bigint" };
	static const struct db_statement keep = { "UPDATE webhook_series SET epoch = $2::int, pos = "
						  "$3::bigint, from_time = NULL WHERE id = $1::bigint" };
	struct db_params params = { .arena = req->arena };

	db_bind_int8(&params, series->id);
	if (pos >= series->until)
		return db_run(req->db, req->arena, &end, &params, NULL);
	db_bind_int4(&params, (int32_t)epoch);
	db_bind_int8(&params, (int64_t)pos);
	return db_run(req->db, req->arena, &keep, &params, NULL);
}

/* The webhook is locked: whoever tells the others waits, so the place where it is told again is exact. */
static enum status step(struct request *req, struct series *series)
{
	struct event_page page = { .epoch = series->epoch };
	bool found;

	TRY(lock(req, series, &found));
	if (!found)
		return OK;
	if (!series->time && series->pos >= series->until)
		return move(req, series, series->epoch, series->pos);
	TRY(event_log_read(s.client, series->stream,
		&(struct event_place){ series->epoch, series->pos, series->time, SERIES_PAGE }, LOG_MS,
		req->arena, &page));
	if (page.low > series->pos && series->pos)
		log_warn("webhook", "problem=\"positions are no longer kept\" stream=%s from=%lu to=%lu",
			series->stream, series->pos, page.low);
	if (page.epoch != series->epoch) {
		log_warn("webhook", "problem=\"the log was restored\" stream=%s epoch=%u", series->stream,
			page.epoch);
		return move(req, series, page.epoch, series->pos < page.head ? series->pos : page.head);
	}
	TRY(write_page(req, series, &page));
	return move(req, series, page.epoch, page.up_to < series->until ? page.up_to : series->until);
}

static bool run_one(struct series *series)
{
	struct request *req = request_for_job(&notification_service, &principal_system);

	req->db = s.db;
	enum status status = db_begin(s.db);

	if (status == OK)
		status = step(req, series);
	if (status == OK)
		status = db_commit(s.db);
	else
		db_rollback(s.db);
	if (status != OK)
		log_warn("webhook", "problem=\"cannot catch up\" stream=%s status=%s error=\"%s\"",
			series->stream, status_code(status), db_error(s.db));
	request_free(req);
	sender_wake();
	return status == OK;
}

/* --- the thread */

/* Those with room; whether any moved. */
static bool run_all(void)
{
	static const struct db_statement find = { "SELECT s.id, s.webhook_id, s.stream FROM webhook_series s "
						  "JOIN webhook w ON w.id = s.webhook_id"
						  " WHERE w.state = 1 AND w.delete_time IS NULL AND (SELECT "
						  "count(*) FROM (SELECT FROM delivery d"
						  " WHERE d.webhook_id = w.id AND d.state IN (1, 2) LIMIT "
						  "$1::int) x) < $1::int ORDER BY s.id LIMIT 64" };
	struct arena *arena = arena_new();
	struct db_params params = { .arena = arena };
	PGresult *rows;
	bool moved = false;

	db_bind_int4(&params, SERIES_WAITING_MAX);
	if (db_ready(s.db) == OK && db_run(s.db, arena, &find, &params, &rows) == OK)
		for (int row = 0; row < PQntuples(rows) && !atomic_load(&s.stopping); row++) {
			struct series series = { .id = db_int8(rows, row, 0),
				.stream = arena_strndup(
					arena, db_bytes(rows, row, 2).data, db_bytes(rows, row, 2).len) };

			memcpy(series.webhook, db_bytes(rows, row, 1).data, 16);
			moved |= run_one(&series);
		}
	arena_free(arena);
	return moved;
}

static void *run(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "series");
	while (!atomic_load(&s.stopping)) {
		struct pollfd fd = { bus_client_fd(s.client), POLLIN, 0 };

		bus_client_process(s.client);
		if (!run_all())
			poll(&fd, 1, LOOK_MS);
	}
	return NULL;
}

void series_start(void)
{
	struct zsocket_error error;

	s.owners = owners_open();
	s.db = db_open(&(struct db_options){
		config_text("GUANXI_DATABASE"), "notification", 30000, 5000, "series" });
	s.client = bus_client_open(
		&(struct bus_client_options){ .endpoints = config_text("GUANXI_BROKER_REQUESTS") }, &error);
	if (!s.client)
		config_refuse("GUANXI_BROKER_REQUESTS: %s", error.text);
	s.thread = thread_start(run, NULL, 0);
}

void series_stop(void)
{
	atomic_store(&s.stopping, true);
	pthread_join(s.thread, NULL);
	bus_client_close(s.client);
	owners_close(s.owners);
	db_close(s.db);
}
