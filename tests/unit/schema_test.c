#include "kit/column.h"
#include "kit/schema.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static int begin(void **state)
{
	(void)state;
	schema_get();
	return 0;
}

static void every_field_is_found_by_its_name_and_by_its_number(void **state)
{
	const struct schema *schema = schema_get();
	size_t fields = 0;

	(void)state;
	for (size_t m = 0; m < schema->message_count; m++) {
		const struct schema_message *message = &schema->messages[m];

		assert_ptr_equal(schema_message_find(message->full_name), message);
		for (size_t i = 0; i < message->count; i++) {
			const struct schema_field *f = &message->fields[i];

			assert_int_equal(f->index, i);
			assert_int_equal(f->json_len, strlen(f->json_name));
			assert_ptr_equal(schema_field_find(message, f->json_name, f->json_len), f);
			assert_ptr_equal(schema_field_by_number(message, f->number), f);
			assert_non_null(f->rule);
			fields++;
		}
	}
	assert_true(fields > 100);
}

static void names_that_are_almost_right_are_not_found(void **state)
{
	const struct schema_message *customer = schema_resource_find("customers")->message;
	static const char *const wrong[] = { "", "Name", "nam", "names", "credit_code", "creditcode",
		"__proto__" };

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_null(schema_field_find(customer, wrong[i], strlen(wrong[i])));
	assert_non_null(schema_field_find(customer, "nameX", 4)); /* by length, not to the NUL */
	assert_null(schema_field_by_number(customer, 0));
	assert_null(schema_field_by_number(customer, 9999));
	assert_null(schema_resource_find("customer"));
	assert_null(schema_message_find("guanxi.customer.v1.Nothing"));
	assert_null(schema_method_find("CustomerService.Nothing"));
}

static void resources_have_the_standard_fields_in_their_places(void **state)
{
	static const struct {
		const char *name;
		uint32_t number;
		enum field_type type;
	} standard[] = {
		{ "id", STANDARD_ID, FIELD_STRING },
		{ "version", STANDARD_VERSION, FIELD_UINT64 },
		{ "create_time", STANDARD_CREATE_TIME, FIELD_TIMESTAMP },
		{ "update_time", STANDARD_UPDATE_TIME, FIELD_TIMESTAMP },
		{ "delete_time", STANDARD_DELETE_TIME, FIELD_TIMESTAMP },
	};
	const struct schema *schema = schema_get();

	(void)state;
	assert_true(schema->resource_count >= 7);
	for (size_t r = 0; r < schema->resource_count; r++) {
		const struct schema_resource *resource = &schema->resources[r];

		assert_int_equal(resource->index, r);
		assert_ptr_equal(schema_resource_find(resource->collection), resource);
		assert_non_null(resource->title);
		assert_true((resource->owner == NULL) == (resource->team == NULL));
		for (size_t i = 0; i < sizeof standard / sizeof *standard; i++) {
			const struct schema_field *f =
				schema_field_by_number(resource->message, standard[i].number);

			assert_non_null(f);
			assert_string_equal(f->name, standard[i].name);
			assert_int_equal(f->type, standard[i].type);
			assert_true(f->rule->output_only);
		}
		for (size_t i = 0; i < resource->message->count; i++)
			assert_true(resource->message->fields[i].number <= resource->highest_number);
	}
}

static void references_parents_and_enums_are_resolved(void **state)
{
	const struct schema_resource *contacts = schema_resource_find("contacts"),
				     *customers = schema_resource_find("customers");
	const struct schema_field *owner = schema_field_by_number(customers->message, STANDARD_OWNER_ID);

	(void)state;
	assert_string_equal(contacts->parent->name, "customer_id");
	assert_ptr_equal(contacts->parent->reference, customers);
	assert_string_equal(owner->reference->collection, "users");
	assert_string_equal(owner->reference->service, "identity");
	const struct schema_enum *stage = schema_field_find(customers->message, "stage", 5)->enumeration;
	const struct schema_enum_value *lost = schema_enum_by_name(stage, "lost", 4);

	assert_string_equal(lost->proto_name, "LIFECYCLE_STAGE_LOST");
	assert_string_equal(lost->label.zh, "流失");
	assert_ptr_equal(schema_enum_by_number(stage, lost->number), lost);
	assert_null(schema_enum_by_name(stage, "LOST", 4));
	assert_null(schema_enum_by_number(stage, 99));
}

static void methods_know_their_address_and_messages(void **state)
{
	const struct schema_method *import = schema_method_find("CustomerService.CreateImport"),
				   *internal = schema_method_find("IdentityService.ResolveSession");

	(void)state;
	assert_string_equal(import->verb, "POST");
	assert_string_equal(import->path, "/api/v1/customers:import");
	assert_int_equal(import->success, 202);
	assert_string_equal(import->service, "customer");
	assert_ptr_equal(import->output, schema_resource_find("jobs")->message);
	assert_null(internal->path);
	assert_true(schema_method_find("IdentityService.SignIn")->anonymous);
	assert_true(schema_method_find("IdentityService.SetPassword")->administrators_only);
}

static void a_column_gives_back_what_it_took(void **state)
{
	static const struct {
		const char *field, *text;
		bool good;
	} cases[] = {
		{ "name", "客户", true },
		{ "employees", "-9223372036854775808", true },
		{ "employees", "9223372036854775808", false },
		{ "employees", "7x", false },
		{ "employees", "", false },
		{ "stage", "lost", true },
		{ "stage", "LOST", false },
		{ "stage", "4", false },
		{ "ownerId", "01912d3c-5b7a-7c3e-8f00-0123456789ab", true },
		{ "ownerId", "01912d3c", false },
		{ "createTime", "2026-11-21T08:30:00Z", true },
		{ "createTime", "2026-11-21T08:30:00+08:00", true },
		{ "createTime", "2026-11-21", false },
	};
	const struct schema_message *customer = schema_resource_find("customers")->message;
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct schema_field *f =
			schema_field_find(customer, cases[i].field, strlen(cases[i].field));
		struct buffer wire = { .arena = arena };
		struct slice value, again;

		assert_int_equal(column_from_text(f, cases[i].text, arena, &value), cases[i].good);
		if (!cases[i].good)
			continue;
		column_to_wire(f, value.data, value.len, &wire);
		assert_true(column_from_wire(f, (struct slice){ wire.data, wire.len }, arena, &again));
		assert_int_equal(again.len, value.len);
		assert_memory_equal(again.data, value.data, value.len);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_found_by_its_name_and_by_its_number),
		cmocka_unit_test(names_that_are_almost_right_are_not_found),
		cmocka_unit_test(resources_have_the_standard_fields_in_their_places),
		cmocka_unit_test(references_parents_and_enums_are_resolved),
		cmocka_unit_test(methods_know_their_address_and_messages),
		cmocka_unit_test(a_column_gives_back_what_it_took),
	};

	return cmocka_run_group_tests_name("schema", tests, begin, NULL);
}
