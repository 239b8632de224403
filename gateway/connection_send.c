/* The end of a turn for a connection: what is to be sent goes as far as it goes, and what follows begins. */
#include "gateway/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

static ssize_t send_some(struct connection *c)
{
	struct iovec parts[2] = {
		{ c->output + c->output_start, c->output_size - c->output_start },
		{ (void *)(uintptr_t)c->pinned.data, c->pinned.size },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	if (c->tls)
		return tls_send(
			c->tls, parts[parts[0].iov_len == 0].iov_base, parts[parts[0].iov_len == 0].iov_len);
	ssize_t sent = c->pinned.size ? sendmsg(c->fd, &message, MSG_NOSIGNAL)
				      : send(c->fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);

	return sent < 0 ? -errno : sent;
}

static void drop_sent(struct connection *c, size_t sent)
{
	size_t buffered = c->output_size - c->output_start, first = sent < buffered ? sent : buffered;

	c->output_start += first;
	c->pinned.data += sent - first;
	c->pinned.size -= sent - first;
	c->window_bytes += sent;
	count(&c->exchange.thread->counters.sent_bytes, sent);
}

enum flush { FLUSH_ALL, FLUSH_SOME, FLUSH_NONE, FLUSH_BROKEN };

static enum flush flush_output(struct connection *c)
{
	enum flush progress = FLUSH_NONE;

	while (c->output_start < c->output_size || c->pinned.size > 0) {
		ssize_t sent = send_some(c);

		if (sent == -EAGAIN || sent == -EINTR)
			return progress;
		if (sent <= 0)
			return FLUSH_BROKEN;
		drop_sent(c, (size_t)sent);
		progress = FLUSH_SOME;
	}
	return FLUSH_ALL;
}

static void free_output(struct connection *c)
{
	free(c->output);
	c->output = NULL;
	c->output_start = c->output_size = c->output_capacity = 0;
}

static void linger(struct connection *c)
{
	connection_give_memory_back(c);
	if (c->tls)
		tls_session_shutdown(c->tls);
	shutdown(c->fd, SHUT_WR);
	connection_enter(c, CONNECTION_LINGER);
}

static void make_ready(struct connection *c)
{
	struct server_thread *thread = c->exchange.thread;

	connection_begin_next(c);
	c->is_ready = true;
	c->next_ready = thread->ready;
	thread->ready = c;
	connection_enter(c, CONNECTION_HEAD);
}

static void finish_answer(struct connection *c)
{
	bool has_unread = c->request && c->request->input_size > c->request->used_size;

	if (c->after == NEXT_LINGER || (c->after == NEXT_CLOSE && has_unread)) {
		linger(c);
	} else if (c->after == NEXT_CLOSE) {
		connection_close(c);
	} else if (has_unread) {
		make_ready(c);
	} else if (c->exchange.thread->is_draining) {
		connection_close(c);
	} else {
		connection_give_memory_back(c);
		connection_enter(c, CONNECTION_IDLE);
	}
}

static void settle_stream(struct connection *c, enum flush flush)
{
	connection_give_memory_back(c);
	if (flush != FLUSH_ALL) {
		if (flush == FLUSH_SOME || c->state == CONNECTION_STREAM)
			connection_enter(c, CONNECTION_STREAM_BLOCKED);
		return;
	}
	if (c->state == CONNECTION_STREAM_BLOCKED || c->watched != WATCH_READ)
		connection_enter(c, CONNECTION_STREAM);
	if (!c->stream_was_refused)
		return;
	c->stream_was_refused = false;
	c->exchange.thread->must_turn = true;
	if (c->stream_events->on_writable)
		c->stream_events->on_writable(&c->exchange);
}

static void settle_open(struct connection *c)
{
	enum flush flush = flush_output(c);
	bool is_stream = c->state == CONNECTION_STREAM || c->state == CONNECTION_STREAM_BLOCKED;
	bool is_answer = c->state == CONNECTION_ANSWERED || c->state == CONNECTION_WRITING;

	if (flush == FLUSH_ALL)
		free_output(c);
	if (flush == FLUSH_BROKEN)
		connection_close(c);
	else if (is_stream)
		settle_stream(c, flush);
	else if (is_answer && flush == FLUSH_ALL)
		finish_answer(c);
	else if (c->state == CONNECTION_ANSWERED)
		connection_enter(c, CONNECTION_WRITING);
	else if (!is_answer &&
		 flush != FLUSH_ALL) /* a client that asks for 100 Continue and leaves no room for it */
		connection_close(c);
}

void connection_settle(struct connection *c)
{
	c->is_touched = false;
	if (c->state != CONNECTION_CLOSED)
		settle_open(c);
	if (c->state == CONNECTION_CLOSED && !c->is_touched && !c->is_ready)
		connection_free(c);
}
