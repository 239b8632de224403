#include "notification/secret.h"
#include "kit/db.h"
#include <sodium.h>
#include <string.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

static uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];

void secret_open(const char *installation_hex)
{
	static const char purpose[] = "guanxi webhook secrets";

	crypto_generichash(key, sizeof key, (const unsigned char *)installation_hex, strlen(installation_hex),
		(const unsigned char *)purpose, sizeof purpose - 1);
}

void secret_make(uint8_t secret_out[SECRET_BYTES])
{
	randombytes_buf(secret_out, SECRET_BYTES);
}

void secret_to_text(const uint8_t secret[SECRET_BYTES], char text_out[SECRET_TEXT_MAX])
{
	memcpy(text_out, "whsec_", 6);
	sodium_bin2base64(
		text_out + 6, SECRET_TEXT_MAX - 6, secret, SECRET_BYTES, sodium_base64_VARIANT_ORIGINAL);
}

void secret_seal(const uint8_t secret[SECRET_BYTES], const uint8_t webhook[16],
	uint8_t sealed_out[SECRET_SEALED_BYTES])
{
	randombytes_buf(sealed_out, NONCE_BYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		sealed_out + NONCE_BYTES, NULL, secret, SECRET_BYTES, webhook, 16, NULL, sealed_out, key);
}

bool secret_unseal(struct slice sealed, const uint8_t webhook[16], uint8_t secret_out[SECRET_BYTES])
{
	const unsigned char *bytes = (const unsigned char *)sealed.data;

	return sealed.len == SECRET_SEALED_BYTES &&
	       !crypto_aead_xchacha20poly1305_ietf_decrypt(secret_out, NULL, NULL, bytes + NONCE_BYTES,
		       sealed.len - NONCE_BYTES, webhook, 16, bytes, key);
}

static void add_signature(struct buffer *out, const uint8_t secret[SECRET_BYTES], const char *id,
	const char *timestamp, struct slice body)
{
	crypto_auth_hmacsha256_state state;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	char text[SIGNATURE_MAX];

	crypto_auth_hmacsha256_init(&state, secret, SECRET_BYTES);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)id, strlen(id));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)timestamp, strlen(timestamp));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.data, body.len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2base64(text, sizeof text, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
	buffer_printf(out, "v1,%s", text);
}

void secret_sign(struct buffer *out, const uint8_t (*secrets)[SECRET_BYTES], size_t count, const char *id,
	const char *timestamp, struct slice body)
{
	for (size_t i = 0; i < count; i++) {
		if (i)
			buffer_add_text(out, " ");
		add_signature(out, secrets[i], id, timestamp, body);
	}
}

static enum status keep(struct request *req, const uint8_t webhook[16], const uint8_t secret[SECRET_BYTES])
{
	static const struct db_statement insert = {
		"INSERT INTO webhook_secret (webhook_id, sealed) VALUES ($1::uuid, $2::bytea)"
		" ON CONFLICT (webhook_id) WHERE expire_time IS NULL DO NOTHING"
	};
	struct db_params params = { .arena = req->arena };
	uint8_t *sealed = arena_alloc(req->arena, SECRET_SEALED_BYTES);

	secret_seal(secret, webhook, sealed);
	db_bind_uuid(&params, webhook);
	db_bind(&params, sealed, SECRET_SEALED_BYTES);
	return db_run(req->db, req->arena, &insert, &params, NULL);
}

static enum status find(struct request *req, const uint8_t webhook[16], PGresult **rows_out)
{
	static const struct db_statement valid = {
		"SELECT sealed FROM webhook_secret WHERE webhook_id = $1::uuid AND (expire_time IS NULL OR "
		"expire_time > clock_timestamp()) ORDER BY create_time DESC LIMIT $2::int"
	};
	struct db_params params = { .arena = req->arena };

	db_bind_uuid(&params, webhook);
	db_bind_int4(&params, SECRETS_MAX);
	return db_run(req->db, req->arena, &valid, &params, rows_out);
}

enum status secret_load(struct request *req, const uint8_t webhook[16], uint8_t (*secrets_out)[SECRET_BYTES],
	size_t *count_out)
{
	uint8_t secret[SECRET_BYTES];
	PGresult *rows;

	TRY(find(req, webhook, &rows));
	if (!PQntuples(rows)) {
		secret_make(secret);
		TRY(keep(req, webhook, secret));
		TRY(find(req, webhook, &rows)); /* another may have been quicker */
	}
	*count_out = 0;
	for (int row = 0; row < PQntuples(rows); row++)
		*count_out += secret_unseal(db_bytes(rows, row, 0), webhook, secrets_out[*count_out]);
	return *count_out ? OK : INTERNAL;
}

enum status secret_rotate(struct request *req, const uint8_t webhook[16], uint8_t secret_out[SECRET_BYTES],
	int64_t *previous_expire_us_out)
{
	static const struct db_statement retire = {
		"UPDATE webhook_secret SET expire_time = clock_timestamp() + $2::int * interval '1 second'"
		" WHERE webhook_id = $1::uuid AND expire_time IS NULL RETURNING expire_time"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, webhook);
	db_bind_int4(&params, SECRET_OVERLAP_S);
	TRY(db_run(req->db, req->arena, &retire, &params, &rows));
	*previous_expire_us_out = PQntuples(rows) ? db_time(rows, 0, 0) : 0;
	secret_make(secret_out);
	return keep(req, webhook, secret_out);
}
