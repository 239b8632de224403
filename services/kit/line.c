#include "kit/line.h"
#include <string.h>

struct line_reader {
	const char *at, *end; /* of the chunk */
	struct buffer held;   /* the beginning of a line whose end has not come */
	uint64_t number;
	bool finished, too_long;
};

struct line_reader *line_open(struct arena *arena)
{
	struct line_reader *reader = arena_zalloc(arena, sizeof *reader);

	reader->held.arena = arena;
	return reader;
}

void line_push(struct line_reader *reader, const char *bytes, size_t len)
{
	reader->at = bytes;
	reader->end = bytes + len;
}

void line_finish(struct line_reader *reader)
{
	reader->at = reader->end = "";
	reader->finished = true;
}

static struct slice without_return(const char *bytes, size_t len)
{
	return (struct slice){ bytes, len && bytes[len - 1] == '\r' ? len - 1 : len };
}

/* What is held and the piece; the piece alone is not copied. */
static struct slice join(struct line_reader *reader, const char *piece, size_t len)
{
	if (!reader->held.len)
		return without_return(piece, len);
	buffer_add(&reader->held, piece, len);
	struct slice line = without_return(reader->held.data, reader->held.len);

	reader->held.len = 0; /* its bytes stay until the next one is held */
	return line;
}

/* The first line may begin with a byte order mark, whatever chunks it came in. */
static struct slice without_mark(const struct line_reader *reader, struct slice line)
{
	bool marked = !reader->number && line.len >= 3 && !memcmp(line.data, "\xEF\xBB\xBF", 3);

	return marked ? (struct slice){ line.data + 3, line.len - 3 } : line;
}

enum line_result line_next(struct line_reader *reader, struct slice *line_out, uint64_t *number_out)
{
	while (!reader->too_long) {
		size_t left = (size_t)(reader->end - reader->at);
		const char *end = left ? memchr(reader->at, '\n', left) : NULL;
		size_t len = end ? (size_t)(end - reader->at) : left;
		bool whole = end || reader->finished;

		reader->too_long = reader->held.len + len > LINE_BYTES_MAX;
		if (reader->too_long)
			break;
		if (!whole) {
			if (len)
				buffer_add(&reader->held, reader->at, len);
			reader->at = reader->end;
			return LINE_MORE;
		}
		if (!end && !reader->held.len)
			return LINE_END;
		*line_out = without_mark(reader, join(reader, reader->at, len));
		reader->at += len + (end != NULL);
		*number_out = ++reader->number;
		if (line_out->len)
			return LINE;
	}
	*number_out = reader->number + 1;
	return LINE_TOO_LONG;
}
