/*
 * A real server on loopback, driven over sockets: the abuse table of research/http.md line by line, and
 * what the server promises beside it. Clients wait for bytes or for a counter, never for time to pass.
 */
#include "gateway/server.h"
#include "gateway/static.h"
#include "kit/traceparent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	PATIENCE_MS = 10000, /* after which a client gives up and the test fails */
	BIG_SIZE = 8 << 20,
};

/* --- the application under the server: one behaviour a path --- */

static atomic_int closed_count, drained_count, writable_count, refused_status, upload_bytes, turn_count,
	held_count;
static atomic_bool write_was_refused;
static atomic_ullong last_handle;
static char big[BIG_SIZE];
static struct static_files *files;
static struct exchange *paused; /* loop thread only */

static void on_close(struct exchange *x)
{
	assert_ptr_equal(exchange_find(x->thread, exchange_handle(x)), NULL);
	atomic_fetch_add(&closed_count, 1);
	if (paused == x)
		paused = NULL;
}

static void reply_text(struct exchange *x, const char *text)
{
	exchange_reply(x, &(struct reply){ .status = 200, .body = { text, strlen(text) } });
}

static void answer_hello(struct exchange *x)
{
	reply_text(x, "hello");
}

static void answer_echo(struct exchange *x)
{
	exchange_reply(x, &(struct reply){ .status = 200, .body = x->body });
}

static void answer_parts(struct exchange *x)
{
	const struct http_slice more[] = { HTTP_SLICE("two"), HTTP_SLICE("three") };

	exchange_reply(x,
		&(struct reply){ .status = 200, .body = HTTP_SLICE("one"), .more = more, .more_count = 2 });
}

static void answer_nothing(struct exchange *x)
{
	exchange_reply(x, &(struct reply){ .status = 204, .body = HTTP_SLICE("never sent") });
}

static void hold(struct exchange *x)
{
	x->on_close = on_close;
	atomic_store(&last_handle, exchange_handle(x));
	atomic_fetch_add(&held_count, 1);
}

struct later {
	struct server_thread *thread;
	uint64_t handle;
};

static void on_later(evutil_socket_t fd, short events, void *context)
{
	struct later *later = context;
	struct exchange *x = exchange_find(later->thread, later->handle);

	(void)fd, (void)events;
	if (x)
		exchange_reply(x, &(struct reply){ .status = 200, .body = x->head->query });
	free(later);
}

static void answer_later(struct exchange *x)
{
	struct later *later = malloc(sizeof(*later));

	*later = (struct later){ x->thread, exchange_handle(x) };
	event_base_once(
		server_thread_base(x->thread), -1, EV_TIMEOUT, on_later, later, &(struct timeval){ 0, 5000 });
}

static void answer_big(struct exchange *x)
{
	exchange_reply(
		x, &(struct reply){ .status = 200, .body = { big, sizeof(big) }, .body_is_static = true });
}

static void answer_who(struct exchange *x)
{
	char *text = arena_printf(
		x->arena, "%s %s", exchange_client_address(x), exchange_is_secure(x) ? "secure" : "plain");

	reply_text(x, text);
}

static void say_goodbye(struct exchange *x)
{
	atomic_fetch_add(&drained_count, 1);
	assert_true(exchange_stream_write(x, "bye", 3));
	exchange_stream_end(x);
}

static void note_writable(struct exchange *x)
{
	atomic_fetch_add(&writable_count, 1);
	assert_true(exchange_stream_write(x, "more", 4));
	exchange_stream_end(x);
}

static const struct stream_events stream_events = { .on_drain = say_goodbye, .on_writable = note_writable };

static void begin_stream(struct exchange *x)
{
	static const struct http_header type[] = { { { "Content-Type", 12 }, { "text/event-stream", 17 } } };

	x->on_close = on_close;
	exchange_stream_begin(
		x, &(struct reply){ .status = 200, .headers = type, .header_count = 1 }, &stream_events);
	assert_true(exchange_stream_write(x, "data: 1\n\n", 9));
	atomic_fetch_add(&held_count, 1);
}

/* A stream that does not ask to hear of anything. */
static void begin_deaf_stream(struct exchange *x)
{
	exchange_stream_begin(x, &(struct reply){ .status = 200 }, NULL);
	assert_true(exchange_stream_write(x, "", 0));
	atomic_fetch_add(&held_count, 1);
}

static void begin_flood(struct exchange *x)
{
	x->on_close = on_close;
	exchange_stream_begin(x, &(struct reply){ .status = 200 }, &stream_events);
	while (exchange_stream_write(x, big, 64 * 1024))
		;
	atomic_store(&write_was_refused, true);
}

static void answer_upload(struct exchange *x)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", atomic_load(&upload_bytes));
	paused = NULL;
	reply_text(x, text);
}

static void serve_file(struct exchange *x)
{
	static_serve(files, x);
}

static void resume(evutil_socket_t fd, short events, void *context)
{
	(void)fd, (void)events, (void)context;
	if (paused)
		exchange_resume_body(paused);
}

static void take_chunk(struct exchange *x, struct http_slice chunk)
{
	atomic_fetch_add(&upload_bytes, (int)chunk.size);
	if (!http_slice_equals(x->head->query, "pause"))
		return;
	paused = x;
	exchange_pause_body(x);
	event_base_once(
		server_thread_base(x->thread), -1, EV_TIMEOUT, resume, NULL, &(struct timeval){ 0, 1000 });
}

static void stall_chunk(struct exchange *x, struct http_slice chunk)
{
	x->on_close = on_close;
	atomic_fetch_add(&upload_bytes, (int)chunk.size);
	exchange_pause_body(x);
}

static void refuse_chunk(struct exchange *x, struct http_slice chunk)
{
	(void)chunk;
	exchange_refuse(x, 422, MSG_IMPORT_EMPTY);
}

static const struct {
	const char *path;
	void (*on_request)(struct exchange *x);
	void (*on_body)(struct exchange *x, struct http_slice chunk);
	uint64_t body_limit;
} routes[] = {
	{ "/", answer_hello },
	{ "/echo", answer_echo },
	{ "/parts", answer_parts },
	{ "/nothing", answer_nothing },
	{ "/deaf-stream", begin_deaf_stream },
	{ "/hold", hold },
	{ "/later", answer_later },
	{ "/big", answer_big },
	{ "/who", answer_who },
	{ "/stream", begin_stream },
	{ "/flood", begin_flood },
	{ "/upload", answer_upload, take_chunk, 1u << 30 },
	{ "/stalled-upload", answer_upload, stall_chunk, 1u << 30 },
	{ "/refused-upload", answer_upload, refuse_chunk, 1u << 30 },
};

static void on_head(struct exchange *x)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (http_slice_equals(x->head->path, routes[i].path) && routes[i].on_body)
			exchange_stream_body(x, routes[i].body_limit, routes[i].on_body);
	if (http_slice_equals(x->head->path, "/forbidden"))
		exchange_refuse(x, 403, MSG_FORBIDDEN);
}

static void on_request(struct exchange *x)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (http_slice_equals(x->head->path, routes[i].path)) {
			routes[i].on_request(x);
			return;
		}
	if (files)
		serve_file(x);
	else
		exchange_refuse(x, 404, MSG_NO_SUCH_ENDPOINT);
}

static void on_turn_end(struct server_thread *thread)
{
	(void)thread;
	atomic_fetch_add(&turn_count, 1);
}

static void on_refused(struct server_thread *thread, unsigned status, const char *code, const char *trace_id)
{
	(void)thread;
	assert_true(message_find(code) < MSG_COUNT);
	assert_int_equal(strlen(trace_id), TRACE_ID_TEXT);
	atomic_store(&refused_status, (int)status);
}

/* --- the server of a test --- */

static struct server *server;
static struct server_options options;

static int before_each(void **state)
{
	(void)state;
	options = server_defaults;
	options.listen = "127.0.0.1:0";
	atomic_store(&closed_count, 0);
	atomic_store(&drained_count, 0);
	atomic_store(&writable_count, 0);
	atomic_store(&refused_status, 0);
	atomic_store(&upload_bytes, 0);
	atomic_store(&held_count, 0);
	atomic_store(&write_was_refused, false);
	return 0;
}

static int after_each(void **state)
{
	(void)state;
	server_close(server);
	server = NULL;
	static_close(files);
	files = NULL;
	return 0;
}

static const struct server_application application = {
	.on_head = on_head,
	.on_request = on_request,
	.on_turn_end = on_turn_end,
	.on_refused = on_refused,
};

static void start(void)
{
	char error[SERVER_ERROR_SIZE];

	if (!server_open(&options, &application, NULL, &server, error))
		fail_msg("%s", error);
	server_start(server);
}

static void wait_for(atomic_int *counter, int wanted)
{
	for (int i = 0; i < PATIENCE_MS && atomic_load(counter) < wanted; i++)
		poll(NULL, 0, 1);
	assert_int_equal(atomic_load(counter), wanted);
}

static void wait_until_closed(uint64_t open)
{
	struct server_counters counters = { .connections_open = UINT64_MAX };

	for (int i = 0; i < PATIENCE_MS && counters.connections_open > open; i++, poll(NULL, 0, 1))
		server_read_counters(server, &counters);
	assert_int_equal(counters.connections_open, open);
}

/* --- a client that sees bytes, not HTTP --- */

static void client_reach(int fd)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	to.sin_port = htons((uint16_t)atoi(strrchr(server_address(server), ':') + 1));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

static int client_open(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	client_reach(fd);
	return fd;
}

static void client_send(int fd, const char *data, size_t size)
{
	assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void client_say(int fd, const char *text)
{
	client_send(fd, text, strlen(text));
}

struct answer {
	char text[256 * 1024];
	size_t size;
	bool is_closed; /* the server ended the connection, cleanly or by reset */
	bool is_reset;
};
static struct answer answer;

/* Reads once; false when nothing came for that long. */
static bool client_read_some(int fd, int timeout_ms)
{
	struct pollfd asked = { .fd = fd, .events = POLLIN };

	if (poll(&asked, 1, timeout_ms) == 0)
		return false;
	ssize_t got = recv(fd, answer.text + answer.size, sizeof(answer.text) - 1 - answer.size, 0);

	answer.is_reset = got < 0;
	answer.is_closed = got <= 0;
	answer.size += got > 0 ? (size_t)got : 0;
	answer.text[answer.size] = '\0';
	return true;
}

static void answer_clear(void)
{
	answer.size = 0;
	answer.text[0] = '\0';
	answer.is_closed = answer.is_reset = false;
}

/* Reads until the server closes. */
static void client_read_all(int fd)
{
	answer_clear();
	while (!answer.is_closed)
		if (!client_read_some(fd, PATIENCE_MS))
			fail_msg("the server neither answers nor closes; so far: %s", answer.text);
}

/* Reads until `text` has come `times` times. */
static void client_read_until(int fd, const char *text, int times)
{
	for (;;) {
		int found = 0;

		for (const char *at = answer.text; (at = strstr(at, text)) != NULL; at += strlen(text))
			found++;
		if (found >= times)
			return;
		if (answer.is_closed || !client_read_some(fd, PATIENCE_MS))
			fail_msg("waiting for %d times \"%s\", got: %s", times, text, answer.text);
	}
}

static int status_of(const char *text)
{
	return strncmp(text, "HTTP/1.1 ", 9) == 0 ? atoi(text + 9) : 0;
}

static const char *body_of(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/* One connection, one request (made the last by its own words), the whole answer. */
static int ask(const char *request)
{
	int fd = client_open();

	client_say(fd, request);
	client_read_all(fd);
	close(fd);
	return status_of(answer.text);
}

#define HOST     "Host: a\r\n"
#define LAST     "Connection: close\r\n"
#define GET      "GET / HTTP/1.1\r\n" HOST
#define ECHO     "POST /echo HTTP/1.1\r\n" HOST
#define LAST_GET GET LAST "\r\n"
#define CLEN     "Content-Length: 5\r\n"
#define TE       "Transfer-Encoding: chunked\r\n"
#define HELLO    "5\r\nhello\r\n0\r\n\r\n"

/* --- the abuse table --- */

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct {
	const char *line, *request;
	size_t size;
	int status;
	const char *body; /* for 200 */
} abuses[] = {
	{ "chunked request body", BYTES(ECHO LAST TE "\r\n" HELLO), 200, "hello" },
	{ "Content-Length and Transfer-Encoding", BYTES(ECHO CLEN TE "\r\n" HELLO), 400, NULL },
	{ "two Content-Length, different", BYTES(ECHO CLEN "Content-Length: 6\r\n\r\nhello!"), 400, NULL },
	{ "Content-Length +5", BYTES(ECHO "Content-Length: +5\r\n\r\nhello"), 400, NULL },
	{ "Content-Length 0x5", BYTES(ECHO "Content-Length: 0x5\r\n\r\nhello"), 400, NULL },
	{ "Content-Length empty", BYTES(ECHO "Content-Length:\r\n\r\nhello"), 400, NULL },
	{ "Transfer-Encoding with a space before the colon",
		BYTES(ECHO "Transfer-Encoding : chunked\r\n\r\n" HELLO), 400, NULL },
	{ "Transfer-Encoding xchunked", BYTES(ECHO "Transfer-Encoding: xchunked\r\n\r\n" HELLO), 501, NULL },
	{ "Transfer-Encoding \\vchunked", BYTES(ECHO "Transfer-Encoding: \vchunked\r\n\r\n" HELLO), 400,
		NULL },
	{ "Transfer-Encoding gzip, chunked", BYTES(ECHO "Transfer-Encoding: gzip, chunked\r\n\r\n" HELLO),
		501, NULL },
	{ "Transfer-Encoding in HTTP/1.0", BYTES("POST /echo HTTP/1.0\r\n" HOST TE "\r\n" HELLO), 400, NULL },
	{ "chunk size 0x5", BYTES(ECHO TE "\r\n0x5\r\nhello\r\n0\r\n\r\n"), 400, NULL },
	{ "chunk size +5", BYTES(ECHO TE "\r\n+5\r\nhello\r\n0\r\n\r\n"), 400, NULL },
	{ "chunk data without CRLF", BYTES(ECHO TE "\r\n5\r\nhello0\r\n\r\n"), 400, NULL },
	{ "bare LF line ends", BYTES("GET / HTTP/1.1\nHost: a\n\n"), 400, NULL },
	{ "bare CR in a value", BYTES(GET "A: b\rc\r\n\r\n"), 400, NULL },
	{ "NUL in a value", BYTES(GET "A: b\0c\r\n\r\n"), 400, NULL },
	{ "space before the colon", BYTES(GET "A : b\r\n\r\n"), 400, NULL },
	{ "empty field name", BYTES(GET ": b\r\n\r\n"), 400, NULL },
	{ "no Host", BYTES("GET / HTTP/1.1\r\n\r\n"), 400, NULL },
	{ "two Hosts", BYTES(GET HOST "\r\n"), 400, NULL },
	{ "Content-Length 200 MB with a limit of 1 MB", BYTES(ECHO "Content-Length: 209715200\r\n\r\nbegin"),
		413, NULL },
	{ "chunk of 200 MB with a limit of 1 MB", BYTES(ECHO TE "\r\nc800000\r\nbegin"), 413, NULL },
	{ "HTTP/1.0 without Host", BYTES("GET / HTTP/1.0\r\n\r\n"), 200, "hello" },
	{ "HTTP/2 preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 501, NULL },
	{ "TLS hello on a plain port", BYTES("\x16\x03\x01\x00\xa5\x01\x00"), 400, NULL },
};

/* One form for every problem, whoever made it. */
static void assert_is_problem(int status)
{
	const char *text = body_of(answer.text);
	json_t *problem = json_loads(text, 0, NULL);
	const char *type, *title, *detail, *code, *trace_id;
	int told;

	assert_non_null(strstr(answer.text, "\r\nContent-Type: application/problem+json\r\n"));
	assert_non_null(strstr(answer.text, "\r\nCache-Control: no-store\r\n"));
	if (json_unpack(problem, "{s:s,s:s,s:i,s:s,s:s,s:s}", "type", &type, "title", &title, "status", &told,
		    "detail", &detail, "code", &code, "traceId", &trace_id) != 0)
		fail_msg("%s", text);
	assert_int_equal(told, status);
	assert_int_equal(status_of(answer.text), status);
	assert_true(message_find(code) < MSG_COUNT);
	assert_non_null(strstr(type, code));
	assert_true(*title && *detail && !strstr(detail, "?}"));
	assert_int_equal(strlen(trace_id), TRACE_ID_TEXT);
	json_decref(problem);
}

/* After a refusal nothing that follows may count as a request: exactly one answer, then the end. */
static void abuse_is_answered_as_the_table_says_and_the_connection_ends(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < sizeof(abuses) / sizeof(*abuses); i++) {
		int fd = client_open();

		client_send(fd, abuses[i].request, abuses[i].size);
		client_say(fd, GET "\r\n"); /* what a smuggler hopes for */
		client_read_all(fd);
		close(fd);
		if (status_of(answer.text) != abuses[i].status)
			fail_msg("%s: %s", abuses[i].line, answer.text);
		if (abuses[i].status !=
			200) /* it was not the client that wanted the end: it must be able to read why */
			assert_false(answer.is_reset);
		assert_non_null(strstr(answer.text, "\r\nConnection: close\r\n"));
		if (strstr(answer.text + 1, "}HTTP/1.1 "))
			fail_msg("%s was answered twice: %s", abuses[i].line, answer.text);
		if (abuses[i].body)
			assert_string_equal(body_of(answer.text), abuses[i].body);
		else
			assert_is_problem(abuses[i].status);
	}
}

/* Of a head that was refused as well as of one that was understood: as far as it was there to be read. */
static void refusals_speak_the_language_of_the_request(void **state)
{
	static const struct {
		const char *request;
		const char *language;
	} table[] = {
		{ "GET /%zz HTTP/1.1\r\n" HOST "Accept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\n\r\n", "zh" },
		{ "GET /%zz HTTP/1.1\r\n" HOST "accept-LANGUAGE: en, zh;q=0.1\r\n\r\n", "en" },
		{ "GET /%zz HTTP/1.1\r\n" HOST "Accept-Language: zh\r\n\r\n", "zh" },
		{ "GET /%zz HTTP/1.1\r\n" HOST "\r\n", "en" },
		{ ECHO "Accept-Language: zh\r\nContent-Length: 209715200\r\n\r\n", "zh" },
		{ ECHO "Accept-Language: zh\r\n" TE "\r\nx\r\n", "zh" },
		{ "GET /nowhere HTTP/1.1\r\n" HOST LAST "Accept-Language: zh\r\n\r\n", "zh" },
	};
	char heading[32];

	(void)state;
	start();
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int status = ask(table[i].request);

		assert_is_problem(status);
		snprintf(heading, sizeof(heading), "\r\nContent-Language: %s\r\n", table[i].language);
		if (!strstr(answer.text, heading))
			fail_msg("%s: not \"%s\" but %s", table[i].request, table[i].language, answer.text);
	}
}

static void refusal_goes_on_with_the_trace_of_the_request(void **state)
{
	(void)state;
	start();
	ask("GET /nowhere HTTP/1.1\r\n" HOST LAST
	    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n");
	assert_is_problem(404);
	assert_non_null(strstr(answer.text, "\"traceId\":\"0af7651916cd43dd8448eb211c80319c\""));
}

static void body_that_is_too_large_is_told_the_limit(void **state)
{
	(void)state;
	start();
	assert_int_equal(ask(ECHO TE "\r\nc800000\r\nbegin"), 413);
	assert_non_null(strstr(body_of(answer.text), "1048576"));
}

static void head_of_a_megabyte_is_431(void **state)
{
	static char text[1 << 20];
	int fd;

	(void)state;
	start();
	fd = client_open();
	memset(text, 'a', sizeof(text));
	memcpy(text, GET, sizeof(GET) - 1);
	fcntl(fd, F_SETFL, O_NONBLOCK); /* the server need not take it all */
	assert_true(send(fd, text, sizeof(text), MSG_NOSIGNAL) > 0);
	client_read_all(fd);
	assert_is_problem(431);
	close(fd);
}

static void two_thousand_headers_are_431(void **state)
{
	static char text[16000];

	(void)state;
	start();
	strcpy(text, GET);
	for (int i = 0; i < 2000; i++)
		strcpy(text + sizeof(GET) - 1 + 6 * i, "a: b\r\n");
	strcat(text, "\r\n");
	assert_int_equal(ask(text), 431);
	assert_int_equal(atomic_load(&refused_status), 431);
}

/* A line now and then, for ever: the deadline is absolute. */
static void slow_head_is_408(void **state)
{
	int fd;

	(void)state;
	options.head_timeout_ms = 200;
	start();
	fd = client_open();
	client_say(fd, GET);
	answer_clear();
	for (int lines = 0; !client_read_some(fd, 20); lines++) {
		assert_true(lines < 200);
		client_say(fd, "a: b\r\n");
	}
	assert_int_equal(status_of(answer.text), 408);
	close(fd);
}

static void slow_body_is_408(void **state)
{
	int fd;

	(void)state;
	options.body_timeout_ms = 200;
	start();
	fd = client_open();
	client_say(fd, ECHO "Content-Length: 10000\r\n\r\n");
	answer_clear();
	for (int bytes = 0; !client_read_some(fd, 20); bytes++) {
		assert_true(bytes < 200);
		client_say(fd, "x");
	}
	assert_int_equal(status_of(answer.text), 408);
	close(fd);
}

static void slow_upload_is_408_and_a_steady_one_is_not(void **state)
{
	char piece[4096] = { 0 };
	int slow, steady;

	(void)state;
	options.body_timeout_ms = 200; /* the window; 16 KiB/s ask for 3,276 bytes in it */
	start();
	slow = client_open();
	client_say(slow, "POST /upload HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
	steady = client_open();
	client_say(steady, "POST /upload HTTP/1.1\r\n" HOST LAST "Content-Length: 81920\r\n\r\n");
	answer_clear();
	for (int pieces = 0; pieces < 20; pieces++) {
		poll(NULL, 0, 20); /* the rate is what is tested: 200 kB/s, over two windows */
		client_send(steady, piece, sizeof(piece));
		if (!answer.is_closed && answer.size == 0)
			client_say(slow, "x"), client_read_some(slow, 0);
	}
	client_read_until(slow, "\r\n\r\n", 1);
	assert_int_equal(status_of(answer.text), 408);
	client_read_all(steady);
	assert_int_equal(status_of(answer.text), 200);
	close(slow);
	close(steady);
}

/* The window is begun anew as long as enough comes, and its end is then seen again. */
static void upload_that_stalls_after_a_good_start_is_408(void **state)
{
	static char piece[64 * 1024];
	int fd;

	(void)state;
	options.body_timeout_ms = 100;
	start();
	fd = client_open();
	client_say(fd, "POST /upload HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
	client_send(fd, piece, sizeof(piece));
	answer_clear();
	client_read_until(fd, "\r\n\r\n", 1);
	assert_int_equal(status_of(answer.text), 408);
	close(fd);
}

/* One of two deadlines passes: the other must still be kept. */
static void deadlines_are_kept_for_each_connection(void **state)
{
	int first, second;

	(void)state;
	options.head_timeout_ms = 100;
	options.idle_timeout_ms = 300;
	start();
	second = client_open();
	first = client_open();
	client_say(first, "GET");
	client_read_all(first);
	assert_int_equal(status_of(answer.text), 408);
	client_read_all(second);
	assert_int_equal(answer.size, 0);
	close(first);
	close(second);
	wait_until_closed(0);
}

static void idle_connection_is_closed_without_a_word(void **state)
{
	int fresh, used;

	(void)state;
	options.idle_timeout_ms = 100;
	start();
	fresh = client_open();
	used = client_open();
	client_say(used, GET "\r\n");
	answer_clear();
	client_read_until(used, "hello", 1);
	client_read_all(used);
	assert_int_equal(answer.size, 0);
	client_read_all(fresh);
	assert_int_equal(answer.size, 0);
	close(fresh);
	close(used);
}

static void exchange_that_is_never_answered_is_504(void **state)
{
	(void)state;
	options.exchange_timeout_ms = 100;
	start();
	assert_int_equal(ask("GET /hold HTTP/1.1\r\n" HOST "\r\n"), 504);
	assert_int_equal(atomic_load(&closed_count), 1);
}

/* --- requests and answers --- */

static void pipelined_requests_are_answered_in_order(void **state)
{
	static const char *const order[] = { "first", "hello", "third", "hello" };
	const char *at = answer.text;

	(void)state;
	start();
	ask("GET /later?first HTTP/1.1\r\n" HOST "\r\n" GET "\r\nGET /later?third HTTP/1.1\r\n" HOST
	    "\r\n" LAST_GET);
	for (int i = 0; i < 4; i++) {
		at = strstr(at, order[i]);
		if (!at)
			fail_msg("%s is not at its place in: %s", order[i], answer.text);
	}
}

static void many_pipelined_requests_are_all_answered(void **state)
{
	enum { MANY = 3000 };
	int fd, found = 0;

	(void)state;
	start();
	fd = client_open();
	pid_t writer = fork();

	if (writer == 0) {
		for (int i = 0; i < MANY; i++)
			if (write(fd, i < MANY - 1 ? GET "\r\n" : LAST_GET,
				    i < MANY - 1 ? sizeof(GET "\r\n") - 1 : sizeof(LAST_GET) - 1) < 0)
				_exit(1);
		_exit(0);
	}
	for (;;) {
		answer_clear();
		if (!client_read_some(fd, PATIENCE_MS))
			fail_msg("stalled after %d", found);
		if (answer.is_closed)
			break;
		for (size_t i = 0; i < answer.size; i++)
			found += answer.text[i] == 'H'; /* once an answer: in its status line */
	}
	assert_false(answer.is_reset);
	assert_int_equal(found, MANY);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	close(fd);
}

static void request_may_come_byte_by_byte(void **state)
{
	static const char request[] = ECHO TE LAST "\r\n5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\n";
	int fd;

	(void)state;
	start();
	fd = client_open();
	for (size_t i = 0; i < sizeof(request) - 1; i++)
		client_send(fd, request + i, 1);
	client_read_all(fd);
	assert_int_equal(status_of(answer.text), 200);
	assert_string_equal(body_of(answer.text), "hello");
	close(fd);
}

static void body_larger_than_the_buffer_arrives_whole(void **state)
{
	enum { SIZE = 200000 };
	static char body[SIZE + 1], request[SIZE + 200];
	int fd;

	(void)state;
	start();
	for (int i = 0; i < SIZE; i++)
		body[i] = (char)('a' + i % 23);
	fd = client_open();
	int size =
		snprintf(request, sizeof(request), ECHO "Content-Length: %d\r\n\r\n%s" LAST_GET, SIZE, body);
	client_send(fd, request, (size_t)size);
	client_read_all(fd);
	assert_memory_equal(body_of(answer.text), body, SIZE);
	assert_non_null(strstr(body_of(answer.text) + SIZE, "hello")); /* what was pipelined behind it */
	close(fd);
}

static void body_in_parts_is_sent_as_one(void **state)
{
	(void)state;
	start();
	assert_int_equal(ask("GET /parts HTTP/1.1\r\n" HOST LAST "\r\n"), 200);
	assert_non_null(strstr(answer.text, "Content-Length: 11\r\n"));
	assert_string_equal(body_of(answer.text), "onetwothree");
}

static void client_that_has_said_all_still_gets_its_answer(void **state)
{
	int fd;

	(void)state;
	start();
	fd = client_open();
	client_say(fd, GET "\r\n" GET "\r\n");
	shutdown(fd, SHUT_WR);
	client_read_all(fd);
	assert_false(answer.is_reset);
	assert_int_equal(status_of(strstr(answer.text, "hello") + 5), 200);
	close(fd);
}

static void head_request_has_the_length_but_no_body(void **state)
{
	(void)state;
	start();
	assert_int_equal(ask("HEAD / HTTP/1.1\r\n" HOST LAST "\r\n"), 200);
	assert_non_null(strstr(answer.text, "Content-Length: 5\r\n"));
	assert_string_equal(body_of(answer.text), "");
	assert_int_equal(ask("HEAD /none HTTP/1.1\r\n" HOST LAST "\r\n"), 404);
	assert_string_equal(body_of(answer.text), "");
}

static void status_without_body_has_none(void **state)
{
	(void)state;
	start();
	assert_int_equal(ask("GET /nothing HTTP/1.1\r\n" HOST "\r\n" LAST_GET), 204);
	assert_int_equal(status_of(body_of(answer.text)), 200);
	assert_null(strstr(answer.text, "never sent"));
	*strstr(answer.text, "\r\n\r\n") = '\0';
	assert_null(strstr(answer.text, "Content-Length"));
}

static void client_that_expects_100_gets_it_before_it_sends(void **state)
{
	int fd;

	(void)state;
	start();
	fd = client_open();
	client_say(fd, ECHO CLEN LAST "Expect: 100-continue\r\n\r\n");
	answer_clear();
	client_read_until(fd, "HTTP/1.1 100 Continue\r\n\r\n", 1);
	client_say(fd, "hello");
	client_read_all(fd);
	assert_int_equal(status_of(answer.text), 200);
	assert_string_equal(body_of(answer.text), "hello");
	close(fd);
	assert_int_equal(ask("POST /forbidden HTTP/1.1\r\n" HOST CLEN "Expect: 100-continue\r\n\r\n"), 403);
}

static void http_1_0_is_closed_unless_it_asks_otherwise(void **state)
{
	(void)state;
	start();
	assert_int_equal(ask("GET / HTTP/1.0\r\n\r\n"), 200);
	assert_int_equal(ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" LAST_GET), 200);
	assert_non_null(strstr(answer.text, "Connection: keep-alive\r\n"));
	assert_int_equal(status_of(strstr(answer.text, "hello") + 5), 200);
}

static void answer_of_megabytes_reaches_a_slow_reader_whole(void **state)
{
	size_t total = 0;
	int fd;

	(void)state;
	start();
	fd = client_open();
	client_say(fd, "GET /big HTTP/1.1\r\n" HOST LAST "\r\n");
	for (answer_clear(); !answer.is_closed; total += answer.size) {
		answer.size = 0;
		assert_true(client_read_some(fd, PATIENCE_MS));
	}
	assert_true(total > BIG_SIZE && total < BIG_SIZE + 1000);
	close(fd);
}

static void client_that_stops_reading_is_cut_off(void **state)
{
	int fd;

	(void)state;
	options.write_timeout_ms = 100;
	start();
	fd = client_open();
	client_say(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
	wait_until_closed(0);
	close(fd);
}

static void refusal_during_an_upload_can_be_read(void **state)
{
	static char piece[1 << 16];
	int fd;

	(void)state;
	start();
	fd = client_open();
	client_say(fd, "POST /refused-upload HTTP/1.1\r\n" HOST "Content-Length: 10000000\r\n\r\n");
	client_send(fd, piece, sizeof(piece));
	client_read_all(fd);
	assert_false(answer.is_reset);
	assert_int_equal(status_of(answer.text), 422);
	close(fd);
}

static void upload_is_handed_over_in_chunks(void **state)
{
	static char body[600000];
	char expected[32];

	(void)state;
	start();
	for (int i = 0; i < 2; i++) {
		int fd = client_open();

		atomic_store(&upload_bytes, 0);
		client_say(fd, i ? "POST /upload?pause HTTP/1.1\r\n" HOST LAST
				   "Content-Length: 600000\r\n\r\n"
				 : "POST /upload HTTP/1.1\r\n" HOST LAST "Content-Length: 600000\r\n\r\n");
		client_send(fd, body, sizeof(body));
		client_read_all(fd);
		snprintf(expected, sizeof(expected), "%zu", sizeof(body));
		assert_string_equal(body_of(answer.text), expected);
		close(fd);
	}
}

/* --- clients that leave --- */

static void reset_and_close(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static long cpu_ms(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void application_hears_when_a_waiting_client_leaves(void **state)
{
	static const char *const requests[] = {
		"GET /hold HTTP/1.1\r\n" HOST "\r\n",
		"GET /stream HTTP/1.1\r\n" HOST "\r\n",
		"POST /hold HTTP/1.1\r\n" HOST CLEN "\r\nhello" GET "\r\n",
	};

	(void)state;
	start();
	for (int i = 0; i < 3; i++)
		for (int is_reset = 0; is_reset < 2; is_reset++) {
			int fd = client_open();

			client_say(fd, requests[i]);
			wait_for(&held_count, 2 * i + is_reset + 1);
			if (is_reset)
				reset_and_close(fd);
			else
				close(fd);
			wait_for(&closed_count, 2 * i + is_reset + 1);
		}
	wait_until_closed(0);
}

/* The reset of a connection that is not being read must neither go unseen nor keep the loop busy. */
static void client_that_leaves_a_paused_upload_is_noticed(void **state)
{
	static char piece[1 << 20];

	(void)state;
	start();
	for (int is_reset = 0; is_reset < 2; is_reset++) {
		int fd = client_open();

		atomic_store(&upload_bytes, 0);
		client_say(fd, "POST /stalled-upload HTTP/1.1\r\n" HOST "Content-Length: 10000000\r\n\r\n");
		fcntl(fd, F_SETFL, O_NONBLOCK);
		/*
		 * An orderly end is queued behind what was sent, and so is seen only where that has room; a
		 * reset always.
		 */
		assert_true(send(fd, piece, is_reset ? sizeof(piece) : 1000, MSG_NOSIGNAL) > 0);
		for (int i = 0; i < PATIENCE_MS && atomic_load(&upload_bytes) == 0; i++)
			poll(NULL, 0, 1);
		if (is_reset)
			reset_and_close(fd);
		else
			close(fd);
		wait_for(&closed_count, is_reset + 1);
	}
	long before = cpu_ms();

	poll(NULL, 0, 200);
	assert_true(cpu_ms() - before < 100);
}

static void client_that_pipelines_without_end_is_stopped_and_its_leaving_is_noticed(void **state)
{
	static char garbage[4 << 20];
	int fd;
	struct server_counters counters;

	(void)state;
	start();
	fd = client_open();
	client_say(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	wait_for(&held_count, 1);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	assert_true(send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL) > 0);
	for (int i = 0; i < 50; i++) { /* until nothing more fits anywhere */
		struct pollfd asked = { .fd = fd, .events = POLLOUT };

		if (poll(&asked, 1, 20) == 0)
			break;
		send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL);
	}
	server_read_counters(server, &counters);
	assert_true(counters.received_bytes <= SERVER_INPUT_SIZE);
	reset_and_close(fd);
	wait_for(&closed_count, 1);
}

static void try_late(struct server_thread *thread)
{
	assert_null(exchange_find(thread, atomic_load(&last_handle)));
	atomic_fetch_add(&turn_count, 1);
}

static void answer_that_comes_too_late_finds_nothing(void **state)
{
	const struct server_application late = { .on_request = on_request, .on_turn_end = try_late };
	char error[SERVER_ERROR_SIZE];
	int fd;

	(void)state;
	/* First a client is held and leaves; its slot is then used again by the next one. */
	start();
	fd = client_open();
	client_say(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	wait_for(&held_count, 1);
	close(fd);
	wait_for(&closed_count, 1);
	server_close(server);
	assert_true(server_open(&options, &late, NULL, &server, error));
	server_start(server);
	atomic_store(&last_handle, (1ull << 32) | 1);
	assert_int_equal(ask(LAST_GET),
		200); /* that very handle was this exchange's, and is over at the end of the turn */
	atomic_store(&last_handle, UINT64_MAX);
	assert_int_equal(ask(LAST_GET), 200);
	atomic_store(&last_handle, 0);
	assert_int_equal(ask(LAST_GET), 200);
}

/* --- streams --- */

static void stream_is_chunked_and_ends_with_the_drain(void **state)
{
	int fd;

	(void)state;
	start();
	fd = client_open();
	client_say(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	answer_clear();
	client_read_until(fd, "9\r\ndata: 1\n\n\r\n", 1);
	assert_non_null(strstr(answer.text, "Transfer-Encoding: chunked\r\n"));
	server_drain(server, PATIENCE_MS);
	client_read_all(fd);
	assert_string_equal(answer.text, "3\r\nbye\r\n0\r\n\r\n");
	assert_int_equal(atomic_load(&drained_count), 1);
	assert_int_equal(atomic_load(&closed_count), 0);
	close(fd);
}

static void stream_without_callbacks_is_ended_by_the_drain(void **state)
{
	int fd;

	(void)state;
	start();
	fd = client_open();
	client_say(fd, "GET /deaf-stream HTTP/1.1\r\n" HOST "\r\n");
	wait_for(&held_count, 1);
	server_drain(server, PATIENCE_MS);
	client_read_all(fd);
	assert_string_equal(body_of(answer.text), "0\r\n\r\n");
	close(fd);
}

static void stream_to_http_1_0_ends_with_the_connection(void **state)
{
	int fd;

	(void)state;
	start();
	fd = client_open();
	client_say(fd, "GET /stream HTTP/1.0\r\n\r\n");
	wait_for(&held_count, 1);
	server_drain(server, PATIENCE_MS);
	client_read_all(fd);
	assert_string_equal(body_of(answer.text), "data: 1\n\nbye");
	close(fd);
}

static void stream_that_is_full_says_so_and_then_that_it_is_not(void **state)
{
	int fd;

	(void)state;
	options.stream_buffer_bytes = 16 << 20; /* more than the kernel takes at once */
	start();
	fd = client_open();
	client_say(fd, "GET /flood HTTP/1.1\r\n" HOST "\r\n");
	answer_clear();
	while (!answer.is_closed) {
		answer.size = answer.size > 100 ? 100 : answer.size; /* only the end matters */
		assert_true(client_read_some(fd, PATIENCE_MS));
		if (answer.size > 12 && strcmp(answer.text + answer.size - 12, "e\r\n0\r\n\r\n") == 0)
			break;
	}
	assert_true(atomic_load(&write_was_refused));
	assert_int_equal(atomic_load(&writable_count), 1);
	close(fd);
}

static void stream_whose_client_does_not_read_is_ended(void **state)
{
	int fd;

	(void)state;
	options.write_timeout_ms = 100;
	options.stream_buffer_bytes = 32 << 20; /* more than the kernel takes */
	start();
	fd = client_open();
	client_say(fd, "GET /flood HTTP/1.1\r\n" HOST "\r\n");
	wait_for(&closed_count, 1);
	close(fd);
}

/* Client sockets cost the heap nothing, so what it grows by is the server's. */
static void idle_stream_costs_less_than_a_kilobyte(void **state)
{
	enum { STREAMS = 400 };
	static int fds[STREAMS + 1];

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	start();
	size_t before = 0;

	for (int i = 0; i <= STREAMS; i++) {
		fds[i] = client_open();
		client_say(fds[i], "GET /stream HTTP/1.1\r\n" HOST "\r\n");
		answer_clear();
		client_read_until(fds[i], "data: 1\n\n\r\n", 1);
		if (i == 0) /* the first one also pays for what all share */
			before = mallinfo2().uordblks;
	}
	size_t after = mallinfo2().uordblks;

	print_message("%zu bytes a stream\n", (after - before) / STREAMS);
	assert_true((after - before) / STREAMS < 1024);
	for (int i = 0; i <= STREAMS; i++)
		close(fds[i]);
	wait_for(&closed_count, STREAMS + 1);
}

/* --- limits --- */

static void connection_beyond_the_limit_is_told_503(void **state)
{
	int fds[3], beyond;

	(void)state;
	options.max_connections = 3;
	start();
	for (int i = 0; i < 3; i++) {
		fds[i] = client_open();
		client_say(fds[i], "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	}
	wait_for(&held_count, 3);
	beyond = client_open();
	client_say(beyond, GET "\r\n");
	client_read_all(beyond);
	assert_int_equal(status_of(answer.text), 503);
	assert_non_null(strstr(answer.text, "Retry-After: "));
	close(beyond);
	close(fds[0]);
	wait_until_closed(2);
	assert_int_equal(ask(LAST_GET), 200);
	close(fds[1]);
	close(fds[2]);
}

static void crowd_beyond_the_limit_is_closed_unheard(void **state)
{
	enum { CROWD = 80 };
	int fds[CROWD];
	struct server_counters counters;

	(void)state;
	options.max_connections = 1;
	options.linger_timeout_ms = PATIENCE_MS; /* the refused stay for the test's length */
	start();
	for (int i = 0; i < CROWD; i++)
		fds[i] = client_open();
	client_read_all(fds[CROWD - 1]);
	assert_int_equal(answer.size, 0);
	server_read_counters(server, &counters);
	assert_int_equal(counters.connections_accepted, 1);
	assert_int_equal(counters.connections_refused, CROWD - 1);
	for (int i = 0; i < CROWD; i++)
		close(fds[i]);
}

static void hundred_requests_in_flight_are_all_answered(void **state)
{
	enum { CLIENTS = 100 };
	int fds[CLIENTS];

	(void)state;
	start();
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client_open();
		client_say(fds[i], "GET /later?me HTTP/1.1\r\n" HOST LAST "\r\n");
	}
	for (int i = 0; i < CLIENTS; i++) {
		client_read_all(fds[i]);
		assert_string_equal(body_of(answer.text), "me");
		close(fds[i]);
	}
	wait_until_closed(0);
}

static void lack_of_descriptors_neither_spins_nor_loses_the_client(void **state)
{
	struct rlimit before, low;
	int fd;

	(void)state;
	start();
	getrlimit(RLIMIT_NOFILE, &before);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	low = before;
	low.rlim_cur = (rlim_t)fd + 1; /* nothing lies behind the client's own socket */
	int filler[64], fillers = 0;
	setrlimit(RLIMIT_NOFILE, &low);
	while (fillers < 64 && (filler[fillers] = dup(0)) >= 0)
		fillers++;
	long cpu = cpu_ms();

	client_reach(fd);
	client_say(fd, LAST_GET);
	answer_clear();
	assert_false(client_read_some(fd, 300));
	assert_true(cpu_ms() - cpu < 150);
	setrlimit(RLIMIT_NOFILE, &before);
	while (fillers > 0)
		close(filler[--fillers]);
	client_read_all(fd);
	assert_int_equal(status_of(answer.text), 200);
	close(fd);
}

/* --- opening and closing --- */

static void port_in_use_is_one_clear_sentence(void **state)
{
	struct server *second = NULL;
	char error[SERVER_ERROR_SIZE], address[64];

	(void)state;
	options.threads = 2; /* with SO_REUSEPORT the kernel alone would not object */
	start();
	snprintf(address, sizeof(address), "%s", server_address(server));
	options.listen = address;
	assert_false(server_open(&options, &application, NULL, &second, error));
	assert_null(second);
	assert_non_null(strstr(error, address));
	assert_non_null(strstr(error, "another program already does"));
	options.threads = 1;
	assert_false(server_open(&options, &application, NULL, &second, error));
}

static void wide_address_needs_tls_or_proxies(void **state)
{
	static const char *const wide[] = { "0.0.0.0:0", "[::]:0" };
	char error[SERVER_ERROR_SIZE];

	(void)state;
	for (int i = 0; i < 2; i++) {
		options.listen = wide[i];
		assert_false(server_open(&options, &application, NULL, &server, error));
		assert_non_null(strstr(error, "neither TLS nor trusted proxies"));
	}
	options.listen = "0.0.0.0:0";
	options.trusted_proxies = "10.0.0.0/8";
	assert_true(server_open(&options, &application, NULL, &server, error));
}

static void wrong_options_are_named(void **state)
{
	static const struct {
		const char *listen, *certificate, *key, *proxies, *said;
	} rows[] = {
		{ "nonsense", NULL, NULL, NULL, "nonsense" },
		{ "127.0.0.1", NULL, NULL, NULL, "not an address with a port" },
		{ "127.0.0.1:", NULL, NULL, NULL, "not an address with a port" },
		{ "127.0.0.1:0", NULL, NULL, "10.0.0.0/33", "10.0.0.0/33" },
		{ "127.0.0.1:0", NULL, NULL, "10.0.0.0/", "trusted proxies" },
		{ "127.0.0.1:0", NULL, NULL, "proxy", "trusted proxies" },
		{ "127.0.0.1:0", "/nonexistent.pem", NULL, NULL, "both" },
		{ "127.0.0.1:0", "/nonexistent.pem", "/nonexistent.key", NULL, "/nonexistent.pem" },
	};
	char error[SERVER_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		options.listen = rows[i].listen;
		options.tls_certificate_file = rows[i].certificate;
		options.tls_key_file = rows[i].key;
		options.trusted_proxies = rows[i].proxies;
		assert_false(server_open(&options, &application, NULL, &server, error));
		if (!strstr(error, rows[i].said))
			fail_msg("%s does not say %s", error, rows[i].said);
	}
}

static void drain_lets_the_current_request_finish_and_takes_no_more(void **state)
{
	int busy, idle, late;

	(void)state;
	options.exchange_timeout_ms = 300; /* what ends the held request here */
	start();
	busy = client_open();
	client_say(busy, "GET /hold HTTP/1.1\r\n" HOST "\r\n" GET "\r\n");
	idle = client_open();
	client_say(idle, GET "\r\n");
	answer_clear();
	client_read_until(idle, "hello", 1);
	wait_for(&held_count, 1);
	server_drain(server, PATIENCE_MS);
	client_read_all(idle); /* closed at once */
	assert_int_equal(answer.size, 0);
	late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	to.sin_port = htons((uint16_t)atoi(strrchr(server_address(server), ':') + 1));
	assert_int_equal(connect(late, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	client_read_all(busy);
	assert_int_equal(status_of(answer.text), 504);
	close(busy);
	close(idle);
	close(late);
	wait_until_closed(0);
}

static void drain_cuts_what_is_still_open_at_its_deadline(void **state)
{
	int fd;

	(void)state;
	start();
	fd = client_open();
	client_say(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	wait_for(&held_count, 1);
	server_drain(server, 50);
	server_close(server);
	server = NULL;
	assert_int_equal(atomic_load(&closed_count), 1);
	client_read_all(fd);
	assert_int_equal(answer.size, 0);
	close(fd);
}

static atomic_int opened_threads, closed_threads;

static void *open_thread(struct server_thread *thread, void *context)
{
	assert_ptr_equal(context, &opened_threads);
	assert_non_null(server_thread_base(thread));
	atomic_fetch_add(&opened_threads, 1);
	return (char *)context + server_thread_index(thread) + 1;
}

static void close_thread(struct server_thread *thread, void *thread_state)
{
	assert_ptr_equal(thread_state, (char *)&opened_threads + server_thread_index(thread) + 1);
	assert_ptr_equal(thread_state, server_thread_state(thread));
	assert_true(server_thread_is_draining(thread));
	assert_true(server_thread_now_ms(thread) > 0);
	atomic_fetch_add(&closed_threads, 1);
}

static void each_thread_has_a_state_of_the_application(void **state)
{
	const struct server_application stateful = { open_thread, close_thread, .on_request = on_request };
	char error[SERVER_ERROR_SIZE];

	(void)state;
	options.threads = 3;
	assert_true(server_open(&options, &stateful, &opened_threads, &server, error));
	server_start(server);
	wait_for(&opened_threads, 3);
	server_close(server);
	server = NULL;
	assert_int_equal(atomic_load(&closed_threads), 3);
}

static void several_threads_serve_one_port(void **state)
{
	(void)state;
	options.threads = 3;
	start();
	for (int i = 0; i < 50; i++)
		assert_int_equal(ask(LAST_GET), 200);
}

/* --- proxies --- */

static void forwarded_headers_count_only_from_declared_proxies(void **state)
{
	static const struct {
		const char *proxies, *headers, *seen;
	} rows[] = {
		{ NULL, "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n", "127.0.0.1 plain" },
		{ "10.0.0.0/8", "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n",
			"127.0.0.1 plain" },
		{ "127.0.0.0/8", "", "127.0.0.1 plain" },
		{ "127.0.0.0/8", "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n",
			"9.9.9.9 secure" },
		{ "127.0.0.1, 10.0.0.0/8", "X-Forwarded-For: 1.1.1.1, 9.9.9.9, 10.1.2.3\r\n",
			"9.9.9.9 plain" },
		{ "127.0.0.1, 10.0.0.0/8", "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 9.9.9.9:80\r\n",
			"9.9.9.9 plain" },
		{ "127.0.0.1, 10.0.0.0/8", "X-Forwarded-For: 9.9.9.9, unknown, 10.1.2.3\r\n",
			"10.1.2.3 plain" },
		{ "127.0.0.1, 10.0.0.0/8", "X-Forwarded-For: 10.9.9.9, 10.1.2.3\r\n", "10.9.9.9 plain" },
		{ "127.0.0.1, fd00::/8", "X-Forwarded-For: [2001:db8::7]:443, fd00::1\r\n",
			"2001:db8::7 plain" },
		{ "127.0.0.1", "X-Forwarded-For: garbage\r\nX-Forwarded-Proto: https, http\r\n",
			"127.0.0.1 plain" },
	};
	char request[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		options.trusted_proxies = rows[i].proxies;
		start();
		snprintf(request, sizeof(request), "GET /who HTTP/1.1\r\n" HOST LAST "%s\r\n",
			rows[i].headers);
		assert_int_equal(ask(request), 200);
		assert_string_equal(body_of(answer.text), rows[i].seen);
		server_close(server);
		server = NULL;
	}
}

/* --- files --- */

static void write_file(const char *directory, const char *name, const char *content)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static void make_site(char directory[32])
{
	char path[512];

	strcpy(directory, "/tmp/server_test.XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/assets", directory);
	mkdir(path, 0700);
	write_file(directory, "index.html", "<p>page</p>");
	write_file(directory, "assets/app-1f2e.js", "script");
	write_file(directory, "assets/app-1f2e.js.br", "brotli");
	write_file(directory, "assets/app-1f2e.js.gz", "gzip");
	write_file(directory, ".secret", "secret");
	snprintf(path, sizeof(path), "%s/passwd", directory);
	assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void remove_site(const char *directory)
{
	static const char *const names[] = { "index.html", "assets/app-1f2e.js", "assets/app-1f2e.js.br",
		"assets/app-1f2e.js.gz", ".secret", "passwd" };
	char path[512];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/assets", directory);
	rmdir(path);
	rmdir(directory);
}

static void start_with_site(void)
{
	char directory[32], error[SERVER_ERROR_SIZE];

	make_site(directory);
	if (!static_open(directory, &files, error))
		fail_msg("%s", error);
	remove_site(directory); /* all is in memory */
	start();
}

static int ask_file(const char *method, const char *path, const char *headers)
{
	char request[1024];

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\n" HOST LAST "%s\r\n", method, path, headers);
	return ask(request);
}

static void files_are_served_with_the_headers_that_fit_them(void **state)
{
	(void)state;
	start_with_site();
	assert_int_equal(ask_file("GET", "/assets/app-1f2e.js", ""), 200);
	assert_string_equal(body_of(answer.text), "script");
	assert_non_null(strstr(answer.text, "Content-Type: text/javascript; charset=utf-8\r\n"));
	assert_non_null(strstr(answer.text, "Cache-Control: public, max-age=31536000, immutable\r\n"));
	assert_non_null(strstr(answer.text, "X-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(answer.text, "Content-Security-Policy: default-src 'self';"));
	assert_null(strstr(answer.text, "Content-Encoding"));
	assert_int_equal(ask_file("GET", "/index.html", ""), 200);
	assert_non_null(strstr(answer.text, "Cache-Control: no-cache\r\n"));
	assert_non_null(strstr(answer.text, "Content-Type: text/html; charset=utf-8\r\n"));
	assert_int_equal(ask_file("HEAD", "/index.html", ""), 200);
	assert_non_null(strstr(answer.text, "Content-Length: 11\r\n"));
	assert_string_equal(body_of(answer.text), "");
}

static void compressed_sibling_is_sent_to_who_takes_it(void **state)
{
	(void)state;
	start_with_site();
	assert_int_equal(
		ask_file("GET", "/assets/app-1f2e.js", "Accept-Encoding: gzip, deflate, br\r\n"), 200);
	assert_string_equal(body_of(answer.text), "brotli");
	assert_non_null(strstr(answer.text, "Content-Encoding: br\r\n"));
	assert_non_null(strstr(answer.text, "Vary: Accept-Encoding\r\n"));
	assert_non_null(strstr(answer.text, "Content-Type: text/javascript"));
	assert_int_equal(ask_file("GET", "/assets/app-1f2e.js", "Accept-Encoding: gzip, br;q=0\r\n"), 200);
	assert_string_equal(body_of(answer.text), "gzip");
	assert_int_equal(ask_file("GET", "/assets/app-1f2e.js.br", ""), 404);
}

static void known_file_is_304(void **state)
{
	char headers[256];

	(void)state;
	start_with_site();
	assert_int_equal(ask_file("GET", "/index.html", ""), 200);
	snprintf(headers, sizeof(headers), "If-None-Match: \"x\"\r\nIf-None-Match: W/%.34s\r\n",
		strstr(answer.text, "ETag: ") + 6);
	assert_int_equal(ask_file("GET", "/index.html", headers), 304);
	assert_string_equal(body_of(answer.text), "");
	assert_non_null(strstr(answer.text, "ETag: \""));
	assert_int_equal(ask_file("GET", "/index.html", "If-None-Match: \"x\"\r\n"), 200);
}

static void route_of_the_page_gets_the_page_and_nothing_else_does(void **state)
{
	static const struct {
		const char *path;
		int status;
	} rows[] = {
		{ "/customers/12?tab=notes", 200 },
		{ "/none.js", 404 },
		{ "/assets/none", 404 },
		{ "/api/v2/customers", 404 },
		{ "/.secret", 404 },
		{ "/passwd", 200 }, /* the link was left out: a route like any other, and not /etc/passwd */
		{ "/../etc/passwd.txt", 404 },
		{ "/assets/..%2f..%2fetc/passwd", 404 },
		{ "/%2e%2e/%2e%2e/etc/passwd", 200 },
	};

	(void)state;
	start_with_site();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(ask_file("GET", rows[i].path, ""), rows[i].status);
		if (rows[i].status == 200)
			assert_string_equal(body_of(answer.text), "<p>page</p>");
	}
	assert_int_equal(ask_file("POST", "/index.html", ""), 405);
	assert_non_null(strstr(answer.text, "Allow: GET, HEAD\r\n"));
}

static void directory_without_a_page_is_refused(void **state)
{
	char directory[] = "/tmp/server_test.XXXXXX", error[SERVER_ERROR_SIZE];

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_false(static_open(directory, &files, error));
	assert_non_null(strstr(error, "index.html"));
	rmdir(directory);
	assert_false(static_open(directory, &files, error));
	assert_non_null(strstr(error, directory));
}

/* --- TLS --- */

/* A self-signed P-256 certificate for a day, and its key, in one file. */
static void make_certificate(char path[32])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	strcpy(path, "/tmp/server_test.XXXXXX");
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	FILE *file = fdopen(mkstemp(path), "w");

	PEM_write_X509(file, certificate);
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void start_with_tls(void)
{
	static char path[32];

	make_certificate(path);
	options.tls_certificate_file = options.tls_key_file = path;
	options.listen = "0.0.0.0:0"; /* allowed now */
	start();
	unlink(path);
}

static void tls_say(SSL *ssl, const char *data, size_t size)
{
	assert_int_equal(SSL_write(ssl, data, (int)size), (int)size);
}

static void tls_read_all(SSL *ssl)
{
	int got;

	answer_clear();
	while ((got = SSL_read(
			ssl, answer.text + answer.size, (int)(sizeof(answer.text) - 1 - answer.size))) > 0)
		answer.size += (size_t)got;
	answer.text[answer.size] = '\0';
	assert_int_equal(SSL_get_error(ssl, got), SSL_ERROR_ZERO_RETURN); /* close_notify, not a cut */
}

static SSL *tls_open(SSL_CTX *context, int fd)
{
	SSL *ssl = SSL_new(context);

	SSL_set_fd(ssl, fd);
	assert_int_equal(SSL_connect(ssl), 1);
	return ssl;
}

static void tls_serves_what_plain_does(void **state)
{
	enum { SIZE = 200000 };
	static char request[SIZE + 500];
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	(void)state;
	start_with_tls();
	int head = snprintf(request, sizeof(request),
		"GET /later?first HTTP/1.1\r\n" HOST "\r\n" ECHO LAST "Content-Length: %d\r\n\r\n", SIZE);

	memset(request + head, 'x', SIZE);
	for (int i = 0; i < 2; i++) {
		int fd = client_open();

		SSL_CTX_set_min_proto_version(context, versions[i]);
		SSL_CTX_set_max_proto_version(context, versions[i]);
		SSL *ssl = tls_open(context, fd);

		tls_say(ssl, request, (size_t)head + SIZE);
		tls_read_all(ssl);
		assert_int_equal(status_of(answer.text), 200);
		assert_non_null(strstr(answer.text, "first"));
		assert_memory_equal(answer.text + answer.size - SIZE, request + head, SIZE);
		SSL_free(ssl);
		close(fd);
	}
	SSL_CTX_free(context);
}

static void tls_is_secure_and_speaks_http_1_1_only(void **state)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	const unsigned char *chosen;
	unsigned size;
	int fd;

	(void)state;
	start_with_tls();
	SSL_CTX_set_alpn_protos(context, (const unsigned char *)"\x02h2\x08http/1.1", 12);
	fd = client_open();
	SSL *ssl = tls_open(context, fd);

	SSL_get0_alpn_selected(ssl, &chosen, &size);
	assert_int_equal(size, 8);
	assert_memory_equal(chosen, "http/1.1", 8);
	tls_say(ssl, BYTES("GET /who HTTP/1.1\r\n" HOST LAST "\r\n"));
	tls_read_all(ssl);
	assert_string_equal(body_of(answer.text), "127.0.0.1 secure");
	SSL_free(ssl);
	close(fd);
	SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
	fd = client_open();
	ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	assert_int_not_equal(SSL_connect(ssl), 1);
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
}

static void tls_sends_megabytes_and_keeps_what_is_pipelined(void **state)
{
	enum { MANY = 2000 };
	static char request[MANY * 40 + 400];
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	size_t size = 0, total = 0;
	int fd = -1, found = 0, got;

	(void)state;
	start_with_tls();
	fd = client_open();
	SSL *ssl = tls_open(context, fd);

	tls_say(ssl, BYTES("GET /big HTTP/1.1\r\n" HOST LAST "\r\n"));
	while ((got = SSL_read(ssl, answer.text, sizeof(answer.text))) > 0)
		total += (size_t)got;
	assert_true(total > BIG_SIZE && total < BIG_SIZE + 1000);
	SSL_free(ssl);
	close(fd);
	/* More than the buffer holds waits behind a slow answer, also inside OpenSSL. */
	size += (size_t)sprintf(request, "GET /later?first HTTP/1.1\r\n" HOST "\r\n");
	for (int i = 0; i < MANY; i++)
		size += (size_t)sprintf(request + size, "%s", i < MANY - 1 ? GET "\r\n" : LAST_GET);
	fd = client_open();
	ssl = tls_open(context, fd);
	tls_say(ssl, request, size);
	while ((got = SSL_read(ssl, answer.text, sizeof(answer.text))) > 0)
		for (int i = 0; i < got; i++)
			found += answer.text[i] == 'H';
	assert_int_equal(found, MANY + 1);
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
}

static void tls_refuses_who_speaks_something_else_only(void **state)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd;

	(void)state;
	start_with_tls();
	SSL_CTX_set_alpn_protos(context, (const unsigned char *)"\x02h2", 3);
	fd = client_open();
	SSL *ssl = SSL_new(context);

	SSL_set_fd(ssl, fd);
	assert_int_not_equal(SSL_connect(ssl), 1);
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
}

static void handshake_that_stalls_is_closed(void **state)
{
	int fd;

	(void)state;
	options.head_timeout_ms = 100;
	start_with_tls();
	fd = client_open();
	client_say(fd, "\x16\x03\x01");
	client_read_all(fd);
	close(fd);
	fd = client_open();
	client_say(fd, GET "\r\n"); /* plain words at a TLS port */
	client_read_all(fd);
	assert_int_equal(status_of(answer.text), 0);
	close(fd);
	wait_until_closed(0);
}

static void application_hears_when_a_tls_client_leaves(void **state)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	(void)state;
	start_with_tls();
	for (int is_stream = 0; is_stream < 2; is_stream++) {
		int fd = client_open();
		SSL *ssl = tls_open(context, fd);

		if (is_stream)
			tls_say(ssl, BYTES("GET /stream HTTP/1.1\r\n" HOST "\r\n"));
		else
			tls_say(ssl, BYTES("GET /hold HTTP/1.1\r\n" HOST "\r\n"));
		wait_for(&held_count, is_stream + 1);
		SSL_shutdown(ssl);
		SSL_free(ssl);
		close(fd);
		wait_for(&closed_count, is_stream + 1);
	}
	SSL_CTX_free(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before_each, after_each)

int main(void)
{
	const struct CMUnitTest server_tests[] = {
		TEST(abuse_is_answered_as_the_table_says_and_the_connection_ends),
		TEST(refusals_speak_the_language_of_the_request),
		TEST(refusal_goes_on_with_the_trace_of_the_request),
		TEST(body_that_is_too_large_is_told_the_limit),
		TEST(head_of_a_megabyte_is_431),
		TEST(two_thousand_headers_are_431),
		TEST(slow_head_is_408),
		TEST(slow_body_is_408),
		TEST(slow_upload_is_408_and_a_steady_one_is_not),
		TEST(upload_that_stalls_after_a_good_start_is_408),
		TEST(deadlines_are_kept_for_each_connection),
		TEST(idle_connection_is_closed_without_a_word),
		TEST(exchange_that_is_never_answered_is_504),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(many_pipelined_requests_are_all_answered),
		TEST(request_may_come_byte_by_byte),
		TEST(body_larger_than_the_buffer_arrives_whole),
		TEST(body_in_parts_is_sent_as_one),
		TEST(client_that_has_said_all_still_gets_its_answer),
		TEST(head_request_has_the_length_but_no_body),
		TEST(status_without_body_has_none),
		TEST(client_that_expects_100_gets_it_before_it_sends),
		TEST(http_1_0_is_closed_unless_it_asks_otherwise),
		TEST(answer_of_megabytes_reaches_a_slow_reader_whole),
		TEST(client_that_stops_reading_is_cut_off),
		TEST(refusal_during_an_upload_can_be_read),
		TEST(upload_is_handed_over_in_chunks),
		TEST(application_hears_when_a_waiting_client_leaves),
		TEST(client_that_leaves_a_paused_upload_is_noticed),
		TEST(client_that_pipelines_without_end_is_stopped_and_its_leaving_is_noticed),
		TEST(answer_that_comes_too_late_finds_nothing),
		TEST(stream_is_chunked_and_ends_with_the_drain),
		TEST(stream_without_callbacks_is_ended_by_the_drain),
		TEST(stream_to_http_1_0_ends_with_the_connection),
		TEST(stream_that_is_full_says_so_and_then_that_it_is_not),
		TEST(stream_whose_client_does_not_read_is_ended),
		TEST(idle_stream_costs_less_than_a_kilobyte),
		TEST(connection_beyond_the_limit_is_told_503),
		TEST(crowd_beyond_the_limit_is_closed_unheard),
		TEST(hundred_requests_in_flight_are_all_answered),
		TEST(lack_of_descriptors_neither_spins_nor_loses_the_client),
		TEST(port_in_use_is_one_clear_sentence),
		TEST(wide_address_needs_tls_or_proxies),
		TEST(wrong_options_are_named),
		TEST(drain_lets_the_current_request_finish_and_takes_no_more),
		TEST(drain_cuts_what_is_still_open_at_its_deadline),
		TEST(each_thread_has_a_state_of_the_application),
		TEST(several_threads_serve_one_port),
		TEST(forwarded_headers_count_only_from_declared_proxies),
		TEST(files_are_served_with_the_headers_that_fit_them),
		TEST(compressed_sibling_is_sent_to_who_takes_it),
		TEST(known_file_is_304),
		TEST(route_of_the_page_gets_the_page_and_nothing_else_does),
		TEST(directory_without_a_page_is_refused),
		TEST(tls_serves_what_plain_does),
		TEST(tls_is_secure_and_speaks_http_1_1_only),
		TEST(tls_sends_megabytes_and_keeps_what_is_pipelined),
		TEST(tls_refuses_who_speaks_something_else_only),
		TEST(handshake_that_stalls_is_closed),
		TEST(application_hears_when_a_tls_client_leaves),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("server", server_tests, NULL, NULL);
}
