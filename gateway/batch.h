/*
 * POST …:batch: up to BATCH_MAX writes in one request, each with its own outcome.
 *
 *	{"operations": [{"create": {"name": "…"}},
 *	                {"update": {"id": "…", "version": "3", "patch": {"stage": "active"}}},
 *	                {"delete": {"id": "…"}}, {"restore": {"id": "…"}}]}
 *	→ {"results": [{"status": 201, "id": "…", "version": "1"}, {"status": 412, "problem": {…}}, …]}
 */
#pragma once
#include "gateway/call.h"

enum { BATCH_MAX = 1000 };

enum progress batch_decode(struct call *call);
enum progress batch_encode(struct call *call);
