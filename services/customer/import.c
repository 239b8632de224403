/* Records from a file: a job that takes batches of rows a step, keeps where it is in the same transaction,
 * and collects what it refuses in a file of its own. What happens to a row whose record is there is the
 * policy's. */
#include "customer/import.h"
#include "customer/rules.h"
#include "kit/column.h"
#include "kit/engine.h"
#include "kit/metrics.h"
#include "kit/uuid.h"
#include "kit/validate.h"
#include <sodium.h>
#include <string.h>

#define BATCH_ROWS   500
#define STEP_BATCHES 4 /* in one transaction: while PostgreSQL stores one, the next is read; some 50 MB */
#define HASH_BYTES   16

/* What a step leaves for the next. A change of it must read the old form: a job may live through an upgrade.
 * Later members are at the end, and zero when an earlier version left it. */
struct checkpoint {
	uint64_t row; /* rows dealt with, the heading included */
	int64_t created, refused;
	struct refused file;
	uint32_t unused;
	int64_t updated, skipped;
};

enum fate { CREATE, CHANGE, PASS, REFUSE };

struct batch {
	struct import_row rows[BATCH_ROWS];
	size_t count;
	enum fate fates[BATCH_ROWS];
	struct found found[BATCH_ROWS];
	bool seen[BATCH_ROWS]; /* a trial run: what it finds was made by an earlier row */
	struct problem *problems[BATCH_ROWS];
	struct slice keys[BATCH_ROWS]; /* in PostgreSQL's form; without data: the row has none */
	size_t created[BATCH_ROWS];    /* the rows that are created, and what came of it */
	struct record *records[BATCH_ROWS];
	enum status statuses[BATCH_ROWS];
	struct problem *reasons[BATCH_ROWS];
	size_t created_count;
	struct creation *creation;
};

struct step {
	struct request *req;
	struct job *job;
	const struct import_file *file;
	struct checkpoint at;
	struct buffer refused;
	enum import_policy policy;
	bool dry_run;
	struct import_row ahead; /* read, but its key is in the batch before: the first of the next */
	bool has_ahead;
	enum csv_result result;
};

/* --- reading a batch */

static void refuse(struct step *s, const struct import_row *row, const struct problem *problem)
{
	refused_add(s->req, &s->refused, row->cells, row->cell_count, problem);
	s->at.refused++;
}

/* A plain new customer is checked when it is made. Whatever is looked for must have its normal form before.
 */
static bool is_looked_up(const struct step *s)
{
	return s->policy != IMPORT_CREATE || s->dry_run;
}

static struct problem *take_problem(struct request *req)
{
	struct problem *problem = req->problem ? req->problem : problem_new(req->arena, MSG_INVALID, NULL);

	req->problem = NULL;
	req->status = OK;
	return problem;
}

/* The value of a field as its column, or index, has it. */
static struct slice value_of(struct step *s, const struct import_row *row, const struct schema_field *f)
{
	struct slice wire = row->record->fields[f->index], value = { 0 };
	const struct schema_field *part = schema_cell_part(f);
	struct wire_reader reader = wire_reader(wire.data, wire.len);
	struct wire_field first, text;

	if (!wire.len)
		return value;
	if (!part)
		return column_from_wire(f, wire, s->req->arena, &value) ? value : (struct slice){ 0 };
	if (wire_next(&reader, &first) && wire_find(first.bytes, first.len, part->number, &text))
		value = (struct slice){ text.bytes, text.len };
	return value;
}

static bool stands_in(const struct batch *b, struct slice key)
{
	for (size_t i = 0; key.data && i < b->count; i++)
		if (b->keys[i].len == key.len && b->keys[i].data &&
			!memcmp(b->keys[i].data, key.data, key.len))
			return true;
	return false;
}

static bool next(struct step *s, struct import_row *row_out)
{
	if (s->has_ahead) {
		*row_out = s->ahead;
		s->has_ahead = false;
		return true;
	}
	s->result = import_next(s->req, row_out);
	return s->result == CSV_ROW;
}

/* Rows until the batch is full or there are no more at hand. What is no record at all is refused at once. A
 * row whose key is in the batch waits for the next: it is to find what the one before made. */
static void fill(struct step *s, struct batch *b)
{
	struct import_row row;

	while (b->count < BATCH_ROWS && next(s, &row)) {
		struct slice key = { 0 };

		if (!row.problem && is_looked_up(s) &&
			validate_update(s->req, row.record, row.fields, row.field_count) != OK)
			row.problem = take_problem(s->req);
		if (row.problem) {
			refuse(s, &row, row.problem);
			continue;
		}
		if (s->file->key)
			key = value_of(s, &row, s->file->key);
		if (stands_in(b, key)) {
			s->ahead = row;
			s->has_ahead = true;
			return;
		}
		b->keys[b->count] = key;
		b->rows[b->count++] = row;
	}
}

/* --- what is there already */

static const char *label_of(struct step *s, const struct schema_field *f)
{
	return problem_field_label(s->req->arena, s->file->resource->message, f);
}

static void refuse_field(struct step *s, struct batch *b, size_t i, const struct schema_field *f,
	enum message message, const char *label)
{
	struct problem *problem = problem_new(s->req->arena, MSG_INVALID, NULL);

	problem_add_error(problem, arena_printf(s->req->arena, "/%s", f->json_name), message, label, NULL);
	b->fates[i] = REFUSE;
	b->problems[i] = problem;
}

/* What one reference's column names by titles, a list's one by one; of which rows. */
static size_t titles_of(struct step *s, struct batch *b, const struct schema_field *f,
	struct slice **titles_out, size_t **rows_out)
{
	size_t most = 0, n = 0;

	for (size_t i = 0; i < b->count; i++)
		most += b->rows[i].titles.len / sizeof(struct import_title);
	*titles_out = arena_alloc(s->req->arena, (most + 1) * sizeof **titles_out);
	*rows_out = arena_alloc(s->req->arena, (most + 1) * sizeof **rows_out);
	for (size_t i = 0; i < b->count; i++) {
		const struct import_title *title = (const void *)b->rows[i].titles.data;

		for (size_t k = 0; k < b->rows[i].titles.len / sizeof *title; k++)
			if (title[k].field == f) {
				(*titles_out)[n] = (struct slice){ title[k].text, strlen(title[k].text) };
				(*rows_out)[n++] = i;
			}
	}
	return n;
}

static void add_reference(
	struct step *s, struct record *record, const struct schema_field *f, const uint8_t id[16])
{
	struct buffer out = { .arena = s->req->arena };
	struct slice others = record->fields[f->index];
	char text[37];

	uuid_to_text(id, text);
	if (f->repeated)
		buffer_add(&out, others.data, others.len);
	wire_add_text(&out, f->number, text);
	record_set_wire(record, f->number, (struct slice){ out.data, out.len });
}

static enum status resolve(struct step *s, struct batch *b, const struct schema_field *f)
{
	struct slice *titles;
	size_t *rows, count = titles_of(s, b, f, &titles, &rows);
	struct found *found = arena_alloc(s->req->arena, (count + 1) * sizeof *found);

	if (!count)
		return OK;
	TRY(engine_find_many(s->req, s->file->resource, f, titles, count, found));
	for (size_t n = 0; n < count; n++) {
		if (found[n].count == 1)
			add_reference(s, b->rows[rows[n]].record, f, found[n].id);
		else if (found[n].count)
			refuse_field(s, b, rows[n], f, MSG_IMPORT_SEVERAL_FOUND, label_of(s, f));
		else
			refuse_field(s, b, rows[n], f, MSG_BAD_REFERENCE,
				problem_resource_label(s->req->arena, f->reference));
	}
	return OK;
}

static enum status resolve_all(struct step *s, struct batch *b)
{
	const struct schema_message *m = s->file->resource->message;

	for (size_t i = 0; s->file->has_references && i < m->count; i++)
		if (m->fields[i].reference)
			TRY(resolve(s, b, &m->fields[i]));
	return OK;
}

/* --- what a trial run would have made */

static void hash_of(const struct schema_field *f, struct slice value, uint8_t hash_out[HASH_BYTES])
{
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, NULL, 0, HASH_BYTES);
	crypto_generichash_update(&hash, (const unsigned char *)&f->number, sizeof f->number);
	crypto_generichash_update(&hash, (const unsigned char *)value.data, value.len);
	crypto_generichash_final(&hash, hash_out, HASH_BYTES);
}

static bool is_identity(const struct step *s, const struct schema_field *f)
{
	return f == s->file->key || f->rule->unique;
}

static void bind_hashes(struct step *s, struct batch *b, const struct schema_field *f, bool made_only,
	struct db_params *params)
{
	struct db_array hashes;
	uint8_t hash[HASH_BYTES];

	db_array_begin(&hashes, s->req->arena, OID_BYTEA);
	for (size_t i = 0; i < b->count; i++) {
		struct slice value = value_of(s, &b->rows[i], f);

		if (!value.data || (made_only && b->fates[i] != CREATE)) {
			db_array_add_null(&hashes);
			continue;
		}
		hash_of(f, value, hash);
		db_array_add(&hashes, hash, HASH_BYTES);
	}
	db_bind_uuid(params, s->job->id);
	db_bind_array(params, &hashes);
}

static enum status find_seen(struct step *s, struct batch *b, const struct schema_field *f)
{
	static const struct db_statement find = {
		"SELECT k.n FROM unnest($2::bytea[]) WITH ORDINALITY AS k(key, n) JOIN import_seen s"
		" ON s.job_id = $1::uuid AND s.key = k.key"
	};
	struct db_params params = { .arena = s->req->arena };
	PGresult *rows;

	bind_hashes(s, b, f, false, &params);
	TRY(db_run(s->req->db, s->req->arena, &find, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		size_t i = (size_t)db_int8(rows, row, 0) - 1;

		if (f == s->file->key)
			b->seen[i] = true;
		else if (b->fates[i] == CREATE && !b->seen[i])
			refuse_field(s, b, i, f, MSG_DUPLICATE, label_of(s, f));
	}
	return OK;
}

static enum status keep_seen(struct step *s, struct batch *b, const struct schema_field *f)
{
	static const struct db_statement keep = { "INSERT INTO import_seen SELECT $1::uuid, k.key FROM "
						  "unnest($2::bytea[]) AS k(key) WHERE k.key IS NOT "
						  "NULL ON CONFLICT DO NOTHING" };
	struct db_params params = { .arena = s->req->arena };

	bind_hashes(s, b, f, true, &params);
	return db_run(s->req->db, s->req->arena, &keep, &params, NULL);
}

static enum status each_identity(struct step *s, struct batch *b,
	enum status (*run)(struct step *, struct batch *, const struct schema_field *))
{
	const struct schema_message *m = s->file->resource->message;

	if (!s->dry_run)
		return OK;
	if (s->file->key)
		TRY(run(s, b, s->file->key));
	for (size_t i = 0; i < m->count; i++)
		if (is_identity(s, &m->fields[i]) && &m->fields[i] != s->file->key)
			TRY(run(s, b, &m->fields[i]));
	return OK;
}

static enum status forget_seen(struct step *s)
{
	static const struct db_statement forget = { "DELETE FROM import_seen WHERE job_id = $1::uuid" };
	struct db_params params = { .arena = s->req->arena };

	db_bind_uuid(&params, s->job->id);
	return s->dry_run ? db_run(s->req->db, s->req->arena, &forget, &params, NULL) : OK;
}

/* --- deciding */

static void decide(struct step *s, struct batch *b, size_t i)
{
	bool exists = b->found[i].count || b->seen[i];

	if (b->fates[i] == REFUSE)
		return;
	if (b->found[i].count > 1 && s->policy != IMPORT_SKIP)
		refuse_field(s, b, i, s->file->key, MSG_IMPORT_SEVERAL_FOUND, label_of(s, s->file->key));
	else if (exists)
		b->fates[i] = s->policy == IMPORT_SKIP ? PASS : CHANGE;
	else if (s->policy == IMPORT_UPDATE && !b->keys[i].data)
		refuse_field(s, b, i, s->file->key, MSG_REQUIRED, NULL);
	else if (s->policy == IMPORT_UPDATE)
		refuse_field(s, b, i, s->file->key, MSG_IMPORT_NONE_FOUND, label_of(s, s->file->key));
}

static enum status find(struct step *s, struct batch *b)
{
	TRY(resolve_all(s, b));
	if (s->policy != IMPORT_CREATE)
		TRY(engine_find_many(s->req, s->file->resource, s->file->key, b->keys, b->count, b->found));
	TRY(each_identity(s, b, find_seen));
	for (size_t i = 0; s->policy != IMPORT_CREATE && i < b->count; i++)
		decide(s, b, i);
	return OK;
}

/* --- storing */

static enum status begin_creations(struct step *s, struct batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->fates[i] == CREATE) {
			b->records[b->created_count] = b->rows[i].record;
			b->created[b->created_count++] = i;
			record_clear(b->rows[i].record, STANDARD_ID);
		}
	return engine_create_begin(s->req, s->file->resource, b->records, b->created_count, &b->creation);
}

static void account_creations(struct batch *b)
{
	for (size_t i = 0; i < b->created_count; i++)
		if (b->statuses[i] != OK) {
			b->fates[b->created[i]] = REFUSE;
			b->problems[b->created[i]] = b->reasons[i];
		}
}

static enum status end_creations(struct batch *b)
{
	return engine_create_end(b->creation, b->statuses, b->reasons);
}

static enum status explain_creations(struct batch *b)
{
	TRY(engine_create_explain(b->creation, b->statuses, b->reasons));
	account_creations(b);
	return OK;
}

/* Two keys of a file may name one record: the later one waits for a statement of its own. */
static enum status change_rows(struct step *s, struct batch *b, bool *done)
{
	struct change *changes = arena_zalloc(s->req->arena, b->count * sizeof *changes);
	size_t *of = arena_alloc(s->req->arena, b->count * sizeof *of), n = 0;

	for (size_t i = 0; i < b->count; i++) {
		bool again = false;

		if (b->fates[i] != CHANGE || b->seen[i] || done[i])
			continue;
		for (size_t k = 0; k < n && !again; k++)
			again = !memcmp(changes[k].id, b->found[i].id, 16);
		if (again)
			continue;
		done[i] = true;
		memcpy(changes[n].id, b->found[i].id, 16);
		changes[n].verb = VERB_UPDATE;
		changes[n].patch = b->rows[i].record;
		changes[n].fields = b->rows[i].fields;
		changes[n].field_count = b->rows[i].field_count;
		of[n++] = i;
	}
	TRY(engine_change_many(s->req, s->file->resource, changes, n));
	for (size_t k = 0; k < n; k++)
		if (changes[k].status != OK) {
			b->fates[of[k]] = REFUSE;
			b->problems[of[k]] = changes[k].problem;
		} else if (!changes[k].changed) {
			b->fates[of[k]] = PASS; /* it was so already */
		}
	return OK;
}

static enum status change_all(struct step *s, struct batch *b)
{
	bool done[BATCH_ROWS] = { false };

	for (;;) {
		bool any = false;

		for (size_t i = 0; i < b->count; i++)
			any |= b->fates[i] == CHANGE && !b->seen[i] && !done[i];
		if (!any)
			return OK;
		TRY(change_rows(s, b, done));
	}
}

static void account(struct step *s, struct batch *b)
{
	int64_t *const counts[] = {
		[CREATE] = &s->at.created, [CHANGE] = &s->at.updated, [PASS] = &s->at.skipped
	};

	for (size_t i = 0; i < b->count; i++)
		if (b->fates[i] == REFUSE)
			refuse(s, &b->rows[i], b->problems[i]);
		else
			++*counts[b->fates[i]];
}

static struct batch *new_batch(struct step *s)
{
	return arena_zalloc(s->req->arena, sizeof(struct batch));
}

/* New records that refer to nothing: PostgreSQL stores a batch while the next are read. */
static enum status store_new(struct step *s)
{
	struct batch *batches[STEP_BATCHES];
	size_t n = 0;

	for (; n < STEP_BATCHES && s->result == CSV_ROW; n++) {
		batches[n] = new_batch(s);
		fill(s, batches[n]);
		TRY(begin_creations(s, batches[n]));
	}
	for (size_t i = 0; i < n; i++)
		TRY(end_creations(batches[i]));
	for (size_t i = 0; i < n; i++) {
		TRY(explain_creations(batches[i]));
		account(s, batches[i]);
	}
	return OK;
}

static const struct db_statement savepoint = { "SAVEPOINT trial" };
static const struct db_statement undo = { "ROLLBACK TO SAVEPOINT trial" };

static enum status run_if(struct step *s, bool wanted, const struct db_statement *statement)
{
	return wanted ? db_run(s->req->db, s->req->arena, statement, NULL, NULL) : OK;
}

/* A batch that is looked up first: what it refers to, and what is there. While PostgreSQL stores its new
 * records, the next batch is read. A trial run does all of it and takes it back. */
static enum status store_batch(struct step *s, struct batch *b, struct batch *next_batch)
{
	TRY(find(s, b));
	TRY(run_if(s, s->dry_run, &savepoint));
	TRY(begin_creations(s, b));
	if (next_batch)
		fill(s, next_batch);
	TRY(end_creations(b));
	TRY(explain_creations(b));
	TRY(change_all(s, b));
	TRY(run_if(s, s->dry_run, &undo));
	TRY(each_identity(s, b, keep_seen));
	account(s, b);
	return OK;
}

static enum status store_found(struct step *s)
{
	struct batch *b = new_batch(s);

	fill(s, b);
	for (size_t n = 1; b; n++) {
		bool more = s->has_ahead || (n < STEP_BATCHES && s->result == CSV_ROW);
		struct batch *following = more ? new_batch(s) : NULL;

		TRY(store_batch(s, b, following));
		if (!following && s->has_ahead) { /* met while this batch was read: it is dealt with now */
			following = new_batch(s);
			fill(s, following);
		}
		b = following;
	}
	return OK;
}

/* --- a step */

static void tell(struct step *s)
{
	char id[37];

	job_set_number(s->job, JOB_CREATED, s->at.created);
	job_set_number(s->job, JOB_UPDATED, s->at.updated);
	job_set_number(s->job, JOB_SKIPPED, s->at.skipped);
	job_set_number(s->job, JOB_REFUSED, s->at.refused);
	job_set_number(s->job, JOB_DONE, s->file->bytes);
	if (s->at.file.chunks) {
		uuid_to_text(s->at.file.id, id);
		job_set_text(s->job, JOB_REFUSED_FILE_ID, id);
	}
}

static enum status finish(struct step *s, struct problem *problem)
{
	s->job->finished = true;
	if (problem)
		s->job->problem = refused_text(s->req, problem);
	TRY(forget_seen(s));
	return s->at.file.chunks ? file_end(s->req, s->at.file.id) : OK;
}

static enum status run_step(struct step *s, const uint8_t file[16])
{
	struct request *req = s->req;
	struct problem *problem;

	TRY(import_open(req, s->job, file, s->at.row, &s->file, &problem));
	if (problem)
		return finish(s, problem);
	TRY(import_read_ahead(req, file));
	TRY(rules_refresh(req->db));
	bool plain = !is_looked_up(s) && !s->file->has_references && !s->file->resource->parent;

	TRY(plain ? store_new(s) : store_found(s));
	TRY(refused_keep(req, &s->at.file, s->file->headings, s->file->columns, &s->refused,
		record_text(s->job->record, JOB_FILE_NAME)));
	s->at.row = s->file->row;
	if (s->result == CSV_END || s->result == CSV_FAILED)
		TRY(finish(s, s->result == CSV_FAILED ? import_fault(req) : NULL));
	tell(s);
	job_keep(s->job, &s->at, sizeof s->at);
	return OK;
}

static void count_rows(const char *outcome, int64_t before, int64_t after)
{
	char label[32];

	snprintf(label, sizeof label, "outcome=\"%s\"", outcome);
	metric_add(metric_series(METRIC_IMPORT_ROWS, label), (double)(after - before));
}

enum status import_step(struct request *req, struct job *job)
{
	const struct record *record = job->record;
	const char *file_id = record_text(record, JOB_FILE_ID);
	struct step s = { .req = req,
		.job = job,
		.refused = { .arena = req->arena },
		.policy = record_has(record, JOB_POLICY)
				  ? (enum import_policy)record_number(record, JOB_POLICY)
				  : IMPORT_CREATE,
		.dry_run = record_number(record, JOB_DRY_RUN),
		.result = CSV_ROW };
	uint8_t file[16];

	if (job->checkpoint.len <= sizeof s.at && job->checkpoint.len)
		memcpy(&s.at, job->checkpoint.data, job->checkpoint.len);
	if (!file_id || !uuid_from_text(file_id, strlen(file_id), file))
		return INTERNAL;
	struct checkpoint before = s.at;

	req->without_automation =
		record_has(record, JOB_AUTOMATION) && !record_number(record, JOB_AUTOMATION);
	enum status status = run_step(&s, file);

	req->without_automation = false; /* the job's own event */
	if (status != OK || job->finished)
		import_close();
	if (status != OK)
		return status;
	count_rows("created", before.created, s.at.created);
	count_rows("updated", before.updated, s.at.updated);
	count_rows("skipped", before.skipped, s.at.skipped);
	count_rows("refused", before.refused, s.at.refused);
	return OK;
}
