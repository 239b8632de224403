/* PUT, GET and DELETE /api/v1/<collection>/external/{system}/{key}, of resources that take external ids. */
#pragma once
#include "gateway/endpoint.h"

extern const struct standard_endpoint external_endpoints[];
extern const size_t external_endpoint_count;
