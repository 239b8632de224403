#include "kit/problem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <jansson.h>
#include <string.h>

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	schema_get();
	arena = arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* A three-byte sequence that begins with 0xe4..0xe9 is a CJK ideograph (U+4000..U+9FFF). */
static bool has_chinese(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0xe4 && (unsigned char)*text <= 0xe9)
			return true;
	return false;
}

static unsigned placeholders(const char *text)
{
	unsigned found = 0;

	for (; (text = strchr(text, '{')); text++)
		if (isdigit((unsigned char)text[1]) && text[2] == '}')
			found |= 1u << (text[1] - '0');
	return found;
}

static void each_message_is_complete_in_both_languages(void **state)
{
	(void)state;
	for (enum message m = 0; m < MSG_COUNT; m++) {
		const char *en = message_text(m, LANGUAGE_EN), *zh = message_text(m, LANGUAGE_ZH);

		if (!*en || has_chinese(en) || !has_chinese(zh))
			fail_msg("%s: \"%s\" / \"%s\"", message_code(m), en, zh);
		if (placeholders(en) != placeholders(zh) || placeholders(en) >= 1u << PROBLEM_ARGUMENTS_MAX)
			fail_msg("%s: the languages use other arguments", message_code(m));
		if (placeholders(en) & (placeholders(en) + 1))
			fail_msg("%s: an argument is skipped", message_code(m));
	}
}

static void codes_are_unique_and_plain(void **state)
{
	(void)state;
	for (enum message m = 0; m < MSG_COUNT; m++) {
		assert_int_equal(message_find(message_code(m)), m);
		assert_int_equal(strspn(message_code(m), "abcdefghijklmnopqrstuvwxyz_0123456789"),
			strlen(message_code(m)));
	}
	assert_int_equal(message_find("no such code"), MSG_COUNT);
}

static void each_status_has_a_code_in_the_catalogue(void **state)
{
	(void)state;
	for (enum status s = INVALID; s < STATUS_COUNT; s++)
		assert_true(message_find(status_code(s)) < MSG_COUNT);
}

static struct problem *sample(void)
{
	const struct schema_resource *users = schema_resource_find("users"),
				     *customers = schema_resource_find("customers");
	struct problem *problem = problem_new(arena, MSG_STALE_VERSION, "7", NULL);

	problem_add_error(problem, "/ownerId", MSG_BAD_REFERENCE, problem_resource_label(arena, users), NULL);
	problem_add_error(problem, "/creditCode", MSG_DUPLICATE,
		problem_field_label(
			arena, customers->message, schema_field_find(customers->message, "creditCode", 10)),
		NULL);
	problem_add_error(problem, "/a\"b", MSG_UNKNOWN_FIELD, "a\"b\n", "name", NULL);
	problem->version = 7;
	problem->retry_after_s = 3;
	return problem;
}

static json_t *render(const struct problem *problem, enum language language)
{
	struct buffer out = { .arena = arena };

	problem_to_json(problem, STALE, language, "4bf92f3577b34da6a3ce929d0e0e4736", &out);
	json_t *json = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(json);
	return json;
}

static const char *text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void a_problem_is_told_in_the_language_asked_for(void **state)
{
	json_t *zh = render(sample(), LANGUAGE_ZH), *en = render(sample(), LANGUAGE_EN);
	json_t *errors = json_object_get(zh, "errors");

	(void)state;
	assert_string_equal(text(zh, "title"), "已被他人修改");
	assert_string_equal(text(en, "title"), "Changed by someone else");
	assert_int_equal(json_integer_value(json_object_get(zh, "status")), 412);
	assert_string_equal(text(zh, "code"), "stale_version");
	assert_string_equal(text(zh, "type"), "/api/problems/stale_version");
	assert_string_equal(text(zh, "version"), "7");
	assert_non_null(strstr(text(zh, "detail"), "当前版本 7"));
	assert_string_equal(
		text(json_array_get(errors, 0), "message"), "所选用户不存在或您无权查看，请重新选择。");
	assert_non_null(strstr(text(json_array_get(errors, 1), "message"), "统一社会信用代码"));
	assert_string_equal(text(json_array_get(errors, 2), "pointer"), "/a\"b");
	assert_string_equal(text(json_array_get(json_object_get(en, "errors"), 2), "message"),
		"There is no field \"a\"b \". Known are: name.");
	json_decref(zh);
	json_decref(en);
}

static void a_problem_survives_the_way_between_processes(void **state)
{
	struct buffer wire = { .arena = arena };
	struct problem *back;

	(void)state;
	problem_to_wire(sample(), &wire);
	assert_true(problem_from_wire(wire.data, wire.len, arena, &back));
	assert_int_equal(back->retry_after_s, 3);
	json_t *before = render(sample(), LANGUAGE_ZH), *after = render(back, LANGUAGE_ZH);

	assert_true(json_equal(before, after));
	json_decref(before);
	json_decref(after);
	assert_false(problem_from_wire(wire.data, wire.len - 1, arena, &back));
	assert_false(problem_from_wire("", 0, arena, &back));
}

static void a_code_of_a_newer_service_is_told_as_it_is(void **state)
{
	struct buffer wire = { .arena = arena };
	struct problem *back;

	(void)state;
	wire_add_text(&wire, 1, "of_tomorrow");
	assert_true(problem_from_wire(wire.data, wire.len, arena, &back));
	assert_string_equal(problem_text(back, LANGUAGE_EN, arena), "of_tomorrow");
}

static void what_clients_send_is_bounded_and_cut_between_characters(void **state)
{
	struct buffer longer = { .arena = arena };
	struct problem *problem;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buffer_add_text(&longer, "星");
	problem = problem_new(arena, MSG_BAD_VALUE, longer.data, NULL);
	assert_int_equal(strlen(problem->arguments[0]), PROBLEM_ARGUMENT_BYTES / 3 * 3);
	for (int i = 0; i < PROBLEM_ERRORS_MAX; i++)
		assert_true(problem_add_error(problem, "/x", MSG_REQUIRED, NULL));
	assert_false(problem_add_error(problem, "/x", MSG_REQUIRED, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_message_is_complete_in_both_languages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(codes_are_unique_and_plain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_status_has_a_code_in_the_catalogue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_problem_is_told_in_the_language_asked_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_problem_survives_the_way_between_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_code_of_a_newer_service_is_told_as_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_clients_send_is_bounded_and_cut_between_characters, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
