#include "gateway/route.h"
#include "gateway/endpoint.h"
#include "gateway/external.h"
#include "kit/arena.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 256, ROUTES_MAX = 1024, API_SEGMENTS = 3, OWN_SEGMENTS = 2 };

struct routes {
	struct arena *arena;
	struct route *all[ROUTES_MAX];
	size_t count;
	const struct route *buckets[BUCKETS];
};

static const char *const method_texts[] = {
	[HTTP_GET] = "GET",
	[HTTP_HEAD] = "HEAD",
	[HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",
	[HTTP_PATCH] = "PATCH",
	[HTTP_DELETE] = "DELETE",
	[HTTP_OPTIONS] = "OPTIONS",
};

const char *http_method_text(enum http_method method)
{
	return method_texts[method];
}

static enum http_method method_of(const char *text)
{
	for (size_t i = 0; i < sizeof method_texts / sizeof *method_texts; i++)
		if (!strcmp(method_texts[i], text))
			return (enum http_method)i;
	assert(!"a method of the definition has an unknown verb");
	return HTTP_GET;
}

/* --- finding --- */

/* The bucket is chosen by "/api/v1/customers", or "/api/schema": what is literal in every pattern. */
static unsigned bucket_of(struct slice path)
{
	unsigned hash = 2166136261u, segments = 0;
	unsigned last = path.len > 8 && !memcmp(path.data, "/api/v1/", 8) ? API_SEGMENTS : OWN_SEGMENTS;

	for (size_t i = 0; i < path.len; i++) {
		segments += path.data[i] == '/';
		if (segments > last || (i && path.data[i] == ':'))
			break;
		hash = (hash ^ (unsigned char)path.data[i]) * 16777619u;
	}
	return hash % BUCKETS;
}

/* "{name}" stands for one or more characters but '/' and ':'. */
static bool matches(const char *pattern, struct slice path, struct slice *id_out)
{
	const char *at = path.data, *end = path.data + path.len;

	*id_out = (struct slice){ NULL, 0 };
	for (; *pattern; pattern++) {
		if (*pattern != '{') {
			if (at == end || *at++ != *pattern)
				return false;
			continue;
		}
		const char *begin = at;

		while (at < end && *at != '/' && *at != ':')
			at++;
		if (at == begin)
			return false;
		*id_out = (struct slice){ begin, (size_t)(at - begin) };
		pattern = strchr(pattern, '}');
		assert(pattern);
	}
	return at == end;
}

static void list_methods(const struct route *route, const char *pattern, char *allowed_out)
{
	*allowed_out = '\0';
	for (; route; route = route->next)
		if (!strcmp(route->pattern, pattern))
			snprintf(allowed_out + strlen(allowed_out), ROUTE_ALLOWED - strlen(allowed_out),
				"%s%s", *allowed_out ? ", " : "", method_texts[route->method]);
}

/* The first pattern that fits claims the path: others, which are less literal, are not looked at. */
enum route_result route_find(const struct routes *routes, enum http_method method, struct slice path,
	const struct route **route_out, struct slice *id_out, char *allowed_out)
{
	const struct route *first = routes->buckets[bucket_of(path)];
	const char *claimed = NULL;

	if (method == HTTP_HEAD)
		method = HTTP_GET;
	for (const struct route *route = first; route; route = route->next) {
		if (claimed ? strcmp(claimed, route->pattern) : !matches(route->pattern, path, id_out))
			continue;
		claimed = route->pattern;
		assert(claimed);
		if (route->method == method) {
			*route_out = route;
			return ROUTE_FOUND;
		}
	}
	if (!claimed)
		return ROUTE_NO_PATH;
	list_methods(first, claimed, allowed_out);
	return ROUTE_NO_METHOD;
}

const struct route *routes_next(const struct routes *routes, size_t *cursor)
{
	return *cursor < routes->count ? routes->all[(*cursor)++] : NULL;
}

/* --- making the table --- */

static struct route *add(struct routes *routes, struct route like)
{
	struct route *route = arena_alloc(routes->arena, sizeof *route);

	assert(routes->count < ROUTES_MAX);
	*route = like;
	route->counts = arena_zalloc(routes->arena, ROUTE_STATUSES_MAX * sizeof *route->counts);
	route->duration = metric_series(
		METRIC_HTTP_DURATION, arena_printf(routes->arena, "method=\"%s\"", route->name));
	routes->all[routes->count++] = route;
	return route;
}

static const char *queue_name(struct routes *routes, const char *service, const char *lane)
{
	return arena_printf(routes->arena, "%s.%s", service, lane);
}

static bool has_jobs(const struct schema_resource *resource)
{
	const struct schema_resource *jobs = schema_resource_find("jobs");

	return jobs && !strcmp(jobs->service, resource->service);
}

static void add_standard(struct routes *routes, const struct schema_resource *resource,
	const struct standard_endpoint *endpoints, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct standard_endpoint *standard = &endpoints[i];

		if ((standard->writes && resource->rule->read_only) ||
			(standard->makes && resource->rule->made_by_service))
			continue;
		if (standard->job && !has_jobs(resource))
			continue;
		const struct route route = {
			.method = standard->method,
			.pattern = arena_printf(
				routes->arena, "/api/v1/%s%s", resource->collection, standard->rest),
			.endpoint = &standard->endpoint,
			.name = arena_printf(
				routes->arena, "%s.%s", resource->collection, standard->endpoint.verb),
			.queue = queue_name(routes, resource->service, standard->lane),
			.resource = resource,
			.scope = resource->collection,
			.scope_writes = standard->writes,
		};

		add(routes, route);
	}
}

static void add_resource(struct routes *routes, const struct schema_resource *resource)
{
	add_standard(routes, resource, standard_endpoints, standard_endpoint_count);
	if (resource->rule->external_ids)
		add_standard(routes, resource, external_endpoints, external_endpoint_count);
}

static const char *const lane_names[] = {
	[GUANXI__LANE__LANE_UNSPECIFIED] = "work",
	[GUANXI__LANE__LANE_READ] = "read",
	[GUANXI__LANE__LANE_WRITE] = "write",
	[GUANXI__LANE__LANE_QUERY] = "query",
	[GUANXI__LANE__LANE_WORK] = "work",
};

/* What someone needs who must change their password first. */
static bool is_before_password(const char *name)
{
	static const char *const names[] = { "IdentityService.GetMe", "IdentityService.ChangePassword",
		"IdentityService.SignOut", "gateway.schema" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* The collection that a path is about: "customers" of "/api/v1/customers:import". */
static const char *collection_of(struct routes *routes, const char *pattern)
{
	static const char before[] = "/api/v1/";

	if (strncmp(pattern, before, sizeof before - 1))
		return NULL;
	pattern += sizeof before - 1;
	return arena_strndup(routes->arena, pattern, strcspn(pattern, "/:"));
}

/* A lane for reading cannot write, whatever the verb. */
static bool custom_writes(const struct schema_method *method)
{
	bool reads = method->lane == GUANXI__LANE__LANE_READ || method->lane == GUANXI__LANE__LANE_QUERY;

	return !reads && strcmp(method->verb, "GET");
}

static const char *scope_of(struct routes *routes, const char *pattern)
{
	const char *collection = collection_of(routes, pattern);
	bool is_known = collection && (schema_resource_find(collection) || !strcmp(collection, "files"));

	return is_known ? collection : NULL;
}

static void add_custom(struct routes *routes, const struct schema_method *method)
{
	if (!method->path)
		return;
	const struct route route = {
		.method = method_of(method->verb),
		.pattern = method->path,
		.endpoint = &custom_endpoint,
		.name = method->name,
		.queue = queue_name(routes, method->service, lane_names[method->lane]),
		.custom = method,
		.scope = scope_of(routes, method->path),
		.scope_writes = custom_writes(method),
		.anonymous = method->anonymous,
		.before_password = is_before_password(method->name),
	};

	add(routes, route);
}

static void add_own(struct routes *routes, const struct own_endpoint *own)
{
	const struct route route = {
		.method = own->method,
		.pattern = own->pattern,
		.endpoint = own->endpoint,
		.name = own->name,
		.scope = scope_of(routes, own->pattern),
		.scope_writes = own->method != HTTP_GET,
		.anonymous = own->endpoint->anonymous,
		.before_password = is_before_password(own->name),
	};

	add(routes, route);
}

/* Literal patterns before those with {id}; of equals, the order of the table is kept. */
static int more_literal(const void *a, const void *b)
{
	const struct route *first = *(struct route *const *)a, *second = *(struct route *const *)b;
	int braces = !!strchr(first->pattern, '{') - !!strchr(second->pattern, '{');

	return braces ? braces : strcmp(first->pattern, second->pattern);
}

static void fill_buckets(struct routes *routes)
{
	qsort(routes->all, routes->count, sizeof *routes->all, more_literal);
	for (size_t i = routes->count; i-- > 0;) { /* each goes to the front: the first one last */
		struct route *route = routes->all[i];
		unsigned bucket = bucket_of((struct slice){ route->pattern, strlen(route->pattern) });

		route->next = routes->buckets[bucket];
		routes->buckets[bucket] = route;
	}
}

struct routes *routes_new(void)
{
	const struct schema *schema = schema_get();
	struct arena *arena = arena_new();
	struct routes *routes = arena_zalloc(arena, sizeof *routes);

	routes->arena = arena;
	for (size_t i = 0; i < schema->resource_count; i++)
		add_resource(routes, &schema->resources[i]);
	for (size_t i = 0; i < schema->method_count; i++)
		add_custom(routes, &schema->methods[i]);
	for (size_t i = 0; i < own_endpoint_count; i++)
		add_own(routes, &own_endpoints[i]);
	fill_buckets(routes);
	return routes;
}

void routes_free(struct routes *routes)
{
	if (routes)
		arena_free(routes->arena);
}

/* --- counting --- */

/*
 * Which statuses an address answers with is learned as it does. Two threads may learn one at the same time:
 * both then write the same series, and a status that stands twice counts into the same one.
 */
static struct metric_series *series_of(const struct route *route, unsigned http_status)
{
	for (size_t i = 0; i < ROUTE_STATUSES_MAX; i++) {
		struct route_count *count = &route->counts[i];
		struct metric_series *series = __atomic_load_n(&count->series, __ATOMIC_ACQUIRE);
		char labels[160];

		if (series && __atomic_load_n(&count->status, __ATOMIC_RELAXED) == http_status)
			return series;
		if (series)
			continue;
		snprintf(labels, sizeof labels, "method=\"%s\",status=\"%u\"", route->name, http_status);
		series = metric_series(METRIC_HTTP_REQUESTS, labels);
		unsigned none = 0;

		if (__atomic_compare_exchange_n(
			    &count->status, &none, http_status, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			__atomic_store_n(&count->series, series, __ATOMIC_RELEASE);
		return series;
	}
	return metric_series(METRIC_HTTP_REQUESTS, "method=\"other\",status=\"other\"");
}

void route_count(const struct route *route, unsigned http_status, double seconds)
{
	metric_add(series_of(route, http_status), 1);
	metric_observe(route->duration, seconds);
}
