/*
 * Request memory. An arena hands out memory that lives until the arena is reset or freed; nothing is freed
 *one by one. A function that takes an arena allocates its result there; one that does not returns borrowed
 *memory. Objects that need more than memory (a PGresult, a lease) are tied to the arena with arena_defer()
 *and die with it, last tied first. One thread uses an arena at a time. Running out of memory ends the
 *process; what a user can make large has a limit that is checked before. Sanitizer builds poison what was
 *reset.
 *
 *	struct arena *arena = arena_new();
 *	char *greeting = arena_printf(arena, "你好 %s", name);
 *	arena_free(arena);
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(void);
/* Runs what was deferred and gives back everything but the first block. */
void arena_reset(struct arena *arena);
/* Also accepts NULL. */
void arena_free(struct arena *arena);

/* 16-byte aligned; not cleared. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size_bytes) __attribute__((malloc, returns_nonnull));
/* Cleared. */
void *arena_zalloc(struct arena *arena, size_t size_bytes) __attribute__((malloc, returns_nonnull));
/* A copy of `size_bytes` bytes with a NUL after them. */
char *arena_strndup(struct arena *arena, const char *bytes, size_t size_bytes);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments);

/* Calls `release(object)` when the arena is reset or freed. */
void arena_defer(struct arena *arena, void (*release)(void *object), void *object);

/* A growing byte buffer in an arena. Zero-initialise with the arena set: struct buffer out = { .arena = arena
 * }; */
struct buffer {
	struct arena *arena;
	char *data; /* NUL after `len` once something was added */
	size_t len;
	size_t capacity;
};

void buffer_add(struct buffer *buffer, const void *bytes, size_t size_bytes);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `size_bytes` more; returns where they go. The caller then adds to `len` what it used. */
char *buffer_reserve(struct buffer *buffer, size_t size_bytes);
