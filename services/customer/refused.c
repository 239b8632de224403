/* The file of refused rows: each as it was, and why, so that it can be corrected and sent again. */
#include "customer/customer.h"
#include "kit/csv.h"
#include <string.h>

/* Whoever reads it later may read the other language. */
const char *refused_text(struct request *req, const struct problem *problem)
{
	return arena_printf(req->arena, "%s | %s", problem_text(problem, LANGUAGE_ZH, req->arena),
		problem_text(problem, LANGUAGE_EN, req->arena));
}

static struct slice reason_of(struct request *req, const struct problem *problem)
{
	struct buffer out = { .arena = req->arena };

	if (problem && !problem->error_count)
		buffer_add_text(&out, refused_text(req, problem));
	for (size_t i = 0; problem && i < problem->error_count; i++)
		buffer_printf(&out, "%s%s: %s | %s", i ? "\n" : "", problem->errors[i].pointer + 1,
			problem_error_text(&problem->errors[i], LANGUAGE_ZH, req->arena),
			problem_error_text(&problem->errors[i], LANGUAGE_EN, req->arena));
	return (struct slice){ out.data, out.len };
}

static void add_row(
	struct request *req, struct buffer *out, const struct slice *cells, size_t count, struct slice reason)
{
	struct slice *row = arena_alloc(req->arena, (count + 1) * sizeof *row);

	memcpy(row, cells, count * sizeof *row);
	row[count] = reason;
	csv_write_row(out, ',', row, count + 1);
}

void refused_add(struct request *req, struct buffer *rows, const struct slice *cells, size_t count,
	const struct problem *problem)
{
	add_row(req, rows, cells, count, reason_of(req, problem));
}

enum status refused_keep(struct request *req, struct refused *file, const struct slice *headings,
	size_t columns, const struct buffer *rows, const char *name)
{
	struct buffer out = { .arena = req->arena };

	if (!rows->len)
		return OK;
	if (!file->chunks) {
		TRY(file_create(req, arena_printf(req->arena, "refused-%s", name ? name : "rows.csv"),
			"text/csv; charset=utf-8", file->id));
		buffer_add_text(&out, CSV_BYTE_ORDER_MARK);
		add_row(req, &out, headings, columns, (struct slice){ "guanxi:reason", 13 });
	}
	buffer_add(&out, rows->data, rows->len);
	return file_add_all(req, file->id, &file->chunks, out.data, out.len);
}
