/* One change to many records (services/kit/bulk.h): which, as the address of a list says it; what, as the
 *body does.
 *
 *	POST /api/v1/customers:bulk?filter[stage][in]=prospect&q=zsyx
 *	{"change": {"set": {"stage": "active", "industry": null}}, "dryRun": true}
 */
#pragma once
#include "gateway/call.h"

struct json_t;

enum progress bulk_decode(struct call *call);
/* 202 with the job, or 200 with what it would do. */
enum progress bulk_encode(struct call *call);
/* For openapi.c: schemas of the body and of a preview, of one resource. New references. */
struct json_t *bulk_body_schema(const struct schema_resource *resource);
struct json_t *bulk_preview_schema(const struct schema_resource *resource);
