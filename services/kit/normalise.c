#include "kit/normalise.h"
#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

static const char *const codes[NORMALISED_COUNT] = {
	[NORMALISED] = "",
	[NORMALISE_EMPTY] = "empty",
	[NORMALISE_TOO_LONG] = "too_long",
	[NORMALISE_NOT_UTF8] = "not_utf8",
	[NORMALISE_CONTROL] = "control_character",
	[NORMALISE_EMAIL_AT] = "email_at",
	[NORMALISE_EMAIL_LOCAL] = "email_local",
	[NORMALISE_EMAIL_DOMAIN] = "email_domain",
	[NORMALISE_PHONE_CHARACTER] = "phone_character",
	[NORMALISE_PHONE_LENGTH] = "phone_length",
	[NORMALISE_PHONE_AREA_CODE] = "phone_area_code",
	[NORMALISE_PHONE_PLAN] = "phone_plan",
	[NORMALISE_PHONE_EXTENSION] = "phone_extension",
	[NORMALISE_URL_SCHEME] = "url_scheme",
	[NORMALISE_URL_HOST] = "url_host",
	[NORMALISE_URL_PORT] = "url_port",
	[NORMALISE_URL_CHARACTER] = "url_character",
	[NORMALISE_CREDIT_LENGTH] = "credit_code_length",
	[NORMALISE_CREDIT_CHARACTER] = "credit_code_character",
	[NORMALISE_CREDIT_CHECK] = "credit_code_check",
};

const char *normalise_code(enum normalised rule)
{
	assert(rule < NORMALISED_COUNT);
	return codes[rule];
}

/* --- Unicode ------------------------------------------------------------------------------------- */

struct utf16 {
	UChar *text;
	int32_t size;
};

/* Bad sequences become U+FFFD and are counted. */
static struct utf16 utf16_from(struct slice text, struct arena *arena, int32_t *bad_out)
{
	struct utf16 out = { arena_alloc(arena, (text.len + 1) * sizeof(UChar)), 0 };
	UErrorCode error = U_ZERO_ERROR;

	u_strFromUTF8WithSub(out.text, (int32_t)text.len + 1, &out.size, text.data, (int32_t)text.len, 0xFFFD,
		bad_out, &error);
	assert(U_SUCCESS(error));
	return out;
}

static struct slice utf8_from(struct utf16 text, struct arena *arena)
{
	char *bytes = arena_alloc(arena, (size_t)text.size * 3 + 1);
	int32_t size;
	UErrorCode error = U_ZERO_ERROR;

	u_strToUTF8(bytes, text.size * 3 + 1, &size, text.text, text.size, &error);
	assert(U_SUCCESS(error));
	return (struct slice){ bytes, (size_t)size };
}

typedef const UNormalizer2 *form_getter(UErrorCode *);

static struct utf16 utf16_normalised(struct utf16 text, form_getter *form, struct arena *arena)
{
	struct utf16 out = { NULL, 0 };
	int32_t capacity = text.size * 2 + 32;
	UErrorCode error;

	/* Twice as long is usual at most; when not, the first try tells the size. */
	do {
		error = U_ZERO_ERROR;
		const UNormalizer2 *normaliser = form(&error);

		out.text = arena_alloc(arena, (size_t)capacity * sizeof(UChar));
		out.size = unorm2_normalize(normaliser, text.text, text.size, out.text, capacity, &error);
		capacity = out.size + 1;
	} while (error == U_BUFFER_OVERFLOW_ERROR);
	assert(U_SUCCESS(error));
	return out;
}

static struct slice slice_trimmed(struct slice text)
{
	UChar32 c;
	size_t at;
	int32_t end;

	for (at = 0; at < text.len; text.data += at, text.len -= at, at = 0) {
		U8_NEXT(text.data, at, text.len, c);
		if (c < 0 || !u_isUWhiteSpace(c))
			break;
	}
	for (end = (int32_t)text.len; end > 0; text.len = (size_t)end) {
		U8_PREV(text.data, 0, end, c);
		if (c < 0 || !u_isUWhiteSpace(c))
			break;
	}
	return text;
}

/* Line and paragraph separators break lines like the controls do. */
static bool is_refused(UChar32 c)
{
	return u_charType(c) == U_CONTROL_CHAR || c == 0x2028 || c == 0x2029 ||
	       u_hasBinaryProperty(c, UCHAR_NONCHARACTER_CODE_POINT);
}

/*
 * Zero-width space, word joiner, byte order mark, controls of direction: they come unseen when something is
 * pasted (a number from a telephone's address book brings two), and names that look the same would differ,
 * or read otherwise than they are.
 */
static bool is_invisible(UChar32 c)
{
	return c == 0x200B || c == 0x2060 || c == 0xFEFF || u_hasBinaryProperty(c, UCHAR_BIDI_CONTROL);
}

static bool drop_invisible(struct utf16 *text)
{
	int32_t kept = 0;

	for (int32_t at = 0; at < text->size;) {
		int32_t start = at;
		UChar32 c;

		U16_NEXT(text->text, at, text->size, c);
		if (is_refused(c))
			return false;
		for (; start < at && !is_invisible(c); start++)
			text->text[kept++] = text->text[start];
	}
	text->size = kept;
	return true;
}

/* Trims, refuses what no field may have, and gives the form asked for. */
static enum normalised prepare(
	struct slice text, form_getter *form, struct arena *arena, struct slice *text_out)
{
	int32_t bad = 0;

	if (text.len > NORMALISE_BYTES_MAX)
		return NORMALISE_TOO_LONG;
	struct utf16 wide = utf16_from(slice_trimmed(text), arena, &bad);

	if (bad)
		return NORMALISE_NOT_UTF8;
	if (!drop_invisible(&wide))
		return NORMALISE_CONTROL;
	/* Some characters have a compatibility form that begins with a space. */
	text = slice_trimmed(utf8_from(utf16_normalised(wide, form, arena), arena));
	if (text.len == 0)
		return NORMALISE_EMPTY;
	*text_out = text;
	return NORMALISED;
}

/* Simple lower case, character by character: full case folding would turn ß into ss, another address. */
static struct slice slice_lowered(struct slice text, struct arena *arena)
{
	struct buffer out = { .arena = arena };

	buffer_reserve(&out, text.len * 3 / 2);
	for (size_t at = 0; at < text.len;) {
		UChar32 c;
		char bytes[U8_MAX_LENGTH];
		size_t size = 0;

		U8_NEXT_UNSAFE(text.data, at, c);
		c = u_tolower(c);
		U8_APPEND_UNSAFE(bytes, size, c);
		buffer_add(&out, bytes, size);
	}
	return (struct slice){ out.data, out.len };
}

/* --- hosts and e-mail ---------------------------------------------------------------------------- */

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
	enum normalised rule = prepare(email, unorm2_getNFKCInstance, arena, &email);

	if (rule != NORMALISED)
		return rule;
	email = slice_lowered(email, arena);
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

/* --- telephone numbers --------------------------------------------------------------------------- */

enum { DIGITS_MAX = 32 };

/* A number being read: digits without separators, and where the last group behind a dash began. */
struct dialled {
	char digit[DIGITS_MAX + 1];
	size_t digits;
	size_t last_group;      /* index of the first digit after the last dash; 0 without one */
	bool international;     /* began with + or 00 */
	struct slice extension; /* as written; len 0 without one */
};

static bool text_begins(struct slice text, const char *prefix)
{
	return text.len >= strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0;
}

static struct slice slice_from(struct slice text, size_t start)
{
	return (struct slice){ text.data + start, text.len - start };
}

/* How long the extension mark at the beginning of the text is; 0 when there is none. */
static size_t extension_mark(struct slice text)
{
	static const char *const marks[] = { ";ext=", "extension", "ext.", "ext", "x", "#", "分机", "转",
		"轉" };

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (text_begins(text, marks[i]))
			return strlen(marks[i]);
	return 0;
}

static bool is_dash(UChar32 c)
{
	return c == '-' || (c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0x30FC;
}

static enum normalised dial(struct slice text, struct dialled *dialled_out)
{
	struct dialled d = { .digits = 0 };

	for (size_t at = 0; at < text.len;) {
		struct slice rest = slice_from(text, at);
		UChar32 c;

		U8_NEXT_UNSAFE(text.data, at, c);
		if (c >= '0' && c <= '9') {
			if (d.digits == DIGITS_MAX)
				return NORMALISE_PHONE_LENGTH;
			d.digit[d.digits++] = (char)c;
		} else if (c == '+' && d.digits == 0 && !d.international) {
			d.international = true;
		} else if (is_dash(c)) {
			d.last_group = d.digits;
		} else if (d.digits && extension_mark(rest)) {
			d.extension = slice_trimmed(slice_from(rest, extension_mark(rest)));
			if (d.extension.len == 0)
				return NORMALISE_PHONE_EXTENSION;
			break;
		} else if (!strchr("().", (int)(c < 0x80 ? c : '?')) && !u_isUWhiteSpace(c)) {
			return NORMALISE_PHONE_CHARACTER;
		}
	}
	*dialled_out = d;
	return NORMALISED;
}

static void digits_drop(struct dialled *d, size_t count)
{
	memmove(d->digit, d->digit + count, d->digits - count);
	d->digits -= count;
	d->digit[d->digits] = '\0';
	d->last_group = d->last_group > count ? d->last_group - count : 0;
}

/*
 * An area code of China is 10, 2x or three digits from 3 to 9; a subscriber number has 7 or 8 digits and
 * begins with 2 to 8.
 */
static bool is_land_line(const char *national, size_t digits)
{
	size_t area = national[0] == '2' || (national[0] == '1' && national[1] == '0') ? 2 : 3;

	if (digits < area + 7 || digits > area + 8 || (area == 3 && (national[0] < '3' || national[0] > '9')))
		return false;
	return national[area] >= '2' && national[area] <= '8';
}

static bool is_mobile(const char *national, size_t digits)
{
	return digits == 11 && national[0] == '1' && national[1] >= '3';
}

static bool is_toll_free(const char *national, size_t digits)
{
	return digits == 10 && (national[0] == '4' || national[0] == '8') && national[1] == '0' &&
	       national[2] == '0';
}

/* Holds a number of China, without country code, against the plan; it loses its trunk 0. */
static enum normalised plan_of_china(struct dialled *d)
{
	bool trunk = d->digit[0] == '0';
	size_t digits = d->digits - trunk;
	const char *national = d->digit + trunk;

	if (is_mobile(national, digits) || (!trunk && is_toll_free(national, digits)) ||
		((trunk || d->international) && is_land_line(national, digits))) {
		digits_drop(d, trunk);
		return NORMALISED;
	}
	if (!trunk && !d->international && (digits == 7 || digits == 8))
		return NORMALISE_PHONE_AREA_CODE;
	return digits < 7 || digits > 12 ? NORMALISE_PHONE_LENGTH : NORMALISE_PHONE_PLAN;
}

/*
 * 010-87654321-801: what follows the last dash is an extension if the rest is a number and the whole is
 * not.
 */
static enum normalised plan_of_china_with_extension(struct dialled *d)
{
	enum normalised rule = plan_of_china(d);
	struct dialled shorter = *d;
	size_t extension = d->digits - d->last_group;

	if (rule == NORMALISED || d->last_group == 0 || d->extension.len || extension == 0 ||
		extension > NORMALISE_EXTENSION_MAX)
		return rule;
	shorter.digits = d->last_group;
	shorter.digit[shorter.digits] = '\0';
	if (plan_of_china(&shorter) != NORMALISED)
		return rule;
	shorter.extension = (struct slice){ d->digit + d->last_group, extension };
	/* The digits lie behind the number in the same array: copied out before `d` is overwritten. */
	memmove(shorter.digit + shorter.digits + 1, shorter.extension.data, extension);
	*d = shorter;
	d->extension.data = d->digit + d->digits + 1;
	return NORMALISED;
}

static bool is_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!isdigit((unsigned char)text.data[i]))
			return false;
	return true;
}

/* Takes the country code off, if the number has one, and says which it is of. */
static bool is_of_china(struct dialled *d, const char *country_code)
{
	if (!d->international && d->digits > 2 && d->digit[0] == '0' && d->digit[1] == '0') {
		digits_drop(d, 2);
		d->international = true;
	}
	if (!d->international)
		return strcmp(country_code, "86") == 0;
	if (strncmp(d->digit, "86", 2) != 0)
		return false;
	digits_drop(d, 2);
	return true;
}

enum normalised normalise_phone(const char *text, size_t size_bytes, const char *country_code,
	struct arena *arena, struct phone *phone_out)
{
	struct slice written = { text, size_bytes };
	struct dialled d;
	enum normalised rule = prepare(written, unorm2_getNFKCCasefoldInstance, arena, &written);

	if (rule == NORMALISED)
		rule = dial(text_begins(written, "tel:") ? slice_from(written, 4) : written, &d);
	if (rule != NORMALISED)
		return rule;
	bool china = is_of_china(&d, country_code);

	if (china)
		rule = plan_of_china_with_extension(&d);
	else if (!d.international && d.digit[0] == '0')
		digits_drop(&d, 1);
	if (rule != NORMALISED)
		return rule;
	if (d.extension.len > NORMALISE_EXTENSION_MAX || !is_digits(d.extension))
		return NORMALISE_PHONE_EXTENSION;
	const char *code = china ? "86" : d.international ? "" : country_code;

	if (strlen(code) + d.digits < 7 || strlen(code) + d.digits > NORMALISE_PHONE_MAX)
		return NORMALISE_PHONE_LENGTH;
	if (d.international && !china && d.digit[0] == '0')
		return NORMALISE_PHONE_PLAN;
	phone_out->number = arena_printf(arena, "+%s%.*s", code, (int)d.digits, d.digit);
	phone_out->extension = arena_strndup(arena, d.extension.data, d.extension.len);
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

	if (port.len == 0 || port.len > 5 || !is_digits(port))
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
	if (colon && !port_is_valid(slice_from(authority, host.len + 1)))
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
	enum normalised rule = prepare(url, unorm2_getNFCInstance, arena, &url);

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
	struct slice rest = slice_from(url, scheme);

	for (authority = 0; authority < rest.len && !strchr("/?#", rest.data[authority]); authority++)
		;
	rule = check_authority((struct slice){ rest.data, authority }, scheme ? 1 : 2, &host);
	if (rule != NORMALISED)
		return rule;
	struct slice lowered = slice_lowered((struct slice){ url.data, scheme + host }, arena);
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

/* --- 统一社会信用代码 ------------------------------------------------------------------------------- */

enum { CREDIT_SIZE = 18 };

/* GB 32100-2015 table 2: a character's value is its index. */
static const char credit_characters[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";

static int credit_value(char c)
{
	const char *found = c ? strchr(credit_characters, c) : NULL;

	return found ? (int)(found - credit_characters) : -1;
}

/* Formula (1) of 4.3.5: the weights are 3^i modulo 31. */
static bool credit_check_is_right(const char *code)
{
	int sum = 0, weight = 1;

	for (size_t i = 0; i < CREDIT_SIZE - 1; i++) {
		sum += credit_value(code[i]) * weight;
		weight = weight * 3 % 31;
	}
	return credit_value(code[CREDIT_SIZE - 1]) == (31 - sum % 31) % 31;
}

enum normalised normalise_credit_code(
	const char *text, size_t size_bytes, struct arena *arena, const char **code_out)
{
	struct slice written = { text, size_bytes };
	char code[CREDIT_SIZE + 1] = "";
	size_t size = 0;
	enum normalised rule = prepare(written, unorm2_getNFKCInstance, arena, &written);

	if (rule != NORMALISED)
		return rule;
	for (size_t i = 0; i < written.len; i++) {
		if (written.data[i] == ' ' || written.data[i] == '-')
			continue;
		if (size == CREDIT_SIZE)
			return NORMALISE_CREDIT_LENGTH;
		code[size] = (char)toupper((unsigned char)written.data[i]);
		if (credit_value(code[size++]) < 0)
			return NORMALISE_CREDIT_CHARACTER;
	}
	if (size != CREDIT_SIZE)
		return NORMALISE_CREDIT_LENGTH;
	if (!credit_check_is_right(code))
		return NORMALISE_CREDIT_CHECK;
	*code_out = arena_strndup(arena, code, size);
	return NORMALISED;
}

/* --- names --------------------------------------------------------------------------------------- */

enum normalised normalise_name(const char *text, size_t size_bytes, size_t characters_max,
	struct arena *arena, const char **name_out)
{
	struct slice name = { text, size_bytes };
	struct buffer out = { .arena = arena };
	size_t characters = 0;
	bool after_space = false;
	enum normalised rule = prepare(name, unorm2_getNFCInstance, arena, &name);

	if (rule != NORMALISED)
		return rule;
	for (size_t at = 0; at < name.len;) {
		size_t start = at;
		UChar32 c;

		U8_NEXT_UNSAFE(name.data, at, c);
		bool space = u_isUWhiteSpace(c);

		if (space && after_space)
			continue;
		if (space)
			buffer_add(&out, " ", 1);
		else
			buffer_add(&out, name.data + start, at - start);
		after_space = space;
		characters++;
	}
	if (characters > characters_max)
		return NORMALISE_TOO_LONG;
	*name_out = out.data;
	return NORMALISED;
}

static struct slice slice_cut(struct slice text)
{
	size_t size = text.len < NORMALISE_BYTES_MAX ? text.len : NORMALISE_BYTES_MAX;

	if (size < text.len)
		while (size > 0 && U8_IS_TRAIL(text.data[size]))
			size--;
	return (struct slice){ text.data, size };
}

static bool is_word_character(UChar32 c)
{
	return c < 0x80 ? isalnum(c)
			: u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_isdigit(c) ||
				  (U_GET_GC_MASK(c) & U_GC_M_MASK);
}

/* The next word of the text; len 0 at its end. */
static struct slice next_word(struct slice text, size_t *at)
{
	size_t start = *at, end = *at;
	UChar32 c;

	while (end < text.len) {
		U8_NEXT_UNSAFE(text.data, end, c);
		if (is_word_character(c))
			*at = end;
		else if (*at > start)
			break;
		else
			start = *at = end;
	}
	return (struct slice){ text.data + start, *at - start };
}

/* How legal forms are written out, and their short forms. */
static const char *const legal_forms[][2] = {
	{ "company", "co" },
	{ "corporation", "corp" },
	{ "incorporated", "inc" },
	{ "limited", "ltd" },
	{ "co", "co" },
	{ "corp", "corp" },
	{ "inc", "inc" },
	{ "ltd", "ltd" },
};

static const char *legal_form(struct slice word)
{
	for (size_t i = 0; i < sizeof legal_forms / sizeof *legal_forms; i++)
		if (word.len == strlen(legal_forms[i][0]) &&
			memcmp(word.data, legal_forms[i][0], word.len) == 0)
			return legal_forms[i][1];
	return NULL;
}

static void add_without_liability(struct buffer *out, struct slice word)
{
	static const char long_form[] = "有限责任公司";
	const char *found = memmem(word.data, word.len, long_form, strlen(long_form));

	if (!found) {
		buffer_add(out, word.data, word.len);
		return;
	}
	size_t before = (size_t)(found - word.data);

	buffer_add(out, word.data, before);
	buffer_add_text(out, "有限公司");
	buffer_add(out, found + strlen(long_form), word.len - before - strlen(long_form));
}

const char *normalise_name_key(const char *text, size_t size_bytes, struct arena *arena)
{
	int32_t bad;
	struct utf16 wide = utf16_from(slice_cut((struct slice){ text, size_bytes }), arena, &bad);
	struct slice name = utf8_from(utf16_normalised(wide, unorm2_getNFKCCasefoldInstance, arena), arena);
	struct buffer plain = { .arena = arena }, shortened = { .arena = arena };
	struct slice word;

	/* Two keys grow: with legal forms shortened since the last other word, and as written up to there. */
	buffer_reserve(&plain, name.len);
	buffer_reserve(&shortened, name.len);
	for (size_t at = 0; (word = next_word(name, &at)).len;) {
		const char *form = plain.len ? legal_form(word) : NULL;

		if (!form)
			shortened.len = 0, buffer_add(&shortened, plain.data, plain.len);
		add_without_liability(&plain, word);
		if (form)
			buffer_add_text(&shortened, form);
		else
			add_without_liability(&shortened, word);
	}
	return shortened.len ? shortened.data : "";
}

/* --- folding ------------------------------------------------------------------------------------- */

/*
 * ASCII, the main block of Han, CJK punctuation and full-width ASCII fold one by one; anything else needs
 * ICU.
 */
static bool fold_plain(struct slice text, char *out, size_t *size_out)
{
	size_t size = 0;

	for (size_t at = 0; at < text.len;) {
		unsigned char lead = (unsigned char)text.data[at];
		UChar32 c;

		if (lead < 0x80) {
			out[size++] = (char)(lead < 0x20 || lead == 0x7F  ? ' '
					     : lead >= 'A' && lead <= 'Z' ? lead + 32
									  : lead);
			at++;
			continue;
		}
		U8_NEXT(text.data, at, text.len, c);
		if (c >= 0xFF01 && c <= 0xFF5E)
			out[size++] = (char)tolower((int)c - 0xFEE0);
		else if (c == 0x3000)
			out[size++] = ' ';
		else if ((c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3001 && c <= 0x3020))
			memcpy(out + size, text.data + at - 3, 3), size += 3;
		else
			return false;
	}
	*size_out = size;
	return true;
}

/* Letters that no decomposition takes apart, as ICU's Latin-ASCII writes them. */
static const struct {
	UChar32 letter;
	const char *plain;
} plain_letters[] = {
	{ 0xE6, "ae" },
	{ 0xF0, "d" },
	{ 0xF8, "o" },
	{ 0xFE, "th" },
	{ 0x111, "d" },
	{ 0x127, "h" },
	{ 0x131, "i" },
	{ 0x142, "l" },
	{ 0x14B, "n" },
	{ 0x153, "oe" },
	{ 0x167, "t" },
	{ 0x180, "b" },
	{ 0x19A, "l" },
};

static const char *plain_letter(UChar32 c)
{
	for (size_t i = 0; i < sizeof plain_letters / sizeof *plain_letters; i++)
		if (plain_letters[i].letter == c)
			return plain_letters[i].plain;
	return NULL;
}

/* Scripts whose marks are accents; in others (kana, Devanagari, Hangul) they make another letter. */
static bool sheds_accents(UChar32 c)
{
	UErrorCode error = U_ZERO_ERROR;
	UScriptCode script = uscript_getScript(c, &error);

	return script == USCRIPT_LATIN || script == USCRIPT_GREEK || script == USCRIPT_CYRILLIC;
}

static UChar32 without_accent(UChar32 c)
{
	UErrorCode error = U_ZERO_ERROR;
	UChar parts[8];
	int32_t size = unorm2_getDecomposition(unorm2_getNFDInstance(&error), c, parts, 8, &error);
	UChar32 base;

	if (size <= 0 || U_FAILURE(error))
		return c;
	U16_GET(parts, 0, 0, size, base);
	return base;
}

static void fold_character(struct buffer *out, UChar32 c)
{
	char bytes[U8_MAX_LENGTH];
	size_t size = 0;

	if (c < 0x20 || c == 0x7F)
		c = ' ';
	const char *plain = c >= 0x80 ? plain_letter(c) : NULL;

	if (plain) {
		buffer_add_text(out, plain);
		return;
	}
	U8_APPEND_UNSAFE(bytes, size, c);
	buffer_add(out, bytes, size);
}

static struct slice fold_any(struct slice text, struct arena *arena)
{
	int32_t bad;
	struct utf16 wide =
		utf16_normalised(utf16_from(text, arena, &bad), unorm2_getNFKCCasefoldInstance, arena);
	struct buffer out = { .arena = arena };
	bool drop_marks = false;

	buffer_reserve(&out, (size_t)wide.size * 3);
	for (int32_t at = 0; at < wide.size;) {
		UChar32 c;

		U16_NEXT(wide.text, at, wide.size, c);
		if (c >= 0x80 && u_charType(c) == U_NON_SPACING_MARK && drop_marks)
			continue;
		drop_marks = c < 0x80 || sheds_accents(c);
		fold_character(&out, c >= 0x80 && drop_marks ? without_accent(c) : c);
	}
	return (struct slice){ out.data, out.len };
}

struct slice normalise_fold(const char *text, size_t size_bytes, struct arena *arena)
{
	struct slice whole = slice_cut((struct slice){ text, size_bytes });
	char *out = arena_alloc(arena, whole.len + 1);
	size_t size;

	if (fold_plain(whole, out, &size))
		return (struct slice){ out, size };
	return fold_any(whole, arena);
}
