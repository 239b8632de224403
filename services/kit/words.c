#include "kit/words.h"
#include "kit/service.h"
#include "kit/table.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LEARN_EVENTS 20000 /* a turn: what an import writes in two seconds */

const char *words_learn_sql(const struct service *service, struct arena *arena)
{
	struct buffer out = { .arena = arena };

	for (const struct resource *r = service->resources; r && r->collection; r++) {
		const struct schema_resource *resource = schema_resource_find(r->collection);

		if (resource->title && resource->title->rule->search)
			buffer_printf(&out, "%s('%s', '%s', '%s')", out.len ? ", " : "", resource->collection,
				resource->singular, resource->title->name);
	}
	return out.len ? arena_printf(arena,
				 "SELECT word_learn(ARRAY(SELECT ROW(c, t, f)::word_source FROM (VALUES %s) "
				 "v(c, t, "
				 "f)), %d)",
				 out.data, LEARN_EVENTS)
		       : NULL;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned words_distance(const char *a, const char *b, unsigned most)
{
	unsigned rows[3][WORD_LETTERS_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_LETTERS_MAX || lb > WORD_LETTERS_MAX || (la > lb ? la - lb : lb - la) > most)
		return most + 1;
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			now[j] = least(
				least(now[j - 1], before[j]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], earlier[j - 2] + 1);
		}
	}
	return least(rows[la % 3][lb], most + 1);
}

/* The nearest known word; NULL when it is known itself, or nothing is near. */
static enum status find_nearest(
	struct request *req, struct db *db, const char *word, const char **nearest_out)
{
	static const struct db_statement similar = { "SELECT word FROM word_similar($1::text)" };
	struct db_params params = { .arena = req->arena };
	unsigned best = strlen(word) < 6 ? 2 : 3; /* one more than is near */
	PGresult *rows;

	*nearest_out = NULL;
	db_bind_text(&params, word);
	TRY(db_run(db, req->arena, &similar, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		const char *known = db_bytes(rows, row, 0).data;
		unsigned distance = words_distance(word, known, best);

		if (distance < best) {
			best = distance;
			*nearest_out = distance ? known : NULL;
		}
	}
	return OK;
}

static bool is_latin(const char *word, size_t len)
{
	if (len < WORD_LETTERS_MIN || len > WORD_LETTERS_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalpha((unsigned char)word[i]))
			return false;
	return true;
}

enum status words_correct(struct request *req, struct db *db, const char *text, const char **corrected_out)
{
	struct buffer out = { .arena = req->arena };
	bool changed = false;

	*corrected_out = NULL;
	TRY(db_ready(db));
	for (const char *at = text; *at;) {
		size_t len = strcspn(at, " \t");
		char *word = arena_strndup(req->arena, at, len);
		const char *nearest = NULL;

		for (size_t i = 0; i < len; i++)
			word[i] = (char)tolower((unsigned char)word[i]);
		if (is_latin(word, len))
			TRY(find_nearest(req, db, word, &nearest));
		changed |= nearest != NULL;
		buffer_printf(&out, "%s%s", out.len ? " " : "", nearest ? nearest : word);
		at += len + strspn(at + len, " \t");
	}
	if (changed)
		*corrected_out = out.data;
	return OK;
}
