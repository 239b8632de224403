/* What names a host: e-mail addresses and URLs. */
#include "kit/normalise_parts.h"
#include <ctype.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

static bool label_is_valid(const char *label, size_t size)
{
	if (size == 0 || size > 63 || label[0] == '-' || label[size - 1] == '-')
		return false;
	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)label[i]) && label[i] != '-' && !(label[i] & 0x80))
			return false;
	return true;
}

/*
 * Dotted labels of letters, digits and inner hyphens (RFC 1123 2.1) or non-ASCII (IDN), in all at most 253
 * bytes.
 */
static bool host_is_valid(struct slice host, size_t labels_min)
{
	const char *at = host.data, *end = host.data + host.len;
	size_t labels = 0;

	if (host.len > 253)
		return false;
	for (;; at++) {
		const char *dot = memchr(at, '.', (size_t)(end - at));
		const char *label_end = dot ? dot : end;

		if (!label_is_valid(at, (size_t)(label_end - at)))
			return false;
		labels++;
		if (!dot)
			break;
		at = dot;
	}
	return labels >= labels_min;
}

static bool last_label_is_number(struct slice host)
{
	size_t at = host.len;

	while (at > 0 && isdigit((unsigned char)host.data[at - 1]))
		at--;
	return at < host.len && (at == 0 || host.data[at - 1] == '.');
}

/* dot-string of RFC 5321 4.1.2, with the non-ASCII of RFC 6531. */
static bool local_is_valid(struct slice local)
{
	if (local.len == 0 || local.len > NORMALISE_LOCAL_MAX || local.data[0] == '.' ||
		local.data[local.len - 1] == '.')
		return false;
	for (size_t i = 0; i < local.len; i++) {
		char c = local.data[i];

		if (c == '.' && local.data[i - 1] == '.')
			return false;
		if (!isalnum((unsigned char)c) && !(c & 0x80) &&
			(c == '\0' || !strchr(".!#$%&'*+-/=?^_`{|}~", c)))
			return false;
	}
	return true;
}

static bool has_space(struct slice text)
{
	for (size_t at = 0; at < text.len;) {
		UChar32 c;

		U8_NEXT_UNSAFE(text.data, at, c);
		if (u_isUWhiteSpace(c))
			return true;
	}
	return false;
}

enum normalised normalise_email(
	const char *text, size_t size_bytes, struct arena *arena, const char **email_out)
{
	struct slice email = { text, size_bytes };
	enum normalised rule = normalise_prepare(email, unorm2_getNFKCInstance, arena, &email);

	if (rule != NORMALISED)
		return rule;
	email = normalise_lowered(email, arena);
	const char *at = memchr(email.data, '@', email.len);

	if (!at || memchr(at + 1, '@', (size_t)(email.data + email.len - at - 1)))
		return NORMALISE_EMAIL_AT;
	struct slice local = { email.data, (size_t)(at - email.data) };
	struct slice domain = { at + 1, email.len - local.len - 1 };

	if (email.len > NORMALISE_EMAIL_MAX)
		return NORMALISE_TOO_LONG;
	if (!local_is_valid(local) || has_space(local))
		return NORMALISE_EMAIL_LOCAL;
	if (!host_is_valid(domain, 2) || has_space(domain) || last_label_is_number(domain))
		return NORMALISE_EMAIL_DOMAIN;
	*email_out = arena_strndup(arena, email.data, email.len);
	return NORMALISED;
}

/* --- URLs ---------------------------------------------------------------------------------------- */

static bool url_character_is_valid(UChar32 c)
{
	return !u_isUWhiteSpace(c) && !u_iscntrl(c) && !strchr("\"<>\\^`{|}", (int)(c < 0x80 ? c : 'a'));
}

static bool port_is_valid(struct slice port)
{
	unsigned number = 0;

	if (port.len == 0 || port.len > 5 || !normalise_is_digits(port))
		return false;
	for (size_t i = 0; i < port.len; i++)
		number = number * 10 + (unsigned)(port.data[i] - '0');
	return number >= 1 && number <= 65535;
}

/* [2001:db8::1]: hexadecimal digits, colons, dots; whether the address is right the resolver will say. */
static bool is_address_literal(struct slice host)
{
	if (host.len < 4 || host.data[0] != '[' || host.data[host.len - 1] != ']')
		return false;
	for (size_t i = 1; i < host.len - 1; i++)
		if (!isxdigit((unsigned char)host.data[i]) && host.data[i] != ':' && host.data[i] != '.')
			return false;
	return memchr(host.data, ':', host.len) != NULL;
}

static enum normalised check_authority(struct slice authority, size_t labels_min, size_t *host_size_out)
{
	const char *bracket =
		authority.len && authority.data[0] == '[' ? memchr(authority.data, ']', authority.len) : NULL;
	size_t skip = bracket ? (size_t)(bracket - authority.data) : 0;
	const char *colon = memchr(authority.data + skip, ':', authority.len - skip);
	struct slice host = { authority.data, colon ? (size_t)(colon - authority.data) : authority.len };

	if (!is_address_literal(host) && !host_is_valid(host, labels_min))
		return NORMALISE_URL_HOST;
	if (colon && !port_is_valid(normalise_from(authority, host.len + 1)))
		return NORMALISE_URL_PORT;
	*host_size_out = host.len;
	return NORMALISED;
}

/* How long the scheme with :// is, 0 without one; false when it is another one than ours. */
static bool scheme_is_ours(struct slice url, size_t *size_out)
{
	static const char *const schemes[] = { "https://", "http://" };

	for (size_t i = 0; i < 2; i++)
		if (url.len >= strlen(schemes[i]) &&
			strncasecmp(url.data, schemes[i], strlen(schemes[i])) == 0) {
			*size_out = strlen(schemes[i]);
			return true;
		}
	*size_out = 0;
	return memmem(url.data, url.len, "://", 3) == NULL;
}

enum normalised normalise_url(const char *text, size_t size_bytes, struct arena *arena, const char **url_out)
{
	struct slice url = { text, size_bytes };
	size_t scheme, host, authority;
	enum normalised rule = normalise_prepare(url, unorm2_getNFCInstance, arena, &url);

	if (rule != NORMALISED)
		return rule;
	for (size_t at = 0; at < url.len;) {
		UChar32 c;

		U8_NEXT_UNSAFE(url.data, at, c);
		if (!url_character_is_valid(c))
			return NORMALISE_URL_CHARACTER;
	}
	if (!scheme_is_ours(url, &scheme))
		return NORMALISE_URL_SCHEME;
	struct slice rest = normalise_from(url, scheme);

	for (authority = 0; authority < rest.len && !strchr("/?#", rest.data[authority]); authority++)
		;
	rule = check_authority((struct slice){ rest.data, authority }, scheme ? 1 : 2, &host);
	if (rule != NORMALISED)
		return rule;
	struct slice lowered = normalise_lowered((struct slice){ url.data, scheme + host }, arena);
	struct buffer out = { .arena = arena };

	if (!scheme)
		buffer_add_text(&out, "https://");
	buffer_add(&out, lowered.data, lowered.len);
	buffer_add(&out, rest.data + host, rest.len - host);
	if (out.len > NORMALISE_URL_MAX)
		return NORMALISE_TOO_LONG;
	*url_out = out.data;
	return NORMALISED;
}
