/* What spellings have in common: the key of a name, and the form that is searched and sorted. */
#include "kit/normalise_parts.h"
#include <ctype.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

/* --- the key of a name */

static bool is_word_character(UChar32 c)
{
	return c < 0x80 ? isalnum(c)
			: u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_isdigit(c) ||
				  (U_GET_GC_MASK(c) & U_GC_M_MASK);
}

/* The next word of the text; len 0 at its end. */
static struct slice next_word(struct slice text, size_t *at)
{
	size_t start = *at, end = *at;
	UChar32 c;

	while (end < text.len) {
		U8_NEXT_UNSAFE(text.data, end, c);
		if (is_word_character(c))
			*at = end;
		else if (*at > start)
			break;
		else
			start = *at = end;
	}
	return (struct slice){ text.data + start, *at - start };
}

/* How legal forms are written out, and their short forms. */
static const char *const legal_forms[][2] = {
	{ "company", "co" },
	{ "corporation", "corp" },
	{ "incorporated", "inc" },
	{ "limited", "ltd" },
	{ "co", "co" },
	{ "corp", "corp" },
	{ "inc", "inc" },
	{ "ltd", "ltd" },
};

static const char *legal_form(struct slice word)
{
	for (size_t i = 0; i < sizeof legal_forms / sizeof *legal_forms; i++)
		if (word.len == strlen(legal_forms[i][0]) &&
			memcmp(word.data, legal_forms[i][0], word.len) == 0)
			return legal_forms[i][1];
	return NULL;
}

static void add_without_liability(struct buffer *out, struct slice word)
{
	static const char long_form[] = "有限责任公司";
	const char *found = memmem(word.data, word.len, long_form, strlen(long_form));

	if (!found) {
		buffer_add(out, word.data, word.len);
		return;
	}
	size_t before = (size_t)(found - word.data);

	buffer_add(out, word.data, before);
	buffer_add_text(out, "有限公司");
	buffer_add(out, found + strlen(long_form), word.len - before - strlen(long_form));
}

const char *normalise_name_key(const char *text, size_t size_bytes, struct arena *arena)
{
	int32_t bad;
	struct utf16 wide = normalise_utf16(normalise_cut((struct slice){ text, size_bytes }), arena, &bad);
	struct slice name =
		normalise_utf8(normalise_form(wide, unorm2_getNFKCCasefoldInstance, arena), arena);
	struct buffer plain = { .arena = arena }, shortened = { .arena = arena };
	struct slice word;

	/* Two keys grow: with legal forms shortened since the last other word, and as written up to there. */
	buffer_reserve(&plain, name.len);
	buffer_reserve(&shortened, name.len);
	for (size_t at = 0; (word = next_word(name, &at)).len;) {
		const char *form = plain.len ? legal_form(word) : NULL;

		if (!form)
			shortened.len = 0, buffer_add(&shortened, plain.data, plain.len);
		add_without_liability(&plain, word);
		if (form)
			buffer_add_text(&shortened, form);
		else
			add_without_liability(&shortened, word);
	}
	return shortened.len ? shortened.data : "";
}

/* --- folding ------------------------------------------------------------------------------------- */

/*
 * ASCII, the main block of Han, CJK punctuation and full-width ASCII fold one by one; anything else needs
 * ICU.
 */
static bool fold_plain(struct slice text, char *out, size_t *size_out)
{
	size_t size = 0;

	for (size_t at = 0; at < text.len;) {
		unsigned char lead = (unsigned char)text.data[at];
		UChar32 c;

		if (lead < 0x80) {
			out[size++] = (char)(lead < 0x20 || lead == 0x7F  ? ' '
					     : lead >= 'A' && lead <= 'Z' ? lead + 32
									  : lead);
			at++;
			continue;
		}
		U8_NEXT(text.data, at, text.len, c);
		if (c >= 0xFF01 && c <= 0xFF5E)
			out[size++] = (char)tolower((int)c - 0xFEE0);
		else if (c == 0x3000)
			out[size++] = ' ';
		else if ((c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3001 && c <= 0x3020))
			memcpy(out + size, text.data + at - 3, 3), size += 3;
		else
			return false;
	}
	*size_out = size;
	return true;
}

/* Letters that no decomposition takes apart, as ICU's Latin-ASCII writes them. */
static const struct {
	UChar32 letter;
	const char *plain;
} plain_letters[] = {
	{ 0xE6, "ae" },
	{ 0xF0, "d" },
	{ 0xF8, "o" },
	{ 0xFE, "th" },
	{ 0x111, "d" },
	{ 0x127, "h" },
	{ 0x131, "i" },
	{ 0x142, "l" },
	{ 0x14B, "n" },
	{ 0x153, "oe" },
	{ 0x167, "t" },
	{ 0x180, "b" },
	{ 0x19A, "l" },
};

static const char *plain_letter(UChar32 c)
{
	for (size_t i = 0; i < sizeof plain_letters / sizeof *plain_letters; i++)
		if (plain_letters[i].letter == c)
			return plain_letters[i].plain;
	return NULL;
}

/* Scripts whose marks are accents; in others (kana, Devanagari, Hangul) they make another letter. */
static bool sheds_accents(UChar32 c)
{
	UErrorCode error = U_ZERO_ERROR;
	UScriptCode script = uscript_getScript(c, &error);

	return script == USCRIPT_LATIN || script == USCRIPT_GREEK || script == USCRIPT_CYRILLIC;
}

static UChar32 without_accent(UChar32 c)
{
	UErrorCode error = U_ZERO_ERROR;
	UChar parts[8];
	int32_t size = unorm2_getDecomposition(unorm2_getNFDInstance(&error), c, parts, 8, &error);
	UChar32 base;

	if (size <= 0 || U_FAILURE(error))
		return c;
	U16_GET(parts, 0, 0, size, base);
	return base;
}

static void fold_character(struct buffer *out, UChar32 c)
{
	char bytes[U8_MAX_LENGTH];
	size_t size = 0;

	if (c < 0x20 || c == 0x7F)
		c = ' ';
	const char *plain = c >= 0x80 ? plain_letter(c) : NULL;

	if (plain) {
		buffer_add_text(out, plain);
		return;
	}
	U8_APPEND_UNSAFE(bytes, size, c);
	buffer_add(out, bytes, size);
}

static struct slice fold_any(struct slice text, struct arena *arena)
{
	int32_t bad;
	struct utf16 wide =
		normalise_form(normalise_utf16(text, arena, &bad), unorm2_getNFKCCasefoldInstance, arena);
	struct buffer out = { .arena = arena };
	bool drop_marks = false;

	buffer_reserve(&out, (size_t)wide.size * 3);
	for (int32_t at = 0; at < wide.size;) {
		UChar32 c;

		U16_NEXT(wide.text, at, wide.size, c);
		if (c >= 0x80 && u_charType(c) == U_NON_SPACING_MARK && drop_marks)
			continue;
		drop_marks = c < 0x80 || sheds_accents(c);
		fold_character(&out, c >= 0x80 && drop_marks ? without_accent(c) : c);
	}
	return (struct slice){ out.data, out.len };
}

struct slice normalise_fold(const char *text, size_t size_bytes, struct arena *arena)
{
	struct slice whole = normalise_cut((struct slice){ text, size_bytes });
	char *out = arena_alloc(arena, whole.len + 1);
	size_t size;

	if (fold_plain(whole, out, &size))
		return (struct slice){ out, size };
	return fold_any(whole, arena);
}
