/* What the files of this service share. */
#pragma once
#include "guanxi/notification/v1/notification.pb-c.h"
#include "kit/consumer.h"
#include "kit/owner.h"
#include "kit/service.h"

/* Field numbers of the messages in proto/guanxi/notification/v1. */
enum webhook_field {
	WEBHOOK_NAME = 16,
	WEBHOOK_URL = 17,
	WEBHOOK_TYPES = 19,
	WEBHOOK_ORDER = 20,
	WEBHOOK_STATE = 21,
	WEBHOOK_REASON = 22,
	WEBHOOK_FAILING_SINCE = 23,
};
enum webhook_state { WEBHOOK_ACTIVE = 1, WEBHOOK_PAUSED, WEBHOOK_DISABLED };
enum webhook_order { WEBHOOK_BY_RECORD = 1, WEBHOOK_PARALLEL };
enum webhook_reason { WEBHOOK_BY_HAND = 1, WEBHOOK_FAILING, WEBHOOK_GONE, WEBHOOK_OWNER_INACTIVE };
enum delivery_state { DELIVERY_WAITING = 1, DELIVERY_SENDING, DELIVERY_DELIVERED, DELIVERY_FAILED };
enum notification_kind { NOTIFICATION_WEBHOOK_PAUSED = 1, NOTIFICATION_WEBHOOK_DISABLED };

/* service.c */
extern const struct service notification_service;
/* Before it runs. */
void notification_follow_all(void);

/* webhook.c */
extern const struct resource_ops webhook_ops;
enum status webhook_rotate_secret(struct request *req);
enum status webhook_test(struct request *req);
enum status webhook_pause(struct request *req);
enum status webhook_resume(struct request *req);
enum status webhook_replay(struct request *req);
/* Pauses or disables it, for the service; nothing when it is not active. In the caller's transaction. */
enum status webhook_halt(struct request *req, const uint8_t id[16], enum webhook_state state,
	enum webhook_reason reason) MUST_CHECK;

/* delivery.c */
enum status delivery_redeliver(struct request *req);

/* notice.c */
/* Tells a user something; in the caller's transaction. */
enum status notice_tell(struct request *req, const uint8_t user[16], enum notification_kind kind,
	const char *subject, const char *link) MUST_CHECK;
