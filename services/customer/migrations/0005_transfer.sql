-- Imports that change what is there, trial runs, exports, and undoing.

ALTER TABLE job ADD COLUMN collection text, ADD COLUMN policy integer, ADD COLUMN key text, ADD COLUMN dry_run boolean,
  ADD COLUMN automation boolean, ADD COLUMN updated bigint, ADD COLUMN skipped bigint, ADD COLUMN removed bigint,
  ADD COLUMN result_file_id text, ADD COLUMN format integer, ADD COLUMN query text, ADD COLUMN reverts_id text,
  ADD COLUMN expire_time timestamptz, ADD COLUMN headings text, ADD COLUMN action integer;
CREATE INDEX job_reverts_id ON job (reverts_id, id) WHERE delete_time IS NULL AND reverts_id IS NOT NULL;
CREATE INDEX job_headings ON job (headings, id) WHERE delete_time IS NULL AND headings IS NOT NULL;

-- What an import finds records by (guanxi.Field.import_key), and duplicates: all numbers and addresses of a record. Without a list of
-- what is pending, which a thousand lookups would read a thousand times. Only functions of PostgreSQL's own: one in SQL took a fifth
-- of the time of an import.
CREATE INDEX customer_phones_key ON customer USING gin (jsonb_path_query_array(phones::jsonb, '$[*].number')) WITH (fastupdate = off)
  WHERE delete_time IS NULL AND phones IS NOT NULL;
CREATE INDEX customer_emails_key ON customer USING gin (jsonb_path_query_array(emails::jsonb, '$[*].address')) WITH (fastupdate = off)
  WHERE delete_time IS NULL AND emails IS NOT NULL;
CREATE INDEX contact_phones_key ON contact USING gin (jsonb_path_query_array(phones::jsonb, '$[*].number')) WITH (fastupdate = off)
  WHERE delete_time IS NULL AND phones IS NOT NULL;
CREATE INDEX contact_emails_key ON contact USING gin (jsonb_path_query_array(emails::jsonb, '$[*].address')) WITH (fastupdate = off)
  WHERE delete_time IS NULL AND emails IS NOT NULL;

ALTER TABLE file ADD COLUMN headings text, ADD COLUMN expire_time timestamptz;
CREATE INDEX file_expire_time ON file (expire_time) WHERE expire_time IS NOT NULL;

-- The keys of rows that a trial run took for new: what it made is rolled back with each step, and later rows must still find it.
CREATE UNLOGGED TABLE import_seen (
  job_id uuid NOT NULL, key bytea NOT NULL,      -- BLAKE2b-128 of the field and the value
  PRIMARY KEY (job_id, key)
);
