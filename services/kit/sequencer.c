#include "kit/sequencer.h"
#include "kit/bus_events.h"
#include "kit/config.h"
#include "kit/log.h"
#include "kit/metrics.h"
#include "kit/thread.h"
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define CUT_MIN   1000
#define CUT_MAX   4000
#define CUT_WHOLE 1000000 /* a transaction larger than CUT_MAX is taken whole */
#define POLL_MS   100     /* writers of other processes do not wake us */
#define SIGN_S    60
#define FROZEN_MS                                                                                            \
	5000 /* a process that stops in the middle of a turn holds the head for no longer: others take over  \
	      */

static struct {
	struct sequencer_options options;
	pthread_t thread;
	int wake_fd;
	_Atomic bool asleep, stopping;
	struct db *db;
	struct arena *arena;
	struct bus_publisher *publisher;
	bool settled;    /* the epoch was looked at since the connection was made */
	bool look_first; /* nobody woke us: a look costs a tenth of a turn */
	int cut;
	int64_t partitions_at; /* position at which partitions were last looked after */
	time_t signed_at;
	int64_t signed_up_to;
	unsigned char sign_key[crypto_sign_SECRETKEYBYTES];
	char key_id[17];
	struct metric_series *events, *duration, *head;
} s;

/* A server that was promoted has another timeline, one that was restored another identity too: positions may
 * be used anew. */
static enum status settle_epoch(void)
{
	static const struct db_statement look = {
		"UPDATE event_head SET epoch = epoch + 1, timeline = c.timeline_id, system_identifier = "
		"i.system_identifier"
		" FROM pg_control_checkpoint() c, pg_control_system() i"
		" WHERE timeline <> c.timeline_id OR event_head.system_identifier <> i.system_identifier "
		"RETURNING epoch"
	};
	static const struct db_statement where = { "SELECT epoch, pos FROM event_head" };
	PGresult *rows;

	TRY(db_run(s.db, s.arena, &look, NULL, &rows));
	if (PQntuples(rows))
		log_warn("epoch", "epoch=%d reason=\"the server was promoted or restored\"",
			db_int4(rows, 0, 0));
	TRY(db_run(s.db, s.arena, &where, NULL, &rows));
	bus_publisher_head(
		s.publisher, s.options.service, (uint32_t)db_int4(rows, 0, 0), (uint64_t)db_int8(rows, 0, 1));
	s.settled = true;
	return OK;
}

static enum status add_partitions(int64_t position)
{
	static const struct db_statement add = { "SELECT event_add_partitions($1::bigint)" };
	struct db_params params = { .arena = s.arena };

	if (position - s.partitions_at < 1000000 && s.partitions_at >= 0)
		return OK;
	db_bind_int8(&params, position);
	TRY(db_run(s.db, s.arena, &add, &params, NULL));
	s.partitions_at = position;
	return OK;
}

/* Columns of event_log as event_sequence() returns them. */
enum { COLUMN_POS = 0, COLUMN_EPOCH = 1, COLUMN_AUDIENCE = 9, COLUMN_PAYLOAD = 14 };

static void publish(const PGresult *rows)
{
	int count = PQntuples(rows);
	struct frame_event *events = arena_alloc(s.arena, (size_t)count * sizeof *events);

	for (int row = 0; row < count; row++) {
		struct buffer out = { .arena = s.arena };
		struct slice payload = db_bytes(rows, row, COLUMN_PAYLOAD),
			     audience = db_bytes(rows, row, COLUMN_AUDIENCE);

		wire_add_varint(&out, 1, (uint64_t)db_int8(rows, row, COLUMN_POS)); /* a guanxi.LoggedEvent */
		wire_add_varint(&out, 2, (uint64_t)db_int4(rows, row, COLUMN_EPOCH));
		wire_add_bytes(&out, 3, payload.data, payload.len);
		wire_add_bytes(&out, 4, audience.data, audience.len);
		events[row] = (struct frame_event){ (uint64_t)db_int8(rows, row, COLUMN_POS),
			(const uint8_t *)out.data, (uint32_t)out.len };
	}
	struct frame_batch batch = { (uint32_t)db_int4(rows, 0, COLUMN_EPOCH), events[0].position - 1,
		events[count - 1].position };

	bus_publisher_send(s.publisher, s.options.service, &batch, events, (size_t)count);
	metric_add(s.events, count);
	metric_set(s.head, (double)batch.up_to);
}

/* One turn; *moved_out tells how many events. The head is locked by a statement of its own, so that the next
 * has a fresh snapshot. */
static enum status turn(int *moved_out)
{
	static const struct db_statement begin = { "BEGIN" };
	static const struct db_statement commit = { "COMMIT" };
	static const struct db_statement lock = { "SELECT pos FROM event_head FOR UPDATE" };
	static const struct db_statement sequence = { "SELECT * FROM event_sequence($1::int)" };
	struct db_params params = { .arena = s.arena };
	PGresult *rows = NULL;

	*moved_out = 0;
	db_bind_int4(&params, s.cut);
	db_send(s.db, &begin, NULL);
	db_send(s.db, &lock, NULL);
	db_send(s.db, &sequence, &params);
	db_send(s.db, &commit, NULL);
	db_sync(s.db);
	enum status status = db_result(s.db, s.arena, NULL);

	if (status == OK)
		status = db_result(s.db, s.arena, NULL);
	if (status == OK)
		status = db_result(s.db, s.arena, &rows);
	enum status end = db_end(s.db);

	if (status != OK || end != OK) {
		db_rollback(s.db);
		return status != OK ? status : end;
	}
	*moved_out = PQntuples(rows);
	if (!*moved_out)
		return OK;
	int64_t last = db_int8(rows, *moved_out - 1, COLUMN_POS);

	publish(rows);
	return add_partitions(last);
}

static enum status find_waiting(bool *waits_out)
{
	static const struct db_statement any = { "SELECT FROM event_outbox LIMIT 1" };
	PGresult *rows;

	TRY(db_run(s.db, s.arena, &any, NULL, &rows));
	*waits_out = PQntuples(rows) > 0;
	return OK;
}

/* Rows that wait although nothing moved belong to a transaction beyond the cut: a larger cut takes it whole.
 */
static enum status turn_whole(int *moved_out)
{
	bool waits;

	if (s.cut == CUT_WHOLE)
		return OK;
	TRY(find_waiting(&waits));
	if (!waits)
		return OK;
	s.cut = CUT_WHOLE;
	return turn(moved_out);
}

static enum status sign(void)
{
	static const struct db_statement latest = {
		"SELECT up_to, seal FROM event_seal ORDER BY up_to DESC LIMIT 1"
	};
	static const struct db_statement keep = {
		"INSERT INTO event_signature (up_to, key_id, signature) VALUES ($1::bigint, $2::text, "
		"$3::bytea) ON CONFLICT DO NOTHING"
	};
	struct db_params params = { .arena = s.arena };
	unsigned char signature[crypto_sign_BYTES];
	char seal_hex[65], signature_hex[2 * crypto_sign_BYTES + 1];
	PGresult *rows;

	if (!*s.options.signing_key_hex || time(NULL) - s.signed_at < SIGN_S)
		return OK;
	s.signed_at = time(NULL);
	TRY(db_run(s.db, s.arena, &latest, NULL, &rows));
	if (!PQntuples(rows) || db_int8(rows, 0, 0) == s.signed_up_to)
		return OK;
	struct slice seal = db_bytes(rows, 0, 1);

	s.signed_up_to = db_int8(rows, 0, 0);
	crypto_sign_detached(signature, NULL, (const unsigned char *)seal.data, seal.len, s.sign_key);
	db_bind_int8(&params, s.signed_up_to);
	db_bind_text(&params, s.key_id);
	db_bind(&params, signature, sizeof signature);
	sodium_bin2hex(
		seal_hex, sizeof seal_hex, (const unsigned char *)seal.data, seal.len > 32 ? 32 : seal.len);
	sodium_bin2hex(signature_hex, sizeof signature_hex, signature, sizeof signature);
	log_info("seal", "stream=%s up_to=%lld seal=%s key=%s signature=%s", s.options.service,
		(long long)s.signed_up_to, seal_hex, s.key_id, signature_hex);
	return db_run(s.db, s.arena, &keep, &params, NULL);
}

static enum status work(int *moved_out)
{
	struct timespec from, to;
	bool waits = true;

	*moved_out = 0;
	if (db_ready(s.db) != OK) {
		s.settled = false;
		return UNAVAILABLE;
	}
	if (!s.settled) {
		TRY(settle_epoch());
		TRY(add_partitions(s.partitions_at < 0 ? 0 : s.partitions_at));
	}
	if (s.look_first)
		TRY(find_waiting(&waits));
	if (!waits)
		return sign();
	clock_gettime(CLOCK_MONOTONIC, &from);
	TRY(turn(moved_out));
	if (!*moved_out)
		TRY(turn_whole(moved_out));
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (*moved_out)
		metric_observe(s.duration,
			(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	s.look_first = *moved_out < CUT_MIN;
	s.cut = s.look_first ? CUT_MIN : CUT_MAX;
	return sign();
}

/* Sleeps until a writer wakes us. `asleep` is set before the last look at the outbox, so no wake-up is lost.
 */
static void wait_for_work(void)
{
	struct pollfd fds[] = { { s.wake_fd, POLLIN, 0 }, { bus_publisher_fd(s.publisher), POLLIN, 0 } };
	uint64_t count;

	poll(fds, 2, POLL_MS);
	if (fds[0].revents & POLLIN && read(s.wake_fd, &count, sizeof count) > 0)
		s.look_first = false;
}

static void *run(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "sequencer");
	while (!atomic_load(&s.stopping)) {
		int moved;

		atomic_store(&s.asleep, true);
		enum status status = work(&moved);

		arena_reset(s.arena);
		bus_publisher_process(s.publisher);
		if (status != OK || !moved)
			wait_for_work();
	}
	int moved = 1;

	while (moved && work(&moved) == OK)
		arena_reset(s.arena);
	return NULL;
}

void sequencer_wake(void)
{
	uint64_t one = 1;

	if (atomic_exchange(&s.asleep, false) && write(s.wake_fd, &one, sizeof one) < 0)
		return; /* the counter is full: it is awake */
}

static void read_key(void)
{
	unsigned char seed[crypto_sign_SEEDBYTES], public[crypto_sign_PUBLICKEYBYTES];
	size_t len;

	if (!*s.options.signing_key_hex)
		return;
	if (sodium_hex2bin(seed, sizeof seed, s.options.signing_key_hex, strlen(s.options.signing_key_hex),
		    NULL, &len, NULL) ||
		len != sizeof seed)
		config_refuse("GUANXI_SIGNING_KEY must be %zu bytes in hexadecimal", sizeof seed);
	crypto_sign_seed_keypair(public, s.sign_key, seed);
	sodium_bin2hex(s.key_id, sizeof s.key_id, public, 8);
}

void sequencer_start(const struct sequencer_options *options)
{
	struct zsocket_error error;

	s.options = *options;
	s.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	s.cut = CUT_MIN;
	s.partitions_at = -1;
	s.arena = arena_new();
	s.events = metric_series(METRIC_SEQUENCER_EVENTS, "");
	s.duration = metric_series(METRIC_SEQUENCER_DURATION, "");
	s.head = metric_series(METRIC_LOG_HEAD, "");
	read_key();
	s.db = db_open(&(struct db_options){
		options->conninfo, options->service, 60000, 0, "sequencer", FROZEN_MS });
	s.publisher = bus_publisher_open(options->broker_events, &error);
	if (!s.publisher)
		config_refuse("GUANXI_BROKER_EVENTS: %s", error.text);
	s.thread = thread_start(run, NULL, 0);
}

void sequencer_stop(void)
{
	uint64_t one = 1;

	atomic_store(&s.stopping, true);
	if (write(s.wake_fd, &one, sizeof one) < 0)
		return;
	pthread_join(s.thread, NULL);
	bus_publisher_close(s.publisher);
	db_close(s.db);
}
