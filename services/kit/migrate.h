/*
 * Migrations: frozen SQL, embedded in the binary, run in order of their names by the role that owns the
 * schema, each in a transaction of its own, once. A migration that was run and has changed since, or one that
 * is unknown (the schema is newer than the binary by more than what it can live with), is refused. Replicas
 * that start together wait for one another.
 *
 * {service} in the text stands for the service's name, which is also its schema's; guanxi_{service} is the
 * role that serves.
 */
#pragma once
#include "kit/status.h"
#include <stddef.h>

struct migration {
	const char *name;
	const char *sql;
};

/* The tables that every schema has: made by services/kit/migrations. Ended by a row without name. */
extern const struct migration kit_migrations[];

/* Ends the process with one sentence when it cannot. `conninfo` is the owner's. */
void migrate(const char *conninfo, const char *service, const struct migration *migrations);
