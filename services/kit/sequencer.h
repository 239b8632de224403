/*
 * The sequencer: one thread of a service that moves committed events from the outbox into the log, in whole
 * transactions with dense positions and seals, and publishes them after its commit has returned (DESIGN
 * section 7). Any number of replicas may run one; the row lock on event_head makes them take turns. Also:
 * partitions ahead, a new epoch when PostgreSQL was promoted or restored, signatures over seals.
 */
#pragma once
#include "kit/db.h"

struct sequencer_options {
	const char *service; /* also the stream's name */
	const char *conninfo;
	const char *broker_events;   /* endpoints */
	const char *signing_key_hex; /* Ed25519 seed; "": seals are not signed */
};

/* Starts the thread; ends the process with a sentence when an endpoint or the key is wrong. */
void sequencer_start(const struct sequencer_options *options);
/* A transaction with events has committed. Any thread; costs one write(2) when the sequencer sleeps, nothing
 * when it does not. */
void sequencer_wake(void);
/* Moves what is there and stops. */
void sequencer_stop(void);
