-- Events in packs: a row for each was most of what a database held and of the time to fill it. A pack holds whole blocks of
-- one pool, some hundred events of them; `body` is base64, or, for events of before, the JSON list
-- [block number, log index, block time, event].
create table event_packs (
    pool_id text not null,
    last_block bigint not null,
    first_block bigint not null,
    events bigint not null,
    body text not null,
    primary key (pool_id, last_block)
);

insert into event_packs (pool_id, last_block, first_block, events, body)
select pool_id, block_number, block_number, count(*),
    '[' || string_agg('[' || block_number || ',' || log_index || ',' || block_at || ',' || body || ']', ',') || ']'
from events group by pool_id, block_number;

drop table events;
