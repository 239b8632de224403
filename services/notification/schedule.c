#include "notification/schedule.h"
#include "kit/config.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct {
	int64_t delay_s[SCHEDULE_TRIES_MAX];
	unsigned count;
} s;

#define DELAY_MAX_S (30 * 86400)

void schedule_read(const char *seconds)
{
	const char *at = seconds;

	for (s.count = 0; *at; s.count++) {
		char *end;

		errno = 0;
		long delay = strtol(at, &end, 10);

		if (s.count == SCHEDULE_TRIES_MAX)
			config_refuse("GUANXI_WEBHOOK_SCHEDULE has more than %d tries", SCHEDULE_TRIES_MAX);
		if (errno || end == at || (*end && *end != ',') || delay < 0 || delay > DELAY_MAX_S)
			config_refuse(
				"GUANXI_WEBHOOK_SCHEDULE is \"%s\" but must be seconds before each try, "
				"separated by commas, such as 0,5,300",
				seconds);
		s.delay_s[s.count] = delay;
		at = *end ? end + 1 : end;
	}
	if (!s.count)
		config_refuse("GUANXI_WEBHOOK_SCHEDULE is empty: at least one try is needed");
}

unsigned schedule_tries(void)
{
	return s.count;
}

int64_t schedule_delay_ms(unsigned tries, int64_t retry_after_s, uint32_t random)
{
	if (tries >= s.count)
		return -1;
	int64_t ms = s.delay_s[tries] * 1000;
	int64_t spread = ms * SCHEDULE_JITTER_PERCENT / 100;

	ms += spread ? (int64_t)(random % (uint64_t)(2 * spread + 1)) - spread : 0;
	return ms > retry_after_s * 1000 ? ms : retry_after_s * 1000;
}

static int64_t bounded(int64_t seconds)
{
	return seconds < 0 ? 0 : seconds > SCHEDULE_RETRY_AFTER_MAX_S ? SCHEDULE_RETRY_AFTER_MAX_S : seconds;
}

static bool read_seconds(const char *text, size_t len, int64_t *seconds_out)
{
	int64_t seconds = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		seconds = bounded(seconds * 10 + (text[i] - '0'));
	}
	*seconds_out = seconds;
	return len > 0;
}

static bool digits(const char *text, size_t count, int *value_out)
{
	*value_out = 0;
	for (size_t i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*value_out = *value_out * 10 + (text[i] - '0');
	}
	return true;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool read_date(const char *text, size_t len, time_t *time_out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = { 0 };
	char month[4] = "";

	if (len != 29 || memcmp(text + 3, ", ", 2) || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
		text[19] != ':' || text[22] != ':' || memcmp(text + 25, " GMT", 4))
		return false;
	memcpy(month, text + 8, 3);
	const char *found = strstr(months, month);

	if (strlen(month) != 3 || !found || (found - months) % 3)
		return false;
	tm.tm_mon = (int)(found - months) / 3;
	if (!digits(text + 5, 2, &tm.tm_mday) || !digits(text + 12, 4, &tm.tm_year) ||
		!digits(text + 17, 2, &tm.tm_hour) || !digits(text + 20, 2, &tm.tm_min) ||
		!digits(text + 23, 2, &tm.tm_sec))
		return false;
	if (tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	tm.tm_year -= 1900;
	*time_out = timegm(&tm);
	return true;
}

bool retry_after_read(const char *text, size_t len, time_t now, int64_t *seconds_out)
{
	time_t until;

	if (read_seconds(text, len, seconds_out))
		return true;
	if (!read_date(text, len, &until))
		return false;
	*seconds_out = bounded((int64_t)until - (int64_t)now);
	return true;
}
