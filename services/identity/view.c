/* What is special about a view and about preferences: they name lists and fields, which must exist, and are
 * their owner's to change. */
#include "guanxi/identity/v1/identity.pb-c.h"
#include "identity/identity.h"
#include "kit/query.h"
#include <stdlib.h>
#include <string.h>

/* --- a view's own rights: sharing lets others read it, no more */

static enum status own(struct request *req, const struct record *view)
{
	const uint8_t *owner = record_uuid(view, VIEW_OWNER);

	if (req->principal->administrator || (owner && !memcmp(owner, req->principal->id, 16)))
		return OK;
	return fail(req, FORBIDDEN, MSG_VIEW_OF_ANOTHER, NULL);
}

/* Whom it is shared with decides who may read it: a team that sees it, or the mark that opens it to all. */
static enum status share(struct request *req, struct record *view)
{
	int64_t shared = record_number(view, VIEW_SHARED);

	record_clear(view, VIEW_TEAM);
	record_set_number(view, VIEW_PUBLIC, shared == GUANXI__IDENTITY__V1__SHARING__SHARING_EVERYONE);
	if (shared != GUANXI__IDENTITY__V1__SHARING__SHARING_TEAM)
		return OK;
	if (!req->principal->has_team)
		return fail_field(req, "/shared", MSG_VIEW_WITHOUT_TEAM, NULL);
	record_set_uuid(view, VIEW_TEAM, req->principal->team);
	return OK;
}

/* --- what it names */

static bool is_any(const struct schema_field *field)
{
	(void)field;
	return true;
}

static bool is_filterable(const struct schema_field *field)
{
	return field->rule->filter || field->number == STANDARD_ID;
}

static bool is_sortable(const struct schema_field *field)
{
	return field->rule->sort || field->number == STANDARD_ID;
}

/* "filter[stage][in]": which operator fits the field the list itself says. */
static enum status check_filter(struct request *req, const struct schema_resource *r, const char *name)
{
	const char *from = name + strlen("filter["), *end = strchr(from, ']');
	const struct schema_field *field =
		end ? schema_field_find(r->message, from, (size_t)(end - from)) : NULL;

	if (!field || !is_filterable(field) || end[1] != '[' || name[strlen(name) - 1] != ']')
		return fail_field(req, "/query", MSG_NOT_FILTERABLE, name,
			schema_field_names(r->message, is_filterable, req->arena), NULL);
	return OK;
}

static enum status check_sort(struct request *req, const struct schema_resource *r, char *value)
{
	char *rest;

	for (char *name = strtok_r(value, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		const char *plain = name + (*name == '-');
		const struct schema_field *field = schema_field_find(r->message, plain, strlen(plain));

		if (!field || !is_sortable(field))
			return fail_field(req, "/query", MSG_NOT_SORTABLE, plain,
				schema_field_names(r->message, is_sortable, req->arena), NULL);
	}
	return OK;
}

/* "%5B" is "[": names of parameters may be written either way, values stay as they are. */
static char *decoded(struct request *req, const char *text, size_t len)
{
	char *out = arena_alloc(req->arena, len + 1), *to = out;

	for (size_t i = 0; i < len; i++) {
		char hex[3] = "";

		if (text[i] == '%' && i + 2 < len) {
			char *end;

			memcpy(hex, text + i + 1, 2);
			long code = strtol(hex, &end, 16);

			if (!*end && code > 0) {
				*to++ = (char)code;
				i += 2;
				continue;
			}
		}
		*to++ = text[i];
	}
	*to = '\0';
	return out;
}

static enum status check_parameter(
	struct request *req, const struct schema_resource *r, const char *text, size_t len)
{
	static const char known[] = "q, sort, deleted, filter[field][operator]";
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	char *name = decoded(req, text, name_len);

	if (!strncmp(name, "filter[", 7))
		return check_filter(req, r, name);
	if (!strcmp(name, "sort"))
		return check_sort(
			req, r, equals ? decoded(req, equals + 1, len - name_len - 1) : decoded(req, "", 0));
	if (strcmp(name, "q") != 0 && strcmp(name, "deleted") != 0)
		return fail_field(req, "/query", MSG_UNKNOWN_PARAMETER, name, known, NULL);
	return OK;
}

static enum status check_query(
	struct request *req, const struct schema_resource *r, const struct record *view)
{
	const char *at = record_text(view, VIEW_QUERY);
	enum status status = OK;

	while (at && *at) {
		size_t len = strcspn(at, "&");

		if (len && check_parameter(req, r, at, len) != OK)
			status = INVALID;
		at += len + (at[len] == '&');
	}
	return status;
}

static enum status check_column(struct request *req, const char *pointer, const struct schema_resource *r,
	const char *name, size_t len)
{
	if (schema_field_find(r->message, name, len))
		return OK;
	return fail_field(req, pointer, MSG_UNKNOWN_FIELD, arena_strndup(req->arena, name, len),
		schema_field_names(r->message, is_any, req->arena), NULL);
}

static enum status check_columns(
	struct request *req, const struct schema_resource *r, const struct record *view)
{
	const struct schema_field *columns = schema_field_by_number(view->resource->message, VIEW_COLUMNS);
	struct slice wire = view->fields[columns->index];
	struct wire_reader reader = wire_reader(wire.data, wire.len);
	struct wire_field f;
	enum status status = OK;

	for (int n = 0; wire_next(&reader, &f); n++)
		if (check_column(req, arena_printf(req->arena, "/columns/%d", n), r, f.bytes, f.len) != OK)
			status = INVALID;
	return status;
}

static const char *collections(struct request *req)
{
	struct buffer out = { .arena = req->arena };
	const struct schema *schema = schema_get();

	for (size_t i = 0; i < schema->resource_count; i++)
		buffer_printf(&out, "%s%s", i ? ", " : "", schema->resources[i].collection);
	return out.data;
}

static enum status check_collection(struct request *req, const char *pointer, const char *name,
	const struct schema_resource **resource_out)
{
	*resource_out = schema_resource_find(name);
	return *resource_out ? OK : fail_field(req, pointer, MSG_NO_SUCH_LIST, name, collections(req), NULL);
}

static enum status check_view(struct request *req, const struct record *view)
{
	const struct schema_resource *r;

	TRY(check_collection(req, "/collection", record_text(view, VIEW_COLLECTION), &r));
	enum status query = check_query(req, r, view), columns = check_columns(req, r, view);
	const char *group = record_text(view, VIEW_GROUP_BY);

	if (group && *group)
		TRY(query_check_group(req, r, "/groupBy", group));
	return query != OK ? query : columns;
}

static enum status create_view(struct request *req, struct record *after)
{
	TRY(check_view(req, after));
	return share(req, after);
}

/* An administrator who renames a colleague's view leaves it with that colleague's team. */
static enum status change_view(struct request *req, const struct record *before, struct record *after)
{
	bool as_before = record_number(before, VIEW_SHARED) == record_number(after, VIEW_SHARED);

	TRY(own(req, before));
	TRY(check_view(req, after));
	return as_before ? OK : share(req, after);
}

const struct resource_ops view_ops = { .before_create = create_view,
	.before_update = change_view,
	.before_delete = own,
	.before_restore = own };

/* --- preferences */

enum list_preference_field { LIST_COLLECTION = 1, LIST_COLUMNS, LIST_WIDTHS = 4 };

enum { WIDTH_LEAST = 48, WIDTH_MOST = 2000 }; /* pixels */

static bool is_width(const char *text)
{
	char *end;
	long width = strtol(text, &end, 10);

	return end != text && !*end && width >= WIDTH_LEAST && width <= WIDTH_MOST;
}

/* "name" of columns, "name:240" of widths. */
static enum status check_item(struct request *req, const char *pointer, const struct schema_resource *r,
	const char *item, bool widths)
{
	const char *colon = strchr(item, ':');

	if (!widths)
		return check_column(req, pointer, r, item, strlen(item));
	if (!colon || !is_width(colon + 1))
		return fail_field(req, pointer, MSG_BAD_WIDTH, item,
			arena_printf(req->arena, "%d", WIDTH_LEAST),
			arena_printf(req->arena, "%d", WIDTH_MOST), NULL);
	return check_column(req, pointer, r, item, (size_t)(colon - item));
}

/* Items divided by commas; absent: none. */
static enum status check_items(struct request *req, int n, const struct schema_resource *r, struct slice list,
	enum list_preference_field number)
{
	bool widths = number == LIST_WIDTHS;
	const char *pointer = arena_printf(req->arena, "/lists/%d/%s", n, widths ? "widths" : "columns");
	struct wire_field f;
	enum status status = OK;

	if (!wire_find(list.data, list.len, number, &f) || !f.len)
		return OK;
	char *rest = arena_strndup(req->arena, f.bytes, f.len);

	for (const char *item; (item = strsep(&rest, ","));)
		if (check_item(req, pointer, r, item, widths) != OK)
			status = INVALID;
	return status;
}

static enum status check_list(struct request *req, int n, struct slice list)
{
	const struct schema_resource *r;
	struct wire_field f;

	if (!wire_find(list.data, list.len, LIST_COLLECTION, &f))
		return OK; /* was refused already */
	TRY(check_collection(req, arena_printf(req->arena, "/lists/%d/collection", n),
		arena_strndup(req->arena, f.bytes, f.len), &r));
	enum status columns = check_items(req, n, r, list, LIST_COLUMNS),
		    widths = check_items(req, n, r, list, LIST_WIDTHS);

	return columns != OK ? columns : widths;
}

static enum status check_lists(struct request *req, const struct record *preference)
{
	const struct schema_field *lists =
		schema_field_by_number(preference->resource->message, PREFERENCE_LISTS);
	struct slice wire = preference->fields[lists->index];
	struct wire_reader reader = wire_reader(wire.data, wire.len);
	struct wire_field f;
	enum status status = OK;

	for (int n = 0; wire_next(&reader, &f); n++)
		if (check_list(req, n, (struct slice){ f.bytes, f.len }) != OK)
			status = INVALID;
	return status;
}

static enum status create_preference(struct request *req, struct record *after)
{
	return check_lists(req, after);
}

static enum status change_preference(struct request *req, const struct record *before, struct record *after)
{
	(void)before;
	return check_lists(req, after);
}

const struct resource_ops preference_ops = { .before_create = create_preference,
	.before_update = change_preference };
