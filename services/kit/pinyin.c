#include "kit/pinyin.h"
#include "kit/arena.h"
#include "kit/normalise.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/utf8.h>

enum { NAME_READING_MAX = 2 };

/* A row of pinyin_data.txt: one or two characters (then 0) and a reading for each. */
struct name_reading {
	uint32_t character[NAME_READING_MAX];
	uint16_t reading[NAME_READING_MAX];
};

/* Both of the basic plane. */
struct simplification {
	uint16_t traditional, simplified;
};

#include "build/kit/pinyin_data.h"

enum {
	SYLLABLES = sizeof syllables / sizeof *syllables,
	NAME_READINGS = sizeof name_readings / sizeof *name_readings,
	SIMPLIFICATIONS = sizeof simplifications / sizeof *simplifications
};

size_t pinyin_readings(uint32_t character, const uint16_t **readings_out)
{
	const uint16_t *set = reading_sets;

	if (character >= base_first && character <= base_last)
		set += base_sets[character - base_first];
	else if (character >= supplement_first && character <= supplement_last)
		set += supplement_sets[character - supplement_first];
	*readings_out = set + 1;
	return *set;
}

const struct pinyin_syllable *pinyin_syllable(uint16_t reading)
{
	assert(reading / 8 < SYLLABLES);
	return &syllables[reading / 8];
}

unsigned pinyin_tone(uint16_t reading)
{
	return reading % 8;
}

/* The first syllable that is not before the letters; SYLLABLES when all are. */
static size_t lower_bound(const char *letters, size_t size)
{
	size_t low = 0, high = SYLLABLES;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strncmp(syllables[middle].text, letters, size) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool pinyin_begins_syllable(const char *letters, size_t size_bytes)
{
	size_t at;

	if (size_bytes == 0 || size_bytes > PINYIN_SYLLABLE_MAX)
		return false;
	at = lower_bound(letters, size_bytes);
	return at < SYLLABLES && memcmp(syllables[at].text, letters, size_bytes) == 0;
}

bool pinyin_is_syllable(const char *letters, size_t size_bytes)
{
	/* A syllable sorts before all that it begins: the first with these letters is the whole one if any
	 * is. */
	return pinyin_begins_syllable(letters, size_bytes) &&
	       syllables[lower_bound(letters, size_bytes)].size == size_bytes;
}

uint32_t pinyin_simplified(uint32_t character)
{
	size_t low = 0, high = SIMPLIFICATIONS;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (simplifications[middle].traditional == character)
			return simplifications[middle].simplified;
		if (simplifications[middle].traditional < character)
			low = middle + 1;
		else
			high = middle;
	}
	return character;
}

/* The row that reads most of the characters with which a name begins. */
static const struct name_reading *name_reading_find(uint32_t first, uint32_t second)
{
	const struct name_reading *found = NULL;

	for (size_t i = 0; i < NAME_READINGS; i++) {
		const struct name_reading *row = &name_readings[i];

		if (row->character[0] == first && row->character[1] == second)
			return row;
		if (row->character[0] == first && row->character[1] == 0)
			found = row;
	}
	return found;
}

static uint16_t reading_of(uint32_t character)
{
	const uint16_t *readings;

	return pinyin_readings(character, &readings) ? readings[0] : 0;
}

/* zhang, the tone, the character: the tone's digit is before all letters, so "li" sorts before "lian". */
static void add_character(struct buffer *key, uint16_t reading, const char *bytes, size_t size)
{
	if (reading) {
		const struct pinyin_syllable *syllable = pinyin_syllable(reading);

		buffer_add(key, syllable->text, syllable->size);
		buffer_add(key, &"012345"[pinyin_tone(reading)], 1);
	}
	buffer_add(key, bytes, size);
}

char *pinyin_sort_key(const char *text, size_t size_bytes, struct arena *arena)
{
	struct slice folded = normalise_fold(text, size_bytes, arena);
	struct buffer key = { .arena = arena };
	uint16_t named[NAME_READING_MAX] = { 0 };
	uint32_t opening[NAME_READING_MAX] = { 0 };
	const struct name_reading *row;
	size_t at = 0;

	for (size_t i = 0; i < NAME_READING_MAX && at < folded.len; i++)
		U8_NEXT_UNSAFE(folded.data, at, opening[i]);
	row = name_reading_find(opening[0], opening[1]);
	if (row)
		memcpy(named, row->reading, sizeof named);
	at = 0;
	for (size_t i = 0; at < folded.len; i++) {
		size_t start = at;
		uint32_t character;

		U8_NEXT_UNSAFE(folded.data, at, character);
		if (key.len + PINYIN_SYLLABLE_MAX + 1 + (at - start) > PINYIN_SORT_KEY_MAX)
			break;
		add_character(&key, i < NAME_READING_MAX && named[i] ? named[i] : reading_of(character),
			folded.data + start, at - start);
	}
	return arena_strndup(arena, key.data ? key.data : "", key.len);
}
