/*
 * The log's end of life. With GUANXI_LOG_KEEP_DAYS set, what is older goes, in slices that end behind a seal, each in
 * one transaction: every record that would lose the event with all of its fields is told of once more, whole, as a
 * snapshot event at the log's end, then the slice is cut (event_cut() in migrations/0006_retention.sql). So at any
 * moment the log that is kept has every record in it that lives, or can come back: who reads it from the beginning
 * knows what there is, and versions of which the event is kept can still be put together.
 *
 * A snapshot is no change: it carries the record's version and the time at which that came to be.
 */
#pragma once
#include "kit/service.h"

enum {
	RETENTION_SLICE = 5000,  /* events of one transaction; a larger seal goes as a whole */
	RETENTION_DAYS_MIN = 30, /* the same as in event_cut() */
};

/* Cuts what is due; on a connection of its own, now and then. False: PostgreSQL failed, db_error() says how. */
bool retention_run(struct db *db, const struct service *service, int64_t keep_days);
