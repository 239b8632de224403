/*
 * bus_harness.h: real brokers and workers for tests, as child processes over ipc:// in a temporary
 * directory, so that a test can kill, stop and restart them. The test program runs itself again in another
 * role: its main() begins with harness_role(argc, argv). Children die with the test.
 */
#pragma once

#include "broker/events.h"
#include "broker/requests.h"
#include "kit/bus_client.h"
#include "kit/bus_events.h"
#include "kit/bus_worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* How much later than promised something may be noticed, where other work or a sanitizer slows this machine
 * down. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { HARNESS_LATE_MS = 10000 };
#else
enum { HARNESS_LATE_MS = 1500 };
#endif

enum { HARNESS_BROKERS = 2, HARNESS_CHILDREN = 16, HARNESS_LONG_MS = 15000 };

struct harness {
	char directory[64];
	char requests[HARNESS_BROKERS][128]; /* endpoints */
	char events[HARNESS_BROKERS][128];
	char all_requests[300];
	char all_events[300];
	pid_t brokers[HARNESS_BROKERS];
	pid_t children[HARNESS_CHILDREN]; /* all of them */
	size_t child_count;
};

static inline void *harness_run_requests(void *arg)
{
	requests_run(arg);
	return NULL;
}

static inline int harness_broker(const char *requests_endpoint, const char *events_endpoint)
{
	struct zsocket_error error;
	struct requests *requests = requests_open(requests_endpoint, NULL, &error);
	struct events *events = requests ? events_open(events_endpoint, NULL, &error) : NULL;
	pthread_t thread;

	if (!events) {
		fprintf(stderr, "broker: %s\n", error.text);
		return 1;
	}
	pthread_create(&thread, NULL, harness_run_requests, requests);
	events_run(events);
	return 0;
}

static inline void harness_echo(void *ctx, struct bus_request *request)
{
	(void)ctx;
	bus_request_reply_later(
		request, 0, request->header, request->header_len, request->body, request->body_len);
}

static inline void harness_swallow(void *ctx, struct bus_request *request)
{
	(void)ctx;
	if (request->body_len == 0) /* asks only whether it is there */
		bus_request_reply_later(request, 0, NULL, 0, NULL, 0);
}

static inline int harness_worker(const char *endpoints, const char *queue, const char *kind)
{
	struct bus_queue queues[] = { { queue, 64 } };
	struct zsocket_error error;
	struct bus_worker *worker = bus_worker_open(
		&(struct bus_worker_options){
			.endpoints = endpoints,
			.queues = queues,
			.queue_count = 1,
			.on_request = strcmp(kind, "echo") == 0 ? harness_echo : harness_swallow,
		},
		&error);

	if (!worker)
		return 1;
	bus_worker_start(worker);
	pause();
	return 0;
}

/* Does not return in a child. */
static inline void harness_role(int argc, char **argv)
{
	if (argc < 5)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (strcmp(argv[1], "broker") == 0)
		exit(harness_broker(argv[2], argv[3]));
	if (strcmp(argv[1], "worker") == 0)
		exit(harness_worker(argv[2], argv[3], argv[4]));
	exit(2);
}

static inline pid_t harness_spawn(
	struct harness *harness, const char *role, const char *a, const char *b, const char *c)
{
	char *argv[] = { (char *)"bus_test", (char *)role, (char *)a, (char *)b, (char *)c, NULL };
	pid_t pid;

	assert_true(harness->child_count < HARNESS_CHILDREN);
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	harness->children[harness->child_count++] = pid;
	return pid;
}

static inline uint64_t now_ms(void)
{
	return zsocket_now_ns() / 1000000;
}

/* Until somebody listens there. */
static inline void harness_await_listener(const char *endpoint)
{
	uint64_t until = now_ms() + HARNESS_LONG_MS;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int result;

	strcpy(address.sun_path, endpoint + strlen("ipc://"));
	do {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		result = connect(fd, (struct sockaddr *)&address, sizeof(address));
		close(fd);
		if (result != 0)
			poll(NULL, 0, 2);
	} while (result != 0 && now_ms() < until);
	assert_int_equal(result, 0);
}

static inline void harness_start_broker(struct harness *harness, size_t i)
{
	harness->brokers[i] = harness_spawn(harness, "broker", harness->requests[i], harness->events[i], "-");
	harness_await_listener(harness->requests[i]);
	harness_await_listener(harness->events[i]);
}

static inline pid_t harness_start_worker(struct harness *harness, const char *queue, const char *kind)
{
	return harness_spawn(harness, "worker", harness->all_requests, queue, kind);
}

static inline void harness_end(struct harness *harness, pid_t pid)
{
	for (size_t i = 0; i < harness->child_count; i++) {
		if (harness->children[i] != pid)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		harness->children[i] = harness->children[--harness->child_count];
		return;
	}
	fail_msg("not a child of this test");
}

static inline bool harness_is_alive(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static inline int harness_setup(void **state)
{
	struct harness *harness = calloc(1, sizeof(*harness));

	strcpy(harness->directory, "/tmp/guanxi-bus-XXXXXX");
	assert_non_null(mkdtemp(harness->directory));
	for (size_t i = 0; i < HARNESS_BROKERS; i++) {
		snprintf(harness->requests[i], 128, "ipc://%s/%zu.requests", harness->directory, i);
		snprintf(harness->events[i], 128, "ipc://%s/%zu.events", harness->directory, i);
	}
	snprintf(harness->all_requests, 300, "%s,%s", harness->requests[0], harness->requests[1]);
	snprintf(harness->all_events, 300, "%s,%s", harness->events[0], harness->events[1]);
	*state = harness;
	return 0;
}

static inline int harness_teardown(void **state)
{
	struct harness *harness = *state;
	char command[128];

	while (harness->child_count)
		harness_end(harness, harness->children[0]);
	snprintf(command, sizeof(command), "rm -rf '%s'", harness->directory);
	(void)!system(command);
	free(harness);
	return 0;
}

/* Turns the loop until done(ctx), at most HARNESS_LONG_MS; returns whether it was. */
static inline bool harness_until(
	int fd, void (*process)(void *object), void *object, bool (*done)(void *ctx), void *ctx)
{
	uint64_t until = now_ms() + HARNESS_LONG_MS;

	while (!done(ctx) && now_ms() < until) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };

		poll(&readable, 1, 100);
		process(object);
	}
	return done(ctx);
}
