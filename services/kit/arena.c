#include "kit/arena.h"
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define BLOCK_BYTES 8192
#define ALIGN(n)    (((n) + 15) & ~(size_t)15)

struct block {
	struct block *next;
	size_t size;
	char data[] __attribute__((aligned(16)));
};

struct deferred {
	struct deferred *next;
	void (*release)(void *object);
	void *object;
};

struct arena {
	struct block *block; /* the one being filled; the first one is the last of the list */
	size_t used;
	struct deferred *deferred;
};

static struct block *block_new(size_t size, struct block *next)
{
	struct block *block = malloc(sizeof *block + size);

	if (!block)
		abort();
	block->next = next;
	block->size = size;
	ASAN_POISON_MEMORY_REGION(block->data, size);
	return block;
}

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof *arena);

	if (!arena)
		abort();
	arena->block = block_new(BLOCK_BYTES, NULL);
	return arena;
}

void arena_reset(struct arena *arena)
{
	while (arena->deferred) {
		struct deferred *d = arena->deferred;

		arena->deferred = d->next;
		d->release(d->object);
	}
	while (arena->block->next) {
		struct block *block = arena->block;

		arena->block = block->next;
		free(block);
	}
	ASAN_POISON_MEMORY_REGION(arena->block->data, arena->block->size);
	arena->used = 0;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	arena_reset(arena);
	free(arena->block);
	free(arena);
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
	size_t size = ALIGN(size_bytes ? size_bytes : 1);

	assert(size_bytes < SIZE_MAX / 2);
	if (arena->block->size - arena->used < size) {
		size_t doubled = arena->block->size * 2;

		if (doubled > (1u << 20))
			doubled = 1u << 20;
		arena->block = block_new(size > doubled ? size : doubled, arena->block);
		arena->used = 0;
	}
	void *memory = arena->block->data + arena->used;

	arena->used += size;
	ASAN_UNPOISON_MEMORY_REGION(memory, size_bytes ? size_bytes : 1);
	return memory;
}

void *arena_zalloc(struct arena *arena, size_t size_bytes)
{
	return memset(arena_alloc(arena, size_bytes), 0, size_bytes);
}

char *arena_strndup(struct arena *arena, const char *bytes, size_t size_bytes)
{
	char *copy = arena_alloc(arena, size_bytes + 1);

	if (size_bytes)
		memcpy(copy, bytes, size_bytes);
	copy[size_bytes] = '\0';
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
	va_list again;

	va_copy(again, arguments);
	int len = vsnprintf(NULL, 0, format, arguments);

	assert(len >= 0);
	char *text = arena_alloc(arena, (size_t)len + 1);

	vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	char *text = arena_vprintf(arena, format, arguments);

	va_end(arguments);
	return text;
}

void arena_defer(struct arena *arena, void (*release)(void *object), void *object)
{
	struct deferred *d = arena_alloc(arena, sizeof *d);

	*d = (struct deferred){ arena->deferred, release, object };
	arena->deferred = d;
}

char *buffer_reserve(struct buffer *buffer, size_t size_bytes)
{
	if (buffer->capacity - buffer->len < size_bytes + 1 || !buffer->data) {
		size_t wanted = buffer->len + size_bytes + 1;
		size_t capacity = buffer->capacity * 2 > 256 ? buffer->capacity * 2 : 256;

		if (capacity < wanted)
			capacity = wanted;
		char *data = arena_alloc(buffer->arena, capacity);

		if (buffer->data)
			memcpy(data, buffer->data, buffer->len);
		buffer->data = data;
		buffer->capacity = capacity;
	}
	return buffer->data + buffer->len;
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t size_bytes)
{
	char *end = buffer_reserve(buffer, size_bytes);

	if (size_bytes)
		memcpy(end, bytes, size_bytes);
	buffer->len += size_bytes;
	buffer->data[buffer->len] = '\0';
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments, again;

	va_start(arguments, format);
	va_copy(again, arguments);
	char *end = buffer_reserve(buffer, 0);
	size_t room = buffer->capacity - buffer->len;
	int len = vsnprintf(end, room, format, arguments);

	va_end(arguments);
	assert(len >= 0);
	if ((size_t)len >= room)
		vsnprintf(buffer_reserve(buffer, (size_t)len), (size_t)len + 1, format, again);
	va_end(again);
	buffer->len += (size_t)len;
}
