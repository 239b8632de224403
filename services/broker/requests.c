#include "broker/requests.h"

#include "broker/call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const uint64_t NS_PER_MS = 1000000;

/* xorshift64: spreads load, guards nothing */
static uint32_t next_random(struct requests *requests)
{
	uint64_t x = requests->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	requests->random = x;
	return (uint32_t)(x >> 32);
}

/* --- queues */

/* NULL: there are as many as allowed. */
static struct queue *find_queue(struct requests *requests, const char *name, size_t name_len)
{
	for (size_t i = 0; i < requests->queue_count; i++)
		if (queue_is_named(requests->queues[i], name, name_len))
			return requests->queues[i];
	if (requests->queue_count == REQUESTS_QUEUES_MAX)
		return NULL;

	struct queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		abort();
	memcpy(queue->name, name, name_len);
	queue->name_len = (uint8_t)name_len;
	queue->unserved_ns = requests->router.now_ns;
	TAILQ_INIT(&queue->waiting);
	requests->queues[requests->queue_count++] = queue;
	return queue;
}

static void free_queue(struct requests *requests, size_t index)
{
	free(requests->queues[index]->services);
	free(requests->queues[index]);
	requests->queues[index] = requests->queues[--requests->queue_count];
}

static uint32_t retry_after_ms(const struct requests *requests, const struct queue *queue)
{
	const struct call *oldest = queue ? TAILQ_FIRST(&queue->waiting) : NULL;
	uint64_t age_ms = oldest ? (requests->router.now_ns - oldest->arrived_ns) / NS_PER_MS : 0;

	if (age_ms < REQUESTS_RETRY_MIN_MS)
		return REQUESTS_RETRY_MIN_MS;
	return age_ms < REQUESTS_RETRY_MAX_MS ? (uint32_t)age_ms : REQUESTS_RETRY_MAX_MS;
}

/* --- REQUEST */

static void refuse(struct requests *requests, struct party *client, const struct queue *queue, uint64_t id)
{
	requests_answer(requests, client,
		&(struct frame_item){
			.id = id,
			.outcome = BUS_OVERLOADED,
			.time_ms = retry_after_ms(requests, queue),
		});
}

static bool has_room(const struct requests *requests, const struct party *client, const struct queue *queue)
{
	return queue && queue->waiting_count < REQUESTS_WAITING_MAX &&
	       client->call_count < REQUESTS_CLIENT_CALLS_MAX &&
	       requests->waiting_bytes <= REQUESTS_WAITING_BYTES_MAX;
}

static void accept(struct requests *requests, struct party *client, struct queue *queue,
	struct inbound *inbound, const struct frame_item *item)
{
	struct call *call = has_room(requests, client, queue) ? call_new(requests) : NULL;

	if (!call) {
		refuse(requests, client, queue, item->id);
		return;
	}
	call->client = client;
	call->client_id = item->id;
	call->queue = queue;
	call->inbound = inbound;
	inbound->waiting++;
	call->item = *item;
	call->size = (size_t)item->header_len + item->body_len;
	call->arrived_ns = requests->router.now_ns;
	call->deadline_ns = call->arrived_ns + item->time_ms * NS_PER_MS;
	TAILQ_INSERT_TAIL(&queue->waiting, call, in_state);
	queue->waiting_count++;
	TAILQ_INSERT_TAIL(&client->calls, call, in_client);
	client->call_count++;
}

static void refuse_all(struct requests *requests, struct party *client, struct frame_reader body)
{
	struct frame_item item;

	while (frame_read_item(&body, &item))
		requests_answer(
			requests, client, &(struct frame_item){ .id = item.id, .outcome = BUS_REFUSED });
}

static void on_request(struct requests *requests, struct party *client, const struct frame_envelope *envelope,
	struct frame_reader body, zmq_msg_t *message)
{
	struct queue *queue = find_queue(requests, envelope->name, envelope->name_len);
	struct inbound *inbound = calloc(1, sizeof(*inbound));
	size_t offset = (size_t)(body.at - (const uint8_t *)zmq_msg_data(message));
	struct frame_item item;

	if (!inbound)
		abort();
	/* The bytes of a small message lie in zmq_msg_t itself and move with it. */
	zmq_msg_init(&inbound->message);
	zmq_msg_move(&inbound->message, message);
	body.at = (const uint8_t *)zmq_msg_data(&inbound->message) + offset;
	body.end = (const uint8_t *)zmq_msg_data(&inbound->message) + zmq_msg_size(&inbound->message);
	requests->waiting_bytes += zmq_msg_size(&inbound->message);
	while (frame_read_item(&body, &item))
		accept(requests, client, queue, inbound, &item);
	if (inbound->waiting)
		return;
	requests->waiting_bytes -= zmq_msg_size(&inbound->message);
	zmq_msg_close(&inbound->message);
	free(inbound);
}

/* --- from queues to workers */

static uint32_t remaining_ms(const struct requests *requests, const struct call *call)
{
	uint64_t now_ns = requests->router.now_ns;

	return call->deadline_ns > now_ns
		       ? (uint32_t)((call->deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS)
		       : 0;
}

static void expire_waiting(struct requests *requests, struct call *call)
{
	call_answer_outcome(requests, call, BUS_DEADLINE, 0);
	call_free(requests, call);
}

/* Takes what fits into one message for this service, into `calls`; they stay in the queue. */
static size_t gather(struct requests *requests, struct queue *queue, const struct service *service,
	struct frame_writer *writer, struct call **calls)
{
	size_t room = service->window - service->running_count;
	size_t taken = 0;
	struct call *call = TAILQ_FIRST(&queue->waiting), *next;

	for (; call && taken < room && taken < FRAME_ITEMS_MAX; call = next) {
		next = TAILQ_NEXT(call, in_state);
		call->item.id = call->id;
		call->item.time_ms = remaining_ms(requests, call);
		if (call->item.time_ms == 0) {
			expire_waiting(requests, call);
			continue;
		}
		if (!frame_write_item(writer, &call->item))
			break;
		calls[taken++] = call;
	}
	return taken;
}

static void start_running(struct requests *requests, struct service *service, struct call *call)
{
	call_leave_queue(call);
	call_release_inbound(requests, call);
	call->service = service;
	service->running_count++;
	service->running_bytes += call->size;
	TAILQ_INSERT_TAIL(&service->running, call, in_state);
}

/* One message to one worker. Returns false when there is nobody to send to. A worker that does not take it
 * is gone, and the calls, which it never saw, still wait. */
static bool dispatch_batch(struct requests *requests, struct queue *queue)
{
	struct service *service = queue_choose(queue, next_random(requests));
	struct frame_writer writer = { 0 };
	struct call *calls[FRAME_ITEMS_MAX];

	if (!service)
		return false;
	frame_write_begin(&writer, FRAME_REQUEST, queue->name, queue->name_len);

	size_t taken = gather(requests, queue, service, &writer, calls);

	if (taken == 0)
		frame_writer_fini(&writer);
	else if (router_send(&requests->router, &service->worker->peer, &writer))
		for (size_t i = 0; i < taken; i++)
			start_running(requests, service, calls[i]);
	return true;
}

static void dispatch(struct requests *requests, struct queue *queue)
{
	while (!TAILQ_EMPTY(&queue->waiting) && dispatch_batch(requests, queue))
		;
}

/* --- REPLY, CANCEL */

static void on_reply(struct requests *requests, struct party *worker, struct frame_reader body)
{
	struct frame_item item;

	while (frame_read_item(&body, &item)) {
		struct call *call = call_find(requests, item.id);

		if (!call || !call->service || call->service->worker != worker) {
			router_count_drop(&requests->router, ROUTER_STALE);
			continue;
		}
		item.id = call->client_id;
		if (call->client)
			requests_answer(requests, call->client, &item);
		call_free(requests, call);
	}
}

static struct call *find_clients_call(struct party *client, uint64_t id)
{
	struct call *call = TAILQ_FIRST(&client->calls);

	while (call && call->client_id != id)
		call = TAILQ_NEXT(call, in_client);
	return call;
}

static void cancel(struct requests *requests, struct call *call)
{
	if (!call->service) {
		call_free(requests, call);
		return;
	}
	call_leave_client(call);
	call_tell_cancel(requests, call);
}

static void on_cancel(struct requests *requests, struct party *client, struct frame_reader body)
{
	struct frame_item item;

	while (frame_read_item(&body, &item)) {
		struct call *call = find_clients_call(client, item.id);

		if (call)
			cancel(requests, call);
	}
}

/* --- workers */

static struct service *find_service(const struct party *worker, const struct queue *queue)
{
	struct service *service;

	LIST_FOREACH(service, &worker->services, in_worker)
	if (service->queue == queue)
		return service;
	return NULL;
}

static struct service *new_service(struct party *worker, struct queue *queue)
{
	struct service *service = calloc(1, sizeof(*service));

	if (!service)
		abort();
	service->worker = worker;
	service->queue = queue;
	TAILQ_INIT(&service->running);
	LIST_INSERT_HEAD(&worker->services, service, in_worker);
	worker->service_count++;
	queue_add_service(queue, service);
	return service;
}

static void on_ready(struct requests *requests, struct party *worker, const struct frame_envelope *envelope)
{
	struct queue *queue = find_queue(requests, envelope->name, envelope->name_len);
	struct service *service = queue ? find_service(worker, queue) : NULL;

	if (!queue || (!service && worker->service_count == REQUESTS_WORKER_QUEUES_MAX)) {
		router_count_drop(&requests->router, ROUTER_TOO_MANY);
		return;
	}
	if (!service)
		service = new_service(worker, queue);
	service->window = envelope->count < REQUESTS_CALLS_MAX ? envelope->count : REQUESTS_CALLS_MAX;
	worker->leaving = false;
}

/* What ran there may have been executed: only the client knows whether to run it again. */
static void end_service(struct requests *requests, struct service *service)
{
	struct call *call, *next;

	for (call = TAILQ_FIRST(&service->running); call; call = next) {
		next = TAILQ_NEXT(call, in_state);
		call_answer_outcome(requests, call, BUS_UNAVAILABLE, FRAME_MAYBE_EXECUTED);
		call_free(requests, call);
	}
	queue_remove_service(service->queue, service);
	LIST_REMOVE(service, in_worker);
	free(service);
}

/* --- what the router tells */

static struct party *introduce(struct peer *peer)
{
	struct party *party = (struct party *)peer;

	if (!party->calls.tqh_last) /* new: it was given out cleared */
		TAILQ_INIT(&party->calls);
	return party;
}

static void on_message(void *owner, struct peer *peer, const struct frame_envelope *envelope,
	struct frame_reader body, zmq_msg_t *message)
{
	struct requests *requests = owner;
	struct party *party = introduce(peer);
	bool has_name = envelope->name_len > 0;
	bool has_items = frame_items_valid(body, envelope);

	if (envelope->type == FRAME_REQUEST && has_name && has_items) {
		if (router_permits(&requests->router, peer, ACCESS_CALL, envelope))
			on_request(requests, party, envelope, body, message);
		else
			refuse_all(requests, party, body);
	} else if (envelope->type == FRAME_READY && has_name && envelope->count > 0) {
		if (router_permits(&requests->router, peer, ACCESS_SERVE, envelope))
			on_ready(requests, party, envelope);
	} else if (envelope->type == FRAME_REPLY && has_items)
		on_reply(requests, party, body);
	else if (envelope->type == FRAME_CANCEL && has_items)
		on_cancel(requests, party, body);
	else if (envelope->type == FRAME_GOODBYE) {
		party->leaving = true;
		router_send_plain(&requests->router, peer, FRAME_GOODBYE);
	} else
		router_count_drop(&requests->router, ROUTER_MALFORMED);
}

static bool is_idle(const struct requests *requests)
{
	return requests->free_count == REQUESTS_CALLS_MAX;
}

static void on_turn_end(void *owner)
{
	struct requests *requests = owner;

	for (size_t i = 0; i < requests->queue_count; i++)
		dispatch(requests, requests->queues[i]);
	requests_flush(requests);
	requests->router.busy = !is_idle(requests) || atomic_load(&requests->leave);
}

static void end_unserved(struct requests *requests, struct queue *queue)
{
	struct call *call, *next;

	for (call = TAILQ_FIRST(&queue->waiting); call; call = next) {
		next = TAILQ_NEXT(call, in_state);
		if (requests->router.now_ns - call->arrived_ns < REQUESTS_NO_WORKER_MS * NS_PER_MS)
			continue;
		call_answer_outcome(requests, call, BUS_NO_SERVICE, 0);
		call_free(requests, call);
	}
}

static void tick_call(struct requests *requests, struct call *call)
{
	if (requests->router.now_ns < call->deadline_ns)
		return;
	if (!call->service) {
		expire_waiting(requests, call);
		return;
	}
	if (!call->client)
		return; /* answered or cancelled; it occupies the worker until that is done with it */
	call_answer_outcome(requests, call, BUS_DEADLINE, FRAME_MAYBE_EXECUTED);
	call_tell_cancel(requests, call);
}

static void tick_queue(struct requests *requests, size_t index)
{
	struct queue *queue = requests->queues[index];

	if (queue_is_served(queue))
		queue->unserved_ns = requests->router.now_ns;
	else if (requests->router.now_ns - queue->unserved_ns >= REQUESTS_NO_WORKER_MS * NS_PER_MS)
		end_unserved(requests, queue);
	queue_tell_gauges(queue);
	if (queue->service_count == 0 && queue->waiting_count == 0)
		free_queue(requests, index);
}

/* Workers are not told: what clients still have here must be answered. */
static void begin_leaving(struct requests *requests)
{
	requests->leaving_ns = requests->router.now_ns;
	for (size_t i = 0; i < requests->router.peer_count; i++) {
		struct party *party = introduce(requests->router.peers[i]);

		if (LIST_EMPTY(&party->services))
			router_send_plain(&requests->router, &party->peer, FRAME_GOODBYE);
	}
}

static void tick_leaving(struct requests *requests)
{
	if (!atomic_load(&requests->leave))
		return;
	if (!requests->leaving_ns)
		begin_leaving(requests);
	else if (is_idle(requests) ||
		 requests->router.now_ns - requests->leaving_ns >= REQUESTS_LEAVE_MS * NS_PER_MS)
		router_stop(&requests->router);
}

static void on_tick(void *owner)
{
	struct requests *requests = owner;

	for (size_t i = 0; requests->router.busy && i < requests->slots_used; i++)
		if (requests->slots[i])
			tick_call(requests, requests->slots[i]);
	for (size_t i = requests->queue_count; i > 0; i--)
		tick_queue(requests, i - 1);
	metric_set(requests->waiting_bytes_gauge, (double)requests->waiting_bytes);
	tick_leaving(requests);
	requests_flush(requests);
}

static void on_gone(void *owner, struct peer *peer)
{
	struct requests *requests = owner;
	struct party *party = introduce(peer);
	struct call *call, *next_call;
	struct service *service, *next_service;

	for (service = LIST_FIRST(&party->services); service; service = next_service) {
		next_service = LIST_NEXT(service, in_worker);
		end_service(requests, service);
	}
	for (call = TAILQ_FIRST(&party->calls); call; call = next_call) {
		next_call = TAILQ_NEXT(call, in_client);
		cancel(requests, call);
	}
	requests_flush(requests); /* whatever was meant for it is dropped here, before it is freed */
}

static const struct router_ops ROUTER_OPS = {
	.peer_size = sizeof(struct party),
	.on_message = on_message,
	.on_turn_end = on_turn_end,
	.on_tick = on_tick,
	.on_gone = on_gone,
};

static void open_metrics(struct requests *requests)
{
	static const char *const OUTCOMES[BUS_OUTCOMES] = {
		[BUS_ANSWERED] = "answered",
		[BUS_DEADLINE] = "deadline",
		[BUS_UNAVAILABLE] = "unavailable",
		[BUS_OVERLOADED] = "overloaded",
		[BUS_NO_SERVICE] = "no_service",
		[BUS_REFUSED] = "refused",
	};
	char labels[64];

	for (int i = 0; i < BUS_OUTCOMES; i++) {
		snprintf(labels, sizeof(labels), "outcome=\"%s\"", OUTCOMES[i]);
		requests->outcomes[i] = metric_series(METRIC_BROKER_ITEMS, labels);
	}
	requests->waiting_bytes_gauge = metric_series(METRIC_BROKER_WAITING_BYTES, "");
}

struct requests *requests_open(const char *endpoint, struct access *access, struct zsocket_error *error_out)
{
	struct requests *requests = calloc(1, sizeof(*requests));
	uint64_t seeds[2];

	if (!requests || getrandom(seeds, sizeof(seeds), 0) != (ssize_t)sizeof(seeds))
		abort();
	if (!router_open(&requests->router, "requests", endpoint, access, &ROUTER_OPS, requests, error_out)) {
		free(requests);
		return NULL;
	}
	open_metrics(requests);
	/* Not from 1: a worker's answer to a broker that was here before must not fit. */
	requests->serial = seeds[0] >> (SLOT_BITS + 1);
	requests->random = seeds[1] | 1;
	while (requests->free_count < REQUESTS_CALLS_MAX) {
		uint32_t slot = REQUESTS_CALLS_MAX - 1 - requests->free_count;

		requests->free_slots[requests->free_count++] = slot;
	}
	return requests;
}

void requests_run(struct requests *requests)
{
	router_run(&requests->router);
}

void requests_leave(struct requests *requests)
{
	atomic_store(&requests->leave, true);
	router_wake(&requests->router);
}

void requests_stop(struct requests *requests)
{
	router_stop(&requests->router);
}

void requests_close(struct requests *requests)
{
	for (size_t i = 0; i < requests->router.peer_count; i++)
		requests->router.peers[i]->gone = true;
	for (size_t i = 0; i < requests->router.peer_count; i++)
		on_gone(requests, requests->router.peers[i]);
	while (requests->queue_count)
		free_queue(requests, 0);
	router_close(&requests->router);
	free(requests);
}

bool requests_is_alive(const struct requests *requests)
{
	return router_is_alive(&requests->router);
}
