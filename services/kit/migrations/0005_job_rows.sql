-- The rows that a job goes through, fixed when it starts (services/kit/bulk.h): what comes to match a list later is not changed,
-- what no longer matches still is. Ids are UUIDv7, so this is the order in which the rows were made, and the age of a set is in its id.
CREATE TABLE job_row (set_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (set_id, id));
