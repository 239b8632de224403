#include "identity/identity.h"
#include "kit/engine.h"
#include "kit/uuid.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

#define SECRET_BYTES    32
#define SECRET_PREFIX   "gx_" /* so that scanners of source code know one when they see it */
#define BEGINNING_CHARS 7     /* of the secret, prefix and all: leaves 232 bits */
#define LONGEST_DAYS    366
#define DAY_US          (86400 * (int64_t)1000000)

static const struct schema_resource *api_keys(void)
{
	return schema_resource_find("apiKeys");
}

static void free_create(void *message)
{
	guanxi__identity__v1__create_api_key_request__free_unpacked(message, NULL);
}

/* --- what was asked for */

static const char *known_collections(struct request *req)
{
	const struct schema *schema = schema_get();
	struct buffer names = { .arena = req->arena };

	buffer_add_text(&names, "files");
	for (size_t i = 0; i < schema->resource_count; i++)
		if (principal_is_scope(schema->resources[i].collection, false))
			buffer_printf(&names, ", %s%s", schema->resources[i].collection,
				principal_is_scope(schema->resources[i].collection, true) ? "" : " (:read)");
	return arena_strndup(req->arena, names.data, names.len);
}

static bool is_scope(struct request *req, const char *scope)
{
	const char *colon = strchr(scope, ':');
	const char *collection = colon ? arena_strndup(req->arena, scope, (size_t)(colon - scope)) : "";

	if (!colon || (strcmp(colon, ":read") && strcmp(colon, ":write")))
		return false;
	return !strcmp(collection, "files") ||
	       (schema_resource_find(collection) && principal_is_scope(collection, !strcmp(colon, ":write")));
}

static void take_scopes(struct request *req, char *const *scopes, size_t count, struct record *key)
{
	struct buffer wire = { .arena = req->arena };

	for (size_t i = 0; i < count; i++) {
		if (!is_scope(req, scopes[i]))
			fail_field(req, arena_printf(req->arena, "/scopes/%zu", i), MSG_BAD_SCOPE, scopes[i],
				known_collections(req), NULL);
		wire_add_text(&wire, API_KEY_SCOPES, scopes[i]);
	}
	if (count)
		record_set_wire(key, API_KEY_SCOPES, (struct slice){ wire.data, wire.len });
}

static void take_expiry(struct request *req, const Google__Protobuf__Timestamp *expires, struct record *key)
{
	int64_t now_us = (int64_t)time(NULL) * 1000000;
	int64_t at_us = expires ? expires->seconds * 1000000 + expires->nanos / 1000 : 0;

	if (!expires)
		return;
	if (at_us <= now_us || at_us > now_us + LONGEST_DAYS * DAY_US)
		fail_field(req, "/expireTime", MSG_BAD_EXPIRY, arena_printf(req->arena, "%d", LONGEST_DAYS),
			NULL);
	record_set_time(key, API_KEY_EXPIRE_TIME, at_us);
}

static void take_owner(struct request *req, const char *text, struct record *key)
{
	uint8_t id[16];
	struct principal *owner;
	struct slice message;

	record_set_uuid(key, API_KEY_OWNER, req->principal->id);
	if (!text || !*text || !strcmp(text, req->principal->id_text))
		return;
	if (!req->principal->administrator || !uuid_from_text(text, strlen(text), id) ||
		user_load_principal(req, id, &owner, &message) != OK) {
		req->problem = NULL; /* whatever else is wrong was not looked at yet */
		fail_field(req, "/ownerId", MSG_BAD_REFERENCE,
			problem_resource_label(req->arena, schema_resource_find("users")), NULL);
		return;
	}
	record_set_uuid(key, API_KEY_OWNER, id);
}

static enum status read_request(
	struct request *req, const Guanxi__Identity__V1__CreateApiKeyRequest *body, struct record *key)
{
	take_owner(req, body->owner_id, key);
	take_scopes(req, body->scopes, body->n_scopes, key);
	take_expiry(req, body->expire_time, key);
	if (body->name)
		record_set_text(key, API_KEY_NAME, body->name);
	return req->status;
}

/* --- making one */

static const char *new_secret(struct request *req)
{
	unsigned char random[SECRET_BYTES];
	char text[sodium_base64_ENCODED_LEN(SECRET_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];

	randombytes_buf(random, sizeof random);
	sodium_bin2base64(text, sizeof text, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return arena_printf(req->arena, SECRET_PREFIX "%s", text);
}

static enum status keep_secret(struct request *req, const struct record *key, const char *secret)
{
	static const struct db_statement keep = {
		"UPDATE api_key SET secret_hash = $2::bytea WHERE id = $1::uuid"
	};
	struct db_params params = { .arena = req->arena };
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, (const unsigned char *)secret, strlen(secret));
	db_bind_uuid(&params, record_uuid(key, STANDARD_ID));
	db_bind(&params, arena_strndup(req->arena, (const char *)hash, sizeof hash), sizeof hash);
	return db_run(req->db, req->arena, &keep, &params, NULL);
}

static void answer(struct request *req, const struct record *key, const char *secret)
{
	struct buffer out = { .arena = req->arena };

	wire_add_text(&out, 1, secret);
	size_t begun = wire_begin(&out, 2);

	record_encode(key, &out);
	wire_end(&out, begun);
	req->reply = (struct slice){ out.data, out.len };
	req->created_id = record_text(key, STANDARD_ID);
}

enum status api_key_create(struct request *req)
{
	Guanxi__Identity__V1__CreateApiKeyRequest *body =
		guanxi__identity__v1__create_api_key_request__unpack(NULL, req->body_len, req->body);
	struct record *made, *key = record_new(api_keys(), req->arena);
	const char *secret = new_secret(req);

	if (!body)
		return fail(req, INVALID, MSG_INVALID, NULL);
	arena_defer(req->arena, free_create, body);
	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (req->principal->by_key)
		return fail(req, FORBIDDEN, MSG_NOT_BY_KEY, NULL);
	TRY(read_request(req, body, key));
	record_set_text(key, API_KEY_BEGINNING, arena_strndup(req->arena, secret, BEGINNING_CHARS));
	TRY(engine_create(req, api_keys(), key, &made));
	answer(req, made, secret);
	return keep_secret(req, made, secret);
}

enum status api_key_revoke(struct request *req)
{
	const uint32_t fields[] = { STANDARD_DELETE_TIME };
	struct record *after, *patch = record_new(api_keys(), req->arena);
	struct wire_field f;
	uint8_t id[16];

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (req->principal->by_key)
		return fail(req, FORBIDDEN, MSG_NOT_BY_KEY, NULL);
	if (!wire_find(req->body, req->body_len, 1, &f) || !uuid_from_text(f.bytes, f.len, id))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	record_set_time(patch, STANDARD_DELETE_TIME, (int64_t)time(NULL) * 1000000);
	return engine_update(req, api_keys(), id, patch, fields, 1, &after);
}

/* --- who asks with one */

static void add_id(struct buffer *out, uint32_t number, struct slice bytes)
{
	char text[37];

	uuid_to_text((const uint8_t *)bytes.data, text);
	wire_add_text(out, number, text);
}

/* array_send(): five integers, then for each element its length and bytes. */
static void add_scopes(struct buffer *out, struct slice array)
{
	const uint8_t *at = (const uint8_t *)array.data + 20, *end = (const uint8_t *)array.data + array.len;

	while (at + 4 <= end) {
		size_t len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];

		wire_add_bytes(out, 11, at + 4, len);
		at += 4 + len;
	}
}

enum status api_key_find_owner(
	struct request *req, struct slice secret_hash, uint8_t owner_out[16], struct buffer *principal_out)
{
	static const struct db_statement find = {
		"WITH k AS (SELECT id, owner_id, scopes, expire_time, used_time FROM api_key WHERE "
		"secret_hash = $1::bytea AND delete_time IS NULL AND expire_time > now()),"
		" used AS (UPDATE api_key SET used_time = date_trunc('minute', now()) FROM k WHERE "
		"api_key.id = k.id AND (k.used_time IS NULL OR k.used_time < date_trunc('minute', now())))"
		" SELECT id, owner_id, expire_time, ARRAY(SELECT json_array_elements_text(scopes)) FROM k"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind(&params, secret_hash.data, secret_hash.len);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	if (!PQntuples(rows))
		return fail(req, NOT_FOUND, MSG_SESSION_EXPIRED, NULL);
	memcpy(owner_out, db_bytes(rows, 0, 1).data, 16);
	add_id(principal_out, 8, db_bytes(rows, 0, 0));
	wire_add_timestamp(principal_out, 9, db_time(rows, 0, 2));
	add_id(principal_out, 10, db_bytes(rows, 0, 0));
	add_scopes(principal_out, db_bytes(rows, 0, 3));
	return OK;
}

enum status api_key_add_scopes(
	struct request *req, const uint8_t id[16], const uint8_t owner[16], struct buffer *principal_out)
{
	static const struct db_statement find = {
		"SELECT id, ARRAY(SELECT json_array_elements_text(scopes)) FROM api_key WHERE id = $1::uuid "
		"AND owner_id = $2::uuid AND delete_time IS NULL AND expire_time > now()"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, id);
	db_bind_uuid(&params, owner);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	if (!PQntuples(rows))
		return fail(req, NOT_FOUND, MSG_SESSION_EXPIRED, NULL);
	add_id(principal_out, 10, db_bytes(rows, 0, 0));
	add_scopes(principal_out, db_bytes(rows, 0, 1));
	return OK;
}
