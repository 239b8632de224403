/* Who the owners of webhooks are now, remembered for a moment; for one thread. */
#pragma once
#include "kit/principal.h"
#include "kit/status.h"

enum { OWNERS_REMEMBER_MS = 5000 };

struct owners;

struct owners *owners_open(void);
void owners_close(struct owners *owners);
/* OK: the principal, borrowed until the next call. NOT_FOUND: not active any more. UNAVAILABLE: nobody knows;
 * who was known before counts on when identity is away. */
enum status owners_get(
	struct owners *owners, const uint8_t id[16], const struct principal **owner_out) MUST_CHECK;
