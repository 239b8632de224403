#include "kit/bus_worker.h"

#include "kit/bus_link.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const uint64_t NS_PER_MS = 1000000;

/* A request that the owner holds. It lies in the batch that it came with. */
struct held {
	struct bus_request request; /* first: what the owner sees */
	struct bus_worker *worker;
	struct bus_link *link;
	struct batch *batch;
	uint64_t id;
	atomic_bool abandoned;
	atomic_bool answered;
	struct held *newer, *older; /* all that are held, on the bus thread */
};

/* One message and what came in it: freed with the last of its requests. Credit bounds how many there are. */
struct batch {
	zmq_msg_t message;
	size_t live;
	struct held items[];
};

/* What other threads leave for the bus thread: answers, and functions to run. */
struct errand {
	struct errand *next;
	void (*run)(void *arg); /* NULL: an answer */
	void *arg;
	struct held *held;
	struct frame_item item;
	uint8_t bytes[];
};

struct queue {
	char name[FRAME_NAME_MAX + 1];
	uint32_t capacity;
	uint32_t outstanding;
};

/* What this side keeps for each broker. */
struct session {
	struct frame_writer answers;
	unsigned goodbyes_sent;
	unsigned goodbyes_echoed;
};

/* How far a drain has got. The second GOODBYE comes back after the brokers have all answers. */
enum drain { SERVING, NO_NEW_WORK, ALL_ANSWERED, DRAINED };

struct bus_worker {
	struct bus_links links;
	struct session sessions[ZSOCKET_BROKERS_MAX];
	struct queue queues[BUS_WORKER_QUEUES_MAX];
	size_t queue_count;
	struct bus_worker_options options;
	struct bus_client *client;
	struct held *newest;
	bool announce; /* the queues, to all brokers, at the end of the turn */
	enum drain drain;

	_Atomic(struct errand *) errands; /* newest first */
	atomic_bool woken;
	atomic_bool draining;
	atomic_bool stopping;
	atomic_size_t outstanding;

	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t drained;
	bool is_drained; /* under the lock */
};

static bool wrong(struct zsocket_error *error_out, const char *text, const char *name)
{
	snprintf(error_out->text, sizeof(error_out->text), text, name);
	return false;
}

static bool copy_queues(
	struct bus_worker *worker, const struct bus_worker_options *options, struct zsocket_error *error_out)
{
	if (options->queue_count == 0 || options->queue_count > BUS_WORKER_QUEUES_MAX)
		return wrong(error_out, "a worker registers between 1 and %s queues", "32");
	for (size_t i = 0; i < options->queue_count; i++) {
		const struct bus_queue *from = &options->queues[i];

		if (!frame_name_valid(from->name, strlen(from->name)) || from->capacity == 0)
			return wrong(
				error_out, "\"%.100s\" cannot name a queue, or has no capacity", from->name);
		strcpy(worker->queues[i].name, from->name);
		worker->queues[i].capacity = from->capacity;
	}
	worker->queue_count = options->queue_count;
	return true;
}

static struct session *session_of(struct bus_worker *worker, const struct bus_link *link)
{
	return &worker->sessions[link - worker->links.link];
}

/* --- answers */

static void send_answers(struct bus_worker *worker, struct bus_link *link)
{
	struct session *session = session_of(worker, link);

	if (frame_writer_open(&session->answers))
		bus_link_send(link, &session->answers);
}

static void write_answer(struct bus_worker *worker, struct bus_link *link, const struct frame_item *item)
{
	struct frame_writer *writer = &session_of(worker, link)->answers;

	if (!link->up)
		return; /* who asked is gone, or has asked elsewhere by now */
	if (!frame_writer_open(writer))
		frame_write_begin(writer, FRAME_REPLY, NULL, 0);
	if (frame_write_item(writer, item))
		return;
	send_answers(worker, link);
	frame_write_begin(writer, FRAME_REPLY, NULL, 0);
	frame_write_item(writer, item);
}

static void release(struct held *held)
{
	struct bus_worker *worker = held->worker;
	struct batch *batch = held->batch;

	*(held->newer ? &held->newer->older : &worker->newest) = held->older;
	if (held->older)
		held->older->newer = held->newer;
	worker->queues[held->request.queue].outstanding--;
	atomic_fetch_sub(&worker->outstanding, 1);
	if (--batch->live)
		return;
	zmq_msg_close(&batch->message);
	free(batch);
}

static void run_errand(struct bus_worker *worker, struct errand *errand)
{
	if (errand->run) {
		errand->run(errand->arg);
	} else {
		write_answer(worker, errand->held->link, &errand->item);
		release(errand->held);
	}
	free(errand);
}

/* Newest first, as pushed; to be dealt with in the order in which they came. */
static struct errand *take_errands(struct bus_worker *worker)
{
	struct errand *newest = atomic_exchange(&worker->errands, NULL);
	struct errand *first = NULL;

	while (newest) {
		struct errand *next = newest->next;

		newest->next = first;
		first = newest;
		newest = next;
	}
	return first;
}

static void run_errands(struct bus_worker *worker)
{
	struct errand *errand, *next;

	/* Before taking: what is left after this wakes the thread again. */
	atomic_store(&worker->woken, false);
	for (errand = take_errands(worker); errand; errand = next) {
		next = errand->next;
		run_errand(worker, errand);
	}
	for (size_t i = 0; i < worker->links.count; i++)
		send_answers(worker, &worker->links.link[i]);
}

static void leave_errand(struct bus_worker *worker, struct errand *errand)
{
	errand->next = atomic_load(&worker->errands);
	while (!atomic_compare_exchange_weak(&worker->errands, &errand->next, errand))
		;
}

void bus_worker_wake(struct bus_worker *worker)
{
	if (!atomic_exchange(&worker->woken, true))
		bus_links_kick(&worker->links);
}

void bus_worker_post(struct bus_worker *worker, void (*run)(void *arg), void *arg)
{
	struct errand *errand = calloc(1, sizeof(*errand));

	if (!errand)
		abort();
	errand->run = run;
	errand->arg = arg;
	leave_errand(worker, errand);
	bus_worker_wake(worker);
}

static struct errand *new_answer(
	struct bus_request *request, const void *header, size_t header_len, const void *body, size_t body_len)
{
	struct held *held = (struct held *)request;
	struct errand *errand = malloc(sizeof(*errand) + header_len + body_len);

	assert(header_len <= FRAME_HEADER_MAX && body_len <= FRAME_BODY_MAX);
	bool again = atomic_exchange(&held->answered, true);

	assert(!again);
	if (!errand)
		abort();
	*errand = (struct errand){ .held = held };
	errand->item = (struct frame_item){
		.id = held->id,
		.header = errand->bytes,
		.header_len = (uint32_t)header_len,
		.body = errand->bytes + header_len,
		.body_len = (uint32_t)body_len,
	};
	if (header_len)
		memcpy(errand->bytes, header, header_len);
	if (body_len)
		memcpy(errand->bytes + header_len, body, body_len);
	return errand;
}

void bus_request_reply_later(struct bus_request *request, uint16_t status, const void *header,
	size_t header_len, const void *body, size_t body_len)
{
	struct bus_worker *worker = ((struct held *)request)->worker;
	struct errand *errand = new_answer(request, header, header_len, body, body_len);

	errand->item.status = status;
	leave_errand(worker, errand);
}

void bus_request_reply(struct bus_request *request, uint16_t status, const void *header, size_t header_len,
	const void *body, size_t body_len)
{
	struct bus_worker *worker = ((struct held *)request)->worker;

	bus_request_reply_later(request, status, header, header_len, body, body_len);
	bus_worker_wake(worker);
}

void bus_request_refuse(struct bus_request *request, enum bus_outcome outcome, uint32_t retry_after_ms)
{
	struct bus_worker *worker = ((struct held *)request)->worker;
	struct errand *errand = new_answer(request, NULL, 0, NULL, 0);

	assert(outcome != BUS_ANSWERED && outcome < BUS_OUTCOMES);
	errand->item.outcome = (uint8_t)outcome;
	errand->item.time_ms = retry_after_ms;
	leave_errand(worker, errand);
	bus_worker_wake(worker);
}

bool bus_request_abandoned(const struct bus_request *request)
{
	const struct held *held = (const struct held *)request;

	return atomic_load(&held->abandoned) || zsocket_now_ns() >= request->deadline_ns;
}

/* --- requests */

static struct queue *find_queue(struct bus_worker *worker, const struct frame_envelope *envelope)
{
	for (size_t i = 0; i < worker->queue_count; i++) {
		struct queue *queue = &worker->queues[i];

		if (strlen(queue->name) == envelope->name_len &&
			memcmp(queue->name, envelope->name, envelope->name_len) == 0)
			return queue;
	}
	return NULL;
}

static void hold(struct bus_worker *worker, struct held *held, const struct frame_item *item)
{
	uint64_t now_ns = worker->links.now_ns;

	held->worker = worker;
	held->id = item->id;
	held->request = (struct bus_request){
		.queue = held->request.queue,
		.idempotent = (item->flags & FRAME_IDEMPOTENT) != 0,
		.header = item->header,
		.header_len = item->header_len,
		.body = item->body,
		.body_len = item->body_len,
		.received_ns = now_ns,
		.deadline_ns = now_ns + item->time_ms * NS_PER_MS,
	};
	held->older = worker->newest;
	if (held->older)
		held->older->newer = held;
	worker->newest = held;
	worker->queues[held->request.queue].outstanding++;
	atomic_fetch_add(&worker->outstanding, 1);
}

/* Brokers keep to their share; while shares change they may overlap, hence twice. */
static bool has_room(const struct queue *queue)
{
	return queue->outstanding < 2 * (uint64_t)queue->capacity;
}

static void on_request(struct bus_worker *worker, struct bus_link *link,
	const struct frame_envelope *envelope, struct frame_reader body, zmq_msg_t *message)
{
	struct queue *queue = find_queue(worker, envelope);
	struct batch *batch = calloc(1, sizeof(*batch) + envelope->count * sizeof(*batch->items));
	uint32_t count = envelope->count;
	struct frame_item item;

	if (!batch)
		abort();
	/* The batch itself counts until all of its requests have been handed over. A small message lies
	 * inside zmq_msg_t, so that moving it moves the bytes: read them from where they are now. */
	batch->live = 1;
	size_t offset = (size_t)(body.at - (const uint8_t *)zmq_msg_data(message));

	zmq_msg_init(&batch->message);
	zmq_msg_move(&batch->message, message);
	body.at = (const uint8_t *)zmq_msg_data(&batch->message) + offset;
	body.end = (const uint8_t *)zmq_msg_data(&batch->message) + zmq_msg_size(&batch->message);
	for (uint32_t i = 0; i < count && frame_read_item(&body, &item); i++) {
		struct held *held = &batch->items[i];

		if (!queue || !has_room(queue)) {
			item = (struct frame_item){ .id = item.id,
				.outcome = queue ? BUS_OVERLOADED : BUS_NO_SERVICE };
			write_answer(worker, link, &item);
			continue;
		}
		batch->live++;
		held->batch = batch;
		held->link = link;
		held->request.queue = (uint32_t)(queue - worker->queues);
		hold(worker, held, &item);
		worker->options.on_request(worker->options.ctx, &held->request);
	}
	if (--batch->live == 0) {
		zmq_msg_close(&batch->message);
		free(batch);
	}
}

static void on_cancel(struct bus_worker *worker, const struct bus_link *link, struct frame_reader body)
{
	struct frame_item item;

	while (frame_read_item(&body, &item))
		for (struct held *held = worker->newest; held; held = held->older)
			if (held->link == link && held->id == item.id)
				atomic_store(&held->abandoned, true);
}

static bool awaits_echo(const struct session *session)
{
	return session->goodbyes_echoed < session->goodbyes_sent;
}

static void on_message(void *ctx, struct bus_link *link, const struct frame_envelope *envelope,
	struct frame_reader body, zmq_msg_t *message)
{
	struct bus_worker *worker = ctx;

	if (envelope->type == FRAME_REQUEST && frame_items_valid(body, envelope))
		on_request(worker, link, envelope, body, message);
	else if (envelope->type == FRAME_CANCEL && frame_items_valid(body, envelope))
		on_cancel(worker, link, body);
	else if (envelope->type == FRAME_GOODBYE && awaits_echo(session_of(worker, link)))
		session_of(worker, link)->goodbyes_echoed++;
	else
		worker->links.malformed++;
}

/* --- sessions */

static void on_up(void *ctx, struct bus_link *link)
{
	struct bus_worker *worker = ctx;
	struct session *session = session_of(worker, link);

	worker->announce = true;
	session->goodbyes_sent = session->goodbyes_echoed = 0;
	bus_links_kick(&worker->links);
}

static void on_down(void *ctx, struct bus_link *link)
{
	struct bus_worker *worker = ctx;

	for (struct held *held = worker->newest; held; held = held->older)
		if (held->link == link)
			atomic_store(&held->abandoned, true);
	frame_writer_fini(&session_of(worker, link)->answers);
	worker->announce = true;
	bus_links_kick(&worker->links);
}

static const struct bus_links_ops LINK_OPS = { .on_up = on_up, .on_down = on_down, .on_message = on_message };

static void send_ready(struct bus_link *link, const struct queue *queue, size_t brokers)
{
	struct frame_writer writer = { 0 };

	frame_write_begin(&writer, FRAME_READY, queue->name, strlen(queue->name));
	frame_write_count(&writer, (uint32_t)((queue->capacity + brokers - 1) / brokers));
	bus_link_send(link, &writer);
}

/* The capacity is shared out among the brokers that are up. */
static void announce(struct bus_worker *worker)
{
	size_t brokers = atomic_load(&worker->links.up_count);

	if (!worker->announce || worker->drain != SERVING)
		return;
	worker->announce = false;
	for (size_t i = 0; i < worker->links.count; i++)
		for (size_t q = 0; worker->links.link[i].up && q < worker->queue_count; q++)
			send_ready(&worker->links.link[i], &worker->queues[q], brokers);
}

/* --- the end */

static void say_goodbye(struct bus_worker *worker)
{
	for (size_t i = 0; i < worker->links.count; i++) {
		struct bus_link *link = &worker->links.link[i];
		struct frame_writer writer = { 0 };

		frame_write_begin(&writer, FRAME_GOODBYE, NULL, 0);
		if (bus_link_send(link, &writer))
			session_of(worker, link)->goodbyes_sent++;
	}
}

static bool all_echoed(const struct bus_worker *worker)
{
	for (size_t i = 0; i < worker->links.count; i++) {
		if (worker->links.link[i].up && awaits_echo(&worker->sessions[i]))
			return false;
	}
	return true;
}

static void tell_drained(struct bus_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->is_drained = true;
	pthread_cond_broadcast(&worker->drained);
	pthread_mutex_unlock(&worker->lock);
}

static bool drain_step(struct bus_worker *worker)
{
	enum drain before = worker->drain;

	if (worker->drain == SERVING && atomic_load(&worker->draining)) {
		worker->drain = NO_NEW_WORK;
		say_goodbye(worker);
	} else if (worker->drain == NO_NEW_WORK && all_echoed(worker) && !worker->newest) {
		worker->drain = ALL_ANSWERED;
		say_goodbye(worker);
	} else if (worker->drain == ALL_ANSWERED && all_echoed(worker)) {
		worker->drain = DRAINED;
		tell_drained(worker);
	}
	return worker->drain != before;
}

/* --- the bus thread */

static void turn(struct bus_worker *worker)
{
	bus_links_process(&worker->links, -1);
	if (worker->client)
		bus_client_process(worker->client);
	run_errands(worker);
	if (worker->client)
		bus_client_flush(worker->client);
	if (worker->options.on_turn_end)
		worker->options.on_turn_end(worker->options.ctx);
	announce(worker);
	while (drain_step(worker))
		;
	bus_links_settle(&worker->links);
}

static void *bus_thread(void *arg)
{
	struct bus_worker *worker = arg;

	while (!atomic_load(&worker->stopping))
		turn(worker);
	return NULL;
}

struct bus_worker *bus_worker_open(const struct bus_worker_options *options, struct zsocket_error *error_out)
{
	struct bus_worker *worker = calloc(1, sizeof(*worker));
	pthread_condattr_t monotonic;

	if (!worker)
		abort();
	if (!copy_queues(worker, options, error_out) ||
		!bus_links_open(&worker->links, options->endpoints, &LINK_OPS, worker, error_out)) {
		free(worker);
		return NULL;
	}
	worker->options = *options;
	worker->options.endpoints = strdup(options->endpoints);
	if (!worker->options.endpoints)
		abort();
	pthread_mutex_init(&worker->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->drained, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return worker;
}

/* Signals are for the main thread. */
void bus_worker_start(struct bus_worker *worker)
{
	sigset_t all, before;

	assert(!worker->started);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&worker->thread, NULL, bus_thread, worker) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	worker->started = true;
}

struct bus_client *bus_worker_client(struct bus_worker *worker)
{
	struct zsocket_error error;

	if (!worker->client) {
		worker->client = bus_client_open(
			&(struct bus_client_options){ .endpoints = worker->options.endpoints }, &error);
		assert(worker->client); /* the endpoints were found to be right */
		bus_links_watch(&worker->links, bus_client_fd(worker->client));
	}
	return worker->client;
}

bool bus_worker_connected(const struct bus_worker *worker)
{
	return atomic_load(&worker->links.up_count) > 0;
}

size_t bus_worker_outstanding(const struct bus_worker *worker)
{
	return atomic_load(&worker->outstanding);
}

size_t bus_worker_drain(struct bus_worker *worker, uint32_t timeout_ms)
{
	uint64_t until_ns = zsocket_now_ns() + timeout_ms * NS_PER_MS;
	struct timespec until = { (time_t)(until_ns / 1000000000u), (long)(until_ns % 1000000000u) };

	atomic_store(&worker->draining, true);
	bus_links_kick(&worker->links);
	pthread_mutex_lock(&worker->lock);
	while (!worker->is_drained &&
		pthread_cond_timedwait(&worker->drained, &worker->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&worker->lock);
	return bus_worker_outstanding(worker);
}

static void free_errands(struct bus_worker *worker)
{
	struct errand *errand, *next;

	for (errand = take_errands(worker); errand; errand = next) {
		next = errand->next;
		if (errand->held)
			release(errand->held);
		free(errand);
	}
}

void bus_worker_close(struct bus_worker *worker)
{
	atomic_store(&worker->stopping, true);
	bus_links_kick(&worker->links);
	if (worker->started)
		pthread_join(worker->thread, NULL);
	free_errands(worker);
	for (struct held *held = worker->newest, *older; held; held = older) {
		older = held->older;
		release(held);
	}
	if (worker->client)
		bus_client_close(worker->client);
	for (size_t i = 0; i < ZSOCKET_BROKERS_MAX; i++)
		frame_writer_fini(&worker->sessions[i].answers);
	bus_links_close(&worker->links);
	pthread_cond_destroy(&worker->drained);
	pthread_mutex_destroy(&worker->lock);
	free((char *)worker->options.endpoints);
	free(worker);
}
