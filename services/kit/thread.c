#include "kit/thread.h"
#include "kit/arena.h"
#include "kit/config.h"
#include <stdlib.h>
#include <string.h>

pthread_t thread_start(void *(*run)(void *arg), void *arg, size_t stack_bytes)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	int error = stack_bytes ? pthread_attr_setstacksize(&attributes, stack_bytes) : 0;

	if (!error)
		error = pthread_create(&thread, &attributes, run, arg);
	if (error)
		config_refuse("cannot start a thread: %s; raise the limit on processes (ulimit -u, pids.max)",
			strerror(error));
	pthread_attr_destroy(&attributes);
	return thread;
}

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
