/*
 * gateway_harness.h: a real gateway and a real broker with services made by the test: a worker in this
 * process that answers every method from a table, with an event log in memory. A blocking HTTP client asks.
 */
#pragma once
#include "bus_harness.h"
#include "gateway/gateway.h"
#include "kit/json.h"
#include "kit/schema.h"
#include "kit/uuid.h"
#include "kit/wire.h"
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>

enum { LOG_MAX = 20000, QUEUE_IDENTITY_QUERY = 2 /* in the table of stage_open() */ };

#define ADMIN_ID  "01912d3c-5b7a-7c3e-8f00-00000000000a"
#define MEMBER_ID "01912d3c-5b7a-7c3e-8f00-00000000000b"
#define TEAM_ID   "01912d3c-5b7a-7c3e-8f00-0000000000c0"
#define RECORD_ID "01912d3c-5b7a-7c3e-8f00-0123456789ab"

#define ADMIN_TOKEN  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define MEMBER_TOKEN "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define NEW_TOKEN    "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC" /* must change the password */

struct logged {
	uint8_t *bytes; /* a LoggedEvent */
	size_t len;
};

struct fixture {
	struct harness *harness;
	struct gateway *gateway;
	struct bus_worker *worker;
	struct bus_publisher *publisher;
	pthread_t publisher_thread;
	bool ends;
	uint16_t port;
	pthread_mutex_t lock;
	pthread_cond_t changed;

	/* what the services saw; under the lock */
	char method[64], principal[64], key[300], locale[8], traceparent[64];
	uint8_t *body;
	size_t body_len;
	unsigned calls, resolves;
	bool session_ended; /* the member's */
	bool hold_gets;     /* customers.get is never answered */
	struct bus_request *held;
	uint64_t stored_bytes, stored_chunks, stored_sum;
	bool refuse_chunks;
	struct logged log[LOG_MAX]; /* of the customer service: position = index + 1 */
	size_t log_len;
	uint64_t log_low;
	uint32_t epoch;
	unsigned log_reads;
};

static struct fixture *fx;

static inline void lock(void)
{
	pthread_mutex_lock(&fx->lock);
}

static inline void unlock(void)
{
	pthread_mutex_unlock(&fx->lock);
}

/* --- the services --- */

static inline const char *field_text(
	const uint8_t *bytes, size_t len, uint32_t number, char *out, size_t size)
{
	struct wire_field f;

	*out = '\0';
	if (wire_find(bytes, len, number, &f) && f.type == WIRE_BYTES)
		snprintf(out, size, "%.*s", (int)f.len, f.bytes);
	return out;
}

static inline bool is_token_hash(const struct wire_field *f, const char *token)
{
	uint8_t hash[32];

	crypto_hash_sha256(hash, (const uint8_t *)token, strlen(token));
	return f->len == 32 && !memcmp(hash, f->bytes, 32);
}

static inline void add_principal(struct buffer *out, const char *id, bool administrator, bool must_change)
{
	wire_add_text(out, 1, id);
	wire_add_varint(out, 2, administrator ? 2 : 1);
	wire_add_text(out, 3, TEAM_ID);
	wire_add_text(out, 4, TEAM_ID);
	wire_add_varint(out, 5, 7);
	wire_add_varint(out, 6, must_change);
	wire_add_text(out, 8, RECORD_ID);
}

static inline uint16_t resolve(const struct bus_request *request, struct buffer *out)
{
	struct wire_field hash;

	fx->resolves++;
	assert_true(wire_find(request->body, request->body_len, 1, &hash));
	if (is_token_hash(&hash, ADMIN_TOKEN))
		add_principal(out, ADMIN_ID, true, false);
	else if (is_token_hash(&hash, MEMBER_TOKEN) && !fx->session_ended)
		add_principal(out, MEMBER_ID, false, false);
	else if (is_token_hash(&hash, NEW_TOKEN))
		add_principal(out, MEMBER_ID, false, true);
	else
		return UNAUTHENTICATED;
	return OK;
}

static inline void add_customer(struct buffer *out, const char *name)
{
	wire_add_text(out, 1, RECORD_ID);
	wire_add_varint(out, 2, 3);
	wire_add_text(out, 16, name);
	wire_add_varint(out, 17, 1);
}

static inline uint16_t stale(struct buffer *out, struct arena *arena)
{
	struct problem *problem = problem_new(arena, MSG_STALE_VERSION, "3", NULL);

	problem->version = 3;
	problem_to_wire(problem, out);
	return STALE;
}

static inline uint16_t append(const struct bus_request *request)
{
	struct wire_field data;

	if (fx->refuse_chunks)
		return TOO_LARGE;
	assert_true(wire_find(request->body, request->body_len, 3, &data));
	fx->stored_chunks++;
	fx->stored_bytes += data.len;
	for (size_t i = 0; i < data.len; i++)
		fx->stored_sum += (uint8_t)data.bytes[i];
	return OK;
}

/* Three chunks of 300,000 times the chunk's digit. */
static inline uint16_t read_file(const struct bus_request *request, struct buffer *out)
{
	struct wire_field chunk = { .value = 0 };

	wire_find(request->body, request->body_len, 2, &chunk);
	size_t begun = wire_begin(out, 1);

	wire_add_text(out, 1, RECORD_ID);
	wire_add_text(out, 2, "报价 \"1\".csv");
	wire_add_text(out, 5, "text/csv");
	wire_end(out, begun);
	char *data = malloc(300000);

	memset(data, '0' + (int)chunk.value, 300000);
	wire_add_bytes(out, 2, data, 300000);
	free(data);
	if (chunk.value == 2)
		wire_add_varint(out, 3, 1);
	return OK;
}

static inline uint64_t number_of(const struct bus_request *request, uint32_t number)
{
	struct wire_field f;

	return wire_find(request->body, request->body_len, number, &f) ? f.value : 0;
}

static inline uint16_t read_log(const struct bus_request *request, struct buffer *out)
{
	uint64_t after = number_of(request, 2), limit = number_of(request, 3), up_to;

	if (request->queue == QUEUE_IDENTITY_QUERY)
		return UNAVAILABLE; /* identity has nothing to tell */
	fx->log_reads++;
	if (after > fx->log_len)
		after = fx->log_len;
	if (after < fx->log_low)
		after = fx->log_low;
	up_to = after + limit < fx->log_len ? after + limit : fx->log_len;
	wire_add_varint(out, 1, fx->epoch);
	wire_add_varint(out, 2, fx->log_len);
	wire_add_varint(out, 3, fx->log_low);
	for (uint64_t i = after; i < up_to; i++)
		wire_add_bytes(out, 4, fx->log[i].bytes, fx->log[i].len);
	wire_add_varint(out, 5, up_to);
	return OK;
}

static inline uint16_t sign_in(struct buffer *out)
{
	wire_add_text(out, 1, MEMBER_TOKEN);
	size_t begun = wire_begin(out, 2);

	wire_add_text(out, 1, MEMBER_ID);
	wire_add_text(out, 16, "小王");
	wire_end(out, begun);
	wire_add_timestamp(out, 3, ((int64_t)time(NULL) + 3600) * 1000000);
	return OK;
}

static inline void remember_call(const struct bus_request *request, const char *method)
{
	fx->calls++;
	snprintf(fx->method, sizeof fx->method, "%s", method);
	field_text(request->header, request->header_len, 2, fx->principal, sizeof fx->principal);
	field_text(request->header, request->header_len, 4, fx->traceparent, sizeof fx->traceparent);
	field_text(request->header, request->header_len, 5, fx->key, sizeof fx->key);
	field_text(request->header, request->header_len, 6, fx->locale, sizeof fx->locale);
	free(fx->body);
	fx->body = malloc(request->body_len + 1);
	memcpy(fx->body, request->body, request->body_len);
	fx->body_len = request->body_len;
}

static inline uint16_t answer_own(
	const struct bus_request *request, const char *method, struct buffer *header, struct buffer *out)
{
	struct arena *arena = out->arena;
	struct wire_field f;

	remember_call(request, method);
	if (!strcmp(method, "customers.get")) {
		wire_add_varint(header, 1, 3);
		add_customer(out, "星辰");
	} else if (!strcmp(method, "customers.create")) {
		wire_add_varint(header, 1, 1);
		wire_add_varint(header, 2, *fx->key && !strcmp(fx->key, "replayed"));
		wire_add_text(header, 3, RECORD_ID);
		assert_true(wire_find(request->body, request->body_len, 1, &f));
		buffer_add(out, f.bytes, f.len);
	} else if (!strcmp(method, "customers.update")) {
		if (number_of(request, 2) == 2)
			return stale(out, arena);
		wire_add_varint(header, 1, 4);
		add_customer(out, "星辰");
	} else if (!strcmp(method, "customers.list")) {
		for (int i = 0; i < 2; i++) {
			size_t begun = wire_begin(out, 1);

			add_customer(out, i ? "乙" : "甲");
			wire_end(out, begun);
		}
		wire_add_text(out, 2, "next-cursor");
		wire_add_varint(out, 3, 12345);
	} else if (!strcmp(method, "customers.history")) {
		for (size_t i = 0; i < fx->log_len && i < 2; i++)
			wire_add_bytes(out, 1, fx->log[i].bytes, fx->log[i].len);
		wire_add_varint(out, 2, 1);
	} else if (!strcmp(method, "IdentityService.SignIn")) {
		return sign_in(out);
	} else if (!strcmp(method, "IdentityService.GetMe")) {
		wire_add_text(out, 1, fx->principal);
	} else if (!strcmp(method, "CustomerService.BeginFile") ||
		   !strcmp(method, "CustomerService.FinishFile")) {
		wire_add_text(out, 1, RECORD_ID);
		wire_add_varint(out, 3, fx->stored_bytes);
	} else if (!strcmp(method, "CustomerService.AppendFile")) {
		return append(request);
	} else if (!strcmp(method, "CustomerService.ReadFile")) {
		return read_file(request, out);
	} else if (!strcmp(method, "contacts.get")) {
		return INTERNAL; /* with a body that is no problem */
	}
	return OK;
}

static inline void on_fake_request(void *ctx, struct bus_request *request)
{
	struct arena *arena = arena_new();
	struct buffer header = { .arena = arena }, out = { .arena = arena };
	char method[64];
	uint16_t status;

	(void)ctx;
	lock();
	field_text(request->header, request->header_len, 1, method, sizeof method);
	if (fx->hold_gets && !strcmp(method, "customers.get")) {
		fx->held = request;
		pthread_cond_broadcast(&fx->changed);
		unlock();
		arena_free(arena);
		return;
	}
	if (!strcmp(method, "IdentityService.ResolveSession"))
		status = resolve(request, &out);
	else if (!strcmp(method, "events.readLog"))
		status = read_log(request, &out);
	else
		status = answer_own(request, method, &header, &out);
	pthread_cond_broadcast(&fx->changed);
	unlock();
	bus_request_reply(request, status, header.data, header.len, out.data, out.len);
	arena_free(arena);
}

/* --- events --- */

static inline void add_id(struct buffer *out, uint32_t number, const char *text)
{
	uint8_t id[16];

	assert_true(uuid_from_text(text, 36, id));
	wire_add_bytes(out, number, id, 16);
}

static inline void add_attribute(struct buffer *out, const char *key, const char *value)
{
	size_t entry = wire_begin(out, 5);

	wire_add_text(out, 1, key);
	size_t attribute = wire_begin(out, 2);

	wire_add_text(out, 3, value);
	wire_end(out, attribute);
	wire_end(out, entry);
}

static inline void add_event(struct buffer *out, const char *type, const char *subject, const char *name)
{
	size_t begun = wire_begin(out, 3);

	wire_add_text(out, 1, RECORD_ID);
	wire_add_text(out, 2, "/guanxi/customer");
	wire_add_text(out, 3, "1.0");
	wire_add_text(out, 4, type);
	add_attribute(out, "subject", subject);
	size_t change = wire_begin(out, 6);

	wire_add_varint(out, 1, 3);
	wire_add_text(out, 2, "name");
	size_t after = wire_begin(out, 4);

	wire_add_text(out, 16, name);
	wire_end(out, after);
	wire_add_text(out, 5, ADMIN_ID);
	wire_add_text(out, 6, "guanxi.customer.v1.Customer");
	wire_end(out, change);
	wire_end(out, begun);
}

/* Owners by id; NULL ends. An empty list: everyone. */
static inline void add_audience(struct buffer *out, const char *owner, const char *former_owner)
{
	size_t begun = wire_begin(out, 4);

	if (!owner) {
		wire_add_varint(out, 2, 1);
	} else {
		size_t entry = wire_begin(out, 1);

		add_id(out, 1, owner);
		wire_end(out, entry);
	}
	if (former_owner) {
		size_t entry = wire_begin(out, 1);

		add_id(out, 1, former_owner);
		wire_end(out, entry);
	}
	wire_end(out, begun);
}

/* Appends to the log of the customer service; returns the position. */
static inline uint64_t log_event(
	const char *type, const char *name, const char *owner, const char *former_owner)
{
	struct arena *arena = arena_new();
	struct buffer out = { .arena = arena };

	lock();
	uint64_t position = fx->log_len + 1;

	assert_true(fx->log_len < LOG_MAX);
	wire_add_varint(&out, 1, position);
	wire_add_varint(&out, 2, fx->epoch);
	add_event(&out, type, "customers/" RECORD_ID, name);
	add_audience(&out, owner, former_owner);
	fx->log[fx->log_len] = (struct logged){ malloc(out.len), out.len };
	memcpy(fx->log[fx->log_len].bytes, out.data, out.len);
	fx->log_len++;
	unlock();
	arena_free(arena);
	return position;
}

static inline void publish(uint64_t position)
{
	lock();
	struct frame_batch batch = { fx->epoch, position - 1, position };
	const struct logged *logged = &fx->log[position - 1];
	struct frame_event event = { position, logged->bytes, (uint32_t)logged->len };

	bus_publisher_send(fx->publisher, "customer", &batch, &event, 1);
	bus_publisher_process(fx->publisher);
	unlock();
}

static inline void *run_publisher(void *arg)
{
	(void)arg;
	for (;;) {
		struct pollfd readable = { .fd = bus_publisher_fd(fx->publisher), .events = POLLIN };

		poll(&readable, 1, 20);
		lock();
		if (fx->ends) {
			unlock();
			return NULL;
		}
		bus_publisher_process(fx->publisher);
		unlock();
	}
}

/* --- HTTP --- */

struct answer {
	unsigned status;
	char *head, *body;
	size_t body_len;
	json_t *json; /* NULL when the body is none */
};

static inline int dial(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(fx->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	struct timeval patience = { .tv_sec = 60 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	lock(); /* what the test has seen so far, it saw before the services note more */
	unlock();
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	return fd;
}

static inline void send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* the answer says why */
		data += n;
		len -= (size_t)n;
	}
}

/* Reads until the connection closes: requests say Connection: close. */
static inline struct answer receive_answer(int fd)
{
	struct answer answer = { 0 };
	size_t len = 0, capacity = 4096;
	char *bytes = malloc(capacity);
	ssize_t n;

	while ((n = recv(fd, bytes + len, capacity - len - 1, 0)) > 0) {
		len += (size_t)n;
		if (capacity - len < 2048) {
			char *grown = realloc(bytes, capacity *= 2);

			assert_non_null(grown);
			bytes = grown;
		}
	}
	close(fd);
	bytes[len] = '\0';
	lock(); /* what the services noted before they answered is seen from here on */
	unlock();
	char *end = strstr(bytes, "\r\n\r\n");

	if (!end || sscanf(bytes, "HTTP/1.1 %u", &answer.status) != 1)
		fail_msg("no answer: %s", bytes);
	*end = '\0';
	answer.head = bytes;
	answer.body = end + 4;
	answer.body_len = len - (size_t)(end + 4 - bytes);
	answer.json = json_loadb(answer.body, answer.body_len, JSON_REJECT_DUPLICATES, NULL);
	return answer;
}

static inline void answer_free(struct answer *answer)
{
	json_decref(answer->json);
	free(answer->head);
}

/* `headers` end with \r\n each; `body` may be NULL. */
static inline struct answer ask(
	const char *method, const char *target, const char *token, const char *headers, const char *body)
{
	char *text;
	int fd = dial(),
	    len = asprintf(&text, "%s %s HTTP/1.1\r\nHost: crm.test\r\nConnection: close\r\n%s%s%s%s", method,
		    target, token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "",
		    headers ? headers : "");

	send_all(fd, text, (size_t)len);
	free(text);
	if (body) {
		len = asprintf(&text, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
		send_all(fd, text, (size_t)len);
		free(text);
	} else {
		send_all(fd, "\r\n", 2);
	}
	return receive_answer(fd);
}

/* The value of a header, up to the end of its line, or NULL. In a buffer of its own for the next call. */
static inline const char *header_of(const struct answer *answer, const char *name)
{
	static char value[1024];
	char wanted[64];
	size_t len = (size_t)snprintf(wanted, sizeof wanted, "\n%s:", name);
	char *line = strcasestr(answer->head, wanted);

	if (!line)
		return NULL;
	line += len;
	line += *line == ' ';
	len = strcspn(line, "\r");
	snprintf(value, sizeof value, "%.*s", (int)len, line);
	return value;
}

static inline const char *text_at(const struct answer *answer, const char *name)
{
	const char *text = json_string_value(json_object_get(answer->json, name));

	return text ? text : "";
}

static inline void expect_problem(struct answer answer, unsigned status, const char *code)
{
	if (answer.status != status || strcmp(text_at(&answer, "code"), code))
		fail_msg("wanted %u %s, got %u %s", status, code, answer.status, answer.body);
	assert_string_equal(header_of(&answer, "content-type"), "application/problem+json");
	assert_int_equal(json_integer_value(json_object_get(answer.json, "status")), status);
	answer_free(&answer);
}

/* --- the stage --- */

static inline struct gateway_options test_options(void)
{
	struct gateway_options options = { .server = server_defaults };

	options.server.listen = "127.0.0.1:0";
	options.server.threads = 2;
	options.server.write_timeout_ms = 300000; /* sanitizers are slow */
	options.broker_requests = fx->harness->requests[0];
	options.broker_events = fx->harness->events[0];
	options.public_origin = "";
	options.web_root = "";
	memset(options.secret, 7, sizeof options.secret);
	return options;
}

static inline void open_gateway(const struct gateway_options *options)
{
	char error[SERVER_ERROR_SIZE];

	fx->gateway = gateway_open(options, error);
	if (!fx->gateway)
		fail_msg("%s", error);
	gateway_start(fx->gateway);
	fx->port = (uint16_t)atoi(strrchr(gateway_address(fx->gateway), ':') + 1);
	for (uint64_t until = now_ms() + HARNESS_LONG_MS; !gateway_is_ready(fx->gateway) && now_ms() < until;)
		usleep(2000);
	assert_true(gateway_is_ready(fx->gateway));
}

static inline int stage_open(void **state)
{
	static const struct bus_queue queues[] = { { "identity.read", 64 }, { "identity.work", 64 },
		{ "identity.query", 64 }, { "customer.read", 64 }, { "customer.write", 64 },
		{ "customer.query", 64 }, { "customer.work", 64 } };
	struct zsocket_error error;
	void *harness;

	schema_get();
	fx = calloc(1, sizeof *fx);
	fx->epoch = 1;
	pthread_mutex_init(&fx->lock, NULL);
	pthread_cond_init(&fx->changed, NULL);
	harness_setup(&harness);
	fx->harness = harness;
	harness_start_broker(fx->harness, 0);
	fx->worker = bus_worker_open(&(struct bus_worker_options){ .endpoints = fx->harness->requests[0],
					     .queues = queues,
					     .queue_count = sizeof queues / sizeof *queues,
					     .on_request = on_fake_request },
		&error);
	assert_non_null(fx->worker);
	bus_worker_start(fx->worker);
	fx->publisher = bus_publisher_open(fx->harness->events[0], &error);
	assert_non_null(fx->publisher);
	bus_publisher_head(fx->publisher, "customer", fx->epoch, 0);
	pthread_create(&fx->publisher_thread, NULL, run_publisher, NULL);
	struct gateway_options options = test_options();

	open_gateway(&options);
	*state = fx;
	return 0;
}

static inline int stage_close(void **state)
{
	void *harness = fx->harness;

	(void)state;
	gateway_close(fx->gateway);
	lock();
	fx->ends = true;
	unlock();
	pthread_join(fx->publisher_thread, NULL);
	bus_publisher_close(fx->publisher);
	bus_worker_close(fx->worker);
	harness_teardown(&harness);
	for (size_t i = 0; i < fx->log_len; i++)
		free(fx->log[i].bytes);
	free(fx->body);
	free(fx);
	return 0;
}
