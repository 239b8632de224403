/* What categories and field policies may say. */
#include "customer/customer.h"
#include "customer/rules.h"
#include "kit/service.h"
#include <string.h>

enum { CATEGORY_RULE = 20, POLICY_FIELDS = 19, POLICY_FIELD_NAME = 1 };

static enum status check_rule(struct request *req, const struct record *before, struct record *after)
{
	struct rule rule;

	(void)before;
	if (!record_has(after, CATEGORY_RULE))
		return OK;
	return rule_read(req, customer_table(), record_text(after, CATEGORY_RULE), "/rule", &rule);
}

static enum status category_created(struct request *req, struct record *after)
{
	return check_rule(req, NULL, after);
}

const struct resource_ops category_ops = { .before_create = category_created, .before_update = check_rule };

static bool people_fill_in(const struct schema_field *f)
{
	return !f->rule->output_only && (f->number > STANDARD_LAST || f->number == STANDARD_OWNER_ID);
}

static const char *names(struct request *req, const struct schema_message *m)
{
	struct buffer out = { .arena = req->arena };

	for (size_t i = 0; i < m->count; i++)
		if (people_fill_in(&m->fields[i]))
			buffer_printf(&out, "%s%s", out.len ? ", " : "", m->fields[i].json_name);
	return out.data;
}

static enum status check_fields(struct request *req, const struct record *before, struct record *after)
{
	const struct schema_message *customer = schema_resource_find("customers")->message;
	struct slice wire =
		after->fields[schema_field_by_number(after->resource->message, POLICY_FIELDS)->index];
	struct wire_reader reader = wire_reader(wire.data, wire.len);
	struct wire_field entry, name;
	uint8_t *seen = arena_zalloc(req->arena, customer->count);
	enum status status = OK;

	(void)before;
	for (unsigned i = 0; wire_next(&reader, &entry); i++) {
		const char *pointer = arena_printf(req->arena, "/fields/%u/field", i);
		bool named = wire_find(entry.bytes, entry.len, POLICY_FIELD_NAME, &name);
		const struct schema_field *f =
			named ? schema_field_find(customer, name.bytes, name.len) : NULL;

		if (!f || !people_fill_in(f))
			status = fail_field(req, pointer, MSG_BAD_POLICY_FIELD,
				named ? arena_strndup(req->arena, name.bytes, name.len) : "",
				names(req, customer), NULL);
		else if (seen[f->index]++)
			status = fail_field(req, pointer, MSG_DUPLICATE_ENTRY, NULL);
	}
	return status;
}

static enum status policy_created(struct request *req, struct record *after)
{
	return check_fields(req, NULL, after);
}

const struct resource_ops policy_ops = { .before_create = policy_created, .before_update = check_fields };
