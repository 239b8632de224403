-- Lists that customers are counted by: a key for each different list, so that an aggregate reads an index of a few megabytes and looks
-- into each different list once (kit/query_aggregate.c). With delete_time, which an aggregate asks about; not partial, for a list
-- is looked up in any row that has it. One rewrite of the table for all three.
ALTER TABLE customer
  ADD COLUMN tags_key uuid GENERATED ALWAYS AS (md5(tags::text)::uuid) STORED,
  ADD COLUMN roles_key uuid GENERATED ALWAYS AS (md5(roles::text)::uuid) STORED,
  ADD COLUMN category_ids_key uuid GENERATED ALWAYS AS (md5(category_ids::text)::uuid) STORED;
CREATE INDEX customer_tags_key ON customer (tags_key, delete_time);
CREATE INDEX customer_roles_key ON customer (roles_key, delete_time);
CREATE INDEX customer_category_ids_key ON customer (category_ids_key, delete_time);
