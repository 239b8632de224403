/*
 * Metrics in the Prometheus text format. Each is declared once, with its prose, in metrics.def. A series is a
 *metric with labels; looking one up takes a lock, so whoever counts often keeps the pointer, which stays
 *valid for ever. Adding is atomic and wait-free.
 *
 *	static struct metric_series *hits;
 *	if (!hits) hits = metric_series(METRIC_REQUESTS, "method=\"customers.get\",status=\"200\"");
 *	metric_add(hits, 1);
 */
#pragma once
#include "kit/arena.h"

enum metric {
#define METRIC(name, kind, text, help) METRIC_##name,
#include "kit/metrics.def"
#undef METRIC
	METRIC_COUNT
};

struct metric_series;

/* `labels` in the exposition's form, without braces; "" for none. */
struct metric_series *metric_series(enum metric metric, const char *labels);
void metric_add(struct metric_series *series, double amount);    /* counters, gauges */
void metric_set(struct metric_series *series, double value);     /* gauges */
void metric_observe(struct metric_series *series, double value); /* histograms */

/* The whole exposition. */
void metrics_write(struct buffer *out);
