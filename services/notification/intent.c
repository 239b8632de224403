#include "notification/intent.h"
#include "kit/db.h"
#include "kit/event_filter.h"
#include "kit/thread.h"
#include "kit/uuid.h"
#include "notification/notification.h"
#include "notification/sender.h"
#include <arpa/inet.h>
#include <string.h>

const char *intent_cursor(struct arena *arena, const char *stream)
{
	return arena_printf(arena, "notification.webhook.%s", stream);
}

/* --- which webhooks there are */

/* array_send(): five integers, then for each element its length and bytes. An empty one has three. */
static void read_types(struct intent_webhook *webhook, struct slice array)
{
	const char *end = array.data + array.len;
	uint32_t len;

	for (const char *at = array.data + 20; at + 4 <= end && webhook->type_count < INTENT_TYPES_MAX;
		at += len) {
		memcpy(&len, at, 4);
		len = ntohl(len);
		at += 4;
		webhook->types[webhook->type_count++] = (struct slice){ at, len };
	}
}

enum status intent_webhooks(
	struct request *req, const char *stream, struct intent_webhook **webhooks_out, size_t *count_out)
{
	static const struct db_statement find = {
		"SELECT w.id, w.owner_id, ARRAY(SELECT json_array_elements_text(w.types)), w.state = 1,"
		" NOT EXISTS (SELECT FROM webhook_series s WHERE s.webhook_id = w.id AND s.stream = $1::text"
		" AND s.until_pos IS NULL),"
		" (SELECT count(*) FROM (SELECT FROM delivery d WHERE d.webhook_id = w.id AND d.state IN (1, "
		"2)"
		" LIMIT $2::int) x)"
		" FROM webhook w WHERE w.delete_time IS NULL ORDER BY w.id FOR SHARE OF w"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_text(&params, stream);
	db_bind_int4(&params, INTENT_WAITING_MAX);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	*count_out = (size_t)PQntuples(rows);
	*webhooks_out = arena_zalloc(req->arena, (*count_out + 1) * sizeof **webhooks_out);
	for (int row = 0; row < PQntuples(rows); row++) {
		struct intent_webhook *w = &(*webhooks_out)[row];

		memcpy(w->id, db_bytes(rows, row, 0).data, 16);
		memcpy(w->owner, db_bytes(rows, row, 1).data, 16);
		read_types(w, db_bytes(rows, row, 2));
		w->active = db_bool(rows, row, 3);
		w->told = db_bool(rows, row, 4);
		w->waiting = db_int8(rows, row, 5);
	}
	return OK;
}

/* --- writing */

/* Webhooks tell of changes; who wants to know what there is reads the log or a list. */
static bool wants(const struct intent_webhook *webhook, struct slice type)
{
	if (event_type_is_snapshot(type))
		return false;
	for (size_t i = 0; i < webhook->type_count; i++)
		if (event_type_fits(webhook->types[i], type))
			return true;
	return !webhook->type_count;
}

/* An owner who is not active sees nothing; the sender pauses their webhooks. */
static enum status may_see(struct owners *owners, const struct intent_webhook *webhook,
	const struct logged_event *event, bool *may_out)
{
	const struct principal *owner;
	enum status status = owners_get(owners, webhook->owner, &owner);

	*may_out = status == OK &&
		   event_sight(owner, event->everyone, event->audience, event->audience_count) != SEES_NOT;
	return status == NOT_FOUND ? OK : status;
}

void intents_begin(struct intents *intents, struct request *req, bool replayed)
{
	*intents = (struct intents){ .req = req, .replayed = replayed };
	db_array_begin(&intents->ids, req->arena, OID_UUID);
	db_array_begin(&intents->webhooks, req->arena, OID_UUID);
	db_array_begin(&intents->owners, req->arena, OID_UUID);
	db_array_begin(&intents->event_ids, req->arena, OID_TEXT);
	db_array_begin(&intents->types, req->arena, OID_TEXT);
	db_array_begin(&intents->subjects, req->arena, OID_TEXT);
	db_array_begin(&intents->events, req->arena, OID_BYTEA);
}

static void add(struct intents *intents, const struct intent_webhook *w, const struct logged_event *event,
	struct slice raw)
{
	uint8_t id[16];

	uuid_v7(id);
	intents->count++;
	db_array_add(&intents->ids, id, 16);
	db_array_add(&intents->webhooks, w->id, 16);
	db_array_add(&intents->owners, w->owner, 16);
	db_array_add(&intents->event_ids, event->id.data, event->id.len);
	db_array_add(&intents->types, event->type.data, event->type.len);
	db_array_add(&intents->subjects, event->subject.len ? event->subject.data : "", event->subject.len);
	db_array_add(&intents->events, raw.data, raw.len);
}

enum status intents_add(struct intents *intents, struct owners *owners,
	const struct intent_webhook *const *webhooks, size_t count, const struct logged_event *event,
	struct slice raw)
{
	for (size_t i = 0; i < count; i++) {
		bool may = false;

		if (wants(webhooks[i], event->type))
			TRY(may_see(owners, webhooks[i], event, &may));
		if (may)
			add(intents, webhooks[i], event, raw);
	}
	return OK;
}

enum status intents_write(struct intents *intents)
{
	static const struct db_statement write = {
		"INSERT INTO delivery (id, version, create_time, update_time, webhook_id, owner_id, "
		"event_id, type,"
		" subject, state, attempts, next_time, replayed, event)"
		" SELECT r.id, 1, now(), now(), r.webhook, r.owner, r.event_id, r.type, r.subject, 1, 0,"
		" clock_timestamp(), $8::boolean, r.event"
		" FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], "
		"$7::bytea[])"
		" AS r(id, webhook, owner, event_id, type, subject, event)"
	};
	struct db_params params = { .arena = intents->req->arena };
	struct db_array *arrays[] = { &intents->ids, &intents->webhooks, &intents->owners,
		&intents->event_ids, &intents->types, &intents->subjects, &intents->events };

	if (!intents->count)
		return OK;
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
		db_bind_array(&params, arrays[i]);
	db_bind_bool(&params, intents->replayed);
	return db_run(intents->req->db, intents->req->arena, &write, &params, NULL);
}

/* --- as events come */

/* Paused, or too much waits: from this event on it reads the log by itself, when there is room again. */
static enum status leave_behind(
	struct request *req, struct intent_webhook *webhook, const struct consumer_event *event)
{
	static const struct db_statement begin = { "INSERT INTO webhook_series (webhook_id, stream, epoch, "
						   "pos) VALUES ($1::uuid, $2::text, $3::int,"
						   " $4::bigint)" };
	struct db_params params = { .arena = req->arena };

	webhook->told = false;
	db_bind_uuid(&params, webhook->id);
	db_bind_text(&params, event->stream);
	db_bind_int4(&params, (int32_t)event->epoch);
	db_bind_int8(&params, (int64_t)event->position - 1);
	return db_run(req->db, req->arena, &begin, &params, NULL);
}

/* The webhooks, once a batch: a batch is a request. Each stream is followed by a thread of its own. */
static _Thread_local struct {
	uint8_t request[16];
	struct intent_webhook *webhooks;
	size_t count;
	struct owners *owners;
} batch;

static void close_owners(void *owners)
{
	owners_close(owners);
}

static enum status begin_batch(struct request *req, const char *stream)
{
	if (!memcmp(batch.request, req->id, 16))
		return OK;
	if (!batch.owners) {
		batch.owners = owners_open();
		thread_defer(close_owners, batch.owners);
	}
	TRY(intent_webhooks(req, stream, &batch.webhooks, &batch.count));
	memcpy(batch.request, req->id, 16);
	return OK;
}

enum status intent_apply(struct request *req, const struct consumer_event *event)
{
	struct logged_event logged;
	struct intents intents;

	TRY(begin_batch(req, event->stream));
	const struct intent_webhook **told = arena_alloc(req->arena, (batch.count + 1) * sizeof(void *));
	size_t count = 0;

	for (size_t i = 0; i < batch.count; i++) {
		struct intent_webhook *w = &batch.webhooks[i];

		if (w->told && (!w->active || w->waiting >= INTENT_WAITING_MAX))
			TRY(leave_behind(req, w, event));
		if (w->told)
			told[count++] = w;
	}
	if (!count)
		return OK;
	if (!logged_event_read(event->raw.data, event->raw.len, req->arena, &logged))
		return INVALID;
	intents_begin(&intents, req, false);
	TRY(intents_add(&intents, batch.owners, told, count, &logged, event->raw));
	if (intents.count)
		sender_wake();
	return intents_write(&intents);
}
