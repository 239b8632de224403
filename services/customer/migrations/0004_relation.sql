-- Tags, categories, completeness, relationships, duplicates, merges.

ALTER TABLE customer
  ADD COLUMN invoices json, ADD COLUMN tags json, ADD COLUMN roles json,
  ADD COLUMN hand_category_ids json, ADD COLUMN rule_category_ids json, ADD COLUMN category_ids json,
  ADD COLUMN completeness integer, ADD COLUMN missing json, ADD COLUMN merged_into uuid;

-- A list of texts as it is stored, for filters: what the query compiler compares and GIN indexes.
CREATE FUNCTION json_texts(list json) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT ARRAY(SELECT json_array_elements_text(list)) $$;

-- Few customers have some of these; a row that has none costs nothing.
CREATE INDEX customer_tags ON customer USING gin (json_texts(tags)) WHERE delete_time IS NULL AND tags IS NOT NULL;
CREATE INDEX customer_roles ON customer USING gin (json_texts(roles)) WHERE delete_time IS NULL AND roles IS NOT NULL;
CREATE INDEX customer_categories ON customer USING gin (json_texts(category_ids)) WHERE delete_time IS NULL AND category_ids IS NOT NULL;
CREATE INDEX customer_completeness ON customer (completeness, id) WHERE delete_time IS NULL;
CREATE INDEX customer_merged_into ON customer (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE category (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  name text NOT NULL, english_name text, colour integer, position bigint NOT NULL, rule text, description text
);
CREATE UNIQUE INDEX category_name ON category (name) WHERE delete_time IS NULL;

CREATE TABLE field_policy (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  name text NOT NULL, stage integer NOT NULL, action integer NOT NULL, fields json
);
CREATE UNIQUE INDEX field_policy_stage ON field_policy (stage) WHERE delete_time IS NULL;

-- Moves with every change of a policy or category: who keeps them in memory asks for this alone.
CREATE TABLE rules_version (one boolean PRIMARY KEY DEFAULT true CHECK (one), version bigint NOT NULL) WITH (fillfactor = 10);
INSERT INTO rules_version (version) VALUES (1);
CREATE FUNCTION rules_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {service}.rules_version SET version = version + 1;
  RETURN NULL;
END $$;
CREATE TRIGGER category_changed AFTER INSERT OR UPDATE ON category FOR EACH STATEMENT EXECUTE FUNCTION rules_changed();
CREATE TRIGGER field_policy_changed AFTER INSERT OR UPDATE ON field_policy FOR EACH STATEMENT EXECUTE FUNCTION rules_changed();

CREATE TABLE relationship (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  kind integer NOT NULL, customer_id uuid NOT NULL REFERENCES customer, contact_id uuid,
  other_customer_id uuid, other_contact_id uuid, start_date date, end_date date, note text,
  CHECK ((other_customer_id IS NULL) <> (other_contact_id IS NULL))
);
-- Read from both ends. What refers to a customer is indexed whole: PostgreSQL looks there when a customer is removed for good.
CREATE INDEX relationship_customer ON relationship (customer_id);
CREATE INDEX relationship_contact ON relationship (contact_id) WHERE delete_time IS NULL AND contact_id IS NOT NULL;
CREATE INDEX relationship_other_customer ON relationship (other_customer_id) WHERE delete_time IS NULL AND other_customer_id IS NOT NULL;
CREATE INDEX relationship_other_contact ON relationship (other_contact_id) WHERE delete_time IS NULL AND other_contact_id IS NOT NULL;
CREATE INDEX relationship_create_time ON relationship (create_time, id) WHERE delete_time IS NULL;

CREATE TABLE duplicate (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  customer_id uuid NOT NULL REFERENCES customer, other_id uuid NOT NULL REFERENCES customer,
  reason integer NOT NULL, score bigint NOT NULL, state integer NOT NULL, names text NOT NULL,
  CHECK (customer_id <> other_id)
);
CREATE UNIQUE INDEX duplicate_pair ON duplicate (least(customer_id, other_id), greatest(customer_id, other_id)) WHERE delete_time IS NULL;
CREATE INDEX duplicate_score ON duplicate (score, id) WHERE delete_time IS NULL;
CREATE INDEX duplicate_customer ON duplicate (customer_id);
CREATE INDEX duplicate_other ON duplicate (other_id);

CREATE TABLE merge (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  customer_id uuid NOT NULL REFERENCES customer, other_ids json, fields text, undo_time timestamptz,
  before bytea, after bytea -- the survivor, encoded, without and with what it took over: services/customer/merge.c
);
CREATE INDEX merge_customer ON merge (customer_id, create_time, id);

-- The customer that a merged one became part of in the end; itself when it is none. UNION ends a circle.
CREATE FUNCTION customer_root(customer uuid) RETURNS uuid LANGUAGE sql STABLE STRICT AS $$
  WITH RECURSIVE up(id, into_id) AS (
    SELECT c.id, c.merged_into FROM customer c WHERE c.id = customer
    UNION SELECT c.id, c.merged_into FROM customer c JOIN up ON c.id = up.into_id)
  SELECT id FROM up WHERE into_id IS NULL LIMIT 1
$$;
-- A customer and all that became part of it.
CREATE FUNCTION customer_family(customer uuid) RETURNS uuid[] LANGUAGE sql STABLE STRICT AS $$
  WITH RECURSIVE f(id) AS (
    SELECT customer UNION SELECT c.id FROM customer c JOIN f ON c.merged_into = f.id)
  SELECT array_agg(id) FROM f
$$;
