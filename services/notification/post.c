#include "notification/post.h"
#include "kit/json.h"
#include "kit/request.h"
#include "notification/address.h"
#include "notification/schedule.h"
#include "notification/secret.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void release(void *object)
{
	struct post *post = object;

	curl_easy_cleanup(post->easy);
	curl_slist_free_all(post->headers);
}

/* The last moment before the connection: the address is the one, whatever DNS said a moment ago. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct post *post = ctx;

	(void)purpose;
	if (!address_may_connect(&address->addr)) {
		post->refused_private = true;
		return CURL_SOCKET_BAD;
	}
	post->refused_plain = post->is_plain && !address_is_allowed(&address->addr);
	if (post->refused_plain)
		return CURL_SOCKET_BAD;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *ctx)
{
	struct post *post = ctx;
	size_t len = size * count;
	size_t room = POST_ANSWER_KEPT > post->answer.len ? POST_ANSWER_KEPT - post->answer.len : 0;
	curl_off_t read = 0;

	buffer_add(&post->answer, bytes, len < room ? len : room);
	curl_easy_getinfo(post->easy, CURLINFO_SIZE_DOWNLOAD_T, &read);
	post->answer_is_long = read > POST_ANSWER_READ;
	return post->answer_is_long ? 0 : len;
}

static size_t take_header(char *line, size_t size, size_t count, void *ctx)
{
	static const char name[] = "retry-after:";
	struct post *post = ctx;
	size_t len = size * count, begin = sizeof name - 1;

	if (len <= begin || strncasecmp(line, name, begin))
		return len;
	while (begin < len && (line[begin] == ' ' || line[begin] == '\t'))
		begin++;
	size_t end = len;

	while (end > begin && strchr(" \t\r\n", line[end - 1]))
		end--;
	if (!retry_after_read(line + begin, end - begin, time(NULL), &post->retry_after_s))
		post->retry_after_s = 0;
	return len;
}

static void add_header(struct post *post, const char *name, const char *value)
{
	struct curl_slist *longer =
		curl_slist_append(post->headers, arena_printf(post->arena, "%s: %s", name, value));

	if (!longer)
		abort();
	post->headers = longer;
}

static void add_headers(struct post *post, const struct post_request *request)
{
	struct buffer signature = { .arena = post->arena };
	char timestamp[24];

	snprintf(timestamp, sizeof timestamp, "%lld", (long long)(post->started_us / 1000000));
	secret_sign(
		&signature, request->secrets, request->secret_count, request->id, timestamp, request->body);
	add_header(post, "Content-Type", "application/cloudevents+json; charset=utf-8");
	add_header(post, "webhook-id", request->id);
	add_header(post, "webhook-timestamp", timestamp);
	add_header(post, "webhook-signature", signature.data);
	if (request->replayed)
		add_header(post, "guanxi-replay", "true");
	add_header(post, "Expect", "");
	curl_easy_setopt(post->easy, CURLOPT_HTTPHEADER, post->headers);
}

static void set_limits(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, address_any_allowed() ? "https,http" : "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY,
		""); /* whatever the environment says: the address must be the endpoint's */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)POST_CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)POST_WHOLE_MS);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "Guanxi-Webhook/1");
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, 60L);
}

struct post *post_new(const struct post_request *request, struct arena *arena)
{
	struct post *post = arena_zalloc(arena, sizeof *post);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*post = (struct post){ .arena = arena,
		.easy = curl_easy_init(),
		.answer = { .arena = arena },
		.is_plain = !strncasecmp(request->url, "http:", 5),
		.started_ns = request_now_ns(),
		.started_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 };
	if (!post->easy)
		abort();
	arena_defer(arena, release, post);
	set_limits(post->easy);
	add_headers(post, request);
	curl_easy_setopt(post->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(post->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(post->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	curl_easy_setopt(post->easy, CURLOPT_POSTFIELDS, request->body.data);
	curl_easy_setopt(post->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(post->easy, CURLOPT_OPENSOCKETDATA, post);
	curl_easy_setopt(post->easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(post->easy, CURLOPT_WRITEDATA, post);
	curl_easy_setopt(post->easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(post->easy, CURLOPT_HEADERDATA, post);
	curl_easy_setopt(post->easy, CURLOPT_PRIVATE, post);
	return post;
}

/* What an endpoint sends may be anything: kept as UTF-8, the rest as "?". */
static const char *readable(struct post *post)
{
	char *text = arena_strndup(post->arena, post->answer.len ? post->answer.data : "", post->answer.len);
	size_t len = post->answer.len;

	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		size_t more = c < 0x80                ? 0
			      : c >= 0xc2 && c < 0xe0 ? 1
			      : c >= 0xe0 && c < 0xf0 ? 2
			      : c >= 0xf0 && c < 0xf4 ? 3
						      : 9;
		bool sound = more < 9 && i + more < len && (c >= ' ' || c == '\n' || c == '\t') &&
			     c != 0x7f && !(c == 0xe0 && (unsigned char)text[i + 1] < 0xa0) &&
			     !(c == 0xed && (unsigned char)text[i + 1] >= 0xa0) &&
			     !(c == 0xf0 && (unsigned char)text[i + 1] < 0x90);

		for (size_t k = 1; sound && k <= more; k++)
			sound = ((unsigned char)text[i + k] & 0xc0) == 0x80;
		if (!sound)
			text[i] = '?';
		i += sound ? more + 1 : 1;
	}
	return len ? text : NULL;
}

static const char *why(const struct post *post, CURLcode code, int status)
{
	if (post->refused_private)
		return "The address is private, and webhooks only go to public ones.";
	if (post->refused_plain)
		return "Only https is allowed to this address.";
	if (code != CURLE_OK)
		return arena_printf(post->arena, "%.*s", POST_ERROR_MAX, curl_easy_strerror(code));
	if (status >= 300 && status < 400)
		return arena_printf(post->arena, "HTTP %d: redirects are not followed.", status);
	return arena_printf(post->arena, "HTTP %d", status);
}

struct post_outcome post_outcome(struct post *post, CURLcode code)
{
	struct post_outcome outcome = { .duration_ms =
						(int)((request_now_ns() - post->started_ns) / 1000000) };
	long status = 0;

	curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_WRITE_ERROR && post->answer_is_long)
		code = CURLE_OK;
	outcome.status = (int)status;
	outcome.ok = code == CURLE_OK && status >= 200 && status < 300;
	outcome.error = outcome.ok ? NULL : why(post, code, outcome.status);
	outcome.answer = readable(post);
	if (status == 429 || status == 503)
		outcome.retry_after_s = post->retry_after_s;
	return outcome;
}

void post_try_json(const struct post *post, const struct post_outcome *outcome, struct buffer *out)
{
	buffer_add_text(out, "[{\"time\":");
	json_add_time(out, post->started_us);
	if (outcome->status)
		buffer_printf(out, ",\"status\":%d", outcome->status);
	buffer_printf(out, ",\"durationMs\":%d", outcome->duration_ms);
	if (outcome->error) {
		buffer_add_text(out, ",\"error\":");
		json_add_string(out, outcome->error, strlen(outcome->error));
	}
	if (outcome->answer) {
		buffer_add_text(out, ",\"answer\":");
		json_add_string(out, outcome->answer, strlen(outcome->answer));
	}
	buffer_add_text(out, "}]");
}
