#include "gateway/ring.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct slice put(char **to, struct slice text)
{
	struct slice copy = { *to, text.len };

	if (text.len)
		memcpy(*to, text.data, text.len);
	*to += text.len;
	return copy;
}

static const uint8_t *put_id(char **to, const uint8_t *id)
{
	return id ? (const uint8_t *)put(to, (struct slice){ (const char *)id, 16 }).data : NULL;
}

struct told *told_new(const struct logged_event *event, struct arena *scratch)
{
	struct buffer lines = { .arena = scratch };

	buffer_printf(&lines, "event: %.*s\ndata: ", (int)event->type.len, event->type.data);
	event_json_add_cloud_event(&lines, event);
	buffer_add_text(&lines, "\n\n");
	size_t audience_bytes = event->audience_count * (sizeof(struct audience_entry) + 32);
	size_t size = sizeof(struct told) + audience_bytes + event->type.len + event->subject.len + lines.len;
	struct told *told = malloc(size);

	if (!told)
		abort();
	struct audience_entry *audience = (struct audience_entry *)(told + 1);
	char *to = (char *)(audience + event->audience_count);

	for (size_t i = 0; i < event->audience_count; i++)
		audience[i] = (struct audience_entry){ put_id(&to, event->audience[i].owner),
			put_id(&to, event->audience[i].team) };
	*told = (struct told){ .position = event->position,
		.size_bytes = size,
		.everyone = event->everyone,
		.audience_count = event->audience_count,
		.audience = audience };
	told->type = put(&to, event->type);
	told->subject = put(&to, event->subject);
	told->lines = put(&to, (struct slice){ lines.data, lines.len });
	return told;
}

static struct told **slot(struct ring *ring, size_t i)
{
	return &ring->events[(ring->first + i) % RING_EVENTS];
}

static void drop_first(struct ring *ring)
{
	struct told *told = *slot(ring, 0);

	ring->low = told->position;
	ring->bytes -= told->size_bytes;
	ring->first = (ring->first + 1) % RING_EVENTS;
	ring->count--;
	free(told);
}

void ring_reset(struct ring *ring, uint32_t epoch, uint64_t head)
{
	while (ring->count)
		drop_first(ring);
	ring->known = true;
	ring->epoch = epoch;
	ring->low = ring->head = head;
}

void ring_push(struct ring *ring, struct told *told)
{
	assert(told->position > ring->head);
	while (ring->count && (ring->count == RING_EVENTS || ring->bytes + told->size_bytes > RING_BYTES))
		drop_first(ring);
	*slot(ring, ring->count++) = told;
	ring->bytes += told->size_bytes;
	ring->head = told->position;
}

void ring_advance(struct ring *ring, uint64_t head)
{
	if (head > ring->head)
		ring->head = head;
	if (!ring->count)
		ring->low = ring->head;
}

const struct told *ring_after(const struct ring *ring, uint64_t position)
{
	size_t low = 0, high = ring->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ring->events[(ring->first + middle) % RING_EVENTS]->position > position)
			high = middle;
		else
			low = middle + 1;
	}
	return low < ring->count ? ring->events[(ring->first + low) % RING_EVENTS] : NULL;
}
