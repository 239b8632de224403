-- What runs in the background costs as much as what it serves when a million rows come in; so it is kept small.

-- Puts the search keys that wait beside the GIN indexes of this schema into them (services/kit/chore.c). Only an index's owner may.
CREATE FUNCTION search_flush() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = {service}, pg_catalog AS $$
  SELECT coalesce(sum(gin_clean_pending_list(c.oid)), 0)
  FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'gin' WHERE c.relnamespace = '{service}'::regnamespace AND c.relkind = 'i'
$$;

-- The log is read by position and by subject alone: what ANALYZE finds in it does not change, and while it looks, no dead row of the
-- outbox can go.
CREATE OR REPLACE FUNCTION event_add_partitions(pos bigint) RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = {service} AS $$
DECLARE size constant bigint := 10000000; n bigint; made int := 0;
BEGIN
  FOR n IN SELECT generate_series(pos / size, pos / size + 2) LOOP
    IF to_regclass(format('event_log_p%s', n)) IS NULL THEN
      EXECUTE format('CREATE TABLE event_log_p%s PARTITION OF event_log FOR VALUES FROM (%s) TO (%s)', n, n * size + 1, (n + 1) * size + 1);
      EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON event_log_p%s FROM guanxi_{service}', n);
      PERFORM event_quiet_partition(n);
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;
CREATE FUNCTION event_quiet_partition(n bigint) RETURNS void LANGUAGE plpgsql SET search_path = {service} AS $$
BEGIN
  EXECUTE format('ALTER TABLE event_log_p%s SET (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000)', n);
END $$;
SELECT event_quiet_partition(substr(c.relname, length('event_log_p') + 1)::bigint)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'event_log'::regclass;

-- One turn of the sequencer (0001_kit.sql says how it is called), with one plan only whatever the statistics of a table say that is
-- empty at one moment and full at the next: rows are found by their place, and transactions that reach beyond the cut by the index
-- that begins with xid; nothing is joined.
CREATE OR REPLACE FUNCTION event_sequence(cut int) RETURNS SETOF event_log LANGUAGE sql SET jit = off SET enable_seqscan = off AS $$
WITH c AS MATERIALIZED (SELECT ctid AS place, seq, xid FROM event_outbox ORDER BY seq LIMIT cut),
 last AS (SELECT max(seq) AS seq FROM c),
 beyond AS (SELECT ARRAY(SELECT t.xid FROM (SELECT DISTINCT xid FROM c) t
                         WHERE EXISTS (SELECT FROM event_outbox o
                                       WHERE o.xid = t.xid AND (o.xid, o.seq) > (t.xid, (SELECT seq FROM last)))) AS xids),
 moved AS (DELETE FROM event_outbox WHERE ctid = ANY (ARRAY(SELECT place FROM c, beyond WHERE xid <> ALL (xids))) RETURNING *),
 whole AS (SELECT *, max(seq) OVER (PARTITION BY xid) AS last_seq FROM moved),
 numbered AS (SELECT row_number() OVER (ORDER BY last_seq, seq) AS n, *, sha256(salt || payload) AS digest FROM whole),
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
