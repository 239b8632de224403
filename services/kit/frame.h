/*
 * frame.h: the wire format between processes and brokers.
 *
 * A message is ONE ZeroMQ frame (a ROUTER sees the sender's identity before it). It begins with an
 * envelope, then the name of a queue or stream, then a body whose form depends on the type. All numbers are
 * little endian.
 *
 *   envelope, 16 bytes
 *    0  u32  magic "GXB1"
 *    4  u8   version = 1
 *    5  u8   type
 *    6  u8   flags = 0
 *    7  u8   name_len, 0..64
 *    8  u32  count: items, events or credit
 *   12  u32  reserved = 0
 *   16       name, [a-z0-9.-]
 *
 *   item (REQUEST, REPLY, CANCEL), 24 bytes + header + body
 *    0  u64  id, chosen by the sender of the request
 *    8  u32  time_ms   REQUEST: what is left of its deadline; REPLY: retry after so long, 0 = not said
 *   12  u32  body_len    <= FRAME_BODY_MAX
 *   16  u16  header_len  <= FRAME_HEADER_MAX
 *   18  u16  status, the application's; 0 in requests
 *   20  u8   outcome (enum bus_outcome); 0 in requests
 *   21  u8   flags (FRAME_IDEMPOTENT, FRAME_MAYBE_EXECUTED)
 *   22  u16  reserved = 0
 *   24       header bytes, then body bytes
 *
 *   batch (PUBLISH, EVENTS, HEAD), 24 bytes
 *    0  u32  epoch
 *    4  u32  reserved = 0
 *    8  u64  previous
 *   16  u64  up_to >= previous
 *
 *   event, 12 bytes + payload; `count` of them follow a batch
 *    0  u64  position, rising, in (previous, up_to]
 *    8  u32  len <= FRAME_EVENT_MAX
 *
 *   window (SUBSCRIBE, CREDIT), 16 bytes
 *    0  u64  bytes        SUBSCRIBE: may be under way at once; CREDIT: have been dealt with since SUBSCRIBE
 *    8  u64  batches      likewise
 *
 * A message carries a *batch*: what waits for one queue at the end of a loop turn goes as one message, and
 * so on at every stage. A single request is a batch of one.
 *
 * Everything that decodes checks bounds and asserts nothing about what a peer sent. Nothing here allocates
 * but struct frame_writer. Pointers in decoded items point into the message.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FRAME_ENVELOPE_SIZE = 16,
	FRAME_ITEM_SIZE = 24,
	FRAME_BATCH_SIZE = 24,
	FRAME_EVENT_SIZE = 12,
	FRAME_WINDOW_SIZE = 16,

	/* Limits. A message beyond any of them is malformed. */
	FRAME_NAME_MAX = 64,
	FRAME_ITEMS_MAX = 64,        /* items in one message */
	FRAME_EVENTS_MAX = 4096,     /* events in one message */
	FRAME_HEADER_MAX = 8 << 10,  /* an item's header, bytes */
	FRAME_BODY_MAX = 4 << 20,    /* an item's body, bytes */
	FRAME_EVENT_MAX = 128 << 10, /* an event's payload: 64 KiB and its envelope */
	FRAME_MESSAGE_MAX = 8 << 20, /* a message, bytes; ZMQ_MAXMSGSIZE of every socket */
};

/* Who sends what to whom: (c)lient, (w)orker, (p)ublisher, (s)ubscriber, (b)roker. Unknown types are
 * counted and dropped. */
enum frame_type {
	FRAME_REQUEST = 1, /* c>b, b>w  name = queue; items */
	FRAME_REPLY = 2,   /* w>b, b>c  name empty; items */
	FRAME_CANCEL = 3,  /* c>b, b>w  name empty; items of which only the id counts; no answer */
	FRAME_READY = 4,   /* w>b  name = queue; count: so many may be outstanding; replaces an earlier one */
	/* w>b  no new work please; b>w echoes it after the last request that it sent.
	 * b>c  this broker is about to end: call elsewhere; what it has will be answered. */
	FRAME_GOODBYE = 5,
	FRAME_HEARTBEAT = 6, /* all  sent when nothing else was for a second */
	FRAME_HELLO = 7,     /* all>b  first on each connection; b>all  "I do not know you": connect again */
	FRAME_PUBLISH = 8,   /* p>b  name = stream; batch, events */
	FRAME_EVENTS = 9,    /* b>s  the same bytes with another type */
	FRAME_HEAD = 10,     /* p>b, b>s  name = stream; batch without events: up_to is the newest position */
	FRAME_SUBSCRIBE = 11, /* s>b  name = stream, one message each; window, the session's */
	FRAME_CREDIT = 12,    /* s>b  name empty; window */
	FRAME_TYPES
};

/* How a request ended for the bus. Only BUS_ANSWERED carries the service's own status and bytes. */
enum bus_outcome {
	BUS_ANSWERED = 0,    /* a worker answered */
	BUS_DEADLINE = 1,    /* the time was over first */
	BUS_UNAVAILABLE = 2, /* the worker or the broker that had it went away */
	BUS_OVERLOADED = 3,  /* a bound was reached, it did not run: try again after retry_after_ms */
	BUS_NO_SERVICE = 4,  /* no such service is up, it did not run */
	BUS_REFUSED = 5,     /* larger than allowed, or not permitted to this caller; it did not run */
	BUS_OUTCOMES
};

enum {
	FRAME_IDEMPOTENT = 1,     /* request: running it twice does no harm, so the client may try again */
	FRAME_MAYBE_EXECUTED = 2, /* reply: it may have run, or may be running still */
};

struct frame_envelope {
	enum frame_type type;
	uint32_t count;
	const char *name; /* not terminated */
	uint8_t name_len;
};

struct frame_item {
	uint64_t id;
	uint32_t time_ms;
	uint16_t status;
	uint8_t outcome;
	uint8_t flags;
	const uint8_t *header;
	uint32_t header_len;
	const uint8_t *body;
	uint32_t body_len;
};

struct frame_batch {
	uint32_t epoch;
	uint64_t previous;
	uint64_t up_to;
};

struct frame_event {
	uint64_t position;
	const uint8_t *bytes;
	uint32_t len;
};

struct frame_window {
	uint64_t bytes;
	uint64_t batches;
};

/* A place in a message that is being read. */
struct frame_reader {
	const uint8_t *at;
	const uint8_t *end;
};

/* Reads the envelope and leaves the reader after the name. False: not a message of ours, of another
 * version, of an unknown type, or a name that is too long or has other characters than [a-z0-9.-]. */
bool frame_read_envelope(struct frame_reader *reader, struct frame_envelope *out);

/* Each reads one part and moves on. False: the message is cut short or beyond a limit; the reader has not
 * moved. */
bool frame_read_item(struct frame_reader *reader, struct frame_item *out);
bool frame_read_batch(struct frame_reader *reader, struct frame_batch *out);
bool frame_read_event(struct frame_reader *reader, struct frame_event *out);
bool frame_read_window(struct frame_reader *reader, struct frame_window *out);

/*
 * Whether the rest of the message is exactly `envelope->count` sound items (or a batch and as many sound
 * events with rising positions inside its range) and nothing after them. Does not move the reader. Whoever
 * forwards or acts on a message asks this first, so that a message is taken whole or not at all.
 */
bool frame_items_valid(struct frame_reader reader, const struct frame_envelope *envelope);
bool frame_events_valid(struct frame_reader reader, const struct frame_envelope *envelope);

/* Whether `name` may name a queue or a stream. */
bool frame_name_valid(const char *name, size_t len);

/*
 * A message in the making. Its buffer comes from malloc and is handed over by frame_writer_take(), which is
 * how it reaches ZeroMQ without another copy.
 *
 *	struct frame_writer w = { 0 };
 *	frame_write_begin(&w, FRAME_REQUEST, "customer.read", strlen("customer.read"));
 *	while (more && frame_write_item(&w, &item)) …
 *	bytes = frame_writer_take(&w, &len);
 */
struct frame_writer {
	uint8_t *bytes;
	size_t len;
	size_t capacity;
	uint32_t count;
};

void frame_write_begin(struct frame_writer *writer, enum frame_type type, const char *name, size_t name_len);
/* False: the message is full (items, events or bytes) and is as it was: send it and begin another. An item
 * alone always fits. */
bool frame_write_item(struct frame_writer *writer, const struct frame_item *item);
void frame_write_batch(struct frame_writer *writer, const struct frame_batch *batch);
bool frame_write_event(struct frame_writer *writer, const struct frame_event *event);
void frame_write_window(struct frame_writer *writer, const struct frame_window *window);
/* READY alone has a count without items. */
void frame_write_count(struct frame_writer *writer, uint32_t count);
/* Whether a message is being made and has something in it. */
bool frame_writer_open(const struct frame_writer *writer);
/* Finishes the message and gives its bytes to the caller (free()). The writer is empty again. */
uint8_t *frame_writer_take(struct frame_writer *writer, size_t *len_out);
void frame_writer_fini(struct frame_writer *writer);

/* Change a finished message of ours in place: a broker turns PUBLISH into EVENTS; a publisher that splits a
 * batch learns late where the first part ends. */
void frame_patch_type(uint8_t *message, enum frame_type type);
void frame_patch_up_to(uint8_t *message, uint64_t up_to);

/* A word for metrics and logs: "request"; never NULL. */
const char *frame_type_text(enum frame_type type);

/* One sentence for people; never NULL. */
const char *bus_outcome_text(enum bus_outcome outcome);
