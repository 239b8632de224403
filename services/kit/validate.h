/*
 * The rules of the definition held against a record: defaults, normal forms (E.164, lower-case e-mail …),
 * lengths, limits, enumerations, what is required. Every fault is recorded in the request with its JSON
 * pointer, not just the first. Texts and nested messages are stored in one form: normalised, fields in the
 * order of the schema.
 */
#pragma once
#include "kit/record.h"
#include "kit/request.h"

/* A record that is to be created: defaults are filled in, `record` is normalised in place. */
enum status validate_create(struct request *req, struct record *record) MUST_CHECK;
/* The fields that an update names, normalised in place; absent ones are to be cleared. */
enum status validate_update(
	struct request *req, struct record *record, const uint32_t *fields, size_t count) MUST_CHECK;
/* The request of a custom method of the API: who may call it, and its body against the rules of its message.
 * Nothing is normalised. */
enum status validate_input(struct request *req) MUST_CHECK;
