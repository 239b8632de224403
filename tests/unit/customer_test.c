#include "database_harness.h"
#include <stdio.h>
#include <time.h>

/* Merges and their undoing against a real PostgreSQL: whatever was edited and merged, undone in the opposite
 * order it is as it was; and what was edited on the survivor since is what stays. */

enum { CUSTOMERS = 6, STEPS_MAX = 12, ROUNDS = 40, COLUMNS = 22 };

static struct db *db;
static struct principal *admin;
static unsigned long long seed;

static int begin(void **state)
{
	if (database_start(state))
		return 1;
	db = database_open(database.conninfo, 3000);
	admin = person_new(true, NULL, 0);
	database_knows("user_ref", admin->id);
	seed = (unsigned long long)time(NULL);
	print_message("seed %llu\n", seed);
	return 0;
}

static int end(void **state)
{
	db_close(db);
	return database_stop(state);
}

static unsigned below(unsigned n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(seed >> 33) % n;
}

/* As a work lane runs a method. */
static struct request *run_method(enum status (*run)(struct request *), const struct buffer *body)
{
	struct request *req = request_for_job(&database_service, admin);

	req->db = db;
	req->body = (const uint8_t *)body->data;
	req->body_len = body->len;
	assert_int_equal(db_begin(db), OK);
	req->status = run(req);
	if (req->status == OK)
		assert_int_equal(db_commit(db), OK);
	else
		db_rollback(db);
	return req;
}

static void add_id(struct buffer *out, uint32_t number, const uint8_t id[16])
{
	char id_text[37];

	uuid_to_text(id, id_text);
	wire_add_text(out, number, id_text);
}

static void add_choice(struct buffer *out, const char *field, const uint8_t from[16])
{
	size_t begun = wire_begin(out, 3);

	wire_add_text(out, 1, field);
	if (from)
		add_id(out, 2, from);
	else
		wire_add_text(out, 2, "*");
	wire_end(out, begun);
}

static void edit(const uint8_t id[16], const char *json)
{
	struct request *req = change_of(admin, "customers", VERB_UPDATE, id, 0, json);

	if (write_one(db, req) != OK)
		fail_with("%s: %s", json,
			req->problem ? problem_text(req->problem, LANGUAGE_EN, req->arena) : "");
	request_free(req);
}

static void edit_anything(const uint8_t id[16])
{
	static const char *const forms[] = { "{\"industry\":\"i%u\"}", "{\"website\":\"https://w%u.cn\"}",
		"{\"tags\":[\"t%u\",\"x\"]}", "{\"phones\":[{\"number\":\"+86139%08u\"}]}",
		"{\"employees\":\"%u\"}", "{\"industry\":null}", "{\"name\":\"n%u\"}", "{\"source\":\"s%u\"}",
		"{\"description\":\"d%u\"}", "{\"roles\":[\"supplier\"]}",
		"{\"tags\":null,\"wechat\":\"w%u\"}", "{\"addresses\":[{\"city\":\"a%u\"}]}",
		"{\"stage\":\"lost\"}" };
	char json[128];

	snprintf(json, sizeof json, forms[below(sizeof forms / sizeof *forms)], below(1000000));
	edit(id, json);
}

/* All that a person could see of the customers, but for versions and times. */
static const char *picture(struct arena *arena, uint8_t ids[CUSTOMERS][16])
{
	static const struct db_statement all = {
		"SELECT coalesce(string_agg(to_jsonb(c)::text, E'\\n' ORDER BY id), '') FROM (SELECT id, "
		"owner_id, name, kind, stage,"
		" phones::text, emails::text, addresses::text, tags::text, roles::text, industry, source, "
		"wechat, description, website, employees, credit_code, parent_id, merged_into,"
		" delete_time IS NULL AS live, search::text FROM customer WHERE id = ANY ($1::uuid[])) c"
	};
	struct db_params params = { .arena = arena };
	struct db_array array;
	PGresult *rows;

	db_array_begin(&array, arena, OID_UUID);
	for (size_t i = 0; i < CUSTOMERS; i++)
		db_array_add(&array, ids[i], 16);
	db_bind_array(&params, &array);
	assert_int_equal(db_run(db, arena, &all, &params, &rows), OK);
	return arena_strdup(arena, db_bytes(rows, 0, 0).data);
}

/* One to three live customers into a live one, values taken at random. False when only one is left. */
static bool merge_some(uint8_t ids[CUSTOMERS][16], bool *live, size_t *survivor_out)
{
	static const char *const fields[] = { "industry", "website", "employees", "creditCode", "tags",
		"phones", "name", "source", "description", "roles", "addresses", "stage" };
	struct arena *arena = arena_new();
	struct buffer body = { .arena = arena };
	size_t chosen[CUSTOMERS], count = 0, wanted = 2 + below(3);

	for (size_t n = 0, at = below(CUSTOMERS); n < CUSTOMERS && count < wanted;
		n++, at = (at + 1) % CUSTOMERS)
		if (live[at])
			chosen[count++] = at;
	if (count > 1) {
		add_id(&body, 1, ids[chosen[0]]);
		for (size_t i = 1; i < count; i++)
			add_id(&body, 2, ids[chosen[i]]);
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
			if (below(2))
				add_choice(&body, fields[i],
					i >= 4 && i < 6 && below(2) ? NULL
								    : ids[chosen[below((unsigned)count)]]);
		struct request *req = run_method(merge_customers, &body);

		if (req->status != OK)
			fail_with("merge: %s",
				req->problem ? problem_text(req->problem, LANGUAGE_EN, arena) : db_error(db));
		request_free(req);
		for (size_t i = 1; i < count; i++)
			live[chosen[i]] = false;
		*survivor_out = chosen[0];
	}
	arena_free(arena);
	return count > 1;
}

static void undo(const uint8_t id[16])
{
	struct arena *arena = arena_new();
	struct buffer body = { .arena = arena };

	add_id(&body, 1, id);
	struct request *req = run_method(merge_undo, &body);

	if (req->status != OK)
		fail_with("undo: %s",
			req->problem ? problem_text(req->problem, LANGUAGE_EN, arena) : db_error(db));
	request_free(req);
	arena_free(arena);
}

static void free_code(void)
{
	database_sql("UPDATE customer.customer SET credit_code = NULL WHERE credit_code IS NOT NULL");
}

/* One of them has a value that only one record may have, and another one a parent. */
static void make_customers(uint8_t ids[CUSTOMERS][16])
{
	free_code();
	for (size_t i = 0; i < CUSTOMERS; i++) {
		char json[64];

		snprintf(json, sizeof json, "{\"name\":\"c%zu\"}", i);
		make_customer(db, admin, json, ids[i]);
		for (unsigned n = below(4); n > 0; n--)
			edit_anything(ids[i]);
	}
	edit(ids[0], arena_printf(database.arena, "{\"parentId\":\"%s\"}",
			     id_text_of(&(struct request){ .arena = database.arena }, ids[1])));
	edit(ids[below(CUSTOMERS)], "{\"creditCode\":\"91440300000000001H\"}");
}

static void merges_undone_in_the_opposite_order_end_where_they_began(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct arena *arena = arena_new();
		uint8_t ids[CUSTOMERS][16];
		bool live[CUSTOMERS] = { true, true, true, true, true, true };
		const char *pictures[STEPS_MAX];
		size_t survivors[STEPS_MAX], steps = 0;

		make_customers(ids);
		pictures[0] = picture(arena, ids);
		while (steps + 1 < STEPS_MAX && merge_some(ids, live, &survivors[steps]))
			pictures[++steps] = picture(arena, ids);
		assert_true(steps > 0);
		while (steps > 0) {
			assert_string_equal(picture(arena, ids), pictures[steps]);
			undo(ids[survivors[--steps]]);
			assert_string_equal(picture(arena, ids), pictures[steps]);
		}
		arena_free(arena);
	}
}

/* What a person could see of each customer, field by field; NULL: empty. */
struct table_text {
	const char *cells[CUSTOMERS][COLUMNS];
};

static const struct table_text *read_all(struct arena *arena, uint8_t ids[CUSTOMERS][16])
{
	static const struct db_statement all = {
		"SELECT name, kind::text, stage::text, phones::text, emails::text, addresses::text, "
		"credit_code, website, wechat, industry, source, parent_id::text, employees::text, "
		"description, invoices::text, tags::text, roles::text, hand_category_ids::text, "
		"category_ids::text, merged_into::text, owner_id::text, (delete_time IS NULL)::text FROM "
		"customer WHERE id = ANY ($1::uuid[]) ORDER BY id"
	};
	struct table_text *text = arena_zalloc(arena, sizeof *text);
	struct db_params params = { .arena = arena };
	struct db_array array;
	PGresult *rows;

	db_array_begin(&array, arena, OID_UUID);
	for (size_t i = 0; i < CUSTOMERS; i++)
		db_array_add(&array, ids[i], 16);
	db_bind_array(&params, &array);
	assert_int_equal(db_run(db, arena, &all, &params, &rows), OK);
	assert_int_equal(PQntuples(rows), CUSTOMERS);
	assert_int_equal(PQnfields(rows), COLUMNS);
	for (int i = 0; i < CUSTOMERS; i++)
		for (int k = 0; k < COLUMNS; k++)
			if (!PQgetisnull(rows, i, k))
				text->cells[i][k] = arena_strdup(arena, PQgetvalue(rows, i, k));
	return text;
}

static bool alike(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Of each cell: what the merge left is as it was before the merge, what was edited since is as it was edited.
 */
static void assert_undone(const struct table_text *before, const struct table_text *after,
	const struct table_text *last, const struct table_text *now)
{
	for (size_t i = 0; i < CUSTOMERS; i++)
		for (size_t k = 0; k < COLUMNS; k++) {
			const char *wanted = alike(last->cells[i][k], after->cells[i][k])
						     ? before->cells[i][k]
						     : last->cells[i][k];

			if (!alike(now->cells[i][k], wanted))
				fail_with("customer %zu, column %zu: \"%s\" instead of \"%s\"", i, k,
					now->cells[i][k] ? now->cells[i][k] : "", wanted ? wanted : "");
		}
}

static void edits_between_merges_stay_and_all_else_goes_back(void **state)
{
	size_t edits = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct arena *arena = arena_new();
		uint8_t ids[CUSTOMERS][16];
		bool live[CUSTOMERS] = { true, true, true, true, true, true };
		const struct table_text *before[STEPS_MAX], *after[STEPS_MAX], *last;
		size_t survivors[STEPS_MAX], steps = 0;

		make_customers(ids);
		for (; before[steps] = read_all(arena, ids), merge_some(ids, live, &survivors[steps]);
			steps++) {
			after[steps] = read_all(arena, ids);
			for (unsigned n = below(8), at = below(CUSTOMERS); n > 0; n--, at = below(CUSTOMERS))
				if (live[at]) {
					edit_anything(ids[at]);
					edits++;
				}
		}
		while (steps-- > 0) {
			last = read_all(arena, ids);
			undo(ids[survivors[steps]]);
			assert_undone(before[steps], after[steps], last, read_all(arena, ids));
		}
		arena_free(arena);
	}
	assert_true(edits > ROUNDS);
}

static const char *value(struct arena *arena, const uint8_t id[16], uint32_t number)
{
	struct request *req = request_for_job(&database_service, admin);
	struct record *record;

	req->db = db;
	assert_int_equal(engine_get(req, schema_resource_find("customers"), id, &record), OK);
	const char *text = record_text(record, number);
	const char *copy = text ? arena_strdup(arena, text) : "";

	request_free(req);
	return copy;
}

static void what_was_changed_on_the_survivor_since_stays_with_it(void **state)
{
	enum { INDUSTRY = 25, WEBSITE = 23 };
	struct arena *arena = arena_new();
	struct buffer body = { .arena = arena };
	uint8_t ids[2][16];

	(void)state;
	make_customer(
		db, admin, "{\"name\":\"甲\",\"industry\":\"旧\",\"website\":\"https://old.cn\"}", ids[0]);
	make_customer(
		db, admin, "{\"name\":\"乙\",\"industry\":\"新\",\"website\":\"https://new.cn\"}", ids[1]);
	add_id(&body, 1, ids[0]);
	add_id(&body, 2, ids[1]);
	add_choice(&body, "industry", ids[1]);
	add_choice(&body, "website", ids[1]);
	struct request *req = run_method(merge_customers, &body);

	assert_int_equal(req->status, OK);
	request_free(req);
	edit(ids[0], "{\"website\":\"https://later.cn\",\"description\":\"后来\"}");
	undo(ids[0]);
	assert_string_equal(value(arena, ids[0], INDUSTRY), "旧");
	assert_string_equal(value(arena, ids[0], WEBSITE), "https://later.cn");
	assert_string_equal(value(arena, ids[0], 29), "后来");
	assert_string_equal(value(arena, ids[1], WEBSITE), "https://new.cn");
	arena_free(arena);
}

static void a_value_taken_by_a_third_customer_meanwhile_stops_the_undoing_whole(void **state)
{
	struct arena *arena = arena_new();
	struct buffer body = { .arena = arena };
	uint8_t ids[3][16];

	(void)state;
	free_code();
	make_customer(db, admin, "{\"name\":\"甲\"}", ids[0]);
	make_customer(db, admin, "{\"name\":\"乙\",\"creditCode\":\"91440300000000001H\"}", ids[1]);
	add_id(&body, 1, ids[0]);
	add_id(&body, 2, ids[1]);
	struct request *req = run_method(merge_customers, &body);

	assert_int_equal(req->status, OK);
	request_free(req);
	make_customer(db, admin, "{\"name\":\"丙\",\"creditCode\":\"91440300000000001H\"}", ids[2]);
	body.len = 0;
	add_id(&body, 1, ids[0]);
	req = run_method(merge_undo, &body);
	assert_int_equal(req->status, CONFLICT);
	assert_string_equal(req->problem->code, "duplicate");
	request_free(req);
	edit(ids[2], "{\"creditCode\":null}");
	undo(ids[0]);
	assert_string_equal(value(arena, ids[1], 22), "91440300000000001H");
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_undone_in_the_opposite_order_end_where_they_began),
		cmocka_unit_test(edits_between_merges_stay_and_all_else_goes_back),
		cmocka_unit_test(what_was_changed_on_the_survivor_since_stays_with_it),
		cmocka_unit_test(a_value_taken_by_a_third_customer_meanwhile_stops_the_undoing_whole),
	};

	return cmocka_run_group_tests_name("customer", tests, begin, end);
}
