/*
 * Which request goes where: a table made at start from the definition. Each resource brings its standard
 * methods, each custom method its path template; the gateway's own addresses are in endpoint.c. A literal
 * wins over {id}, so sessions/current is never taken for a session's id.
 */
#pragma once
#include "kit/http.h"
#include "kit/metrics.h"
#include "kit/schema.h"
#include "kit/wire.h"

struct call;

/* What a step of a call's life says: see call.h. */
enum progress { GO_ON, WAIT, FAILED, ANSWERED };

/* What is done at an address. The steps that a member is NULL for are passed over. */
struct endpoint {
	const char *verb;                           /* "get"; of custom methods NULL */
	enum progress (*decode)(struct call *call); /* the request's parts into the service's request */
	enum progress (*run)(struct call *call);    /* instead of calling a service */
	enum progress (*encode)(struct call *call); /* the service's reply into that of HTTP */
	uint32_t timeout_ms;
	bool idempotent; /* the service may be asked twice */
	bool anonymous;
	bool by_key; /* to be reached with any API key: own addresses that tell no more than it may see */
	bool streams_body; /* run begins when the head is in, and takes the body in chunks */
};

enum { ROUTE_STATUSES_MAX = 24 };

struct route {
	const struct route *next; /* of the same bucket; literal ones first */
	enum http_method method;
	const char *pattern; /* "/api/v1/customers/{id}:restore" */
	const struct endpoint *endpoint;
	const char *name;  /* "customers.get", "CustomerService.CreateImport", "gateway.events" */
	const char *queue; /* "customer.read"; NULL: no service is called */
	const struct schema_resource *resource; /* of a standard method */
	const struct schema_method *custom;     /* of a custom method */
	const char *scope; /* collection that an API key needs a scope of; NULL: not to be reached with one */
	bool scope_writes;
	bool anonymous;
	bool before_password; /* allowed while the password must be changed */
	struct metric_series *duration;
	/* Counters by HTTP status, filled as they occur: {status, series}, published by the series. */
	struct route_count {
		unsigned status;
		struct metric_series *series;
	} * counts;
};

struct routes;

struct routes *routes_new(void);
void routes_free(struct routes *routes);

enum route_result { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

/*
 * HEAD is looked up as GET. `id_out` is what stood for {id}, borrowed from the path, or empty. With
 * ROUTE_NO_METHOD, `allowed_out` (room for ROUTE_ALLOWED bytes) lists the methods: "GET, PATCH".
 */
enum { ROUTE_ALLOWED = 64 };
enum route_result route_find(const struct routes *routes, enum http_method method, struct slice path,
	const struct route **route_out, struct slice *id_out, char *allowed_out);

/* Visits all routes, for the documents: *cursor starts at 0; NULL at the end. */
const struct route *routes_next(const struct routes *routes, size_t *cursor);

void route_count(const struct route *route, unsigned http_status, double seconds);
const char *http_method_text(enum http_method method);
