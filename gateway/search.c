#include "gateway/search.h"
#include "gateway/fan.h"
#include "gateway/list_query.h"
#include <string.h>

enum { FIND_MS = 1000, FIND_LIMIT = 5, FIND_LIMIT_MAX = 50 };
/* Fields of the messages in proto/guanxi/envelope.proto. */
enum find_field { FIND_Q = 1, FIND_PER_TYPE, FIND_SIMILAR };
enum reply_field { REPLY_FOUND = 1, REPLY_CORRECTED };
enum found_field { FOUND_ITEM = 1, FOUND_MATCH };
enum match { MATCH_EXACT = 1, MATCH_PREFIX, MATCH_OTHER };

static const char *const match_names[] = {
	[MATCH_EXACT] = "exact",
	[MATCH_PREFIX] = "prefix",
	[MATCH_OTHER] = "other",
};

bool search_covers(const struct schema_resource *resource)
{
	for (size_t i = 0; resource->title && i < resource->message->count; i++)
		if (resource->message->fields[i].rule->search)
			return true;
	return false;
}

/* --- what is asked --- */

struct search {
	const char *q, *types; /* NULL: all */
	uint64_t limit;
	struct fan *fan; /* of the round that is under way, or ended last */
};

static const char *type_names(struct call *call)
{
	const struct schema *schema = schema_get();
	struct buffer out = { .arena = call->arena };

	for (size_t i = 0; i < schema->resource_count; i++)
		if (search_covers(&schema->resources[i]))
			buffer_printf(&out, "%s%s", out.len ? ", " : "", schema->resources[i].collection);
	return out.data;
}

static bool is_named(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, name, len) && (!at[len] || at[len] == ','))
			return true;
	return false;
}

static enum progress check_types(struct call *call, const char *types)
{
	for (const char *at = types; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		const char *name = arena_strndup(call->arena, at, strcspn(at, ","));
		const struct schema_resource *resource = schema_resource_find(name);

		if (!resource || !search_covers(resource))
			return call_fail_at(call, "/types", MSG_UNKNOWN_SEARCH_TYPE, name, type_names(call));
	}
	return GO_ON;
}

static enum progress decode_search(struct call *call)
{
	struct search *search = arena_zalloc(call->arena, sizeof *search);
	struct query query = { .count = 0 };
	const char *name, *value;

	call->search = search;
	search->limit = FIND_LIMIT;
	while (query_next(call, &query, &name, &value)) {
		if (!strcmp(name, "q"))
			search->q = value;
		else if (!strcmp(name, "types"))
			search->types = value;
		else if (!strcmp(name, "limit"))
			query_read_number(call, name, value, FIND_LIMIT_MAX, &search->limit);
		else
			query_refuse_unknown(call, name, "q, types, limit");
	}
	if (call->status == OK && !search->q)
		call_fail_at(call, "/q", MSG_QUERY_TOO_SHORT, NULL, NULL);
	return call->status == OK ? check_types(call, search->types) : FAILED;
}

/* --- asking --- */

static enum progress start_round(struct call *call, bool similar);

static size_t found_in(const struct fan *fan)
{
	struct wire_field f;
	size_t count = 0;

	for (size_t i = 0; i < fan->count; i++)
		count += fan->calls[i].status == OK &&
			 wire_find(fan->calls[i].reply.data, fan->calls[i].reply.len, REPLY_FOUND, &f);
	return count;
}

/* What one of them refuses all refuse: the words themselves are wrong. */
static const struct fan_call *refusal_in(const struct fan *fan)
{
	for (size_t i = 0; i < fan->count; i++)
		if (fan->calls[i].status == INVALID || fan->calls[i].status == UNAUTHENTICATED)
			return &fan->calls[i];
	return NULL;
}

static void on_second(struct fan *fan)
{
	if (found_in(fan))
		fan->call->search->fan = fan;
	call_resume(fan->call, GO_ON);
}

static void on_first(struct fan *fan)
{
	struct call *call = fan->call;
	const struct fan_call *refusal = refusal_in(fan);

	if (refusal) {
		call->status = refusal->status;
		call->problem = refusal->problem;
		call_resume(call, FAILED);
	} else if (found_in(fan)) {
		call_resume(call, GO_ON);
	} else {
		start_round(call, true);
	}
}

static enum progress start_round(struct call *call, bool similar)
{
	const struct schema *schema = schema_get();
	struct search *search = call->search;
	struct fan *fan = fan_new(call, schema->resource_count);
	struct buffer body = { .arena = call->arena };

	wire_add_text(&body, FIND_Q, search->q);
	wire_add_varint(&body, FIND_PER_TYPE, search->limit);
	if (similar)
		wire_add_varint(&body, FIND_SIMILAR, 1);
	fan->count = 0;
	for (size_t i = 0; i < schema->resource_count; i++) {
		const struct schema_resource *resource = &schema->resources[i];

		if (!search_covers(resource) ||
			!principal_may_use(call->principal, resource->collection, false) ||
			(search->types && !is_named(search->types, resource->collection)))
			continue;
		fan->calls[fan->count++] = (struct fan_call){
			.queue = arena_printf(call->arena, "%s.query", resource->service),
			.method = arena_printf(call->arena, "%s.find", resource->collection),
			.resource = resource,
			.body = { body.data, body.len },
		};
	}
	if (!similar)
		search->fan = fan;
	if (!fan->count)
		return GO_ON; /* an API key whose scopes leave nothing to search */
	return fan_start(fan, FIND_MS, similar ? on_second : on_first);
}

static enum progress run_search(struct call *call)
{
	return start_round(call, false);
}

/* --- answering --- */

static bool append_found(struct call *call, const struct fan_call *c, enum match wanted, const char **comma)
{
	struct wire_reader reader = wire_reader(c->reply.data, c->reply.len);
	struct wire_field f, item, match;

	while (wire_next(&reader, &f)) {
		if (f.number != REPLY_FOUND || !wire_find(f.bytes, f.len, FOUND_ITEM, &item) ||
			!wire_find(f.bytes, f.len, FOUND_MATCH, &match) || match.value != wanted)
			continue;
		buffer_printf(&call->body, "%s{\"type\":\"%s\",\"match\":\"%s\",\"record\":", *comma,
			c->resource->collection, match_names[wanted]);
		if (!json_from_wire(c->resource->message, item.bytes, item.len, NULL, &call->body))
			return false;
		buffer_add_text(&call->body, "}");
		*comma = ",";
	}
	return !reader.failed;
}

static void append_corrected(struct call *call, const struct fan *fan)
{
	struct wire_field f;

	for (size_t i = 0; i < fan->count; i++)
		if (fan->calls[i].status == OK &&
			wire_find(fan->calls[i].reply.data, fan->calls[i].reply.len, REPLY_CORRECTED, &f)) {
			buffer_add_text(&call->body, ",\"corrected\":");
			json_add_string(&call->body, f.bytes, f.len);
			return;
		}
}

static void append_missing(struct call *call, const struct fan *fan)
{
	const char *comma = "";

	buffer_add_text(&call->body, "],\"missing\":[");
	for (size_t i = 0; i < fan->count; i++)
		if (fan->calls[i].status != OK) {
			buffer_printf(&call->body, "%s\"%s\"", comma, fan->calls[i].resource->collection);
			comma = ",";
		}
	buffer_add_text(&call->body, "]");
}

static enum progress encode_search(struct call *call)
{
	const struct fan *fan = call->search->fan;
	const char *comma = "";

	call->http_status = 200;
	call->content_type = "application/json";
	call_add_header(call, "Cache-Control", "private, no-cache");
	buffer_add_text(&call->body, "{\"data\":[");
	for (enum match match = MATCH_EXACT; match <= MATCH_OTHER; match++)
		for (size_t i = 0; i < fan->count; i++)
			if (fan->calls[i].status == OK && !append_found(call, &fan->calls[i], match, &comma))
				return call_fail(call, INTERNAL, MSG_INTERNAL, NULL);
	append_missing(call, fan);
	append_corrected(call, fan);
	buffer_add_text(&call->body, "}");
	return GO_ON;
}

const struct endpoint search_endpoint = {
	.decode = decode_search, .run = run_search, .encode = encode_search, .by_key = true
};
