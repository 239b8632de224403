/*
 * Taking back what events tell: by whoever undoes an import or a change to many. The log's event of a change
 *has what was there before, so nothing is kept for the sake of undoing.
 *
 *	TRY(undo_of_event(req, resource, payload, &change));      // one for each record
 *	TRY(undo_find_edited(req, resource, &log, changes, count, edited));
 *	...                                                       // those that nobody has touched since:
 *	TRY(engine_change_many(req, resource, changes, n));
 */
#pragma once
#include "kit/engine.h"

/* The inverse of the event's change: a creation is deleted, a deletion restored, an update sets the fields
 * that it named to what they were, but for those that services derive. if_version is the version that the
 * event made. False: it is no such event. */
bool undo_of_event(struct request *req, const struct schema_resource *resource, struct slice payload,
	struct change *change_out);

/* Which events to look at. */
struct undo_log {
	const uint8_t (*ours)[16]; /* requests and jobs whose events are no edits */
	size_t ours_count;
	int64_t above; /* events up to this position are known to be older; 0: not known */
};
/* Which records somebody has edited after changes[i].if_version. What services derive from a record by
 * themselves (output_only fields, like categories by rule) is no edit. The records are locked first: whoever
 * edits one has done so before the look, or waits for our transaction. */
enum status undo_find_edited(struct request *req, const struct schema_resource *resource,
	const struct undo_log *log, struct change *changes, size_t count, bool *edited_out) MUST_CHECK;
