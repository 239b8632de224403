/*
 * The query compiler on any ListRequest or AggregateRequest. Input: one byte chooses which, resource and
 * person, the rest is the request in protobuf.
 *  - it is refused with a problem, or it becomes SQL;
 *  - nothing of the input is in the SQL: every word of it is SQL's, the schema's, or a number of ours, and
 * every quote closes;
 *  - there are as many parameters as the SQL names.
 */
#include "kit/query.h"
#include "kit/service.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct resource resources[] = { { "customers", NULL }, { "contacts", NULL },
	{ "activities", NULL }, { "jobs", NULL }, { 0 } };
static const struct service service = { .name = "customer", .resources = resources };

static struct principal *new_member(void)
{
	Guanxi__Identity__V1__Principal message = GUANXI__IDENTITY__V1__PRINCIPAL__INIT;
	static char id[] = "01912d3c-5b7a-7c3e-8f00-0123456789ab";
	static char *teams[] = { id };

	message.id = message.team_id = id;
	message.team_ids = teams;
	message.n_team_ids = 1;
	return principal_new(&message);
}

static const char *const words[] = { "SELECT", "FROM", "WHERE", "AND", "OR", "ORDER", "BY", "LIMIT", "DESC",
	"NULLS", "LAST", "IS", "NOT", "NULL", "DISTINCT", "ANY", "ILIKE", "UNION", "ALL", "AS", "CROSS",
	"JOIN", "LATERAL", "WITH", "MATERIALIZED", "unnest", "team", "of", "c", "u", "m", "w", "search",
	"tsquery", "text", "uuid", "bigint", "integer", "boolean", "timestamptz", "date", "json", "owner_id",
	"team_id", "delete_time", "create_time", "update_time", "false", "true", "id", "ASC", "i", "ids", "r",
	"t", "n", "IN", "EXISTS", "CASE", "WHEN", "THEN", "ELSE", "END", "TRUE", "COLLATE", "zh", "x", "icu",
	"GROUP", "count", "sum", "avg", "min", "max", "round", "trim_scale", "date_trunc", "day", "week",
	"month", "quarter", "year", "AT", "TIME", "ZONE", "to_char", "UTC", "YYYY", "MM", "DD", "T", "HH24",
	"MI", "SS", "US", "Z", "json_texts", "coalesce", "nullif", "LEFT", "ON", "one" };

/* g1, l1, m2, n2: columns of an aggregate's two steps. */
static bool is_numbered(const char *word, size_t len)
{
	return len == 2 && strchr("glmn", word[0]) && word[1] >= '1' && word[1] <= '9';
}

/* A list that is grouped by has a key beside it. */
static bool is_column(const struct schema_field *field, const char *word, size_t len)
{
	size_t own = strlen(field->name);

	return len >= own && !memcmp(word, field->name, own) &&
	       (len == own || (field->repeated && field->rule->aggregate && len == own + 4 &&
				      !memcmp(word + own, "_key", 4)));
}

static bool is_known(const struct schema_resource *resource, const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == len && !memcmp(words[i], word, len))
			return true;
	if (strlen(resource->singular) == len && !memcmp(resource->singular, word, len))
		return true;
	for (size_t i = 0; i < resource->message->count; i++)
		if (is_column(&resource->message->fields[i], word, len))
			return true;
	return strspn(word, "0123456789") >= len || is_numbered(word, len);
}

static void check_sql(const struct schema_resource *resource, const char *sql)
{
	size_t quotes = 0, apostrophes = 0;

	for (const char *at = sql; *at;) {
		size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

		if (len && !is_known(resource, at, len)) {
			fprintf(stderr, "\"%.*s\" is in: %s\n", (int)len, at, sql);
			abort();
		}
		at += len;
		if (!len) {
			assert(strchr(" \"(),.=<>$:[]@*'-&/", *at));
			assert(*at != '-' || at[1] != '-'); /* no comment */
			quotes += *at == '"';
			apostrophes += *at == '\'';
			at++;
		}
	}
	assert(quotes % 2 == 0 && apostrophes % 2 == 0);
}

/* $1 to $n, and nothing beyond. */
static void check_parameters(const char *sql, int count)
{
	for (const char *at = strchr(sql, '$'); at; at = strchr(at + 1, '$'))
		assert(atoi(at + 1) >= 1 && atoi(at + 1) <= count);
}

static enum status check_list(struct request *req, struct table *table)
{
	struct query *query;
	enum status status = query_compile(req, table, &query);

	if (status == OK) {
		check_sql(req->resource, query_sql(query, false));
		check_sql(req->resource, query_sql(query, true));
	}
	return status;
}

static enum status check_aggregate(struct request *req, struct table *table)
{
	const char *sql;
	int parameters;
	enum status status = query_compile_aggregate(req, table, &sql, &parameters);

	if (status == OK) {
		check_sql(req->resource, sql);
		check_parameters(sql, parameters);
	}
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct principal *member;

	if (!size)
		return 0;
	if (!member) {
		schema_get();
		query_open("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
		service_make_tables(&service);
		member = new_member();
	}
	struct request *req = request_for_job(&service, data[0] & 4 ? member : &principal_system);

	req->verb = VERB_LIST;
	req->resource = schema_resource_find(resources[data[0] % 4].collection);
	req->name = "fuzz.list";
	req->body = data + 1;
	req->body_len = size - 1;
	struct table *table = service_table(&service, req->resource);
	enum status status = data[0] & 8 ? check_aggregate(req, table) : check_list(req, table);

	assert(status == OK || (req->status != OK && req->problem));
	request_free(req);
	return 0;
}
