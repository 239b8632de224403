/* What custom methods share with the standard ones: how a record is answered. */
#pragma once
#include "gateway/call.h"

/* call->reply is a message of that type: JSON with ETag, or 304 when a GET says that it has this version. */
enum progress standard_encode_record(
	struct call *call, const struct schema_message *message, unsigned http_status);
/* Location of the record that the service says it made. */
void standard_add_location(struct call *call, const struct schema_resource *resource);
/* The service's answer cannot be read: our own bug. */
enum progress standard_bad_reply(struct call *call);
