/*
 * When a delivery is tried: GUANXI_WEBHOOK_SCHEDULE, seconds before each try, by default ten over three days
 * as Standard Webhooks advises.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
	SCHEDULE_TRIES_MAX = 20,
	SCHEDULE_JITTER_PERCENT =
		20, /* more or less, so that what failed together does not come again together */
	SCHEDULE_RETRY_AFTER_MAX_S = 86400, /* an endpoint may not ask for more */
};

/* Reads the list; ends the process when it is none. Once, before threads. */
void schedule_read(const char *seconds);
unsigned schedule_tries(void);
/* After `tries` failed ones: milliseconds until the next. Negative: there is none. `random` is any 32 bits.
 */
int64_t schedule_delay_ms(unsigned tries, int64_t retry_after_s, uint32_t random);

/* The value of a Retry-After header (RFC 9110 10.2.3), seconds or an HTTP date (IMF-fixdate), in seconds from
 * `now`, within 0 and SCHEDULE_RETRY_AFTER_MAX_S. False: it is neither. */
bool retry_after_read(const char *text, size_t len, time_t now, int64_t *seconds_out);
