-- What every service's schema has: its event log (DESIGN section 7), cursors of what it follows, idempotency records.
-- Roles: guanxi_{service} serves; it may add to the log but neither change nor remove what is in it.

CREATE TABLE event_outbox (                      -- rows live for milliseconds
  seq             bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
  xid             xid8 NOT NULL DEFAULT pg_current_xact_id(),
  event_id        uuid NOT NULL,                 -- UUIDv7: the CloudEvents id
  request_id      uuid NOT NULL,                 -- the request that caused it
  type            text NOT NULL,
  subject_type    text NOT NULL,                 -- the collection
  subject_id      uuid NOT NULL,
  subject_version bigint,                        -- NULL for what changes nothing
  audience        bytea NOT NULL,                -- guanxi.Audience
  occurred_at     timestamptz NOT NULL,
  traceparent     text,
  salt            bytea NOT NULL,                -- so that a payload can be redacted without giving away what it was
  payload         bytea NOT NULL,                -- guanxi.Event: the columns beside it are projections of it
  UNIQUE (subject_id, subject_version)           -- exactly one change event a version; best effort, since rows leave
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX event_outbox_xid ON event_outbox (xid, seq);

CREATE TABLE event_head (                        -- one row: where the log ends
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch int NOT NULL, pos bigint NOT NULL, seal bytea NOT NULL,
  low_pos bigint NOT NULL DEFAULT 0,             -- positions up to this one are no longer kept
  timeline int NOT NULL, system_identifier bigint NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE event_log (                         -- dense, ordered, append-only
  pos bigint NOT NULL, epoch int NOT NULL, xid xid8 NOT NULL, event_id uuid NOT NULL, request_id uuid NOT NULL,
  type text NOT NULL, subject_type text NOT NULL, subject_id uuid NOT NULL, subject_version bigint, audience bytea NOT NULL,
  occurred_at timestamptz NOT NULL, logged_at timestamptz NOT NULL, traceparent text, salt bytea, payload bytea,
  digest bytea NOT NULL,                         -- sha256(salt || payload)
  PRIMARY KEY (pos)
) PARTITION BY RANGE (pos);
CREATE INDEX event_log_subject ON event_log (subject_id, pos);

CREATE TABLE event_seal (                        -- one a batch: seal = sha256(previous seal || digests in order)
  up_to bigint PRIMARY KEY, previous bytea NOT NULL, seal bytea NOT NULL
);
CREATE TABLE event_signature (                   -- Ed25519 over a seal, by a key that PostgreSQL cannot reach
  up_to bigint PRIMARY KEY REFERENCES event_seal, key_id text NOT NULL, signature bytea NOT NULL,
  signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO event_head (epoch, pos, seal, timeline, system_identifier)
  SELECT 1, 0, '\x', (SELECT timeline_id FROM pg_control_checkpoint()), (SELECT system_identifier FROM pg_control_system());

-- Partitions of ten million positions, always two ahead of `pos`. Returns how many it made.
CREATE FUNCTION event_add_partitions(pos bigint) RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = {service} AS $$
DECLARE size constant bigint := 10000000; n bigint; made int := 0;
BEGIN
  FOR n IN SELECT generate_series(pos / size, pos / size + 2) LOOP
    IF to_regclass(format('event_log_p%s', n)) IS NULL THEN
      EXECUTE format('CREATE TABLE event_log_p%s PARTITION OF event_log FOR VALUES FROM (%s) TO (%s)', n, n * size + 1, (n + 1) * size + 1);
      EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON event_log_p%s FROM guanxi_{service}', n);
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;
SELECT event_add_partitions(0);

-- One turn of the sequencer, READ COMMITTED: BEGIN; SELECT … FROM event_head FOR UPDATE; SELECT * FROM event_sequence(n); COMMIT;
-- publish after the commit returned. A transaction's rows become visible together, so whoever is visible is complete; only a
-- transaction that reaches beyond the cut waits for the next turn.
CREATE FUNCTION event_sequence(cut int) RETURNS SETOF event_log LANGUAGE sql SET jit = off AS $$
WITH c AS MATERIALIZED (SELECT seq, xid FROM event_outbox ORDER BY seq LIMIT cut),
 last AS (SELECT max(seq) AS seq FROM c),
 whole AS (SELECT t.xid, t.last_seq FROM (SELECT xid, max(seq) AS last_seq FROM c GROUP BY xid) t
           WHERE NOT EXISTS (SELECT FROM event_outbox o WHERE o.xid = t.xid AND o.seq > (SELECT seq FROM last))),
 moved AS (DELETE FROM event_outbox WHERE seq = ANY (ARRAY(SELECT c.seq FROM c JOIN whole USING (xid))) RETURNING *),
 numbered AS (SELECT row_number() OVER (ORDER BY w.last_seq, m.seq) AS n, m.*, sha256(salt || payload) AS digest
              FROM moved m JOIN whole w USING (xid)),
 head AS (SELECT epoch, pos, seal FROM event_head),
 sealed AS (SELECT h.pos + count(*) AS up_to, h.seal AS previous, sha256(h.seal || string_agg(n.digest, '' ORDER BY n.n)) AS seal
            FROM numbered n, head h GROUP BY h.pos, h.seal),
 moved_head AS (UPDATE event_head SET pos = s.up_to, seal = s.seal FROM sealed s),
 kept AS (INSERT INTO event_seal (up_to, previous, seal) SELECT up_to, previous, seal FROM sealed)
INSERT INTO event_log (pos, epoch, xid, event_id, request_id, type, subject_type, subject_id, subject_version, audience,
                       occurred_at, logged_at, traceparent, salt, payload, digest)
SELECT h.pos + n.n, h.epoch, n.xid, n.event_id, n.request_id, n.type, n.subject_type, n.subject_id, n.subject_version, n.audience,
       n.occurred_at, clock_timestamp(), n.traceparent, n.salt, n.payload, n.digest
FROM numbered n, head h ORDER BY n.n RETURNING *
$$;

CREATE TABLE event_cursor (                      -- how far each consumer of ours has come in each stream
  consumer text PRIMARY KEY, stream text NOT NULL, epoch int NOT NULL, pos bigint NOT NULL,
  update_time timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE event_parked (                      -- what a consumer failed on five times, and later ones of the same record
  consumer text NOT NULL, stream text NOT NULL, epoch int NOT NULL, pos bigint NOT NULL, subject_id uuid NOT NULL,
  event bytea NOT NULL, error text NOT NULL, parked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, stream, epoch, pos)
);
CREATE INDEX event_parked_subject ON event_parked (consumer, subject_id);

CREATE TABLE idempotency (                       -- kept for 24 hours
  key         bytea PRIMARY KEY,                 -- BLAKE2b of principal, method, key
  body_hash   bytea NOT NULL,
  record_id   uuid NOT NULL,
  version     bigint NOT NULL DEFAULT 0,         -- that the request made; 0: creation, or not done yet
  create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idempotency_age ON idempotency USING brin (create_time);

REVOKE UPDATE, DELETE, TRUNCATE ON event_log, event_seal, event_signature FROM guanxi_{service};
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON migration FROM guanxi_{service};
