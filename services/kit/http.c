#include "kit/http.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

const struct http_limits http_limits_default = {
	.head_size_bytes = 16 * 1024,
	.target_size_bytes = 8 * 1024,
	.header_count = HTTP_HEADERS_MAX,
	.body_size_bytes = 1024 * 1024,
	.framing_size_bytes = 4 * 1024,
};

/* --- what each byte may be --- */

enum {
	TOKEN = 1, /* RFC 9110 5.6.2 */
	VALUE = 2, /* inside a field value: HTAB, SP, VCHAR, obs-text (RFC 9110 5.5) */
	PATH = 4,  /* pchar and '/' (RFC 3986 3.3) */
	QUERY = 8, /* the same, '?', and what browsers leave unescaped in queries: [ ] { } | \ ^ ` */
	HOST = 16, /* reg-name, and what a bracketed address or a port adds (RFC 3986 3.2) */
};

static const uint8_t classes[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = VALUE | TOKEN | PATH | QUERY | HOST,
	['"'] = VALUE,
	['#'] = VALUE | TOKEN,
	['$'] = VALUE | TOKEN | PATH | QUERY | HOST,
	['%'] = VALUE | TOKEN | PATH | QUERY,
	['&'] = VALUE | TOKEN | PATH | QUERY | HOST,
	['\''] = VALUE | TOKEN | PATH | QUERY | HOST,
	['('] = VALUE | PATH | QUERY | HOST,
	[')'] = VALUE | PATH | QUERY | HOST,
	['*'] = VALUE | TOKEN | PATH | QUERY | HOST,
	['+'] = VALUE | TOKEN | PATH | QUERY | HOST,
	[','] = VALUE | PATH | QUERY | HOST,
	['-'] = VALUE | TOKEN | PATH | QUERY | HOST,
	['.'] = VALUE | TOKEN | PATH | QUERY | HOST,
	['/'] = VALUE | PATH | QUERY,
	['0' ... '9'] = VALUE | TOKEN | PATH | QUERY | HOST,
	[':'] = VALUE | PATH | QUERY,
	[';'] = VALUE | PATH | QUERY | HOST,
	['<'] = VALUE,
	['='] = VALUE | PATH | QUERY | HOST,
	['>'] = VALUE,
	['?'] = VALUE | QUERY,
	['@'] = VALUE | PATH | QUERY,
	['A' ... 'Z'] = VALUE | TOKEN | PATH | QUERY | HOST,
	['['] = VALUE | QUERY,
	['\\'] = VALUE | QUERY,
	[']'] = VALUE | QUERY,
	['^'] = VALUE | TOKEN | QUERY,
	['_'] = VALUE | TOKEN | PATH | QUERY | HOST,
	['`'] = VALUE | TOKEN | QUERY,
	['a' ... 'z'] = VALUE | TOKEN | PATH | QUERY | HOST,
	['{'] = VALUE | QUERY,
	['|'] = VALUE | TOKEN | QUERY,
	['}'] = VALUE | QUERY,
	['~'] = VALUE | TOKEN | PATH | QUERY | HOST,
	[0x80 ... 0xff] = VALUE,
};

static bool is(char byte, uint8_t class)
{
	return classes[(unsigned char)byte] & class;
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_hex(char byte)
{
	return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

/* --- headers with a slot --- */

struct known_header {
	const char *name;
	uint8_t size;
	uint8_t known;
	bool repeatable; /* a list by its definition, or one that intermediaries append to */
};

/*
 * A perfect hash of the names: a collision does not compile (-Woverride-init), the unit test looks each
 * name up.
 */
#define BUCKET(size, first, third_last) (((size) + ((first)&31) * 31 + ((third_last)&31)) & 63)
#define SINGLE(first, third_last, text, id)                                                                  \
	[BUCKET(sizeof(text) - 1, first, third_last)] = { text, sizeof(text) - 1, id, false }
#define REPEATABLE(first, third_last, text, id)                                                              \
	[BUCKET(sizeof(text) - 1, first, third_last)] = { text, sizeof(text) - 1, id, true }

static const struct known_header known_headers[64] = {
	SINGLE('h', 'o', "host", HTTP_HOST),
	SINGLE('c', 'g', "content-length", HTTP_CONTENT_LENGTH),
	SINGLE('t', 'i', "transfer-encoding", HTTP_TRANSFER_ENCODING),
	REPEATABLE('c', 'i', "connection", HTTP_CONNECTION),
	SINGLE('e', 'e', "expect", HTTP_EXPECT),
	SINGLE('c', 'k', "cookie", HTTP_COOKIE),
	SINGLE('a', 'i', "authorization", HTTP_AUTHORIZATION),
	REPEATABLE('i', 't', "if-match", HTTP_IF_MATCH),
	REPEATABLE('i', 't', "if-none-match", HTTP_IF_NONE_MATCH),
	SINGLE('i', 'k', "idempotency-key", HTTP_IDEMPOTENCY_KEY),
	REPEATABLE('a', 'a', "accept-language", HTTP_ACCEPT_LANGUAGE),
	SINGLE('c', 'y', "content-type", HTTP_CONTENT_TYPE),
	SINGLE('c', 'i', "content-encoding", HTTP_CONTENT_ENCODING),
	SINGLE('o', 'g', "origin", HTTP_ORIGIN),
	SINGLE('l', '-', "last-event-id", HTTP_LAST_EVENT_ID),
	SINGLE('t', 'e', "traceparent", HTTP_TRACEPARENT),
	REPEATABLE('a', 'e', "accept", HTTP_ACCEPT),
	REPEATABLE('a', 'i', "accept-encoding", HTTP_ACCEPT_ENCODING),
	REPEATABLE('x', 'f', "x-forwarded-for", HTTP_X_FORWARDED_FOR),
	REPEATABLE('x', 'o', "x-forwarded-proto", HTTP_X_FORWARDED_PROTO),
	REPEATABLE('x', 'o', "x-forwarded-host", HTTP_X_FORWARDED_HOST),
	SINGLE('x', 'k', "x-csrf-token", HTTP_X_CSRF_TOKEN),
	SINGLE('s', 'i', "sec-fetch-site", HTTP_SEC_FETCH_SITE),
	SINGLE('u', 'e', "user-agent", HTTP_USER_AGENT),
	SINGLE('r', 'n', "range", HTTP_RANGE),
	REPEATABLE('u', 'a', "upgrade", HTTP_UPGRADE),
};

static const struct known_header unknown_header = { "", 0, HTTP_OTHER, true };

static const struct known_header *header_lookup(struct http_slice name)
{
	if (name.size < 3)
		return &unknown_header;
	const struct known_header *row =
		&known_headers[BUCKET(name.size, name.data[0], name.data[name.size - 3])];

	if (row->size != name.size || strncasecmp(row->name, name.data, name.size) != 0)
		return &unknown_header;
	return row;
}

enum http_known http_name_lookup(struct http_slice name)
{
	return header_lookup(name)->known;
}

/* --- the parser --- */

struct parser {
	const char *at;
	const char *end; /* behind the CRLF of the empty line; every line inside is known to end in CRLF */
	const struct http_limits *limits;
	struct http_head *head;
	struct http_refusal *refusal;
};

static bool refuse(struct parser *parser, unsigned status, enum message message)
{
	*parser->refusal = (struct http_refusal){ status, message };
	return false;
}

static struct http_slice take_while(struct parser *parser, uint8_t class)
{
	const char *start = parser->at;

	while (is(*parser->at, class))
		parser->at++;
	return (struct http_slice){ start, (size_t)(parser->at - start) };
}

/* A CR inside the head is a line end only when LF follows; the caller gives the reason for anything else. */
static bool take_line_end(struct parser *parser)
{
	if (parser->at[0] != '\r' || parser->at[1] != '\n')
		return false;
	parser->at += 2;
	return true;
}

static const struct {
	struct http_slice name;
	enum http_method method;
} methods[] = {
	{ { "GET", 3 }, HTTP_GET },
	{ { "HEAD", 4 }, HTTP_HEAD },
	{ { "POST", 4 }, HTTP_POST },
	{ { "PUT", 3 }, HTTP_PUT },
	{ { "PATCH", 5 }, HTTP_PATCH },
	{ { "DELETE", 6 }, HTTP_DELETE },
	{ { "OPTIONS", 7 }, HTTP_OPTIONS },
};

static bool parse_method(struct parser *parser)
{
	struct http_slice name = take_while(parser, TOKEN);

	if (name.size == 0 || *parser->at != ' ')
		return refuse(parser, 400, MSG_HTTP_METHOD_SYNTAX);
	parser->at++;
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (name.size == methods[i].name.size &&
			memcmp(name.data, methods[i].name.data, name.size) == 0) {
			parser->head->method = methods[i].method;
			return true;
		}
	return refuse(parser, 501, MSG_HTTP_METHOD_UNKNOWN);
}

static bool escapes_are_whole(struct http_slice text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] == '%' &&
			(text.size - i < 3 || !is_hex(text.data[i + 1]) || !is_hex(text.data[i + 2])))
			return false;
	return true;
}

/* The path and query of an origin-form target, or of what an absolute-form one says behind its authority. */
static bool parse_path(struct parser *parser)
{
	struct http_head *head = parser->head;

	head->path = take_while(parser, PATH);
	head->query = (struct http_slice){ NULL, 0 };
	if (*parser->at == '?') {
		parser->at++;
		head->query = take_while(parser, QUERY);
	}
	if (*parser->at != ' ')
		return refuse(parser, 400, MSG_HTTP_TARGET_CHARACTER);
	if (!escapes_are_whole(head->path) || !escapes_are_whole(head->query))
		return refuse(parser, 400, MSG_HTTP_TARGET_ENCODING);
	return true;
}

/* absolute-form (RFC 9112 3.2.2): the authority is kept to be held against Host when that is known. */
static bool parse_absolute(struct parser *parser, struct http_slice *authority_out)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(schemes[i]);

		if ((size_t)(parser->end - parser->at) < size ||
			strncasecmp(parser->at, schemes[i], size) != 0)
			continue;
		parser->at += size;
		const char *start = parser->at;

		while (is(*parser->at, HOST) || *parser->at == ':' || *parser->at == '[' ||
			*parser->at == ']')
			parser->at++;
		*authority_out = (struct http_slice){ start, (size_t)(parser->at - start) };
		if (*parser->at != '/')
			return refuse(parser, 400, MSG_HTTP_TARGET_NO_PATH);
		return parse_path(parser);
	}
	return refuse(parser, 400, MSG_HTTP_TARGET_FORM);
}

static bool parse_target(struct parser *parser, struct http_slice *authority_out)
{
	struct http_head *head = parser->head;
	const char *start = parser->at;
	bool good;

	if (*parser->at == '/') {
		good = parse_path(parser);
	} else if (parser->at[0] == '*' && parser->at[1] == ' ' && head->method == HTTP_OPTIONS) {
		head->path = (struct http_slice){ parser->at, 1 };
		head->query = (struct http_slice){ NULL, 0 };
		parser->at++;
		good = true;
	} else {
		good = parse_absolute(parser, authority_out);
	}
	if (!good)
		return false;
	head->target = (struct http_slice){ start, (size_t)(parser->at - start) };
	if (head->target.size > parser->limits->target_size_bytes)
		return refuse(parser, 414, MSG_HTTP_TARGET_TOO_LONG);
	parser->at++; /* the space that ended it */
	return true;
}

static bool parse_version(struct parser *parser)
{
	const char *at = parser->at;

	if (parser->end - at < 10 || memcmp(at, "HTTP/", 5) != 0 || !is_digit(at[5]) || at[6] != '.' ||
		!is_digit(at[7]))
		return refuse(parser, 400, MSG_HTTP_VERSION_MISSING);
	if (at[5] != '1' || at[7] > '1')
		return refuse(parser, 505, MSG_HTTP_VERSION_UNKNOWN);
	parser->head->minor_version = (unsigned)(at[7] - '0');
	parser->at += 8;
	return take_line_end(parser) || refuse(parser, 400, MSG_HTTP_VERSION_FOLLOWED);
}

static bool parse_field_name(struct parser *parser, struct http_slice *name_out)
{
	struct http_slice name = take_while(parser, TOKEN);

	if (name.size == 0 && (*parser->at == ' ' || *parser->at == '\t'))
		return refuse(parser, 400, MSG_HTTP_HEADER_FOLDED);
	if (name.size == 0 || *parser->at != ':')
		return refuse(parser, 400, MSG_HTTP_HEADER_NAME);
	parser->at++;
	*name_out = name;
	return true;
}

static bool parse_field_value(struct parser *parser, struct http_slice *value_out)
{
	while (*parser->at == ' ' || *parser->at == '\t')
		parser->at++;
	struct http_slice value = take_while(parser, VALUE);

	if (!take_line_end(parser))
		return refuse(parser, 400, MSG_HTTP_HEADER_VALUE);
	while (value.size > 0 && (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t'))
		value.size--;
	*value_out = value;
	return true;
}

static bool parse_field(struct parser *parser)
{
	struct http_head *head = parser->head;
	struct http_header field;

	if (!parse_field_name(parser, &field.name) || !parse_field_value(parser, &field.value))
		return false;
	if (head->header_count == parser->limits->header_count || head->header_count == HTTP_HEADERS_MAX)
		return refuse(parser, 431, MSG_HTTP_HEADERS_TOO_MANY);
	const struct known_header *row = header_lookup(field.name);

	head->headers[head->header_count++] = field;
	if (row->known == HTTP_OTHER)
		return true;
	if (head->slots[row->known] && !row->repeatable)
		return refuse(parser, 400, MSG_HTTP_HEADER_REPEATED);
	if (!head->slots[row->known])
		head->slots[row->known] = (uint8_t)head->header_count;
	return true;
}

/* --- what the headers mean for framing and routing --- */

static bool host_is_valid(struct http_slice host)
{
	const char *at = host.data, *end = host.data + host.size;

	if (at < end && *at == '[') {
		for (at++; at < end && (is_hex(*at) || *at == ':' || *at == '.'); at++)
			;
		if (at == end || *at++ != ']' || host.size < 4)
			return false;
	} else {
		for (; at < end && is(*at, HOST); at++)
			;
		if (at == host.data)
			return false;
	}
	if (at == end)
		return true;
	if (*at++ != ':' || end - at > 5)
		return false;
	for (; at < end && is_digit(*at); at++)
		;
	return at == end;
}

/*
 * An absolute target counts only when Host says the same (RFC 9112 3.2.2 lets it win; two answers are one
 * too many).
 */
static bool judge_host(struct parser *parser, struct http_slice authority)
{
	struct http_slice host = http_head_get(parser->head, HTTP_HOST);

	if (!host.data && (parser->head->minor_version > 0 || authority.data))
		return refuse(parser, 400, MSG_HTTP_HOST_MISSING);
	if (!host.data)
		return true;
	if (!host_is_valid(host))
		return refuse(parser, 400, MSG_HTTP_HOST_BAD);
	if (authority.data &&
		(authority.size != host.size || strncasecmp(authority.data, host.data, host.size) != 0))
		return refuse(parser, 400, MSG_HTTP_HOST_OTHER);
	return true;
}

/* White space for RFC 9110 5.6.3, an error for llhttp: where parsers differ about framing, we refuse. */
static bool has_tab_beside(struct http_slice value)
{
	return value.data[-1] == '\t' || value.data[value.size] == '\t';
}

static bool judge_content_length(struct parser *parser, struct http_slice value)
{
	struct http_head *head = parser->head;
	uint64_t length = 0;
	bool is_huge = false;

	if (value.size == 0)
		return refuse(parser, 400, MSG_HTTP_LENGTH_EMPTY);
	if (has_tab_beside(value))
		return refuse(parser, 400, MSG_HTTP_LENGTH_TAB);
	for (size_t i = 0; i < value.size; i++) {
		if (!is_digit(value.data[i]))
			return refuse(parser, 400, MSG_HTTP_LENGTH_BAD);
		is_huge |= __builtin_mul_overflow(length, 10, &length) ||
			   __builtin_add_overflow(length, (uint64_t)(value.data[i] - '0'), &length);
	}
	head->content_length = is_huge ? UINT64_MAX : length;
	head->framing = head->content_length > 0 ? HTTP_LENGTH : HTTP_NO_BODY;
	return true;
}

static bool judge_transfer_encoding(struct parser *parser, struct http_slice value)
{
	struct http_head *head = parser->head;

	if (http_head_get(head, HTTP_CONTENT_LENGTH).data)
		return refuse(parser, 400, MSG_HTTP_LENGTH_AND_CODING);
	if (head->minor_version == 0)
		return refuse(parser, 400, MSG_HTTP_CODING_IN_1_0);
	if (value.size == 0)
		return refuse(parser, 400, MSG_HTTP_CODING_EMPTY);
	if (has_tab_beside(value))
		return refuse(parser, 400, MSG_HTTP_CODING_TAB);
	if (!http_slice_equals_ignoring_case(value, "chunked"))
		return refuse(parser, 501, MSG_HTTP_CODING_UNKNOWN);
	head->framing = HTTP_CHUNKED;
	return true;
}

static bool judge_framing(struct parser *parser)
{
	struct http_slice encoding = http_head_get(parser->head, HTTP_TRANSFER_ENCODING);
	struct http_slice length = http_head_get(parser->head, HTTP_CONTENT_LENGTH);

	if (encoding.data)
		return judge_transfer_encoding(parser, encoding);
	if (length.data)
		return judge_content_length(parser, length);
	return true;
}

static bool judge_expectation(struct parser *parser)
{
	struct http_head *head = parser->head;
	struct http_slice value = http_head_get(head, HTTP_EXPECT);

	if (!value.data || head->minor_version == 0)
		return true;
	if (!http_slice_equals_ignoring_case(value, "100-continue"))
		return refuse(parser, 417, MSG_HTTP_EXPECTATION);
	head->expects_continue = head->framing != HTTP_NO_BODY;
	return true;
}

static void judge_connection(struct http_head *head)
{
	struct http_slice line, member;
	bool close = false, keep = false, upgrade = false;

	for (size_t cursor = 0; http_head_next(head, HTTP_CONNECTION, &cursor, &line);)
		while (http_list_next(&line, &member)) {
			close |= http_slice_equals_ignoring_case(member, "close");
			keep |= http_slice_equals_ignoring_case(member, "keep-alive");
			upgrade |= http_slice_equals_ignoring_case(member, "upgrade");
		}
	/* We stay with HTTP/1.1; who looks on from outside may take what follows for the other protocol. */
	upgrade = upgrade && http_head_get(head, HTTP_UPGRADE).data;
	head->keep_alive = !close && !upgrade && (head->minor_version > 0 || keep);
}

static bool parse_lines(struct parser *parser)
{
	struct http_slice authority = { NULL, 0 };

	if (!parse_method(parser) || !parse_target(parser, &authority) || !parse_version(parser))
		return false;
	while (parser->at < parser->end - 2)
		if (!parse_field(parser))
			return false;
	if (!judge_host(parser, authority) || !judge_framing(parser) || !judge_expectation(parser))
		return false;
	judge_connection(parser->head);
	return true;
}

/* --- where the head ends --- */

/*
 * Walks over whole lines from *scanned on. HTTP_READY: *scanned is behind the empty line. Bare LF is
 * refused here, so that a head in another line-end dialect is answered at once, not when its time is up.
 */
static enum http_result find_end(
	const char *data, size_t size, size_t *scanned, size_t start, struct http_refusal *refusal)
{
	const char *line_end;

	while ((line_end = memchr(data + *scanned, '\n', size - *scanned)) != NULL) {
		const char *line = data + *scanned;

		if (line_end == line || line_end[-1] != '\r') {
			*refusal = (struct http_refusal){ 400, MSG_HTTP_LINE_END };
			return HTTP_REFUSED;
		}
		*scanned = (size_t)(line_end + 1 - data);
		if (line_end - line == 1 && line > data + start)
			return HTTP_READY;
		if (line_end - line == 1) {
			*refusal = (struct http_refusal){ 400, MSG_HTTP_EMPTY_LINES };
			return HTTP_REFUSED;
		}
	}
	return HTTP_NEED_MORE;
}

/* What a head that is not yet whole already gives away. */
static enum http_result judge_unfinished(const char *data, size_t size, size_t scanned, size_t start,
	const struct http_limits *limits, struct http_refusal *refusal)
{
	if (size > start && !is(data[start], TOKEN)) {
		*refusal = (struct http_refusal){ 400, MSG_HTTP_NO_REQUEST };
		return HTTP_REFUSED;
	}
	if (scanned == start && size - start > limits->target_size_bytes + sizeof("OPTIONS  HTTP/1.1\r\n")) {
		*refusal = (struct http_refusal){ 414, MSG_HTTP_TARGET_TOO_LONG };
		return HTTP_REFUSED;
	}
	if (size >= limits->head_size_bytes) {
		*refusal = (struct http_refusal){ 431, MSG_HTTP_HEAD_TOO_LARGE };
		return HTTP_REFUSED;
	}
	return HTTP_NEED_MORE;
}

enum http_result http_parse_head(const char *data, size_t size, size_t *scanned,
	const struct http_limits *limits, struct http_head *head_out, struct http_refusal *refusal_out)
{
	if (size == 0 || (size == 1 && data[0] == '\r'))
		return HTTP_NEED_MORE;
	size_t start = data[0] == '\r' && data[1] == '\n' ? 2 : 0;

	if (*scanned < start)
		*scanned = start;
	enum http_result result = find_end(data, size, scanned, start, refusal_out);

	if (result == HTTP_NEED_MORE)
		return judge_unfinished(data, size, *scanned, start, limits, refusal_out);
	if (result == HTTP_REFUSED)
		return result;
	if (*scanned > limits->head_size_bytes) {
		*refusal_out = (struct http_refusal){ 431, MSG_HTTP_HEAD_TOO_LARGE };
		return HTTP_REFUSED;
	}
	struct parser parser = { data + start, data + *scanned, limits, head_out, refusal_out };

	memset(head_out, 0, offsetof(struct http_head, headers));
	head_out->size_bytes = *scanned;
	return parse_lines(&parser) ? HTTP_READY : HTTP_REFUSED;
}

bool http_head_next(
	const struct http_head *head, enum http_known known, size_t *cursor, struct http_slice *value_out)
{
	size_t first = head->slots[known];

	assert(known != HTTP_OTHER);
	if (first == 0)
		return false;
	for (size_t i = *cursor < first ? first - 1 : *cursor; i < head->header_count; i++)
		if (header_lookup(head->headers[i].name)->known == known) {
			*cursor = i + 1;
			*value_out = head->headers[i].value;
			return true;
		}
	return false;
}

struct http_slice http_head_glimpse(const char *data, size_t size, const char *name)
{
	size_t name_size = strlen(name);
	const char *end = data + size, *line = memchr(data, '\n', size);

	for (; line && (size_t)(end - line) > name_size + 1;
		line = memchr(line, '\n', (size_t)(end - line))) {
		line++;
		if (strncasecmp(line, name, name_size) != 0 || line[name_size] != ':')
			continue;
		const char *value = line + name_size + 1, *value_end = value;

		while (value_end < end && *value_end != '\r' && *value_end != '\n')
			value_end++;
		return (struct http_slice){ value, (size_t)(value_end - value) };
	}
	return (struct http_slice){ NULL, 0 };
}
