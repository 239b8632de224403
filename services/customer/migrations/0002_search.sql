-- An import writes some megabytes of search keys a second; the flusher (search_flush()) puts them into the tree, and only if it
-- falls this far behind does a writer do it.
ALTER INDEX customer_search SET (gin_pending_list_limit = 65536);
-- Each ANALYZE reads the keys of 150,000 rows, two seconds of a core, and a table twice as large has the same keys as often: it looks
-- when the table has doubled, not at every tenth.
ALTER TABLE customer SET (autovacuum_analyze_scale_factor = 1);
-- Filtered, never sorted by: a row without a source needs no place in it.
DROP INDEX customer_source;
CREATE INDEX customer_source ON customer (source, id) WHERE delete_time IS NULL AND source IS NOT NULL;
