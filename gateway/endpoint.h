/* What the gateway can do at an address: the table from which route.c makes the routes. */
#pragma once
#include "gateway/route.h"

/* A standard method of every resource. */
struct standard_endpoint {
	struct endpoint endpoint;
	enum http_method method;
	const char *rest; /* behind the collection's path */
	const char *lane; /* of the queue's name */
	bool writes;      /* not for read-only resources */
	bool makes;       /* nor for those which the service makes */
	bool job;         /* for resources whose service has jobs */
};
extern const struct standard_endpoint standard_endpoints[];
extern const size_t standard_endpoint_count;

/* Custom methods of the services. */
extern const struct endpoint custom_endpoint;

/* The gateway's own addresses. */
struct own_endpoint {
	const struct endpoint *endpoint;
	enum http_method method;
	const char *pattern;
	const char *name;
	const char *summary;
};
extern const struct own_endpoint own_endpoints[];
extern const size_t own_endpoint_count;
