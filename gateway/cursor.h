/*
 * Where a client is in the event streams: a vector of (stream, epoch, position), one for each service, as a
 *token that it keeps and hands back. Authenticated, so that only what we gave comes back; not secret.
 *
 *	version 1, then for each stream: length of its name, name, epoch (4 bytes), position (8 bytes), little
 *endian; then 16 bytes of keyed hash; all in base64url.
 */
#pragma once
#include "gateway/loop.h"
#include "kit/bus_events.h"

enum {
	CURSOR_NAME_MAX = 32,
	CURSOR_MAC = 16,
	CURSOR_BYTES_MAX = 1 + BUS_STREAMS_MAX * (1 + CURSOR_NAME_MAX + 12) + CURSOR_MAC,
	CURSOR_TEXT_MAX = (CURSOR_BYTES_MAX + 2) / 3 * 4,
};

struct place {
	uint32_t epoch;    /* 0: whichever is current */
	uint64_t position; /* what was dealt with last */
};

/* Writes the token and a NUL; returns its length. `names` and `places` have `count` members. */
size_t cursor_write(const uint8_t key[KEY_BYTES], const char *const *names, const struct place *places,
	size_t count, char text_out[CURSOR_TEXT_MAX + 1]);
/* False when the token is none of ours. A stream that it does not name is at its beginning: it came later
 * than the token. */
bool cursor_read(const uint8_t key[KEY_BYTES], const char *text, size_t len, const char *const *names,
	struct place *places_out, size_t count);
