/*
 * The file that an import reads, as rows: CSV by its headings, or NDJSON, which begins with a brace. Kept
 * between the steps of one job, for jobs run one at a time; made anew from the checkpoint when it is not
 * there.
 */
#pragma once
#include "customer/customer.h"
#include "kit/csv.h"

enum import_policy { IMPORT_CREATE = 1, IMPORT_UPDATE, IMPORT_UPSERT, IMPORT_SKIP };

/* A reference that is given by the title of what it refers to. */
struct import_title {
	const struct schema_field *field;
	const char *text;
};

struct import_row {
	struct record *record;
	const uint32_t *fields; /* those that the row names */
	size_t field_count;
	struct buffer titles; /* of struct import_title */
	struct slice *cells;  /* as they were, for the file of refused rows */
	size_t cell_count;
	struct problem *problem; /* it is no record; NULL: it is */
};

struct import_file {
	const struct schema_resource *resource;
	const struct schema_field *key; /* NULL: none */
	const struct slice *headings;   /* also of the file of refused rows */
	size_t columns;
	uint64_t row;  /* read so far, the heading included */
	int64_t bytes; /* read so far */
	bool has_references;
};

/* Whether a file that begins so is NDJSON. */
bool import_is_lines(const char *bytes, size_t len);
/* What may fill a field from one cell. */
bool import_can_fill(const struct schema_field *field);
/* The file of the job with `row` rows behind it. On OK with a problem there is no such file: the job is to
 * end with it. */
enum status import_open(struct request *req, const struct job *job, const uint8_t file[16], uint64_t row,
	const struct import_file **file_out, struct problem **problem_out) MUST_CHECK;
void import_close(void);
/* Reads a chunk while nothing else is under way on the connection; import_next() takes from it. */
enum status import_read_ahead(struct request *req, const uint8_t file[16]) MUST_CHECK;
/* The next row, in the request's arena. CSV_MORE: what was read ahead is used up. CSV_FAILED: import_fault()
 * says why. */
enum csv_result import_next(struct request *req, struct import_row *row_out);
struct problem *import_fault(struct request *req);
