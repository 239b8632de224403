-- Which record another system knows by which key (services/kit/external.h). A record may have several.
CREATE TABLE external_id (
  collection text NOT NULL, system text NOT NULL, key text NOT NULL, record_id uuid NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (collection, system, key)
);
CREATE INDEX external_id_record ON external_id (record_id);
