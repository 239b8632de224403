#include "database_harness.h"
#include <pthread.h>
#include <time.h>

/* One connection in pipeline mode: results in order, errors, values, lost connections, cancelling. */

static struct db *db;
static struct arena *arena;

static int begin(void **state)
{
	if (database_start(state))
		return 1;
	db = database_open(database.conninfo, 0);
	database_sql("CREATE TABLE customer.thing (id int PRIMARY KEY, name text)");
	database_sql("GRANT ALL ON customer.thing TO guanxi_customer");
	return 0;
}

static int end(void **state)
{
	db_close(db);
	return database_stop(state);
}

static int fresh(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int done(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static struct db_params int_param(int32_t value)
{
	struct db_params params = { .arena = arena };

	db_bind_int4(&params, value);
	return params;
}

static const struct db_statement insert = {
	"INSERT INTO thing (id, name) VALUES ($1::int, 'x') RETURNING id"
};
static const struct db_statement invert = { "SELECT 12 / $1::int" };
static const struct db_statement echo = { "SELECT $1::int" };

static void results_come_in_the_order_of_the_statements(void **state)
{
	PGresult *rows;

	(void)state;
	assert_int_equal(db_ready(db), OK);
	for (int32_t i = 0; i < 300; i++) {
		struct db_params params = int_param(i);

		db_send(db, &echo, &params);
	}
	db_sync(db);
	for (int32_t i = 0; i < 300; i++) {
		assert_int_equal(db_result(db, arena, &rows), OK);
		assert_int_equal(db_int4(rows, 0, 0), i);
	}
	assert_int_equal(db_end(db), OK);
}

static void a_failure_ends_its_group_and_no_other(void **state)
{
	static const struct db_statement first_used_behind = { "SELECT 7" };
	PGresult *rows;

	(void)state;
	assert_int_equal(db_ready(db), OK);
	for (int32_t value = 1; value >= -1; value--) {
		struct db_params params = int_param(value), id = int_param(100 + value);

		db_send(db, &insert, &id);
		db_send(db, &invert, &params);
		db_send(db, &first_used_behind,
			NULL); /* its Parse is skipped by the server when the group has failed */
		db_sync(db);
	}
	for (int32_t value = 1; value >= -1; value--) {
		assert_int_equal(db_result(db, arena, &rows), OK);
		assert_int_equal(db_result(db, arena, &rows), value ? OK : INVALID);
		if (!value)
			assert_string_equal(db_sqlstate(db), "22012");
		enum status behind = db_result(db, arena, &rows);

		if (value >= 0)
			assert_int_equal(behind, value ? OK : INVALID);
		assert_int_equal(db_end(db) == OK, value != 0);
	}
	assert_int_equal(database_sql("SELECT count(*) FROM customer.thing WHERE id BETWEEN 99 AND 101"), 2);
	assert_int_equal(db_run(db, arena, &first_used_behind, NULL, &rows), OK);
	assert_int_equal(db_int4(rows, 0, 0), 7);
}

static void a_statement_that_does_not_parse_leaves_the_connection_sound(void **state)
{
	static const struct db_statement wrong = { "SELEC 1" },
					 missing = { "SELECT * FROM nothing_of_that_name" };
	struct db_params params = int_param(5);
	PGresult *rows;

	(void)state;
	assert_int_equal(db_run(db, arena, &wrong, NULL, &rows), INTERNAL);
	assert_int_equal(db_run(db, arena, &missing, NULL, &rows), INTERNAL);
	assert_non_null(strstr(db_error(db), "nothing_of_that_name"));
	assert_int_equal(db_run(db, arena, &wrong, NULL, &rows), INTERNAL);
	assert_int_equal(db_run(db, arena, &echo, &params, &rows), OK);
	assert_int_equal(db_int4(rows, 0, 0), 5);
	assert_false(db_is_broken(db));
}

static void sqlstates_become_statuses(void **state)
{
	static const struct {
		struct db_statement statement;
		enum status status;
		const char *sqlstate;
	} cases[] = {
		{ { "INSERT INTO thing VALUES (1000, 'a'), (1000, 'b')" }, CONFLICT, "23505" },
		{ { "INSERT INTO thing VALUES (NULL, 'a')" }, CONFLICT, "23502" },
		{ { "SELECT 'x'::uuid" }, INVALID, "22P02" },
		{ { "SELECT 1 / 0" }, INVALID, "22012" },
		{ { "SELECT pg_sleep(5)" }, DEADLINE, "57014" },
		{ { "UPDATE event_log SET type = 'x'" }, INTERNAL, "42501" },
	};
	struct db *quick = db_open(&(struct db_options){ .conninfo = database.conninfo,
		.schema = "customer",
		.statement_timeout_ms = 300,
		.name = "q" });

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum status status = db_run(quick, arena, &cases[i].statement, NULL, NULL);

		assert_string_equal(db_sqlstate(quick), cases[i].sqlstate);
		assert_int_equal(status, cases[i].status);
	}
	db_close(quick);
}

static void values_of_every_type_make_the_round_trip(void **state)
{
	static const struct db_statement all = {
		"SELECT $1::text, $2::uuid, $3::bigint, $4::int, $5::boolean, $6::timestamptz, $7::text, "
		"$8::bytea, $9::boolean"
	};
	static const uint8_t id[16] = { 1, 145, 45, 60, 91, 122, 124, 62, 143, 0, 1, 35, 69, 103, 137, 171 };
	const int64_t times[] = { 0, -1, 1700000000123456, 253402300799999999, -62135596800000000 };
	PGresult *rows;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		struct db_params params = { .arena = arena };

		db_bind_text(&params, "客户 'x' \\");
		db_bind_uuid(&params, id);
		db_bind_int8(&params, INT64_MIN + (int64_t)i);
		db_bind_int4(&params, INT32_MIN + (int32_t)i);
		db_bind_bool(&params, true);
		db_bind_time(&params, times[i]);
		db_bind_null(&params);
		db_bind(&params, "\0\xff\0", 3);
		db_bind_bool(&params, false);
		assert_int_equal(db_run(db, arena, &all, &params, &rows), OK);
		assert_string_equal(db_bytes(rows, 0, 0).data, "客户 'x' \\");
		assert_memory_equal(db_bytes(rows, 0, 1).data, id, 16);
		assert_true(db_int8(rows, 0, 2) == INT64_MIN + (int64_t)i);
		assert_true(db_int4(rows, 0, 3) == INT32_MIN + (int32_t)i);
		assert_true(db_bool(rows, 0, 4));
		assert_true(db_time(rows, 0, 5) == times[i]);
		assert_true(PQgetisnull(rows, 0, 6));
		assert_int_equal(db_bytes(rows, 0, 7).len, 3);
		assert_memory_equal(db_bytes(rows, 0, 7).data, "\0\xff\0", 3);
		assert_false(db_bool(rows, 0, 8));
	}
}

static void arrays_keep_their_elements_nulls_and_emptiness(void **state)
{
	static const struct db_statement look = {
		"SELECT coalesce(cardinality($1::text[]), -1), array_position($1::text[], NULL), "
		"($1::text[])[1], coalesce(array_ndims($1::text[]), 0)"
	};
	PGresult *rows;

	(void)state;
	for (int count = 0; count < 4; count++) {
		struct db_params params = { .arena = arena };
		struct db_array array;

		db_array_begin(&array, arena, OID_TEXT);
		for (int i = 0; i < count; i++) {
			if (i == 2)
				db_array_add_null(&array);
			else
				db_array_add(&array, "a,\"{b", 5);
		}
		db_bind_array(&params, &array);
		assert_int_equal(db_run(db, arena, &look, &params, &rows), OK);
		assert_int_equal(db_int4(rows, 0, 0), count);
		assert_int_equal(PQgetisnull(rows, 0, 1), count < 3);
		assert_int_equal(PQgetisnull(rows, 0, 2), count == 0);
		if (count)
			assert_string_equal(db_bytes(rows, 0, 2).data, "a,\"{b");
		assert_int_equal(db_int4(rows, 0, 3), count ? 1 : 0);
	}
}

/* The backend of the group is ended between its COMMIT and its Sync: what it says then belongs to no
 * statement. */
static void the_last_words_of_a_server_break_the_connection(void **state)
{
	static const struct db_statement farewell = { "SELECT pg_terminate_backend(pg_backend_pid())" },
					 commit = { "COMMIT" }, more = { "SELECT 1" };
	PGresult *rows;

	(void)state;
	assert_int_equal(db_begin(db), OK);
	db_send(db, &farewell, NULL);
	db_send(db, &commit, NULL);
	db_send(db, &more, NULL);
	db_sync(db);
	while (db_result(db, arena, &rows) == OK)
		continue;
	assert_int_equal(db_end(db), UNAVAILABLE);
	assert_true(db_is_broken(db));
	assert_int_equal(db_run(db, arena, &more, NULL, &rows), OK);
}

/* What is sent and what comes back are both larger than any socket buffer: neither side may wait for the
 * other to read. */
static void much_can_be_on_its_way_in_both_directions(void **state)
{
	static const struct db_statement twice = { "SELECT $1::text || $1::text" };
	enum { SIZE = 4 << 20 };
	char *text = arena_alloc(arena, SIZE + 1);
	PGresult *rows;

	(void)state;
	memset(text, 'x', SIZE);
	text[SIZE] = '\0';
	assert_int_equal(db_ready(db), OK);
	for (int i = 0; i < 6; i++) {
		struct db_params params = { .arena = arena };

		db_bind(&params, text, SIZE);
		db_send(db, &twice, &params);
	}
	db_sync(db);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(db_result(db, arena, &rows), OK);
		assert_int_equal(db_bytes(rows, 0, 0).len, 2 * SIZE);
	}
	assert_int_equal(db_end(db), OK);
}

static void a_transaction_that_was_rolled_back_leaves_nothing(void **state)
{
	struct db_params one = int_param(2000), two = int_param(2001);

	(void)state;
	assert_int_equal(db_begin(db), OK);
	assert_int_equal(db_run(db, arena, &insert, &one, NULL), OK);
	db_rollback(db);
	assert_int_equal(db_begin(db), OK);
	assert_int_equal(db_run(db, arena, &insert, &two, NULL), OK);
	assert_int_equal(db_run(db, arena, &insert, &two, NULL), CONFLICT);
	db_rollback(db);
	assert_int_equal(database_sql("SELECT count(*) FROM customer.thing WHERE id >= 2000"), 0);
	assert_int_equal(db_begin(db), OK);
	assert_int_equal(db_run(db, arena, &insert, &two, NULL), OK);
	assert_int_equal(db_commit(db), OK);
	assert_int_equal(database_sql("SELECT count(*) FROM customer.thing WHERE id >= 2000"), 1);
}

/* Whoever reads the first failure goes away: the rest of the group must not be taken for the answer to
 * ROLLBACK. */
static void a_rollback_in_the_middle_of_a_group_keeps_the_connection_and_the_reason(void **state)
{
	struct db_params zero = int_param(0), one = int_param(1), three = int_param(3000);
	PGresult *rows;

	(void)state;
	assert_int_equal(db_begin(db), OK);
	db_send(db, &insert, &three);
	db_send(db, &invert, &zero);
	db_send(db, &invert, &one);
	db_sync(db);
	assert_int_equal(db_result(db, arena, &rows), OK);
	assert_int_equal(db_result(db, arena, &rows), INVALID);
	db_rollback(db);
	assert_false(db_is_broken(db));
	assert_string_equal(db_sqlstate(db), "22012");
	assert_int_equal(database_sql("SELECT count(*) FROM customer.thing WHERE id = 3000"), 0);
	assert_int_equal(db_run(db, arena, &insert, &three, NULL), OK);
}

static void terminate_lanes(void)
{
	database_sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = "
		     "'lane'");
	while (database_sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lane'"))
		usleep(1000);
}

/* libpq writes the server's warnings to stderr. */
static void a_rollback_without_a_transaction_asks_the_server_nothing(void **state)
{
	FILE *warnings = tmpfile();
	int kept = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(db_ready(db), OK);
	dup2(fileno(warnings), STDERR_FILENO);
	db_rollback(db);
	enum status begun = db_begin(db);

	db_rollback(db);
	db_rollback(db);
	dup2(kept, STDERR_FILENO);
	close(kept);
	assert_int_equal(begun, OK);
	assert_int_equal(lseek(fileno(warnings), 0, SEEK_END), 0);
	fclose(warnings);
}

static void a_connection_that_was_lost_while_idle_costs_nobody_an_answer(void **state)
{
	struct db_params params = int_param(9);
	PGresult *rows;

	(void)state;
	assert_int_equal(db_run(db, arena, &echo, &params, &rows), OK);
	terminate_lanes();
	assert_int_equal(db_run(db, arena, &echo, &params, &rows), OK); /* prepared anew */
	assert_int_equal(db_int4(rows, 0, 0), 9);
}

static void a_connection_that_is_lost_in_a_group_says_so_and_comes_back(void **state)
{
	struct db_params params = int_param(9);
	PGresult *rows = NULL;

	(void)state;
	assert_int_equal(db_ready(db), OK);
	db_send(db, &echo, &params);
	db_sync(db);
	assert_int_equal(db_result(db, arena, &rows), OK);
	assert_int_equal(db_end(db), OK);
	assert_int_equal(db_begin(db), OK);
	terminate_lanes();
	db_send(db, &echo, &params);
	db_send(db, &echo, &params);
	db_sync(db);
	assert_int_equal(db_result(db, arena, &rows), UNAVAILABLE);
	assert_null(rows);
	assert_true(db_is_broken(db));
	assert_int_equal(db_result(db, arena, &rows), UNAVAILABLE);
	assert_int_equal(db_end(db), UNAVAILABLE);
	assert_string_equal(db_sqlstate(db), "");
	assert_int_equal(db_run(db, arena, &echo, &params, &rows), OK);
	assert_false(db_is_broken(db));
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void a_server_that_is_away_is_told_at_once(void **state)
{
	struct db *nowhere = db_open(&(struct db_options){
		.conninfo = "host=/nonexistent dbname=x", .schema = "customer", .name = "nowhere" });
	int64_t since = now_ms();

	(void)state;
	for (int i = 0; i < 50; i++)
		assert_int_equal(db_run(nowhere, arena, &echo, NULL, NULL), UNAVAILABLE);
	assert_true(now_ms() - since < 2000);
	assert_true(strlen(db_error(nowhere)) > 0);
	db_close(nowhere);
}

static void *run_sleep(void *arg)
{
	static const struct db_statement nap = { "SELECT pg_sleep(30)" };
	struct arena *own = arena_new();
	enum status *status = arg;

	*status = db_run(db, own, &nap, NULL, NULL);
	arena_free(own);
	return NULL;
}

static void what_runs_can_be_cancelled_from_another_thread(void **state)
{
	enum status status = OK;
	pthread_t thread;
	int64_t since = now_ms();

	(void)state;
	assert_int_equal(db_ready(db), OK);
	pthread_create(&thread, NULL, run_sleep, &status);
	while (!database_sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(30)%%' AND "
			     "state = 'active' AND application_name = 'lane'"))
		assert_true(now_ms() - since < 10000);
	db_cancel(db);
	pthread_join(thread, NULL);
	assert_int_equal(status, DEADLINE);
	assert_true(now_ms() - since < 10000);
	assert_int_equal(
		db_run(db, arena, &echo,
			&(struct db_params){
				.arena = arena, .count = 1, .values = { "\0\0\0\5" }, .lengths = { 4 } },
			NULL),
		OK);
}

static void a_lock_that_is_not_to_be_had_ends_in_time(void **state)
{
	static const struct db_statement lock = { "SELECT FROM thing WHERE id = 2001 FOR UPDATE" };
	struct db *holder = database_open(database.conninfo, 0),
		  *impatient = database_open(database.conninfo, 50);

	(void)state;
	assert_int_equal(db_begin(holder), OK);
	assert_int_equal(db_run(holder, arena, &lock, NULL, NULL), OK);
	assert_int_equal(db_run(impatient, arena, &lock, NULL, NULL), UNAVAILABLE);
	assert_string_equal(db_sqlstate(impatient), "55P03");
	db_rollback(holder);
	assert_int_equal(db_run(impatient, arena, &lock, NULL, NULL), OK);
	db_close(holder);
	db_close(impatient);
}

#define test(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(results_come_in_the_order_of_the_statements),
		test(a_failure_ends_its_group_and_no_other),
		test(a_statement_that_does_not_parse_leaves_the_connection_sound),
		test(sqlstates_become_statuses),
		test(values_of_every_type_make_the_round_trip),
		test(arrays_keep_their_elements_nulls_and_emptiness),
		test(much_can_be_on_its_way_in_both_directions),
		test(a_transaction_that_was_rolled_back_leaves_nothing),
		test(a_rollback_in_the_middle_of_a_group_keeps_the_connection_and_the_reason),
		test(a_rollback_without_a_transaction_asks_the_server_nothing),
		test(a_connection_that_was_lost_while_idle_costs_nobody_an_answer),
		test(a_connection_that_is_lost_in_a_group_says_so_and_comes_back),
		test(the_last_words_of_a_server_break_the_connection),
		test(a_server_that_is_away_is_told_at_once),
		test(what_runs_can_be_cancelled_from_another_thread),
		test(a_lock_that_is_not_to_be_had_ends_in_time),
	};

	return cmocka_run_group_tests_name("db", tests, begin, end);
}
