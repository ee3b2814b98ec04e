-- Packs of events and parts of states are bytes: as text in base64 they took a third more, and time to write. A pack of before
-- stays in `body`, which is empty where `packed` is not null.
alter table event_packs add column packed bytea;

-- Only kept to save time: what there was is folded again.
drop table snapshots;

create table snapshots (
    pool_id text not null,
    fingerprint text not null,
    block_number bigint not null,
    part bigint not null,
    state bytea not null,
    primary key (pool_id, fingerprint, block_number, part)
);
