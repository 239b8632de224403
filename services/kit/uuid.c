#include "kit/uuid.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

/* Randomness is drawn for many ids at once: a system call for each would cost more than the rest of a create.
 */
#define POOL_IDS 64

static _Thread_local struct {
	uint64_t ms;
	uint16_t counter;
	uint8_t pool[POOL_IDS][10];
	unsigned used;
} state = { .used = POOL_IDS };

static const uint8_t *random_bytes(void)
{
	if (state.used == POOL_IDS) {
		randombytes_buf(state.pool, sizeof state.pool);
		state.used = 0;
	}
	return state.pool[state.used++];
}

void uuid_v7(uint8_t id_out[16])
{
	struct timespec now;
	const uint8_t *random = random_bytes();

	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;

	if (ms > state.ms) {
		state.ms = ms;
		state.counter = (uint16_t)((random[0] << 8 | random[1]) &
					   0x7ff); /* the upper bit stays free to count */
	} else if (++state.counter > 0xfff) {
		state.ms++;
		state.counter = 0;
	}
	for (int i = 0; i < 6; i++)
		id_out[i] = (uint8_t)(state.ms >> (40 - 8 * i));
	id_out[6] = (uint8_t)(0x70 | state.counter >> 8);
	id_out[7] = (uint8_t)state.counter;
	memcpy(id_out + 8, random + 2, 8);
	id_out[8] = (uint8_t)((id_out[8] & 0x3f) | 0x80);
}

static bool is_dash(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

void uuid_to_text(const uint8_t id[16], char *text_out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0, k = 0; i < UUID_TEXT_LEN;) {
		if (is_dash(i)) {
			text_out[i++] = '-';
			continue;
		}
		text_out[i++] = digits[id[k] >> 4];
		text_out[i++] = digits[id[k++] & 15];
	}
	text_out[UUID_TEXT_LEN] = '\0';
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_from_text(const char *text, size_t len, uint8_t id_out[16])
{
	if (len != UUID_TEXT_LEN)
		return false;
	for (size_t i = 0, k = 0; i < UUID_TEXT_LEN;) {
		if (is_dash(i)) {
			if (text[i++] != '-')
				return false;
			continue;
		}
		int high = digit_of(text[i]), low = digit_of(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		id_out[k++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	return true;
}
