-- The roles and the schema of one service, run once a service; running it again changes nothing but passwords.
-- In: :schema, :owner_password, :runtime_password.
--   guanxi_<schema>_owner  owns the schema and runs the migrations
--   guanxi_<schema>        is what the service runs as: rows of its own tables, nothing else; a migration
--                          takes away what even the service may not do (UPDATE and DELETE in event_log, say)
\set ON_ERROR_STOP on
\set QUIET on
\set runtime guanxi_ :schema
\set owner guanxi_ :schema _owner
select format('create role %I login', r) from unnest(array[:'runtime', :'owner']) r
where not exists (select from pg_roles where rolname = r) \gexec
alter role :"runtime" nosuperuser nocreatedb nocreaterole noreplication password :'runtime_password';
alter role :"owner" nosuperuser nocreatedb nocreaterole noreplication password :'owner_password';

create schema if not exists extensions;
create extension if not exists pg_trgm schema extensions;
revoke all on schema public from public;
revoke all on database guanxi from public;

create schema if not exists :"schema" authorization :"owner";
grant connect on database guanxi to :"runtime", :"owner";
grant usage on schema extensions to :"runtime", :"owner";
grant usage on schema :"schema" to :"runtime";
alter role :"runtime" in database guanxi set search_path = :"schema", extensions;
alter role :"owner" in database guanxi set search_path = :"schema", extensions;
alter default privileges for role :"owner" in schema :"schema"
	grant select, insert, update, delete on tables to :"runtime";
alter default privileges for role :"owner" in schema :"schema"
	grant usage, select on sequences to :"runtime";
