/* What the files of this service share. */
#pragma once
#include "guanxi/customer/v1/customer.pb-c.h"
#include "guanxi/customer/v1/relation.pb-c.h"
#include "kit/consumer.h"
#include "kit/job.h"
#include "kit/service.h"

/* Field numbers of guanxi.customer.v1.Customer that this service's code names. */
enum customer_field {
	CUSTOMER_NAME = 16,
	CUSTOMER_STAGE = 18,
	CUSTOMER_PHONES = 19,
	CUSTOMER_EMAILS = 20,
	CUSTOMER_CREDIT_CODE = 22,
	CUSTOMER_TAGS = 41,
	CUSTOMER_HAND_CATEGORIES = 43,
	CUSTOMER_RULE_CATEGORIES = 44,
	CUSTOMER_CATEGORIES = 45,
	CUSTOMER_COMPLETENESS = 46,
	CUSTOMER_MISSING = 47,
	CUSTOMER_MERGED_INTO = 48,
};

struct rules;

extern const struct resource_ops customer_ops;
/* The engine's table of customers, in this process. */
struct table *customer_table(void);
/* Scores a record by the policy of its stage; whether that changed it. */
bool completeness_set(const struct rules *rules, struct record *record);

extern const struct resource_ops category_ops, policy_ops, relationship_ops, duplicate_ops;

/* derive.c: categories by rule and completeness, held to be true: after each change of a customer, and of all
 * customers after a change of a rule or policy. */
enum status derive_apply(struct request *req, const struct consumer_event *events, size_t count);
enum status derive_step(struct request *req, struct job *job);

/* duplicate.c */
enum status duplicate_apply(struct request *req, const struct consumer_event *events, size_t count);
enum status duplicate_find(struct request *req);

/* merge.c, graph.c, tag.c: methods. */
enum status merge_customers(struct request *req);
enum status merge_undo(struct request *req);
enum status graph_get(struct request *req);
enum status tag_suggest(struct request *req);

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
/* Size, name and fingerprint of the headings (NULL: none) of a finished file of the principal's; NOT_FOUND,
 * or CONFLICT when it is not finished. */
enum status file_look(struct request *req, const uint8_t id[16], int64_t *size_out, const char **name_out,
	const char **headings_out) MUST_CHECK;
/* In as many chunks as it takes; counts them. */
enum status file_add_all(
	struct request *req, const uint8_t id[16], int32_t *chunks, const void *bytes, size_t len) MUST_CHECK;
/* From then on it is not found, and goes. */
enum status file_expire(struct request *req, const uint8_t id[16], int64_t at_us) MUST_CHECK;

/* refused.c: what a job keeps of its file of refused rows; all zero until there is one. */
struct refused {
	uint8_t id[16];
	int32_t chunks;
};
void refused_add(struct request *req, struct buffer *rows, const struct slice *cells, size_t count,
	const struct problem *problem);
/* Appends rows, behind the headings if they are the first ones. */
enum status refused_keep(struct request *req, struct refused *file, const struct slice *headings,
	size_t columns, const struct buffer *rows, const char *name) MUST_CHECK;
/* A problem's sentence in both languages. */
const char *refused_text(struct request *req, const struct problem *problem);

/* transfer.c: the methods that make jobs, and end them. */
enum status transfer_import(struct request *req);
enum status transfer_export(struct request *req);
/* Whether an API key may undo that job: it needs the scope for what is changed. */
enum status transfer_check_scope(struct request *req);
enum status transfer_revert(struct request *req);
enum status transfer_cancel(struct request *req);
/* The records that a job deals with. */
const struct schema_resource *transfer_resource(const struct job *job);

/* One step of each: import.c, export.c, revert.c. */
enum status import_step(struct request *req, struct job *job);
enum status export_step(struct request *req, struct job *job);
enum status revert_step(struct request *req, struct job *job);

/* projection.c: what follows when a customer changes hands. */
enum status ownership_apply(struct request *req, const struct consumer_event *event);
