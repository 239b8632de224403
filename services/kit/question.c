#include "kit/question.h"
#include "kit/wire.h"

struct bus_call question_about(struct arena *arena, const char *queue, const char *method, const char *id)
{
	struct buffer header = { .arena = arena }, body = { .arena = arena };

	wire_add_text(&header, 1, method);
	wire_add_text(&header, 2, "system");
	wire_add_text(&body, 1, id);
	return (struct bus_call){ .queue = queue,
		.header = header.data,
		.header_len = header.len,
		.body = body.data,
		.body_len = body.len,
		.timeout_ms = QUESTION_MS,
		.idempotent = true };
}
