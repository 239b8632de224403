#include "database_harness.h"
#include "guanxi/event.pb-c.h"
#include "kit/event.h"
#include <sodium.h>

/* Events as they are written, read by protobuf-c; and the log that the sequencer's statement makes of them.
 */

static struct principal *admin;
static struct db *db;

static int begin(void **state)
{
	if (database_start(state))
		return 1;
	db = database_open(database.conninfo, 3000);
	admin = person_new(true, NULL, 0);
	database_knows("user_ref", admin->id);
	return 0;
}

static int end(void **state)
{
	db_close(db);
	return database_stop(state);
}

static struct record *customer_of(
	struct request *req, const uint8_t id[16], uint64_t version, const char *name)
{
	struct record *record = record_new(req->resource, req->arena);

	record_set_uuid(record, STANDARD_ID, id);
	record_set_number(record, STANDARD_VERSION, (int64_t)version);
	record_set_text(record, 16, name);
	return record;
}

static const char *attribute(const Guanxi__Event *event, const char *key)
{
	for (size_t i = 0; i < event->n_attributes; i++)
		if (!strcmp(event->attributes[i]->key, key) && event->attributes[i]->value)
			return event->attributes[i]->value->ce_string ? event->attributes[i]->value->ce_string
								      : event->attributes[i]->value->ce_uri;
	return NULL;
}

static void a_change_is_a_cloud_event_with_what_changed_alone(void **state)
{
	struct request *req = request_of(admin, "customers", VERB_UPDATE);
	uint8_t id[16], which[64];

	(void)state;
	req->traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	uuid_v7(id);
	struct record *before = customer_of(req, id, 1, "甲"), *after = customer_of(req, id, 2, "乙");

	record_set_text(before, 25, "制造业");
	record_set_text(after, 25, "制造业");
	record_difference(before, after, which);
	struct event *event = event_of_change(req, "updated", before, after, which, 1700000000123456);
	Guanxi__Event *read =
		guanxi__event__unpack(NULL, event->payload.len, (const uint8_t *)event->payload.data);

	assert_non_null(read);
	assert_string_equal(read->source, "/guanxi/customer");
	assert_string_equal(read->spec_version, "1.0");
	assert_string_equal(read->type, "guanxi.customer.customer.updated.v1");
	assert_string_equal(event->type, read->type);
	assert_string_equal(
		attribute(read, "subject"), arena_printf(req->arena, "customers/%s", id_text_of(req, id)));
	assert_string_equal(attribute(read, "dataschema"), "guanxi.customer.v1.Customer");
	assert_string_equal(attribute(read, "traceparent"), req->traceparent);
	assert_string_equal(read->id, id_text_of(req, event->id));
	Guanxi__Change *change = guanxi__change__unpack(NULL, read->binary_data.len, read->binary_data.data);

	assert_non_null(change);
	assert_int_equal(change->version, 2);
	assert_int_equal(change->n_fields, 1);
	assert_string_equal(change->fields[0], "name");
	assert_string_equal(change->principal_id, admin->id_text);
	struct record *old = record_new(req->resource, req->arena),
		      *new = record_new(req->resource, req->arena);

	assert_true(record_parse(old, change->before.data, change->before.len));
	assert_true(record_parse(new, change->after.data, change->after.len));
	assert_string_equal(record_text(old, 16), "甲");
	assert_string_equal(record_text(new, 16), "乙");
	assert_false(record_has(old, 25) || record_has(new, 25) || record_has(new, STANDARD_VERSION));
	guanxi__change__free_unpacked(change, NULL);
	guanxi__event__free_unpacked(read, NULL);
	request_free(req);
}

/* Who saw it before is told too, behind who sees it now; only when it moved. */
static void the_audience_names_who_sees_it_and_who_saw_it(void **state)
{
	struct request *req = request_of(admin, "customers", VERB_UPDATE);
	uint8_t id[16], one[16], other[16], which[64];

	(void)state;
	uuid_v7(id);
	uuid_v7(one);
	uuid_v7(other);
	for (int moved = 0; moved < 2; moved++) {
		struct record *before = customer_of(req, id, 1, "甲"), *after = customer_of(req, id, 2, "乙");

		record_set_uuid(before, STANDARD_OWNER_ID, one);
		record_set_uuid(after, STANDARD_OWNER_ID, moved ? other : one);
		record_set_uuid(after, STANDARD_TEAM_ID, other);
		record_set_uuid(before, STANDARD_TEAM_ID, other);
		record_difference(before, after, which);
		struct event *event = event_of_change(req, "updated", before, after, which, 0);
		Guanxi__Audience *audience = guanxi__audience__unpack(
			NULL, event->audience.len, (const uint8_t *)event->audience.data);

		assert_int_equal(audience->n_entries, 1 + moved);
		assert_memory_equal(audience->entries[0]->owner_id.data, moved ? other : one, 16);
		assert_memory_equal(audience->entries[0]->team_id.data, other, 16);
		if (moved)
			assert_memory_equal(audience->entries[1]->owner_id.data, one, 16);
		assert_false(audience->everyone);
		guanxi__audience__free_unpacked(audience, NULL);
	}
	request_free(req);
}

/* --- the log */

static void sequence_all(int cut)
{
	struct arena *arena = arena_new();
	static const struct db_statement lock = { "SELECT pos FROM event_head FOR UPDATE" },
					 turn = { "SELECT count(*) FROM event_sequence($1::int)" };
	PGresult *rows;
	int64_t moved;

	do {
		struct db_params params = { .arena = arena };

		db_bind_int4(&params, cut);
		assert_int_equal(db_begin(db), OK);
		assert_int_equal(db_run(db, arena, &lock, NULL, NULL), OK);
		assert_int_equal(db_run(db, arena, &turn, &params, &rows), OK);
		moved = db_int8(rows, 0, 0);
		assert_int_equal(db_commit(db), OK);
	} while (moved);
	arena_free(arena);
}

static void the_log_is_dense_ordered_by_version_and_whole_in_transactions(void **state)
{
	uint8_t ids[6][16];

	(void)state;
	for (int i = 0; i < 6; i++)
		make_customer(db, admin, "{\"name\":\"甲\"}", ids[i]);
	for (int round = 0; round < 5; round++) {
		struct request *requests[6];

		for (int i = 0; i < 6; i++) {
			char json[64];

			snprintf(json, sizeof json, "{\"source\":\"%d\"}", round);
			requests[i] = change_of(admin, "customers", VERB_UPDATE, ids[i], 0, json);
		}
		write_all(db, requests, 6);
		for (int i = 0; i < 6; i++)
			request_free(requests[i]);
	}
	sequence_all(7); /* smaller than some transactions together: none may be cut in two */
	assert_int_equal(database_sql("SELECT count(*) FROM customer.event_outbox"), 0);
	assert_int_equal(database_sql("SELECT count(*) FROM customer.event_log"), 36);
	assert_int_equal(database_sql("SELECT max(pos) FROM customer.event_log"), 36);
	assert_int_equal(database_sql("SELECT pos FROM customer.event_head"), 36);
	assert_int_equal(database_sql("SELECT count(*) FROM (SELECT subject_version - lag(subject_version, "
				      "1, 0::bigint) OVER (PARTITION BY subject_id ORDER BY pos) d"
				      " FROM customer.event_log) x WHERE d <> 1"),
		0);
	assert_int_equal(database_sql("SELECT count(*) FROM (SELECT xid FROM customer.event_log GROUP BY xid "
				      "HAVING max(pos) - min(pos) + 1 <> count(*)) x"),
		0);
}

static void the_seals_are_a_chain_over_every_event(void **state)
{
	struct arena *arena = arena_new();
	struct db_params none = { .arena = arena };
	PGresult *seals, *events;
	unsigned char previous[32], seal[32];
	size_t previous_len = 0, at = 0;

	(void)state;
	db_send_once(db, "SELECT up_to, previous, seal FROM event_seal ORDER BY up_to", &none);
	db_send_once(db, "SELECT pos, salt, payload, digest FROM event_log ORDER BY pos", &none);
	db_sync(db);
	assert_int_equal(db_result(db, arena, &seals), OK);
	assert_int_equal(db_result(db, arena, &events), OK);
	assert_int_equal(db_end(db), OK);
	assert_true(PQntuples(seals) > 1);
	for (int row = 0; row < PQntuples(seals); row++) {
		crypto_hash_sha256_state chain;

		assert_int_equal(db_bytes(seals, row, 1).len, previous_len);
		assert_memory_equal(db_bytes(seals, row, 1).data, previous, previous_len);
		crypto_hash_sha256_init(&chain);
		crypto_hash_sha256_update(&chain, previous, previous_len);
		for (; at < (size_t)db_int8(seals, row, 0); at++) {
			struct slice salt = db_bytes(events, (int)at, 1),
				     payload = db_bytes(events, (int)at, 2);
			crypto_hash_sha256_state one;
			unsigned char digest[32];

			crypto_hash_sha256_init(&one);
			crypto_hash_sha256_update(&one, (const unsigned char *)salt.data, salt.len);
			crypto_hash_sha256_update(&one, (const unsigned char *)payload.data, payload.len);
			crypto_hash_sha256_final(&one, digest);
			assert_memory_equal(db_bytes(events, (int)at, 3).data, digest, 32);
			crypto_hash_sha256_update(&chain, digest, 32);
		}
		crypto_hash_sha256_final(&chain, seal);
		assert_memory_equal(db_bytes(seals, row, 2).data, seal, 32);
		memcpy(previous, seal, 32);
		previous_len = 32;
	}
	assert_int_equal(at, PQntuples(events));
	arena_free(arena);
}

static void the_serving_role_can_change_nothing_in_the_log(void **state)
{
	static const struct db_statement attempts[] = {
		{ "UPDATE event_log SET type = 'x'" },
		{ "DELETE FROM event_log" },
		{ "TRUNCATE event_log" },
		{ "UPDATE event_seal SET seal = ''" },
		{ "DELETE FROM event_seal" },
		{ "DELETE FROM event_signature" },
		{ "UPDATE event_log_p0 SET type = 'x'" },
		{ "DELETE FROM migration" },
	};
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
		assert_int_not_equal(db_run(db, arena, &attempts[i], NULL, NULL), OK);
		assert_string_equal(db_sqlstate(db), "42501");
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_a_cloud_event_with_what_changed_alone),
		cmocka_unit_test(the_audience_names_who_sees_it_and_who_saw_it),
		cmocka_unit_test(the_log_is_dense_ordered_by_version_and_whole_in_transactions),
		cmocka_unit_test(the_seals_are_a_chain_over_every_event),
		cmocka_unit_test(the_serving_role_can_change_nothing_in_the_log),
	};

	return cmocka_run_group_tests_name("event", tests, begin, end);
}
