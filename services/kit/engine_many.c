#include "kit/column.h"
#include "kit/engine.h"
#include "kit/engine_write.h"
#include "kit/uuid.h"
#include "kit/validate.h"
#include <string.h>

static enum status take_reason(
	struct request *req, struct write *w, enum status *status_out, struct problem **problem_out)
{
	req->problem = NULL;
	req->status = OK;
	enum status status = write_find_reason(req->db, w);

	if (status == OK)
		status = fail(req, CONFLICT, MSG_CONFLICT, NULL);
	*status_out = status;
	*problem_out = req->problem;
	req->problem = NULL;
	return db_is_broken(req->db) ? UNAVAILABLE : OK;
}

/* The writes of a group share one request: what is said of one is taken before the next. */
static struct problem *take_problem(struct request *req)
{
	struct problem *problem = req->problem;

	req->problem = NULL;
	req->status = OK;
	return problem;
}

static struct group group_of(struct request *req, struct table *table, size_t count)
{
	struct write *all = arena_zalloc(req->arena, count * sizeof *all);
	struct group g = { .db = req->db,
		.arena = req->arena,
		.table = table,
		.count = count,
		.writes = arena_alloc(req->arena, count * sizeof(struct write *)) };

	for (size_t i = 0; i < count; i++) {
		g.writes[i] = &all[i];
		all[i].req = req;
		all[i].table = table;
	}
	return g;
}

/* --- creating */

struct creation {
	struct request *req;
	struct group group;
	enum status *statuses;
	struct problem **problems;
};

static void refuse(struct creation *c, size_t i, enum status status)
{
	c->statuses[i] = status;
	c->problems[i] = take_problem(c->req);
	c->group.writes[i]->state = FAILED;
}

static void validate_each(struct creation *c, struct record **records)
{
	for (size_t i = 0; i < c->group.count; i++) {
		struct write *w = c->group.writes[i];

		w->given = records[i];
		uuid_v7(w->id);
		write_add_scope(c->req, w->given);
		enum status status = validate_create(c->req, w->given);

		if (status != OK)
			refuse(c, i, status);
	}
}

static enum status take_parents(struct creation *c)
{
	const struct schema_resource *r = c->group.table->resource;
	struct db_params params = { .arena = c->req->arena };
	struct db_array ids;
	PGresult *rows;

	db_array_begin(&ids, c->req->arena, OID_UUID);
	for (size_t i = 0; i < c->group.count; i++)
		if (c->group.writes[i]->state == WAITING)
			db_array_add(&ids, record_uuid(c->group.writes[i]->given, r->parent->number), 16);
	db_bind_array(&params, &ids);
	TRY(db_run(c->req->db, c->req->arena, &c->group.table->parents, &params, &rows));
	for (size_t i = 0; i < c->group.count; i++) {
		if (c->group.writes[i]->state != WAITING)
			continue;
		group_take_parent(c->group.writes[i], rows);
		if (c->group.writes[i]->state == FAILED)
			refuse(c, i, INVALID);
		else
			take_problem(c->req);
	}
	return OK;
}

static enum status prepare_each(struct creation *c)
{
	for (size_t i = 0; i < c->group.count; i++) {
		struct write *w = c->group.writes[i];

		if (w->state != WAITING)
			continue;
		enum status status = write_prepare_create(w);

		if (status == OK) {
			TRY(write_check_sight(c->req->db, w));
			status = w->state == FAILED ? INVALID : OK;
		}
		if (status != OK)
			refuse(c, i, status);
	}
	return OK;
}

enum status engine_create_begin(struct request *req, const struct schema_resource *resource,
	struct record **records, size_t count, struct creation **creation_out)
{
	struct table *table = service_table(req->service, resource);
	struct creation *c = arena_zalloc(req->arena, sizeof *c);
	struct db_params params = { .arena = req->arena };

	*c = (struct creation){ .req = req,
		.group = group_of(req, table, count),
		.statuses = arena_zalloc(req->arena, count * sizeof(enum status)),
		.problems = arena_zalloc(req->arena, count * sizeof(struct problem *)) };
	validate_each(c, records);
	if (resource->parent)
		TRY(take_parents(c));
	TRY(prepare_each(c));
	TRY(group_bind_rows(&c->group, &params, true));
	db_send(req->db, &table->insert, &params);
	db_sync(req->db);
	*creation_out = c;
	return OK;
}

enum status engine_create_end(
	struct creation *creation, enum status *statuses_out, struct problem **problems_out)
{
	TRY(group_read_written(&creation->group));
	TRY(db_end(creation->group.db));
	for (size_t i = 0; i < creation->group.count; i++) {
		bool refused = creation->group.writes[i]->state == REFUSED;

		statuses_out[i] = refused ? CONFLICT : creation->statuses[i];
		problems_out[i] = creation->problems[i];
	}
	return OK;
}

enum status engine_create_explain(
	struct creation *creation, enum status *statuses_out, struct problem **problems_out)
{
	for (size_t i = 0; i < creation->group.count; i++)
		if (creation->group.writes[i]->state == REFUSED)
			TRY(take_reason(creation->req, creation->group.writes[i], &statuses_out[i],
				&problems_out[i]));
	return OK;
}

/* --- changing */

/* Ids come mostly in the order that they were asked in: the search goes on behind the last one found. */
static struct change *change_of(struct change *changes, size_t count, const char *id, size_t *from)
{
	for (size_t i = 0; i < count; i++) {
		struct change *change = &changes[(*from + i) % count];

		if (memcmp(change->id, id, 16))
			continue;
		*from = (size_t)(change - changes) + 1;
		return change;
	}
	return NULL;
}

enum status engine_lock_many(
	struct request *req, const struct schema_resource *resource, struct change *changes, size_t count)
{
	struct table *table = service_table(req->service, resource);
	struct db_params params = { .arena = req->arena };
	struct db_array ids;
	size_t from = 0, wanted = 0;
	PGresult *rows;

	db_array_begin(&ids, req->arena, OID_UUID);
	for (size_t i = 0; i < count; i++)
		if (!changes[i].row) {
			db_array_add(&ids, changes[i].id, 16);
			wanted++;
		}
	if (!wanted)
		return OK;
	db_bind_array(&params, &ids);
	TRY(db_run(req->db, req->arena, &table->lock_wait, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		struct change *change = change_of(changes, count, db_bytes(rows, row, 0).data, &from);

		change->row = table_record(table, rows, row, req->arena);
	}
	return OK;
}

static enum status prepare_change(struct request *req, struct write *w, struct change *change)
{
	enum verb verb = req->verb;

	req->verb = change->verb;
	enum status status = w->before ? write_prepare_change(w) : fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);

	req->verb = verb;
	if (status == OK) {
		TRY(write_check_sight(req->db, w));
		status = w->state == FAILED ? INVALID : OK;
	}
	change->status = status;
	change->problem = take_problem(req);
	w->state = status == OK ? WAITING : FAILED;
	return OK;
}

static enum status write_changes(struct group *g)
{
	struct db_params params = { .arena = g->arena };

	TRY(group_bind_rows(g, &params, false));
	db_send(g->db, &g->table->update, &params);
	db_sync(g->db);
	TRY(group_read_written(g));
	return db_end(g->db);
}

bool engine_sees(const struct request *req, const struct record *record)
{
	return record && write_may_see(req, record);
}

enum status engine_change_many(
	struct request *req, const struct schema_resource *resource, struct change *changes, size_t count)
{
	struct group g = group_of(req, service_table(req->service, resource), count);

	if (!count)
		return OK;
	TRY(engine_lock_many(req, resource, changes, count));
	for (size_t i = 0; i < count; i++) {
		struct write *w = g.writes[i];

		memcpy(w->id, changes[i].id, 16);
		w->before = changes[i].row;
		w->given = changes[i].patch;
		w->fields = changes[i].fields;
		w->field_count = changes[i].field_count;
		w->if_version = changes[i].if_version;
	}
	for (size_t i = 0; i < count; i++)
		TRY(prepare_change(req, g.writes[i], &changes[i]));
	TRY(write_changes(&g));
	for (size_t i = 0; i < count; i++) {
		if (g.writes[i]->state == REFUSED)
			TRY(take_reason(req, g.writes[i], &changes[i].status, &changes[i].problem));
		changes[i].changed = g.writes[i]->state == WRITTEN && g.writes[i]->event;
		changes[i].before = engine_sees(req, g.writes[i]->before) ? g.writes[i]->before : NULL;
		changes[i].after = g.writes[i]->after;
	}
	return OK;
}

enum status engine_find_children(struct request *req, const struct schema_resource *resource,
	const struct change *changes, size_t count, bool *has_out)
{
	const struct schema *schema = schema_get();

	for (size_t r = 0; r < schema->resource_count; r++) {
		const struct table *child = service_table(req->service, &schema->resources[r]);
		struct db_params params = { .arena = req->arena };
		PGresult *rows;

		if (!child || !child->resource->parent || child->resource->parent->reference != resource ||
			child->resource->rule->made_by_service)
			continue;
		db_bind_uuids(&params, changes, count, sizeof *changes);
		TRY(db_run(req->db, req->arena, &child->with_children, &params, &rows));
		for (int row = 0; row < PQntuples(rows); row++)
			has_out[db_int8(rows, row, 0) - 1] = true;
	}
	return OK;
}

/* --- finding */

static void bind_scope(struct request *req, struct db_params *params)
{
	const struct principal *who = req->principal;

	db_bind_bool(params, who->administrator);
	db_bind_uuid(params, who->id);
	db_bind_uuids(params, who->teams, who->team_count, 16);
}

static void take_found(const PGresult *rows, struct found *found)
{
	for (int row = 0; row < PQntuples(rows); row++) {
		struct found *f = &found[db_int8(rows, row, 0) - 1];

		memcpy(f->id, db_bytes(rows, row, 1).data, 16);
		f->count++;
	}
}

enum status engine_find_many(struct request *req, const struct schema_resource *resource,
	const struct schema_field *field, const struct slice *values, size_t count, struct found *found_out)
{
	const struct key *key = table_key(service_table(req->service, resource), field);
	struct db_params params = { .arena = req->arena };
	struct db_array wanted;
	PGresult *rows;

	memset(found_out, 0, count * sizeof *found_out);
	if (!key)
		return INTERNAL;
	db_array_begin(&wanted, req->arena,
		field->type == FIELD_MESSAGE || field->reference ? OID_TEXT : column_oid(column_type(field)));
	for (size_t i = 0; i < count; i++)
		if (values[i].data)
			db_array_add(&wanted, values[i].data, values[i].len);
		else
			db_array_add_null(&wanted);
	db_bind_array(&params, &wanted);
	bind_scope(req, &params);
	TRY(db_run_by_index(req->db, req->arena, &key->find, &params, &rows));
	take_found(rows, found_out);
	return OK;
}

enum status engine_titles(struct request *req, const struct schema_resource *resource,
	const struct schema_field *reference, const uint8_t *const *ids, size_t count,
	const char **titles_out)
{
	const struct key *key = table_key(service_table(req->service, resource), reference);
	struct db_params params = { .arena = req->arena };
	struct db_array wanted;
	PGresult *rows;

	memset(titles_out, 0, count * sizeof *titles_out);
	if (!key || !key->titles.sql)
		return INTERNAL;
	db_array_begin(&wanted, req->arena, OID_UUID);
	for (size_t i = 0; i < count; i++)
		if (ids[i] && (!i || !ids[i - 1] || memcmp(ids[i], ids[i - 1], 16)))
			db_array_add(&wanted, ids[i], 16);
	db_bind_array(&params, &wanted);
	bind_scope(req, &params);
	TRY(db_run(req->db, req->arena, &key->titles, &params, &rows));
	for (size_t i = 0; i < count; i++)
		for (int row = 0; ids[i] && !titles_out[i] && row < PQntuples(rows); row++)
			if (!memcmp(ids[i], db_bytes(rows, row, 0).data, 16))
				titles_out[i] = db_bytes(rows, row, 1).data;
	return OK;
}
