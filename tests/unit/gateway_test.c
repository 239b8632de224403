/* The API as clients see it: a real gateway and broker, services made by the test. */
#include "gateway_harness.h"
#include "kit/uuid.h"

static void a_record_is_read_with_its_version_as_entity_tag(void **state)
{
	struct answer a = ask("GET", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN, NULL, NULL);

	(void)state;
	assert_int_equal(a.status, 200);
	assert_string_equal(text_at(&a, "name"), "星辰");
	assert_string_equal(text_at(&a, "version"), "3");
	assert_string_equal(text_at(&a, "kind"), "company");
	assert_string_equal(header_of(&a, "etag"), "\"3\"");
	assert_string_equal(header_of(&a, "content-type"), "application/json");
	assert_string_equal(fx->principal, ADMIN_ID);
	answer_free(&a);
	a = ask("GET", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN, "If-None-Match: \"2\", \"3\"\r\n", NULL);
	assert_int_equal(a.status, 304);
	assert_int_equal(a.body_len, 0);
	answer_free(&a);
	a = ask("HEAD", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN, NULL, NULL);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.body_len, 0);
	answer_free(&a);
}

static void a_record_is_created_with_location_and_key(void **state)
{
	struct answer a = ask("POST", "/api/v1/customers", ADMIN_TOKEN,
		"Content-Type: application/json; charset=utf-8\r\nIdempotency-Key: k-1\r\nAccept-Language: "
		"zh-CN,zh;q=0.9,en;q=0.8\r\n",
		"{\"name\":\"甲\",\"employees\":5}");
	struct wire_field resource;

	(void)state;
	assert_int_equal(a.status, 201);
	assert_string_equal(header_of(&a, "location"), "/api/v1/customers/" RECORD_ID);
	assert_string_equal(header_of(&a, "etag"), "\"1\"");
	assert_null(header_of(&a, "idempotency-replayed"));
	assert_string_equal(text_at(&a, "name"), "甲");
	assert_string_equal(fx->method, "customers.create");
	assert_string_equal(fx->key, "k-1");
	assert_string_equal(fx->locale, "zh");
	assert_true(wire_find(fx->body, fx->body_len, 1, &resource));
	answer_free(&a);
	a = ask("POST", "/api/v1/customers", ADMIN_TOKEN,
		"Content-Type: application/json\r\nIdempotency-Key: replayed\r\n", "{\"name\":\"甲\"}");
	assert_string_equal(header_of(&a, "idempotency-replayed"), "true");
	answer_free(&a);
}

static void a_patch_names_its_fields_and_its_version(void **state)
{
	struct answer a = ask("PATCH", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN,
		"Content-Type: application/merge-patch+json\r\nIf-Match: \"3\"\r\n",
		"{\"name\":\"乙\",\"website\":null}");
	struct wire_reader reader;
	struct wire_field f;
	uint64_t fields = 0;

	(void)state;
	assert_int_equal(a.status, 200);
	assert_string_equal(header_of(&a, "etag"), "\"4\"");
	reader = wire_reader(fx->body, fx->body_len);
	while (wire_next(&reader, &f)) {
		if (f.number == 2)
			assert_int_equal(f.value, 3);
		if (f.number == 4)
			fields = fields * 100 + f.value;
	}
	assert_int_equal(fields, 1623);
	answer_free(&a);
}

static void a_version_that_is_not_the_stored_one_is_412(void **state)
{
	struct answer a = ask("PATCH", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN,
		"Content-Type: application/json\r\nIf-Match: \"2\"\r\n", "{\"name\":\"乙\"}");

	(void)state;
	assert_string_equal(text_at(&a, "version"), "3");
	expect_problem(a, 412, "stale_version");
	unsigned calls = fx->calls;

	expect_problem(
		ask("PATCH", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN,
			"Content-Type: application/json\r\nIf-Match: W/\"3\"\r\n", "{\"name\":\"乙\"}"),
		412, "bad_if_match");
	expect_problem(ask("PATCH", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN,
			       "Content-Type: application/json\r\nIf-Match: 3\r\n", "{\"name\":\"乙\"}"),
		400, "bad_if_match");
	expect_problem(
		ask("PATCH", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN,
			"Content-Type: application/json\r\nIf-Match: \"3\", \"4\"\r\n", "{\"name\":\"乙\"}"),
		400, "bad_if_match");
	assert_int_equal(fx->calls, calls);
}

static void a_list_brings_a_page(void **state)
{
	struct answer a = ask("GET",
		"/api/v1/"
		"customers?q=%E6%98%9F+x&filter[stage][in]=active,lo%2Cst&filter%5Bname%5D%5Beq%5D=a,b&sort=-"
		"createTime,name"
		"&limit=2&count=true",
		ADMIN_TOKEN, NULL, NULL);
	json_t *page = json_object_get(a.json, "page");
	struct wire_reader reader;
	struct wire_field f;
	unsigned filters = 0;

	(void)state;
	assert_int_equal(a.status, 200);
	assert_int_equal(json_array_size(json_object_get(a.json, "data")), 2);
	assert_string_equal(json_string_value(json_object_get(page, "next")), "next-cursor");
	assert_string_equal(json_string_value(json_object_get(page, "total")), "12345");
	reader = wire_reader(fx->body, fx->body_len);
	while (wire_next(&reader, &f)) {
		struct wire_reader values = wire_reader(f.bytes, f.type == WIRE_BYTES ? f.len : 0);
		struct wire_field value;
		char seen[200] = "";

		if (f.number == 3)
			assert_memory_equal(f.bytes, "星 x", 5);
		if (f.number != 1)
			continue;
		while (wire_next(&values, &value))
			snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s|", (int)value.len,
				value.bytes);
		assert_string_equal(seen, filters++ ? "name|eq|a,b|" : "stage|in|active|lo,st|");
	}
	assert_int_equal(filters, 2);
	answer_free(&a);
}

static void a_list_refuses_what_it_does_not_know(void **state)
{
	struct answer a = ask("GET", "/api/v1/customers?colour=red&limit=501&filter[a]=1&count=yes&limit=3",
		ADMIN_TOKEN, NULL, NULL);
	json_t *errors = json_object_get(a.json, "errors");
	static const char *const codes[] = { "unknown_parameter", "bad_limit", "unknown_parameter",
		"bad_type", "repeated_parameter" };

	(void)state;
	assert_int_equal(json_array_size(errors), 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(
			json_string_value(json_object_get(json_array_get(errors, i), "code")), codes[i]);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(errors, 0), "pointer")), "/colour");
	assert_non_null(
		strstr(json_string_value(json_object_get(json_array_get(errors, 0), "message")), "limit"));
	expect_problem(a, 400, "invalid");
	expect_problem(ask("GET", "/api/v1/customers?q=%ff", ADMIN_TOKEN, NULL, NULL), 400, "bad_encoding");
	expect_problem(ask("GET", "/api/v1/customers/" RECORD_ID "?fields=id", ADMIN_TOKEN, NULL, NULL), 400,
		"invalid");
}

static void addresses_that_do_not_exist_are_told_apart_from_methods(void **state)
{
	(void)state;
	expect_problem(ask("GET", "/api/v1/nothing", ADMIN_TOKEN, NULL, NULL), 404, "no_such_endpoint");
	expect_problem(ask("GET", "/api/v1/customers/", ADMIN_TOKEN, NULL, NULL), 404, "no_such_endpoint");
	expect_problem(ask("GET", "/api/v1/customers/x", ADMIN_TOKEN, NULL, NULL), 404, "not_found");
	expect_problem(ask("POST", "/api/v1/customers/" RECORD_ID ":explode", ADMIN_TOKEN, NULL, NULL), 404,
		"no_such_endpoint");
	expect_problem(ask("POST", "/api/v1/jobs", ADMIN_TOKEN, "Content-Type: application/json\r\n", "{}"),
		405, "method_not_allowed");
}

static void a_method_that_is_not_allowed_is_405_with_those_that_are(void **state)
{
	struct answer a = ask("PUT", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN, NULL, "{}");
	char allowed[64];

	(void)state;
	strcpy(allowed, header_of(&a, "allow"));
	assert_non_null(strstr(allowed, "GET"));
	assert_non_null(strstr(allowed, "PATCH"));
	assert_non_null(strstr(allowed, "DELETE"));
	expect_problem(a, 405, "method_not_allowed");
	a = ask("GET", "/api/v1/sessions/current", ADMIN_TOKEN, NULL, NULL);
	assert_string_equal(header_of(&a, "allow"), "DELETE");
	expect_problem(a, 405, "method_not_allowed");
}

static void bodies_must_be_json_of_the_right_shape(void **state)
{
	struct answer a;

	(void)state;
	expect_problem(ask("POST", "/api/v1/customers", ADMIN_TOKEN, "Content-Type: text/plain\r\n", "{}"),
		415, "unsupported_media_type");
	expect_problem(ask("POST", "/api/v1/customers", ADMIN_TOKEN,
			       "Content-Type: application/merge-patch+json\r\n", "{}"),
		415, "unsupported_media_type");
	expect_problem(
		ask("POST", "/api/v1/customers", ADMIN_TOKEN, NULL, "{}"), 415, "unsupported_media_type");
	expect_problem(
		ask("POST", "/api/v1/customers", ADMIN_TOKEN, "Content-Type: application/json\r\n", "{"), 400,
		"json_syntax");
	expect_problem(ask("DELETE", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN, NULL, "{}"), 400,
		"body_not_allowed");
	expect_problem(ask("POST", "/api/v1/customers", ADMIN_TOKEN,
			       "Content-Type: application/json\r\nIdempotency-Key: a b\r\n", "{}"),
		400, "bad_idempotency_key");
	a = ask("POST", "/api/v1/customers", ADMIN_TOKEN,
		"Content-Type: application/json\r\nAccept-Language: zh\r\n",
		"{\"phones\":[{\"number\":5}],\"id\":\"x\"}");
	json_t *error = json_array_get(json_object_get(a.json, "errors"), 0);

	assert_string_equal(json_string_value(json_object_get(error, "pointer")), "/phones/0/number");
	assert_string_equal(
		json_string_value(json_object_get(error, "message")), "此处应为双引号括起的文本。");
	assert_string_equal(header_of(&a, "content-language"), "zh");
	expect_problem(a, 400, "invalid");
}

static void traces_go_through(void **state)
{
	struct answer a = ask("GET", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN,
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", NULL);

	(void)state;
	assert_memory_equal(header_of(&a, "traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-", 36);
	assert_memory_equal(fx->traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-", 36);
	answer_free(&a);
	a = ask("GET", "/api/v1/nothing", ADMIN_TOKEN,
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", NULL);
	assert_string_equal(text_at(&a, "traceId"), "4bf92f3577b34da6a3ce929d0e0e4736");
	answer_free(&a);
}

static void nobody_comes_in_without_a_session(void **state)
{
	struct answer a = ask("GET", "/api/v1/customers", NULL, NULL, NULL);

	(void)state;
	assert_string_equal(header_of(&a, "www-authenticate"), "Bearer");
	expect_problem(a, 401, "unauthenticated");
	expect_problem(ask("GET", "/api/v1/customers", "short", NULL, NULL), 401, "unauthenticated");
	expect_problem(
		ask("GET", "/api/v1/customers", "DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD", NULL, NULL),
		401, "session_expired");
	expect_problem(
		ask("GET", "/api/v1/customers", NULL,
			"Authorization: Basic YTpi\r\nCookie: guanxi_session=" ADMIN_TOKEN "\r\n", NULL),
		401, "unauthenticated");
}

static void a_session_is_remembered_until_identity_says_that_it_ended(void **state)
{
	struct answer a;
	unsigned resolves;

	(void)state;
	for (int i = 0; i < 10; i++) { /* both threads */
		a = ask("GET", "/api/v1/customers/" RECORD_ID, MEMBER_TOKEN, NULL, NULL);
		answer_free(&a);
	}
	resolves = fx->resolves;
	assert_in_range(resolves, 1, 2);
	a = ask("GET", "/api/v1/customers/" RECORD_ID, MEMBER_TOKEN, NULL, NULL);
	answer_free(&a);
	assert_in_range(fx->resolves, resolves, 2);
}

static void who_must_change_the_password_can_do_little_else(void **state)
{
	struct answer a = ask("GET", "/api/v1/me", NEW_TOKEN, NULL, NULL);

	(void)state;
	assert_int_equal(a.status, 200);
	answer_free(&a);
	expect_problem(ask("GET", "/api/v1/customers", NEW_TOKEN, NULL, NULL), 403, "must_change_password");
	a = ask("GET", "/api/schema", NEW_TOKEN, NULL, NULL);
	assert_int_equal(a.status, 200);
	answer_free(&a);
	a = ask("POST", "/api/v1/me:changePassword", NEW_TOKEN, "Content-Type: application/json\r\n",
		"{\"currentPassword\":\"a\",\"newPassword\":\"b\"}");
	assert_int_equal(a.status, 204);
	answer_free(&a);
}

static void cookie_of(const struct answer *answer, const char *name, char *value_out)
{
	char *at = strstr(answer->head, name);

	assert_non_null(at);
	at += strlen(name) + 1;
	snprintf(value_out, 100, "%.*s", (int)strcspn(at, ";"), at);
}

static void a_browser_gets_its_token_in_a_cookie_and_must_show_the_other(void **state)
{
	struct answer a = ask("POST", "/api/v1/sessions", NULL,
		"Content-Type: application/json\r\nX-Guanxi-Session: cookie\r\n",
		"{\"email\":\"a@b.c\",\"password\":\"x\"}");
	char session[100], csrf[100], cookies[400], headers[600];
	struct wire_field address;

	(void)state;
	assert_int_equal(a.status, 201);
	assert_null(json_object_get(a.json, "token"));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(a.json, "user"), "name")), "小王");
	assert_non_null(json_object_get(a.json, "expireTime"));
	cookie_of(&a, "guanxi_session", session);
	cookie_of(&a, "guanxi_csrf", csrf);
	assert_string_equal(session, MEMBER_TOKEN);
	assert_non_null(strstr(a.head, "; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=3"));
	assert_true(wire_find(fx->body, fx->body_len, 4, &address));
	assert_memory_equal(address.bytes, "127.0.0.1", 9);
	answer_free(&a);
	snprintf(cookies, sizeof cookies,
		"Content-Type: application/json\r\nCookie: x=y; guanxi_csrf=%s; guanxi_session=%s\r\n", csrf,
		session);
	expect_problem(ask("POST", "/api/v1/customers", NULL, cookies, "{}"), 403, "csrf");
	snprintf(headers, sizeof headers, "%sX-CSRF-Token: %s\r\n", cookies, session);
	expect_problem(ask("POST", "/api/v1/customers", NULL, headers, "{}"), 403, "csrf");
	snprintf(
		headers, sizeof headers, "%sX-CSRF-Token: %s\r\nOrigin: http://evil.test\r\n", cookies, csrf);
	expect_problem(ask("POST", "/api/v1/customers", NULL, headers, "{}"), 403, "bad_origin");
	snprintf(headers, sizeof headers, "%sX-CSRF-Token: %s\r\nOrigin: http://crm.test\r\n", cookies, csrf);
	a = ask("POST", "/api/v1/customers", NULL, headers, "{}");
	assert_int_equal(a.status, 201);
	answer_free(&a);
	a = ask("GET", "/api/v1/customers", NULL, cookies, NULL); /* reading needs none */
	assert_int_equal(a.status, 200);
	answer_free(&a);
	a = ask("DELETE", "/api/v1/sessions/current", NULL, headers, NULL);
	assert_int_equal(a.status, 204);
	assert_non_null(
		strstr(a.head, "guanxi_session=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0"));
	answer_free(&a);
}

static void a_program_gets_its_token_in_the_body(void **state)
{
	struct answer a = ask("POST", "/api/v1/sessions", NULL, "Content-Type: application/json\r\n",
		"{\"email\":\"a@b.c\",\"password\":\"x\"}");

	(void)state;
	assert_int_equal(a.status, 201);
	assert_string_equal(text_at(&a, "token"), MEMBER_TOKEN);
	assert_null(header_of(&a, "set-cookie"));
	assert_string_equal(header_of(&a, "cache-control"), "no-store");
	answer_free(&a);
	expect_problem(ask("POST", "/api/v1/sessions", NULL, "Content-Type: application/json\r\n",
			       "{\"email\":\"a@b.c\",\"password\":\"x\",\"address\":\"1.2.3.4\"}"),
		400, "invalid");
	expect_problem(ask("POST", "/api/v1/sessions", NULL,
			       "Content-Type: application/json\r\nX-Guanxi-Session: cookie\r\nOrigin: "
			       "http://evil.test\r\n",
			       "{}"),
		403, "bad_origin");
}

static void the_path_names_the_record_of_a_custom_method(void **state)
{
	struct answer a = ask("POST", "/api/v1/users/" RECORD_ID ":setPassword", ADMIN_TOKEN,
		"Content-Type: application/json\r\n", "{\"password\":\"long enough\"}");
	char id[64];

	(void)state;
	assert_int_equal(a.status, 204);
	field_text(fx->body, fx->body_len, 1, id, sizeof id);
	assert_string_equal(id, RECORD_ID);
	answer_free(&a);
	expect_problem(ask("POST", "/api/v1/users/" RECORD_ID ":setPassword", ADMIN_TOKEN,
			       "Content-Type: application/json\r\n",
			       "{\"id\":\"" ADMIN_ID "\",\"password\":\"long enough\"}"),
		400, "invalid");
}

static void history_tells_changes(void **state)
{
	struct answer a;
	json_t *entry;

	(void)state;
	log_event("guanxi.customer.customer.updated.v1", "乙", NULL, NULL);
	a = ask("GET", "/api/v1/customers/" RECORD_ID "/history?limit=5", ADMIN_TOKEN, NULL, NULL);
	assert_int_equal(a.status, 200);
	entry = json_array_get(json_object_get(a.json, "data"), 0);
	assert_string_equal(json_string_value(json_object_get(entry, "position")), "1");
	assert_string_equal(json_string_value(json_object_get(entry, "version")), "3");
	assert_string_equal(json_string_value(json_object_get(entry, "principalId")), ADMIN_ID);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(entry, "after"), "name")), "乙");
	assert_string_equal(json_string_value(json_object_get(json_object_get(a.json, "page"), "next")), "1");
	answer_free(&a);
}

static void a_service_that_answers_nonsense_is_our_own_bug(void **state)
{
	(void)state;
	expect_problem(ask("GET", "/api/v1/contacts/" RECORD_ID, ADMIN_TOKEN, NULL, NULL), 500, "internal");
}

static void a_service_that_is_not_there_is_503_with_a_time_to_try_again(void **state)
{
	struct answer a;

	(void)state;
	harness_end(fx->harness, fx->harness->brokers[0]);
	a = ask("GET", "/api/v1/me", ADMIN_TOKEN, NULL, NULL);
	expect_problem(a, 503, "unavailable");
}

static bool is_held(void *ctx)
{
	(void)ctx;
	lock();
	bool held = fx->held;

	unlock();
	return held;
}

static void await(bool (*done)(void *ctx), void *ctx)
{
	for (uint64_t until = now_ms() + HARNESS_LONG_MS; !done(ctx) && now_ms() < until;)
		usleep(2000);
	assert_true(done(ctx));
}

static bool is_abandoned(void *ctx)
{
	(void)ctx;
	return bus_request_abandoned(fx->held);
}

static void a_client_that_leaves_takes_its_request_with_it(void **state)
{
	static const char request[] = "GET /api/v1/customers/" RECORD_ID
				      " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " ADMIN_TOKEN "\r\n\r\n";
	int fd = dial();

	(void)state;
	lock();
	fx->hold_gets = true;
	unlock();
	send_all(fd, request, sizeof request - 1);
	await(is_held, NULL);
	close(fd);
	await(is_abandoned, NULL);
	bus_request_reply(fx->held, OK, NULL, 0, NULL, 0);
}

static void whoever_meets_a_service_that_is_away_is_told_when_to_come_again(void **state)
{
	static const char request[] =
		"GET /api/v1/customers/" RECORD_ID " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		"Authorization: Bearer " ADMIN_TOKEN "\r\n\r\n";
	int fd = dial();

	(void)state;
	lock();
	fx->hold_gets = true;
	unlock();
	send_all(fd, request, sizeof request - 1);
	await(is_held, NULL);
	bus_request_reply(fx->held, UNAVAILABLE, NULL, 0, NULL, 0);
	struct answer a = receive_answer(fd);

	assert_string_equal(header_of(&a, "retry-after"), "1");
	expect_problem(a, 503, "unavailable");
	close(fd);
}

static void a_principal_that_asks_too_often_is_told_when_to_come_again(void **state)
{
	struct gateway_options options = test_options();
	struct answer a;
	unsigned refused = 0;

	(void)state;
	gateway_close(fx->gateway);
	options.rate_per_s = 1;
	options.rate_burst = 3;
	open_gateway(&options);
	for (int i = 0; i < 5; i++) {
		a = ask("GET", "/api/v1/customers/" RECORD_ID, MEMBER_TOKEN, NULL, NULL);
		if (i == 0) {
			assert_string_equal(header_of(&a, "ratelimit-policy"), "\"principal\";q=3;w=3");
			assert_string_equal(header_of(&a, "ratelimit"), "\"principal\";r=2;t=1");
		}
		refused += a.status == 429;
		if (a.status == 429) {
			assert_string_equal(header_of(&a, "retry-after"), "1");
			expect_problem(a, 429, "rate_limited");
		} else {
			answer_free(&a);
		}
	}
	assert_in_range(refused, 1, 2);
	a = ask("GET", "/api/v1/customers/" RECORD_ID, ADMIN_TOKEN, NULL,
		NULL); /* each has a bucket of their own */
	assert_int_equal(a.status, 200);
	answer_free(&a);
}

/* --- files --- */

static void a_file_goes_up_in_chunks(void **state)
{
	enum { SIZE = 3000000 };
	char *data = malloc(SIZE), *head;
	uint64_t sum = 0;
	int fd = dial(),
	    len = asprintf(&head,
		    "POST /api/v1/files?name=%%E5%%AE%%A2.csv HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		    "Authorization: Bearer " ADMIN_TOKEN
		    "\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n",
		    SIZE);
	struct answer a;

	(void)state;
	for (int i = 0; i < SIZE; i++)
		sum += (uint8_t)(data[i] = (char)(i * 7 + i / 1000));
	send_all(fd, head, (size_t)len);
	send_all(fd, data, SIZE);
	a = receive_answer(fd);
	assert_int_equal(a.status, 201);
	assert_string_equal(text_at(&a, "id"), RECORD_ID);
	assert_string_equal(header_of(&a, "location"), "/api/v1/files/" RECORD_ID);
	assert_int_equal(fx->stored_bytes, SIZE);
	assert_int_equal(fx->stored_sum, sum);
	assert_int_equal(fx->stored_chunks, 12);
	assert_string_equal(fx->method, "CustomerService.FinishFile");
	answer_free(&a);
	free(head);
	free(data);
}

static void an_upload_that_the_service_refuses_ends_at_once(void **state)
{
	static const char head[] =
		"POST /api/v1/files?name=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " ADMIN_TOKEN
		"\r\nContent-Length: 900000000\r\n\r\n";
	char *data = calloc(1, 1 << 20);
	int fd = dial();

	(void)state;
	lock();
	fx->refuse_chunks = true;
	unlock();
	send_all(fd, head, sizeof head - 1);
	send_all(fd, data, 1 << 20);
	free(data);
	expect_problem(receive_answer(fd), 413, "too_large");
}

static void an_upload_needs_a_name_and_a_session(void **state)
{
	(void)state;
	expect_problem(ask("POST", "/api/v1/files", ADMIN_TOKEN, NULL, "abc"), 400, "invalid");
	expect_problem(ask("POST", "/api/v1/files?name=a&size=3", ADMIN_TOKEN, NULL, "abc"), 400, "invalid");
	expect_problem(ask("POST", "/api/v1/files?name=a", NULL, NULL, "abc"), 401, "unauthenticated");
	expect_problem(ask("POST", "/api/v1/files?name=a", "DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD",
			       NULL, "abc"),
		401, "session_expired");
	assert_int_equal(fx->stored_bytes, 0);
}

/* Takes chunked encoding off in place. */
static size_t dechunk(char *body)
{
	char *from = body, *to = body;
	size_t size;

	while ((size = strtoul(from, &from, 16))) {
		from += 2;
		memmove(to, from, size);
		to += size;
		from += size + 2;
	}
	return (size_t)(to - body);
}

static void a_file_comes_down_as_an_attachment(void **state)
{
	struct answer a = ask("GET", "/api/v1/files/" RECORD_ID, ADMIN_TOKEN, NULL, NULL);

	(void)state;
	assert_int_equal(a.status, 200);
	assert_string_equal(header_of(&a, "content-disposition"),
		"attachment; filename*=UTF-8''%E6%8A%A5%E4%BB%B7%20%221%22.csv");
	assert_string_equal(header_of(&a, "content-type"), "text/csv");
	assert_string_equal(header_of(&a, "x-content-type-options"), "nosniff");
	assert_int_equal(dechunk(a.body), 900000);
	for (size_t i = 0; i < 900000; i++)
		if (a.body[i] != (char)('0' + i / 300000))
			fail_msg("byte %zu", i);
	answer_free(&a);
}

/* --- documents --- */

static void the_schema_tells_fields_and_rights(void **state)
{
	struct answer admin = ask("GET", "/api/schema", ADMIN_TOKEN, NULL, NULL),
		      member = ask("GET", "/api/schema", MEMBER_TOKEN, NULL, NULL);
	json_t *resource, *found = NULL;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(member.json, "resources"), i,
		resource) if (!strcmp(json_string_value(json_object_get(resource, "collection")), "users"))
		found = resource;
	assert_true(json_is_false(json_object_get(json_object_get(found, "rights"), "create")));
	json_array_foreach(json_object_get(admin.json, "resources"), i,
		resource) if (!strcmp(json_string_value(json_object_get(resource, "collection")), "users"))
		found = resource;
	assert_true(json_is_true(json_object_get(json_object_get(found, "rights"), "create")));
	assert_non_null(json_object_get(json_object_get(admin.json, "messages"), "Phone"));
	assert_non_null(json_object_get(json_object_get(admin.json, "enums"), "LifecycleStage"));
	answer_free(&admin);
	answer_free(&member);
}

static void documents_and_health_need_no_session(void **state)
{
	struct answer a = ask("GET", "/api/openapi.json", NULL, NULL, NULL);

	(void)state;
	assert_int_equal(a.status, 200);
	assert_string_equal(text_at(&a, "openapi"), "3.1.0");
	answer_free(&a);
	a = ask("GET", "/api/problems/stale_version", NULL, NULL, NULL);
	assert_int_equal(a.status, 200);
	assert_string_equal(text_at(&a, "code"), "stale_version");
	answer_free(&a);
	expect_problem(ask("GET", "/api/problems/no_such", NULL, NULL, NULL), 404, "not_found");
	a = ask("GET", "/readyz", NULL, NULL, NULL);
	assert_int_equal(a.status, 200);
	answer_free(&a);
	a = ask("GET", "/livez", NULL, NULL, NULL);
	assert_int_equal(a.status, 200);
	answer_free(&a);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, stage_open, stage_close)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		STAGED(a_record_is_read_with_its_version_as_entity_tag),
		STAGED(a_record_is_created_with_location_and_key),
		STAGED(a_patch_names_its_fields_and_its_version),
		STAGED(a_version_that_is_not_the_stored_one_is_412),
		STAGED(a_list_brings_a_page),
		STAGED(a_list_refuses_what_it_does_not_know),
		STAGED(addresses_that_do_not_exist_are_told_apart_from_methods),
		STAGED(a_method_that_is_not_allowed_is_405_with_those_that_are),
		STAGED(bodies_must_be_json_of_the_right_shape),
		STAGED(traces_go_through),
		STAGED(nobody_comes_in_without_a_session),
		STAGED(a_session_is_remembered_until_identity_says_that_it_ended),
		STAGED(who_must_change_the_password_can_do_little_else),
		STAGED(a_browser_gets_its_token_in_a_cookie_and_must_show_the_other),
		STAGED(a_program_gets_its_token_in_the_body),
		STAGED(the_path_names_the_record_of_a_custom_method),
		STAGED(history_tells_changes),
		STAGED(a_service_that_answers_nonsense_is_our_own_bug),
		STAGED(a_service_that_is_not_there_is_503_with_a_time_to_try_again),
		STAGED(a_client_that_leaves_takes_its_request_with_it),
		STAGED(whoever_meets_a_service_that_is_away_is_told_when_to_come_again),
		STAGED(a_principal_that_asks_too_often_is_told_when_to_come_again),
		STAGED(a_file_goes_up_in_chunks),
		STAGED(an_upload_that_the_service_refuses_ends_at_once),
		STAGED(an_upload_needs_a_name_and_a_session),
		STAGED(a_file_comes_down_as_an_attachment),
		STAGED(the_schema_tells_fields_and_rights),
		STAGED(documents_and_health_need_no_session),
	};

	harness_role(argc, argv);
	return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
