/*
 * The body of POST …:search and POST …:aggregate: what the query string says, as JSON, with the filter as a
 *tree.
 *
 *	{"filter": {"and": [{"field": "stage", "op": "in", "value": ["active"]},
 *	                    {"not": {"field": "ownerId", "op": "isNull", "value": true}}]},
 *	 "q": "zsyx", "sort": ["-createTime"], "limit": 50}
 */
#pragma once
#include "gateway/call.h"

enum { FILTER_DEPTH_MAX = 8, FILTER_NODES_MAX = 64 };

/* Appends a guanxi.ListRequest. */
enum progress search_body_decode(struct call *call);
/* Appends a guanxi.AggregateRequest. */
enum progress aggregate_body_decode(struct call *call);
