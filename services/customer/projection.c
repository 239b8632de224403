#include "customer/customer.h"
#include "kit/engine.h"
#include <string.h>

/* Contacts and activities of the customer that still have the owner and team that it had. Changed one by one:
 * each change is an event of its own, so that whoever loses sight of them is told. */
static enum status hand_over(struct request *req, const struct consumer_event *event, const char *collection,
	const struct db_statement *find)
{
	const uint32_t fields[] = { STANDARD_OWNER_ID, STANDARD_TEAM_ID };
	const struct schema_resource *resource = schema_resource_find(collection);
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, event->subject_id);
	TRY(db_run(req->db, req->arena, find, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		struct record *after, *patch = record_new(resource, req->arena);

		if (!PQgetisnull(rows, row, 1))
			record_set_uuid(
				patch, STANDARD_OWNER_ID, (const uint8_t *)db_bytes(rows, row, 1).data);
		if (!PQgetisnull(rows, row, 2))
			record_set_uuid(
				patch, STANDARD_TEAM_ID, (const uint8_t *)db_bytes(rows, row, 2).data);
		TRY(engine_update(req, resource, (const uint8_t *)db_bytes(rows, row, 0).data, patch, fields,
			2, &after));
	}
	return OK;
}

/* What belongs to a customer, or to one that became part of it. */
#define FOLLOWERS(table)                                                                                     \
	"SELECT c.id, p.owner_id, p.team_id FROM " table " c, customer p WHERE c.customer_id = ANY "         \
	"(customer_family($1::uuid)) AND p.id = customer_root($1::uuid) AND c.delete_time IS NULL"           \
	" AND (c.owner_id, c.team_id) IS DISTINCT FROM (p.owner_id, p.team_id) ORDER BY c.id"

enum status ownership_apply(struct request *req, const struct consumer_event *event)
{
	static const struct {
		const char *collection;
		struct db_statement find;
	} followers[] = {
		{ "contacts", { FOLLOWERS("contact") } },
		{ "activities", { FOLLOWERS("activity") } },
		{ "relationships", { FOLLOWERS("relationship") } },
		{ "merges", { FOLLOWERS("merge") } },
	};

	if (!event->resource || strcmp(event->resource->collection, "customers") || !event->before)
		return OK;
	if (!consumer_event_names(event, "ownerId") && !consumer_event_names(event, "teamId") &&
		!consumer_event_names(event, "mergedInto"))
		return OK;
	for (size_t i = 0; i < sizeof followers / sizeof *followers; i++)
		TRY(hand_over(req, event, followers[i].collection, &followers[i].find));
	return OK;
}
