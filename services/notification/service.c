/* The notification service as a table. */
#include "kit/config.h"
#include "kit/migrate.h"
#include "kit/people.h"
#include "notification/address.h"
#include "notification/intent.h"
#include "notification/notification.h"
#include "notification/schedule.h"
#include "notification/secret.h"
#include "notification/sender.h"
#include "notification/series.h"
#include <assert.h>
#include <string.h>

#define FOLLOWS_MAX 16

extern const struct migration notification_migrations[];

static const struct resource resources[] = {
	{ "webhooks", &webhook_ops },
	{ "deliveries", NULL },
	{ "notifications", NULL },
	{ 0 },
};

static const struct method methods[] = {
	{ "NotificationService.RotateSecret", webhook_rotate_secret },
	{ "NotificationService.TestWebhook", webhook_test },
	{ "NotificationService.PauseWebhook", webhook_pause, .makes = "webhooks" },
	{ "NotificationService.ResumeWebhook", webhook_resume },
	{ "NotificationService.ReplayWebhook", webhook_replay },
	{ "NotificationService.Redeliver", delivery_redeliver },
	{ 0 },
};

static const struct chore chores[] = {
	{ "forget idempotency keys",
		"DELETE FROM idempotency WHERE create_time < now() - interval '24 hours'", 600 },
	{ "forget old deliveries",
		"DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE create_time < now() - "
		"interval '30 days'"
		" AND state IN (3, 4) ORDER BY create_time LIMIT 20000)",
		60 },
	{ "forget deliveries of deleted webhooks",
		"DELETE FROM delivery WHERE id IN (SELECT d.id FROM webhook w JOIN delivery d ON "
		"d.webhook_id = w.id"
		" AND d.state IN (1, 2) WHERE w.delete_time < now() - interval '30 days' LIMIT 20000)",
		3600 },
	{ "forget secrets that were replaced", "DELETE FROM webhook_secret WHERE expire_time < now()", 3600 },
	{ 0 },
};

/* Every service's stream but our own, whichever services there are: made from the definition. */
static struct subscription follows[FOLLOWS_MAX + 1] = {
	{ "notification.identity", "identity", people_apply },
};

static void start(void)
{
	address_allow(config_text("GUANXI_WEBHOOK_ALLOW"));
	schedule_read(config_text("GUANXI_WEBHOOK_SCHEDULE"));
	secret_open(config_text("GUANXI_SECRET"));
	sender_start();
	series_start();
}

static void stop(void)
{
	series_stop();
	sender_stop();
}

const struct service notification_service = {
	.name = "notification",
	.resources = resources,
	.methods = methods,
	.follows = follows,
	.chores = chores,
	.migrations = notification_migrations,
	.start = start,
	.stop = stop,
};

static bool is_followed(const char *stream)
{
	for (const struct subscription *f = follows; f->name; f++)
		if (f->apply == intent_apply && !strcmp(f->stream, stream))
			return true;
	return false;
}

static void follow(const char *stream)
{
	static struct arena *names; /* for as long as the process */
	struct subscription *f = follows;

	if (!names)
		names = arena_new();
	while (f->name)
		f++;
	assert(f < follows + FOLLOWS_MAX);
	*f = (struct subscription){ intent_cursor(names, stream), stream, intent_apply };
}

void notification_follow_all(void)
{
	const struct schema *schema = schema_get();

	for (size_t i = 0; i < schema->resource_count; i++) {
		const char *service = schema->resources[i].service;

		if (strcmp(service, "notification") && !is_followed(service))
			follow(service);
	}
}
