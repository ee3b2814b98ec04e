-- Who told the other side of a comparison: 'merkl', 'file' (published by Merkl) or 'accrual' (another one's own count). Null
-- where a comparison is older than this column: nobody knows any more, so it is taken for nobody's word.
alter table comparisons add column told_by text;
create index comparison_rows_by_account on comparison_rows (comparison_id, account);
