/*
 * guanxi-broker: routes requests to services and hands on events. It keeps nothing: it may die at any
 * moment, and several may run side by side (README.md).
 */
#include "broker/events.h"
#include "broker/requests.h"
#include "kit/admin.h"
#include "kit/config.h"
#include "kit/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void *run_requests(void *arg)
{
	requests_run(arg);
	return NULL;
}

static void *run_events(void *arg)
{
	events_run(arg);
	return NULL;
}

struct broker {
	struct requests *requests;
	struct events *events;
};

static bool is_alive(void *ctx)
{
	const struct broker *broker = ctx;

	return requests_is_alive(broker->requests) && events_is_alive(broker->events);
}

/* It depends on nothing: once it is bound it serves. */
static bool is_ready(void *ctx, struct buffer *why_not)
{
	(void)why_not;
	return is_alive(ctx);
}

/* What supervises us waits for a newline. */
static void tell_ready(void)
{
	int fd = (int)config_number("GUANXI_READY_FD");

	if (fd > 0 && write(fd, "\n", 1) == 1)
		close(fd);
}

static pthread_t start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, arg) != 0)
		abort();
	return thread;
}

/* NULL: no keys, so nothing but this machine. */
static struct access *open_access(void)
{
	const char *public_key = config_text("GUANXI_CURVE_PUBLIC_KEY");
	struct zsocket_error error;
	struct access *access;

	if (!zsocket_use_curve(public_key, config_text("GUANXI_CURVE_SECRET_KEY"), public_key, &error))
		config_refuse("GUANXI_CURVE_PUBLIC_KEY, GUANXI_CURVE_SECRET_KEY: %s", error.text);
	if (!*public_key)
		return NULL;
	access = access_open(config_text("GUANXI_CURVE_CLIENTS"), &error);
	if (!access)
		config_refuse("GUANXI_CURVE_CLIENTS: %s", error.text);
	return access;
}

static void wait_for_end(const sigset_t *signals)
{
	int received;

	while (sigwait(signals, &received) != 0)
		;
	log_info("stopping", "signal=%d", received);
}

int main(int argc, char **argv)
{
	struct zsocket_error error;
	sigset_t ends;

	config_load(argc, argv, "broker");
	log_open("broker");
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before any thread starts, libzmq's too */

	struct access *access = open_access();
	struct broker broker = { .requests =
					 requests_open(config_text("GUANXI_BIND_REQUESTS"), access, &error) };

	if (!broker.requests)
		config_refuse("GUANXI_BIND_REQUESTS: %s", error.text);

	broker.events = events_open(config_text("GUANXI_BIND_EVENTS"), access, &error);
	if (!broker.events)
		config_refuse("GUANXI_BIND_EVENTS: %s", error.text);

	pthread_t request_thread = start(run_requests, broker.requests);
	pthread_t event_thread = start(run_events, broker.events);

	admin_open(&(struct admin_options){
		.address = config_text("GUANXI_ADMIN"),
		.is_alive = is_alive,
		.is_ready = is_ready,
		.ctx = &broker,
	});
	log_info("serving", "requests=%s events=%s", config_text("GUANXI_BIND_REQUESTS"),
		config_text("GUANXI_BIND_EVENTS"));
	tell_ready();
	wait_for_end(&ends);
	requests_leave(broker.requests);
	pthread_join(request_thread, NULL);
	events_stop(broker.events);
	pthread_join(event_thread, NULL);
	requests_close(broker.requests);
	events_close(broker.events);
	if (access)
		access_close(access);
	return 0;
}
