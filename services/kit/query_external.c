/* The condition on the keys by which other systems know a record (kit/external.h):
 * filter[externalId][eq]=erp:4711. A pseudo-field, for what it asks stands in a table of its own. */
#include "kit/query_parts.h"
#include <string.h>

/* "erp:4711": names of systems have no colon, keys may have. */
static bool split(struct query *q, const char *value, const char **system_out, const char **key_out)
{
	const char *colon = strchr(value, ':');

	if (!colon || colon == value || !colon[1])
		return false;
	*system_out = arena_strndup(q->arena, value, (size_t)(colon - value));
	*key_out = colon + 1;
	return true;
}

static enum status add_keys(struct query *q, const Guanxi__Condition *c, struct buffer *out)
{
	const char *system, *key;
	struct db_array systems, keys;

	if (c->n_values < 1)
		return query_bad_value(q, c, "", MSG_BAD_EXTERNAL_FILTER);
	if (c->n_values > VALUES_MAX)
		return fail_field(q->req, query_pointer_of(q, c), MSG_TOO_MANY,
			arena_printf(q->arena, "%d", VALUES_MAX), NULL);
	db_array_begin(&systems, q->arena, OID_TEXT);
	db_array_begin(&keys, q->arena, OID_TEXT);
	for (size_t i = 0; i < c->n_values; i++) {
		if (!split(q, c->values[i], &system, &key))
			return query_bad_value(q, c, c->values[i], MSG_BAD_EXTERNAL_FILTER);
		db_array_add(&systems, system, strlen(system));
		db_array_add(&keys, key, strlen(key));
	}
	db_bind_text(&q->params, q->table->resource->collection);
	db_bind_array(&q->params, &systems);
	db_bind_array(&q->params, &keys);
	int first = q->params.count - 2;

	/* The few ids first: the planner knows nothing of how many keys there are. */
	buffer_printf(out,
		"id = ANY (ARRAY(SELECT x.record_id FROM unnest($%d::text[], $%d::text[]) k(system, key) "
		"JOIN "
		"external_id x ON x.collection = $%d::text AND x.system = k.system AND x.key = k.key))",
		first + 1, first + 2, first);
	return OK;
}

static enum status add_absence(struct query *q, const Guanxi__Condition *c, struct buffer *out)
{
	bool wanted = c->n_values == 1 && !strcmp(c->values[0], "true");

	if (!wanted && (c->n_values != 1 || strcmp(c->values[0], "false")))
		return query_bad_value(q, c, c->n_values ? c->values[0] : "", MSG_BAD_VALUE);
	db_bind_text(&q->params, q->table->resource->collection);
	buffer_printf(out,
		"%sEXISTS (SELECT FROM external_id x WHERE x.record_id = id AND x.collection = $%d::text)",
		wanted ? "NOT " : "", q->params.count);
	return OK;
}

bool query_is_external(const struct query *q, const char *name)
{
	return q->table->resource->rule->external_ids && !strcmp(name, QUERY_EXTERNAL_ID);
}

enum status query_add_external(struct query *q, const Guanxi__Condition *c, struct buffer *out)
{
	const char *operator= c->operator_ ? c->operator_ : "";

	if (!strcmp(operator, "isNull"))
		return add_absence(q, c, out);
	if (!strcmp(operator, "in") || (!strcmp(operator, "eq") && c->n_values == 1))
		return add_keys(q, c, out);
	return fail_field(q->req, query_pointer_of(q, c), MSG_BAD_OPERATOR, operator, "eq, in, isNull", NULL);
}
