/* What a relationship must be; the graph that they make is in graph.c. */
#include "customer/customer.h"
#include <string.h>

enum {
	CUSTOMER_ID = 17,
	CONTACT_ID = 18,
	OTHER_CUSTOMER_ID = 19,
	OTHER_CONTACT_ID = 20,
	START_DATE = 21,
	END_DATE = 22
};

static bool same(const struct record *record, uint32_t a, uint32_t b)
{
	return record_has(record, a) && record_has(record, b) &&
	       !memcmp(record_uuid(record, a), record_uuid(record, b), 16);
}

static enum status check(struct request *req, const struct record *before, struct record *after)
{
	(void)before;
	if (record_has(after, OTHER_CUSTOMER_ID) == record_has(after, OTHER_CONTACT_ID))
		return fail_field(req, "/otherCustomerId", MSG_BAD_RELATIONSHIP_ENDS, NULL);
	if (same(after, CONTACT_ID, OTHER_CONTACT_ID))
		return fail_field(req, "/otherContactId", MSG_RELATED_TO_ITSELF, NULL);
	if (!record_has(after, CONTACT_ID) && same(after, CUSTOMER_ID, OTHER_CUSTOMER_ID))
		return fail_field(req, "/otherCustomerId", MSG_RELATED_TO_ITSELF, NULL);
	if (record_has(after, START_DATE) && record_has(after, END_DATE) &&
		strcmp(record_text(after, END_DATE), record_text(after, START_DATE)) < 0)
		return fail_field(req, "/endDate", MSG_ENDS_BEFORE_START, NULL);
	return OK;
}

static enum status created(struct request *req, struct record *after)
{
	return check(req, NULL, after);
}

const struct resource_ops relationship_ops = { .before_create = created, .before_update = check };
