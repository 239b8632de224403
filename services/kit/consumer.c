#include "kit/consumer.h"
#include "kit/awaited.h"
#include "kit/bus_client.h"
#include "kit/bus_events.h"
#include "kit/config.h"
#include "kit/event_log.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include "kit/sequencer.h"
#include "kit/thread.h"
#include "kit/uuid.h"
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FOLLOWS_MAX 16
#define CALL_MS     5000
#define RETRY_MS    200

/* One subscription with its own cursor, thread and connection: one that has a long log before it, or is slow,
 * holds up no other. Several may follow one stream, each with a subscriber of its own: simple, and few. */
struct follower {
	const struct subscription *subscription;
	pthread_t thread;
	struct db *db;
	struct bus_client *client;
	struct bus_subscriber *subscriber;
	uint32_t epoch;
	uint64_t position;
	struct metric_series *lag;
	bool behind; /* a gap is to be read from the log */
	uint64_t head;
};

static struct {
	struct consumer_options options;
	_Atomic bool stopping;
	struct follower followers[FOLLOWS_MAX];
	size_t count;
} c;

/* --- reading events */

static bool is_attribute(const struct wire_field *entry, const char *key, struct wire_field *value_out)
{
	struct wire_field name, attribute;

	return wire_find(entry->bytes, entry->len, 1, &name) && name.len == strlen(key) &&
	       !memcmp(name.bytes, key, name.len) && wire_find(entry->bytes, entry->len, 2, &attribute) &&
	       wire_find(attribute.bytes, attribute.len, 3, value_out);
}

/* "customers/0190…": the resource and the id. */
static bool read_subject(struct consumer_event *event, const struct wire_field *subject, struct arena *arena)
{
	const char *slash = subject->len ? memchr(subject->bytes, '/', subject->len) : NULL;

	if (!slash)
		return false;
	event->resource =
		schema_resource_find(arena_strndup(arena, subject->bytes, (size_t)(slash - subject->bytes)));
	return uuid_from_text(
		slash + 1, subject->len - (size_t)(slash + 1 - subject->bytes), event->subject_id);
}

static const struct record *read_record(
	const struct consumer_event *event, const struct wire_field *f, struct arena *arena)
{
	struct record *record = event->resource ? record_new(event->resource, arena) : NULL;

	return record && record_parse(record, f->bytes, f->len) ? record : NULL;
}

static bool read_change(struct consumer_event *event, const struct wire_field *data, struct arena *arena)
{
	struct wire_reader reader = wire_reader(data->bytes, data->len);
	struct wire_field f;

	while (wire_next(&reader, &f)) {
		if (f.number == 1)
			event->version = f.value;
		else if (f.number == 2 && event->field_count < sizeof event->fields / sizeof *event->fields)
			event->fields[event->field_count++] = (struct slice){ f.bytes, f.len };
		else if (f.number == 3)
			event->before = read_record(event, &f, arena);
		else if (f.number == 4)
			event->after = read_record(event, &f, arena);
	}
	return !reader.failed;
}

static bool read_event(struct consumer_event *event, const struct wire_field *bytes, struct arena *arena)
{
	struct wire_reader reader = wire_reader(bytes->bytes, bytes->len);
	struct wire_field f, value, data = { 0 };
	bool has_subject = false;

	while (wire_next(&reader, &f)) {
		if (f.number == 4 && f.type == WIRE_BYTES)
			event->type = arena_strndup(arena, f.bytes, f.len);
		else if (f.number == 5 && is_attribute(&f, "subject", &value))
			has_subject = read_subject(event, &value, arena);
		else if (f.number == 6)
			data = f;
	}
	return !reader.failed && event->type && has_subject &&
	       (!data.len || read_change(event, &data, arena));
}

bool consumer_event_read(const char *stream, const void *bytes, size_t len, struct arena *arena,
	struct consumer_event *event_out)
{
	struct wire_reader reader = wire_reader(bytes, len);
	struct wire_field f;
	bool good = false;

	*event_out = (struct consumer_event){ .stream = stream, .raw = { bytes, len } };
	while (wire_next(&reader, &f)) {
		if (f.number == 1)
			event_out->position = f.value;
		else if (f.number == 2)
			event_out->epoch = (uint32_t)f.value;
		else if (f.number == 3)
			good = read_event(event_out, &f, arena);
	}
	return good && !reader.failed;
}

bool consumer_event_names(const struct consumer_event *event, const char *json_name)
{
	for (size_t i = 0; i < event->field_count; i++)
		if (event->fields[i].len == strlen(json_name) &&
			!memcmp(event->fields[i].data, json_name, event->fields[i].len))
			return true;
	return false;
}

/* --- applying */

/* One row or the transaction is given up: somebody else (a replica, a zombie of ours) has moved it. */
static enum status move_cursor(
	struct request *req, const struct follower *f, uint32_t epoch, uint64_t position)
{
	static const struct db_statement move = {
		"UPDATE event_cursor SET epoch = $4::int, pos = $5::bigint, update_time = now() WHERE "
		"consumer = $1::text AND epoch = $2::int"
		" AND pos = $3::bigint RETURNING pos"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_text(&params, f->subscription->name);
	db_bind_int4(&params, (int32_t)f->epoch);
	db_bind_int8(&params, (int64_t)f->position);
	db_bind_int4(&params, (int32_t)epoch);
	db_bind_int8(&params, (int64_t)position);
	TRY(db_run(req->db, req->arena, &move, &params, &rows));
	return PQntuples(rows) == 1 ? OK : CONFLICT;
}

/* Records of which an event is parked: in the table, few or none, so one look a batch; and in this batch. */
struct parked {
	const PGresult *rows;
	uint8_t (*now)[16];
	size_t now_count;
};

static enum status read_parked(struct request *req, const struct follower *f, struct parked *parked_out)
{
	static const struct db_statement find = {
		"SELECT DISTINCT subject_id FROM event_parked WHERE consumer = $1::text"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_text(&params, f->subscription->name);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	parked_out->rows = rows;
	return OK;
}

static bool is_parked(const struct parked *parked, const uint8_t subject_id[16])
{
	for (int row = 0; row < PQntuples(parked->rows); row++)
		if (!memcmp(db_bytes(parked->rows, row, 0).data, subject_id, 16))
			return true;
	for (size_t i = 0; i < parked->now_count; i++)
		if (!memcmp(parked->now[i], subject_id, 16))
			return true;
	return false;
}

static enum status park(struct request *req, const struct follower *f, uint32_t epoch,
	const struct consumer_event *event, const struct frame_event *raw, const char *error)
{
	static const struct db_statement insert = {
		"INSERT INTO event_parked (consumer, stream, epoch, pos, subject_id, event, error)"
		" VALUES ($1::text, $2::text, $3::int, $4::bigint, $5::uuid, $6::bytea, $7::text)"
	};
	struct db_params params = { .arena = req->arena };

	db_bind_text(&params, f->subscription->name);
	db_bind_text(&params, f->subscription->stream);
	db_bind_int4(&params, (int32_t)epoch);
	db_bind_int8(&params, (int64_t)raw->position);
	db_bind_uuid(&params, event->subject_id);
	db_bind(&params, raw->bytes, raw->len);
	db_bind_text(&params, error);
	log_error("parked", "consumer=%s stream=%s position=%lu error=\"%s\"", f->subscription->name,
		f->subscription->stream, raw->position, error);
	metric_add(metric_series(METRIC_EVENTS_PARKED, ""), 1);
	return db_run(req->db, req->arena, &insert, &params, NULL);
}

static enum status apply_events(
	struct request *req, const struct subscription *s, const struct consumer_event *events, size_t count)
{
	if (s->apply_all)
		return count ? s->apply_all(req, events, count) : OK;
	for (size_t i = 0; i < count; i++)
		TRY(s->apply(req, &events[i]));
	return OK;
}

/* What cannot be read now never can: it is parked at once. */
static enum status apply_raw(struct request *req, const struct follower *f, uint32_t epoch,
	const struct frame_event *raw, size_t count)
{
	struct consumer_event *events = arena_alloc(req->arena, (count + 1) * sizeof *events);
	struct parked parked = { .now = arena_alloc(req->arena, count * sizeof *parked.now) };
	size_t good = 0;

	TRY(read_parked(req, f, &parked));
	for (size_t i = 0; i < count; i++) {
		struct consumer_event *event = &events[good];
		bool readable = consumer_event_read(
			f->subscription->stream, raw[i].bytes, raw[i].len, req->arena, event);

		if (readable && !is_parked(&parked, event->subject_id)) {
			good++;
			continue;
		}
		if (!readable)
			memcpy(parked.now[parked.now_count++], event->subject_id, 16);
		TRY(park(req, f, epoch, event, &raw[i],
			readable ? "an earlier event of this record is parked" : "it cannot be read"));
	}
	return apply_events(req, f->subscription, events, good);
}

/* The events and the cursor's move to up_to, in one transaction. */
static enum status apply_range(
	struct follower *f, uint32_t epoch, const struct frame_event *events, size_t count, uint64_t up_to)
{
	struct request *req = request_for_job(c.options.service, &principal_system);

	req->db = f->db;
	enum status status = db_ready(f->db);

	if (status == OK)
		status = db_begin(f->db);
	if (status == OK)
		status = move_cursor(req, f, epoch, up_to);
	if (status == OK && count)
		status = apply_raw(req, f, epoch, events, count);
	if (status == OK)
		status = db_commit(f->db);
	else
		db_rollback(f->db);
	request_free(req);
	if (status != OK)
		return status;
	f->epoch = epoch;
	f->position = up_to;
	awaited_wake();
	sequencer_wake();
	return OK;
}

static enum status park_one(struct follower *f, uint32_t epoch, const struct frame_event *raw)
{
	struct request *req = request_for_job(c.options.service, &principal_system);
	struct consumer_event event;

	req->db = f->db;
	consumer_event_read(f->subscription->stream, raw->bytes, raw->len, req->arena, &event);
	enum status status = db_begin(f->db);

	if (status == OK)
		status = move_cursor(req, f, epoch, raw->position);
	if (status == OK)
		status = park(req, f, epoch, &event, raw, db_error(f->db));
	if (status == OK)
		status = db_commit(f->db);
	else
		db_rollback(f->db);
	request_free(req);
	if (status == OK) {
		f->epoch = epoch;
		f->position = raw->position;
	}
	return status;
}

/* The database being away is no fault of an event. */
static bool is_fault(const struct follower *f, enum status status)
{
	return status != OK && status != UNAVAILABLE && !db_is_broken(f->db);
}

static enum status apply_alone(struct follower *f, uint32_t epoch, const struct frame_event *raw)
{
	for (int attempt = 0; attempt < CONSUMER_ATTEMPTS; attempt++) {
		if (atomic_load(&c.stopping))
			return UNAVAILABLE;
		enum status status = apply_range(f, epoch, raw, 1, raw->position);

		if (status == OK || !is_fault(f, status))
			return status;
		usleep(20000u << attempt);
	}
	return park_one(f, epoch, raw);
}

/* The batch at once; when something in it fails, one by one. */
static enum status apply_batch(
	struct follower *f, uint32_t epoch, const struct frame_event *events, size_t count, uint64_t up_to)
{
	enum status status = apply_range(f, epoch, events, count, up_to);

	if (status == OK || !is_fault(f, status))
		return status;
	for (size_t i = 0; i < count; i++)
		TRY(apply_alone(f, epoch, &events[i]));
	return f->position == up_to ? OK : apply_range(f, epoch, NULL, 0, up_to);
}

static bool on_batch(void *ctx, const struct bus_batch *batch)
{
	struct follower *f = ctx;
	enum status status = apply_batch(f, batch->epoch, batch->events, batch->count, batch->up_to);

	if (status != OK)
		log_warn("consumer", "consumer=%s status=%s", f->subscription->name, status_code(status));
	return status == OK;
}

static void on_gap(void *ctx, const char *stream, uint32_t epoch, uint64_t from, uint64_t to)
{
	struct follower *f = ctx;

	(void)stream, (void)epoch, (void)from;
	f->behind = true;
	f->head = to;
}

/* --- catching up */

/* Reads and applies pages of the log until there is no more; also of one that was cut up to its end, where a
 * page has a place and no events. False: not now. */
static bool catch_up(struct follower *f)
{
	for (;;) {
		struct arena *arena = arena_new();
		struct event_page page;
		uint64_t before = f->position;
		bool answered = event_log_read(f->client, f->subscription->stream,
					&(struct event_place){ f->epoch, f->position, NULL, 0 }, CALL_MS,
					arena, &page) == OK;

		if (!answered)
			page = (struct event_page){ .epoch = f->epoch, .up_to = f->position };
		if (f->position && page.low > f->position)
			log_warn("consumer",
				"consumer=%s problem=\"positions are no longer kept\" from=%lu to=%lu",
				f->subscription->name, f->position, page.low);
		metric_set(f->lag, page.head > f->position ? (double)(page.head - f->position) : 0);
		enum status status = !answered              ? UNAVAILABLE
				     : page.up_to <= before ? OK
							    : apply_batch(f, page.epoch, page.events,
								      page.count, page.up_to);

		arena_free(arena);
		if (status != OK)
			return false;
		bus_subscriber_advance(f->subscriber, f->subscription->stream, page.epoch, f->position);
		if (f->position >= page.head)
			return true;
		if (f->position == before)
			return false; /* the log says that there is nothing: not in a circle */
	}
}

/* --- the thread */

static enum status read_cursor(struct follower *f)
{
	static const struct db_statement read = {
		"INSERT INTO event_cursor AS e (consumer, stream, epoch, pos) VALUES ($1::text, $2::text, 0, "
		"0)"
		" ON CONFLICT (consumer) DO UPDATE SET stream = excluded.stream RETURNING e.epoch, e.pos"
	};
	struct arena *arena = arena_new();
	struct db_params params = { .arena = arena };
	PGresult *rows;

	db_bind_text(&params, f->subscription->name);
	db_bind_text(&params, f->subscription->stream);
	enum status status = db_run(f->db, arena, &read, &params, &rows);

	if (status == OK) {
		f->epoch = (uint32_t)db_int4(rows, 0, 0);
		f->position = (uint64_t)db_int8(rows, 0, 1);
	}
	arena_free(arena);
	return status;
}

static void open_follower(struct follower *f)
{
	struct zsocket_error error;
	char label[96];

	while (!atomic_load(&c.stopping) && read_cursor(f) != OK)
		usleep(RETRY_MS * 1000);
	struct bus_stream stream = { f->subscription->stream, f->epoch, f->position };

	f->subscriber =
		bus_subscriber_open(&(struct bus_subscriber_options){ .endpoints = c.options.broker_events,
					    .streams = &stream,
					    .stream_count = 1,
					    .on_batch = on_batch,
					    .on_gap = on_gap,
					    .ctx = f },
			&error);
	if (!f->subscriber)
		config_refuse("GUANXI_BROKER_EVENTS: %s", error.text);
	snprintf(label, sizeof label, "consumer=\"%s\"", f->subscription->name);
	f->lag = metric_series(METRIC_CONSUMER_LAG, label);
	f->behind = true; /* at start nobody has told us where the head is */
}

static void *run(void *ctx)
{
	struct follower *f = ctx;

	pthread_setname_np(pthread_self(), "consumer");
	open_follower(f);
	while (!atomic_load(&c.stopping)) {
		bus_subscriber_process(f->subscriber);
		if (f->behind && catch_up(f))
			f->behind = false;
		bus_client_process(f->client);
		struct pollfd fds[] = { { bus_subscriber_fd(f->subscriber), POLLIN, 0 },
			{ bus_client_fd(f->client), POLLIN, 0 } };

		poll(fds, 2, RETRY_MS);
		if (f->behind)
			usleep(RETRY_MS * 1000);
	}
	return NULL;
}

static void start_follower(struct follower *f)
{
	struct zsocket_error error;

	f->db = db_open(
		&(struct db_options){ c.options.conninfo, c.options.service->name, 30000, 5000, "consumer" });
	f->client = bus_client_open(
		&(struct bus_client_options){ .endpoints = c.options.broker_requests }, &error);
	if (!f->client)
		config_refuse("GUANXI_BROKER_REQUESTS: %s", error.text);
	f->thread = thread_start(run, f, 0);
}

size_t consumer_count(const struct service *service)
{
	size_t count = 0;

	while (service->follows && service->follows[count].name)
		count++;
	return count;
}

void consumer_start(const struct consumer_options *options)
{
	c.options = *options;
	for (const struct subscription *s = options->service->follows; s && s->name; s++) {
		assert(c.count < FOLLOWS_MAX);
		c.followers[c.count++].subscription = s;
	}
	for (size_t i = 0; i < c.count; i++)
		start_follower(&c.followers[i]);
}

void consumer_stop(void)
{
	atomic_store(&c.stopping, true);
	for (size_t i = 0; i < c.count; i++) {
		struct follower *f = &c.followers[i];

		pthread_join(f->thread, NULL);
		bus_subscriber_close(f->subscriber);
		bus_client_close(f->client);
		db_close(f->db);
	}
}
