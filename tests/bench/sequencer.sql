-- Of notification, whose stream no consumer follows: what is measured is the sequencer alone.
-- Sets the log's head just below a partition boundary, and makes a procedure that fills the outbox in transactions of 100 events.
SET search_path = notification;
SELECT event_add_partitions(9950000);
UPDATE event_head SET pos = 9950000 WHERE pos < 9950000;
CREATE OR REPLACE PROCEDURE bench_fill(n int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n / 100 LOOP
		INSERT INTO notification.event_outbox (event_id, request_id, type, subject_type, subject_id, subject_version, audience, occurred_at, salt, payload)
		SELECT gen_random_uuid(), gen_random_uuid(), 'guanxi.customer.customer.updated.v1', 'customers', gen_random_uuid(), 2, decode(repeat('00', 40), 'hex'),
			now(), decode(repeat('00', 16), 'hex'), l.payload FROM generate_series(1, 100),
			(SELECT payload FROM customer.event_log WHERE pos = (SELECT low_pos + 1 FROM customer.event_head)) l;
		COMMIT;
	END LOOP;
END $$;
