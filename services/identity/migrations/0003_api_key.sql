-- API keys: what programs sign in with.

CREATE TABLE api_key (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  name text NOT NULL, scopes json NOT NULL, expire_time timestamptz NOT NULL, used_time timestamptz, beginning text,
  secret_hash bytea -- SHA-256 of the secret: not part of the resource
);
CREATE UNIQUE INDEX api_key_secret ON api_key (secret_hash) WHERE secret_hash IS NOT NULL;
CREATE INDEX api_key_create_time ON api_key (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX api_key_owner ON api_key (owner_id, create_time, id) WHERE delete_time IS NULL;
