#include "database_harness.h"
#include "kit/words.h"

/* The query compiler: nothing that a user sent becomes SQL, and what members see is what principal_may_see()
 * says. */

static struct db *db;

static int begin(void **state)
{
	if (database_start(state))
		return 1;
	db = database_open(database.conninfo, 3000);
	return 0;
}

static int end(void **state)
{
	db_close(db);
	return database_stop(state);
}

/* The same sequence for the same seed, so that a failure can be had again. */
static uint32_t random_state;

static uint32_t random_below(uint32_t bound)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)random_state * bound) >> 32);
}

static struct request *list_of(struct principal *who, Guanxi__ListRequest *list)
{
	struct request *req = request_of(who, "customers", VERB_LIST);
	struct buffer body = { .arena = req->arena };
	size_t len = guanxi__list_request__get_packed_size(list);

	body.len = guanxi__list_request__pack(list, (uint8_t *)buffer_reserve(&body, len + 1));
	take_body(req, &body);
	return req;
}

static void add_condition(struct request *req, Guanxi__ListRequest *list, Guanxi__Condition **conditions,
	const char *field, const char *operator_, const char *value)
{
	Guanxi__Condition *c = arena_zalloc(req->arena, sizeof *c);

	guanxi__condition__init(c);
	c->field = (char *)field;
	c->operator_ = (char *)operator_;
	c->values = arena_alloc(req->arena, sizeof *c->values);
	c->values[0] = (char *)value;
	c->n_values = 1;
	conditions[list->n_filter++] = c;
	list->filter = conditions;
}

static const char *sql_of(struct request *req, struct query **query_out)
{
	if (query_compile(req, service_table(&database_service, req->resource), query_out) != OK)
		return NULL;
	return arena_printf(req->arena, "%s;%s", query_sql(*query_out, false), query_sql(*query_out, true));
}

/* --- no input in the text */

/* Every place where a person's text goes in, each with the same marker: it must not come out in the SQL. */
static void what_a_person_sent_is_never_in_the_text_of_the_statement(void **state)
{
	static const char *const markers[] = { "zqmarker", "zq'marker", "\"; drop table customer; --zq",
		"zq\\", "$1zq", "zq%_" };
	static const char *const operators[] = { "eq", "ne", "in", "lt", "lte", "gt", "gte", "contains",
		"isNull", "zqmarker" };
	static const char *const fields[] = { "name", "industry", "source", "creditCode", "employees",
		"stage", "ownerId", "createTime", "zqmarker" };
	struct principal *member = person_new(false, NULL, 0), *admin = person_new(true, NULL, 0);
	int compiled = 0;

	(void)state;
	for (size_t m = 0; m < sizeof markers / sizeof *markers; m++)
		for (size_t o = 0; o < sizeof operators / sizeof *operators; o++)
			for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
				for (int admins = 0; admins < 2; admins++) {
					struct request *made =
						request_of(admins ? admin : member, "customers", VERB_LIST);
					Guanxi__ListRequest list = GUANXI__LIST_REQUEST__INIT;
					Guanxi__Condition *conditions[2];
					struct query *query;

					add_condition(
						made, &list, conditions, fields[f], operators[o], markers[m]);
					list.q = (char *)(f % 2 ? markers[m] : NULL);
					struct request *req = list_of(made->principal, &list);
					const char *sql = sql_of(req, &query);

					compiled += sql != NULL;
					if (sql && strstr(sql, "zq"))
						fail_with("%s %s %s became %s\n", fields[f], operators[o],
							markers[m], sql);
					request_free(req);
					request_free(made);
				}
	assert_true(compiled > 200);
}

/* Sort names and fields come from the schema: an unknown one is refused, whatever it is. */
static void names_that_the_schema_does_not_have_are_refused(void **state)
{
	static char *const names[] = { "zq", "name\"", "-", "--name", "name desc", "NAME", "name,id",
		"search", "delete_time", "" };
	struct principal *admin = person_new(true, NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		Guanxi__ListRequest list = GUANXI__LIST_REQUEST__INIT;
		char *sort[] = { names[i] };
		struct query *query;

		list.sort = sort;
		list.n_sort = 1;
		struct request *req = list_of(admin, &list);

		assert_null(sql_of(req, &query));
		assert_int_equal(req->status, INVALID);
		request_free(req);
	}
}

/* The same question with other values is the same text: only parameters differ. */
static void the_text_depends_on_the_shape_alone(void **state)
{
	struct principal *admin = person_new(true, NULL, 0);
	char first[4096] = "";

	(void)state;
	random_state = 7;
	for (int round = 0; round < 200; round++) {
		struct request *made = request_of(admin, "customers", VERB_LIST);
		Guanxi__ListRequest list = GUANXI__LIST_REQUEST__INIT;
		Guanxi__Condition *conditions[3];
		char text[3][40];
		struct query *query;

		for (int t = 0; t < 3; t++) {
			size_t len = 1 + random_below(30);

			for (size_t i = 0; i < len; i++)
				text[t][i] = (char)(32 + random_below(95));
			text[t][0] = 'a';
			text[t][len] = '\0';
		}
		add_condition(made, &list, conditions, "name", "eq", text[0]);
		add_condition(made, &list, conditions, "industry", "contains", text[1]);
		list.q = text[2];
		struct request *req = list_of(admin, &list);
		const char *sql = sql_of(req, &query);

		assert_non_null(sql);
		if (!*first)
			snprintf(first, sizeof first, "%s", sql);
		assert_string_equal(sql, first);
		request_free(req);
		request_free(made);
	}
}

/* --- trees */

/* Nodes in prefix order, as "and 2", "not 1", "name eq x". */
static struct request *tree_of(struct principal *who, const char *const *nodes)
{
	struct request *made = request_of(who, "customers", VERB_SEARCH);
	Guanxi__ListRequest list = GUANXI__LIST_REQUEST__INIT;
	Guanxi__Condition *conditions[80];

	for (; *nodes; nodes++) {
		char *field = arena_strdup(made->arena, *nodes), *op = strchr(field, ' ');
		char *value = op ? strchr(op + 1, ' ') : NULL;

		assert_non_null(op);
		*op++ = '\0';
		if (value)
			*value++ = '\0';
		add_condition(made, &list, conditions, field, value ? op : field, value ? value : op);
		if (value)
			continue;
		Guanxi__Condition *joint = conditions[list.n_filter - 1];

		joint->field = NULL;
		joint->n_values = 0;
		joint->has_of = true;
		joint->of = (uint32_t)atoi(op);
	}
	struct request *req = list_of(who, &list);

	request_free(made);
	return req;
}

static void a_tree_becomes_the_condition_that_it_says(void **state)
{
	static const struct {
		const char *nodes[8], *sql;
	} trees[] = {
		{ { "or 2", "name eq a", "not 1", "employees lt 5" },
			"delete_time IS NULL AND (\"name\" COLLATE \"zh-x-icu\" = $1::text OR (\"employees\" "
			"< "
			"$2::bigint) IS NOT TRUE)" },
		{ { "and 2", "or 2", "stage eq lost", "stage isNull true", "kind eq person" },
			"delete_time IS NULL AND ((\"stage\" = $1::integer OR \"stage\" IS NULL) AND "
			"\"kind\" = "
			"$2::integer)" },
		{ { "stage eq lost", "not 1", "kind eq person", "source ne x" },
			"delete_time IS NULL AND \"stage\" = $1::integer AND (\"kind\" = $2::integer) IS NOT "
			"TRUE AND "
			"\"source\" IS DISTINCT FROM $3::text" },
	};
	struct principal *admin = person_new(true, NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
		struct request *req = tree_of(admin, trees[i].nodes);
		struct query *query;
		const char *sql = sql_of(req, &query);

		if (!sql || !strstr(sql, trees[i].sql))
			fail_with("tree %zu became %s\n", i, sql);
		request_free(req);
	}
}

static void a_tree_that_is_none_is_refused(void **state)
{
	static const char *const trees[][6] = { { "and 0" }, { "not 2", "name eq a", "name eq b" },
		{ "or 2", "name eq a" }, { "and 4000000000", "name eq a" }, { "not 1", "not 1", "not 1" },
		{ "xor 1", "name eq a" } };
	struct principal *admin = person_new(true, NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
		struct request *req = tree_of(admin, trees[i]);
		struct query *query;

		if (sql_of(req, &query))
			fail_with("tree %zu was taken\n", i);
		assert_int_equal(req->status, INVALID);
		assert_true(req->problem->error_count > 0);
		request_free(req);
	}
}

static void a_tree_stands_eight_deep_and_no_deeper(void **state)
{
	struct principal *admin = person_new(true, NULL, 0);
	struct query *query;

	(void)state;
	for (size_t depth = 8; depth <= 9; depth++) {
		const char *nodes[12] = { 0 };

		for (size_t i = 0; i < depth; i++)
			nodes[i] = "not 1";
		nodes[depth] = "name eq a";
		struct request *req = tree_of(admin, nodes);

		assert_int_equal(sql_of(req, &query) != NULL, depth == 8);
		if (depth == 9)
			assert_string_equal(req->problem->errors[0].code, "filter_too_deep");
		request_free(req);
	}
}

/* --- groups */

static struct request *groups_of(struct principal *who, const char *group, const char *measure)
{
	struct request *req = request_of(who, "customers", VERB_AGGREGATE);
	struct buffer body = { .arena = req->arena };

	wire_add_text(&body, 2, group);
	wire_add_text(&body, 5, measure);
	wire_add_text(&body, 6, "Asia/Shanghai");
	take_body(req, &body);
	return req;
}

/* The text: names of the schema and spans of our own, whatever was asked. */
static void an_aggregate_takes_its_names_from_the_schema_alone(void **state)
{
	static const char *const bad[][2] = { { "stage\"", "count" }, { "stage; drop", "count" },
		{ "createTime:day'", "count" }, { "stage", "count(*)" }, { "stage", "sum(employees); x" },
		{ "stage", "sum(\"employees\")" }, { "stage", "pg_sleep(employees)" } };
	struct principal *admin = person_new(true, NULL, 0), *member = person_new(false, NULL, 0);
	const char *sql;
	int parameters;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct request *req = groups_of(admin, bad[i][0], bad[i][1]);

		assert_int_equal(query_compile_aggregate(req, service_table(&database_service, req->resource),
					 &sql, &parameters),
			INVALID);
		request_free(req);
	}
	struct request *req = groups_of(member, "createTime:month", "max(createTime)");

	assert_int_equal(query_compile_aggregate(
				 req, service_table(&database_service, req->resource), &sql, &parameters),
		OK);
	assert_int_equal(parameters, 3);
	assert_non_null(strstr(sql, "date_trunc('month', \"create_time\" AT TIME ZONE $1::text)::date"));
	assert_non_null(strstr(sql, "(owner_id = $2::uuid OR team_id = ANY ($3::uuid[]))"));
	request_free(req);
}

/* --- words */

static void the_distance_of_words_counts_what_a_finger_does(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned most, distance;
	} pairs[] = { { "acme", "acme", 2, 0 }, { "acem", "acme", 2, 1 }, { "acm", "acme", 2, 1 },
		{ "acmme", "acme", 2, 1 }, { "axme", "acme", 2, 1 }, { "tradign", "trading", 2, 1 },
		{ "treding", "trading", 2, 1 }, { "", "ab", 2, 2 }, { "abcd", "dcba", 2, 3 },
		{ "acme", "acmetrading", 2, 3 } };

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		assert_int_equal(words_distance(pairs[i].a, pairs[i].b, pairs[i].most), pairs[i].distance);
}

/* --- sight */

enum { ROWS = 400, TEAMS = 6, PEOPLE = 12 };

struct world {
	uint8_t teams[TEAMS][16], ids[ROWS][16];
	const uint8_t *owner[ROWS], *team[ROWS];
};

static void make_world(struct world *w, struct principal *const *people)
{
	char id[37], owner[48], team[48];

	for (int row = 0; row < ROWS; row++) {
		uuid_v7(w->ids[row]);
		uuid_to_text(w->ids[row], id);
		w->owner[row] = random_below(8) ? people[random_below(PEOPLE)]->id : NULL;
		w->team[row] = random_below(4) ? w->teams[random_below(TEAMS)] : NULL;
		strcpy(owner, "NULL");
		strcpy(team, "NULL");
		if (w->owner[row]) {
			owner[0] = '\'';
			uuid_to_text(w->owner[row], owner + 1);
			strcat(owner, "'");
		}
		if (w->team[row]) {
			team[0] = '\'';
			uuid_to_text(w->team[row], team + 1);
			strcat(team, "'");
		}
		database_sql("INSERT INTO customer.customer (id, version, create_time, update_time, "
			     "owner_id, team_id, name, kind, industry, search)"
			     " VALUES ('%s', 1, now(), now(), %s, %s, 'n%u', 1, %s, '''wort'' ''x%u''')",
			id, owner, team, random_below(20), random_below(3) ? "'i'" : "NULL", random_below(3));
	}
}

static size_t index_of(const struct world *w, const char *text, size_t len)
{
	uint8_t id[16];

	assert_true(uuid_from_text(text, len, id));
	for (size_t i = 0; i < ROWS; i++)
		if (!memcmp(w->ids[i], id, 16))
			return i;
	return ROWS;
}

/* Runs a list to its last page and marks what came; fails when a row comes twice. */
static size_t mark_rows(
	const struct world *w, struct principal *who, Guanxi__ListRequest *list, uint8_t *seen)
{
	char cursor[8192] = "";
	size_t count = 0;

	memset(seen, 0, ROWS);
	for (bool more = true; more;) {
		list->cursor = *cursor ? cursor : NULL;
		struct request *req = list_of(who, list);

		if (query_list(req, db) != OK)
			fail_with("%s\n", req->problem ? problem_text(req->problem, LANGUAGE_EN, req->arena)
						       : db_error(db));
		struct wire_reader reader = wire_reader(req->reply.data, req->reply.len);
		struct wire_field f, id;

		more = false;
		while (wire_next(&reader, &f)) {
			if (f.number == 1 && wire_find(f.bytes, f.len, 1, &id)) {
				size_t row = index_of(w, id.bytes, id.len);

				assert_true(row < ROWS);
				assert_false(seen[row]);
				seen[row] = 1;
				count++;
			}
			if (f.number == 2) {
				snprintf(cursor, sizeof cursor, "%.*s", (int)f.len, f.bytes);
				more = true;
			}
		}
		request_free(req);
	}
	return count;
}

static void a_list_shows_a_member_exactly_what_principal_may_see_says(void **state)
{
	static struct world w;
	static char *const sorts[][2] = { { "-createTime", NULL }, { "name", NULL },
		{ "industry", "-name" } };
	struct principal *people[PEOPLE];
	uint8_t seen[ROWS];
	size_t checked = 0;

	(void)state;
	random_state = 42;
	for (int i = 0; i < TEAMS; i++)
		uuid_v7(w.teams[i]);
	for (int i = 0; i < PEOPLE; i++) {
		uint8_t teams[PERSON_TEAMS_MAX][16];
		size_t n = random_below(4), from = random_below(TEAMS);

		for (size_t t = 0; t < n; t++)
			memcpy(teams[t], w.teams[(from + t) % TEAMS], 16);
		people[i] = person_new(i == 0, teams, n);
	}
	make_world(&w, people);
	for (int i = 0; i < PEOPLE; i++)
		for (int sort = 0; sort < 3; sort++)
			for (int searched = 0; searched < 2; searched++)
				for (unsigned limit = 7; limit <= 500; limit += 493) {
					Guanxi__ListRequest list = GUANXI__LIST_REQUEST__INIT;

					list.sort = (char **)sorts[sort];
					list.n_sort = sorts[sort][1] ? 2 : 1;
					list.has_limit = true;
					list.limit = limit;
					list.q = searched ? (char *)"wort" : NULL;
					size_t count = mark_rows(&w, people[i], &list, seen), wanted = 0;

					for (int row = 0; row < ROWS; row++) {
						bool sees = principal_may_see(
							people[i], w.owner[row], w.team[row]);

						assert_int_equal(seen[row], sees);
						wanted += sees;
						checked++;
					}
					assert_int_equal(count, wanted);
				}
	assert_true(checked > 50000);
}

/* Groups over what principal_may_see() says, and nothing else. */
static void an_aggregate_counts_what_the_list_shows(void **state)
{
	struct principal *member = person_new(false, NULL, 0), *other = person_new(false, NULL, 0);
	char owner[37];
	struct wire_field group = { 0 }, value = { 0 }, text = { 0 };

	(void)state;
	uuid_to_text(member->id, owner);
	database_sql(
		"INSERT INTO customer.customer (id, version, create_time, update_time, owner_id, name, kind, "
		"stage)"
		" SELECT gen_random_uuid(), 1, now(), now(), '%s', 'x', 1, 3 FROM generate_series(1, 17)",
		owner);
	struct request *req = groups_of(member, "stage", "count");

	assert_int_equal(query_aggregate(req, db), OK);
	assert_true(wire_find(req->reply.data, req->reply.len, 1, &group));
	assert_true(
		wire_find(group.bytes, group.len, 1, &value) && wire_find(value.bytes, value.len, 1, &text));
	assert_memory_equal(text.bytes, "dormant", text.len);
	assert_true(
		wire_find(group.bytes, group.len, 2, &value) && wire_find(value.bytes, value.len, 1, &text));
	assert_memory_equal(text.bytes, "17", text.len);
	request_free(req);
	req = groups_of(other, "stage", "count");
	assert_int_equal(query_aggregate(req, db), OK);
	assert_false(wire_find(req->reply.data, req->reply.len, 1, &group));
	request_free(req);
}

static void a_count_counts_what_the_list_shows(void **state)
{
	static uint8_t team[1][16];
	struct principal *member = person_new(false, NULL, 0);
	uint64_t total = 0;

	(void)state;
	uuid_v7(team[0]);
	struct principal *leader = person_new(false, (const uint8_t(*)[16])team, 1);
	char owner[37], team_text[37];

	uuid_to_text(member->id, owner);
	uuid_to_text(team[0], team_text);
	database_sql("INSERT INTO customer.customer (id, version, create_time, update_time, owner_id, "
		     "team_id, name, kind)"
		     " SELECT gen_random_uuid(), 1, now(), now(), '%s', CASE WHEN n %% 3 = 0 THEN '%s'::uuid "
		     "END, 'x', 1 FROM generate_series(1, 30) n",
		owner, team_text);
	struct principal *const people[] = { member, leader };
	static const uint64_t wanted[] = { 30, 10 };

	for (int i = 0; i < 2; i++) {
		Guanxi__ListRequest list = GUANXI__LIST_REQUEST__INIT;

		list.has_count = list.count = true;
		list.has_limit = true;
		list.limit = 1;
		struct request *req = list_of(people[i], &list);
		struct wire_field f;

		assert_int_equal(query_list(req, db), OK);
		assert_true(wire_find(req->reply.data, req->reply.len, 3, &f));
		total = f.value;
		assert_int_equal(total, wanted[i]);
		request_free(req);
	}
}

static void a_cursor_fits_its_own_list_and_person_only(void **state)
{
	struct principal *admin = person_new(true, NULL, 0), *other = person_new(true, NULL, 0);
	Guanxi__ListRequest list = GUANXI__LIST_REQUEST__INIT;
	struct wire_field next;
	char cursor[8192];
	struct query *query;

	(void)state;
	list.has_limit = true;
	list.limit = 1;
	struct request *req = list_of(admin, &list);

	assert_int_equal(query_list(req, db), OK);
	assert_true(wire_find(req->reply.data, req->reply.len, 2, &next));
	snprintf(cursor, sizeof cursor, "%.*s", (int)next.len, next.bytes);
	request_free(req);
	list.cursor = cursor;
	req = list_of(admin, &list);
	assert_non_null(sql_of(req, &query));
	request_free(req);
	req = list_of(other, &list);
	assert_null(sql_of(req, &query));
	assert_string_equal(req->problem->errors[0].code, "bad_cursor");
	request_free(req);
	list.has_deleted = list.deleted = true;
	req = list_of(admin, &list);
	assert_null(sql_of(req, &query));
	request_free(req);
	list.has_deleted = false;
	for (size_t at = 0; cursor[at]; at++) {
		char was = cursor[at];

		cursor[at] = was == 'A' ? 'B' : 'A';
		req = list_of(admin, &list);
		if (sql_of(req, &query) &&
			cursor[at + 1]) /* the last character has bits that stand for nothing */
			fail_with("changed at %zu, it is taken\n", at);
		request_free(req);
		cursor[at] = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_person_sent_is_never_in_the_text_of_the_statement),
		cmocka_unit_test(names_that_the_schema_does_not_have_are_refused),
		cmocka_unit_test(the_text_depends_on_the_shape_alone),
		cmocka_unit_test(a_tree_becomes_the_condition_that_it_says),
		cmocka_unit_test(a_tree_that_is_none_is_refused),
		cmocka_unit_test(a_tree_stands_eight_deep_and_no_deeper),
		cmocka_unit_test(an_aggregate_takes_its_names_from_the_schema_alone),
		cmocka_unit_test(the_distance_of_words_counts_what_a_finger_does),
		cmocka_unit_test(a_list_shows_a_member_exactly_what_principal_may_see_says),
		cmocka_unit_test(an_aggregate_counts_what_the_list_shows),
		cmocka_unit_test(a_count_counts_what_the_list_shows),
		cmocka_unit_test(a_cursor_fits_its_own_list_and_person_only),
	};

	return cmocka_run_group_tests_name("query", tests, begin, end);
}
