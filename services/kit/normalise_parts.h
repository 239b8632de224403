/* What the files of normalise.h share; for them alone. normalise.c: Unicode, codes and names;
 * normalise_phone.c, normalise_host.c (e-mail, URLs), normalise_fold.c (what spellings have in common). */
#pragma once
#include "kit/normalise.h"
#include <unicode/unorm2.h>

struct utf16 {
	UChar *text;
	int32_t size;
};

/* unorm2_getNFCInstance and the like. */
typedef const UNormalizer2 *normalise_form_getter(UErrorCode *);

/* Bad sequences become U+FFFD and are counted. */
struct utf16 normalise_utf16(struct slice text, struct arena *arena, int32_t *bad_out);
struct slice normalise_utf8(struct utf16 text, struct arena *arena);
struct utf16 normalise_form(struct utf16 text, normalise_form_getter *form, struct arena *arena);
/* Trims, refuses what no field may have, and gives the form asked for. */
enum normalised normalise_prepare(struct slice text, normalise_form_getter *form, struct arena *arena,
	struct slice *text_out) MUST_CHECK;
/* Simple lower case, character by character: full case folding would turn ß into ss, another address. */
struct slice normalise_lowered(struct slice text, struct arena *arena);
/* Of a longer text the first NORMALISE_BYTES_MAX bytes, whole characters. */
struct slice normalise_cut(struct slice text);
/* Without white space at both ends. */
struct slice normalise_trimmed(struct slice text);
struct slice normalise_from(struct slice text, size_t start);
bool normalise_is_digits(struct slice text);
