/*
 * The Latin words in the titles of a service's records, each once: what a search looks through for the word
 * that was meant when nothing has the one that was typed. A chore learns them from the log, so that no write
 * pays for it; a trigram index finds those that are alike, and the edit distance says which is the nearest.
 *
 * A word alone tells nothing of who has it: a correction is told only with a record that the caller may see.
 */
#pragma once
#include "kit/db.h"
#include "kit/request.h"

#define WORD_LETTERS_MIN 4 /* shorter ones are alike too often */
#define WORD_LETTERS_MAX 40

/* What the chore runs, for the resources of this service; NULL when none has words. */
const char *words_learn_sql(const struct service *service, struct arena *arena);

/* `text` with each unknown word replaced by the nearest known one; NULL when nothing is near. */
enum status words_correct(
	struct request *req, struct db *db, const char *text, const char **corrected_out) MUST_CHECK;

/* Letters to add, take away, replace or exchange with their neighbour (optimal string alignment); more than
 * `most` counts as most + 1. */
unsigned words_distance(const char *a, const char *b, unsigned most);
