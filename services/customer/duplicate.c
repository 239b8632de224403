/*
 * Which customers may be one. Exactly: by phones, e-mails and credit code; after each change of a customer
 * the pairs go into a queue for people. Nearly: by names that share one half and are alike, only for a person
 * who is about to make a customer.
 */
#include "customer/customer.h"
#include "kit/config.h"
#include "kit/engine.h"
#include "kit/event.h"
#include "kit/normalise.h"
#include "kit/search_keys.h"
#include "kit/uuid.h"
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unicode/utf8.h>

#define CANDIDATES_MAX 10
#define PAIRS_MAX      20  /* of one customer: a number that hundreds share says nothing of any two */
#define NEAR_MAX       200 /* names that are compared */
#define NEAR_SCORE     50  /* per cent alike, from which on it is told */
#define TOLD_A_MINUTE  30  /* times that a person is told of what they may not see */

enum {
	DUPLICATE_CUSTOMER = 16,
	DUPLICATE_OTHER,
	DUPLICATE_REASON,
	DUPLICATE_SCORE,
	DUPLICATE_STATE,
	DUPLICATE_NAMES
};
#define STATE_OPEN   GUANXI__CUSTOMER__V1__DUPLICATE_STATE__DUPLICATE_STATE_OPEN
#define STATE_MERGED GUANXI__CUSTOMER__V1__DUPLICATE_STATE__DUPLICATE_STATE_MERGED

/* The strongest first; in the order of the enum DuplicateReason. */
static const struct {
	const char *name;
	int score;
} reasons[] = { { "creditCode", 100 }, { "phones", 90 }, { "emails", 85 }, { "name", 80 } };
#define REASON_COUNT (sizeof reasons / sizeof *reasons)

/* 0: none of them. */
static int strongest(const char *list)
{
	for (size_t i = 0; i < REASON_COUNT; i++)
		if (strstr(list, reasons[i].name))
			return (int)i + 1;
	return 0;
}

static int score_of(const char *list)
{
	int reason = strongest(list);

	return reason ? reasons[reason - 1].score : 0;
}

/* --- what people may do with a pair */

static enum status check_state(struct request *req, const struct record *before, struct record *after)
{
	int64_t was = record_number(before, DUPLICATE_STATE), is = record_number(after, DUPLICATE_STATE);

	if (req->principal->system || was == is || (was != STATE_MERGED && is != STATE_MERGED))
		return OK;
	return fail_field(req, "/state", MSG_BAD_DUPLICATE_STATE, NULL);
}

const struct resource_ops duplicate_ops = { .before_update = check_state };

/* --- the queue */

static const struct schema_resource *duplicates(void)
{
	return schema_resource_find("duplicates");
}

/* The newer of the two first: whoever of them is looked at, the pair is the same. */
static enum status keep_pair(struct request *req, const PGresult *rows, int row)
{
	struct record *after, *pair = record_new(duplicates(), req->arena);
	const char *why = arena_strdup(req->arena, db_bytes(rows, row, 2).data);

	record_set_uuid(pair, DUPLICATE_CUSTOMER, (const uint8_t *)db_bytes(rows, row, 0).data);
	record_set_uuid(pair, DUPLICATE_OTHER, (const uint8_t *)db_bytes(rows, row, 1).data);
	record_set_number(pair, DUPLICATE_REASON, strongest(why));
	record_set_number(pair, DUPLICATE_SCORE, score_of(why));
	record_set_text(pair, DUPLICATE_NAMES, arena_strdup(req->arena, db_bytes(rows, row, 5).data));
	if (!PQgetisnull(rows, row, 3))
		record_set_uuid(pair, STANDARD_OWNER_ID, (const uint8_t *)db_bytes(rows, row, 3).data);
	if (!PQgetisnull(rows, row, 4))
		record_set_uuid(pair, STANDARD_TEAM_ID, (const uint8_t *)db_bytes(rows, row, 4).data);
	return engine_create(req, duplicates(), pair, &after);
}

/* All numbers, or addresses, of the customer c, as their index has them; and as an array. */
#define NUMBERS      "jsonb_path_query_array(c.phones::jsonb, '$[*].number')"
#define ADDRESSES    "jsonb_path_query_array(c.emails::jsonb, '$[*].address')"
#define NUMBER_LIST  "ARRAY(SELECT jsonb_array_elements_text(" NUMBERS "))"
#define ADDRESS_LIST "ARRAY(SELECT jsonb_array_elements_text(" ADDRESSES "))"

/* A pair tells the names of both, customers a and b, so it belongs to whom both belong to, person or team:
 * administrators see the others. */
#define SHARED                                                                                               \
	"CASE WHEN a.owner_id = b.owner_id THEN a.owner_id END, "                                            \
	"CASE WHEN a.team_id = b.team_id THEN a.team_id END"

/* What the changed ones have in common with others. What more than PAIRS_MAX share (a switchboard) says
 * nothing of any two. A credit code nobody shares: it is unique. */
static enum status add_pairs(struct request *req, struct db_array *changed)
{
	static const struct db_statement find = {
		"WITH me AS MATERIALIZED (SELECT c.id, " NUMBER_LIST " AS numbers, " ADDRESS_LIST
		" AS addresses FROM customer c WHERE c.id = ANY ($1::uuid[]) AND c.delete_time IS NULL),"
		" p AS (SELECT me.id AS mine, o.id AS other, o.why, count(*) OVER (PARTITION BY me.id, "
		"o.why) AS shared FROM me CROSS JOIN LATERAL ("
		"(WITH m AS MATERIALIZED (SELECT c.id FROM customer c WHERE c.delete_time IS NULL AND c.id "
		"<> me.id AND " NUMBERS " ?| me.numbers) SELECT id, 'phones' AS why FROM m LIMIT $2::int + 1)"
		" UNION ALL "
		"(WITH m AS MATERIALIZED (SELECT c.id FROM customer c WHERE c.delete_time IS NULL AND c.id "
		"<> me.id AND " ADDRESSES " ?| me.addresses) SELECT id, 'emails' AS why FROM m LIMIT $2::int "
		"+ 1)) o)"
		" SELECT a.id, b.id, string_agg(DISTINCT p.why, ','), " SHARED ", a.name || ' / ' || b.name"
		" FROM p JOIN customer a ON a.id = greatest(p.mine, p.other)"
		" JOIN customer b ON b.id = least(p.mine, p.other)"
		" WHERE p.shared <= $2::int AND NOT EXISTS (SELECT FROM duplicate d WHERE d.delete_time IS "
		"NULL AND least(d.customer_id, d.other_id) = b.id AND greatest(d.customer_id, d.other_id) = "
		"a.id) GROUP BY a.id, b.id"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_array(&params, changed);
	db_bind_int4(&params, PAIRS_MAX);
	TRY(db_run_by_index(req->db, req->arena, &find, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++)
		TRY(keep_pair(req, rows, row));
	return OK;
}

/* Pairs that nobody has looked at and that no longer have anything in common. */
static enum status drop_pairs(struct request *req, struct db_array *changed)
{
	static const struct db_statement find = {
		"WITH pair AS (SELECT id, customer_id, other_id FROM duplicate WHERE customer_id = ANY "
		"($1::uuid[]) AND delete_time IS NULL AND state = 1 UNION SELECT id, customer_id, other_id "
		"FROM duplicate WHERE other_id = ANY ($1::uuid[]) AND delete_time IS NULL AND state = 1)"
		" SELECT p.id FROM pair p"
		" LEFT JOIN LATERAL (SELECT " NUMBERS " AS numbers, " ADDRESSES " AS addresses FROM customer "
		"c WHERE c.id = p.customer_id AND c.delete_time IS NULL) a ON true"
		" LEFT JOIN LATERAL (SELECT " NUMBER_LIST " AS numbers, " ADDRESS_LIST " AS addresses FROM "
		"customer c WHERE c.id = p.other_id AND c.delete_time IS NULL) b ON true"
		" WHERE NOT coalesce(a.numbers ?| b.numbers, false)"
		" AND NOT coalesce(a.addresses ?| b.addresses, false)"
	};
	struct db_params params = { .arena = req->arena };
	struct record *after;
	PGresult *rows;

	db_bind_array(&params, changed);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++)
		TRY(engine_change(req, VERB_DELETE, duplicates(),
			(const uint8_t *)db_bytes(rows, row, 0).data, record_new(duplicates(), req->arena),
			NULL, 0, &after));
	return OK;
}

/* Pairs of customers that went to others: here and not with what else goes with a customer, so that a pair
 * that is just being made is not missed. */
static enum status hand_over_pairs(struct request *req, struct db_array *moved)
{
	static const struct db_statement find = {
		"WITH family AS (SELECT DISTINCT f AS id FROM unnest($1::uuid[]) AS m(id), "
		"unnest(customer_family(m.id)) AS f),"
		" pair AS (SELECT d.* FROM duplicate d JOIN family f ON d.customer_id = f.id UNION SELECT "
		"d.* FROM duplicate d JOIN family f ON d.other_id = f.id)"
		" SELECT p.id, s.owner_id, s.team_id FROM pair p JOIN customer a ON a.id = "
		"customer_root(p.customer_id) JOIN customer b ON b.id = customer_root(p.other_id)"
		" CROSS JOIN LATERAL (SELECT " SHARED ") s(owner_id, team_id)"
		" WHERE p.delete_time IS NULL AND (p.owner_id, p.team_id) IS DISTINCT FROM (s.owner_id, "
		"s.team_id) ORDER BY p.id"
	};
	const uint32_t fields[] = { STANDARD_OWNER_ID, STANDARD_TEAM_ID };
	struct db_params params = { .arena = req->arena };
	struct record *after;
	PGresult *rows;

	db_bind_array(&params, moved);
	TRY(db_run(req->db, req->arena, &find, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		struct record *patch = record_new(duplicates(), req->arena);

		for (int i = 0; i < 2; i++)
			if (!PQgetisnull(rows, row, i + 1))
				record_set_uuid(
					patch, fields[i], (const uint8_t *)db_bytes(rows, row, i + 1).data);
		TRY(engine_update(req, duplicates(), (const uint8_t *)db_bytes(rows, row, 0).data, patch,
			fields, 2, &after));
	}
	return OK;
}

static bool names_any(const struct consumer_event *event, const char *const names[3])
{
	for (size_t i = 0; i < 3; i++)
		if (consumer_event_names(event, names[i]))
			return true;
	return false;
}

enum status duplicate_apply(struct request *req, const struct consumer_event *events, size_t count)
{
	static const char *const alike[] = { "phones", "emails", "deleteTime" };
	static const char *const whose[] = { "ownerId", "teamId", "mergedInto" };
	struct db_array all, old, moved;

	db_array_begin(&all, req->arena, OID_UUID);
	db_array_begin(&old, req->arena, OID_UUID);
	db_array_begin(&moved, req->arena, OID_UUID);
	for (size_t i = 0; i < count; i++) {
		const struct consumer_event *event = &events[i];

		if (!event->resource || !event->version || strcmp(event->resource->collection, "customers"))
			continue;
		bool is_alike = names_any(event, alike);

		if (is_alike)
			db_array_add(&all, event->subject_id, 16);
		if (is_alike && event->before)
			db_array_add(&old, event->subject_id, 16);
		if (event->before && names_any(event, whose))
			db_array_add(&moved, event->subject_id, 16);
	}
	if (old.count)
		TRY(drop_pairs(req, &old));
	if (moved.count)
		TRY(hand_over_pairs(req, &moved));
	return all.count ? add_pairs(req, &all) : OK;
}

/* --- names that are nearly the same */

/* What every other company's name ends in tells none of them apart. */
static struct slice core_of(const char *name, size_t len, struct arena *arena)
{
	static const char *const endings[] = { "股份有限公司", "有限公司", "集团公司", "公司", "集团",
		"coltd", "ltd", "inc", "corp", "co", "gmbh", "llc" };
	struct slice core = { normalise_name_key(name, len, arena), 0 };

	core.len = strlen(core.data);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t n = strlen(endings[i]);

		if (core.len > n && !memcmp(core.data + core.len - n, endings[i], n)) {
			core.len -= n;
			break;
		}
	}
	return core;
}

static size_t code_points(struct slice text, UChar32 *out, size_t max)
{
	size_t n = 0;

	for (int32_t i = 0; i < (int32_t)text.len && n < max;) {
		UChar32 c;

		U8_NEXT(text.data, i, (int32_t)text.len, c);
		out[n++] = c;
	}
	return n;
}

/* Dice's coefficient of the pairs of characters, per cent. */
static int likeness(struct slice a, struct slice b)
{
	UChar32 x[200], y[200];
	size_t n = code_points(a, x, 200), m = code_points(b, y, 200), common = 0;
	bool used[200] = { false };

	if (n < 2 || m < 2)
		return n == m && n && x[0] == y[0] ? 100 : 0;
	for (size_t i = 0; i + 1 < n; i++)
		for (size_t k = 0; k + 1 < m; k++)
			if (!used[k] && x[i] == y[k] && x[i + 1] == y[k + 1]) {
				used[k] = true;
				common++;
				break;
			}
	return (int)(200 * common / (n + m - 2));
}

/* --- looking before a customer is made */

struct candidate {
	uint8_t id[16];
	const char *name, *owner_name, *reasons;
	const uint8_t *owner;
	int score;
	bool seen;
};

struct look {
	struct request *req;
	const char *name, *phone, *email, *code; /* NULL: not asked for */
	uint8_t except[16];
	struct candidate found[CANDIDATES_MAX];
	size_t count;
};

static const char *text_of(struct look *l, uint32_t number)
{
	struct wire_field f;

	return wire_find(l->req->body, l->req->body_len, number, &f) && f.len
		       ? arena_strndup(l->req->arena, f.bytes, f.len)
		       : NULL;
}

/* What is not (yet) a number or address is nothing to look for. */
static void read_keys(struct look *l)
{
	struct arena *arena = l->req->arena;
	const char *phone = text_of(l, 2), *email = text_of(l, 3), *code = text_of(l, 4);
	struct phone number;

	if (phone && normalise_phone(phone, strlen(phone), "86", arena, &number) == NORMALISED)
		l->phone = number.number;
	if (email && normalise_email(email, strlen(email), arena, &l->email) != NORMALISED)
		l->email = NULL;
	if (code && normalise_credit_code(code, strlen(code), arena, &l->code) != NORMALISED)
		l->code = NULL;
}

static void take(struct look *l, const PGresult *rows, int row, const char *why, int score)
{
	const uint8_t *id = (const uint8_t *)db_bytes(rows, row, 0).data;
	const uint8_t *owner =
		PQgetisnull(rows, row, 2) ? NULL : (const uint8_t *)db_bytes(rows, row, 2).data;
	const uint8_t *team = PQgetisnull(rows, row, 3) ? NULL : (const uint8_t *)db_bytes(rows, row, 3).data;

	for (size_t i = 0; i < l->count; i++)
		if (!memcmp(l->found[i].id, id, 16))
			return;
	if (l->count == CANDIDATES_MAX)
		return;
	struct candidate *c = &l->found[l->count++];

	*c = (struct candidate){ .name = arena_strdup(l->req->arena, db_bytes(rows, row, 1).data),
		.owner_name = PQgetisnull(rows, row, 4)
				      ? NULL
				      : arena_strdup(l->req->arena, db_bytes(rows, row, 4).data),
		.reasons = why,
		.owner = owner,
		.score = score,
		.seen = principal_may_see(l->req->principal, owner, team) };
	memcpy(c->id, id, 16);
}

static enum status find_exact(struct look *l)
{
	static const struct db_statement find = {
		"WITH c AS MATERIALIZED (SELECT c.id, c.name, c.owner_id, c.team_id, concat_ws(',',"
		" CASE WHEN c.credit_code = $3::text THEN 'creditCode' END,"
		" CASE WHEN " NUMBERS " ? $1::text THEN 'phones' END,"
		" CASE WHEN " ADDRESSES " ? $2::text THEN 'emails' END) AS why FROM customer c"
		" WHERE c.delete_time IS NULL AND c.id <> $4::uuid AND (" NUMBERS " ? $1::text OR " ADDRESSES
		" ? $2::text OR c.credit_code = $3::text))"
		" SELECT c.id, c.name, c.owner_id, c.team_id, u.name, c.why FROM c"
		" LEFT JOIN user_ref u ON u.id = c.owner_id LIMIT $5::int"
	};
	struct db_params params = { .arena = l->req->arena };
	PGresult *rows;

	db_bind_text(&params, l->phone);
	db_bind_text(&params, l->email);
	db_bind_text(&params, l->code);
	db_bind_uuid(&params, l->except);
	db_bind_int4(&params, CANDIDATES_MAX);
	TRY(db_run_by_index(l->req->db, l->req->arena, &find, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		const char *why = arena_strdup(l->req->arena, db_bytes(rows, row, 5).data);

		take(l, rows, row, why, score_of(why));
	}
	return OK;
}

/* Whoever has the text by the search keys, which know pinyin and any place in the name, is compared. */
static enum status find_near(struct look *l, struct slice core, struct slice text)
{
	static const struct db_statement find = {
		"SELECT c.id, c.name, c.owner_id, c.team_id, NULL::text FROM customer c WHERE c.delete_time "
		"IS NULL AND"
		" c.search @@ $1::text::tsquery AND c.id <> $2::uuid LIMIT $3::int"
	};
	struct db_params params = { .arena = l->req->arena };
	PGresult *rows;
	char *query;

	if (search_query_of(text.data, text.len, l->req->arena, &query) != SEARCH_QUERY)
		return OK;
	db_bind_text(&params, query);
	db_bind_uuid(&params, l->except);
	db_bind_int4(&params, NEAR_MAX);
	TRY(db_run(l->req->db, l->req->arena, &find, &params, &rows));
	for (int row = 0; row < PQntuples(rows); row++) {
		struct slice name = db_bytes(rows, row, 1);
		int score = likeness(core, core_of(name.data, name.len, l->req->arena));

		if (score >= NEAR_SCORE)
			take(l, rows, row, "name", score * 3 / 4);
	}
	return OK;
}

/* The name as it is typed; and a name with one slip has one half without it. */
static enum status find_alike(struct look *l)
{
	struct slice name = { l->name, strlen(l->name) };
	struct slice core = core_of(name.data, name.len, l->req->arena);
	UChar32 points[200];
	size_t n = code_points(core, points, 200), middle = 0;

	if (n < 2)
		return OK;
	for (size_t i = 0; i < (n + 1) / 2; i++)
		U8_FWD_1_UNSAFE(core.data, middle);
	TRY(find_near(l, core, name));
	if (n < 4)
		return find_near(l, core, core);
	TRY(find_near(l, core, (struct slice){ core.data, middle }));
	return find_near(l, core, (struct slice){ core.data + middle, core.len - middle });
}

/* --- what may be told */

/* Each person so often a minute: the look must not become a way to list what others have. Two whose ids end
 * alike share it; if the later one began anew, they could take turns. */
static bool may_be_told(const struct principal *principal)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct {
		time_t minute;
		unsigned count;
	} told[4096];
	size_t at = (principal->id[14] << 8 | principal->id[15]) % 4096;
	time_t minute = time(NULL) / 60;

	pthread_mutex_lock(&lock);
	if (told[at].minute != minute) {
		told[at].minute = minute;
		told[at].count = 0;
	}
	bool may = told[at].count++ < TOLD_A_MINUTE;

	pthread_mutex_unlock(&lock);
	return may;
}

static void add_reasons(struct buffer *out, const char *list)
{
	for (size_t i = 0; i < REASON_COUNT; i++)
		if (strstr(list, reasons[i].name))
			wire_add_varint(out, 4, i + 1);
}

static void add_candidate(const struct candidate *c, bool whole, bool owner, struct buffer *out)
{
	size_t begun = wire_begin(out, 1);
	char id[37];

	uuid_to_text(c->id, id);
	if (whole) {
		wire_add_text(out, 1, id);
		wire_add_text(out, 2, c->name);
	}
	if (owner && c->owner_name)
		wire_add_text(out, 3, c->owner_name);
	add_reasons(out, c->reasons);
	wire_add_varint(out, 5, (uint64_t)c->score);
	wire_end(out, begun);
}

/* That somebody was told of a customer out of their sight stands in that customer's history. */
static enum status tell_hidden(
	struct look *l, const struct candidate *c, const char *tell, struct buffer *out)
{
	bool exact = score_of(c->reasons) == c->score;
	struct event *event;

	if (!strcmp(tell, "nothing") || !exact || !may_be_told(l->req->principal))
		return OK;
	add_candidate(c, false, !strcmp(tell, "owner"), out);
	event = event_of_occurrence(
		l->req, schema_resource_find("customers"), c->id, "duplicate_told", c->owner);
	return event_insert(l->req, &event, 1);
}

enum status duplicate_find(struct request *req)
{
	struct look *l = arena_zalloc(req->arena, sizeof *l);
	struct buffer out = { .arena = req->arena };
	const char *except;

	l->req = req;
	l->name = text_of(l, 1);
	except = text_of(l, 5);
	if (except && !uuid_from_text(except, strlen(except), l->except))
		return fail_field(req, "/except", MSG_BAD_ID, NULL);
	read_keys(l);
	TRY(find_exact(l));
	if (l->name)
		TRY(find_alike(l));
	buffer_reserve(&out, 0);
	for (size_t i = 0; i < l->count; i++)
		if (l->found[i].seen)
			add_candidate(&l->found[i], true, true, &out);
	for (size_t i = 0; i < l->count; i++)
		if (!l->found[i].seen)
			TRY(tell_hidden(l, &l->found[i], config_text("GUANXI_DUPLICATES_TELL"), &out));
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}
