#include "kit/arena.h"
#include "kit/pinyin.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/utf8.h>
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

/* All readings of a character, "zhang3 chang2". */
static char *readings_of(const char *character)
{
	struct buffer out = { .arena = arena };
	const uint16_t *readings;
	uint32_t c;
	size_t at = 0, count;

	U8_NEXT_UNSAFE(character, at, c);
	count = pinyin_readings(c, &readings);
	assert_in_range(count, 0, PINYIN_READINGS_MAX);
	buffer_add(&out, "", 0);
	for (size_t i = 0; i < count; i++)
		buffer_printf(&out, "%s%s%u", i ? " " : "", pinyin_syllable(readings[i])->text,
			pinyin_tone(readings[i]));
	return out.data;
}

static void characters_have_all_readings_the_most_frequent_first(void **state)
{
	static const char *const expected[][2] = {
		{ "张", "zhang1" },
		{ "长", "zhang3 chang2" },
		{ "曾", "ceng2 zeng1" },
		{ "单", "dan1 chan2 shan4" },
		{ "解", "jie3 xie4" },
		{ "仇", "chou2 qiu2" },
		{ "重", "zhong4 chong2" },
		{ "行", "xing2 hang2 heng2" },
		{ "銀", "yin2" },
		{ "〇", "ling2" },
		{ "𠀀", "he1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		assert_string_equal(readings_of(expected[i][0]), expected[i][1]);
}

static void u_umlaut_has_three_spellings(void **state)
{
	(void)state;
	assert_string_equal(readings_of("吕"), "lv3 lu3 lyu3");
	assert_string_equal(readings_of("女"), "nv3 nu3 nyu3");
	assert_string_equal(readings_of("略"), "lve4 lue4 lyue4");
}

static void traditional_characters_have_a_simplified_form(void **state)
{
	(void)state;
	assert_int_equal(pinyin_simplified(0x5F35), 0x5F20); /* 張 张 */
	assert_int_equal(pinyin_simplified(0x5FA9), 0x590D); /* 復 复; Unihan names 復 itself too */
	assert_int_equal(pinyin_simplified(0x5F20), 0x5F20);
	assert_int_equal(pinyin_simplified(0x61), 0x61);
	assert_int_equal(pinyin_simplified(0x20000), 0x20000);
}

static void what_is_not_han_has_no_readings(void **state)
{
	(void)state;
	assert_string_equal(readings_of("a"), "");
	assert_string_equal(readings_of("タ"), "");
	assert_string_equal(readings_of("한"), "");
	assert_string_equal(readings_of("😀"), "");
	assert_string_equal(readings_of("\xF4\x8F\xBF\xBF"), "");
}

/* Every code point: the tables hold no reading that is no syllable, no doubles, no wrong tone. */
static void the_tables_hold_together(void **state)
{
	size_t characters = 0;

	(void)state;
	for (uint32_t c = 0; c <= 0x10FFFF; c++) {
		const uint16_t *readings;
		size_t count = pinyin_readings(c, &readings);

		characters += count > 0;
		for (size_t i = 0; i < count; i++) {
			const struct pinyin_syllable *syllable = pinyin_syllable(readings[i]);

			assert_int_equal(syllable->size, strlen(syllable->text));
			assert_true(pinyin_is_syllable(syllable->text, syllable->size));
			assert_in_range(pinyin_tone(readings[i]), 1, 5);
			for (size_t j = 0; j < i; j++)
				assert_true(readings[i] / 8 != readings[j] / 8);
		}
	}
	assert_in_range(characters, 41000, 80000);
}

static void syllables_and_their_beginnings_are_known(void **state)
{
	(void)state;
	assert_true(pinyin_is_syllable("xian", 4));
	assert_true(pinyin_is_syllable("xi", 2));
	assert_true(pinyin_is_syllable("a", 1));
	assert_false(pinyin_is_syllable("zh", 2));
	assert_true(pinyin_begins_syllable("zh", 2));
	assert_true(pinyin_begins_syllable("zhuan", 5));
	assert_false(pinyin_begins_syllable("zhuangx", 7));
	assert_false(pinyin_begins_syllable("v", 1));
	assert_false(pinyin_begins_syllable("", 0));
}

static int by_sort_key(const char *a, const char *b)
{
	return strcmp(pinyin_sort_key(a, strlen(a), arena), pinyin_sort_key(b, strlen(b), arena));
}

static void names_sort_as_a_chinese_reader_expects(void **state)
{
	static const char *const sorted[] = {
		"3M中国",
		"阿里巴巴",
		"Acme",
		"acme 2",
		"鲍勃",
		"长沙银行",
		"成都",
		"重庆银行",
		"李白",
		"李四",
		"Lily",
		"林",
		"邱",
		"仇英",
		"单雄信",
		"上海",
		"厦门",
		"解缙",
		"新华",
		"曾国藩",
		"张三",
		"长孙无忌",
		"Ω",
	};

	(void)state;
	for (size_t i = 1; i < sizeof sorted / sizeof *sorted; i++)
		if (by_sort_key(sorted[i - 1], sorted[i]) >= 0)
			fail_msg("%s should be before %s", sorted[i - 1], sorted[i]);
}

static void those_of_one_surname_stay_together(void **state)
{
	(void)state;
	assert_true(by_sort_key("李子", "李白") > 0);
	/* 黎 and 李 differ in tone, so no given name brings them into one another. */
	assert_true(by_sort_key("黎子", "李白") < 0);
	/* 力 and 历 are both li4: by code point. */
	assert_true(by_sort_key("力子", "历安") < 0);
}

static void surnames_are_read_as_such_only_at_the_beginning(void **state)
{
	(void)state;
	assert_true(strncmp(pinyin_sort_key("曾", 3, arena), "zeng1", 5) == 0);
	assert_true(strncmp(pinyin_sort_key("不曾", 6, arena), "bu4不ceng2", 11) == 0);
	assert_true(strncmp(pinyin_sort_key("万俟", 6, arena), "mo4万qi2", 9) == 0);
	assert_true(strncmp(pinyin_sort_key("万科", 6, arena), "wan4", 4) == 0);
}

static void a_sort_key_is_bounded_and_whole(void **state)
{
	struct buffer name = { .arena = arena };

	(void)state;
	for (int i = 0; i < 500; i++)
		buffer_add_text(&name, "张");
	const char *key = pinyin_sort_key(name.data, name.len, arena);

	assert_in_range(strlen(key), PINYIN_SORT_KEY_MAX - 12, PINYIN_SORT_KEY_MAX);
	assert_memory_equal(key + strlen(key) - 3, "张", 3);
	assert_string_equal(pinyin_sort_key("", 0, arena), "");
}

static void case_and_accents_do_not_sort(void **state)
{
	(void)state;
	assert_int_equal(by_sort_key("Élan", "elan"), 0);
	assert_int_equal(by_sort_key("ＡＣＭＥ", "acme"), 0);
}

int main(void)
{
	const struct CMUnitTest pinyin[] = {
		cmocka_unit_test_setup_teardown(
			characters_have_all_readings_the_most_frequent_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(u_umlaut_has_three_spellings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			traditional_characters_have_a_simplified_form, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_han_has_no_readings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_tables_hold_together, set_up, tear_down),
		cmocka_unit_test_setup_teardown(syllables_and_their_beginnings_are_known, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_sort_as_a_chinese_reader_expects, set_up, tear_down),
		cmocka_unit_test_setup_teardown(those_of_one_surname_stay_together, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			surnames_are_read_as_such_only_at_the_beginning, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_sort_key_is_bounded_and_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(case_and_accents_do_not_sort, set_up, tear_down),
	};

	return cmocka_run_group_tests(pinyin, NULL, NULL);
}
