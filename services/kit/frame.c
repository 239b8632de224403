#include "kit/frame.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t MAGIC[4] = { 'G', 'X', 'B', '1' };
static const uint8_t VERSION = 1;

static uint16_t get_u16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return le16toh(value);
}

static uint32_t get_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static uint64_t get_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static void put_u16(uint8_t *at, uint16_t value)
{
	value = htole16(value);
	memcpy(at, &value, sizeof(value));
}

static void put_u32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static void put_u64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

static size_t left(const struct frame_reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

static bool name_characters_valid(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'))
			return false;
	}
	return true;
}

bool frame_name_valid(const char *name, size_t len)
{
	return len > 0 && len <= FRAME_NAME_MAX && name_characters_valid(name, len);
}

bool frame_read_envelope(struct frame_reader *reader, struct frame_envelope *out)
{
	const uint8_t *at = reader->at;

	if (left(reader) < FRAME_ENVELOPE_SIZE || memcmp(at, MAGIC, sizeof(MAGIC)) != 0 || at[4] != VERSION)
		return false;

	uint8_t type = at[5];
	uint8_t name_len = at[7];
	const char *name = (const char *)at + FRAME_ENVELOPE_SIZE;

	if (type == 0 || type >= FRAME_TYPES || name_len > FRAME_NAME_MAX)
		return false;
	if (left(reader) - FRAME_ENVELOPE_SIZE < name_len || !name_characters_valid(name, name_len))
		return false;
	*out = (struct frame_envelope){
		.type = type,
		.count = get_u32(at + 8),
		.name = name,
		.name_len = name_len,
	};
	reader->at += FRAME_ENVELOPE_SIZE + name_len;
	return true;
}

bool frame_read_item(struct frame_reader *reader, struct frame_item *out)
{
	const uint8_t *at = reader->at;

	if (left(reader) < FRAME_ITEM_SIZE)
		return false;

	uint32_t body_len = get_u32(at + 12);
	uint32_t header_len = get_u16(at + 16);

	if (header_len > FRAME_HEADER_MAX || body_len > FRAME_BODY_MAX ||
		left(reader) - FRAME_ITEM_SIZE < (size_t)header_len + body_len)
		return false;
	*out = (struct frame_item){
		.id = get_u64(at),
		.time_ms = get_u32(at + 8),
		.status = get_u16(at + 18),
		.outcome = at[20],
		.flags = at[21],
		.header = at + FRAME_ITEM_SIZE,
		.header_len = header_len,
		.body = at + FRAME_ITEM_SIZE + header_len,
		.body_len = body_len,
	};
	reader->at += FRAME_ITEM_SIZE + header_len + body_len;
	return true;
}

bool frame_read_batch(struct frame_reader *reader, struct frame_batch *out)
{
	const uint8_t *at = reader->at;

	if (left(reader) < FRAME_BATCH_SIZE)
		return false;

	struct frame_batch batch = {
		.epoch = get_u32(at), .previous = get_u64(at + 8), .up_to = get_u64(at + 16)
	};

	if (batch.previous > batch.up_to)
		return false;
	*out = batch;
	reader->at += FRAME_BATCH_SIZE;
	return true;
}

bool frame_read_event(struct frame_reader *reader, struct frame_event *out)
{
	const uint8_t *at = reader->at;

	if (left(reader) < FRAME_EVENT_SIZE)
		return false;

	uint32_t len = get_u32(at + 8);

	if (len > FRAME_EVENT_MAX || left(reader) - FRAME_EVENT_SIZE < len)
		return false;
	*out = (struct frame_event){ .position = get_u64(at), .bytes = at + FRAME_EVENT_SIZE, .len = len };
	reader->at += FRAME_EVENT_SIZE + len;
	return true;
}

bool frame_read_window(struct frame_reader *reader, struct frame_window *out)
{
	if (left(reader) < FRAME_WINDOW_SIZE)
		return false;
	*out = (struct frame_window){ .bytes = get_u64(reader->at), .batches = get_u64(reader->at + 8) };
	reader->at += FRAME_WINDOW_SIZE;
	return true;
}

bool frame_items_valid(struct frame_reader reader, const struct frame_envelope *envelope)
{
	struct frame_item item;

	if (envelope->count == 0 || envelope->count > FRAME_ITEMS_MAX)
		return false;
	for (uint32_t i = 0; i < envelope->count; i++)
		if (!frame_read_item(&reader, &item) || item.outcome >= BUS_OUTCOMES)
			return false;
	return left(&reader) == 0;
}

bool frame_events_valid(struct frame_reader reader, const struct frame_envelope *envelope)
{
	struct frame_batch batch;
	struct frame_event event;

	if (envelope->count > FRAME_EVENTS_MAX || !frame_read_batch(&reader, &batch))
		return false;

	uint64_t last = batch.previous;

	for (uint32_t i = 0; i < envelope->count; i++) {
		if (!frame_read_event(&reader, &event) || event.position <= last ||
			event.position > batch.up_to)
			return false;
		last = event.position;
	}
	return left(&reader) == 0;
}

/* Returns where `size` more bytes of the message go. */
static uint8_t *extend(struct frame_writer *writer, size_t size)
{
	size_t needed = writer->len + size;

	if (needed > writer->capacity) {
		size_t capacity = writer->capacity ? writer->capacity : 1024;

		while (capacity < needed)
			capacity *= 2;
		writer->bytes = realloc(writer->bytes, capacity);
		if (!writer->bytes)
			abort(); /* out of memory ends the process (STYLE.md) */
		writer->capacity = capacity;
	}
	uint8_t *at = writer->bytes + writer->len;

	writer->len = needed;
	return at;
}

static bool fits(const struct frame_writer *writer, uint32_t count_max, size_t size)
{
	return writer->count < count_max && writer->len + size <= FRAME_MESSAGE_MAX;
}

void frame_write_begin(struct frame_writer *writer, enum frame_type type, const char *name, size_t name_len)
{
	assert(!writer->len && name_len <= FRAME_NAME_MAX);

	uint8_t *at = extend(writer, FRAME_ENVELOPE_SIZE + name_len);

	memset(at, 0, FRAME_ENVELOPE_SIZE);
	memcpy(at, MAGIC, sizeof(MAGIC));
	at[4] = VERSION;
	at[5] = (uint8_t)type;
	at[7] = (uint8_t)name_len;
	if (name_len)
		memcpy(at + FRAME_ENVELOPE_SIZE, name, name_len);
}

bool frame_write_item(struct frame_writer *writer, const struct frame_item *item)
{
	size_t size = FRAME_ITEM_SIZE + (size_t)item->header_len + item->body_len;

	assert(writer->len && item->header_len <= FRAME_HEADER_MAX && item->body_len <= FRAME_BODY_MAX);
	if (!fits(writer, FRAME_ITEMS_MAX, size))
		return false;

	uint8_t *at = extend(writer, size);

	put_u64(at, item->id);
	put_u32(at + 8, item->time_ms);
	put_u32(at + 12, item->body_len);
	put_u16(at + 16, (uint16_t)item->header_len);
	put_u16(at + 18, item->status);
	at[20] = item->outcome;
	at[21] = item->flags;
	put_u16(at + 22, 0);
	if (item->header_len)
		memcpy(at + FRAME_ITEM_SIZE, item->header, item->header_len);
	if (item->body_len)
		memcpy(at + FRAME_ITEM_SIZE + item->header_len, item->body, item->body_len);
	writer->count++;
	return true;
}

void frame_write_batch(struct frame_writer *writer, const struct frame_batch *batch)
{
	uint8_t *at = extend(writer, FRAME_BATCH_SIZE);

	assert(batch->previous <= batch->up_to);
	put_u32(at, batch->epoch);
	put_u32(at + 4, 0);
	put_u64(at + 8, batch->previous);
	put_u64(at + 16, batch->up_to);
}

bool frame_write_event(struct frame_writer *writer, const struct frame_event *event)
{
	assert(writer->len && event->len <= FRAME_EVENT_MAX);
	if (!fits(writer, FRAME_EVENTS_MAX, FRAME_EVENT_SIZE + (size_t)event->len))
		return false;

	uint8_t *at = extend(writer, FRAME_EVENT_SIZE + (size_t)event->len);

	put_u64(at, event->position);
	put_u32(at + 8, event->len);
	if (event->len)
		memcpy(at + FRAME_EVENT_SIZE, event->bytes, event->len);
	writer->count++;
	return true;
}

void frame_write_window(struct frame_writer *writer, const struct frame_window *window)
{
	uint8_t *at = extend(writer, FRAME_WINDOW_SIZE);

	put_u64(at, window->bytes);
	put_u64(at + 8, window->batches);
}

void frame_write_count(struct frame_writer *writer, uint32_t count)
{
	assert(writer->len);
	writer->count = count;
}

bool frame_writer_open(const struct frame_writer *writer)
{
	return writer->len > 0;
}

uint8_t *frame_writer_take(struct frame_writer *writer, size_t *len_out)
{
	uint8_t *bytes = writer->bytes;

	assert(writer->len >= FRAME_ENVELOPE_SIZE);
	put_u32(bytes + 8, writer->count);
	*len_out = writer->len;
	*writer = (struct frame_writer){ 0 };
	return bytes;
}

void frame_writer_fini(struct frame_writer *writer)
{
	free(writer->bytes);
	*writer = (struct frame_writer){ 0 };
}

void frame_patch_type(uint8_t *message, enum frame_type type)
{
	message[5] = (uint8_t)type;
}

void frame_patch_up_to(uint8_t *message, uint64_t up_to)
{
	put_u64(message + FRAME_ENVELOPE_SIZE + message[7] + 16, up_to);
}

const char *frame_type_text(enum frame_type type)
{
	static const char *const TEXTS[FRAME_TYPES] = {
		[FRAME_REQUEST] = "request",
		[FRAME_REPLY] = "reply",
		[FRAME_CANCEL] = "cancel",
		[FRAME_READY] = "ready",
		[FRAME_GOODBYE] = "goodbye",
		[FRAME_HEARTBEAT] = "heartbeat",
		[FRAME_HELLO] = "hello",
		[FRAME_PUBLISH] = "publish",
		[FRAME_EVENTS] = "events",
		[FRAME_HEAD] = "head",
		[FRAME_SUBSCRIBE] = "subscribe",
		[FRAME_CREDIT] = "credit",
	};

	return type < FRAME_TYPES && TEXTS[type] ? TEXTS[type] : "unknown";
}

const char *bus_outcome_text(enum bus_outcome outcome)
{
	static const char *const TEXTS[BUS_OUTCOMES] = {
		[BUS_ANSWERED] = "the service answered",
		[BUS_DEADLINE] = "the time allowed was over before the service answered",
		[BUS_UNAVAILABLE] = "the connection to the service was lost before it answered",
		[BUS_OVERLOADED] = "the service has more work than it can take on",
		[BUS_NO_SERVICE] = "no such service is up",
		[BUS_REFUSED] = "the request was refused by the broker",
	};

	return outcome < BUS_OUTCOMES ? TEXTS[outcome] : "an outcome that this version does not know";
}
