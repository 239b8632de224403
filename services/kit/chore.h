/*
 * Housekeeping: SQL that runs now and then, on a thread and a connection of its own, so that neither requests
 * nor jobs wait for it. Every replica runs it; a chore is written so that this does no harm. Beside the
 * service's own chores the kit has those that every schema needs (chore.c).
 */
#pragma once
#include <stdint.h>

struct service;

struct chore {
	const char *name;
	const char *sql;
	unsigned every_s;
};

struct chores_options {
	const char *service;
	const char *conninfo;
	const struct chore *chores; /* ended by a row without name; may be NULL */
	const char *learn_words;    /* SQL (kit/words.h); NULL: none */
	const struct service *owner;
	int64_t keep_days; /* of the log: kit/retention.h; 0: all */
};
void chores_start(const struct chores_options *options);
/* Cancels what runs, and stops. */
void chores_stop(void);
