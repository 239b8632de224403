/*
 * What went wrong, for programs and for people: a code and arguments from messages.def, and the values that
 *are to blame. A service makes one where it happened and sends it as the body of its reply (guanxi.Problem in
 *proto/guanxi/envelope.proto); the gateway turns it into application/problem+json (RFC 9457) in the language
 *asked for.
 *
 *	struct problem *problem = problem_new(arena, MSG_INVALID, NULL);
 *	problem_add_error(problem, "/name", MSG_TOO_LONG, "200", NULL);
 *	problem_add_error(problem, "/ownerId", MSG_BAD_REFERENCE, problem_resource_label(arena, users), NULL);
 *	problem_to_wire(problem, &body);
 *
 * Arguments are UTF-8 text; control characters in them become spaces, long ones are cut. Those made by
 *problem_*_label() and problem_message() are put into words only when the language is known.
 */
#pragma once
#include "kit/schema.h"
#include "kit/status.h"
#include "kit/wire.h"
#include <stdarg.h>

#define MESSAGE(NAME, code, en, zh) MSG_##NAME,
enum message {
#include "kit/messages.def"
	MSG_COUNT
};
#undef MESSAGE

enum {
	PROBLEM_ERRORS_MAX = 20, /* more are not recorded: who corrects these meets the others */
	PROBLEM_ARGUMENTS_MAX = 4,
	PROBLEM_ARGUMENT_BYTES = 1024, /* an argument is cut to this, between characters */
};

enum language { LANGUAGE_EN, LANGUAGE_ZH };

struct problem_error {
	const char *pointer; /* RFC 6901 */
	const char *code;
	const char *arguments[PROBLEM_ARGUMENTS_MAX];
	size_t argument_count;
};

struct problem {
	struct arena *arena;
	const char *code;
	const char *arguments[PROBLEM_ARGUMENTS_MAX];
	size_t argument_count;
	uint64_t version;       /* of the stored record, when the one named is stale; else 0 */
	uint32_t retry_after_s; /* 0: nothing is known */
	unsigned http_status; /* told instead of the status's own, e.g. 405; 0: that. Stays in the process */
	struct problem_error errors[PROBLEM_ERRORS_MAX];
	size_t error_count;
};

/* The arguments of the sentence follow, as const char *, and then NULL. */
struct problem *problem_new(struct arena *arena, enum message message, ...) __attribute__((sentinel));
struct problem *problem_vnew(struct arena *arena, enum message message, va_list arguments);
/* `pointer` is copied. False when PROBLEM_ERRORS_MAX were recorded already. */
bool problem_add_error(struct problem *problem, const char *pointer, enum message message, ...)
	__attribute__((sentinel));

/* Arguments that are words of the product: another message, a resource's label, a field's label. */
const char *problem_message(struct arena *arena, enum message message);
const char *problem_resource_label(struct arena *arena, const struct schema_resource *resource);
const char *problem_field_label(
	struct arena *arena, const struct schema_message *message, const struct schema_field *field);

void problem_to_wire(const struct problem *problem, struct buffer *out);
/* Reads what another process sent: false when it is malformed. Codes unknown here are kept. */
bool problem_from_wire(const void *bytes, size_t len, struct arena *arena, struct problem **problem_out);

/* Writes the JSON object of application/problem+json. `trace_id` is 32 hexadecimal digits. */
void problem_to_json(const struct problem *problem, enum status status, enum language language,
	const char *trace_id, struct buffer *out);
/* One sentence: for logs, command lines and the error column of an import. */
const char *problem_text(const struct problem *problem, enum language language, struct arena *arena);
/* The sentence of one error of it. */
const char *problem_error_text(
	const struct problem_error *error, enum language language, struct arena *arena);

/* The catalogue itself. */
const char *message_code(enum message message);
const char *message_text(enum message message, enum language language);
/* MSG_COUNT when there is no such code. */
enum message message_find(const char *code);
