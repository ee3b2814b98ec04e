-- What pools, campaigns and accounts were at each full hour: derived from the events, kept so that a chart costs one
-- read. A row of hour `at` is the state after the last block at or before it. `body` is JSON, amounts as text.
create table pool_points (
    pool_id text not null,
    at bigint not null,
    block_number bigint not null,
    body text not null,
    primary key (pool_id, at)
);

create table campaign_points (
    pool_id text not null,
    campaign_id text not null,
    at bigint not null,
    body text not null,
    primary key (pool_id, campaign_id, at)
);
create index campaign_points_by_time on campaign_points (campaign_id, at);

-- What an account had earned by then, in smallest units, and whether it held liquidity; only the hours in which that
-- changed.
create table account_points (
    campaign_id text not null,
    account text not null,
    at bigint not null,
    earned_units text not null,
    has_stake boolean not null,
    primary key (campaign_id, account, at)
);
create index account_points_by_account on account_points (account, campaign_id, at);

-- With which settings a pool's rows were made, and how far; `at` is null while there is no row.
create table series (
    pool_id text not null primary key,
    fingerprint text not null,
    at bigint
);

-- Which earners are contracts, as the chain's head says.
create table accounts (
    chain_id bigint not null,
    address text not null,
    has_code boolean not null,
    primary key (chain_id, address)
);
