/* The request path with real brokers: every call ends once, in time, whatever dies. */
#include "bus_harness.h"

#include <sys/random.h>

static struct bus_client *open_client(const char *endpoints, uint32_t calls_max)
{
	struct zsocket_error error;
	struct bus_client *client = bus_client_open(
		&(struct bus_client_options){ .endpoints = endpoints, .calls_max = calls_max }, &error);

	if (!client)
		fail_msg("%s", error.text);
	return client;
}

/* What became of a number of calls. */
struct tally {
	size_t called;
	size_t ended;
	size_t by_outcome[BUS_OUTCOMES];
	size_t maybe_executed;
	uint32_t retry_after_ms;
	uint32_t status;
	uint64_t body_sum;
	size_t wanted;
};

static void count_reply(void *ctx, const struct bus_reply *reply)
{
	struct tally *tally = ctx;
	uint32_t number = 0;

	tally->ended++;
	tally->by_outcome[reply->outcome]++;
	tally->maybe_executed += reply->maybe_executed;
	tally->status = reply->status;
	if (reply->outcome == BUS_OVERLOADED)
		tally->retry_after_ms = reply->retry_after_ms;
	if (reply->body_len == sizeof(number))
		memcpy(&number, reply->body, sizeof(number));
	tally->body_sum += number;
}

static uint64_t call_number(
	struct bus_client *client, struct tally *tally, uint32_t timeout_ms, bool idempotent)
{
	uint32_t number = (uint32_t)++tally->called;

	return bus_client_call(client, &(struct bus_call){
					       .queue = "test.read",
					       .header = "h",
					       .header_len = 1,
					       .body = &number,
					       .body_len = sizeof(number),
					       .timeout_ms = timeout_ms,
					       .idempotent = idempotent,
					       .on_reply = count_reply,
					       .ctx = tally,
				       });
}

static void call_numbers(
	struct bus_client *client, struct tally *tally, size_t count, uint32_t timeout_ms, bool idempotent)
{
	while (count--)
		call_number(client, tally, timeout_ms, idempotent);
	bus_client_flush(client);
}

static void process_client(void *client)
{
	bus_client_process(client);
}

static bool all_ended(void *ctx)
{
	const struct tally *tally = ctx;

	return tally->ended == tally->called;
}

static void await_all(struct bus_client *client, struct tally *tally)
{
	assert_true(harness_until(bus_client_fd(client), process_client, client, all_ended, tally));
}

static bool has_answer(void *ctx)
{
	const struct tally *tally = ctx;

	return tally->by_outcome[BUS_ANSWERED] > 0;
}

/* Until a worker is there. */
static void await_service(struct bus_client *client)
{
	uint64_t until = now_ms() + HARNESS_LONG_MS;
	struct tally tally = { 0 };

	do {
		call_numbers(client, &tally, 1, 3000, true);
		await_all(client, &tally);
	} while (!has_answer(&tally) && now_ms() < until);
	assert_true(has_answer(&tally));
}

/* A worker inside of the test: it holds what it gets until told. */
struct bench {
	struct bus_worker *worker;
	pthread_mutex_t lock;
	struct bus_request *held[8192];
	size_t held_count;
	size_t most_held;
	bool holds;
	uint32_t last_time_left_ms;
};

static void on_bench_request(void *ctx, struct bus_request *request)
{
	struct bench *bench = ctx;

	pthread_mutex_lock(&bench->lock);
	bench->last_time_left_ms = (uint32_t)((request->deadline_ns - request->received_ns) / 1000000);
	if (bench->holds && request->body_len) { /* an empty one only asks whether it is there */
		bench->held[bench->held_count++] = request;
		if (bench->held_count > bench->most_held)
			bench->most_held = bench->held_count;
	} else {
		bus_request_reply(
			request, 7, request->header, request->header_len, request->body, request->body_len);
	}
	pthread_mutex_unlock(&bench->lock);
}

static void open_bench(struct bench *bench, const char *endpoints, uint32_t capacity, bool holds)
{
	struct bus_queue queues[] = { { "test.other", 4 }, { "test.read", capacity } };
	struct zsocket_error error;

	*bench = (struct bench){ .holds = holds, .lock = PTHREAD_MUTEX_INITIALIZER };
	bench->worker = bus_worker_open(
		&(struct bus_worker_options){
			.endpoints = endpoints,
			.queues = queues,
			.queue_count = 2,
			.on_request = on_bench_request,
			.ctx = bench,
		},
		&error);
	assert_non_null(bench->worker);
	bus_worker_start(bench->worker);
}

/* Until a worker is there, also one that keeps what it gets: it answers a call that is empty. */
static void await_ping(struct bus_client *client)
{
	uint64_t until = now_ms() + HARNESS_LONG_MS;
	struct bus_reply reply;

	do
		bus_client_call_wait(
			client, &(struct bus_call){ .queue = "test.read", .timeout_ms = 3000 }, &reply);
	while (reply.outcome != BUS_ANSWERED && now_ms() < until);
	assert_int_equal(reply.outcome, BUS_ANSWERED);
}

static size_t held_count(struct bench *bench)
{
	pthread_mutex_lock(&bench->lock);
	size_t count = bench->held_count;

	pthread_mutex_unlock(&bench->lock);
	return count;
}

static void answer_held(struct bench *bench)
{
	pthread_mutex_lock(&bench->lock);
	bench->holds = false;
	for (size_t i = 0; i < bench->held_count; i++)
		bus_request_reply_later(
			bench->held[i], 0, NULL, 0, bench->held[i]->body, bench->held[i]->body_len);
	bench->held_count = 0;
	pthread_mutex_unlock(&bench->lock);
	bus_worker_wake(bench->worker);
}

static void process_and_await_held(struct bus_client *client, struct bench *bench, size_t wanted)
{
	uint64_t until = now_ms() + HARNESS_LONG_MS;

	while (held_count(bench) < wanted && now_ms() < until) {
		struct pollfd readable = { .fd = bus_client_fd(client), .events = POLLIN };

		poll(&readable, 1, 10);
		bus_client_process(client);
	}
	assert_true(held_count(bench) >= wanted);
}

static void await_abandoned(struct bus_client *client, const struct bus_request *request)
{
	uint64_t until = now_ms() + HARNESS_LONG_MS;

	while (!bus_request_abandoned(request) && now_ms() < until) {
		struct pollfd readable = { .fd = bus_client_fd(client), .events = POLLIN };

		bus_client_process(client);
		poll(&readable, 1, 5);
	}
	assert_true(bus_request_abandoned(request));
}

/* --- answers */

static void a_call_is_answered_with_the_workers_status_and_bytes(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct bench bench;
	struct bus_reply reply;

	harness_start_broker(harness, 0);
	open_bench(&bench, harness->requests[0], 8, false);
	bus_client_call_wait(client,
		&(struct bus_call){ .queue = "test.read",
			.header = "head",
			.header_len = 4,
			.body = "body",
			.body_len = 4,
			.timeout_ms = 5000 },
		&reply);
	assert_int_equal(reply.outcome, BUS_ANSWERED);
	assert_int_equal(reply.status, 7);
	assert_false(reply.maybe_executed);
	assert_int_equal(reply.header_len, 4);
	assert_memory_equal(reply.header, "head", 4);
	assert_int_equal(reply.body_len, 4);
	assert_memory_equal(reply.body, "body", 4);
	bus_worker_close(bench.worker);
	assert_in_range(bench.last_time_left_ms, 3000, 5001);
	bus_client_close(client);
}

static void many_calls_over_two_brokers_are_each_answered_once_with_their_own_bytes(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->all_requests, 0);
	struct tally tally = { 0 };
	struct bench bench;

	harness_start_broker(harness, 0);
	harness_start_broker(harness, 1);
	open_bench(&bench, harness->all_requests, 64, false);
	await_service(client);
	for (int i = 0; i < 20; i++) {
		call_numbers(client, &tally, 500, 10000, false);
		await_all(client, &tally);
	}
	assert_int_equal(tally.by_outcome[BUS_ANSWERED], 10000);
	assert_true(tally.body_sum == 10000ull * 10001 / 2);
	bus_worker_close(bench.worker);
	bus_client_close(client);
}

static void a_body_of_four_mebibytes_passes_and_a_larger_one_is_refused(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	uint8_t *body = malloc(FRAME_BODY_MAX + 1);
	struct bus_call call = {
		.queue = "test.read", .body = body, .body_len = FRAME_BODY_MAX, .timeout_ms = 5000
	};
	struct bus_reply reply;

	for (size_t i = 0; i <= FRAME_BODY_MAX; i++)
		body[i] = (uint8_t)(i * 7);
	harness_start_broker(harness, 0);
	harness_start_worker(harness, "test.read", "echo");
	bus_client_call_wait(client, &call, &reply);
	assert_int_equal(reply.outcome, BUS_ANSWERED);
	assert_int_equal(reply.body_len, FRAME_BODY_MAX);
	assert_memory_equal(reply.body, body, FRAME_BODY_MAX);
	call.body_len++;
	bus_client_call_wait(client, &call, &reply);
	assert_int_equal(reply.outcome, BUS_REFUSED);
	assert_false(reply.maybe_executed);
	free(body);
	bus_client_close(client);
}

/* --- bounds */

static void a_worker_never_has_more_than_its_capacity(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };
	struct bench bench;

	harness_start_broker(harness, 0);
	open_bench(&bench, harness->requests[0], 16, true);
	await_ping(client);
	call_numbers(client, &tally, 200, 10000, false);
	process_and_await_held(client, &bench, 16);
	answer_held(&bench);
	await_all(client, &tally);
	assert_int_equal(tally.by_outcome[BUS_ANSWERED], 200);
	assert_int_equal(bench.most_held, 16);
	bus_worker_close(bench.worker);
	bus_client_close(client);
}

static void a_storm_over_the_bounds_is_answered_at_once_and_nothing_hangs(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 20000);
	struct tally tally = { 0 };
	struct bench bench;

	harness_start_broker(harness, 0);
	open_bench(&bench, harness->requests[0], 16, true);
	await_ping(client);
	call_numbers(client, &tally, 10000, 12000, false);
	process_and_await_held(client, &bench, 16);
	while (tally.ended < 10000 - REQUESTS_CLIENT_CALLS_MAX) {
		struct pollfd readable = { .fd = bus_client_fd(client), .events = POLLIN };

		poll(&readable, 1, 1000);
		bus_client_process(client);
	}
	assert_int_equal(tally.by_outcome[BUS_OVERLOADED], 10000 - REQUESTS_CLIENT_CALLS_MAX);
	assert_in_range(tally.retry_after_ms, REQUESTS_RETRY_MIN_MS, REQUESTS_RETRY_MAX_MS);
	assert_int_equal(tally.maybe_executed, 0);
	answer_held(&bench);
	await_all(client, &tally);
	assert_int_equal(tally.by_outcome[BUS_ANSWERED], REQUESTS_CLIENT_CALLS_MAX);
	bus_worker_close(bench.worker);
	bus_client_close(client);
}

static void more_calls_than_the_client_allows_are_overloaded_without_being_sent(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 3);
	struct tally tally = { 0 };

	harness_start_broker(harness, 0);
	harness_start_worker(harness, "test.read", "echo");
	await_service(client);
	call_numbers(client, &tally, 5, 5000, false);
	await_all(client, &tally);
	assert_int_equal(tally.by_outcome[BUS_ANSWERED], 3);
	assert_int_equal(tally.by_outcome[BUS_OVERLOADED], 2);
	bus_client_close(client);
}

/* --- time */

static void a_call_without_a_service_ends_after_two_seconds(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct bus_reply reply;
	uint64_t began;

	harness_start_broker(harness, 0);
	began = now_ms();
	bus_client_call_wait(
		client, &(struct bus_call){ .queue = "test.nobody", .timeout_ms = 10000 }, &reply);
	assert_int_equal(reply.outcome, BUS_NO_SERVICE);
	assert_false(reply.maybe_executed);
	assert_in_range(now_ms() - began, 1900, 2000 + HARNESS_LATE_MS);
	bus_client_close(client);
}

static void a_call_without_any_broker_ends_after_two_seconds(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct bus_reply reply;
	uint64_t began = now_ms();

	bus_client_call_wait(client, &(struct bus_call){ .queue = "test.read", .timeout_ms = 10000 }, &reply);
	assert_int_equal(reply.outcome, BUS_NO_SERVICE);
	assert_false(bus_client_connected(client));
	assert_in_range(now_ms() - began, 1900, 2000 + HARNESS_LATE_MS);
	bus_client_close(client);
}

static void a_call_that_the_worker_keeps_ends_at_its_deadline_and_the_worker_is_told(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };
	struct bench bench;

	harness_start_broker(harness, 0);
	open_bench(&bench, harness->requests[0], 8, true);
	await_ping(client);
	call_numbers(client, &tally, 1, 3000, false);
	process_and_await_held(client, &bench, 1);

	uint64_t began = now_ms();

	await_all(client, &tally);
	assert_int_equal(tally.by_outcome[BUS_DEADLINE], 1);
	assert_int_equal(tally.maybe_executed, 1);
	assert_in_range(now_ms() - began, 0, 3000 + HARNESS_LATE_MS);
	await_abandoned(client, bench.held[0]);
	answer_held(&bench); /* too late: dropped on the way */
	await_service(client);
	assert_int_equal(tally.ended, 1);
	bus_worker_close(bench.worker);
	bus_client_close(client);
}

static void what_expires_in_the_queue_never_runs(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally first = { 0 }, second = { 0 };
	struct bench bench;

	harness_start_broker(harness, 0);
	open_bench(&bench, harness->requests[0], 1, true);
	await_ping(client);
	call_numbers(client, &first, 1, 10000, false);
	process_and_await_held(client, &bench, 1);
	call_numbers(client, &second, 5, 300, false);
	await_all(client, &second);
	assert_int_equal(second.by_outcome[BUS_DEADLINE], 5);
	answer_held(&bench);
	await_all(client, &first);
	assert_int_equal(first.by_outcome[BUS_ANSWERED], 1);
	assert_int_equal(bench.most_held, 1);
	bus_worker_close(bench.worker);
	bus_client_close(client);
}

static void a_cancelled_call_is_never_told_and_its_worker_may_stop(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };
	struct bench bench;
	uint64_t id;

	harness_start_broker(harness, 0);
	open_bench(&bench, harness->requests[0], 8, true);
	await_ping(client);
	id = call_number(client, &tally, 30000, false);
	bus_client_flush(client);
	process_and_await_held(client, &bench, 1);
	assert_false(bus_request_abandoned(bench.held[0]));
	bus_client_cancel(client, id);
	await_abandoned(client, bench.held[0]);
	answer_held(&bench);
	await_service(client);
	assert_int_equal(tally.ended, 0);
	bus_worker_close(bench.worker);
	bus_client_close(client);
}

static void a_call_can_be_cancelled_before_it_is_sent(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };

	harness_start_broker(harness, 0);
	harness_start_worker(harness, "test.read", "echo");
	bus_client_cancel(client, call_number(client, &tally, 5000, false));
	await_service(client);
	assert_int_equal(tally.ended, 0);
	bus_client_close(client);
}

/* --- death */

/* Runs calls at a worker that swallows them, ends it in one of two ways, and returns how long the calls then
 * took to end. */
static uint64_t lose_worker(
	struct harness *harness, struct bus_client *client, struct tally *tally, bool idempotent, int signal)
{
	pid_t worker = harness_start_worker(harness, "test.read", "swallow");
	uint64_t began;

	await_ping(client);
	call_numbers(client, tally, 10, 12000, idempotent);
	await_ping(client); /* the same way and after them: they are there when it is answered */
	began = now_ms();
	kill(worker, signal);
	if (idempotent)
		harness_start_worker(harness, "test.read", "echo");
	await_all(client, tally);
	return now_ms() - began;
}

static void a_killed_worker_is_noticed_within_three_seconds(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };

	harness_start_broker(harness, 0);
	assert_in_range(lose_worker(harness, client, &tally, false, SIGKILL), 0, 1000 + HARNESS_LATE_MS);
	assert_int_equal(tally.by_outcome[BUS_UNAVAILABLE], 10);
	assert_int_equal(tally.maybe_executed, 10);
	bus_client_close(client);
}

static void a_stopped_worker_is_noticed_within_four_seconds(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };

	harness_start_broker(harness, 0);
	assert_in_range(lose_worker(harness, client, &tally, false, SIGSTOP), 1500, 3000 + HARNESS_LATE_MS);
	assert_int_equal(tally.by_outcome[BUS_UNAVAILABLE], 10);
	assert_int_equal(tally.maybe_executed, 10);
	bus_client_close(client);
}

static void idempotent_calls_at_a_lost_worker_are_answered_by_another(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };

	harness_start_broker(harness, 0);
	lose_worker(harness, client, &tally, true, SIGKILL);
	assert_int_equal(tally.by_outcome[BUS_ANSWERED], 10);
	bus_client_close(client);
}

static void a_worker_that_was_stopped_and_goes_on_serves_again(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct bus_reply reply;
	pid_t worker;

	harness_start_broker(harness, 0);
	worker = harness_start_worker(harness, "test.read", "echo");
	await_service(client);
	kill(worker, SIGSTOP);
	do /* until the broker has given it up */
		bus_client_call_wait(
			client, &(struct bus_call){ .queue = "test.read", .timeout_ms = 3000 }, &reply);
	while (reply.outcome != BUS_NO_SERVICE);
	kill(worker, SIGCONT);
	await_service(client);
	bus_client_close(client);
}

static void with_two_brokers_idempotent_calls_survive_the_death_of_one(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->all_requests, 0);
	struct tally tally = { 0 };
	struct bench bench;

	harness_start_broker(harness, 0);
	harness_start_broker(harness, 1);
	open_bench(&bench, harness->all_requests, 4096, true);
	await_ping(client);
	for (int i = 0; i < 8; i++)
		call_numbers(client, &tally, 64, 10000, true);
	process_and_await_held(client, &bench, 512);
	harness_end(harness, harness->brokers[0]);
	for (size_t i = 0; i < 200; i++) { /* what was lost comes again by the other broker */
		struct pollfd readable = { .fd = bus_client_fd(client), .events = POLLIN };

		poll(&readable, 1, 10);
		bus_client_process(client);
		if (held_count(&bench) > 512)
			break;
	}
	answer_held(&bench);
	await_all(client, &tally);
	assert_int_equal(tally.by_outcome[BUS_ANSWERED], 512);
	bus_worker_close(bench.worker);
	bus_client_close(client);
}

static void calls_at_a_killed_broker_end_at_once_as_maybe_executed(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };
	struct bench bench;
	uint64_t began;

	harness_start_broker(harness, 0);
	open_bench(&bench, harness->requests[0], 8, true);
	await_ping(client);
	call_numbers(client, &tally, 5, 10000, false);
	process_and_await_held(client, &bench, 5);
	began = now_ms();
	harness_end(harness, harness->brokers[0]);
	await_all(client, &tally);
	assert_in_range(now_ms() - began, 0, HARNESS_LATE_MS);
	assert_int_equal(tally.by_outcome[BUS_UNAVAILABLE], 5);
	assert_int_equal(tally.maybe_executed, 5);
	answer_held(&bench);
	bus_worker_close(bench.worker);
	bus_client_close(client);
}

static void calls_at_a_stopped_broker_end_within_four_seconds(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };
	uint64_t began;

	harness_start_broker(harness, 0);
	harness_start_worker(harness, "test.read", "echo");
	await_service(client);
	kill(harness->brokers[0], SIGSTOP);
	waitpid(harness->brokers[0], NULL, WUNTRACED); /* until it has stopped */
	began = now_ms();
	call_numbers(client, &tally, 5, 10000, false);
	await_all(client, &tally);
	assert_in_range(now_ms() - began, 1500, 3000 + HARNESS_LATE_MS);
	assert_int_equal(tally.by_outcome[BUS_UNAVAILABLE], 5);
	kill(harness->brokers[0], SIGCONT);
	await_service(client);
	bus_client_close(client);
}

/* A client whose loop stands still is given up, and what it had is cancelled: it must not wait for answers
 * then. */
static void a_client_that_stood_still_learns_that_its_calls_are_lost(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };
	struct bench bench;
	uint64_t until = now_ms() + HARNESS_LONG_MS;
	uint64_t began;

	harness_start_broker(harness, 0);
	open_bench(&bench, harness->requests[0], 8, true);
	await_ping(client);
	call_numbers(client, &tally, 3, 60000, false);
	process_and_await_held(client, &bench, 3);
	while (!bus_request_abandoned(bench.held[2]) && now_ms() < until)
		poll(NULL, 0, 10); /* the client is not processed meanwhile */
	began = now_ms();
	await_all(client, &tally);
	assert_in_range(now_ms() - began, 0, 1000 + HARNESS_LATE_MS);
	assert_int_equal(tally.by_outcome[BUS_UNAVAILABLE], 3);
	assert_int_equal(tally.maybe_executed, 3);
	answer_held(&bench);
	await_service(client);
	bus_worker_close(bench.worker);
	bus_client_close(client);
}

static void after_a_broker_was_restarted_workers_register_again(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);

	harness_start_broker(harness, 0);
	harness_start_worker(harness, "test.read", "echo");
	for (int i = 0; i < 3; i++) {
		await_service(client);
		harness_end(harness, harness->brokers[0]);
		harness_start_broker(harness, 0);
	}
	await_service(client);
	bus_client_close(client);
}

/* --- the end */

static void a_drained_worker_has_answered_everything_and_gets_nothing_new(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct tally tally = { 0 };
	struct bus_reply reply;
	struct bench bench;

	harness_start_broker(harness, 0);
	open_bench(&bench, harness->requests[0], 64, true);
	await_ping(client);
	call_numbers(client, &tally, 50, 10000, false);
	process_and_await_held(client, &bench, 50);
	assert_int_equal(bus_worker_drain(bench.worker, 100), 50);
	answer_held(&bench);
	assert_int_equal(bus_worker_drain(bench.worker, HARNESS_LONG_MS), 0);
	bus_worker_close(bench.worker);
	await_all(client, &tally);
	assert_int_equal(tally.by_outcome[BUS_ANSWERED], 50);
	bus_client_call_wait(client, &(struct bus_call){ .queue = "test.read", .timeout_ms = 5000 }, &reply);
	assert_int_equal(reply.outcome, BUS_NO_SERVICE);
	bus_client_close(client);
}

/* A broker on a thread of this process, on a loopback port. */
struct local {
	struct access *access;
	struct requests *requests;
	pthread_t thread;
	bool has_ended;
	char endpoint[64];
	int port;
};

static void open_local(struct local *local, struct access *access)
{
	struct zsocket_error error;

	*local = (struct local){ .access = access, .port = 20000 + getpid() % 20000 };
	while (!local->requests && local->port < 65000) {
		snprintf(local->endpoint, sizeof(local->endpoint), "tcp://127.0.0.1:%d", ++local->port);
		local->requests = requests_open(local->endpoint, access, &error);
	}
	assert_non_null(local->requests);
	pthread_create(&local->thread, NULL, harness_run_requests, local->requests);
}

static void close_local(struct local *local)
{
	requests_leave(local->requests);
	if (!local->has_ended)
		pthread_join(local->thread, NULL);
	requests_close(local->requests);
	if (local->access)
		access_close(local->access);
}

/* A broker that is restarted on purpose costs nobody an answer. */
static void a_broker_that_leaves_answers_what_it_has_and_calls_go_elsewhere(void **state)
{
	struct tally before = { 0 }, after = { 0 };
	struct bus_client *client;
	struct local leaving, staying;
	char endpoints[160];
	struct bench bench;

	(void)state;
	open_local(&staying, NULL);
	open_local(&leaving, NULL);
	snprintf(endpoints, sizeof(endpoints), "%s,%s", leaving.endpoint, staying.endpoint);
	client = open_client(endpoints, 0);
	open_bench(&bench, endpoints, 64, true);
	await_ping(client);
	for (int i = 0; i < 20; i++) /* each by the broker that has least */
		call_numbers(client, &before, 1, 10000, false);
	process_and_await_held(client, &bench, 20);
	requests_leave(leaving.requests);
	answer_held(&bench);
	while (pthread_tryjoin_np(leaving.thread, NULL) != 0) {
		call_numbers(client, &after, 1, 10000, false);
		await_all(client, &after);
	}
	leaving.has_ended = true;
	call_numbers(client, &after, 100, 10000, false);
	await_all(client, &after);
	await_all(client, &before);
	assert_int_equal(before.by_outcome[BUS_ANSWERED], before.called);
	assert_int_equal(after.by_outcome[BUS_ANSWERED], after.called);
	close_local(&leaving);
	bus_client_close(client);
	bus_worker_close(bench.worker);
	close_local(&staying);
}

/* A request to one queue is kept until a call to another service, made on the bus thread, is answered. */
static void reply_kept(void *ctx, const struct bus_reply *reply)
{
	bus_request_reply(ctx, reply->status, NULL, 0, reply->body, reply->body_len);
}

static void ask_other(void *ctx, struct bus_request *request)
{
	struct bus_worker *const *worker = ctx;

	if (request->queue == 1)
		bus_request_reply(request, 5, NULL, 0, "principal", 9);
	else
		bus_client_call(bus_worker_client(*worker), &(struct bus_call){ .queue = "test.identity",
								    .timeout_ms = 5000,
								    .on_reply = reply_kept,
								    .ctx = request });
}

static void a_worker_can_call_another_service_before_it_answers(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->all_requests, 0);
	struct bus_queue queues[] = { { "test.read", 8 }, { "test.identity", 8 } };
	struct zsocket_error error;
	struct bus_worker *worker;
	struct bus_reply reply;

	harness_start_broker(harness, 0);
	harness_start_broker(harness, 1);
	worker = bus_worker_open(&(struct bus_worker_options){ .endpoints = harness->all_requests,
					 .queues = queues,
					 .queue_count = 2,
					 .on_request = ask_other,
					 .ctx = &worker },
		&error);
	assert_non_null(worker);
	bus_worker_start(worker);
	bus_client_call_wait(client, &(struct bus_call){ .queue = "test.read", .timeout_ms = 10000 }, &reply);
	assert_int_equal(reply.outcome, BUS_ANSWERED);
	assert_int_equal(reply.status, 5);
	assert_memory_equal(reply.body, "principal", 9);
	bus_worker_close(worker);
	bus_client_close(client);
}

/* --- what others send */

static void send_raw(void *socket, const void *bytes, size_t len, int flags)
{
	zmq_send(socket, bytes, len, flags | ZMQ_DONTWAIT);
}

static void send_written(void *socket, struct frame_writer *writer)
{
	uint64_t until = now_ms() + HARNESS_LONG_MS;
	size_t len;
	uint8_t *bytes = frame_writer_take(writer, &len);

	while (!(zsocket_events(socket) & ZMQ_POLLOUT) && now_ms() < until)
		poll(NULL, 0, 1);
	assert_true(zsocket_send(socket, NULL, 0, bytes, len));
}

/* Half of them begin like a sound message, or decoding would end at the magic. */
static void send_junk(void *socket, size_t i)
{
	uint8_t junk[600];
	size_t len;

	assert_int_equal(getrandom(junk, sizeof(junk), 0), sizeof(junk));
	len = junk[0] * 2;
	if (i % 2) {
		memcpy(junk, "GXB1\1", 5);
		junk[5] %= FRAME_TYPES + 1;
		junk[7] = i % 4 == 1 ? 1 : junk[7];
		junk[9] = junk[10] = junk[11] = 0;
		junk[16] = 'q';
	}
	send_raw(socket, junk, len, i % 7 == 0 ? ZMQ_SNDMORE : 0);
}

static void a_broker_survives_random_messages_and_serves_on(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct zsocket_error error;

	harness_start_broker(harness, 0);
	harness_start_worker(harness, "test.read", "echo");
	await_service(client);
	for (int side = 0; side < 2; side++) {
		void *socket =
			zsocket_connect_dealer(side ? harness->events[0] : harness->requests[0], &error);

		struct frame_writer hello = { 0 };

		frame_write_begin(&hello, FRAME_HELLO, NULL, 0);
		send_written(socket, &hello);
		for (size_t i = 0; i < 20000; i++)
			send_junk(socket, i);
		zsocket_close(socket);
	}
	await_service(client);
	assert_true(harness_is_alive(harness->brokers[0]));
	bus_client_close(client);
}

static void a_broker_survives_what_is_not_zeromq(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	uint8_t junk[512];

	harness_start_broker(harness, 0);
	harness_start_worker(harness, "test.read", "echo");
	await_service(client);
	strcpy(address.sun_path, harness->requests[0] + strlen("ipc://"));
	for (int i = 0; i < 200; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
		assert_int_equal(getrandom(junk, sizeof(junk), 0), sizeof(junk));
		(void)!send(fd, junk, sizeof(junk), MSG_NOSIGNAL);
		close(fd);
	}
	await_service(client);
	assert_true(harness_is_alive(harness->brokers[0]));
	bus_client_close(client);
}

/* --- where a broker listens */

static void refuse_to_bind(const char *endpoint, const char *because)
{
	struct zsocket_error error = { "" };

	assert_null(zsocket_bind_router(endpoint, &error));
	if (!strstr(error.text, because))
		fail_msg("%s: \"%s\" does not say \"%s\"", endpoint, error.text, because);
}

static void nothing_listens_beyond_the_machine_without_keys(void **state)
{
	(void)state;
	refuse_to_bind("tcp://*:17000", "without CURVE");
	refuse_to_bind("tcp://0.0.0.0:17000", "without CURVE");
	refuse_to_bind("tcp://192.0.2.1:17000", "without CURVE");
	refuse_to_bind("tcp://[::]:17000", "without CURVE");
	refuse_to_bind("inproc://x", "ipc://");
}

static void loopback_tcp_is_served(void **state)
{
	struct zsocket_error error;
	void *socket = zsocket_bind_router("tcp://127.0.0.1:0", &error);

	(void)state;
	assert_non_null(socket);
	zsocket_close(socket);
}

static void an_ipc_directory_that_others_may_enter_is_refused(void **state)
{
	struct harness *harness = *state;

	chmod(harness->directory, 0755);
	refuse_to_bind(harness->requests[0], "mode 700");
	refuse_to_bind("ipc://relative/path", "absolute");
}

static void an_endpoint_that_another_broker_serves_is_not_taken_from_it(void **state)
{
	struct harness *harness = *state;
	struct bus_client *client = open_client(harness->requests[0], 0);

	harness_start_broker(harness, 0);
	harness_start_worker(harness, "test.read", "echo");
	await_service(client);
	refuse_to_bind(harness->requests[0], "another process");
	await_service(client);
	bus_client_close(client);
}

static void a_malformed_list_of_brokers_is_refused_with_a_sentence(void **state)
{
	static const char *const WRONG[] = { "", "ipc://relative", "tcp://host", "tcp://:1", "http://x:1",
		"ipc:///a,,ipc:///b", "tcp://h:123456789" };
	struct zsocket_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++) {
		error.text[0] = '\0';
		assert_null(bus_client_open(&(struct bus_client_options){ .endpoints = WRONG[i] }, &error));
		assert_true(strlen(error.text) > 0);
	}
}

static void a_broker_is_found_by_name(void **state)
{
	struct bus_client *client;
	struct local local;
	char endpoint[64];
	struct bench bench;
	struct bus_reply reply;

	(void)state;
	open_local(&local, NULL);
	open_bench(&bench, local.endpoint, 4, false);
	snprintf(endpoint, sizeof(endpoint), "tcp://localhost:%d", local.port);
	client = open_client(endpoint, 0);
	bus_client_call_wait(client, &(struct bus_call){ .queue = "test.read", .timeout_ms = 10000 }, &reply);
	for (int i = 0; i < 5 && reply.outcome != BUS_ANSWERED; i++) /* the first address may be ::1 */
		bus_client_call_wait(
			client, &(struct bus_call){ .queue = "test.read", .timeout_ms = 10000 }, &reply);
	assert_int_equal(reply.outcome, BUS_ANSWERED);
	bus_client_close(client);
	bus_worker_close(bench.worker);
	close_local(&local);
}

/* --- keys */

/* This process is broker, worker and client at once, with one key; `roles` is what the list says of it. */
static void open_keyed(struct harness *harness, struct local *local, const char *roles)
{
	char public_key[41], secret_key[41], path[128];
	struct zsocket_error error;
	struct access *access;
	FILE *file;

	assert_int_equal(zmq_curve_keypair(public_key, secret_key), 0);
	snprintf(path, sizeof(path), "%s/keys", harness->directory);
	file = fopen(path, "w");
	fprintf(file, "# tests\n\n%s%s\n", *roles ? public_key : "", roles);
	fclose(file);
	assert_true(zsocket_use_curve(public_key, secret_key, public_key, &error));
	access = access_open(path, &error);
	if (!access)
		fail_msg("%s", error.text);
	open_local(local, access);
}

static enum bus_outcome call_with_key(struct harness *harness, const char *roles)
{
	struct zsocket_error error;
	struct bus_client *client;
	struct bus_reply reply;
	struct local local;
	struct bench bench;

	open_keyed(harness, &local, roles);
	open_bench(&bench, local.endpoint, 4, false);
	client = open_client(local.endpoint, 0);
	bus_client_call_wait(client, &(struct bus_call){ .queue = "test.read", .timeout_ms = 5000 }, &reply);
	bus_client_close(client);
	bus_worker_close(bench.worker);
	close_local(&local);
	assert_true(zsocket_use_curve("", "", "", &error));
	return reply.outcome;
}

static void a_listed_key_may_do_what_its_roles_say(void **state)
{
	assert_int_equal(call_with_key(*state, " call serve:test"), BUS_ANSWERED);
	assert_int_equal(call_with_key(*state, " call"), BUS_NO_SERVICE);
	assert_int_equal(call_with_key(*state, " call serve:tes serve:test.reader"), BUS_NO_SERVICE);
	assert_int_equal(call_with_key(*state, " serve:test"), BUS_REFUSED);
}

static void a_key_that_is_not_listed_is_not_let_in(void **state)
{
	assert_int_equal(call_with_key(*state, ""), BUS_NO_SERVICE);
}

static void a_client_without_a_key_is_not_let_in(void **state)
{
	struct zsocket_error error;
	struct bus_client *client;
	struct bus_reply reply;
	struct local local;

	open_keyed(*state, &local, " call serve:test");
	assert_true(zsocket_use_curve("", "", "", &error));
	client = open_client(local.endpoint, 0);
	bus_client_call_wait(client, &(struct bus_call){ .queue = "test.read", .timeout_ms = 5000 }, &reply);
	assert_int_equal(reply.outcome, BUS_NO_SERVICE);
	assert_false(bus_client_connected(client));
	bus_client_close(client);
	close_local(&local);
}

static void a_key_that_is_taken_off_the_list_is_refused_soon(void **state)
{
	struct harness *harness = *state;
	struct zsocket_error error;
	struct bus_client *client;
	struct bus_reply reply;
	struct local local;
	struct bench bench;
	char path[128];
	uint64_t until = now_ms() + HARNESS_LONG_MS;

	open_keyed(harness, &local, " call serve:test");
	open_bench(&bench, local.endpoint, 4, false);
	client = open_client(local.endpoint, 0);
	await_service(client);
	snprintf(path, sizeof(path), "%s/keys", harness->directory);
	fclose(fopen(path, "w"));
	do
		bus_client_call_wait(
			client, &(struct bus_call){ .queue = "test.read", .timeout_ms = 5000 }, &reply);
	while (reply.outcome == BUS_ANSWERED && now_ms() < until);
	assert_int_equal(reply.outcome, BUS_REFUSED);
	bus_client_close(client);
	bus_worker_close(bench.worker);
	close_local(&local);
	assert_true(zsocket_use_curve("", "", "", &error));
}

static void a_list_of_keys_with_a_mistake_is_refused_naming_the_line(void **state)
{
	static const char *const WRONG[] = { "short call", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 rule",
		"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 serve:",
		"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 serve:A" };
	struct harness *harness = *state;
	struct zsocket_error error;
	char path[128];

	snprintf(path, sizeof(path), "%s/keys", harness->directory);
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++) {
		FILE *file = fopen(path, "w");

		fprintf(file, "# one\n%s\n", WRONG[i]);
		fclose(file);
		assert_null(access_open(path, &error));
		assert_non_null(strstr(error.text, "line 2"));
	}
	unlink(path);
	assert_null(access_open(path, &error));
}

static void keys_that_are_malformed_or_do_not_match_are_refused(void **state)
{
	char public_key[41], secret_key[41], other_public[41], other_secret[41];
	struct zsocket_error error;

	(void)state;
	zmq_curve_keypair(public_key, secret_key);
	zmq_curve_keypair(other_public, other_secret);
	assert_false(zsocket_use_curve(public_key, other_secret, public_key, &error));
	assert_false(zsocket_use_curve(public_key, secret_key, "", &error));
	assert_false(zsocket_use_curve("short", secret_key, public_key, &error));
	assert_false(zsocket_uses_curve("tcp://192.0.2.1:1"));
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_call_is_answered_with_the_workers_status_and_bytes),
		TEST(many_calls_over_two_brokers_are_each_answered_once_with_their_own_bytes),
		TEST(a_body_of_four_mebibytes_passes_and_a_larger_one_is_refused),
		TEST(a_worker_never_has_more_than_its_capacity),
		TEST(a_storm_over_the_bounds_is_answered_at_once_and_nothing_hangs),
		TEST(more_calls_than_the_client_allows_are_overloaded_without_being_sent),
		TEST(a_call_without_a_service_ends_after_two_seconds),
		TEST(a_call_without_any_broker_ends_after_two_seconds),
		TEST(a_call_that_the_worker_keeps_ends_at_its_deadline_and_the_worker_is_told),
		TEST(what_expires_in_the_queue_never_runs),
		TEST(a_cancelled_call_is_never_told_and_its_worker_may_stop),
		TEST(a_call_can_be_cancelled_before_it_is_sent),
		TEST(a_killed_worker_is_noticed_within_three_seconds),
		TEST(a_stopped_worker_is_noticed_within_four_seconds),
		TEST(idempotent_calls_at_a_lost_worker_are_answered_by_another),
		TEST(a_worker_that_was_stopped_and_goes_on_serves_again),
		TEST(with_two_brokers_idempotent_calls_survive_the_death_of_one),
		TEST(calls_at_a_killed_broker_end_at_once_as_maybe_executed),
		TEST(calls_at_a_stopped_broker_end_within_four_seconds),
		TEST(a_client_that_stood_still_learns_that_its_calls_are_lost),
		TEST(after_a_broker_was_restarted_workers_register_again),
		TEST(a_drained_worker_has_answered_everything_and_gets_nothing_new),
		TEST(a_broker_that_leaves_answers_what_it_has_and_calls_go_elsewhere),
		TEST(a_worker_can_call_another_service_before_it_answers),
		TEST(a_broker_survives_random_messages_and_serves_on),
		TEST(a_broker_survives_what_is_not_zeromq),
		TEST(nothing_listens_beyond_the_machine_without_keys),
		TEST(loopback_tcp_is_served),
		TEST(an_ipc_directory_that_others_may_enter_is_refused),
		TEST(an_endpoint_that_another_broker_serves_is_not_taken_from_it),
		TEST(a_malformed_list_of_brokers_is_refused_with_a_sentence),
		TEST(a_broker_is_found_by_name),
		TEST(a_listed_key_may_do_what_its_roles_say),
		TEST(a_key_that_is_not_listed_is_not_let_in),
		TEST(a_client_without_a_key_is_not_let_in),
		TEST(a_key_that_is_taken_off_the_list_is_refused_soon),
		TEST(a_list_of_keys_with_a_mistake_is_refused_naming_the_line),
		TEST(keys_that_are_malformed_or_do_not_match_are_refused),
	};

	harness_role(argc, argv);
	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
