-- How each chain node served last, and the limits that it was found to have. `name` is scheme and host, never a key.
create table nodes (
    chain_id bigint not null,
    name text not null,
    standing text not null,
    reason text,
    head_number bigint,
    lag_blocks bigint,
    latency_ms bigint,
    score bigint not null,
    requests_per_second_max bigint,
    range_blocks_max bigint,
    batch_max bigint,
    seen_at bigint not null,
    primary key (chain_id, name)
);
