#include "kit/chore.h"
#include "kit/db.h"
#include "kit/log.h"
#include "kit/request.h"
#include "kit/retention.h"
#include "kit/thread.h"
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CHORES_MAX  16
#define TURN_MS     1000
#define RETENTION_S 3600

/* Search keys wait in a list beside their index. Whoever writes when it is full would put them into the tree
 * itself, and every search reads the list: so it is emptied here. */
static const struct chore of_every_schema[] = {
	{ "put search keys into their index", "SELECT search_flush()", 2 },
	{ 0 },
};

static struct {
	struct chores_options options;
	pthread_t thread;
	_Atomic bool stopping;
	int stop_fd;
	struct db *db;
	struct chore words[2];
	int64_t due_ms[3][CHORES_MAX];
	int64_t cut_ms; /* when the log is cut next */
} c = { .stop_fd = -1 };

static int64_t now_ms(void)
{
	return (int64_t)(request_now_ns() / 1000000);
}

static void run_due(const struct chore *chores, int64_t *due_ms)
{
	for (size_t i = 0; chores && chores[i].name; i++) {
		struct db_params none = { 0 };

		assert(i < CHORES_MAX);
		if (now_ms() < due_ms[i] || atomic_load(&c.stopping) || db_ready(c.db) != OK)
			continue;
		due_ms[i] = now_ms() + chores[i].every_s * 1000;
		db_send_once(c.db, chores[i].sql, &none);
		db_sync(c.db);
		if (db_end(c.db) != OK && !atomic_load(&c.stopping))
			log_warn("chore", "chore=\"%s\" error=\"%s\"", chores[i].name, db_error(c.db));
	}
}

/* Soon again where it failed: a record may just have been held by somebody. */
static void cut_log(void)
{
	if (now_ms() < c.cut_ms || atomic_load(&c.stopping))
		return;
	bool done = retention_run(c.db, c.options.owner, c.options.keep_days);

	c.cut_ms = now_ms() + (done ? RETENTION_S * 1000 : TURN_MS);
	if (!done && !atomic_load(&c.stopping))
		log_warn("chore", "chore=\"cut the log\" error=\"%s\"", db_error(c.db));
}

static void *run(void *unused)
{
	struct pollfd stop = { c.stop_fd, POLLIN, 0 };

	(void)unused;
	pthread_setname_np(pthread_self(), "chores");
	while (!atomic_load(&c.stopping)) {
		run_due(of_every_schema, c.due_ms[0]);
		run_due(c.options.chores, c.due_ms[1]);
		run_due(c.words, c.due_ms[2]);
		cut_log();
		poll(&stop, 1, TURN_MS);
	}
	return NULL;
}

void chores_start(const struct chores_options *options)
{
	c.options = *options;
	if (options->learn_words)
		c.words[0] = (struct chore){ "learn the words of titles", options->learn_words, 2 };
	c.stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	c.db = db_open(&(struct db_options){ options->conninfo, options->service, 60000, 5000, "chores" });
	c.thread = thread_start(run, NULL, 0);
}

void chores_stop(void)
{
	uint64_t one = 1;

	atomic_store(&c.stopping, true);
	if (write(c.stop_fd, &one, sizeof one) < 0)
		log_warn("chore", "error=\"the end could not be told\"");
	db_cancel(c.db);
	pthread_join(c.thread, NULL);
	db_close(c.db);
	close(c.stop_fd);
}
