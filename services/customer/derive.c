/*
 * Categories by rule and completeness follow from a customer, the rules and the policies. After each change
 * of a customer the consumer of our own stream looks again; after a change of a rule or policy a job goes
 * through all. Neither needs a lock: a write of either is a change too, which the consumer looks at once
 * more, so that what one of them wrote too late is put right.
 */
#include "customer/customer.h"
#include "customer/rules.h"
#include "kit/engine.h"
#include "kit/uuid.h"
#include <stdlib.h>
#include <string.h>

#define PAGE 200

static const struct schema_resource *customers(void)
{
	return schema_resource_find("customers");
}

struct table *customer_table(void)
{
	return service_own_table(customers());
}

/* What the row says and what it should say. */
static bool is_right(const struct rules *rules, struct record *record, struct slice rule_ids)
{
	const struct schema_field *f = schema_field_by_number(customers()->message, CUSTOMER_RULE_CATEGORIES);
	struct slice is = record->fields[f->index];
	bool same = is.len == rule_ids.len && (!is.len || !memcmp(is.data, rule_ids.data, is.len));

	return !completeness_set(rules, record) && same;
}

static struct slice matching_ids(struct request *req, const struct rules *rules, const bool *matches)
{
	struct buffer out = { .arena = req->arena };

	for (size_t i = 0; i < rules->by_rule_count; i++)
		if (matches[i])
			wire_add_text(&out, CUSTOMER_RULE_CATEGORIES, rules->by_rule_ids[i]);
	return (struct slice){ out.data, out.len };
}

static struct change change_of(struct request *req, const uint8_t id[16], struct slice rule_ids)
{
	static const uint32_t fields[] = { CUSTOMER_RULE_CATEGORIES };
	struct change change = { .verb = VERB_UPDATE,
		.patch = record_new(customers(), req->arena),
		.fields = fields,
		.field_count = 1 };

	record_set_wire(change.patch, CUSTOMER_RULE_CATEGORIES, rule_ids);
	memcpy(change.id, id, 16);
	return change;
}

static enum status put_right(struct request *req, struct change *changes, size_t count)
{
	if (count)
		TRY(engine_change_many(req, customers(), changes, count));
	for (size_t i = 0; i < count; i++)
		if (changes[i].status != OK && changes[i].status != NOT_FOUND) /* deleted meanwhile */
			return changes[i].status;
	return OK;
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* In order and each once; returns how many are left. */
static size_t sort_ids(uint8_t (*ids)[16], size_t count)
{
	size_t kept = 0;

	qsort(ids, count, 16, compare_ids);
	for (size_t i = 0; i < count; i++)
		if (!kept || memcmp(ids[kept - 1], ids[i], 16))
			memmove(ids[kept++], ids[i], 16);
	return kept;
}

/* The ids are in order. */
static enum status derive(
	struct request *req, const struct rules *rules, const uint8_t (*ids)[16], size_t count)
{
	bool *matches = arena_alloc(req->arena, (count * rules->by_rule_count + 1) * sizeof *matches);
	struct change *changes = arena_alloc(req->arena, count * sizeof *changes);
	struct table *table = customer_table();
	struct db_params params = { .arena = req->arena };
	size_t wrong = 0;
	PGresult *rows;

	TRY(rule_match(req, table, rules->by_rule, rules->by_rule_count, ids, count, matches));
	db_bind_uuids(&params, ids, count, 16);
	TRY(db_run(req->db, req->arena, &table->get, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		struct record *record = table_record(table, rows, row, req->arena);
		const uint8_t(*id)[16] =
			bsearch(record_uuid(record, STANDARD_ID), ids, count, 16, compare_ids);
		size_t at = (size_t)(id - ids);
		struct slice rule_ids = matching_ids(req, rules, matches + at * rules->by_rule_count);

		if (!record_has(record, STANDARD_DELETE_TIME) && !is_right(rules, record, rule_ids))
			changes[wrong++] = change_of(req, ids[at], rule_ids);
	}
	return put_right(req, changes, wrong);
}

/* --- the consumer */

/* One that waits will see what is true when it begins. */
static enum status want_job(struct request *req)
{
	static const struct db_statement waiting = {
		"SELECT FROM job WHERE kind = 'customer-derive' AND state = 1 AND delete_time IS NULL LIMIT 1"
	};
	struct record *after;
	PGresult *rows;

	TRY(db_run(req->db, req->arena, &waiting, NULL, &rows));
	if (PQntuples(rows))
		return OK;
	TRY(job_create(req, "customer-derive", record_new(schema_resource_find("jobs"), req->arena),
		(struct slice){ "", 0 }, &after));
	service_wake_jobs();
	return OK;
}

/* A new customer whom no rule could concern, scored by the policy of now, needs no look at the database: an
 * import makes ten thousand a second. */
static bool is_right_as_created(const struct rules *rules, const struct consumer_event *event)
{
	return !event->before && event->after && !rules->by_rule_count &&
	       !completeness_set(rules, record_copy(event->after));
}

static enum status derive_customers(struct request *req, const struct consumer_event *events, size_t count)
{
	uint8_t(*ids)[16] = arena_alloc(req->arena, count * sizeof *ids);
	size_t wrong = 0;

	TRY(rules_refresh(req->db));
	struct rules *rules = rules_hold();

	for (size_t i = 0; i < count; i++)
		if (events[i].resource && events[i].version &&
			!strcmp(events[i].resource->collection, "customers") &&
			!is_right_as_created(rules, &events[i]))
			memcpy(ids[wrong++], events[i].subject_id, 16);
	wrong = sort_ids(ids, wrong);
	enum status status = wrong ? derive(req, rules, (const uint8_t(*)[16])ids, wrong) : OK;

	rules_release(rules);
	return status;
}

static bool changes_all(const struct consumer_event *event)
{
	if (!event->resource || !event->version)
		return false;
	if (!strcmp(event->resource->collection, "categories"))
		return consumer_event_names(event, "rule") || consumer_event_names(event, "deleteTime");
	return !strcmp(event->resource->collection, "fieldPolicies");
}

enum status derive_apply(struct request *req, const struct consumer_event *events, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (changes_all(&events[i]))
			TRY(want_job(req));
	return derive_customers(req, events, count);
}

/* --- the job */

enum status derive_step(struct request *req, struct job *job)
{
	static const struct db_statement page = { "SELECT id FROM customer WHERE id > $1::uuid AND "
						  "delete_time IS NULL ORDER BY id LIMIT $2::int" };
	static const uint8_t beginning[16];
	struct db_params params = { .arena = req->arena };
	uint8_t ids[PAGE][16];
	PGresult *rows;

	db_bind_uuid(&params, job->checkpoint.len == 16 ? (const uint8_t *)job->checkpoint.data : beginning);
	db_bind_int4(&params, PAGE);
	TRY(db_run(req->db, req->arena, &page, &params, &rows));
	int count = PQntuples(rows);

	for (int row = 0; row < count; row++)
		memcpy(ids[row], db_bytes(rows, row, 0).data, 16);
	TRY(rules_refresh(req->db));
	struct rules *rules = rules_hold();
	enum status status = count ? derive(req, rules, (const uint8_t(*)[16])ids, (size_t)count) : OK;

	rules_release(rules);
	TRY(status);
	if (count)
		job_keep(job, ids[count - 1], 16);
	job_set_number(job, JOB_DONE, record_number(job->record, JOB_DONE) + count);
	job->finished = count < PAGE;
	return OK;
}
