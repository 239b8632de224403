#include "database_harness.h"
#include <pthread.h>
#include <time.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Writes in groups against a real PostgreSQL: what each request of a group gets, and that each effect happens
 * once. */

static struct db *db;
static struct principal *admin;

static int begin(void **state)
{
	if (database_start(state))
		return 1;
	db = database_open(database.conninfo, 3000);
	admin = person_new(true, NULL, 0);
	database_knows("user_ref", admin->id);
	return 0;
}

static int end(void **state)
{
	db_close(db);
	return database_stop(state);
}

static const char *text_of(const uint8_t id[16])
{
	static _Thread_local char texts[4][37];
	static _Thread_local unsigned next;
	char *text = texts[next++ % 4];

	uuid_to_text(id, text);
	return text;
}

static int64_t version_of(const uint8_t id[16])
{
	return database_sql("SELECT version FROM customer.customer WHERE id = '%s'", text_of(id));
}

/* Events of a record, wherever they are: in these tests no sequencer moves them on. */
static int64_t events_of(const uint8_t id[16])
{
	return database_sql(
		"SELECT count(*) FROM customer.event_outbox WHERE subject_id = '%s'", text_of(id));
}

static const char *code_of(const struct request *req)
{
	return req->problem ? req->problem->code : "";
}

static const char *error_of(const struct request *req)
{
	return req->problem && req->problem->error_count ? req->problem->errors[0].code : "";
}

/* --- groups */

static void a_group_of_creates_gives_each_its_own_outcome(void **state)
{
	static const char *const texts[] = {
		"{\"name\":\"甲\"}",
		"{\"name\":\"乙\",\"creditCode\":\"91440300000000001H\"}",
		"{\"name\":\"丙\",\"creditCode\":\"91440300000000001H\"}",
		"{\"name\":\"\"}",
		"{\"name\":\"丁\",\"parentId\":\"01912d3c-5b7a-7c3e-8f00-0123456789ab\"}",
		"{\"name\":\"戊\"}",
	};
	struct request *requests[6];
	int64_t before = database_sql("SELECT count(*) FROM customer.customer"),
		events = database_sql("SELECT count(*) FROM customer.event_outbox");

	(void)state;
	for (size_t i = 0; i < 6; i++)
		requests[i] = create_of(admin, "customers", texts[i]);
	write_all(db, requests, 6);
	assert_int_equal(requests[0]->status, OK);
	assert_int_equal(requests[1]->status, OK);
	assert_int_equal(requests[2]->status, CONFLICT);
	assert_string_equal(code_of(requests[2]), "duplicate");
	assert_int_equal(requests[3]->status, INVALID);
	assert_string_equal(error_of(requests[3]), "required");
	assert_int_equal(requests[4]->status, INVALID);
	assert_string_equal(error_of(requests[4]), "bad_reference");
	assert_int_equal(requests[5]->status, OK);
	assert_int_equal(database_sql("SELECT count(*) FROM customer.customer") - before, 3);
	assert_int_equal(database_sql("SELECT count(*) FROM customer.event_outbox") - events, 3);
	for (size_t i = 0; i < 6; i++)
		request_free(requests[i]);
}

static void a_group_of_changes_gives_each_its_own_outcome(void **state)
{
	static const uint8_t nobody[16] = { 1, 2, 3 };
	struct principal *stranger = person_new(false, NULL, 0);
	uint8_t ids[5][16];
	struct request *requests[7];

	(void)state;
	for (size_t i = 0; i < 5; i++)
		make_customer(db, admin, "{\"name\":\"甲\",\"industry\":\"一\"}", ids[i]);
	requests[0] = change_of(admin, "customers", VERB_UPDATE, ids[0], 1, "{\"industry\":\"二\"}");
	requests[1] = change_of(admin, "customers", VERB_UPDATE, ids[1], 7, "{\"industry\":\"二\"}");
	requests[2] = change_of(admin, "customers", VERB_UPDATE, nobody, 0, "{\"industry\":\"二\"}");
	requests[3] = change_of(admin, "customers", VERB_UPDATE, ids[2], 0, "{\"industry\":\"一\"}");
	requests[4] = change_of(stranger, "customers", VERB_UPDATE, ids[3], 0, "{\"industry\":\"二\"}");
	requests[5] = change_of(admin, "customers", VERB_DELETE, ids[4], 1, NULL);
	requests[6] = change_of(admin, "customers", VERB_UPDATE, ids[0], 0,
		"{\"source\":\"展会\"}"); /* the same record again */
	write_all(db, requests, 7);
	assert_int_equal(requests[0]->status, OK);
	assert_int_equal(requests[0]->version, 2);
	assert_int_equal(requests[1]->status, STALE);
	assert_int_equal(requests[1]->problem->version, 1);
	assert_int_equal(requests[2]->status, NOT_FOUND);
	assert_int_equal(requests[3]->status, OK);
	assert_int_equal(requests[3]->version, 1);
	assert_int_equal(requests[4]->status, NOT_FOUND);
	assert_int_equal(requests[5]->status, OK);
	assert_int_equal(requests[6]->status, OK);
	assert_int_equal(requests[6]->version, 3);
	assert_int_equal(events_of(ids[0]), 3);
	assert_int_equal(events_of(ids[1]), 1);
	assert_int_equal(events_of(ids[2]), 1);
	assert_int_equal(events_of(ids[3]), 1);
	assert_int_equal(
		database_sql(
			"SELECT count(*) FROM customer.customer WHERE id = '%s' AND delete_time IS NOT NULL",
			text_of(ids[4])),
		1);
	for (size_t i = 0; i < 7; i++)
		request_free(requests[i]);
}

static void reads_of_a_group_come_back_to_who_asked(void **state)
{
	struct principal *stranger = person_new(false, NULL, 0);
	struct request *requests[20];
	uint8_t ids[10][16];

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		char json[64];

		snprintf(json, sizeof json, "{\"name\":\"客户 %zu\"}", i);
		make_customer(db, admin, json, ids[i]);
	}
	for (size_t i = 0; i < 20; i++)
		requests[i] = change_of(i % 2 ? stranger : admin, "customers", VERB_GET, ids[i / 2], 0, NULL);
	struct request *group[20];

	memcpy(group, requests, sizeof group);
	engine_read(db, group, 20);
	for (size_t i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof name, "客户 %zu", i / 2);
		assert_int_equal(requests[i]->status, i % 2 ? NOT_FOUND : OK);
		if (i % 2 == 0)
			assert_non_null(
				memmem(requests[i]->reply.data, requests[i]->reply.len, name, strlen(name)));
		request_free(requests[i]);
	}
}

/* --- keys */

static struct request *keyed(struct request *req, const char *key)
{
	req->idempotency_key = arena_strdup(req->arena, key);
	return req;
}

static void a_key_makes_one_record_also_twice_in_one_group(void **state)
{
	struct request *requests[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		requests[i] = keyed(create_of(admin, "customers", "{\"name\":\"一次\"}"), "key-of-a-group");
	write_all(db, requests, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(requests[i]->status, OK);
		assert_int_equal(requests[i]->replayed, i > 0);
		assert_string_equal(requests[i]->created_id, requests[0]->created_id);
	}
	assert_int_equal(database_sql("SELECT count(*) FROM customer.customer WHERE name = '一次'"), 1);
	for (size_t i = 0; i < 4; i++)
		request_free(requests[i]);
}

static void a_key_with_another_body_is_refused_and_of_a_refused_request_is_free_again(void **state)
{
	struct request *first = keyed(create_of(admin, "customers", "{\"name\":\"甲\"}"), "reused"),
		       *other = keyed(create_of(admin, "customers", "{\"name\":\"乙\"}"), "reused"),
		       *refused = keyed(create_of(admin, "customers",
						"{\"name\":\"丙\",\"creditCode\":\"91440300000000001H\"}"),
			       "refused"),
		       *again = keyed(create_of(admin, "customers", "{\"name\":\"丙\"}"), "refused");

	(void)state;
	assert_int_equal(write_one(db, first), OK);
	assert_int_equal(write_one(db, other), MISUSED_KEY);
	assert_int_equal(write_one(db, refused), CONFLICT);
	assert_int_equal(write_one(db, again), OK);
	assert_false(again->replayed);
	request_free(first);
	request_free(other);
	request_free(refused);
	request_free(again);
}

static void a_replayed_change_tells_the_version_that_it_made(void **state)
{
	uint8_t id[16];

	(void)state;
	make_customer(db, admin, "{\"name\":\"甲\"}", id);
	for (int round = 0; round < 3; round++) {
		struct request *req = keyed(
			change_of(admin, "customers", VERB_UPDATE, id, round ? 0 : 1, "{\"source\":\"一\"}"),
			"change");

		/* What is asked is more than the patch: without If-Match it is another request. */
		assert_int_equal(write_one(db, req), round ? MISUSED_KEY : OK);
		request_free(req);
	}
	for (int round = 0; round < 3; round++) {
		struct request *req = keyed(
			change_of(admin, "customers", VERB_UPDATE, id, 0, "{\"source\":\"二\"}"), "change 2");

		assert_int_equal(write_one(db, req), OK);
		assert_int_equal(req->version, 3);
		assert_int_equal(req->replayed, round > 0);
		request_free(req);
	}
	assert_int_equal(version_of(id), 3);
}

/* --- locks */

struct writer {
	pthread_t thread;
	struct request *requests[64];
	size_t count;
	struct db *db;
};

static void *run_writer(void *arg)
{
	struct writer *w = arg;

	write_all(w->db, w->requests, w->count);
	return NULL;
}

static void a_row_that_another_transaction_holds_does_not_hold_up_the_rest_of_the_group(void **state)
{
	struct db *holder = database_open(database.conninfo, 0);
	struct arena *arena = arena_new();
	struct db_params none = { .arena = arena };
	struct writer w = { .count = 4, .db = database_open(database.conninfo, 10000) };
	uint8_t ids[4][16];
	char sql[256];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		make_customer(db, admin, "{\"name\":\"锁\"}", ids[i]);
	assert_int_equal(db_begin(holder), OK);
	snprintf(sql, sizeof sql, "SELECT FROM customer WHERE id = '%s' FOR UPDATE", text_of(ids[1]));
	db_send_once(holder, sql, &none);
	db_sync(holder);
	assert_int_equal(db_end(holder), OK);
	for (size_t i = 0; i < 4; i++)
		w.requests[i] = change_of(admin, "customers", VERB_UPDATE, ids[i], 0, "{\"source\":\"锁\"}");
	pthread_create(&w.thread, NULL, run_writer, &w);
	snprintf(sql, sizeof sql,
		"SELECT count(*) = 3 FROM customer.customer WHERE version = 2 AND id IN ('%s', '%s', '%s')",
		text_of(ids[0]), text_of(ids[2]), text_of(ids[3]));
	for (int i = 0; !database_sql("%s", sql); i++) {
		assert_true(i < 2000); /* the three others are written while the first is still held */
		usleep(5000);
	}
	assert_int_equal(version_of(ids[1]), 1);
	db_rollback(holder);
	pthread_join(w.thread, NULL);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(w.requests[i]->status, OK);
		assert_int_equal(w.requests[i]->version, 2);
		request_free(w.requests[i]);
	}
	assert_int_equal(version_of(ids[1]), 2);
	db_close(holder);
	db_close(w.db);
	arena_free(arena);
}

enum { HOT_ROWS = 8, HOT_ROUNDS = 60 };

struct hot {
	pthread_t thread;
	uint8_t (*ids)[16];
	bool backwards;
	int done;
};

static void *run_hot(void *arg)
{
	struct hot *hot = arg;
	struct db *own = database_open(database.conninfo, 10000);

	for (int round = 0; round < HOT_ROUNDS; round++) {
		struct request *requests[HOT_ROWS];

		for (int i = 0; i < HOT_ROWS; i++) {
			char json[64];

			snprintf(json, sizeof json, "{\"source\":\"%d %d %d\"}", hot->backwards, round, i);
			requests[i] = change_of(admin, "customers", VERB_UPDATE,
				hot->ids[hot->backwards ? HOT_ROWS - 1 - i : i], 0, json);
		}
		write_all(own, requests, HOT_ROWS);
		for (int i = 0; i < HOT_ROWS; i++) {
			hot->done += requests[i]->status == OK;
			request_free(requests[i]);
		}
	}
	db_close(own);
	return NULL;
}

static void lanes_that_update_the_same_rows_in_opposite_order_neither_deadlock_nor_lose(void **state)
{
	uint8_t ids[HOT_ROWS][16];
	struct hot lanes[3] = { { .ids = ids }, { .ids = ids, .backwards = true }, { .ids = ids } };
	int64_t deadlocks = database_sql("SELECT deadlocks FROM pg_stat_database WHERE datname = 'guanxi'");

	(void)state;
	for (int i = 0; i < HOT_ROWS; i++)
		make_customer(db, admin, "{\"name\":\"热\"}", ids[i]);
	for (int i = 0; i < 3; i++)
		pthread_create(&lanes[i].thread, NULL, run_hot, &lanes[i]);
	for (int i = 0; i < 3; i++) {
		pthread_join(lanes[i].thread, NULL);
		assert_int_equal(lanes[i].done, HOT_ROWS * HOT_ROUNDS);
	}
	for (int i = 0; i < HOT_ROWS;
		i++) { /* lanes 0 and 2 write the same texts: then nothing changes and no version is made */
		assert_true(version_of(ids[i]) >= 1 + 2 * HOT_ROUNDS / 2);
		assert_int_equal(events_of(ids[i]), version_of(ids[i]));
	}
	assert_int_equal(database_sql("SELECT pg_stat_clear_snapshot() IS NULL"), 0);
	assert_int_equal(
		database_sql("SELECT deadlocks FROM pg_stat_database WHERE datname = 'guanxi'"), deadlocks);
}

/* --- connections that break at the commit */

/* A proxy before PostgreSQL's socket that cuts a connection at a chosen Sync message of the client: in front
 * of it, so that the server never gets it, or behind it, so that only the answer is lost. */
static struct {
	char directory[80];
	int listener;
	pthread_t thread;
	_Atomic int cut_at; /* the how-manieth Sync from now is cut; 0: none */
	_Atomic bool cut_behind;
	_Atomic bool stopping;
	_Atomic int cuts;
} proxy;

/* Where the first Sync of the client's bytes ends, counting messages across reads. Frontend messages: type,
 * length, body. */
struct scan {
	bool started; /* the startup message, which has no type, has passed */
	unsigned char head[5];
	size_t head_len, left;
};

/* Bytes up to and including the Sync to be cut; SIZE_MAX when it is not in there. `begin_out`: where that
 * Sync begins. */
static size_t find_cut(struct scan *s, const unsigned char *bytes, size_t len, size_t *begin_out)
{
	for (size_t i = 0; i < len; i++) {
		if (s->left) {
			s->left--;
			continue;
		}
		size_t need = s->started ? 5 : 4;

		s->head[s->head_len++] = bytes[i];
		if (s->head_len < need)
			continue;
		const unsigned char *at = s->head + (s->started ? 1 : 0);
		size_t size = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
		bool sync = s->started && s->head[0] == 'S';

		s->left = size - 4;
		s->head_len = 0;
		s->started = true;
		if (sync && proxy.cut_at && --proxy.cut_at == 0) {
			*begin_out = i + 1 >= 5 ? i - 4 : 0;
			return i + 1;
		}
	}
	return SIZE_MAX;
}

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_all(int fd, const unsigned char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static void forward(int client, int server)
{
	unsigned char bytes[65536];
	struct scan scan = { 0 };

	while (!proxy.stopping) {
		struct pollfd fds[] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
		size_t cut_begin = 0;

		if (poll(fds, 2, 50) <= 0)
			continue;
		if (fds[1].revents) {
			ssize_t n = read(server, bytes, sizeof bytes);

			if (n <= 0 || !send_all(client, bytes, (size_t)n))
				return;
		}
		if (!fds[0].revents)
			continue;
		ssize_t n = read(client, bytes, sizeof bytes);

		if (n <= 0)
			return;
		size_t cut = find_cut(&scan, bytes, (size_t)n, &cut_begin);

		if (cut == SIZE_MAX && send_all(server, bytes, (size_t)n))
			continue;
		if (cut != SIZE_MAX) {
			send_all(server, bytes, proxy.cut_behind ? cut : cut_begin);
			proxy.cuts++;
		}
		return;
	}
}

static void *run_connection(void *arg)
{
	int client = (int)(intptr_t)arg;
	char path[96];

	snprintf(path, sizeof path, "%s/.s.PGSQL.5432", database.directory);
	int server = dial(path);

	if (server >= 0)
		forward(client, server);
	close(client);
	if (server >= 0)
		close(server);
	return NULL;
}

static void *run_proxy(void *unused)
{
	(void)unused;
	while (!proxy.stopping) {
		struct pollfd fd = { proxy.listener, POLLIN, 0 };
		pthread_t thread;

		if (poll(&fd, 1, 50) <= 0)
			continue;
		int client = accept(proxy.listener, NULL, NULL);

		if (client >= 0 && !pthread_create(&thread, NULL, run_connection, (void *)(intptr_t)client))
			pthread_detach(thread);
	}
	return NULL;
}

static void proxy_start(char *conninfo, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memset(&proxy, 0, sizeof proxy);
	snprintf(proxy.directory, sizeof proxy.directory, "%s/proxy", database.directory);
	mkdir(proxy.directory, 0755);
	proxy.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", proxy.directory);
	unlink(address.sun_path);
	assert_int_equal(bind(proxy.listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(proxy.listener, 8), 0);
	pthread_create(&proxy.thread, NULL, run_proxy, NULL);
	snprintf(conninfo, size, "host=%s dbname=guanxi user=guanxi_customer", proxy.directory);
}

static void proxy_stop(void)
{
	proxy.stopping = true;
	pthread_join(proxy.thread, NULL);
	close(proxy.listener);
	usleep(120000); /* its connections look at `stopping` every 50 ms */
}

static void a_create_whose_commit_is_cut_happens_once(void **state)
{
	char conninfo[160];

	(void)state;
	proxy_start(conninfo, sizeof conninfo);
	struct db *cut = database_open(conninfo, 3000);

	for (int behind = 0; behind < 2; behind++)
		for (int round = 0; round < 3; round++) {
			struct request *requests[5];
			uint8_t warm[16];

			make_customer(
				cut, admin, "{\"name\":\"热身\"}", warm); /* prepared statements are there */
			for (int i = 0; i < 5; i++) {
				requests[i] = create_of(admin, "customers", "{\"name\":\"断线\"}");
				if (i % 2)
					keyed(requests[i], arena_printf(requests[i]->arena, "cut %d %d %d",
								   behind, round, i));
			}
			proxy.cut_behind = behind;
			proxy.cut_at = 1;
			write_all(cut, requests, 5);
			assert_int_equal(proxy.cut_at, 0);
			for (int i = 0; i < 5; i++) {
				uint8_t id[16];

				assert_int_equal(requests[i]->status, OK);
				id_of(requests[i], id);
				assert_int_equal(version_of(id), 1);
				assert_int_equal(events_of(id), 1);
				request_free(requests[i]);
			}
		}
	assert_int_equal(proxy.cuts, 6);
	assert_int_equal(database_sql("SELECT count(*) FROM customer.customer WHERE name = '断线'"), 30);
	db_close(cut);
	proxy_stop();
}

static void a_change_whose_commit_is_cut_happens_once(void **state)
{
	char conninfo[160];
	uint8_t ids[5][16];

	(void)state;
	for (int i = 0; i < 5; i++)
		make_customer(db, admin, "{\"name\":\"断线的更改\"}", ids[i]);
	proxy_start(conninfo, sizeof conninfo);
	struct db *cut = database_open(conninfo, 3000);
	int64_t expected = 1;

	for (int trip = 1; trip <= 2; trip++)
		for (int behind = 0; behind < 2; behind++)
			for (int round = 0; round < 2; round++) {
				struct request *requests[5];
				uint8_t warm[16];

				make_customer(cut, admin, "{\"name\":\"热身\"}", warm);
				for (int i = 0; i < 5; i++) {
					char json[64];

					snprintf(json, sizeof json, "{\"source\":\"%d %d %d\"}", trip, behind,
						round);
					requests[i] =
						change_of(admin, "customers", VERB_UPDATE, ids[i], 0, json);
					if (i % 2)
						keyed(requests[i],
							arena_printf(requests[i]->arena, "change %d %d %d %d",
								trip, behind, round, i));
				}
				proxy.cut_behind = behind;
				proxy.cut_at = trip; /* the second trip ends in COMMIT */
				write_all(cut, requests, 5);
				assert_int_equal(proxy.cut_at, 0);
				expected++;
				for (int i = 0; i < 5; i++) {
					assert_int_equal(requests[i]->status, OK);
					assert_int_equal(requests[i]->version, expected);
					assert_int_equal(version_of(ids[i]), expected);
					assert_int_equal(events_of(ids[i]), expected);
					request_free(requests[i]);
				}
			}
	assert_int_equal(proxy.cuts, 8);
	db_close(cut);
	proxy_stop();
}

enum { STORM_WRITES = 120, STORM_LANES = 3 };

struct storm {
	pthread_t thread;
	int lane, acknowledged, refused;
	uint8_t id[16];
};

static _Atomic bool storm_over;

static void *run_storm(void *arg)
{
	struct storm *storm = arg;
	struct db *own = database_open(database.conninfo, 3000);

	for (int i = 0; i < STORM_WRITES; i++) {
		char json[64];
		struct request *pair[2];

		snprintf(json, sizeof json, "{\"source\":\"%d\"}", i);
		pair[0] = change_of(admin, "customers", VERB_UPDATE, storm->id, 0, json);
		snprintf(json, sizeof json, "{\"name\":\"风暴 %d\"}", storm->lane);
		pair[1] = create_of(admin, "customers", json);
		write_all(own, pair, 2);
		storm->acknowledged += (pair[0]->status == OK) + (pair[1]->status == OK);
		storm->refused += (pair[0]->status != OK) + (pair[1]->status != OK);
		request_free(pair[0]);
		request_free(pair[1]);
	}
	db_close(own);
	return NULL;
}

static void *run_killer(void *unused)
{
	(void)unused;
	while (!storm_over) {
		database_sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
			     "application_name = 'lane' AND random() < 0.4");
		usleep(30000);
	}
	return NULL;
}

static void every_acknowledged_write_is_there_once_while_connections_are_killed(void **state)
{
	struct storm storms[STORM_LANES];
	pthread_t killer;

	(void)state;
	for (int i = 0; i < STORM_LANES; i++) {
		storms[i] = (struct storm){ .lane = i };
		make_customer(db, admin, "{\"name\":\"风暴\"}", storms[i].id);
	}
	storm_over = false;
	for (int i = 0; i < STORM_LANES; i++)
		pthread_create(&storms[i].thread, NULL, run_storm, &storms[i]);
	pthread_create(&killer, NULL, run_killer, NULL);
	for (int i = 0; i < STORM_LANES; i++)
		pthread_join(storms[i].thread, NULL);
	storm_over = true;
	pthread_join(killer, NULL);
	for (int i = 0; i < STORM_LANES; i++) {
		int64_t effects =
			version_of(storms[i].id) - 1 +
			database_sql("SELECT count(*) FROM customer.customer WHERE name = '风暴 %d'", i);

		/* What was refused must not have happened either: the engine finds out how its transactions
		 * ended. */
		assert_int_equal(effects, storms[i].acknowledged);
		assert_int_equal(storms[i].acknowledged + storms[i].refused, 2 * STORM_WRITES);
		assert_true(storms[i].acknowledged > STORM_WRITES);
		assert_int_equal(events_of(storms[i].id), version_of(storms[i].id));
	}
	assert_int_equal(
		database_sql("SELECT count(*) FROM customer.customer c WHERE c.version <>"
			     " (SELECT count(*) FROM customer.event_outbox e WHERE e.subject_id = c.id)"),
		0);
}

/* --- the past */

static void a_record_is_put_together_as_it_was_at_each_version(void **state)
{
	static const char *const patches[] = { "{\"industry\":\"二\"}", "{\"phones\":[]}",
		"{\"industry\":null,\"employees\":\"7\"}" };
	struct record *record;
	uint8_t id[16];

	(void)state;
	make_customer(db, admin,
		"{\"name\":\"甲\",\"industry\":\"一\",\"phones\":[{\"number\":\"13800138000\"}]}", id);
	for (size_t i = 0; i < 3; i++) {
		struct request *req = change_of(admin, "customers", VERB_UPDATE, id, 0, patches[i]);

		assert_int_equal(write_one(db, req), OK);
		request_free(req);
	}
	struct request *req = request_of(admin, "customers", VERB_GET);
	static const char *const industries[] = { "一", "二", "二", NULL };

	for (uint64_t version = 1; version <= 4; version++) {
		assert_int_equal(engine_at_version(db, req, req->resource, id, version, &record), OK);
		const char *industry = record_text(record, 25);

		assert_int_equal(industry == NULL, industries[version - 1] == NULL);
		if (industry)
			assert_string_equal(industry, industries[version - 1]);
		assert_int_equal(record_has(record, 19), version < 3);
		assert_int_equal(record_number(record, 28), version == 4 ? 7 : 0);
		assert_int_equal(record_number(record, STANDARD_VERSION), version);
		assert_string_equal(record_text(record, 16), "甲");
	}
	assert_int_equal(engine_at_version(db, req, req->resource, id, 9, &record), NOT_FOUND);
	request_free(req);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_of_creates_gives_each_its_own_outcome),
		cmocka_unit_test(a_group_of_changes_gives_each_its_own_outcome),
		cmocka_unit_test(reads_of_a_group_come_back_to_who_asked),
		cmocka_unit_test(a_key_makes_one_record_also_twice_in_one_group),
		cmocka_unit_test(a_key_with_another_body_is_refused_and_of_a_refused_request_is_free_again),
		cmocka_unit_test(a_replayed_change_tells_the_version_that_it_made),
		cmocka_unit_test(a_row_that_another_transaction_holds_does_not_hold_up_the_rest_of_the_group),
		cmocka_unit_test(lanes_that_update_the_same_rows_in_opposite_order_neither_deadlock_nor_lose),
		cmocka_unit_test(a_create_whose_commit_is_cut_happens_once),
		cmocka_unit_test(a_change_whose_commit_is_cut_happens_once),
		cmocka_unit_test(every_acknowledged_write_is_there_once_while_connections_are_killed),
		cmocka_unit_test(a_record_is_put_together_as_it_was_at_each_version),
	};

	return cmocka_run_group_tests_name("engine", tests, begin, end);
}
