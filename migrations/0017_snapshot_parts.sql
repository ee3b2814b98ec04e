-- A pool's state can be some ten megabytes: written as one value it is held several times over. It is only kept to save
-- time, so what there was is folded again.
drop table snapshots;

create table snapshots (
    pool_id text not null,
    fingerprint text not null,
    block_number bigint not null,
    part bigint not null,
    state text not null,
    primary key (pool_id, fingerprint, block_number, part)
);
