/* What requests have in common: a JSON body, an idempotency key, a precondition, and nothing else. */
#pragma once
#include "gateway/call.h"

/* 415 unless it is JSON (a patch may say application/merge-patch+json). No body at all reads as {} with
 * JSON_PLAIN. */
enum progress body_read_json(struct call *call, const struct schema_message *message, enum json_mode mode,
	struct json_result *result_out);
enum progress body_refuse_any(struct call *call);
enum progress body_refuse_query(struct call *call);

/* Idempotency-Key into call->idempotency_key. */
enum progress body_read_key(struct call *call);
/* If-Match into call->if_version: one strong tag of ours, or *. A weak one never matches (RFC 9110 13.1.1):
 * 412. */
enum progress body_read_if_match(struct call *call);

struct json_t;
/* A body that no message of the definition describes, as a tree that lives as long as the call; it must be an
 * object. */
enum progress body_read_tree(struct call *call, struct json_t **tree_out);
