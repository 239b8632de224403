#include "gateway/credentials.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

static struct http_slice bearer_token(const struct http_head *head)
{
	struct http_slice value = http_head_get(head, HTTP_AUTHORIZATION);

	if (value.size <= 7 ||
		!http_slice_equals_ignoring_case((struct http_slice){ value.data, 7 }, "Bearer "))
		return (struct http_slice){ NULL, 0 };
	return (struct http_slice){ value.data + 7, value.size - 7 };
}

static bool is_base64url(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

/* A session's token, or the secret of an API key: the same behind its prefix. */
static bool is_token(struct http_slice text, bool by_cookie)
{
	static const char prefix[] = "gx_";

	if (text.size == sizeof prefix - 1 + TOKEN_TEXT && !by_cookie &&
		!memcmp(text.data, prefix, sizeof prefix - 1)) {
		text.data += sizeof prefix - 1;
		text.size -= sizeof prefix - 1;
	}
	if (text.size != TOKEN_TEXT)
		return false;
	for (size_t i = 0; i < text.size; i++)
		if (!is_base64url(text.data[i]))
			return false;
	return true;
}

void credentials_read(struct call *call)
{
	const struct http_head *head = call->x->head;
	struct http_slice token = bearer_token(head);

	if (!http_head_get(head, HTTP_AUTHORIZATION).data)
		call->by_cookie = http_cookie_find(http_head_get(head, HTTP_COOKIE), SESSION_COOKIE, &token);
	if (!is_token(token, call->by_cookie))
		return;
	call->has_token = true;
	crypto_hash_sha256(call->token_hash, (const unsigned char *)token.data, token.size);
}

static void csrf_token(const struct call *call, const uint8_t token_hash[32], char text_out[CSRF_TEXT + 1])
{
	uint8_t mac[32];

	crypto_generichash(mac, sizeof mac, token_hash, 32, call->loop->gateway->csrf_key, KEY_BYTES);
	sodium_bin2base64(text_out, CSRF_TEXT + 1, mac, sizeof mac, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum progress credentials_check_origin(struct call *call)
{
	const struct http_head *head = call->x->head;
	struct http_slice origin = http_head_get(head, HTTP_ORIGIN), host = http_head_get(head, HTTP_HOST);
	const char *ours = call->loop->gateway->options.public_origin;

	if (!origin.data)
		return GO_ON;
	if (!*ours)
		ours = arena_printf(call->arena, "%s://%.*s", exchange_is_secure(call->x) ? "https" : "http",
			(int)host.size, host.data);
	if (http_slice_equals_ignoring_case(origin, ours))
		return GO_ON;
	return call_fail(
		call, FORBIDDEN, MSG_BAD_ORIGIN, arena_strndup(call->arena, origin.data, origin.size), NULL);
}

static bool is_safe(enum http_method method)
{
	return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS;
}

enum progress credentials_check(struct call *call)
{
	struct http_slice shown = http_head_get(call->x->head, HTTP_X_CSRF_TOKEN);
	char expected[CSRF_TEXT + 1];

	if (!call->by_cookie || !call->has_token || is_safe(call->x->head->method))
		return GO_ON;
	csrf_token(call, call->token_hash, expected);
	if (shown.size != CSRF_TEXT || sodium_memcmp(shown.data, expected, CSRF_TEXT))
		return call_fail(call, FORBIDDEN, MSG_CSRF, NULL);
	return credentials_check_origin(call);
}

/* Chromium and Firefox keep Secure cookies of http://localhost too. */
static void add_cookie(
	struct call *call, const char *name, const char *value, const char *flags, int64_t max_age_s)
{
	call_add_header(call, "Set-Cookie",
		arena_printf(call->arena, "%s=%s; Path=/; %sSecure; SameSite=Strict; Max-Age=%lld", name,
			value, flags, (long long)max_age_s));
}

void credentials_add_cookies(struct call *call, struct slice token, int64_t expire_us)
{
	uint8_t hash[32];
	char csrf[CSRF_TEXT + 1];
	int64_t left_s = expire_us / 1000000 - time(NULL);

	crypto_hash_sha256(hash, (const unsigned char *)token.data, token.len);
	csrf_token(call, hash, csrf);
	add_cookie(call, SESSION_COOKIE, arena_strndup(call->arena, token.data, token.len), "HttpOnly; ",
		left_s > 0 ? left_s : 0);
	add_cookie(call, CSRF_COOKIE, csrf, "", left_s > 0 ? left_s : 0);
}

void credentials_clear_cookies(struct call *call)
{
	add_cookie(call, SESSION_COOKIE, "", "HttpOnly; ", 0);
	add_cookie(call, CSRF_COOKIE, "", "", 0);
}
