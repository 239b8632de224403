/* Any bytes at a decoder: nothing is read beyond them, what is sound survives a round trip, and nothing else
 * is let through. */
#include "kit/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite_items(
	const struct frame_envelope *envelope, struct frame_reader reader, const uint8_t *data, size_t size)
{
	struct frame_writer writer = { 0 };
	struct frame_item item;
	size_t len;

	frame_write_begin(&writer, envelope->type, envelope->name, envelope->name_len);
	for (uint32_t i = 0; i < envelope->count; i++) {
		assert(frame_read_item(&reader, &item));
		assert(frame_write_item(&writer, &item));
	}
	uint8_t *bytes = frame_writer_take(&writer, &len);

	assert(len == size);
	/* Reserved bytes are not kept, names are. */
	assert(memcmp(bytes + FRAME_ENVELOPE_SIZE, data + FRAME_ENVELOPE_SIZE, envelope->name_len) == 0);
	free(bytes);
}

static void walk_events(const struct frame_envelope *envelope, struct frame_reader reader)
{
	struct frame_batch batch;
	struct frame_event event;
	volatile uint8_t seen = 0; /* so that reading is not optimised away */

	assert(frame_read_batch(&reader, &batch));
	for (uint32_t i = 0; i < envelope->count; i++) {
		assert(frame_read_event(&reader, &event));
		assert(event.position > batch.previous && event.position <= batch.up_to);
		for (uint32_t b = 0; b < event.len; b++)
			seen ^= event.bytes[b];
	}
	(void)seen;
	assert(reader.at == reader.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_reader reader = { data, data + size };
	struct frame_envelope envelope;
	struct frame_window window;

	if (size > FRAME_MESSAGE_MAX || !frame_read_envelope(&reader, &envelope))
		return 0;
	assert(envelope.name_len == 0 || frame_name_valid(envelope.name, envelope.name_len));
	if (frame_items_valid(reader, &envelope))
		rewrite_items(&envelope, reader, data, size);
	if (frame_events_valid(reader, &envelope))
		walk_events(&envelope, reader);
	frame_read_window(&reader, &window);
	return 0;
}
