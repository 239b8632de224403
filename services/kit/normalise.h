/*
 * One written form for what people type in many: the form that is stored, compared and looked for
 * duplicates in. Each function takes UTF-8 of any quality and either gives the normal form, in the arena,
 * or says which rule the text breaks; then the out-parameter is untouched. normalise_code() is the message
 * catalogue's code for that rule. Leading and trailing white space (Unicode White_Space, so also U+3000)
 * never matters, nor do, anywhere, invisible characters that come with pasting: zero-width spaces, word
 * joiners, byte order marks, controls of direction. A normal form is a fixed point: normalising it again
 * changes nothing.
 *
 *	const char *email;
 *	enum normalised rule = normalise_email(text, size, arena, &email);
 *	if (rule != NORMALISED)
 *		return fail(req, INVALID, "email", normalise_code(rule));
 */
#pragma once
#include "kit/arena.h"
#include "kit/status.h"
#include "kit/wire.h"

enum {
	NORMALISE_BYTES_MAX = 65536, /* of any text given to these functions */
	NORMALISE_EMAIL_MAX = 254,   /* bytes; RFC 5321 4.5.3.1.3, less the angle brackets */
	NORMALISE_LOCAL_MAX = 64,    /* bytes before the @; RFC 5321 4.5.3.1.1 */
	NORMALISE_URL_MAX = 2048,    /* bytes */
	NORMALISE_PHONE_MAX = 15,    /* digits with country code; E.164 6.2.1 */
	NORMALISE_EXTENSION_MAX = 6  /* digits */
};

enum normalised {
	NORMALISED = 0,
	NORMALISE_EMPTY,    /* nothing but white space */
	NORMALISE_TOO_LONG, /* a limit above, or the caller's */
	NORMALISE_NOT_UTF8,
	NORMALISE_CONTROL,         /* control characters, line breaks inside, noncharacters */
	NORMALISE_EMAIL_AT,        /* not exactly one @ */
	NORMALISE_EMAIL_LOCAL,     /* what is before the @ */
	NORMALISE_EMAIL_DOMAIN,    /* what is after it */
	NORMALISE_PHONE_CHARACTER, /* something that is no digit, separator or extension */
	NORMALISE_PHONE_LENGTH,    /* fewer than 7 or more than 15 digits with the country code */
	NORMALISE_PHONE_AREA_CODE, /* a local number: the area code is missing */
	NORMALISE_PHONE_PLAN,      /* not a number of the country's plan */
	NORMALISE_PHONE_EXTENSION, /* longer than NORMALISE_EXTENSION_MAX, or not of digits */
	NORMALISE_URL_SCHEME,      /* neither http nor https */
	NORMALISE_URL_HOST, /* no host name or address; user names (http://bank.cn@evil.cn) are refused too */
	NORMALISE_URL_PORT, /* not 1-65535 */
	NORMALISE_URL_CHARACTER,    /* white space, quotes, <>, backslash */
	NORMALISE_CREDIT_LENGTH,    /* not 18 characters */
	NORMALISE_CREDIT_CHARACTER, /* not of 0-9 A-Z without I O S V Z */
	NORMALISE_CREDIT_CHECK,     /* the check character is wrong: a typing error */
	NORMALISED_COUNT
};

/* The catalogue code of a broken rule, "email_domain"; "" for NORMALISED. */
const char *normalise_code(enum normalised rule);

/*
 * An address as RFC 5321 has it, without quoted local parts and address literals: NFKC (so ＠ is @), lower
 * case in local part and domain (no provider of today tells them apart, and duplicates are what hurts).
 * Non-ASCII (RFC 6531, IDN) stays as it is.
 */
MUST_CHECK enum normalised normalise_email(
	const char *text, size_t size_bytes, struct arena *arena, const char **email_out);

/* Both in the arena and never NULL. */
struct phone {
	const char *number;    /* E.164: "+8613800138000" */
	const char *extension; /* digits, "" without one; RFC 3966 ";ext=" */
};

/*
 * A telephone number as written by people: full-width digits, spaces, dashes, dots, brackets, "tel:", + or
 * 00 before a country code, an extension after "ext", "x", "#", "转" or, behind a Chinese land line, a last
 * dash. Extensions are kept apart because E.164 has none. Without a country code it is of `country_code`
 * ("86"). Numbers of China are held against its plan: mobile 1[3-9] and nine digits; land lines with area
 * code (from inside the country with its 0) and 7 or 8 digits; 400 and 800. Other countries: by length
 * alone; a national number loses one leading 0 (Italian ones, which keep it, need the +39). Short codes
 * (10086, 95588) are refused: they have no E.164 form.
 */
MUST_CHECK enum normalised normalise_phone(const char *text, size_t size_bytes, const char *country_code,
	struct arena *arena, struct phone *phone_out);

/*
 * An absolute http or https URL; scheme and host in lower case, the rest as it is. A bare "www.acme.cn/x"
 * becomes https.
 */
MUST_CHECK enum normalised normalise_url(
	const char *text, size_t size_bytes, struct arena *arena, const char **url_out);

/*
 * 统一社会信用代码, GB 32100-2015: 18 characters in upper case with a right check character. Spaces and
 * dashes inside go.
 */
MUST_CHECK enum normalised normalise_credit_code(
	const char *text, size_t size_bytes, struct arena *arena, const char **code_out);

/*
 * A name or title of one line: NFC, runs of white space become one space. At most `characters_max` code
 * points.
 */
MUST_CHECK enum normalised normalise_name(const char *text, size_t size_bytes, size_t characters_max,
	struct arena *arena, const char **name_out);

/*
 * What two spellings of one name have in common, for finding exact duplicates: NFKC, case-folded, letters
 * and digits only; 有限责任公司 as 有限公司; a last Company, Corporation, Incorporated, Limited as co,
 * corp, inc, ltd. The legal form stays: 华为 and 华为技术有限公司 differ. Text without a letter or digit
 * has the empty key. Never fails; sees no more than NORMALISE_BYTES_MAX of the text.
 */
const char *normalise_name_key(const char *text, size_t size_bytes, struct arena *arena);

/*
 * The form in which texts are searched and sorted: NFKC, case-folded, accents off Latin, Greek and Cyrillic
 * letters (Müller → muller, Straße → strasse, Øre → ore), control characters as spaces, bad UTF-8 as
 * U+FFFD. Never fails; sees no more than NORMALISE_BYTES_MAX of the text. Fast for what is ASCII and Han.
 */
struct slice normalise_fold(const char *text, size_t size_bytes, struct arena *arena);
