-- Every table that holds rows and how many it holds, exactly.
select format('%I.%I', n.nspname, c.relname) || E'\t' ||
	(xpath('/row/rows/text()', query_to_xml(format('select count(*) as rows from %I.%I', n.nspname, c.relname), false, true, '')))[1]::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema'
order by 1;
