#include "kit/migrate.h"
#include "kit/arena.h"
#include "kit/config.h"
#include "kit/log.h"
#include <libpq-fe.h>
#include <sodium.h>
#include <string.h>

static PGresult *run(PGconn *conn, const char *what, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		config_refuse("%s failed: %s", what, PQerrorMessage(conn));
	return result;
}

/* Text order of the whole product rests on it, and under plain C pg_trgm finds no trigrams in Chinese. */
static void check_server(PGconn *conn)
{
	PGresult *r = run(conn, "asking the server",
		"SELECT current_setting('server_version_num')::int >= 150000, pg_encoding_to_char(encoding), "
		"datcollate"
		" FROM pg_database WHERE datname = current_database()");

	if (*PQgetvalue(r, 0, 0) != 't')
		config_refuse("PostgreSQL 15 or newer is needed, this is %s",
			PQparameterStatus(conn, "server_version"));
	if (strcmp(PQgetvalue(r, 0, 1), "UTF8") || strncasecmp(PQgetvalue(r, 0, 2), "C.UTF", 5))
		config_refuse("the database must have encoding UTF8 and collation C.UTF-8, it has %s and %s: "
			      "initialise the cluster anew",
			PQgetvalue(r, 0, 1), PQgetvalue(r, 0, 2));
	PQclear(r);
}

static const char *expand(struct arena *arena, const char *sql, const char *service)
{
	struct buffer out = { .arena = arena };
	const char *mark;

	for (; (mark = strstr(sql, "{service}")); sql = mark + strlen("{service}")) {
		buffer_add(&out, sql, (size_t)(mark - sql));
		buffer_add_text(&out, service);
	}
	buffer_add_text(&out, sql);
	return out.data;
}

static void digest_of(const char *sql, char hex_out[33])
{
	unsigned char digest[16];

	crypto_generichash(digest, sizeof digest, (const unsigned char *)sql, strlen(sql), NULL, 0);
	sodium_bin2hex(hex_out, 33, digest, sizeof digest);
}

static void run_one(PGconn *conn, struct arena *arena, const struct migration *m, const char *service)
{
	char digest[33];
	const char *const values[] = { m->name, digest };

	digest_of(m->sql, digest);
	PGresult *done = PQexecParams(
		conn, "SELECT digest FROM migration WHERE name = $1", 1, NULL, values, NULL, NULL, 0);

	if (PQntuples(done) == 1) {
		if (strcmp(PQgetvalue(done, 0, 0), digest))
			config_refuse("migration %s was run in another form: a migration is never changed, "
				      "add a new one",
				m->name);
		PQclear(done);
		return;
	}
	PQclear(done);
	PQclear(run(conn, "BEGIN", "BEGIN"));
	PQclear(run(conn, m->name, expand(arena, m->sql, service)));
	PQclear(PQexecParams(conn, "INSERT INTO migration (name, digest) VALUES ($1, $2)", 2, NULL, values,
		NULL, NULL, 0));
	PQclear(run(conn, m->name, "COMMIT"));
	log_info("migrated", "migration=%s", m->name);
}

void migrate(const char *conninfo, const char *service, const struct migration *migrations)
{
	struct arena *arena = arena_new();
	PGconn *conn = PQconnectdb(conninfo);

	if (PQstatus(conn) != CONNECTION_OK)
		config_refuse(
			"cannot connect to PostgreSQL as the owner of the schema: %s", PQerrorMessage(conn));
	check_server(conn);
	PQclear(run(conn, "search_path",
		arena_printf(arena, "SET search_path = %s, extensions; SET client_min_messages = warning",
			service)));
	/* Replicas that start together: one migrates, the others wait and find it done. */
	PQclear(run(conn, "lock",
		arena_printf(arena, "SELECT pg_advisory_lock(hashtext('guanxi migration %s'))", service)));
	PQclear(run(conn, "migration",
		"CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, digest text NOT NULL, run_at "
		"timestamptz NOT NULL DEFAULT now())"));
	for (const struct migration *m = kit_migrations; m->name; m++)
		run_one(conn, arena, m, service);
	for (const struct migration *m = migrations; m && m->name; m++)
		run_one(conn, arena, m, service);
	PQfinish(conn);
	arena_free(arena);
}
