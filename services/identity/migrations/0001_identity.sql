-- Users, teams, sessions. A test holds these tables against proto/guanxi/identity/v1.

CREATE TABLE "user" (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  name text NOT NULL, email text NOT NULL, role integer NOT NULL, team_id uuid, locale text, active boolean,
  must_change_password boolean, rights_version bigint,
  search tsvector
);
CREATE UNIQUE INDEX user_email ON "user" (email) WHERE delete_time IS NULL;
CREATE INDEX user_name ON "user" (name, id) WHERE delete_time IS NULL;
CREATE INDEX user_create_time ON "user" (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX user_team ON "user" (team_id) WHERE delete_time IS NULL;
CREATE INDEX user_search ON "user" USING gin (search);

-- Apart from the user, so that no list, history or event can ever carry it.
CREATE TABLE credential (
  user_id uuid PRIMARY KEY REFERENCES "user", password_hash text NOT NULL, update_time timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE team (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  name text NOT NULL, parent_id uuid,
  search tsvector
);
CREATE UNIQUE INDEX team_name ON team (name) WHERE delete_time IS NULL;
CREATE INDEX team_create_time ON team (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX team_parent ON team (parent_id);
CREATE INDEX team_search ON team USING gin (search);

CREATE TABLE session (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  client text, expire_time timestamptz,
  token_hash bytea, used_time timestamptz -- the session's secret and its last use: not part of the resource
);
CREATE UNIQUE INDEX session_token ON session (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX session_create_time ON session (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX session_owner ON session (owner_id, create_time, id) WHERE delete_time IS NULL;

-- Sign-in attempts while Redis is away; otherwise Redis counts.
CREATE TABLE sign_in_attempt (subject text PRIMARY KEY, failures integer NOT NULL, until timestamptz NOT NULL);
