#include "gateway/expand.h"
#include "gateway/fan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKUP_MS = 3000, ID_TEXT = 36 };
/* Fields of LookupRequest, LookupResponse and ListResponse. */
enum { LOOKUP_IDS = 1, LOOKUP_ITEMS = 1, LIST_ITEMS = 1 };

/* --- what is asked for --- */

static const char *expandable_names(struct call *call, const struct schema_message *message)
{
	struct buffer out = { .arena = call->arena };

	buffer_reserve(&out, 0);
	for (size_t i = 0; i < message->count; i++)
		if (message->fields[i].reference)
			buffer_printf(&out, "%s%s", out.len ? ", " : "", message->fields[i].json_name);
	return out.data;
}

bool expand_add(struct call *call, const char *pointer, const char *name)
{
	const struct schema_message *message = call->route->resource->message;
	const struct schema_field *field = schema_field_find(message, name, strlen(name));

	if (!call->expand)
		call->expand = arena_zalloc(call->arena, sizeof *call->expand);
	if (!field || !field->reference) {
		call_fail_at(call, pointer, MSG_NOT_EXPANDABLE, name, expandable_names(call, message));
		return false;
	}
	if (call->expand->count == EXPAND_MAX) {
		call_fail_at(call, pointer, MSG_TOO_MANY, arena_printf(call->arena, "%d", EXPAND_MAX), NULL);
		return false;
	}
	call->expand->fields[call->expand->count++] = field;
	return true;
}

/* --- asking --- */

struct references {
	const struct schema_resource *resource;
	const char **ids; /* borrowed from the reply, ID_TEXT bytes each */
	size_t count, capacity;
};

static void add_reference(struct call *call, struct references *r, const char *id)
{
	if (r->count == r->capacity) {
		size_t capacity = r->capacity ? r->capacity * 2 : 64;
		const char **ids = arena_alloc(call->arena, capacity * sizeof *ids);

		if (r->count)
			memcpy(ids, r->ids, r->count * sizeof *ids);
		r->ids = ids;
		r->capacity = capacity;
	}
	r->ids[r->count++] = id;
}

static void read_record(struct call *call, struct slice record, struct references *found)
{
	for (size_t i = 0; i < call->expand->count; i++) {
		const struct schema_field *field = call->expand->fields[i];
		struct wire_field f;
		size_t at = 0;

		if (!wire_find(record.data, record.len, field->number, &f) || f.len != ID_TEXT)
			continue;
		while (found[at].resource && found[at].resource != field->reference)
			at++;
		found[at].resource = field->reference;
		add_reference(call, &found[at], f.bytes);
	}
}

static void read_reply(struct call *call, struct references *found)
{
	struct wire_reader reader = wire_reader(call->reply.data, call->reply.len);
	struct wire_field f;

	if (call->id) {
		read_record(call, call->reply, found);
		return;
	}
	while (wire_next(&reader, &f))
		if (f.number == LIST_ITEMS && f.type == WIRE_BYTES)
			read_record(call, (struct slice){ f.bytes, f.len }, found);
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(*(const char *const *)a, *(const char *const *)b, ID_TEXT);
}

static void ask(struct call *call, struct references *r, struct fan_call *to)
{
	struct buffer body = { .arena = call->arena };

	qsort(r->ids, r->count, sizeof *r->ids, compare_ids);
	for (size_t i = 0; i < r->count; i++)
		if (!i || memcmp(r->ids[i], r->ids[i - 1], ID_TEXT))
			wire_add_bytes(&body, LOOKUP_IDS, r->ids[i], ID_TEXT);
	*to = (struct fan_call){
		.queue = arena_printf(call->arena, "%s.read", r->resource->service),
		.method = arena_printf(call->arena, "%s.lookup", r->resource->collection),
		.resource = r->resource,
		.body = { body.data, body.len },
	};
}

static void on_done(struct fan *fan)
{
	call_resume(fan->call, GO_ON);
}

enum progress expand_references(struct call *call)
{
	struct references found[EXPAND_MAX] = { { 0 } };
	size_t count = 0;

	if (!call->expand)
		return GO_ON;
	call->reply.data = arena_strndup(call->arena, call->reply.data, call->reply.len);
	read_reply(call, found);
	while (count < EXPAND_MAX && found[count].resource)
		count++;
	if (!count)
		return GO_ON;
	struct fan *fan = call->expand->answers = fan_new(call, count);

	for (size_t i = 0; i < count; i++)
		ask(call, &found[i], &fan->calls[i]);
	return fan_start(fan, LOOKUP_MS, on_done);
}

/* --- answering --- */

static void append_collection(struct call *call, const struct fan_call *c)
{
	struct wire_reader reader = wire_reader(c->reply.data, c->reply.len);
	struct wire_field f, id;
	const char *comma = "";

	buffer_printf(&call->body, "\"%s\":{", c->resource->collection);
	while (wire_next(&reader, &f)) {
		size_t begun = call->body.len;

		if (f.number != LOOKUP_ITEMS || !wire_find(f.bytes, f.len, STANDARD_ID, &id))
			continue;
		buffer_printf(&call->body, "%s\"%.*s\":", comma, (int)id.len, id.bytes);
		if (json_from_wire(c->resource->message, f.bytes, f.len, NULL, &call->body))
			comma = ",";
		else
			call->body.len = begun;
	}
	buffer_add_text(&call->body, "}");
}

void expand_append(struct call *call)
{
	const struct fan *fan = call->expand ? call->expand->answers : NULL;
	const char *comma = "";
	size_t missing = 0;

	if (!call->expand)
		return;
	buffer_add_text(&call->body, ",\"expanded\":{");
	for (size_t i = 0; fan && i < fan->count; i++) {
		if (fan->calls[i].status != OK) {
			missing++;
			continue;
		}
		buffer_add_text(&call->body, comma);
		append_collection(call, &fan->calls[i]);
		comma = ",";
	}
	buffer_add_text(&call->body, "}");
	if (!missing)
		return;
	buffer_add_text(&call->body, ",\"missing\":[");
	comma = "";
	for (size_t i = 0; i < fan->count; i++)
		if (fan->calls[i].status != OK) {
			buffer_printf(&call->body, "%s\"%s\"", comma, fan->calls[i].resource->collection);
			comma = ",";
		}
	buffer_add_text(&call->body, "]");
}
