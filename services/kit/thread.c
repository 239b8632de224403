#include "kit/thread.h"
#include "kit/arena.h"
#include <pthread.h>
#include <stdlib.h>

static pthread_key_t deferred;

static void release_all(void *arena)
{
	arena_free(arena);
}

static void make_key(void)
{
	if (pthread_key_create(&deferred, release_all))
		abort();
}

void thread_defer(void (*release)(void *object), void *object)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_key);
	struct arena *mine = pthread_getspecific(deferred);

	if (!mine) {
		mine = arena_new();
		if (pthread_setspecific(deferred, mine))
			abort();
	}
	arena_defer(mine, release, object);
}
