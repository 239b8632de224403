/* From the bytes that a connection received to exchanges: a request's memory, its head, its body. */
#include "gateway/connection.h"

#include <stdlib.h>
#include <string.h>

enum {
	SPARE_REQUESTS_MAX = 64,     /* kept a thread for the next requests */
	BODY_FIRST_SIZE = 16 * 1024, /* grows by doubling: a length that is only claimed costs nothing */
};

/* --- memory --- */

void connection_take_memory(struct connection *c)
{
	struct server_thread *thread = c->exchange.thread;
	struct request *request = thread->spare;

	if (request) {
		thread->spare = request->next;
		thread->spare_count--;
	} else {
		request = memory_resize(NULL, sizeof(*request));
		request->arena = arena_new();
		request->body = NULL;
	}
	request->input_size = request->used_size = request->scanned = 0;
	request->body_size = request->body_capacity = 0;
	request->body_limit_bytes = 0;
	c->request = request;
}

static void request_free_body(struct request *request)
{
	free(request->body);
	request->body = NULL;
	request->body_size = request->body_capacity = 0;
}

void connection_give_memory_back(struct connection *c)
{
	struct server_thread *thread = c->exchange.thread;
	struct request *request = c->request;

	if (!request)
		return;
	c->request = NULL;
	c->exchange.head = NULL;
	c->exchange.arena = NULL;
	c->exchange.body = (struct http_slice){ NULL, 0 };
	request_free_body(request);
	if (thread->spare_count == SPARE_REQUESTS_MAX) {
		arena_free(request->arena);
		free(request);
		return;
	}
	arena_reset(request->arena);
	request->next = thread->spare;
	thread->spare = request;
	thread->spare_count++;
}

/* Moves what the client has pipelined behind the answered request to the front. */
void connection_begin_next(struct connection *c)
{
	struct request *request = c->request;
	size_t left = request->input_size - request->used_size;

	request_free_body(request);
	arena_reset(request->arena);
	memmove(request->input, request->input + request->used_size, left);
	request->input_size = left;
	request->used_size = request->scanned = 0;
}

/* --- heads and bodies --- */

static void hand_over(struct connection *c)
{
	connection_enter(c, CONNECTION_WORKING);
	c->exchange.thread->must_turn = true;
	c->exchange.thread->server->application.on_request(&c->exchange);
}

static void begin_body(struct connection *c)
{
	struct server *server = c->exchange.thread->server;
	struct request *request = c->request;

	request->body_limit_bytes = server->options.http.body_size_bytes;
	request->on_body = NULL;
	connection_enter(c, CONNECTION_BODY);
	if (server->application.on_head)
		server->application.on_head(&c->exchange);
	if (!c->exchange_is_open)
		return;
	if (request->head.framing == HTTP_LENGTH &&
		request->head.content_length > request->body_limit_bytes) {
		connection_refuse(c, 413, MSG_TOO_LARGE);
		return;
	}
	http_body_init(&request->decoder, &request->head, &server->options.http, request->body_limit_bytes);
	if (request->on_body && c->state == CONNECTION_BODY)
		connection_enter(c, CONNECTION_UPLOAD);
	if (request->input_size > request->head.size_bytes) {
		connection_take_body(c);
	} else if (request->head.expects_continue) {
		static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

		memcpy(output_reserve(c, sizeof(go_on) - 1), go_on, sizeof(go_on) - 1);
		c->output_size += sizeof(go_on) - 1;
		connection_touch(c);
	}
}

static void begin_exchange(struct connection *c)
{
	struct exchange *x = &c->exchange;
	struct request *request = c->request;

	*x = (struct exchange){ .thread = x->thread, .head = &request->head, .arena = request->arena };
	c->exchange_is_open = true;
	c->stream_events = NULL;
	request->used_size = request->head.size_bytes;
	count(&x->thread->counters.requests, 1);
	if (request->head.framing == HTTP_NO_BODY)
		hand_over(c);
	else
		begin_body(c);
}

void connection_take(struct connection *c)
{
	struct request *request = c->request;
	struct http_refusal refusal;

	switch (http_parse_head(request->input, request->input_size, &request->scanned,
		&c->exchange.thread->server->options.http, &request->head, &refusal)) {
	case HTTP_NEED_MORE:
		if (c->state != CONNECTION_HEAD)
			connection_enter(c, CONNECTION_HEAD);
		break;
	case HTTP_REFUSED:
		connection_refuse(c, refusal.status, refusal.message);
		break;
	case HTTP_READY:
		begin_exchange(c);
		break;
	}
}

static void keep_body(struct request *request, const char *data, size_t size)
{
	if (!size) /* then `data` may be NULL */
		return;
	while (request->body_capacity - request->body_size < size) {
		request->body_capacity =
			request->body_capacity ? 2 * request->body_capacity : BODY_FIRST_SIZE;
		request->body = memory_resize(request->body, request->body_capacity);
	}
	memcpy(request->body + request->body_size, data, size);
	request->body_size += size;
}

/*
 * The body is whole: in place where it came at once, else gathered. What lies behind it moves up to the
 * head.
 */
static void finish_body(struct connection *c, struct http_slice decoded, size_t consumed)
{
	struct request *request = c->request;
	size_t head_size = request->head.size_bytes, behind = request->input_size - head_size - consumed;

	if (request->on_body || request->body) {
		if (!request->on_body)
			keep_body(request, decoded.data, decoded.size);
		memmove(request->input + head_size, request->input + head_size + consumed, behind);
		request->input_size = head_size + behind;
		c->exchange.body = (struct http_slice){ request->body, request->body_size };
	} else {
		request->used_size = head_size + consumed;
		c->exchange.body = decoded;
	}
	hand_over(c);
}

void connection_take_body(struct connection *c)
{
	struct request *request = c->request;
	char *raw = request->input + request->head.size_bytes;
	size_t raw_size = request->input_size - request->head.size_bytes, consumed = 0, size = 0;
	struct http_refusal refusal;
	enum http_result result =
		http_body_decode(&request->decoder, raw, raw_size, &consumed, &size, &refusal);

	if (result == HTTP_REFUSED) {
		connection_refuse(c, refusal.status, refusal.message);
		return;
	}
	c->window_bytes += raw_size;
	if (request->on_body && size > 0) {
		c->exchange.thread->must_turn = true;
		request->on_body(&c->exchange, (struct http_slice){ raw, size });
		if (!c->exchange_is_open)
			return;
	}
	if (result == HTTP_READY) {
		finish_body(c, (struct http_slice){ raw, size }, consumed);
		return;
	}
	if (!request->on_body)
		keep_body(request, raw, size);
	request->input_size = request->head.size_bytes;
}
