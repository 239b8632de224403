/* An event of a service's log (proto/guanxi/event.proto), read once and told as JSON. */
#pragma once
#include "kit/arena.h"
#include "kit/schema.h"
#include "kit/wire.h"

struct audience_entry {
	const uint8_t *owner, *team; /* 16 bytes, or NULL */
};

/* Everything is borrowed from the bytes that it was read from, but for the lists, which are in the arena. */
struct logged_event {
	uint64_t position;
	uint32_t epoch;
	struct slice id, source, type, subject, traceparent, data_ref, automation;
	int64_t time_us;
	bool has_time;

	bool everyone;
	const struct audience_entry *audience; /* the current one first */
	size_t audience_count;

	/* the Change */
	bool has_change;
	uint64_t version; /* 0: none */
	const struct slice *fields;
	size_t field_count;
	struct slice before, after; /* data is NULL when absent */
	struct slice principal_id;
	const struct schema_message *resource; /* NULL: not known here */
};

/* From the bytes of a LoggedEvent; false when malformed. */
bool logged_event_read(const void *bytes, size_t len, struct arena *arena, struct logged_event *event_out);

/* CloudEvents 1.0 in JSON, on one line. */
void event_json_add_cloud_event(struct buffer *out, const struct logged_event *event);
/* An entry of a record's history: position, time, type, version, principalId, fields, before, after. */
void event_json_add_history(struct buffer *out, const struct logged_event *event);
