#include "kit/engine.h"
#include "kit/engine_write.h"
#include <string.h>

#define BATCH_TURNS 20         /* tries of what another transaction holds up, whatever time is left */
#define TURN_NS     300000000u /* what a turn and the answer may take at most */

struct batch {
	struct request *req;
	struct request *operations[BATCH_MAX];
	size_t count;
	size_t done;                      /* operations whose outcome is known: all before this one */
	struct request *group[GROUP_MAX]; /* of those after it what is under way */
	size_t group_count, left;         /* `left` of them wait for a reference (kit/awaited.h) */
};

static const struct {
	const char *name;
	enum verb verb;
} verbs[] = { { "create", VERB_CREATE }, { "update", VERB_UPDATE }, { "delete", VERB_DELETE },
	{ "restore", VERB_RESTORE } };

/* Lives in the batch's arena; named as if it had come alone, so that its key belongs to its method. */
static struct request *operation_new(
	struct request *req, size_t index, const struct wire_field *verb, const struct wire_field *body)
{
	struct request *o = arena_zalloc(req->arena, sizeof *o);

	*o = *req;
	o->problem = NULL;
	o->verb = VERB_BATCH;
	o->body = (const uint8_t *)body->bytes;
	o->body_len = body->len;
	if (req->idempotency_key)
		o->idempotency_key = arena_printf(req->arena, "%zu of %s", index, req->idempotency_key);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strlen(verbs[i].name) == verb->len && !memcmp(verbs[i].name, verb->bytes, verb->len))
			o->verb = verbs[i].verb;
	return o;
}

static enum status read_operations(struct batch *b)
{
	struct request *req = b->req;
	struct wire_reader reader = wire_reader(req->body, req->body_len);
	struct wire_field f, verb, body;

	while (wire_next(&reader, &f)) {
		if (f.number != 1 || f.type != WIRE_BYTES)
			continue;
		if (b->count == BATCH_MAX)
			return fail_field(req, "/operations", MSG_TOO_MANY,
				arena_printf(req->arena, "%d", BATCH_MAX), NULL);
		if (!wire_find(f.bytes, f.len, 1, &verb) || verb.type != WIRE_BYTES ||
			!wire_find(f.bytes, f.len, 2, &body) || body.type != WIRE_BYTES)
			return fail(req, INVALID, MSG_INVALID, NULL);
		b->operations[b->count] = operation_new(req, b->count, &verb, &body);
		if (b->operations[b->count++]->verb == VERB_BATCH)
			return fail(req, INVALID, MSG_INVALID, NULL);
	}
	return reader.failed ? fail(req, INVALID, MSG_INVALID, NULL) : OK;
}

/* The key of the whole: with another body it is misused, before anything is written. */
static enum status claim_key(struct request *req, struct db *db)
{
	static const struct db_statement claim = {
		"INSERT INTO idempotency AS i (key, body_hash, record_id) VALUES ($1::bytea, $2::bytea, "
		"'00000000-0000-0000-0000-000000000000')"
		" ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING i.body_hash = $2::bytea"
	};
	struct db_params params = { .arena = req->arena };
	uint8_t key[KEY_BYTES], hash[KEY_BYTES];
	PGresult *rows;

	if (!req->idempotency_key)
		return OK;
	write_digest_key(req, key, hash);
	db_bind(&params, key, KEY_BYTES);
	db_bind(&params, hash, KEY_BYTES);
	TRY(db_run(db, req->arena, &claim, &params, &rows));
	return db_bool(rows, 0, 0) ? OK : fail(req, MISUSED_KEY, MSG_IDEMPOTENCY_KEY_REUSED, NULL);
}

/* For another turn, which may wait for a row, and for the answer. */
static bool has_time(const struct request *req)
{
	return req->bus && request_now_ns() + TURN_NS < req->bus->deadline_ns;
}

static void write_group(struct db *db, struct request *const *operations, size_t count)
{
	struct request *planned[GROUP_MAX], *group[GROUP_MAX];

	memcpy(group, operations, count * sizeof *group);
	for (int turn = 0; count && (turn < BATCH_TURNS || has_time(group[0])); turn++) {
		size_t n = 0, again = 0;

		for (size_t i = 0; i < count; i++) {
			group[i]->again = false;
			group[i]->problem = NULL;
			group[i]->status = engine_plan(group[i]);
			if (group[i]->status == OK)
				planned[n++] = group[i];
		}
		engine_write(db, planned, n);
		for (size_t i = 0; i < n; i++)
			if (planned[i]->again)
				group[again++] = planned[i];
		count = again;
	}
}

static void add_result(const struct request *o, struct buffer *out)
{
	size_t begun = wire_begin(out, 1), problem;
	const struct write *w = o->plan;

	wire_add_varint(out, 1, (uint64_t)o->status);
	if (o->status == OK && w && w->after)
		wire_add_text(out, 2, record_text(w->after, STANDARD_ID));
	if (o->version && o->status == OK)
		wire_add_varint(out, 3, o->version);
	if (o->replayed)
		wire_add_varint(out, 4, 1);
	if (o->status != OK) {
		problem = wire_begin(out, 5);
		problem_to_wire(o->problem
					? o->problem
					: problem_new(o->arena, message_find(status_code(o->status)), NULL),
			out);
		wire_end(out, problem);
	}
	wire_end(out, begun);
}

/* Creates and changes take different ways: a group ends where one follows the other, so that operations
 * happen in the order in which they stand. */
static void begin_group(struct batch *b)
{
	struct request **next = &b->operations[b->done];
	size_t n = 0;

	while (n < GROUP_MAX && b->done + n < b->count &&
		(next[n]->verb == VERB_CREATE) == (next[0]->verb == VERB_CREATE))
		n++;
	b->group_count = b->left = n;
	memcpy(b->group, next, n * sizeof *next);
}

/* Those that wait for something else than what its owner has just said not to be there. */
static void keep_waiting(struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->left; i++)
		if (b->group[i]->status != OK && b->group[i]->missing &&
			memcmp(b->group[i]->missing_id, b->req->unknown_id, 16))
			b->group[n++] = b->group[i];
	b->left = n;
}

/* The first one's reference is asked about; the batch runs again when it has come or nobody has it. */
static enum status await(struct batch *b)
{
	b->req->missing = b->group[0]->missing;
	memcpy(b->req->missing_id, b->group[0]->missing_id, 16);
	return fail(b->req, UNAVAILABLE, MSG_UNAVAILABLE, NULL);
}

/* Operations after a group that waits wait too: their order holds. */
static enum status write_groups(struct db *db, struct batch *b)
{
	const struct request *req = b->req;
	bool came = !memcmp(req->known_id, req->missing_id, 16);

	while (b->done < b->count) {
		if (!b->left)
			begin_group(b);
		else
			keep_waiting(b);
		if (b->left && (came || !b->group[0]->missing)) {
			write_group(db, b->group, b->left);
			keep_waiting(b);
		}
		if (b->left)
			return await(b);
		b->done += b->group_count;
		came = false;
	}
	return OK;
}

static enum status begin(struct db *db, struct request *req)
{
	struct batch *b = arena_zalloc(req->arena, sizeof *b);

	b->req = req;
	TRY(read_operations(b));
	TRY(claim_key(req, db));
	req->plan = b;
	return OK;
}

enum status engine_batch(struct db *db, struct request *req)
{
	struct buffer out = { .arena = req->arena };

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	TRY(db_ready(db));
	if (!req->plan)
		TRY(begin(db, req));
	struct batch *b = req->plan;

	TRY(write_groups(db, b));
	for (size_t i = 0; i < b->count; i++) {
		add_result(b->operations[i], &out);
		req->replayed |= b->operations[i]->replayed;
	}
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}
