-- What a view's rows are counted by.

ALTER TABLE view ADD COLUMN group_by text;
