#include "deploy/cli/cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum { COLUMNS_MAX = 16, GAP = 2 };

/* Columns of the terminal that a text takes: a Chinese character takes two. */
static int width_of(const char *text)
{
	wchar_t wide[512];
	size_t count = mbstowcs(wide, text, 511);

	if (count == (size_t)-1)
		return (int)strlen(text);
	int width = wcswidth(wide, count);

	return width < 0 ? (int)count : width;
}

static const char *joined(struct cli *cli, json_t *array)
{
	struct buffer out = { .arena = cli->arena };
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item) buffer_printf(
		&out, "%s%s", i ? "," : "", json_string_value(item) ? json_string_value(item) : "…");
	return arena_strndup(cli->arena, out.data, out.len);
}

static const char *cell(struct cli *cli, json_t *row, const char *member)
{
	json_t *value = json_object_get(row, member);

	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		return arena_printf(cli->arena, "%lld", (long long)json_integer_value(value));
	if (json_is_real(value))
		return arena_printf(cli->arena, "%.1f", json_real_value(value));
	if (json_is_array(value))
		return joined(cli, value);
	return json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-";
}

static void print_cell(const char *text, int width, bool is_last)
{
	fputs(text, stdout);
	if (!is_last)
		printf("%*s", width - width_of(text) + GAP, "");
}

static const char *heading(const struct cli *cli, const struct column *column)
{
	return cli->language == LANGUAGE_ZH ? column->zh : column->en;
}

static void print_table(struct cli *cli, json_t *rows, const struct column *columns)
{
	int widths[COLUMNS_MAX];
	size_t count = 0, i;
	json_t *row;

	for (; columns[count].member && count < COLUMNS_MAX; count++) {
		widths[count] = width_of(heading(cli, &columns[count]));
		json_array_foreach(rows, i, row)
		{
			int width = width_of(cell(cli, row, columns[count].member));

			if (width > widths[count])
				widths[count] = width;
		}
	}
	for (size_t c = 0; c < count; c++)
		print_cell(heading(cli, &columns[c]), widths[c], c + 1 == count);
	putchar('\n');
	json_array_foreach(rows, i, row)
	{
		for (size_t c = 0; c < count; c++)
			print_cell(cell(cli, row, columns[c].member), widths[c], c + 1 == count);
		putchar('\n');
	}
}

int show_rows(struct cli *cli, json_t *rows, const struct column *columns)
{
	if (cli->json) {
		json_dumpf(rows, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_table(cli, rows, columns);
	}
	json_decref(rows);
	return CODE_DONE;
}
