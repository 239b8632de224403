/*
 * W3C Trace Context (https://www.w3.org/TR/trace-context/), the traceparent header: which trace a request
 * belongs to. It goes from the client through the gateway and the services into the events, and its trace id
 * stands in every problem.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { TRACEPARENT_TEXT = 55, TRACE_ID_TEXT = 32 };

struct traceparent {
	char text[TRACEPARENT_TEXT + 1]; /* "00-<trace id>-<parent id>-<flags>" */
	char trace_id[TRACE_ID_TEXT + 1];
};

/* Begins a trace, not sampled. */
void traceparent_new(struct traceparent *trace_out);
/* Goes on with the trace of a header, under a new parent id. False, with a new trace, when the header is not
 * valid (section 4.3). */
bool traceparent_continue(const char *header, size_t len, struct traceparent *trace_out);
