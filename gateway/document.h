/*
 * Documents that are made from the definition once, at start: what /api/schema and /api/openapi.json answer.
 * Each has an entity tag from the definition's hash.
 */
#pragma once
#include "gateway/call.h"

struct json_t;

struct document {
	const char *text; /* JSON; lives as long as the process */
	size_t len;
	char etag[32];
};

/* Labels, types and rules of everything, for the UI; `administrator` decides what `rights` says. */
const struct document *schema_document_new(bool administrator);
/* OpenAPI 3.1. */
const struct document *openapi_document_new(const struct routes *routes);
/* AsyncAPI 3.0. */
const struct document *asyncapi_document_new(void);
void document_free(const struct document *document);

/* The operators that the query compiler takes for a field, as a JSON array; the caller has the reference. */
struct json_t *schema_operators_of(const struct schema_field *field);

/* Adds the schema of a message as it is read, and of those in it, by their names. */
void openapi_add_schema(struct json_t *schemas, const struct schema_message *message);

enum progress schema_document_encode(struct call *call);
enum progress openapi_document_encode(struct call *call);
enum progress asyncapi_document_encode(struct call *call);
/* GET /api/problems/{code}: what RFC 9457's `type` leads to. */
enum progress problem_document_encode(struct call *call);
