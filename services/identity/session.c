#include "identity/identity.h"
#include "kit/engine.h"
#include "kit/normalise.h"
#include "kit/uuid.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

#define TOKEN_BYTES 32
#define ABSOLUTE_S  (30 * 86400)
#define ABSOLUTE_US ((int64_t)ABSOLUTE_S * 1000000)
#define CLIENT_MAX  200 /* characters */

static const struct schema_resource *sessions(void)
{
	return schema_resource_find("sessions");
}

static void free_sign_in(void *message)
{
	guanxi__identity__v1__sign_in_request__free_unpacked(message, NULL);
}

static enum status find_user(struct request *req, const char *email, const PGresult **rows_out)
{
	static const struct db_statement find = {
		"SELECT u.id, c.password_hash FROM \"user\" u JOIN credential c ON c.user_id = u.id"
		" WHERE u.email = $1::text AND u.delete_time IS NULL AND u.active"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_text(&params, email);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	*rows_out = rows;
	return OK;
}

static enum status keep_token(struct request *req, const struct record *session, const char *token)
{
	static const struct db_statement keep = {
		"UPDATE session SET token_hash = $2::bytea, used_time = now() WHERE id = $1::uuid"
	};
	struct db_params params = { .arena = req->arena };
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, (const unsigned char *)token, strlen(token));
	db_bind_uuid(&params, record_uuid(session, STANDARD_ID));
	db_bind(&params, arena_strndup(req->arena, (const char *)hash, sizeof hash), sizeof hash);
	return db_run(req->db, req->arena, &keep, &params, NULL);
}

static const char *new_token(struct request *req)
{
	unsigned char random[TOKEN_BYTES];
	size_t len = sodium_base64_ENCODED_LEN(sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);

	randombytes_buf(random, sizeof random);
	return sodium_bin2base64(arena_alloc(req->arena, len), len, random, sizeof random,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static enum status open_session(
	struct request *req, const char *client, const char *token, struct record **session_out)
{
	struct record *session = record_new(sessions(), req->arena);
	const char *name;

	record_set_uuid(session, SESSION_OWNER, req->principal->id);
	if (client && normalise_name(client, strlen(client), CLIENT_MAX, req->arena, &name) == NORMALISED)
		record_set_text(session, SESSION_CLIENT, name);
	record_set_time(session, SESSION_EXPIRE_TIME, (int64_t)time(NULL) * 1000000 + ABSOLUTE_US);
	TRY(engine_create(req, sessions(), session, session_out));
	return keep_token(req, *session_out, token);
}

static enum status answer(struct request *req, const char *token, const struct record *session)
{
	struct buffer out = { .arena = req->arena };
	struct record *user;

	TRY(engine_get(req, schema_resource_find("users"), req->principal->id, &user));
	wire_add_text(&out, 1, token);
	size_t begun = wire_begin(&out, 2);

	record_encode(user, &out);
	wire_end(&out, begun);
	wire_add_timestamp(&out, 3, record_time(session, SESSION_EXPIRE_TIME));
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}

static enum status refuse(struct request *req, const char *email, const char *address)
{
	throttle_failed(req, email, address);
	return fail(req, UNAUTHENTICATED, MSG_BAD_CREDENTIALS, NULL);
}

enum status session_sign_in(struct request *req)
{
	Guanxi__Identity__V1__SignInRequest *body =
		guanxi__identity__v1__sign_in_request__unpack(NULL, req->body_len, req->body);
	const char *email, *address, *token = new_token(req);
	const PGresult *rows;
	struct principal *user;
	struct slice message;
	struct record *session;

	if (!body)
		return fail(req, INVALID, MSG_INVALID, NULL);
	arena_defer(req->arena, free_sign_in, body);
	bool has_email = body->email && *body->email, has_password = body->password && *body->password;

	if (!has_email)
		fail_field(req, "/email", MSG_REQUIRED, NULL);
	if (!has_password)
		fail_field(req, "/password", MSG_REQUIRED, NULL);
	if (!has_email || !has_password)
		return INVALID;
	address = body->address ? body->address : "";
	if (normalise_email(body->email, strlen(body->email), req->arena, &email) != NORMALISED)
		return refuse(req, "", address);
	TRY(throttle_check(req, email, address));
	TRY(find_user(req, email, &rows));
	if (!password_matches(PQntuples(rows) ? db_bytes(rows, 0, 1).data : NULL, body->password))
		return refuse(req, email, address);
	TRY(user_load_principal(req, (const uint8_t *)db_bytes(rows, 0, 0).data, &user, &message));
	req->principal = principal_hold(user);
	throttle_succeeded(req, email, address);
	TRY(open_session(req, body->client, token, &session));
	return answer(req, token, session);
}

enum status session_sign_out(struct request *req)
{
	static const struct db_statement find = {
		"SELECT id FROM session WHERE token_hash = $1::bytea AND delete_time IS NULL"
	};
	const uint32_t fields[] = { STANDARD_DELETE_TIME };
	struct record *after, *patch = record_new(sessions(), req->arena);
	struct db_params params = { .arena = req->arena };
	struct wire_field f;
	PGresult *rows;

	if (!req->principal || !wire_find(req->body, req->body_len, 1, &f))
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	db_bind(&params, f.bytes, f.len);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	if (!PQntuples(rows))
		return OK;
	record_set_time(patch, STANDARD_DELETE_TIME, (int64_t)time(NULL) * 1000000);
	return engine_update(
		req, sessions(), (const uint8_t *)db_bytes(rows, 0, 0).data, patch, fields, 1, &after);
}

/* No session has the token: an API key may. */
static enum status resolve_key(struct request *req, struct slice secret_hash)
{
	struct buffer out = { .arena = req->arena };
	struct slice owner;
	uint8_t id[16];

	TRY(api_key_find_owner(req, secret_hash, id, &out));
	TRY(user_load_principal(req, id, NULL, &owner));
	buffer_add(&out, owner.data, owner.len);
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}

/* Idle for twelve hours ends a session as well as its last day. Its use is noted once a minute. */
enum status session_resolve(struct request *req)
{
	static const struct db_statement find = {
		"WITH s AS (SELECT id, owner_id, expire_time, used_time FROM session WHERE token_hash = "
		"$1::bytea AND delete_time IS NULL"
		" AND expire_time > now() AND used_time > now() - interval '12 hours'),"
		" used AS (UPDATE session SET used_time = now() FROM s WHERE session.id = s.id AND "
		"s.used_time < now() - interval '1 minute')"
		" SELECT id, owner_id, expire_time FROM s"
	};
	struct db_params params = { .arena = req->arena };
	struct wire_field f;
	struct slice message;
	char session_id[37];
	PGresult *rows;

	if (!wire_find(req->body, req->body_len, 1, &f))
		return fail(req, INVALID, MSG_INVALID, NULL);
	db_bind(&params, f.bytes, f.len);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	if (!PQntuples(rows))
		return resolve_key(req, (struct slice){ f.bytes, f.len });
	TRY(user_load_principal(req, (const uint8_t *)db_bytes(rows, 0, 1).data, NULL, &message));
	struct buffer out = { .arena = req->arena };

	buffer_add(&out, message.data, message.len);
	uuid_to_text((const uint8_t *)db_bytes(rows, 0, 0).data, session_id);
	wire_add_text(&out, 8, session_id);
	wire_add_timestamp(&out, 9, db_time(rows, 0, 2));
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}
