/*
 * Rules: the filter of a list kept as text, as it stands in the list's address, and asked of rows later.
 *
 *	filter[stage][in]=active,dormant&filter[employees][gte]=100
 *
 * What a rule may say is what the query compiler takes; names come from the schema and values are parameters.
 */
#pragma once
#include "kit/query.h"

#define RULE_CONDITIONS_MAX 16

struct rule {
	Guanxi__Condition **conditions;
	size_t count;
};

/* Reads a rule and compiles it against the table; what is wrong is told at `pointer`. An empty text is
 * refused. */
enum status rule_read(struct request *req, struct table *table, const char *text, const char *pointer,
	struct rule *rule_out) MUST_CHECK;

/* Which of the live rows satisfy which of the rules: matches_out[row * count + rule], in the order of `ids`.
 */
enum status rule_match(struct request *req, struct table *table, const struct rule *rules, size_t count,
	const uint8_t (*ids)[16], size_t id_count, bool *matches_out) MUST_CHECK;
