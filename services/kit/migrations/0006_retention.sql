-- The oldest part of the log goes when an administrator has set a retention (services/kit/retention.h). Only what is older than thirty
-- days, whoever asks: the role that serves can neither change nor remove what is in the log, and this is the one way to make it shorter.
-- The seal at the cut stays, with its signature: the chain goes on from it. Returns how many events went.
CREATE FUNCTION event_cut(cut bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = {service}, pg_catalog AS $$
DECLARE low bigint; gone bigint; part bigint;
BEGIN
  SELECT low_pos INTO low FROM event_head FOR UPDATE;
  IF cut <= low THEN RETURN 0; END IF;
  IF NOT EXISTS (SELECT FROM event_seal WHERE up_to = cut) THEN RAISE EXCEPTION 'a log is cut behind a seal: there is none at %', cut; END IF;
  IF NOT EXISTS (SELECT FROM event_log WHERE pos = cut AND logged_at < clock_timestamp() - interval '30 days') THEN
    RAISE EXCEPTION 'position % is not thirty days old', cut;
  END IF;
  DELETE FROM event_log WHERE pos > low AND pos <= cut;
  GET DIAGNOSTICS gone = ROW_COUNT;
  DELETE FROM event_signature WHERE up_to < cut;
  DELETE FROM event_seal WHERE up_to < cut;
  UPDATE event_head SET low_pos = cut;
  FOR part IN SELECT substr(c.relname, length('event_log_p') + 1)::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = 'event_log'::regclass LOOP
    IF (part + 1) * 10000000 <= cut THEN EXECUTE format('DROP TABLE event_log_p%s', part); END IF;
  END LOOP;
  RETURN gone;
END $$;
REVOKE ALL ON FUNCTION event_cut(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event_cut(bigint) TO guanxi_{service};
