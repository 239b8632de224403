/* What the files of this service share. */
#pragma once
#include "guanxi/customer/v1/customer.pb-c.h"
#include "kit/consumer.h"
#include "kit/job.h"
#include "kit/service.h"

extern const struct resource_ops customer_ops;

/* file.c: bytes in chunks, in the order in which they came. */
#define FILE_CHUNK_MAX (1 << 20)
#define FILE_SIZE_MAX  (1LL << 30)

enum status file_begin(struct request *req);
enum status file_append(struct request *req);
enum status file_finish(struct request *req);
enum status file_read(struct request *req);
/* For our own code: a file of the principal's that is made piece by piece in several transactions. */
enum status file_create(
	struct request *req, const char *name, const char *media_type, uint8_t id_out[16]) MUST_CHECK;
enum status file_add(
	struct request *req, const uint8_t id[16], int chunk, const void *bytes, size_t len) MUST_CHECK;
enum status file_end(struct request *req, const uint8_t id[16]) MUST_CHECK;
/* A chunk of a file that the principal may read. Empty after the last. */
enum status file_chunk(
	struct request *req, const uint8_t id[16], int chunk, struct slice *bytes_out) MUST_CHECK;
/* Size and name of a finished file of the principal's; NOT_FOUND, or CONFLICT when it is not finished. */
enum status file_look(
	struct request *req, const uint8_t id[16], int64_t *size_out, const char **name_out) MUST_CHECK;

/* import.c */
enum status import_create(struct request *req);
enum status import_cancel(struct request *req);
enum status import_step(struct request *req, struct job *job);

/* projection.c: what follows when a customer changes hands. */
enum status ownership_apply(struct request *req, const struct consumer_event *event);
