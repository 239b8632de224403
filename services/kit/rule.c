#include "kit/rule.h"
#include "kit/http.h"
#include <string.h>

#define PARAMETERS_SPARE                                                                                     \
	40 /* of DB_PARAMETERS_MAX: a statement that has more asks for the other rules in another */

static const char *decoded(struct request *req, struct http_slice raw)
{
	char *text = arena_alloc(req->arena, raw.size + 1);
	size_t size = 0;

	if (raw.size && !http_percent_decode(raw, true, text, &size))
		return NULL;
	text[size] = '\0';
	return text;
}

/* "filter[stage][in]" becomes its two names. */
static bool split_name(struct request *req, const char *name, Guanxi__Condition *c)
{
	const char *field = name + strlen("filter["), *middle, *end;

	if (strncmp(name, "filter[", strlen("filter[")))
		return false;
	middle = strstr(field, "][");
	end = middle ? strchr(middle + 2, ']') : NULL;
	if (!end || end[1] || middle == field || end == middle + 2)
		return false;
	c->field = arena_strndup(req->arena, field, (size_t)(middle - field));
	c->operator_ = arena_strndup(req->arena, middle + 2, (size_t)(end - middle - 2));
	return true;
}

static bool takes_several(const char *operator)
{
	return !strcmp(operator, "in") || !strcmp(operator, "any") || !strcmp(operator, "all") ||
	       !strcmp(operator, "none");
}

/* A comma divides values, and one inside of a value is encoded: as in a list's address. */
static bool split_values(struct request *req, Guanxi__Condition *c, struct http_slice raw)
{
	bool several = takes_several(c->operator_);

	c->values = arena_alloc(req->arena, (VALUES_MAX + 1) * sizeof *c->values);
	c->n_values = 0;
	for (bool more = true; more && c->n_values <= VALUES_MAX;) {
		const char *comma = several && raw.size ? memchr(raw.data, ',', raw.size) : NULL;
		size_t size = comma ? (size_t)(comma - raw.data) : raw.size;
		const char *text = decoded(req, (struct http_slice){ raw.data, size });

		if (!text)
			return false;
		if (*text || !several)
			c->values[c->n_values++] = arena_strdup(req->arena, text);
		more = comma != NULL;
		if (more)
			raw = (struct http_slice){ comma + 1, raw.size - size - 1 };
	}
	return true;
}

static Guanxi__Condition *read_condition(struct request *req, struct http_slice name, struct http_slice value)
{
	Guanxi__Condition *c = arena_alloc(req->arena, sizeof *c);
	const char *name_text = decoded(req, name);

	guanxi__condition__init(c);
	if (!name_text || !split_name(req, name_text, c) || !split_values(req, c, value))
		return NULL;
	return c;
}

static enum status parse(struct request *req, const char *text, const char *pointer, struct rule *rule_out)
{
	struct http_slice rest = { text, strlen(text) }, name, value;

	*rule_out = (struct rule){ arena_alloc(req->arena, RULE_CONDITIONS_MAX * sizeof(Guanxi__Condition *)),
		0 };
	while (http_query_next(&rest, &name, &value)) {
		Guanxi__Condition *c = read_condition(req, name, value);

		if (!c)
			return fail_field(req, pointer, MSG_BAD_RULE, NULL);
		if (rule_out->count == RULE_CONDITIONS_MAX)
			return fail_field(req, pointer, MSG_TOO_MANY,
				arena_printf(req->arena, "%d", RULE_CONDITIONS_MAX), NULL);
		rule_out->conditions[rule_out->count++] = c;
	}
	return rule_out->count ? OK : fail_field(req, pointer, MSG_BAD_RULE, NULL);
}

enum status rule_read(struct request *req, struct table *table, const char *text, const char *pointer,
	struct rule *rule_out)
{
	struct db_params params = { .arena = req->arena };
	size_t earlier = req->problem ? req->problem->error_count : 0;
	const char *sql;

	TRY(parse(req, text, pointer, rule_out));
	enum status status =
		query_conditions(req, table, rule_out->conditions, rule_out->count, &params, &sql);

	for (size_t i = earlier; req->problem && i < req->problem->error_count; i++)
		req->problem->errors[i].pointer = pointer; /* the filter is the value of one field here */
	return status;
}

static size_t row_of(const uint8_t (*ids)[16], size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (!memcmp(ids[i], id, 16))
			return i;
	return count;
}

static enum status run(
	struct request *req, const char *sql, const struct db_params *params, PGresult **rows_out)
{
	db_send_once(req->db, sql, params);
	db_sync(req->db);
	enum status status = db_result(req->db, req->arena, rows_out), end = db_end(req->db);

	return status != OK ? status : end;
}

/* As many rules as one statement has parameters for; how many those were. */
static enum status match_some(struct request *req, struct table *table, const struct rule *rules,
	size_t count, const uint8_t (*ids)[16], size_t id_count, bool *matches_out, size_t stride,
	size_t *done_out)
{
	struct db_params params = { .arena = req->arena };
	struct buffer sql = { .arena = req->arena };
	PGresult *rows;
	size_t n = 0;

	db_bind_uuids(&params, ids, id_count, 16);
	buffer_add_text(&sql, "SELECT id");
	for (; n < count && params.count < PARAMETERS_SPARE; n++) {
		const char *condition;

		TRY(query_conditions(req, table, rules[n].conditions, rules[n].count, &params, &condition));
		buffer_printf(&sql, ", coalesce(%s, false)", condition);
	}
	buffer_printf(&sql, " FROM \"%s\" WHERE id = ANY ($1::uuid[]) AND delete_time IS NULL",
		table->resource->singular);
	TRY(run(req, sql.data, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		size_t at = row_of(ids, id_count, db_bytes(rows, row, 0).data);

		for (size_t i = 0; at < id_count && i < n; i++)
			matches_out[at * stride + i] = db_bool(rows, row, (int)i + 1);
	}
	*done_out = n;
	return OK;
}

enum status rule_match(struct request *req, struct table *table, const struct rule *rules, size_t count,
	const uint8_t (*ids)[16], size_t id_count, bool *matches_out)
{
	memset(matches_out, 0, count * id_count * sizeof *matches_out);
	for (size_t done = 0, n; done < count; done += n)
		TRY(match_some(req, table, rules + done, count - done, ids, id_count, matches_out + done,
			count, &n));
	return OK;
}
