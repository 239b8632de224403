/*
 * What the codec makes of each case on standard input: the half of http_oracle.mjs that is ours.
 * In: a 4-byte little-endian length and that many bytes, repeated. Out: one line of JSON a case:
 *	{"end":"refused|more|closed|done","messages":[{"method":…,"target":hex,"headers":hex,"body":hex}]}
 * headers is "name:value\n" for each line. Built with kit/http alone.
 */
#include "kit/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CASE_SIZE_MAX = 1 << 20,
};

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

static void print_hex(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", (unsigned char)data[i]);
}

static void print_head(const struct http_head *head)
{
	printf("{\"method\":\"%s\",\"target\":\"", methods[head->method]);
	print_hex(head->target.data, head->target.size);
	printf("\",\"headers\":\"");
	for (size_t i = 0; i < head->header_count; i++) {
		print_hex(head->headers[i].name.data, head->headers[i].name.size);
		print_hex(":", 1);
		print_hex(head->headers[i].value.data, head->headers[i].value.size);
		print_hex("\n", 1);
	}
	printf("\"");
}

/* One message; says why there is none, or NULL. */
static const char *dump_message(
	char *data, size_t size, size_t *used, bool *keep_alive, const char *separator)
{
	struct http_refusal refusal;
	struct http_body body;
	struct http_head head;
	size_t scanned = 0, consumed = 0, decoded = 0;
	enum http_result result =
		http_parse_head(data, size, &scanned, &http_limits_default, &head, &refusal);

	if (result != HTTP_READY)
		return result == HTTP_REFUSED ? "refused" : "more";
	http_body_init(&body, &head, &http_limits_default, http_limits_default.body_size_bytes);
	result = http_body_decode(
		&body, data + head.size_bytes, size - head.size_bytes, &consumed, &decoded, &refusal);
	if (result != HTTP_READY)
		return result == HTTP_REFUSED ? "refused" : "more";
	fputs(separator, stdout);
	print_head(&head);
	printf(",\"body\":\"");
	print_hex(data + head.size_bytes, decoded);
	printf("\"}");
	*used = head.size_bytes + consumed;
	*keep_alive = head.keep_alive;
	return NULL;
}

static void dump_case(char *data, size_t size)
{
	const char *end = NULL, *separator = "";
	bool keep_alive = true;
	size_t at = 0;

	printf("{\"messages\":[");
	while (!end) {
		size_t used = 0;

		if (!keep_alive)
			end = "closed";
		else if (at == size)
			end = "done";
		else
			end = dump_message(data + at, size - at, &used, &keep_alive, separator);
		at += used;
		separator = ",";
	}
	printf("],\"end\":\"%s\"}\n", end);
}

int main(void)
{
	unsigned char length[4];

	while (fread(length, 1, sizeof(length), stdin) == sizeof(length)) {
		size_t size = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 |
			      (size_t)length[3] << 24;
		char *data = malloc(size + 1);

		if (!data || size > CASE_SIZE_MAX || fread(data, 1, size, stdin) != size)
			return 1;
		dump_case(data, size);
		free(data);
	}
	return 0;
}
