/* user and key: resources of identity over the API. */
#include "deploy/cli/cli.h"
#include "deploy/cli/web.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEY_DAYS = 90, PASSWORD_BYTES = 15 };

static const struct column user_columns[] = { { "id", "id", "编号" }, { "name", "name", "姓名" },
	{ "email", "e-mail", "邮箱" }, { "role", "role", "角色" }, { "active", "active", "启用" }, { NULL } };
static const struct column key_columns[] = { { "id", "id", "编号" }, { "name", "name", "名称" },
	{ "beginning", "begins with", "开头" }, { "scopes", "scopes", "权限范围" },
	{ "expireTime", "expires", "到期时间" }, { "usedTime", "last used", "最近使用" }, { NULL } };

/* All pages of a list. */
static int list_all(struct cli *cli, const char *path, json_t **rows_out)
{
	const char *next = "";
	json_t *answer;

	*rows_out = json_array();
	while (next) {
		const char *page =
			*next ? arena_printf(cli->arena, "%s&cursor=%s", path, web_escape(cli, next)) : path;
		int code = web_call(cli, "GET", page, NULL, &answer);

		if (code != CODE_DONE) {
			json_decref(*rows_out);
			return code;
		}
		json_array_extend(*rows_out, json_object_get(answer, "data"));
		next = json_string_value(json_object_get(json_object_get(answer, "page"), "next"));
		next = next ? arena_strdup(cli->arena, next) : NULL;
		json_decref(answer);
	}
	return CODE_DONE;
}

int user_list(struct cli *cli)
{
	json_t *rows;

	TRY_CODE(list_all(cli, "/api/v1/users?limit=500", &rows));
	return show_rows(cli, rows, user_columns);
}

static int find_user(struct cli *cli, const char *email, const char **id_out)
{
	json_t *answer;

	TRY_CODE(web_call(cli, "GET",
		arena_printf(
			cli->arena, "/api/v1/users?filter%%5Bemail%%5D%%5Beq%%5D=%s", web_escape(cli, email)),
		NULL, &answer));
	const char *id =
		json_string_value(json_object_get(json_array_get(json_object_get(answer, "data"), 0), "id"));

	*id_out = id ? arena_strdup(cli->arena, id) : NULL;
	json_decref(answer);
	return id ? CODE_DONE : complain(cli, CODE_REFUSED, TEXT_NO_SUCH_USER, email);
}

/* One row, and what is said only once. */
static int show_once(
	struct cli *cli, json_t *row, const char *member, const char *secret, const struct column *columns)
{
	json_object_set_new(row, member, json_string(secret));
	json_t *rows = json_array();

	json_array_append(rows, row);
	return show_rows(cli, rows, columns);
}

static int give_password(struct cli *cli, json_t *user)
{
	unsigned char random[PASSWORD_BYTES];
	char password[sodium_base64_ENCODED_LEN(PASSWORD_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
	const char *id = json_string_value(json_object_get(user, "id"));
	json_t *answer;

	randombytes_buf(random, sizeof random);
	sodium_bin2base64(
		password, sizeof password, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	TRY_CODE(web_call(cli, "POST", arena_printf(cli->arena, "/api/v1/users/%s:setPassword", id),
		json_pack("{s:s}", "password", password), &answer));
	json_decref(answer);
	show_once(cli, user, "firstPassword", password, user_columns);
	if (!cli->json)
		say(cli, TEXT_FIRST_PASSWORD, json_string_value(json_object_get(user, "email")), password);
	return CODE_DONE;
}

/* An API key gives no passwords. */
static int leave_password(struct cli *cli, json_t *user)
{
	json_t *rows = json_array();

	json_array_append(rows, user);
	show_rows(cli, rows, user_columns);
	return complain(
		cli, CODE_DONE, TEXT_PASSWORD_BY_PERSON, json_string_value(json_object_get(user, "email")));
}

int user_create(struct cli *cli)
{
	json_t *user, *body = json_pack("{s:s,s:s,s:s}", "email", cli->words[0], "name", cli->words[1],
			      "role", cli->role ? cli->role : "member");

	if (cli->team)
		json_object_set_new(body, "teamId", json_string(cli->team));
	TRY_CODE(web_call(cli, "POST", "/api/v1/users", body, &user));
	int code = cli->web->is_session ? give_password(cli, user) : leave_password(cli, user);

	json_decref(user);
	return code;
}

int user_set_password(struct cli *cli)
{
	const char *id;
	json_t *user;

	TRY_CODE(find_user(cli, cli->words[0], &id));
	TRY_CODE(web_call(cli, "GET", arena_printf(cli->arena, "/api/v1/users/%s", id), NULL, &user));
	int code = give_password(cli, user);

	json_decref(user);
	return code;
}

static int set_active(struct cli *cli, bool active)
{
	const char *id;
	json_t *user;

	TRY_CODE(find_user(cli, cli->words[0], &id));
	TRY_CODE(web_call(cli, "PATCH", arena_printf(cli->arena, "/api/v1/users/%s", id),
		json_pack("{s:b}", "active", active), &user));
	json_t *rows = json_array();

	json_array_append_new(rows, user);
	return show_rows(cli, rows, user_columns);
}

int user_activate(struct cli *cli)
{
	return set_active(cli, true);
}

int user_deactivate(struct cli *cli)
{
	return set_active(cli, false);
}

/* --- API keys */

int key_list(struct cli *cli)
{
	json_t *rows;

	TRY_CODE(list_all(cli, "/api/v1/apiKeys?limit=500", &rows));
	return show_rows(cli, rows, key_columns);
}

static json_t *scopes_of(struct cli *cli)
{
	char *at = cli->scopes ? arena_strdup(cli->arena, cli->scopes) : NULL;
	json_t *scopes = json_array();

	for (char *scope; (scope = strsep(&at, ", "));)
		if (*scope)
			json_array_append_new(scopes, json_string(scope));
	return scopes;
}

static const char *time_in(struct cli *cli, long days)
{
	time_t at = time(NULL) + days * 86400;
	struct tm utc;
	char text[32];

	gmtime_r(&at, &utc);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return arena_strdup(cli->arena, text);
}

int key_create(struct cli *cli)
{
	char *end = "";
	long days = cli->days ? strtol(cli->days, &end, 10) : KEY_DAYS;
	const char *owner = NULL;
	json_t *answer;

	if (days < 1 || days > 100000 || *end)
		return complain(
			cli, CODE_USAGE, TEXT_BAD_VALUE, "--days", cli->days, text_of(cli, TEXT_A_NUMBER));
	if (cli->owner)
		TRY_CODE(find_user(cli, cli->owner, &owner));
	json_t *body = json_pack("{s:s,s:o,s:s}", "name", cli->words[0], "scopes", scopes_of(cli),
		"expireTime", time_in(cli, days));

	if (owner)
		json_object_set_new(body, "ownerId", json_string(owner));
	TRY_CODE(web_call(cli, "POST", "/api/v1/apiKeys", body, &answer));
	const char *secret = json_string_value(json_object_get(answer, "secret"));

	show_once(cli, json_object_get(answer, "apiKey"), "secret", secret, key_columns);
	if (!cli->json) {
		printf("%s\n", secret);
		say(cli, TEXT_SECRET_ONCE);
	}
	json_decref(answer);
	return CODE_DONE;
}

int key_revoke(struct cli *cli)
{
	json_t *answer;

	TRY_CODE(web_call(cli, "DELETE",
		arena_printf(cli->arena, "/api/v1/apiKeys/%s", web_escape(cli, cli->words[0])), NULL,
		&answer));
	json_decref(answer);
	if (!cli->json)
		say(cli, TEXT_REVOKED);
	return CODE_DONE;
}
