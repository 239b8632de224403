/*
 * Runs of plain characters inside of JSON strings: what reader and writer of kit/json spend their time with.
 * Of no use elsewhere.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Whether the byte ends a run that can be copied as it is: a control character, a quote or a backslash. */
static inline bool json_is_special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/*
 * The first byte in [at, end) that is special, or (with ascii_only) not ASCII; end when there is none.
 * Sixteen at a time: a signed comparison with 0x20 finds control characters and bytes from 0x80 on together.
 */
static inline const char *json_scan(const char *at, const char *end, bool ascii_only)
{
#if defined(__SSE2__)
	const __m128i space = _mm_set1_epi8(0x20), quote = _mm_set1_epi8('"'),
		      backslash = _mm_set1_epi8('\\');
	const __m128i last_control = _mm_set1_epi8(0x1f);

	for (; end - at >= 16; at += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)at);
		__m128i low = ascii_only ? _mm_cmplt_epi8(bytes, space)
					 : _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
		__m128i hit = _mm_or_si128(
			low, _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);

		if (mask)
			return at + __builtin_ctz(mask);
	}
#endif
	while (at < end && !json_is_special((unsigned char)*at) && !(ascii_only && *at & 0x80))
		at++;
	return at;
}

/* Bytes of the UTF-8 sequence at `at` (Unicode 15, table 3-7: nothing overlong, no surrogates, at most
 * U+10FFFF); 0: none. */
static inline size_t json_utf8_sequence(const char *at, const char *end)
{
	const unsigned char *s = (const unsigned char *)at;
	size_t left = (size_t)(end - at);

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || left < 2 || (s[1] & 0xc0) != 0x80)
		return 0;
	if (s[0] < 0xe0)
		return 2;
	if (left < 3 || (s[2] & 0xc0) != 0x80)
		return 0;
	if (s[0] < 0xf0)
		return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ? 0 : 3;
	if (left < 4 || (s[3] & 0xc0) != 0x80 || (s[0] == 0xf0 && s[1] < 0x90) ||
		(s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return 4;
}
