/*
 * Lines of a stream that comes in chunks of any size, as NDJSON has them: ended by LF or CRLF, the last one
 *also by the end. Empty lines are no lines, but are counted; a byte order mark before the first is left out.
 *Holds at most one line, of LINE_BYTES_MAX.
 *
 *	struct line_reader *reader = line_open(arena);
 *	line_push(reader, chunk.data, chunk.len);
 *	while ((got = line_next(reader, &line, &number)) == LINE)
 *		use(line);
 */
#pragma once
#include "kit/arena.h"
#include "kit/wire.h"
#include <stdbool.h>
#include <stdint.h>

enum { LINE_BYTES_MAX = 1 << 20 };
enum line_result {
	LINE,
	LINE_MORE, /* the chunk is used up: push the next, or finish */
	LINE_END,
	LINE_TOO_LONG /* from now on always */
};

struct line_reader;

struct line_reader *line_open(struct arena *arena);
/* Borrowed until line_next() returns LINE_MORE; only then may the next one come. */
void line_push(struct line_reader *reader, const char *bytes, size_t len);
void line_finish(struct line_reader *reader);
/* The line is borrowed until the next call; its number counts from 1. */
enum line_result line_next(struct line_reader *reader, struct slice *line_out, uint64_t *number_out);
