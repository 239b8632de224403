#include "kit/thread.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static char released[32];

static void note(void *name)
{
	strcat(released, name);
}

static void *defer_three(void *unused)
{
	(void)unused;
	thread_defer(note, "a");
	thread_defer(note, "b");
	thread_defer(note, "c");
	return released[0] ? "too early" : NULL;
}

static void what_was_deferred_runs_when_its_thread_ends_last_first(void **state)
{
	void *problem = "did not run";
	pthread_t thread;

	(void)state;
	for (int i = 0; i < 2; i++) {
		released[0] = '\0';
		assert_int_equal(pthread_create(&thread, NULL, defer_three, NULL), 0);
		assert_int_equal(pthread_join(thread, &problem), 0);
		assert_null(problem);
		assert_string_equal(released, "cba");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_deferred_runs_when_its_thread_ends_last_first),
	};

	return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
