#include "kit/event.h"
#include "kit/metrics.h"
#include "kit/uuid.h"
#include <endian.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define POSTGRES_EPOCH_US 946684800000000

/* A CloudEvents attribute: map<string, EventAttribute>, entry = { key 1, value 2 }. */
static void add_attribute(struct buffer *out, const char *key, uint32_t kind, const char *value)
{
	size_t entry = wire_begin(out, 5);

	wire_add_text(out, 1, key);
	size_t attribute = wire_begin(out, 2);

	wire_add_text(out, kind, value);
	wire_end(out, attribute);
	wire_end(out, entry);
}

static void add_time(struct buffer *out, int64_t time_us)
{
	size_t entry = wire_begin(out, 5);

	wire_add_text(out, 1, "time");
	size_t attribute = wire_begin(out, 2);

	wire_add_timestamp(out, 7, time_us);
	wire_end(out, attribute);
	wire_end(out, entry);
}

enum { CE_STRING = 3, CE_URI = 5 };

static void add_change(struct buffer *out, const struct request *req, const struct record *before,
	const struct record *after, const uint8_t *which, int64_t version)
{
	const struct schema_message *message = after->resource->message;
	size_t change = wire_begin(out, 6);

	wire_add_varint(out, 1, (uint64_t)version);
	for (size_t i = 0; i < message->count; i++)
		if (which[i])
			wire_add_text(out, 2, message->fields[i].json_name);
	if (before) {
		size_t begun = wire_begin(out, 3);

		record_encode_some(before, which, out);
		wire_end(out, begun);
	}
	size_t begun = wire_begin(out, 4);

	record_encode_some(after, which, out);
	wire_end(out, begun);
	if (req->principal)
		wire_add_text(out, 5, req->principal->id_text);
	wire_add_text(out, 6, message->full_name);
	wire_end(out, change);
}

static void add_entry(struct buffer *out, const uint8_t *owner, const uint8_t *team)
{
	size_t entry = wire_begin(out, 1);

	if (owner)
		wire_add_bytes(out, 1, owner, 16);
	if (team)
		wire_add_bytes(out, 2, team, 16);
	wire_end(out, entry);
}

static const uint8_t *id_of(const struct record *record, const struct schema_field *field)
{
	return record && field ? record_uuid(record, field->number) : NULL;
}

static bool differ(const uint8_t *a, const uint8_t *b)
{
	return !a != !b || (a && memcmp(a, b, 16));
}

/* Who sees it now, and, when the record moved, who saw it before: they are told that it is hidden from them.
 */
static struct slice audience_of(const struct record *before, const struct record *after)
{
	const struct schema_resource *r = after->resource;
	struct buffer out = { .arena = after->arena };

	if (r->rule->organisation_wide || !r->owner) {
		wire_add_varint(&out, 2, 1);
		return (struct slice){ out.data, out.len };
	}
	const uint8_t *owner = id_of(after, r->owner), *team = id_of(after, r->team);
	const uint8_t *old_owner = id_of(before, r->owner), *old_team = id_of(before, r->team);

	if (r->everyone && record_number(after, r->everyone->number))
		wire_add_varint(&out, 2, 1);
	add_entry(&out, owner, team);
	if (before && (differ(owner, old_owner) || differ(team, old_team)))
		add_entry(&out, old_owner, old_team);
	return (struct slice){ out.data, out.len };
}

static struct event *begin(struct request *req, const struct schema_resource *r, const uint8_t id[16],
	const char *what, int64_t time_us, struct buffer *out)
{
	struct event *event = arena_zalloc(req->arena, sizeof *event);
	char event_id[37], subject_id[37];

	uuid_v7(event->id);
	memcpy(event->request_id, req->id, 16);
	memcpy(event->subject_id, id, 16);
	randombytes_buf(event->salt, sizeof event->salt);
	uuid_to_text(event->id, event_id);
	uuid_to_text(id, subject_id);
	event->type = arena_printf(req->arena, "guanxi.%s.%s.%s.v1", r->service, r->singular, what);
	event->subject_type = r->collection;
	event->time_us = time_us;
	event->traceparent = req->traceparent;
	*out = (struct buffer){ .arena = req->arena };
	wire_add_text(out, 1, event_id);
	wire_add_text(out, 2, arena_printf(req->arena, "/guanxi/%s", r->service));
	wire_add_text(out, 3, "1.0");
	wire_add_text(out, 4, event->type);
	add_attribute(
		out, "subject", CE_STRING, arena_printf(req->arena, "%s/%s", r->collection, subject_id));
	add_time(out, time_us);
	add_attribute(out, "datacontenttype", CE_STRING, "application/protobuf");
	add_attribute(out, "dataschema", CE_URI, r->message->full_name);
	if (req->traceparent)
		add_attribute(out, "traceparent", CE_STRING, req->traceparent);
	if (req->without_automation)
		add_attribute(out, "automation", CE_STRING, "off");
	return event;
}

struct event *event_of_change(struct request *req, const char *what, const struct record *before,
	const struct record *after, const uint8_t *which, int64_t time_us)
{
	struct buffer payload;
	struct event *event =
		begin(req, after->resource, record_uuid(after, STANDARD_ID), what, time_us, &payload);

	event->version = record_number(after, STANDARD_VERSION);
	add_change(&payload, req, before, after, which, event->version);
	event->payload = (struct slice){ payload.data, payload.len };
	event->audience = audience_of(before, after);
	return event;
}

struct event *event_of_occurrence(struct request *req, const struct schema_resource *resource,
	const uint8_t id[16], const char *what, const uint8_t *owner)
{
	struct timespec now;
	struct buffer payload, audience = { .arena = req->arena };

	clock_gettime(CLOCK_REALTIME, &now);
	struct event *event =
		begin(req, resource, id, what, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, &payload);
	size_t change = wire_begin(&payload, 6);

	if (req->principal)
		wire_add_text(&payload, 5, req->principal->id_text);
	wire_add_text(&payload, 6, resource->message->full_name);
	wire_end(&payload, change);
	event->payload = (struct slice){ payload.data, payload.len };
	add_entry(&audience, owner, NULL);
	event->audience = (struct slice){ audience.data, audience.len };
	return event;
}

struct event *event_of_occurrence_with(struct request *req, const char *what, const struct record *record,
	const uint32_t *fields, size_t count)
{
	const struct schema_message *message = record->resource->message;
	uint8_t *which = arena_zalloc(req->arena, message->count);
	struct timespec now;
	struct buffer payload;

	clock_gettime(CLOCK_REALTIME, &now);
	for (size_t i = 0; i < count; i++)
		which[schema_field_by_number(message, fields[i])->index] = 1;
	struct event *event = begin(req, record->resource, record_uuid(record, STANDARD_ID), what,
		(int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, &payload);

	add_change(&payload, req, NULL, record, which, 0); /* as its column: it changes nothing */
	event->payload = (struct slice){ payload.data, payload.len };
	event->audience = audience_of(NULL, record);
	return event;
}

/* The one list of an event's columns: array, type of its elements, name in SQL. */
#define EVENT_ARRAYS(X)                                                                                      \
	X(id, OID_UUID, "uuid")                                                                              \
	X(request_id, OID_UUID, "uuid")                                                                      \
	X(type, OID_TEXT, "text")                                                                            \
	X(subject_type, OID_TEXT, "text")                                                                    \
	X(subject_id, OID_UUID, "uuid")                                                                      \
	X(version, OID_INT8, "bigint")                                                                       \
	X(audience, OID_BYTEA, "bytea")                                                                      \
	X(time, OID_TIMESTAMPTZ, "timestamptz")                                                              \
	X(traceparent, OID_TEXT, "text") X(salt, OID_BYTEA, "bytea") X(payload, OID_BYTEA, "bytea")

void event_arrays_begin(struct event_arrays *arrays, struct arena *arena)
{
#define BEGIN_ARRAY(member, oid, name) db_array_begin(&arrays->member, arena, oid);
	EVENT_ARRAYS(BEGIN_ARRAY)
#undef BEGIN_ARRAY
}

static void add_text(struct db_array *array, const char *text)
{
	if (text)
		db_array_add(array, text, strlen(text));
	else
		db_array_add_null(array);
}

void event_arrays_add(struct event_arrays *arrays, const struct event *event)
{
	uint64_t version = htobe64((uint64_t)event->version),
		 time = htobe64((uint64_t)(event->time_us - POSTGRES_EPOCH_US));

	db_array_add(&arrays->id, event->id, 16);
	db_array_add(&arrays->request_id, event->request_id, 16);
	add_text(&arrays->type, event->type);
	add_text(&arrays->subject_type, event->subject_type);
	db_array_add(&arrays->subject_id, event->subject_id, 16);
	if (event->version)
		db_array_add(&arrays->version, &version, 8);
	else
		db_array_add_null(&arrays->version);
	db_array_add(&arrays->audience, event->audience.data, event->audience.len);
	db_array_add(&arrays->time, &time, 8);
	add_text(&arrays->traceparent, event->traceparent);
	db_array_add(&arrays->salt, event->salt, 16);
	db_array_add(&arrays->payload, event->payload.data, event->payload.len);
}

void event_arrays_bind(struct event_arrays *arrays, struct db_params *params)
{
#define BIND_ARRAY(member, oid, name) db_bind_array(params, &arrays->member);
	EVENT_ARRAYS(BIND_ARRAY)
#undef BIND_ARRAY
}

void event_arrays_sql(struct buffer *out, int first)
{
	const char *comma = "";

	buffer_add_text(out, "unnest(");
#define ADD_ARRAY(member, oid, name)                                                                         \
	buffer_printf(out, "%s$%d::" name "[]", comma, first++);                                             \
	comma = ", ";
	EVENT_ARRAYS(ADD_ARRAY)
#undef ADD_ARRAY
	buffer_add_text(out, ") AS e(" EVENT_COLUMNS ")");
}

enum status event_insert(struct request *req, struct event *const *events, size_t count)
{
	static const struct db_statement insert = {
		"INSERT INTO event_outbox (" EVENT_COLUMNS
		") SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[],"
		" $5::uuid[], $6::bigint[], $7::bytea[], $8::timestamptz[], $9::text[], $10::bytea[], "
		"$11::bytea[])"
	};
	struct event_arrays arrays;
	struct db_params params = { .arena = req->arena };

	event_arrays_begin(&arrays, req->arena);
	for (size_t i = 0; i < count; i++)
		event_arrays_add(&arrays, events[i]);
	event_arrays_bind(&arrays, &params);
	metric_add(metric_series(METRIC_EVENTS_WRITTEN, ""), (double)count);
	return db_run(req->db, req->arena, &insert, &params, NULL);
}
