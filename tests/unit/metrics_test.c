#include "kit/metrics.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static int begin(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static const char *exposition(void)
{
	struct buffer out = { .arena = arena };

	metrics_write(&out);
	return out.data ? out.data : "";
}

static void assert_line(const char *line)
{
	const char *text = exposition(), *found = strstr(text, line);

	if (!found || (found != text && found[-1] != '\n'))
		print_error("not there: %s\n%s\n", line, text);
	assert_true(found && (found == text || found[-1] == '\n'));
}

static void a_series_is_the_same_for_the_same_labels(void **state)
{
	struct metric_series *one = metric_series(METRIC_REQUESTS, "method=\"a\"");

	(void)state;
	assert_ptr_equal(metric_series(METRIC_REQUESTS, "method=\"a\""), one);
	assert_ptr_not_equal(metric_series(METRIC_REQUESTS, "method=\"b\""), one);
	assert_ptr_not_equal(metric_series(METRIC_DATABASE_CONNECTS, ""), one);
}

static void counters_and_gauges_are_told_with_their_help(void **state)
{
	(void)state;
	metric_add(metric_series(METRIC_REQUESTS, "method=\"told\""), 3);
	metric_add(metric_series(METRIC_REQUESTS, "method=\"told\""), 4);
	metric_set(metric_series(METRIC_LOG_HEAD, ""), 9007199254740991.0);
	assert_line("guanxi_requests_total{method=\"told\"} 7\n");
	assert_line("# TYPE guanxi_requests_total counter\n");
	assert_line("# HELP guanxi_requests_total ");
	assert_line("guanxi_event_log_head 9007199254740991\n");
	assert_line("# TYPE guanxi_event_log_head gauge\n");
}

static void a_histogram_counts_upwards_to_all(void **state)
{
	struct metric_series *series = metric_series(METRIC_STEP_DURATION, "step=\"x\"");

	(void)state;
	metric_observe(series, 0.0005); /* a bound belongs to its bucket */
	metric_observe(series, 0.02);
	metric_observe(series, 1000);
	assert_line("guanxi_step_duration_seconds_bucket{step=\"x\",le=\"0.0005\"} 1\n");
	assert_line("guanxi_step_duration_seconds_bucket{step=\"x\",le=\"0.01\"} 1\n");
	assert_line("guanxi_step_duration_seconds_bucket{step=\"x\",le=\"0.025\"} 2\n");
	assert_line("guanxi_step_duration_seconds_bucket{step=\"x\",le=\"100\"} 2\n");
	assert_line("guanxi_step_duration_seconds_bucket{step=\"x\",le=\"+Inf\"} 3\n");
	assert_line("guanxi_step_duration_seconds_count{step=\"x\"} 3\n");
	assert_line("guanxi_step_duration_seconds_sum{step=\"x\"} 1000.0205\n");
}

enum { THREADS = 4, TIMES = 50000 };

static void *count(void *unused)
{
	struct metric_series *own = metric_series(METRIC_DATABASE_CONNECTS, "");

	(void)unused;
	for (int i = 0; i < TIMES; i++)
		metric_add(own, 1);
	return NULL;
}

static void threads_lose_no_count(void **state)
{
	pthread_t threads[THREADS];
	char line[80];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	snprintf(line, sizeof line, "guanxi_database_connects_total %d\n", THREADS * TIMES);
	assert_line(line);
}

static void every_metric_is_named_and_explained_once(void **state)
{
	static const char *const names[] = {
#define METRIC(id, kind, name, help) name,
#include "kit/metrics.def"
#undef METRIC
	};
	static const char *const helps[] = {
#define METRIC(id, kind, name, help) help,
#include "kit/metrics.def"
#undef METRIC
	};

	(void)state;
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		assert_int_equal(strspn(names[i], "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(names[i]));
		assert_ptr_equal(strstr(names[i], "guanxi_"), names[i]);
		assert_int_equal(helps[i][strlen(helps[i]) - 1], '.');
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(names[i], names[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_series_is_the_same_for_the_same_labels),
		cmocka_unit_test(counters_and_gauges_are_told_with_their_help),
		cmocka_unit_test(a_histogram_counts_upwards_to_all),
		cmocka_unit_test(threads_lose_no_count),
		cmocka_unit_test(every_metric_is_named_and_explained_once),
	};

	return cmocka_run_group_tests_name("metrics", tests, begin, end);
}
