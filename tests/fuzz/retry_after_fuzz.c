/* Retry-After as an endpoint may send it: whatever the bytes, the answer stays within its bounds. */
#include "notification/schedule.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	int64_t seconds = -1;

	if (retry_after_read((const char *)bytes, len, 784111777, &seconds) &&
		(seconds < 0 || seconds > SCHEDULE_RETRY_AFTER_MAX_S))
		abort();
	return 0;
}
