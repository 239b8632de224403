/*
 * A service as a table: what it serves, follows and does in the background, handed to service_run(), which
 *makes the process: configuration, migrations, lanes, bus, sequencer, consumers, jobs, admin port, and an
 *orderly end at SIGTERM.
 *
 *	int main(int argc, char **argv)
 *	{
 *		return service_run(argc, argv, &(struct service){ .name = "sales", .resources = resources,
 *.methods = methods });
 *	}
 */
#pragma once
#include "kit/chore.h"
#include "kit/db.h"
#include "kit/record.h"
#include "kit/request.h"

struct table;

/* A class of lanes: threads, each with a connection, that serve one queue "<service>.<class>". */
enum lane_class { LANE_WORK, LANE_READ, LANE_WRITE, LANE_QUERY, LANE_CLASSES };

/* What is special about a resource; every member may be NULL. Hooks run no SQL: see method for what does. */
struct resource_ops {
	/* After validation, before it is stored; may set fields of `after`. */
	enum status (*before_create)(struct request *req, struct record *after);
	enum status (*before_update)(struct request *req, const struct record *before, struct record *after);
	enum status (*before_delete)(struct request *req, const struct record *before);
	enum status (*before_restore)(struct request *req, const struct record *before);
	/* Before a group of writes, on an idle connection: brings up to date what its hooks know of other
	 * tables. */
	enum status (*refresh)(struct db *db);
	/* Of a resource that refers to itself, as teams do: what to say when a row would come to stand above
	 * itself. */
	enum message cycle;
};

struct resource {
	const char *collection;
	const struct resource_ops *ops;
};

/* A custom method: straight-line code in a transaction of its own (req->db), committed when it returns OK,
 * rolled back when not. */
struct method {
	const char *name; /* "CustomerService.CreateImport" */
	enum status (*run)(struct request *req);
	const char
		*makes; /* collection of the record that it makes or changes, and answers with: an idempotency
			   key then works, as for methods that answer with nothing; NULL: none */
	enum lane_class lane; /* LANE_WORK unless said otherwise; in LANE_READ and LANE_QUERY it runs without
				 a transaction */
	bool internal;        /* only for the principal "system" */
};

struct consumer_event;

/* Follows a stream: `apply` runs in the transaction that moves the cursor. */
struct subscription {
	const char *name;   /* the cursor's: keep it for ever */
	const char *stream; /* a service's name */
	/* One of the two, in the transaction that moves the cursor: for one event, or for many at once. */
	enum status (*apply)(struct request *req, const struct consumer_event *event);
	enum status (*apply_all)(struct request *req, const struct consumer_event *events, size_t count);
};

struct job;

/* Work in the background, kept as a row; `run` does one step in a transaction of its own and says whether
 * there is more. */
struct job_kind {
	const char *name;
	enum status (*run)(struct request *req, struct job *job);
};

struct migration;

struct service {
	const char *name;
	const struct resource *resources; /* ended by a row without collection */
	const struct method *methods;     /* ended by a row without name */
	const struct subscription *follows;
	const struct job_kind *jobs;
	const struct chore *chores;
	const struct migration *migrations; /* ended by a row without name */
	/* In a transaction, after migrations: first rows. May be NULL. */
	enum status (*seed)(struct request *req);
	/* Threads of its own: started when it serves, stopped before its lanes are. May be NULL. */
	void (*start)(void);
	void (*stop)(void);
};

int service_run(int argc, char **argv, const struct service *service);

/* The tables of its resources, without what makes a process: for tests. */
void service_make_tables(const struct service *service);
/* The engine's table of a resource that this service owns; NULL when it owns no such. */
struct table *service_table(const struct service *service, const struct schema_resource *resource);
/* The same of the service that runs in this process. */
struct table *service_own_table(const struct schema_resource *resource);
/* Wakes the job runner: a job was written. */
void service_wake_jobs(void);
