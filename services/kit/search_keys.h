/*
 * Search by any part of a name, in characters, pinyin, initials or Latin words, through one GIN index. A
 * record's texts become a set of keys, stored as a tsvector; what a user types becomes a tsquery of
 * *prefixes* of keys, which GIN answers natively. Keys and queries are made by the same folding
 * (normalise_fold), so case, width and accents never matter.
 *
 *	run of CJK   from each character the next 4         张三有限公司 → 张三有限 三有限公 … 公司 司
 *	its pinyin   from each character the next 4         zhangsanyouxian sanyouxiangong … si
 *	its initials from each character the next 8         zsyxgs syxgs … gs
 *	word         with those joined to it                wei.zhang@acme.cn zhang@acme.cn acme.cn cn
 *	phone        all digits and their usual endings     8000 00138000 13800138000 (of +86 138 0013 8000)
 *
 * Han characters are read in all their ways, combined, at most SEARCH_COMBINATIONS_MAX for one start, the
 * most frequent first: changsha, zhangsha, cs and zs all find 长沙. All Latin keys share one space, since a
 * user who types "shan" does not say whether that is pinyin, initials or a word. Traditional characters
 * become simplified ones, so 張三 and 张三 find each other; they keep their own readings.
 *
 * Punctuation and space end no run of CJK in a record (华为（中国）, 张　三, 阿卜杜拉·买买提), and a word
 * goes on behind one of . @ - ' & _ + / (of which only . and @ stay in the key: cocacola finds Coca-Cola).
 * In a query they separate, but for addresses with an @; so people may type them or not.
 *
 * What a query finds: every part of a CJK run, the pinyin of every part (its last syllable may be
 * unfinished), the initials of every part, every beginning of a word, every word of several in any order,
 * and mixtures (张s). What is longer than a key becomes several overlapping keys joined by AND; then,
 * rarely, a record is found that has the pieces at different places.
 */
#pragma once
#include "kit/arena.h"
#include "kit/status.h"
#include "kit/wire.h"

enum {
	SEARCH_KEYS_MAX = 256,        /* of one record; texts that come first win */
	SEARCH_KEY_BYTES_MAX = 64,    /* a longer word is found by its first 64 bytes */
	SEARCH_COMBINATIONS_MAX = 16, /* of readings, from one character */
	SEARCH_QUERY_BYTES_MAX = 512,
	SEARCH_QUERY_TERMS_MAX = 64
};

enum search_kind {
	SEARCH_TEXT = 0, /* names, addresses, notes, e-mail addresses */
	SEARCH_PHONE = 1 /* E.164, with an extension as RFC 3966 has it or without */
};

struct search_text {
	const char *text; /* UTF-8; may be NULL when `size_bytes` is 0 */
	size_t size_bytes;
	enum search_kind kind;
};

struct search_keys {
	const struct slice *keys; /* in bytewise order, each once */
	size_t count;
	bool complete; /* false: the record had more than SEARCH_KEYS_MAX */
};

/* The keys of a record; the most important text first. */
struct search_keys search_keys_of(const struct search_text *texts, size_t count, struct arena *arena);

/* The keys as PostgreSQL takes a tsvector in binary (tsvectorrecv): lexemes without positions. */
struct slice search_keys_vector(const struct search_keys *keys, struct arena *arena);

enum search_query {
	SEARCH_QUERY = 0,
	SEARCH_QUERY_EMPTY,   /* no letter, digit or character: say so, ask no database */
	SEARCH_QUERY_TOO_LONG /* more than SEARCH_QUERY_BYTES_MAX or SEARCH_QUERY_TERMS_MAX */
};

/*
 * What was typed, as text that PostgreSQL reads as a tsquery: column @@ $1::tsquery. Every word must be
 * found. Untouched unless SEARCH_QUERY is returned. The text cannot break out of its quotes whatever is
 * typed.
 */
MUST_CHECK enum search_query search_query_of(
	const char *text, size_t size_bytes, struct arena *arena, char **tsquery_out);
