-- Customers, contacts, activities; jobs and files; what is known here of users and teams.
-- A test holds these tables against proto/guanxi/customer/v1.

CREATE TABLE customer (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  name text NOT NULL, kind integer NOT NULL, stage integer,
  phones json, emails json, addresses json,
  credit_code text, website text, wechat text, industry text, source text, parent_id uuid, employees bigint, description text,
  search tsvector
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX customer_credit_code ON customer (credit_code) WHERE delete_time IS NULL AND credit_code IS NOT NULL;
CREATE INDEX customer_create_time ON customer (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX customer_name ON customer (name, id) WHERE delete_time IS NULL;
CREATE INDEX customer_owner ON customer (owner_id, create_time, id) WHERE delete_time IS NULL;
CREATE INDEX customer_team ON customer (team_id, create_time, id) WHERE delete_time IS NULL AND team_id IS NOT NULL;
CREATE INDEX customer_parent ON customer (parent_id) WHERE parent_id IS NOT NULL;
-- One for each field that a list may be filtered or sorted by, so that no list reads a million rows. None on update_time: every
-- update would then touch all indexes, the search keys among them (no HOT).
CREATE INDEX customer_stage ON customer (stage, id) WHERE delete_time IS NULL;
CREATE INDEX customer_industry ON customer (industry, id) WHERE delete_time IS NULL;
CREATE INDEX customer_source ON customer (source, id) WHERE delete_time IS NULL;
CREATE INDEX customer_employees ON customer (employees, id) WHERE delete_time IS NULL;
CREATE INDEX customer_deleted ON customer (create_time, id) WHERE delete_time IS NOT NULL;
CREATE INDEX customer_search ON customer USING gin (search) WITH (gin_pending_list_limit = 4096);

CREATE TABLE contact (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  name text NOT NULL, customer_id uuid NOT NULL REFERENCES customer, job_title text,
  phones json, emails json, wechat text, birthday date, description text,
  search tsvector
) WITH (fillfactor = 90);
CREATE INDEX contact_customer ON contact (customer_id, create_time, id);
CREATE INDEX contact_create_time ON contact (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX contact_name ON contact (name, id) WHERE delete_time IS NULL;
CREATE INDEX contact_owner ON contact (owner_id, create_time, id) WHERE delete_time IS NULL;
CREATE INDEX contact_team ON contact (team_id, create_time, id) WHERE delete_time IS NULL;
CREATE INDEX contact_search ON contact USING gin (search);

CREATE TABLE activity (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  kind integer NOT NULL, subject text NOT NULL, body text, customer_id uuid NOT NULL REFERENCES customer, contact_id uuid,
  occur_time timestamptz, due_time timestamptz, done boolean, outcome text, place text,
  search tsvector
) WITH (fillfactor = 90);
CREATE INDEX activity_customer ON activity (customer_id, occur_time, id);
CREATE INDEX activity_contact ON activity (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX activity_occur_time ON activity (occur_time, id) WHERE delete_time IS NULL;
CREATE INDEX activity_owner ON activity (owner_id, occur_time, id) WHERE delete_time IS NULL;
CREATE INDEX activity_team ON activity (team_id, occur_time, id) WHERE delete_time IS NULL;
CREATE INDEX activity_due_time ON activity (due_time, id) WHERE delete_time IS NULL;
CREATE INDEX activity_search ON activity USING gin (search);

CREATE TABLE job (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  kind text, state integer, total bigint, done bigint, created bigint, refused bigint, file_id text, refused_file_id text,
  problem text, columns json, file_name text,
  lease_until timestamptz, attempts integer NOT NULL DEFAULT 0, arguments bytea, checkpoint bytea -- the runner's: services/kit/job.h
);
CREATE INDEX job_create_time ON job (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX job_owner ON job (owner_id, create_time, id) WHERE delete_time IS NULL;
CREATE INDEX job_open ON job (lease_until) WHERE state IN (1, 2);

-- Files: bytes in chunks, in the order in which they came; the digest is carried along so that no byte is read twice.
CREATE TABLE file (
  id uuid PRIMARY KEY, owner_id uuid, name text NOT NULL, media_type text, size bigint NOT NULL DEFAULT 0,
  chunks integer NOT NULL DEFAULT 0, digest_state bytea, sha256 text, finished boolean NOT NULL DEFAULT false,
  create_time timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE file_chunk (
  file_id uuid NOT NULL REFERENCES file ON DELETE CASCADE, chunk integer NOT NULL, data bytea NOT NULL,
  PRIMARY KEY (file_id, chunk)
);
ALTER TABLE file_chunk ALTER COLUMN data SET STORAGE EXTERNAL;

-- Projections of identity's streams: enough to check references and to tell who is who.
CREATE TABLE user_ref (id uuid PRIMARY KEY, name text, active boolean, delete_time timestamptz);
CREATE TABLE team_ref (id uuid PRIMARY KEY, name text, delete_time timestamptz);

-- Which words are common decides how they are looked for (services/kit/query.c).
ALTER TABLE customer ALTER COLUMN search SET STATISTICS 500;
