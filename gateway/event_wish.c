#include "gateway/event_wish.h"
#include "gateway/list_query.h"
#include "kit/uuid.h"
#include <stdlib.h>
#include <string.h>

/* --- which fit --- */

static int compare(const void *a, const void *b)
{
	const struct slice *one = a, *other = b;

	if (one->len != other->len)
		return one->len < other->len ? -1 : 1;
	return one->len ? memcmp(one->data, other->data, one->len) : 0;
}

static bool is_of_types(const struct event_names *types, struct slice type)
{
	for (size_t i = 0; i < types->count; i++)
		if (event_type_fits(types->names[i], type))
			return true;
	return !types->names;
}

bool event_wish_fits(const struct event_wish *wish, struct slice type, struct slice subject)
{
	const struct event_names *subjects = &wish->subjects;

	return is_of_types(&wish->types, type) &&
	       (!subjects->names ||
		       bsearch(&subject, subjects->names, subjects->count, sizeof subject, compare));
}

/* --- keeping --- */

/* The slices and what they point to, in one block. */
static struct event_names keep(const struct event_names *names)
{
	size_t size = names->count * sizeof *names->names;
	struct event_names kept = { .count = names->count };

	if (!names->names)
		return kept;
	for (size_t i = 0; i < names->count; i++)
		size += names->names[i].len;
	kept.names = malloc(size);
	if (!kept.names)
		abort();
	char *to = (char *)(kept.names + names->count);

	for (size_t i = 0; i < names->count; i++) {
		kept.names[i] = (struct slice){ to, names->names[i].len };
		memcpy(to, names->names[i].data, names->names[i].len);
		to += names->names[i].len;
	}
	return kept;
}

struct event_wish event_wish_keep(const struct event_wish *wish)
{
	return (struct event_wish){ .types = keep(&wish->types), .subjects = keep(&wish->subjects) };
}

void event_wish_free(struct event_wish *wish)
{
	free(wish->types.names);
	free(wish->subjects.names);
}

/* --- reading --- */

static bool take_type(struct call *call, const char *text, size_t len, struct slice *name_out)
{
	(void)call;
	*name_out = (struct slice){ text, len };
	return event_type_is_filter(text, len);
}

/* As events write it: the id in small letters. */
static bool take_subject(struct call *call, const char *text, size_t len, struct slice *name_out)
{
	const char *slash = memchr(text, '/', len);
	size_t collection_len = slash ? (size_t)(slash - text) : 0;
	char canonical[UUID_TEXT_LEN + 1];
	uint8_t id[16];

	if (!slash || !schema_resource_find(arena_strndup(call->arena, text, collection_len)) ||
		!uuid_from_text(slash + 1, len - collection_len - 1, id))
		return false;
	uuid_to_text(id, canonical);
	const char *name = arena_printf(call->arena, "%.*s/%s", (int)collection_len, text, canonical);

	*name_out = (struct slice){ name, strlen(name) };
	return true;
}

static const struct list {
	const char *name, *pointer, *most_text;
	size_t most;
	bool (*take)(struct call *call, const char *text, size_t len, struct slice *name_out);
	enum message refusal;
} lists[] = {
	{ "types", "/types", "32", EVENT_WISH_TYPES_MAX, take_type, MSG_BAD_EVENT_TYPE },
	{ "subjects", "/subjects", "100", EVENT_WISH_SUBJECTS_MAX, take_subject, MSG_BAD_SUBJECT },
};

/* "a,b" */
static void read_names(
	struct call *call, const struct list *list, const char *text, struct event_names *names_out)
{
	struct event_names names = { .names = arena_alloc(call->arena, list->most * sizeof *names.names) };
	const char *at = text;

	for (;;) {
		size_t len = strcspn(at, ",");

		if (names.count == list->most) {
			call_fail_at(call, list->pointer, MSG_TOO_MANY, list->most_text, NULL);
			return;
		}
		if (!list->take(call, at, len, &names.names[names.count])) {
			call_fail_at(call, list->pointer, list->refusal, arena_strndup(call->arena, at, len),
				NULL);
			return;
		}
		names.count++;
		if (!at[len])
			break;
		at += len + 1;
	}
	qsort(names.names, names.count, sizeof *names.names, compare);
	*names_out = names;
}

enum progress event_wish_read(struct call *call, struct event_wish *wish_out)
{
	struct http_slice last = http_head_get(call->x->head, HTTP_LAST_EVENT_ID);
	struct event_wish wish = { .from = NULL };
	struct query query = { .count = 0 };
	const char *name, *value;

	while (query_next(call, &query, &name, &value)) {
		if (!strcmp(name, "types"))
			read_names(call, &lists[0], value, &wish.types);
		else if (!strcmp(name, "subjects"))
			read_names(call, &lists[1], value, &wish.subjects);
		else if (!strcmp(name, "from"))
			wish.from = value;
		else
			query_refuse_unknown(call, name, "types, subjects, from");
	}
	if (last.size)
		wish.from = arena_strndup(call->arena, last.data, last.size);
	*wish_out = wish;
	return call->status == OK ? GO_ON : FAILED;
}
