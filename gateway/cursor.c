#include "gateway/cursor.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { VERSION = 1, PLACE_BYTES = 12 };

static uint8_t *put_number(uint8_t *to, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(value >> 8 * i);
	return to + size;
}

static uint64_t get_number(const uint8_t *from, size_t size)
{
	uint64_t value = 0;

	for (size_t i = size; i-- > 0;)
		value = value << 8 | from[i];
	return value;
}

static void seal(const uint8_t *key, const uint8_t *bytes, size_t len, uint8_t mac_out[CURSOR_MAC])
{
	crypto_generichash(mac_out, CURSOR_MAC, bytes, len, key, KEY_BYTES);
}

size_t cursor_write(const uint8_t key[KEY_BYTES], const char *const *names, const struct place *places,
	size_t count, char text_out[CURSOR_TEXT_MAX + 1])
{
	uint8_t bytes[CURSOR_BYTES_MAX], *to = bytes;

	*to++ = VERSION;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]);

		assert(len <= CURSOR_NAME_MAX);
		*to++ = (uint8_t)len;
		memcpy(to, names[i], len);
		to = put_number(put_number(to + len, places[i].epoch, 4), places[i].position, 8);
	}
	seal(key, bytes, (size_t)(to - bytes), to);
	to += CURSOR_MAC;
	sodium_bin2base64(text_out, CURSOR_TEXT_MAX + 1, bytes, (size_t)(to - bytes),
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return strlen(text_out);
}

static void place_stream(
	const uint8_t *entry, size_t name_len, const char *const *names, struct place *places, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == name_len && !memcmp(names[i], entry, name_len))
			places[i] = (struct place){ (uint32_t)get_number(entry + name_len, 4),
				get_number(entry + name_len + 4, 8) };
}

bool cursor_read(const uint8_t key[KEY_BYTES], const char *text, size_t len, const char *const *names,
	struct place *places_out, size_t count)
{
	uint8_t bytes[CURSOR_BYTES_MAX], mac[CURSOR_MAC];
	size_t size;

	if (sodium_base642bin(bytes, sizeof bytes, text, len, NULL, &size, NULL,
		    sodium_base64_VARIANT_URLSAFE_NO_PADDING) ||
		size < 1 + CURSOR_MAC)
		return false;
	size -= CURSOR_MAC;
	seal(key, bytes, size, mac);
	if (sodium_memcmp(mac, bytes + size, CURSOR_MAC) || bytes[0] != VERSION)
		return false;
	memset(places_out, 0, count * sizeof *places_out);
	for (size_t at = 1; at < size;) {
		size_t name_len = bytes[at++];

		assert(at + name_len + PLACE_BYTES <= size); /* sealed by us */
		place_stream(bytes + at, name_len, names, places_out, count);
		at += name_len + PLACE_BYTES;
	}
	return true;
}
