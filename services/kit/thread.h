/*
 * What a thread keeps for itself between requests, a connection of its own say, dies with the thread.
 */
#pragma once

/* Calls `release(object)` when the calling thread ends, last deferred first. The first thread of a process
 * ends with the process: there nothing is called. */
void thread_defer(void (*release)(void *object), void *object);
