#include "database_harness.h"
#include "kit/validate.h"

/* The rules of the definition, as tables: what is taken in which normal form, and what is refused where and
 * why. */

static int begin(void **state)
{
	(void)state;
	schema_get();
	database.arena = arena_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(database.arena);
	return 0;
}

static struct record *record_of(
	struct request *req, const char *json, struct json_result *result_out, enum json_mode mode)
{
	struct record *record = record_new(req->resource, req->arena);

	*result_out = wire_of(req, mode, json);
	assert_true(record_parse(record, result_out->wire.data, result_out->wire.len));
	return record;
}

static const char *json_of(const struct record *record)
{
	struct buffer wire = { .arena = record->arena }, out = { .arena = record->arena };

	record_encode(record, &wire);
	assert_true(json_from_wire(record->resource->message, wire.data, wire.len, NULL, &out));
	return out.data;
}

static void what_is_taken_is_stored_in_one_form(void **state)
{
	static const struct {
		const char *collection, *given, *stored;
	} cases[] = {
		{ "customers", "{\"name\":\" 甲\\u3000 乙 \"}",
			"{\"name\":\"甲 乙\",\"kind\":\"company\",\"stage\":\"prospect\"}" },
		{ "customers", "{\"name\":\"甲\",\"kind\":\"person\",\"stage\":\"lost\"}",
			"{\"name\":\"甲\",\"kind\":\"person\",\"stage\":\"lost\"}" },
		{ "customers",
			"{\"name\":\"甲\",\"phones\":[{\"number\":\"138 0013 8000\",\"kind\":\"work\"}]}",
			"{\"name\":\"甲\",\"kind\":\"company\",\"stage\":\"prospect\",\"phones\":[{\"kind\":"
			"\"work\",\"number\":\"+8613800138000\"}]}" },
		{ "customers", "{\"name\":\"甲\",\"emails\":[{\"address\":\"Ａ@EXAMPLE.com\"}]}",
			"{\"name\":\"甲\",\"kind\":\"company\",\"stage\":\"prospect\",\"emails\":[{"
			"\"address\":\"a@example.com\"}]}" },
		{ "customers", "{\"name\":\"甲\",\"website\":\"WWW.Example.CN/X\"}",
			"{\"name\":\"甲\",\"kind\":\"company\",\"stage\":\"prospect\",\"website\":\"https://"
			"www.example.cn/X\"}" },
		{ "customers", "{\"name\":\"甲\",\"creditCode\":\"9144 0300 0000 0000 1h\"}",
			"{\"name\":\"甲\",\"kind\":\"company\",\"stage\":\"prospect\",\"creditCode\":"
			"\"91440300000000001H\"}" },
		{ "customers", "{\"name\":\"甲\",\"parentId\":\"01912D3C-5B7A-7C3E-8F00-0123456789AB\"}",
			"{\"name\":\"甲\",\"kind\":\"company\",\"stage\":\"prospect\",\"parentId\":"
			"\"01912d3c-5b7a-7c3e-8f00-0123456789ab\"}" },
		{ "customers", "{\"name\":\"甲\",\"industry\":\"  \",\"description\":\"一\\n\\t二\"}",
			"{\"name\":\"甲\",\"kind\":\"company\",\"stage\":\"prospect\",\"description\":"
			"\"一\\n\\t二\"}" },
		{ "customers", "{\"name\":\"甲\",\"employees\":\"0\"}",
			"{\"name\":\"甲\",\"kind\":\"company\",\"stage\":\"prospect\",\"employees\":\"0\"}" },
		{ "contacts",
			"{\"name\":\"乙\",\"customerId\":\"01912d3c-5b7a-7c3e-8f00-0123456789ab\","
			"\"birthday\":\"2000-02-29\"}",
			"{\"name\":\"乙\",\"customerId\":\"01912d3c-5b7a-7c3e-8f00-0123456789ab\","
			"\"birthday\":\"2000-02-29\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct request *req = request_of(&principal_system, cases[i].collection, VERB_CREATE);
		struct json_result result;
		struct record *record = record_of(req, cases[i].given, &result, JSON_CREATE);
		enum status status = validate_create(req, record);

		if (status != OK)
			fail_with("%s: %s %s\n", cases[i].given, req->problem->errors[0].pointer,
				req->problem->errors[0].code);
		assert_string_equal(json_of(record), cases[i].stored);
		/* Its own normal form is taken as it is. */
		assert_int_equal(validate_create(req, record), OK);
		assert_string_equal(json_of(record), cases[i].stored);
		request_free(req);
	}
}

static void what_is_refused_is_pointed_at_all_of_it(void **state)
{
	static const struct {
		const char *collection, *given, *errors; /* "pointer code" and so on, in order */
	} cases[] = {
		{ "customers", "{}", "/name required" },
		{ "customers", "{\"name\":\"  \"}", "/name required" },
		{ "customers", "{\"name\":\"a\\u0007b\"}", "/name bad_text" },
		{ "customers",
			"{\"name\":\"甲\",\"phones\":[{\"kind\":\"work\"},{\"number\":\"12345\"},{\"number\":"
			"\"13800138000\"}]}",
			"/phones/0/number required /phones/1/number bad_phone" },
		{ "customers", "{\"name\":\"甲\",\"emails\":[{\"address\":\"a@b@c\"}]}",
			"/emails/0/address bad_email" },
		{ "customers", "{\"name\":\"甲\",\"creditCode\":\"91440300000000001A\"}",
			"/creditCode bad_credit_code" },
		{ "customers", "{\"name\":\"甲\",\"creditCode\":\"9144030000000000111\"}",
			"/creditCode too_long" },
		{ "customers", "{\"name\":\"甲\",\"website\":\"javascript:alert(1)\"}", "/website bad_url" },
		{ "customers", "{\"name\":\"甲\",\"website\":\"https://user@evil.example/\"}",
			"/website bad_url" },
		{ "customers", "{\"name\":\"甲\",\"parentId\":\"7\"}", "/parentId bad_id" },
		{ "customers", "{\"name\":\"甲\",\"employees\":-1}", "/employees too_small" },
		{ "customers", "{\"name\":\"甲\",\"employees\":\"10000001\"}",
			"/employees too_large_number" },
		{ "customers", "{\"name\":\"甲\",\"description\":\"a\\u0001b\"}", "/description bad_text" },
		{ "contacts", "{}", "/name required /customerId required" },
		{ "contacts", "{\"name\":\"乙\",\"customerId\":\"x\",\"birthday\":\"2001-02-29\"}",
			"/customerId bad_id /birthday bad_date" },
		{ "activities", "{\"customerId\":\"01912d3c-5b7a-7c3e-8f00-0123456789ab\"}",
			"/subject required" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct request *req = request_of(&principal_system, cases[i].collection, VERB_CREATE);
		struct json_result result;
		struct record *record = record_of(req, cases[i].given, &result, JSON_CREATE);
		struct buffer errors = { .arena = req->arena };

		if (validate_create(req, record) != INVALID)
			fail_with("%s was taken\n", cases[i].given);
		for (size_t k = 0; k < req->problem->error_count; k++)
			buffer_printf(&errors, "%s%s %s", k ? " " : "", req->problem->errors[k].pointer,
				req->problem->errors[k].code);
		assert_string_equal(errors.data, cases[i].errors);
		request_free(req);
	}
}

static void limits_are_exact_and_count_characters(void **state)
{
	static const struct {
		const char *field;
		size_t limit;
	} limits[] = { { "name", 200 }, { "industry", 100 }, { "source", 100 }, { "wechat", 64 },
		{ "description", 4000 } };

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		for (size_t over = 0; over < 2; over++) {
			struct request *req = request_of(&principal_system, "customers", VERB_CREATE);
			struct buffer json = { .arena = req->arena };
			struct json_result result;

			buffer_printf(&json,
				strcmp(limits[i].field, "name") ? "{\"name\":\"x\",\"%s\":\"" : "{\"%s\":\"",
				limits[i].field);
			for (size_t c = 0; c < limits[i].limit + over; c++)
				buffer_add_text(&json, "名");
			buffer_add_text(&json, "\"}");
			assert_int_equal(
				validate_create(req, record_of(req, json.data, &result, JSON_CREATE)),
				over ? INVALID : OK);
			if (over)
				assert_string_equal(req->problem->errors[0].code, "too_long");
			request_free(req);
		}
}

static void an_update_looks_at_what_it_names_alone(void **state)
{
	struct request *req = request_of(&principal_system, "customers", VERB_UPDATE);
	struct json_result result;
	struct record *record = record_of(req, "{\"industry\":null,\"phones\":[]}", &result, JSON_PATCH);

	(void)state;
	assert_int_equal(validate_update(req, record, result.fields, result.field_count), OK);
	record = record_of(req, "{\"name\":null}", &result, JSON_PATCH);
	assert_int_equal(validate_update(req, record, result.fields, result.field_count), INVALID);
	assert_string_equal(req->problem->errors[0].code, "required");
	request_free(req);
}

static void an_update_that_names_what_the_service_sets_is_refused(void **state)
{
	static const uint32_t numbers[] = { STANDARD_ID, STANDARD_VERSION, STANDARD_CREATE_TIME,
		STANDARD_DELETE_TIME, 9999 };

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct request *req = request_of(&principal_system, "customers", VERB_UPDATE);

		assert_int_equal(
			validate_update(req, record_new(req->resource, req->arena), &numbers[i], 1), INVALID);
		request_free(req);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_is_stored_in_one_form),
		cmocka_unit_test(what_is_refused_is_pointed_at_all_of_it),
		cmocka_unit_test(limits_are_exact_and_count_characters),
		cmocka_unit_test(an_update_looks_at_what_it_names_alone),
		cmocka_unit_test(an_update_that_names_what_the_service_sets_is_refused),
	};

	return cmocka_run_group_tests_name("validate", tests, begin, end);
}
