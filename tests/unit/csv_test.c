#include "kit/csv.h"
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

static const struct csv_format comma = { CSV_UTF_8, ',' };

/* Rows as text: fields in brackets, the row's number in front; an error as its code and place. */
static char *read_in_chunks(const struct csv_format *format, const char *bytes, size_t size, size_t chunk)
{
	struct csv_reader *reader = csv_open(format, arena);
	struct buffer out = { .arena = arena };
	enum csv_result got = CSV_MORE;
	struct csv_row row;

	buffer_add(&out, "", 0);
	for (size_t at = 0; got == CSV_MORE;) {
		size_t count = size - at < chunk ? size - at : chunk;

		if (count > 0)
			csv_push(reader, memcpy(arena_alloc(arena, count), bytes + at, count), count);
		else
			csv_finish(reader);
		at += count;
		while ((got = csv_next(reader, &row)) == CSV_ROW) {
			buffer_printf(&out, "%llu", (unsigned long long)row.number);
			for (size_t i = 0; i < row.count; i++)
				buffer_printf(&out, "[%.*s]", (int)row.fields[i].len, row.fields[i].data);
		}
	}
	if (got == CSV_FAILED) {
		struct csv_error error = csv_error(reader);

		assert_int_equal(csv_next(reader, &row), CSV_FAILED);
		buffer_printf(&out, "!%s row %llu column %u byte %llu", error.code,
			(unsigned long long)error.row, error.column, (unsigned long long)error.byte);
	}
	return out.data;
}

static void assert_reads_bytes(
	const struct csv_format *format, const char *bytes, size_t size, const char *expected)
{
	for (size_t chunk = 1; chunk <= size + 1; chunk += chunk < 9 ? 1 : size)
		assert_string_equal(read_in_chunks(format, bytes, size, chunk), expected);
}

static void assert_reads(const char *text, const char *expected)
{
	assert_reads_bytes(&comma, text, strlen(text), expected);
}

static void rows_end_with_crlf_lf_cr_or_the_file(void **state)
{
	(void)state;
	assert_reads("a,b\r\nc,d\r\n", "1[a][b]2[c][d]");
	assert_reads("a,b\nc,d\n", "1[a][b]2[c][d]");
	assert_reads("a,b\rc,d\r", "1[a][b]2[c][d]");
	assert_reads("a,b\nc,d", "1[a][b]2[c][d]");
	assert_reads("", "");
	assert_reads("a", "1[a]");
}

static void empty_fields_stay(void **state)
{
	(void)state;
	assert_reads("a,,b,\n,\n", "1[a][][b][]2[][]");
	assert_reads("a,", "1[a][]");
	assert_reads("\"\"\n\"\",\"\"", "1[]2[][]");
}

static void blank_lines_are_no_rows_but_count(void **state)
{
	(void)state;
	assert_reads("a\n\n\nb\n", "1[a]4[b]");
	assert_reads("\r\na\r\n\r\nb", "2[a]4[b]");
	assert_reads("\r\ra\r", "3[a]");
}

static void quoted_fields_keep_delimiters_quotes_and_line_breaks(void **state)
{
	(void)state;
	assert_reads("\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\nnext",
		"1[a,b][say \"hi\"][two\r\nlines]2[next]");
	assert_reads("5\" pipe,x", "1[5\" pipe][x]");
}

static void a_byte_order_mark_is_skipped_and_its_beginning_alone_is_not(void **state)
{
	(void)state;
	assert_reads("\xEF\xBB\xBF"
		     "a,b",
		"1[a][b]");
	assert_reads("\xEF\xBB\xBF\"a\"\n", "1[a]");
	assert_reads("\xEF\xBB\xBE"
		     "a,b",
		"1[\xEF\xBB\xBE"
		"a][b]");
	assert_reads("\xEF\xBC\x8C,b", "1[，][b]");
}

static void errors_name_rule_row_column_and_byte(void **state)
{
	(void)state;
	assert_reads("a,b\nc,\"d\ne", "1[a][b]!csv_quote_open row 2 column 2 byte 6");
	assert_reads("a,\"b\"c\n", "!csv_text_after_quote row 1 column 2 byte 5");
	assert_reads("ok\n张,\"\"\"\xC3(\"", "1[ok]!csv_encoding row 2 column 2 byte 10");
	assert_reads("ok\n\xD5\xC5,b", "1[ok]!csv_encoding row 2 column 1 byte 3");
	assert_reads("a\xE5\xBC", "!csv_encoding row 1 column 1 byte 1");
	assert_reads_bytes(&comma, "a\nb\0c", 5, "1[a]!csv_nul row 2 column 1 byte 3");
	assert_reads_bytes(&comma, "a\n\"b\0c\"", 7, "1[a]!csv_nul row 2 column 1 byte 4");
	assert_reads_bytes(&comma, "\"b\"\0", 4, "!csv_nul row 1 column 1 byte 3");
}

static char *repeated(const char *text, size_t times)
{
	struct buffer out = { .arena = arena };

	for (size_t i = 0; i < times; i++)
		buffer_add_text(&out, text);
	return out.data;
}

static void assert_limit(const char *text, const char *code, bool over)
{
	char *got = read_in_chunks(&comma, text, strlen(text), 4096);
	const char *failed = strchr(got, '!');

	assert_int_equal(failed != NULL, over);
	if (over)
		assert_memory_equal(failed + 1, code, strlen(code));
}

static void the_limits_hold_to_the_byte(void **state)
{
	(void)state;
	assert_limit(arena_printf(arena, "%sx", repeated("x,", CSV_COLUMNS_MAX - 1)), "", false);
	assert_limit(arena_printf(arena, "%sx", repeated("x,", CSV_COLUMNS_MAX)), "csv_columns", true);
	assert_limit(repeated("x", CSV_FIELD_BYTES_MAX), "", false);
	assert_limit(repeated("x", CSV_FIELD_BYTES_MAX + 1), "csv_field_bytes", true);
	assert_limit(arena_printf(arena, "\"%s\"", repeated("\"\"", CSV_FIELD_BYTES_MAX + 1)),
		"csv_field_bytes", true);
	char *field = repeated("x", CSV_FIELD_BYTES_MAX);
	char *row = repeated(arena_printf(arena, "%s,", field), CSV_ROW_BYTES_MAX / CSV_FIELD_BYTES_MAX);

	assert_limit(row, "", false);
	assert_limit(arena_printf(arena, "%sy", row), "csv_row_bytes", true);
}

static void gb18030_and_utf_16_are_converted_on_the_way(void **state)
{
	static const struct csv_format gb18030 = { CSV_GB18030, ',' }, utf_16 = { CSV_UTF_16LE, '\t' };

	(void)state;
	assert_reads_bytes(&gb18030, "\xD5\xC5\xC8\xFD,\xB9\xAB\xCB\xBE\n\x95\x32\x82\x36,b", 16,
		"1[张三][公司]2[𠀀][b]");
	assert_reads_bytes(&gb18030, "ok\na,\xD5\xFF", 7, "1[ok]!csv_encoding row 2 column 2 byte 5");
	/* The 1 behind the bad lead byte is no text, wherever the chunk ends. */
	assert_reads_bytes(&gb18030, "ok,\xC5\x31\x38\x30", 7, "!csv_encoding row 1 column 2 byte 3");
	assert_reads_bytes(&gb18030, "ok\n\xD5", 4, "1[ok]!csv_encoding row 2 column 1 byte 3");
	assert_reads_bytes(&utf_16,
		"\xFF\xFE"
		"a\0\t\0\x20\x5F\n\0\x3D\xD8\x00\xDE",
		14, "1[a][张]2[😀]");
}

static void a_long_file_in_gb18030_survives_block_boundaries(void **state)
{
	static const struct csv_format gb18030 = { CSV_GB18030, ',' };
	struct buffer gb = { .arena = arena }, expected = { .arena = arena };

	(void)state;
	for (int i = 1; i <= 4000; i++) {
		buffer_add_text(&gb, "\xD5\xC5,x\xC8\xFD\n");
		buffer_printf(&expected, "%d[张][x三]", i);
	}
	for (size_t chunk = 7; chunk < gb.len; chunk = chunk * 13 + 1)
		assert_string_equal(read_in_chunks(&gb18030, gb.data, gb.len, chunk), expected.data);
}

static void assert_guess(const char *bytes, enum csv_encoding encoding, char delimiter)
{
	struct csv_format guess = csv_guess(bytes, strlen(bytes));

	assert_int_equal(guess.encoding, encoding);
	assert_int_equal(guess.delimiter, delimiter);
}

static void the_format_is_guessed_from_the_beginning(void **state)
{
	(void)state;
	assert_guess("a,b\n1,2\n", CSV_UTF_8, ',');
	assert_guess("a;b\n1,5;2\n", CSV_UTF_8, ';');
	assert_guess("a\tb, c\n1\t2\n", CSV_UTF_8, '\t');
	assert_guess("\"a;b;c;d\",b\n\"x\n;;;\",y\n", CSV_UTF_8, ',');
	assert_guess("姓名,电话\n", CSV_UTF_8, ',');
	assert_guess("\xD0\xD5\xC3\xFB;\xB5\xE7\xBB\xB0\n", CSV_GB18030, ';');
	assert_guess("\xFF\xFE"
		     "a",
		CSV_UTF_16LE, ',');
	assert_guess("", CSV_UTF_8, ',');
}

static char *written(const char *const *cells, size_t count)
{
	struct buffer out = { .arena = arena };
	struct slice fields[8];

	for (size_t i = 0; i < count; i++)
		fields[i] = (struct slice){ cells[i], strlen(cells[i]) };
	csv_write_row(&out, ',', fields, count);
	return out.data;
}

static void written_cells_cannot_become_formulas(void **state)
{
	(void)state;
	assert_string_equal(written((const char *[]){ "=1+1", "+86", "-5", "@x", "\t=1", "\ra" }, 6),
		"'=1+1,'+86,'-5,'@x,'\t=1,\"'\ra\"\r\n");
	assert_string_equal(written((const char *[]){ "＝1+1", "＋86", "－5", "＠x", "（=1）" }, 5),
		"\"'＝1+1\",\"'＋86\",\"'－5\",\"'＠x\",\"（=1）\"\r\n");
	assert_string_equal(written((const char *[]){ "'=1", "'quoted'", "a=b", "=\"a\",b" }, 4),
		"''=1,'quoted',a=b,\"'=\"\"a\"\",b\"\r\n");
}

static void assert_unguards(const char *cell, const char *expected)
{
	struct slice plain = csv_unguarded((struct slice){ cell, strlen(cell) });

	assert_string_equal(arena_strndup(arena, plain.data, plain.len), expected);
}

static void the_guard_comes_off_exactly(void **state)
{
	(void)state;
	assert_unguards("'=1", "=1");
	assert_unguards("''=1", "'=1");
	assert_unguards("'＝1", "＝1");
	assert_unguards("'quoted'", "'quoted'");
	assert_unguards("=1", "=1");
	assert_unguards("'", "'");
	assert_unguards("", "");
}

static void what_was_written_reads_back(void **state)
{
	(void)state;
	char *text = written((const char *[]){ " a ", "b\"c", "\r\n", "", "，", "=x" }, 6);

	assert_reads(text, "1[ a ][b\"c]['\r\n][][，]['=x]");
	assert_reads(written((const char *[]){ "" }, 1), "1[]");
	assert_reads(written((const char *[]){ "\xEF\xBB\xBF" }, 1), "1[\xEF\xBB\xBF]");
}

int main(void)
{
	const struct CMUnitTest csv[] = {
		cmocka_unit_test_setup_teardown(rows_end_with_crlf_lf_cr_or_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(empty_fields_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(blank_lines_are_no_rows_but_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			quoted_fields_keep_delimiters_quotes_and_line_breaks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_byte_order_mark_is_skipped_and_its_beginning_alone_is_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(errors_name_rule_row_column_and_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_limits_hold_to_the_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			gb18030_and_utf_16_are_converted_on_the_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_long_file_in_gb18030_survives_block_boundaries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_format_is_guessed_from_the_beginning, set_up, tear_down),
		cmocka_unit_test_setup_teardown(written_cells_cannot_become_formulas, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_guard_comes_off_exactly, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_written_reads_back, set_up, tear_down),
	};

	return cmocka_run_group_tests(csv, NULL, NULL);
}
