#include "identity/identity.h"
#include <sodium.h>
#include <string.h>
#include <strings.h>

#define PASSES       2
#define MEMORY_BYTES (19u << 20)

const char *password_hash(struct request *req, const char *password)
{
	char *hash = arena_alloc(req->arena, crypto_pwhash_STRBYTES);

	if (crypto_pwhash_str_alg(
		    hash, password, strlen(password), PASSES, MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13))
		return NULL;
	return hash;
}

bool password_matches(const char *hash, const char *password)
{
	/* Of a password that nobody has: made at first use, so that its cost is that of today's settings. */
	static _Thread_local char nobody[crypto_pwhash_STRBYTES];

	if (!hash && !*nobody)
		(void)!crypto_pwhash_str_alg(
			nobody, "nobody", 6, PASSES, MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13);
	bool matches = crypto_pwhash_str_verify(hash ? hash : nobody, password, strlen(password)) == 0;

	return hash && matches;
}

static size_t distinct_bytes(const char *text)
{
	bool seen[256] = { false };
	size_t count = 0;

	for (; *text; text++) {
		count += !seen[(unsigned char)*text];
		seen[(unsigned char)*text] = true;
	}
	return count;
}

enum status password_check(struct request *req, const char *pointer, const char *password, const char *email)
{
	const char *at = email ? strchr(email, '@') : NULL;
	char local[65] = "";

	if (strlen(password) < PASSWORD_MIN)
		return fail_field(
			req, pointer, MSG_TOO_SHORT, arena_printf(req->arena, "%d", PASSWORD_MIN), NULL);
	if (at && at - email >= 4 && at - email < 65)
		memcpy(local, email, (size_t)(at - email));
	if (distinct_bytes(password) < 5 || (*local && strcasestr(password, local)))
		return fail_field(req, pointer, MSG_WEAK_PASSWORD, NULL);
	return OK;
}
