#include "gateway/language.h"
#include <string.h>

/* The quality of a member such as "zh-CN;q=0.8", in thousandths (RFC 9110 12.4.2); 0 when it is not
 * understood. */
static unsigned quality_of(struct http_slice member)
{
	const char *q = memchr(member.data, ';', member.size);
	unsigned value = 0, scale = 1000;

	if (!q)
		return 1000;
	for (const char *end = member.data + member.size, *c = q; c < end; c++)
		if (*c >= '0' && *c <= '9' && scale) {
			value += (unsigned)(*c - '0') * scale;
			scale /= 10;
		}
	return value;
}

static bool is_language(struct http_slice member, const char *language)
{
	return member.size >= 2 &&
	       http_slice_equals_ignoring_case((struct http_slice){ member.data, 2 }, language) &&
	       (member.size == 2 || member.data[2] == '-' || member.data[2] == ';' || member.data[2] == ' ');
}

/* The best quality of either language so far. */
struct wish {
	unsigned en, zh;
};

static void hear(struct wish *wish, struct http_slice line)
{
	struct http_slice member;

	while (http_list_next(&line, &member)) {
		unsigned quality = quality_of(member);

		if (is_language(member, "zh") && quality > wish->zh)
			wish->zh = quality;
		else if (is_language(member, "en") && quality > wish->en)
			wish->en = quality;
	}
}

static enum language choose(const struct wish *wish)
{
	return wish->zh > wish->en ? LANGUAGE_ZH : LANGUAGE_EN;
}

enum language language_of(const struct http_head *head)
{
	struct wish wish = { 0, 0 };
	struct http_slice line;

	for (size_t cursor = 0; http_head_next(head, HTTP_ACCEPT_LANGUAGE, &cursor, &line);)
		hear(&wish, line);
	return choose(&wish);
}

enum language language_of_value(struct http_slice accept_language)
{
	struct wish wish = { 0, 0 };

	if (accept_language.data)
		hear(&wish, accept_language);
	return choose(&wish);
}
