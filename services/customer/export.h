/*
 * A list as a file, piece by piece: what a job leaves of a form between two steps is in `struct export`, so
 * that another process can go on. One form is one row of a table (export_form()).
 */
#pragma once
#include "customer/customer.h"
#include "kit/query.h"

/* In a job's arguments, beside what an ExportRequest has: the language of labels. */
enum { EXPORT_LOCALE = 100 };
enum export_format { EXPORT_CSV = 1, EXPORT_NDJSON, EXPORT_XLSX };

/* Kept between steps; no pointers. */
struct export_state {
	uint8_t file[16];
	int32_t chunks;
	uint32_t crc;   /* XLSX: of the sheet so far, */
	int64_t rows;   /* without the heading */
	int64_t plain;  /* its bytes, */
	int64_t packed; /* what they became, */
	int64_t row;    /* and its rows that were begun */
};

struct export
{
	struct request *req;
	const struct schema_resource *resource;
	const struct schema_field **fields;
	size_t field_count;
	enum language language;
	struct export_state at;
	struct buffer out;   /* what this step adds to the file */
	struct buffer sheet; /* XLSX: what it adds to the sheet, before it is packed */
};

/* What the schema calls a field, in the language of who asked. */
const char *export_label(const struct export *e, struct schema_text text);

struct export_form {
	const char *extension, *media_type;
	int64_t rows_max; /* 0: as many as there are */
	void (*begin)(struct export *e);
	/* `titles` has for each field the title of what it refers to, or NULL. */
	void (*row)(struct export *e, const struct record *record, const char *const *titles);
	/* What the step wrote is complete in itself; then, at the end, the end of the file. */
	void (*flush)(struct export *e);
	void (*end)(struct export *e);
};
/* xlsx.c */
#define XLSX_ROWS_MAX 1048575 /* ECMA-376 18.3.1.73: 1,048,576 rows, one of them the heading */
void xlsx_begin(struct export *e);
void xlsx_row(struct export *e, const struct record *record, const char *const *titles);
void xlsx_flush(struct export *e);
void xlsx_end(struct export *e);

/* NULL: there is no such format. */
const struct export_form *export_form(int64_t format);

/* A value as a cell has it: labels of choices, titles, the parts of a list divided by semicolons. */
struct slice export_cell(
	struct export *e, const struct schema_field *f, const struct record *record, const char *title);
