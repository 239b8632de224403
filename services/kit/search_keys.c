#include "kit/search_keys.h"
#include "kit/normalise.h"
#include "kit/pinyin.h"
#include <assert.h>
#include <ctype.h>
#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

enum {
	HAN_WINDOW = 4,      /* characters of a key */
	PINYIN_WINDOW = 4,   /* syllables of a key */
	INITIALS_WINDOW = 8, /* letters of a key */
	SPELLINGS_MAX = PINYIN_READINGS_MAX
};

/* --- tokens: what keys and queries are both made of ---------------------------------------------- */

enum token_kind { TOKEN_END, TOKEN_CJK, TOKEN_WORD };

struct token {
	enum token_kind kind;
	struct slice text; /* a run of CJK characters, or of word characters */
	char joint;        /* the one character between it and a word that follows, else 0 */
};

static bool is_cjk(UChar32 c)
{
	if (c < 0x1100)
		return false;
	return (c >= 0x4E00 && c <= 0x9FFF) ||   /* unified ideographs */
	       (c >= 0x3400 && c <= 0x4DBF) ||   /* extension A */
	       (c >= 0x3040 && c <= 0x312F) ||   /* kana, bopomofo */
	       (c >= 0xAC00 && c <= 0xD7FF) ||   /* hangul */
	       (c >= 0x1100 && c <= 0x11FF) ||   /* jamo */
	       (c >= 0x20000 && c <= 0x3FFFF) || /* extensions B to H */
	       (c >= 0xF900 && c <= 0xFAFF) ||   /* compatibility ideographs without decomposition */
	       (c >= 0x31A0 && c <= 0x31FF) || (c >= 0x3005 && c <= 0x3007);
}

static bool is_word_character(UChar32 c)
{
	if (c < 0x80)
		return isalnum(c);
	if (is_cjk(c))
		return false;
	return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_isdigit(c) || (U_GET_GC_MASK(c) & U_GC_M_MASK);
}

static enum token_kind kind_of(UChar32 c)
{
	return is_cjk(c) ? TOKEN_CJK : is_word_character(c) ? TOKEN_WORD : TOKEN_END;
}

/* What joins two words into a compound: wei.zhang@acme.cn, Coca-Cola, O'Brien, AT&T. */
static char joint_at(struct slice text, size_t at)
{
	size_t after = at + 1;
	UChar32 c;

	if (after >= text.len || !memchr(".@-'&_+/", text.data[at], 8))
		return '\0';
	U8_NEXT_UNSAFE(text.data, after, c);
	return is_word_character(c) ? text.data[at] : '\0';
}

/* The next token of a folded text from `*at`, which moves behind it; TOKEN_END when there is none. */
static struct token token_next(struct slice text, size_t *at)
{
	struct token token = { TOKEN_END };
	size_t end = *at;
	UChar32 c;

	while (end < text.len) {
		size_t start = end;

		U8_NEXT_UNSAFE(text.data, end, c);
		enum token_kind kind = kind_of(c);

		if (token.kind == TOKEN_END && kind != TOKEN_END)
			token = (struct token){ kind, { text.data + start, 0 } };
		else if (token.kind != TOKEN_END && kind != token.kind)
			break;
		*at = end;
		token.text.len = (size_t)(text.data + end - token.text.data);
	}
	if (token.kind == TOKEN_WORD)
		token.joint = joint_at(text, *at);
	return token;
}

/* The beginning of a text that fits, without cutting a character. */
static struct slice slice_cut(struct slice text, size_t size_max)
{
	size_t size = text.len < size_max ? text.len : size_max;

	if (size < text.len)
		while (size > 0 && U8_IS_TRAIL(text.data[size]))
			size--;
	return (struct slice){ text.data, size };
}

/* --- collecting keys ----------------------------------------------------------------------------- */

/* The first eight bytes as a number decide most comparisons. */
struct collected {
	uint64_t head;
	uint16_t start;
	uint16_t size;
};

struct collector {
	struct collected key[SEARCH_KEYS_MAX];
	size_t count, used;
	bool complete;
	char bytes[SEARCH_KEYS_MAX * SEARCH_KEY_BYTES_MAX + sizeof(uint64_t)];
};

static bool collector_is_full(const struct collector *c)
{
	return c->count == SEARCH_KEYS_MAX;
}

static void collect(struct collector *c, const char *text, size_t size)
{
	uint64_t head;

	assert(size > 0 && size <= SEARCH_KEY_BYTES_MAX);
	if (collector_is_full(c)) {
		c->complete = false;
		return;
	}
	char *bytes = c->bytes + c->used;

	/* Zeros behind the key make `head` right for short ones; the next key overwrites them. */
	memcpy(bytes, text, size);
	memset(bytes + size, 0, sizeof head);
	memcpy(&head, bytes, sizeof head);
	c->key[c->count++] = (struct collected){ be64toh(head), (uint16_t)c->used, (uint16_t)size };
	c->used += size;
}

static int collected_compare(const struct collector *c, const struct collected *a, const struct collected *b)
{
	if (a->head != b->head)
		return a->head < b->head ? -1 : 1;
	size_t common = a->size < b->size ? a->size : b->size;
	int order = memcmp(c->bytes + a->start, c->bytes + b->start, common);

	return order ? order : (int)a->size - (int)b->size;
}

/* Merges the sorted runs [0, middle) and [middle, count) of `from` into `to`. */
static void merge(const struct collector *c, const struct collected *from, size_t middle, size_t count,
	struct collected *to)
{
	size_t left = 0, right = middle;

	for (size_t i = 0; i < count; i++) {
		bool take_left = right == count ||
				 (left < middle && collected_compare(c, &from[left], &from[right]) <= 0);

		to[i] = take_left ? from[left++] : from[right++];
	}
}

/*
 * Bottom-up merge sort; qsort() calls through a pointer, which costs more than all the rest of making keys.
 */
static void collector_sort(struct collector *c)
{
	struct collected other[SEARCH_KEYS_MAX], *from = c->key, *to = other;

	for (size_t width = 1; width < c->count; width *= 2) {
		for (size_t start = 0; start < c->count; start += width * 2) {
			size_t count = c->count - start < width * 2 ? c->count - start : width * 2;

			merge(c, from + start, width < count ? width : count, count, to + start);
		}
		struct collected *swap = from;

		from = to;
		to = swap;
	}
	if (from != c->key)
		memcpy(c->key, from, c->count * sizeof *from);
}

static struct search_keys collector_finish(struct collector *c, struct arena *arena)
{
	struct slice *keys = arena_alloc(arena, c->count * sizeof *keys);
	char *bytes = arena_alloc(arena, c->used);
	size_t count = 0;

	collector_sort(c);
	memcpy(bytes, c->bytes, c->used);
	for (size_t i = 0; i < c->count; i++)
		if (i == 0 || collected_compare(c, &c->key[i - 1], &c->key[i]) != 0)
			keys[count++] = (struct slice){ bytes + c->key[i].start, c->key[i].size };
	return (struct search_keys){ keys, count, c->complete };
}

/* --- keys of CJK --------------------------------------------------------------------------------- */

/* In how many ways one character can be spelled: its syllables, or its initials. Most frequent first. */
struct spellings {
	struct slice spelling[SPELLINGS_MAX];
	size_t count;
};

struct character {
	char text[U8_MAX_LENGTH]; /* in its simplified form */
	size_t size;
	struct spellings syllables;
	struct spellings initials;
};

static void character_read(struct character *character, UChar32 c)
{
	const uint16_t *readings;
	size_t count = pinyin_readings((uint32_t)c, &readings);

	character->size = 0;
	U8_APPEND_UNSAFE(character->text, character->size, (UChar32)pinyin_simplified((uint32_t)c));
	character->syllables.count = character->initials.count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct pinyin_syllable *syllable = pinyin_syllable(readings[i]);
		struct spellings *initials = &character->initials;
		size_t known = 0;

		character->syllables.spelling[character->syllables.count++] =
			(struct slice){ syllable->text, syllable->size };
		while (known < initials->count && initials->spelling[known].data[0] != syllable->text[0])
			known++;
		if (known == initials->count)
			initials->spelling[initials->count++] = (struct slice){ syllable->text, 1 };
	}
}

/* The key being put together for one start, and how many more that start may have. */
struct combination {
	struct collector *collector;
	const struct spellings *part[INITIALS_WINDOW];
	size_t parts;
	size_t left;
	char text[INITIALS_WINDOW * PINYIN_SYLLABLE_MAX];
};

/* Collects the combinations whose ranks (0: the most frequent spelling of its part) add up to `rank`. */
static void combine(struct combination *c, size_t part, size_t size, size_t rank)
{
	if (part == c->parts) {
		if (rank == 0 && c->left > 0) {
			collect(c->collector, c->text, size);
			c->left--;
		}
		return;
	}
	for (size_t i = 0; i < c->part[part]->count && i <= rank && c->left > 0; i++) {
		const struct slice *spelling = &c->part[part]->spelling[i];

		memcpy(c->text + size, spelling->data, spelling->len);
		combine(c, part + 1, size + spelling->len, rank - i);
	}
}

static void collect_combinations(struct combination *c)
{
	size_t rank_max = 0;

	c->left = SEARCH_COMBINATIONS_MAX;
	for (size_t i = 0; i < c->parts; i++)
		rank_max += c->part[i]->count - 1;
	for (size_t rank = 0; rank <= rank_max && c->left > 0 && !collector_is_full(c->collector); rank++)
		combine(c, 0, 0, rank);
}

/* The characters from one start on, as far as the longest key goes. */
struct window {
	struct character character[INITIALS_WINDOW];
	size_t first, count;
};

static const struct character *window_character(const struct window *w, size_t i)
{
	return &w->character[(w->first + i) % INITIALS_WINDOW];
}

/* The next CJK character, behind any punctuation and space: 华为（中国）, 张　三, 阿卜杜拉·买买提. */
static bool next_cjk(struct slice text, size_t *at, UChar32 *c_out)
{
	enum token_kind kind = TOKEN_END;
	size_t end = *at;

	while (kind == TOKEN_END && end < text.len) {
		U8_NEXT_UNSAFE(text.data, end, *c_out);
		kind = kind_of(*c_out);
	}
	if (kind == TOKEN_CJK)
		*at = end;
	return kind == TOKEN_CJK;
}

static void window_fill(struct window *w, struct slice text, size_t *at)
{
	UChar32 c;

	while (w->count < INITIALS_WINDOW && next_cjk(text, at, &c))
		character_read(&w->character[(w->first + w->count++) % INITIALS_WINDOW], c);
}

static void collect_han(struct collector *collector, const struct window *w)
{
	char key[HAN_WINDOW * U8_MAX_LENGTH];
	size_t size = 0;

	for (size_t i = 0; i < w->count && i < HAN_WINDOW; i++) {
		const struct character *character = window_character(w, i);

		memcpy(key + size, character->text, character->size);
		size += character->size;
	}
	collect(collector, key, size);
}

/* Both end where a character has no reading: kana, hangul, rare Han. */
static void collect_pinyin(struct collector *collector, const struct window *w)
{
	struct combination c = { .collector = collector };

	for (; c.parts < w->count && c.parts < PINYIN_WINDOW; c.parts++) {
		c.part[c.parts] = &window_character(w, c.parts)->syllables;
		if (c.part[c.parts]->count == 0)
			break;
	}
	if (c.parts > 0)
		collect_combinations(&c);
}

static void collect_initials(struct collector *collector, const struct window *w)
{
	struct combination c = { .collector = collector };

	for (; c.parts < w->count; c.parts++) {
		c.part[c.parts] = &window_character(w, c.parts)->initials;
		if (c.part[c.parts]->count == 0)
			break;
	}
	/* A single initial is the beginning of that character's pinyin key. */
	if (c.parts > 1)
		collect_combinations(&c);
}

/* A run of CJK characters from `*at` on, which moves behind it. */
static void collect_cjk(struct collector *collector, struct slice text, size_t *at)
{
	struct window w = { .count = 0 };

	for (window_fill(&w, text, at); w.count > 0; window_fill(&w, text, at)) {
		collect_han(collector, &w);
		collect_pinyin(collector, &w);
		collect_initials(collector, &w);
		if (!collector->complete)
			return;
		w.first++;
		w.count--;
	}
}

/* --- keys of words and numbers ------------------------------------------------------------------- */

/* A word with those joined to it, as much as a key holds. */
struct compound {
	char text[SEARCH_KEY_BYTES_MAX];
	size_t size;
	size_t end; /* of what it was made from */
};

static bool compound_add(struct compound *compound, struct slice part)
{
	struct slice fits = slice_cut(part, sizeof compound->text - compound->size);

	memcpy(compound->text + compound->size, fits.data, fits.len);
	compound->size += fits.len;
	return fits.len == part.len;
}

/* Dots and @ stay, as addresses have them; other joints go, so that cocacola finds Coca-Cola. */
static struct compound compound_of(struct slice text, struct token word, size_t at)
{
	struct compound compound;

	compound.size = 0;
	while (compound_add(&compound, word.text) && word.joint) {
		if (word.joint == '.' || word.joint == '@')
			compound_add(&compound, (struct slice){ &word.joint, 1 });
		word = token_next(text, &at);
	}
	compound.end = at;
	return compound;
}

static void collect_text(struct collector *collector, struct slice text)
{
	struct token token;

	for (size_t at = 0; collector->complete && (token = token_next(text, &at)).kind != TOKEN_END;) {
		if (token.kind == TOKEN_CJK) {
			at = (size_t)(token.text.data - text.data);
			collect_cjk(collector, text, &at);
			continue;
		}
		struct compound key = compound_of(text, token, at);

		collect(collector, key.text, key.size);
	}
}

/* A Chinese mobile has no key with its country code: of all numbers these are the most, and a key that no
 * other record has costs an import more than any ten that it shares. query_number() takes the code off as
 * well. */
#define CHINESE_MOBILE      "861"
#define CHINESE_CODE_DIGITS 2

/* The extension (";ext=801") is no part of what people remember as the last digits. */
static void collect_phone(struct collector *collector, struct slice text)
{
	static const struct {
		const char *begins;
		size_t digits;     /* 0: any number */
		size_t lengths[8]; /* 0 ends them */
	} endings[] = {
		{ CHINESE_MOBILE, 13, { 4, 8, 11 } },
		{ "1", 11, { 4, 7, 10, 11 } }, /* North America */
		{ "", 0, { 4, 7, 8, 9, 10, 11, SEARCH_KEY_BYTES_MAX } },
	};
	const size_t *lengths;
	size_t at = 0;
	char digit[SEARCH_KEY_BYTES_MAX] = "";
	size_t digits = 0;

	for (size_t i = 0; i < text.len && text.data[i] != ';' && digits < sizeof digit; i++)
		if (isdigit((unsigned char)text.data[i]))
			digit[digits++] = text.data[i];
	while (strncmp(digit, endings[at].begins, strlen(endings[at].begins)) ||
		(endings[at].digits && endings[at].digits != digits))
		at++;
	lengths = endings[at].lengths;
	for (size_t i = 0, length = 0; length < digits && lengths[i]; i++) {
		length = lengths[i] < digits ? lengths[i] : digits;
		collect(collector, digit + digits - length, length);
	}
}

struct search_keys search_keys_of(const struct search_text *texts, size_t count, struct arena *arena)
{
	static void (*const collect_kind[])(struct collector *, struct slice) = {
		[SEARCH_TEXT] = collect_text,
		[SEARCH_PHONE] = collect_phone,
	};
	struct collector collector;

	collector.count = collector.used = 0;
	collector.complete = true;
	for (size_t i = 0; i < count && collector.complete; i++)
		if (texts[i].size_bytes > 0)
			collect_kind[texts[i].kind](
				&collector, normalise_fold(texts[i].text, texts[i].size_bytes, arena));
	return collector_finish(&collector, arena);
}

/* --- for PostgreSQL ------------------------------------------------------------------------------ */

/* Inside quotes of a tsquery the quote is doubled, and so is the backslash. */
static void add_quoted(struct buffer *out, struct slice key)
{
	char *start = buffer_reserve(out, key.len * 2 + 2), *end = start;

	*end++ = '\'';
	for (size_t i = 0; i < key.len; i++) {
		if (key.data[i] == '\'' || key.data[i] == '\\')
			*end++ = key.data[i];
		*end++ = key.data[i];
	}
	*end++ = '\'';
	out->len += (size_t)(end - start);
}

struct slice search_keys_vector(const struct search_keys *keys, struct arena *arena)
{
	static const char no_positions[3]; /* the zero that ends a lexeme, and an int16 count */
	uint32_t count = htobe32((uint32_t)keys->count);
	struct buffer out = { .arena = arena };

	buffer_reserve(&out, keys->count * 16 + sizeof count);
	buffer_add(&out, (const char *)&count, sizeof count);
	for (size_t i = 0; i < keys->count; i++) {
		buffer_add(&out, keys->keys[i].data, keys->keys[i].len);
		buffer_add(&out, no_positions, sizeof no_positions);
	}
	return (struct slice){ out.data, out.len };
}

/* --- queries ------------------------------------------------------------------------------------- */

struct query {
	struct buffer text;
	size_t terms;
};

/* One prefix, after `between` unless it is the first of its group. */
static void add_term(struct query *q, const char *between, struct slice prefix)
{
	buffer_add_text(&q->text, between);
	add_quoted(&q->text, prefix);
	buffer_add_text(&q->text, ":*");
	q->terms++;
}

/* A run of CJK longer than a key: pieces that overlap by a character. */
static void query_cjk(struct query *q, struct slice run)
{
	struct slice piece = { run.data, 0 };
	size_t characters = 0, at = 0, third = 0;
	const char *between = "";

	while (at < run.len) {
		third = characters == HAN_WINDOW - 1 ? at : third;
		U8_FWD_1_UNSAFE(run.data, at);
		piece.len = (size_t)(run.data + at - piece.data);
		if (++characters < HAN_WINDOW)
			continue;
		add_term(q, between, piece);
		between = " & ";
		piece = (struct slice){ run.data + third, (size_t)(run.data + at - (run.data + third)) };
		characters = 1;
	}
	if (characters > 1 || *between == '\0')
		add_term(q, between, piece);
}

/*
 * How a run of letters can be cut into syllables. Ambiguity (xian: xi'an; fangan: fan'gan, fang'an) is not
 * guessed at: only those cuts are used that *every* reading has, and from each only so many letters as the
 * shortest four syllables take, which is what the key that begins there holds in any case.
 */
struct cuts {
	struct slice letters;
	bool reaches_end[SEARCH_KEY_BYTES_MAX + 1];
	bool is_certain[SEARCH_KEY_BYTES_MAX + 1];
	size_t covered[SEARCH_KEY_BYTES_MAX + 1]; /* end of the shortest PINYIN_WINDOW syllables */
};

/* Whether the letters from `start` to `end` are a syllable; the last one may be unfinished. */
static bool cuts_join(const struct cuts *cuts, size_t start, size_t end)
{
	const char *letters = cuts->letters.data + start;

	if (!cuts->reaches_end[end])
		return false;
	return end == cuts->letters.len ? pinyin_begins_syllable(letters, end - start)
					: pinyin_is_syllable(letters, end - start);
}

static size_t syllable_reach(const struct cuts *cuts, size_t start)
{
	size_t rest = cuts->letters.len - start;

	return start + (rest < PINYIN_SYLLABLE_MAX ? rest : PINYIN_SYLLABLE_MAX);
}

static size_t cuts_covered(const struct cuts *cuts, size_t start, size_t syllables)
{
	size_t shortest = cuts->letters.len;

	if (syllables == 0 || start == cuts->letters.len)
		return start;
	for (size_t end = start + 1; end <= syllable_reach(cuts, start); end++)
		if (cuts_join(cuts, start, end)) {
			size_t covered = cuts_covered(cuts, end, syllables - 1);

			shortest = covered < shortest ? covered : shortest;
		}
	return shortest;
}

/* False when the letters are no pinyin. */
static bool cuts_make(struct cuts *cuts, struct slice letters)
{
	bool reached[SEARCH_KEY_BYTES_MAX + 1] = { true };

	*cuts = (struct cuts){ .letters = letters };
	cuts->reaches_end[letters.len] = true;
	for (size_t start = letters.len; start-- > 0;)
		for (size_t end = start + 1; end <= syllable_reach(cuts, start); end++)
			cuts->reaches_end[start] = cuts->reaches_end[start] || cuts_join(cuts, start, end);
	memcpy(cuts->is_certain, cuts->reaches_end, sizeof cuts->is_certain);
	for (size_t start = 0; start < letters.len; start++) {
		cuts->is_certain[start] = cuts->is_certain[start] && reached[start];
		for (size_t end = start + 1; reached[start] && end <= syllable_reach(cuts, start); end++)
			if (cuts_join(cuts, start, end)) {
				reached[end] = true;
				/* A syllable that goes over a cut makes it uncertain. */
				memset(cuts->is_certain + start + 1, false, end - start - 1);
			}
		cuts->covered[start] = cuts_covered(cuts, start, PINYIN_WINDOW);
	}
	return cuts->reaches_end[0];
}

/*
 * The certain cut from which to go on: the last one that the piece from `start` still covers, else the next
 * one.
 */
static size_t cuts_next(const struct cuts *cuts, size_t start)
{
	size_t at = cuts->covered[start];

	while (at > start && !cuts->is_certain[at])
		at--;
	if (at == start)
		for (at = start + 1; !cuts->is_certain[at]; at++)
			;
	return at;
}

/* Pinyin of more syllables than a key holds: an alternative of several pieces. */
static void query_pinyin(struct query *q, struct slice letters)
{
	struct cuts cuts;
	const char *between = " | (";

	if (!cuts_make(&cuts, letters) || cuts.covered[0] == letters.len)
		return;
	for (size_t start = 0; start < letters.len;
		start = cuts.covered[start] == letters.len ? letters.len : cuts_next(&cuts, start)) {
		add_term(q, between, (struct slice){ letters.data + start, cuts.covered[start] - start });
		between = " & ";
	}
	buffer_add_text(&q->text, ")");
}

/* More initials than a key holds, likewise; no syllable begins with i, u or v. */
static void query_initials(struct query *q, struct slice letters)
{
	const char *between = " | (";

	if (letters.len <= INITIALS_WINDOW)
		return;
	for (size_t i = 0; i < letters.len; i++)
		if (memchr("iuv", letters.data[i], 3))
			return;
	for (size_t start = 0; start + 1 < letters.len; start += INITIALS_WINDOW - 1) {
		size_t rest = letters.len - start;

		add_term(q, between,
			(struct slice){
				letters.data + start, rest < INITIALS_WINDOW ? rest : INITIALS_WINDOW });
		between = " & ";
	}
	buffer_add_text(&q->text, ")");
}

static void query_word(struct query *q, struct slice word)
{
	size_t letters = 0;

	word = slice_cut(word, SEARCH_KEY_BYTES_MAX);
	while (letters < word.len && word.data[letters] >= 'a' && word.data[letters] <= 'z')
		letters++;
	buffer_add_text(&q->text, "(");
	add_term(q, "", word);
	if (letters == word.len) {
		query_pinyin(q, word);
		query_initials(q, word);
	}
	buffer_add_text(&q->text, ")");
}

/* A word with an @ behind it is an address: one key, instead of many common ones (com, cn). */
static bool query_address(struct query *q, struct slice text, struct token word, size_t *at)
{
	struct compound compound = compound_of(text, word, *at);

	if (!memchr(compound.text, '@', compound.size))
		return false;
	add_term(q, "", (struct slice){ compound.text, compound.size });
	*at = compound.end;
	return true;
}

static void query_tokens(struct query *q, struct slice text)
{
	struct token token;
	const char *between = "";

	for (size_t at = 0;
		q->terms <= SEARCH_QUERY_TERMS_MAX && (token = token_next(text, &at)).kind != TOKEN_END;) {
		buffer_add_text(&q->text, between);
		between = " & ";
		if (token.kind == TOKEN_CJK)
			query_cjk(q, token.text);
		else if (!query_address(q, text, token, &at))
			query_word(q, token.text);
	}
}

/* A number typed with separators is looked for without them too, and without the 0 before an area code or the
 * code of China before a mobile. */
static void query_number(struct query *q, struct slice text)
{
	char digit[SEARCH_KEY_BYTES_MAX];
	size_t digits = 0, zeros = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (isdigit((unsigned char)text.data[i]) && digits < sizeof digit)
			digit[digits++] = text.data[i];
		else if (!memchr("+-(). ", text.data[i], 6))
			return;
	}
	while (zeros < digits && zeros < 2 && digit[zeros] == '0')
		zeros++;
	if (digits > 1)
		add_term(q, " | ", (struct slice){ digit, digits });
	if (zeros > 0 && digits > zeros + 1)
		add_term(q, " | ", (struct slice){ digit + zeros, digits - zeros });
	if (digits - zeros > strlen(CHINESE_MOBILE) &&
		!strncmp(digit + zeros, CHINESE_MOBILE, strlen(CHINESE_MOBILE)))
		add_term(q, " | ",
			(struct slice){
				digit + zeros + CHINESE_CODE_DIGITS, digits - zeros - CHINESE_CODE_DIGITS });
}

/* What is looked for, like what is found, in simplified characters; both forms are of three bytes. */
static struct slice simplified(struct slice folded, struct arena *arena)
{
	char *text = arena_strndup(arena, folded.data, folded.len);

	for (size_t at = 0, end = 0; at < folded.len;) {
		UChar32 c;

		U8_NEXT_UNSAFE(folded.data, end, c);
		U8_APPEND_UNSAFE(text, at, (UChar32)pinyin_simplified((uint32_t)c));
		assert(at == end);
	}
	return (struct slice){ text, folded.len };
}

enum search_query search_query_of(
	const char *text, size_t size_bytes, struct arena *arena, char **tsquery_out)
{
	struct query q = { .text = { .arena = arena } };

	if (size_bytes > SEARCH_QUERY_BYTES_MAX)
		return SEARCH_QUERY_TOO_LONG;
	struct slice folded = simplified(normalise_fold(text, size_bytes, arena), arena);

	query_tokens(&q, folded);
	if (q.terms == 0)
		return SEARCH_QUERY_EMPTY;
	query_number(&q, folded);
	if (q.terms > SEARCH_QUERY_TERMS_MAX)
		return SEARCH_QUERY_TOO_LONG;
	*tsquery_out = q.text.data;
	return SEARCH_QUERY;
}
