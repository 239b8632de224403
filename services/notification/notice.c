#include "kit/engine.h"
#include "notification/notification.h"

enum notification_field { NOTIFICATION_KIND = 16, NOTIFICATION_SUBJECT = 17, NOTIFICATION_LINK = 18 };

enum status notice_tell(struct request *req, const uint8_t user[16], enum notification_kind kind,
	const char *subject, const char *link)
{
	const struct schema_resource *notifications = schema_resource_find("notifications");
	struct record *after, *notice = record_new(notifications, req->arena);

	record_set_uuid(notice, STANDARD_OWNER_ID, user);
	record_set_number(notice, NOTIFICATION_KIND, kind);
	record_set_text(notice, NOTIFICATION_SUBJECT, subject);
	record_set_text(notice, NOTIFICATION_LINK, link);
	return engine_create(req, notifications, notice, &after);
}
