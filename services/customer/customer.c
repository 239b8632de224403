/* What is special about a customer: tags in one form, categories of hand and rule together, completeness. */
#include "customer/customer.h"
#include "customer/rules.h"
#include "kit/normalise.h"
#include "kit/service.h"
#include <string.h>

static const struct schema_field *field_of(const struct record *record, uint32_t number)
{
	return schema_field_by_number(record->resource->message, number);
}

/* --- lists of texts */

struct texts {
	struct slice *at;
	size_t count;
};

static struct texts texts_of(const struct record *record, uint32_t number)
{
	struct slice wire = record->fields[field_of(record, number)->index];
	struct wire_reader reader = wire_reader(wire.data, wire.len);
	struct texts texts = { arena_alloc(record->arena, (wire.len / 2 + 1) * sizeof *texts.at), 0 };
	struct wire_field f;

	while (wire_next(&reader, &f))
		texts.at[texts.count++] = (struct slice){ f.bytes, f.len };
	return texts;
}

static bool has_text(const struct texts *texts, struct slice text)
{
	for (size_t i = 0; i < texts->count; i++)
		if (texts->at[i].len == text.len && !memcmp(texts->at[i].data, text.data, text.len))
			return true;
	return false;
}

static void set_texts(struct record *record, uint32_t number, const struct texts *texts)
{
	struct buffer out = { .arena = record->arena };

	for (size_t i = 0; i < texts->count; i++)
		wire_add_bytes(&out, number, texts->at[i].data, texts->at[i].len);
	record_set_wire(record, number, (struct slice){ out.data, out.len });
}

/* --- tags: VIP and ｖｉｐ are one; the first spelling stays */

static void normalise_tags(struct record *record)
{
	struct texts given = texts_of(record, CUSTOMER_TAGS), kept = { given.at, 0 };
	struct texts seen = { arena_alloc(record->arena, (given.count + 1) * sizeof *seen.at), 0 };

	for (size_t i = 0; i < given.count; i++) {
		struct slice folded = normalise_fold(given.at[i].data, given.at[i].len, record->arena);

		if (has_text(&seen, folded))
			continue;
		seen.at[seen.count++] = folded;
		kept.at[kept.count++] = given.at[i];
	}
	if (kept.count != given.count || given.count)
		set_texts(record, CUSTOMER_TAGS, &kept);
}

/* --- categories */

static enum status check_categories(struct request *req, const struct rules *rules,
	const struct record *before, const struct record *after)
{
	struct texts known = before ? texts_of(before, CUSTOMER_HAND_CATEGORIES) : (struct texts){ NULL, 0 };
	struct texts given = texts_of(after, CUSTOMER_HAND_CATEGORIES);
	enum status status = OK;

	for (size_t i = 0; i < given.count; i++)
		if (!has_text(&known, given.at[i]) &&
			!rules_has_category(rules, given.at[i].data, given.at[i].len))
			status = fail_field(req, arena_printf(req->arena, "/handCategoryIds/%zu", i),
				MSG_BAD_REFERENCE,
				problem_resource_label(req->arena, schema_resource_find("categories")), NULL);
	return status;
}

static void join_categories(struct record *record)
{
	struct texts hand = texts_of(record, CUSTOMER_HAND_CATEGORIES),
		     rule = texts_of(record, CUSTOMER_RULE_CATEGORIES);
	struct texts both = { arena_alloc(record->arena, (hand.count + rule.count + 1) * sizeof *both.at),
		0 };

	for (size_t i = 0; i < hand.count + rule.count; i++) {
		struct slice id = i < hand.count ? hand.at[i] : rule.at[i - hand.count];

		if (!has_text(&both, id))
			both.at[both.count++] = id;
	}
	if (both.count)
		set_texts(record, CUSTOMER_CATEGORIES, &both);
	else
		record_clear(record, CUSTOMER_CATEGORIES);
}

/* --- completeness */

bool completeness_set(const struct rules *rules, struct record *record)
{
	const struct policy *policy = rules_policy(rules, record_number(record, CUSTOMER_STAGE));
	struct buffer missing = { .arena = record->arena };
	struct slice old_missing = record->fields[field_of(record, CUSTOMER_MISSING)->index];
	int64_t old =
		record_has(record, CUSTOMER_COMPLETENESS) ? record_number(record, CUSTOMER_COMPLETENESS) : -1;
	int total = 0, have = 0;

	for (size_t i = 0; policy && i < policy->count; i++) {
		bool has = record->fields[policy->fields[i].field->index].len;

		total += policy->fields[i].weight;
		have += has ? policy->fields[i].weight : 0;
		if (!has)
			wire_add_text(&missing, CUSTOMER_MISSING, policy->fields[i].field->json_name);
	}
	int score = total ? have * 100 / total : -1; /* no policy, no score */

	if (total)
		record_set_number(record, CUSTOMER_COMPLETENESS, score);
	else
		record_clear(record, CUSTOMER_COMPLETENESS);
	record_set_wire(record, CUSTOMER_MISSING, (struct slice){ missing.data, missing.len });
	return old != score || old_missing.len != missing.len ||
	       (missing.len && memcmp(old_missing.data, missing.data, missing.len));
}

/* Into a stage whose policy refuses a record that lacks what it must have. */
static enum status check_stage(struct request *req, const struct rules *rules, const struct record *before,
	const struct record *after)
{
	int64_t stage = record_number(after, CUSTOMER_STAGE);
	const struct policy *policy = rules_policy(rules, stage);
	enum status status = OK;

	if (!policy || !policy->refuses || (before && record_number(before, CUSTOMER_STAGE) == stage))
		return OK;
	const struct schema_enum_value *value =
		schema_enum_by_number(field_of(after, CUSTOMER_STAGE)->enumeration, (int32_t)stage);

	for (size_t i = 0; i < policy->count; i++) {
		const struct schema_field *f = policy->fields[i].field;

		if (policy->fields[i].must && !after->fields[f->index].len)
			status = fail_field(req, arena_printf(req->arena, "/%s", f->json_name),
				MSG_STAGE_NEEDS_FIELD, value ? value->name : "", NULL);
	}
	return status;
}

/* --- hooks */

static enum status before_write(struct request *req, const struct record *before, struct record *after)
{
	struct rules *rules = rules_hold();
	enum status status = check_categories(req, rules, before, after);

	normalise_tags(after);
	join_categories(after);
	if (check_stage(req, rules, before, after) != OK)
		status = INVALID;
	completeness_set(rules, after);
	rules_release(rules);
	return status;
}

static enum status before_create(struct request *req, struct record *after)
{
	return before_write(req, NULL, after);
}

/* A merged one comes back with the others of its merge, or not at all. */
static enum status before_restore(struct request *req, const struct record *before)
{
	if (!record_has(before, CUSTOMER_MERGED_INTO))
		return OK;
	return fail(req, CONFLICT, MSG_MERGED, record_text(before, CUSTOMER_MERGED_INTO), NULL);
}

const struct resource_ops customer_ops = {
	.before_create = before_create,
	.before_update = before_write,
	.before_restore = before_restore,
	.refresh = rules_refresh,
	.cycle = MSG_PARENT_CYCLE,
};
