/*
 * Secrets of webhooks and the signatures made with them: Standard Webhooks 1.0.0
 * (github.com/standard-webhooks), "v1", that is HMAC-SHA256 over "<webhook-id>.<webhook-timestamp>.<body>".
 *
 * A secret is kept sealed (XChaCha20-Poly1305 with a key derived from GUANXI_SECRET, bound to its webhook)
 * and leaves the process once, when it is made.
 */
#pragma once
#include "kit/request.h"
#include "kit/wire.h"

enum {
	SECRET_BYTES = 32,
	SECRET_TEXT_MAX = 64, /* "whsec_" and base64 */
	SECRET_SEALED_BYTES = 24 + SECRET_BYTES + 16,
	SECRETS_MAX = 4,          /* valid at a time: each adds a signature */
	SECRET_OVERLAP_S = 86400, /* the old one counts so long after another was made */
	SIGNATURE_MAX = 64,       /* bytes of one, "v1,…" */
};

/* Derives the key from the installation's secret; once, before threads. */
void secret_open(const char *installation_hex);

void secret_make(uint8_t secret_out[SECRET_BYTES]);
void secret_to_text(const uint8_t secret[SECRET_BYTES], char text_out[SECRET_TEXT_MAX]);
void secret_seal(const uint8_t secret[SECRET_BYTES], const uint8_t webhook[16],
	uint8_t sealed_out[SECRET_SEALED_BYTES]);
/* False: it was not sealed by us, or for another webhook. */
bool secret_unseal(
	struct slice sealed, const uint8_t webhook[16], uint8_t secret_out[SECRET_BYTES]) MUST_CHECK;

/* Appends the value of webhook-signature: one for each secret, separated by spaces. */
void secret_sign(struct buffer *out, const uint8_t (*secrets)[SECRET_BYTES], size_t count, const char *id,
	const char *timestamp, struct slice body);

/* The valid secrets of a webhook, the current one first; one is made when there is none. In the caller's
 * transaction. */
enum status secret_load(struct request *req, const uint8_t webhook[16], uint8_t (*secrets_out)[SECRET_BYTES],
	size_t *count_out) MUST_CHECK;
/* Makes another; the one before counts until *previous_expire_us_out (0: there was none). */
enum status secret_rotate(struct request *req, const uint8_t webhook[16], uint8_t secret_out[SECRET_BYTES],
	int64_t *previous_expire_us_out) MUST_CHECK;
