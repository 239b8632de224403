/* Tags that are in use, so that people choose one before they make another. */
#include "customer/customer.h"
#include "kit/normalise.h"
#include "kit/validate.h"
#include <string.h>

#define LOOKED_AT 20000 /* customers: the newest with tags; enough to know the tags of a million */

enum status tag_suggest(struct request *req)
{
	static const struct db_statement used = { "SELECT tag, count(*) FROM (SELECT tags FROM customer "
						  "WHERE delete_time IS NULL AND tags IS NOT NULL"
						  " AND ($1::boolean OR owner_id = $2::uuid OR team_id = ANY "
						  "($3::uuid[])) ORDER BY create_time DESC LIMIT "
						  "$4::int) c,"
						  " unnest(json_texts(c.tags)) AS tag WHERE tag ILIKE "
						  "$5::text GROUP BY tag ORDER BY 2 DESC, 1 LIMIT 20" };
	struct db_params params = { .arena = req->arena };
	struct buffer out = { .arena = req->arena }, pattern = { .arena = req->arena };
	struct wire_field q;
	PGresult *rows;

	buffer_reserve(&pattern, 0);
	if (wire_find(req->body, req->body_len, 1, &q))
		for (size_t i = 0; i < q.len; i++) {
			if (strchr("%_\\", q.bytes[i]))
				buffer_add_text(&pattern, "\\");
			buffer_add(&pattern, q.bytes + i, 1);
		}
	buffer_add_text(&pattern, "%");
	db_bind_bool(&params, req->principal->administrator);
	db_bind_uuid(&params, req->principal->id);
	db_bind_uuids(&params, req->principal->teams, req->principal->team_count, 16);
	db_bind_int4(&params, LOOKED_AT);
	db_bind_text(&params, pattern.data);
	TRY(db_run(req->db, req->arena, &used, &params, &rows));
	buffer_reserve(&out, 0);
	for (int row = 0; row < PQntuples(rows); row++) {
		size_t begun = wire_begin(&out, 1);

		wire_add_bytes(&out, 1, db_bytes(rows, row, 0).data, db_bytes(rows, row, 0).len);
		wire_add_varint(&out, 2, (uint64_t)db_int8(rows, row, 1));
		wire_end(&out, begun);
	}
	req->reply = (struct slice){ out.data, out.len };
	return OK;
}
