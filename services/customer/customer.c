/* What is special about a customer. */
#include "customer/customer.h"
#include <string.h>

#define CUSTOMER_PARENT 27

static enum status refuse_own_parent(struct request *req, const struct record *before, struct record *after)
{
	const uint8_t *parent = record_uuid(after, CUSTOMER_PARENT);

	(void)before;
	if (parent && !memcmp(parent, record_uuid(after, STANDARD_ID), 16))
		return fail_field(req, "/parentId", MSG_PARENT_CYCLE, NULL);
	return OK;
}

const struct resource_ops customer_ops = { .before_update = refuse_own_parent };
