#include "kit/service.h"
#include "kit/admin.h"
#include "kit/awaited.h"
#include "kit/bus_worker.h"
#include "kit/config.h"
#include "kit/consumer.h"
#include "kit/engine.h"
#include "kit/job.h"
#include "kit/lane.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include "kit/migrate.h"
#include "kit/query.h"
#include "kit/question.h"
#include "kit/retention.h"
#include "kit/sequencer.h"
#include "kit/table.h"
#include "kit/uuid.h"
#include "kit/words.h"
#include <assert.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DRAIN_MS          20000
#define PRINCIPALS        4096 /* cached; a power of two */
#define READ_CAPACITY     1024
#define OTHER_CAPACITY    256
#define LOCK_TIMEOUT_MS   3000
#define TURN_MS           200 /* how soon a query ends whose client has gone */
#define OTHER_CONNECTIONS 4   /* sequencer, jobs, chores, probe; and one for each subscription */
#define HOLD_UP_MS                                                                                           \
	100 /* how long a write lane waits for a row that another transaction holds before it goes on with   \
	       others */
#define MALLOC_KEEPS                                                                                         \
	(64 << 20) /* bytes a thread does not give back to the kernel, only to fault them in again for its   \
		      next request or step */
#define FROZEN_MS 5000 /* a process that stops in the middle of writing holds its rows for no longer */

/* Requests that wait for identity to say who a principal is. */
struct asking {
	struct asking *next;
	char id[sizeof((struct principal *)NULL)->asker];
	struct request *waiting;
};

static struct {
	const struct service *service;
	struct table *tables[64]; /* by struct schema_resource.index */
	struct lanes *lanes[LANE_CLASSES];
	struct bus_worker *worker;
	struct principal *principals[PRINCIPALS]; /* on the bus thread only; a later one takes the place of an
						     earlier */
	struct asking *asking;
	struct metric_series *in_flight;
	struct arena *for_ever;
} s;

struct table *service_table(const struct service *service, const struct schema_resource *resource)
{
	assert(service == s.service);
	return s.tables[resource->index];
}

struct table *service_own_table(const struct schema_resource *resource)
{
	return s.tables[resource->index];
}

void service_wake_jobs(void)
{
	jobs_wake();
}

void service_make_tables(const struct service *service)
{
	s.service = service;
	for (const struct resource *r = service->resources; r && r->collection; r++) {
		const struct schema_resource *resource = schema_resource_find(r->collection);

		assert(resource && resource->index < sizeof s.tables / sizeof *s.tables);
		s.tables[resource->index] = table_new(resource, r->ops);
	}
}

/* --- from the bus to a lane */

static enum lane_class class_of(const struct request *req)
{
	static const enum lane_class classes[VERB_COUNT] = {
		[VERB_GET] = LANE_READ,
		[VERB_LIST] = LANE_QUERY,
		[VERB_SEARCH] = LANE_QUERY,
		[VERB_AGGREGATE] = LANE_QUERY,
		[VERB_FIND] = LANE_QUERY,
		[VERB_LOOKUP] = LANE_READ,
		[VERB_PAST] = LANE_QUERY,
		[VERB_HISTORY] = LANE_QUERY,
		[VERB_CREATE] = LANE_WRITE,
		[VERB_UPDATE] = LANE_WRITE,
		[VERB_DELETE] = LANE_WRITE,
		[VERB_RESTORE] = LANE_WRITE,
		[VERB_BULK] = LANE_WORK,
		[VERB_BATCH] = LANE_WRITE,
	};

	return req->verb == VERB_CUSTOM ? req->method->lane : classes[req->verb];
}

static void finish_now(struct request *req)
{
	request_finish(req);
	bus_worker_wake(s.worker);
}

/* The gateway holds an API key's scopes against the address; a standard method is held against them here as
 * well. */
static bool may_call(struct request *req)
{
	if (req->resource && req->principal)
		return principal_may_use(req->principal, req->resource->collection,
			class_of(req) == LANE_WRITE || class_of(req) == LANE_WORK);
	return req->verb != VERB_CUSTOM || !req->method->internal ||
	       (req->principal && req->principal->system);
}

static void dispatch(struct request *req)
{
	if (!may_call(req)) {
		fail(req, FORBIDDEN, MSG_FORBIDDEN, NULL);
		finish_now(req);
		return;
	}
	lanes_put(s.lanes[class_of(req)], req);
}

static void run_again(struct request *req)
{
	enum lane_class c = class_of(req);

	lanes_put(s.lanes[c], req);
	lanes_wake(s.lanes[c]);
}

static size_t place_of(const char *id)
{
	unsigned char hash[8];
	uint64_t number;

	crypto_shorthash(
		hash, (const unsigned char *)id, strlen(id), (const unsigned char *)"guanxi principals");
	memcpy(&number, hash, sizeof number);
	return number % PRINCIPALS;
}

/* --- asking identity who somebody is: requests wait here meanwhile, on the bus thread, and no lane is held
 * up */

static struct principal *read_principal(const struct bus_reply *reply)
{
	Guanxi__Identity__V1__Principal *message =
		guanxi__identity__v1__principal__unpack(NULL, reply->body_len, reply->body);
	struct principal *principal = message ? principal_new(message) : NULL;

	if (message)
		guanxi__identity__v1__principal__free_unpacked(message, NULL);
	return principal;
}

static void remove_asking(struct asking *a)
{
	for (struct asking **at = &s.asking; *at; at = &(*at)->next)
		if (*at == a) {
			*at = a->next;
			return;
		}
}

static void go_on(struct request *req, const struct bus_reply *reply, struct principal *principal)
{
	if (principal) {
		req->principal = principal_hold(principal);
		dispatch(req);
		return;
	}
	if (reply->outcome == BUS_ANSWERED && reply->status == NOT_FOUND)
		fail(req, UNAUTHENTICATED, MSG_SESSION_EXPIRED, NULL);
	else
		fail(req, UNAVAILABLE, MSG_UNAVAILABLE, NULL);
	finish_now(req);
}

static void on_principal(void *ctx, const struct bus_reply *reply)
{
	struct asking *a = ctx;
	bool answered = reply->outcome == BUS_ANSWERED && reply->status == OK;
	struct principal *principal = answered ? read_principal(reply) : NULL;

	remove_asking(a);
	if (principal) {
		size_t place = place_of(a->id);

		principal_release(s.principals[place]);
		s.principals[place] = principal;
	}
	while (a->waiting) {
		struct request *req = a->waiting;

		a->waiting = req->next;
		go_on(req, reply, principal);
	}
	free(a);
	for (enum lane_class c = 0; c < LANE_CLASSES; c++)
		lanes_wake(s.lanes[c]);
}

static struct asking *ask(const char *id)
{
	struct asking *a = calloc(1, sizeof *a);
	struct arena *arena = arena_new();
	struct bus_call call = question_about(arena, "identity.read", "IdentityService.GetPrincipal", id);

	snprintf(a->id, sizeof a->id, "%s", id);
	a->next = s.asking;
	s.asking = a;
	call.on_reply = on_principal;
	call.ctx = a;
	bus_client_call(bus_worker_client(s.worker), &call);
	arena_free(arena);
	return a;
}

static void wait_for_principal(struct request *req)
{
	struct asking *a = s.asking;

	while (a && strcmp(a->id, req->principal_id))
		a = a->next;
	if (!a)
		a = ask(req->principal_id);
	req->next = a->waiting;
	a->waiting = req;
}

/* The table of a request's first steps ends here: decode was request_new(), this authenticates. */
static void on_request(void *ctx, struct bus_request *bus)
{
	struct request *req = request_new(bus, s.service);
	struct principal *cached;

	(void)ctx;
	if (req->status != OK) {
		finish_now(req);
		return;
	}
	request_step(req, "authenticate");
	if (!req->principal_id || !*req->principal_id) {
		req->principal_id = "";
		dispatch(req);
		return;
	}
	if (!strcmp(req->principal_id, "system")) {
		req->principal = &principal_system;
		dispatch(req);
		return;
	}
	cached = s.principals[place_of(req->principal_id)];
	if (cached && !strcmp(cached->asker, req->principal_id) &&
		cached->rights_version >= req->rights_version) {
		req->principal = principal_hold(cached);
		dispatch(req);
		return;
	}
	wait_for_principal(req);
}

static void on_turn_end(void *ctx)
{
	(void)ctx;
	for (enum lane_class c = 0; c < LANE_CLASSES; c++)
		lanes_wake(s.lanes[c]);
	metric_set(s.in_flight, (double)bus_worker_outstanding(s.worker));
}

/* --- the process */

static bool is_alive(void *ctx)
{
	(void)ctx;
	for (enum lane_class c = 0; c < LANE_CLASSES; c++)
		if (!lanes_alive(s.lanes[c]))
			return false;
	return true;
}

static struct db *probe;

static bool is_ready(void *ctx, struct buffer *why_not)
{
	(void)ctx;
	if (db_ready(probe) != OK)
		buffer_printf(why_not, "PostgreSQL is away: %s", db_error(probe));
	else if (!bus_worker_connected(s.worker))
		buffer_add_text(why_not, "no broker is up");
	return !why_not->len;
}

static void show_requests(void *ctx, struct buffer *out)
{
	(void)ctx;
	buffer_add_text(out, "lane\tmethod\tstep\tms\n");
	for (enum lane_class c = 0; c < LANE_CLASSES; c++)
		lanes_show(s.lanes[c], out);
}

static void start_lanes(void)
{
	static const struct {
		const char *setting;
		bool is_query;
	} classes[LANE_CLASSES] = {
		[LANE_WORK] = { "GUANXI_WORK_LANES", false },
		[LANE_READ] = { "GUANXI_READ_LANES", false },
		[LANE_WRITE] = { "GUANXI_WRITE_LANES", false },
		[LANE_QUERY] = { "GUANXI_QUERY_LANES", true },
	};

	for (enum lane_class c = 0; c < LANE_CLASSES; c++)
		s.lanes[c] = lanes_start(&(struct lanes_options){ .class_ = c,
			.service = s.service,
			.count = (unsigned)config_number(classes[c].setting),
			.conninfo = config_text("GUANXI_DATABASE"),
			.statement_timeout_ms = classes[c].is_query
							? (unsigned)config_number("GUANXI_QUERY_TIMEOUT_MS")
							: 30000,
			.lock_timeout_ms = c == LANE_WRITE ? HOLD_UP_MS : LOCK_TIMEOUT_MS,
			.idle_timeout_ms = c == LANE_WRITE ? FROZEN_MS : 0,
			.worker = s.worker });
}

static void open_worker(void)
{
	static char names[LANE_CLASSES][64];
	struct bus_queue queues[LANE_CLASSES];
	struct zsocket_error error;

	for (enum lane_class c = 0; c < LANE_CLASSES; c++) {
		snprintf(names[c], sizeof names[c], "%s.%s", s.service->name, lane_class_name(c));
		queues[c] = (struct bus_queue){ names[c], c == LANE_READ ? READ_CAPACITY : OTHER_CAPACITY };
	}
	s.worker = bus_worker_open(
		&(struct bus_worker_options){ .endpoints = config_text("GUANXI_BROKER_REQUESTS"),
			.queues = queues,
			.queue_count = LANE_CLASSES,
			.on_request = on_request,
			.on_turn_end = on_turn_end },
		&error);
	if (!s.worker)
		config_refuse("GUANXI_BROKER_REQUESTS: %s", error.text);
}

/* Whether the server grants this process the connections that its threads will open. */
static void check_connections(struct request *req)
{
	static const struct db_statement ask = {
		"SELECT coalesce(nullif(rolconnlimit, -1), 1000000)::bigint, "
		"current_setting('max_connections')::bigint"
		" - current_setting('superuser_reserved_connections')::bigint FROM pg_roles WHERE rolname = "
		"current_user"
	};
	PGresult *rows;
	int64_t wanted = OTHER_CONNECTIONS + (int64_t)consumer_count(s.service) +
			 config_number("GUANXI_READ_LANES") + config_number("GUANXI_WRITE_LANES") +
			 config_number("GUANXI_QUERY_LANES") + config_number("GUANXI_WORK_LANES");

	if (db_run(req->db, req->arena, &ask, NULL, &rows) != OK)
		config_refuse("cannot ask PostgreSQL for its limits: %s", db_error(req->db));
	int64_t granted =
		db_int8(rows, 0, 0) < db_int8(rows, 0, 1) ? db_int8(rows, 0, 0) : db_int8(rows, 0, 1);

	if (granted < wanted)
		config_refuse("%lld connections to PostgreSQL are needed and it grants %lld: raise "
			      "max_connections or the role's limit, or lower GUANXI_*_LANES",
			(long long)wanted, (long long)granted);
}

static void seed(void)
{
	struct request *req = request_for_job(s.service, &principal_system);

	req->db = db_open(
		&(struct db_options){ config_text("GUANXI_DATABASE"), s.service->name, 30000, 0, "seed" });
	if (db_ready(req->db) != OK)
		config_refuse("cannot connect to PostgreSQL: %s", db_error(req->db));
	check_connections(req);
	if (s.service->seed &&
		(db_begin(req->db) != OK || s.service->seed(req) != OK || db_commit(req->db) != OK))
		config_refuse("the first rows could not be written: %s",
			req->problem ? problem_text(req->problem, LANGUAGE_EN, req->arena)
				     : db_error(req->db));
	db_close(req->db);
	request_free(req);
}

static void tell_ready(void)
{
	int fd = (int)config_number("GUANXI_READY_FD");

	if (fd > 0 && write(fd, "\n", 1) == 1)
		close(fd);
}

static void wait_for_signal(const sigset_t *signals)
{
	const struct timespec turn = { 0, TURN_MS * 1000000 };
	int signal;

	while ((signal = sigtimedwait(signals, NULL, &turn)) < 0) {
		lanes_cancel_abandoned(s.lanes[LANE_QUERY]);
		awaited_sweep();
	}
	log_info("stopping", "signal=%d", signal);
}

static void use_keys(void)
{
	struct zsocket_error error;

	if (!zsocket_use_curve(config_text("GUANXI_CURVE_PUBLIC_KEY"), config_text("GUANXI_CURVE_SECRET_KEY"),
		    config_text("GUANXI_CURVE_SERVER_KEY"), &error))
		config_refuse("%s", error.text);
}

static void check_retention(void)
{
	int64_t days = config_number("GUANXI_LOG_KEEP_DAYS");

	if (days && days < RETENTION_DAYS_MIN)
		config_refuse("GUANXI_LOG_KEEP_DAYS must be 0 or at least %d, not %lld: undoing and repeated "
			      "requests "
			      "read the log",
			RETENTION_DAYS_MIN, (long long)days);
}

static void start(void)
{
	const char *conninfo = config_text("GUANXI_DATABASE"),
		   *requests = config_text("GUANXI_BROKER_REQUESTS");
	static const struct admin_page pages[] = { { "/requests", show_requests }, { 0 } };

	if (config_is_set("GUANXI_MIGRATION_DATABASE"))
		migrate(config_text("GUANXI_MIGRATION_DATABASE"), s.service->name, s.service->migrations);
	seed();
	s.for_ever = arena_new();
	probe = db_open(&(struct db_options){ conninfo, s.service->name, 1000, 0, "probe" });
	s.in_flight = metric_series(METRIC_REQUESTS_IN_FLIGHT, "");
	open_worker();
	awaited_open(s.worker, run_again);
	sequencer_start(&(struct sequencer_options){ s.service->name, conninfo,
		config_text("GUANXI_BROKER_EVENTS"), config_text("GUANXI_SIGNING_KEY") });
	start_lanes();
	consumer_start(&(struct consumer_options){
		s.service, conninfo, requests, config_text("GUANXI_BROKER_EVENTS") });
	jobs_start(&(struct job_options){ s.service, conninfo, requests });
	chores_start(&(struct chores_options){ s.service->name, conninfo, s.service->chores,
		words_learn_sql(s.service, s.for_ever), s.service, config_number("GUANXI_LOG_KEEP_DAYS") });
	admin_open(&(struct admin_options){ config_text("GUANXI_ADMIN"), is_alive, is_ready, pages, NULL });
	if (s.service->start)
		s.service->start();
	bus_worker_start(s.worker);
}

/* Not ready, no new work, finish what is in flight, then the rest in the opposite order of its start. */
static void stop(void)
{
	size_t left = bus_worker_drain(s.worker, DRAIN_MS);

	if (left)
		log_warn("stopping", "unanswered=%zu", left);
	if (s.service->stop)
		s.service->stop();
	chores_stop();
	jobs_stop();
	consumer_stop();
	for (enum lane_class c = 0; c < LANE_CLASSES; c++)
		lanes_stop(s.lanes[c]);
	sequencer_stop();
	bus_worker_close(s.worker);
}

int service_run(int argc, char **argv, const struct service *service)
{
	sigset_t signals;

	config_load(argc, argv, service->name);
	check_retention();
	log_open(service->name);
	if (sodium_init() < 0)
		config_refuse("libsodium cannot start");
	schema_get();
	query_open(config_text("GUANXI_SECRET"));
	engine_open(config_text("GUANXI_SECRET"));
	service_make_tables(service);
	use_keys();
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread: only wait_for_signal() takes them */
	signal(SIGPIPE, SIG_IGN);
	mallopt(M_MMAP_THRESHOLD, MALLOC_KEEPS);
	mallopt(M_TRIM_THRESHOLD, MALLOC_KEEPS);
	start();
	log_info("serving", "schema=%s", schema_get()->hash);
	tell_ready();
	wait_for_signal(&signals);
	stop();
	return 0;
}
