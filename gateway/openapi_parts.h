/* The parts of /api/openapi.json: openapi.c puts them together, and nobody else uses them. */
#pragma once
#include "gateway/route.h"
#include <jansson.h>

/* {"$ref": "#/components/<kind>/<name><suffix>"} */
json_t *openapi_ref(const char *kind, const char *name, const char *suffix);
json_t *openapi_text(void);
json_t *openapi_value(const struct schema_field *field);
/* Nothing when the text is empty. */
void openapi_set_text(json_t *to, const char *name, const char *text);
/* A schema that is written as JSON. */
void openapi_add_parsed(json_t *to, const char *name, const char *text);
bool openapi_has_verb(const struct route *route, const char *verb);

json_t *openapi_parameters(const struct route *route);
json_t *openapi_common_parameters(void);
void openapi_add_query_schemas(json_t *schemas);
void openapi_add_batch(json_t *schemas, const struct schema_resource *resource);
