#include "kit/resolve.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Belongs to who asked and to the thread that looks up: a look-up cannot be interrupted, and may last for
 * many seconds. */
struct resolve {
	atomic_int owners;
	atomic_bool done;
	struct addrinfo *addresses;
	char host[];
};

static void *look_up(void *arg)
{
	static const struct addrinfo HINTS = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct resolve *resolve = arg;

	if (getaddrinfo(resolve->host, NULL, &HINTS, &resolve->addresses) != 0)
		resolve->addresses = NULL;
	atomic_store(&resolve->done, true);
	resolve_free(resolve);
	return NULL;
}

struct resolve *resolve_start(const char *host)
{
	struct resolve *resolve = calloc(1, sizeof(*resolve) + strlen(host) + 1);
	sigset_t all, before;
	pthread_t thread;

	if (!resolve)
		abort();
	strcpy(resolve->host, host);
	atomic_store(&resolve->owners, 2);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = pthread_create(&thread, NULL, look_up, resolve) == 0;

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started) {
		pthread_detach(thread);
		return resolve;
	}
	free(resolve);
	return NULL;
}

bool resolve_done(const struct resolve *resolve)
{
	return atomic_load(&resolve->done);
}

const struct addrinfo *resolve_addresses(const struct resolve *resolve)
{
	return resolve->addresses;
}

void resolve_free(struct resolve *resolve)
{
	if (!resolve || atomic_fetch_sub(&resolve->owners, 1) > 1)
		return;
	if (resolve->addresses)
		freeaddrinfo(resolve->addresses);
	free(resolve);
}
