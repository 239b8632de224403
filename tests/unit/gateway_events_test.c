/* Event streams as clients see them: live, resumed, from the log, by right, and with clients that do not
 * read. */
#include "gateway_harness.h"
#include "gateway/cursor.h"

struct listener {
	int fd;
	char *bytes;
	size_t start, len, capacity; /* what was received and not taken yet lies in [start, len) */
	char id[200], event[100], data[70000];
};

/* HTTP/1.0: no chunks between us and the events. */
static struct listener listen_to(const char *query, const char *token, const char *headers)
{
	struct listener l = { .fd = dial(), .capacity = 1 << 20, .bytes = calloc(1, 1 << 20) };
	char *text;
	int len = asprintf(&text,
		"GET /api/v1/events%s HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n", query,
		token, headers ? headers : "");

	send_all(l.fd, text, (size_t)len);
	free(text);
	return l;
}

static bool fill(struct listener *l)
{
	memmove(l->bytes, l->bytes + l->start, l->len - l->start);
	l->len -= l->start;
	l->start = 0;
	ssize_t n = recv(l->fd, l->bytes + l->len, l->capacity - l->len - 1, 0);

	l->len += n > 0 ? (size_t)n : 0;
	l->bytes[l->len] = '\0';
	return n > 0;
}

/* The text before that end, which is taken too. False: the stream has ended. */
static bool take_until(struct listener *l, const char *end, char *text_out, size_t size)
{
	char *at;

	while (!(at = strstr(l->bytes + l->start, end)))
		if (!fill(l))
			return false;
	size_t len = (size_t)(at - l->bytes) - l->start;

	assert_true(len < size);
	memcpy(text_out, l->bytes + l->start, len);
	text_out[len] = '\0';
	l->start += len + strlen(end);
	return true;
}

static bool next_block(struct listener *l, char *block_out, size_t size)
{
	return take_until(l, "\n\n", block_out, size);
}

static void take_line(const char *block, const char *name, char *out, size_t size)
{
	char wanted[32];
	const char *at = block;
	size_t len = (size_t)snprintf(wanted, sizeof wanted, "%s: ", name);

	while (at && strncmp(at, wanted, len))
		at = (at = strchr(at, '\n')) ? at + 1 : NULL;
	if (!at)
		return;
	at += len;
	snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
}

/* The next event that has data; remembers ids in between, as an EventSource does. False: the stream has
 * ended. */
static bool next_event(struct listener *l)
{
	static char block[80000];

	l->event[0] = l->data[0] = '\0';
	while (next_block(l, block, sizeof block)) {
		take_line(block, "id", l->id, sizeof l->id);
		take_line(block, "event", l->event, sizeof l->event);
		take_line(block, "data", l->data, sizeof l->data);
		if (l->data[0])
			return true;
	}
	return false;
}

static void skip_head(struct listener *l)
{
	char head[4096];

	assert_true(take_until(l, "\r\n\r\n", head, sizeof head));
	assert_memory_equal(head + 9, "200", 3);
	assert_non_null(strcasestr(head, "content-type: text/event-stream"));
}

static struct listener follow(const char *query, const char *token, const char *headers)
{
	struct listener l = listen_to(query, token, headers);
	char hello[100];

	skip_head(&l);
	assert_true(next_block(&l, hello, sizeof hello));
	assert_string_equal(hello, "retry: 3000");
	return l;
}

static void leave(struct listener *l)
{
	close(l->fd);
	free(l->bytes);
}

/* The name in the event that comes next. */
static void next_name(struct listener *l, const char *wanted, char *name_out, size_t size)
{
	if (!next_event(l))
		fail_msg("the stream ended before %s", wanted);
	json_t *json = json_loads(l->data, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(
		json_object_get(json_object_get(json_object_get(json, "data"), "after"), "name"));

	snprintf(name_out, size, "%s", name ? name : "(none)");
	json_decref(json);
}

/* What settle() published may still be on its way. */
static void expect_name(struct listener *l, const char *type, const char *wanted)
{
	char name[100];

	do
		next_name(l, wanted, name, sizeof name);
	while (!strcmp(name, "settle") && strcmp(wanted, "settle"));
	assert_string_equal(name, wanted);
	assert_string_equal(l->event, type);
}

static void expect_control(struct listener *l, const char *kind)
{
	if (!next_event(l))
		fail_msg("the stream ended before %s", kind);
	json_t *json = json_loads(l->data, JSON_REJECT_DUPLICATES, NULL);

	assert_string_equal(l->event, "control");
	assert_string_equal(json_string_value(json_object_get(json, "kind")), kind);
	json_decref(json);
}

#define UPDATED "guanxi.customer.customer.updated.v1"
#define CREATED "guanxi.customer.customer.created.v1"

static bool has_input(const struct listener *l, int timeout_ms)
{
	struct pollfd readable = { .fd = l->fd, .events = POLLIN };

	return poll(&readable, 1, timeout_ms) == 1;
}

/* Until every thread of the gateway knows where the stream is: from then on "latest" is known when the answer
 * begins. */
static void settle(void)
{
	for (int i = 0; i < 8; i++) {
		struct listener l = follow("", ADMIN_TOKEN, NULL);

		do
			publish(log_event(UPDATED, "settle", NULL, NULL));
		while (!has_input(&l, 200));
		expect_name(&l, UPDATED, "settle");
		leave(&l);
	}
}

static void an_event_arrives_as_a_cloud_event(void **state)
{
	struct listener l;
	char sequence[32];
	json_t *json;

	(void)state;
	settle();
	l = follow("?types=guanxi.customer.*&from=latest", ADMIN_TOKEN, NULL);
	publish(log_event(UPDATED, "甲\n乙", NULL, NULL));
	do
		assert_true(next_event(&l));
	while (strstr(l.data, "settle"));
	assert_string_equal(l.event, UPDATED);
	json = json_loads(l.data, JSON_REJECT_DUPLICATES, NULL);
	assert_string_equal(json_string_value(json_object_get(json, "specversion")), "1.0");
	assert_string_equal(json_string_value(json_object_get(json, "source")), "/guanxi/customer");
	assert_string_equal(json_string_value(json_object_get(json, "subject")), "customers/" RECORD_ID);
	snprintf(sequence, sizeof sequence, "00000001%016zx", fx->log_len);
	assert_string_equal(json_string_value(json_object_get(json, "sequence")), sequence);
	json_t *data = json_object_get(json, "data");

	assert_string_equal(json_string_value(json_object_get(data, "version")), "3");
	assert_string_equal(json_string_value(json_array_get(json_object_get(data, "fields"), 0)), "name");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(data, "after"), "name")), "甲\n乙");
	assert_string_equal(json_string_value(json_object_get(data, "principalId")), ADMIN_ID);
	json_decref(json);
	leave(&l);
}

static void live_events_arrive_within_milliseconds(void **state)
{
	uint64_t worst = 0, begun;
	struct listener l;

	(void)state;
	settle();
	l = follow("", ADMIN_TOKEN, NULL);
	publish(log_event(UPDATED, "first", NULL, NULL));
	expect_name(&l, UPDATED, "first");
	for (int i = 0; i < 50; i++) {
		uint64_t position = log_event(UPDATED, "x", NULL, NULL);

		begun = zsocket_now_ns();
		publish(position);
		expect_name(&l, UPDATED, "x");
		if (zsocket_now_ns() - begun > worst)
			worst = zsocket_now_ns() - begun;
	}
	print_message("publish to client, worst of 50: %.2f ms\n", (double)worst / 1e6);
	assert_true(worst < UINT64_C(1000000000)); /* a second: the machine may be busy */
	leave(&l);
}

static void filters_choose_types_and_subjects(void **state)
{
	struct listener types, subject, nothing;

	(void)state;
	settle();
	types = follow("?types=guanxi.identity.*," CREATED, ADMIN_TOKEN, NULL);
	subject = follow("?subjects=customers/" RECORD_ID, ADMIN_TOKEN, NULL);
	nothing = follow("?subjects=customers/" MEMBER_ID, ADMIN_TOKEN, NULL);
	publish(log_event(UPDATED, "one", NULL, NULL));
	publish(log_event(CREATED, "two", NULL, NULL));
	expect_name(&types, CREATED, "two");
	expect_name(&subject, UPDATED, "one");
	expect_name(&subject, CREATED, "two");
	shutdown(nothing.fd, SHUT_RD);
	leave(&types);
	leave(&subject);
	leave(&nothing);
}

static void a_broken_wish_is_refused_with_its_reason(void **state)
{
	(void)state;
	expect_problem(ask("GET", "/api/v1/events?types=Guanxi*", ADMIN_TOKEN, NULL, NULL), 400, "invalid");
	expect_problem(ask("GET", "/api/v1/events?types=", ADMIN_TOKEN, NULL, NULL), 400, "invalid");
	expect_problem(ask("GET", "/api/v1/events?subjects=x", ADMIN_TOKEN, NULL, NULL), 400, "invalid");
	expect_problem(ask("GET", "/api/v1/events?from=yesterday", ADMIN_TOKEN, NULL, NULL), 400, "invalid");
	expect_problem(ask("GET", "/api/v1/events?colour=red", ADMIN_TOKEN, NULL, NULL), 400, "invalid");
	expect_problem(
		ask("GET", "/api/v1/events", ADMIN_TOKEN, "Last-Event-ID: AAAA\r\n", NULL), 400, "invalid");
	expect_problem(ask("GET", "/api/v1/events", NULL, NULL, NULL), 401, "unauthenticated");
}

static void all_is_replayed_from_the_log(void **state)
{
	enum { MANY = 1000 };
	struct listener l;
	char name[16];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "%d", i);
		log_event(UPDATED, name, NULL, NULL);
	}
	publish(MANY); /* with a hole before it: read from the log too */
	l = follow("?from=earliest", ADMIN_TOKEN, NULL);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "%d", i);
		expect_name(&l, UPDATED, name);
	}
	publish(log_event(UPDATED, "live", NULL, NULL));
	expect_name(&l, UPDATED, "live");
	leave(&l);
}

/* Cut after each few events; what comes must tile: none lost, none twice. */
static void a_client_that_comes_again_goes_on_where_it_was(void **state)
{
	enum { MANY = 300 };
	struct listener l;
	char header[300], name[16];
	int expected = 0;

	(void)state;
	settle();
	l = follow("", ADMIN_TOKEN, NULL);
	publish(log_event(UPDATED, "mark", NULL, NULL));
	expect_name(&l, UPDATED, "mark");
	snprintf(header, sizeof header, "Last-Event-ID: %s\r\n", l.id);
	leave(&l);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "%d", i);
		publish(log_event(UPDATED, name, NULL, NULL));
	}
	while (expected < MANY) {
		l = follow("?from=latest", ADMIN_TOKEN, header); /* Last-Event-ID wins */
		for (int i = 0; i < 37 && expected < MANY; i++) {
			snprintf(name, sizeof name, "%d", expected++);
			expect_name(&l, UPDATED, name);
		}
		snprintf(header, sizeof header, "Last-Event-ID: %s\r\n", l.id);
		leave(&l);
	}
}

static void what_is_no_longer_kept_is_said_to_be_missing(void **state)
{
	struct listener l;
	char header[300];

	(void)state;
	settle();
	l = follow("", ADMIN_TOKEN, NULL);
	publish(log_event(UPDATED, "mark", NULL, NULL));
	expect_name(&l, UPDATED, "mark");
	snprintf(header, sizeof header, "Last-Event-ID: %s\r\n", l.id);
	leave(&l);
	for (int i = 0; i < 10; i++)
		publish(log_event(UPDATED, i == 9 ? "kept" : "lost", NULL, NULL));
	struct gateway_options options = test_options();

	gateway_close(fx->gateway); /* so that no ring has them either */
	open_gateway(&options);
	lock();
	fx->log_low = fx->log_len - 1;
	unlock();
	l = follow("", ADMIN_TOKEN, header);
	expect_control(&l, "GAP");
	expect_name(&l, UPDATED, "kept");
	leave(&l);
}

static void a_promoted_log_is_said_to_diverge(void **state)
{
	struct listener l;

	(void)state;
	settle();
	l = follow("", ADMIN_TOKEN, NULL);
	publish(log_event(UPDATED, "before", NULL, NULL));
	expect_name(&l, UPDATED, "before");
	lock();
	fx->epoch = 2;
	unlock();
	publish(log_event(UPDATED, "after", NULL, NULL));
	expect_control(&l, "DIVERGED");
	publish(log_event(UPDATED, "later", NULL, NULL));
	do
		assert_true(next_event(&l));
	while (!strstr(l.data, "later"));
	leave(&l);
}

static void everyone_sees_what_they_may_and_learns_what_left_their_sight(void **state)
{
	struct listener member, admin;

	(void)state;
	settle();
	member = follow("", MEMBER_TOKEN, NULL);
	admin = follow("", ADMIN_TOKEN, NULL);
	publish(log_event(UPDATED, "not theirs", ADMIN_ID, NULL));
	publish(log_event(UPDATED, "theirs", MEMBER_ID, NULL));
	publish(log_event(UPDATED, "taken away", ADMIN_ID, MEMBER_ID));
	publish(log_event(UPDATED, "everyone's", NULL, NULL));
	expect_name(&member, UPDATED, "theirs");
	assert_true(next_event(&member));
	assert_string_equal(member.event, "hidden");
	assert_string_equal(member.data, "{\"subject\":\"customers/" RECORD_ID "\"}");
	expect_name(&member, UPDATED, "everyone's");
	expect_name(&admin, UPDATED, "not theirs");
	expect_name(&admin, UPDATED, "theirs");
	expect_name(&admin, UPDATED, "taken away");
	leave(&member);
	leave(&admin);
}

static void a_session_that_ends_closes_its_stream(void **state)
{
	struct listener l = follow("", MEMBER_TOKEN, NULL);

	(void)state;
	lock();
	fx->session_ended = true;
	unlock();
	expect_control(&l, "SESSION_ENDED");
	assert_false(next_event(&l));
	leave(&l);
}

static void an_orderly_end_tells_clients_to_come_again(void **state)
{
	struct listener l = follow("", ADMIN_TOKEN, NULL);
	struct gateway_options options = test_options();

	(void)state;
	gateway_drain(fx->gateway, 5000);
	expect_control(&l, "RECONNECT");
	assert_false(next_event(&l));
	leave(&l);
	gateway_close(fx->gateway);
	open_gateway(&options);
}

static int next_numbered(struct listener *l)
{
	char name[100];

	do
		next_name(l, "a number", name, sizeof name);
	while (!strcmp(name, "settle"));
	return atoi(name);
}

/* The one who does not read is paused and gets everything in the end; the other one does not wait for it. */
static void a_client_that_does_not_read_stops_nobody_and_loses_nothing(void **state)
{
	enum { MANY = 960, TOGETHER = 40 }; /* some 8 MB of events: more than buffers and ring take */
	struct listener lazy, keen;
	char name[6000];
	int small = 65536;

	(void)state;
	settle();
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = '\0';
	lazy = follow("", ADMIN_TOKEN, NULL);
	setsockopt(lazy.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	keen = follow("", ADMIN_TOKEN, NULL);
	for (int i = 0; i < MANY; i++) {
		int len = snprintf(name, 7, "%06d", i);

		name[len] = 'n';
		publish(log_event(UPDATED, name, NULL, NULL));
		for (int k = 0; i % TOGETHER == TOGETHER - 1 && k < TOGETHER; k++)
			next_numbered(&keen);
	}
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(next_numbered(&lazy), i);
	}
	leave(&lazy);
	leave(&keen);
}

static void a_cursor_of_someone_else_is_refused(void **state)
{
	static const char *const names[] = { "customer", "identity" };
	uint8_t key[KEY_BYTES] = { 1 }, other[KEY_BYTES] = { 2 };
	struct place places[] = { { 1, 77 }, { 3, UINT64_C(1) << 40 } }, back[2];
	char text[CURSOR_TEXT_MAX + 1];
	size_t len = cursor_write(key, names, places, 2, text);

	(void)state;
	assert_true(cursor_read(key, text, len, names, back, 2));
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(back[i].epoch, places[i].epoch);
		assert_int_equal(back[i].position, places[i].position);
	}
	assert_true(cursor_read(key, text, len, names + 1, back, 1)); /* another set of streams */
	assert_int_equal(back[0].position, UINT64_C(1) << 40);
	assert_false(cursor_read(other, text, len, names, back, 2));
	for (size_t i = 0; i < len; i++) {
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_false(cursor_read(key, text, len, names, back, 2));
		len = cursor_write(key, names, places, 2, text);
	}
	assert_false(cursor_read(key, text, len - 4, names, back, 2));
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, stage_open, stage_close)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cursor_of_someone_else_is_refused),
		STAGED(an_event_arrives_as_a_cloud_event),
		STAGED(live_events_arrive_within_milliseconds),
		STAGED(filters_choose_types_and_subjects),
		STAGED(a_broken_wish_is_refused_with_its_reason),
		STAGED(all_is_replayed_from_the_log),
		STAGED(a_client_that_comes_again_goes_on_where_it_was),
		STAGED(what_is_no_longer_kept_is_said_to_be_missing),
		STAGED(a_promoted_log_is_said_to_diverge),
		STAGED(everyone_sees_what_they_may_and_learns_what_left_their_sight),
		STAGED(a_session_that_ends_closes_its_stream),
		STAGED(an_orderly_end_tells_clients_to_come_again),
		STAGED(a_client_that_does_not_read_stops_nobody_and_loses_nothing),
	};

	harness_role(argc, argv);
	return cmocka_run_group_tests_name("gateway_events", tests, NULL, NULL);
}
