/* The codec against RFC 9110/9112 and against the abuse table of research/http.md, column "strict codec". */
#include "kit/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct http_head head;
static struct http_refusal refusal;

/* Parses from a heap copy of exactly that size, so that a sanitizer sees any read beyond it. */
static enum http_result parse_bytes(const char *data, size_t size, const struct http_limits *limits)
{
	static char *copy;
	size_t scanned = 0;

	free(copy);
	copy = malloc(size ? size : 1);
	memcpy(copy, data, size);
	return http_parse_head(copy, size, &scanned, limits, &head, &refusal);
}

static enum http_result parse(const char *text)
{
	return parse_bytes(text, strlen(text), &http_limits_default);
}

static void assert_slice(struct http_slice slice, const char *text)
{
	assert_non_null(slice.data);
	assert_int_equal(slice.size, strlen(text));
	assert_memory_equal(slice.data, text, slice.size);
}

/* --- heads that are taken --- */

static void head_is_split_into_its_parts(void **state)
{
	(void)state;
	const char *text = "POST /api/v1/customers?q=a%20b&x HTTP/1.1\r\nHost: "
			   "crm.example:8080\r\nContent-Type:application/json\t \r\n"
			   "X-Unknown:   a b \r\nContent-Length: 12\r\nEmpty:\r\n\r\nbody";

	assert_int_equal(parse(text), HTTP_READY);
	assert_int_equal(head.method, HTTP_POST);
	assert_slice(head.target, "/api/v1/customers?q=a%20b&x");
	assert_slice(head.path, "/api/v1/customers");
	assert_slice(head.query, "q=a%20b&x");
	assert_int_equal(head.minor_version, 1);
	assert_slice(http_head_get(&head, HTTP_HOST), "crm.example:8080");
	assert_slice(http_head_get(&head, HTTP_CONTENT_TYPE), "application/json");
	assert_slice(head.headers[2].name, "X-Unknown");
	assert_slice(head.headers[2].value, "a b");
	assert_slice(head.headers[4].value, "");
	assert_int_equal(head.header_count, 5);
	assert_int_equal(head.framing, HTTP_LENGTH);
	assert_int_equal(head.content_length, 12);
	assert_int_equal(head.size_bytes, strlen(text) - 4);
	assert_true(head.keep_alive);
	assert_null(http_head_get(&head, HTTP_COOKIE).data);
}

static void every_known_name_has_its_slot_in_any_case(void **state)
{
	static const char *const names[HTTP_KNOWN_COUNT] = {
		[HTTP_COOKIE] = "Cookie",
		[HTTP_AUTHORIZATION] = "Authorization",
		[HTTP_IF_MATCH] = "If-Match",
		[HTTP_IF_NONE_MATCH] = "IF-NONE-MATCH",
		[HTTP_IDEMPOTENCY_KEY] = "idempotency-key",
		[HTTP_ACCEPT_LANGUAGE] = "Accept-Language",
		[HTTP_CONTENT_TYPE] = "content-Type",
		[HTTP_CONTENT_ENCODING] = "Content-Encoding",
		[HTTP_ORIGIN] = "Origin",
		[HTTP_LAST_EVENT_ID] = "Last-Event-ID",
		[HTTP_TRACEPARENT] = "traceparent",
		[HTTP_ACCEPT] = "Accept",
		[HTTP_ACCEPT_ENCODING] = "Accept-Encoding",
		[HTTP_X_FORWARDED_FOR] = "X-Forwarded-For",
		[HTTP_X_FORWARDED_PROTO] = "X-Forwarded-Proto",
		[HTTP_X_FORWARDED_HOST] = "X-Forwarded-Host",
		[HTTP_X_CSRF_TOKEN] = "X-CSRF-Token",
		[HTTP_SEC_FETCH_SITE] = "Sec-Fetch-Site",
		[HTTP_USER_AGENT] = "User-Agent",
		[HTTP_RANGE] = "Range",
		[HTTP_UPGRADE] = "Upgrade",
		[HTTP_CONNECTION] = "Connection",
	};
	char text[256];

	(void)state;
	for (unsigned known = HTTP_CONNECTION; known < HTTP_KNOWN_COUNT; known++) {
		if (!names[known]) {
			assert_int_equal(known, HTTP_EXPECT);
			continue;
		}
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s: value-%u\r\n\r\n",
			names[known], known);
		assert_int_equal(parse(text), HTTP_READY);
		snprintf(text, sizeof(text), "value-%u", known);
		assert_slice(http_head_get(&head, known), text);
	}
}

static void head_is_taken_whole_however_it_trickles_in(void **state)
{
	const char *text = "\r\nGET /x HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
	size_t scanned = 0;

	(void)state;
	for (size_t size = 1; size < strlen(text); size++)
		assert_int_equal(http_parse_head(text, size, &scanned, &http_limits_default, &head, &refusal),
			HTTP_NEED_MORE);
	assert_int_equal(http_parse_head(text, strlen(text), &scanned, &http_limits_default, &head, &refusal),
		HTTP_READY);
	assert_int_equal(head.size_bytes, strlen(text));
	assert_slice(head.path, "/x");
}

static void connection_is_kept_as_the_client_asks(void **state)
{
	static const struct {
		const char *version, *connection;
		bool keep_alive;
	} rows[] = {
		{ "1.1", "X: y", true },
		{ "1.1", "Connection: close", false },
		{ "1.1", "Connection: foo, CLOSE", false },
		{ "1.1", "Connection: keep-alive\r\nConnection: close", false },
		{ "1.1", "Connection: closed", true },
		{ "1.1", "Connection: Upgrade\r\nUpgrade: h2c", false },
		{ "1.1", "Upgrade: h2c", true },
		{ "1.0", "X: y", false },
		{ "1.0", "Connection: Keep-Alive", true },
		{ "1.0", "Connection: keep-alive, close", false },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: a\r\n%s\r\n\r\n", rows[i].version,
			rows[i].connection);
		assert_int_equal(parse(text), HTTP_READY);
		assert_int_equal(head.keep_alive, rows[i].keep_alive);
	}
}

static void heads_that_are_right_are_taken(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.0\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET HTTPS://A:80/ HTTP/1.1\r\nHost: a:80\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
		"GET /%E4%BD%A0?filter[stage][in]=a|b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\xbd\xa0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: a\r\nAccept: b\r\nIf-Match: \"1\"\r\nIf-Match: "
		"\"2\"\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
		"POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: anything\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-Continue\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(parse(texts[i]), HTTP_READY);
	assert_false(head.expects_continue); /* the last has no body to wait for */
}

static void repeated_lists_are_visited_line_by_line(void **state)
{
	struct http_slice value;
	size_t cursor = 0;

	(void)state;
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nAccept: x\r\nX-Forwarded-For: 1, 2\r\nB: "
			       "c\r\nx-forwarded-for: 3\r\n\r\n"),
		HTTP_READY);
	assert_true(http_head_next(&head, HTTP_X_FORWARDED_FOR, &cursor, &value));
	assert_slice(value, "1, 2");
	assert_true(http_head_next(&head, HTTP_X_FORWARDED_FOR, &cursor, &value));
	assert_slice(value, "3");
	assert_false(http_head_next(&head, HTTP_X_FORWARDED_FOR, &cursor, &value));
	cursor = 0;
	assert_false(http_head_next(&head, HTTP_ORIGIN, &cursor, &value));
}

/* --- heads that are refused --- */

#define GET            "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST           "POST / HTTP/1.1\r\nHost: a\r\n"
#define BYTES(literal) literal, sizeof(literal) - 1

static const struct {
	const char *what, *text;
	size_t size;
	unsigned status;
} refused[] = {
	{ "content-length beside transfer-encoding",
		BYTES(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 400 },
	{ "transfer-encoding beside content-length",
		BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), 400 },
	{ "two content-lengths that differ", BYTES(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
		400 },
	{ "two content-lengths alike", BYTES(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400 },
	{ "content-length with a tab before it", BYTES(POST "Content-Length:\t5\r\n\r\n"), 400 },
	{ "content-length with a tab behind it", BYTES(POST "Content-Length: 5\t\r\n\r\n"), 400 },
	{ "content-length as a list", BYTES(POST "Content-Length: 5, 5\r\n\r\n"), 400 },
	{ "content-length +5", BYTES(POST "Content-Length: +5\r\n\r\n"), 400 },
	{ "content-length -5", BYTES(POST "Content-Length: -5\r\n\r\n"), 400 },
	{ "content-length 0x5", BYTES(POST "Content-Length: 0x5\r\n\r\n"), 400 },
	{ "content-length with a space inside", BYTES(POST "Content-Length: 5 5\r\n\r\n"), 400 },
	{ "content-length empty", BYTES(POST "Content-Length: \r\n\r\n"), 400 },
	{ "space before the colon of transfer-encoding", BYTES(POST "Transfer-Encoding : chunked\r\n\r\n"),
		400 },
	{ "tab before the colon", BYTES(GET "A\t: b\r\n\r\n"), 400 },
	{ "transfer-encoding xchunked", BYTES(POST "Transfer-Encoding: xchunked\r\n\r\n"), 501 },
	{ "transfer-encoding with a vertical tab", BYTES(POST "Transfer-Encoding: \vchunked\r\n\r\n"), 400 },
	{ "transfer-encoding gzip, chunked", BYTES(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501 },
	{ "transfer-encoding chunked, identity", BYTES(POST "Transfer-Encoding: chunked, identity\r\n\r\n"),
		501 },
	{ "transfer-encoding identity", BYTES(POST "Transfer-Encoding: identity\r\n\r\n"), 501 },
	{ "transfer-encoding quoted", BYTES(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"), 501 },
	{ "transfer-encoding empty", BYTES(POST "Transfer-Encoding:\r\n\r\n"), 400 },
	{ "transfer-encoding with a tab behind it", BYTES(POST "Transfer-Encoding: chunked\t\r\n\r\n"), 400 },
	{ "two transfer-encodings",
		BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400 },
	{ "transfer-encoding in HTTP/1.0",
		BYTES("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 400 },
	{ "bare LF after the request line", BYTES("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400 },
	{ "bare LF after a header", BYTES("GET / HTTP/1.1\r\nHost: a\nA: b\r\n\r\n"), 400 },
	{ "bare LF as the empty line", BYTES(GET "\n"), 400 },
	{ "bare CR in a value", BYTES(GET "A: b\rc\r\n\r\n"), 400 },
	{ "CR CR LF", BYTES(GET "A: b\r\r\n\r\n"), 400 },
	{ "bare CR as line end", BYTES("GET / HTTP/1.1\rHost: a\r\n\r\n"), 400 },
	{ "NUL in a value", BYTES(GET "A: b\0c\r\n\r\n"), 400 },
	{ "NUL in a name", BYTES(GET "A\0: b\r\n\r\n"), 400 },
	{ "DEL in a value", BYTES(GET "A: b\x7f\r\n\r\n"), 400 },
	{ "empty header name", BYTES(GET ": b\r\n\r\n"), 400 },
	{ "header without a colon", BYTES(GET "A\r\n\r\n"), 400 },
	{ "non-token in a name", BYTES(GET "A(b): c\r\n\r\n"), 400 },
	{ "byte above 0x7f in a name", BYTES(GET "\xc3\xa4: c\r\n\r\n"), 400 },
	{ "obsolete folding", BYTES(GET "A: b\r\n c\r\n\r\n"), 400 },
	{ "white space before the first header", BYTES("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400 },
	{ "no host in HTTP/1.1", BYTES("GET / HTTP/1.1\r\nA: b\r\n\r\n"), 400 },
	{ "no header at all in HTTP/1.1", BYTES("GET / HTTP/1.1\r\n\r\n"), 400 },
	{ "two hosts", BYTES(GET "Host: a\r\n\r\n"), 400 },
	{ "empty host", BYTES("GET / HTTP/1.1\r\nHost: \r\n\r\n"), 400 },
	{ "host with a path", BYTES("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400 },
	{ "host with a user", BYTES("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400 },
	{ "host with a bad port", BYTES("GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n"), 400 },
	{ "host with a broken bracket", BYTES("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400 },
	{ "absolute target for another host", BYTES("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "absolute target without a path", BYTES("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "absolute target of another scheme", BYTES("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "absolute target in HTTP/1.0 without host", BYTES("GET http://a/ HTTP/1.0\r\n\r\n"), 400 },
	{ "target that is no path", BYTES("GET x HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "asterisk for GET", BYTES("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "no target", BYTES("GET HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "two spaces in the request line", BYTES("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "tab in the request line", BYTES("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "space after the version", BYTES("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400 },
	{ "space in the target", BYTES("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "fragment in the target", BYTES("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "raw UTF-8 in the target", BYTES("GET /\xe4\xbd\xa0 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "broken escape in the path", BYTES("GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "broken escape in the query", BYTES("GET /?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "lower-case method", BYTES("get / HTTP/1.1\r\nHost: a\r\n\r\n"), 501 },
	{ "unknown method", BYTES("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), 501 },
	{ "CONNECT", BYTES("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), 501 },
	{ "TRACE", BYTES("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 501 },
	{ "HTTP/0.9", BYTES("GET /\r\n\r\n"), 400 },
	{ "HTTP/2.0", BYTES("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505 },
	{ "the preface of HTTP/2", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 501 },
	{ "HTTP/1.2", BYTES("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505 },
	{ "HTTP/1.10", BYTES("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), 400 },
	{ "lower-case protocol", BYTES("GET / http/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "two empty lines first", BYTES("\r\n\r\n" GET "\r\n"), 400 },
	{ "a TLS hello", BYTES("\x16\x03\x01\x02\x00\x01"), 400 },
	{ "an expectation that is unknown", BYTES(POST "Content-Length: 1\r\nExpect: 200-ok\r\n\r\n"), 417 },
	{ "two cookies", BYTES(GET "Cookie: a=b\r\nCookie: c=d\r\n\r\n"), 400 },
	{ "two authorizations", BYTES(GET "Authorization: a\r\nauthorization: a\r\n\r\n"), 400 },
	{ "two content types", BYTES(POST "Content-Type: a\r\nContent-Type: a\r\n\r\n"), 400 },
	{ "two idempotency keys", BYTES(POST "Idempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n"), 400 },
};

static void heads_that_could_be_misread_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		enum http_result result = parse_bytes(refused[i].text, refused[i].size, &http_limits_default);

		if (result != HTTP_REFUSED || refusal.status != refused[i].status)
			fail_msg("%s: result %d, status %u, not %u", refused[i].what, result, refusal.status,
				refused[i].status);
		assert_int_equal(strncmp(message_code(refusal.message), "http_", 5), 0);
	}
}

static void head_larger_than_its_limit_is_refused_before_it_ends(void **state)
{
	static char text[1 << 20];
	size_t scanned = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, GET, sizeof(GET) - 1);
	assert_int_equal(
		http_parse_head(text, 16 * 1024 - 1, &scanned, &http_limits_default, &head, &refusal),
		HTTP_NEED_MORE);
	assert_int_equal(http_parse_head(text, 16 * 1024, &scanned, &http_limits_default, &head, &refusal),
		HTTP_REFUSED);
	assert_int_equal(refusal.status, 431);
	assert_int_equal(parse_bytes(text, sizeof(text), &http_limits_default), HTTP_REFUSED);
	assert_int_equal(refusal.status, 431);
}

static void target_longer_than_its_limit_is_refused(void **state)
{
	static char text[10000];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	assert_int_equal(
		parse_bytes(text, 9000, &http_limits_default), HTTP_REFUSED); /* also before its line ends */
	assert_int_equal(refusal.status, 414);
	snprintf(text + 8300, sizeof(text) - 8300, " HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(parse(text), HTTP_REFUSED);
	assert_int_equal(refusal.status, 414);
	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	snprintf(text + 4 + 8192, sizeof(text) - 4 - 8192, " HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(parse(text), HTTP_READY);
	assert_int_equal(head.path.size, 8192);
}

static void more_headers_than_the_limit_are_refused(void **state)
{
	char text[4096] = GET;

	(void)state;
	for (int i = 0; i < 99; i++)
		strcat(text, "a: b\r\n");
	size_t size = strlen(text);

	strcat(text, "\r\n");
	assert_int_equal(parse(text), HTTP_READY);
	assert_int_equal(head.header_count, 100);
	strcpy(text + size, "a: b\r\n\r\n");
	assert_int_equal(parse(text), HTTP_REFUSED);
	assert_int_equal(refusal.status, 431);
}

static void two_thousand_short_headers_are_refused(void **state)
{
	static char text[20000] = GET;
	size_t size = sizeof(GET) - 1;

	(void)state;
	for (int i = 0; i < 2000; i++, size += 6)
		memcpy(text + size, "a: b\r\n", 6);
	memcpy(text + size, "\r\n", 2);
	assert_int_equal(parse_bytes(text, size + 2, &http_limits_default), HTTP_REFUSED);
	assert_int_equal(refusal.status, 431);
}

static void length_beyond_64_bits_is_beyond_any_limit(void **state)
{
	(void)state;
	assert_int_equal(parse(POST "Content-Length: 18446744073709551617\r\n\r\n"), HTTP_READY);
	assert_true(head.content_length == UINT64_MAX);
	assert_int_equal(
		parse(POST "Content-Length: 99999999999999999999999999999999999999990\r\n\r\n"), HTTP_READY);
	assert_true(head.content_length == UINT64_MAX);
	assert_int_equal(head.framing, HTTP_LENGTH);
}

/* --- bodies --- */

struct decoding {
	enum http_result result;
	char decoded[4096];
	size_t decoded_size, consumed;
};

/* Feeds raw in pieces of `step` bytes, each in a heap block of its own. */
static struct decoding decode(
	const char *request, const char *raw, size_t raw_size, size_t step, uint64_t limit)
{
	struct decoding decoding = { .result = HTTP_NEED_MORE };
	struct http_body body;

	assert_int_equal(parse(request), HTTP_READY);
	http_body_init(&body, &head, &http_limits_default, limit);
	while (decoding.result == HTTP_NEED_MORE && decoding.consumed < raw_size) {
		size_t size = raw_size - decoding.consumed < step ? raw_size - decoding.consumed : step,
		       consumed = 0, decoded = 0;
		char *piece = malloc(size);

		memcpy(piece, raw + decoding.consumed, size);
		decoding.result = http_body_decode(&body, piece, size, &consumed, &decoded, &refusal);
		assert_true(decoding.result != HTTP_NEED_MORE || consumed == size);
		memcpy(decoding.decoded + decoding.decoded_size, piece, decoded);
		decoding.decoded_size += decoded;
		decoding.consumed += consumed;
		free(piece);
	}
	return decoding;
}

#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static void chunked_body_is_decoded_in_pieces_of_any_size(void **state)
{
	static const char raw[] =
		"5\r\nhello\r\n00a;name=\"v\\\"\";b=c;d\r\n, chunked \r\n1\r\n!\r\n0\r\nTrailer: "
		"dropped\r\nOther:\r\n\r\nGET / next";

	(void)state;
	for (size_t step = 1; step < sizeof(raw); step++) {
		struct decoding decoding = decode(CHUNKED, raw, sizeof(raw) - 1, step, 1000);

		assert_int_equal(decoding.result, HTTP_READY);
		assert_int_equal(decoding.decoded_size, 16);
		assert_memory_equal(decoding.decoded, "hello, chunked !", 16);
		assert_int_equal(decoding.consumed, sizeof(raw) - 1 - strlen("GET / next"));
	}
}

static void body_by_length_ends_exactly_there(void **state)
{
	(void)state;
	for (size_t step = 1; step < 12; step++) {
		struct decoding decoding =
			decode(POST "Content-Length: 5\r\n\r\n", "helloGET / ", 11, step, 5);

		assert_int_equal(decoding.result, HTTP_READY);
		assert_int_equal(decoding.consumed, 5);
		assert_memory_equal(decoding.decoded, "hello", 5);
	}
}

static void request_without_body_has_none(void **state)
{
	struct http_body body;
	size_t consumed = 9, decoded = 9;
	char next[] = "GET";

	(void)state;
	assert_int_equal(parse(GET "\r\n"), HTTP_READY);
	http_body_init(&body, &head, &http_limits_default, 100);
	assert_int_equal(http_body_decode(&body, next, 3, &consumed, &decoded, &refusal), HTTP_READY);
	assert_int_equal(consumed, 0);
	assert_int_equal(decoded, 0);
}

static void broken_chunking_is_refused(void **state)
{
	static const struct {
		const char *what, *raw;
		size_t size;
	} rows[] = {
		{ "chunk size 0x5", BYTES("0x5\r\nhello\r\n0\r\n\r\n") },
		{ "chunk size +5", BYTES("+5\r\nhello\r\n0\r\n\r\n") },
		{ "chunk size -1", BYTES("-1\r\n") },
		{ "chunk size empty", BYTES("\r\nhello\r\n") },
		{ "chunk size is an extension only", BYTES(";a\r\n") },
		{ "space before the chunk size", BYTES(" 5\r\nhello\r\n") },
		{ "space after the chunk size", BYTES("5 \r\nhello\r\n") },
		{ "chunk size of 17 digits", BYTES("00000000000000005\r\nhello\r\n") },
		{ "bare LF after the chunk size", BYTES("5\nhello\r\n") },
		{ "bare CR after the chunk size", BYTES("5\rhello\r\n") },
		{ "chunk data without CRLF", BYTES("5\r\nhello0\r\n\r\n") },
		{ "chunk data with bare LF", BYTES("5\r\nhello\n0\r\n\r\n") },
		{ "chunk data longer than it says", BYTES("5\r\nhello!\r\n0\r\n\r\n") },
		{ "bare LF in an extension", BYTES("5;a\nhello\r\n") },
		{ "NUL in an extension", BYTES("5;a\0\r\nhello\r\n") },
		{ "trailer that would set the length", BYTES("0\r\nContent-LENGTH: 5\r\n\r\n") },
		{ "trailer that would set the coding",
			BYTES("0\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n") },
		{ "trailer that would name the host", BYTES("0\r\nhost: b\r\n\r\n") },
		{ "trailer that would authorise", BYTES("0\r\nAuthorization: b\r\n\r\n") },
		{ "extension without a name", BYTES("5;\r\nhello\r\n") },
		{ "extension without a value", BYTES("5;a=\r\nhello\r\n") },
		{ "extension with something behind its quotes", BYTES("5;a=\"b\"c\r\nhello\r\n") },
		{ "extension with a space", BYTES("5; a\r\nhello\r\n") },
		{ "CR in an extension", BYTES("5;a\rb\r\nhello\r\n") },
		{ "trailer without a colon", BYTES("0\r\nabc\r\n\r\n") },
		{ "trailer that is folded", BYTES("0\r\nA: b\r\n c\r\n\r\n") },
		{ "trailer with a space before the colon", BYTES("0\r\nA : b\r\n\r\n") },
		{ "trailer with bare LF", BYTES("0\r\nA: b\n\r\n") },
		{ "trailer with NUL", BYTES("0\r\nA: b\0\r\n\r\n") },
		{ "end with bare LF", BYTES("0\r\n\n") },
		{ "end with bare CR", BYTES("0\r\n\rx") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t step = 1; step <= rows[i].size; step++) {
			struct decoding decoding = decode(CHUNKED, rows[i].raw, rows[i].size, step, 1000);

			if (decoding.result != HTTP_REFUSED || refusal.status != 400)
				fail_msg("%s: result %d, status %u", rows[i].what, decoding.result,
					refusal.status);
		}
}

static void body_larger_than_its_limit_is_refused_by_its_announcement(void **state)
{
	(void)state;
	assert_int_equal(decode(POST "Content-Length: 6\r\n\r\n", "h", 1, 1, 5).result, HTTP_REFUSED);
	assert_int_equal(refusal.status, 413);
	assert_int_equal(decode(CHUNKED, BYTES("6\r\nh"), 4, 5).result, HTTP_REFUSED);
	assert_int_equal(refusal.status, 413);
	assert_int_equal(decode(CHUNKED, BYTES("3\r\nabc\r\n3\r\nd"), 4, 5).result, HTTP_REFUSED);
	assert_int_equal(refusal.status, 413);
	assert_int_equal(decode(CHUNKED, BYTES("ffffffffffffffff\r\nd"), 4, 5).result, HTTP_REFUSED);
	assert_int_equal(refusal.status, 413);
	assert_int_equal(decode(CHUNKED, BYTES("5\r\nhello\r\n0\r\n\r\n"), 4, 5).result, HTTP_READY);
}

static void extensions_and_trailers_have_a_limit_together(void **state)
{
	static char raw[6000];

	(void)state;
	memset(raw, 'a', sizeof(raw));
	memcpy(raw, "5;", 2);
	assert_int_equal(decode(CHUNKED, raw, sizeof(raw), 100, 1000).result, HTTP_REFUSED);
	assert_int_equal(refusal.status, 400);
	memcpy(raw, "0\r\nA:", 5);
	assert_int_equal(decode(CHUNKED, raw, sizeof(raw), 100, 1000).result, HTTP_REFUSED);
	assert_int_equal(refusal.status, 400);
}

/* --- replies --- */

static void reply_head_is_written_within_its_bound(void **state)
{
	const struct http_header headers[] = { { HTTP_SLICE("ETag"), HTTP_SLICE("\"7\"") } };
	struct http_date date = { 0 };
	const struct http_reply_head reply = {
		.status = 201,
		.framing = HTTP_LENGTH,
		.content_length = UINT64_MAX,
		.close = true,
		.date = http_date_text(&date, 784111777),
		.headers = headers,
		.header_count = 1,
	};
	char out[1024];
	size_t size = http_reply_head_write(&reply, out);

	(void)state;
	assert_true(size <= http_reply_head_bound(&reply));
	out[size] = '\0';
	assert_string_equal(out,
		"HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"7\"\r\n"
		"Content-Length: 18446744073709551615\r\nConnection: close\r\n\r\n");
}

static void no_value_can_begin_a_header_of_its_own(void **state)
{
	const struct http_header headers[] = { { HTTP_SLICE("Location"),
		HTTP_SLICE("/a\r\nSet-Cookie: x\0") } };
	char out[1024];
	size_t size = http_reply_head_write(
		&(struct http_reply_head){ .status = 204, .headers = headers, .header_count = 1 }, out);

	(void)state;
	out[size] = '\0';
	assert_string_equal(out, "HTTP/1.1 204 No Content\r\nLocation: /a  Set-Cookie: x \r\n\r\n");
}

static void date_follows_the_second(void **state)
{
	struct http_date date = { 0 };

	(void)state;
	assert_string_equal(http_date_text(&date, 0), "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_string_equal(http_date_text(&date, 1709210096), "Thu, 29 Feb 2024 12:34:56 GMT");
}

/* --- values --- */

static void percent_encoding_is_taken_off_strictly(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
		bool form;
	} rows[] = {
		{ "", "", false },
		{ "a%20b+c", "a b+c", false },
		{ "a%20b+c", "a b c", true },
		{ "%E4%bd%A0", "\xe4\xbd\xa0", false },
		{ "%", NULL, false },
		{ "%2", NULL, false },
		{ "%2g", NULL, false },
		{ "%00", NULL, false },
		{ "%c0%af", NULL, false },       /* overlong */
		{ "%ed%a0%80", NULL, false },    /* a lone surrogate */
		{ "%f4%90%80%80", NULL, false }, /* above U+10FFFF */
		{ "%e4%bd", NULL, false },       /* cut short */
		{ "%f0%9f%98%80", "\xf0\x9f\x98\x80", false },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t size = 77;
		bool good = http_percent_decode(
			(struct http_slice){ rows[i].in, strlen(rows[i].in) }, rows[i].form, out, &size);

		assert_int_equal(good, rows[i].out != NULL);
		if (good)
			assert_slice((struct http_slice){ out, size }, rows[i].out);
		else
			assert_int_equal(size, 77);
	}
}

static void query_is_visited_pair_by_pair(void **state)
{
	struct http_slice rest = HTTP_SLICE("a=1&&b&c=&=d&e=f=g"), name, value;

	(void)state;
	assert_true(http_query_next(&rest, &name, &value));
	assert_slice(name, "a");
	assert_slice(value, "1");
	assert_true(http_query_next(&rest, &name, &value));
	assert_slice(name, "b");
	assert_null(value.data);
	assert_true(http_query_next(&rest, &name, &value));
	assert_slice(name, "c");
	assert_slice(value, "");
	assert_true(http_query_next(&rest, &name, &value));
	assert_slice(name, "");
	assert_true(http_query_next(&rest, &name, &value));
	assert_slice(value, "f=g");
	assert_false(http_query_next(&rest, &name, &value));
	rest = (struct http_slice){ NULL, 0 };
	assert_false(http_query_next(&rest, &name, &value));
}

static void cookie_is_found_by_its_whole_name(void **state)
{
	struct http_slice value;

	(void)state;
	assert_true(http_cookie_find(HTTP_SLICE("xsid=1; sid=two; sid=3"), "sid", &value));
	assert_slice(value, "two");
	assert_true(http_cookie_find(HTTP_SLICE("sid=\"q\""), "sid", &value));
	assert_slice(value, "q");
	assert_true(http_cookie_find(HTTP_SLICE("sid="), "sid", &value));
	assert_slice(value, "");
	assert_false(http_cookie_find(HTTP_SLICE("sid; a=b"), "sid", &value));
	assert_false(http_cookie_find((struct http_slice){ NULL, 0 }, "sid", &value));
}

static void entity_tags_are_compared_as_conditions_ask(void **state)
{
	struct http_slice tag = HTTP_SLICE("\"7\"");

	(void)state;
	assert_true(http_etag_matches(HTTP_SLICE("\"7\""), tag, false));
	assert_true(http_etag_matches(HTTP_SLICE("\"a,b\", \"7\""), tag, false));
	assert_true(http_etag_matches(HTTP_SLICE("*"), tag, false));
	assert_true(http_etag_matches(HTTP_SLICE("W/\"7\""), tag, true));
	assert_false(http_etag_matches(HTTP_SLICE("W/\"7\""), tag, false));
	assert_false(http_etag_matches(HTTP_SLICE("\"77\""), tag, true));
	assert_false(http_etag_matches(HTTP_SLICE("7"), tag, true));
	assert_false(http_etag_matches(HTTP_SLICE("\"7"), tag, true));
	assert_false(http_etag_matches((struct http_slice){ NULL, 0 }, tag, true));
}

static void codings_are_chosen_by_what_is_accepted(void **state)
{
	(void)state;
	assert_true(http_accepts_coding(HTTP_SLICE("gzip, deflate, br"), "br"));
	assert_true(http_accepts_coding(HTTP_SLICE("BR;q=0.1"), "br"));
	assert_true(http_accepts_coding(HTTP_SLICE("br;q=0.001"), "br"));
	assert_false(http_accepts_coding(HTTP_SLICE("br;q=0.000, gzip"), "br"));
	assert_false(http_accepts_coding(HTTP_SLICE("br ; q=0"), "br"));
	assert_false(http_accepts_coding(HTTP_SLICE("brotli"), "br"));
	assert_false(http_accepts_coding((struct http_slice){ NULL, 0 }, "br"));
}

int main(void)
{
	const struct CMUnitTest http[] = {
		cmocka_unit_test(head_is_split_into_its_parts),
		cmocka_unit_test(every_known_name_has_its_slot_in_any_case),
		cmocka_unit_test(head_is_taken_whole_however_it_trickles_in),
		cmocka_unit_test(connection_is_kept_as_the_client_asks),
		cmocka_unit_test(heads_that_are_right_are_taken),
		cmocka_unit_test(repeated_lists_are_visited_line_by_line),
		cmocka_unit_test(heads_that_could_be_misread_are_refused),
		cmocka_unit_test(head_larger_than_its_limit_is_refused_before_it_ends),
		cmocka_unit_test(target_longer_than_its_limit_is_refused),
		cmocka_unit_test(more_headers_than_the_limit_are_refused),
		cmocka_unit_test(two_thousand_short_headers_are_refused),
		cmocka_unit_test(length_beyond_64_bits_is_beyond_any_limit),
		cmocka_unit_test(chunked_body_is_decoded_in_pieces_of_any_size),
		cmocka_unit_test(body_by_length_ends_exactly_there),
		cmocka_unit_test(request_without_body_has_none),
		cmocka_unit_test(broken_chunking_is_refused),
		cmocka_unit_test(body_larger_than_its_limit_is_refused_by_its_announcement),
		cmocka_unit_test(extensions_and_trailers_have_a_limit_together),
		cmocka_unit_test(reply_head_is_written_within_its_bound),
		cmocka_unit_test(no_value_can_begin_a_header_of_its_own),
		cmocka_unit_test(date_follows_the_second),
		cmocka_unit_test(percent_encoding_is_taken_off_strictly),
		cmocka_unit_test(query_is_visited_pair_by_pair),
		cmocka_unit_test(cookie_is_found_by_its_whole_name),
		cmocka_unit_test(entity_tags_are_compared_as_conditions_ask),
		cmocka_unit_test(codings_are_chosen_by_what_is_accepted),
	};

	return cmocka_run_group_tests(http, NULL, NULL);
}
