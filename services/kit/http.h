/*
 * http: the strict HTTP/1.1 codec (RFC 9110 semantics, RFC 9112 syntax). Pure: bytes in, slices out, no
 * I/O, no allocation, no clock. The gateway's server and the admin port are both built on it.
 *
 * Strict means that a message which two parsers could frame differently is refused, also where the RFC lets
 * a recipient be lenient: bare LF, obs-fold, whitespace before a colon, Content-Length beside
 * Transfer-Encoding, any coding but `chunked`, repeated singletons, a request without exactly one Host, and
 * so on. After a refusal the connection must be closed: where the next message begins is not known.
 *
 *	size_t scanned = 0;                                    // once per request
 *	switch (http_parse_head(in, in_size, &scanned, &http_limits_default, &head, &refusal)) {
 *	case HTTP_NEED_MORE: read more behind in_size and call again; break;
 *	case HTTP_REFUSED:   answer refusal.status and close; break;
 *	case HTTP_READY:     head.size_bytes bytes were the head; the body, if any, follows
 *	                     (http_body_init, http_body_decode); break;
 *	}
 *
 * Every slice points into the caller's buffer and lives as long as that does.
 */
#pragma once

#include "kit/problem.h"
#include "kit/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Bytes that belong to somebody else. `data` is NULL only where a thing is absent; it is never
 * NUL-terminated.
 */
struct http_slice {
	const char *data;
	size_t size;
};

/* A slice of a string literal. */
#define HTTP_SLICE(literal) ((struct http_slice){ (literal), sizeof(literal) - 1 })

struct http_header {
	struct http_slice name;  /* as the peer spelt it; names compare without regard to case */
	struct http_slice value; /* without the white space around it */
};

enum {
	HTTP_HEADERS_MAX = 100, /* room in struct http_head; limits.header_count may lower it, not raise it */
};

/* What one request may cost us. Sizes count every byte on the wire, line ends included. */
struct http_limits {
	size_t head_size_bytes;    /* request line and headers: 431 beyond */
	size_t target_size_bytes;  /* the request target: 414 beyond */
	size_t header_count;       /* 431 beyond */
	size_t body_size_bytes;    /* decoded body: 413 beyond; the server lets a route choose another */
	size_t framing_size_bytes; /* chunk extensions and trailers of one body, all together: 400 beyond */
};
extern const struct http_limits http_limits_default; /* 16 KiB, 8 KiB, 100, 1 MiB, 4 KiB */

/* Methods that we know. Any other token is answered 501, as RFC 9110 9.1 asks; so are CONNECT and TRACE. */
enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS };

enum {
	HTTP_KNOWN_NAME_MAX = 17, /* of the longest such name */
};

/* Headers that we look at have a slot, so that nobody searches by name in a request's way. */
enum http_known {
	HTTP_OTHER, /* no slot: look in headers[] */
	HTTP_HOST,
	HTTP_CONTENT_LENGTH,
	HTTP_TRANSFER_ENCODING,
	HTTP_CONNECTION,
	HTTP_EXPECT,
	HTTP_COOKIE,
	HTTP_AUTHORIZATION,
	HTTP_IF_MATCH,
	HTTP_IF_NONE_MATCH,
	HTTP_IDEMPOTENCY_KEY,
	HTTP_ACCEPT_LANGUAGE,
	HTTP_CONTENT_TYPE,
	HTTP_CONTENT_ENCODING,
	HTTP_ORIGIN,
	HTTP_LAST_EVENT_ID,
	HTTP_TRACEPARENT,
	HTTP_ACCEPT,
	HTTP_ACCEPT_ENCODING,
	HTTP_X_FORWARDED_FOR,
	HTTP_X_FORWARDED_PROTO,
	HTTP_X_FORWARDED_HOST,
	HTTP_X_CSRF_TOKEN,
	HTTP_SEC_FETCH_SITE,
	HTTP_USER_AGENT,
	HTTP_RANGE,
	HTTP_UPGRADE,
	HTTP_KNOWN_COUNT
};

/* How a body is delimited (RFC 9112 6). */
enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED };

struct http_head {
	enum http_method method;
	struct http_slice target; /* as sent */
	/* still percent-encoded, every escape checked; begins with '/', or is "*" for OPTIONS */
	struct http_slice path;
	struct http_slice query; /* what follows '?', raw; data is NULL if there was none */
	unsigned minor_version;  /* HTTP/1.0 or HTTP/1.1 */
	/* the client wants the connection kept (RFC 9112 9.3) and does not ask for another protocol */
	bool keep_alive;
	bool expects_continue; /* it waits for 100 before it sends the body */
	enum http_framing framing;
	/* for HTTP_LENGTH; UINT64_MAX where the number would not fit, so that any limit refuses it */
	uint64_t content_length;
	size_t size_bytes; /* of the head, with the empty line that ends it */
	size_t header_count;
	/* 1 + index in headers of the first such line, or 0: use http_head_get */
	uint8_t slots[HTTP_KNOWN_COUNT];
	struct http_header headers[HTTP_HEADERS_MAX];
};

enum http_result { HTTP_READY, HTTP_NEED_MORE, HTTP_REFUSED };

/* Why a message was refused: the status to answer, and what is wrong and what to do about it. */
struct http_refusal {
	unsigned status;
	enum message message;
};

/*
 * Parses the request head at the beginning of data. *scanned remembers between calls how far the search for
 * the end has come (0 for a new request), so that a head that trickles in costs linear time. One empty line
 * before the request line is skipped (RFC 9112 2.2). *head_out is meaningful only after HTTP_READY,
 * *refusal_out only after HTTP_REFUSED.
 */
MUST_CHECK enum http_result http_parse_head(const char *data, size_t size, size_t *scanned,
	const struct http_limits *limits, struct http_head *head_out, struct http_refusal *refusal_out);

/*
 * The value of the first line of that header, or a slice whose data is NULL. Singletons have one line only.
 */
static inline struct http_slice http_head_get(const struct http_head *head, enum http_known known)
{
	return head->slots[known] ? head->headers[head->slots[known] - 1].value
				  : (struct http_slice){ NULL, 0 };
}

/* The slot of a name, in any case; HTTP_OTHER where it has none. */
enum http_known http_name_lookup(struct http_slice name);

/*
 * Visits every line of a header that may be repeated (X-Forwarded-For, If-Match …): *cursor starts at 0;
 * false at the end.
 */
bool http_head_next(
	const struct http_head *head, enum http_known known, size_t *cursor, struct http_slice *value_out);

/*
 * The value of the first line that looks like that header in the bytes of a head that was refused, or a slice
 * whose data is NULL. A guess: good for choosing the language of the refusal, and for nothing else.
 */
struct http_slice http_head_glimpse(const char *data, size_t size, const char *name);

/* --- bodies --- */

/* Decoder of one request body. The members are the decoder's own. */
struct http_body {
	enum http_framing framing;
	char trailer_name[HTTP_KNOWN_NAME_MAX + 1]; /* of the trailer being read; cut where it is longer */
	uint8_t trailer_size;
	uint8_t step;           /* where in a chunk's framing we are */
	uint8_t size_digits;    /* of the chunk size being read */
	uint64_t left_bytes;    /* of the current chunk, or of the whole with Content-Length */
	uint64_t decoded_bytes; /* so far */
	uint64_t limit_bytes;   /* 413 beyond */
	size_t framing_bytes;   /* extensions and trailers so far */
	size_t framing_limit_bytes;
};

/*
 * Prepares for the body that head announces, of at most limit_bytes decoded (in place of
 * limits->body_size_bytes).
 */
void http_body_init(struct http_body *body, const struct http_head *head, const struct http_limits *limits,
	uint64_t limit_bytes);

/*
 * Decodes in place: takes the raw bytes at data, leaves the decoded ones contiguous at its beginning and
 * says how many in *decoded_out; *consumed_out raw bytes are used up. HTTP_NEED_MORE: all were consumed and
 * the body goes on. HTTP_READY: the body is whole; what lies behind *consumed_out is the next request.
 * Trailers are checked and
 * dropped; one that would mean something as a header (Content-Length, Host, Authorization …) is refused.
 */
MUST_CHECK enum http_result http_body_decode(struct http_body *body, char *data, size_t size,
	size_t *consumed_out, size_t *decoded_out, struct http_refusal *refusal_out);

/* --- replies --- */

struct http_reply_head {
	unsigned status;
	enum http_framing framing; /* HTTP_NO_BODY writes neither Content-Length nor Transfer-Encoding */
	uint64_t content_length;
	bool close;          /* adds Connection: close */
	bool keep_alive_1_0; /* adds Connection: keep-alive, for an HTTP/1.0 client that asked */
	const char *date;    /* from http_date_text, or NULL for none */
	const struct http_header *headers;
	size_t header_count;
};

/* Bytes that http_reply_head_write may need at most. */
size_t http_reply_head_bound(const struct http_reply_head *head);

/*
 * Writes status line and headers with the ending empty line; returns the bytes written, never more than the
 * bound. Control characters in values become spaces, so that no value can begin a header of its own; a name
 * must be a token (asserted).
 */
size_t http_reply_head_write(const struct http_reply_head *head, char *out);

/* "Not Found" and so on; "Unknown" for a status that RFC 9110 and its extensions do not name. */
const char *http_reason(unsigned status);

/* The Date header's text, made anew only when the second changes. */
struct http_date {
	time_t second;
	char text[30];
};
const char *http_date_text(struct http_date *date, time_t now);

/* --- helpers for values --- */

bool http_slice_equals(struct http_slice slice, const char *text);               /* byte for byte */
bool http_slice_equals_ignoring_case(struct http_slice slice, const char *text); /* ASCII letters alike */

/*
 * Takes the percent-encoding off, strictly: false for a broken escape, for %00 and for a result that is not
 * UTF-8. The result is never longer than the input; out needs in.size bytes and may be in.data's own
 * memory. With form set, '+' means a space.
 */
MUST_CHECK bool http_percent_decode(struct http_slice in, bool form, char *out, size_t *size_out);

/*
 * Visits the parameters of a query, raw (use http_percent_decode with form): *rest starts as head.query and
 * is moved on. `a=1&b&c=` gives (a,1), (b,absent), (c,""); empty ones (`&&`) are skipped. False at the end.
 */
bool http_query_next(struct http_slice *rest, struct http_slice *name_out, struct http_slice *value_out);

/*
 * Visits the comma-separated members of a list header (RFC 9110 5.6.1), trimmed, empty ones skipped. Not
 * for quoted strings.
 */
bool http_list_next(struct http_slice *rest, struct http_slice *member_out);

/* Finds a cookie (RFC 6265 4.2). The value comes without quotes. False where it is missing. */
bool http_cookie_find(struct http_slice cookie, const char *name, struct http_slice *value_out);

/*
 * Whether an If-Match or If-None-Match value names etag (with its quotes), or is "*". weak: W/ does not
 * matter (RFC 9110 8.8.3.2).
 */
bool http_etag_matches(struct http_slice list, struct http_slice etag, bool weak);

/*
 * Whether an Accept-Encoding value allows that coding by name, with q > 0 (RFC 9110 12.5.3); absent allows
 * none.
 */
bool http_accepts_coding(struct http_slice accept_encoding, const char *coding);
