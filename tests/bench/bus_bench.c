/*
 * bus_bench: what the way through the broker costs. An echo worker, a broker and a client, each a process of
 *its own, over ipc; `outstanding` calls are always under way.
 *
 *	bus_bench [outstanding=64] [seconds=3] [body bytes=256]
 *
 * Prints round trips a second, the latency's median and 99th percentile, and CPU µs a round trip of each
 *process.
 */
#include "broker/events.h"
#include "broker/requests.h"
#include "kit/bus_client.h"
#include "kit/bus_worker.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAMPLES_MAX = 1 << 22 };

struct bench {
	struct bus_client *client;
	size_t body_len;
	uint8_t body[65536];
	uint64_t *began_ns; /* by outstanding call */
	uint64_t ended;
	uint64_t failed;
	bool measuring;
	uint32_t *samples_us;
	size_t sample_count;
};

struct slot {
	struct bench *bench;
	uint64_t began_ns;
};

static void on_reply(void *ctx, const struct bus_reply *reply);

static void call(struct slot *slot)
{
	slot->began_ns = zsocket_now_ns();
	bus_client_call(slot->bench->client, &(struct bus_call){
						     .queue = "bench.echo",
						     .body = slot->bench->body,
						     .body_len = slot->bench->body_len,
						     .timeout_ms = 10000,
						     .on_reply = on_reply,
						     .ctx = slot,
					     });
}

static void on_reply(void *ctx, const struct bus_reply *reply)
{
	struct slot *slot = ctx;
	struct bench *bench = slot->bench;

	bench->ended++;
	bench->failed += reply->outcome != BUS_ANSWERED;
	if (bench->measuring && bench->sample_count < SAMPLES_MAX)
		bench->samples_us[bench->sample_count++] =
			(uint32_t)((zsocket_now_ns() - slot->began_ns) / 1000);
	call(slot);
}

static void run_for(struct bench *bench, double seconds)
{
	uint64_t until = zsocket_now_ns() + (uint64_t)(seconds * 1e9);

	while (zsocket_now_ns() < until) {
		struct pollfd readable = { .fd = bus_client_fd(bench->client), .events = POLLIN };

		poll(&readable, 1, 100);
		bus_client_process(bench->client);
	}
}

static void echo(void *ctx, struct bus_request *request)
{
	(void)ctx;
	bus_request_reply_later(request, 0, NULL, 0, request->body, request->body_len);
}

static int be_worker(const char *endpoint)
{
	struct bus_queue queues[] = { { "bench.echo", 1024 } };
	struct zsocket_error error;
	struct bus_worker *worker = bus_worker_open(
		&(struct bus_worker_options){
			.endpoints = endpoint, .queues = queues, .queue_count = 1, .on_request = echo },
		&error);

	if (!worker)
		return 1;
	bus_worker_start(worker);
	pause();
	return 0;
}

static int be_broker(const char *endpoint)
{
	struct zsocket_error error;
	struct requests *requests = requests_open(endpoint, NULL, &error);

	if (!requests)
		return 1;
	requests_run(requests);
	return 0;
}

static pid_t start(const char *role, const char *endpoint)
{
	char *argv[] = { (char *)"bus_bench", (char *)role, (char *)endpoint, NULL };
	pid_t pid;

	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) != 0)
		abort();
	return pid;
}

/* CPU time so far, µs; of us when pid is 0 */
static double cpu_us(pid_t pid)
{
	char path[64], line[1024] = "";
	unsigned long user = 0, system = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid ? (int)pid : (int)getpid());
	file = fopen(path, "r");
	if (!file || !fgets(line, sizeof(line), file))
		abort();
	fclose(file);
	sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
	return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void report(struct bench *bench, uint64_t ended, double seconds, const double cpu[3])
{
	qsort(bench->samples_us, bench->sample_count, sizeof(uint32_t), compare);
	printf("%.0f round trips/s, median %u us, p99 %u us, failed %llu\n", (double)ended / seconds,
		bench->samples_us[bench->sample_count / 2], bench->samples_us[bench->sample_count * 99 / 100],
		(unsigned long long)bench->failed);
	printf("CPU us a round trip: client %.2f, broker %.2f, worker %.2f\n", cpu[0] / (double)ended,
		cpu[1] / (double)ended, cpu[2] / (double)ended);
}

static void measure(struct bench *bench, double seconds, const pid_t processes[3])
{
	double before[3], cpu[3];
	uint64_t ended_before;

	run_for(bench, 0.5); /* until everybody is there */
	bench->measuring = true;
	ended_before = bench->ended;
	for (int i = 0; i < 3; i++)
		before[i] = cpu_us(processes[i]);
	run_for(bench, seconds);
	for (int i = 0; i < 3; i++)
		cpu[i] = cpu_us(processes[i]) - before[i];
	report(bench, bench->ended - ended_before, seconds, cpu);
}

static void bench_run(int outstanding, double seconds, size_t body_len)
{
	char directory[] = "/tmp/guanxi-bench-XXXXXX", endpoint[64], command[64];
	struct bench bench = { .body_len = body_len, .samples_us = calloc(SAMPLES_MAX, sizeof(uint32_t)) };
	struct slot *slots = calloc((size_t)outstanding, sizeof(*slots));
	struct zsocket_error error;

	if (!mkdtemp(directory))
		abort();
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/broker", directory);
	pid_t processes[3] = { 0, start("broker", endpoint), start("worker", endpoint) };

	bench.client = bus_client_open(
		&(struct bus_client_options){ .endpoints = endpoint, .calls_max = 65536 }, &error);
	for (int i = 0; i < outstanding; i++) {
		slots[i].bench = &bench;
		call(&slots[i]);
	}
	measure(&bench, seconds, processes);
	for (int i = 1; i < 3; i++) {
		kill(processes[i], SIGKILL);
		waitpid(processes[i], NULL, 0);
	}
	bus_client_close(bench.client);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	(void)!system(command);
}

int main(int argc, char **argv)
{
	if (argc == 3 && (strcmp(argv[1], "broker") == 0 || strcmp(argv[1], "worker") == 0)) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return argv[1][0] == 'b' ? be_broker(argv[2]) : be_worker(argv[2]);
	}
	bench_run(argc > 1 ? atoi(argv[1]) : 64, argc > 2 ? atof(argv[2]) : 3,
		argc > 3 ? (size_t)atoi(argv[3]) : 256);
	return 0;
}
