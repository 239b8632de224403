-- The Latin words in the titles of records, each once, for searches that find nothing (services/kit/words.h). Learnt from the log, so
-- that no write pays for them; words of records that have gone stay: they are told only with a record that has them.
CREATE TABLE word (word text PRIMARY KEY);
CREATE INDEX word_trigram ON word USING gin (word gin_trgm_ops);
CREATE TABLE word_cursor (one boolean PRIMARY KEY DEFAULT true CHECK (one), pos bigint NOT NULL);
INSERT INTO word_cursor (pos) VALUES (0);
CREATE TYPE word_source AS (collection text, tbl text, field text);

-- Learns from the next `most` events of the log; returns how many those were.
CREATE FUNCTION word_learn(sources word_source[], most int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE low bigint; high bigint; source word_source;
BEGIN
  SELECT pos INTO low FROM word_cursor FOR UPDATE SKIP LOCKED;
  IF low IS NULL THEN RETURN 0; END IF;
  SELECT least(low + most, pos) INTO high FROM event_head;
  IF high <= low THEN RETURN 0; END IF;
  FOREACH source IN ARRAY sources LOOP
    EXECUTE format($sql$
      INSERT INTO word SELECT DISTINCT w[1] FROM %I t CROSS JOIN LATERAL regexp_matches(lower(t.%I), '[a-z]{4,40}', 'g') w
      WHERE t.id = ANY (ARRAY(SELECT subject_id FROM event_log WHERE pos > $1 AND pos <= $2 AND subject_type = $3))
      ON CONFLICT DO NOTHING $sql$, source.tbl, source.field) USING low, high, source.collection;
  END LOOP;
  UPDATE word_cursor SET pos = high;
  RETURN high - low;
END $$;

-- What is alike: a lower bar than pg_trgm's own, for in a word of four letters two that change places leave a quarter of its
-- trigrams. The caller counts the letters.
CREATE FUNCTION word_similar(typed text) RETURNS TABLE (word text) LANGUAGE sql STABLE
  SET pg_trgm.similarity_threshold = 0.2 SET jit = off AS $$
  SELECT w.word FROM word w WHERE w.word % typed AND length(w.word) BETWEEN length(typed) - 2 AND length(typed) + 2
  ORDER BY similarity(w.word, typed) DESC, w.word LIMIT 50
$$;
