#include "customer/import.h"
#include "kit/csv.h"
#include "kit/normalise.h"
#include "kit/uuid.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PREVIEW_ROWS 6
#define NAME_MAX_    255

static enum status need_principal(struct request *req)
{
	return req->principal ? OK : fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
}

static void bind_digest(struct request *req, struct db_params *params, const crypto_hash_sha256_state *state)
{
	db_bind(params, arena_strndup(req->arena, (const char *)state, sizeof *state), sizeof *state);
}

enum status file_create(struct request *req, const char *name, const char *media_type, uint8_t id_out[16])
{
	static const struct db_statement insert = {
		"INSERT INTO file (id, owner_id, name, media_type, digest_state) VALUES ($1::uuid, $2::uuid, "
		"$3::text, $4::text, $5::bytea)"
	};
	struct db_params params = { .arena = req->arena };
	crypto_hash_sha256_state state;

	uuid_v7(id_out);
	crypto_hash_sha256_init(&state);
	db_bind_uuid(&params, id_out);
	db_bind_uuid(&params, req->principal->id);
	db_bind_text(&params, name);
	db_bind_text(&params, media_type);
	bind_digest(req, &params, &state);
	return db_run(req->db, req->arena, &insert, &params, NULL);
}

struct file_row {
	int64_t size;
	int chunks;
	bool finished;
	const char *name, *media_type, *sha256;
	struct slice state;
	const char *headings; /* NULL: none */
};

/* The principal's own file; an administrator's reach is everyone's. */
static enum status look(struct request *req, const uint8_t id[16], bool lock, struct file_row *row_out)
{
	static const struct db_statement plain = { "SELECT size, chunks, finished, name, media_type, sha256, "
						   "digest_state, headings FROM file WHERE id = "
						   "$1::uuid AND (owner_id = $2::uuid OR $3::boolean) AND "
						   "(expire_time IS NULL OR expire_time > now())" };
	static const struct db_statement locked = { "SELECT size, chunks, finished, name, media_type, "
						    "sha256, digest_state, headings FROM file WHERE id = "
						    "$1::uuid AND (owner_id = $2::uuid OR $3::boolean)"
						    " FOR UPDATE" };
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, id);
	db_bind_uuid(&params, req->principal->id);
	db_bind_bool(&params, req->principal->administrator);
	TRY(db_run(req->db, req->arena, lock ? &locked : &plain, &params, &rows));
	if (!PQntuples(rows))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	*row_out = (struct file_row){ db_int8(rows, 0, 0), db_int4(rows, 0, 1), db_bool(rows, 0, 2),
		db_bytes(rows, 0, 3).data, PQgetisnull(rows, 0, 4) ? "" : db_bytes(rows, 0, 4).data,
		PQgetisnull(rows, 0, 5) ? "" : db_bytes(rows, 0, 5).data, db_bytes(rows, 0, 6),
		PQgetisnull(rows, 0, 7) ? NULL : db_bytes(rows, 0, 7).data };
	return OK;
}

/* A chunk that came before is taken for done: the same call may arrive twice. */
enum status file_add(struct request *req, const uint8_t id[16], int chunk, const void *bytes, size_t len)
{
	static const struct db_statement insert = {
		"WITH c AS (INSERT INTO file_chunk (file_id, chunk, data) VALUES ($1::uuid, $2::int, "
		"$3::bytea))"
		" UPDATE file SET chunks = $2::int + 1, size = size + octet_length($3::bytea), digest_state "
		"= $4::bytea WHERE id = $1::uuid"
	};
	struct db_params params = { .arena = req->arena };
	crypto_hash_sha256_state state;
	struct file_row row;

	TRY(look(req, id, true, &row));
	if (row.finished || chunk > row.chunks)
		return fail(req, CONFLICT, MSG_CONFLICT, NULL);
	if (chunk < row.chunks)
		return OK;
	if (len > FILE_CHUNK_MAX || row.size + (int64_t)len > FILE_SIZE_MAX)
		return fail(
			req, TOO_LARGE, MSG_TOO_LARGE, arena_printf(req->arena, "%lld", FILE_SIZE_MAX), NULL);
	memcpy(&state, row.state.data, sizeof state);
	crypto_hash_sha256_update(&state, bytes, len);
	db_bind_uuid(&params, id);
	db_bind_int4(&params, chunk);
	db_bind(&params, bytes, len);
	bind_digest(req, &params, &state);
	return db_run(req->db, req->arena, &insert, &params, NULL);
}

enum status file_add_all(
	struct request *req, const uint8_t id[16], int32_t *chunks, const void *bytes, size_t len)
{
	for (size_t from = 0; from < len; from += FILE_CHUNK_MAX) {
		size_t part = len - from > FILE_CHUNK_MAX ? FILE_CHUNK_MAX : len - from;

		TRY(file_add(req, id, (*chunks)++, (const char *)bytes + from, part));
	}
	return OK;
}

enum status file_expire(struct request *req, const uint8_t id[16], int64_t at_us)
{
	static const struct db_statement expire = {
		"UPDATE file SET expire_time = $2::timestamptz WHERE id = $1::uuid"
	};
	struct db_params params = { .arena = req->arena };

	db_bind_uuid(&params, id);
	db_bind_time(&params, at_us);
	return db_run(req->db, req->arena, &expire, &params, NULL);
}

enum status file_end(struct request *req, const uint8_t id[16])
{
	static const struct db_statement finish = {
		"UPDATE file SET finished = true, sha256 = $2::text, digest_state = NULL WHERE id = $1::uuid"
	};
	struct db_params params = { .arena = req->arena };
	crypto_hash_sha256_state state;
	unsigned char digest[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof digest + 1];
	struct file_row row;

	TRY(look(req, id, true, &row));
	if (row.finished)
		return OK;
	memcpy(&state, row.state.data, sizeof state);
	crypto_hash_sha256_final(&state, digest);
	sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
	db_bind_uuid(&params, id);
	db_bind_text(&params, hex);
	return db_run(req->db, req->arena, &finish, &params, NULL);
}

enum status file_chunk(struct request *req, const uint8_t id[16], int chunk, struct slice *bytes_out)
{
	static const struct db_statement read = {
		"SELECT data FROM file_chunk WHERE file_id = $1::uuid AND chunk = $2::int"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, id);
	db_bind_int4(&params, chunk);
	TRY(db_run(req->db, req->arena, &read, &params, &rows));
	*bytes_out = PQntuples(rows) ? db_bytes(rows, 0, 0) : (struct slice){ 0 };
	return OK;
}

enum status file_look(struct request *req, const uint8_t id[16], int64_t *size_out, const char **name_out,
	const char **headings_out)
{
	struct file_row row;

	TRY(look(req, id, false, &row));
	if (!row.finished)
		return fail(req, CONFLICT, MSG_FILE_NOT_FINISHED, NULL);
	*size_out = row.size;
	*name_out = row.name;
	*headings_out = row.headings;
	return OK;
}

/* --- methods */

static void free_begin(void *message)
{
	guanxi__customer__v1__begin_file_request__free_unpacked(message, NULL);
}

static void encode_file(struct buffer *out, const uint8_t id[16], const struct file_row *row)
{
	char text[37];

	uuid_to_text(id, text);
	wire_add_text(out, 1, text);
	wire_add_text(out, 2, row->name);
	wire_add_varint(out, 3, (uint64_t)row->size);
	if (row->sha256 && *row->sha256)
		wire_add_text(out, 4, row->sha256);
	if (row->media_type && *row->media_type)
		wire_add_text(out, 5, row->media_type);
}

static void answer(struct request *req, struct buffer *out)
{
	buffer_reserve(out, 0);
	req->reply = (struct slice){ out->data, out->len };
}

enum status file_begin(struct request *req)
{
	Guanxi__Customer__V1__BeginFileRequest *body =
		guanxi__customer__v1__begin_file_request__unpack(NULL, req->body_len, req->body);
	struct buffer out = { .arena = req->arena };
	const char *name = "file", *type = NULL;
	uint8_t id[16];

	arena_defer(req->arena, free_begin, body);
	TRY(need_principal(req));
	if (!body)
		return fail(req, INVALID, MSG_INVALID, NULL);
	if (body->name &&
		normalise_name(body->name, strlen(body->name), NAME_MAX_, req->arena, &name) != NORMALISED)
		return fail_field(req, "/name", MSG_BAD_TEXT, NULL);
	if (body->media_type && normalise_name(body->media_type, strlen(body->media_type), 100, req->arena,
					&type) != NORMALISED)
		type = NULL;
	TRY(file_create(req, name, type, id));
	encode_file(&out, id, &(struct file_row){ .name = name, .media_type = type });
	answer(req, &out);
	return OK;
}

static enum status read_id(struct request *req, uint8_t id_out[16])
{
	struct wire_field f;

	TRY(need_principal(req));
	if (!wire_find(req->body, req->body_len, 1, &f) || !uuid_from_text(f.bytes, f.len, id_out))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	return OK;
}

enum status file_append(struct request *req)
{
	struct wire_field chunk = { 0 }, data = { 0 };
	uint8_t id[16];

	TRY(read_id(req, id));
	wire_find(req->body, req->body_len, 2, &chunk);
	if (!wire_find(req->body, req->body_len, 3, &data) || chunk.value > INT32_MAX)
		return fail(req, INVALID, MSG_INVALID, NULL);
	return file_add(req, id, (int)chunk.value, data.bytes, data.len);
}

/* The same for files with the same headings in the same order. */
static const char *fingerprint(struct request *req, const struct csv_row *row)
{
	crypto_generichash_state hash;
	unsigned char digest[16];
	char *hex = arena_alloc(req->arena, 2 * sizeof digest + 1);

	crypto_generichash_init(&hash, NULL, 0, sizeof digest);
	for (size_t i = 0; i < row->count; i++) {
		crypto_generichash_update(
			&hash, (const unsigned char *)row->fields[i].data, row->fields[i].len);
		crypto_generichash_update(&hash, (const unsigned char *)"", 1);
	}
	crypto_generichash_final(&hash, digest, sizeof digest);
	return sodium_bin2hex(hex, 2 * sizeof digest + 1, digest, sizeof digest);
}

/* What a person needs to map columns: the headings and the first rows. A file that is no CSV has no preview,
 * or a strange one. */
static void add_preview(
	struct request *req, struct buffer *out, struct slice bytes, const char **headings_out)
{
	struct csv_format format =
		csv_guess(bytes.data, bytes.len > CSV_GUESS_BYTES ? CSV_GUESS_BYTES : bytes.len);
	struct csv_reader *reader = csv_open(&format, req->arena);
	struct csv_row row;

	csv_push(reader, bytes.data, bytes.len);
	bool finished = false;

	for (int n = 0; n < PREVIEW_ROWS;) {
		enum csv_result result = csv_next(reader, &row);

		if (result == CSV_MORE && !finished) {
			finished = true;
			csv_finish(reader);
			continue;
		}
		if (result != CSV_ROW)
			return;
		size_t begun = wire_begin(out, 6);

		if (!n)
			*headings_out = fingerprint(req, &row);
		for (size_t i = 0; i < row.count; i++)
			wire_add_bytes(
				out, 1, row.fields[i].data, row.fields[i].len > 200 ? 0 : row.fields[i].len);
		wire_end(out, begun);
		n++;
	}
}

static enum status keep_headings(struct request *req, const uint8_t id[16], const char *headings)
{
	static const struct db_statement keep = { "UPDATE file SET headings = $2::text WHERE id = $1::uuid" };
	struct db_params params = { .arena = req->arena };

	db_bind_uuid(&params, id);
	db_bind_text(&params, headings);
	return db_run(req->db, req->arena, &keep, &params, NULL);
}

enum status file_finish(struct request *req)
{
	struct buffer out = { .arena = req->arena };
	struct file_row row;
	struct slice first;
	uint8_t id[16];

	TRY(read_id(req, id));
	TRY(file_end(req, id));
	TRY(look(req, id, false, &row));
	TRY(file_chunk(req, id, 0, &first));
	encode_file(&out, id, &row);
	const char *headings = NULL;

	if (first.len && !import_is_lines(first.data, first.len))
		add_preview(req, &out, first, &headings);
	if (headings) {
		wire_add_text(&out, 7, headings);
		TRY(keep_headings(req, id, headings));
	}
	answer(req, &out);
	return OK;
}

enum status file_read(struct request *req)
{
	struct buffer out = { .arena = req->arena };
	struct wire_field chunk = { 0 };
	struct file_row row;
	struct slice bytes;
	uint8_t id[16];

	TRY(read_id(req, id));
	wire_find(req->body, req->body_len, 2, &chunk);
	TRY(look(req, id, false, &row));
	if (!row.finished)
		return fail(req, CONFLICT, MSG_FILE_NOT_FINISHED, NULL);
	TRY(file_chunk(req, id, (int)chunk.value, &bytes));
	size_t begun = wire_begin(&out, 1);

	encode_file(&out, id, &row);
	wire_end(&out, begun);
	wire_add_bytes(&out, 2, bytes.data, bytes.len);
	wire_add_varint(&out, 3, chunk.value + 1 >= (uint64_t)row.chunks);
	answer(req, &out);
	return OK;
}
