/* RFC 3339 on the proleptic Gregorian calendar, without the C library: timegm and strptime depend on locale
 * and environment. */
#include "kit/json.h"
#include <string.h>

#define SECOND_US    INT64_C(1000000)
#define FIRST_SECOND INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND  INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Days since 1970-01-01, by counting eras of 400 years that begin on 1 March. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned of_era = (unsigned)(year - era * 400);
	unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, unsigned *year_out, unsigned *month_out, unsigned *day_out)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned of_era = (unsigned)(days - era * 146097);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153;

	*day_out = of_year - (153 * month + 2) / 5 + 1;
	*month_out = month < 10 ? month + 3 : month - 9;
	*year_out = (unsigned)(year + era * 400) + (*month_out <= 2);
}

static char *put_digits(char *to, unsigned value, unsigned digits)
{
	for (unsigned i = digits; i-- > 0; value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + digits;
}

static char *put_fraction(char *to, unsigned us)
{
	if (!us)
		return to;
	*to++ = '.';
	return us % 1000 ? put_digits(to, us, 6) : put_digits(to, us / 1000, 3);
}

void json_add_time(struct buffer *out, int64_t unix_us)
{
	int64_t seconds = unix_us / SECOND_US - (unix_us % SECOND_US < 0);
	unsigned us = (unsigned)(unix_us - seconds * SECOND_US);
	int64_t days = seconds / 86400 - (seconds % 86400 < 0);
	unsigned of_day = (unsigned)(seconds - days * 86400), year, month, day;
	char *begin = buffer_reserve(out, 40), *to = begin;

	date_of(days, &year, &month, &day);
	*to++ = '"';
	to = put_digits(to, year, 4);
	*to++ = '-';
	to = put_digits(to, month, 2);
	*to++ = '-';
	to = put_digits(to, day, 2);
	*to++ = 'T';
	to = put_digits(to, of_day / 3600, 2);
	*to++ = ':';
	to = put_digits(to, of_day / 60 % 60, 2);
	*to++ = ':';
	to = put_digits(to, of_day % 60, 2);
	to = put_fraction(to, us);
	*to++ = 'Z';
	*to++ = '"';
	*to = '\0';
	out->len += (size_t)(to - begin);
}

/* What is left to read of the text. */
struct cursor {
	const char *at, *end;
};

static bool read_digits(struct cursor *c, unsigned digits, unsigned *value_out)
{
	unsigned value = 0;

	if ((size_t)(c->end - c->at) < digits)
		return false;
	for (unsigned i = 0; i < digits; i++, c->at++) {
		if (*c->at < '0' || *c->at > '9')
			return false;
		value = value * 10 + (unsigned)(*c->at - '0');
	}
	*value_out = value;
	return true;
}

static bool read_one_of(struct cursor *c, const char *characters)
{
	if (c->at == c->end || !*c->at || !strchr(characters, *c->at))
		return false;
	c->at++;
	return true;
}

static bool read_date(struct cursor *c, int64_t *days_out)
{
	static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year, month, day;

	if (!read_digits(c, 4, &year) || !read_one_of(c, "-") || !read_digits(c, 2, &month) ||
		!read_one_of(c, "-") || !read_digits(c, 2, &day))
		return false;
	bool leap = year % 4 == 0 && (year % 100 || year % 400 == 0);

	if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (unsigned)(leap && month == 2))
		return false;
	*days_out = days_of(year, month, day);
	return true;
}

/* Digits finer than a microsecond are read and dropped. */
static bool read_fraction(struct cursor *c, unsigned *us_out)
{
	unsigned us = 0, scale = 100000;

	if (c->at < c->end && *c->at == '.') {
		unsigned digit;

		c->at++;
		if (!read_digits(c, 1, &digit))
			return false;
		do {
			us += digit * scale;
			scale /= 10;
		} while (read_digits(c, 1, &digit));
	}
	*us_out = us;
	return true;
}

static bool read_offset(struct cursor *c, int64_t *seconds_out)
{
	unsigned hours, minutes;

	*seconds_out = 0;
	if (read_one_of(c, "Zz"))
		return true;
	bool west = c->at < c->end && *c->at == '-';

	if (!read_one_of(c, "+-") || !read_digits(c, 2, &hours) || !read_one_of(c, ":") ||
		!read_digits(c, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*seconds_out = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

/* A leap second (":60") is refused: neither PostgreSQL nor our arithmetic could keep it. */
bool json_read_time(const char *text, size_t len, int64_t *unix_us_out)
{
	struct cursor c = { text, text + len };
	unsigned hour, minute, second, us;
	int64_t days, offset;

	if (!read_date(&c, &days) || !read_one_of(&c, "Tt") || !read_digits(&c, 2, &hour) ||
		!read_one_of(&c, ":") || !read_digits(&c, 2, &minute) || !read_one_of(&c, ":") ||
		!read_digits(&c, 2, &second) || !read_fraction(&c, &us) || !read_offset(&c, &offset) ||
		c.at != c.end)
		return false;
	if (hour > 23 || minute > 59 || second > 59)
		return false;
	int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset;

	if (seconds < FIRST_SECOND || seconds > LAST_SECOND)
		return false;
	*unix_us_out = seconds * SECOND_US + us;
	return true;
}
