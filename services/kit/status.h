/*
 * How a call went. One enum for all of the kit and the services; it is what travels in a reply's status field
 * and maps one to one to an HTTP status (status_http) and a catalogue entry (status_code). The detail for
 * people is recorded once, where it happened, as a Problem: see kit/problem.h.
 */
#pragma once

#define MUST_CHECK __attribute__((warn_unused_result))

enum status {
	OK = 0,
	INVALID = 1,         /* 400: the request is not understood, or a field's value is refused */
	UNAUTHENTICATED = 2, /* 401 */
	FORBIDDEN = 3,       /* 403 */
	NOT_FOUND = 4,       /* 404: absent, or not to be seen by who asks */
	CONFLICT = 5,        /* 409: a duplicate, or the state does not allow it */
	STALE = 6,           /* 412: If-Match names another version */
	TOO_LARGE = 7,       /* 413 */
	UNSUPPORTED = 8,     /* 415 */
	MISUSED_KEY = 9,     /* 422: an idempotency key came with another body */
	LIMITED = 10,        /* 429 */
	INTERNAL = 11,       /* 500: our bug */
	UNAVAILABLE = 12,    /* 503: a part is down or overloaded; try again */
	DEADLINE = 13,       /* 504: the time allowed ran out */
	STATUS_COUNT
};

/* The only control-flow macro: hands a failure on to the caller. */
#define TRY(call)                                                                                            \
	do {                                                                                                 \
		enum status try_status_ = (call);                                                            \
		if (try_status_ != OK)                                                                       \
			return try_status_;                                                                  \
	} while (0)

/* The HTTP status of a failure; 200 for OK. */
int status_http(enum status status);

/* The catalogue code that stands for the status when nothing more is known: "not_found". */
const char *status_code(enum status status);
