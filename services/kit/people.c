#include "kit/people.h"
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

enum status people_apply(struct request *req, const struct consumer_event *event)
{
	if (!event->resource || !event->version)
		return OK;
	if (!strcmp(event->resource->collection, "users"))
		return apply_user(req, event);
	if (!strcmp(event->resource->collection, "teams"))
		return apply_team(req, event);
	return OK;
}
