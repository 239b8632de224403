/* Calls from their first byte to their last, and what is told about them: gathered, and sent at the end of a
 * turn. */
#include "broker/call.h"

#include <stdlib.h>

struct call *call_new(struct requests *requests)
{
	if (requests->free_count == 0)
		return NULL;

	struct call *call = calloc(1, sizeof(*call));
	uint32_t slot = requests->free_slots[--requests->free_count];

	if (!call)
		abort();
	call->id = ++requests->serial << SLOT_BITS | slot;
	requests->slots[slot] = call;
	if (requests->slots_used <= slot)
		requests->slots_used = slot + 1;
	requests->router.busy = true;
	return call;
}

struct call *call_find(struct requests *requests, uint64_t id)
{
	uint64_t slot = id & SLOT_MASK;
	struct call *call = slot < REQUESTS_CALLS_MAX ? requests->slots[slot] : NULL;

	return call && call->id == id ? call : NULL;
}

void call_release_inbound(struct requests *requests, struct call *call)
{
	struct inbound *inbound = call->inbound;

	call->inbound = NULL;
	if (--inbound->waiting)
		return;
	requests->waiting_bytes -= zmq_msg_size(&inbound->message);
	zmq_msg_close(&inbound->message);
	free(inbound);
}

void call_leave_client(struct call *call)
{
	if (!call->client)
		return;
	TAILQ_REMOVE(&call->client->calls, call, in_client);
	call->client->call_count--;
	call->client = NULL;
}

void call_leave_queue(struct call *call)
{
	TAILQ_REMOVE(&call->queue->waiting, call, in_state);
	call->queue->waiting_count--;
}

static void leave_service(struct call *call)
{
	TAILQ_REMOVE(&call->service->running, call, in_state);
	call->service->running_count--;
	call->service->running_bytes -= call->size;
}

void call_free(struct requests *requests, struct call *call)
{
	uint32_t slot = call->id & SLOT_MASK;

	call_leave_client(call);
	if (call->service)
		leave_service(call);
	else
		call_leave_queue(call);
	if (call->inbound)
		call_release_inbound(requests, call);
	requests->slots[slot] = NULL;
	requests->free_slots[requests->free_count++] = slot;
	free(call);
}

/* --- what is to be sent at the end of the turn */

static void flush_later(struct requests *requests, struct party *party)
{
	if (party->to_flush)
		return;
	party->to_flush = true;
	requests->to_flush[requests->flush_count++] = party;
}

static void write_item(struct requests *requests, struct party *party, struct frame_writer *writer,
	enum frame_type type, const struct frame_item *item)
{
	if (!frame_writer_open(writer))
		frame_write_begin(writer, type, NULL, 0);
	if (!frame_write_item(writer, item)) {
		router_send(&requests->router, &party->peer, writer);
		frame_write_begin(writer, type, NULL, 0);
		frame_write_item(writer, item);
	}
	flush_later(requests, party);
}

void requests_answer(struct requests *requests, struct party *client, const struct frame_item *item)
{
	metric_add(requests->outcomes[item->outcome], 1);
	write_item(requests, client, &client->replies, FRAME_REPLY, item);
}

/* Answers without a worker's help; the call goes on existing. */
void call_answer_outcome(
	struct requests *requests, struct call *call, enum bus_outcome outcome, uint8_t flags)
{
	if (!call->client)
		return;
	requests_answer(requests, call->client,
		&(struct frame_item){ .id = call->client_id, .outcome = (uint8_t)outcome, .flags = flags });
	call_leave_client(call);
}

void call_tell_cancel(struct requests *requests, struct call *call)
{
	struct party *worker = call->service->worker;

	write_item(requests, worker, &worker->cancels, FRAME_CANCEL, &(struct frame_item){ .id = call->id });
}

void requests_flush(struct requests *requests)
{
	for (size_t i = 0; i < requests->flush_count; i++) {
		struct party *party = requests->to_flush[i];

		party->to_flush = false;
		if (frame_writer_open(&party->replies))
			router_send(&requests->router, &party->peer, &party->replies);
		if (frame_writer_open(&party->cancels))
			router_send(&requests->router, &party->peer, &party->cancels);
	}
	requests->flush_count = 0;
}
