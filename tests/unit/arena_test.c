#include "kit/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void memory_is_aligned_apart_and_stays_as_it_was_written(void **state)
{
	struct arena *arena = arena_new();
	unsigned char *pieces[3000];

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		size_t size = i * 7 % 701;

		pieces[i] = arena_alloc(arena, size);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		memset(pieces[i], (int)(i % 251), size);
	}
	for (size_t i = 0; i < 3000; i++)
		for (size_t at = 0; at < i * 7 % 701; at++)
			assert_int_equal(pieces[i][at], i % 251);
	arena_free(arena);
}

static void cleared_memory_is_cleared_also_where_it_was_used_before(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++)
			memset(arena_alloc(arena, 100), 0xff, 100);
		arena_reset(arena);
		for (int i = 0; i < 100; i++) {
			const unsigned char *piece = arena_zalloc(arena, 100);

			for (int at = 0; at < 100; at++)
				assert_int_equal(piece[at], 0);
		}
		arena_reset(arena);
	}
	arena_free(arena);
}

static void one_piece_may_be_larger_than_any_block(void **state)
{
	struct arena *arena = arena_new();
	char *large = arena_alloc(arena, 5 << 20);

	(void)state;
	memset(large, 'x', 5 << 20);
	assert_string_equal(arena_strdup(arena, "still works"), "still works");
	assert_int_equal(large[(5 << 20) - 1], 'x');
	arena_free(arena);
}

static char order[16];

static void note(void *letter)
{
	strncat(order, letter, 1);
}

static void what_was_deferred_runs_once_the_last_first_at_reset_and_at_the_end(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	*order = '\0';
	arena_defer(arena, note, "a");
	arena_defer(arena, note, "b");
	arena_defer(arena, note, "c");
	arena_reset(arena);
	assert_string_equal(order, "cba");
	arena_reset(arena);
	assert_string_equal(order, "cba");
	arena_defer(arena, note, "d");
	arena_free(arena);
	assert_string_equal(order, "cbad");
	arena_free(NULL);
}

static void copies_end_in_nul_and_keep_what_is_within(void **state)
{
	struct arena *arena = arena_new();
	const char *copy = arena_strndup(arena, "a\0b", 3);

	(void)state;
	assert_memory_equal(copy, "a\0b\0", 4);
	assert_string_equal(arena_strndup(arena, "abc", 0), "");
	assert_string_equal(arena_printf(arena, "%s %d %%", "客户", 7), "客户 7 %");
	char *long_text = arena_printf(arena, "%0*d", 100000, 7);

	assert_int_equal(strlen(long_text), 100000);
	assert_int_equal(long_text[99999], '7');
	arena_free(arena);
}

static void a_buffer_grows_and_always_ends_in_nul(void **state)
{
	struct arena *arena = arena_new();
	struct buffer buffer = { .arena = arena };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		buffer_printf(&buffer, "%d,", i % 10);
		assert_int_equal(buffer.len, (size_t)(i + 1) * 2);
		assert_int_equal(buffer.data[buffer.len], '\0');
	}
	for (int i = 0; i < 20000; i++)
		assert_int_equal(buffer.data[2 * i], '0' + i % 10);
	buffer_add(&buffer, "a\0b", 3);
	buffer_add_text(&buffer, "c");
	assert_memory_equal(buffer.data + 40000, "a\0bc", 5);
	char *room = buffer_reserve(&buffer, 1 << 20);

	memset(room, 'y', 1 << 20);
	buffer.len += 1 << 20;
	assert_int_equal(buffer.data[buffer.len - 1], 'y');
	assert_int_equal(buffer.data[0], '0');
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_apart_and_stays_as_it_was_written),
		cmocka_unit_test(cleared_memory_is_cleared_also_where_it_was_used_before),
		cmocka_unit_test(one_piece_may_be_larger_than_any_block),
		cmocka_unit_test(what_was_deferred_runs_once_the_last_first_at_reset_and_at_the_end),
		cmocka_unit_test(copies_end_in_nul_and_keep_what_is_within),
		cmocka_unit_test(a_buffer_grows_and_always_ends_in_nul),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
