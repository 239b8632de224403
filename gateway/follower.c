#include "gateway/follower.h"
#include "gateway/cursor.h"
#include "gateway/endpoint.h"
#include "gateway/event_wish.h"
#include "gateway/hub.h"
#include "gateway/session.h"
#include "kit/metrics.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond the end of every log: asks where that is. */
#define END_OF_LOG INT64_MAX

enum { RETRY_MS = 1000 }; /* a log that did not answer is not asked sooner */

/* How a stream's place is found at first. */
enum start { START_HERE, START_LATEST, START_EARLIEST, START_TIME };

struct follower_stream {
	struct place place;
	enum start start;      /* START_HERE once the place is known */
	struct log_read *read; /* under way; NULL: none */
	uint64_t retry_ms;     /* the log did not answer: not before then */
};

struct follower {
	struct follower_links links;
	struct exchange *x;
	struct loop *loop;
	struct principal *principal;
	uint8_t token_hash[SESSION_HASH];
	struct session_wait *session_wait;
	uint64_t checked_ms, written_ms;
	bool full;     /* the client has to read first */
	bool in_doubt; /* look at the session at the next tick */
	struct event_wish wish;
	char *time; /* of ?from=; NULL: none */
	struct follower_stream streams[];
};

struct follower_links *follower_links(struct follower *follower)
{
	return &follower->links;
}

static struct metric_series *series(enum metric metric, struct metric_series **cached)
{
	struct metric_series *found = __atomic_load_n(cached, __ATOMIC_RELAXED);

	if (!found)
		__atomic_store_n(cached, found = metric_series(metric, ""), __ATOMIC_RELAXED);
	return found;
}

static void count_streams(double change)
{
	static struct metric_series *cached;

	metric_add(series(METRIC_SSE_CONNECTIONS, &cached), change);
}

static void count_event(void)
{
	static struct metric_series *cached;

	metric_add(series(METRIC_SSE_EVENTS, &cached), 1);
}

/* --- writing --- */

static size_t write_cursor(const struct follower *f, char text_out[CURSOR_TEXT_MAX + 1])
{
	struct place places[BUS_STREAMS_MAX];
	size_t count = hub_stream_count(f->loop->hub);

	for (size_t i = 0; i < count; i++)
		places[i] = f->streams[i].place;
	return cursor_write(
		f->loop->gateway->cursor_key, hub_stream_names(f->loop->hub), places, count, text_out);
}

/* "id: …" and the lines. False: the client has to read first, and nothing was sent. */
static bool write_lines(struct follower *f, struct slice lines)
{
	char head[4 + CURSOR_TEXT_MAX + 2], block[16384], *bytes = block;
	size_t len = 4;

	memcpy(head, "id: ", 4);
	len += write_cursor(f, head + 4);
	head[len++] = '\n';
	if (len + lines.len > sizeof block)
		bytes = malloc(len + lines.len);
	if (!bytes)
		abort();
	memcpy(bytes, head, len);
	memcpy(bytes + len, lines.data, lines.len);
	bool taken = exchange_stream_write(f->x, bytes, len + lines.len);

	if (bytes != block)
		free(bytes);
	f->full = !taken;
	if (taken)
		f->written_ms = server_thread_now_ms(f->x->thread);
	return taken;
}

/* Something that is not an event of the log but about it. */
static bool write_control(struct follower *f, const char *kind, size_t stream)
{
	char lines[512];
	int len = snprintf(lines, sizeof lines,
		"event: control\ndata: "
		"{\"kind\":\"%s\",\"stream\":\"%s\",\"epoch\":%u,\"position\":\"%llu\"}\n\n",
		kind, hub_stream_names(f->loop->hub)[stream], f->streams[stream].place.epoch,
		(unsigned long long)f->streams[stream].place.position);

	return write_lines(f, (struct slice){ lines, (size_t)len });
}

/* --- who may see what --- */

static enum event_sight sight_of(const struct follower *f, const struct told *told)
{
	bool in_scope = principal_may_follow(f->principal, told->subject.data, told->subject.len);

	return in_scope ? event_sight(f->principal, told->everyone, told->audience, told->audience_count)
			: SEES_NOT;
}

static bool write_hidden(struct follower *f, const struct told *told)
{
	char lines[512];
	int len = snprintf(lines, sizeof lines, "event: hidden\ndata: {\"subject\":\"%.*s\"}\n\n",
		(int)(told->subject.len < 256 ? told->subject.len : 256), told->subject.data);

	return write_lines(f, (struct slice){ lines, (size_t)len });
}

/* True: dealt with, and the place moves behind it. */
static bool deliver(struct follower *f, struct follower_stream *stream, const struct told *told)
{
	struct place before = stream->place;
	enum event_sight sight =
		event_wish_fits(&f->wish, told->type, told->subject) ? sight_of(f, told) : SEES_NOT;

	stream->place.position = told->position;
	if (sight == SEES_NOT)
		return true;
	if (sight == SEES ? write_lines(f, told->lines) : write_hidden(f, told)) {
		count_event();
		return true;
	}
	stream->place = before;
	return false;
}

/* --- moving on --- */

/* From the log. When the client is full in the middle, the rest is read again later. */
static void deliver_page(struct follower *f, struct follower_stream *stream, const struct log_page *page)
{
	struct arena *scratch = arena_new();
	struct logged_event event;
	bool taken = true;

	for (struct slice rest = page->bytes; taken && log_page_next(&rest, scratch, &event);) {
		struct told *told =
			event.position > stream->place.position ? told_new(&event, scratch) : NULL;

		taken = !told || deliver(f, stream, told);
		free(told);
		arena_reset(scratch);
	}
	if (taken && page->up_to > stream->place.position)
		stream->place.position = page->up_to;
	arena_free(scratch);
}

static void retry_later(struct follower *f, struct follower_stream *stream)
{
	stream->retry_ms = server_thread_now_ms(f->x->thread) + RETRY_MS;
}

/* The first event of the page stands right behind the place from now on. */
static void place_before(struct follower_stream *stream, const struct log_page *page)
{
	struct arena *scratch = arena_new();
	struct logged_event first;
	struct slice rest = page->bytes;

	stream->place.position = log_page_next(&rest, scratch, &first) ? first.position - 1 : page->up_to;
	arena_free(scratch);
}

/* What lies between is no longer kept; whoever asked for all there is did not ask for more. */
static bool skip_lost(struct follower *f, size_t i, uint64_t low, enum start start)
{
	struct follower_stream *stream = &f->streams[i];
	uint64_t before = stream->place.position;

	if (low <= before)
		return true;
	stream->place.position = low;
	if (start != START_HERE || write_control(f, "GAP", i))
		return true;
	stream->place.position = before;
	return false;
}

static void take_page(struct follower *f, size_t i, const struct log_page *page)
{
	struct follower_stream *stream = &f->streams[i];
	enum start start = stream->start;

	stream->start = START_HERE;
	if (start == START_LATEST) {
		stream->place = (struct place){ page->epoch, page->head };
		return;
	}
	if (stream->place.epoch && stream->place.epoch != page->epoch) {
		retry_later(f, stream); /* the ring will tell of it: see catch_up */
		return;
	}
	stream->place.epoch = page->epoch;
	if (start == START_TIME)
		place_before(stream, page);
	uint64_t before = stream->place.position;

	if (skip_lost(f, i, page->low, start))
		deliver_page(f, stream, page);
	if (stream->place.position == before && !f->full)
		retry_later(f, stream); /* the log says that there is nothing: do not ask in a circle */
}

static void on_page(void *ctx, size_t i, const struct log_page *page)
{
	struct follower *f = ctx;

	f->streams[i].read = NULL;
	if (page->status == OK)
		take_page(f, i, page);
	else
		retry_later(f, &f->streams[i]);
	follower_pump(f);
}

static void read_log(struct follower *f, size_t i)
{
	struct follower_stream *stream = &f->streams[i];
	bool latest = stream->start == START_LATEST;

	if (server_thread_now_ms(f->x->thread) < stream->retry_ms)
		return;
	stream->read = hub_read_log(f->loop->hub, i, latest ? 0 : stream->place.epoch,
		latest ? END_OF_LOG : stream->place.position, stream->start == START_TIME ? f->time : NULL,
		on_page, f);
}

/* The log was promoted or restored: positions mean something else now. Said out loud; it goes on from what
 * both have. */
static bool diverge(struct follower *f, size_t i, const struct ring *ring)
{
	struct follower_stream *stream = &f->streams[i];
	struct place before = stream->place;

	stream->place.epoch = ring->epoch;
	if (stream->place.position > ring->head)
		stream->place.position = ring->head;
	if (before.epoch == 0 || write_control(f, "DIVERGED", i))
		return true;
	stream->place = before;
	return false;
}

/* One step in one stream; false when there is nothing to do just now. */
static bool catch_up(struct follower *f, size_t i)
{
	struct follower_stream *stream = &f->streams[i];
	const struct ring *ring = hub_ring(f->loop->hub, i);

	if (f->full || stream->read)
		return false;
	if (stream->start != START_HERE) {
		read_log(f, i);
		return false;
	}
	if (!ring->known || stream->place.epoch > ring->epoch)
		return false; /* this thread has not heard yet what the client has seen elsewhere */
	if (stream->place.epoch != ring->epoch)
		return diverge(f, i, ring);
	if (stream->place.position >= ring->head)
		return false;
	if (stream->place.position < ring->low) {
		read_log(f, i);
		return false;
	}
	const struct told *told = ring_after(ring, stream->place.position);

	if (told)
		return deliver(f, stream, told);
	stream->place.position = ring->head;
	return false;
}

void follower_pump(struct follower *f)
{
	for (size_t i = 0; i < hub_stream_count(f->loop->hub); i++)
		while (catch_up(f, i))
			continue;
}

static void on_writable(struct exchange *x)
{
	struct follower *f = x->context;

	f->full = false;
	follower_pump(f);
}

/* --- the end --- */

static void follower_free(struct follower *f)
{
	for (size_t i = 0; i < hub_stream_count(f->loop->hub); i++)
		if (f->streams[i].read)
			hub_cancel_read(f->streams[i].read);
	if (f->session_wait)
		session_cancel(f->session_wait);
	hub_remove(f->loop->hub, f);
	count_streams(-1);
	principal_release(f->principal);
	event_wish_free(&f->wish);
	free(f->time);
	free(f);
}

static void on_close(struct exchange *x)
{
	follower_free(x->context);
}

/* With a reason; a client whose buffer is full learns it from its next request. */
static void end(struct follower *f, const char *kind, unsigned retry_ms)
{
	char lines[128];
	int len = snprintf(lines, sizeof lines, "retry: %u\nevent: control\ndata: {\"kind\":\"%s\"}\n\n",
		retry_ms, kind);

	if (!f->full && !write_lines(f, (struct slice){ lines, (size_t)len }))
		f->full = true;
	exchange_stream_end(f->x);
	follower_free(f);
}

/* All come again when a gateway goes: not all at once. */
static void on_drain(struct exchange *x)
{
	end(x->context, "RECONNECT", FOLLOWER_RETRY_MS / 10 + randombytes_uniform(FOLLOWER_RETRY_MS));
}

/* --- rights and signs of life --- */

static void take_session(struct follower *f, const struct session *session)
{
	principal_release(f->principal);
	f->principal = principal_hold(session->principal);
}

static void on_resolved(void *ctx, enum status status, const struct session *session)
{
	struct follower *f = ctx;

	f->session_wait = NULL;
	if (status == OK)
		take_session(f, session);
	else if (status == UNAUTHENTICATED)
		end(f, "SESSION_ENDED", FOLLOWER_RETRY_MS);
	/* Identity may be away for a while: what it said last holds until it says otherwise. */
}

void follower_doubt(struct follower *f, const uint8_t user_id[16])
{
	if (!user_id || !memcmp(f->principal->id, user_id, 16))
		f->in_doubt = true;
}

static void check_session(struct follower *f, uint64_t now_ms)
{
	const struct session *session = session_find(f->loop->sessions, f->token_hash);

	f->checked_ms = now_ms;
	f->in_doubt = false;
	if (session)
		take_session(f, session);
	else if (!f->session_wait)
		f->session_wait = session_resolve(f->loop->sessions, f->token_hash, on_resolved, f);
}

/* A comment, with the place: who filters strictly need not read all again after a break. */
static void write_comment(struct follower *f, uint64_t now_ms)
{
	if (write_lines(f, (struct slice){ ":\n\n", 3 }))
		f->written_ms = now_ms;
}

void follower_tick(struct follower *f, uint64_t now_ms)
{
	if (f->in_doubt || principal_has_expired(f->principal) ||
		now_ms - f->checked_ms >= FOLLOWER_RECHECK_MS)
		check_session(f, now_ms);
	if (!f->full && now_ms - f->written_ms >= FOLLOWER_COMMENT_MS)
		write_comment(f, now_ms);
	follower_pump(f); /* reads of the log that failed, or found no room */
}

/* --- the beginning --- */

static void start_all(struct follower *f, enum start start)
{
	for (size_t i = 0; i < hub_stream_count(f->loop->hub); i++) {
		const struct ring *ring = hub_ring(f->loop->hub, i);

		f->streams[i].start = start;
		if (start != START_LATEST || !ring->known)
			continue;
		f->streams[i].place = (struct place){ ring->epoch, ring->head };
		f->streams[i].start = START_HERE;
	}
}

/* False: what it says is no place. */
static bool start_from(struct follower *f, const char *from)
{
	size_t count = hub_stream_count(f->loop->hub);
	struct place places[BUS_STREAMS_MAX];
	int64_t unix_us;

	if (!from || !*from || !strcmp(from, "latest")) {
		start_all(f, START_LATEST);
	} else if (!strcmp(from, "earliest")) {
		start_all(f, START_EARLIEST);
	} else if (json_read_time(from, strlen(from), &unix_us)) {
		start_all(f, START_TIME);
		f->time = strdup(from);
	} else {
		if (!cursor_read(f->loop->gateway->cursor_key, from, strlen(from),
			    hub_stream_names(f->loop->hub), places, count))
			return false;
		for (size_t i = 0; i < count; i++)
			f->streams[i].place = places[i];
	}
	return true;
}

static struct follower *follower_new(struct call *call, const struct event_wish *wish)
{
	size_t count = hub_stream_count(call->loop->hub);
	struct follower *f = calloc(1, sizeof *f + count * sizeof *f->streams);

	if (!f)
		abort();
	f->x = call->x;
	f->loop = call->loop;
	f->principal = principal_hold(call->principal);
	f->checked_ms = f->written_ms = server_thread_now_ms(call->x->thread);
	memcpy(f->token_hash, call->token_hash, sizeof f->token_hash);
	f->wish = event_wish_keep(wish);
	hub_add(f->loop->hub, f);
	count_streams(1);
	return f;
}

static void begin_stream(struct call *call, struct follower *f)
{
	static const struct stream_events events = { .on_writable = on_writable, .on_drain = on_drain };
	char hello[64];
	int len = snprintf(hello, sizeof hello, "retry: %d\n\n", FOLLOWER_RETRY_MS);

	call_add_common_headers(call);
	call_add_header(call, "Content-Type", "text/event-stream");
	call_add_header(call, "Cache-Control", "no-cache, no-transform");
	call_add_header(call, "X-Accel-Buffering", "no"); /* nginx would keep events back */
	call->x->context = f;
	call->x->on_close = on_close;
	call->http_status = 200;
	call_account(call);
	const struct reply head = {
		.status = 200, .headers = call->headers, .header_count = call->header_count
	};

	exchange_stream_begin(call->x, &head, &events);
	f->full = !exchange_stream_write(f->x, hello, (size_t)len);
	follower_pump(f);
}

static enum progress run_events(struct call *call)
{
	struct event_wish wish;
	struct follower *f;

	if (event_wish_read(call, &wish) == FAILED)
		return FAILED;
	f = follower_new(call, &wish);
	if (!start_from(f, wish.from)) {
		follower_free(f);
		return call_fail_at(call, "/from", MSG_BAD_FROM, NULL, NULL);
	}
	begin_stream(call, f);
	if (call->x->head->method == HTTP_HEAD) { /* the headers alone */
		exchange_stream_end(f->x);
		follower_free(f);
	}
	return ANSWERED;
}

const struct endpoint events_endpoint = { .run = run_events, .by_key = true };
