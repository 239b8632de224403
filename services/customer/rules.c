#include "customer/rules.h"
#include "kit/json.h"
#include "kit/log.h"
#include "kit/service.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { POLICY_FIELDS = 19, POLICY_FIELD_NAME = 1, POLICY_FIELD_WEIGHT, POLICY_FIELD_MUST };
#define ACTION_REFUSE GUANXI__CUSTOMER__V1__POLICY_ACTION__POLICY_ACTION_REFUSE

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rules none = { .references = 1 };
static struct rules *current = &none;

struct rules *rules_hold(void)
{
	pthread_mutex_lock(&lock);
	struct rules *rules = current;

	__atomic_fetch_add(&rules->references, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
	return rules;
}

void rules_release(struct rules *rules)
{
	if (__atomic_sub_fetch(&rules->references, 1, __ATOMIC_ACQ_REL) == 0 && rules != &none)
		arena_free(rules->arena);
}

static void put(struct rules *rules)
{
	pthread_mutex_lock(&lock);
	struct rules *old = current;

	current = rules;
	pthread_mutex_unlock(&lock);
	rules_release(old);
}

/* --- reading */

static void read_policy_fields(struct arena *arena, struct policy *policy, struct slice json)
{
	const struct schema_message *customer = schema_resource_find("customers")->message;
	const struct schema_field *list =
		schema_field_by_number(schema_resource_find("fieldPolicies")->message, POLICY_FIELDS);
	struct buffer wire = { .arena = arena };
	struct wire_field entry, part;

	policy->fields = arena_zalloc(arena, (list->rule->max_items + 1) * sizeof *policy->fields);
	if (!json.len || !json_read_repeated(list, json.data, json.len, &wire))
		return;
	struct wire_reader reader = wire_reader(wire.data, wire.len);

	while (wire_next(&reader, &entry) && policy->count < list->rule->max_items) {
		struct policy_field *f = &policy->fields[policy->count];

		if (wire_find(entry.bytes, entry.len, POLICY_FIELD_NAME, &part))
			f->field = schema_field_find(customer, part.bytes, part.len);
		f->weight =
			wire_find(entry.bytes, entry.len, POLICY_FIELD_WEIGHT, &part) ? (int)part.value : 1;
		f->must = wire_find(entry.bytes, entry.len, POLICY_FIELD_MUST, &part) && part.value;
		policy->count += f->field != NULL;
	}
}

static enum status read_policies(struct db *db, struct rules *rules)
{
	static const struct db_statement all = {
		"SELECT stage, action, fields FROM field_policy WHERE delete_time IS NULL"
	};
	PGresult *rows;

	TRY(db_run(db, rules->arena, &all, NULL, &rows));
	rules->policy_count = (size_t)PQntuples(rows);
	rules->policies = arena_zalloc(rules->arena, (rules->policy_count + 1) * sizeof *rules->policies);
	for (size_t i = 0; i < rules->policy_count; i++) {
		struct policy *policy = &rules->policies[i];

		policy->stage = db_int4(rows, (int)i, 0);
		policy->refuses = db_int4(rows, (int)i, 1) == ACTION_REFUSE;
		if (!PQgetisnull(rows, (int)i, 2))
			read_policy_fields(rules->arena, policy, db_bytes(rows, (int)i, 2));
	}
	return OK;
}

/* A rule that no longer compiles (its field is gone) matches nothing until somebody corrects it. */
static bool read_rule(struct arena *arena, const char *text, struct rule *rule_out)
{
	struct request req = { .arena = arena, .principal = &principal_system };

	if (rule_read(&req, customer_table(), text, "/rule", rule_out) == OK)
		return true;
	log_warn("category", "rule=\"%s\" outcome=ignored", text);
	*rule_out = (struct rule){ NULL, 0 };
	return false;
}

static enum status read_categories(struct db *db, struct rules *rules)
{
	static const struct db_statement all = {
		"SELECT id::text, rule FROM category WHERE delete_time IS NULL ORDER BY id"
	};
	PGresult *rows;

	TRY(db_run(db, rules->arena, &all, NULL, &rows));
	rules->category_count = (size_t)PQntuples(rows);
	rules->categories =
		arena_zalloc(rules->arena, (rules->category_count + 1) * sizeof *rules->categories);
	rules->by_rule = arena_zalloc(rules->arena, (rules->category_count + 1) * sizeof *rules->by_rule);
	rules->by_rule_ids =
		arena_zalloc(rules->arena, (rules->category_count + 1) * sizeof *rules->by_rule_ids);
	for (size_t i = 0; i < rules->category_count; i++) {
		struct category *c = &rules->categories[i];

		memcpy(c->id, db_bytes(rows, (int)i, 0).data, 36);
		if (PQgetisnull(rows, (int)i, 1) ||
			!read_rule(rules->arena, db_bytes(rows, (int)i, 1).data, &c->rule))
			continue;
		rules->by_rule_ids[rules->by_rule_count] = c->id;
		rules->by_rule[rules->by_rule_count++] = c->rule;
	}
	return OK;
}

static enum status read_all(struct db *db, int64_t version)
{
	struct arena *arena = arena_new();
	struct rules *rules = arena_zalloc(arena, sizeof *rules);

	*rules = (struct rules){ .arena = arena, .references = 1, .version = version };
	enum status status = read_policies(db, rules);

	if (status == OK)
		status = read_categories(db, rules);
	if (status == OK)
		put(rules);
	else
		arena_free(arena);
	return status;
}

enum status rules_refresh(struct db *db)
{
	static const struct db_statement ask = { "SELECT version FROM rules_version" };
	struct arena *arena = arena_new();
	struct rules *known = rules_hold();
	PGresult *rows;
	enum status status = db_run(db, arena, &ask, NULL, &rows);
	int64_t version = status == OK && PQntuples(rows) ? db_int8(rows, 0, 0) : 0;

	if (status == OK && version != known->version)
		status = read_all(db, version);
	rules_release(known);
	arena_free(arena);
	return status;
}

/* --- asking */

const struct policy *rules_policy(const struct rules *rules, int64_t stage)
{
	for (size_t i = 0; i < rules->policy_count; i++)
		if (rules->policies[i].stage == stage)
			return &rules->policies[i];
	return NULL;
}

bool rules_has_category(const struct rules *rules, const char *id, size_t len)
{
	for (size_t i = 0; i < rules->category_count; i++)
		if (len == 36 && !memcmp(rules->categories[i].id, id, 36))
			return true;
	return false;
}
