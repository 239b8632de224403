/*
 * Sends what is due: one thread, many transfers at a time (libcurl multi), and a connection of its own to
 * PostgreSQL.
 *
 * A delivery is taken under a lease, tried, and its outcome written; who dies in between has sent it for
 * nothing, and it is sent again when the lease ends: at least once. In an endpoint that wants order, a
 * delivery waits until none of the same record before it is open.
 */
#pragma once

enum {
	SENDER_TRANSFERS_MAX = 256,
	SENDER_LEASE_S = 20, /* more than a try may take */
	SENDER_PAUSE_AFTER_S = 5 * 86400,
};

void sender_start(void);
void sender_stop(void);
/* Something may be due. Any thread; also before the transaction that makes it so has committed. */
void sender_wake(void);
