/*
 * database_harness.h: a real PostgreSQL of a test program's own, in a temporary directory and on a unix
 *socket there, with the schema of the customer service as its migrations make it; principals; and requests as
 *the bus would bring them.
 *
 *	int main(void) { return cmocka_run_group_tests_name("engine", tests, database_start, database_stop); }
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* the kit's records why a request fails */

#include "customer/customer.h"
#include "kit/db.h"
#include "kit/engine.h"
#include "kit/json.h"
#include "kit/migrate.h"
#include "kit/query.h"
#include "kit/request.h"
#include "kit/service.h"
#include "kit/uuid.h"
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct migration customer_migrations[];

static const struct resource database_resources[] = {
	{ "customers", &customer_ops },
	{ "contacts", NULL },
	{ "activities", NULL },
	{ "jobs", NULL },
	{ "categories", &category_ops },
	{ "fieldPolicies", &policy_ops },
	{ "relationships", &relationship_ops },
	{ "duplicates", &duplicate_ops },
	{ "merges", NULL },
	{ 0 },
};
static const struct service database_service = { .name = "customer", .resources = database_resources };

static struct {
	char directory[64];
	char conninfo[128]; /* the runtime role */
	char owner_conninfo[128];
	char superuser_conninfo[128];
	struct db *superuser;
	struct arena *arena; /* of the group */
} database;

#define fail_with(...)                                                                                       \
	do {                                                                                                 \
		print_error(__VA_ARGS__);                                                                    \
		_fail(__FILE__, __LINE__);                                                                   \
	} while (0)

__attribute__((format(printf, 1, 2))) static inline void database_shell(const char *format, ...)
{
	char command[2048];
	va_list list;

	va_start(list, format);
	vsnprintf(command, sizeof command, format, list);
	va_end(list);
	if (system(command)) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

/* PostgreSQL refuses to run as root. */
static inline const char *database_account(void)
{
	return geteuid() ? "" : "setpriv --reuid=postgres --regid=postgres --clear-groups ";
}

static inline const char *database_bin(void)
{
	static char bin[128];
	glob_t found;

	if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) || !found.gl_pathc)
		exit(1);
	snprintf(bin, sizeof bin, "%s", found.gl_pathv[found.gl_pathc - 1]);
	globfree(&found);
	return bin;
}

/* Runs SQL as superuser; the first value of the first row as a number, 0 when there is none. */
__attribute__((format(printf, 1, 2))) static inline int64_t database_sql(const char *format, ...)
{
	struct arena *arena = arena_new();
	struct db_params none = { .arena = arena };
	PGresult *rows = NULL;
	va_list list;
	int64_t value = 0;

	va_start(list, format);
	const char *sql = arena_vprintf(arena, format, list);

	va_end(list);
	assert_int_equal(db_ready(database.superuser), OK);
	db_send_once(database.superuser, sql, &none);
	db_sync(database.superuser);
	enum status status = db_result(database.superuser, arena, &rows);

	if (db_end(database.superuser) != OK || status != OK)
		fail_with("%s: %s", sql, db_error(database.superuser));
	if (rows && PQntuples(rows) && PQnfields(rows) && !PQgetisnull(rows, 0, 0))
		value = PQgetlength(rows, 0, 0) == 8   ? db_int8(rows, 0, 0)
			: PQgetlength(rows, 0, 0) == 4 ? db_int4(rows, 0, 0)
						       : PQgetvalue(rows, 0, 0)[0];
	arena_free(arena);
	return value;
}

static inline int database_start(void **state)
{
	const char *bin = database_bin(), *as = database_account(), *d = database.directory;

	(void)state;
	snprintf(database.directory, sizeof database.directory, "/tmp/guanxi-unit-XXXXXX");
	if (!mkdtemp(database.directory))
		return 1;
	if (!geteuid())
		database_shell("chown postgres:postgres %s", d);
	database_shell("%s%s/initdb -D %s/data -U guanxi -A trust -N -E UTF8 --locale=C.UTF-8 >%s/log 2>&1",
		as, bin, d, d);
	database_shell("%s%s/pg_ctl -D %s/data -s -w -l %s/data/log -o \"-c listen_addresses='' -c "
		       "unix_socket_directories=%s -c fsync=off"
		       " -c max_connections=60 -c jit=off\" start",
		as, bin, d, d, d);
	snprintf(
		database.conninfo, sizeof database.conninfo, "host=%s dbname=guanxi user=guanxi_customer", d);
	snprintf(database.owner_conninfo, sizeof database.owner_conninfo,
		"host=%s dbname=guanxi user=guanxi_customer_owner", d);
	snprintf(database.superuser_conninfo, sizeof database.superuser_conninfo,
		"host=%s dbname=guanxi user=guanxi", d);
	database_shell("psql -X -q -h %s -U guanxi -d postgres -c 'create database guanxi'", d);
	database_shell("psql -X -q -h %s -U guanxi -d guanxi -v schema=customer -v owner_password=o -v "
		       "runtime_password=r"
		       " -f deploy/local/provision.sql",
		d);
	schema_get();
	query_open("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	migrate(database.owner_conninfo, "customer", customer_migrations);
	service_make_tables(&database_service);
	database.superuser = db_open(&(struct db_options){
		.conninfo = database.superuser_conninfo, .schema = "customer", .name = "test" });
	database.arena = arena_new();
	return 0;
}

static inline int database_stop(void **state)
{
	(void)state;
	db_close(database.superuser);
	arena_free(database.arena);
	database_shell("%s%s/pg_ctl -D %s/data -s -w -m immediate stop", database_account(), database_bin(),
		database.directory);
	database_shell("rm -rf %s", database.directory);
	return 0;
}

/* The runtime role's, as a lane opens it. */
static inline struct db *database_open(const char *conninfo, unsigned lock_timeout_ms)
{
	return db_open(&(struct db_options){ .conninfo = conninfo,
		.schema = "customer",
		.statement_timeout_ms = 20000,
		.lock_timeout_ms = lock_timeout_ms,
		.name = "lane" });
}

/* --- people and what they ask */

enum { PERSON_TEAMS_MAX = 8 };

/* Somebody new, in the first of the teams and leading the others. For the group's lifetime. */
static inline struct principal *person_new(bool administrator, const uint8_t (*teams)[16], size_t team_count)
{
	Guanxi__Identity__V1__Principal message = GUANXI__IDENTITY__V1__PRINCIPAL__INIT;
	char id_text[37], texts[PERSON_TEAMS_MAX][37], *pointers[PERSON_TEAMS_MAX];
	uint8_t id[16];

	uuid_v7(id);
	uuid_to_text(id, id_text);
	for (size_t i = 0; i < team_count; i++) {
		uuid_to_text(teams[i], texts[i]);
		pointers[i] = texts[i];
	}
	message.id = id_text;
	message.has_role = true;
	message.role = administrator ? GUANXI__IDENTITY__V1__ROLE__ROLE_ADMINISTRATOR
				     : GUANXI__IDENTITY__V1__ROLE__ROLE_MEMBER;
	message.team_id = team_count ? texts[0] : NULL;
	message.team_ids = pointers;
	message.n_team_ids = team_count;
	struct principal *principal = principal_new(&message);

	arena_defer(database.arena, (void (*)(void *))principal_release, principal);
	return principal;
}

/* Knows a user or a team, as a projection of identity's stream would. */
static inline void database_knows(const char *table, const uint8_t id[16])
{
	char text[37];

	uuid_to_text(id, text);
	database_sql(
		"INSERT INTO customer.%s (id, name) VALUES ('%s', 'x') ON CONFLICT DO NOTHING", table, text);
}

static inline const char *id_text_of(struct request *req, const uint8_t id[16])
{
	char text[37];

	uuid_to_text(id, text);
	return arena_strdup(req->arena, text);
}

/* A request of a standard method, without a body yet. Ends with request_free(). */
static inline struct request *request_of(struct principal *who, const char *collection, enum verb verb)
{
	struct request *req = request_for_job(&database_service, who);
	static const char *const names[] = { [VERB_GET] = "get",
		[VERB_LIST] = "list",
		[VERB_SEARCH] = "search",
		[VERB_AGGREGATE] = "aggregate",
		[VERB_BATCH] = "batch",
		[VERB_HISTORY] = "history",
		[VERB_CREATE] = "create",
		[VERB_UPDATE] = "update",
		[VERB_DELETE] = "delete",
		[VERB_RESTORE] = "restore" };

	req->verb = verb;
	req->resource = schema_resource_find(collection);
	req->name = arena_printf(req->arena, "%s.%s", collection, names[verb]);
	return req;
}

static inline void take_body(struct request *req, const struct buffer *body)
{
	req->body = (const uint8_t *)body->data;
	req->body_len = body->len;
}

static inline struct json_result wire_of(struct request *req, enum json_mode mode, const char *json)
{
	struct json_result result;

	if (json_to_wire(req->resource->message, json, strlen(json), mode, req->arena, &result) != OK)
		fail_with("the test's JSON is refused: %s", json);
	return result;
}

static inline struct request *create_of(struct principal *who, const char *collection, const char *json)
{
	struct request *req = request_of(who, collection, VERB_CREATE);
	struct json_result result = wire_of(req, JSON_CREATE, json);
	struct buffer body = { .arena = req->arena };

	wire_add_bytes(&body, 1, result.wire.data, result.wire.len);
	take_body(req, &body);
	return req;
}

/* Also deletes and restores, which take no patch. */
static inline struct request *change_of(struct principal *who, const char *collection, enum verb verb,
	const uint8_t id[16], uint64_t if_version, const char *json)
{
	struct request *req = request_of(who, collection, verb);
	struct buffer body = { .arena = req->arena };

	wire_add_text(&body, 1, id_text_of(req, id));
	if (if_version)
		wire_add_varint(&body, 2, if_version);
	if (json) {
		struct json_result result = wire_of(req, JSON_PATCH, json);

		wire_add_bytes(&body, 3, result.wire.data, result.wire.len);
		for (size_t i = 0; i < result.field_count; i++)
			wire_add_varint(&body, 4, result.fields[i]);
	}
	take_body(req, &body);
	return req;
}

/* Plans and writes them as one group, as a lane does: those held up by another transaction again, until they
 * are done. */
static inline void write_all(struct db *db, struct request **requests, size_t count)
{
	struct request *group[64];

	assert_true(count <= 64);
	for (bool again = true; again;) {
		size_t n = 0;

		again = false;
		for (size_t i = 0; i < count; i++) {
			if (requests[i]->plan && !requests[i]->again)
				continue;
			requests[i]->again = false;
			requests[i]->problem = NULL;
			requests[i]->status = engine_plan(requests[i]);
			if (requests[i]->status == OK)
				group[n++] = requests[i];
		}
		engine_write(db, group, n);
		for (size_t i = 0; i < count; i++)
			again |= requests[i]->again;
	}
}

static inline enum status write_one(struct db *db, struct request *req)
{
	write_all(db, &req, 1);
	return req->status;
}

/* The id of a record that was created. */
static inline void id_of(const struct request *req, uint8_t id_out[16])
{
	assert_non_null(req->created_id);
	assert_true(uuid_from_text(req->created_id, strlen(req->created_id), id_out));
}

/* Creates a customer and gives its id. */
static inline void make_customer(struct db *db, struct principal *who, const char *json, uint8_t id_out[16])
{
	struct request *req = create_of(who, "customers", json);

	if (write_one(db, req) != OK)
		fail_with("%s: %s", json,
			req->problem ? problem_text(req->problem, LANGUAGE_EN, req->arena) : db_error(db));
	id_of(req, id_out);
	request_free(req);
}
