#include "kit/normalise_parts.h"
#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <unicode/uchar.h>
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

struct utf16 normalise_utf16(struct slice text, struct arena *arena, int32_t *bad_out)
{
	struct utf16 out = { arena_alloc(arena, (text.len + 1) * sizeof(UChar)), 0 };
	UErrorCode error = U_ZERO_ERROR;

	u_strFromUTF8WithSub(out.text, (int32_t)text.len + 1, &out.size, text.data, (int32_t)text.len, 0xFFFD,
		bad_out, &error);
	assert(U_SUCCESS(error));
	return out;
}

struct slice normalise_utf8(struct utf16 text, struct arena *arena)
{
	char *bytes = arena_alloc(arena, (size_t)text.size * 3 + 1);
	int32_t size;
	UErrorCode error = U_ZERO_ERROR;

	u_strToUTF8(bytes, text.size * 3 + 1, &size, text.text, text.size, &error);
	assert(U_SUCCESS(error));
	return (struct slice){ bytes, (size_t)size };
}

struct utf16 normalise_form(struct utf16 text, normalise_form_getter *form, struct arena *arena)
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

struct slice normalise_trimmed(struct slice text)
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

enum normalised normalise_prepare(
	struct slice text, normalise_form_getter *form, struct arena *arena, struct slice *text_out)
{
	int32_t bad = 0;

	if (text.len > NORMALISE_BYTES_MAX)
		return NORMALISE_TOO_LONG;
	struct utf16 wide = normalise_utf16(normalise_trimmed(text), arena, &bad);

	if (bad)
		return NORMALISE_NOT_UTF8;
	if (!drop_invisible(&wide))
		return NORMALISE_CONTROL;
	/* Some characters have a compatibility form that begins with a space. */
	text = normalise_trimmed(normalise_utf8(normalise_form(wide, form, arena), arena));
	if (text.len == 0)
		return NORMALISE_EMPTY;
	*text_out = text;
	return NORMALISED;
}

struct slice normalise_lowered(struct slice text, struct arena *arena)
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

struct slice normalise_from(struct slice text, size_t start)
{
	return (struct slice){ text.data + start, text.len - start };
}

bool normalise_is_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!isdigit((unsigned char)text.data[i]))
			return false;
	return true;
}

struct slice normalise_cut(struct slice text)
{
	size_t size = text.len < NORMALISE_BYTES_MAX ? text.len : NORMALISE_BYTES_MAX;

	if (size < text.len)
		while (size > 0 && U8_IS_TRAIL(text.data[size]))
			size--;
	return (struct slice){ text.data, size };
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
	enum normalised rule = normalise_prepare(written, unorm2_getNFKCInstance, arena, &written);

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
	enum normalised rule = normalise_prepare(name, unorm2_getNFCInstance, arena, &name);

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
