-- A pair of duplicates tells the names of both customers: it belongs to the owner and the team that both have, and to nobody where they
-- differ (services/customer/duplicate.c). Before, it was the newer one's, who might not see the other.
UPDATE duplicate d SET
  owner_id = CASE WHEN a.owner_id = b.owner_id THEN a.owner_id END,
  team_id = CASE WHEN a.team_id = b.team_id THEN a.team_id END
FROM customer a, customer b WHERE a.id = customer_root(d.customer_id) AND b.id = customer_root(d.other_id);
