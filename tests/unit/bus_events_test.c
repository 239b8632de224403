/* Delivery with real brokers: in order, once, and whoever is behind learns it. */
#include "bus_harness.h"

/* A follower of one stream that writes down what it is told, and reads what is missing from a log that never
 * fails. */
struct follower {
	struct bus_subscriber *subscriber;
	uint32_t epoch;
	uint64_t position;
	uint64_t events; /* delivered live */
	uint64_t wrong;  /* of another position or other bytes than the log's, or not the next */
	unsigned gaps;
	uint64_t gap_from, gap_to;
	uint32_t gap_epoch;
	bool reads_log;  /* answers a gap at once */
	unsigned refuse; /* so many batches */
	uint64_t wanted;
};

static uint64_t event_content(uint64_t position)
{
	return position * 2654435761u;
}

static bool on_batch(void *ctx, const struct bus_batch *batch)
{
	struct follower *follower = ctx;
	uint64_t expected = follower->position;

	if (follower->refuse) {
		follower->refuse--;
		return false;
	}
	follower->wrong += batch->previous != follower->position || batch->epoch != follower->epoch;
	for (size_t i = 0; i < batch->count; i++) {
		uint64_t content = event_content(batch->events[i].position);

		follower->wrong += batch->events[i].position != ++expected;
		follower->wrong += batch->events[i].len < sizeof(content) ||
				   memcmp(batch->events[i].bytes, &content, sizeof(content)) != 0;
	}
	follower->events += batch->count;
	follower->wrong += expected != batch->up_to;
	follower->position = batch->up_to;
	return true;
}

static void on_gap(void *ctx, const char *stream, uint32_t epoch, uint64_t from, uint64_t to)
{
	struct follower *follower = ctx;

	follower->gaps++;
	follower->gap_epoch = epoch;
	follower->gap_from = from;
	follower->gap_to = to;
	follower->wrong += from != follower->position;
	if (!follower->reads_log)
		return;
	follower->epoch = epoch;
	follower->position = to;
	bus_subscriber_advance(follower->subscriber, stream, epoch, to);
}

static void open_follower(struct follower *follower, const char *endpoints, uint64_t window_batches)
{
	struct bus_stream streams[] = { { .name = "customer", .epoch = 1, .position = 0 } };
	struct zsocket_error error;

	*follower = (struct follower){ .epoch = 1, .reads_log = true };
	follower->subscriber = bus_subscriber_open(
		&(struct bus_subscriber_options){
			.endpoints = endpoints,
			.streams = streams,
			.stream_count = 1,
			.window_batches = window_batches,
			.on_batch = on_batch,
			.on_gap = on_gap,
			.ctx = follower,
		},
		&error);
	assert_non_null(follower->subscriber);
}

/* Publishes the events after `position`, each of `size` bytes, as one batch. */
static uint64_t publish(
	struct bus_publisher *publisher, uint32_t epoch, uint64_t position, size_t count, size_t size)
{
	struct frame_event *events = calloc(count, sizeof(*events));
	uint8_t *bytes = calloc(count, size);

	for (size_t i = 0; i < count; i++) {
		uint64_t content = event_content(position + 1 + i);

		memcpy(bytes + i * size, &content, sizeof(content));
		events[i] = (struct frame_event){ position + 1 + i, bytes + i * size, (uint32_t)size };
	}
	bus_publisher_send(publisher, "customer",
		&(struct frame_batch){ .epoch = epoch, .previous = position, .up_to = position + count },
		events, count);
	free(bytes);
	free(events);
	return position + count;
}

struct pair {
	struct bus_publisher *publisher;
	struct follower *follower;
};

static void process_pair(void *object)
{
	struct pair *pair = object;

	if (pair->publisher)
		bus_publisher_process(pair->publisher);
	bus_subscriber_process(pair->follower->subscriber);
}

static bool has_wanted(void *ctx)
{
	const struct follower *follower = ctx;

	return follower->position >= follower->wanted;
}

static bool has_gap(void *ctx)
{
	const struct follower *follower = ctx;

	return follower->gaps > 0;
}

static void await(struct bus_publisher *publisher, struct follower *follower, bool (*done)(void *ctx))
{
	struct pair pair = { publisher, follower };

	assert_true(
		harness_until(bus_subscriber_fd(follower->subscriber), process_pair, &pair, done, follower));
}

static void await_position(struct bus_publisher *publisher, struct follower *follower, uint64_t position)
{
	follower->wanted = position;
	await(publisher, follower, has_wanted);
	assert_int_equal(follower->position, position);
	assert_int_equal(follower->wrong, 0);
}

static struct bus_publisher *open_publisher(const char *endpoints)
{
	struct zsocket_error error;
	struct bus_publisher *publisher = bus_publisher_open(endpoints, &error);

	assert_non_null(publisher);
	return publisher;
}

/* From here on what is published is delivered live: it has been, once, by each way there is. */
static uint64_t settle(struct bus_publisher *publisher, struct follower *follower)
{
	uint64_t position = follower->position;
	uint64_t until = now_ms() + HARNESS_LONG_MS;

	do {
		position = publish(publisher, follower->epoch, position, 1, 64);
		await_position(publisher, follower, position);
	} while (follower->events < 20 && now_ms() < until);
	follower->gaps = 0;
	follower->events = 0;
	return position;
}

static void events_arrive_in_order_and_once_through_two_brokers(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->all_events);
	struct follower follower;
	uint64_t position, from;

	harness_start_broker(harness, 0);
	harness_start_broker(harness, 1);
	open_follower(&follower, harness->all_events, 0);
	from = position = settle(publisher, &follower);
	for (size_t i = 0; i < 300; i++) {
		position = publish(publisher, 1, position, 1 + i % 50, 300);
		if (i % 10 == 0)
			await_position(publisher, &follower, position);
	}
	await_position(publisher, &follower, position);
	assert_int_equal(follower.gaps, 0);
	assert_true(follower.events == position - from);
	bus_subscriber_close(follower.subscriber);
	bus_publisher_close(publisher);
}

static void a_batch_beyond_one_message_arrives_whole(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->events[0]);
	struct follower follower;
	uint64_t position;

	harness_start_broker(harness, 0);
	open_follower(&follower, harness->events[0], 0);
	position = settle(publisher, &follower);
	position = publish(publisher, 1, position, 300, 60000); /* 18 MB */
	await_position(publisher, &follower, position);
	position = publish(publisher, 1, position, 10000, 16);
	await_position(publisher, &follower, position);
	bus_subscriber_close(follower.subscriber);
	bus_publisher_close(publisher);
}

static void following_goes_on_when_one_of_two_brokers_is_killed(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->all_events);
	struct follower follower;
	uint64_t position;

	harness_start_broker(harness, 0);
	harness_start_broker(harness, 1);
	open_follower(&follower, harness->all_events, 0);
	position = settle(publisher, &follower);
	for (size_t i = 0; i < 200; i++) {
		position = publish(publisher, 1, position, 20, 300);
		if (i == 100)
			harness_end(harness, harness->brokers[0]);
		await_position(publisher, &follower, position);
	}
	harness_start_broker(harness, 0);
	position = settle(publisher, &follower);
	harness_end(harness, harness->brokers[1]);
	position = publish(publisher, 1, position, 20, 300);
	await_position(publisher, &follower, position);
	bus_subscriber_close(follower.subscriber);
	bus_publisher_close(publisher);
}

static void a_late_follower_learns_the_head_though_nothing_is_published_any_more(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->events[0]);
	struct follower follower;

	harness_start_broker(harness, 0);
	bus_publisher_head(publisher, "customer", 1, 70);
	open_follower(&follower, harness->events[0], 0);
	await_position(publisher, &follower, 70);
	assert_int_equal(follower.gaps, 1);
	assert_int_equal(follower.gap_from, 0);
	bus_subscriber_close(follower.subscriber);
	bus_publisher_close(publisher);
}

static void what_was_published_while_no_broker_was_up_is_noticed_when_one_is(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->events[0]);
	struct follower follower;
	uint64_t position;

	harness_start_broker(harness, 0);
	open_follower(&follower, harness->events[0], 0);
	position = settle(publisher, &follower);
	harness_end(harness, harness->brokers[0]);
	position = publish(publisher, 1, position, 5, 64);
	harness_start_broker(harness, 0);
	await_position(publisher, &follower, position);
	assert_int_equal(follower.events, 0);
	assert_int_equal(follower.gaps, 1);
	bus_subscriber_close(follower.subscriber);
	bus_publisher_close(publisher);
}

/* A follower whose window is used up is passed over; when it goes on it learns where the head is, without
 * another event. */
static void a_follower_without_credit_learns_that_it_is_behind(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->events[0]);
	struct follower slow, fast;
	uint64_t position;

	harness_start_broker(harness, 0);
	open_follower(&slow, harness->events[0], 2);
	open_follower(&fast, harness->events[0], 0);
	await_position(publisher, &fast, 0);
	position = settle(publisher, &slow);
	await_position(publisher, &fast, position);
	for (size_t i = 0; i < 50; i++)
		position = publish(publisher, 1, position, 1, 64);
	await_position(publisher, &fast, position); /* so the broker has dealt with all of them */
	await_position(publisher, &slow, position);
	assert_true(slow.gaps >= 1);
	assert_in_range(slow.events, 1, 40);
	bus_subscriber_close(fast.subscriber);
	bus_subscriber_close(slow.subscriber);
	bus_publisher_close(publisher);
}

static size_t resident_kib(pid_t pid)
{
	char path[64], line[256];
	size_t kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "VmRSS: %zu", &kib);
	if (file)
		fclose(file);
	return kib;
}

/* The regression of libzmq #3596: a socket that stalls with a full queue and then drains must not abort the
 * process. */
static void a_follower_that_stops_reading_for_long_costs_the_broker_a_window_and_then_drains(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->events[0]);
	struct follower stalled, other;
	uint64_t position, until;
	size_t before;

	harness_start_broker(harness, 0);
	open_follower(&stalled, harness->events[0], 900);
	open_follower(&other, harness->events[0], 0);
	position = settle(publisher, &stalled);
	await_position(publisher, &other, position);
	before = resident_kib(harness->brokers[0]);
	until = now_ms() + 5000; /* longer than three heartbeats: it is given up meanwhile */
	while (now_ms() < until || position < 10000) { /* 50 MB at least */
		position = publish(publisher, 1, position, 20, 5000);
		await_position(publisher, &other, position);
	}
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* which keep what was freed */
	assert_in_range(resident_kib(harness->brokers[0]), before / 2, before + 32 * 1024);
#else
	(void)before;
#endif
	await_position(publisher, &stalled, position);
	position = publish(publisher, 1, position, 3, 64);
	await_position(publisher, &stalled, position);
	assert_true(harness_is_alive(harness->brokers[0]));
	bus_subscriber_close(other.subscriber);
	bus_subscriber_close(stalled.subscriber);
	bus_publisher_close(publisher);
}

/* While the log is being read, what arrives is kept, so that a busy stream is caught up with. */
static void batches_that_arrive_during_a_gap_are_delivered_after_it(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->events[0]);
	struct follower follower;
	uint64_t position, from;

	harness_start_broker(harness, 0);
	open_follower(&follower, harness->events[0], 0);
	from = position = settle(publisher, &follower);
	follower.reads_log = false;
	position += 10; /* lost on the way */
	for (size_t i = 0; i < 10; i++)
		position = publish(publisher, 1, position, 2, 64);
	await(publisher, &follower, has_gap);
	assert_int_equal(follower.gap_from, from);
	assert_int_equal(follower.gap_to, from + 10);
	follower.position = from + 10;
	bus_subscriber_advance(follower.subscriber, "customer", 1, from + 10);
	await_position(publisher, &follower, position);
	assert_int_equal(follower.gaps, 1);
	assert_int_equal(follower.events, 20);
	bus_subscriber_close(follower.subscriber);
	bus_publisher_close(publisher);
}

/* The log was read into the middle of a batch that came meanwhile. */
static void a_batch_that_overlaps_the_cursor_delivers_what_is_new(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->events[0]);
	struct follower follower;
	uint64_t position, from;

	harness_start_broker(harness, 0);
	open_follower(&follower, harness->events[0], 0);
	from = position = settle(publisher, &follower);
	follower.reads_log = false;
	position = publish(publisher, 1, position + 10, 10, 64);
	await(publisher, &follower, has_gap);
	follower.position = from + 15;
	bus_subscriber_advance(follower.subscriber, "customer", 1, from + 15);
	await_position(publisher, &follower, position);
	assert_int_equal(follower.events, 5);
	bus_subscriber_close(follower.subscriber);
	bus_publisher_close(publisher);
}

static void a_new_epoch_is_a_gap_even_where_positions_fall_back(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->events[0]);
	struct follower follower;
	uint64_t position;

	harness_start_broker(harness, 0);
	open_follower(&follower, harness->events[0], 0);
	position = settle(publisher, &follower);
	follower.reads_log = false;
	publish(publisher, 2, position - 5, 2, 64); /* a standby was promoted that lacked five */
	await(publisher, &follower, has_gap);
	assert_int_equal(follower.gap_epoch, 2);
	assert_int_equal(follower.gap_from, position);
	assert_int_equal(follower.gap_to, position - 3);
	follower.epoch = 2;
	follower.position = position - 3;
	bus_subscriber_advance(follower.subscriber, "customer", 2, position - 3);
	publish(publisher, 1, position, 1,
		64); /* from a sequencer that does not know yet that it was replaced */
	publish(publisher, 2, position - 3, 2, 64);
	await_position(publisher, &follower, position - 1);
	assert_int_equal(follower.gaps, 1);
	bus_subscriber_close(follower.subscriber);
	bus_publisher_close(publisher);
}

static void a_refused_batch_is_offered_again(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->events[0]);
	struct follower follower;
	uint64_t position;

	harness_start_broker(harness, 0);
	open_follower(&follower, harness->events[0], 0);
	position = settle(publisher, &follower);
	follower.refuse = 1;
	position = publish(publisher, 1, position, 3, 64);
	position = publish(publisher, 1, position, 3, 64);
	await_position(publisher, &follower, position);
	assert_int_equal(follower.events, 6);
	assert_int_equal(follower.refuse, 0);
	bus_subscriber_close(follower.subscriber);
	bus_publisher_close(publisher);
}

static void an_unanswered_gap_is_told_again(void **state)
{
	struct harness *harness = *state;
	struct bus_publisher *publisher = open_publisher(harness->events[0]);
	struct follower follower;

	harness_start_broker(harness, 0);
	bus_publisher_head(publisher, "customer", 1, 9);
	open_follower(&follower, harness->events[0], 0);
	follower.reads_log = false;
	await(publisher, &follower, has_gap);
	follower.reads_log = true;
	await_position(publisher, &follower, 9);
	assert_int_equal(follower.gaps, 2);
	bus_subscriber_close(follower.subscriber);
	bus_publisher_close(publisher);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		TEST(events_arrive_in_order_and_once_through_two_brokers),
		TEST(a_batch_beyond_one_message_arrives_whole),
		TEST(following_goes_on_when_one_of_two_brokers_is_killed),
		TEST(a_late_follower_learns_the_head_though_nothing_is_published_any_more),
		TEST(what_was_published_while_no_broker_was_up_is_noticed_when_one_is),
		TEST(a_follower_without_credit_learns_that_it_is_behind),
		TEST(a_follower_that_stops_reading_for_long_costs_the_broker_a_window_and_then_drains),
		TEST(batches_that_arrive_during_a_gap_are_delivered_after_it),
		TEST(a_batch_that_overlaps_the_cursor_delivers_what_is_new),
		TEST(a_new_epoch_is_a_gap_even_where_positions_fall_back),
		TEST(a_refused_batch_is_offered_again),
		TEST(an_unanswered_gap_is_told_again),
	};

	harness_role(argc, argv);
	return cmocka_run_group_tests_name("bus events", tests, NULL, NULL);
}
