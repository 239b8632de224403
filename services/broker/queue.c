#include "broker/call.h"

#include "broker/requests.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool queue_is_named(const struct queue *queue, const char *name, size_t name_len)
{
	return queue->name_len == name_len && memcmp(queue->name, name, name_len) == 0;
}

static bool serves(const struct service *service)
{
	return !service->worker->leaving && !service->worker->peer.gone;
}

static bool has_room(const struct service *service)
{
	return serves(service) && service->running_count < service->window &&
	       service->running_bytes < REQUESTS_WORKER_BYTES_MAX;
}

/* running/window, compared without dividing */
static bool less_loaded(const struct service *a, const struct service *b)
{
	return (uint64_t)a->running_count * b->window < (uint64_t)b->running_count * a->window;
}

static struct service *better(struct service *a, struct service *b)
{
	if (!has_room(a))
		return has_room(b) ? b : NULL;
	return has_room(b) && less_loaded(b, a) ? b : a;
}

struct service *queue_choose(struct queue *queue, uint32_t random)
{
	size_t count = queue->service_count;

	if (count == 0)
		return NULL;

	size_t first = (random & 0xffff) % count;
	size_t second = count == 1 ? 0 : (first + 1 + (random >> 16) % (count - 1)) % count;
	struct service *chosen = better(queue->services[first], queue->services[second]);

	for (size_t i = 0; !chosen && i < count; i++)
		if (has_room(queue->services[i]))
			chosen = queue->services[i];
	return chosen;
}

bool queue_is_served(const struct queue *queue)
{
	for (size_t i = 0; i < queue->service_count; i++)
		if (serves(queue->services[i]))
			return true;
	return false;
}

static void open_gauges(struct queue *queue)
{
	static const enum metric METRICS[QUEUE_GAUGES] = {
		[QUEUE_WAITING] = METRIC_BROKER_QUEUE,
		[QUEUE_RUNNING] = METRIC_BROKER_RUNNING,
		[QUEUE_WORKERS] = METRIC_BROKER_WORKERS,
	};
	char labels[FRAME_NAME_MAX + 16];

	snprintf(labels, sizeof(labels), "queue=\"%.*s\"", queue->name_len, queue->name);
	for (int i = 0; i < QUEUE_GAUGES; i++)
		queue->gauges[i] = metric_series(METRICS[i], labels);
}

void queue_tell_gauges(struct queue *queue)
{
	size_t running = 0;

	if (!queue->gauges[0])
		return;
	for (size_t i = 0; i < queue->service_count; i++)
		running += queue->services[i]->running_count;
	metric_set(queue->gauges[QUEUE_WAITING], (double)queue->waiting_count);
	metric_set(queue->gauges[QUEUE_RUNNING], (double)running);
	metric_set(queue->gauges[QUEUE_WORKERS], (double)queue->service_count);
}

void queue_add_service(struct queue *queue, struct service *service)
{
	if (!queue->gauges[0])
		open_gauges(queue);
	queue->services = reallocarray(queue->services, queue->service_count + 1, sizeof(*queue->services));
	if (!queue->services)
		abort();
	queue->services[queue->service_count++] = service;
}

void queue_remove_service(struct queue *queue, struct service *service)
{
	size_t i = 0;

	while (queue->services[i] != service)
		i++;
	assert(i < queue->service_count);
	queue->services[i] = queue->services[--queue->service_count];
}
