/*
 * POST /api/v1/files?name=… and GET /api/v1/files/{id}: the bytes of attachments and imports, between a
 * client and the service that keeps them (the one whose definition has BeginFile).
 */
#pragma once
#include "gateway/call.h"

#define FILES_UPLOAD_MAX (UINT64_C(1) << 30)

/* Finds the service in the definition: before threads start. */
void files_open(void);
void files_close(void);

/* The message that describes a file; NULL when no service keeps files. */
const struct schema_message *files_message(void);

extern const struct endpoint upload_endpoint, download_endpoint;

/* server.h's on_head for a route that streams its body, and on_request once that is whole. */
void files_on_head(struct exchange *x);
void files_on_whole(struct exchange *x);
