/*
 * Undoing what a job did to many records (kit/bulk.h): each gets back the values that the job took from it,
 * by the log's event of that change; what was edited since is left alone and listed with the others that
 * could not be. Itself a job, with the same figures and the same file; undoing that one does it all again.
 */
#pragma once
#include "kit/bulk.h"

#define BULK_UNDO_KIND "bulk-undo"

/* Whether the job that the request names went over rows like that; false also when there is no such job. */
enum status bulk_undo_fits(struct request *req, bool *fits_out) MUST_CHECK;
/* The method "<service>.RevertJob": makes the job. In a work lane's transaction. */
enum status bulk_undo_start(struct request *req) MUST_CHECK;
enum status bulk_undo_step(struct request *req, struct job *job, const struct job_files *files) MUST_CHECK;
