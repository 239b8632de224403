/* What is special about a customer. */
#include "customer/customer.h"

const struct resource_ops customer_ops = { .cycle = MSG_PARENT_CYCLE };
