#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* the kit's records why a request fails */

/* The bus and the ends of a request are played: what is posted runs at once, on this thread. */
#define bus_client_call       played_call
#define bus_worker_client     played_client
#define bus_worker_post       played_post
#define bus_worker_wake       played_wake
#define bus_request_refuse    played_refuse
#define bus_request_abandoned played_abandoned
#define request_finish        played_finish
#define request_free          played_free
#include "kit/awaited.c" /* NOLINT(bugprone-suspicious-include): with the names above in the place of the bus's */

static struct {
	struct bus_call asked; /* the last question */
	unsigned asked_count, again_count, finished_count, freed_count;
	enum bus_outcome refused;
	enum status finished;
	bool abandoned;
} played;

uint64_t played_call(struct bus_client *client, const struct bus_call *call)
{
	(void)client;
	played.asked = *call;
	return ++played.asked_count;
}

struct bus_client *played_client(struct bus_worker *worker)
{
	(void)worker;
	return NULL;
}

void played_post(struct bus_worker *worker, void (*run)(void *arg), void *arg)
{
	(void)worker;
	run(arg);
}

void played_wake(struct bus_worker *worker)
{
	(void)worker;
}

void played_refuse(struct bus_request *bus, enum bus_outcome outcome, uint32_t retry_after_ms)
{
	(void)bus, (void)retry_after_ms;
	played.refused = outcome;
}

bool played_abandoned(const struct bus_request *bus)
{
	(void)bus;
	return played.abandoned;
}

void played_finish(struct request *req)
{
	played.finished = req->status;
	played.finished_count++;
}

void played_free(struct request *req)
{
	(void)req;
	played.freed_count++;
}

static void run_again_played(struct request *req)
{
	assert_null(req->missing);
	assert_int_equal(req->status, OK);
	played.again_count++;
}

static struct arena *arena;
static struct bus_request bus;

static int begin(void **state)
{
	(void)state;
	memset(&played, 0, sizeof played);
	memset(&a, 0, sizeof a);
	memset(&bus, 0, sizeof bus);
	bus.deadline_ns = UINT64_MAX;
	arena = arena_new();
	schema_get();
	awaited_open(NULL, run_again_played);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* Refused for one reason: its owner, that user, is not in the projection. */
static struct request *refused_request(uint8_t user)
{
	struct request *req = arena_zalloc(arena, sizeof *req);

	req->arena = arena;
	req->bus = &bus;
	req->missing = schema_resource_find("users");
	memset(req->missing_id, user, sizeof req->missing_id);
	req->projected = awaited_projected();
	fail(req, INVALID, MSG_INVALID, NULL);
	return req;
}

static void answer_with(enum bus_outcome outcome, enum status status)
{
	played.asked.on_reply(
		played.asked.ctx, &(struct bus_reply){ .outcome = outcome, .status = (uint16_t)status });
}

static void one_that_its_owner_knows_waits_for_the_projection_and_runs_again(void **state)
{
	(void)state;
	awaited_take(refused_request(1));
	assert_string_equal(played.asked.queue, "identity.read");
	assert_true(played.asked.idempotent);
	answer_with(BUS_ANSWERED, OK);
	assert_int_equal(played.again_count, 0);
	awaited_wake();
	assert_int_equal(played.again_count, 1);
	assert_int_equal(played.finished_count, 0);
	awaited_wake();
	assert_int_equal(played.again_count, 1);
}

static void one_that_its_owner_does_not_know_is_answered_as_it_stands(void **state)
{
	(void)state;
	awaited_take(refused_request(1));
	answer_with(BUS_ANSWERED, NOT_FOUND);
	assert_int_equal(played.finished_count, 1);
	assert_int_equal(played.finished, INVALID);
}

static void one_whose_owner_cannot_be_asked_is_worth_trying_again(void **state)
{
	(void)state;
	awaited_take(refused_request(1));
	answer_with(BUS_NO_SERVICE, OK);
	assert_int_equal(played.finished, UNAVAILABLE);
	awaited_take(refused_request(2));
	answer_with(BUS_ANSWERED, INTERNAL);
	assert_int_equal(played.finished, UNAVAILABLE);
	assert_int_equal(played.finished_count, 2);
}

static void a_projection_that_moved_while_the_owner_was_asked_wakes_it_all_the_same(void **state)
{
	(void)state;
	awaited_take(refused_request(1));
	awaited_wake();
	assert_int_equal(played.again_count, 0);
	answer_with(BUS_ANSWERED, OK);
	assert_int_equal(played.again_count, 1);
}

static void an_owner_is_asked_once_however_often_the_projection_moves(void **state)
{
	struct request *req = refused_request(1);

	(void)state;
	awaited_take(req);
	answer_with(BUS_ANSWERED, OK);
	for (unsigned i = 1; i <= 3; i++) {
		awaited_wake(); /* somebody else's event: it runs, and lacks the same user */
		assert_int_equal(played.again_count, i);
		req->missing = schema_resource_find("users");
		req->projected = awaited_projected();
		awaited_take(req);
	}
	assert_int_equal(played.asked_count, 1);
	memset(req->missing_id, 2, sizeof req->missing_id); /* then another one */
	awaited_wake();
	req->missing = schema_resource_find("users");
	awaited_take(req);
	assert_int_equal(played.asked_count, 2);
}

static void one_whose_time_is_over_is_told_so_and_others_go_on_waiting(void **state)
{
	(void)state;
	awaited_take(refused_request(1));
	answer_with(BUS_ANSWERED, OK);
	awaited_sweep();
	assert_int_equal(played.freed_count, 0);
	bus.deadline_ns = 1;
	awaited_sweep();
	assert_int_equal(played.freed_count, 1);
	assert_int_equal(played.refused, BUS_DEADLINE);
	awaited_wake();
	assert_int_equal(played.again_count, 0);
}

static void one_that_nobody_waits_for_any_more_goes(void **state)
{
	(void)state;
	awaited_take(refused_request(1));
	answer_with(BUS_ANSWERED, OK);
	played.abandoned = true;
	awaited_sweep();
	assert_int_equal(played.freed_count, 1);
}

static void one_too_many_is_told_that_there_is_too_much_to_do(void **state)
{
	(void)state;
	for (unsigned i = 0; i < AWAITED_MAX; i++) {
		awaited_take(refused_request(1));
		answer_with(BUS_ANSWERED, OK);
	}
	assert_int_equal(played.freed_count, 0);
	awaited_take(refused_request(1));
	assert_int_equal(played.freed_count, 1);
	assert_int_equal(played.refused, BUS_OVERLOADED);
	awaited_wake();
	assert_int_equal(played.again_count, AWAITED_MAX);
	awaited_take(refused_request(1));
	assert_int_equal(played.freed_count, 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(one_that_its_owner_knows_waits_for_the_projection_and_runs_again),
		test(one_that_its_owner_does_not_know_is_answered_as_it_stands),
		test(one_whose_owner_cannot_be_asked_is_worth_trying_again),
		test(a_projection_that_moved_while_the_owner_was_asked_wakes_it_all_the_same),
		test(an_owner_is_asked_once_however_often_the_projection_moves),
		test(one_whose_time_is_over_is_told_so_and_others_go_on_waiting),
		test(one_that_nobody_waits_for_any_more_goes),
		test(one_too_many_is_told_that_there_is_too_much_to_do),
	};

	return cmocka_run_group_tests_name("awaited", tests, NULL, NULL);
}
