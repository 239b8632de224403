/* The identity service as a table. */
#include "identity/identity.h"
#include "kit/migrate.h"

extern const struct migration identity_migrations[];

static const struct resource resources[] = {
	{ "users", &user_ops },
	{ "teams", &team_ops },
	{ "sessions", NULL },
	{ "apiKeys", NULL },
	{ "views", &view_ops },
	{ "preferences", &preference_ops },
	{ 0 },
};

static const struct method methods[] = {
	{ "IdentityService.SignIn", session_sign_in },
	{ "IdentityService.SignOut", session_sign_out },
	{ "IdentityService.GetMe", user_get_me },
	{ "IdentityService.ChangePassword", user_change_password },
	{ "IdentityService.SetPassword", user_set_password },
	{ "IdentityService.CreateApiKey", api_key_create },
	{ "IdentityService.RevokeApiKey", api_key_revoke },
	{ "IdentityService.ResolveSession", session_resolve, .internal = true, .lane = LANE_READ },
	{ "IdentityService.GetPrincipal", user_get_principal, .internal = true, .lane = LANE_READ },
	{ 0 },
};

static const struct chore chores[] = {
	{ "forget idempotency keys",
		"DELETE FROM idempotency WHERE create_time < now() - interval '24 hours'", 600 },
	{ "forget sign-in attempts", "DELETE FROM sign_in_attempt WHERE until < now()", 600 },
	{ 0 },
};

int main(int argc, char **argv)
{
	return service_run(argc, argv,
		&(struct service){ .name = "identity",
			.resources = resources,
			.methods = methods,
			.chores = chores,
			.migrations = identity_migrations,
			.seed = user_seed });
}
