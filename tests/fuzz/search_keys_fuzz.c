/*
 * Search keys and normal forms from any bytes. Keys are sorted, distinct and bounded; a query's text is a
 * well-formed tsquery; a text that is short enough finds itself; normal forms are fixed points.
 */
#include "kit/normalise.h"
#include "kit/pinyin.h"
#include "kit/search_keys.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/utf8.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static bool is_utf8(const char *text, size_t size)
{
	for (size_t at = 0; at < size;) {
		UChar32 c;

		U8_NEXT(text, at, size, c);
		if (c < 0)
			return false;
	}
	return true;
}

static void demand_order(const struct search_keys *keys)
{
	demand(keys->count <= SEARCH_KEYS_MAX);
	for (size_t i = 0; i < keys->count; i++) {
		const struct slice *key = &keys->keys[i], *before = key - 1;

		demand(key->len > 0 && key->len <= SEARCH_KEY_BYTES_MAX && is_utf8(key->data, key->len));
		if (i > 0) {
			int order = memcmp(
				before->data, key->data, before->len < key->len ? before->len : key->len);

			demand(order < 0 || (order == 0 && before->len < key->len));
		}
	}
}

static bool match_or(const struct search_keys *keys, const char **at);

static bool skip(const char **at, const char *text)
{
	bool there = strncmp(*at, text, strlen(text)) == 0;

	*at += there ? strlen(text) : 0;
	return there;
}

static bool match_term(const struct search_keys *keys, const char **at)
{
	bool found = false;

	if (skip(at, "(")) {
		found = match_or(keys, at);
		demand(skip(at, ")"));
		return found;
	}
	demand(skip(at, "'"));
	const char *start = *at, *end = strstr(start, "':*");

	demand(end && end > start && !memchr(start, '\'', (size_t)(end - start)) &&
		!memchr(start, '\\', (size_t)(end - start)));
	for (size_t i = 0; i < keys->count && !found; i++)
		found = keys->keys[i].len >= (size_t)(end - start) &&
			memcmp(keys->keys[i].data, start, (size_t)(end - start)) == 0;
	*at = end + 3;
	return found;
}

static bool match_and(const struct search_keys *keys, const char **at)
{
	bool all = match_term(keys, at);

	while (skip(at, " & "))
		all = match_term(keys, at) && all;
	return all;
}

static bool match_or(const struct search_keys *keys, const char **at)
{
	bool any = match_and(keys, at);

	while (skip(at, " | "))
		any = match_and(keys, at) || any;
	return any;
}

static void demand_finds_itself(const char *text, size_t size, struct arena *arena)
{
	struct search_keys keys = search_keys_of(&(struct search_text){ text, size, SEARCH_TEXT }, 1, arena);
	char *tsquery = NULL;

	demand_order(&keys);
	if (search_query_of(text, size, arena, &tsquery) != SEARCH_QUERY)
		return;
	const char *at = tsquery;
	bool found = match_or(&keys, &at);

	demand(*at == '\0');
	demand(found || !keys.complete);
	demand(search_keys_vector(&keys, arena).len > keys.count * 3);
}

/* The first form of a text, given in again, comes out as it is. */
static void demand_fixed_points(const char *text, size_t size, struct arena *arena)
{
	const char *once, *twice;
	struct phone first, second;

	if (normalise_email(text, size, arena, &once) == NORMALISED)
		demand(normalise_email(once, strlen(once), arena, &twice) == NORMALISED &&
			strcmp(once, twice) == 0);
	if (normalise_url(text, size, arena, &once) == NORMALISED)
		demand(normalise_url(once, strlen(once), arena, &twice) == NORMALISED &&
			strcmp(once, twice) == 0);
	if (normalise_name(text, size, 200, arena, &once) == NORMALISED)
		demand(normalise_name(once, strlen(once), 200, arena, &twice) == NORMALISED &&
			strcmp(once, twice) == 0);
	if (normalise_credit_code(text, size, arena, &once) == NORMALISED)
		demand(normalise_credit_code(once, strlen(once), arena, &twice) == NORMALISED &&
			strcmp(once, twice) == 0);
	if (normalise_phone(text, size, "86", arena, &first) == NORMALISED)
		demand(normalise_phone(first.number, strlen(first.number), "86", arena, &second) ==
				NORMALISED &&
			strcmp(first.number, second.number) == 0);
	demand(is_utf8(normalise_name_key(text, size, arena), strlen(normalise_name_key(text, size, arena))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const char *text = (const char *)data;
	struct search_keys phone =
		search_keys_of(&(struct search_text){ text, size, SEARCH_PHONE }, 1, arena);
	const char *sort_key = pinyin_sort_key(text, size, arena);

	demand_order(&phone);
	demand(strlen(sort_key) <= PINYIN_SORT_KEY_MAX && is_utf8(sort_key, strlen(sort_key)));
	demand_finds_itself(text, size, arena);
	demand_fixed_points(text, size, arena);
	arena_free(arena);
	return 0;
}
