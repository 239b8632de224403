/*
 * The admin port of a process: /metrics, /livez, /readyz and what else it has to show, on a thread of its
 * own, so that it answers also when everything else is stuck. Plain HTTP/1.1 without keep-alive; meant for
 * loopback and for a cluster's inside.
 */
#pragma once
#include "kit/arena.h"
#include <stdbool.h>

struct admin_page {
	const char *path; /* "/requests" */
	void (*write)(void *ctx, struct buffer *out);
};

struct admin_options {
	const char *address;                                 /* "127.0.0.1:9102"; "": no admin port */
	bool (*is_alive)(void *ctx);                         /* its own work turns; not what it depends on */
	bool (*is_ready)(void *ctx, struct buffer *why_not); /* may be sent work */
	const struct admin_page *pages;                      /* ended by a row without path; may be NULL */
	void *ctx;
};

/* Ends the process with a sentence when the address is malformed or taken. */
void admin_open(const struct admin_options *options);
