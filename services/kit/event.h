/*
 * Events as they are written: built in memory with the change that they tell of, inserted into event_outbox
 *by the statement that makes the change (DESIGN section 7). Payload: an Event of proto/guanxi/event.proto,
 *that is a CloudEvent 1.0.2 in protobuf form, whose binary_data is a Change.
 *
 *	id, source "/guanxi/<service>", specversion "1.0", type "guanxi.<service>.<resource>.<what>.v1"
 *	subject "<collection>/<id>", time, datacontenttype "application/protobuf", dataschema "<message>",
 *traceparent; and the extension automation "off" on what an import or its undoing did that was to start none
 */
#pragma once
#include "kit/db.h"
#include "kit/record.h"
#include "kit/request.h"

struct event {
	struct event *next;
	uint8_t id[16], request_id[16], subject_id[16];
	const char *type, *subject_type;
	int64_t version; /* 0: changes nothing */
	int64_t time_us;
	const char *traceparent; /* NULL: none */
	uint8_t salt[16];
	struct slice audience, payload;
};

/* A change of one record: created (before NULL), updated, deleted, restored. `which` marks the changed
 * fields, one byte a field. */
struct event *event_of_change(struct request *req, const char *what, const struct record *before,
	const struct record *after, const uint8_t *which, int64_t time_us);
/* Something that happened to a record and changed nothing in it, e.g. "signed_in". `data` is a Change without
 * before and after. */
struct event *event_of_occurrence(struct request *req, const struct schema_resource *resource,
	const uint8_t id[16], const char *what, const uint8_t *owner);

/* The same, telling some fields of a record in `after`: "exported", with who took what along. */
struct event *event_of_occurrence_with(struct request *req, const char *what, const struct record *record,
	const uint32_t *fields, size_t count);

/* The columns of an event as array parameters, in the order of EVENT_ARRAYS: ten of them. */
struct event_arrays {
	struct db_array id, request_id, type, subject_type, subject_id, version, audience, time, traceparent,
		salt, payload;
};
#define EVENT_PARAMETERS 11
void event_arrays_begin(struct event_arrays *arrays, struct arena *arena);
void event_arrays_add(struct event_arrays *arrays, const struct event *event);
void event_arrays_bind(struct event_arrays *arrays, struct db_params *params);
/* "unnest($n::uuid[], …) AS e(event_id, …)" with parameters from `first`. */
void event_arrays_sql(struct buffer *out, int first);
#define EVENT_COLUMNS                                                                                        \
	"event_id, request_id, type, subject_type, subject_id, subject_version, audience, occurred_at, "     \
	"traceparent, salt, payload"

/* Inserts events alone: for straight-line code, as its last statement before the commit. */
enum status event_insert(struct request *req, struct event *const *events, size_t count) MUST_CHECK;
