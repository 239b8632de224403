#include "customer/customer.h"
#include "kit/engine.h"
#include <string.h>

enum { USER_NAME = 16, USER_ACTIVE = 21, TEAM_NAME = 16 };

static bool is_deleted(const struct consumer_event *event)
{
	return event->after && record_has(event->after, STANDARD_DELETE_TIME);
}

static void bind_text(
	struct db_params *params, const struct consumer_event *event, const char *name, uint32_t number)
{
	db_bind_bool(params, consumer_event_names(event, name));
	db_bind_text(params, event->after ? record_text(event->after, number) : NULL);
}

static enum status apply_user(struct request *req, const struct consumer_event *event)
{
	static const struct db_statement keep = {
		"INSERT INTO user_ref AS u (id, name, active, delete_time) VALUES ($1::uuid, $3::text, "
		"$5::boolean, $7::timestamptz)"
		" ON CONFLICT (id) DO UPDATE SET name = CASE WHEN $2::boolean THEN excluded.name ELSE u.name "
		"END,"
		" active = CASE WHEN $4::boolean THEN excluded.active ELSE u.active END,"
		" delete_time = CASE WHEN $6::boolean THEN excluded.delete_time ELSE u.delete_time END"
	};
	struct db_params params = { .arena = req->arena };

	db_bind_uuid(&params, event->subject_id);
	bind_text(&params, event, "name", USER_NAME);
	db_bind_bool(&params, consumer_event_names(event, "active"));
	db_bind_bool(&params, event->after && record_number(event->after, USER_ACTIVE));
	db_bind_bool(&params, consumer_event_names(event, "deleteTime"));
	if (is_deleted(event))
		db_bind_time(&params, record_time(event->after, STANDARD_DELETE_TIME));
	else
		db_bind_null(&params);
	return db_run(req->db, req->arena, &keep, &params, NULL);
}

static enum status apply_team(struct request *req, const struct consumer_event *event)
{
	static const struct db_statement keep = {
		"INSERT INTO team_ref AS t (id, name, delete_time) VALUES ($1::uuid, $3::text, "
		"$5::timestamptz)"
		" ON CONFLICT (id) DO UPDATE SET name = CASE WHEN $2::boolean THEN excluded.name ELSE t.name "
		"END,"
		" delete_time = CASE WHEN $4::boolean THEN excluded.delete_time ELSE t.delete_time END"
	};
	struct db_params params = { .arena = req->arena };

	db_bind_uuid(&params, event->subject_id);
	bind_text(&params, event, "name", TEAM_NAME);
	db_bind_bool(&params, consumer_event_names(event, "deleteTime"));
	if (is_deleted(event))
		db_bind_time(&params, record_time(event->after, STANDARD_DELETE_TIME));
	else
		db_bind_null(&params);
	return db_run(req->db, req->arena, &keep, &params, NULL);
}

enum status projection_apply(struct request *req, const struct consumer_event *event)
{
	if (!event->resource || !event->version)
		return OK;
	if (!strcmp(event->resource->collection, "users"))
		return apply_user(req, event);
	if (!strcmp(event->resource->collection, "teams"))
		return apply_team(req, event);
	return OK;
}

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
		{ "duplicates", { FOLLOWERS("duplicate") } },
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
