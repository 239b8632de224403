#include "kit/db.h"
#include "kit/engine.h"
#include "kit/uuid.h"
#include "notification/notification.h"
#include "notification/sender.h"

/* At once, with all its tries before it. No row: it is under way, or its webhook takes nothing. */
static enum status release(struct request *req, const uint8_t id[16], bool *released_out)
{
	static const struct db_statement again = {
		"UPDATE delivery d SET state = 1, attempts = 0, next_time = clock_timestamp(), version = "
		"d.version + 1,"
		" update_time = clock_timestamp() FROM webhook w WHERE d.id = $1::uuid AND d.state <> 2"
		" AND w.id = d.webhook_id AND w.state = 1 AND w.delete_time IS NULL RETURNING d.id"
	};
	struct db_params params = { .arena = req->arena };
	PGresult *rows;

	db_bind_uuid(&params, id);
	TRY(db_run(req->db, req->arena, &again, &params, &rows));
	*released_out = PQntuples(rows);
	return OK;
}

enum status delivery_redeliver(struct request *req)
{
	const struct schema_resource *deliveries = schema_resource_find("deliveries");
	struct buffer out = { .arena = req->arena };
	struct record *delivery;
	struct wire_field f;
	uint8_t id[16];
	bool released;

	if (!req->principal)
		return fail(req, UNAUTHENTICATED, MSG_UNAUTHENTICATED, NULL);
	if (!wire_find(req->body, req->body_len, 1, &f) || !uuid_from_text(f.bytes, f.len, id))
		return fail(req, NOT_FOUND, MSG_NOT_FOUND, NULL);
	TRY(engine_get(req, deliveries, id, &delivery));
	TRY(release(req, id, &released));
	if (!released)
		return fail(req, CONFLICT, MSG_DELIVERY_NOT_NOW, NULL);
	TRY(engine_get(req, deliveries, id, &delivery));
	record_encode(delivery, &out);
	req->reply = (struct slice){ out.data, out.len };
	req->version = (uint64_t)record_number(delivery, STANDARD_VERSION);
	sender_wake();
	return OK;
}
