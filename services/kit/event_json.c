#include "kit/event_json.h"
#include "kit/json.h"
#include <stdio.h>
#include <string.h>

/* Fields of the messages in proto/guanxi/event.proto. */
enum logged_field { LOGGED_POSITION = 1, LOGGED_EPOCH, LOGGED_EVENT, LOGGED_AUDIENCE };
enum event_field {
	EVENT_ID = 1,
	EVENT_SOURCE,
	EVENT_SPEC_VERSION,
	EVENT_TYPE,
	EVENT_ATTRIBUTES,
	EVENT_BINARY_DATA
};
enum entry_field { ENTRY_KEY = 1, ENTRY_VALUE };
enum attribute_field {
	ATTRIBUTE_STRING = 3,
	ATTRIBUTE_URI = 5,
	ATTRIBUTE_URI_REF = 6,
	ATTRIBUTE_TIMESTAMP = 7
};
enum change_field {
	CHANGE_VERSION = 1,
	CHANGE_FIELDS,
	CHANGE_BEFORE,
	CHANGE_AFTER,
	CHANGE_PRINCIPAL,
	CHANGE_RESOURCE
};
enum audience_field { AUDIENCE_ENTRIES = 1, AUDIENCE_EVERYONE };
enum audience_entry_field { AUDIENCE_OWNER = 1, AUDIENCE_TEAM };

/* --- reading --- */

static struct slice slice_of(const struct wire_field *f)
{
	return (struct slice){ f->bytes, f->len };
}

static bool is(struct slice text, const char *wanted)
{
	return text.len == strlen(wanted) && !memcmp(text.data, wanted, text.len);
}

static bool read_attribute_value(struct logged_event *event, struct slice key, const struct wire_field *f)
{
	bool is_text =
		f->number == ATTRIBUTE_STRING || f->number == ATTRIBUTE_URI || f->number == ATTRIBUTE_URI_REF;

	if (f->type != WIRE_BYTES)
		return true;
	if (f->number == ATTRIBUTE_TIMESTAMP && is(key, "time"))
		return event->has_time = wire_timestamp(f->bytes, f->len, &event->time_us);
	if (is_text && is(key, "subject"))
		event->subject = slice_of(f);
	else if (is_text && is(key, "traceparent"))
		event->traceparent = slice_of(f);
	else if (is_text && is(key, "dataref"))
		event->data_ref = slice_of(f);
	else if (is_text && is(key, "automation"))
		event->automation = slice_of(f);
	return true;
}

static bool read_attribute(struct logged_event *event, const struct wire_field *entry)
{
	struct wire_field key, value, f;

	if (!wire_find(entry->bytes, entry->len, ENTRY_KEY, &key) || key.type != WIRE_BYTES ||
		!wire_find(entry->bytes, entry->len, ENTRY_VALUE, &value) || value.type != WIRE_BYTES)
		return false;
	struct wire_reader reader = wire_reader(value.bytes, value.len);

	while (wire_next(&reader, &f))
		if (!read_attribute_value(event, slice_of(&key), &f))
			return false;
	return !reader.failed;
}

static size_t count_of(struct slice bytes, uint32_t number)
{
	struct wire_reader reader = wire_reader(bytes.data, bytes.len);
	struct wire_field f;
	size_t count = 0;

	while (wire_next(&reader, &f))
		count += f.number == number && f.type == WIRE_BYTES;
	return count;
}

static void read_change_field(
	struct logged_event *event, const struct wire_field *f, struct slice *fields, struct arena *arena)
{
	if (f->number == CHANGE_VERSION && f->type == WIRE_VARINT)
		event->version = f->value;
	if (f->type != WIRE_BYTES)
		return;
	if (f->number == CHANGE_FIELDS)
		fields[event->field_count++] = slice_of(f);
	else if (f->number == CHANGE_BEFORE)
		event->before = slice_of(f);
	else if (f->number == CHANGE_AFTER)
		event->after = slice_of(f);
	else if (f->number == CHANGE_PRINCIPAL)
		event->principal_id = slice_of(f);
	else if (f->number == CHANGE_RESOURCE)
		event->resource = schema_message_find(arena_strndup(arena, f->bytes, f->len));
}

static bool read_change(struct logged_event *event, struct slice bytes, struct arena *arena)
{
	struct slice *fields = arena_alloc(arena, count_of(bytes, CHANGE_FIELDS) * sizeof *fields);
	struct wire_reader reader = wire_reader(bytes.data, bytes.len);
	struct wire_field f;

	event->has_change = true;
	event->fields = fields;
	while (wire_next(&reader, &f))
		read_change_field(event, &f, fields, arena);
	return !reader.failed;
}

static bool read_event_field(struct logged_event *event, const struct wire_field *f, struct arena *arena)
{
	if (f->type != WIRE_BYTES)
		return true;
	if (f->number == EVENT_ID)
		event->id = slice_of(f);
	else if (f->number == EVENT_SOURCE)
		event->source = slice_of(f);
	else if (f->number == EVENT_TYPE)
		event->type = slice_of(f);
	else if (f->number == EVENT_ATTRIBUTES)
		return read_attribute(event, f);
	else if (f->number == EVENT_BINARY_DATA)
		return read_change(event, slice_of(f), arena);
	return true;
}

static bool read_event(struct logged_event *event, struct slice bytes, struct arena *arena)
{
	struct wire_reader reader = wire_reader(bytes.data, bytes.len);
	struct wire_field f;

	while (wire_next(&reader, &f))
		if (!read_event_field(event, &f, arena))
			return false;
	return !reader.failed && event->id.len && event->type.len;
}

static const uint8_t *id_of(struct slice entry, uint32_t number)
{
	struct wire_field f;

	return wire_find(entry.data, entry.len, number, &f) && f.type == WIRE_BYTES && f.len == 16
		       ? (const uint8_t *)f.bytes
		       : NULL;
}

static bool read_audience(struct logged_event *event, struct slice bytes, struct arena *arena)
{
	struct audience_entry *entries =
		arena_alloc(arena, count_of(bytes, AUDIENCE_ENTRIES) * sizeof *entries);
	struct wire_reader reader = wire_reader(bytes.data, bytes.len);
	struct wire_field f;

	event->audience = entries;
	while (wire_next(&reader, &f)) {
		if (f.number == AUDIENCE_EVERYONE && f.type == WIRE_VARINT)
			event->everyone = f.value;
		else if (f.number == AUDIENCE_ENTRIES && f.type == WIRE_BYTES)
			entries[event->audience_count++] =
				(struct audience_entry){ id_of(slice_of(&f), AUDIENCE_OWNER),
					id_of(slice_of(&f), AUDIENCE_TEAM) };
	}
	return !reader.failed;
}

bool logged_event_read(const void *bytes, size_t len, struct arena *arena, struct logged_event *event_out)
{
	struct wire_reader reader = wire_reader(bytes, len);
	struct wire_field f;
	bool sound = true, found = false;

	*event_out = (struct logged_event){ 0 };
	while (sound && wire_next(&reader, &f)) {
		if (f.number == LOGGED_POSITION && f.type == WIRE_VARINT)
			event_out->position = f.value;
		else if (f.number == LOGGED_EPOCH && f.type == WIRE_VARINT)
			event_out->epoch = (uint32_t)f.value;
		else if (f.number == LOGGED_EVENT && f.type == WIRE_BYTES)
			found = sound = read_event(event_out, slice_of(&f), arena);
		else if (f.number == LOGGED_AUDIENCE && f.type == WIRE_BYTES)
			sound = read_audience(event_out, slice_of(&f), arena);
	}
	return sound && found && !reader.failed;
}

/* --- telling --- */

static void add_text(struct buffer *out, const char *name, struct slice text)
{
	if (!text.data)
		return;
	buffer_printf(out, "%s\"%s\":", out->data[out->len - 1] == '{' ? "" : ",", name);
	json_add_string(out, text.data, text.len);
}

static void add_time(struct buffer *out, const struct logged_event *event)
{
	if (!event->has_time)
		return;
	buffer_add_text(out, ",\"time\":");
	json_add_time(out, event->time_us);
}

static void add_record(
	struct buffer *out, const char *name, const struct logged_event *event, struct slice record)
{
	size_t begun = out->len;

	if (!record.data || !event->resource)
		return;
	buffer_printf(out, ",\"%s\":", name);
	if (!json_from_wire(event->resource, record.data, record.len, NULL, out))
		out->len = begun;
}

/* The members of a Change, behind others. */
static void add_change(struct buffer *out, const struct logged_event *event)
{
	buffer_add_text(out, ",\"fields\":[");
	for (size_t i = 0; i < event->field_count; i++) {
		if (i)
			buffer_add_text(out, ",");
		json_add_string(out, event->fields[i].data, event->fields[i].len);
	}
	buffer_add_text(out, "]");
	add_record(out, "before", event, event->before);
	add_record(out, "after", event, event->after);
	add_text(out, "principalId", event->principal_id);
}

void event_json_add_cloud_event(struct buffer *out, const struct logged_event *event)
{
	buffer_add_text(out, "{\"specversion\":\"1.0\"");
	add_text(out, "id", event->id);
	add_text(out, "source", event->source);
	add_text(out, "type", event->type);
	add_text(out, "subject", event->subject);
	add_time(out, event);
	/* CloudEvents sequence extension: compares as text. */
	buffer_printf(
		out, ",\"sequence\":\"%08x%016llx\"", event->epoch, (unsigned long long)event->position);
	add_text(out, "traceparent", event->traceparent);
	add_text(out, "dataref", event->data_ref);
	add_text(out, "automation", event->automation);
	if (event->has_change) {
		buffer_printf(out, ",\"datacontenttype\":\"application/json\",\"data\":{\"version\":\"%llu\"",
			(unsigned long long)event->version);
		add_change(out, event);
		buffer_add_text(out, "}");
	}
	buffer_add_text(out, "}");
}

void event_json_add_history(struct buffer *out, const struct logged_event *event)
{
	buffer_printf(out, "{\"position\":\"%llu\"", (unsigned long long)event->position);
	add_time(out, event);
	add_text(out, "type", event->type);
	buffer_printf(out, ",\"version\":\"%llu\"", (unsigned long long)event->version);
	add_change(out, event);
	buffer_add_text(out, "}");
}
