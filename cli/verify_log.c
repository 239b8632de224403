/*
 * Reads a service's event log from its first position to its last and holds it against everything that was
 * written about it: the digest of each event, the columns that are projections of it, the chain of seals,
 * their signatures, the head, and the seals in the log output, which nobody who can write to PostgreSQL can
 * reach (DESIGN section 7). Works by SELECT alone, in one snapshot, so also on a copy that was restored.
 */
#include "cli/cli.h"
#include "kit/uuid.h"
#include "kit/wire.h"
#include <dirent.h>
#include <endian.h>
#include <libpq-fe.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASH = crypto_hash_sha256_BYTES, FETCH = 5000, ANCHORS_MAX = 4096, LINE = 8192 };

/* What the log output says of a seal. */
struct anchor {
	int64_t up_to;
	unsigned char seal[HASH];
};

struct verifier {
	struct cli *cli;
	PGconn *connection;
	const char *service;
	const unsigned char *public_key; /* NULL: signatures are not checked */
	struct anchor *anchors;
	size_t anchor_count, anchors_met;
	int64_t events, seals, signatures, signed_up_to;
	int64_t position; /* of the event last read; then of the fault */
	unsigned char previous[HASH];
	size_t previous_len; /* 0 before the first seal: nothing was before it */
	int64_t cut;         /* positions up to this one are no longer kept */
	enum text fault;     /* TEXT_NONE while all is well */
	const char *error;   /* PostgreSQL's, when it could not be asked */
	/* events that were fetched and not yet looked at */
	PGresult *rows;
	int row;
};

static bool failed(struct verifier *v, enum text fault, int64_t position)
{
	v->fault = fault;
	v->position = position;
	return false;
}

/* --- reading */

static PGresult *query(struct verifier *v, const char *sql)
{
	PGresult *result = PQexecParams(v->connection, sql, 0, NULL, NULL, NULL, NULL, 1);

	if (PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK)
		return result;
	v->error = arena_strndup(
		v->cli->arena, PQerrorMessage(v->connection), strcspn(PQerrorMessage(v->connection), "\n"));
	PQclear(result);
	return NULL;
}

static bool run(struct verifier *v, const char *sql)
{
	PGresult *result = query(v, sql);

	PQclear(result);
	return result;
}

static int64_t number(const PGresult *rows, int row, int column)
{
	uint64_t value;

	memcpy(&value, PQgetvalue(rows, row, column), sizeof value);
	return (int64_t)be64toh(value);
}

static struct slice bytes(const PGresult *rows, int row, int column)
{
	return (struct slice){ PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column) };
}

static bool equals(struct slice a, const void *b, size_t len)
{
	return a.len == len && !memcmp(a.data, b, len);
}

/* --- one event */

enum event_column {
	COL_POS,
	COL_SALT,
	COL_PAYLOAD,
	COL_DIGEST,
	COL_EVENT_ID,
	COL_TYPE,
	COL_SUBJECT_TYPE,
	COL_SUBJECT_ID,
	COL_VERSION
};

static bool is_digest(const PGresult *rows, int row)
{
	crypto_hash_sha256_state state;
	unsigned char digest[HASH];
	struct slice salt = bytes(rows, row, COL_SALT), payload = bytes(rows, row, COL_PAYLOAD);

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const unsigned char *)salt.data, salt.len);
	crypto_hash_sha256_update(&state, (const unsigned char *)payload.data, payload.len);
	crypto_hash_sha256_final(&state, digest);
	return equals(bytes(rows, row, COL_DIGEST), digest, sizeof digest);
}

/* The text of the attribute `subject` of a guanxi.Event. */
static struct slice subject_of(struct slice payload)
{
	struct wire_reader reader = wire_reader(payload.data, payload.len);
	struct wire_field entry, name, attribute, text;

	while (wire_next(&reader, &entry))
		if (entry.number == 5 && entry.type == WIRE_BYTES &&
			wire_find(entry.bytes, entry.len, 1, &name) && name.len == 7 &&
			!memcmp(name.bytes, "subject", 7) &&
			wire_find(entry.bytes, entry.len, 2, &attribute) &&
			wire_find(attribute.bytes, attribute.len, 3, &text))
			return (struct slice){ text.bytes, text.len };
	return (struct slice){ "", 0 };
}

static int64_t version_of(struct slice payload)
{
	struct wire_field change, version;

	if (!wire_find(payload.data, payload.len, 6, &change) ||
		!wire_find(change.bytes, change.len, 1, &version))
		return 0;
	return (int64_t)version.value;
}

/* What is searched by are the columns, so they must say what the sealed payload says. */
static bool columns_fit(const PGresult *rows, int row)
{
	struct slice payload = bytes(rows, row, COL_PAYLOAD), type = bytes(rows, row, COL_TYPE),
		     subject_type = bytes(rows, row, COL_SUBJECT_TYPE);
	struct wire_field f;
	char event_id[37], subject_id[37], subject[256];

	uuid_to_text((const uint8_t *)PQgetvalue(rows, row, COL_EVENT_ID), event_id);
	uuid_to_text((const uint8_t *)PQgetvalue(rows, row, COL_SUBJECT_ID), subject_id);
	int len = snprintf(
		subject, sizeof subject, "%.*s/%s", (int)subject_type.len, subject_type.data, subject_id);
	int64_t version = PQgetisnull(rows, row, COL_VERSION) ? 0 : number(rows, row, COL_VERSION);

	return wire_find(payload.data, payload.len, 1, &f) &&
	       equals((struct slice){ f.bytes, f.len }, event_id, 36) &&
	       wire_find(payload.data, payload.len, 4, &f) && equals(type, f.bytes, f.len) &&
	       equals(subject_of(payload), subject, (size_t)len) && version == version_of(payload);
}

static bool check_event(struct verifier *v, const PGresult *rows, int row)
{
	int64_t position = number(rows, row, COL_POS);

	if (position != v->position + 1)
		return failed(v, TEXT_FAULT_MISSING, v->position + 1);
	if (PQgetisnull(rows, row, COL_PAYLOAD) || !is_digest(rows, row))
		return failed(v, TEXT_FAULT_DIGEST, position);
	if (!columns_fit(rows, row))
		return failed(v, TEXT_FAULT_COLUMNS, position);
	v->position = position;
	v->events++;
	return true;
}

/* The next event: its row in v->rows. False at the end, and when PostgreSQL fails. */
static bool next_event(struct verifier *v)
{
	if (v->rows && ++v->row < PQntuples(v->rows))
		return true;
	PQclear(v->rows);
	v->rows = query(v, "FETCH 5000 FROM guanxi_events");
	v->row = 0;
	return v->rows && PQntuples(v->rows);
}

/* --- seals */

/* Hashes events up to a position into `state`. */
static bool take_events(struct verifier *v, int64_t up_to, crypto_hash_sha256_state *state)
{
	while (v->position < up_to) {
		if (!next_event(v))
			return v->error ? false : failed(v, TEXT_FAULT_MISSING, v->position + 1);
		if (!check_event(v, v->rows, v->row))
			return false;
		struct slice digest = bytes(v->rows, v->row, COL_DIGEST);

		crypto_hash_sha256_update(state, (const unsigned char *)digest.data, digest.len);
	}
	return true;
}

static bool check_anchor(struct verifier *v, int64_t up_to, struct slice seal)
{
	for (size_t i = 0; i < v->anchor_count; i++) {
		if (v->anchors[i].up_to != up_to)
			continue;
		if (!equals(seal, v->anchors[i].seal, HASH))
			return failed(v, TEXT_FAULT_ANCHOR, up_to);
		v->anchors_met++;
	}
	return true;
}

static bool check_signature(struct verifier *v, int64_t up_to, struct slice seal, struct slice signature)
{
	v->signatures++;
	v->signed_up_to = up_to;
	if (!v->public_key)
		return true;
	if (signature.len == crypto_sign_BYTES &&
		!crypto_sign_verify_detached((const unsigned char *)signature.data,
			(const unsigned char *)seal.data, seal.len, v->public_key))
		return true;
	return failed(v, TEXT_FAULT_SIGNATURE, up_to);
}

/* Columns: up_to, previous, seal, signature. */
static bool check_seal(struct verifier *v, const PGresult *rows, int row)
{
	int64_t up_to = number(rows, row, 0), from = v->position + 1;
	struct slice previous = bytes(rows, row, 1), seal = bytes(rows, row, 2);
	crypto_hash_sha256_state state;
	unsigned char expected[HASH];

	if (!equals(previous, v->previous, v->previous_len))
		return failed(v, TEXT_FAULT_CHAIN, from);
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const unsigned char *)previous.data, previous.len);
	if (!take_events(v, up_to, &state))
		return false;
	crypto_hash_sha256_final(&state, expected);
	if (!equals(seal, expected, HASH))
		return failed(v, TEXT_FAULT_SEAL, from);
	memcpy(v->previous, expected, HASH);
	v->previous_len = HASH;
	v->seals++;
	return check_anchor(v, up_to, seal) &&
	       (PQgetisnull(rows, row, 3) || check_signature(v, up_to, seal, bytes(rows, row, 3)));
}

static bool check_seals(struct verifier *v)
{
	PGresult *seals;
	bool good = true;
	int count;

	do {
		seals = query(v, "FETCH 5000 FROM guanxi_seals");
		count = seals ? PQntuples(seals) : 0;
		for (int row = 0; good && row < count; row++)
			good = check_seal(v, seals, row);
		PQclear(seals);
	} while (good && count == FETCH);
	return good && !v->error;
}

/* --- the end */

/* Columns: pos, seal, low_pos. */
static bool check_end(struct verifier *v, const PGresult *head)
{
	struct slice seal = bytes(head, 0, 1);

	if (next_event(v))
		return failed(v, TEXT_FAULT_UNSEALED, v->position + 1);
	if (v->error)
		return false;
	if (number(head, 0, 0) != v->position || !equals(seal, v->previous, v->previous_len))
		return failed(v, TEXT_FAULT_HEAD, v->position + 1);
	for (size_t i = 0; i < v->anchor_count; i++)
		if (v->anchors[i].up_to > v->position)
			return failed(v, TEXT_FAULT_CUT, v->position + 1);
	return true;
}

static bool open_cursors(struct verifier *v, int64_t low)
{
	return run(v, arena_printf(v->cli->arena,
			      "DECLARE guanxi_events CURSOR FOR SELECT pos, salt, payload, digest, event_id, "
			      "type, "
			      "subject_type, subject_id, subject_version FROM event_log WHERE pos > %lld "
			      "ORDER BY pos",
			      (long long)low)) &&
	       run(v, arena_printf(v->cli->arena,
			      "DECLARE guanxi_seals CURSOR FOR SELECT s.up_to, s.previous, s.seal, "
			      "g.signature FROM "
			      "event_seal s LEFT JOIN event_signature g USING (up_to) WHERE up_to > %lld "
			      "ORDER BY up_to",
			      (long long)low));
}

/* The log goes on from the seal at which it was cut, which was kept with its signature. */
static bool check_cut(struct verifier *v)
{
	PGresult *row;
	bool good = true;

	if (!v->cut)
		return true;
	row = query(
		v, arena_printf(v->cli->arena,
			   "SELECT s.seal, g.signature FROM event_seal s LEFT JOIN event_signature g USING "
			   "(up_to) WHERE up_to = %lld",
			   (long long)v->cut));
	if (!row)
		return false;
	if (!PQntuples(row) || bytes(row, 0, 0).len != HASH) {
		good = failed(v, TEXT_FAULT_CUT_SEAL, v->cut);
	} else {
		memcpy(v->previous, bytes(row, 0, 0).data, HASH);
		v->previous_len = HASH;
		good = check_anchor(v, v->cut, bytes(row, 0, 0)) &&
		       (PQgetisnull(row, 0, 1) ||
			       check_signature(v, v->cut, bytes(row, 0, 0), bytes(row, 0, 1)));
	}
	PQclear(row);
	return good;
}

static bool verify(struct verifier *v)
{
	PGresult *head = NULL;

	if (!run(v, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") ||
		!(head = query(v, "SELECT pos, seal, low_pos FROM event_head")))
		return false;
	v->position = v->cut = number(head, 0, 2);
	bool good = check_cut(v) && open_cursors(v, v->cut) && check_seals(v) && check_end(v, head);

	PQclear(v->rows);
	PQclear(head);
	return run(v, "ROLLBACK") && good;
}

/* --- what it is held against */

/* "… seal stream=customer up_to=12 seal=<hex> key=…" */
static void read_anchors(struct verifier *v, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[LINE];
	size_t len;

	while (file && fgets(line, sizeof line, file) && v->anchor_count < ANCHORS_MAX) {
		struct anchor *anchor = &v->anchors[v->anchor_count];
		const char *stream = strstr(line, "stream="), *up_to = strstr(line, " up_to="),
			   *seal = strstr(line, " seal=");
		size_t name = strlen(v->service);

		if (!stream || !up_to || !seal || strncmp(stream + 7, v->service, name) ||
			stream[7 + name] != ' ')
			continue;
		anchor->up_to = atoll(up_to + 7);
		v->anchor_count +=
			!sodium_hex2bin(anchor->seal, HASH, seal + 6, 2 * HASH, NULL, &len, NULL) &&
			len == HASH;
	}
	if (file)
		fclose(file);
}

/* The process's log of now and the older ones beside it. */
static void read_logs(struct verifier *v)
{
	const char *directory = arena_printf(v->cli->arena, "%s/log/%s", v->cli->state, v->service);
	DIR *open;

	v->anchors = arena_alloc(v->cli->arena, ANCHORS_MAX * sizeof *v->anchors);
	if (v->cli->log) {
		read_anchors(v, v->cli->log);
		return;
	}
	open = v->cli->database ? NULL : opendir(directory);
	for (const struct dirent *entry; open && (entry = readdir(open));)
		if (*entry->d_name == '@' || !strcmp(entry->d_name, "current"))
			read_anchors(v, arena_printf(v->cli->arena, "%s/%s", directory, entry->d_name));
	if (open)
		closedir(open);
}

/* The public key: given, or made of the seed. NULL in *key_out: none is known. */
static int read_key(struct cli *cli, const unsigned char **key_out)
{
	unsigned char *key = arena_alloc(cli->arena, crypto_sign_PUBLICKEYBYTES), seed[crypto_sign_SEEDBYTES],
		      secret[crypto_sign_SECRETKEYBYTES];
	const char *path = cli->signing_key ? cli->signing_key
					    : arena_printf(cli->arena, "%s/secrets/signing-key", cli->state);
	const char *hex = cli->public_key ? cli->public_key : file_text(cli, path);
	size_t len;

	*key_out = NULL;
	if (!hex && !cli->signing_key)
		return CODE_DONE;
	if (!hex || strlen(hex) != 2 * sizeof seed ||
		sodium_hex2bin(seed, sizeof seed, hex, strlen(hex), NULL, &len, NULL) || len != sizeof seed)
		return complain(cli, CODE_USAGE, TEXT_BAD_KEY_FILE, cli->public_key ? "--public-key" : path);
	if (cli->public_key)
		memcpy(key, seed, sizeof seed);
	else
		crypto_sign_seed_keypair(key, secret, seed);
	*key_out = key;
	return CODE_DONE;
}

/* --- which logs there are */

static bool is_wanted(const struct cli *cli, const char *service)
{
	for (size_t i = 0; i < cli->word_count; i++)
		if (!strcmp(cli->words[i], service))
			return true;
	return !cli->word_count;
}

static json_t *row_of(const struct verifier *v, bool good)
{
	return json_pack("{s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:b,s:I,s:o}", "stream", v->service, "whole", good,
		"keptFrom", (json_int_t)v->cut + 1, "events", (json_int_t)v->events, "seals",
		(json_int_t)v->seals, "signatures", (json_int_t)v->signatures, "signedUpTo",
		(json_int_t)v->signed_up_to, "signaturesChecked", v->public_key != NULL, "sealsInLogOutput",
		(json_int_t)v->anchors_met, "firstFault", good ? json_null() : json_integer(v->position));
}

static int verify_one(
	struct cli *cli, PGconn *connection, const char *service, const unsigned char *key, json_t *rows)
{
	struct verifier v = { .cli = cli, .connection = connection, .service = service, .public_key = key };

	read_logs(&v);
	if (!run(&v, arena_printf(cli->arena, "SET search_path = \"%s\"", service)))
		return complain(cli, CODE_AWAY, TEXT_DATABASE_AWAY, v.error);
	bool good = verify(&v);

	if (v.error)
		return complain(cli, CODE_AWAY, TEXT_DATABASE_AWAY, v.error);
	json_array_append_new(rows, row_of(&v, good));
	if (good)
		return CODE_DONE;
	return complain(cli, CODE_FOUND, TEXT_LOG_BROKEN, service,
		arena_printf(cli->arena, "%lld", (long long)v.position), text_of(cli, v.fault));
}

/* Every log that the connection may read. */
static int verify_connection(
	struct cli *cli, const char *conninfo, const unsigned char *key, json_t *rows, size_t *found)
{
	static const char find[] =
		"SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
		"WHERE c.relname = 'event_head' AND has_schema_privilege(n.oid, 'USAGE') AND "
		"has_table_privilege(c.oid, 'SELECT') ORDER BY 1";
	PGconn *connection = PQconnectdb(conninfo);
	PGresult *logs = PQexec(connection, find);
	int code = CODE_DONE;

	if (PQresultStatus(logs) != PGRES_TUPLES_OK)
		code = complain(cli, CODE_AWAY, TEXT_DATABASE_AWAY,
			arena_strndup(cli->arena, PQerrorMessage(connection),
				strcspn(PQerrorMessage(connection), "\n")));
	for (int i = 0; i < PQntuples(logs); i++)
		if (is_wanted(cli, PQgetvalue(logs, i, 0))) {
			int one = verify_one(
				cli, connection, arena_strdup(cli->arena, PQgetvalue(logs, i, 0)), key, rows);

			code = one != CODE_DONE ? one : code;
			++*found;
		}
	PQclear(logs);
	PQfinish(connection);
	return code;
}

static int verify_state(struct cli *cli, const unsigned char *key, json_t *rows, size_t *found)
{
	struct process *processes;
	size_t count;
	int code = installation_read(cli, &processes, &count);

	for (size_t i = 0; code != CODE_AWAY && i < count; i++)
		if (processes[i].database) {
			int one = verify_connection(cli, processes[i].database, key, rows, found);

			code = one != CODE_DONE ? one : code;
		}
	return code;
}

int verify_log_run(struct cli *cli)
{
	static const struct column columns[] = { { "stream", "stream", "流" }, { "whole", "whole", "完整" },
		{ "keptFrom", "kept from", "保留自" }, { "events", "events", "事件" },
		{ "seals", "seals", "封印" }, { "signatures", "signatures", "签名" },
		{ "signedUpTo", "signed up to", "签名至" },
		{ "sealsInLogOutput", "seals in log", "日志中的封印" },
		{ "firstFault", "first fault", "首个问题位置" }, { NULL } };
	json_t *rows = json_array();
	const unsigned char *key;
	size_t found = 0;
	int code = read_key(cli, &key);

	if (code == CODE_DONE)
		code = cli->database ? verify_connection(cli, cli->database, key, rows, &found)
				     : verify_state(cli, key, rows, &found);
	if (code == CODE_DONE && found < (cli->word_count ? cli->word_count : 1))
		code = complain(cli, CODE_AWAY, TEXT_NO_LOG_HERE, cli->word_count ? cli->words[0] : "*");
	if (found && !key)
		complain(cli, CODE_DONE, TEXT_NO_SIGNING_KEY);
	if (found)
		show_rows(cli, rows, columns);
	else
		json_decref(rows);
	return code;
}
