/*
 * What policies and categories ask of a customer, kept in memory by every process of the service: hooks run
 * no SQL. rules_refresh() brings it up to date before each group of writes by reading one number; whoever
 * uses it holds a version of it.
 */
#pragma once
#include "customer/customer.h"
#include "kit/rule.h"

struct policy_field {
	const struct schema_field *field;
	int weight;
	bool must;
};

struct policy {
	int64_t stage;
	bool refuses;
	struct policy_field *fields;
	size_t count;
};

struct category {
	char id[37];
	struct rule rule; /* without conditions: by hand alone */
};

struct rules {
	struct arena *arena;
	int references; /* atomic */
	int64_t version;
	struct policy *policies;
	size_t policy_count;
	struct category *categories; /* live ones, in bytewise order of their ids */
	size_t category_count;
	struct rule *by_rule; /* of those that have one, in the same order */
	const char **by_rule_ids;
	size_t by_rule_count;
};

enum status rules_refresh(struct db *db) MUST_CHECK;
/* The latest that this process read; never NULL. */
struct rules *rules_hold(void);
void rules_release(struct rules *rules);

/* NULL when no policy speaks of that stage. */
const struct policy *rules_policy(const struct rules *rules, int64_t stage);
bool rules_has_category(const struct rules *rules, const char *id, size_t len);
