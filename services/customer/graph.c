/*
 * A customer's relations, a step at a time: parent companies and subsidiaries, contacts, relationships of
 * both, read from both ends. What the one who asks may not see is left out with the lines to it. A step is
 * one statement for the nodes of the step before.
 */
#include "customer/customer.h"
#include "kit/engine.h"
#include "kit/uuid.h"
#include <sodium.h>
#include <string.h>

#define NODES_MAX     200 /* a picture with more says nothing; also how many a node's step adds at most */
#define EDGES_MAX     1000
#define DEPTH_DEFAULT 1

struct node {
	uint8_t id[16];
	const char *collection, *name, *title;
	int depth;
};

struct graph {
	struct request *req;
	struct node nodes[NODES_MAX];
	size_t count, expanded;
	struct buffer edges;
	size_t edge_count;
	uint8_t (*seen_edges)[16];
	bool truncated;
};

static struct node *find(struct graph *g, const uint8_t *id)
{
	for (size_t i = 0; i < g->count; i++)
		if (!memcmp(g->nodes[i].id, id, 16))
			return &g->nodes[i];
	return NULL;
}

static const char *text(struct graph *g, const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? NULL
					      : arena_strdup(g->req->arena, db_bytes(rows, row, column).data);
}

static void add_node(struct graph *g, const uint8_t *id, const char *collection, const char *name,
	const char *title, int depth)
{
	if (g->count == NODES_MAX) {
		g->truncated = true;
		return;
	}
	struct node *node = &g->nodes[g->count++];

	*node = (struct node){ .collection = collection, .name = name, .title = title, .depth = depth };
	memcpy(node->id, id, 16);
}

static void add_id(struct buffer *out, uint32_t number, const uint8_t *id)
{
	char id_text[37];

	uuid_to_text(id, id_text);
	wire_add_text(out, number, id_text);
}

/* Each line once: a relationship by its id, the others by both ends. */
static bool is_new_edge(struct graph *g, const uint8_t key[16])
{
	for (size_t i = 0; i < g->edge_count; i++)
		if (!memcmp(g->seen_edges[i], key, 16))
			return false;
	if (g->edge_count == EDGES_MAX) {
		g->truncated = true;
		return false;
	}
	memcpy(g->seen_edges[g->edge_count++], key, 16);
	return true;
}

/* Columns: from, to, other collection, other id, name, title, owner, team, type, relationship, kind, start,
 * end, note, the relationship's owner and team. */
enum {
	FROM,
	TO,
	COLLECTION,
	OTHER,
	NAME,
	TITLE,
	OWNER,
	TEAM,
	TYPE,
	RELATIONSHIP,
	KIND,
	START,
	END,
	NOTE,
	LINE_OWNER,
	LINE_TEAM
};

static const struct db_statement step = {
	"WITH s AS (SELECT unnest($1::uuid[]) AS id),"
	" r AS (SELECT coalesce(contact_id, customer_root(customer_id)) AS a,"
	"   coalesce(other_contact_id, customer_root(other_customer_id)) AS b,"
	"   id, kind, start_date, end_date, note, owner_id, team_id FROM relationship WHERE delete_time IS "
	"NULL AND "
	"id IN ("
	"   SELECT x.id FROM relationship x WHERE x.delete_time IS NULL AND x.contact_id IS NULL AND "
	"x.customer_id = ANY ($2::uuid[])"
	"   UNION SELECT x.id FROM relationship x WHERE x.delete_time IS NULL AND x.contact_id = ANY "
	"($1::uuid[])"
	"   UNION SELECT x.id FROM relationship x WHERE x.delete_time IS NULL AND x.other_customer_id = ANY "
	"($2::uuid[])"
	"   UNION SELECT x.id FROM relationship x WHERE x.delete_time IS NULL AND x.other_contact_id = ANY "
	"($1::uuid[]))),"
	" l(a, b, type, relationship, kind, start_date, end_date, note, owner_id, team_id, other) AS ("
	"   SELECT r.a, r.b, 'relationship', r.id, r.kind, r.start_date::text, r.end_date::text, r.note, "
	"r.owner_id, r.team_id,"
	"     CASE WHEN r.a IN (SELECT id FROM s) THEN r.b ELSE r.a END FROM r"
	"   UNION ALL SELECT customer_root(c.customer_id), c.id, 'contact', NULL, NULL, NULL, NULL, NULL, "
	"NULL, NULL,"
	"     CASE WHEN c.id IN (SELECT id FROM s) THEN customer_root(c.customer_id) ELSE c.id END"
	"     FROM contact c WHERE c.delete_time IS NULL AND (c.customer_id = ANY ($2::uuid[]) OR c.id = ANY "
	"($1::uuid[]))"
	"   UNION ALL SELECT customer_root(c.parent_id), c.id, 'parent', NULL, NULL, NULL, NULL, NULL, NULL, "
	"NULL,"
	"     CASE WHEN c.id IN (SELECT id FROM s) THEN customer_root(c.parent_id) ELSE c.id END"
	"     FROM customer c WHERE c.delete_time IS NULL AND c.parent_id IS NOT NULL"
	"     AND (c.parent_id = ANY ($2::uuid[]) OR c.id = ANY ($1::uuid[])))"
	" SELECT l.a, l.b, o.collection, l.other, o.name, o.title, o.owner_id, o.team_id, l.type, "
	"l.relationship, l.kind,"
	"   l.start_date, l.end_date, l.note, l.owner_id, l.team_id FROM l JOIN LATERAL ("
	"   SELECT 'customers' AS collection, c.name, NULL AS title, c.owner_id, c.team_id FROM customer c"
	"     WHERE c.id = l.other AND c.delete_time IS NULL"
	"   UNION ALL SELECT 'contacts', c.name, c.job_title, c.owner_id, c.team_id FROM contact c"
	"     WHERE c.id = l.other AND c.delete_time IS NULL) o ON true"
	" WHERE l.a <> l.b ORDER BY l.type DESC, o.name, l.other LIMIT $3::int"
};

static void add_edge(struct graph *g, const PGresult *rows, int row)
{
	const uint8_t *from = (const uint8_t *)db_bytes(rows, row, FROM).data,
		      *to = (const uint8_t *)db_bytes(rows, row, TO).data;
	bool related = !PQgetisnull(rows, row, RELATIONSHIP);
	uint8_t ends[33], key[16];

	memcpy(ends, from, 16);
	memcpy(ends + 16, to, 16);
	ends[32] = (uint8_t)db_bytes(rows, row, TYPE).data[0];
	crypto_generichash(key, sizeof key, ends, sizeof ends, NULL, 0);
	if (!is_new_edge(g, related ? (const uint8_t *)db_bytes(rows, row, RELATIONSHIP).data : key))
		return;
	size_t begun = wire_begin(&g->edges, 2);

	add_id(&g->edges, 1, from);
	add_id(&g->edges, 2, to);
	wire_add_text(&g->edges, 3, db_bytes(rows, row, TYPE).data);
	if (related) {
		wire_add_varint(&g->edges, 4, (uint64_t)db_int4(rows, row, KIND));
		add_id(&g->edges, 5, (const uint8_t *)db_bytes(rows, row, RELATIONSHIP).data);
	}
	for (int column = START; column <= NOTE; column++)
		if (!PQgetisnull(rows, row, column))
			wire_add_text(
				&g->edges, (uint32_t)(column - START + 6), db_bytes(rows, row, column).data);
	wire_end(&g->edges, begun);
}

static const uint8_t *id_at(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? NULL : (const uint8_t *)db_bytes(rows, row, column).data;
}

/* The end, and the relationship that leads there: it goes with the customer that it was entered at. What an
 * API key may not read is left out as well. */
static bool may_see(struct graph *g, const PGresult *rows, int row)
{
	const struct principal *who = g->req->principal;
	bool sees_line =
		PQgetisnull(rows, row, RELATIONSHIP) ||
		(principal_may_use(who, "relationships", false) &&
			principal_may_see(who, id_at(rows, row, LINE_OWNER), id_at(rows, row, LINE_TEAM)));

	return sees_line && principal_may_use(who, db_bytes(rows, row, COLLECTION).data, false) &&
	       principal_may_see(who, id_at(rows, row, OWNER), id_at(rows, row, TEAM));
}

static void take_row(struct graph *g, const PGresult *rows, int row, int depth)
{
	const uint8_t *other = (const uint8_t *)db_bytes(rows, row, OTHER).data;

	if (!may_see(g, rows, row))
		return;
	if (!find(g, other))
		add_node(g, other, text(g, rows, row, COLLECTION), text(g, rows, row, NAME),
			text(g, rows, row, TITLE), depth);
	if (find(g, other))
		add_edge(g, rows, row);
}

/* The nodes of the last step; the customers among them with all that were merged into them. */
static enum status bind_step(struct graph *g, struct db_params *params)
{
	static const struct db_statement families = {
		"SELECT DISTINCT f FROM unnest($1::uuid[]) AS s(id), unnest(customer_family(s.id)) AS f"
	};
	struct db_params ask = { .arena = g->req->arena };
	const uint8_t *first = g->nodes[g->expanded].id;
	struct db_array family;
	PGresult *rows;

	db_array_begin(&family, g->req->arena, OID_UUID);
	db_bind_uuids(&ask, first, g->count - g->expanded, sizeof *g->nodes);
	TRY(db_run(g->req->db, g->req->arena, &families, &ask, &rows));
	for (int row = 0; row < PQntuples(rows); row++)
		db_array_add(&family, db_bytes(rows, row, 0).data, 16);
	db_bind_uuids(params, first, g->count - g->expanded, sizeof *g->nodes);
	db_bind_array(params, &family);
	db_bind_int4(params, EDGES_MAX + 1);
	return OK;
}

static enum status take_step(struct graph *g, int depth)
{
	struct db_params params = { .arena = g->req->arena };
	PGresult *rows;
	size_t before = g->count;

	TRY(bind_step(g, &params));
	TRY(db_run(g->req->db, g->req->arena, &step, &params, &rows));
	g->expanded = before;
	if (PQntuples(rows) > EDGES_MAX)
		g->truncated = true;
	for (int row = 0; row < PQntuples(rows); row++)
		take_row(g, rows, row, depth);
	return OK;
}

static void answer(struct graph *g)
{
	struct buffer out = { .arena = g->req->arena };

	for (size_t i = 0; i < g->count; i++) {
		const struct node *node = &g->nodes[i];
		size_t begun = wire_begin(&out, 1);

		add_id(&out, 1, node->id);
		wire_add_text(&out, 2, node->collection);
		wire_add_text(&out, 3, node->name);
		if (node->title)
			wire_add_text(&out, 4, node->title);
		wire_add_varint(&out, 5, (uint64_t)node->depth);
		wire_end(&out, begun);
	}
	if (g->edges.len)
		buffer_add(&out, g->edges.data, g->edges.len);
	if (g->truncated)
		wire_add_varint(&out, 3, 1);
	g->req->reply = (struct slice){ out.data, out.len };
}

enum status graph_get(struct request *req)
{
	struct graph *g = arena_zalloc(req->arena, sizeof *g);
	struct wire_field f;
	struct record *customer;
	uint8_t id[16];
	int depth = DEPTH_DEFAULT;

	g->req = req;
	g->edges.arena = req->arena;
	g->seen_edges = arena_alloc(req->arena, EDGES_MAX * sizeof *g->seen_edges);
	if (!wire_find(req->body, req->body_len, 1, &f) || !uuid_from_text(f.bytes, f.len, id))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	if (wire_find(req->body, req->body_len, 2, &f))
		depth = (int)f.value;
	TRY(engine_get(req, schema_resource_find("customers"), id, &customer));
	add_node(g, id, "customers", record_text(customer, CUSTOMER_NAME), NULL, 0);
	for (int i = 1; i <= depth && g->expanded < g->count; i++)
		TRY(take_step(g, i));
	answer(g);
	return OK;
}
