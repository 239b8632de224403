-- Webhooks, their deliveries, notifications for people; what is known here of users and teams.
-- A test holds the resources' tables against proto/guanxi/notification/v1.

CREATE TABLE webhook (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  name text NOT NULL, url text NOT NULL, description text, types json, "order" integer, state integer, reason integer,
  failing_since timestamptz, last_error text,
  search tsvector
);
CREATE INDEX webhook_create_time ON webhook (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX webhook_name ON webhook (name, id) WHERE delete_time IS NULL;
CREATE INDEX webhook_owner ON webhook (owner_id, create_time, id) WHERE delete_time IS NULL;
CREATE INDEX webhook_search ON webhook USING gin (search);

-- Apart from the webhook, so that no list, history or event can ever carry it. Sealed by a key that PostgreSQL does not have.
CREATE TABLE webhook_secret (
  webhook_id uuid NOT NULL REFERENCES webhook, create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
  sealed bytea NOT NULL,
  expire_time timestamptz,                       -- of one that was replaced; NULL: the current one
  PRIMARY KEY (webhook_id, create_time)
);
CREATE UNIQUE INDEX webhook_secret_current ON webhook_secret (webhook_id) WHERE expire_time IS NULL;

-- An event on its way to an endpoint: written in the transaction that moves the cursor, kept as the delivery log.
CREATE TABLE delivery (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  webhook_id uuid NOT NULL REFERENCES webhook, event_id text NOT NULL, type text NOT NULL, subject text NOT NULL,
  state integer NOT NULL, attempts integer NOT NULL, next_time timestamptz, tries json, replayed boolean,
  seq bigint GENERATED ALWAYS AS IDENTITY (CACHE 1), -- the order in which they are to be sent
  event bytea NOT NULL                               -- guanxi.LoggedEvent
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX delivery_due ON delivery (webhook_id, next_time, seq) WHERE state IN (1, 2);
CREATE INDEX delivery_record ON delivery (webhook_id, subject, seq) WHERE state IN (1, 2);
CREATE INDEX delivery_create_time ON delivery (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX delivery_owner ON delivery (owner_id, create_time, id) WHERE delete_time IS NULL;
CREATE INDEX delivery_webhook ON delivery (webhook_id, create_time, id) WHERE delete_time IS NULL;
CREATE INDEX delivery_event ON delivery (event_id);

-- Where a webhook reads the log by itself, instead of being told with the others: because it was paused or fell too far
-- behind (until_pos is NULL: until it has caught up), or because it is told again what was (a replay).
CREATE TABLE webhook_series (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  webhook_id uuid NOT NULL REFERENCES webhook, stream text NOT NULL, epoch int NOT NULL, pos bigint NOT NULL,
  until_pos bigint, from_time timestamptz, create_time timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX webhook_series_catching_up ON webhook_series (webhook_id, stream) WHERE until_pos IS NULL;
CREATE INDEX webhook_series_webhook ON webhook_series (webhook_id);

CREATE TABLE notification (
  id uuid PRIMARY KEY, version bigint NOT NULL,
  create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
  owner_id uuid, team_id uuid,
  kind integer, subject text, link text, read boolean
);
CREATE INDEX notification_create_time ON notification (create_time, id) WHERE delete_time IS NULL;
CREATE INDEX notification_owner ON notification (owner_id, create_time, id) WHERE delete_time IS NULL;

-- Projections of identity's streams: enough to check references and to tell who is who.
CREATE TABLE user_ref (id uuid PRIMARY KEY, name text, active boolean, delete_time timestamptz);
CREATE TABLE team_ref (id uuid PRIMARY KEY, name text, delete_time timestamptz);
