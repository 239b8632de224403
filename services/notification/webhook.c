#include "kit/db.h"
#include "kit/engine.h"
#include "kit/event_filter.h"
#include "kit/json.h"
#include "kit/uuid.h"
#include "notification/address.h"
#include "notification/intent.h"
#include "notification/notification.h"
#include "notification/post.h"
#include "notification/secret.h"
#include "notification/sender.h"
#include "notification/series.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const struct schema_resource *webhooks(void)
{
	return schema_resource_find("webhooks");
}

/* --- hooks */

static enum status check_url(struct request *req, const struct record *webhook)
{
	const char *url = record_text(webhook, WEBHOOK_URL);

	if (url && strncasecmp(url, "https:", 6) && !address_any_allowed())
		return fail_field(req, "/url", MSG_HTTPS_ONLY, NULL);
	return OK;
}

static bool is_our_own(struct slice type)
{
	static const char own[] = "guanxi.notification.";

	return type.len >= sizeof own - 1 && !memcmp(type.data, own, sizeof own - 1);
}

static enum status check_types(struct request *req, const struct record *webhook)
{
	const struct schema_field *field = schema_field_by_number(webhook->resource->message, WEBHOOK_TYPES);
	struct slice types = webhook->fields[field->index];
	struct wire_reader reader = wire_reader(types.data, types.len);
	struct wire_field type;
	enum status status = OK;

	for (unsigned i = 0; wire_next(&reader, &type); i++) {
		const char *pointer = arena_printf(req->arena, "/types/%u", i);

		if (!event_type_is_filter(type.bytes, type.len))
			status = fail_field(req, pointer, MSG_BAD_EVENT_TYPE,
				arena_strndup(req->arena, type.bytes, type.len), NULL);
		else if (is_our_own((struct slice){ type.bytes, type.len }))
			status = fail_field(req, pointer, MSG_WEBHOOK_OWN_EVENTS, NULL);
	}
	return status;
}

static enum status check(struct request *req, const struct record *webhook)
{
	enum status url = check_url(req, webhook), types = check_types(req, webhook);

	return url != OK ? url : types;
}

static enum status before_create(struct request *req, struct record *after)
{
	record_set_number(after, WEBHOOK_STATE, WEBHOOK_ACTIVE);
	return check(req, after);
}

static enum status before_update(struct request *req, const struct record *before, struct record *after)
{
	(void)before;
	return check(req, after);
}

const struct resource_ops webhook_ops = { .before_create = before_create, .before_update = before_update };

/* --- what the methods have in common */

/* The webhook that the request names, locked: nothing is written for it meanwhile. */
static enum status named(struct request *req, struct record **webhook_out)
{
	struct wire_field f;
	uint8_t id[16];

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (!wire_find(req->body, req->body_len, 1, &f) || !uuid_from_text(f.bytes, f.len, id))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	return engine_get_locked(req, webhooks(), id, webhook_out);
}

static enum status set_state(struct request *req, const struct record *webhook, enum webhook_state state,
	enum webhook_reason reason, struct record **after_out)
{
	const uint32_t fields[] = { WEBHOOK_STATE, WEBHOOK_REASON };
	struct record *patch = record_new(webhooks(), req->arena);

	record_set_number(patch, WEBHOOK_STATE, state);
	if (reason)
		record_set_number(patch, WEBHOOK_REASON, reason);
	return engine_update(req, webhooks(), record_uuid(webhook, STANDARD_ID), patch, fields, 2, after_out);
}

static void answer(struct request *req, const struct buffer *out)
{
	req->reply = (struct slice){ out->len ? out->data : "", out->len };
}

/* --- secrets */

enum status webhook_rotate_secret(struct request *req)
{
	struct buffer out = { .arena = req->arena };
	uint8_t secret[SECRET_BYTES];
	char text[SECRET_TEXT_MAX];
	struct record *webhook;
	int64_t previous_us;

	TRY(named(req, &webhook));
	TRY(secret_rotate(req, record_uuid(webhook, STANDARD_ID), secret, &previous_us));
	secret_to_text(secret, text);
	wire_add_text(&out, 1, text);
	if (previous_us)
		wire_add_timestamp(&out, 2, previous_us);
	answer(req, &out);
	return OK;
}

/* --- pausing and going on */

enum status webhook_pause(struct request *req)
{
	struct buffer out = { .arena = req->arena };
	struct record *webhook;

	TRY(named(req, &webhook));
	if (record_number(webhook, WEBHOOK_STATE) == WEBHOOK_ACTIVE)
		TRY(set_state(req, webhook, WEBHOOK_PAUSED, WEBHOOK_BY_HAND, &webhook));
	record_encode(webhook, &out);
	answer(req, &out);
	req->version = (uint64_t)record_number(webhook, STANDARD_VERSION);
	req->created_id = record_text(webhook, STANDARD_ID);
	return OK;
}

static enum status count_failed(struct request *req, const struct record *webhook, int64_t *count_out)
{
	static const struct db_statement count = {
		"SELECT count(*) FROM delivery d JOIN webhook w ON w.id = d.webhook_id WHERE w.id = $1::uuid"
		" AND d.state = 4 AND d.update_time >= w.failing_since"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, record_uuid(webhook, STANDARD_ID));
	TRY(db_run(req->db, req->arena, &count, &params, &rows));
	*count_out = db_int8(rows, 0, 0);
	return OK;
}

/* What waits goes first, with all its tries before it. */
static enum status release_waiting(struct request *req, const struct record *webhook, int64_t *count_out)
{
	static const struct db_statement release = {
		"WITH d AS (UPDATE delivery SET next_time = clock_timestamp(), attempts = 0 WHERE webhook_id "
		"= $1::uuid"
		" AND state = 1 RETURNING id), w AS (UPDATE webhook SET failing_since = NULL, last_error = "
		"NULL"
		" WHERE id = $1::uuid) SELECT count(*) FROM d"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, record_uuid(webhook, STANDARD_ID));
	TRY(db_run(req->db, req->arena, &release, &params, &rows));
	*count_out = db_int8(rows, 0, 0);
	return OK;
}

enum status webhook_resume(struct request *req)
{
	struct buffer out = { .arena = req->arena };
	struct record *webhook;
	int64_t waiting, failed;

	TRY(named(req, &webhook));
	TRY(count_failed(req, webhook, &failed));
	if (record_number(webhook, WEBHOOK_STATE) != WEBHOOK_ACTIVE)
		TRY(set_state(req, webhook, WEBHOOK_ACTIVE, 0, &webhook));
	TRY(release_waiting(req, webhook, &waiting));
	wire_add_varint(&out, 1, (uint64_t)waiting);
	TRY(series_add_places(req, record_uuid(webhook, STANDARD_ID), 2, &out));
	wire_add_varint(&out, 3, (uint64_t)failed);
	answer(req, &out);
	sender_wake();
	return OK;
}

enum status webhook_halt(
	struct request *req, const uint8_t id[16], enum webhook_state state, enum webhook_reason reason)
{
	struct record *webhook;
	char link[64] = "webhooks/";
	enum status status = engine_get_locked(req, webhooks(), id, &webhook);

	if (status == NOT_FOUND)
		return OK; /* deleted meanwhile */
	TRY(status);
	if (record_number(webhook, WEBHOOK_STATE) != WEBHOOK_ACTIVE)
		return OK;
	TRY(set_state(req, webhook, state, reason, &webhook));
	if (reason == WEBHOOK_OWNER_INACTIVE)
		return OK;
	uuid_to_text(id, link + strlen(link));
	return notice_tell(req, record_uuid(webhook, STANDARD_OWNER_ID),
		state == WEBHOOK_PAUSED ? NOTIFICATION_WEBHOOK_PAUSED : NOTIFICATION_WEBHOOK_DISABLED,
		record_text(webhook, WEBHOOK_NAME), link);
}

/* --- replaying */

enum status webhook_replay(struct request *req)
{
	struct buffer out = { .arena = req->arena };
	struct wire_field from, stream;
	struct record *webhook;

	TRY(named(req, &webhook));
	if (!wire_find(req->body, req->body_len, 2, &from))
		return fail_field(req, "/from", MSG_REQUIRED, NULL);
	bool in_one = wire_find(req->body, req->body_len, 3, &stream) && stream.len;

	TRY(series_replay(req, record_uuid(webhook, STANDARD_ID),
		arena_strndup(req->arena, from.bytes, from.len),
		in_one ? arena_strndup(req->arena, stream.bytes, stream.len) : NULL, &out));
	answer(req, &out);
	return OK;
}

/* --- trying it out */

static struct slice ping(struct request *req, const char *event_id, const char *webhook_id)
{
	struct buffer out = { .arena = req->arena };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	buffer_printf(&out,
		"{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"/guanxi/notification\","
		"\"type\":\"guanxi.notification.webhook.tested.v1\",\"subject\":\"webhooks/%s\",\"time\":",
		event_id, webhook_id);
	json_add_time(&out, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	buffer_add_text(&out, "}");
	return (struct slice){ out.data, out.len };
}

static void add_outcome(struct buffer *out, const struct post_outcome *outcome)
{
	wire_add_varint(out, 1, outcome->ok);
	if (outcome->status)
		wire_add_varint(out, 2, (uint64_t)outcome->status);
	wire_add_varint(out, 3, (uint64_t)outcome->duration_ms);
	if (outcome->error)
		wire_add_text(out, 4, outcome->error);
	if (outcome->answer)
		wire_add_text(out, 5, outcome->answer);
}

static enum status post_ping(struct request *req, const struct record *webhook)
{
	uint8_t secrets[SECRETS_MAX][SECRET_BYTES], id[16];
	struct buffer out = { .arena = req->arena };
	char *event_id = arena_alloc(req->arena, UUID_TEXT_LEN + 1);
	size_t count;

	uuid_v7(id);
	uuid_to_text(id, event_id);
	TRY(secret_load(req, record_uuid(webhook, STANDARD_ID), secrets, &count));
	TRY(db_commit(req->db)); /* no row stays locked while the endpoint thinks */
	TRY(db_begin(req->db));
	struct post *post = post_new(&(struct post_request){ .url = record_text(webhook, WEBHOOK_URL),
					     .id = event_id,
					     .body = ping(req, event_id, record_text(webhook, STANDARD_ID)),
					     .secrets = secrets,
					     .secret_count = count },
		req->arena);
	struct post_outcome outcome = post_outcome(post, curl_easy_perform(post->easy));

	add_outcome(&out, &outcome);
	answer(req, &out);
	return OK;
}

/* One at a time: an endpoint that does not answer holds its lane for a quarter of a minute. */
enum status webhook_test(struct request *req)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	struct record *webhook;

	TRY(named(req, &webhook));
	if (pthread_mutex_trylock(&one))
		return fail(req, LIMITED, MSG_WEBHOOK_TEST_BUSY, NULL);
	enum status status = post_ping(req, webhook);

	pthread_mutex_unlock(&one);
	return status;
}
