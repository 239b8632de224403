/* Telephone numbers. */
#include "kit/normalise_parts.h"
#include <ctype.h>
#include <string.h>
#include <unicode/utf8.h>

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
		struct slice rest = normalise_from(text, at);
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
			d.extension = normalise_trimmed(normalise_from(rest, extension_mark(rest)));
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
	enum normalised rule = normalise_prepare(written, unorm2_getNFKCCasefoldInstance, arena, &written);

	if (rule == NORMALISED)
		rule = dial(text_begins(written, "tel:") ? normalise_from(written, 4) : written, &d);
	if (rule != NORMALISED)
		return rule;
	bool china = is_of_china(&d, country_code);

	if (china)
		rule = plan_of_china_with_extension(&d);
	else if (!d.international && d.digit[0] == '0')
		digits_drop(&d, 1);
	if (rule != NORMALISED)
		return rule;
	if (d.extension.len > NORMALISE_EXTENSION_MAX || !normalise_is_digits(d.extension))
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
