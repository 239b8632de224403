/*
 * Threads of a service. What one keeps for itself between requests, a connection of its own say, dies with
 * it.
 */
#pragma once
#include <pthread.h>
#include <stddef.h>

/* Starts a thread; stack_bytes 0: as large as usual. Where none can be had the process ends and says why: a
 * service without its sequencer, say, would take writes and tell nobody of them. */
pthread_t thread_start(void *(*run)(void *arg), void *arg, size_t stack_bytes);

/* Calls `release(object)` when the calling thread ends, last deferred first. The first thread of a process
 * ends with the process: there nothing is called. */
void thread_defer(void (*release)(void *object), void *object);
