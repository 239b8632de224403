/*
 * One request on its way through a service. Its life is a table of steps (request.c): decode and authenticate
 *on the bus thread, then authorise, validate, plan, execute and reply in a lane. The step in progress is
 *named for `show requests`, each is timed, and a request always ends in a reply. It owns its arena;
 *everything that is made for it lives there.
 *
 *	if (!customer)
 *		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
 */
#pragma once
#include "guanxi/envelope.pb-c.h"
#include "kit/arena.h"
#include "kit/bus_worker.h"
#include "kit/principal.h"
#include "kit/problem.h"
#include "kit/schema.h"
#include "kit/status.h"

struct db;
struct service;

/* What a standard method does; METHOD_CUSTOM is in `method`. */
enum verb {
	VERB_GET,
	VERB_LIST,
	VERB_SEARCH, /* a list whose filter came as a tree */
	VERB_AGGREGATE,
	VERB_FIND,
	VERB_LOOKUP,
	VERB_PAST,
	VERB_HISTORY,
	VERB_CREATE,
	VERB_UPDATE,
	VERB_DELETE,
	VERB_RESTORE,
	VERB_BULK, /* one change to many, as a job: bulk.h */
	VERB_BATCH,
	VERB_CUSTOM,
	VERB_COUNT
};

struct method;

struct request {
	struct request *next; /* in a lane's queue */
	struct arena *arena;
	struct bus_request *bus; /* NULL for work that came from no request */
	const struct service *service;
	const char *name; /* "customers.get" */
	enum verb verb;
	const struct schema_resource *resource; /* of a standard method, and of those by external id */
	const struct method *method;            /* of a custom one */
	struct principal *principal;            /* NULL: anonymous */
	const char *principal_id;               /* as the header says */
	uint64_t rights_version;
	const char *idempotency_key; /* NULL when none */
	const char *traceparent;     /* NULL when none */
	const char *locale;
	uint8_t id[16];          /* events carry it */
	bool without_automation; /* what comes of it starts no automation: its events say so */
	const uint8_t *body;
	size_t body_len;

	struct db *db;    /* work lanes: a connection, in a transaction */
	const char *step; /* the one in progress */
	uint64_t started_ns;

	enum status status;
	struct problem *problem; /* why not OK */
	struct slice reply;      /* body */
	uint64_t version;        /* ETag; 0: none */
	const char *created_id;  /* Location; NULL: none */
	bool replayed;
	void *plan; /* the engine's */
	/* All that is wrong is a reference to another service's record that our projection does not have:
	 * NULL, or whose. */
	const struct schema_resource *missing;
	uint8_t missing_id[16];
	uint8_t known_id[16];   /* the last of these that its owner says is there */
	uint8_t unknown_id[16]; /* and is not */
	uint64_t projected;     /* how far the projections were when it ran */
	unsigned unexplained;   /* times that it was refused and nobody could say why */
	bool again; /* another transaction holds its row or its key: the lane is to try it later */
};

/* Records why the request fails and returns `status`. The message's arguments follow, then NULL. */
#define fail(req, status_, ...)                                                                              \
	((req)->problem = problem_new((req)->arena, __VA_ARGS__), (req)->status = (status_))
/* The same for one value: INVALID, with the JSON pointer of it. May be called for several before returning.
 */
#define fail_field(req, pointer, ...)                                                                        \
	(problem_add_error(request_invalid(req), pointer, __VA_ARGS__), (req)->status = INVALID)

struct problem *request_invalid(struct request *req);

/* On the bus thread. Decodes the header: UNKNOWN methods and malformed headers fail. The bus request's bytes
 * are borrowed. */
struct request *request_new(struct bus_request *bus, const struct service *service);
/* A request that no one waits for: background work as its owner. */
struct request *request_for_job(const struct service *service, struct principal *owner);
/* Answers and frees. Uses bus_request_reply_later(): whoever ends a group calls bus_worker_wake(). */
void request_finish(struct request *req);
/* Frees without answering: for requests that came from no bus. */
void request_free(struct request *req);
/* Names the step that begins; accounts the time of the one that ends. */
void request_step(struct request *req, const char *step);
uint64_t request_now_ns(void);
