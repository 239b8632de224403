-- Names and what else is sorted by stand in the order in which people look for them: Chinese by pinyin (ICU, CLDR's "zh"). Lists, their
-- cursors and conditions compare under the same collation, so one index serves them all.
CREATE INDEX customer_name_order ON customer (name COLLATE "zh-x-icu", id) WHERE delete_time IS NULL;
DROP INDEX customer_name;
CREATE INDEX customer_industry_order ON customer (industry COLLATE "zh-x-icu", id) WHERE delete_time IS NULL;
DROP INDEX customer_industry;
CREATE INDEX contact_name_order ON contact (name COLLATE "zh-x-icu", id) WHERE delete_time IS NULL;
DROP INDEX contact_name;
