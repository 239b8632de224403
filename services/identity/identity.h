/* What the files of this service share. */
#pragma once
#include "guanxi/identity/v1/identity.pb-c.h"
#include "kit/service.h"

enum user_field {
	USER_NAME = 16,
	USER_EMAIL = 17,
	USER_ROLE = 18,
	USER_TEAM = 19,
	USER_LOCALE = 20,
	USER_ACTIVE = 21,
	USER_MUST_CHANGE_PASSWORD = 22,
	USER_RIGHTS_VERSION = 23
};
enum session_field { SESSION_OWNER = 6, SESSION_TEAM = 7, SESSION_CLIENT = 16, SESSION_EXPIRE_TIME = 17 };

enum api_key_field {
	API_KEY_OWNER = 6,
	API_KEY_NAME = 16,
	API_KEY_SCOPES = 17,
	API_KEY_EXPIRE_TIME = 18,
	API_KEY_USED_TIME = 19,
	API_KEY_BEGINNING = 20
};

enum view_field {
	VIEW_OWNER = 6,
	VIEW_TEAM = 7,
	VIEW_COLLECTION = 17,
	VIEW_QUERY = 18,
	VIEW_COLUMNS = 19,
	VIEW_SHARED = 21,
	VIEW_PUBLIC = 23,
	VIEW_GROUP_BY = 24
};
enum preference_field { PREFERENCE_OWNER = 6, PREFERENCE_LISTS = 20 };

extern const struct resource_ops user_ops, team_ops, view_ops, preference_ops;

/* Methods: session.c */
enum status session_sign_in(struct request *req);
enum status session_sign_out(struct request *req);
enum status session_resolve(struct request *req);
/* api_key.c */
enum status api_key_create(struct request *req);
enum status api_key_revoke(struct request *req);
/* Adds a key that is in force, and its scopes, to a Principal message: by the digest of its secret, or by its
 * id and its owner's. NOT_FOUND when there is none. */
enum status api_key_find_owner(struct request *req, struct slice secret_hash, uint8_t owner_out[16],
	struct buffer *principal_out) MUST_CHECK;
enum status api_key_add_scopes(struct request *req, const uint8_t id[16], const uint8_t owner[16],
	struct buffer *principal_out) MUST_CHECK;
/* user.c */
enum status user_get_me(struct request *req);
enum status user_change_password(struct request *req);
enum status user_set_password(struct request *req);
enum status user_get_principal(struct request *req);
enum status user_seed(struct request *req);

/* The principal of an active user. NOT_FOUND when there is none. The reference is tied to the request's
 * arena. */
enum status user_load_principal(struct request *req, const uint8_t id[16], struct principal **principal_out,
	struct slice *message_out) MUST_CHECK;

/* password.c: Argon2id. OWASP's minimum of 2025: 19 MiB, two passes, one lane. */
#define PASSWORD_MIN 10
const char *password_hash(struct request *req, const char *password);
/* `hash` may be NULL (no such user): takes as long as a wrong password. */
bool password_matches(const char *hash, const char *password);
/* Refuses what is too short, too uniform, or contains the user's own name or address. */
enum status password_check(
	struct request *req, const char *pointer, const char *password, const char *email) MUST_CHECK;

/* throttle.c: counts failed sign-ins in Redis, and in PostgreSQL when Redis is away. */
enum status throttle_check(struct request *req, const char *email, const char *address) MUST_CHECK;
void throttle_failed(struct request *req, const char *email, const char *address);
void throttle_succeeded(struct request *req, const char *email, const char *address);
