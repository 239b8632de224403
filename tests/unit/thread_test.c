#include "kit/thread.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* In a child: it ends. A stack that is larger than any memory stands for a limit that is reached. */
static void a_process_that_gets_no_thread_ends_and_says_why(void **state)
{
	int says[2], how = 0;
	char text[256] = "";

	(void)state;
	assert_int_equal(pipe(says), 0);
	pid_t child = fork();

	if (!child) {
		dup2(says[1], STDERR_FILENO);
		thread_start(defer_three, NULL, (size_t)1 << 60);
		_exit(0);
	}
	close(says[1]);
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 1);
	assert_true(read(says[0], text, sizeof text - 1) > 0);
	assert_non_null(strstr(text, "cannot start a thread"));
	close(says[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_gets_no_thread_ends_and_says_why),
		cmocka_unit_test(what_was_deferred_runs_when_its_thread_ends_last_first),
	};

	return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
