#include "gateway/connection.h"
#include "gateway/language.h"
#include "kit/problem.h"
#include "kit/traceparent.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OUTPUT_FIRST_SIZE = 2048, /* an ordinary answer without a second allocation */
	CHUNK_FRAMING_SIZE = 16 + 2 + 2,
};

struct connection *exchange_connection(struct exchange *x)
{
	return (struct connection *)x;
}

uint64_t exchange_handle(const struct exchange *x)
{
	const struct connection *c = (const struct connection *)x;

	return ((uint64_t)c->slot + 1) << 32 | c->generation;
}

struct exchange *exchange_find(struct server_thread *thread, uint64_t handle)
{
	uint64_t slot = (handle >> 32) - 1;

	if (slot >= thread->slots_count || !thread->slots[slot])
		return NULL;
	struct connection *c = thread->slots[slot];

	return c->exchange_is_open && c->generation == (uint32_t)handle ? &c->exchange : NULL;
}

/* --- who asks --- */

/*
 * From the left to the right of all X-Forwarded-For lines: the last entry that is none of our proxies is
 * the client; an entry that is no address makes everything before it hearsay; if all are our proxies it is
 * the first of them.
 */
static bool forwarded_address(struct connection *c, struct address *address_out)
{
	const struct address_ranges *proxies = &c->exchange.thread->server->trusted_proxies;
	const struct http_head *head = c->exchange.head;
	bool is_found = false;
	struct http_slice line, member;

	for (size_t cursor = 0; http_head_next(head, HTTP_X_FORWARDED_FOR, &cursor, &line);)
		while (http_list_next(&line, &member)) {
			struct address address;
			bool is_address = address_parse(member, &address);

			if (is_address && is_found && address_in_ranges(proxies, &address))
				continue;
			is_found = is_address;
			if (is_address)
				*address_out = address;
		}
	return is_found;
}

const char *exchange_client_address(struct exchange *x)
{
	struct connection *c = exchange_connection(x);
	struct address address = c->peer;
	char text[ADDRESS_TEXT_SIZE];

	if (c->is_trusted_proxy && !forwarded_address(c, &address))
		address = c->peer;
	address_format(&address, text);
	return arena_strdup(x->arena, text);
}

bool exchange_is_secure(const struct exchange *x)
{
	const struct connection *c = (const struct connection *)x;
	struct http_slice line, member, last = { NULL, 0 };

	if (c->tls)
		return true;
	for (size_t cursor = 0;
		c->is_trusted_proxy && http_head_next(x->head, HTTP_X_FORWARDED_PROTO, &cursor, &line);)
		while (http_list_next(&line, &member))
			last = member;
	return http_slice_equals_ignoring_case(last, "https");
}

/* --- bodies --- */

void exchange_limit_body(struct exchange *x, uint64_t limit_bytes)
{
	struct connection *c = exchange_connection(x);

	assert(c->exchange_is_open && c->state == CONNECTION_BODY);
	c->request->body_limit_bytes = limit_bytes;
}

void exchange_stream_body(struct exchange *x, uint64_t limit_bytes,
	void (*on_body)(struct exchange *x, struct http_slice chunk))
{
	exchange_limit_body(x, limit_bytes);
	exchange_connection(x)->request->on_body = on_body;
}

void exchange_pause_body(struct exchange *x)
{
	struct connection *c = exchange_connection(x);

	if (c->exchange_is_open && c->state == CONNECTION_UPLOAD)
		connection_enter(c, CONNECTION_PAUSED);
}

void exchange_resume_body(struct exchange *x)
{
	struct connection *c = exchange_connection(x);

	if (c->exchange_is_open && c->state == CONNECTION_PAUSED)
		connection_enter(c, CONNECTION_UPLOAD);
}

/* --- answers --- */

char *output_reserve(struct connection *c, size_t size_bytes)
{
	if (c->output_start > 0 && c->output_start == c->output_size)
		c->output_start = c->output_size = 0;
	if (c->output_capacity - c->output_size < size_bytes && c->output_start > 0) {
		memmove(c->output, c->output + c->output_start, c->output_size - c->output_start);
		c->output_size -= c->output_start;
		c->output_start = 0;
	}
	if (c->output_capacity - c->output_size < size_bytes) {
		size_t wanted = c->output_capacity ? c->output_capacity : OUTPUT_FIRST_SIZE;

		while (wanted - c->output_size < size_bytes)
			wanted *= 2;
		c->output = memory_resize(c->output, wanted);
		c->output_capacity = wanted;
	}
	return c->output + c->output_size;
}

static void output_add(struct connection *c, const char *data, size_t size)
{
	if (size == 0)
		return;
	memcpy(output_reserve(c, size), data, size);
	c->output_size += size;
}

static void output_head(struct connection *c, struct http_reply_head *head)
{
	struct server_thread *thread = c->exchange.thread;

	head->date = http_date_text(&thread->date, time(NULL));
	char *out = output_reserve(c, http_reply_head_bound(head));

	c->output_size += http_reply_head_write(head, out);
	count(&thread->counters.replies, 1);
}

/* --- problems of the server's own --- */

/* The summary that goes with a status that kit/status.h does not have. */
static enum status summary_of(unsigned http_status)
{
	static const struct {
		unsigned http;
		enum status status;
	} summaries[] = { { 403, FORBIDDEN }, { 404, NOT_FOUND }, { 408, DEADLINE }, { 413, TOO_LARGE },
		{ 414, TOO_LARGE }, { 431, TOO_LARGE }, { 503, UNAVAILABLE }, { 504, DEADLINE } };

	for (size_t i = 0; i < sizeof(summaries) / sizeof(*summaries); i++)
		if (summaries[i].http == http_status)
			return summaries[i].status;
	return INVALID;
}

/* Of a head that was refused, its bytes may still say in which language. */
static enum language language_wanted(const struct connection *c, const struct http_head *head)
{
	if (head)
		return language_of(head);
	if (!c->request)
		return LANGUAGE_EN;
	return language_of_value(
		http_head_glimpse(c->request->input, c->request->input_size, "Accept-Language"));
}

static void begin_trace(const struct http_head *head, struct traceparent *trace)
{
	struct http_slice given =
		head ? http_head_get(head, HTTP_TRACEPARENT) : (struct http_slice){ NULL, 0 };

	traceparent_continue(given.data, given.size, trace);
}

/* The one argument that a sentence may have: how many bytes the body may have. */
static void write_problem(const struct connection *c, unsigned status, enum message message,
	enum language language, const struct traceparent *trace, struct buffer *out)
{
	uint64_t limit = c->request ? c->request->body_limit_bytes : 0;
	struct problem *problem = problem_new(
		out->arena, message, arena_printf(out->arena, "%llu", (unsigned long long)limit), NULL);

	problem->http_status = status;
	problem_to_json(problem, summary_of(status), language, trace->trace_id, out);
}

/* RFC 9457, in the form of every other problem (gateway/call.c). */
void output_problem(
	struct connection *c, const struct http_head *head, unsigned status, enum message message, bool close)
{
	const struct server_application *application = &c->exchange.thread->server->application;
	enum language language = language_wanted(c, head);
	struct buffer body = { .arena = arena_new() };
	struct traceparent trace;

	begin_trace(head, &trace);
	write_problem(c, status, message, language, &trace, &body);
	const struct http_header headers[] = {
		{ HTTP_SLICE("Content-Type"), HTTP_SLICE("application/problem+json") },
		{ HTTP_SLICE("Content-Language"),
			language == LANGUAGE_ZH ? HTTP_SLICE("zh") : HTTP_SLICE("en") },
		{ HTTP_SLICE("Cache-Control"), HTTP_SLICE("no-store") },
		{ HTTP_SLICE("X-Content-Type-Options"), HTTP_SLICE("nosniff") },
		{ HTTP_SLICE("traceparent"), { trace.text, TRACEPARENT_TEXT } },
		{ HTTP_SLICE("Retry-After"), HTTP_SLICE("1") },
	};

	output_head(c, &(struct http_reply_head){
			       .status = status,
			       .framing = HTTP_LENGTH,
			       .content_length = body.len,
			       .close = close,
			       .keep_alive_1_0 = head && head->minor_version == 0,
			       .headers = headers,
			       .header_count = status == 503 ? 6 : 5,
		       });
	if (!head || head->method != HTTP_HEAD)
		output_add(c, body.data, body.len);
	if (application->on_refused)
		application->on_refused(c->exchange.thread, status, message_code(message), trace.trace_id);
	arena_free(body.arena);
}

/* Ends the exchange; its answer stands in the output. */
static void exchange_finish(struct connection *c, enum connection_next after)
{
	c->exchange_is_open = false;
	c->generation++;
	c->after = (uint8_t)after;
	connection_enter(c, CONNECTION_ANSWERED);
	connection_touch(c);
}

/*
 * An answer that comes before the body has ends the connection: where the next request would begin is
 * unknown. Where it is we that end it, the client may be sending already; closing at once would reset it,
 * and with that the answer (RFC 9112 9.6).
 */
static enum connection_next next_after(const struct connection *c, bool close)
{
	if (c->state != CONNECTION_WORKING || close || c->exchange.thread->is_draining)
		return NEXT_LINGER;
	return c->exchange.head->keep_alive ? NEXT_REQUEST : NEXT_CLOSE;
}

static size_t body_size(const struct reply *reply)
{
	size_t size = reply->body.size;

	for (size_t i = 0; i < reply->more_count; i++)
		size += reply->more[i].size;
	return size;
}

/* RFC 9110 15.4.5, 15.3.5: these have none, whatever the headers say. */
static bool status_has_body(unsigned status)
{
	return status >= 200 && status != 204 && status != 304;
}

static void output_body(struct connection *c, const struct reply *reply)
{
	if (reply->body_is_static) {
		assert(reply->more_count == 0);
		c->pinned = reply->body;
		return;
	}
	output_add(c, reply->body.data, reply->body.size);
	for (size_t i = 0; i < reply->more_count; i++)
		output_add(c, reply->more[i].data, reply->more[i].size);
}

void exchange_reply(struct exchange *x, const struct reply *reply)
{
	struct connection *c = exchange_connection(x);
	bool has_body = status_has_body(reply->status);

	assert(c->exchange_is_open && !c->stream_events);
	enum connection_next after = next_after(c, reply->close);

	output_head(c, &(struct http_reply_head){
			       .status = reply->status,
			       .framing = has_body ? HTTP_LENGTH : HTTP_NO_BODY,
			       .content_length = body_size(reply),
			       .close = after != NEXT_REQUEST,
			       .keep_alive_1_0 = x->head->minor_version == 0,
			       .headers = reply->headers,
			       .header_count = reply->header_count,
		       });
	if (has_body && x->head->method != HTTP_HEAD)
		output_body(c, reply);
	exchange_finish(c, after);
}

void exchange_refuse(struct exchange *x, unsigned status, enum message message)
{
	struct connection *c = exchange_connection(x);

	assert(c->exchange_is_open && !c->stream_events);
	enum connection_next after = next_after(c, false);

	output_problem(c, x->head, status, message, after != NEXT_REQUEST);
	exchange_finish(c, after);
}

/* --- streams --- */

void exchange_stream_begin(struct exchange *x, const struct reply *head, const struct stream_events *events)
{
	static const struct stream_events nothing_to_hear = { NULL, NULL };
	struct connection *c = exchange_connection(x);

	assert(c->exchange_is_open && !c->stream_events && c->state == CONNECTION_WORKING);
	c->stream_events = events ? events : &nothing_to_hear;
	c->body_is_discarded = x->head->method == HTTP_HEAD;
	c->stream_is_chunked = x->head->minor_version > 0;
	c->stream_was_refused = c->was_told_to_drain = false;
	/*
	 * Always closed behind it: a stream ends rarely, and so no request has to wait in its buffer for
	 * that.
	 */
	output_head(c, &(struct http_reply_head){
			       .status = head->status,
			       .framing = c->stream_is_chunked ? HTTP_CHUNKED : HTTP_NO_BODY,
			       .close = true,
			       .headers = head->headers,
			       .header_count = head->header_count,
		       });
	count(&x->thread->counters.streams_opened, 1);
	connection_enter(c, CONNECTION_STREAM);
	connection_touch(c);
}

bool exchange_stream_write(struct exchange *x, const char *data, size_t size)
{
	struct connection *c = exchange_connection(x);
	size_t waiting = c->output_size - c->output_start,
	       cap = x->thread->server->options.stream_buffer_bytes;

	assert(c->exchange_is_open && c->stream_events);
	if (size == 0 || c->body_is_discarded)
		return true;
	if (waiting > 0 && (waiting > cap || size > cap - waiting)) {
		c->stream_was_refused = true;
		connection_touch(c);
		return false;
	}
	char *out = output_reserve(c, size + CHUNK_FRAMING_SIZE);
	size_t framing = c->stream_is_chunked ? (size_t)sprintf(out, "%zx\r\n", size) : 0;

	memcpy(out + framing, data, size);
	c->output_size += framing + size;
	if (c->stream_is_chunked)
		output_add(c, "\r\n", 2);
	connection_touch(c);
	return true;
}

void exchange_stream_end(struct exchange *x)
{
	struct connection *c = exchange_connection(x);

	assert(c->exchange_is_open && c->stream_events);
	if (c->stream_is_chunked && !c->body_is_discarded)
		output_add(c, "0\r\n\r\n", 5);
	count(&x->thread->counters.streams_closed, 1);
	exchange_finish(c, NEXT_CLOSE);
}

void exchange_abort(struct exchange *x)
{
	struct connection *c = exchange_connection(x);

	assert(c->exchange_is_open && c->stream_events);
	connection_close(c);
}
