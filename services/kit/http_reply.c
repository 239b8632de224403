#include "kit/http.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* RFC 9110 15, RFC 6585, RFC 8470. */
static const char *const reasons[600] = {
	[100] = "Continue",
	[101] = "Switching Protocols",
	[200] = "OK",
	[201] = "Created",
	[202] = "Accepted",
	[204] = "No Content",
	[206] = "Partial Content",
	[207] = "Multi-Status",
	[301] = "Moved Permanently",
	[302] = "Found",
	[303] = "See Other",
	[304] = "Not Modified",
	[307] = "Temporary Redirect",
	[308] = "Permanent Redirect",
	[400] = "Bad Request",
	[401] = "Unauthorized",
	[403] = "Forbidden",
	[404] = "Not Found",
	[405] = "Method Not Allowed",
	[406] = "Not Acceptable",
	[408] = "Request Timeout",
	[409] = "Conflict",
	[410] = "Gone",
	[411] = "Length Required",
	[412] = "Precondition Failed",
	[413] = "Content Too Large",
	[414] = "URI Too Long",
	[415] = "Unsupported Media Type",
	[416] = "Range Not Satisfiable",
	[417] = "Expectation Failed",
	[421] = "Misdirected Request",
	[422] = "Unprocessable Content",
	[425] = "Too Early",
	[428] = "Precondition Required",
	[429] = "Too Many Requests",
	[431] = "Request Header Fields Too Large",
	[500] = "Internal Server Error",
	[501] = "Not Implemented",
	[502] = "Bad Gateway",
	[503] = "Service Unavailable",
	[504] = "Gateway Timeout",
	[505] = "HTTP Version Not Supported",
	[507] = "Insufficient Storage",
};

const char *http_reason(unsigned status)
{
	return status < 600 && reasons[status] ? reasons[status] : "Unknown";
}

enum {
	FIXED_SIZE_MAX =
		256, /* status line, Date, Content-Length or Transfer-Encoding, Connection, empty line */
};

size_t http_reply_head_bound(const struct http_reply_head *head)
{
	size_t bound = FIXED_SIZE_MAX;

	for (size_t i = 0; i < head->header_count; i++)
		bound += head->headers[i].name.size + head->headers[i].value.size + sizeof(": \r\n");
	return bound;
}

static char *put(char *out, const char *data, size_t size)
{
	memcpy(out, data, size);
	return out + size;
}

#define PUT(out, literal) put((out), (literal), sizeof(literal) - 1)

static char *put_text(char *out, const char *text)
{
	return put(out, text, strlen(text));
}

static char *put_number(char *out, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return put(out, digits + at, sizeof(digits) - at);
}

static char *put_status_line(char *out, unsigned status)
{
	assert(status >= 100 && status < 600);
	out = PUT(out, "HTTP/1.1 ");
	out = put_number(out, status);
	*out++ = ' ';
	out = put_text(out, http_reason(status));
	return PUT(out, "\r\n");
}

static bool is_name(struct http_slice name)
{
	for (size_t i = 0; i < name.size; i++) {
		unsigned char byte = (unsigned char)name.data[i];

		if (byte <= ' ' || byte >= 0x7f || byte == ':')
			return false;
	}
	return name.size > 0;
}

static char *put_header(char *out, const struct http_header *header)
{
	assert(is_name(header->name));
	out = put(out, header->name.data, header->name.size);
	out = PUT(out, ": ");
	for (size_t i = 0; i < header->value.size; i++) {
		unsigned char byte = (unsigned char)header->value.data[i];

		*out++ = (char)((byte < ' ' && byte != '\t') || byte == 0x7f ? ' ' : byte);
	}
	return PUT(out, "\r\n");
}

static char *put_framing(char *out, const struct http_reply_head *head)
{
	switch (head->framing) {
	case HTTP_NO_BODY:
		return out;
	case HTTP_CHUNKED:
		return PUT(out, "Transfer-Encoding: chunked\r\n");
	case HTTP_LENGTH:
		break;
	}
	out = PUT(out, "Content-Length: ");
	out = put_number(out, head->content_length);
	return PUT(out, "\r\n");
}

size_t http_reply_head_write(const struct http_reply_head *head, char *out)
{
	char *at = put_status_line(out, head->status);

	if (head->date) {
		at = PUT(at, "Date: ");
		at = put_text(at, head->date);
		at = PUT(at, "\r\n");
	}
	for (size_t i = 0; i < head->header_count; i++)
		at = put_header(at, &head->headers[i]);
	at = put_framing(at, head);
	if (head->close)
		at = PUT(at, "Connection: close\r\n");
	else if (head->keep_alive_1_0)
		at = PUT(at, "Connection: keep-alive\r\n");
	at = PUT(at, "\r\n");
	return (size_t)(at - out);
}

/* IMF-fixdate (RFC 9110 5.6.7); not strftime, whose names follow the locale. */
const char *http_date_text(struct http_date *date, time_t now)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm utc;

	if (date->second == now && date->text[0])
		return date->text;
	date->second = now;
	gmtime_r(&now, &utc);
	int size = snprintf(date->text, sizeof(date->text), "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
		days + 3 * utc.tm_wday, (unsigned)utc.tm_mday % 100, months + 3 * utc.tm_mon,
		(unsigned)(utc.tm_year + 1900) % 10000, (unsigned)utc.tm_hour % 100,
		(unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100);

	assert(size == 29);
	return date->text;
}
