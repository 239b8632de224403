#include "kit/engine.h"
#include "kit/column.h"
#include "kit/engine_write.h"
#include "kit/uuid.h"
#include "kit/validate.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum status write_failed(struct write *w, enum status status)
{
	w->req->status = status;
	w->state = FAILED;
	return status;
}

/* --- planning: what can be said before the database is asked */

enum status engine_may_write(struct request *req, const struct schema_resource *r, enum verb verb)
{
	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (!req->principal->system &&
		(r->rule->read_only || (r->rule->made_by_service && verb != VERB_UPDATE)))
		return fail(req, FORBIDDEN, MSG_FORBIDDEN, NULL);
	if (r->rule->administrators_only && !req->principal->administrator)
		return fail(req, FORBIDDEN, MSG_FORBIDDEN, NULL);
	return OK;
}

static bool is_set_by_service(const struct schema_field *field)
{
	return field->rule->output_only || field->number <= STANDARD_DELETE_TIME;
}

/* Owner and team default to who creates it; a team that is output-only is for the service to give: sessions
 * are their user's alone. */
void write_add_scope(const struct request *req, struct record *record)
{
	const struct schema_resource *r = record->resource;

	if (!r->owner || req->principal->system)
		return;
	if (!record_has(record, r->owner->number) && !r->parent)
		record_set_uuid(record, r->owner->number, req->principal->id);
	if (!record_has(record, r->team->number) && !r->parent && req->principal->has_team &&
		!r->team->rule->output_only)
		record_set_uuid(record, r->team->number, req->principal->team);
}

static void add_standard_fields(struct record *record, const uint8_t id[16], int64_t time_us)
{
	record_set_uuid(record, STANDARD_ID, id);
	record_set_number(record, STANDARD_VERSION, 1);
	record_set_time(record, STANDARD_CREATE_TIME, time_us);
	record_set_time(record, STANDARD_UPDATE_TIME, time_us);
	record_clear(record, STANDARD_DELETE_TIME);
}

static enum status plan_create(struct write *w)
{
	struct request *req = w->req;
	struct wire_field f;

	w->given = record_new(w->table->resource, req->arena);
	if (!wire_find(req->body, req->body_len, 1, &f) || !record_parse(w->given, f.bytes, f.len))
		return fail(req, INVALID, MSG_INVALID, NULL);
	for (size_t i = 0; i < w->table->resource->message->count; i++)
		if (is_set_by_service(&w->table->resource->message->fields[i]))
			w->given->fields[i] = (struct slice){ 0 };
	write_add_scope(req, w->given);
	uuid_v7(w->id);
	return validate_create(req, w->given);
}

static enum status read_target(struct write *w, const struct wire_field *f)
{
	if (f->type != WIRE_BYTES || !uuid_from_text(f->bytes, f->len, w->id))
		return fail(w->req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	return OK;
}

static enum status plan_change(struct write *w)
{
	struct request *req = w->req;
	struct wire_reader reader = wire_reader(req->body, req->body_len);
	struct wire_field f;
	uint32_t *fields = arena_alloc(req->arena, w->table->resource->message->count * sizeof *fields);
	bool has_target = false;

	w->fields = fields;
	w->given = record_new(w->table->resource, req->arena);
	while (wire_next(&reader, &f)) {
		if (f.number == 1)
			TRY(read_target(w, &f));
		if (f.number == 1)
			has_target = true;
		else if (f.number == 2)
			w->if_version = f.value;
		else if (f.number == 3 && !record_parse(w->given, f.bytes, f.len))
			return fail(req, INVALID, MSG_INVALID, NULL);
		else if (f.number == 4 && w->field_count < w->table->resource->message->count)
			fields[w->field_count++] = (uint32_t)f.value;
	}
	if (reader.failed || !has_target)
		return fail(req, INVALID, MSG_INVALID, NULL);
	return req->verb == VERB_UPDATE ? validate_update(req, w->given, fields, w->field_count) : OK;
}

static unsigned char body_key[KEY_BYTES];

void engine_open(const char *secret_hex)
{
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, (const unsigned char *)"guanxi idempotency", 18, sizeof body_key);
	crypto_generichash_update(&hash, (const unsigned char *)secret_hex, strlen(secret_hex));
	crypto_generichash_final(&hash, body_key, sizeof body_key);
}

/* A key belongs to who uses it and to the method: the digest of all three finds it. That of the body is keyed
 * by the installation's secret: a body may hold a password, and whoever reads the table, or a backup of it,
 * must not be able to try passwords against a fast hash. */
void write_digest_key(const struct request *req, uint8_t key_out[KEY_BYTES], uint8_t body_hash_out[KEY_BYTES])
{
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, NULL, 0, KEY_BYTES);
	crypto_generichash_update(
		&hash, (const unsigned char *)req->principal_id, strlen(req->principal_id) + 1);
	crypto_generichash_update(&hash, (const unsigned char *)req->name, strlen(req->name) + 1);
	crypto_generichash_update(
		&hash, (const unsigned char *)req->idempotency_key, strlen(req->idempotency_key));
	crypto_generichash_final(&hash, key_out, KEY_BYTES);
	crypto_generichash(body_hash_out, KEY_BYTES, req->body, req->body_len, body_key, sizeof body_key);
}

static void plan_key(struct write *w)
{
	w->keyed = w->req->idempotency_key;
	if (w->keyed)
		write_digest_key(w->req, w->key, w->body_hash);
}

enum status engine_plan(struct request *req)
{
	struct write *w = arena_zalloc(req->arena, sizeof *w);

	w->req = req;
	w->table = service_table(req->service, req->resource);
	req->plan = w;
	TRY(engine_may_write(req, req->resource, req->verb));
	plan_key(w);
	return req->verb == VERB_CREATE ? plan_create(w) : plan_change(w);
}

/* --- deciding: with the stored rows at hand, no SQL */

enum status write_prepare_create(struct write *w)
{
	struct request *req = w->req;
	int64_t time_us = now_us();
	uint8_t *which = arena_zalloc(req->arena, w->table->resource->message->count);

	w->after = record_copy(w->given);
	add_standard_fields(w->after, w->id, time_us);
	if (w->table->ops->before_create)
		TRY(w->table->ops->before_create(req, w->after));
	for (size_t i = 0; i < w->table->resource->message->count; i++)
		which[i] = w->after->fields[i].len > 0;
	w->event = event_of_change(req, "created", NULL, w->after, which, time_us);
	return OK;
}

static const uint8_t *scope_id(const struct record *record, const struct schema_field *field)
{
	return field ? record_uuid(record, field->number) : NULL;
}

bool write_may_see(const struct request *req, const struct record *record)
{
	const struct schema_resource *r = record->resource;

	return r->rule->organisation_wide || !r->owner ||
	       (r->everyone && record_number(record, r->everyone->number)) ||
	       principal_may_see(req->principal, scope_id(record, r->owner), scope_id(record, r->team));
}

static enum status merge(struct write *w)
{
	for (size_t i = 0; i < w->field_count; i++) {
		const struct schema_field *field =
			schema_field_by_number(w->table->resource->message, w->fields[i]);
		struct slice old = w->before->fields[field->index], new = w->given->fields[field->index];

		if (field->rule->immutable && (old.len != new.len || memcmp(old.data, new.data, old.len)))
			return fail_field(w->req, arena_printf(w->req->arena, "/%s", field->json_name),
				MSG_IMMUTABLE, NULL);
		w->after->fields[field->index] = new;
	}
	return OK;
}

static const struct {
	const char *what; /* in the event's type */
	bool of_deleted;  /* works on a deleted record */
} changes[VERB_COUNT] = {
	[VERB_UPDATE] = { "updated", false },
	[VERB_DELETE] = { "deleted", false },
	[VERB_RESTORE] = { "restored", true },
};

static enum status stale(struct write *w, uint64_t version)
{
	struct request *req = w->req;

	fail(req, STALE, MSG_STALE_VERSION, arena_printf(req->arena, "%lu", version), NULL);
	req->problem->version = version;
	return STALE;
}

enum status write_prepare_change(struct write *w)
{
	struct request *req = w->req;
	const struct table *table = w->table;
	uint64_t version = (uint64_t)record_number(w->before, STANDARD_VERSION);
	uint8_t *which = arena_alloc(req->arena, table->resource->message->count);
	int64_t time_us = now_us();

	if (!write_may_see(req, w->before))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	if (!changes[req->verb].of_deleted && record_has(w->before, STANDARD_DELETE_TIME))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	if (w->if_version && w->if_version != version)
		return stale(w, version);
	w->after = record_copy(w->before);
	if (req->verb == VERB_UPDATE || w->inside)
		TRY(merge(w));
	if (req->verb == VERB_UPDATE && table->ops->before_update)
		TRY(table->ops->before_update(req, w->before, w->after));
	if (req->verb == VERB_DELETE && table->ops->before_delete)
		TRY(table->ops->before_delete(req, w->before));
	if (req->verb == VERB_RESTORE && table->ops->before_restore && !w->inside)
		TRY(table->ops->before_restore(req, w->before));
	if (req->verb == VERB_DELETE)
		record_set_time(w->after, STANDARD_DELETE_TIME, time_us);
	if (req->verb == VERB_RESTORE)
		record_clear(w->after, STANDARD_DELETE_TIME);
	if (!record_difference(w->before, w->after, which))
		return OK;
	record_set_number(w->after, STANDARD_VERSION, (int64_t)version + 1);
	record_set_time(w->after, STANDARD_UPDATE_TIME, time_us);
	w->event = event_of_change(req, changes[req->verb].what, w->before, w->after, which, time_us);
	return OK;
}

void write_answer(struct write *w)
{
	struct request *req = w->req;
	struct buffer out = { .arena = req->arena };

	record_encode(w->after, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->version = (uint64_t)record_number(w->after, STANDARD_VERSION);
	if (req->verb == VERB_CREATE)
		req->created_id = record_text(w->after, STANDARD_ID);
	req->status = OK;
}

enum status write_find_constraint(
	struct db *db, struct write *w, const struct constraint *c, PGresult **rows_out)
{
	struct db_params params = { .arena = w->req->arena };
	struct slice value;

	*rows_out = NULL;
	if (!w->after->fields[c->field->index].len ||
		!column_from_wire(c->field, w->after->fields[c->field->index], w->req->arena, &value))
		return OK;
	db_bind(&params, value.data, value.len);
	return db_run(db, w->req->arena, &c->find, &params, rows_out);
}

bool write_sees_row(const struct request *req, const PGresult *rows, int row, int owner_column)
{
	const uint8_t *owner = PQgetisnull(rows, row, owner_column)
				       ? NULL
				       : (const uint8_t *)db_bytes(rows, row, owner_column).data;
	const uint8_t *team = PQgetisnull(rows, row, owner_column + 1)
				      ? NULL
				      : (const uint8_t *)db_bytes(rows, row, owner_column + 1).data;

	return principal_may_see(req->principal, owner, team);
}

static bool is_changed(const struct write *w, const struct schema_field *field)
{
	struct slice old = w->before ? w->before->fields[field->index] : (struct slice){ 0 },
		     new = w->after->fields[field->index];

	return new.len && (old.len != new.len || memcmp(old.data, new.data, old.len));
}

/* A reference to a row out of sight is one to nothing. A statement of its own, for members alone and for what
 * they newly name; parents are looked at with the rest of the group. The status is the database's: a write
 * that may not fails alone. */
enum status write_check_sight(struct db *db, struct write *w)
{
	struct request *req = w->req;

	for (size_t i = 0; i < w->table->reference_count && w->event && !req->principal->administrator; i++) {
		const struct constraint *c = &w->table->references[i];
		PGresult *rows;

		if (!c->has_scope || c->field == w->table->resource->parent || !is_changed(w, c->field))
			continue;
		TRY(write_find_constraint(db, w, c, &rows));
		if (rows && PQntuples(rows) && !write_sees_row(req, rows, 0, 1))
			write_failed(
				w, fail_field(req, arena_printf(req->arena, "/%s", c->field->json_name),
					   MSG_BAD_REFERENCE,
					   problem_resource_label(req->arena, c->field->reference), NULL));
	}
	return OK;
}

/* Not now: another transaction holds what this one needs. */
bool write_is_held_up(struct db *db, enum status status)
{
	return status == UNAVAILABLE && !strcmp(db_sqlstate(db), "55P03"); /* lock_not_available */
}
