#!/bin/sh
# same_statements.sh DIRECTORY: pgbench scripts post.sql and patch.sql that run, one transaction a request, the statements that
# our engine runs a group: claim the key, insert or lock and update the row with its search keys, write the event.
dir=$1
read -r rows
# A row like those that `load post` makes, and an event of the size of ours.
columns="id, version, create_time, update_time, owner_id, name, kind, stage, phones, industry, employees, search"
values="gen_random_uuid(), 1, now(), now(), '00000000-0000-7000-8000-000000000001', '长沙华信贸易' || :n || '有限公司', 1, 2, ('[{\"kind\":\"mobile\",\"number\":\"+86139' || :n || '\"}]')::json, '贸易', :n"
search="array_to_tsvector(string_to_array('长沙华信 沙华信贸 华信贸易 信贸易 贸易 易 有限公司 限公司 公司 司 changshahuaxin shahuaxinmao huaxinmaoyi xinmaoyi maoyi yi youxiangongsi xiangongsi gongsi si cshxmy shxmy hxmy xmy my y yxgs xgs gs s 13' || :n || ' 86139' || :n || ' 139' || :n, ' '))"
event="gen_random_uuid(), gen_random_uuid(), 'guanxi.customer.customer.created.v1', 'customers', gen_random_uuid(), 1, decode(repeat('00', 40), 'hex'), now(), decode(repeat('00', 16), 'hex'), decode(repeat('41', 650), 'hex')"
event_columns="event_id, request_id, type, subject_type, subject_id, subject_version, audience, occurred_at, salt, payload"
cat >"$dir/post.sql" <<SQL
\\set n random(100000, 99999999)
BEGIN;
INSERT INTO customer.idempotency AS i (key, body_hash, record_id) VALUES (decode(md5(random()::text) || md5(random()::text), 'hex'), decode(repeat('00', 32), 'hex'), gen_random_uuid()) ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING xmax = 0;
INSERT INTO customer.customer ($columns) VALUES ($values, $search) ON CONFLICT DO NOTHING RETURNING id;
INSERT INTO customer.event_outbox ($event_columns) VALUES ($event);
COMMIT;
SQL
cat >"$dir/patch.sql" <<SQL
\\set n random(1, 4999)
\\set r random(1, $rows)
BEGIN;
SELECT * FROM customer.customer WHERE id = (SELECT id FROM customer.bench_ids WHERE n = :r) FOR NO KEY UPDATE;
UPDATE customer.customer SET version = version + 1, update_time = now(), description = md5(random()::text), employees = :n WHERE id = (SELECT id FROM customer.bench_ids WHERE n = :r);
INSERT INTO customer.event_outbox ($event_columns) VALUES ($event);
COMMIT;
SQL
