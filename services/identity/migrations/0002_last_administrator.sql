-- There is always an active administrator. Nobody takes their own administration away (services/identity/user.c), but two
-- who take each other's in the same moment are each right by what they saw: so whoever takes one away waits here for the
-- others who do, and looks again. The SQLSTATE says that the message is a code of kit/messages.def.
CREATE FUNCTION keep_an_administrator() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('guanxi last administrator'));
  IF NOT EXISTS (SELECT FROM "user" WHERE role = 2 AND active AND delete_time IS NULL) THEN
    RAISE EXCEPTION 'last_administrator' USING ERRCODE = 'GX409';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER keep_an_administrator AFTER UPDATE ON "user" FOR EACH ROW
  WHEN ((OLD.role = 2 AND OLD.active AND OLD.delete_time IS NULL) AND (NEW.role = 2 AND NEW.active AND NEW.delete_time IS NULL) IS NOT TRUE)
  EXECUTE FUNCTION keep_an_administrator();
