#include "gateway/fan.h"
#include <assert.h>

struct fan *fan_new(struct call *call, size_t count)
{
	struct fan *fan = arena_zalloc(call->arena, sizeof *fan);

	fan->call = call;
	fan->count = count;
	fan->calls = arena_zalloc(call->arena, count * sizeof *fan->calls);
	return fan;
}

static void on_reply(void *ctx, const struct bus_reply *reply)
{
	struct fan_call *c = ctx;
	struct fan *fan = c->fan;
	struct arena *arena = fan->call->arena;

	c->bus_id = 0;
	c->status = bus_reply_status(reply, true, arena, &c->problem);
	if (c->status == OK)
		c->reply = (struct slice){ arena_strndup(arena, (const char *)reply->body, reply->body_len),
			reply->body_len };
	if (--fan->pending)
		return;
	fan->call->fan = NULL;
	fan->on_done(fan);
}

enum progress fan_start(struct fan *fan, uint32_t timeout_ms, void (*on_done)(struct fan *fan))
{
	struct call *call = fan->call;

	assert(fan->count);
	fan->pending = fan->count;
	fan->on_done = on_done;
	call->fan = fan;
	for (size_t i = 0; i < fan->count; i++) {
		struct fan_call *c = &fan->calls[i];
		const struct rpc rpc = {
			.queue = c->queue,
			.method = c->method,
			.principal_id = call->principal ? call->principal->id_text : NULL,
			.rights_version = call->principal ? call->principal->rights_version : 0,
			.traceparent = call->trace.text,
			.locale = call->language == LANGUAGE_ZH ? "zh" : "en",
			.body = c->body.data,
			.body_len = c->body.len,
			.timeout_ms = timeout_ms,
			.idempotent = true,
			.on_reply = on_reply,
			.ctx = c,
		};

		c->fan = fan;
		c->bus_id = loop_call(call->loop, &rpc);
	}
	return WAIT;
}

void fan_cancel(struct fan *fan)
{
	for (size_t i = 0; i < fan->count; i++)
		if (fan->calls[i].bus_id)
			bus_client_cancel(fan->call->loop->bus, fan->calls[i].bus_id);
}
