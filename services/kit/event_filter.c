#include "kit/event_filter.h"
#include <string.h>

bool event_type_is_filter(const char *text, size_t len)
{
	if (len < 8 || len > EVENT_TYPE_FILTER_MAX || memcmp(text, "guanxi.", 7))
		return false;
	if (!memcmp(text + len - 2, ".*", 2))
		len -= 2;
	for (size_t i = 0; i < len; i++)
		if (!text[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789_.", text[i]))
			return false;
	return true;
}

bool event_type_fits(struct slice filter, struct slice type)
{
	size_t len = filter.len;

	if (len >= 2 && filter.data[len - 1] == '*')
		return type.len >= len && !memcmp(type.data, filter.data, len - 1);
	return type.len == len && !memcmp(type.data, filter.data, len);
}

bool event_type_is_snapshot(struct slice type)
{
	static const char end[] = ".snapshot.v1";
	size_t len = sizeof end - 1;

	return type.len > len && !memcmp(type.data + type.len - len, end, len);
}

enum event_sight event_sight(const struct principal *principal, bool everyone,
	const struct audience_entry *audience, size_t audience_count)
{
	if (everyone || principal->administrator)
		return SEES;
	for (size_t i = 0; i < audience_count; i++)
		if (principal_may_see(principal, audience[i].owner, audience[i].team))
			return i ? SEES_NO_MORE : SEES;
	return SEES_NOT;
}
