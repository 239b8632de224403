#include "kit/normalise.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* What a function makes of a text: the normal form, or the code of the rule that it breaks after a "!". */
typedef const char *outcome(const char *text, size_t size);

static const char *told(enum normalised rule, const char *normal)
{
	if (rule == NORMALISED)
		return normal;
	assert_null(normal);
	return arena_printf(arena, "!%s", normalise_code(rule));
}

static const char *email(const char *text, size_t size)
{
	const char *normal = NULL;
	enum normalised rule = normalise_email(text, size, arena, &normal);

	return told(rule, normal);
}

static const char *phone(const char *text, size_t size)
{
	struct phone phone = { NULL, NULL };
	enum normalised rule = normalise_phone(text, size, "86", arena, &phone);

	if (rule == NORMALISED && phone.extension[0])
		return arena_printf(arena, "%s;ext=%s", phone.number, phone.extension);
	return told(rule, phone.number);
}

static const char *phone_of_germany(const char *text, size_t size)
{
	struct phone phone = { NULL, NULL };
	enum normalised rule = normalise_phone(text, size, "49", arena, &phone);

	return told(rule, phone.number);
}

static const char *url(const char *text, size_t size)
{
	const char *normal = NULL;
	enum normalised rule = normalise_url(text, size, arena, &normal);

	return told(rule, normal);
}

static const char *credit_code(const char *text, size_t size)
{
	const char *normal = NULL;
	enum normalised rule = normalise_credit_code(text, size, arena, &normal);

	return told(rule, normal);
}

static const char *name(const char *text, size_t size)
{
	const char *normal = NULL;
	enum normalised rule = normalise_name(text, size, 20, arena, &normal);

	return told(rule, normal);
}

static const char *name_key(const char *text, size_t size)
{
	return normalise_name_key(text, size, arena);
}

static const char *fold(const char *text, size_t size)
{
	struct slice folded = normalise_fold(text, size, arena);

	return arena_strndup(arena, folded.data, folded.len);
}

struct example {
	const char *text, *expected;
};

/* Each example, and that what came out stays as it is when it comes in again. */
static void assert_examples(outcome *of, const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = of(examples[i].text, strlen(examples[i].text));

		if (strcmp(got, examples[i].expected) != 0)
			fail_msg("\"%s\" gives \"%s\", not \"%s\"", examples[i].text, got,
				examples[i].expected);
		if (got[0] != '!' && got[0])
			assert_string_equal(of(got, strlen(got)), got);
	}
}

#define ASSERT_EXAMPLES(of, ...)                                                                             \
	do {                                                                                                 \
		static const struct example examples_[] = { __VA_ARGS__ };                                   \
		assert_examples(of, examples_, sizeof examples_ / sizeof *examples_);                        \
	} while (0)

static const char *repeated(const char *text, size_t times)
{
	struct buffer out = { .arena = arena };

	for (size_t i = 0; i < times; i++)
		buffer_add_text(&out, text);
	return out.data;
}

static void mail_addresses_get_one_form(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(email, { " Wei.Zhang@Acme.COM.cn\t", "wei.zhang@acme.com.cn" },
		{ "　ｗｅｉ＠ａｃｍｅ．ｃｎ　", "wei@acme.cn" },
		{ "a+b_c'd@x-y.museum", "a+b_c'd@x-y.museum" }, { "张三@例子.中国", "张三@例子.中国" },
		{ "STRAßE@Müller.de", "straße@müller.de" }, { "12345@qq.com", "12345@qq.com" });
}

static void wrong_mail_addresses_say_what_is_wrong(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(email, { "", "!empty" }, { " 　\n", "!empty" }, { "wei", "!email_at" },
		{ "a@b@c.cn", "!email_at" }, { "@acme.cn", "!email_local" }, { ".a@acme.cn", "!email_local" },
		{ "a.@acme.cn", "!email_local" }, { "a..b@acme.cn", "!email_local" },
		{ "a b@acme.cn", "!email_local" }, { "\"a\"@acme.cn", "!email_local" },
		{ "Wei <wei@acme.cn", "!email_local" }, { "a@acme", "!email_domain" },
		{ "a@", "!email_domain" }, { "a@-x.cn", "!email_domain" }, { "a@x-.cn", "!email_domain" },
		{ "a@x..cn", "!email_domain" }, { "a@x.cn.", "!email_domain" },
		{ "a@x_y.cn", "!email_domain" }, { "a@[1.2.3.4]", "!email_domain" },
		{ "a@1.2.3.4", "!email_domain" }, { "a@x.cn>", "!email_domain" },
		{ "a@x　y.cn", "!email_domain" }, { "a\nb@acme.cn", "!control_character" },
		{ "a\xFF@acme.cn", "!not_utf8" });
	const char *local = repeated("a", NORMALISE_LOCAL_MAX + 1);

	assert_string_equal(email(arena_printf(arena, "%s@a.cn", local + 1), NORMALISE_LOCAL_MAX + 5),
		arena_printf(arena, "%s@a.cn", local + 1));
	assert_string_equal(
		email(arena_printf(arena, "%s@a.cn", local), NORMALISE_LOCAL_MAX + 6), "!email_local");
	const char *address = arena_printf(arena, "aa@%scn", repeated("a23456789.", 25));

	assert_int_equal(strlen(address), NORMALISE_EMAIL_MAX + 1);
	assert_string_equal(email(address, strlen(address)), "!too_long");
	assert_string_equal(email(address + 1, strlen(address) - 1), address + 1);
}

static void numbers_of_china_get_one_form(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(phone, { "13800138000", "+8613800138000" }, { " 138 0013 8000 ", "+8613800138000" },
		{ "138-0013-8000", "+8613800138000" }, { "+86 138 0013 8000", "+8613800138000" },
		{ "0086-13800138000", "+8613800138000" }, { "(+86)13800138000", "+8613800138000" },
		{ "１３８００１３８０００", "+8613800138000" }, { "tel:+86-138-0013-8000", "+8613800138000" },
		{ "013800138000", "+8613800138000" }, { "\u202A+86 13800138000\u202C", "+8613800138000" },
		{ "010-87654321", "+861087654321" }, { "(021) 6543 2109", "+862165432109" },
		{ "0571－87654321", "+8657187654321" }, { "（0571）8765—4321", "+8657187654321" },
		{ "+86 (0)10 8765 4321", "+861087654321" }, { "+86 571 8765 4321", "+8657187654321" },
		{ "0898-6543210", "+868986543210" }, { "400-810-8888", "+864008108888" },
		{ "800 810 8888", "+868008108888" });
}

static void extensions_are_kept_apart(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(phone, { "010-87654321-801", "+861087654321;ext=801" },
		{ "010-87654321 转 801", "+861087654321;ext=801" },
		{ "010-87654321转801", "+861087654321;ext=801" },
		{ "+86 10 87654321 ext. 5", "+861087654321;ext=5" },
		{ "400-810-8888 分机 12", "+864008108888;ext=12" },
		{ "+1 415 555 2671 x123456", "+14155552671;ext=123456" },
		{ "010-87654321#1234567", "!phone_extension" }, { "010-87654321 ext", "!phone_extension" },
		{ "010-87654321 x 1a", "!phone_extension" }, { "010-87654321-1234567", "!phone_length" });
}

static void numbers_of_other_countries_need_their_code(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(phone, { "+1 (415) 555-2671", "+14155552671" },
		{ "001 415 555 2671", "+14155552671" }, { "+852 2345 6789", "+85223456789" },
		{ "+39 06 1234567", "+39061234567" }, { "+123456", "!phone_length" },
		{ "+1234567890123456", "!phone_length" }, { "+0415 555 2671", "!phone_plan" });
	ASSERT_EXAMPLES(phone_of_germany, { "030 123456", "+4930123456" },
		{ "+86 138 0013 8000", "+8613800138000" }, { "0049 30 123456", "+4930123456" });
}

static void wrong_numbers_say_what_is_wrong(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(phone, { "", "!empty" }, { "87654321", "!phone_area_code" },
		{ "10086", "!phone_length" }, { "12800138000", "!phone_plan" },
		{ "1380013800", "!phone_plan" }, { "138001380000", "!phone_plan" },
		{ "1380013800012", "!phone_length" }, { "phone", "!phone_character" },
		{ "13800138000, 13900139000", "!phone_character" }, { "13800138000/1", "!phone_character" },
		{ "138+00138000", "!phone_character" }, { "0571 17654321", "!phone_plan" },
		{ "+86 1380013800", "!phone_plan" }, { "+", "!phone_length" }, { "()", "!phone_length" },
		{ "123456789012345678901234567890123", "!phone_length" },
		{ "138\x01"
		  "00138000",
			"!control_character" });
}

static void urls_get_one_form(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(url, { " HTTPS://WWW.Acme.CN/Path?Q=1#F ", "https://www.acme.cn/Path?Q=1#F" },
		{ "http://acme.cn", "http://acme.cn" }, { "www.acme.cn/a", "https://www.acme.cn/a" },
		{ "acme.cn:8080?x", "https://acme.cn:8080?x" }, { "http://intranet/", "http://intranet/" },
		{ "http://例子.中国/路", "http://例子.中国/路" },
		{ "http://[2001:DB8::1]:80/", "http://[2001:db8::1]:80/" },
		{ "http://acme.cn/a?b=http://x", "http://acme.cn/a?b=http://x" });
}

static void wrong_urls_say_what_is_wrong(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(url, { "", "!empty" }, { "ftp://acme.cn", "!url_scheme" },
		{ "javascript:alert(1)", "!url_host" }, { "javascript://x%0aalert(1)", "!url_scheme" },
		{ "data:text/html,x", "!url_host" }, { "mailto:a@b.cn", "!url_host" },
		{ "intranet", "!url_host" }, { "http://", "!url_host" }, { "http:///x", "!url_host" },
		{ "http://user:pw@acme.cn", "!url_port" }, { "http://acme.cn@evil.cn", "!url_host" },
		{ "http://acme.cn:0", "!url_port" }, { "http://acme.cn:65536", "!url_port" },
		{ "http://acme.cn:", "!url_port" }, { "http://acme.cn:8a", "!url_port" },
		{ "http://a b.cn", "!url_character" }, { "http://acme.cn/a b", "!url_character" },
		{ "http://acme.cn\\x", "!url_character" }, { "http://acme.cn/\"", "!url_character" },
		{ "http://[::1", "!url_host" }, { "http://[]", "!url_host" });
	const char *longest = arena_printf(arena, "http://acme.cn/%s", repeated("x", NORMALISE_URL_MAX - 15));

	assert_string_equal(url(longest, NORMALISE_URL_MAX), longest);
	assert_string_equal(url(arena_printf(arena, "%sx", longest), NORMALISE_URL_MAX + 1), "!too_long");
}

/* Public codes of known companies. */
static void credit_codes_are_checked_by_their_last_character(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(credit_code, { "914403001922038216", "914403001922038216" },
		{ "9144030071526726xg", "9144030071526726XG" },
		{ " 9133 0100 7996 5505 8B", "91330100799655058B" },
		{ "９１４４０３００１９２２０３８２１６", "914403001922038216" },
		{ "914403001922038217", "!credit_code_check" },
		{ "914403001922083216", "!credit_code_check" },
		{ "91440300192203821", "!credit_code_length" },
		{ "9144030019220382166", "!credit_code_length" },
		{ "91440300192203821O", "!credit_code_character" },
		{ "9144030019220382I6", "!credit_code_character" },
		{ "91440300192203821张", "!credit_code_character" }, { "", "!empty" });
}

static void one_wrong_character_never_passes_the_check(void **state)
{
	static const char characters[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
	char code[] = "9144030071526726XG";

	(void)state;
	for (size_t i = 0; i < strlen(code); i++)
		for (size_t c = 0; c < strlen(characters); c++) {
			char kept = code[i];

			code[i] = characters[c];
			assert_string_equal(credit_code(code, strlen(code)),
				characters[c] == kept ? code : "!credit_code_check");
			code[i] = kept;
		}
}

static void names_lose_only_needless_space(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(name, { "  张　三 ", "张 三" }, { "a \u00A0 b", "a b" }, { "e\u0301", "é" },
		{ "(株)", "(株)" }, { "１", "１" }, { "👨‍👩‍👧", "👨‍👩‍👧" },
		{ "a\nb", "!control_character" }, { "a\tb", "!control_character" }, { "\nb\t", "b" },
		{ "a\u202Eb", "ab" }, { "a\u2066b\u200E", "ab" }, { "\u200Ba\uFEFF\u2060b", "ab" },
		{ "\u200B \uFEFF", "!empty" }, { "a\u2028b", "!control_character" },
		{ "\uFFFE", "!control_character" }, { "\xC0\x80", "!not_utf8" },
		{ "\xED\xA0\x80", "!not_utf8" }, { "　", "!empty" },
		{ "一二三四五六七八九十一二三四五六七八九十", "一二三四五六七八九十一二三四五六七八九十" },
		{ "一二三四五六七八九十一二三四五六七八九十一", "!too_long" });
	assert_string_equal(name("a\0b", 3), "!control_character");
}

static void name_keys_meet_where_names_are_the_same(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(name_key, { "华为技术（中国）有限责任公司", "华为技术中国有限公司" },
		{ "华为技术(中国) 有限公司", "华为技术中国有限公司" },
		{ "Acme Trading Co., Ltd.", "acmetradingcoltd" },
		{ "ACME  TRADING COMPANY LIMITED", "acmetradingcoltd" },
		{ "ＡＣＭＥ　Trading Co Ltd", "acmetradingcoltd" }, { "Acme Incorporated", "acmeinc" },
		{ "Limited Brands, Inc.", "limitedbrandsinc" }, { "Company Store Company", "companystoreco" },
		{ "华为", "华为" }, { "华为股份有限公司", "华为股份有限公司" }, { "!!!", "" }, { "", "" },
		{ "Limited", "limited" });
}

static void folding_makes_spellings_meet(void **state)
{
	(void)state;
	ASSERT_EXAMPLES(fold, { "Müller", "muller" }, { "Straße", "strasse" },
		{ "ØRSTED Æon", "orsted aeon" }, { "ＡＢＣ（１）", "abc(1)" }, { "张\t三", "张 三" },
		{ "Ёж Άλφα", "еж αλφα" }, { "がぎ", "がぎ" }, { "한글", "한글" }, { "İstanbul", "istanbul" },
		{ "Việt Nam", "viet nam" }, { "ﬁ", "fi" }, { "ñ", "n" }, { "n\u0303", "n" }, { "　x", " x" });
}

static void folding_takes_any_bytes_and_stops_at_its_limit(void **state)
{
	const char *longer = repeated("张", NORMALISE_BYTES_MAX / 3 + 10);

	(void)state;
	assert_string_equal(fold("a\xFF\x80z", 4), "a\uFFFD\uFFFDz");
	assert_int_equal(normalise_fold(longer, strlen(longer), arena).len, NORMALISE_BYTES_MAX / 3 * 3);
	assert_int_equal(
		strlen(normalise_name_key(longer, strlen(longer), arena)), NORMALISE_BYTES_MAX / 3 * 3);
	assert_string_equal(email(longer, strlen(longer)), "!too_long");
}

/* The quick way and the way through ICU give the same for what both can do. */
static void both_ways_of_folding_agree(void **state)
{
	(void)state;
	for (uint32_t c = 1; c < 0xFFFF; c++) {
		char text[8];
		int size = c < 0x80    ? sprintf(text, "%c", (int)c)
			   : c < 0x800 ? sprintf(text, "%c%c", 0xC0 | c >> 6, 0x80 | (c & 63))
				       : sprintf(text, "%c%c%c", 0xE0 | c >> 12, 0x80 | (c >> 6 & 63),
						 0x80 | (c & 63));

		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		/* An accented letter behind it sends the whole text through ICU. */
		const char *through_icu = fold(arena_printf(arena, "%sé", text), (size_t)size + 2);
		const char *alone = fold(text, (size_t)size);

		assert_string_equal(through_icu, arena_printf(arena, "%se", alone));
		if (c % 256 == 0)
			arena_reset(arena);
	}
}

int main(void)
{
	const struct CMUnitTest normalise[] = {
		cmocka_unit_test_setup_teardown(mail_addresses_get_one_form, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_mail_addresses_say_what_is_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(numbers_of_china_get_one_form, set_up, tear_down),
		cmocka_unit_test_setup_teardown(extensions_are_kept_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			numbers_of_other_countries_need_their_code, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_numbers_say_what_is_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(urls_get_one_form, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_urls_say_what_is_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			credit_codes_are_checked_by_their_last_character, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			one_wrong_character_never_passes_the_check, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_lose_only_needless_space, set_up, tear_down),
		cmocka_unit_test_setup_teardown(name_keys_meet_where_names_are_the_same, set_up, tear_down),
		cmocka_unit_test_setup_teardown(folding_makes_spellings_meet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			folding_takes_any_bytes_and_stops_at_its_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(both_ways_of_folding_agree, set_up, tear_down),
	};

	return cmocka_run_group_tests(normalise, NULL, NULL);
}
