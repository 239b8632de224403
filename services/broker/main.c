/*
 * guanxi-broker: routes requests to services and hands on events. It keeps nothing: it may die at any moment, and several may
 * run side by side (README.md).
 */
#include "broker/events.h"
#include "broker/requests.h"
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

	struct requests *requests = requests_open(config_text("GUANXI_BIND_REQUESTS"), &error);

	if (!requests)
		config_refuse("GUANXI_BIND_REQUESTS: %s", error.text);

	struct events *events = events_open(config_text("GUANXI_BIND_EVENTS"), &error);

	if (!events)
		config_refuse("GUANXI_BIND_EVENTS: %s", error.text);

	pthread_t request_thread = start(run_requests, requests);
	pthread_t event_thread = start(run_events, events);

	log_info("serving", "requests=%s events=%s", config_text("GUANXI_BIND_REQUESTS"), config_text("GUANXI_BIND_EVENTS"));
	tell_ready();
	wait_for_end(&ends);
	requests_stop(requests);
	events_stop(events);
	pthread_join(request_thread, NULL);
	pthread_join(event_thread, NULL);
	requests_close(requests);
	events_close(events);
	return 0;
}
