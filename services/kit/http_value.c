#include "kit/http.h"

#include <string.h>
#include <strings.h>

bool http_slice_equals(struct http_slice slice, const char *text)
{
	return slice.data && slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

bool http_slice_equals_ignoring_case(struct http_slice slice, const char *text)
{
	return slice.data && slice.size == strlen(text) && strncasecmp(slice.data, text, slice.size) == 0;
}

/* --- percent-encoding --- */

static int hex_value(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Length of the well-formed UTF-8 sequence at `at` (Unicode 15, table 3-7), or 0. */
static size_t utf8_sequence(const unsigned char *at, size_t size)
{
	if (at[0] < 0x80)
		return 1;
	size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	unsigned char least = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char most = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;

	if (at[0] < 0xc2 || at[0] > 0xf4 || size < length || at[1] < least || at[1] > most)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static bool is_utf8(const char *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		size_t length = utf8_sequence((const unsigned char *)data + at, size - at);

		if (length == 0)
			return false;
		at += length;
	}
	return true;
}

bool http_percent_decode(struct http_slice in, bool form, char *out, size_t *size_out)
{
	size_t written = 0;

	for (size_t i = 0; i < in.size; i++) {
		char byte = in.data[i];

		if (byte == '%') {
			if (in.size - i < 3 || hex_value(in.data[i + 1]) < 0 || hex_value(in.data[i + 2]) < 0)
				return false;
			byte = (char)(hex_value(in.data[i + 1]) << 4 | hex_value(in.data[i + 2]));
			i += 2;
		} else if (byte == '+' && form) {
			byte = ' ';
		}
		if (byte == '\0')
			return false;
		out[written++] = byte;
	}
	if (!is_utf8(out, written))
		return false;
	*size_out = written;
	return true;
}

/* --- iterators --- */

static struct http_slice split(struct http_slice *rest, char separator)
{
	const char *found = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
	struct http_slice part = { rest->data, found ? (size_t)(found - rest->data) : rest->size };
	size_t used = found ? part.size + 1 : part.size;

	*rest = (struct http_slice){ rest->data + used, rest->size - used };
	return part;
}

static struct http_slice trim(struct http_slice text)
{
	while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
		text = (struct http_slice){ text.data + 1, text.size - 1 };
	while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
		text.size--;
	return text;
}

bool http_query_next(struct http_slice *rest, struct http_slice *name_out, struct http_slice *value_out)
{
	while (rest->size > 0) {
		struct http_slice pair = split(rest, '&');
		bool has_value = pair.size > 0 && memchr(pair.data, '=', pair.size) != NULL;

		if (pair.size == 0)
			continue;
		*name_out = split(&pair, '=');
		*value_out = has_value ? pair : (struct http_slice){ NULL, 0 };
		return true;
	}
	return false;
}

bool http_list_next(struct http_slice *rest, struct http_slice *member_out)
{
	while (rest->size > 0) {
		struct http_slice member = trim(split(rest, ','));

		if (member.size == 0)
			continue;
		*member_out = member;
		return true;
	}
	return false;
}

bool http_cookie_find(struct http_slice cookie, const char *name, struct http_slice *value_out)
{
	while (cookie.size > 0) {
		struct http_slice value = trim(split(&cookie, ';'));
		bool has_value = value.size > 0 && memchr(value.data, '=', value.size) != NULL;

		if (!has_value || !http_slice_equals(split(&value, '='), name))
			continue;
		if (value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"')
			value = (struct http_slice){ value.data + 1, value.size - 2 };
		*value_out = value;
		return true;
	}
	return false;
}

/* --- conditions and negotiation --- */

/* An opaque tag may hold a comma, so the list is walked by its quotes. */
bool http_etag_matches(struct http_slice list, struct http_slice etag, bool weak)
{
	if (http_slice_equals(trim(list), "*"))
		return true;
	for (size_t i = 0; i < list.size;) {
		bool is_weak = list.size - i > 2 && memcmp(list.data + i, "W/\"", 3) == 0;
		size_t start = i + (is_weak ? 2 : 0);

		if (list.data[start] != '"') {
			i++;
			continue;
		}
		const char *end = memchr(list.data + start + 1, '"', list.size - start - 1);

		if (!end)
			return false;
		size_t size = (size_t)(end + 1 - list.data) - start;

		if ((weak || !is_weak) && size == etag.size &&
			memcmp(list.data + start, etag.data, size) == 0)
			return true;
		i = start + size;
	}
	return false;
}

/* q=0, q=0., q=0.000 say "not this one". */
static bool weight_is_zero(struct http_slice parameters)
{
	while (parameters.size > 0) {
		struct http_slice parameter = trim(split(&parameters, ';'));

		if (parameter.size < 3 || strncasecmp(parameter.data, "q=", 2) != 0)
			continue;
		for (size_t i = 2; i < parameter.size; i++)
			if (parameter.data[i] != '0' && parameter.data[i] != '.')
				return false;
		return true;
	}
	return false;
}

bool http_accepts_coding(struct http_slice accept_encoding, const char *coding)
{
	struct http_slice member;

	while (http_list_next(&accept_encoding, &member))
		if (http_slice_equals_ignoring_case(trim(split(&member, ';')), coding))
			return !weight_is_zero(member);
	return false;
}
