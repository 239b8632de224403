#include "identity/identity.h"
#include "kit/config.h"
#include "kit/engine.h"
#include "kit/table.h"
#include "kit/uuid.h"
#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct schema_resource *users(void)
{
	return schema_resource_find("users");
}

/* --- hooks */

static bool is_administrator(const struct record *user)
{
	return record_number(user, USER_ROLE) == GUANXI__IDENTITY__V1__ROLE__ROLE_ADMINISTRATOR &&
	       record_number(user, USER_ACTIVE);
}

/* A key ends, and its scopes never grow: so it makes nobody who can do more than it. */
static enum status make_user(struct request *req, struct record *after)
{
	if (req->principal->by_key && is_administrator(after))
		return fail(req, FORBIDDEN, MSG_NOT_BY_KEY, NULL);
	record_set_number(after, USER_RIGHTS_VERSION, 1);
	record_set_number(after, USER_MUST_CHANGE_PASSWORD, 1);
	return OK;
}

static bool is_self(const struct request *req, const struct record *record)
{
	return !memcmp(record_uuid(record, STANDARD_ID), req->principal->id, 16);
}

static bool same(const struct record *a, const struct record *b, uint32_t number)
{
	const struct schema_field *f = schema_field_by_number(a->resource->message, number);
	struct slice x = a->fields[f->index], y = b->fields[f->index];

	return x.len == y.len && (!x.len || !memcmp(x.data, y.data, x.len));
}

/* Nobody takes their own administration away: so whoever acts remains, and there is always one. */
static enum status change_user(struct request *req, const struct record *before, struct record *after)
{
	bool was = is_administrator(before), is = is_administrator(after);

	if (was && !is && is_self(req, before))
		return fail(req, CONFLICT, MSG_LAST_ADMINISTRATOR, NULL);
	if (!was && is && req->principal->by_key)
		return fail(req, FORBIDDEN, MSG_NOT_BY_KEY, NULL);
	if (!same(before, after, USER_ROLE) || !same(before, after, USER_TEAM) ||
		!same(before, after, USER_ACTIVE))
		record_set_number(after, USER_RIGHTS_VERSION, record_number(before, USER_RIGHTS_VERSION) + 1);
	return OK;
}

static enum status delete_user(struct request *req, const struct record *before)
{
	return is_self(req, before) ? fail(req, CONFLICT, MSG_LAST_ADMINISTRATOR, NULL) : OK;
}

static enum status restore_user(struct request *req, const struct record *before)
{
	bool is_refused = req->principal->by_key && is_administrator(before);

	return is_refused ? fail(req, FORBIDDEN, MSG_NOT_BY_KEY, NULL) : OK;
}

const struct resource_ops user_ops = { .before_create = make_user,
	.before_update = change_user,
	.before_delete = delete_user,
	.before_restore = restore_user };

const struct resource_ops team_ops = { .cycle = MSG_TEAM_CYCLE };

/* --- principals */

/* The own team and all below it. UNION drops a team that was met before: a circle of teams ends. The versions
 * of all teams are part of the rights' version: whoever knows an older one asks again after any change of the
 * tree. */
static const struct db_statement principal_of = {
	"WITH RECURSIVE below(id) AS (SELECT t.id FROM team t JOIN \"user\" u ON u.team_id = t.id WHERE u.id "
	"= $1::uuid AND t.delete_time IS NULL"
	" UNION SELECT t.id FROM team t JOIN below b ON t.parent_id = b.id WHERE t.delete_time IS NULL)"
	" SELECT u.id, u.role, u.team_id, coalesce(u.must_change_password, false), u.name,"
	" coalesce(u.rights_version, 0) + (SELECT coalesce(sum(version), 0)::bigint FROM team), (SELECT "
	"array_agg(id) FROM below)"
	" FROM \"user\" u WHERE u.id = $1::uuid AND u.active AND u.delete_time IS NULL"
};

static void add_uuid(struct buffer *out, uint32_t number, const char *bytes)
{
	char text[37];

	uuid_to_text((const uint8_t *)bytes, text);
	wire_add_bytes(out, number, text, 36);
}

/* array_send(): five integers, then for each element its length and bytes. */
static void add_teams(struct buffer *out, struct slice array)
{
	for (const char *at = array.data + 20; at + 20 <= array.data + array.len; at += 20)
		add_uuid(out, 4, at + 4);
}

enum status user_load_principal(struct request *req, const uint8_t id[16], struct principal **principal_out,
	struct slice *message_out)
{
	struct db_params params = { .arena = req->arena };
	struct buffer out = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, id);
	TRY(db_run(req->db, req->arena, &principal_of, &params, &rows));
	if (!PQntuples(rows))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	add_uuid(&out, 1, db_bytes(rows, 0, 0).data);
	wire_add_varint(&out, 2, (uint64_t)db_int4(rows, 0, 1));
	if (!PQgetisnull(rows, 0, 2))
		add_uuid(&out, 3, db_bytes(rows, 0, 2).data);
	if (!PQgetisnull(rows, 0, 6))
		add_teams(&out, db_bytes(rows, 0, 6));
	wire_add_varint(&out, 5, (uint64_t)db_int8(rows, 0, 5));
	wire_add_varint(&out, 6, db_bool(rows, 0, 3));
	wire_add_bytes(&out, 7, db_bytes(rows, 0, 4).data, db_bytes(rows, 0, 4).len);
	*message_out = (struct slice){ out.data, out.len };
	if (!principal_out)
		return OK;
	Guanxi__Identity__V1__Principal *message =
		guanxi__identity__v1__principal__unpack(NULL, out.len, (const uint8_t *)out.data);

	*principal_out = principal_new(message);
	guanxi__identity__v1__principal__free_unpacked(message, NULL);
	assert(*principal_out);
	arena_defer(req->arena, (void (*)(void *))principal_release, *principal_out);
	return OK;
}

enum status user_get_principal(struct request *req)
{
	struct buffer out = { .arena = req->arena };
	struct wire_field f;
	struct slice user;
	uint8_t id[16], key[16];

	if (!wire_find(req->body, req->body_len, 1, &f))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	const char *slash = memchr(f.bytes, '/', f.len);
	size_t len = slash ? (size_t)(slash - f.bytes) : f.len;

	if (!uuid_from_text(f.bytes, len, id) || (slash && !uuid_from_text(slash + 1, f.len - len - 1, key)))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	if (slash)
		TRY(api_key_add_scopes(req, key, id, &out));
	TRY(user_load_principal(req, id, NULL, &user));
	buffer_add(&out, user.data, user.len);
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}

/* --- oneself */

enum status user_get_me(struct request *req)
{
	struct record *me;
	struct buffer out = { .arena = req->arena };

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	TRY(engine_get(req, users(), req->principal->id, &me));
	record_encode(me, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->version = (uint64_t)record_number(me, STANDARD_VERSION);
	return OK;
}

static enum status store_password(struct request *req, const uint8_t id[16], const char *password)
{
	static const struct db_statement store = {
		"INSERT INTO credential AS c (user_id, password_hash) VALUES ($1::uuid, $2::text)"
		" ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash, update_time = "
		"now()"
	};
	struct db_params params = { .arena = req->arena };
	const char *hash = password_hash(req, password);

	if (!hash)
		return fail(req, UNAVAILABLE, MSG_UNAVAILABLE, NULL);
	db_bind_uuid(&params, id);
	db_bind_text(&params, hash);
	return db_run(req->db, req->arena, &store, &params, NULL);
}

/* The session that asks goes on; every other one of the user ends with the old password. */
static enum status end_sessions(struct request *req, const uint8_t user[16], struct slice but_token_hash)
{
	static const struct db_statement others = {
		"SELECT id FROM session WHERE owner_id = $1::uuid AND delete_time IS NULL AND token_hash IS "
		"DISTINCT FROM $2::bytea ORDER BY id"
	};
	const uint32_t fields[] = { STANDARD_DELETE_TIME };
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, user);
	if (but_token_hash.len)
		db_bind(&params, but_token_hash.data, but_token_hash.len);
	else
		db_bind_null(&params);
	TRY(db_run(req->db, req->arena, &others, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		struct record *after, *patch = record_new(schema_resource_find("sessions"), req->arena);

		record_set_time(patch, STANDARD_DELETE_TIME, (int64_t)time(NULL) * 1000000);
		TRY(engine_update(req, patch->resource, (const uint8_t *)db_bytes(rows, row, 0).data, patch,
			fields, 1, &after));
	}
	return OK;
}

static enum status set_must_change(struct request *req, const uint8_t id[16], bool must)
{
	const uint32_t fields[] = { USER_MUST_CHANGE_PASSWORD };
	struct record *after, *patch = record_new(users(), req->arena);

	record_set_number(patch, USER_MUST_CHANGE_PASSWORD, must);
	return engine_update(req, users(), id, patch, fields, 1, &after);
}

static enum status stored_hash(struct request *req, const uint8_t id[16], const char **hash_out)
{
	static const struct db_statement find = {
		"SELECT password_hash FROM credential WHERE user_id = $1::uuid"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, id);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	*hash_out = PQntuples(rows) ? db_bytes(rows, 0, 0).data : NULL;
	return OK;
}

static void free_change_password(void *message)
{
	guanxi__identity__v1__change_password_request__free_unpacked(message, NULL);
}

enum status user_change_password(struct request *req)
{
	Guanxi__Identity__V1__ChangePasswordRequest *body =
		guanxi__identity__v1__change_password_request__unpack(NULL, req->body_len, req->body);
	const char *hash;
	struct record *me;

	arena_defer(req->arena, free_change_password, body);
	if (!body || !body->current_password || !body->new_password)
		return fail(req, INVALID, MSG_INVALID, NULL);
	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	TRY(engine_get(req, users(), req->principal->id, &me));
	const char *email = record_text(me, USER_EMAIL);

	TRY(throttle_check(req, email, ""));
	TRY(stored_hash(req, req->principal->id, &hash));
	if (!password_matches(hash, body->current_password)) { /* a session alone must not find it out */
		throttle_failed(req, email, "");
		return fail_field(req, "/currentPassword", MSG_WRONG_PASSWORD, NULL);
	}
	throttle_succeeded(req, email, "");
	if (!strcmp(body->current_password, body->new_password))
		return fail_field(req, "/newPassword", MSG_SAME_PASSWORD, NULL);
	TRY(password_check(req, "/newPassword", body->new_password, email));
	TRY(store_password(req, req->principal->id, body->new_password));
	TRY(set_must_change(req, req->principal->id, false));
	return end_sessions(req, req->principal->id,
		(struct slice){ (const char *)body->token_hash.data, body->token_hash.len });
}

static void free_set_password(void *message)
{
	guanxi__identity__v1__set_password_request__free_unpacked(message, NULL);
}

enum status user_set_password(struct request *req)
{
	Guanxi__Identity__V1__SetPasswordRequest *body =
		guanxi__identity__v1__set_password_request__unpack(NULL, req->body_len, req->body);
	uint8_t id[16];
	struct record *user;

	arena_defer(req->arena, free_set_password, body);
	if (!body || !body->password)
		return fail(req, INVALID, MSG_INVALID, NULL);
	if (!req->principal || !req->principal->administrator)
		return fail(req, FORBIDDEN, MSG_FORBIDDEN, NULL);
	if (req->principal->by_key) /* whoever gives a password can sign in with it */
		return fail(req, FORBIDDEN, MSG_NOT_BY_KEY, NULL);
	if (!body->id || !uuid_from_text(body->id, strlen(body->id), id))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	TRY(engine_get(req, users(), id, &user));
	TRY(password_check(req, "/password", body->password, record_text(user, USER_EMAIL)));
	TRY(store_password(req, id, body->password));
	TRY(set_must_change(req, id, memcmp(id, req->principal->id, 16) != 0));
	return end_sessions(req, id, (struct slice){ 0 });
}

/* --- the first administrator */

enum status user_seed(struct request *req)
{
	static const struct db_statement lock = {
		"SELECT pg_advisory_xact_lock(hashtext('guanxi first administrator'))"
	};
	static const struct db_statement any = { "SELECT FROM \"user\" LIMIT 1" };
	struct record *after, *admin = record_new(users(), req->arena);
	const char *password = config_text("GUANXI_ADMIN_PASSWORD");
	PGresult *rows;

	TRY(db_run(req->db, req->arena, &lock, NULL, NULL));
	TRY(db_run(req->db, req->arena, &any, NULL, &rows));
	if (PQntuples(rows))
		return OK;
	if (!*password)
		config_refuse("there is no user yet and GUANXI_ADMIN_PASSWORD is not set: set it to the "
			      "first administrator's password");
	record_set_text(admin, USER_NAME, "Administrator");
	record_set_text(admin, USER_EMAIL, "admin@example.com");
	record_set_number(admin, USER_ROLE, GUANXI__IDENTITY__V1__ROLE__ROLE_ADMINISTRATOR);
	TRY(engine_create(req, users(), admin, &after));
	const uint8_t *id = record_uuid(after, STANDARD_ID);

	TRY(store_password(req, id, password));
	return config_number("GUANXI_ADMIN_PASSWORD_IS_FINAL") ? set_must_change(req, id, false) : OK;
}
