/*
 * How Han characters are read: toneless pinyin with *all* readings of a character, most frequent first, and
 * a key that sorts names as a Chinese reader expects them. The readings are those of Unihan (kHanyuPinlu,
 * kMandarin, kTGHZ2013, kXHC1983) and of pinyin_data.txt, made into tables at build time by
 * pinyin_data.awk. ü has three spellings, in this order: lv as it is typed, lu as it is often written, lyu
 * as passports have it (GB/T 28039-2011).
 *
 * Everything here is a pure function of const tables (under 300 KB): any thread may call it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum {
	PINYIN_READINGS_MAX = 8,  /* of one character */
	PINYIN_SYLLABLE_MAX = 6,  /* letters: zhuang */
	PINYIN_SORT_KEY_MAX = 255 /* bytes; what comes after does not sort */
};

struct pinyin_syllable {
	char text[PINYIN_SYLLABLE_MAX + 1];
	uint8_t size;
};

/*
 * The readings of a character, most frequent first, no two with the same letters; at most
 * PINYIN_READINGS_MAX. Returns how many there are, 0 for what is not Han or has no known reading.
 * `readings_out` then points into a const table.
 */
size_t pinyin_readings(uint32_t character, const uint16_t **readings_out);

/* The letters of a reading, without the tone. */
const struct pinyin_syllable *pinyin_syllable(uint16_t reading);

/* The tone of a reading: 1 to 4, 5 for neutral. */
unsigned pinyin_tone(uint16_t reading);

/*
 * The simplified form of a traditional character (張: 张), else the character itself. A few have several;
 * this is the first of Unihan, so it is for making both sides of a comparison alike, not for writing.
 */
uint32_t pinyin_simplified(uint32_t character);

/* Whether the letters are a whole syllable, or the beginning of at least one (a whole one is). */
bool pinyin_is_syllable(const char *letters, size_t size_bytes);
bool pinyin_begins_syllable(const char *letters, size_t size_bytes);

/*
 * Text whose bytewise order is the order of names: character by character, Han by pinyin, tone and code
 * point (so those of one surname stay together), in between Latin letters by the alphabet without regard to
 * case and accents (Li, 李, Lily, 林). The first characters are read as names read them (曾 zeng, 单 shan,
 * 重庆 chong qing); the others by their most frequent reading. Digits and punctuation come first, other
 * scripts last. Valid UTF-8 without NUL, at most PINYIN_SORT_KEY_MAX bytes. Two names may have one key;
 * whoever pages by it adds the id.
 */
char *pinyin_sort_key(const char *text, size_t size_bytes, struct arena *arena);
