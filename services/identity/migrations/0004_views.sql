-- Saved views of lists, and what a person chose about the interface.

CREATE TABLE view (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  name text NOT NULL, collection text NOT NULL, query text, columns json, density integer, shared integer NOT NULL,
  position bigint NOT NULL, public boolean,
  search tsvector
);
CREATE INDEX view_position ON view (position, id) WHERE delete_time IS NULL;
CREATE INDEX view_create_time ON view (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX view_owner ON view (owner_id, position, id) WHERE delete_time IS NULL;
CREATE INDEX view_team ON view (team_id, position, id) WHERE delete_time IS NULL AND team_id IS NOT NULL;
CREATE INDEX view_public ON view (position, id) WHERE delete_time IS NULL AND public;
CREATE INDEX view_search ON view USING gin (search);

CREATE TABLE preference (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  language text, theme integer, density integer, time_zone text, lists json
);
CREATE UNIQUE INDEX preference_owner ON preference (owner_id) WHERE delete_time IS NULL;
CREATE INDEX preference_create_time ON preference (create_time, id) WHERE delete_time IS NULL;
