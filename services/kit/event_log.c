#include "kit/event_log.h"
#include "kit/wire.h"

enum read_log_field { READ_EPOCH = 1, READ_AFTER, READ_LIMIT, READ_TIME };
enum read_log_reply_field { REPLY_EPOCH = 1, REPLY_HEAD, REPLY_LOW, REPLY_EVENTS, REPLY_UP_TO };

static void ask(struct bus_client *client, const char *stream, const struct event_place *place,
	uint32_t timeout_ms, struct arena *arena, struct bus_reply *reply)
{
	struct buffer header = { .arena = arena }, body = { .arena = arena };

	wire_add_text(&header, 1, "events.readLog");
	wire_add_text(&header, 2, "system");
	wire_add_varint(&body, READ_EPOCH, place->epoch);
	wire_add_varint(&body, READ_AFTER, place->after);
	if (place->limit)
		wire_add_varint(&body, READ_LIMIT, place->limit);
	if (place->time)
		wire_add_text(&body, READ_TIME, place->time);
	bus_client_call_wait(client,
		&(struct bus_call){ .queue = arena_printf(arena, "%s.query", stream),
			.header = header.data,
			.header_len = header.len,
			.body = body.data,
			.body_len = body.len,
			.timeout_ms = timeout_ms,
			.idempotent = true },
		reply);
}

static void read_field(const struct wire_field *f, struct event_page *page)
{
	struct wire_field position;

	if (f->number == REPLY_EPOCH)
		page->epoch = (uint32_t)f->value;
	else if (f->number == REPLY_HEAD)
		page->head = f->value;
	else if (f->number == REPLY_LOW)
		page->low = f->value;
	else if (f->number == REPLY_UP_TO)
		page->up_to = f->value;
	else if (f->number == REPLY_EVENTS && page->count < EVENT_PAGE_MAX &&
		 wire_find(f->bytes, f->len, 1, &position))
		page->events[page->count++] =
			(struct frame_event){ position.value, (const uint8_t *)f->bytes, (uint32_t)f->len };
}

enum status event_log_read(struct bus_client *client, const char *stream, const struct event_place *place,
	uint32_t timeout_ms, struct arena *arena, struct event_page *page_out)
{
	struct event_page page = { .epoch = place->epoch,
		.up_to = place->after,
		.events = arena_alloc(arena, EVENT_PAGE_MAX * sizeof *page.events) };
	struct bus_reply reply;
	struct wire_field f;

	ask(client, stream, place, timeout_ms, arena, &reply);
	if (reply.outcome != BUS_ANSWERED || reply.status != OK)
		return UNAVAILABLE;
	struct wire_reader reader = wire_reader(reply.body, reply.body_len);

	while (wire_next(&reader, &f))
		read_field(&f, &page);
	if (reader.failed)
		return INTERNAL;
	*page_out = page;
	return OK;
}
