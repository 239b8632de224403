#include "kit/metrics.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum kind { COUNTER, GAUGE, HISTOGRAM };

#define BUCKETS 14
static const double bounds[BUCKETS] = { .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30,
	100 };

static const struct {
	const char *name, *help;
	enum kind kind;
} declared[METRIC_COUNT] = {
#define METRIC(id, metric_kind, text, prose) [METRIC_##id] = { text, prose, metric_kind },
#include "kit/metrics.def"
#undef METRIC
};

struct metric_series {
	struct metric_series *next;
	enum metric metric;
	char *labels;
	_Atomic double value; /* sum of a histogram */
	_Atomic uint64_t buckets[BUCKETS + 1];
};

static struct metric_series *series_of[METRIC_COUNT];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct metric_series *metric_series(enum metric metric, const char *labels)
{
	struct metric_series *s;

	pthread_mutex_lock(&lock);
	for (s = series_of[metric]; s && strcmp(s->labels, labels);)
		s = s->next;
	if (!s) {
		s = calloc(1, sizeof *s);
		s->metric = metric;
		s->labels = strdup(labels);
		s->next = series_of[metric];
		series_of[metric] = s;
	}
	pthread_mutex_unlock(&lock);
	return s;
}

void metric_add(struct metric_series *series, double amount)
{
	double before = atomic_load_explicit(&series->value, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(
		&series->value, &before, before + amount, memory_order_relaxed, memory_order_relaxed))
		;
}

void metric_set(struct metric_series *series, double value)
{
	atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

void metric_observe(struct metric_series *series, double value)
{
	size_t i = 0;

	assert(declared[series->metric].kind == HISTOGRAM);
	while (i < BUCKETS && value > bounds[i])
		i++;
	atomic_fetch_add_explicit(&series->buckets[i], 1, memory_order_relaxed);
	metric_add(series, value);
}

static void write_histogram(struct buffer *out, const char *name, struct metric_series *s)
{
	uint64_t total = 0;
	const char *comma = *s->labels ? "," : "";

	for (size_t i = 0; i <= BUCKETS; i++) {
		total += atomic_load_explicit(&s->buckets[i], memory_order_relaxed);
		if (i < BUCKETS)
			buffer_printf(out, "%s_bucket{%s%sle=\"%g\"} %lu\n", name, s->labels, comma,
				bounds[i], total);
		else
			buffer_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %lu\n", name, s->labels, comma, total);
	}
	const char *open = *s->labels ? "{" : "", *close = *s->labels ? "}" : "";

	buffer_printf(out, "%s_sum%s%s%s %.9g\n", name, open, s->labels, close, atomic_load(&s->value));
	buffer_printf(out, "%s_count%s%s%s %lu\n", name, open, s->labels, close, total);
}

void metrics_write(struct buffer *out)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };

	pthread_mutex_lock(&lock);
	for (size_t m = 0; m < METRIC_COUNT; m++) {
		if (!series_of[m])
			continue;
		buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", declared[m].name, declared[m].help,
			declared[m].name, kinds[declared[m].kind]);
		for (struct metric_series *s = series_of[m]; s; s = s->next) {
			if (declared[m].kind == HISTOGRAM)
				write_histogram(out, declared[m].name, s);
			else
				buffer_printf(out, "%s%s%s%s %.17g\n", declared[m].name,
					*s->labels ? "{" : "", s->labels, *s->labels ? "}" : "",
					atomic_load(&s->value));
		}
	}
	pthread_mutex_unlock(&lock);
}
