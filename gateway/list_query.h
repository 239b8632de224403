/*
 * The query of a list, strictly: every parameter must be known and stand once; what is wrong is told with
 *what is allowed.
 *
 *	?q=zsyx&filter[stage][in]=active,lost&sort=-createTime,name&fields=id,name&limit=50&cursor=…&count=true&deleted=true
 *
 * A comma inside of a value is written %2C. Which fields may be filtered and sorted by the service knows.
 */
#pragma once
#include "gateway/call.h"

/* Appends a guanxi.ListRequest to call->request. */
enum progress list_query_decode(struct call *call);
/* The part of it that says which records: q and filters, under the same numbers. */
enum progress selection_query_decode(struct call *call);
/* Appends a guanxi.AggregateRequest: group, measure, filters, q, timeZone, limit, deleted. */
enum progress aggregate_query_decode(struct call *call);
/* Appends a guanxi.GetRequest; with asOf or version a guanxi.PastRequest, for the method that reads the log.
 */
enum progress get_query_decode(struct call *call);
/* One of `fields`: false when there is no such. */
bool list_take_field(struct call *call, const char *pointer, const char *text);
/* Appends a guanxi.HistoryRequest: before, limit. */
enum progress history_query_decode(struct call *call);

enum { QUERY_PARAMETERS_MAX = 100 };

/*
 * For other addresses: visits the decoded parameters. False at the end and when one is broken (then
 * call->status is not OK).
 */
struct query {
	struct http_slice rest;
	size_t count;
};
bool query_next(struct call *call, struct query *query, const char **name_out, const char **value_out);
enum progress query_refuse_unknown(struct call *call, const char *name, const char *allowed);
/* From 1 to `most`; else told at the parameter's name. */
bool query_read_number(
	struct call *call, const char *name, const char *text, uint64_t most, uint64_t *value_out);
/* Operators whose value is a list. */
bool query_takes_several(const char *operator);
